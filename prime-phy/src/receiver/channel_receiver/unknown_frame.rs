//! The line after a header failed: busy until the power on it says otherwise, or the longest frame would be over.

use super::super::Shared;
use super::super::part::mean_noise;
use super::super::workspace::Memory;
use super::ChannelReceiver;
use crate::channel::{MAX_PAYLOAD_SYMBOLS, PREAMBLE_SAMPLES, ROBUST_CHIRPS};
use crate::header::HeaderError;
use crate::primitives::CarrierDetect;
use crate::timing::frame_samples;
use crate::{FrameType, Scheme};

/// Windows below the threshold that end a frame whose header was not understood.
const QUIET_WINDOWS: u8 = 3;

/// What is known of a frame whose header failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnknownFrame {
    /// End of the longest frame there is.
    latest_end: u64,
    /// Power on the carriers below which it is over.
    threshold: f32,
    quiet_windows: u8,
}

impl<M: Memory> ChannelReceiver<M> {
    /// The header failed: the line is busy, and the next frame may come at any time.
    pub(super) fn give_up_frame(
        &mut self,
        shared: &Shared,
        frame_type: FrameType,
        start: u64,
        error: HeaderError,
    ) {
        match error {
            HeaderError::Crc { .. } => {
                self.statistics.crc_incorrect = self.statistics.crc_incorrect.wrapping_add(1)
            }
            _ => self.statistics.crc_fail = self.statistics.crc_fail.wrapping_add(1),
        }
        let frame = self.header.power();
        let threshold = mean_noise(&self.parts).map_or(0.5 * frame, |noise| 0.5 * (frame + noise.min(frame)));
        let longest = match frame_type {
            FrameType::A => MAX_PAYLOAD_SYMBOLS,
            FrameType::B | FrameType::Bc => Scheme::RobustDbpsk.most_symbols(),
        };
        let latest_end = start + self.samples(frame_samples(frame_type, longest as u8));
        self.unknown_frame = Some(UnknownFrame { latest_end, threshold, quiet_windows: 0 });
        let end = start + self.samples(frame_samples(frame_type, 0));
        self.emit(CarrierDetect::HeaderFailed { end: self.instant(end) });
        // What was taken for the chirp of Type A may be the first of Type B.
        let from = match frame_type {
            FrameType::A if self.type_b => start,
            FrameType::A => start + self.samples(PREAMBLE_SAMPLES),
            FrameType::B | FrameType::Bc => start + self.samples(ROBUST_CHIRPS * PREAMBLE_SAMPLES),
        };
        self.listen(from.max(shared.stream.oldest()), Some(start));
    }

    pub(super) fn watch_unknown_frame(&mut self, mut frame: UnknownFrame, power: f32) {
        let next = self.window_start;
        frame.quiet_windows = if power < frame.threshold { frame.quiet_windows + 1 } else { 0 };
        if frame.quiet_windows >= QUIET_WINDOWS || next >= frame.latest_end {
            self.unknown_frame = None;
            return self.emit(CarrierDetect::Idle(self.instant(next)));
        }
        self.unknown_frame = Some(frame);
    }
}

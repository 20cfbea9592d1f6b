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
use plc_core::receiver::UnknownFrame;

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
        let longest = match frame_type {
            FrameType::A => MAX_PAYLOAD_SYMBOLS,
            FrameType::B | FrameType::Bc => Scheme::RobustDbpsk.most_symbols(),
        };
        let latest_end = start + self.samples(frame_samples(frame_type, longest as u8));
        self.unknown_frame =
            Some(UnknownFrame::new(self.header.power(), mean_noise(&self.parts), latest_end));
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
        if frame.is_over(power, next) {
            self.unknown_frame = None;
            return self.emit(CarrierDetect::Idle(self.instant(next)));
        }
        self.unknown_frame = Some(frame);
    }
}

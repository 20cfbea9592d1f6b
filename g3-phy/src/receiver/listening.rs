//! From noise to the start of a header: looking for preambles, following one, and what follows a header that failed.

use super::carriers::power;
use super::coherent::PreambleEstimate;
use super::statistics::count;
use super::synchroniser::{Progress, Synchroniser};
use super::workspace::Memory;
use super::{Receiver, State, WINDOW_IN_SYMBOL, detector, matched};
use crate::band::{FFT_SAMPLES, PREAMBLE_SAMPLES, PREFIX_SAMPLES, SYMBOL_STRIDE};
use crate::primitives::CarrierSense;
use plc_core::receiver::UnknownFrame;

impl<W: Memory> Receiver<W> {
    #[inline(never)]
    pub(super) fn step_listening(&mut self, next: u64) {
        let window = self.transform_against_syncp();
        if let Some(found) = self.detector.push(&window) {
            self.align(&found, next);
            return;
        }
        self.window_start = next;
        self.watch_unknown_frame(power(&window), next);
    }

    /// Listens with the matched detector, and with the standard one for an early sign of a strong preamble.
    #[inline(never)]
    pub(super) fn step_matched(&mut self, next: u64) {
        let window = self.transform_against_syncp();
        let found = self.memory.workspace().and_then(|workspace| workspace.matched.push(&window));
        if let Some(found) = found {
            let syncm = self.window_start.saturating_add_signed(i64::from(found.offset));
            let start = syncm - Synchroniser::SAMPLES_BEFORE_FLIP.min(syncm);
            if self.sensed_until.take().is_none() {
                self.emit(CarrierSense::Preamble(self.instant(start)));
            }
            let mut mean = found.mean;
            self.bank.advance(&mut mean, found.offset - (PREFIX_SAMPLES - WINDOW_IN_SYMBOL) as i32);
            let mut reference = mean;
            reference.iter_mut().zip(self.bank.syncp()).for_each(|(carrier, syncp)| *carrier *= syncp);
            self.preamble = Some(PreambleEstimate {
                mean,
                windows: matched::Found::WINDOWS as f32,
                noise: Some(found.noise),
            });
            self.start_header(start, reference);
            return;
        }
        if (next / matched::HOP as u64).is_multiple_of((FFT_SAMPLES / matched::HOP) as u64) {
            match self.detector.push(&window) {
                Some(found) if self.sensed_until.is_none() => {
                    let windows = self.detector.windows_like(&found).max(1) as u64;
                    let start = (next + found.delay as u64).saturating_sub(windows * FFT_SAMPLES as u64);
                    self.sensed_until = Some(next + PREAMBLE_SAMPLES as u64);
                    self.emit(CarrierSense::Preamble(self.instant(start)));
                }
                _ => {}
            }
            self.watch_unknown_frame(power(&window), next);
        }
        if self.sensed_until.is_some_and(|until| next >= until) {
            self.sensed_until = None;
            if self.unknown_frame.is_none() {
                self.emit(CarrierSense::Idle(self.instant(next)));
            }
        }
        // Windows overlap: only the first hop of this one is done with.
        self.window.copy_within(matched::HOP.., 0);
        self.filled = FFT_SAMPLES - matched::HOP;
        self.window_start += matched::HOP as u64;
    }

    /// A preamble was found: windows are aligned to its symbols from now on.
    fn align(&mut self, found: &detector::Detection, next: u64) {
        let windows = self.detector.windows_like(found).max(1) as u64;
        self.synchroniser = Some(Synchroniser::new(found, &self.bank));
        self.window_start = next + found.delay as u64;
        let start = self.window_start.saturating_sub(windows * FFT_SAMPLES as u64);
        self.emit(CarrierSense::Preamble(self.instant(start)));
        self.state = State::Aligned;
    }

    #[inline(never)]
    pub(super) fn step_aligned(&mut self, next: u64) {
        let window = self.transform_against_syncp();
        let Some(synchroniser) = &mut self.synchroniser else { return self.listen(next) };
        let progress = synchroniser.push(&window);
        if matches!(progress, Progress::FlipBefore) {
            self.window_start -= FFT_SAMPLES as u64;
        }
        match progress {
            Progress::Preamble => self.window_start = next,
            Progress::Lost => {
                // Inside a frame whose header failed this was no preamble, and the frame goes on.
                if self.unknown_frame.is_none() {
                    self.emit(CarrierSense::Idle(self.instant(next)));
                }
                self.listen(next);
            }
            Progress::Flip | Progress::FlipBefore => {
                let offset = synchroniser.offset(&mut self.detector);
                let start = (self.window_start - Synchroniser::SAMPLES_BEFORE_FLIP.min(self.window_start))
                    .saturating_add_signed(i64::from(offset));
                // From a preamble window's place in its symbol to the FCH window's.
                let advance = offset - (PREFIX_SAMPLES - WINDOW_IN_SYMBOL) as i32;
                let reference = synchroniser.header_reference(&self.bank, advance);
                let mut mean = reference;
                mean.iter_mut().zip(self.bank.syncp()).for_each(|(carrier, syncp)| *carrier *= syncp.conj());
                self.preamble = Some(PreambleEstimate { mean, windows: synchroniser.windows(), noise: None });
                self.start_header(start, reference);
            }
        }
    }

    /// The header failed: the line is busy, and the next frame may come at any time.
    pub(super) fn give_up_frame(&mut self, end: u64) {
        let of_matched = self.preamble.and_then(|preamble| preamble.noise).map(|noise| noise.iter().sum());
        let noise = of_matched.or_else(|| self.synchroniser.as_ref().and_then(Synchroniser::noise_power));
        let longest = u64::from(self.plan.max_payload_symbols) * SYMBOL_STRIDE as u64;
        self.unknown_frame = Some(UnknownFrame::new(self.header.mean_power(), noise, end + longest));
        count(&mut self.statistics.headers_failed, 1);
        self.emit(CarrierSense::HeaderFailed { end: self.instant(end) });
        self.listen(self.position);
    }

    fn watch_unknown_frame(&mut self, power: f32, next: u64) {
        if self.unknown_frame.as_mut().is_some_and(|frame| frame.is_over(power, next)) {
            self.unknown_frame = None;
            if self.sensed_until.is_none() {
                self.emit(CarrierSense::Idle(self.instant(next)));
            }
        }
    }
}

//! The gain of an analogue front end: what the driver has, and which of its steps to use.
//!
//! The receiver does not mind the level; gain keeps a converter from clipping, and weak frames above its steps. The gain
//! goes down at once and up after a second in which there was room for two steps. It does not change while a frame is on
//! the line.

use crate::primitives::Agc;

/// The analogue front end, as its driver describes it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FrontEnd {
    /// Rms level on the line, in dBuV, of a mean power of 1 at gain step 0.
    pub full_scale_dbuv: f32,
    /// Gain of step 0 (phyAgcMinGain).
    pub min_gain_db: u8,
    /// From one step to the next (phyAgcStepValue).
    pub step_db: u8,
    /// Steps there are (phyAgcStepNumber).
    pub steps: u8,
    /// From a request to the line (phyTxProcessingDelay).
    pub transmit_delay_us: u32,
    /// From the line to an indication (phyRxProcessingDelay).
    pub receive_delay_us: u32,
}

impl Default for FrontEnd {
    /// Samples in volts, and no steps of gain.
    fn default() -> Self {
        Self {
            full_scale_dbuv: 120.0,
            min_gain_db: 0,
            step_db: 0,
            steps: 1,
            transmit_delay_us: 0,
            receive_delay_us: 0,
        }
    }
}

/// A sample beyond this may be clipped.
const CLIPPING: f32 = 0.9;

/// The gain in force.
#[derive(Clone, Debug)]
pub(super) struct Gain {
    agc: Agc,
    step: u8,
    /// Greatest magnitude since `since`.
    peak: f32,
    /// First sample after the last decision.
    since: u64,
}

impl Gain {
    pub(super) fn new() -> Self {
        Self { agc: Agc::Automatic, step: 0, peak: 0.0, since: 0 }
    }

    pub(super) fn agc(&self) -> Agc {
        self.agc
    }

    pub(super) fn step(&self) -> u8 {
        self.step
    }

    pub(super) fn set(&mut self, front_end: &FrontEnd, agc: Agc) {
        self.agc = agc;
        if let Agc::Manual(step) = agc {
            self.step = step.min(front_end.steps.saturating_sub(1));
        }
    }

    /// Takes samples; `free` tells that no frame is on the line, `rate_hz` how many there are in a second.
    pub(super) fn hear(
        &mut self,
        front_end: &FrontEnd,
        from: u64,
        samples: &[f32],
        free: bool,
        rate_hz: u32,
    ) {
        if self.agc != Agc::Automatic || front_end.steps < 2 {
            return;
        }
        self.peak = samples.iter().fold(self.peak, |peak, sample| peak.max(sample.abs()));
        if !free {
            return;
        }
        let end = from + samples.len() as u64;
        let room = plc_core::units::db_to_amplitude(-2.0 * f32::from(front_end.step_db));
        if self.peak > CLIPPING {
            self.decide(self.step.saturating_sub(1), end);
        } else if end.saturating_sub(self.since) >= u64::from(rate_hz) {
            let up = self.peak < CLIPPING * room && self.step + 1 < front_end.steps;
            self.decide(self.step + u8::from(up), end);
        }
    }

    fn decide(&mut self, step: u8, now: u64) {
        (self.step, self.peak, self.since) = (step, 0.0, now);
    }
}

//! Listening at a modem's port without being noticed: what instruments are fed from.

use crate::clock::Clock;
use crate::noise::Mains;
use plc_core::time::SampleClock;

/// What is told of a modem's port, block after block, on the modem's own clock.
///
/// What the modem sends is told first, some samples ahead of what it hears; stretches in which it is silent are left
/// out. Every sample is told as heard, without the modem's own signal.
pub trait Tap: Send {
    /// The modem sends these samples from index `from` on; 1.0 is full scale.
    fn sent(&mut self, from: u64, samples: &[f32]);

    /// The modem hears these from index `from` on, in volts: what others send, and noise.
    fn heard(&mut self, from: u64, volts: &[f32]);
}

/// Where a tap sits, and what its samples mean.
#[derive(Clone, Debug, PartialEq)]
pub struct TapPoint {
    /// `coordinator`, or the name of the household's load.
    pub name: String,
    /// 0 for the coordinator, else one more than the meter's index.
    pub modem: usize,
    /// Nominal sample clock of the modem.
    pub samples: SampleClock,
    /// The first sample that the tap will be told as heard.
    pub first: u64,
    /// The modem's clock against the line's.
    pub clock: Clock,
    /// How fast the modem's clock is, in parts per million.
    pub clock_ppm: f64,
    /// Nominal sample rate, in which the clock counts the line's time.
    pub nominal_hz: f64,
    /// Volts at the transmitter's source for a sample of 1.0.
    pub volts_per_unit: f32,
    /// Phase of the mains.
    pub mains: Mains,
    /// What the point's phase is ahead of L1, in turns; `None` at the coordinator, which sums the three.
    pub phase_turns: Option<f64>,
}

impl TapPoint {
    /// The line's time at local sample `sample`, in seconds, to the nearest sample.
    pub fn line_s(&self, sample: u64) -> f64 {
        self.clock.nearest_line(sample) as f64 / self.nominal_hz
    }

    /// Phase of L1 at local sample `sample`, in turns from 0 to 1.
    pub fn mains_turns(&self, sample: u64) -> f64 {
        self.mains.turns(self.line_s(sample).max(0.0)).rem_euclid(1.0)
    }
}

//! The noise at a port in samples.

use crate::noise::{Conditions, Mains, NoiseError, NoisePlan, NoiseSource, Port, Preset};
use crate::random::{Purpose, stream};

/// Sample rate of CENELEC-A.
pub(super) const RATE_HZ: f64 = 400_000.0;
/// Samples for which the mains phase is asked at a time.
const BLOCK: usize = 4_000;

/// The sum of `presets` at a G3 receiver's port in CENELEC-A.
///
/// # Errors
/// Where a preset is not valid there.
pub fn plan(presets: &[Preset]) -> Result<NoisePlan, NoiseError> {
    NoisePlan::new(presets, &Conditions::CENELEC_A)
}

/// Noise at one port, sample after sample, with steady mains of 50 Hz.
#[derive(Debug)]
pub struct NoisePort {
    source: NoiseSource,
    /// Samples given so far.
    at: u64,
    ahead_turns: f64,
}

impl NoisePort {
    /// Noise from the seed's stream `index`, the mains `ahead_turns` ahead.
    pub fn new(plan: &NoisePlan, port: Port, seed: u64, index: u64, ahead_turns: f64) -> Self {
        let rng = &mut stream(seed, Purpose::Noise, index);
        Self { source: plan.source(port, rng), at: 0, ahead_turns }
    }

    /// Replaces `out` by the next samples, in volts.
    pub fn fill(&mut self, out: &mut [f32]) {
        out.fill(0.0);
        for block in out.chunks_mut(BLOCK) {
            let phase = Mains::STEADY_50.phase(self.at as f64, block.len(), RATE_HZ).ahead(self.ahead_turns);
            self.source.add(phase, block);
            self.at += block.len() as u64;
        }
    }
}

//! The noise at a port in samples.

use super::modem::Grid;
use crate::noise::{Mains, NoisePlan, NoiseSource, Port};
use crate::random::{Purpose, stream};

/// Samples for which the mains phase is asked at a time.
const BLOCK: usize = 4_000;

/// Noise at one port, sample after sample, with steady mains.
#[derive(Debug)]
pub struct NoisePort {
    source: NoiseSource,
    /// Samples given so far.
    at: u64,
    ahead_turns: f64,
    mains: Mains,
    rate_hz: f64,
}

impl NoisePort {
    /// Noise from the seed's stream `index`, the mains `ahead_turns` ahead.
    pub fn new(plan: &NoisePlan, port: Port, seed: u64, index: u64, ahead_turns: f64, grid: &Grid) -> Self {
        let rng = &mut stream(seed, Purpose::Noise, index);
        Self {
            source: plan.source(port, rng),
            at: 0,
            ahead_turns,
            mains: grid.mains(),
            rate_hz: grid.rate_hz,
        }
    }

    /// Replaces `out` by the next samples, in volts.
    pub fn fill(&mut self, out: &mut [f32]) {
        out.fill(0.0);
        for block in out.chunks_mut(BLOCK) {
            let phase = self.mains.phase(self.at as f64, block.len(), self.rate_hz).ahead(self.ahead_turns);
            self.source.add(phase, block);
            self.at += block.len() as u64;
        }
    }
}

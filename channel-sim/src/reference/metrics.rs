//! Soft metrics of the bits of a value, positive where a zero is likelier.

use super::{Detection, Scheme};
use dsp::differential::max_log;
use dsp::{Complex, likelihood};

/// Gives metrics at one signal to noise ratio.
pub(super) struct Metrics {
    scheme: Scheme,
    /// 2/σ² for values of amplitude 1 with complex noise of variance σ².
    scale: f32,
}

impl Metrics {
    pub(super) fn new(scheme: Scheme, noise_variance: f64) -> Self {
        Self { scheme, scale: (2.0 / noise_variance) as f32 }
    }

    /// Metrics of a received value; `before` is the one before it, of which coherent metrics know nothing.
    pub(super) fn of(&self, now: Complex, before: Complex) -> [f32; 3] {
        let Scheme { bits, differential, detection, .. } = self.scheme;
        match (detection, differential) {
            (Detection::Simple, false) => max_log(bits, now),
            (Detection::Simple, true) => max_log(bits, now * before.conj()),
            (Detection::Exact, false) => likelihood::coherent(bits, now, self.scale),
            (Detection::Exact, true) => likelihood::differential(bits, now, before, self.scale),
        }
    }
}

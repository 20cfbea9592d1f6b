//! N6: Bernoulli-Gaussian noise (channel digest 1.6).
//!
//! n = g + b i with b ~ Bernoulli(p), g ~ N(0, σ²), i ~ N(0, INR σ²): the variance is σ² or, with the probability p,
//! σ² (1 + INR). The draw is made for every 2.5 µs, a sample at 400 kHz, whatever the sample rate.

use super::error::NoiseError;
use super::model::{Amplitude, Conditions, Design, Model, mixture, power};
use super::preset::{Parameters, background};
use super::shaped::{Modulation, Runs, Shaped, geometric};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// Bernoulli-Gaussian noise over a white background.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BernoulliGaussian {
    /// Probability of an impulse in 2.5 µs.
    pub p: f64,
    /// Impulse to background ratio INR.
    pub db: f64,
}

impl BernoulliGaussian {
    pub(super) fn preset(
        parameters: &mut Parameters<'_>,
        p: f64,
        db: f64,
    ) -> Result<Arc<dyn Model>, NoiseError> {
        let p = parameters.number("p", p, [1e-6, 0.5])?;
        let db = parameters.number("db", db, [0.0, 80.0])?;
        Ok(Arc::new(Self { p, db }))
    }

    fn ratio(&self) -> f64 {
        libm::pow(10.0, self.db / 10.0)
    }
}

impl Model for BernoulliGaussian {
    fn density(&self, hz: f64) -> f64 {
        self.background(hz) * self.mean_square()
    }

    fn background(&self, _hz: f64) -> f64 {
        background()
    }

    fn amplitudes(&self, conditions: &Conditions) -> Vec<Amplitude> {
        let mean = self.mean_square();
        mixture([(1.0 - self.p, 1.0 / mean), (self.p, (1.0 + self.ratio()) / mean)], power(self, conditions))
    }

    fn design(&self, conditions: &Conditions) -> Arc<dyn Design> {
        Arc::new(Shaped::white(conditions, self.background(0.0), Modulation::Runs(Arc::new(*self))))
    }
}

impl Runs for BernoulliGaussian {
    fn first(&self, _rng: &mut ChaCha8Rng) -> usize {
        1
    }

    fn next(&self, state: usize, rng: &mut ChaCha8Rng) -> (usize, u64, f32) {
        match state {
            0 => (1, 1, (1.0 + self.ratio()).sqrt() as f32),
            _ => (0, geometric(self.p, rng), 1.0),
        }
    }

    fn mean_square(&self) -> f64 {
        1.0 + self.p * self.ratio()
    }
}

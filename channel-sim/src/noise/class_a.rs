//! N7: Middleton's class A (channel digest 1.5).
//!
//! f(x) = Σ e^-A A^m / m! N(0, σ_m²), σ_m² = σ² (m/A + Γ) / (1 + Γ): m impulses at a time, m ~ Poisson(A), truncated
//! at ten terms. The draw is made for every 2.5 µs, a sample at 400 kHz, whatever the sample rate. The background is
//! the state without impulses, σ² Γ / (1 + Γ).

use super::error::NoiseError;
use super::model::{Amplitude, Conditions, Design, Model, mixture, power};
use super::preset::{Parameters, background};
use super::shaped::{Modulation, Runs, Shaped, geometric};
use crate::random::uniform;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// Terms of the sum (digest 1.5: Lin, Nassar and Evans).
pub const TERMS: usize = 10;

/// The law of class A: probabilities of its states and variances over that of the first.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassA {
    /// Probability of m impulses.
    pub probabilities: [f64; TERMS],
    /// Variance with m impulses over that without.
    pub variances: [f64; TERMS],
}

impl ClassA {
    /// Of the impulsive index A and the ratio Γ of Gaussian to impulsive power.
    pub fn with(a: f64, gamma: f64) -> Self {
        let mut weight = 1.0;
        let raw: [f64; TERMS] = std::array::from_fn(|m| {
            if m > 0 {
                weight *= a / m as f64;
            }
            weight
        });
        let sum: f64 = raw.iter().sum();
        Self {
            probabilities: raw.map(|weight| weight / sum),
            variances: std::array::from_fn(|m| (m as f64 / a + gamma) / gamma),
        }
    }

    pub(super) fn read(parameters: &mut Parameters<'_>, gamma: f64) -> Result<Self, NoiseError> {
        let a = parameters.number("a", 0.1, [1e-5, 1.0])?;
        let gamma = parameters.number("gamma", gamma, [1e-6, 10.0])?;
        Ok(Self::with(a, gamma))
    }

    pub(super) fn preset(parameters: &mut Parameters<'_>, gamma: f64) -> Result<Arc<dyn Model>, NoiseError> {
        Ok(Arc::new(Self::read(parameters, gamma)?))
    }

    /// A state by the probabilities, those before `least` left out.
    pub(super) fn draw(&self, least: usize, rng: &mut ChaCha8Rng) -> usize {
        let total: f64 = self.probabilities.iter().skip(least).sum();
        let mut left = uniform(rng) * total;
        for (m, &probability) in self.probabilities.iter().enumerate().skip(least) {
            left -= probability;
            if left < 0.0 {
                return m;
            }
        }
        least
    }

    /// Amplitude of a state over that without impulses.
    pub(super) fn amplitude(&self, m: usize) -> f32 {
        self.variances.get(m).copied().unwrap_or(1.0).sqrt() as f32
    }
}

impl Model for ClassA {
    fn density(&self, hz: f64) -> f64 {
        self.background(hz) * self.mean_square()
    }

    fn background(&self, _hz: f64) -> f64 {
        background()
    }

    fn amplitudes(&self, conditions: &Conditions) -> Vec<Amplitude> {
        let mean = self.mean_square();
        let terms = self.probabilities.iter().zip(self.variances).map(|(&p, variance)| (p, variance / mean));
        mixture(terms, power(self, conditions))
    }

    fn design(&self, conditions: &Conditions) -> Arc<dyn Design> {
        Arc::new(Shaped::white(conditions, self.background(0.0), Modulation::Runs(Arc::new(self.clone()))))
    }
}

impl Runs for ClassA {
    fn first(&self, _rng: &mut ChaCha8Rng) -> usize {
        1
    }

    fn next(&self, state: usize, rng: &mut ChaCha8Rng) -> (usize, u64, f32) {
        if state == 0 {
            let m = self.draw(1, rng);
            return (m, 1, self.amplitude(m));
        }
        (0, geometric(1.0 - self.probabilities[0], rng), 1.0)
    }

    fn mean_square(&self) -> f64 {
        self.probabilities.iter().zip(self.variances).map(|(p, variance)| p * variance).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_background_lies_as_far_below_the_total_as_the_digest_says() {
        // 10 log (1 + 1/Γ), digest 0.1.
        for (gamma, db) in [(0.1, 10.41), (0.01, 20.04), (0.001, 30.00)] {
            let found = 10.0 * ClassA::with(0.1, gamma).mean_square().log10();
            assert!((found - db).abs() < 0.01, "{gamma}: {found}");
        }
    }
}

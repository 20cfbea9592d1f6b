//! N9: Markov-Middleton noise (channel digest 1.6, after Ndo, Labeau and Kassouf 2013).
//!
//! The states of class A, held by a Markov chain: p_ij = x δ_ij + (1 - x) π_j for every 2.5 µs, so the marginal is
//! class A's and the mean dwell in state j is 1 / ((1 - x)(1 - π_j)) steps.

use super::class_a::ClassA;
use super::error::NoiseError;
use super::model::{Amplitude, Conditions, Design, Model};
use super::preset::Parameters;
use super::shaped::{Modulation, Runs, Shaped, geometric};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// Class A with memory.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkovMiddleton {
    law: ClassA,
    /// Correlation of the state from one step to the next.
    x: f64,
}

impl MarkovMiddleton {
    pub(super) fn preset(parameters: &mut Parameters<'_>) -> Result<Arc<dyn Model>, NoiseError> {
        let law = ClassA::read(parameters, 0.01)?;
        let x = parameters.number("x", 0.99, [0.0, 0.9999])?;
        Ok(Arc::new(Self { law, x }))
    }

    /// Probability of leaving a state in a step.
    fn leaving(&self, state: usize) -> f64 {
        (1.0 - self.x) * (1.0 - self.law.probabilities.get(state).copied().unwrap_or(0.0))
    }
}

impl Model for MarkovMiddleton {
    fn density(&self, hz: f64) -> f64 {
        self.law.density(hz)
    }

    fn background(&self, hz: f64) -> f64 {
        self.law.background(hz)
    }

    fn amplitudes(&self, conditions: &Conditions) -> Vec<Amplitude> {
        self.law.amplitudes(conditions)
    }

    fn design(&self, conditions: &Conditions) -> Arc<dyn Design> {
        Arc::new(Shaped::white(conditions, self.background(0.0), Modulation::Runs(Arc::new(self.clone()))))
    }
}

impl Runs for MarkovMiddleton {
    /// The stationary distribution's, so that there is no transient.
    fn first(&self, rng: &mut ChaCha8Rng) -> usize {
        self.law.draw(0, rng)
    }

    fn next(&self, state: usize, rng: &mut ChaCha8Rng) -> (usize, u64, f32) {
        // Another state by π: draws of the same one are refused.
        let mut other = self.law.draw(0, rng);
        while other == state {
            other = self.law.draw(0, rng);
        }
        (other, 1 + geometric(self.leaving(other), rng), self.law.amplitude(other))
    }

    fn mean_square(&self) -> f64 {
        self.law.mean_square()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    #[test]
    fn states_have_the_laws_shares_and_dwells() {
        let chain = MarkovMiddleton { law: ClassA::with(0.1, 0.01), x: 0.99 };
        let mut rng = stream(1, Purpose::Noise, 0);
        let mut state = chain.first(&mut rng);
        let (mut slots, mut runs) = ([0u64; 3], [0u64; 3]);
        for _ in 0..200_000 {
            let (next, length, _) = chain.next(state, &mut rng);
            state = next;
            if let (Some(slots), Some(runs)) = (slots.get_mut(state), runs.get_mut(state)) {
                *slots += length;
                *runs += 1;
            }
        }
        let total: u64 = slots.iter().sum();
        for m in 0..3 {
            let share = slots[m] as f64 / total as f64;
            let expected = chain.law.probabilities[m];
            assert!((share / expected - 1.0).abs() < 0.03, "state {m}: {share} for {expected}");
            let dwell = slots[m] as f64 / runs[m] as f64;
            let expected = 1.0 / (0.01 * (1.0 - chain.law.probabilities[m]));
            assert!((dwell / expected - 1.0).abs() < 0.03, "state {m}: {dwell} for {expected}");
        }
    }
}

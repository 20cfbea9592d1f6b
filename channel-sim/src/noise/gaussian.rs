//! White Gaussian noise, fast: Box and Muller's transform on sixteen generators side by side.
//!
//! The uniform variates have 31 bits, so no sample lies beyond 6.6 standard deviations; up to there the
//! distribution is normal to the accuracy of `f32`. One generator (xoshiro128++) runs in each of sixteen lanes, so
//! that the compiler turns the arithmetic into vector instructions; results do not depend on which.

use super::kernels::{self, BATCH, LANES, Words};
use dsp::cpu::Level;
use rand_core::Rng;

/// A source of independent standard normal samples.
#[derive(Clone, Debug)]
pub struct Gaussian {
    level: Level,
    state: Words,
    ready: [f32; BATCH],
    /// Samples of `ready` already given.
    used: usize,
}

impl Gaussian {
    /// A source whose lanes are seeded from `rng`.
    pub fn new(rng: &mut impl Rng) -> Self {
        let mut state = [[0; LANES]; 4];
        for lane in 0..LANES {
            for word in &mut state {
                word[lane] = rng.next_u32();
            }
            state[0][lane] |= 1; // never all zero
        }
        Self { level: Level::best(), state, ready: [0.0; BATCH], used: BATCH }
    }

    /// Fills `out` with the next samples.
    pub fn fill(&mut self, out: &mut [f32]) {
        let left = (BATCH - self.used).min(out.len());
        let (now, rest) = out.split_at_mut(left);
        now.copy_from_slice(&self.ready[self.used..self.used + left]);
        self.used += left;
        // Whole batches go to their place at once.
        let (batches, rest) = rest.as_chunks_mut::<BATCH>();
        for batch in batches {
            kernels::normal(self.level, &mut self.state, batch);
        }
        if !rest.is_empty() {
            kernels::normal(self.level, &mut self.state, &mut self.ready);
            rest.copy_from_slice(&self.ready[..rest.len()]);
            self.used = rest.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    fn samples(seed: u64, count: usize) -> Vec<f32> {
        let mut out = vec![0.0; count];
        Gaussian::new(&mut stream(seed, Purpose::Noise, 0)).fill(&mut out);
        out
    }

    #[test]
    fn moments_and_tails_are_normal() {
        let count = 4_000_000;
        let all = samples(1, count);
        let moment = |power: i32| all.iter().map(|&x| f64::from(x).powi(power)).sum::<f64>() / count as f64;
        assert!(moment(1).abs() < 0.002);
        assert!((moment(2) - 1.0).abs() < 0.003, "{}", moment(2));
        assert!(moment(3).abs() < 0.01);
        assert!((moment(4) - 3.0).abs() < 0.02, "{}", moment(4));
        assert!((moment(6) - 15.0).abs() < 0.3, "{}", moment(6));
    }

    #[test]
    fn tails_are_normal_beyond_five_deviations() {
        // Two-sided tail probabilities of the normal distribution.
        const TAILS: [(f32, f64); 6] = [
            (1.0, 0.317_310_5),
            (2.0, 0.045_500_3),
            (3.0, 2.699_796e-3),
            (4.0, 6.334_248e-5),
            (5.0, 5.733_031e-7),
            (5.5, 3.797_912e-8),
        ];
        let mut source = Gaussian::new(&mut stream(7, Purpose::Noise, 0));
        let mut block = vec![0.0f32; 1 << 16];
        let blocks = 3_000;
        let mut beyond = [0u64; TAILS.len()];
        for _ in 0..blocks {
            source.fill(&mut block);
            for (count, (limit, _)) in beyond.iter_mut().zip(TAILS) {
                *count += block.iter().map(|x| u64::from(x.abs() > limit)).sum::<u64>();
            }
        }
        let total = f64::from(blocks) * block.len() as f64;
        for (found, (limit, probability)) in beyond.into_iter().zip(TAILS) {
            let expected = probability * total;
            let sigmas = (found as f64 - expected) / (expected * (1.0 - probability)).sqrt();
            assert!(sigmas.abs() < 4.0, "beyond {limit}: {found} for {expected:.1}");
        }
    }

    #[test]
    fn samples_are_white_and_symmetric() {
        let all = samples(2, 1_000_000);
        for lag in (1..=33).chain([64, 128, 256]) {
            let sum: f64 = all.iter().zip(&all[lag..]).map(|(a, b)| f64::from(a * b)).sum();
            assert!((sum / all.len() as f64).abs() < 0.005, "lag {lag}");
        }
        let positive = all.iter().filter(|x| **x > 0.0).count() as f64 / all.len() as f64;
        assert!((positive - 0.5).abs() < 0.003);
    }

    #[test]
    fn the_blocks_length_changes_nothing() {
        let whole = samples(3, 10_000);
        for length in [37, 256, 300, 1_000] {
            let mut source = Gaussian::new(&mut stream(3, Purpose::Noise, 0));
            let mut pieces = vec![0.0; 10_000];
            for piece in pieces.chunks_mut(length) {
                source.fill(piece);
            }
            assert_eq!(whole, pieces);
        }
    }
}

//! White Gaussian noise, fast: Box and Muller's transform on eight generators side by side.
//!
//! The uniform variates have 31 bits, so no sample lies beyond 6.6 standard deviations; up to there the
//! distribution is normal to the accuracy of `f32`. One generator (xoshiro128++) runs in each of eight lanes, so
//! that the compiler turns the arithmetic into vector instructions; results do not depend on which.

use rand_core::Rng;

const LANES: usize = 8;
/// Samples made at a time.
const BATCH: usize = 8 * LANES * 2;

/// A source of independent standard normal samples.
#[derive(Clone, Debug)]
pub struct Gaussian {
    state: [[u32; LANES]; 4],
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
        Self { state, ready: [0.0; BATCH], used: BATCH }
    }

    /// Fills `out` with the next samples.
    pub fn fill(&mut self, out: &mut [f32]) {
        let mut rest = out;
        while !rest.is_empty() {
            if self.used == BATCH {
                self.refill();
            }
            let count = rest.len().min(BATCH - self.used);
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&self.ready[self.used..self.used + count]);
            self.used += count;
            rest = later;
        }
    }

    fn refill(&mut self) {
        let mut state = self.state;
        for chunk in self.ready.chunks_exact_mut(2 * LANES) {
            let radius_bits = next(&mut state);
            let angle_bits = next(&mut state);
            let (cosines, sines) = chunk.split_at_mut(LANES);
            for lane in 0..LANES {
                (cosines[lane], sines[lane]) = pair(radius_bits[lane], angle_bits[lane]);
            }
        }
        self.state = state;
        self.used = 0;
    }
}

/// One step of xoshiro128++ in every lane.
#[inline(always)]
fn next(state: &mut [[u32; LANES]; 4]) -> [u32; LANES] {
    let mut out = [0; LANES];
    let [s0, s1, s2, s3] = state;
    for lane in 0..LANES {
        out[lane] = s0[lane].wrapping_add(s3[lane]).rotate_left(7).wrapping_add(s0[lane]);
        let shifted = s1[lane] << 9;
        s2[lane] ^= s0[lane];
        s3[lane] ^= s1[lane];
        s1[lane] ^= s2[lane];
        s0[lane] ^= s3[lane];
        s2[lane] ^= shifted;
        s3[lane] = s3[lane].rotate_left(11);
    }
    out
}

/// Two independent normal samples from 31 bits for the radius and 29 + 3 for the angle.
#[inline(always)]
fn pair(radius_bits: u32, angle_bits: u32) -> (f32, f32) {
    const TWO_POW_31: f32 = 2_147_483_648.0;
    let uniform = ((radius_bits >> 1) as i32 as f32 + 0.5) * (1.0 / TWO_POW_31);
    let radius = (-2.0 * ln(uniform)).sqrt();
    // An angle within a quarter turn around 0, then one of eight reflections.
    let eighth = ((angle_bits as i32) >> 3) as f32 * (std::f32::consts::FRAC_PI_4 / (TWO_POW_31 / 8.0));
    let x2 = eighth * eighth;
    let sin = eighth * (1.0 + x2 * (-1.0 / 6.0 + x2 * (1.0 / 120.0 + x2 * (-1.0 / 5_040.0))));
    let cos = 1.0 + x2 * (-0.5 + x2 * (1.0 / 24.0 + x2 * (-1.0 / 720.0 + x2 * (1.0 / 40_320.0))));
    let swap = angle_bits & 4 != 0;
    let (a, b) = if swap { (sin, cos) } else { (cos, sin) };
    let a = f32::from_bits(a.to_bits() ^ (angle_bits << 31));
    let b = f32::from_bits(b.to_bits() ^ (angle_bits << 30 & 0x8000_0000));
    (radius * a, radius * b)
}

/// Natural logarithm of a normal positive number: exponent, and 2 artanh((m - 1) / (m + 1)) of the mantissa.
#[inline(always)]
fn ln(x: f32) -> f32 {
    let bits = x.to_bits();
    // Mantissa in [sqrt(1/2), sqrt(2)).
    let shifted = bits.wrapping_sub(0x3F35_04F3);
    let exponent = (shifted as i32 >> 23) as f32;
    let mantissa = f32::from_bits((shifted & 0x007F_FFFF) + 0x3F35_04F3);
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let s2 = s * s;
    let series = 2.0 + s2 * (2.0 / 3.0 + s2 * (2.0 / 5.0 + s2 * (2.0 / 7.0 + s2 * (2.0 / 9.0))));
    exponent * std::f32::consts::LN_2 + s * series
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
    fn the_logarithm_is_one() {
        for exponent in -31..=0 {
            for step in 0..500 {
                let x = (1.0 + step as f32 / 500.0) * 2f32.powi(exponent);
                let error = (ln(x) - x.ln()).abs();
                assert!(error <= 2e-6 * x.ln().abs().max(0.1), "{x}: {} {}", ln(x), x.ln());
            }
        }
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
        // Two-sided tail probabilities of the normal distribution.
        for (limit, probability) in [(1.0, 0.317_311), (2.0, 0.045_500), (3.0, 2.6998e-3), (4.0, 6.334e-5)] {
            let found = all.iter().filter(|x| x.abs() > limit).count() as f64 / count as f64;
            let sigma = (probability / count as f64).sqrt();
            assert!((found - probability).abs() < 5.0 * sigma, "beyond {limit}: {found} for {probability}");
        }
    }

    #[test]
    fn samples_are_white_and_symmetric() {
        let all = samples(2, 1_000_000);
        for lag in (1..=16).chain([32, 64, 128]) {
            let sum: f64 = all.iter().zip(&all[lag..]).map(|(a, b)| f64::from(a * b)).sum();
            assert!((sum / all.len() as f64).abs() < 0.005, "lag {lag}");
        }
        let positive = all.iter().filter(|x| **x > 0.0).count() as f64 / all.len() as f64;
        assert!((positive - 0.5).abs() < 0.003);
    }

    #[test]
    fn the_blocks_length_changes_nothing() {
        let whole = samples(3, 1_000);
        let mut source = Gaussian::new(&mut stream(3, Purpose::Noise, 0));
        let mut pieces = vec![0.0; 1_000];
        for piece in pieces.chunks_mut(37) {
            source.fill(piece);
        }
        assert_eq!(whole, pieces);
    }
}

//! The inner loops, each for every vector width there is: see [`vector`](crate::vector).
#![allow(
    unsafe_code,
    reason = "calls of functions for processor features that have been found; see `dispatch`"
)]

use crate::vector::dispatch;
use dsp::cpu::Level;

/// Generators that run side by side.
pub(super) const LANES: usize = 16;
/// Samples made at a time.
pub(super) const BATCH: usize = 8 * LANES * 2;
/// Steps of a table over half a turn of the mains: 0.6 µs at 50 Hz.
pub(super) const STEPS: usize = 1 << STEPS_LOG2;
const STEPS_LOG2: u32 = 14;

/// States of xoshiro128++, word by word.
pub(super) type Words = [[u32; LANES]; 4];

dispatch! {
    /// Replaces `out` by independent standard normal samples.
    pub(super) fn normal(state: &mut Words, out: &mut [f32; BATCH])
}
dispatch! {
    /// Adds the convolution of `input` with taps, last first, to `out`: `input` has one sample less than there are
    /// taps in front of those that belong to `out`.
    pub(super) fn add_convolved(reversed: &[f32], input: &[f32], out: &mut [f32])
}
dispatch! {
    /// Multiplies each sample by the table's value at its phase, in 2^-32 of the table's length.
    pub(super) fn gate(table: &[f32; STEPS], phase: u32, step: u32, samples: &mut [f32])
}

/// The loops themselves.
mod portable {
    use super::{BATCH, LANES, STEPS, STEPS_LOG2, Words};

    #[inline(always)]
    pub(super) fn normal(state: &mut Words, out: &mut [f32; BATCH]) {
        let mut words = *state;
        for chunk in out.chunks_exact_mut(2 * LANES) {
            let radius_bits = next(&mut words);
            let angle_bits = next(&mut words);
            let (cosines, sines) = chunk.split_at_mut(LANES);
            for lane in 0..LANES {
                (cosines[lane], sines[lane]) = pair(radius_bits[lane], angle_bits[lane]);
            }
        }
        *state = words;
    }

    #[inline(always)]
    pub(super) fn add_convolved(reversed: &[f32], input: &[f32], out: &mut [f32]) {
        // Enough sums side by side that none waits for the one before; they fit the registers of SSE2 just so.
        const CHUNK: usize = 32;
        let mut at = 0;
        let mut chunks = out.chunks_exact_mut(CHUNK);
        for chunk in &mut chunks {
            let mut sums = [0.0f32; CHUNK];
            for (k, &tap) in reversed.iter().enumerate() {
                let input = &input[at + k..at + k + CHUNK];
                for (sum, &sample) in sums.iter_mut().zip(input) {
                    *sum += tap * sample;
                }
            }
            for (target, sum) in chunk.iter_mut().zip(sums) {
                *target += sum;
            }
            at += CHUNK;
        }
        for target in chunks.into_remainder() {
            // In the order of the chunks, so that a sample does not depend on where it lies.
            let mut sum = 0.0f32;
            for (&tap, &sample) in reversed.iter().zip(&input[at..]) {
                sum += tap * sample;
            }
            *target += sum;
            at += 1;
        }
    }

    #[inline(always)]
    pub(super) fn gate(table: &[f32; STEPS], phase: u32, step: u32, samples: &mut [f32]) {
        let mut phase = phase;
        for sample in samples {
            *sample *= table[(phase >> (32 - STEPS_LOG2)) as usize];
            phase = phase.wrapping_add(step);
        }
    }

    /// One step of xoshiro128++ in every lane.
    #[inline(always)]
    fn next(state: &mut Words) -> [u32; LANES] {
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
    pub(super) fn ln(x: f32) -> f32 {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [Level; 3] = [Level::Portable, Level::Avx2, Level::Avx512];

    #[test]
    fn the_logarithm_is_one() {
        for exponent in -31..=0 {
            for step in 0..500 {
                let x = (1.0 + step as f32 / 500.0) * 2f32.powi(exponent);
                let found = portable::ln(x);
                assert!((found - x.ln()).abs() <= 2e-6 * x.ln().abs().max(0.1), "{x}: {found} {}", x.ln());
            }
        }
    }

    #[test]
    fn every_vector_width_gives_the_same_bits() {
        let seeded = |level: Level| {
            let mut state: Words = std::array::from_fn(|word| {
                std::array::from_fn(|lane| 0x9E37_79B9u32.wrapping_mul((word * LANES + lane + 1) as u32))
            });
            let mut white = [0.0; BATCH];
            normal(level, &mut state, &mut white);
            normal(level, &mut state, &mut white);
            let taps: Vec<f32> = (0..47).map(|k| 1.0 / (k as f32 + 3.0)).collect();
            let mut out = vec![0.0; BATCH - 46];
            add_convolved(level, &taps, &white, &mut out);
            let table = std::array::from_fn(|step| (step % 37) as f32 * 0.01);
            gate(level, &table, 0xF000_0000, 0x0012_3457, &mut out);
            out.iter().map(|sample| sample.to_bits()).collect::<Vec<_>>()
        };
        let [portable, avx2, avx512] = LEVELS.map(seeded);
        assert_eq!(portable, avx2);
        assert_eq!(portable, avx512);
    }
}

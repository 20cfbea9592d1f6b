//! Short filters that give white noise a power spectral density.
//!
//! Everything here is computed with `libm` and a transform of our own, so that taps are the same bits on every
//! processor.

use super::kernels;
use crate::exact;
use dsp::cpu::Level;
use num_complex::Complex64;
use std::f64::consts::TAU;
use std::sync::Arc;

/// A finite filter with its history.
#[derive(Clone, Debug)]
pub struct Fir {
    level: Level,
    /// Taps, last first, so that they run with the samples.
    reversed: Arc<[f32]>,
    history: Vec<f32>,
}

impl Fir {
    /// A filter with these taps.
    pub fn new(taps: &[f32]) -> Self {
        Self::reversed(taps.iter().rev().copied().collect())
    }

    /// A filter with these taps, last first.
    pub(super) fn reversed(reversed: Arc<[f32]>) -> Self {
        let history = vec![0.0; reversed.len().saturating_sub(1)];
        Self { level: Level::best(), reversed, history }
    }

    /// Adds the filtered input to `out`. The input, as many samples as `out` has, is at the end of `buffer` after
    /// room for the history: see [`Fir::room`].
    pub fn add_filtered(&mut self, buffer: &mut [f32], out: &mut [f32]) {
        let room = self.room();
        buffer[..room].copy_from_slice(&self.history);
        kernels::add_convolved(self.level, &self.reversed, buffer, out);
        self.history.copy_from_slice(&buffer[out.len()..out.len() + room]);
    }

    /// Samples that `buffer` must have in front of the input.
    pub fn room(&self) -> usize {
        self.history.len()
    }
}

/// Taps of the minimum-phase filter of a length whose power response approaches `power` (a function of the
/// frequency), by the real cepstrum.
pub fn minimum_phase(taps: usize, rate_hz: f64, power: impl Fn(f64) -> f64) -> Vec<f32> {
    const POINTS: usize = 8_192;
    let half = POINTS / 2;
    let mut work: Vec<Complex64> = (0..=half)
        .map(|bin| {
            let frequency = bin as f64 * rate_hz / POINTS as f64;
            Complex64::new(0.5 * libm::log(power(frequency).max(1e-300)), 0.0)
        })
        .collect();
    for bin in half + 1..POINTS {
        work.push(work[POINTS - bin]);
    }
    transform(&mut work, 1.0);
    for (n, value) in work.iter_mut().enumerate() {
        let weight = match n {
            0 => 1.0,
            n if n == half => 1.0,
            n if n < half => 2.0,
            _ => 0.0,
        };
        *value *= weight / POINTS as f64;
    }
    transform(&mut work, -1.0);
    for value in &mut work {
        let (sin, cos) = libm::sincos(value.im);
        *value = Complex64::new(cos, sin) * libm::exp(value.re);
    }
    transform(&mut work, 1.0);
    work.iter().take(taps).map(|tap| (tap.re / POINTS as f64) as f32).collect()
}

/// Taps of a low-pass filter of unit gain: a sinc of a cutoff in cycles per sample under a Kaiser window.
pub(super) fn windowed_sinc(taps: usize, cutoff: f64, beta: f64) -> Vec<f64> {
    let middle = (taps - 1) as f64 / 2.0;
    let raw: Vec<f64> =
        (0..taps).map(|n| kaiser_sinc(n as f64 - middle, cutoff, middle + 0.5, beta)).collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|tap| tap / sum).collect()
}

/// A sinc of a cutoff in cycles per sample at a distance, under a Kaiser window that ends at `reach`.
pub(super) fn kaiser_sinc(distance: f64, cutoff: f64, reach: f64, beta: f64) -> f64 {
    let inside = 1.0 - (distance / reach) * (distance / reach);
    if inside <= 0.0 {
        return 0.0;
    }
    let angle = TAU * cutoff * distance;
    let sinc = if angle.abs() < 1e-9 { 1.0 } else { libm::sin(angle) / angle };
    2.0 * cutoff * sinc * bessel_i0(beta * inside.sqrt()) / bessel_i0(beta)
}

/// Modified Bessel function of the first kind, order 0.
fn bessel_i0(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..40 {
        let half = x / (2.0 * f64::from(k));
        term *= half * half;
        sum += term;
    }
    sum
}

/// Transform of a power of two points in place, with exp(`sign` 2πi k n / N), not scaled.
pub(super) fn transform(points: &mut [Complex64], sign: f64) {
    let count = points.len();
    debug_assert!(count.is_power_of_two());
    if count < 2 {
        return;
    }
    let shift = usize::BITS - count.trailing_zeros();
    for index in 0..count {
        let other = index.reverse_bits() >> shift;
        if index < other {
            points.swap(index, other);
        }
    }
    let turns: Vec<Complex64> = (0..count / 2)
        .map(|k| {
            let (sin, cos) = libm::sincos(sign * TAU * k as f64 / count as f64);
            Complex64::new(cos, sin)
        })
        .collect();
    let mut half = 1;
    while half < count {
        let stride = count / (2 * half);
        for block in points.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (k, (a, b)) in low.iter_mut().zip(high).enumerate() {
                let turned = *b * turns[k * stride];
                (*a, *b) = (*a + turned, *a - turned);
            }
        }
        half *= 2;
    }
}

/// Power response of taps at a frequency.
pub fn power_response(taps: &[f32], rate_hz: f64, frequency_hz: f64) -> f64 {
    let omega = TAU * frequency_hz / rate_hz;
    let term = |(n, &tap): (usize, &f32)| exact::polar(f64::from(tap), -omega * n as f64);
    taps.iter().enumerate().map(term).sum::<Complex64>().norm_sqr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filtering_in_pieces_is_convolution() {
        let taps = [0.5, -0.25, 0.125, 1.0, 0.75];
        let input: Vec<f32> = (0..200).map(|n| ((n * 37) % 11) as f32 - 5.0).collect();
        let mut fir = Fir::new(&taps);
        let mut found = Vec::new();
        for piece in input.chunks(41) {
            let mut buffer = vec![0.0; fir.room()];
            buffer.extend_from_slice(piece);
            let mut out = vec![0.0; piece.len()];
            fir.add_filtered(&mut buffer, &mut out);
            found.extend(out);
        }
        for n in 0..input.len() {
            let expected: f32 = (0..taps.len()).filter(|&k| k <= n).map(|k| taps[k] * input[n - k]).sum();
            assert!((found[n] - expected).abs() < 1e-4, "{n}");
        }
    }

    #[test]
    fn the_transform_is_the_sum_that_defines_it() {
        let input: Vec<Complex64> =
            (0..64).map(|n| Complex64::new(f64::from(n * 7 % 13), f64::from(n * 5 % 11))).collect();
        let mut found = input.clone();
        transform(&mut found, -1.0);
        for (k, found) in found.iter().enumerate() {
            let term = |(n, value): (usize, &Complex64)| {
                value * Complex64::from_polar(1.0, -TAU * (k * n % 64) as f64 / 64.0)
            };
            let expected: Complex64 = input.iter().enumerate().map(term).sum();
            assert!((found - expected).norm() < 1e-9, "{k}");
        }
    }

    #[test]
    fn a_filter_follows_a_falling_density() {
        let density = |f: f64| (-f / 20e3).exp();
        let taps = minimum_phase(48, 400e3, density);
        for frequency in [20e3, 50e3, 90e3, 140e3] {
            let db = 10.0 * (power_response(&taps, 400e3, frequency) / density(frequency)).log10();
            assert!(db.abs() < 0.3, "{frequency}: {db:.2} dB");
        }
    }
}

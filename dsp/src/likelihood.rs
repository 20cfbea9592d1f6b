//! Log-likelihood ratios of the bits of a phase-modulated value: sums over all points of the constellation, where
//! [`max_log`](crate::differential::max_log) takes the best ones alone. The points are [`gray_point`]'s.
//!
//! ```
//! use dsp::{Complex, likelihood};
//! // Half-way between 00 and 01: nothing is known of bit 0, and bit 1 is a zero.
//! let [bit_0, bit_1, _] = likelihood::coherent(2, Complex::from_polar(1.0, 0.785_398), 4.0);
//! assert!(bit_0.abs() < 1e-3 && bit_1 > 1.0);
//! ```

use crate::Complex;
use crate::differential::{EIGHTHS, gray_point};

/// The point of a value of `bits` (1 to 3) bits, of amplitude 1.
pub fn point(bits: usize, value: u8) -> Complex {
    EIGHTHS[usize::from(gray_point(value)) * (EIGHTHS.len() >> bits.clamp(1, 3)) % EIGHTHS.len()]
}

/// Log-likelihood ratios of the `bits` (1 to 3) bits of a received value whose phase is known, bit 0 first: positive where
/// a zero is likelier. `scale` is 2/σ² for points of amplitude 1 in complex noise of variance σ². Those beyond `bits` are
/// zero.
pub fn coherent(bits: usize, now: Complex, scale: f32) -> [f32; 3] {
    ratios(bits, |point| scale * (now * point.conj()).re)
}

/// The same of a received value that was turned against the one `before` it, where the phase of both is unknown: two
/// neighbours are one value of two dimensions with a phase that is uniform (channel digest 5.3).
pub fn differential(bits: usize, now: Complex, before: Complex, scale: f32) -> [f32; 3] {
    ratios(bits, |point| log_bessel_i0(scale * libm::sqrtf((before + now * point.conj()).norm_sqr())))
}

/// For each bit the logarithm of the sum of the likelihoods of points with a zero, less that of those with a one.
fn ratios(bits: usize, log_likelihood: impl Fn(Complex) -> f32) -> [f32; 3] {
    let bits = bits.clamp(1, 3);
    let mut logs = [0.0_f32; EIGHTHS.len()];
    let logs = &mut logs[..1 << bits];
    for (value, log) in (0..).zip(logs.iter_mut()) {
        *log = log_likelihood(point(bits, value));
    }
    if let [zero, one] = *logs {
        return [zero - one, 0.0, 0.0];
    }
    let greatest = logs.iter().fold(f32::MIN, |a, &b| a.max(b));
    let mut sums = [[0.0_f32; 2]; 3];
    for (value, log) in logs.iter().enumerate() {
        let likelihood = libm::expf(log - greatest);
        for (bit, sum) in sums.iter_mut().enumerate() {
            sum[value >> bit & 1] += likelihood;
        }
    }
    let log = |sum: f32| libm::logf(sum.max(f32::MIN_POSITIVE));
    let mut ratios = sums.map(|[zero, one]| log(zero) - log(one));
    ratios.iter_mut().skip(bits).for_each(|ratio| *ratio = 0.0);
    ratios
}

/// Logarithm of the modified Bessel function of order 0 (Abramowitz and Stegun 9.8.1 and 9.8.2, to 2e-7).
fn log_bessel_i0(x: f32) -> f32 {
    let polynomial = |x: f32, coefficients: &[f32]| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
    if x < 3.75 {
        let t = (x / 3.75) * (x / 3.75);
        libm::logf(polynomial(
            t,
            &[1.0, 3.515_622_9, 3.089_942_4, 1.206_749_2, 0.265_973_2, 0.036_076_8, 0.004_581_3],
        ))
    } else {
        let t = 3.75 / x;
        let asymptotic = polynomial(
            t,
            &[
                0.398_942_3,
                0.013_285_92,
                0.002_253_19,
                -0.001_575_65,
                0.009_162_81,
                -0.020_577_06,
                0.026_355_37,
                -0.016_476_33,
                0.003_923_77,
            ],
        );
        x + libm::logf(asymptotic / libm::sqrtf(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bessel_functions_logarithm_is_its_series() {
        for step in 0..400 {
            let x = f64::from(step) * 0.05;
            let (mut term, mut sum) = (1.0, 1.0);
            for k in 1..100 {
                term *= (x / 2.0 / f64::from(k)).powi(2);
                sum += term;
            }
            let found = f64::from(log_bessel_i0(x as f32));
            assert!((found - f64::ln(sum)).abs() < 3e-6 * (1.0 + x), "{x}: {found} {}", f64::ln(sum));
        }
    }

    /// Holds ratios against likelihoods of the values.
    fn hold(bits: usize, found: [f32; 3], likelihood: impl Fn(Complex) -> f64, tolerance: f64) {
        for (bit, &found) in found.iter().enumerate() {
            let mut sums = [0.0_f64; 2];
            for value in 0..1_u8 << bits {
                sums[usize::from(value >> bit & 1)] += likelihood(point(bits, value));
            }
            let expected = if bit < bits { (sums[0] / sums[1]).ln() } else { 0.0 };
            assert!((f64::from(found) - expected).abs() < tolerance, "{bits} {bit}: {found} {expected}");
        }
    }

    /// Numerical integration over the unknown phase of what is received.
    #[test]
    fn differential_ratios_are_those_of_the_likelihoods() {
        let variance = 0.4;
        let (before, now) = (Complex::new(0.8, -0.5), Complex::new(-0.2, 1.1));
        for bits in 1..=3 {
            let likelihood = |point: Complex| {
                (0..720)
                    .map(|step| {
                        let phase = Complex::from_polar(1.0, (step as f32 * 0.5).to_radians());
                        let distance = (before - phase).norm_sqr() + (now - phase * point).norm_sqr();
                        (-f64::from(distance) / variance).exp()
                    })
                    .sum()
            };
            hold(bits, differential(bits, now, before, (2.0 / variance) as f32), likelihood, 1e-3);
        }
    }

    #[test]
    fn coherent_ratios_are_those_of_the_likelihoods() {
        let now = Complex::new(0.3, 0.7);
        for bits in 1..=3 {
            let likelihood = |point: Complex| (-f64::from((now - point).norm_sqr()) / 0.3).exp();
            hold(bits, coherent(bits, now, (2.0 / 0.3) as f32), likelihood, 1e-4);
        }
    }
}

//! Real transforms of the lengths that blocks have at the modems' sample rates.

use crate::exact;
use dsp::Complex;
use dsp::fft::{RealFft, Size};
use rustfft::Fft;
use std::sync::Arc;

/// A transform of real samples to the frequencies up to half their rate, and back.
pub(super) enum Transform {
    /// 512 points: 400 kHz.
    Short(Box<RealFft>),
    /// Any other length.
    Any {
        forward: Arc<dyn Fft<f32>>,
        inverse: Arc<dyn Fft<f32>>,
        values: Vec<Complex>,
        scratch: Vec<Complex>,
    },
}

impl Transform {
    pub(super) fn new(points: usize) -> Self {
        if points == Size::N512.points() {
            return Self::Short(Box::new(RealFft::new(Size::N512)));
        }
        let (forward, inverse) = (exact::forward(points), exact::inverse(points));
        let scratch = forward.get_inplace_scratch_len().max(inverse.get_inplace_scratch_len());
        Self::Any {
            forward,
            inverse,
            values: vec![Complex::default(); points],
            scratch: vec![Complex::default(); scratch],
        }
    }

    /// The frequencies 0 to half of the points, inclusive.
    pub(super) fn forward(&mut self, samples: &[f32], bins: &mut [Complex]) {
        match self {
            // The lengths are the transform's own.
            Self::Short(fft) => _ = fft.forward(samples, bins),
            Self::Any { forward, values, scratch, .. } => {
                for (value, &sample) in values.iter_mut().zip(samples) {
                    *value = Complex::new(sample, 0.0);
                }
                forward.process_with_scratch(values, scratch);
                for (bin, value) in bins.iter_mut().zip(values) {
                    *bin = *value;
                }
            }
        }
    }

    /// Back, without the factor of one over the points.
    pub(super) fn inverse(&mut self, bins: &[Complex], samples: &mut [f32]) {
        match self {
            Self::Short(fft) => _ = fft.inverse(bins, samples),
            Self::Any { inverse, values, scratch, .. } => {
                let points = values.len();
                values.fill(Complex::default());
                for (index, bin) in bins.iter().enumerate().take(points / 2 + 1) {
                    values[index] = *bin;
                    if index > 0 && index < points / 2 {
                        values[points - index] = bin.conj();
                    }
                }
                inverse.process_with_scratch(values, scratch);
                for (sample, value) in samples.iter_mut().zip(values) {
                    *sample = value.re;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_the_definition_and_comes_back() {
        for points in [320, 512, 1_536, 3_072] {
            let samples: Vec<f32> = (0..points).map(|n| ((n * 37 % 101) as f32 - 50.0) / 50.0).collect();
            let mut transform = Transform::new(points);
            let mut bins = vec![Complex::default(); points / 2 + 1];
            transform.forward(&samples, &mut bins);
            for k in [0, 1, 7, points / 2] {
                let angle = |n: usize| -std::f64::consts::TAU * (n * k % points) as f64 / points as f64;
                let (re, im) = samples.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, &x)| {
                    (re + f64::from(x) * angle(n).cos(), im + f64::from(x) * angle(n).sin())
                });
                assert!((f64::from(bins[k].re) - re).abs() < 2e-3, "{points} {k}: {} {re}", bins[k]);
                assert!((f64::from(bins[k].im) - im).abs() < 2e-3, "{points} {k}: {} {im}", bins[k]);
            }
            let mut back = vec![0.0; points];
            transform.inverse(&bins, &mut back);
            for (a, b) in samples.iter().zip(&back) {
                assert!((a - b / points as f32).abs() < 1e-5, "{points}");
            }
        }
    }
}

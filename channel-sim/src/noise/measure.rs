//! Measuring noise: spectra, distributions and envelopes, and what the formulas say of them.

use super::mains::Mains;
use super::model::{Amplitude, BLOCK};
use super::plan::{NoisePlan, Port};
use super::preset::Preset;
use crate::random::{Purpose, stream};
use num_complex::Complex;

/// Samples on L1 from time 0.
pub(super) fn generate(plan: &NoisePlan, seed: u64, count: usize, mains: &Mains) -> Vec<f32> {
    let mut source = plan.source(Port::L1, &mut stream(seed, Purpose::Noise, 0));
    let mut out = vec![0.0; count];
    for (index, block) in out.chunks_mut(BLOCK).enumerate() {
        let first = (index * BLOCK) as f64;
        source.add(mains.phase(first, block.len(), plan.conditions().rate_hz), block);
    }
    out
}

/// One-sided densities in V²/Hz at multiples of about 100 Hz, by Welch's method with a Hann window: the step and the
/// densities.
pub(super) fn spectrum(samples: &[f32], rate_hz: f64) -> (f64, Vec<f64>) {
    let points = ((rate_hz / 100.0) as usize).next_power_of_two();
    let fft = crate::exact::forward(points);
    let window: Vec<f32> = (0..points)
        .map(|n| 0.5 - 0.5 * libm::cosf(std::f32::consts::TAU * n as f32 / points as f32))
        .collect();
    let energy: f64 = window.iter().map(|&w| f64::from(w * w)).sum();
    let mut sums = vec![0.0; points / 2];
    let mut blocks = 0.0;
    let mut bins = vec![Complex::new(0.0f32, 0.0); points];
    for pair in samples.windows(2 * points).step_by(points) {
        // Two blocks in one transform.
        for (n, bin) in bins.iter_mut().enumerate() {
            *bin = Complex::new(pair[n] * window[n], pair[n + points / 2] * window[n]);
        }
        fft.process(&mut bins);
        for k in 1..points / 2 {
            sums[k] += f64::from(bins[k].norm_sqr() + bins[points - k].norm_sqr()) / 2.0;
        }
        blocks += 2.0;
    }
    (rate_hz / points as f64, sums.iter().map(|sum| 2.0 * sum / (blocks * energy * rate_hz)).collect())
}

/// Third-octave bands from 3.15 kHz on that end below 45 % of the rate: lower and upper edge.
pub(super) fn third_octaves(rate_hz: f64) -> Vec<(f64, f64)> {
    let edges = |k: i32| {
        let centre = 1_000.0 * libm::pow(10.0, f64::from(k) / 10.0);
        (centre * libm::pow(10.0, -0.05), centre * libm::pow(10.0, 0.05))
    };
    (5..=27).map(edges).filter(|&(_, high)| high <= (0.45 * rate_hz).min(500_000.0)).collect()
}

/// Power of measured densities in a band, bins at its edges in part.
pub(super) fn band(step_hz: f64, densities: &[f64], (low, high): (f64, f64)) -> f64 {
    let inside = |bin: usize| {
        let (from, to) = ((bin as f64 - 0.5) * step_hz, (bin as f64 + 0.5) * step_hz);
        (to.min(high) - from.max(low)).max(0.0)
    };
    densities.iter().enumerate().map(|(bin, density)| density * inside(bin)).sum()
}

/// Power of the formula in a band, lines included.
pub(super) fn formula(plan: &NoisePlan, preset: &Preset, (low, high): (f64, f64)) -> f64 {
    let steps = 2_000;
    let at = |i: usize| low + (high - low) * (i as f64 + 0.5) / steps as f64;
    let continuous =
        (0..steps).map(|i| preset.model().density(at(i))).sum::<f64>() / steps as f64 * (high - low);
    let lines: f64 = preset
        .model()
        .lines(plan.conditions())
        .iter()
        .filter(|line| (low..high).contains(&line.hz))
        .map(|line| line.volts2)
        .sum();
    (continuous + lines) * preset.gain().powi(2)
}

/// Kolmogorov's distance of samples from a distribution, over its critical value at 1 %.
pub(super) fn kolmogorov(mut samples: Vec<f64>, distribution: impl Fn(f64) -> f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let count = samples.len() as f64;
    let distance = samples.iter().enumerate().map(|(i, &x)| {
        let expected = distribution(x);
        (expected - i as f64 / count).abs().max((expected - (i + 1) as f64 / count).abs())
    });
    distance.fold(0.0, f64::max) / (1.628 / count.sqrt())
}

/// The distribution of a mixture of normal ones, some of which have no width.
pub(super) fn distribution(terms: &[Amplitude]) -> impl Fn(f64) -> f64 {
    let one = |x: f64, term: &Amplitude| {
        let off = x - term.mean;
        term.weight
            * if term.variance > 0.0 {
                0.5 * libm::erfc(-off / (2.0 * term.variance).sqrt())
            } else {
                f64::from(off >= 0.0)
            }
    };
    move |x| terms.iter().map(|term| one(x, term)).sum()
}

/// Mean squares over `pieces` pieces of a turn of the mains.
pub(super) fn folded(samples: &[f32], rate_hz: f64, mains: &Mains, pieces: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); pieces];
    for (index, block) in samples.chunks(BLOCK).enumerate() {
        let phase = mains.phase((index * BLOCK) as f64, block.len(), rate_hz);
        for (n, &sample) in block.iter().enumerate() {
            let turns = phase.after(n as f64).turns;
            let sum = &mut sums[((turns - turns.floor()) * pieces as f64) as usize % pieces];
            *sum = (sum.0 + f64::from(sample).powi(2), sum.1 + 1.0);
        }
    }
    sums.into_iter().map(|(sum, count)| sum / count).collect()
}

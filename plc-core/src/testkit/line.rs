//! A line for tests and measurements of both PHYs: samples in white Gaussian noise from a seed, and intervals of what was counted.

use super::SplitMix64;
use rand_core::Rng;
use std::vec::Vec;

/// Random numbers (SplitMix64) and Gaussian ones made of them (Box and Muller).
#[derive(Clone, Debug)]
pub struct Random {
    words: SplitMix64,
    spare: Option<f32>,
}

impl Random {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        Self { words: SplitMix64(seed), spare: None }
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.words.next_u64()
    }

    /// Uniform below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next_u64() % bound as u64) as usize
    }

    /// Zero mean, unit variance.
    pub fn gaussian(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let word = self.next_u64();
        let radius = (-2.0 * (((word >> 32) as f32 + 1.0) / 4_294_967_296.0).ln()).sqrt();
        let (sine, cosine) = ((word as u32) as f32 / 4_294_967_296.0 * std::f32::consts::TAU).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }

    /// Random octets.
    pub fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next_u64() as u8).collect()
    }
}

/// `samples` as a clock that runs `ppm` slow and starts `delay` samples late sees them (windowed sinc of 64 taps).
pub fn resample(samples: &[f32], delay: f64, ppm: f64) -> Vec<f32> {
    const HALF: i64 = 32;
    let step = 1.0 + ppm * 1e-6;
    let count = ((samples.len() as f64 + delay + HALF as f64) / step) as usize;
    (0..count)
        .map(|n| {
            let at = n as f64 * step - delay;
            let centre = at.floor() as i64;
            // From tap to tap the sine only changes its sign and the window's angle goes on by a step.
            let angle = |index: i64| std::f64::consts::PI * (at - index as f64);
            let sine = angle(centre).sin();
            let (window_sine, window_cosine) = (std::f64::consts::PI / HALF as f64).sin_cos();
            let (mut re, mut im) = {
                let (sine, cosine) = (angle(centre - HALF + 1) / HALF as f64).sin_cos();
                (cosine, sine)
            };
            let mut sum = 0.0;
            for index in centre - HALF + 1..=centre + HALF {
                let sample = usize::try_from(index).ok().and_then(|index| samples.get(index)).copied();
                let angle = angle(index);
                let signed = if (index - centre) % 2 == 0 { sine } else { -sine };
                let sinc = if angle == 0.0 { 1.0 } else { signed / angle };
                sum += f64::from(sample.unwrap_or(0.0)) * sinc * (0.5 + 0.5 * re);
                (re, im) = (re * window_cosine + im * window_sine, im * window_cosine - re * window_sine);
            }
            sum as f32
        })
        .collect()
}

/// Adds `samples` times `gain` into `line` from sample `at` on.
pub fn mix(line: &mut [f32], at: usize, samples: &[f32], gain: f32) {
    line[at..].iter_mut().zip(samples).for_each(|(line, sample)| *line += gain * sample);
}

/// Adds white noise.
pub fn add_noise(line: &mut [f32], deviation: f32, random: &mut Random) {
    line.iter_mut().for_each(|sample| *sample += deviation * random.gaussian());
}

/// Wilson's score interval at 95 % of a share: `events` of `of`.
pub fn wilson(events: usize, of: usize) -> (f64, f64) {
    let (n, z) = (of as f64, 1.96);
    let p = events as f64 / n;
    let centre = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    (((centre - spread) / scale).max(0.0), (centre + spread) / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaussian_numbers_have_mean_zero_and_variance_one() {
        let mut random = Random::new(1);
        let numbers: Vec<f64> = (0..100_000).map(|_| f64::from(random.gaussian())).collect();
        let mean = numbers.iter().sum::<f64>() / 1e5;
        let variance = numbers.iter().map(|number| number * number).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }

    #[test]
    fn wilsons_interval_is_the_textbooks() {
        // E. B. Wilson (1927): 0 of 10 is at most 0.278, 5 of 10 is 0.237 to 0.763.
        let (low, high) = wilson(5, 10);
        assert!((low - 0.2366).abs() < 1e-3 && (high - 0.7634).abs() < 1e-3, "{low} {high}");
        assert!(wilson(0, 10).0 < 1e-12 && (wilson(0, 10).1 - 0.2775).abs() < 1e-3);
    }

    #[test]
    fn a_resampled_sine_is_the_sine_of_the_other_clock() {
        let sine = |at: f64| (0.3 * at).sin();
        let samples: Vec<f32> = (0..2_000).map(|n| sine(f64::from(n)) as f32).collect();
        let resampled = resample(&samples, 0.4, 60.0);
        for (n, &sample) in resampled.iter().enumerate().take(1_900).skip(100) {
            let expected = sine(n as f64 * (1.0 + 60e-6) - 0.4);
            assert!((f64::from(sample) - expected).abs() < 2e-3, "{n}: {sample} {expected}");
        }
    }
}

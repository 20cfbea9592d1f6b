//! Short filters that give white noise a power spectral density.

use num_complex::Complex64;
use rustfft::FftPlanner;

/// A finite filter with its history.
#[derive(Clone, Debug)]
pub struct Fir {
    /// Taps, last first, so that they run with the samples.
    reversed: Vec<f32>,
    history: Vec<f32>,
}

impl Fir {
    /// A filter with these taps.
    pub fn new(taps: &[f32]) -> Self {
        Self {
            reversed: taps.iter().rev().copied().collect(),
            history: vec![0.0; taps.len().saturating_sub(1)],
        }
    }

    /// Adds the filtered `input` to `out`, which has the same length. `input` is in `buffer` after room for the
    /// history: see [`Fir::room`].
    pub fn add_filtered(&mut self, buffer: &mut [f32], out: &mut [f32]) {
        const CHUNK: usize = 16;
        let room = self.room();
        buffer[..room].copy_from_slice(&self.history);
        let mut at = 0;
        let mut chunks = out.chunks_exact_mut(CHUNK);
        for chunk in &mut chunks {
            let mut sums = [0.0f32; CHUNK];
            for (k, &tap) in self.reversed.iter().enumerate() {
                let input = &buffer[at + k..at + k + CHUNK];
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
            let input = &buffer[at..at + self.reversed.len()];
            *target += self.reversed.iter().zip(input).map(|(&tap, &sample)| tap * sample).sum::<f32>();
            at += 1;
        }
        self.history.copy_from_slice(&buffer[at..at + room]);
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
    let mut planner = FftPlanner::<f64>::new();
    let (forward, inverse) = (planner.plan_fft_forward(POINTS), planner.plan_fft_inverse(POINTS));
    let log_amplitude = |bin: usize| {
        let frequency = bin.min(POINTS - bin) as f64 * rate_hz / POINTS as f64;
        Complex64::new(0.5 * power(frequency).max(1e-300).ln(), 0.0)
    };
    let mut cepstrum: Vec<Complex64> = (0..POINTS).map(log_amplitude).collect();
    inverse.process(&mut cepstrum);
    for (n, value) in cepstrum.iter_mut().enumerate() {
        let weight = match n {
            0 => 1.0,
            n if n == half => 1.0,
            n if n < half => 2.0,
            _ => 0.0,
        };
        *value *= weight / POINTS as f64;
    }
    forward.process(&mut cepstrum);
    let mut response: Vec<Complex64> = cepstrum.iter().map(|value| value.exp()).collect();
    inverse.process(&mut response);
    response.iter().take(taps).map(|tap| (tap.re / POINTS as f64) as f32).collect()
}

/// Power response of taps at a frequency.
pub fn power_response(taps: &[f32], rate_hz: f64, frequency_hz: f64) -> f64 {
    let omega = std::f64::consts::TAU * frequency_hz / rate_hz;
    let sum: Complex64 = taps
        .iter()
        .enumerate()
        .map(|(n, &tap)| Complex64::from_polar(f64::from(tap), -omega * n as f64))
        .sum();
    sum.norm_sqr()
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
    fn a_filter_follows_a_falling_density() {
        let density = |f: f64| (-f / 20e3).exp();
        let taps = minimum_phase(48, 400e3, density);
        for frequency in [20e3, 50e3, 90e3, 140e3] {
            let db = 10.0 * (power_response(&taps, 400e3, frequency) / density(frequency)).log10();
            assert!(db.abs() < 0.3, "{frequency}: {db:.2} dB");
        }
    }
}

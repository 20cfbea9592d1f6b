//! Power spectral densities, and what a receiver's transform finds of them.

use super::filter::transform;
use num_complex::Complex64;
use std::f64::consts::{PI, TAU};

/// A spectral line: a carrier of a fixed frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Its frequency.
    pub hz: f64,
    /// Its mean square, in V².
    pub volts2: f64,
}

/// Volts squared per hertz of a density in dBm/Hz at 50 Ω.
pub fn volts2_per_hz(dbm_per_hz: f64) -> f64 {
    50.0 * 1e-3 * libm::pow(10.0, dbm_per_hz / 10.0)
}

/// Density in dBm/Hz at 50 Ω of volts squared per hertz.
pub fn dbm_per_hz(volts2_per_hz: f64) -> f64 {
    10.0 * libm::log10((volts2_per_hz / 0.05).max(1e-300))
}

/// Second-order statistics at a sample rate: what is stationary by its autocorrelation, and lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spectrum {
    rate_hz: f64,
    autocorrelation: Vec<f64>,
    lines: Vec<Line>,
}

impl Spectrum {
    /// Of unit white noise coloured by taps.
    pub fn of_taps(rate_hz: f64, taps: &[f32]) -> Self {
        let r = |lag: usize| -> f64 {
            taps.iter().zip(taps.iter().skip(lag)).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        Self { rate_hz, autocorrelation: (0..taps.len()).map(r).collect(), lines: Vec::new() }
    }

    /// Of a one-sided density in V²/Hz, correlated over less than 1024 samples.
    pub fn of_density(rate_hz: f64, density: impl Fn(f64) -> f64) -> Self {
        const POINTS: usize = 4_096;
        let at = |bin: usize| bin.min(POINTS - bin) as f64 * rate_hz / POINTS as f64;
        let mut work: Vec<Complex64> =
            (0..POINTS).map(|bin| Complex64::new(density(at(bin)) * rate_hz / 2.0, 0.0)).collect();
        transform(&mut work, 1.0);
        let autocorrelation = work.iter().take(POINTS / 4).map(|value| value.re / POINTS as f64).collect();
        Self { rate_hz, autocorrelation, lines: Vec::new() }
    }

    /// The same with these lines in addition.
    pub fn with_lines(mut self, rate_hz: f64, lines: &[Line]) -> Self {
        self.rate_hz = rate_hz;
        self.lines.extend_from_slice(lines);
        self
    }

    /// Mean energy E|N_k|² in a bin of a rectangular transform of `points`, leakage included.
    pub fn bin_power(&self, points: usize, bin: usize) -> f64 {
        let turn = TAU * bin as f64 / points as f64;
        let stationary: f64 = (0..self.autocorrelation.len().min(points))
            .map(|lag| {
                let both_sides = if lag == 0 { 1.0 } else { 2.0 };
                let overlap = (points - lag) as f64;
                both_sides * self.autocorrelation[lag] * overlap * libm::cos(turn * lag as f64)
            })
            .sum();
        let kernel = |cycles: f64| {
            let below = libm::sin(PI * cycles);
            if below.abs() < 1e-12 {
                (points * points) as f64
            } else {
                (libm::sin(PI * cycles * points as f64) / below).powi(2)
            }
        };
        let lines: f64 = self
            .lines
            .iter()
            .map(|line| {
                let (at, here) = (line.hz / self.rate_hz, bin as f64 / points as f64);
                line.volts2 / 2.0 * (kernel(at - here) + kernel(at + here))
            })
            .sum();
        stationary + lines
    }
}

//! N3: Katayama's cyclostationary noise (channel digest 1.3).
//!
//! σ²(t) = Σ A_l |sin(2π t / T_AC + θ_l)|^n_l, coloured by exp(-a |f|).

use super::filter::minimum_phase;
use super::model::{Amplitude, Conditions, Design, Model, mixture, power};
use super::preset::{REFERENCE_HZ, mean};
use super::shaped::{HalfTurn, Modulation, Shaped, half_turn};
use super::spectrum::volts2_per_hz;
use crate::noise::error::NoiseError;
use std::f64::consts::TAU;
use std::sync::{Arc, LazyLock};

/// Mean density over CENELEC-A's carriers: 43 dBµV in 200 Hz, the lower end of what the digest's 1.1 finds near
/// loads at 50 to 95 kHz, where N1 lies too (44 dBµV in 200 Hz at 75 kHz).
pub const MEAN_DBM_PER_HZ: f64 = -87.0;
/// Taps of the colouring filter at 400 kHz: short, so that it does not smear the sharp impulses.
const TAPS: usize = 16;
/// The sharpest impulse is 19 µs wide at half its height and wants four samples.
const LEAST_RATE_HZ: f64 = 200_000.0;

/// A parameter set as known from Dabora's papers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Katayama {
    /// KATA1.
    One,
    /// KATA2.
    Two,
}

struct Set {
    /// A_l, θ_l in degrees, n_l.
    terms: [(f64, f64, f64); 3],
    /// a of the colouring, in seconds.
    colour_s: f64,
}

const KATA1: Set =
    Set { terms: [(0.23, 0.0, 0.0), (1.38, -6.0, 1.91), (7.17, -35.0, 1.57e5)], colour_s: 1.2e-5 };
const KATA2: Set =
    Set { terms: [(0.13, 0.0, 0.0), (2.80, 128.0, 9.3), (16.0, 161.0, 5.3e3)], colour_s: 8.9e-6 };

impl Katayama {
    fn set(self) -> &'static Set {
        match self {
            Self::One => &KATA1,
            Self::Two => &KATA2,
        }
    }

    /// σ² at a phase of the mains in turns, not normalised.
    pub fn variance(self, turns: f64) -> f64 {
        let term = |&(a, theta_deg, n): &(f64, f64, f64)| {
            a * libm::pow(libm::sin(TAU * turns + theta_deg.to_radians()).abs(), n)
        };
        self.set().terms.iter().map(term).sum()
    }

    /// Mean of σ² over the mains period: |sin|^n has the mean Γ((n+1)/2) / (√π Γ(n/2+1)).
    pub fn mean_variance(self) -> f64 {
        let power = |n: f64| {
            let logarithm = libm::lgamma((n + 1.0) / 2.0) - libm::lgamma(n / 2.0 + 1.0);
            libm::exp(logarithm) / std::f64::consts::PI.sqrt()
        };
        self.set().terms.iter().map(|&(a, _, n)| a * power(n)).sum()
    }

    /// Density relative to that at 0.
    pub fn colour(self, hz: f64) -> f64 {
        libm::exp(-self.set().colour_s * hz)
    }

    fn envelope(self) -> HalfTurn {
        static TABLES: LazyLock<[HalfTurn; 2]> = LazyLock::new(|| {
            [Katayama::One, Katayama::Two].map(|set| half_turn(|turns| set.variance(turns)))
        });
        TABLES[self as usize].clone()
    }
}

impl Model for Katayama {
    fn density(&self, hz: f64) -> f64 {
        let mean = match self {
            Self::One => *mean_colours().first().unwrap_or(&1.0),
            Self::Two => *mean_colours().last().unwrap_or(&1.0),
        };
        volts2_per_hz(MEAN_DBM_PER_HZ) * self.colour(hz) / mean
    }

    fn density_at(&self, turns: f64, hz: f64) -> f64 {
        self.density(hz) * self.variance(turns) / self.mean_variance()
    }

    fn amplitudes(&self, conditions: &Conditions) -> Vec<Amplitude> {
        const STEPS: u32 = 2_000;
        let weight = 1.0 / f64::from(STEPS);
        let at = |step: u32| (f64::from(step) + 0.5) * weight / 2.0;
        let term = |step: u32| (weight, self.variance(at(step)) / self.mean_variance());
        mixture((0..STEPS).map(term), power(self, conditions))
    }

    fn follows_mains(&self) -> bool {
        true
    }

    fn check(&self, preset: &'static str, conditions: &Conditions) -> Result<(), NoiseError> {
        if conditions.rate_hz >= LEAST_RATE_HZ {
            return Ok(());
        }
        let why = format!("its impulses are 19 µs wide; take at least {LEAST_RATE_HZ} samples/s");
        Err(NoiseError::Rate { preset, rate_hz: conditions.rate_hz, why })
    }

    fn design(&self, conditions: &Conditions) -> Arc<dyn Design> {
        let taps = minimum_phase(conditions.taps(TAPS), conditions.rate_hz, |hz| {
            conditions.per_sample(self.density(hz))
        });
        Arc::new(Shaped::new(conditions, taps, Modulation::Mains(self.envelope())))
    }
}

/// Means of the colours over the reference band.
fn mean_colours() -> &'static [f64; 2] {
    static MEANS: LazyLock<[f64; 2]> =
        LazyLock::new(|| [Katayama::One, Katayama::Two].map(|set| mean(REFERENCE_HZ, |hz| set.colour(hz))));
    &MEANS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_peaks_are_the_digests() {
        for (set, mean, peak_db) in [(Katayama::One, 0.947, 9.5), (Katayama::Two, 1.019, 12.1)] {
            let summed = (0..1_000_000).map(|i| set.variance(f64::from(i) / 2e6)).sum::<f64>() / 1e6;
            assert!((summed - mean).abs() < 0.001, "{set:?}: {summed}");
            assert!((set.mean_variance() - summed).abs() < 1e-4, "{set:?}: {}", set.mean_variance());
            // The digest's 9.7 and 12.7 dB are the bounds that the sum of all A_l gives; where the l=2 pulse stands
            // the hump has not its full height.
            let peak = set.envelope().iter().fold(0f32, |a, &b| a.max(b * b));
            assert!((10.0 * f64::from(peak).log10() - peak_db).abs() < 0.1, "{set:?}: {peak}");
        }
    }

    #[test]
    fn colours_are_the_digests() {
        for (hz, db) in [(10e3, -0.5), (50e3, -2.6), (100e3, -5.2), (400e3, -20.8)] {
            assert!((10.0 * Katayama::One.colour(hz).log10() - db).abs() < 0.06);
        }
        for (hz, db) in [(10e3, -0.4), (50e3, -1.9), (100e3, -3.9), (400e3, -15.5)] {
            assert!((10.0 * Katayama::Two.colour(hz).log10() - db).abs() < 0.06);
        }
    }
}

//! Katayama's cyclostationary noise, parameter set KATA1 (channel digest 1.3).
//!
//! σ²(t) = Σ A_l |sin(2π t / T_AC + θ_l)|^n_l, coloured by exp(-a |f|).

use std::f64::consts::TAU;

/// A_l, θ_l in degrees, n_l.
const KATA1: [(f64, f64, f64); 3] = [(0.23, 0.0, 0.0), (1.38, -6.0, 1.91), (7.17, -35.0, 1.57e5)];
/// a of the colouring, in seconds.
const KATA1_COLOUR_S: f64 = 1.2e-5;
/// Steps of a half period in the table: 0.6 µs at 50 Hz, where the sharpest impulse is 19 µs wide.
const STEPS: usize = 16_384;

/// σ(t) over a half period of the mains, of unit mean power.
#[derive(Clone, Debug)]
pub struct Envelope {
    variance: Vec<f32>,
}

impl Envelope {
    /// KATA1's.
    pub fn kata1() -> Self {
        let raw: Vec<f64> = (0..STEPS).map(|step| raw_variance(step as f64 / (2.0 * STEPS as f64))).collect();
        let mean = raw.iter().sum::<f64>() / STEPS as f64;
        Self { variance: raw.iter().map(|value| (value / mean) as f32).collect() }
    }

    /// Variance at a mains phase in turns, relative to the mean.
    pub fn variance(&self, turns: f64) -> f32 {
        let half = (turns * 2.0).rem_euclid(1.0);
        self.variance.get((half * STEPS as f64) as usize).copied().unwrap_or(1.0)
    }
}

/// σ² of the model, not normalised, at a mains phase in turns.
fn raw_variance(turns: f64) -> f64 {
    KATA1
        .iter()
        .map(|&(a, theta_deg, n)| a * (TAU * turns + theta_deg.to_radians()).sin().abs().powf(n))
        .sum()
}

/// Relative power spectral density at a frequency: 1 at 0.
pub fn colour(frequency_hz: f64) -> f64 {
    (-KATA1_COLOUR_S * frequency_hz).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_the_digests_and_the_table_is_normalised() {
        let raw = (0..1_000_000).map(|i| raw_variance(f64::from(i) / 2e6)).sum::<f64>() / 1e6;
        assert!((raw - 0.947).abs() < 0.001, "{raw}");
        let envelope = Envelope::kata1();
        let mean = envelope.variance.iter().sum::<f32>() / STEPS as f32;
        assert!((mean - 1.0).abs() < 1e-4);
        // The l=2 pulse stands at 125°, where the hump has 77 % of its height: 9.5 dB. The digest's 9.7 dB is the
        // bound that the sum of all A_l gives.
        let peak = envelope.variance.iter().fold(0f32, |a, &b| a.max(b));
        let at_125_deg = 0.23 + 1.38 * 119f64.to_radians().sin().powf(1.91) + 7.17;
        assert!((f64::from(peak) - at_125_deg / raw).abs() < 0.01, "{peak} {}", at_125_deg / raw);
    }

    #[test]
    fn the_colour_is_the_digests() {
        for (frequency, db) in [(10e3, -0.5), (50e3, -2.6), (100e3, -5.2), (400e3, -20.8)] {
            assert!((10.0 * colour(frequency).log10() - db).abs() < 0.06);
        }
    }
}

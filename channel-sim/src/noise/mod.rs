//! Noise at a modem's port: presets of the channel digest's table 1.8 as seeded generators.
//!
//! Levels are power spectral densities of volts at 50 Ω. A generator belongs to one node; generators of one
//! scenario are independent. What is synchronous with the mains follows [`Mains`], shifted by a third of a turn
//! from phase to phase. See `docs/noise.md`.

pub mod colour;
pub mod gaussian;
pub mod katayama;
pub mod mains;

use crate::line::filter::FilterPlan;
use colour::{Fir, minimum_phase};
use gaussian::Gaussian;
pub use katayama::Envelope;
pub use mains::Mains;
use rand_core::Rng;
use serde::{Deserialize, Serialize};

/// Noise presets, as far as they are built. Several add up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Preset {
    /// N0: white Gaussian noise.
    N0 {
        /// Power spectral density.
        dbm_per_hz: f64,
    },
    /// N1: Hooijen's coloured background with the mean K of -8.64 and an offset (one standard deviation of K is
    /// 5 dB).
    N1 {
        /// Added to the model's level.
        offset_db: f64,
    },
    /// N3a: Katayama's cyclostationary noise, parameter set KATA1, at 50 Hz, with a mean density of
    /// [`N3A_DBM_PER_HZ`] over CENELEC-A.
    N3A,
}

/// Mean density of N3a over CENELEC-A's carriers: 43 dBµV in 200 Hz, the lower end of what the digest's 1.1 finds
/// near loads at 50 to 95 kHz, where N1 lies too (44 dBµV in 200 Hz at 75 kHz).
pub const N3A_DBM_PER_HZ: f64 = -87.0;
/// N1 does not fall below this (digest 1.1 suggests -105 to -115).
pub const N1_FLOOR_DBM_PER_HZ: f64 = -115.0;
/// Taps of the colouring filters.
const N1_TAPS: usize = 48;
const N3A_TAPS: usize = 16;
/// The lowest carrier of CENELEC-A and the highest.
const CENELEC_A_HZ: (f64, f64) = (35_937.5, 90_625.0);

/// Volts squared per hertz of a density in dBm/Hz at 50 Ω.
pub fn volts2_per_hz(dbm_per_hz: f64) -> f64 {
    50.0 * 1e-3 * 10f64.powf(dbm_per_hz / 10.0)
}

impl Preset {
    /// The preset of an identifier: `n0=DBM`, `n1`, `n1+5`, `n1-5` or `n3a`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_lowercase();
        let number = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
        let found = match lower.as_str() {
            "n1" => Some(Self::N1 { offset_db: 0.0 }),
            "n3a" => Some(Self::N3A),
            other => match (other.strip_prefix("n0="), other.strip_prefix("n1")) {
                (Some(level), _) => number(level).map(|dbm_per_hz| Self::N0 { dbm_per_hz }),
                (_, Some(offset)) => number(offset).map(|offset_db| Self::N1 { offset_db }),
                _ => None,
            },
        };
        found.ok_or_else(|| {
            format!("unknown noise preset {text:?}; use n0=-90 (dBm/Hz), n1, n1+5, n1-5 or n3a")
        })
    }

    /// Mean power spectral density by the defining formula, in dBm/Hz.
    pub fn dbm_per_hz(&self, frequency_hz: f64) -> f64 {
        match *self {
            Self::N0 { dbm_per_hz } => dbm_per_hz,
            Self::N1 { offset_db } => {
                // 10^(K - 3.95e-5 f) W/Hz
                let hooijen = 10.0 * (-8.64 - 3.95e-5 * frequency_hz) + 30.0;
                (hooijen + offset_db).max(N1_FLOOR_DBM_PER_HZ)
            }
            Self::N3A => {
                let (low, high) = CENELEC_A_HZ;
                let mean = (0..100)
                    .map(|i| katayama::colour(low + (high - low) * (f64::from(i) + 0.5) / 100.0))
                    .sum::<f64>()
                    / 100.0;
                N3A_DBM_PER_HZ + 10.0 * (katayama::colour(frequency_hz) / mean).log10()
            }
        }
    }

    /// Taps that colour unit white noise. N1 rises so steeply towards low frequencies that it passes the modem's
    /// coupler as the signal does: below the band it is attenuated like the filters of the line.
    fn taps(&self, plan: &FilterPlan) -> Vec<f32> {
        let power = |frequency: f64| volts2_per_hz(self.dbm_per_hz(frequency)) * plan.rate_hz / 2.0;
        match self {
            Self::N0 { .. } => vec![power(0.0).sqrt() as f32],
            Self::N1 { .. } => minimum_phase(N1_TAPS, plan.rate_hz, |frequency| {
                let low_side = if frequency < plan.band_hz[1] { plan.taper(frequency).powi(2) } else { 1.0 };
                power(frequency) * low_side.max(1e-4)
            }),
            Self::N3A => minimum_phase(N3A_TAPS, plan.rate_hz, power),
        }
    }

    fn follows_mains(&self) -> bool {
        matches!(self, Self::N3A)
    }
}

/// Generates the noise of one node.
#[derive(Clone, Debug)]
pub struct NoiseSource {
    parts: Vec<Part>,
    buffer: Vec<f32>,
}

#[derive(Clone, Debug)]
struct Part {
    white: Gaussian,
    taps: Vec<f32>,
    colour: Fir,
    follows_mains: bool,
}

impl NoiseSource {
    /// The sum of `presets`, with streams from `rng`.
    pub fn new(presets: &[Preset], plan: &FilterPlan, rng: &mut impl Rng) -> Self {
        let part = |preset: &Preset| {
            let taps = preset.taps(plan);
            Part {
                white: Gaussian::new(rng),
                colour: Fir::new(&taps),
                taps,
                follows_mains: preset.follows_mains(),
            }
        };
        Self { parts: presets.iter().map(part).collect(), buffer: Vec::new() }
    }

    /// Adds noise to `out`, in volts. `deviation` is the standard deviation, relative to its mean square, of what
    /// follows the mains, for each sample.
    pub fn add(&mut self, deviation: &[f32], out: &mut [f32]) {
        for part in &mut self.parts {
            let room = part.colour.room();
            self.buffer.resize(room + out.len(), 0.0);
            let fresh = &mut self.buffer[room..];
            part.white.fill(fresh);
            if part.follows_mains {
                for (sample, deviation) in fresh.iter_mut().zip(deviation) {
                    *sample *= deviation;
                }
            }
            part.colour.add_filtered(&mut self.buffer, out);
        }
    }

    /// Whether any part follows the mains.
    pub fn follows_mains(&self) -> bool {
        self.parts.iter().any(|part| part.follows_mains)
    }

    /// Mean noise energy in a bin of a rectangular `points`-point transform: what a receiver without window
    /// finds there, leakage included, as E|N_k|².
    pub fn bin_power(&self, points: usize, bin: usize) -> f64 {
        self.parts.iter().map(|part| bin_power(&part.taps, points, bin)).sum()
    }
}

/// E|N_k|² of unit white noise coloured by `taps`, from the autocorrelation r: Σ r(l) (N - |l|) cos(2π k l / N).
fn bin_power(taps: &[f32], points: usize, bin: usize) -> f64 {
    let r = |lag: usize| -> f64 {
        taps.iter().zip(taps.iter().skip(lag)).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    let turn = std::f64::consts::TAU * bin as f64 / points as f64;
    (0..taps.len().min(points))
        .map(|lag| {
            let both_sides = if lag == 0 { 1.0 } else { 2.0 };
            both_sides * r(lag) * (points - lag) as f64 * (turn * lag as f64).cos()
        })
        .sum()
}

#[cfg(test)]
mod tests;

//! N4: the linear periodically time-varying filter bank (channel digest 1.4, after Nassar, Dabak, Kim, Pande and Evans
//! 2012, adopted in IEEE 1901.2).
//!
//! n(t) = Σ 1[φ(t) ∈ R_i] (h_i * s)(t): unit white Gaussian noise s goes through M filters, and the phase of the mains
//! picks the one that is heard. All filters see the same white noise all the time, so there are no transients. Regions
//! are kept as densities and become filters at whatever rate a run has. The annex's own filters are not public; the
//! built-in bank is [`Bank::lv_3r`], others are files, fitted from recordings by [`super::fit`] or written by hand.

use super::error::NoiseError;
use super::filter::minimum_phase;
use super::gaussian::Gaussian;
use super::kernels;
use super::mains::MainsPhase;
use super::model::{Amplitude, Conditions, Design, Model, Process, mixture, power};
use super::preset::{Parameters, REFERENCE_HZ, mean};
use super::spectrum::{Spectrum, volts2_per_hz};
use dsp::cpu::Level;
use num_complex::Complex64;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;
use std::path::Path;
use std::sync::Arc;

/// Taps of a region's filter at 400 kHz.
const TAPS: usize = 64;
/// More regions, coefficients or points than this are no model.
const MOST: usize = 4_096;

/// A partition of the mains period with a density in each region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bank {
    /// What it is and where it comes from.
    pub name: String,
    /// Degrees of mains phase after which it repeats: 180 or 360.
    pub period_deg: f64,
    /// Frequencies for which it is valid.
    pub valid_hz: [f64; 2],
    /// Regions in order of phase, from 0° on.
    pub regions: Vec<Region>,
}

/// A region of mains phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Where it ends, in degrees; it begins where the one before ends.
    pub to_deg: f64,
    /// Its density.
    pub colour: Colour,
}

/// A power spectral density.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Colour {
    /// dBm/Hz at frequencies, interpolated in decibels over the logarithm of the frequency.
    Table {
        /// Frequencies, rising.
        hz: Vec<f64>,
        /// Densities at 50 Ω.
        dbm_per_hz: Vec<f64>,
    },
    /// An autoregressive process: white noise of a density through 1 / (1 + Σ a_k z^-k).
    Autoregressive {
        /// Samples per second.
        rate_hz: f64,
        /// Density of the white noise in V²/Hz.
        volts2_per_hz: f64,
        /// a_1, a_2 ...
        coefficients: Vec<f64>,
    },
    /// Unit white noise through taps, as annex tables give filters: the output is in volts.
    Taps {
        /// Samples per second.
        rate_hz: f64,
        /// h_0, h_1 ...
        taps: Vec<f64>,
    },
}

/// The loudest and the quietest density of a bank's noise.
const LOUDEST_DBM_PER_HZ: f64 = 100.0;
const QUIETEST_DBM_PER_HZ: f64 = -290.0;

impl Colour {
    /// Density in V²/Hz. Beyond half of its rate a filter has what it has there.
    pub fn density(&self, hz: f64) -> f64 {
        match self {
            Self::Table { hz: at, dbm_per_hz } => {
                let after = at.partition_point(|&at| at <= hz).clamp(1, at.len() - 1);
                let logarithm = |hz: f64| libm::log(hz.max(1.0));
                let (low, high) = (logarithm(at[after - 1]), logarithm(at[after]));
                let share = ((logarithm(hz) - low) / (high - low)).clamp(0.0, 1.0);
                let (before, next) = (dbm_per_hz[after - 1], dbm_per_hz[after]);
                volts2_per_hz(before + share * (next - before))
            }
            Self::Autoregressive { rate_hz, volts2_per_hz, coefficients } => {
                volts2_per_hz / (1.0 + response(coefficients, 1, *rate_hz, hz)).norm_sqr()
            }
            Self::Taps { rate_hz, taps } => 2.0 / rate_hz * response(taps, 0, *rate_hz, hz).norm_sqr(),
        }
    }

    fn wrong(&self) -> Option<String> {
        let rate =
            |rate_hz: f64| (!(rate_hz > 0.0 && rate_hz.is_finite())).then(|| format!("rate_hz {rate_hz}"));
        let numbers = |name: &str, values: &[f64], least: usize| {
            let bad = values.iter().find(|value| !value.is_finite());
            let length = !(least..=MOST).contains(&values.len());
            let bad = bad.map(|value| format!("{name} has {value}"));
            bad.or_else(|| {
                length.then(|| format!("{name} has {} values, not {least} to {MOST}", values.len()))
            })
        };
        match self {
            Self::Table { hz, dbm_per_hz } => numbers("hz", hz, 2)
                .or_else(|| numbers("dbm_per_hz", dbm_per_hz, 2))
                .or_else(|| {
                    (hz.len() != dbm_per_hz.len()).then(|| "hz and dbm_per_hz differ in length".into())
                })
                .or_else(|| {
                    (!hz.windows(2).all(|pair| pair[0] < pair[1])).then(|| "hz does not rise".into())
                }),
            Self::Autoregressive { rate_hz, volts2_per_hz, coefficients } => {
                rate(*rate_hz).or_else(|| numbers("coefficients", coefficients, 0)).or_else(|| {
                    let good = *volts2_per_hz > 0.0 && volts2_per_hz.is_finite();
                    (!good).then(|| format!("volts2_per_hz {volts2_per_hz}"))
                })
                .or_else(|| {
                    let unstable = "coefficients of a filter that grows without end: a pole lies outside the unit circle";
                    (!is_stable(coefficients)).then(|| unstable.to_string())
                })
            }
            Self::Taps { rate_hz, taps } => rate(*rate_hz).or_else(|| numbers("taps", taps, 1)),
        }
        .or_else(|| self.beyond())
    }

    /// A density that no noise has: more than [`LOUDEST_DBM_PER_HZ`] or, of what has no zeros, less than
    /// [`QUIETEST_DBM_PER_HZ`].
    fn beyond(&self) -> Option<String> {
        const POINTS: u32 = 4_096;
        let frequencies: Vec<f64> = match self {
            Self::Table { hz, .. } => hz.clone(),
            Self::Autoregressive { rate_hz, .. } | Self::Taps { rate_hz, .. } => {
                (0..=POINTS).map(|i| rate_hz / 2.0 * f64::from(i) / f64::from(POINTS)).collect()
            }
        };
        let zeros = matches!(self, Self::Taps { .. });
        let least = if zeros { 0.0 } else { volts2_per_hz(QUIETEST_DBM_PER_HZ) };
        let possible = least..=volts2_per_hz(LOUDEST_DBM_PER_HZ);
        let wrong = frequencies.into_iter().find(|&hz| !possible.contains(&self.density(hz)));
        wrong.map(|hz| {
            format!(
                "{:e} V²/Hz at {hz} Hz, not {QUIETEST_DBM_PER_HZ} to {LOUDEST_DBM_PER_HZ} dBm/Hz",
                self.density(hz)
            )
        })
    }
}

/// Whether no pole of 1 / (1 + Σ a_k z^-k) lies outside the unit circle: Levinson's recursion backwards, whose reflection
/// coefficients then stay within one. One on the circle shows in the density.
fn is_stable(coefficients: &[f64]) -> bool {
    let mut a = coefficients.to_vec();
    while let Some(reflection) = a.pop() {
        if reflection.abs() > 1.0 {
            return false;
        }
        let rest = 1.0 - reflection * reflection;
        if rest <= 0.0 {
            return true;
        }
        let order = a.len();
        a = (0..order).map(|k| (a[k] - reflection * a[order - 1 - k]) / rest).collect();
    }
    true
}

/// Σ c_k exp(-j 2π f (k + first) / rate).
fn response(coefficients: &[f64], first: usize, rate_hz: f64, hz: f64) -> Complex64 {
    let turn = -TAU * hz.min(rate_hz / 2.0) / rate_hz;
    let term = |(k, &c): (usize, &f64)| {
        let (sin, cos) = libm::sincos(turn * (k + first) as f64);
        Complex64::new(c * cos, c * sin)
    };
    coefficients.iter().enumerate().map(term).sum()
}

impl Bank {
    /// The digest's own suggestion with three regions. Its ranges are pinned here: R1, 60 % of the half period, is
    /// white at the background's density; R2, 30 %, is R1 and a resonance at 70 kHz of quality 2, together 8 dB above
    /// R1 on average over CENELEC-A's carriers; R3, 10 %, is 25 dB above R1 and falls by 20 dB per decade from 100 kHz.
    pub fn lv_3r() -> Self {
        const RESONANCE_HZ: f64 = 70_000.0;
        const QUALITY: f64 = 2.0;
        const POINTS: u32 = 240;
        let resonance = |hz: f64| {
            let off = QUALITY * (hz / RESONANCE_HZ - RESONANCE_HZ / hz);
            1.0 / (1.0 + off * off)
        };
        let strength = (libm::pow(10.0, 0.8) - 1.0) / mean(REFERENCE_HZ, resonance);
        let slope = |hz: f64| 2.5 - 2.0 * libm::log10((hz / 100e3).max(1.0));
        // 1 kHz to 5 MHz, half of the highest rate.
        let at = |i: u32| 1e3 * libm::pow(5e3, f64::from(i) / f64::from(POINTS - 1));
        let reference = super::model::BACKGROUND_DBM_PER_HZ;
        let region = |to_deg: f64, rise_db: &dyn Fn(f64) -> f64| {
            let hz: Vec<f64> = (0..POINTS).map(at).collect();
            let dbm_per_hz = hz.iter().map(|&hz| reference + rise_db(hz)).collect();
            Region { to_deg, colour: Colour::Table { hz, dbm_per_hz } }
        };
        Self {
            name: "LV-3R".into(),
            period_deg: 180.0,
            valid_hz: super::model::NARROWBAND_HZ,
            regions: vec![
                region(108.0, &|_| 0.0),
                region(162.0, &|hz| 10.0 * libm::log10(1.0 + strength * resonance(hz))),
                region(180.0, &|hz| 10.0 * slope(hz)),
            ],
        }
    }

    /// A bank from a file in JSON.
    pub fn read(path: &Path) -> Result<Self, NoiseError> {
        let problem = |problem: String| NoiseError::File { path: path.into(), problem };
        let text = std::fs::read_to_string(path)
            .map_err(|error| problem(format!("{error}; give a file that `channel-sim noise fit` wrote")))?;
        Self::parse(&text).map_err(problem)
    }

    /// A bank from JSON.
    ///
    /// # Errors
    /// A sentence with the value that is wrong, and its line and column where it is no JSON.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bank: Self = serde_json::from_str(text).map_err(|error| {
            format!("{error}; a filter bank has name, period_deg, valid_hz and regions, see docs/noise")
        })?;
        bank.check_values()?;
        Ok(bank)
    }

    /// What is wrong with the values, if anything.
    fn check_values(&self) -> Result<(), String> {
        if self.period_deg != 180.0 && self.period_deg != 360.0 {
            return Err(format!("period_deg {} is neither 180 nor 360", self.period_deg));
        }
        let [low, high] = self.valid_hz;
        if !(low >= 0.0 && low < high && high.is_finite()) {
            return Err(format!("valid_hz {low} to {high} is no band"));
        }
        if !(1..=MOST).contains(&self.regions.len()) {
            return Err(format!("{} regions; at least one is needed", self.regions.len()));
        }
        let mut from = 0.0;
        for (index, region) in self.regions.iter().enumerate() {
            if !(region.to_deg > from && region.to_deg <= self.period_deg) {
                return Err(format!(
                    "region {index} ends at {}°, not between {from}° and the period",
                    region.to_deg
                ));
            }
            if let Some(wrong) = region.colour.wrong() {
                return Err(format!("region {index}: {wrong}"));
            }
            from = region.to_deg;
        }
        if from < self.period_deg {
            return Err(format!(
                "the last region ends at {from}°, not with the period at {}°",
                self.period_deg
            ));
        }
        Ok(())
    }

    pub(super) fn preset(parameters: &mut Parameters<'_>) -> Result<Arc<dyn Model>, NoiseError> {
        Ok(Arc::new(match parameters.file() {
            Some(path) => Self::read(&path)?,
            None => Self::lv_3r(),
        }))
    }

    /// Ends of the regions as shares of the period.
    fn ends(&self) -> Vec<f64> {
        self.regions.iter().map(|region| region.to_deg / self.period_deg).collect()
    }

    /// Shares of the period that the regions have.
    fn shares(&self) -> Vec<f64> {
        let mut from = 0.0;
        let share = |end: f64| end - std::mem::replace(&mut from, end);
        self.ends().into_iter().map(share).collect()
    }

    /// Periods in a turn of the mains.
    fn per_turn(&self) -> f64 {
        360.0 / self.period_deg
    }

    /// The region at a phase in turns.
    pub fn region_at(&self, turns: f64) -> usize {
        let periods = turns * self.per_turn();
        let position = periods - libm::floor(periods);
        let ends = self.ends();
        ends.iter().position(|&end| position < end).unwrap_or(ends.len() - 1)
    }
}

impl Model for Bank {
    fn density(&self, hz: f64) -> f64 {
        self.regions.iter().zip(self.shares()).map(|(region, share)| share * region.colour.density(hz)).sum()
    }

    fn density_at(&self, turns: f64, hz: f64) -> f64 {
        self.regions.get(self.region_at(turns)).map_or(0.0, |region| region.colour.density(hz))
    }

    /// That of the quietest region at the frequency.
    fn background(&self, hz: f64) -> f64 {
        self.regions.iter().map(|region| region.colour.density(hz)).fold(f64::INFINITY, f64::min)
    }

    fn amplitudes(&self, conditions: &Conditions) -> Vec<Amplitude> {
        let band = [0.0, conditions.rate_hz / 2.0];
        let total = mean(band, |hz| self.density(hz));
        let variance = |region: &Region| mean(band, |hz| region.colour.density(hz)) / total;
        mixture(self.shares().into_iter().zip(self.regions.iter().map(variance)), power(self, conditions))
    }

    fn follows_mains(&self) -> bool {
        true
    }

    fn check(&self, preset: &'static str, conditions: &Conditions) -> Result<(), NoiseError> {
        let ([low_hz, high_hz], [from, to]) = (conditions.band_hz, self.valid_hz);
        if from <= low_hz && high_hz <= to {
            return Ok(());
        }
        let why = format!(
            "the filter bank {} is valid from {from} to {to} Hz; take a band within (--band; for a line of CENELEC-A alone --rate 400)",
            self.name
        );
        Err(NoiseError::Band { preset, low_hz, high_hz, why })
    }

    fn design(&self, conditions: &Conditions) -> Arc<dyn Design> {
        let taps = |region: &Region| {
            minimum_phase(conditions.taps(TAPS), conditions.rate_hz, |hz| {
                conditions.per_sample(region.colour.density(hz)) * conditions.coupled(hz)
            })
        };
        Arc::new(Ready {
            rate_hz: conditions.rate_hz,
            per_turn: self.per_turn(),
            ends: self.ends().into(),
            taps: self.regions.iter().map(taps).collect(),
        })
    }
}

#[derive(Debug)]
struct Ready {
    rate_hz: f64,
    per_turn: f64,
    ends: Arc<[f64]>,
    taps: Vec<Vec<f32>>,
}

impl Design for Ready {
    fn start(&self, mut rng: ChaCha8Rng, gain: f64) -> Box<dyn Process> {
        let reversed = |taps: &Vec<f32>| taps.iter().rev().map(|&tap| tap * gain as f32).collect();
        let room = self.taps.first().map_or(1, Vec::len) - 1;
        Box::new(Running {
            level: Level::best(),
            white: Gaussian::new(&mut rng),
            history: vec![0.0; room],
            per_turn: self.per_turn,
            ends: self.ends.clone(),
            reversed: self.taps.iter().map(reversed).collect(),
        })
    }

    fn spectra(&self) -> Vec<Spectrum> {
        self.taps.iter().map(|taps| Spectrum::of_taps(self.rate_hz, taps)).collect()
    }

    fn weights(&self, from: f64, to: f64) -> Vec<f64> {
        let (from, to) = (from * self.per_turn, to * self.per_turn);
        // How far regions before a position have been passed, whole periods included.
        let passed = |position: f64, low: f64, high: f64| {
            let whole = libm::floor(position);
            whole * (high - low) + (position - whole).clamp(low, high) - low
        };
        let mut low = 0.0;
        let weight = |&high: &f64| {
            let share = (passed(to, low, high) - passed(from, low, high)) / (to - from);
            low = high;
            share
        };
        self.ends.iter().map(weight).collect()
    }
}

#[derive(Debug)]
struct Running {
    level: Level,
    white: Gaussian,
    /// The white samples before the next, as many as the filters look back.
    history: Vec<f32>,
    per_turn: f64,
    ends: Arc<[f64]>,
    /// Taps of each region, last first.
    reversed: Vec<Vec<f32>>,
}

impl Process for Running {
    fn add(&mut self, phase: MainsPhase, work: &mut Vec<f32>, out: &mut [f32]) {
        let room = self.history.len();
        work.resize(room + out.len(), 0.0);
        work[..room].copy_from_slice(&self.history);
        self.white.fill(&mut work[room..]);
        let step = phase.per_sample * self.per_turn;
        let mut at = 0;
        while at < out.len() {
            let periods = phase.after(at as f64).turns * self.per_turn;
            let position = periods - libm::floor(periods);
            let region = self.ends.iter().position(|&end| position < end).unwrap_or(self.ends.len() - 1);
            let left = self.ends.get(region).map_or(0.0, |end| libm::ceil((end - position) / step));
            let end = out.len().min(at + (left.max(1.0) as usize));
            if let Some(taps) = self.reversed.get(region) {
                kernels::add_convolved(self.level, taps, &work[at..room + end], &mut out[at..end]);
            }
            at = end;
        }
        self.history.copy_from_slice(&work[out.len()..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::spectrum::dbm_per_hz;

    #[test]
    fn the_three_regions_are_the_digests() {
        let bank = Bank::lv_3r();
        let level = |turns: f64| dbm_per_hz(mean(REFERENCE_HZ, |hz| bank.density_at(turns, hz)));
        assert!((level(0.1) + 95.0).abs() < 1e-6);
        assert!((level(0.4) + 87.0).abs() < 0.01, "{}", level(0.4));
        assert!((level(0.48) + 70.0).abs() < 1e-6);
        // Mean power over R1 (digest 1.4).
        let mean_db = dbm_per_hz(mean(REFERENCE_HZ, |hz| bank.density(hz))) + 95.0;
        assert!((mean_db - 15.3).abs() < 0.05, "{mean_db}");
        // Resonance and slope.
        let r2 = |hz: f64| dbm_per_hz(bank.density_at(0.4, hz));
        assert!(r2(70e3) > r2(30e3) + 3.0 && r2(70e3) > r2(160e3) + 3.0);
        assert!((dbm_per_hz(bank.density_at(0.49, 400e3)) + 70.0 + 12.04).abs() < 0.05);
    }

    #[test]
    fn files_are_read_back_and_bad_ones_are_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bank.json");
        let bank = Bank::lv_3r();
        std::fs::write(&path, serde_json::to_string(&bank).unwrap()).unwrap();
        let again = Bank::read(&path).unwrap();
        for (turns, hz) in [(0.1, 5e3), (0.4, 71e3), (0.49, 312e3)] {
            let ratio = again.density_at(turns, hz) / bank.density_at(turns, hz);
            assert!((ratio - 1.0).abs() < 1e-9, "{hz}");
        }
        let refused = |bank: &Bank| {
            std::fs::write(&path, serde_json::to_string(bank).unwrap()).unwrap();
            Bank::read(&path).unwrap_err().to_string()
        };
        let mut wrong = bank.clone();
        wrong.regions[1].to_deg = 100.0;
        assert!(refused(&wrong).contains("region 1 ends at 100°"));
        wrong.regions.truncate(1);
        assert!(refused(&wrong).contains("the last region ends at 108°"));
        wrong.regions.clear();
        assert!(refused(&wrong).contains("0 regions"));
        let mut wrong = bank.clone();
        wrong.regions[0].colour = Colour::Taps { rate_hz: 0.0, taps: vec![1.0] };
        assert!(refused(&wrong).contains("rate_hz 0"));
        // A pole on the unit circle, and densities that no noise has.
        wrong.regions[0].colour =
            Colour::Autoregressive { rate_hz: 4e5, volts2_per_hz: 1e-12, coefficients: vec![-1.0] };
        assert!(refused(&wrong).contains("region 0: inf V²/Hz at 0 Hz"), "{}", refused(&wrong));
        // One at 2.28.
        wrong.regions[0].colour =
            Colour::Autoregressive { rate_hz: 4e5, volts2_per_hz: 1e-12, coefficients: vec![-2.5, 0.5] };
        assert!(refused(&wrong).contains("region 0: coefficients"), "{}", refused(&wrong));
        for dbm_per_hz in [1e6, 101.0, -301.0] {
            wrong.regions[0].colour =
                Colour::Table { hz: vec![3e3, 1e5], dbm_per_hz: vec![dbm_per_hz, -100.0] };
            assert!(refused(&wrong).contains("not -290 to 100 dBm/Hz"), "{}", refused(&wrong));
        }
        std::fs::write(&path, "{").unwrap();
        assert!(Bank::read(&path).unwrap_err().to_string().contains("a filter bank has"));
    }

    #[test]
    fn an_autoregressive_colour_and_taps_are_their_formulas() {
        // 1 / (1 - 0.5 z^-1) at 0 and at half the rate; taps 1, 1 likewise.
        let colour = Colour::Autoregressive { rate_hz: 4e5, volts2_per_hz: 3.0, coefficients: vec![-0.5] };
        assert!((colour.density(0.0) - 12.0).abs() < 1e-9);
        assert!((colour.density(2e5) - 3.0 / 2.25).abs() < 1e-9);
        let colour = Colour::Taps { rate_hz: 4e5, taps: vec![1.0, 1.0] };
        assert!((colour.density(0.0) - 8.0 / 4e5).abs() < 1e-15);
        assert!(colour.density(2e5) < 1e-15);
    }
}

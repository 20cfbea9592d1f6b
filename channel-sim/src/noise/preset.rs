//! Presets by name: the channel digest's table 1.8.
//!
//! `ID[+DB|-DB|=DBM_PER_HZ][:KEY=VALUE]...[@FILE]`: an identifier, a change of its level in dB or the mean density
//! over CENELEC-A's carriers, parameters, and a file where the model wants one.

use super::error::NoiseError;
use super::model::{BACKGROUND_DBM_PER_HZ, Conditions, Model, NARROWBAND_HZ, RATES_HZ};
use super::spectrum::{dbm_per_hz, volts2_per_hz};
use super::{
    awgn, bernoulli, bursts, class_a, converter, filter_bank, hooijen, household, katayama, markov, playback,
    tones, zimmermann,
};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// CENELEC-A's lowest carrier and its highest, over which levels of presets are means.
pub const REFERENCE_HZ: [f64; 2] = [35_937.5, 90_625.0];

/// A preset of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its identifier, which never changes.
    pub id: &'static str,
    /// What it is.
    pub title: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// Parameters that it takes.
    pub parameters: &'static str,
    make: fn(&mut Parameters<'_>) -> Result<Arc<dyn Model>, NoiseError>,
}

/// All presets, in the table's order.
pub const CATALOGUE: &[Entry] = &[
    Entry {
        id: "n0",
        title: "white Gaussian noise, -90 dBm/Hz",
        purpose: "theory check",
        parameters: "",
        make: |_| Ok(Arc::new(awgn::Awgn::default())),
    },
    Entry {
        id: "n1",
        title: "Hooijen's coloured background, mean K",
        purpose: "coloured; n1+5 and n1-5 are one standard deviation of K",
        parameters: "floor (-115)",
        make: hooijen::Hooijen::preset,
    },
    Entry {
        id: "n2",
        title: "measured converter environment: floor and 288 spurs",
        purpose: "modern loads",
        parameters: "",
        make: |_| Ok(Arc::new(converter::Converter)),
    },
    Entry {
        id: "n3a",
        title: "Katayama, parameter set KATA1",
        purpose: "cyclostationary",
        parameters: "",
        make: |_| Ok(Arc::new(katayama::Katayama::One)),
    },
    Entry {
        id: "n3b",
        title: "Katayama, parameter set KATA2",
        purpose: "cyclostationary",
        parameters: "",
        make: |_| Ok(Arc::new(katayama::Katayama::Two)),
    },
    Entry {
        id: "n4",
        title: "filter bank with regions of mains phase, LV-3R or a file's",
        purpose: "as in IEEE 1901.2; n4@BANK.json takes what `noise fit` wrote",
        parameters: "",
        make: filter_bank::Bank::preset,
    },
    Entry {
        id: "n5a",
        title: "bursts of 1 ms every 10 ms, 25 dB above the background",
        purpose: "weighting of soft decisions symbol by symbol",
        parameters: "duty (0.1), db (25)",
        make: |parameters| bursts::Bursts::preset(parameters, 0.1),
    },
    Entry {
        id: "n5b",
        title: "bursts of 3 ms every 10 ms, 25 dB above the background",
        purpose: "30 % erasures",
        parameters: "duty (0.3), db (25)",
        make: |parameters| bursts::Bursts::preset(parameters, 0.3),
    },
    Entry {
        id: "n6a",
        title: "Bernoulli-Gaussian, p = 0.01, impulses 30 dB above the background",
        purpose: "blanking",
        parameters: "p (0.01), db (30)",
        make: |parameters| bernoulli::BernoulliGaussian::preset(parameters, 0.01, 30.0),
    },
    Entry {
        id: "n6b",
        title: "Bernoulli-Gaussian, p = 0.001, impulses 40 dB above the background",
        purpose: "blanking",
        parameters: "p (0.001), db (40)",
        make: |parameters| bernoulli::BernoulliGaussian::preset(parameters, 0.001, 40.0),
    },
    Entry {
        id: "n7a",
        title: "Middleton's class A, A = 0.1, Γ = 0.01",
        purpose: "comparison with SimPRIME",
        parameters: "a (0.1), gamma (0.01)",
        make: |parameters| class_a::ClassA::preset(parameters, 0.01),
    },
    Entry {
        id: "n7b",
        title: "Middleton's class A, A = 0.1, Γ = 0.001",
        purpose: "comparison with SimPRIME",
        parameters: "a (0.1), gamma (0.001)",
        make: |parameters| class_a::ClassA::preset(parameters, 0.001),
    },
    Entry {
        id: "n8h",
        title: "aperiodic impulses, heavily disturbed: 51 a second",
        purpose: "aperiodic impulses",
        parameters: "per_s (51), width_us (64.1)",
        make: |parameters| zimmermann::Zimmermann::preset(parameters, SCENARIOS[0]),
    },
    Entry {
        id: "n8m",
        title: "aperiodic impulses, medium: 1.04 a second",
        purpose: "aperiodic impulses",
        parameters: "per_s (1.04), width_us (60.7)",
        make: |parameters| zimmermann::Zimmermann::preset(parameters, SCENARIOS[1]),
    },
    Entry {
        id: "n8w",
        title: "aperiodic impulses, weakly disturbed: 0.122 a second",
        purpose: "aperiodic impulses",
        parameters: "per_s (0.122), width_us (110.7)",
        make: |parameters| zimmermann::Zimmermann::preset(parameters, SCENARIOS[2]),
    },
    Entry {
        id: "n9",
        title: "Markov-Middleton, A = 0.1, Γ = 0.01, x = 0.99",
        purpose: "impulses with memory",
        parameters: "a (0.1), gamma (0.01), x (0.99)",
        make: markov::MarkovMiddleton::preset,
    },
    Entry {
        id: "n10a",
        title: "one tone on a carrier, SIR 0 dB",
        purpose: "notch; sir=10 to -30",
        parameters: "hz (place), sir (0)",
        make: |parameters| tones::Tones::place(parameters, 0),
    },
    Entry {
        id: "n10b",
        title: "one tone halfway between carriers",
        purpose: "notch; sir=10 to -30",
        parameters: "hz (place), sir (0)",
        make: |parameters| tones::Tones::place(parameters, 1),
    },
    Entry {
        id: "n10c",
        title: "one tone on a pilot",
        purpose: "notch; sir=10 to -30",
        parameters: "hz (place), sir (0)",
        make: |parameters| tones::Tones::place(parameters, 2),
    },
    Entry {
        id: "n10d",
        title: "one tone with the preamble's period",
        purpose: "notch; sir=10 to -30",
        parameters: "hz (place), sir (0)",
        make: |parameters| tones::Tones::place(parameters, 3),
    },
    Entry {
        id: "n10e",
        title: "one tone sweeping twice a mains period",
        purpose: "notch; sir=10 to -30",
        parameters: "hz (place), sir (0)",
        make: |parameters| tones::Tones::place(parameters, 4),
    },
    Entry {
        id: "n10f",
        title: "broadcast and time signals",
        purpose: "stable carriers",
        parameters: "",
        make: |_| Ok(tones::Tones::scene(0)),
    },
    Entry {
        id: "n10g",
        title: "a switching converter and its harmonics",
        purpose: "wandering, gated by the mains",
        parameters: "",
        make: |_| Ok(tones::Tones::scene(1)),
    },
    Entry {
        id: "n10h",
        title: "another utility's S-FSK",
        purpose: "other signalling",
        parameters: "",
        make: |_| Ok(tones::Tones::scene(2)),
    },
    Entry {
        id: "n11",
        title: "triac dimmer and compact fluorescent lamps",
        purpose: "worst household",
        parameters: "angle (75), loss (30), burst (18)",
        make: household::Household::preset,
    },
    Entry {
        id: "n12",
        title: "playback of a recording, n12@FILE.wav",
        purpose: "reality",
        parameters: "mains (50), volts (1)",
        make: playback::Playback::preset,
    },
];

/// The digest's scenarios of aperiodic impulses: name, mean time from one to the next in seconds, mean width in µs, time
/// occupied in percent.
pub const SCENARIOS: [(&str, f64, f64, f64); 3] =
    [("heavy", 0.0196, 64.1, 0.327), ("medium", 0.96, 60.7, 0.00632), ("weak", 8.1967, 110.7, 0.00135)];

/// A change of a preset's level.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Level {
    /// The model's own and so many dB.
    Offset(f64),
    /// Mean density over [`REFERENCE_HZ`], in dBm/Hz.
    Mean(f64),
}

/// A noise model with its level. Several add up.
#[derive(Clone, Debug)]
pub struct Preset {
    id: &'static str,
    /// As it was written, in lower case but for the file.
    text: String,
    level: Level,
    model: Arc<dyn Model>,
}

impl Preset {
    /// The preset that `text` names; see the module.
    pub fn parse(text: &str) -> Result<Self, NoiseError> {
        let text = text.trim();
        let (head, file) = match text.split_once('@') {
            Some((head, file)) => (head, Some(Path::new(file))),
            None => (text, None),
        };
        let head = head.to_lowercase();
        let mut pieces = head.split(':');
        let name = pieces.next().unwrap_or_default();
        let unknown = || NoiseError::Unknown { text: text.into(), known: known() };
        let entry = CATALOGUE
            .iter()
            .filter(|entry| name.strip_prefix(entry.id).is_some_and(starts_level))
            .max_by_key(|entry| entry.id.len())
            .ok_or_else(unknown)?;
        let level = level(entry.id, &name[entry.id.len()..])?;
        let mut parameters = Parameters { preset: entry.id, pieces: pieces.collect(), file };
        let model = (entry.make)(&mut parameters)?;
        parameters.finish(entry)?;
        let text = match file {
            Some(file) => format!("{head}@{}", file.display()),
            None => head,
        };
        let preset = Self { id: entry.id, text, level, model };
        if matches!(preset.level, Level::Mean(_)) && !preset.has_density() {
            return Err(NoiseError::NoDensity { preset: preset.id, text: preset.text });
        }
        if preset.gain().is_finite() && preset.gain() > 0.0 {
            Ok(preset)
        } else {
            Err(NoiseError::Level { preset: preset.id, text: preset.text })
        }
    }

    /// N0, white Gaussian noise of a density.
    pub fn white(dbm_per_hz: f64) -> Self {
        Self::plain("n0", Arc::new(awgn::Awgn::default()), Level::Mean(dbm_per_hz))
    }

    /// N1, Hooijen's coloured background.
    pub fn hooijen() -> Self {
        Self::plain("n1", Arc::new(hooijen::Hooijen::default()), Level::Offset(0.0))
    }

    /// N3a, Katayama's model with its first set of parameters.
    pub fn katayama() -> Self {
        Self::plain("n3a", Arc::new(katayama::Katayama::One), Level::Offset(0.0))
    }

    fn plain(id: &'static str, model: Arc<dyn Model>, level: Level) -> Self {
        let text = match level {
            Level::Offset(_) => id.to_owned(),
            Level::Mean(dbm_per_hz) => format!("{id}={dbm_per_hz}"),
        };
        Self { id, text, level, model }
    }

    /// Its identifier in the catalogue.
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// What it is, as the catalogue says.
    pub fn title(&self) -> &'static str {
        CATALOGUE.iter().find(|entry| entry.id == self.id).map_or("", |entry| entry.title)
    }

    /// The model that defines it, at the model's own level.
    pub fn model(&self) -> &dyn Model {
        self.model.as_ref()
    }

    /// The same under conditions; formulas are those of [`Conditions::CENELEC_A`] without.
    pub fn at(&self, conditions: &Conditions) -> Self {
        let model = self.model.at(conditions).unwrap_or_else(|| self.model.clone());
        Self { model, ..self.clone() }
    }

    /// Whether there is a density over CENELEC-A's carriers that a level can mean: not where there are carriers and
    /// nothing but their skirts, nor where the signal gives the level.
    fn has_density(&self) -> bool {
        let [low, high] = REFERENCE_HZ;
        let lines = self.model.lines(&Conditions::CENELEC_A);
        let inside = lines.iter().filter(|line| (low..=high).contains(&line.hz));
        let lines: f64 = inside.map(|line| line.volts2).sum();
        let density = mean(REFERENCE_HZ, |hz| self.model.density(hz)) * (high - low);
        !self.model.follows_signal() && density > 0.0 && density > 1e-3 * lines
    }

    /// What the model's amplitudes are multiplied by.
    pub fn gain(&self) -> f64 {
        let db = match self.level {
            Level::Offset(db) => db,
            Level::Mean(wanted) => wanted - dbm_per_hz(mean(REFERENCE_HZ, |hz| self.model.density(hz))),
        };
        libm::pow(10.0, db / 20.0)
    }

    /// Mean power spectral density by the defining formula, in dBm/Hz, carriers left out.
    pub fn dbm_per_hz(&self, frequency_hz: f64) -> f64 {
        dbm_per_hz(self.model.density(frequency_hz) * self.gain().powi(2))
    }

    /// Refuses conditions under which the model is not valid.
    pub fn check(&self, conditions: &Conditions) -> Result<(), NoiseError> {
        let preset = self.id;
        let &Conditions { rate_hz, mains_hz, band_hz: [low_hz, high_hz], .. } = conditions;
        let rate = |why: String| Err(NoiseError::Rate { preset, rate_hz, why });
        let [least, most] = RATES_HZ;
        if !(least..=most).contains(&rate_hz) || rate_hz.fract() != 0.0 {
            return rate(format!("take a whole number from {least} to {most}"));
        }
        let [lowest, highest] = NARROWBAND_HZ;
        if !(low_hz >= lowest && high_hz <= highest && low_hz < high_hz) {
            let why = format!("take a band within {lowest} to {highest} Hz, for which the presets are made");
            return Err(NoiseError::Band { preset, low_hz, high_hz, why });
        }
        if high_hz > rate_hz / 2.0 {
            return rate(format!("the band ends at {high_hz} Hz; take at least {} samples/s", 2.0 * high_hz));
        }
        if self.model.follows_mains() && !(mains_hz - 50.0).abs().min((mains_hz - 60.0).abs()).le(&1.0) {
            return Err(NoiseError::Mains { preset, hz: mains_hz });
        }
        self.model.check(preset, conditions)
    }
}

impl std::fmt::Display for Preset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Preset {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl FromStr for Preset {
    type Err = NoiseError;

    fn from_str(text: &str) -> Result<Self, NoiseError> {
        Self::parse(text)
    }
}

impl Serialize for Preset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Preset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Mean over a band of a function of the frequency.
pub fn mean([low, high]: [f64; 2], value: impl Fn(f64) -> f64) -> f64 {
    const POINTS: u32 = 200;
    let at = |i: u32| low + (high - low) * (f64::from(i) + 0.5) / f64::from(POINTS);
    (0..POINTS).map(|i| value(at(i))).sum::<f64>() / f64::from(POINTS)
}

/// Density of the background that presets without a level of their own have, in V²/Hz.
pub(super) fn background() -> f64 {
    volts2_per_hz(BACKGROUND_DBM_PER_HZ)
}

fn known() -> String {
    CATALOGUE.iter().map(|entry| entry.id).collect::<Vec<_>>().join(", ")
}

fn starts_level(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['+', '-', '='])
}

fn level(preset: &'static str, text: &str) -> Result<Level, NoiseError> {
    let wrong = || NoiseError::Level { preset, text: text.into() };
    let number = |text: &str| {
        text.parse::<f64>().ok().filter(|value| value.is_finite() && value.abs() <= 300.0).ok_or_else(wrong)
    };
    match text.strip_prefix('=') {
        Some(mean) => Ok(Level::Mean(number(mean)?)),
        None if text.is_empty() => Ok(Level::Offset(0.0)),
        None => Ok(Level::Offset(number(text)?)),
    }
}

/// Parameters behind an identifier.
#[derive(Debug)]
pub struct Parameters<'a> {
    preset: &'static str,
    /// What has not been taken yet.
    pieces: Vec<&'a str>,
    file: Option<&'a Path>,
}

impl Parameters<'_> {
    /// What is said of a value that does not go with the others.
    pub(super) fn wrong(&self, key: &str, value: f64, wanted: &str) -> NoiseError {
        NoiseError::Parameter { preset: self.preset, text: format!("{key}={value}"), wanted: wanted.into() }
    }

    /// The number of a key within a range, or its default.
    pub(super) fn number(&mut self, key: &str, default: f64, range: [f64; 2]) -> Result<f64, NoiseError> {
        Ok(self.given(key, range)?.unwrap_or(default))
    }

    /// The same where there is no default.
    pub(super) fn given(&mut self, key: &str, [low, high]: [f64; 2]) -> Result<Option<f64>, NoiseError> {
        let found = |piece: &&str| piece.split_once('=').is_some_and(|(name, _)| name.trim() == key);
        let Some(index) = self.pieces.iter().position(found) else { return Ok(None) };
        let piece = self.pieces.remove(index);
        let value = piece.split_once('=').and_then(|(_, value)| value.trim().parse::<f64>().ok());
        value.filter(|value| (low..=high).contains(value)).map(Some).ok_or_else(|| NoiseError::Parameter {
            preset: self.preset,
            text: piece.into(),
            wanted: format!("{key} is a number from {low} to {high}"),
        })
    }

    /// What is said of something that is not there.
    pub(super) fn missing(&self, wanted: &str) -> NoiseError {
        NoiseError::Parameter { preset: self.preset, text: String::new(), wanted: wanted.into() }
    }

    /// The file.
    pub(super) fn file(&mut self) -> Option<PathBuf> {
        self.file.take().map(Path::to_path_buf)
    }

    fn finish(self, entry: &Entry) -> Result<(), NoiseError> {
        let wrong =
            |text: String, wanted: String| Err(NoiseError::Parameter { preset: entry.id, text, wanted });
        if let Some(file) = self.file {
            return wrong(file.display().to_string(), "it takes no file; leave @ away".into());
        }
        match (self.pieces.first(), entry.parameters) {
            (None, _) => Ok(()),
            (Some(piece), "") => wrong((*piece).into(), "it has no parameters".into()),
            (Some(piece), known) => {
                wrong((*piece).into(), format!("its parameters and their defaults are {known}"))
            }
        }
    }
}

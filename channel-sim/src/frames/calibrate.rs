//! The calibration by the waveform mode, and the proof that the model reproduces it.
//!
//! 1. White noise on a flat link: middle and spread of preamble, FCH, and payloads of four lengths in each mode.
//! 2. Every preset on reference paths whose carriers fall by 0, 9 and 14 dB: the offset that makes each stage's crossing the waveform's.
//! 3. Every preset on links of feeders, which no step before has seen: the level at which one frame in ten is
//!    lost, by the waveform and by the model. The difference is to be at most [`TOLERANCE_DB`].

use super::crossing::{Crossing, Effort, find, inverse_tail};
use super::model::{Model, falls_through};
use super::table::{Row, SELECTIVITY, Stage, Table};
use super::tape::{CARRIERS, NoiseTape};
use super::waveform::{Path, WaveformLink};
use crate::noise::{NoisePlan, Port, Preset};
use g3_phy::Modulation;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How far the model may be from the waveform at one frame in ten.
pub const TOLERANCE_DB: f64 = 0.3;
/// The share of frames lost that is compared.
pub const TARGET: f64 = 0.1;
/// Octets of the PSDUs by which payloads are calibrated.
const LENGTHS: [usize; 4] = [16, 45, 90, 133];
/// Octets of the PSDUs in the proof, and for offsets.
const OCTETS: usize = 60;
/// Levels between which a crossing is searched, in dBµV.
const LEVELS_DBUV: (f64, f64) = (-80.0, 240.0);

/// A link of the proof.
#[derive(Clone, Debug)]
pub struct ProofLink {
    /// Feeder.
    pub feeder: String,
    /// From where to where.
    pub link: String,
    /// The way.
    pub path: Path,
    /// Power gain on each carrier.
    pub gains: [f64; CARRIERS],
}

/// A noise of the calibration: presets that add up, and how the user spelled them.
#[derive(Clone, Debug)]
pub struct NamedNoise {
    /// Names, as commands spell them.
    pub names: Vec<String>,
    /// Together.
    pub plan: NoisePlan,
}

impl NamedNoise {
    /// Presets by name.
    ///
    /// # Errors
    /// Where a name is no preset, or a preset is not valid in CENELEC-A.
    pub fn new(names: &[&str]) -> Result<Self, String> {
        let presets: Vec<Preset> = names
            .iter()
            .map(|name| Preset::parse(name))
            .collect::<Result<_, _>>()
            .map_err(|e| e.to_string())?;
        let plan = super::port::plan(&presets).map_err(|error| error.to_string())?;
        Ok(Self { names: names.iter().map(ToString::to_string).collect(), plan })
    }

    /// Names joined.
    pub fn name(&self) -> String {
        self.names.join("+")
    }
}

/// One line of the proof.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Noise.
    pub preset: String,
    /// Feeder.
    pub feeder: String,
    /// Link.
    pub link: String,
    /// Mode.
    pub mode: Stage,
    /// Transmit level at which the waveform loses one frame in ten, in dBµV; empty where it never does.
    pub waveform_dbuv: Option<f64>,
    /// Half of its 95 % interval.
    pub uncertainty_db: Option<f64>,
    /// The model's.
    pub model_dbuv: Option<f64>,
    /// Model less waveform.
    pub difference_db: Option<f64>,
    /// Frames sent as samples.
    pub frames: u32,
}

impl Comparison {
    /// Whether the model reproduces the waveform: both cross, within the tolerance.
    pub fn holds(&self) -> bool {
        match (self.waveform_dbuv, self.model_dbuv) {
            (Some(_), Some(_)) => self.difference_db.is_some_and(|db| db.abs() <= TOLERANCE_DB),
            (None, None) => true,
            _ => false,
        }
    }
}

/// What a calibration is made of.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Noises besides white noise.
    pub noises: Vec<NamedNoise>,
    /// Links of the proof.
    pub links: Vec<ProofLink>,
    /// Determines everything drawn.
    pub seed: u64,
    /// Frames for each crossing of the table and of the proof.
    pub effort: Effort,
}

/// Steps 1 and 2: the table. `progress` is told the share that is done.
pub fn table(calibration: &Calibration, progress: &(impl Fn(f64) + Sync)) -> Result<Table, String> {
    let white = NamedNoise::new(&["n0"])?;
    let jobs: Vec<(Stage, usize)> = [Stage::Preamble, Stage::Header]
        .into_iter()
        .map(|stage| (stage, 0))
        .chain(Modulation::ALL.into_iter().flat_map(|modulation| {
            LENGTHS.into_iter().map(move |octets| (Stage::payload(modulation), octets))
        }))
        .collect();
    let total = jobs.len() + Modulation::ALL.len() + calibration.noises.len() * Stage::ALL.len();
    let done = AtomicUsize::new(0);
    let tick = || progress((done.fetch_add(1, Ordering::Relaxed) + 1) as f64 / total.max(1) as f64);

    let tape = NoiseTape::listen(&white.plan, Port::L1, calibration.seed);
    let noise: f64 = tape.mean().iter().map(|&power| f64::from(power)).sum::<f64>() / CARRIERS as f64;
    let signal = f64::from(super::waveform::signal_power(&[1.0; CARRIERS], 0.0)[0]);
    let level_of = |snr_db: f64| snr_db + 10.0 * (noise / signal).log10();
    let rows: Vec<Row> = jobs
        .par_iter()
        .map(|&(stage, octets)| {
            // The tape's own estimate of the density stays out of it.
            let found =
                crossing(&white, &Path::flat(), stage, octets, level_of(start_db(stage)), calibration)
                    .ok_or_else(|| format!("white noise, {}: no crossing found", stage.name()))?;
            tick();
            let at = found.at_db - level_of(0.0);
            Ok(Row {
                preset: "n0".into(),
                stage,
                octets: octets as u32,
                middle_db: Some(round(at - inverse_tail(TARGET) * found.spread_db)),
                spread_db: Some(round(found.spread_db)),
                offset_db: 0.0,
                uncertainty_db: round(0.5 * (found.high_db - found.low_db)),
            })
        })
        .collect::<Result<_, String>>()?;

    let white_only = Table::new(rows);
    let shapes: Vec<Row> = Modulation::ALL
        .par_iter()
        .filter_map(|&modulation| {
            let row = selectivity(&white, modulation, &white_only, calibration);
            tick();
            row
        })
        .collect();
    let base = Table::new(white_only.rows().iter().cloned().chain(shapes).collect());
    let pairs: Vec<(&NamedNoise, Stage)> = calibration
        .noises
        .iter()
        .filter(|noise| super::table::family(&noise.name()) != "n0")
        .flat_map(|noise| Stage::ALL.into_iter().map(move |stage| (noise, stage)))
        .collect();
    let offsets: Vec<Option<Row>> = pairs
        .par_iter()
        .map(|&(noise, stage)| {
            let row = offset(noise, stage, &base, calibration);
            tick();
            row
        })
        .collect();
    Ok(Table::new(base.rows().iter().cloned().chain(offsets.into_iter().flatten()).collect()))
}

/// The shape of a mode: that at which the model crosses where the waveform does in white noise over a path whose
/// carriers differ by 14 dB.
fn selectivity(
    white: &NamedNoise,
    modulation: Modulation,
    base: &Table,
    calibration: &Calibration,
) -> Option<Row> {
    let (stage, path) = (Stage::payload(modulation), Path { taps: vec![1.0, 0.0, 0.9] });
    let (tape, gains) = (NoiseTape::listen(&white.plan, Port::L1, calibration.seed), path.gains());
    let with = |shape_db: f64| {
        let row = Row {
            preset: SELECTIVITY.into(),
            stage,
            octets: OCTETS as u32,
            middle_db: None,
            spread_db: None,
            offset_db: round(shape_db),
            uncertainty_db: 0.0,
        };
        let table = Table::new(base.rows().iter().cloned().chain([row.clone()]).collect());
        let model = Model::new(tape.clone(), &table, &[]);
        let share = |level: f64| model.shares(&gains, level, modulation, OCTETS).of(stage);
        (falls_through(share, TARGET, LEVELS_DBUV.0, LEVELS_DBUV.1), row)
    };
    let start = with(0.0).0?;
    let found = crossing(white, &path, stage, OCTETS, start, calibration)?;
    let candidates = (-24..=24).filter_map(|step| {
        let (at, row) = with(0.25 * f64::from(step));
        Some(((at? - found.at_db).abs(), row))
    });
    let (_, row) = candidates.min_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(Row { uncertainty_db: round(0.5 * (found.high_db - found.low_db)), ..row })
}

/// A preset's offset for a stage: the mean over the reference paths on which the waveform gets as bad and as good as
/// it takes. `None` where there is none.
fn offset(noise: &NamedNoise, stage: Stage, base: &Table, calibration: &Calibration) -> Option<Row> {
    let tape = NoiseTape::listen(&noise.plan, Port::L1, calibration.seed);
    let name = super::table::family(&noise.name());
    let name = if noise.names.len() == 1 { name } else { noise.name() };
    let found: Vec<(f64, f64)> = Path::references()
        .iter()
        .filter_map(|path| offset_on(path, noise, &name, stage, &tape, base, calibration))
        .collect();
    let count = found.len() as f64;
    let mean = found.iter().map(|found| found.0).sum::<f64>() / count;
    let variance = found.iter().map(|found| found.1 * found.1).sum::<f64>() / (count * count);
    (!found.is_empty()).then(|| offset_row(&name, stage, mean, variance.sqrt()))
}

fn offset_row(name: &str, stage: Stage, offset_db: f64, uncertainty_db: f64) -> Row {
    Row {
        preset: name.into(),
        stage,
        octets: OCTETS as u32,
        middle_db: None,
        spread_db: None,
        offset_db: round(offset_db),
        uncertainty_db: round(uncertainty_db),
    }
}

/// The offset at which the model crosses where the waveform does, and half the waveform's interval.
fn offset_on(
    path: &Path,
    noise: &NamedNoise,
    name: &str,
    stage: Stage,
    tape: &NoiseTape,
    base: &Table,
    calibration: &Calibration,
) -> Option<(f64, f64)> {
    let gains = path.gains();
    let share = |model: &Model, level: f64| model.shares(&gains, level, stage.modulation(), OCTETS).of(stage);
    let plain = Model::new(tape.clone(), base, &[]);
    let start = falls_through(|level| share(&plain, level), TARGET, LEVELS_DBUV.0, LEVELS_DBUV.1)?;
    let found = crossing(noise, path, stage, OCTETS, start, calibration)?;
    let with = |offset_db: f64| {
        let rows = base.rows().iter().cloned().chain([offset_row(name, stage, offset_db, 0.0)]).collect();
        let model = Model::new(tape.clone(), &Table::new(rows), &[name.to_string()]);
        share(&model, found.at_db)
    };
    Some((falls_through(with, TARGET, -20.0, 20.0)?, 0.5 * (found.high_db - found.low_db)))
}

/// Step 3. `progress` is told the share that is done.
pub fn prove(
    calibration: &Calibration,
    table: &Table,
    modes: &[Modulation],
    progress: &(impl Fn(f64) + Sync),
) -> Vec<Comparison> {
    let jobs: Vec<(&NamedNoise, &ProofLink, Modulation)> = calibration
        .noises
        .iter()
        .flat_map(|noise| {
            calibration.links.iter().flat_map(move |link| modes.iter().map(move |&mode| (noise, link, mode)))
        })
        .collect();
    let done = AtomicUsize::new(0);
    jobs.par_iter()
        .map(|&(noise, link, mode)| {
            let comparison = compare(calibration, table, noise, link, mode);
            progress((done.fetch_add(1, Ordering::Relaxed) + 1) as f64 / jobs.len().max(1) as f64);
            comparison
        })
        .collect()
}

fn compare(
    calibration: &Calibration,
    table: &Table,
    noise: &NamedNoise,
    link: &ProofLink,
    mode: Modulation,
) -> Comparison {
    let model =
        Model::new(NoiseTape::listen(&noise.plan, Port::L1, calibration.seed ^ 1), table, &noise.names);
    let lost = |level: f64| model.shares(&link.gains, level, mode, OCTETS).lost;
    let model_dbuv = falls_through(lost, TARGET, LEVELS_DBUV.0, LEVELS_DBUV.1);
    let waveform = WaveformLink { path: link.path.clone(), noise: noise.plan.clone() };
    let seed = calibration.seed ^ mix(&[&noise.name(), &link.feeder, &link.link]) ^ (mode as u64 + 17) << 32;
    let run = |level: f64, frames: u32, number: u64| {
        let outcome = waveform.run(mode, OCTETS, level, frames, seed.wrapping_add(number));
        (outcome.lost(), outcome.frames)
    };
    let found = find(run, TARGET, model_dbuv.unwrap_or(100.0), calibration.effort);
    Comparison {
        preset: noise.name(),
        feeder: link.feeder.clone(),
        link: link.link.clone(),
        mode: Stage::payload(mode),
        waveform_dbuv: found.map(|found| round(found.at_db)),
        uncertainty_db: found.map(|found| round(0.5 * (found.high_db - found.low_db))),
        model_dbuv: model_dbuv.map(round),
        difference_db: found.zip(model_dbuv).map(|(found, model)| round(model - found.at_db)),
        frames: found.map_or(0, |found| found.frames),
    }
}

/// Where a stage's share of failures crosses the target on a flat link.
fn crossing(
    noise: &NamedNoise,
    path: &Path,
    stage: Stage,
    octets: usize,
    start: f64,
    calibration: &Calibration,
) -> Option<Crossing> {
    let waveform = WaveformLink { path: path.clone(), noise: noise.plan.clone() };
    let octets = if octets == 0 { LENGTHS[0] } else { octets };
    let seed = calibration.seed ^ mix(&[&noise.name(), stage.name()]) ^ (octets as u64) << 40;
    let run = |level: f64, frames: u32, number: u64| {
        let outcome = waveform.run(stage.modulation(), octets, level, frames, seed.wrapping_add(number));
        let heard = outcome.frames - outcome.unheard;
        let read = heard - outcome.header_failed;
        match stage {
            Stage::Preamble => (outcome.unheard, outcome.frames),
            Stage::Header => (outcome.header_failed, heard),
            // Nothing heard is not good.
            _ if read == 0 => (outcome.frames, outcome.frames),
            _ => (read - outcome.right, read),
        }
    };
    find(run, TARGET, start, calibration.effort)
}

/// Where in white noise a stage's crossing is searched first.
fn start_db(stage: Stage) -> f64 {
    match stage {
        Stage::Preamble => -6.0,
        Stage::Header => -4.0,
        Stage::Robust => -2.0,
        Stage::Dbpsk => 1.8,
        Stage::Dqpsk => 4.7,
        Stage::D8psk => 8.0,
    }
}

fn mix(words: &[&str]) -> u64 {
    // FNV-1a.
    let octets = words.iter().flat_map(|word| word.bytes().chain([0]));
    octets.fold(0xCBF2_9CE4_8422_2325, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01B3))
}

fn round(db: f64) -> f64 {
    (db * 1_000.0).round() / 1_000.0
}

//! The calibration by the waveform mode, and the proof that the model reproduces it.
//!
//! 1. White noise on a flat link: middle and spread of preamble, FCH, and payloads of four lengths in each mode; and
//!    on a path whose carriers fall by 14 dB each mode's shape.
//! 2. Every noise on reference paths of four tilts: the offset that makes each stage's crossing the waveform's. Preamble
//!    and FCH come first; a payload's offset is then found from all frames lost, so that it holds what the stages
//!    before it do to the whole.
//! 3. Every noise on links of feeders, which no step before has seen: the level at which one frame in ten is
//!    lost, by the waveform and by the model. The difference is to be at most [`TOLERANCE_DB`].

use super::crossing::{Crossing, Effort, find, inverse_tail};
use super::journal::Journal;
use super::model::{Model, falls_through};
use super::modem::{Modem, Stage};
use super::table::{Row, SELECTIVITY, Table};
use super::tape::NoiseTape;
use super::waveform::{Path, WaveformLink, signal_power};
use crate::noise::{NoisePlan, Port, Preset};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How far the model may be from the waveform at one frame in ten.
pub const TOLERANCE_DB: f64 = 0.3;
/// The share of frames lost that is compared.
pub const TARGET: f64 = 0.1;
/// Levels between which a crossing is searched, in dBµV.
const LEVELS_DBUV: (f64, f64) = (-80.0, 240.0);
/// Offsets between which one is searched, in dB.
const OFFSETS_DB: (f64, f64) = (-20.0, 20.0);
/// How much narrower intervals of offsets are than those of the proof.
const REFERENCE_EFFORT: f64 = 0.7;

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
    pub gains: Vec<f64>,
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
    /// Where a name is no preset, or a preset is not valid in the modem's band.
    pub fn new(names: &[&str], modem: &Modem) -> Result<Self, String> {
        let presets: Vec<Preset> = names
            .iter()
            .map(|name| Preset::parse(name))
            .collect::<Result<_, _>>()
            .map_err(|e| e.to_string())?;
        let plan = modem.noise(&presets).map_err(|error| error.to_string())?;
        Ok(Self { names: names.iter().map(ToString::to_string).collect(), plan })
    }

    /// Names joined.
    pub fn name(&self) -> String {
        self.names.join("+")
    }

    /// As rows of the table spell it: without levels.
    fn family(&self) -> String {
        self.names.iter().map(|name| super::table::family(name)).collect::<Vec<_>>().join("+")
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
    /// Seed of their noise, contents, delays and clocks.
    #[serde(default)]
    pub seed: u64,
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
#[derive(Debug)]
pub struct Calibration {
    /// What is calibrated.
    pub modem: Arc<Modem>,
    /// Noises.
    pub noises: Vec<NamedNoise>,
    /// Links of the proof.
    pub links: Vec<ProofLink>,
    /// Determines everything drawn.
    pub seed: u64,
    /// Frames for each crossing of the table and of the proof.
    pub effort: Effort,
    /// Frames that were sent before.
    pub journal: Journal,
}

/// A crossing to be found by the waveform.
pub(super) struct Search<'a> {
    pub(super) modem: &'a Arc<Modem>,
    pub(super) noise: &'a NamedNoise,
    /// The noise's mean power on each carrier.
    pub(super) mean: &'a [f32],
    pub(super) path: &'a Path,
    pub(super) stage: Stage,
    /// Whether all frames lost count, or those of the stage.
    pub(super) whole: bool,
    pub(super) octets: usize,
    pub(super) seed: u64,
}

impl Search<'_> {
    /// Where the share crosses the target. It does not depend on the model.
    pub(super) fn find(&self, effort: Effort, journal: &Journal) -> Option<Crossing> {
        let Self { stage, octets, modem, .. } = *self;
        // Preamble and header are the same in many frames, and these are the shortest.
        let mode = if self.whole { stage } else { modem.probe(stage)? };
        let signal = signal_power(&self.path.gains(modem.grid()), 0.0, modem.grid());
        let ratios =
            signal.iter().zip(self.mean).map(|(s, n)| 10.0 * libm::log10(f64::from(n.max(1e-30) / s)));
        let start = modem.start_db(stage) + ratios.sum::<f64>() / signal.len() as f64;
        let waveform =
            WaveformLink { modem: modem.clone(), path: self.path.clone(), noise: self.noise.plan.clone() };
        let (noise, path) = (self.noise.name(), self.path.fingerprint());
        let run = |level: f64, frames: u32, number: u64| {
            let level = (level * 1e4).round() / 1e4;
            let seed = self.seed.wrapping_add(number);
            let key = format!(
                "{}{noise},{path:016x},{},{octets},{level},{frames},{seed}",
                modem.journal_prefix(),
                mode.name()
            );
            let outcome = journal.batch(&key, || waveform.run(mode, octets, level, frames, seed));
            let heard = outcome.frames - outcome.unheard;
            let read = heard - outcome.header_failed;
            match stage {
                _ if self.whole => (outcome.lost(), outcome.frames),
                _ if stage.is_preamble() => (outcome.unheard, outcome.frames),
                // Nothing heard is not good.
                _ if stage.is_header() && heard == 0 => (outcome.frames, outcome.frames),
                _ if stage.is_header() => (outcome.header_failed, heard),
                _ if read == 0 => (outcome.frames, outcome.frames),
                _ => (read - outcome.right, read),
            }
        };
        find(run, TARGET, (start * 100.0).round() / 100.0, effort)
    }
}

/// Steps 1 and 2: the table. `progress` is told the share that is done.
///
/// # Errors
/// Where a crossing in white noise is not found.
pub fn table(calibration: &Calibration, progress: &(impl Fn(f64) + Sync)) -> Result<Table, String> {
    let modem = &calibration.modem;
    let grid = modem.grid();
    let white = NamedNoise::new(&["n0"], modem)?;
    let jobs: Vec<(Stage, usize)> = modem
        .stages()
        .iter()
        .flat_map(|reception| modem.lengths_of(reception.stage).map(move |octets| (reception.stage, octets)))
        .collect();
    let payloads: Vec<Stage> = modem.payloads().collect();
    let total = jobs.len() + payloads.len() + calibration.noises.len() * modem.stages().len();
    let done = AtomicUsize::new(0);
    let tick = || progress((done.fetch_add(1, Ordering::Relaxed) + 1) as f64 / total.max(1) as f64);

    let tape = NoiseTape::listen(&white.plan, Port::L1, calibration.seed, grid);
    let noise: f64 =
        tape.mean().iter().map(|&power| f64::from(power)).sum::<f64>() / tape.mean().len() as f64;
    let level_0_db = 10.0 * libm::log10(noise / f64::from(signal_power(&[1.0], 0.0, grid)[0]));
    let search = |stage: Stage, octets: usize, path: &Path, name: &str| {
        let octets_seed = if name == "white" && stage.is_payload() { (octets as u64) << 40 } else { 0 };
        let seed = calibration.seed ^ mix(&["n0", stage.name(), name]) ^ octets_seed;
        Search { modem, noise: &white, mean: tape.mean(), path, stage, whole: false, octets, seed }
            .find(calibration.effort, &calibration.journal)
            .ok_or_else(|| format!("white noise, {}: no crossing found", stage.name()))
    };
    let rows: Vec<Row> = jobs
        .par_iter()
        .map(|&(stage, octets)| {
            let found = search(stage, octets, &Path::flat(), "white")?;
            tick();
            Ok(Row {
                octets: if stage.is_payload() { octets as u32 } else { 0 },
                middle_db: Some(round(found.at_db - level_0_db - inverse_tail(TARGET) * found.spread_db)),
                spread_db: Some(round(found.spread_db)),
                ..row("n0", stage, 0.0, half(&found))
            })
        })
        .collect::<Result<_, String>>()?;

    let white_only = Table::new(rows);
    let shapes: Vec<Row> = payloads
        .par_iter()
        .map(|&mode| {
            let path = Path::steep(grid);
            let found = search(mode, modem.octets(), &path, "shape")?;
            tick();
            Ok(selectivity(modem, &tape, &path, mode, &white_only, &found))
        })
        .collect::<Result<_, String>>()?;
    let mut table = Table::new(white_only.rows().iter().cloned().chain(shapes).collect());
    for noise in &calibration.noises {
        let tape = NoiseTape::listen(&noise.plan, Port::L1, calibration.seed, grid);
        // Payloads after the stages before them: what those lose counts in what a payload's offset is found by.
        let stages = modem.stages().iter().map(|reception| reception.stage);
        let (payloads, before): (Vec<Stage>, Vec<Stage>) = stages.partition(|stage| stage.is_payload());
        for stages in [before, payloads] {
            let offsets: Vec<Vec<Row>> = stages
                .par_iter()
                .map(|&stage| {
                    let rows = offsets(noise, stage, &tape, &table, calibration);
                    tick();
                    rows
                })
                .collect();
            table = Table::new(table.rows().iter().cloned().chain(offsets.into_iter().flatten()).collect());
        }
    }
    Ok(table)
}

/// The shape of a mode: that at which the model crosses where the waveform does in white noise over a path whose
/// carriers differ by 14 dB.
fn selectivity(
    modem: &Arc<Modem>,
    tape: &NoiseTape,
    path: &Path,
    mode: Stage,
    base: &Table,
    found: &Crossing,
) -> Row {
    let gains = path.gains(modem.grid());
    let tapes: Arc<[NoiseTape]> = [tape.clone()].into();
    let distance = |row: &Row| {
        let table = Table::new(base.rows().iter().cloned().chain([row.clone()]).collect());
        let model = Model::shared(modem, tapes.clone(), table, &[]);
        let share = |level: f64| model.shares(&gains, level, mode, modem.octets()).of(mode);
        let at = falls_through(share, TARGET, LEVELS_DBUV.0, LEVELS_DBUV.1);
        at.map_or(f64::INFINITY, |at| (at - found.at_db).abs())
    };
    let mut best =
        (f64::INFINITY, Row { octets: modem.octets() as u32, ..row(SELECTIVITY, mode, 0.0, half(found)) });
    for step in -24..=24 {
        let row = Row { offset_db: 0.25 * f64::from(step), ..best.1.clone() };
        let distance = distance(&row);
        if distance < best.0 {
            best = (distance, row);
        }
    }
    best.1
}

/// A noise's offsets for a stage: on each reference path where the waveform gets as bad and as good as it takes.
fn offsets(
    noise: &NamedNoise,
    stage: Stage,
    tape: &NoiseTape,
    base: &Table,
    calibration: &Calibration,
) -> Vec<Row> {
    let modem = &calibration.modem;
    Path::references(modem.grid())
        .par_iter()
        .enumerate()
        .filter_map(|(index, path)| {
            let whole = stage.is_payload();
            let name = format!("reference {}", index + 1);
            let seed = calibration.seed ^ mix(&[&noise.name(), stage.name(), &name]);
            let octets = if whole { modem.octets() } else { modem.lengths()[0] };
            let search = Search { modem, noise, mean: tape.mean(), path, stage, whole, octets, seed };
            let Effort { frames, half_width_db } = calibration.effort;
            let finer = Effort { frames, half_width_db: REFERENCE_EFFORT * half_width_db };
            offset_on(&search, tape, base, &search.find(finer, &calibration.journal)?)
        })
        .collect()
}

/// The offset at which the model crosses where the waveform does.
fn offset_on(search: &Search<'_>, tape: &NoiseTape, base: &Table, found: &Crossing) -> Option<Row> {
    let Search { stage, octets, whole, modem, .. } = *search;
    let (gains, name) = (search.path.gains(modem.grid()), search.noise.family());
    let mode = if whole { stage } else { modem.probe(stage)? };
    let tapes: Arc<[NoiseTape]> = [tape.clone()].into();
    let with = |offset_db: f64| {
        let rows = base.rows().iter().cloned().chain([row(&name, stage, offset_db, 0.0)]).collect();
        let model = Model::shared(modem, tapes.clone(), Table::new(rows), &search.noise.names);
        let shares = model.shares(&gains, found.at_db, mode, octets);
        if whole { shares.lost } else { shares.of(stage) }
    };
    let offset_db = falls_through(with, TARGET, OFFSETS_DB.0, OFFSETS_DB.1)?;
    let signal = signal_power(&gains, 0.0, modem.grid());
    let tilt_db = f64::from(super::budget::tilt_db(&signal, tape.mean()));
    Some(Row {
        octets: modem.octets() as u32,
        tilt_db: Some(round(tilt_db)),
        ..row(&name, stage, round(offset_db), half(found))
    })
}

/// Step 3. `progress` is told the share that is done.
pub fn prove(
    calibration: &Calibration,
    table: &Table,
    modes: &[Stage],
    progress: &(impl Fn(f64) + Sync),
) -> Vec<Comparison> {
    let total = calibration.noises.len() * calibration.links.len() * modes.len();
    let done = AtomicUsize::new(0);
    let one = |noise: &NamedNoise| -> Vec<Comparison> {
        // The noise that the model listens to is another than the one its offsets were found with.
        let [tape, other] = [0, 1].map(|more| {
            NoiseTape::listen(&noise.plan, Port::L1, calibration.seed ^ more, calibration.modem.grid())
        });
        let model = Model::new(&calibration.modem, other, table, &noise.names);
        let jobs: Vec<(&ProofLink, Stage)> =
            calibration.links.iter().flat_map(|link| modes.iter().map(move |&mode| (link, mode))).collect();
        jobs.par_iter()
            .map(|&(link, mode)| {
                let comparison = compare(calibration, &model, noise, tape.mean(), link, mode);
                progress((done.fetch_add(1, Ordering::Relaxed) + 1) as f64 / total.max(1) as f64);
                comparison
            })
            .collect()
    };
    calibration.noises.iter().flat_map(one).collect()
}

fn compare(
    calibration: &Calibration,
    model: &Model,
    noise: &NamedNoise,
    mean: &[f32],
    link: &ProofLink,
    mode: Stage,
) -> Comparison {
    let (modem, octets) = (&calibration.modem, calibration.modem.octets());
    let lost = |level: f64| model.shares(&link.gains, level, mode, octets).lost;
    let model_dbuv = falls_through(lost, TARGET, LEVELS_DBUV.0, LEVELS_DBUV.1);
    let seed =
        calibration.seed ^ mix(&[&noise.name(), &link.feeder, &link.link]) ^ (mode.number() + 17) << 32;
    let search = Search { modem, noise, mean, path: &link.path, stage: mode, whole: true, octets, seed };
    let found = search.find(calibration.effort, &calibration.journal);
    Comparison {
        preset: noise.name(),
        feeder: link.feeder.clone(),
        link: link.link.clone(),
        mode,
        waveform_dbuv: found.map(|found| round(found.at_db)),
        uncertainty_db: found.map(|found| half(&found)),
        model_dbuv: model_dbuv.map(round),
        difference_db: found.zip(model_dbuv).map(|(found, model)| round(model - found.at_db)),
        frames: found.map_or(0, |found| found.frames),
        seed,
    }
}

/// A row that holds an offset.
pub(super) fn row(preset: &str, stage: Stage, offset_db: f64, uncertainty_db: f64) -> Row {
    Row {
        preset: preset.into(),
        stage,
        octets: 0,
        middle_db: None,
        spread_db: None,
        offset_db,
        tilt_db: None,
        uncertainty_db,
        share: None,
        other_tilt_db: None,
    }
}

/// Half of an interval.
pub(super) fn half(found: &Crossing) -> f64 {
    round(0.5 * (found.high_db - found.low_db))
}

pub(super) fn mix(words: &[&str]) -> u64 {
    super::waveform::fnv(words.iter().flat_map(|word| word.bytes().chain([0])))
}

pub(super) fn round(db: f64) -> f64 {
    (db * 1_000.0).round() / 1_000.0
}

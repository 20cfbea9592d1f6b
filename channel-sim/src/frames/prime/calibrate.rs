//! The calibration by the waveform mode, and the proof that the model reproduces it: the steps of
//! [`frames::calibrate`](crate::frames::calibrate).
//!
//! 1. White noise on a flat link: middle and spread of preambles, headers, and payloads of four lengths in each scheme; and
//!    on a path whose carriers fall by 15 dB each scheme's shape.
//! 2. Every noise on reference paths of four tilts: the offset that makes each stage's crossing the waveform's.
//! 3. Every noise on links of feeders, which no step before has seen.

use super::model::{Model, tilt_db};
use super::stage::Stage;
use super::table::{Row, Table};
use super::tape::{Tape, plan};
use super::waveform::{Path, WaveformLink, signal_power};
use super::{CARRIERS, Carriers};
use crate::frames::calibrate::{TARGET, TOLERANCE_DB, half, mix, round};
use crate::frames::crossing::{Crossing, Effort, find, inverse_tail};
use crate::frames::journal::Journal;
use crate::frames::model::falls_through;
use crate::frames::table::{SELECTIVITY, family};
use crate::noise::{NoisePlan, Preset};
use prime_phy::{FrameType, Scheme};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Octets of the MPDUs by which payloads are calibrated.
const LENGTHS: [usize; 4] = [16, 45, 90, 140];
/// Octets of the MPDUs in the proof, and for offsets.
pub const OCTETS: usize = 60;
/// Levels between which a crossing is searched, in dBµV.
const LEVELS_DBUV: (f64, f64) = (-80.0, 240.0);
/// Offsets between which one is searched, in dB.
const OFFSETS_DB: (f64, f64) = (-20.0, 20.0);
/// How much wider intervals of preambles and headers are than those of payloads: where one frame in ten of a payload is lost, they
/// hardly fail, and what they do to the whole is in the payload's offset.
const HEADS_EFFORT: f64 = 2.5;

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
    pub gains: Carriers<f64>,
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
    /// Where a name is no preset, or a preset is not valid in channel 1.
    pub fn new(names: &[&str]) -> Result<Self, String> {
        let presets: Result<Vec<Preset>, _> = names.iter().map(|name| Preset::parse(name)).collect();
        let plan = plan(&presets.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
        Ok(Self { names: names.iter().map(ToString::to_string).collect(), plan })
    }

    /// Names joined.
    pub fn name(&self) -> String {
        self.names.join("+")
    }

    /// As rows of the table spell it: without levels.
    fn family(&self) -> String {
        self.names.iter().map(|name| family(name)).collect::<Vec<_>>().join("+")
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
    /// Scheme.
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
    /// Noises.
    pub noises: Vec<NamedNoise>,
    /// Links of the proof.
    pub links: Vec<ProofLink>,
    /// Schemes that are calibrated and proven.
    pub schemes: Vec<Scheme>,
    /// Determines everything drawn.
    pub seed: u64,
    /// Frames for each crossing of the table and of the proof.
    pub effort: Effort,
    /// Frames that were sent before.
    pub journal: Journal,
}

/// A crossing to be found by the waveform.
struct Search<'a> {
    noise: &'a NamedNoise,
    /// The noise's mean power on each carrier.
    mean: &'a Carriers<f32>,
    path: &'a Path,
    stage: Stage,
    /// Whether all frames lost count, or those of the stage.
    whole: bool,
    octets: usize,
    seed: u64,
}

impl Search<'_> {
    /// Where the share crosses the target. It does not depend on the model.
    fn find(&self, effort: Effort, journal: &Journal) -> Option<Crossing> {
        let Self { stage, octets, .. } = *self;
        let scheme = stage.scheme();
        let effort = match stage.is_payload() {
            true => effort,
            false => Effort { half_width_db: HEADS_EFFORT * effort.half_width_db, ..effort },
        };
        let signal = signal_power(&self.path.gains(), 0.0);
        let ratios = signal.iter().zip(self.mean);
        let mean_db = ratios.map(|(s, n)| 10.0 * libm::log10(f64::from(n.max(1e-30) / s))).sum::<f64>();
        let start = start_db(stage) + mean_db / CARRIERS as f64;
        let waveform = WaveformLink { path: self.path.clone(), noise: self.noise.plan.clone() };
        let (noise, path, name) = (self.noise.name(), self.path.fingerprint(), Stage::Payload(scheme).name());
        let run = |level: f64, frames: u32, number: u64| {
            let level = (level * 1e4).round() / 1e4;
            let seed = self.seed.wrapping_add(number);
            let key = format!("prime,{noise},{path:016x},{name},{octets},{level},{frames},{seed}");
            let outcome = journal.batch(&key, || waveform.run(scheme, octets, level, frames, seed));
            let heard = outcome.frames - outcome.unheard;
            let read = heard - outcome.header_failed;
            match stage {
                _ if self.whole => (outcome.lost(), outcome.frames),
                Stage::Preamble(_) => (outcome.unheard, outcome.frames),
                // Nothing heard is not good.
                Stage::Header(_) if heard == 0 => (outcome.frames, outcome.frames),
                Stage::Header(_) => (outcome.header_failed, heard),
                Stage::Payload(_) if read == 0 => (outcome.frames, outcome.frames),
                Stage::Payload(_) => (read - outcome.right, read),
            }
        };
        find(run, TARGET, (start * 100.0).round() / 100.0, effort)
    }
}

/// Where in white noise a stage's crossing is searched first: the 10 % points of `docs/prime-phy.md`.
fn start_db(stage: Stage) -> f64 {
    match stage {
        Stage::Preamble(FrameType::A) => -3.0,
        Stage::Preamble(_) => -7.0,
        Stage::Header(FrameType::A) => 1.0,
        Stage::Header(_) => -3.0,
        Stage::Payload(scheme) => match scheme {
            Scheme::RobustDbpsk => -1.2,
            Scheme::RobustDqpsk => 1.0,
            Scheme::DbpskC => 3.0,
            Scheme::DqpskC => 5.8,
            Scheme::D8pskC => 9.5,
            Scheme::Dbpsk => 9.0,
            Scheme::Dqpsk => 13.5,
            Scheme::D8psk => 19.0,
        },
    }
}

/// Steps 1 and 2: the table. `progress` is told the share that is done.
///
/// # Errors
/// Where a crossing in white noise is not found.
pub fn table(calibration: &Calibration, progress: &(impl Fn(f64) + Sync)) -> Result<Table, String> {
    let white = NamedNoise::new(&["n0"])?;
    let payloads: Vec<Stage> = calibration.schemes.iter().map(|&scheme| Stage::Payload(scheme)).collect();
    let lengths = payloads.iter().flat_map(|&stage| LENGTHS.map(|octets| (stage, octets)));
    let jobs: Vec<(Stage, usize)> =
        Stage::HEADS.map(|stage| (stage, LENGTHS[0])).into_iter().chain(lengths).collect();
    let offsets_of_a_noise = Stage::HEADS.len() + payloads.len();
    let total = jobs.len() + payloads.len() + calibration.noises.len() * offsets_of_a_noise;
    let done = AtomicUsize::new(0);
    let tick = || progress((done.fetch_add(1, Ordering::Relaxed) + 1) as f64 / total.max(1) as f64);

    let tape = Arc::new(Tape::listen(&white.plan, calibration.seed));
    let noise: f64 = tape.mean().iter().map(|&power| f64::from(power)).sum::<f64>() / CARRIERS as f64;
    let level_0_db = 10.0 * libm::log10(noise / f64::from(signal_power(&[1.0; CARRIERS], 0.0)[0]));
    let search = |stage: Stage, octets: usize, path: &Path, name: &str| {
        let seed = calibration.seed ^ mix(&["n0", &stage.name(), name]) ^ ((octets as u64) << 40);
        Search { noise: &white, mean: tape.mean(), path, stage, whole: false, octets, seed }
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
        .map(|&stage| {
            let path = Path::steep();
            let found = search(stage, OCTETS, &path, "shape")?;
            tick();
            Ok(selectivity(&tape, &path, stage, &white_only, &found))
        })
        .collect::<Result<_, String>>()?;
    let mut table = white_only.with(shapes);
    for noise in &calibration.noises {
        let tape = Arc::new(Tape::listen(&noise.plan, calibration.seed));
        // Payloads after the stages before them: what those lose counts in what a payload's offset is found by.
        for stages in [&Stage::HEADS[..], &payloads] {
            let offsets: Vec<Vec<Row>> = stages
                .par_iter()
                .map(|&stage| {
                    let rows = offsets(noise, stage, &tape, &table, calibration);
                    tick();
                    rows
                })
                .collect();
            table = table.with(offsets.into_iter().flatten());
        }
    }
    Ok(table)
}

/// The shape of a scheme: that at which the model crosses where the waveform does in white noise over a path whose
/// carriers differ.
fn selectivity(tape: &Arc<Tape>, path: &Path, stage: Stage, base: &Table, found: &Crossing) -> Row {
    let gains = path.gains();
    let distance = |row: &Row| {
        let model = Model::new(tape.clone(), base.with([row.clone()]), &[]);
        let share = |level: f64| model.shares(&gains, level, stage.scheme(), OCTETS).payload;
        let at = falls_through(share, TARGET, LEVELS_DBUV.0, LEVELS_DBUV.1);
        at.map_or(f64::INFINITY, |at| (at - found.at_db).abs())
    };
    let mut best = (f64::INFINITY, row(SELECTIVITY, stage, 0.0, half(found)));
    for step in -16..=16 {
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
    tape: &Arc<Tape>,
    base: &Table,
    calibration: &Calibration,
) -> Vec<Row> {
    Path::references()
        .par_iter()
        .enumerate()
        .filter_map(|(index, path)| {
            let whole = stage.is_payload();
            let name = format!("reference {}", index + 1);
            let seed = calibration.seed ^ mix(&[&noise.name(), &stage.name(), &name]);
            let octets = if whole { OCTETS } else { LENGTHS[0] };
            let search = Search { noise, mean: tape.mean(), path, stage, whole, octets, seed };
            offset_on(&search, tape, base, &search.find(calibration.effort, &calibration.journal)?)
        })
        .collect()
}

/// The offset at which the model crosses where the waveform does.
fn offset_on(search: &Search<'_>, tape: &Arc<Tape>, base: &Table, found: &Crossing) -> Option<Row> {
    let Search { stage, octets, whole, .. } = *search;
    let (gains, name) = (search.path.gains(), search.noise.family());
    let with = |offset_db: f64| {
        let table = base.with([row(&name, stage, offset_db, 0.0)]);
        let model = Model::new(tape.clone(), table, &search.noise.names);
        let shares = model.shares(&gains, found.at_db, stage.scheme(), octets);
        match stage {
            _ if whole => shares.lost,
            Stage::Preamble(_) => shares.preamble,
            Stage::Header(_) => shares.header,
            Stage::Payload(_) => shares.payload,
        }
    };
    let offset_db = falls_through(with, TARGET, OFFSETS_DB.0, OFFSETS_DB.1)?;
    let tilt_db = f64::from(tilt_db(&signal_power(&gains, 0.0), tape.mean()));
    Some(Row { tilt_db: Some(round(tilt_db)), ..row(&name, stage, round(offset_db), half(found)) })
}

/// Step 3. `progress` is told the share that is done.
pub fn prove(calibration: &Calibration, table: &Table, progress: &(impl Fn(f64) + Sync)) -> Vec<Comparison> {
    let Calibration { noises, links, schemes, .. } = calibration;
    let total = noises.len() * links.len() * schemes.len();
    let done = AtomicUsize::new(0);
    let one = |noise: &NamedNoise| -> Vec<Comparison> {
        // The noise that the model listens to is another than the one its offsets were found with.
        let [tape, other] = [0, 1].map(|more| Arc::new(Tape::listen(&noise.plan, calibration.seed ^ more)));
        let model = Model::new(other, table.clone(), &noise.names);
        let jobs: Vec<(&ProofLink, Scheme)> =
            links.iter().flat_map(|link| schemes.iter().map(move |&scheme| (link, scheme))).collect();
        jobs.par_iter()
            .map(|&(link, scheme)| {
                let comparison = compare(calibration, &model, noise, tape.mean(), link, scheme);
                progress((done.fetch_add(1, Ordering::Relaxed) + 1) as f64 / total.max(1) as f64);
                comparison
            })
            .collect()
    };
    noises.iter().flat_map(one).collect()
}

fn compare(
    calibration: &Calibration,
    model: &Model,
    noise: &NamedNoise,
    mean: &Carriers<f32>,
    link: &ProofLink,
    scheme: Scheme,
) -> Comparison {
    let lost = |level: f64| model.shares(&link.gains, level, scheme, OCTETS).lost;
    let model_dbuv = falls_through(lost, TARGET, LEVELS_DBUV.0, LEVELS_DBUV.1);
    let stage = Stage::Payload(scheme);
    let seed = calibration.seed ^ mix(&[&noise.name(), &link.feeder, &link.link, &stage.name()]);
    let search = Search { noise, mean, path: &link.path, stage, whole: true, octets: OCTETS, seed };
    let found = search.find(calibration.effort, &calibration.journal);
    Comparison {
        preset: noise.name(),
        feeder: link.feeder.clone(),
        link: link.link.clone(),
        mode: stage,
        waveform_dbuv: found.map(|found| round(found.at_db)),
        uncertainty_db: found.map(|found| half(&found)),
        model_dbuv: model_dbuv.map(round),
        difference_db: found.zip(model_dbuv).map(|(found, model)| round(model - found.at_db)),
        frames: found.map_or(0, |found| found.frames),
        seed,
    }
}

/// A row that holds an offset.
fn row(preset: &str, stage: Stage, offset_db: f64, uncertainty_db: f64) -> Row {
    Row {
        preset: preset.into(),
        stage,
        octets: OCTETS as u32,
        middle_db: None,
        spread_db: None,
        offset_db,
        tilt_db: None,
        uncertainty_db,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::prime::links::links;
    use crate::scenario::Scenario;

    #[test]
    fn the_built_in_table_reproduces_the_waveform_on_a_link_of_the_village() {
        let calibration = Calibration {
            noises: vec![NamedNoise::new(&["n0"]).unwrap()],
            links: links("village", &Scenario::village(1), 3).into_iter().skip(1).take(1).collect(),
            schemes: vec![Scheme::DbpskC, Scheme::D8pskC, Scheme::RobustDqpsk],
            seed: 3,
            effort: Effort { frames: 288, half_width_db: 0.3 },
            journal: Journal::default(),
        };
        for found in prove(&calibration, &Table::built_in(), &|_| {}) {
            let (difference, half) = (found.difference_db.unwrap(), found.uncertainty_db.unwrap());
            assert!(half < 0.4 && difference.abs() <= TOLERANCE_DB + half, "{found:?}");
        }
    }

    #[test]
    fn a_preset_that_is_not_valid_in_channel_1_is_refused_by_name() {
        assert!(NamedNoise::new(&["n0", "n99"]).unwrap_err().contains("n99"));
    }
}

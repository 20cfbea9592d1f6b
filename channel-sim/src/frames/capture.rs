//! Frames that overlap: what the waveform mode makes of them, and the model.
//!
//! A frame well above the noise is on the air when another modem sends one of the same kind. Searched is by how much the
//! first has to be stronger so that one in ten of it is lost: over shares of the payload, and where both frames begin together.
//! On reference paths, where the other's carriers are like the first's, rise against them or fall, what the overlap adds to the
//! model's effective ratio is found. The model is then held against the waveform on links of feeders.

use super::air::{Times, disturb};
use super::calibrate::{Calibration, NamedNoise, ProofLink, TARGET, half, mix, round, row};
use super::crossing::{Crossing, Effort, find};
use super::hearing::{Hearing, Interference, Stretch, ratio_tilt_db};
use super::model::falls_through;
use super::modem::{Modem, Stage};
use super::overlap::{INTERFERENCE, TOGETHER};
use super::table::{Row, Table};
use super::tape::NoiseTape;
use super::waveform::{Disturber, Path, WaveformLink, signal_power};
use crate::noise::Port;
use plc_core::time::TICKS_PER_SECOND;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How far the model may be from the waveform.
pub const TOLERANCE_DB: f64 = 0.5;
/// Shares of the payload that the other frame covers, to its end, on reference paths.
const CALIBRATED: [f64; 5] = [0.3, 0.45, 0.6, 0.85, 1.0];
/// The same in the comparison.
const COMPARED: [f64; 4] = [0.3, 0.6, 0.75, 1.0];
/// Reference paths of the first frame and of the other: the ratio of their powers is the same on all carriers, rises by
/// 12 dB from the lowest to the highest, falls, and is the same though both fall by 16 dB.
const REFERENCES: [[usize; 2]; 4] = [[0, 0], [0, 2], [2, 0], [3, 3]];
/// Offsets between which one is searched, in dB.
const OFFSETS_DB: (f64, f64) = (-15.0, 15.0);
/// Share of frames that the model is to lose where the waveform never loses one in ten.
const NEVER: f64 = 0.02;
/// Level above that at which noise alone loses frames, in dB.
const ABOVE_NOISE_DB: f64 = 15.0;
/// Ratios of the two frames' powers that are looked at, in dB.
const RATIOS_DB: (f64, f64) = (-25.0, 25.0);
/// Frames that tell whether there is a crossing at all.
const FIRST_FRAMES: u32 = 96;

/// One line of the comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// Mode of both frames.
    pub mode: Stage,
    /// Share of the payload that the other frame covers; empty where both begin together.
    pub share: Option<f64>,
    /// The receiver's links from the two senders.
    pub links: String,
    /// Ratio of the powers received at which the waveform loses one frame in ten, in dB; empty where it does not.
    pub waveform_db: Option<f64>,
    /// Half of its 95 % interval.
    pub uncertainty_db: Option<f64>,
    /// The model's.
    pub model_db: Option<f64>,
    /// Model less waveform.
    pub difference_db: Option<f64>,
    /// Frames sent as samples.
    pub frames: u32,
    /// Seed of what was drawn.
    pub seed: u64,
}

impl Overlap {
    /// Whether the model reproduces the waveform.
    pub fn holds(&self) -> bool {
        match (self.waveform_db, self.model_db) {
            (Some(_), Some(_)) => self.difference_db.is_some_and(|db| db.abs() <= TOLERANCE_DB),
            (None, None) => true,
            _ => false,
        }
    }
}

/// Two senders, a receiver, and how their frames meet.
struct Meeting<'a> {
    modem: &'a Arc<Modem>,
    mode: Stage,
    share: Option<f64>,
    paths: [&'a Path; 2],
    /// Levels of the first sender, and of the second for equal powers received.
    levels_dbuv: [f64; 2],
    seed: u64,
}

impl<'a> Meeting<'a> {
    fn new(
        modem: &'a Arc<Modem>,
        mode: Stage,
        share: Option<f64>,
        paths: [&'a Path; 2],
        tape: &NoiseTape,
        seed: u64,
        what: &str,
    ) -> Self {
        let db = |powers: &[f32]| 10.0 * libm::log10(f64::from(powers.iter().sum::<f32>()));
        let received = paths.map(|path| db(&signal_power(&path.gains(modem.grid()), 0.0, modem.grid())));
        let wanted = db(tape.mean()) + modem.start_db(mode) + ABOVE_NOISE_DB;
        let seed = seed ^ mix(&["overlap", mode.name(), what, &format!("{share:?}")]);
        Self { modem, mode, share, paths, levels_dbuv: received.map(|own| round(wanted - own)), seed }
    }

    /// How far the ratio of the powers received rises from the lowest to the highest carrier, and that of the other to noise.
    fn tilts_db(&self, noise: &[f32]) -> [f64; 2] {
        let grid = self.modem.grid();
        let [own, other] = self.paths.map(|path| signal_power(&path.gains(grid), 0.0, grid));
        [(&own[..], &other[..]), (&other, noise)].map(|(of, to)| ratio_tilt_db(of, to).into())
    }

    fn times(&self) -> (Times, u64) {
        let layout = self.modem.layout(self.mode, self.modem.octets());
        let [preamble, header_end, end] =
            layout.map_or([0; 3], |layout| layout.ends.map(|end| end.as_ticks()));
        let other = self.share.map_or(0, |share| end - (share * (end - header_end) as f64) as u64);
        (Times { start: 0, preamble, header_end, end }, other)
    }

    fn by_waveform(&self, noise: &NamedNoise, calibration: &Calibration) -> Option<Crossing> {
        let (modem, octets, grid) = (self.modem, self.modem.octets(), self.modem.grid());
        let link =
            WaveformLink { modem: modem.clone(), path: self.paths[0].clone(), noise: noise.plan.clone() };
        let (name, fingerprints) = (self.mode.name(), self.paths.map(|path| path.fingerprint()));
        let ticks_per_sample = (TICKS_PER_SECOND as f64 / grid.rate_hz).round() as u64;
        let after = (self.times().1 / ticks_per_sample) as usize;
        // A symbol, in which the other frame's start is drawn.
        let symbol = if grid.lag > 0 { grid.lag } else { grid.points };
        let run = |ratio_db: f64, frames: u32, number: u64| {
            let ratio_db = (ratio_db * 1e4).round() / 1e4;
            let seed = self.seed.wrapping_add(number);
            let other = Disturber {
                path: self.paths[1].clone(),
                level_dbuv: self.levels_dbuv[1] - ratio_db,
                after: after.saturating_sub(if self.share.is_some() { symbol / 2 } else { 0 }),
                within: symbol / if self.share.is_some() { 1 } else { 2 },
            };
            let [own, its] = fingerprints;
            let key = format!(
                "{}overlap {:?},{own:016x}{its:016x},{name},{octets},{ratio_db},{frames},{seed}",
                modem.journal_prefix(),
                self.share
            );
            let outcome = calibration.journal.batch(&key, || {
                link.run_against(Some(&other), self.mode, octets, self.levels_dbuv[0], frames, seed)
            });
            (outcome.lost(), outcome.frames)
        };
        let (lost, of) = run(RATIOS_DB.0, FIRST_FRAMES, 1 << 32);
        if f64::from(lost) < 1.3 * TARGET * f64::from(of) {
            return None;
        }
        let effort = Effort { half_width_db: 2.0 * calibration.effort.half_width_db, ..calibration.effort };
        find(run, TARGET, modem.start_db(self.mode) + 2.0, effort)
    }

    fn by_model(&self, tape: &NoiseTape, table: &Table) -> Option<f64> {
        falls_through(|db| self.lost(tape, table, db), TARGET, RATIOS_DB.0, RATIOS_DB.1)
    }

    /// Share of first frames that the model loses. Noise alone loses none.
    fn lost(&self, tape: &NoiseTape, table: &Table, ratio_db: f64) -> f64 {
        let (modem, grid) = (self.modem, self.modem.grid());
        let tapes = [tape.clone()].into();
        let mut hearing = Hearing::new(modem, tapes, vec![0; 3], table, &["n0".into()], &[self.mode]);
        let signal =
            |at: usize, db: f64| signal_power(&self.paths[at].gains(grid), self.levels_dbuv[at] - db, grid);
        hearing.add_sender([(1, signal(0, 0.0))].into_iter());
        hearing.add_sender(std::iter::empty());
        hearing.add_sender([(1, signal(1, ratio_db))].into_iter());
        let (Some(own), other) = (hearing.of(0).next(), hearing.of(2).next()) else { return 1.0 };
        let power = other.map_or([0.0; 6], |other| hearing.links[other].power);
        if self.share.is_none() && power.iter().sum::<f32>() > hearing.links[own].power.iter().sum() {
            return 1.0;
        }
        let (times, start) = self.times();
        let (mut header, mut payload) = (Interference::default(), Interference::default());
        disturb([&mut header, &mut payload], times, (start, start + times.end), &power);
        payload.known = header.share;
        let (layout, mode) = (modem.layout(self.mode, modem.octets()), modem.mode(self.mode));
        let (Some(layout), Some(mode)) = (layout, mode) else { return 1.0 };
        let number = hearing.layout(self.mode, layout.symbols, layout.octets);
        let mut right = 1.0;
        for (stage, layout, interference) in
            [(mode.before[1], None, header), (self.mode, Some(number), payload)]
        {
            let stretch = Stretch { from: 0, places: grid.places, attenuation_db: 0.0 };
            right *= 1.0 - f64::from(hearing.failure(own, stage, layout, &stretch, &interference));
        }
        1.0 - right
    }
}

/// What overlaps add in each mode: rows for the table. `table` is without them.
///
/// # Errors
/// Where no offset makes the model lose what the waveform loses.
pub fn offsets(calibration: &Calibration, table: &Table) -> Result<Vec<Row>, String> {
    let modem = &calibration.modem;
    let noise = NamedNoise::new(&["n0"], modem)?;
    let tape = NoiseTape::listen(&noise.plan, Port::L1, calibration.seed, modem.grid());
    let jobs: Vec<(Stage, Option<f64>, [usize; 2])> = modem
        .payloads()
        .flat_map(|mode| shares(&CALIBRATED).map(move |share| (mode, share)))
        .flat_map(|(mode, share)| REFERENCES.map(|paths| (mode, share, paths)))
        .collect();
    jobs.par_iter()
        .map(|&(mode, share, paths)| {
            let references = Path::references(modem.grid());
            let pair = paths.map(|index| &references[index]);
            let meeting =
                Meeting::new(modem, mode, share, pair, &tape, calibration.seed, &format!("{paths:?}"));
            let found = meeting.by_waveform(&noise, calibration);
            let row = |offset_db: f64| {
                let preset = if share.is_some() { INTERFERENCE } else { TOGETHER };
                let uncertainty_db = found.map_or(0.0, |found| half(&found));
                let [tilt_db, other_tilt_db] = meeting.tilts_db(tape.mean()).map(|db| Some(round(db)));
                let share = share.or(Some(1.0));
                let octets = modem.octets() as u32;
                Row { octets, tilt_db, other_tilt_db, share, ..row(preset, mode, offset_db, uncertainty_db) }
            };
            let with = |offset_db: f64| {
                let rows = table.rows().iter().cloned().chain([row(offset_db)]);
                let at_db = found.map_or(RATIOS_DB.0, |found| found.at_db);
                meeting.lost(&tape, &Table::new(rows.collect()), at_db)
            };
            let offset_db = match found {
                None if with(0.0) <= NEVER => Some(0.0),
                None => falls_through(with, NEVER, OFFSETS_DB.0, OFFSETS_DB.1),
                Some(_) => falls_through(with, TARGET, OFFSETS_DB.0, OFFSETS_DB.1),
            };
            offset_db.map(|offset_db| row(round(offset_db))).ok_or_else(|| {
                format!("overlapping frames, {}, {share:?}, paths {paths:?}: no offset found", mode.name())
            })
        })
        .collect()
}

/// Shares of the payload, and frames that begin together.
fn shares(of: &[f64]) -> impl Iterator<Item = Option<f64>> {
    of.iter().copied().map(Some).chain([None])
}

/// The model against the waveform: each mode and share on the first and the last link of every feeder that has two, and of
/// these the first and the last feeder; nothing where none has.
///
/// # Errors
/// Where white noise is no preset.
pub fn compare(calibration: &Calibration, table: &Table, modes: &[Stage]) -> Result<Vec<Overlap>, String> {
    let mut pairs: Vec<(&ProofLink, &ProofLink)> = Vec::new();
    for near in &calibration.links {
        let far = calibration.links.iter().rfind(|far| far.feeder == near.feeder);
        let is_new = pairs.iter().all(|(known, _)| known.feeder != near.feeder);
        pairs.extend(far.filter(|far| is_new && far.link != near.link).map(|far| (near, far)));
    }
    if pairs.len() > 2 {
        pairs.drain(1..pairs.len() - 1);
    }
    let modem = &calibration.modem;
    let noise = NamedNoise::new(&["n0"], modem)?;
    let tape = NoiseTape::listen(&noise.plan, Port::L1, calibration.seed ^ 1, modem.grid());
    let what = |link: &ProofLink| format!("{} {}", link.feeder, link.link);
    let jobs: Vec<(&ProofLink, &ProofLink, Stage, Option<f64>)> = pairs
        .iter()
        .flat_map(|&(near, far)| modes.iter().map(move |&mode| (near, far, mode)))
        .flat_map(|(near, far, mode)| shares(&COMPARED).map(move |share| (near, far, mode, share)))
        .collect();
    Ok(jobs
        .par_iter()
        .map(|&(near, far, mode, share)| {
            let links = format!("{}, {}", what(near), what(far));
            let pair = [&near.path, &far.path];
            let meeting = Meeting::new(modem, mode, share, pair, &tape, calibration.seed, &links);
            let found = meeting.by_waveform(&noise, calibration);
            let model = meeting.by_model(&tape, table);
            Overlap {
                mode,
                share,
                links,
                waveform_db: found.map(|found| round(found.at_db)),
                uncertainty_db: found.map(|found| half(&found)),
                model_db: model.map(round),
                difference_db: found.zip(model).map(|(found, model)| round(model - found.at_db)),
                frames: found.map_or(FIRST_FRAMES, |found| found.frames),
                seed: meeting.seed,
            }
        })
        .collect())
}

//! Frames that overlap: what the waveform mode makes of them, and the model.
//!
//! A frame well above the noise is on the air when another modem sends one of the same kind. Searched is by how much the
//! first has to be stronger so that one in ten of it is lost. Where the other covers the whole payload, on a flat path, the
//! model's weight of interference is found; it is then held against the waveform on the village's links, over shares
//! of the payload, and where both frames begin together.

use super::air::{Times, disturb};
use super::calibrate::{Calibration, NamedNoise, OCTETS, ProofLink, TARGET, half, mix, round, row, start_db};
use super::crossing::{Crossing, Effort, find};
use super::hearing::{Hearing, Interference, Stretch};
use super::model::falls_through;
use super::table::{INTERFERENCE, Row, Stage, Table};
use super::tape::{CARRIERS, NoiseTape, PLACES};
use super::waveform::{Disturber, Path, WaveformLink, signal_power};
use crate::noise::Port;
use g3_phy::layout::PayloadLayout;
use g3_phy::{BandPlan, Modulation, ToneMask, timing};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How far the model may be from the waveform.
pub const TOLERANCE_DB: f64 = 0.5;
/// Shares of the payload that the other frame covers, to its end.
const SHARES: [f64; 3] = [0.3, 0.6, 1.0];
/// Level above that at which noise alone loses frames, in dB.
const ABOVE_NOISE_DB: f64 = 15.0;
/// Ratios of the two frames' powers that are looked at, in dB.
const RATIOS_DB: (f64, f64) = (-25.0, 25.0);
/// Frames that tell whether there is a crossing at all.
const FIRST_FRAMES: u32 = 96;
/// Samples of a symbol, in which the other frame's start is drawn.
const SYMBOL_SAMPLES: usize = 278;
const TICKS_PER_SAMPLE: u64 = 15;

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
    mode: Modulation,
    share: Option<f64>,
    paths: [&'a Path; 2],
    /// Levels of the first sender, and of the second for equal powers received.
    levels_dbuv: [f64; 2],
    seed: u64,
}

impl<'a> Meeting<'a> {
    fn new(
        mode: Modulation,
        share: Option<f64>,
        paths: [&'a Path; 2],
        tape: &NoiseTape,
        seed: u64,
        what: &str,
    ) -> Self {
        let db = |powers: &[f32; CARRIERS]| 10.0 * libm::log10(f64::from(powers.iter().sum::<f32>()));
        let received = paths.map(|path| db(&signal_power(&path.gains(), 0.0)));
        let wanted = db(tape.mean()) + start_db(Stage::payload(mode)) + ABOVE_NOISE_DB;
        let seed = seed ^ mix(&["overlap", Stage::payload(mode).name(), what, &format!("{share:?}")]);
        Self { mode, share, paths, levels_dbuv: received.map(|own| round(wanted - own)), seed }
    }

    fn times(&self) -> (Times, u64) {
        let plan = BandPlan::CENELEC_A;
        let layout = PayloadLayout::for_psdu(&plan, ToneMask::ALL, plan.full_tone_map(), self.mode, OCTETS);
        let symbols = layout.map_or(0, |layout| layout.symbols);
        let header_end = timing::ack_airtime(&plan, ToneMask::ALL).as_ticks();
        let end = timing::frame_airtime(&plan, ToneMask::ALL, symbols).as_ticks();
        let other = self.share.map_or(0, |share| end - (share * (end - header_end) as f64) as u64);
        (Times { start: 0, header_end, end }, other)
    }

    fn by_waveform(&self, noise: &NamedNoise, calibration: &Calibration) -> Option<Crossing> {
        let link = WaveformLink { path: self.paths[0].clone(), noise: noise.plan.clone() };
        let (name, fingerprints) =
            (Stage::payload(self.mode).name(), self.paths.map(|path| path.fingerprint()));
        let after = (self.times().1 / TICKS_PER_SAMPLE) as usize;
        let run = |ratio_db: f64, frames: u32, number: u64| {
            let ratio_db = (ratio_db * 1e4).round() / 1e4;
            let seed = self.seed.wrapping_add(number);
            let other = Disturber {
                path: self.paths[1].clone(),
                level_dbuv: self.levels_dbuv[1] - ratio_db,
                after: after.saturating_sub(if self.share.is_some() { SYMBOL_SAMPLES / 2 } else { 0 }),
                within: SYMBOL_SAMPLES / if self.share.is_some() { 1 } else { 2 },
            };
            let [own, its] = fingerprints;
            let key = format!(
                "overlap {:?},{own:016x}{its:016x},{name},{OCTETS},{ratio_db},{frames},{seed}",
                self.share
            );
            let outcome = calibration.journal.batch(&key, || {
                link.run_against(Some(&other), self.mode, OCTETS, self.levels_dbuv[0], frames, seed)
            });
            (outcome.lost(), outcome.frames)
        };
        let (lost, of) = run(RATIOS_DB.0, FIRST_FRAMES, 1 << 32);
        if f64::from(lost) < 1.3 * TARGET * f64::from(of) {
            return None;
        }
        let effort = Effort { half_width_db: 2.0 * calibration.effort.half_width_db, ..calibration.effort };
        find(run, TARGET, start_db(Stage::payload(self.mode)) + 2.0, effort)
    }

    fn by_model(&self, tape: &NoiseTape, table: &Table) -> Option<f64> {
        falls_through(|db| self.lost(tape, table, db), TARGET, RATIOS_DB.0, RATIOS_DB.1)
    }

    /// Share of first frames that the model loses. Noise alone loses none.
    fn lost(&self, tape: &NoiseTape, table: &Table, ratio_db: f64) -> f64 {
        let plain: Vec<Modulation> =
            [self.mode].into_iter().filter(|mode| *mode != Modulation::Robust).collect();
        let mut hearing = Hearing::new([tape.clone()].into(), vec![0; 3], table, &["n0".into()], &plain);
        let signal = |at: usize, db: f64| signal_power(&self.paths[at].gains(), self.levels_dbuv[at] - db);
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
        let plan = BandPlan::CENELEC_A;
        let layout = PayloadLayout::for_psdu(&plan, ToneMask::ALL, plan.full_tone_map(), self.mode, OCTETS);
        let Some(layout) = layout else { return 1.0 };
        let number = hearing.layout(self.mode, layout.symbols, usize::from(layout.psdu_capacity));
        let mut right = 1.0;
        for (stage, layout, interference) in
            [(Stage::Header, None, header), (Stage::payload(self.mode), Some(number), payload)]
        {
            let stretch = Stretch { from: 0, places: PLACES, attenuation_db: 0.0 };
            right *= 1.0 - f64::from(hearing.failure(own, stage, layout, &stretch, &interference));
        }
        1.0 - right
    }
}

/// What interference counts in each mode: rows for the table. `table` is without them.
///
/// # Errors
/// Where a crossing is not found.
pub fn weights(calibration: &Calibration, table: &Table) -> Result<Vec<Row>, String> {
    let (noise, flat) = (NamedNoise::new(&["n0"])?, Path::flat());
    let tape = NoiseTape::listen(&noise.plan, Port::L1, calibration.seed);
    Modulation::ALL
        .par_iter()
        .map(|&mode| {
            let stage = Stage::payload(mode);
            let meeting = Meeting::new(mode, Some(1.0), [&flat, &flat], &tape, calibration.seed, "flat");
            let found = meeting
                .by_waveform(&noise, calibration)
                .ok_or_else(|| format!("overlapping frames, {}: no crossing found", stage.name()))?;
            let with = |offset_db: f64| {
                let rows = table.rows().iter().cloned().chain([row(INTERFERENCE, stage, offset_db, 0.0)]);
                meeting.lost(&tape, &Table::new(rows.collect()), found.at_db)
            };
            let offset_db = falls_through(with, TARGET, -10.0, 10.0)
                .ok_or_else(|| format!("overlapping frames, {}: no offset found", stage.name()))?;
            Ok(row(INTERFERENCE, stage, round(offset_db), half(&found)))
        })
        .collect()
}

/// The model against the waveform: each mode and share on the first and the last link of the first feeder that has
/// two; nothing where none has.
///
/// # Errors
/// Where white noise is no preset.
pub fn compare(
    calibration: &Calibration,
    table: &Table,
    modes: &[Modulation],
) -> Result<Vec<Overlap>, String> {
    let of_feeder = |near: &ProofLink| calibration.links.iter().rfind(|far| far.feeder == near.feeder);
    let mut pairs = calibration.links.iter().filter_map(|near| Some((near, of_feeder(near)?)));
    let Some((near, far)) = pairs.find(|(near, far)| near.link != far.link) else {
        return Ok(Vec::new());
    };
    let noise = NamedNoise::new(&["n0"])?;
    let tape = NoiseTape::listen(&noise.plan, Port::L1, calibration.seed ^ 1);
    let what = |link: &ProofLink| format!("{} {}", link.feeder, link.link);
    let links = format!("{}, {}", what(near), what(far));
    let jobs: Vec<(Modulation, Option<f64>)> = modes
        .iter()
        .flat_map(|&mode| SHARES.map(Some).into_iter().chain([None]).map(move |share| (mode, share)))
        .collect();
    Ok(jobs
        .par_iter()
        .map(|&(mode, share)| {
            let meeting = Meeting::new(mode, share, [&near.path, &far.path], &tape, calibration.seed, &links);
            let found = meeting.by_waveform(&noise, calibration);
            let model = meeting.by_model(&tape, table);
            Overlap {
                mode: Stage::payload(mode),
                share,
                links: links.clone(),
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

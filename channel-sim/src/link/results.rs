//! A campaign's results: points with their rates, and where curves cross a level.

use super::campaign::{Campaign, Point, Task};
use super::figures;
use super::journal::Journal;
use super::statistics::{Estimate, interpolate};
use super::system::System;
use super::{Channel, Outcome};
use serde::Serialize;

/// A point's result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What was measured.
    #[serde(flatten)]
    pub task: Task,
    /// What became of it.
    #[serde(flatten)]
    pub point: Point,
    /// Frame error rate.
    pub fer: Estimate,
    /// Bit error rate behind the Viterbi decoder, of the reference chain.
    pub ber: Option<Estimate>,
}

/// Where a curve crosses a level.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Crossing {
    /// What stands at both ends.
    pub system: System,
    /// What frames pass.
    pub channel: Channel,
    /// Noise presets.
    pub noise: String,
    /// The level: a frame error rate.
    pub fer: f64,
    /// Es/N0 per carrier in dB, with the interval that the points' intervals give; `None` where no two points lie around
    /// the level.
    pub snr_db: Option<Estimate>,
    /// The digest's figure for frames of this size in white noise, with ideal synchronisation.
    pub digest_db: Option<f64>,
    /// The reference chain with the same codes and octets, where the campaign has it.
    pub ideal: Option<Ideal>,
}

/// What the reference chain with ideal synchronisation needs for a frame of the same codes and octets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ideal {
    /// The chain.
    pub system: System,
    /// Octets of a word.
    pub octets: usize,
    /// Words of a frame: all must be right.
    pub words: usize,
    /// Es/N0 per carrier in dB, with its interval.
    pub snr_db: Estimate,
    /// How much more the modem needs, in dB, with the interval of both.
    pub difference_db: Estimate,
}

/// What a campaign leaves behind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Results {
    /// What was asked for.
    pub campaign: Campaign,
    /// Points that have ended, in the campaign's order.
    pub points: Vec<Row>,
    /// Where each curve loses one frame in ten.
    pub crossings: Vec<Crossing>,
}

impl Results {
    /// The results of what has ended.
    pub fn of(journal: &Journal) -> Self {
        let ended =
            journal.campaign.tasks.iter().zip(&journal.points).filter(|(_, point)| point.ended.is_some());
        let points: Vec<Row> = ended
            .map(|(task, point)| Row {
                task: task.clone(),
                point: *point,
                fer: point.outcome.fer(),
                ber: point.outcome.ber(),
            })
            .collect();
        let curves = curves(&points);
        let crossing = |curve: &Vec<&Row>| {
            let task = &curve.first()?.task;
            let snr_db = cross(curve, LEVEL, |row| Some(row.fer));
            Some(Crossing {
                fer: LEVEL,
                snr_db,
                ideal: snr_db.and_then(|own| ideal(task, own, &curves)),
                digest_db: figures::at(task).map(|figure| figure.fer_10_percent_db),
                system: task.system,
                channel: task.channel.clone(),
                noise: task.noise.clone(),
            })
        };
        let crossings = curves.iter().filter_map(crossing).collect();
        Self { campaign: journal.campaign.clone(), points, crossings }
    }
}

/// The level of the crossings.
const LEVEL: f64 = 0.1;

/// The reference chain beside a point's system, where it was measured.
fn ideal(task: &Task, own: Estimate, curves: &[Vec<&Row>]) -> Option<Ideal> {
    if matches!(task.system, System::Reference { .. }) || !task.is_plain() {
        return None;
    }
    let words = task.system.words(task.octets);
    let (system, octets) = (System::Reference { scheme: task.system.counterpart() }, task.octets / words);
    let is_it = |row: &&Row| row.task.system == system && row.task.octets == octets;
    let curve = curves.iter().find(|curve| curve.first().is_some_and(is_it))?;
    // A word is lost so often that one frame in ten has a lost one.
    let level = 1.0 - libm::pow(1.0 - LEVEL, 1.0 / words as f64);
    let snr_db = cross(curve, level, |row| Some(row.fer))?;
    let value = own.value - snr_db.value;
    // Both are independent.
    let half = |own: f64, ideal: f64| libm::sqrt(own * own + ideal * ideal);
    let difference_db = Estimate {
        value,
        low: value - half(own.value - own.low, snr_db.high - snr_db.value),
        high: value + half(own.high - own.value, snr_db.value - snr_db.low),
    };
    Some(Ideal { system, octets, words, snr_db, difference_db })
}

/// Points that differ by their ratio alone, in order of their ratio; curves in the order of their first points.
pub fn curves(points: &[Row]) -> Vec<Vec<&Row>> {
    let mut curves: Vec<Vec<&Row>> = Vec::new();
    let same = |a: &Task, b: &Task| *a == Task { snr_db: a.snr_db, ..b.clone() };
    for row in points {
        match curves.iter_mut().find(|curve| curve.first().is_some_and(|first| same(&first.task, &row.task)))
        {
            Some(curve) => curve.push(row),
            None => curves.push(vec![row]),
        }
    }
    for curve in &mut curves {
        curve.sort_by(|a, b| a.task.snr_db.total_cmp(&b.task.snr_db));
    }
    curves
}

/// Where a rate along a curve crosses a level, with the interval that the points' intervals give.
pub fn cross(curve: &[&Row], level: f64, rate: impl Fn(&Row) -> Option<Estimate>) -> Option<Estimate> {
    let along = |pick: fn(&Estimate) -> f64| -> Vec<(f64, f64)> {
        curve.iter().filter_map(|row| Some((row.task.snr_db, pick(&rate(row)?)))).collect()
    };
    interpolate(&along(|rate| rate.value), level).map(|value| Estimate {
        value,
        low: interpolate(&along(|rate| rate.low), level).unwrap_or(f64::NEG_INFINITY),
        high: interpolate(&along(|rate| rate.high), level).unwrap_or(f64::INFINITY),
    })
}

impl Row {
    /// What became of the frames.
    pub fn outcome(&self) -> &Outcome {
        &self.point.outcome
    }
}

//! What to measure: the points of a campaign, and when each ends.

use super::journal::fingerprint;
use super::system::System;
use super::{Channel, FeederLink, Outcome, channel, figures, noise, stream};
use crate::noise::Mains;
use crate::reference::{Scheme, tables};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One point of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// What stands at both ends.
    pub system: System,
    /// What frames pass.
    pub channel: Channel,
    /// Noise presets, as [`noise`](crate::noise) spells them, or [`WHITE`].
    pub noise: String,
    /// Frequency of the mains, which noise and channel may follow: 50 or 60.
    pub mains_hz: u32,
    /// Es/N0 per carrier in dB at the receiver, in the mean over carriers and time.
    pub snr_db: f64,
    /// Octets of the frames' data.
    pub octets: usize,
}

fn no_channel(channel: &Channel) -> String {
    format!("the reference chain has no channel, not {channel}; use --channel flat, or leave the chain out")
}

/// Greatest magnitude of a ratio.
pub const MOST_DB: f64 = 100.0;

/// White Gaussian noise.
pub const WHITE: &str = "n0";

impl Task {
    /// A point of the reference chain, in white noise.
    pub fn reference(scheme: Scheme, snr_db: f64, octets: usize) -> Self {
        Self {
            system: System::Reference { scheme },
            channel: Channel::Flat,
            noise: WHITE.to_string(),
            mains_hz: 50,
            snr_db,
            octets,
        }
    }

    /// Determines the random numbers of the point together with the seed: the hash of its name. Flat channels and mains
    /// of 50 Hz are not in it.
    pub(super) fn key(&self) -> u64 {
        let mut name = format!("{}@{}@{:.4}@{}", self.system, self.noise, self.snr_db, self.octets);
        if self.channel != Channel::Flat {
            name = format!("{name}@{}", self.channel);
        }
        if self.mains_hz != 50 {
            name = format!("{name}@{}", self.mains_hz);
        }
        fingerprint(&name)
    }

    /// The mains, with their wander.
    pub(super) fn mains(&self) -> Mains {
        if self.mains_hz == 60 { Mains::AMERICA } else { Mains::EUROPE }
    }

    /// White noise and nothing on the way: what formulas and the digests' figures are of.
    pub(super) fn is_plain(&self) -> bool {
        self.noise == WHITE && self.channel == Channel::Flat
    }

    /// Whether it can be one of a campaign.
    pub(super) fn check(&self) -> Result<(), String> {
        if ![50, 60].contains(&self.mains_hz) {
            return Err(format!("mains of {} Hz", self.mains_hz));
        }
        if self.channel != Channel::Flat && stream::air(&self.system).is_none() {
            return Err(no_channel(&self.channel));
        }
        // More fit no frame, and would not fit the sums that tell it.
        let most = usize::from(u16::MAX);
        if self.octets > most || self.system.filled_octets(self.octets) != Some(self.octets) {
            return Err(format!("{} octets are no frame of {}", self.octets, self.system));
        }
        if !(-MOST_DB..=MOST_DB).contains(&self.snr_db) {
            return Err(format!("{} dB are not within ±{MOST_DB} dB", self.snr_db));
        }
        Ok(())
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.system, self.noise)?;
        if self.channel != Channel::Flat {
            write!(f, " over {}", self.channel)?;
        }
        write!(f, " at {} Hz and {} dB with {} octets", self.mains_hz, self.snr_db, self.octets)
    }
}

/// What signal to noise refers to (channel digest 0.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SnrOf {
    /// All the noise, in the mean over a long time.
    #[default]
    Mean,
    /// What is always there, impulses left out.
    Background,
}

/// What the interval that ends a point is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Frame error rate.
    #[default]
    Fer,
    /// Bit error rate, of chains that count bits, and frame error rate too: both are narrow then.
    Ber,
}

/// When a point ends: with the first of these.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// So many frames were sent.
    pub max_frames: u64,
    /// So many frames were lost.
    pub max_lost: u64,
    /// Half the 95 % interval is this share of the rate.
    pub precision: f64,
    /// The rate.
    pub measure: Measure,
}

/// Why a point ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// The interval is narrow enough.
    Precision,
    /// Enough frames were lost.
    Lost,
    /// The most frames were sent.
    Frames,
}

impl Ended {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Precision => "precision",
            Self::Lost => "lost",
            Self::Frames => "frames",
        }
    }
}

impl Stop {
    /// Whether a point with this outcome ends.
    pub(super) fn ends(&self, outcome: &Outcome) -> Option<Ended> {
        if self.relative_half_width(outcome) <= self.precision {
            Some(Ended::Precision)
        } else if outcome.lost() >= self.max_lost {
            Some(Ended::Lost)
        } else {
            (outcome.frames >= self.max_frames).then_some(Ended::Frames)
        }
    }

    /// How far a point with this outcome is, from 0 to 1, as far as one can tell.
    pub fn share(&self, outcome: &Outcome) -> f64 {
        let frames = outcome.frames as f64 / self.max_frames.max(1) as f64;
        let lost = outcome.lost() as f64 / self.max_lost.max(1) as f64;
        // The width falls with the root of the frames.
        let precision = (self.precision / self.relative_half_width(outcome)).powi(2);
        frames.max(lost).max(precision).clamp(0.0, 1.0)
    }

    fn relative_half_width(&self, outcome: &Outcome) -> f64 {
        let frames = outcome.fer().relative_half_width();
        match (self.measure, outcome.ber()) {
            (Measure::Ber, Some(ber)) => frames.max(ber.relative_half_width()),
            _ => frames,
        }
    }
}

/// A campaign: everything that its results depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// The points.
    pub tasks: Vec<Task>,
    /// Determines frames, noise, delays and gains.
    pub seed: u64,
    /// When points end.
    pub stop: Stop,
    /// What signal to noise refers to.
    pub snr_of: SnrOf,
    /// Whether it is to be measured with [`dsp::cpu::be_exact`].
    pub exact: bool,
}

/// What became of a point so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Streams that are counted: the next to run.
    pub streams: u64,
    /// What became of their frames.
    pub outcome: Outcome,
    /// Why it ended, if it has.
    pub ended: Option<Ended>,
}

/// A product of systems, noises and ratios.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// Systems.
    pub systems: Vec<System>,
    /// Channels; none is the flat one.
    pub channels: Vec<Channel>,
    /// Noise presets; several of one point are joined by a comma.
    pub noises: Vec<String>,
    /// Es/N0 in dB; `None` for steps around the digest's figure: of 0.25 dB in white noise alone, wide ones otherwise.
    pub snr_db: Option<Vec<f64>>,
    /// Frequency of the mains; `None` for that of the band's countries: 60 Hz for FCC and ARIB, 50 Hz for the others.
    pub mains_hz: Option<u32>,
    /// Octets before a frame is filled up to its symbols.
    pub octets: usize,
    /// Whether each system is followed by its counterpart of the reference chain, in white noise.
    pub with_reference: bool,
}

impl Grid {
    /// The points, in order.
    ///
    /// # Errors
    /// A sentence where a system, size, channel, preset or ratio does not fit.
    pub fn tasks(&self) -> Result<Vec<Task>, String> {
        let mut tasks: Vec<Task> = Vec::new();
        let mut maker = channel::Maker::default();
        let flat = [Channel::Flat];
        let channels = if self.channels.is_empty() { &flat[..] } else { &self.channels };
        for (system, channel) in self.systems.iter().flat_map(|of| channels.iter().map(move |to| (of, to))) {
            let octets = system.filled_octets(self.octets).ok_or_else(|| {
                format!("{} octets do not fit a frame of {system}; use less with --octets", self.octets)
            })?;
            let mains_hz = self.mains_hz.unwrap_or_else(|| mains_hz(system));
            let channel = known(channel, system, &mut maker)?;
            for text in &self.noises {
                noise::check(system, text, mains_hz)?;
                let plain = text == WHITE && channel == Channel::Flat;
                let ratios = self.ratios(system, plain)?;
                let task = |system: System, snr_db: &f64| {
                    // What files show is what was measured.
                    let snr_db = (snr_db * 1e4).round() / 1e4 + 0.0;
                    match system {
                        System::Reference { scheme } => Task::reference(scheme, snr_db, octets),
                        _ => {
                            let (channel, noise) = (channel.clone(), text.clone());
                            Task { system, channel, noise, mains_hz, snr_db, octets }
                        }
                    }
                };
                let mut add = |system: System, octets: usize| {
                    let of = |snr_db: &f64| Task { octets, ..task(system, snr_db) };
                    for task in ratios.iter().map(of) {
                        if !tasks.contains(&task) {
                            tasks.push(task);
                        }
                    }
                };
                add(*system, octets);
                let has_counterpart = !matches!(system, System::Reference { .. });
                if self.with_reference && has_counterpart && plain {
                    // Of a frame with two words, a word.
                    let word = octets / system.words(octets);
                    add(System::Reference { scheme: system.counterpart() }, word);
                }
            }
        }
        Ok(tasks)
    }

    fn ratios(&self, system: &System, plain: bool) -> Result<Vec<f64>, String> {
        if let Some(ratios) = &self.snr_db {
            return Ok(ratios.clone());
        }
        let figure = figures::awgn(system);
        let missing =
            || format!("the digests have no figure for {system} to lay points around; give them with --snr");
        let centre = figure.ok_or_else(missing)?.fer_10_percent_db;
        let steps = |range: std::ops::RangeInclusive<i32>, step: f64| {
            range.map(|index| centre + step * f64::from(index)).collect()
        };
        Ok(if plain { steps(-3..=5, 0.25) } else { steps(-3..=6, 2.0) })
    }
}

/// Frequency of the mains where a band is used. Japan has both: 60 Hz here.
fn mains_hz(system: &System) -> u32 {
    let band = system.band();
    if band.starts_with("fcc") || band == "arib" { 60 } else { 50 }
}

/// The channel with the fingerprint of its response.
fn known(channel: &Channel, system: &System, maker: &mut channel::Maker) -> Result<Channel, String> {
    let Channel::Feeder(link) = channel else { return Ok(Channel::Flat) };
    let air = stream::air(system).ok_or_else(|| no_channel(channel))?;
    let response = maker.response(link, &air)?.fingerprint();
    Ok(Channel::Feeder(FeederLink { response, ..link.clone() }))
}

/// The points at which the reference chain is held against a row of the digest's table 5.3: 0.25 dB apart, from below
/// the lowest of its figures to above the highest.
pub fn row_tasks(row: &tables::Row) -> Result<Vec<Task>, String> {
    let scheme = row.scheme.parse()?;
    let figures = row.ber_db.iter().flatten().chain(&row.fer_db);
    let low = figures.clone().fold(f64::INFINITY, |a, &b| a.min(b));
    let high = figures.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    let (first, last) = (((low - 0.05) * 4.0).floor() as i32, ((high + 0.05) * 4.0).ceil() as i32);
    let task = |step: i32| Task::reference(scheme, 0.25 * f64::from(step), tables::OCTETS);
    Ok((first..=last).map(task).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(systems: &[&str], noises: &[&str]) -> Grid {
        Grid {
            systems: systems.iter().map(|name| name.parse().unwrap()).collect(),
            noises: noises.iter().map(ToString::to_string).collect(),
            octets: 100,
            ..Grid::default()
        }
    }

    #[test]
    fn points_are_the_product_in_order() {
        let grid = Grid {
            snr_db: Some(vec![1.0, 2.0]),
            ..grid(&["g3/cenelec-a/dbpsk/default", "prime/channel-1/dbpsk-c/default"], &[WHITE])
        };
        let tasks = grid.tasks().unwrap();
        let names: Vec<_> =
            tasks.iter().map(|task| (task.system.standard().name(), task.snr_db, task.octets)).collect();
        assert_eq!(names, [("g3", 1.0, 100), ("g3", 2.0, 100), ("prime", 1.0, 100), ("prime", 2.0, 100)]);
        let mut keys: Vec<_> = tasks.iter().map(Task::key).collect();
        keys.dedup();
        assert_eq!(keys.len(), 4);
    }

    #[test]
    fn counterparts_stand_behind_their_systems_once() {
        let systems = ["g3/cenelec-a/d8psk/default", "g3/cenelec-a/d8psk/ppm=20"];
        let tasks = Grid { with_reference: true, ..grid(&systems, &[WHITE]) }.tasks().unwrap();
        let modes: Vec<_> = tasks.chunks(9).map(|chunk| chunk[0].system.to_string()).collect();
        assert_eq!(modes, [systems[0], "reference/none/d8psk-rs16/default", systems[1]]);
        assert_eq!((tasks.len(), tasks[9].octets), (27, 118));
    }

    #[test]
    fn channels_multiply_and_mains_are_the_bands() {
        let channels = ["flat", "village:house-1", "village:house-2"].map(|name| name.parse().unwrap());
        let systems = ["g3/cenelec-a/dbpsk/default", "g3/fcc-1/dbpsk/default"];
        let both = Grid {
            channels: channels.to_vec(),
            snr_db: Some(vec![4.0]),
            with_reference: true,
            ..grid(&systems, &[WHITE])
        };
        let tasks = both.tasks().unwrap();
        let names: Vec<_> = tasks.iter().map(|task| (task.channel.to_string(), task.mains_hz)).collect();
        let [flat, one, two] = ["flat", "village:house-1", "village:house-2"].map(ToString::to_string);
        // The reference chain follows once, behind the flat channel.
        let at = |hz: u32| [(flat.clone(), hz), (one.clone(), hz), (two.clone(), hz)];
        let mut expected = [at(50), at(60)].concat();
        expected.insert(1, (flat.clone(), 50));
        assert_eq!(names, expected);
        let mut responses: Vec<_> = tasks.iter().map(|task| task.channel.clone()).collect();
        responses.sort_by_key(|channel| format!("{channel:?}"));
        responses.dedup();
        assert_eq!(responses.len(), 5, "every link has a fingerprint in every band");
        let tasks = Grid { mains_hz: Some(50), ..both }.tasks().unwrap();
        assert!(tasks.iter().all(|task| task.mains_hz == 50));
        let chain = Grid { channels: channels.to_vec(), ..grid(&["reference/none/dbpsk/default"], &[WHITE]) };
        assert!(chain.tasks().is_err_and(|error| error.contains("--channel flat")));
    }

    #[test]
    fn a_figure_lies_inside_the_points_laid_around_it() {
        for row in tables::ROWS {
            let tasks = row_tasks(&row).unwrap();
            let (first, last) = (tasks[0].snr_db, tasks[tasks.len() - 1].snr_db);
            assert!(row.ber_db.iter().flatten().chain(&row.fer_db).all(|db| (first..last).contains(db)));
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let too_long = Grid { octets: 250, ..grid(&["g3/cenelec-a/dbpsk/default"], &[WHITE]) };
        assert!(too_long.tasks().is_err_and(|error| error.contains("250 octets")));
        let no_figure = grid(&["reference/none/dbpsk-x2/default"], &[WHITE]);
        assert!(no_figure.tasks().is_err_and(|error| error.contains("--snr")));
        let coloured = grid(&["reference/none/dbpsk/default"], &["n1"]);
        assert!(coloured.tasks().is_err_and(|error| error.contains("n1")));
    }

    #[test]
    fn a_point_ends_by_the_first_reason() {
        let stop = Stop { max_frames: 1_000, max_lost: 100, precision: 0.1, measure: Measure::Fer };
        let outcome = |frames, lost| Outcome { frames, right: frames - lost, ..Outcome::default() };
        assert_eq!(stop.ends(&outcome(500, 50)), None);
        assert_eq!(stop.ends(&outcome(500, 100)), Some(Ended::Lost));
        assert_eq!(stop.ends(&outcome(1_000, 0)), Some(Ended::Frames));
        assert_eq!(stop.ends(&outcome(900, 500)), Some(Ended::Precision));
        assert!((0.5..0.51).contains(&stop.share(&outcome(500, 10))));
    }
}

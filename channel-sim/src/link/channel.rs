//! What frames pass between transmitter and receiver: nothing, or a link of a feeder.

use super::campaign::Task;
use super::journal::fingerprint;
use super::stream::{self, Air};
use crate::exact;
use crate::feeder::{Phase, PhaseSet, ReadOptions};
use crate::line::Line;
use crate::line::filter::MAINS_PHASES;
use crate::noise::{MainsPhase, Port};
use crate::scenario::Scenario;
use crate::survey::{cut_at, terminal};
use crate::world::COORDINATOR;
use num_complex::Complex64;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// The built-in feeder's name.
pub const VILLAGE: &str = "village";
/// Determines the households' impedances, as `channel-sim feeder` does without `--seed`.
const SEED: u64 = 1;
/// Step of the frequencies at which a line is solved: responses shorter than 2.5 ms come out whole.
const STEP_HZ: f64 = 390.625;
/// How much of a response is kept, and where in it the line's begins: the couplers' has two sides.
const LENGTH_S: f64 = 560e-6;
const DELAY_S: f64 = 120e-6;
/// Ends of a response that together have less than this share of its energy are cut off.
const CUT: f64 = 1e-8;
/// Taps are multiples of this: solvers that differ in the last digits, as those of two systems may, give the same taps.
const QUANTUM: f64 = 1.0 / (1 << 20) as f64;
/// Edges of the couplers, as shares of the lowest and of the highest carrier: 10, 31, 105 and 150 kHz in CENELEC-A.
const COUPLER: [f64; 4] = [0.278, 0.863, 1.159, 1.655];
/// Samples that are filtered at a time.
const CHUNK: usize = 1_024;

/// What frames pass. Its name is `flat`, `FILE:TO` or `FILE:FROM:TO`.
///
/// ```
/// use channel_sim::link::Channel;
/// let channel: Channel = "village:house-3".parse()?;
/// assert_eq!(channel.to_string(), "village:house-3");
/// assert_eq!("village:coordinator:house-3".parse(), Ok(channel));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// All carriers alike.
    #[default]
    Flat,
    /// A link of a feeder, brought to a mean power gain of 1 over the band's carriers.
    Feeder(FeederLink),
}

/// A link between two points of a feeder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeederLink {
    /// Its file, or `village`.
    pub file: String,
    /// The transmitter: `coordinator`, a meter, or a bus with or without a phase (34.2).
    pub from: String,
    /// The receiver, likewise.
    pub to: String,
    /// Tells feeders apart that changed under their name: fingerprint of the response in the band that it is measured in;
    /// 0 before the feeder was read.
    pub response: u64,
}

impl FromStr for Channel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let link = |file: &str, from: &str, to: &str| {
            let link = FeederLink { file: file.into(), from: from.into(), to: to.into(), response: 0 };
            (![file, from, to].contains(&"")).then_some(Self::Feeder(link))
        };
        let found = match text.split(':').collect::<Vec<_>>()[..] {
            ["flat"] => Some(Self::Flat),
            [file, to] => link(file, COORDINATOR, to),
            [file, from, to] => link(file, from, to),
            _ => None,
        };
        found.ok_or_else(|| {
            format!(
                "{text:?} is no channel; use flat, FEEDER:TO (from the coordinator) or FEEDER:FROM:TO, where FEEDER \
                 is a file or {VILLAGE} and points are {COORDINATOR}, a meter, or a bus with or without a phase (34.2)"
            )
        })
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flat => f.write_str("flat"),
            Self::Feeder(FeederLink { file, from, to, .. }) if from == COORDINATOR => {
                write!(f, "{file}:{to}")
            }
            Self::Feeder(FeederLink { file, from, to, .. }) => write!(f, "{file}:{from}:{to}"),
        }
    }
}

/// The responses of a campaign's tasks.
pub(super) struct Responses(Vec<Option<Arc<Response>>>);

impl Responses {
    /// Those of the tasks whose index `mine` holds.
    ///
    /// # Errors
    /// A sentence where a feeder cannot be read or is another one than when the campaign was made.
    pub(super) fn new(tasks: &[Task], mine: impl Fn(usize) -> bool) -> Result<Self, String> {
        let mut maker = Maker::default();
        let of = |(index, task): (usize, &Task)| match (&task.channel, stream::air(&task.system)) {
            (Channel::Feeder(link), Some(air)) if mine(index) => {
                let response = maker.response(link, &air)?;
                if response.fingerprint() != link.response {
                    return Err(format!(
                        "{}: the feeder is not what it was when the campaign began; measure anew",
                        task.channel
                    ));
                }
                Ok(Some(response))
            }
            _ => Ok(None),
        };
        tasks.iter().enumerate().map(of).collect::<Result<_, String>>().map(Self)
    }

    pub(super) fn of(&self, index: usize) -> Option<&Response> {
        self.0.get(index).and_then(|response| response.as_deref())
    }
}

/// Makes each response once.
#[derive(Default)]
pub(super) struct Maker {
    made: Vec<(FeederLink, Air, Arc<Response>)>,
}

impl Maker {
    /// The response of a link in a band, whatever its fingerprint says.
    pub(super) fn response(&mut self, link: &FeederLink, air: &Air) -> Result<Arc<Response>, String> {
        let link = FeederLink { response: 0, ..link.clone() };
        let known = self.made.iter().find(|(of, band, _)| *of == link && band == air);
        if let Some((.., response)) = known {
            return Ok(response.clone());
        }
        let response = Arc::new(Response::new(&link, air)?);
        self.made.push((link, air.clone(), response.clone()));
        Ok(response)
    }
}

/// Impulse response of a link at a modem's sample rate.
#[derive(Clone, Debug)]
pub(super) struct Response {
    /// One set of taps, or one for each phase in half a period of the mains, the first at L1's rising zero crossing.
    taps: Vec<Vec<f32>>,
    /// Where the receiver is.
    pub(super) port: Port,
}

impl Response {
    fn new(link: &FeederLink, air: &Air) -> Result<Self, String> {
        let mut scenario = match link.file.as_str() {
            VILLAGE => Scenario::village(SEED),
            file => {
                Scenario::from_file(Path::new(file), &ReadOptions::default(), SEED)
                    .map_err(|error| error.to_string())?
                    .0
            }
        };
        cut_at(&mut scenario.feeder, &[&link.from, &link.to]);
        let line = Line::new(&scenario);
        let point =
            |name| terminal(&scenario, &line, name).map_err(|error| format!("{}: {error}", link.file));
        let (from, to) = (point(&link.from)?, point(&link.to)?);
        if from.node == to.node && from.phases == to.phases {
            return Err(format!("{}: {} and {} are the same point", link.file, link.from, link.to));
        }
        let coupler = coupler(air);
        let points = (air.rate_hz / STEP_HZ).round() as usize;
        let step_hz = air.rate_hz / points as f64;
        let bins: Vec<usize> =
            (1..points / 2).filter(|&bin| taper(coupler, bin as f64 * step_hz) > 0.0).collect();
        let phases = if line.follows_mains() { MAINS_PHASES } else { 1 };
        let inverse = exact::inverse::<f64>(points);
        let delay = (DELAY_S * air.rate_hz).round() as usize;
        let length = ((LENGTH_S * air.rate_hz).round() as usize).min(points);
        let of_phase = |phase: usize| {
            let turns = 0.5 * phase as f64 / phases as f64;
            let at = |&bin: &usize| {
                let hz = bin as f64 * step_hz;
                let transfer = line.between(&[from], &[to], hz, turns);
                let turn = -TAU * (bin * delay % points) as f64 / points as f64;
                let through = transfer.first().copied().unwrap_or_default();
                (bin, through * taper(coupler, hz) * exact::polar(1.0, turn))
            };
            let values: Vec<(usize, Complex64)> = bins.par_iter().map(at).collect();
            let mut response = vec![Complex64::ZERO; points];
            for (bin, value) in values {
                response[bin] = value;
                response[points - bin] = value.conj();
            }
            inverse.process(&mut response);
            response.iter().take(length).map(|tap| tap.re).collect::<Vec<f64>>()
        };
        let taps = (0..phases).map(of_phase).collect::<Vec<_>>();
        let gain = taps.iter().map(|taps| mean_gain(taps, air)).sum::<f64>() / phases as f64;
        if !(gain.is_finite() && gain > 0.0) {
            return Err(format!("{}: nothing comes through from {} to {}", link.file, link.from, link.to));
        }
        Ok(Self { taps: quantised(&taps, gain.sqrt()), port: port(to.phases) })
    }

    /// Tells it from others.
    pub(super) fn fingerprint(&self) -> u64 {
        // Zero stands for none.
        fingerprint(&format!("{:?} {:?}", self.port, self.taps)).max(1)
    }

    /// What arrives of `sent`, whose first sample is at a phase of L1's mains.
    pub(super) fn pass(&self, sent: &[f32], mains: MainsPhase, out: &mut Vec<f32>) {
        let taps = self.taps.first().map_or(0, Vec::len);
        out.clear();
        out.resize(sent.len() + taps.saturating_sub(1), 0.0);
        let mut later = vec![0.0; CHUNK];
        // Where it follows the mains, an eighth of the time between two phases.
        let eighth = 0.5 / (8 * self.taps.len()) as f64 / mains.per_sample;
        let step = if self.taps.len() > 1 { (eighth as usize).clamp(1, CHUNK) } else { CHUNK };
        let mut start = 0;
        for chunk in out.chunks_mut(step) {
            match &self.taps[..] {
                [taps] => filter(taps, sent, start, chunk),
                all => {
                    // Between the two phases around the chunk's middle.
                    let middle = mains.after(start as f64 + 0.5 * chunk.len() as f64).turns;
                    let place = (2.0 * middle).rem_euclid(1.0) * all.len() as f64;
                    let (now, share) = (place as usize % all.len(), place.fract() as f32);
                    filter(&all[now], sent, start, chunk);
                    let later = &mut later[..chunk.len()];
                    filter(&all[(now + 1) % all.len()], sent, start, later);
                    for (sample, later) in chunk.iter_mut().zip(later) {
                        *sample += share * (*later - *sample);
                    }
                }
            }
            start += chunk.len();
        }
    }
}

/// `out[i]` is the sum of `taps[k] sent[start + i - k]`.
fn filter(taps: &[f32], sent: &[f32], start: usize, out: &mut [f32]) {
    out.fill(0.0);
    for (k, tap) in taps.iter().enumerate() {
        // Samples before the first and after the last are zero.
        let (skip, first) = (k.saturating_sub(start), start.saturating_sub(k));
        let sent = sent.get(first..).unwrap_or_default();
        for (sum, sample) in out.iter_mut().skip(skip).zip(sent) {
            *sum += tap * sample;
        }
    }
}

/// Edges of the couplers of modems in a band; below half the sample rate nothing is left.
fn coupler(air: &Air) -> [f64; 4] {
    let [low, high] = air.band_hz();
    let [a, b, c, d] = COUPLER;
    let end = (d * high).min(0.49 * air.rate_hz);
    [a * low, b * low, (c * high).min(0.5 * (high + end)), end]
}

fn taper([a, b, c, d]: [f64; 4], hz: f64) -> f64 {
    let edge = |from: f64, to: f64| {
        let share = ((hz - from) / (to - from)).clamp(0.0, 1.0);
        0.5 - 0.5 * libm::cos(std::f64::consts::PI * share)
    };
    edge(a, b) * (1.0 - edge(c, d))
}

/// Mean power gain over the band's carriers.
fn mean_gain(taps: &[f64], air: &Air) -> f64 {
    let of = |bin: usize| {
        let turn = -TAU * bin as f64 / air.points as f64;
        let terms = taps.iter().enumerate().map(|(n, &tap)| exact::polar(tap, turn * n as f64));
        terms.sum::<Complex64>().norm_sqr()
    };
    air.bins.iter().map(|&bin| of(bin)).sum::<f64>() / air.bins.len().max(1) as f64
}

/// Taps over an amplitude, in multiples of [`QUANTUM`], without ends that hold next to nothing in any set.
fn quantised(sets: &[Vec<f64>], amplitude: f64) -> Vec<Vec<f32>> {
    let length = sets.first().map_or(0, Vec::len);
    let energies: Vec<f64> = (0..length).map(|n| sets.iter().map(|taps| taps[n] * taps[n]).sum()).collect();
    let least = 0.5 * CUT * energies.iter().sum::<f64>();
    let quiet = |energies: &mut dyn Iterator<Item = &f64>| {
        let mut sum = 0.0;
        energies
            .take_while(|energy| {
                sum += **energy;
                sum < least
            })
            .count()
    };
    let (first, end) = (quiet(&mut energies.iter()), length - quiet(&mut energies.iter().rev()));
    let tap = |tap: &f64| ((tap / amplitude / QUANTUM).round() * QUANTUM) as f32;
    sets.iter().map(|taps| taps.get(first..end).unwrap_or_default().iter().map(tap).collect()).collect()
}

fn port(phases: PhaseSet) -> Port {
    let mut inside = Phase::ALL.into_iter().filter(|phase| phases.contains(*phase));
    match (inside.next(), inside.next()) {
        (Some(Phase::L1), None) => Port::L1,
        (Some(Phase::L2), None) => Port::L2,
        (Some(Phase::L3), None) => Port::L3,
        _ => Port::ThreePhase,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn air(system: &str) -> Air {
        stream::air(&system.parse().unwrap()).unwrap()
    }

    fn response(channel: &str, air: &Air) -> Result<Response, String> {
        match channel.parse()? {
            Channel::Feeder(link) => Response::new(&link, air),
            Channel::Flat => Err("flat".into()),
        }
    }

    /// Power gains at the carriers of a set of taps.
    fn gains(taps: &[f32], air: &Air) -> Vec<f64> {
        let taps: Vec<f64> = taps.iter().map(|&tap| f64::from(tap)).collect();
        let one = |bin: usize| mean_gain(&taps, &Air { bins: vec![bin], ..air.clone() });
        air.bins.iter().map(|&bin| one(bin)).collect()
    }

    #[test]
    fn responses_have_the_lines_gains_less_their_mean_in_every_band() {
        let scenario = Scenario::village(1);
        let line = Line::new(&scenario);
        let [from, to] = ["coordinator", "house-3"].map(|name| terminal(&scenario, &line, name).unwrap());
        for system in
            ["g3/cenelec-a/dbpsk/default", "g3/fcc-1/dbpsk/default", "prime/channel-1/dbpsk/default"]
        {
            let air = air(system);
            let found = response("village:house-3", &air).unwrap();
            let found = gains(&found.taps[0], &air);
            let mean = found.iter().sum::<f64>() / found.len() as f64;
            assert!((mean - 1.0).abs() < 1e-4, "{system}: {mean}");
            let hz = |bin: &usize| *bin as f64 * air.rate_hz / air.points as f64;
            let expected: Vec<f64> =
                air.bins.iter().map(|bin| line.between(&[from], &[to], hz(bin), 0.0)[0].norm_sqr()).collect();
            let scale = expected.iter().sum::<f64>() / expected.len() as f64;
            for ((found, expected), bin) in found.iter().zip(&expected).zip(&air.bins) {
                let error_db = 10.0 * (found / (expected / scale)).log10();
                assert!(error_db.abs() < 0.1, "{system} bin {bin}: {error_db}");
            }
        }
    }

    #[test]
    fn filtering_is_the_sum_over_the_taps_at_every_place() {
        let sent: Vec<f32> = (0..2_500).map(|n| (n as f32 * 0.7).sin()).collect();
        let taps: Vec<f32> = (0..77).map(|k| (k as f32 * 0.3).cos() / 20.0).collect();
        let channel = Response { taps: vec![taps.clone()], port: Port::L1 };
        let mut out = Vec::new();
        channel.pass(&sent, MainsPhase { turns: 0.0, per_sample: 0.0 }, &mut out);
        assert_eq!(out.len(), 2_576);
        for (n, found) in out.iter().enumerate() {
            let inside = (0..77).filter(|k| (0..2_500).contains(&(n as i64 - *k as i64)));
            let expected: f32 = inside.map(|k| taps[k] * sent[n - k]).sum();
            assert!((found - expected).abs() < 1e-4, "{n}: {found} {expected}");
        }
    }

    #[test]
    fn a_response_follows_the_mains_between_its_phases() {
        // A gain of the number of the phase, of four in half a period.
        let channel = Response { taps: (0..4).map(|phase| vec![phase as f32]).collect(), port: Port::L1 };
        let mut out = Vec::new();
        for (turns, expected) in [(0.0, 0.0), (0.125, 1.0), (0.1875, 1.5), (0.5, 0.0), (1.375, 3.0)] {
            channel.pass(&[1.0; 8], MainsPhase { turns, per_sample: 0.0 }, &mut out);
            assert!(out.iter().all(|sample| *sample == expected), "{turns}: {out:?}");
        }
    }

    #[test]
    fn names_come_back_and_what_is_wrong_is_named() {
        for name in ["flat", "village:house-3", "a/b.dss:34.2:coordinator", "x.toml:house 1:34"] {
            assert_eq!(name.parse::<Channel>().unwrap().to_string(), name);
        }
        for name in ["", "village", "a:b:c:d", ":b", "a::b"] {
            assert!(name.parse::<Channel>().is_err_and(|error| error.contains("FEEDER:TO")), "{name}");
        }
        let air = air("g3/cenelec-a/dbpsk/default");
        for (name, word) in [
            ("nowhere.dss:34", "nowhere.dss"),
            ("village:house-99", "house-99"),
            ("village:house-3:house-3", "same point"),
        ] {
            let error = response(name, &air).unwrap_err();
            assert!(error.contains(word), "{name}: {error}");
        }
    }
}

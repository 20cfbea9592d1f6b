//! Link campaigns: frame error rates of the real transmitter and receiver, synchronisation included.
//!
//! A campaign measures points (modulation and signal to noise). At each point, streams of noise with frames in
//! it are run until enough frames were lost, the interval is narrow enough, or the most frames were sent. A
//! stream is determined by seed, point and number alone, and the decision to stop is taken only between rounds
//! of a fixed number of streams: results do not depend on the number of threads.

pub mod output;
pub mod plot;
pub mod reference;
pub mod statistics;
mod stream;

use g3_phy::Modulation;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statistics::{Estimate, interpolate};
pub use stream::Outcome;

/// Streams between two decisions to stop.
const STREAMS_PER_ROUND: u64 = 16;
/// Frames of a stream.
pub const FRAMES_PER_STREAM: u64 = 8;

/// What to measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// Modulations.
    pub modulations: Vec<Modulation>,
    /// Es/N0 per carrier, in dB, for each modulation.
    pub snr_db: Vec<f64>,
    /// Octets of a PSDU before it is filled up to what the symbols carry.
    pub psdu_octets: usize,
    /// Determines frames, noise, delays and gains.
    pub seed: u64,
    /// The receiver's clock is faster than the transmitter's by this many parts per million.
    pub ppm: f64,
    /// A point ends after this many frames.
    pub max_frames: u64,
    /// A point ends when this many frames were lost.
    pub max_lost: u64,
    /// A point ends when half the 95 % interval is below this share of the rate.
    pub relative_precision: f64,
}

/// A point's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Modulation.
    pub modulation: Modulation,
    /// Es/N0 per carrier, in dB.
    pub snr_db: f64,
    /// Octets of the PSDUs sent.
    pub psdu_octets: usize,
    /// What became of the frames.
    pub outcome: Outcome,
    /// Frame error rate with its interval.
    pub fer: Estimate,
}

/// Where a modulation loses a given share of frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Crossing {
    /// Modulation.
    pub modulation: Modulation,
    /// The share.
    pub fer: f64,
    /// Es/N0 per carrier, in dB, with the interval that the points' 95 % intervals give.
    pub snr_db: Option<Estimate>,
    /// The digest's figure (g3-phy 11.3).
    pub reference_db: f64,
}

/// Runs a campaign; `progress` is told after each round the share that is certainly done, from 0 to 1.
pub fn run(campaign: &Campaign, progress: impl Fn(f64)) -> Vec<Point> {
    let total = (campaign.modulations.len() * campaign.snr_db.len()).max(1) as f64;
    let mut points = Vec::new();
    for &modulation in &campaign.modulations {
        for &snr_db in &campaign.snr_db {
            let done = points.len() as f64;
            points.push(point(campaign, modulation, snr_db, |share| progress((done + share) / total)));
        }
    }
    points
}

fn point(campaign: &Campaign, modulation: Modulation, snr_db: f64, progress: impl Fn(f64)) -> Point {
    let mut outcome = Outcome::default();
    let mut next = 0;
    loop {
        let round: Outcome = (next..next + STREAMS_PER_ROUND)
            .into_par_iter()
            .map(|number| stream::run(campaign, modulation, snr_db, number))
            .reduce(Outcome::default, |a, b| a + b);
        outcome = outcome + round;
        next += STREAMS_PER_ROUND;
        let fer = Estimate::of_share(outcome.lost(), outcome.frames);
        let half_width = (fer.high - fer.low) / 2.0;
        progress((outcome.frames as f64 / campaign.max_frames as f64).min(1.0));
        if outcome.frames >= campaign.max_frames
            || outcome.lost() >= campaign.max_lost
            || half_width <= campaign.relative_precision * fer.value
        {
            let psdu_octets = stream::psdu_octets(modulation, campaign.psdu_octets);
            return Point { modulation, snr_db, psdu_octets, outcome, fer };
        }
    }
}

/// Where each modulation crosses a frame error rate of `fer`.
pub fn crossings(points: &[Point], fer: f64) -> Vec<Crossing> {
    let mut modulations: Vec<Modulation> = Vec::new();
    for point in points {
        if !modulations.contains(&point.modulation) {
            modulations.push(point.modulation);
        }
    }
    let crossing = |modulation: Modulation| {
        let mut mine: Vec<&Point> = points.iter().filter(|point| point.modulation == modulation).collect();
        mine.sort_by(|a, b| a.snr_db.total_cmp(&b.snr_db));
        let curve = |pick: fn(&Estimate) -> f64| -> Vec<(f64, f64)> {
            mine.iter().map(|point| (point.snr_db, pick(&point.fer))).collect()
        };
        let snr_db = interpolate(&curve(|fer| fer.value), fer).map(|value| Estimate {
            value,
            low: interpolate(&curve(|fer| fer.low), fer).unwrap_or(f64::NEG_INFINITY),
            high: interpolate(&curve(|fer| fer.high), fer).unwrap_or(f64::INFINITY),
        });
        Crossing { modulation, fer, snr_db, reference_db: reference::awgn(modulation).fer_10_percent_db }
    };
    modulations.into_iter().map(crossing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn campaign(modulation: Modulation, snr_db: f64, frames: u64) -> Campaign {
        Campaign {
            modulations: vec![modulation],
            snr_db: vec![snr_db],
            psdu_octets: 100,
            seed: 1,
            ppm: 0.0,
            max_frames: frames,
            max_lost: u64::MAX,
            relative_precision: 0.0,
        }
    }

    #[test]
    fn one_frame_in_ten_is_lost_within_a_decibel_of_the_digests_figure() {
        for modulation in [Modulation::Robust, Modulation::Dbpsk, Modulation::Dqpsk, Modulation::D8psk] {
            let reference = reference::awgn(modulation).fer_10_percent_db;
            let above = run(&campaign(modulation, reference + 1.0, 128), |_| {});
            assert!(above[0].fer.high < 0.1, "{above:?}");
            let below = run(&campaign(modulation, reference - 1.0, 128), |_| {});
            assert!(below[0].fer.low > 0.1, "{below:?}");
        }
    }

    #[test]
    fn sizes_are_the_digests() {
        let sizes = [Modulation::Robust, Modulation::Dbpsk, Modulation::Dqpsk, Modulation::D8psk]
            .map(|modulation| stream::psdu_octets(modulation, 100));
        assert_eq!(sizes, [101, 100, 109, 118]);
    }

    #[test]
    fn threads_change_nothing() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&campaign(Modulation::Dqpsk, 4.7, 256), |_| {}))
        };
        assert_eq!(run(1), run(3));
    }
}

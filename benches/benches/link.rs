//! Link campaigns in information bits a second and core: transmitter, delay, noise, the receiver's own synchronisation
//! and decoding, at the ratio where one frame in ten is lost.
//!
//! What is measured is processor time, where Linux tells it, so that other programs on the machine count little. The first
//! points of a campaign also pay for tables and plans.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

mod support;

use channel_sim::link::{Campaign, Grid, Journal, Measure, Shard, SnrOf, Stop, WHITE, awgn, run};
use criterion::{SamplingMode, Throughput};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Frames of one measurement, eight rounds of streams: a third of a second, so that Linux's hundredths are fine enough.
const FRAMES: u64 = 1_248;
/// The reference chain is faster.
const REFERENCE_FRAMES: u64 = 4_096;

fn main() {
    let mut criterion = support::criterion();
    let mut group = criterion.benchmark_group("link");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(4));
    for (name, frames) in [
        ("g3/cenelec-a/robust/default", FRAMES),
        ("g3/cenelec-a/dbpsk/default", FRAMES),
        ("g3/cenelec-a/dqpsk/default", FRAMES),
        ("g3/cenelec-a/d8psk/default", FRAMES),
        ("g3/fcc-1/dbpsk/default", FRAMES),
        ("prime/channel-1/dbpsk-c/default", FRAMES),
        ("reference/none/dbpsk/default", REFERENCE_FRAMES),
        ("reference/none/dbpsk-exact/default", REFERENCE_FRAMES),
        ("reference/none/dbpsk-rs16/default", REFERENCE_FRAMES),
    ] {
        let campaign = campaign(name, frames);
        let bits = 8 * campaign.tasks[0].octets as u64 * frames;
        group.throughput(Throughput::Elements(bits));
        group.bench_function(name.trim_end_matches("/default").replace('/', "-"), |bencher| {
            bencher.iter_custom(|times| {
                let before = Used::now();
                for _ in 0..times {
                    let mut journal = Journal::new(campaign.clone(), Shard::WHOLE);
                    let never = AtomicBool::new(false);
                    run(&campaign, &mut journal.points, |_| true, 1, &never, |_| Ok(())).unwrap();
                    assert_eq!(journal.points[0].outcome.frames, frames);
                }
                before.elapsed()
            });
        });
    }
    group.finish();
    criterion.final_summary();
}

/// One point, at the digest's figure for one frame in ten.
fn campaign(name: &str, frames: u64) -> Campaign {
    let system = name.parse().unwrap();
    let grid = Grid {
        systems: vec![system],
        noises: vec![WHITE.to_string()],
        snr_db: Some(vec![awgn(&system).unwrap().fer_10_percent_db]),
        octets: 100,
        ..Grid::default()
    };
    Campaign {
        tasks: grid.tasks().unwrap(),
        seed: 1,
        stop: Stop { max_frames: frames, max_lost: u64::MAX, precision: 0.0, measure: Measure::Fer },
        snr_of: SnrOf::Mean,
        exact: false,
    }
}

/// Processor time of all threads of this process that were and are; where the system does not tell it, the clock's.
enum Used {
    Processor(Duration),
    Clock(Instant),
}

impl Used {
    fn now() -> Self {
        processor().map_or_else(|| Self::Clock(Instant::now()), Self::Processor)
    }

    fn elapsed(&self) -> Duration {
        match self {
            Self::Processor(before) => processor().unwrap_or_default().saturating_sub(*before),
            Self::Clock(before) => before.elapsed(),
        }
    }
}

/// User and system time of proc(5)'s stat, in hundredths of a second.
fn processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold anything.
    let (_, fields) = text.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    Some(Duration::from_millis(10 * (ticks.next()?.ok()? + ticks.next()?.ok()?)))
}

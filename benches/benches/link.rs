//! Link campaigns in information bits a second and core: transmitter, delay, noise, the receiver's own synchronisation
//! and decoding, at the ratio where one frame in ten is lost.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

mod support;

use channel_sim::link::{Campaign, Grid, Journal, Measure, Shard, SnrOf, Stop, WHITE, awgn, run};
use criterion::Throughput;
use std::sync::atomic::AtomicBool;

/// Frames of one measurement: one round of streams of modems.
const FRAMES: u64 = 128;
/// The reference chain's streams are longer.
const REFERENCE_FRAMES: u64 = 1_024;

fn main() {
    let mut criterion = support::criterion();
    let mut group = criterion.benchmark_group("link");
    group.sample_size(10);
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
            bencher.iter(|| {
                let mut journal = Journal::new(campaign.clone(), Shard::WHOLE);
                let never = AtomicBool::new(false);
                run(&campaign, &mut journal.points, |_| true, 1, &never, |_| Ok(())).unwrap();
                assert_eq!(journal.points[0].outcome.frames, frames);
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
        with_reference: false,
    };
    Campaign {
        tasks: grid.tasks().unwrap(),
        seed: 1,
        stop: Stop { max_frames: frames, max_lost: u64::MAX, precision: 0.0, measure: Measure::Fer },
        snr_of: SnrOf::Mean,
        exact: false,
    }
}

//! Noise presets: time per sample in blocks of 256, as the line makes them.
//!
//! `cargo bench -p benches --bench noise`; elements a second are samples a second. `n1,n3a` is the reading cycle's.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

mod support;

use channel_sim::line::filter::FilterPlan;
use channel_sim::noise::{CATALOGUE, Conditions, Mains, NoisePlan, Port, Preset};
use channel_sim::random::{Purpose, stream};
use criterion::{Criterion, Throughput};
use std::hint::black_box;

const BLOCK: usize = 256;

fn preset(criterion: &mut Criterion, name: &str, rate_hz: f64) {
    // A preset that wants a file has no sample here.
    let Ok(presets) = name.split(',').map(Preset::parse).collect::<Result<Vec<_>, _>>() else { return };
    let conditions = Conditions { rate_hz, ..Conditions::from(&FilterPlan::CENELEC_A) };
    let plan = NoisePlan::new(&presets, &conditions).unwrap();
    let mut source = plan.source(Port::L1, &mut stream(1, Purpose::Noise, 0));
    let mut out = [0.0f32; BLOCK];
    let mut at = 0.0;
    let mut group = criterion.benchmark_group("noise");
    group.throughput(Throughput::Elements(BLOCK as u64));
    group.bench_function(format!("{name}-{:.0}kHz", rate_hz / 1e3), |bencher| {
        bencher.iter(|| {
            source.add(Mains::EUROPE.phase(at, BLOCK, rate_hz), black_box(&mut out));
            at += BLOCK as f64;
        });
    });
    group.finish();
}

fn main() {
    let mut criterion = support::criterion();
    preset(&mut criterion, "n1,n3a", 400_000.0);
    preset(&mut criterion, "n1,n3a", 1_200_000.0);
    for entry in CATALOGUE {
        preset(&mut criterion, entry.id, 400_000.0);
    }
    criterion.final_summary();
}

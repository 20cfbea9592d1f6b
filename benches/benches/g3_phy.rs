//! Transmitter and receiver of `g3-phy` in samples a second; a modem's own rate is 0.4 million.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

mod support;

use criterion::{Criterion, Throughput};
use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::options::Options;
use g3_phy::primitives::Event;
use g3_phy::{BandPlan, Modulation, Receiver, ToneMask, Transmitter};
use std::hint::black_box;

const PLAN: BandPlan = BandPlan::CENELEC_A;
/// Samples a receiver is fed at a time, 2.5 ms.
const BLOCK: usize = 1000;
const PSDU: usize = 100;

fn encoder(modulation: Modulation, psdu: &[u8]) -> FrameEncoder {
    let frame =
        DataFrame { psdu, modulation, tone_map: PLAN.full_tone_map(), response_expected: false, pdc: 0 };
    FrameEncoder::data(&PLAN, ToneMask::ALL, &Options::default(), &frame).unwrap()
}

fn samples(modulation: Modulation, psdu: &[u8]) -> Vec<f32> {
    let mut transmitter = Transmitter::new(&PLAN, &Options::default());
    let mut samples = vec![0.0; transmitter.load(encoder(modulation, psdu), 0.0)];
    let count = transmitter.pull(&mut samples);
    samples.truncate(count);
    samples
}

/// Uniform noise of the rms given.
fn noise(count: usize, rms: f32) -> impl Iterator<Item = f32> {
    support::octets(count).into_iter().map(move |octet| (f32::from(octet) / 127.5 - 1.0) * rms * 3_f32.sqrt())
}

fn transmitter(criterion: &mut Criterion) {
    let psdu = support::octets(PSDU);
    let mut group = criterion.benchmark_group("g3-transmitter");
    for modulation in [Modulation::Robust, Modulation::D8psk] {
        let mut transmitter = Transmitter::new(&PLAN, &Options::default());
        let mut out = samples(modulation, &psdu);
        group.throughput(Throughput::Elements(out.len() as u64));
        group.bench_function(format!("{modulation:?}"), |bencher| {
            bencher.iter(|| {
                transmitter.load(encoder(modulation, black_box(&psdu)), 0.0);
                transmitter.pull(black_box(&mut out))
            });
        });
    }
}

fn receiver(criterion: &mut Criterion) {
    let psdu = support::octets(PSDU);
    let mut group = criterion.benchmark_group("g3-receiver");

    let quiet: Vec<f32> = noise(100 * BLOCK, 0.01).collect();
    group.throughput(Throughput::Elements(quiet.len() as u64));
    bench(&mut group, "listening-to-noise", &quiet, 0);

    for modulation in [Modulation::Robust, Modulation::Dbpsk, Modulation::Dqpsk, Modulation::D8psk] {
        // The frame and 10 ms of noise before and after it, 30 dB below the signal.
        let mut line = vec![0.0; 4000];
        line.extend(samples(modulation, &psdu));
        line.extend([0.0; 4000]);
        let count = line.len();
        line.iter_mut().zip(noise(count, 0.003)).for_each(|(sample, noise)| *sample += noise);
        group.throughput(Throughput::Elements(count as u64));
        bench(&mut group, &format!("frame-{modulation:?}"), &line, 1);
    }
}

fn bench(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    line: &[f32],
    frames: usize,
) {
    let mut receiver = Receiver::new(&PLAN, ToneMask::ALL, &Options::default());
    let mut at = 0;
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let mut received = 0;
            for block in black_box(line).chunks(BLOCK) {
                receiver.push(at, block);
                at += block.len() as u64;
                while let Some(event) = receiver.poll() {
                    received += usize::from(matches!(event, Event::DataIndication(_)));
                }
            }
            assert_eq!(received, frames);
        });
    });
}

fn main() {
    let mut criterion = support::criterion();
    transmitter(&mut criterion);
    receiver(&mut criterion);
    criterion.final_summary();
}

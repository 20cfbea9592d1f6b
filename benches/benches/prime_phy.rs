//! Transmitter and receivers of `prime-phy` in samples a second, and G3's receiver beside them. A modem's own rate is 0.25
//! million for channel 1 alone, 1 million for the eight channels of one stream, 0.4 million for G3: the goals of 400 times real
//! time while decoding and 800 while listening are 100 and 200 million samples a second of channel 1.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

mod support;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use prime_phy::encoder::FrameEncoder;
use prime_phy::options::Options;
use prime_phy::primitives::Event;
use prime_phy::{
    Channel, ChannelReceiver, FrameWorkspace, Memory, MultiReceiver, NoWorkspace, Receiver, ReceiverOptions,
    Scheme, Transmitter,
};
use std::hint::black_box;

/// Samples a receiver is fed at a time.
const BLOCK: usize = 1000;
const MPDU: usize = 140;
const SCHEMES: [Scheme; 4] = [Scheme::DbpskC, Scheme::DqpskC, Scheme::D8pskC, Scheme::RobustDbpsk];

fn mpdu() -> Vec<u8> {
    let mut mpdu = support::octets(MPDU);
    // The two unused bits are zero.
    mpdu[0] &= 0x3F;
    mpdu
}

fn samples(channel: &Channel, scheme: Scheme) -> Vec<f32> {
    let options = Options::default();
    let mut transmitter = Transmitter::new(channel, &options);
    let mut samples = vec![0.0; transmitter.load(FrameEncoder::new(&options, scheme, &mpdu()).unwrap(), 0.0)];
    transmitter.pull(&mut samples);
    samples
}

/// Uniform noise of the rms given.
fn noise(count: usize, rms: f32) -> impl Iterator<Item = f32> {
    support::octets(count).into_iter().map(move |octet| (f32::from(octet) / 127.5 - 1.0) * rms * 3_f32.sqrt())
}

/// Frames with 10 ms before and after them, in noise `snr_db` below the whole signal's power.
fn line(channels: &[Channel], scheme: Scheme, snr_db: f32) -> Vec<f32> {
    let gap = channels[0].samples(2500);
    let frame = samples(&channels[0], scheme).len();
    let rms = 0.07 * 10.0_f32.powf(-snr_db / 20.0);
    let mut line: Vec<f32> = noise(frame + 2 * gap, rms).collect();
    for channel in channels {
        let frame = samples(channel, scheme);
        line[gap..].iter_mut().zip(frame).for_each(|(line, sample)| *line += sample);
    }
    line
}

fn transmitter(criterion: &mut Criterion) {
    let (options, mpdu) = (Options::default(), mpdu());
    let mut group = criterion.benchmark_group("prime-transmitter");
    for (name, channel) in [("channel-1-250-kHz", Channel::ONE), ("channel-8-1-MHz", Channel::ALL[7])] {
        for scheme in [Scheme::DbpskC, Scheme::D8pskC] {
            let mut transmitter = Transmitter::new(&channel, &options);
            let mut out = samples(&channel, scheme);
            group.throughput(Throughput::Elements(out.len() as u64));
            group.bench_function(format!("{name}-{scheme:?}"), |bencher| {
                bencher.iter(|| {
                    let frame = FrameEncoder::new(&options, scheme, black_box(&mpdu)).unwrap();
                    transmitter.load(frame, 0.0);
                    transmitter.pull(black_box(&mut out))
                });
            });
        }
    }
}

fn receiver(criterion: &mut Criterion) {
    let options = Options::default();
    let mut group = criterion.benchmark_group("prime-receiver");
    let quiet: Vec<f32> = noise(200 * BLOCK, 0.01).collect();
    for (name, type_b) in [("listening-type-a", false), ("listening-all-types", true)] {
        let mut receiver = Receiver::new(&Channel::ONE, &options);
        receiver.set_type_b(type_b);
        bench_one(&mut group, name, receiver, &quiet, 0);
    }
    for scheme in SCHEMES {
        let line = line(&[Channel::ONE], scheme, 20.0);
        let receiver = Receiver::new(&Channel::ONE, &options);
        bench_one(&mut group, &format!("decoding-{scheme:?}"), receiver, &line, 1);
        // What a clear frame costs with the ladder, which has nothing to repair in it.
        let beyond = ReceiverOptions::iterative(8);
        let memory = Box::new(FrameWorkspace::new());
        let receiver = Receiver::with_workspace(&Channel::ONE, &options, &beyond, memory);
        bench_one(&mut group, &format!("decoding-{scheme:?}-8-passes"), receiver, &line, 1);
    }
    bench_all(&mut group, "listening-eight-channels", &quiet, 0);
    let line = line(&Channel::ALL, Scheme::DbpskC, 20.0);
    bench_all(&mut group, "decoding-eight-channels-DbpskC", &line, 8);
}

/// The receiver of the other standard, in the same noise.
fn g3(criterion: &mut Criterion) {
    use g3_phy::options::Options;
    use g3_phy::{BandPlan, Receiver, ToneMask};
    let quiet: Vec<f32> = noise(200 * BLOCK, 0.01).collect();
    let mut group = criterion.benchmark_group("prime-receiver");
    group.throughput(Throughput::Elements(quiet.len() as u64));
    let mut receiver = Receiver::new(&BandPlan::CENELEC_A, ToneMask::ALL, &Options::default());
    let mut at = 0;
    group.bench_function("listening-g3-cenelec-a", |bencher| {
        bencher.iter(|| {
            for block in quiet.chunks(BLOCK) {
                receiver.push(at, block);
                at += block.len() as u64;
            }
            std::iter::from_fn(|| receiver.poll()).count()
        });
    });
}

fn is_frame(event: &Event) -> bool {
    matches!(event, Event::DataIndication(_))
}

fn bench_one<M: Memory>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut receiver: Receiver<M>,
    line: &[f32],
    frames: usize,
) {
    let mut at = 0;
    group.throughput(Throughput::Elements(line.len() as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let mut heard = 0;
            for block in line.chunks(BLOCK) {
                receiver.push(at, block);
                at += block.len() as u64;
                heard += std::iter::from_fn(|| receiver.poll()).filter(is_frame).count();
            }
            assert_eq!(heard, frames, "{name}");
        });
    });
}

fn bench_all(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, line: &[f32], frames: usize) {
    let channels: Vec<ChannelReceiver> =
        Channel::ALL.iter().map(|channel| ChannelReceiver::new(channel, &Options::default())).collect();
    let mut receiver = MultiReceiver::<_, NoWorkspace>::new(channels).unwrap();
    let mut at = 0;
    group.throughput(Throughput::Elements(line.len() as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let mut heard = 0;
            for block in line.chunks(BLOCK) {
                receiver.push(at, block);
                at += block.len() as u64;
                heard += std::iter::from_fn(|| receiver.poll()).filter(|(_, event)| is_frame(event)).count();
            }
            assert_eq!(heard, frames, "{name}");
        });
    });
}

fn main() {
    let mut criterion = support::criterion();
    transmitter(&mut criterion);
    receiver(&mut criterion);
    g3(&mut criterion);
    criterion.final_summary();
}

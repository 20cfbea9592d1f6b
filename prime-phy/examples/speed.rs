//! Real samples a second through transmitter and receiver: `speed [SECONDS]`, the median of seven runs of so long.
//!
//! The ratio to real time is that to the sample clock; processor time is counted, not time on the wall, where the system
//! tells it.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measuring tool")]

#[path = "../tests/common/mod.rs"]
mod common;

use common::Random;
use prime_phy::encoder::FrameEncoder;
use prime_phy::options::Options;
use prime_phy::{Channel, ChannelReceiver, FrameType, MultiReceiver, Receiver, Scheme, Transmitter};
use std::time::{Duration, Instant};

const RUNS: usize = 7;
const BLOCK: usize = 10_000;

fn main() {
    let seconds =
        std::env::args().nth(1).map_or(0.3, |seconds| seconds.parse().expect("a number of seconds"));
    let span = Duration::from_secs_f64(seconds);
    println!("median of {RUNS} runs of {seconds} s; million real samples a second of processor time");
    let (one, all) = ([Channel::ONE], Channel::ALL);
    for type_b in [false, true] {
        let types = if type_b { "all types" } else { "Type A alone" };
        report(&format!("listening, channel 1, 250 kHz, {types}"), &one[0], span, listening(&one, type_b));
    }
    report("listening, channel 1, 1 MHz, all types", &all[0], span, listening(&all[..1], true));
    report("listening, all eight channels, 1 MHz, all types", &all[0], span, listening(&all, true));
    for (scheme, name) in [
        (Scheme::DbpskC, "DBPSK_C"),
        (Scheme::DqpskC, "DQPSK_C"),
        (Scheme::D8pskC, "D8PSK_C"),
        (Scheme::D8psk, "D8PSK"),
        (Scheme::RobustDbpsk, "R_DBPSK"),
    ] {
        report(&format!("decoding {name}, channel 1, 250 kHz"), &one[0], span, decoding(&one, scheme));
        report(
            &format!("transmitting {name}, channel 1, 250 kHz"),
            &one[0],
            span,
            transmitting(&one[0], scheme),
        );
    }
    report("decoding DBPSK_C on all eight channels, 1 MHz", &all[0], span, decoding(&all, Scheme::DbpskC));
    report("transmitting DBPSK_C, channel 8, 1 MHz", &all[7], span, transmitting(&all[7], Scheme::DbpskC));
}

/// Runs a step, which tells how many samples it handled, again and again.
fn report(what: &str, channel: &Channel, span: Duration, mut step: impl FnMut() -> usize) {
    step();
    let mut rates: Vec<f64> = (0..RUNS)
        .map(|_| {
            let (wall, busy, mut samples) = (Instant::now(), processor_time(), 0);
            while wall.elapsed() < span {
                samples += step();
            }
            let spent = match (busy, processor_time()) {
                (Some(before), Some(after)) => after.saturating_sub(before),
                _ => wall.elapsed(),
            };
            samples as f64 / spent.as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    let rate = rates[RUNS / 2];
    println!(
        "{what:52} {:7.1}  {:6.0} times real time",
        rate / 1e6,
        rate / f64::from(channel.clock.rate_hz())
    );
}

/// Time that this process has been on a processor, where Linux tells it.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn receiver(channels: &[Channel], type_b: bool) -> impl FnMut(&[f32]) -> usize + use<> {
    let options = Options::default();
    // One channel has a receiver of its own; several share theirs.
    let mut single = Box::new(Receiver::new(&channels[0], &options));
    single.set_type_b(type_b);
    let many: Vec<_> = channels.iter().map(|channel| ChannelReceiver::new(channel, &options)).collect();
    let mut many = MultiReceiver::new(many).expect("one clock");
    let (one, mut position) = (channels.len() == 1, 0);
    move |samples| {
        let mut frames = 0;
        for block in samples.chunks(BLOCK) {
            if one {
                single.push(position, block);
                frames += std::iter::from_fn(|| single.poll()).filter(is_frame).count();
            } else {
                many.push(position, block);
                frames += std::iter::from_fn(|| many.poll()).filter(|(_, event)| is_frame(event)).count();
            }
            position += block.len() as u64;
        }
        frames
    }
}

fn is_frame(event: &prime_phy::primitives::Event) -> bool {
    matches!(event, prime_phy::primitives::Event::DataIndication(_))
}

fn listening(channels: &[Channel], type_b: bool) -> impl FnMut() -> usize + use<> {
    let mut random = Random::new(1);
    let noise: Vec<f32> = (0..200_000).map(|_| 0.01 * random.gaussian()).collect();
    let mut receiver = receiver(channels, type_b);
    move || {
        assert_eq!(receiver(&noise), 0);
        noise.len()
    }
}

/// Frames back to back, five decibels above where every tenth is lost.
fn decoding(channels: &[Channel], scheme: Scheme) -> impl FnMut() -> usize + use<> {
    let (mut random, options) = (Random::new(2), Options::default());
    let snr_db = match scheme {
        Scheme::RobustDbpsk => 4.0,
        Scheme::DbpskC => 8.0,
        Scheme::DqpskC => 11.0,
        Scheme::D8pskC => 15.0,
        _ => 25.0,
    };
    let mut line = Vec::new();
    for (index, channel) in channels.iter().enumerate() {
        for frame in 0..4 {
            let mpdu = random.mpdu(140);
            let samples = common::samples_on(channel, &options, FrameType::plainest(scheme), scheme, &mpdu);
            let start = frame * (samples.len() + channel.samples(500)) + channel.samples(500) + 37 * index;
            line.resize((start + samples.len() + channel.samples(500)).max(line.len()), 0.0);
            common::mix(&mut line, start, &samples, 1.0);
        }
    }
    common::add_noise(&mut line, common::noise_on(&channels[0], snr_db), &mut random);
    let (mut receiver, frames) = (receiver(channels, true), 4 * channels.len());
    move || {
        assert_eq!(receiver(&line), frames, "{scheme:?}: every frame is received");
        line.len()
    }
}

fn transmitting(channel: &Channel, scheme: Scheme) -> impl FnMut() -> usize + use<> {
    let (mut random, options) = (Random::new(3), Options::default());
    let mpdu = random.mpdu(140);
    let mut transmitter = Transmitter::new(channel, &options);
    let mut block = vec![0.0; BLOCK];
    move || {
        let frame = FrameEncoder::new(&options, scheme, &mpdu).expect("fits");
        let samples = transmitter.load(frame, 0.0);
        while transmitter.is_busy() {
            transmitter.pull(&mut block);
        }
        samples
    }
}

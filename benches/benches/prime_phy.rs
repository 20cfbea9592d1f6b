//! Transmitter and receivers of `prime-phy` in samples a second of processor time, beside G3's of the same run: candidates take
//! turns, and what is told is the median of a turn and its ratio to real time and to G3's candidate of the same work.
//!
//! A modem's own rate is 0.25 million samples a second for channel 1 alone, 1 million for several channels of one stream, 0.4
//! million for G3. The goals are 100 million while decoding channel 1 (400 times real time) and 200 while listening (800 times).
//! What is measured is processor time, so that other programs count little; where Linux does not tell it, the clock's.
//!
//! `cargo bench -p benches --bench prime_phy` prints the table that stands in `results/prime_phy.txt`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise"
)]

mod support;

use prime_phy::encoder::FrameEncoder;
use prime_phy::options::Options;
use prime_phy::primitives::Event;
use prime_phy::{
    Channel, ChannelReceiver, FrameType, FrameWorkspace, MultiReceiver, NoWorkspace, Optional, Receiver,
    ReceiverOptions, Scheme, Transmitter,
};
use std::time::{Duration, Instant};

/// Samples a receiver is fed at a time.
const BLOCK: usize = 1000;
const MPDU: usize = 140;
const ROUNDS: usize = 31;
/// Processor time of a candidate's turn, at least.
const TURN: Duration = Duration::from_millis(8);

/// The goals of channel 1, in millions of samples a second.
const DECODING_GOAL: f64 = 100.0;
const LISTENING_GOAL: f64 = 200.0;

struct Candidate {
    name: String,
    rate_hz: u32,
    /// Candidate of G3 that does the same.
    like: Option<&'static str>,
    goal: Option<f64>,
    /// Does some work and tells its samples.
    work: Box<dyn FnMut() -> usize>,
}

fn mpdu() -> Vec<u8> {
    let mut mpdu = support::octets(MPDU);
    // The two unused bits are zero.
    mpdu[0] &= 0x3F;
    mpdu
}

fn encoder(channel: &Channel, scheme: Scheme) -> FrameEncoder {
    let frame_type = FrameType::plainest(scheme);
    FrameEncoder::on(channel.channels(), &Options::default(), frame_type, scheme, &mpdu()).unwrap()
}

fn samples(channel: &Channel, scheme: Scheme) -> Vec<f32> {
    let mut transmitter = Transmitter::new(channel, &Options::default());
    let mut samples = vec![0.0; transmitter.load(encoder(channel, scheme), 0.0)];
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

fn is_frame(event: &Event) -> bool {
    matches!(event, Event::DataIndication(_))
}

/// A receiver of one channel or pair that hears `frames` in the line each time.
fn one(
    channel: &Channel,
    steps: &ReceiverOptions,
    type_b: bool,
    line: Vec<f32>,
    frames: usize,
) -> impl FnMut() -> usize + use<> {
    let memory = Optional(steps.needs_workspace().then(|| Box::new(FrameWorkspace::new())));
    let mut receiver = Box::new(Receiver::with_workspace(channel, &Options::default(), steps, memory));
    receiver.set_type_b(type_b);
    let mut at = 0;
    move || {
        let mut heard = 0;
        for block in line.chunks(BLOCK) {
            receiver.push(at, block);
            at += block.len() as u64;
            heard += std::iter::from_fn(|| receiver.poll()).filter(is_frame).count();
        }
        assert_eq!(heard, frames);
        line.len()
    }
}

/// A receiver of all eight channels.
fn all(line: Vec<f32>, frames: usize) -> impl FnMut() -> usize {
    let options = Options::default();
    let channels: Vec<ChannelReceiver> =
        Channel::ALL.iter().map(|channel| ChannelReceiver::new(channel, &options)).collect();
    let mut receiver = MultiReceiver::<_, NoWorkspace>::new(channels).unwrap();
    let mut at = 0;
    move || {
        let mut heard = 0;
        for block in line.chunks(BLOCK) {
            receiver.push(at, block);
            at += block.len() as u64;
            heard += std::iter::from_fn(|| receiver.poll()).filter(|(_, event)| is_frame(event)).count();
        }
        assert_eq!(heard, frames);
        line.len()
    }
}

fn transmitting(channel: &Channel, scheme: Scheme) -> impl FnMut() -> usize + use<> {
    let channel = *channel;
    let mut transmitter = Transmitter::new(&channel, &Options::default());
    let mut out = samples(&channel, scheme);
    move || {
        transmitter.load(encoder(&channel, scheme), 0.0);
        transmitter.pull(&mut out)
    }
}

/// G3's modem: what PRIME's candidates are held against.
mod g3 {
    use super::{BLOCK, MPDU, noise, support};
    use g3_phy::encoder::{DataFrame, FrameEncoder};
    use g3_phy::options::Options;
    use g3_phy::primitives::Event;
    use g3_phy::{BandPlan, Modulation, Receiver, TX_RMS, ToneMask, Transmitter};

    pub(super) const RATE_HZ: u32 = 400_000;
    pub(super) const LISTENING: &str = "G3 CENELEC-A, listening";
    pub(super) const DECODING: &str = "G3 CENELEC-A, decoding DBPSK";
    pub(super) const TRANSMITTING: &str = "G3 CENELEC-A, transmitting DBPSK";

    fn encoder(psdu: &[u8]) -> FrameEncoder {
        let plan = BandPlan::CENELEC_A;
        let (modulation, tone_map) = (Modulation::Dbpsk, plan.full_tone_map());
        let data = DataFrame { psdu, modulation, tone_map, response_expected: false, pdc: 0 };
        FrameEncoder::data(&plan, ToneMask::ALL, &Options::default(), &data).unwrap()
    }

    fn samples() -> Vec<f32> {
        let mut transmitter = Transmitter::new(&BandPlan::CENELEC_A, &Options::default());
        let mut samples = vec![0.0; transmitter.load(encoder(&support::octets(MPDU)), 0.0)];
        transmitter.pull(&mut samples);
        samples
    }

    fn receiving(line: Vec<f32>, frames: usize) -> impl FnMut() -> usize {
        let mut receiver = Box::new(Receiver::new(&BandPlan::CENELEC_A, ToneMask::ALL, &Options::default()));
        let mut at = 0;
        move || {
            let mut heard = 0;
            for block in line.chunks(BLOCK) {
                receiver.push(at, block);
                at += block.len() as u64;
                let events = std::iter::from_fn(|| receiver.poll());
                heard += events.filter(|event| matches!(event, Event::DataIndication(_))).count();
            }
            assert_eq!(heard, frames);
            line.len()
        }
    }

    pub(super) fn listening(quiet: &[f32]) -> impl FnMut() -> usize + use<> {
        receiving(quiet.to_vec(), 0)
    }

    pub(super) fn decoding(snr_db: f32) -> impl FnMut() -> usize {
        const GAP: usize = 4_000;
        let frame = samples();
        let rms = TX_RMS * 10.0_f32.powf(-snr_db / 20.0);
        let mut line: Vec<f32> = noise(frame.len() + 2 * GAP, rms).collect();
        line[GAP..].iter_mut().zip(frame).for_each(|(line, sample)| *line += sample);
        receiving(line, 1)
    }

    pub(super) fn transmitting() -> impl FnMut() -> usize {
        let mut transmitter = Transmitter::new(&BandPlan::CENELEC_A, &Options::default());
        let (mut out, psdu) = (samples(), support::octets(MPDU));
        move || {
            transmitter.load(encoder(&psdu), 0.0);
            transmitter.pull(&mut out)
        }
    }
}

fn candidates() -> Vec<Candidate> {
    const SNR_DB: f32 = 20.0;
    let mut candidates = Vec::new();
    let mut add = |name: String, rate_hz, like, goal, work: Box<dyn FnMut() -> usize>| {
        candidates.push(Candidate { name, rate_hz, like, goal, work });
    };
    let (slow, fast) = (250_000, 1_000_000);
    let pair = Channel::PAIRS[0];
    let quiet: Vec<f32> = noise(200 * BLOCK, 0.01).collect();
    let standard = ReceiverOptions::STANDARD;
    add(g3::LISTENING.into(), g3::RATE_HZ, None, None, Box::new(g3::listening(&quiet)));
    let like = Some(g3::LISTENING);
    for (name, type_b) in [("Type A", false), ("all types", true)] {
        let work = one(&Channel::ONE, &standard, type_b, quiet.clone(), 0);
        add(format!("channel 1, listening for {name}"), slow, like, Some(LISTENING_GOAL), Box::new(work));
    }
    let work = one(&Channel::ALL[0], &standard, true, quiet.clone(), 0);
    add("channel 1 at 1 MHz, listening".into(), fast, like, None, Box::new(work));
    add(
        "channels 1 and 2 bonded, listening".into(),
        fast,
        like,
        None,
        Box::new(one(&pair, &standard, true, quiet.clone(), 0)),
    );
    add("eight channels, listening".into(), fast, like, None, Box::new(all(quiet, 0)));

    add(g3::DECODING.into(), g3::RATE_HZ, None, None, Box::new(g3::decoding(SNR_DB)));
    let like = Some(g3::DECODING);
    for scheme in [Scheme::DbpskC, Scheme::DqpskC, Scheme::D8pskC, Scheme::D8psk, Scheme::RobustDbpsk] {
        let snr_db = if scheme == Scheme::D8psk { 30.0 } else { SNR_DB };
        let line = line(&[Channel::ONE], scheme, snr_db);
        let work = one(&Channel::ONE, &standard, true, line.clone(), 1);
        add(format!("channel 1, decoding {scheme:?}"), slow, like, Some(DECODING_GOAL), Box::new(work));
        if scheme.is_coded() {
            // What a clear frame costs with the ladder, which has nothing to repair in it.
            let work = one(&Channel::ONE, &ReceiverOptions::BEST, true, line, 1);
            add(format!("channel 1, decoding {scheme:?}, 8 passes"), slow, like, None, Box::new(work));
        }
    }
    let work = one(&pair, &standard, true, line(&[pair], Scheme::DbpskC, SNR_DB), 1);
    add("channels 1 and 2 bonded, decoding DbpskC".into(), fast, like, None, Box::new(work));
    let work = all(line(&Channel::ALL, Scheme::DbpskC, SNR_DB), 8);
    add("eight channels, decoding DbpskC on all".into(), fast, like, None, Box::new(work));

    add(g3::TRANSMITTING.into(), g3::RATE_HZ, None, None, Box::new(g3::transmitting()));
    for (name, rate_hz, channel) in [
        ("channel 1", slow, Channel::ONE),
        ("channel 8 at 1 MHz", fast, Channel::ALL[7]),
        ("channels 1 and 2 bonded", fast, pair),
    ] {
        for scheme in [Scheme::DbpskC, Scheme::D8pskC] {
            let work = Box::new(transmitting(&channel, scheme));
            add(format!("{name}, transmitting {scheme:?}"), rate_hz, Some(g3::TRANSMITTING), None, work);
        }
    }
    candidates
}

/// Samples a second of a turn.
fn turn(candidate: &mut Candidate) -> f64 {
    let (clock, before) = (Instant::now(), processor_time());
    let spent = || match (before, processor_time()) {
        (Some(before), Some(after)) => after.saturating_sub(before),
        _ => clock.elapsed(),
    };
    let mut samples = 0;
    while spent() < TURN {
        samples += (candidate.work)();
    }
    samples as f64 / spent().as_secs_f64()
}

/// Time that this thread has been on a processor, where Linux tells it.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn main() {
    let mut candidates = candidates();
    if !std::env::args().any(|argument| argument == "--bench") {
        // A test run: each does its work once.
        return candidates.iter_mut().for_each(|candidate| assert!((candidate.work)() > 0));
    }
    let mut rates = vec![Vec::with_capacity(ROUNDS); candidates.len()];
    candidates.iter_mut().for_each(|candidate| _ = turn(candidate));
    for _ in 0..ROUNDS {
        for (candidate, rates) in candidates.iter_mut().zip(&mut rates) {
            rates.push(turn(candidate));
        }
    }
    let quantile = |rates: &[f64], part: f64| rates[(part * (rates.len() - 1) as f64) as usize] / 1e6;
    rates.iter_mut().for_each(|rates| rates.sort_by(f64::total_cmp));
    let median_of = |name: &str| {
        let place = candidates.iter().position(|candidate| candidate.name == name)?;
        Some(quantile(&rates[place], 0.5))
    };
    println!(
        "level:  {:?}; medians of {ROUNDS} turns of {} ms of processor time, with the 10 % and 90 % turns",
        dsp::cpu::Level::best(),
        TURN.as_millis()
    );
    println!(
        "{:44} {:>10} {:>13} {:>11} {:>7}  goal",
        "", "Msamples/s", "10 % to 90 %", "x real time", "/ G3"
    );
    for (candidate, rates) in candidates.iter().zip(&rates) {
        let median = quantile(rates, 0.5);
        let like = candidate.like.and_then(&median_of).map(|g3| format!("{:.2}", median / g3));
        let goal = candidate
            .goal
            .map(|goal| format!("{goal:.0}: {}", if median >= goal { "reached" } else { "MISSED" }));
        println!(
            "{:44} {median:10.1} {:>13} {:11.0} {:>7}  {}",
            candidate.name,
            format!("{:.0} to {:.0}", quantile(rates, 0.1), quantile(rates, 0.9)),
            median * 1e6 / f64::from(candidate.rate_hz),
            like.unwrap_or_default(),
            goal.unwrap_or_default(),
        );
    }
}

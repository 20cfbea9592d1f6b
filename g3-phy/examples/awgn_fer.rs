//! Frame error rate of the receiver with its own synchronisation in white Gaussian noise.
//!
//! ```text
//! cargo run --release -p g3-phy --example awgn_fer -- robust -2.5,-2,-1.5 1000 [seed] [swing dB] [band] \
//!     [receiver=standard|matched|coherent|PASSES] [without=clock,noise,smoothing] [ppm=N] [fading=yes] [octets=N] [masked=FIRST-LAST] \
//!     [noise=white|kata2|bursts[:MS]|impulses[:P:DB]|tone[:BIN[:DB]]] [mitigation=off|weights|blanking|notch|all]
//! ```
//!
//! Modes are robust, dbpsk, dqpsk, d8psk, the coherent bpsk, qpsk, 8psk and robust-coherent, and ack.
//!
//! One receiver hears a continuous stream: noise of random length, a frame with a PSDU of 100 octets or so many more that
//! fills its symbols and its preamble at payload power, noise again; with `ack` the frame is an acknowledgement, of a
//! preamble and a header alone. SNR is Es/N0 per carrier. With a swing the noise goes up and down by that much (peak
//! to peak, a sine in dB at 100 Hz) around the same mean power. The interval is Wilson's at 95 %.
//!
//! Masked carriers are silent in the whole frame; they are counted from 0 Hz, as the standard does.
//!
//! A number as the receiver means everything on with that many passes. A clock difference is that of the sender's
//! samples; headers that failed because they were looked for in the wrong place are misplaced. Fading turns the frame by +-10 degrees and scales it by +-1.5 dB over each half cycle of 10 ms.

#![allow(clippy::print_stdout, clippy::expect_used, clippy::panic)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::Random;
use common::noise::{Kind, Noise};
use g3_phy::band::PREFIX_SAMPLES;
use g3_phy::encoder::FrameEncoder;
use g3_phy::primitives::{Ack, CarrierSense, Event};
use g3_phy::timing;
use g3_phy::{
    BandPlan, FrameWorkspace, Mitigation, Modulation, PreambleDetection, Receiver, ReceiverOptions, ToneMask,
};
use std::f32::consts::{PI, TAU};

const USAGE: &str = "usage: awgn_fer robust|dbpsk|dqpsk|d8psk|bpsk|qpsk|8psk|robust-coherent|ack SNR_DB[,SNR_DB...] \
     FRAMES [SEED] [SWING_DB] [BAND] [receiver=standard|matched|coherent|PASSES] [without=clock,noise,smoothing] \
     [ppm=N] [fading=yes] [octets=N] [masked=FIRST-LAST] [noise=white|kata2|bursts[:MS]|impulses[:P:DB]|tone[:BIN[:DB]]] \
     [mitigation=off|weights|blanking|notch|all]";

/// What is sent over what, and who hears it.
struct Setting {
    plan: BandPlan,
    /// `None` for acknowledgements.
    modulation: Option<Modulation>,
    beyond: ReceiverOptions,
    ppm: f64,
    fading: bool,
    noise: Kind,
    frames: usize,
    octets: usize,
    seed: u64,
}

fn main() {
    let (named, arguments): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.contains('='));
    let value = |name: &str| named.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='));
    let mut beyond = receiver_named(value("receiver").unwrap_or("standard"));
    for without in value("without").map_or(Vec::new(), |names| names.split(',').collect()) {
        match without {
            "clock" => beyond.track_clock = false,
            "noise" => beyond.track_noise = false,
            "smoothing" => beyond.smooth_channel = false,
            other => panic!("without clock, noise or smoothing, not {other}"),
        }
    }
    let mode = arguments.first().map_or("", String::as_str);
    let modulation = match mode {
        "robust" => Some(Modulation::Robust),
        "dbpsk" => Some(Modulation::Dbpsk),
        "dqpsk" => Some(Modulation::Dqpsk),
        "d8psk" => Some(Modulation::D8psk),
        "robust-coherent" => Some(Modulation::RobustCoherent),
        "bpsk" => Some(Modulation::Bpsk),
        "qpsk" => Some(Modulation::Qpsk),
        "8psk" => Some(Modulation::Psk8),
        "ack" => None,
        _ => return println!("{USAGE}"),
    };
    beyond.mitigation = match value("mitigation").unwrap_or("weights") {
        "off" => Mitigation::OFF,
        "weights" => Mitigation::WEIGHTS,
        "blanking" => Mitigation { blanking: true, ..Mitigation::WEIGHTS },
        "notch" => Mitigation { notch: true, ..Mitigation::WEIGHTS },
        "all" => Mitigation::ALL,
        other => panic!("mitigation off, weights, blanking, notch or all, not {other}"),
    };
    let swing_db: f32 = arguments.get(4).map_or(0.0, |swing| swing.parse().expect("a swing in dB"));
    let noise = match value("noise") {
        Some(name) => Kind::named(name).unwrap_or_else(|| panic!("no noise {name}")),
        None if swing_db > 0.0 => Kind::Swing(swing_db),
        None => Kind::White,
    };
    let mut plan = common::plan_named(arguments.get(5).map_or("cenelec-a", String::as_str));
    if let Some(masked) = value("masked") {
        // A plan without these carriers is as one with a mask.
        let (first, last) = masked.split_once('-').expect("the first and the last masked carrier");
        let carriers = first.parse().expect("a carrier")..=last.parse().expect("a carrier");
        plan.used = plan.unmasked(ToneMask::ALL.without(&plan, carriers));
    }
    let setting = Setting {
        plan,
        modulation,
        beyond,
        ppm: value("ppm").map_or(0.0, |ppm| ppm.parse().expect("parts per million")),
        fading: value("fading").is_some(),
        noise,
        frames: arguments.get(2).map_or(200, |frames| frames.parse().expect("a number of frames")),
        octets: value("octets").map_or(100, |octets| octets.parse().expect("octets")),
        seed: arguments.get(3).map_or(1, |seed| seed.parse().expect("a seed")),
    };
    println!(
        "mode    SNR dB  frames  FER      95 % interval      no preamble  lost  header  payload  mean LQI  erased  misplaced"
    );
    for snr in arguments.get(1).map_or("0", String::as_str).split(',') {
        let snr_db: f32 = snr.parse().expect("an SNR in dB");
        let tally = measure(&setting, snr_db);
        let (low, high) = common::lines::wilson(tally.frames - tally.right, tally.frames);
        println!(
            "{mode} {snr_db:6.2} {:7}  {:.4}  [{low:.4}, {high:.4}]  {:11} {:5} {:7} {:8} {:8.1} {:7.4} {:10}",
            tally.frames,
            1.0 - tally.right as f64 / tally.frames as f64,
            tally.undetected,
            tally.lost,
            tally.header_failed,
            tally.payload_failed,
            f64::from(tally.lqi) / tally.right.max(1) as f64,
            tally.erased_share,
            tally.misplaced,
        );
    }
}

#[derive(Default)]
struct Tally {
    frames: usize,
    right: usize,
    undetected: usize,
    lost: usize,
    header_failed: usize,
    misplaced: usize,
    payload_failed: usize,
    lqi: u32,
    erased_share: f32,
}

fn measure(setting: &Setting, snr_db: f32) -> Tally {
    let Setting { plan, frames, .. } = setting;
    let options = common::level_preamble();
    let mut random = Random::new(setting.seed ^ u64::from(snr_db.to_bits()) << 20);
    let memory = Box::new(FrameWorkspace::new());
    let mut receiver = Receiver::with_workspace(plan, ToneMask::ALL, &options, &setting.beyond, memory);
    let deviation = common::noise_for_snr_db(plan, snr_db);
    let mut noise = Noise::new(setting.noise, plan, deviation);
    let (mut tally, mut position) = (Tally { frames: *frames, ..Tally::default() }, 0);
    for index in 0..*frames {
        let ack = Ack { fcs: index as u16, positive: true, more_segments: false };
        let (psdu, mut frame) = match setting.modulation {
            Some(modulation) => {
                let psdu = common::full_psdu(plan, modulation, setting.octets, &mut random);
                let frame = common::data_samples(plan, &options, modulation, &psdu);
                (psdu, frame)
            }
            None => {
                let frame = FrameEncoder::ack(plan, ToneMask::ALL, &options, ack).expect("a header");
                (Vec::new(), common::samples_of(plan, &options, frame))
            }
        };
        if setting.ppm != 0.0 {
            frame = common::resample(&frame, 0.0, setting.ppm);
        }
        if setting.fading {
            fade(plan, &mut frame, TAU * random.below(1_000) as f32 / 1_000.0);
        }
        let before = 2_000 + random.below(4_000);
        let mut line = vec![0.0; before + frame.len() + 1_000];
        common::mix(&mut line, before, &frame, 1.0);
        noise.add(&mut line, &mut random);
        let (mut sensed, mut heard, mut right) = (false, false, false);
        let header_end =
            plan.clock.instant(position + before as u64) + timing::ack_airtime(plan, ToneMask::ALL);
        let header_end = plan.clock.samples_before(header_end);
        for block in line.chunks(1_000) {
            receiver.push(position, block);
            position += block.len() as u64;
            while let Some(event) = receiver.poll() {
                match event {
                    Event::CarrierSense(CarrierSense::Preamble(_)) => sensed = true,
                    Event::CarrierSense(CarrierSense::Header { .. }) => heard = true,
                    Event::CarrierSense(CarrierSense::HeaderFailed { end }) => {
                        heard = true;
                        let off = plan.clock.samples_before(end).abs_diff(header_end);
                        tally.misplaced += usize::from(off > PREFIX_SAMPLES as u64);
                        tally.header_failed += 1;
                    }
                    Event::CarrierSense(CarrierSense::PayloadFailed { .. }) => tally.payload_failed += 1,
                    Event::AckIndication(indication) => {
                        (heard, right) = (true, setting.modulation.is_none() && indication.ack == ack);
                    }
                    Event::DataIndication(data) if data.psdu == psdu.as_slice() => {
                        right = true;
                        tally.lqi += u32::from(data.lqi);
                    }
                    _ => {}
                }
            }
        }
        tally.right += usize::from(right);
        tally.undetected += usize::from(!sensed);
        tally.lost += usize::from(sensed && !heard);
    }
    tally.erased_share = receiver.statistics().erased_share();
    tally
}

/// Turns the frame's carriers by up to 10 degrees and scales them by up to 1.5 dB over each half cycle, in quadrature.
fn fade(plan: &BandPlan, frame: &mut [f32], phase: f32) {
    // A quarter turn of every carrier: Hilbert's filter, from 30 kHz at 400 kHz to 0.1 %.
    const HALF: usize = 40;
    let source = frame.to_vec();
    let tap = |away: usize| {
        let window = 0.5 + 0.5 * (PI * away as f32 / (HALF + 1) as f32).cos();
        if away % 2 == 1 { window * 2.0 / (PI * away as f32) } else { 0.0 }
    };
    let taps: Vec<f32> = (1..=HALF).map(tap).collect();
    let at = |n: Option<usize>| n.and_then(|n| source.get(n)).copied().unwrap_or(0.0);
    for (n, sample) in frame.iter_mut().enumerate() {
        let quadrature: f32 = taps
            .iter()
            .enumerate()
            .map(|(index, tap)| tap * (at(n.checked_sub(index + 1)) - at(Some(n + index + 1))))
            .sum();
        let angle = phase + TAU * n as f32 * 100.0 / plan.clock.rate_hz() as f32;
        let gain = 10.0_f32.powf(1.5 / 20.0 * angle.sin());
        let (sine, cosine) = (10.0_f32.to_radians() * angle.cos()).sin_cos();
        *sample = gain * (*sample * cosine + quadrature * sine);
    }
}

fn receiver_named(name: &str) -> ReceiverOptions {
    match name {
        "standard" => ReceiverOptions::STANDARD,
        "matched" => ReceiverOptions { preamble: PreambleDetection::Matched, ..ReceiverOptions::STANDARD },
        "coherent" => ReceiverOptions::COHERENT,
        passes => ReceiverOptions::iterative(passes.parse().expect("standard, matched, coherent or passes")),
    }
}

//! Depth of a notch in the transmit spectrum, and what longer edges cost a receiver.
//!
//! ```text
//! cargo run --release -p g3-phy --example notch [-- FIRST LAST]
//! ```
//!
//! CENELEC-A with the carriers FIRST to LAST masked (39 to 49, which S-FSK leaves free, if not given): frames of 100
//! octets in DQPSK with random payload and pauses of 8 symbols. The spectrum is the mean of squared transforms of 8192
//! samples under a Blackman-Harris window (98 Hz wide at half power), as CISPR's 200 Hz would see it or better. EVM is the error of the carriers of
//! payload symbols against a transmitter with the standard's edges, for a receiver's window that starts so many samples
//! into a symbol.

#![allow(clippy::print_stdout, clippy::expect_used, clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{PLAN, Random};
use dsp::Complex;
use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::options::{Flip, Notch, Options};
use g3_phy::{Modulation, ToneMask, Transmitter};

const LENGTH: usize = 8192;
const WINDOW_STARTS: [usize; 4] = [8, 12, 15, 20];

fn main() {
    let given: Vec<u16> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let (first, last) = match given[..] {
        [first, last] => (first, last),
        _ => (39, 49),
    };
    println!("edge  flip        notch, dB against the mean of the carriers, at carrier{:12}", "");
    print!("                 ");
    (first..=last).for_each(|carrier| print!("{carrier:6}"));
    print!("  from 150 kHz  at 181 kHz   EVM dB, window at");
    WINDOW_STARTS.iter().for_each(|start| print!("{start:5}"));
    println!();
    let stop = Notch { first: first + 1, last: last.saturating_sub(1) };
    for (flip, notch) in [(Flip::Hard, None), (Flip::CrossFade, None), (Flip::CrossFade, Some(stop))] {
        for edge_samples in [8, 12, 15, 18, 22] {
            let options = Options { edge_samples, flip, notch, ..Options::default() };
            let spectrum = spectrum(&options, first, last);
            let carrier_hz = |carrier: f32| carrier * 1562.5;
            let mean = |low: f32, high: f32| {
                let bin = |hz: f32| (hz / 400e3 * LENGTH as f32).round() as usize;
                let part = &spectrum[bin(low)..bin(high)];
                part.iter().sum::<f64>() / part.len() as f64
            };
            let near = |carrier: u16| {
                mean(carrier_hz(f32::from(carrier) - 0.5), carrier_hz(f32::from(carrier) + 0.5))
            };
            let on: Vec<u16> = (23..=58).filter(|carrier| !(first..=last).contains(carrier)).collect();
            let level = on.iter().map(|&carrier| near(carrier)).sum::<f64>() / on.len() as f64;
            let db = |power: f64| 10.0 * (power / level).log10();
            let kind = if notch.is_some() { "filter" } else { "" };
            print!("{edge_samples:4}  {:9} {kind:6} ", format!("{flip:?}"));
            (first..=last).for_each(|carrier| print!("{:6.1}", db(near(carrier))));
            print!("{:14.1}{:12.1}                    ", db(mean(150e3, 160e3)), db(mean(176e3, 186e3)));
            for start in WINDOW_STARTS {
                print!("{:5.0}", evm_db(&options, first, last, start));
            }
            println!();
        }
    }
}

fn frame(options: &Options, first: u16, last: u16, random: &mut Random) -> Vec<f32> {
    let mask = ToneMask::ALL.without(&PLAN, first..=last);
    let tone_map = PLAN.full_tone_map();
    let psdu = random.octets(100);
    let frame =
        DataFrame { psdu: &psdu, modulation: Modulation::Dqpsk, tone_map, response_expected: false, pdc: 0 };
    let encoder = FrameEncoder::data(&PLAN, mask, options, &frame).expect("fits");
    let mut transmitter = Transmitter::new(&PLAN, options);
    let mut samples = vec![0.0; transmitter.load(encoder, 0.0)];
    transmitter.pull(&mut samples);
    samples
}

fn spectrum(options: &Options, first: u16, last: u16) -> Vec<f64> {
    let mut random = Random::new(1);
    let mut line = Vec::new();
    for _ in 0..60 {
        line.extend(frame(options, first, last, &mut random));
        line.extend(vec![0.0; 8 * 278]);
    }
    let window: Vec<f32> = (0..LENGTH)
        .map(|n| {
            let turn = std::f32::consts::TAU * n as f32 / LENGTH as f32;
            0.358_75 - 0.488_29 * turn.cos() + 0.141_28 * (2.0 * turn).cos() - 0.011_68 * (3.0 * turn).cos()
        })
        .collect();
    let mut sum = vec![0.0; LENGTH / 2];
    for block in line.windows(LENGTH).step_by(LENGTH / 4) {
        let mut bins: Vec<Complex> =
            block.iter().zip(&window).map(|(sample, window)| Complex::new(sample * window, 0.0)).collect();
        transform(&mut bins);
        sum.iter_mut().zip(&bins).for_each(|(sum, bin)| *sum += f64::from(bin.norm_sqr()));
    }
    sum
}

/// Radix two, in place: a measurement needs no fast one.
fn transform(bins: &mut [Complex]) {
    let half = bins.len() / 2;
    if half == 0 {
        return;
    }
    let mut even: Vec<Complex> = bins.iter().step_by(2).copied().collect();
    let mut odd: Vec<Complex> = bins.iter().skip(1).step_by(2).copied().collect();
    transform(&mut even);
    transform(&mut odd);
    for (index, (even, odd)) in even.iter().zip(&odd).enumerate() {
        let turned = odd * Complex::from_polar(1.0, -std::f32::consts::PI * index as f32 / half as f32);
        bins[index] = even + turned;
        bins[index + half] = even - turned;
    }
}

/// Error power against the power of the carriers, of the symbols from the FCH on, after a gain for each carrier.
fn evm_db(options: &Options, first: u16, last: u16, start: usize) -> f32 {
    let plain = frame(&Options::default(), first, last, &mut Random::new(2));
    let sent = frame(options, first, last, &mut Random::new(2));
    let late = if options.notch.is_some() { 63 } else { 0 };
    let on = |samples: &[f32], at: usize, carrier: u16| -> Complex {
        let turn = |n: usize| (n * usize::from(carrier) % 256) as f32 / 256.0 * std::f32::consts::TAU;
        (0..256).map(|n| Complex::from_polar(samples[at + n], -turn(n))).sum()
    };
    let (mut error, mut power) = (1e-12_f32, 0.0);
    for carrier in (23..=58).filter(|carrier| !(first..=last).contains(carrier)) {
        let symbols = (2424 + start..plain.len() - 300).step_by(278);
        let pairs: Vec<(Complex, Complex)> =
            symbols.map(|at| (on(&plain, at, carrier), on(&sent, at + late, carrier))).collect();
        let of_plain: f32 = pairs.iter().map(|(plain, _)| plain.norm_sqr()).sum();
        let gain = pairs.iter().map(|(plain, sent)| sent * plain.conj()).sum::<Complex>() / of_plain;
        error += pairs.iter().map(|(plain, sent)| (sent - gain * plain).norm_sqr()).sum::<f32>();
        power += gain.norm_sqr() * of_plain;
    }
    10.0 * (error / power).log10()
}

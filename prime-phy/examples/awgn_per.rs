//! Packet error rate of the whole receiver in white Gaussian noise, with its own synchronisation from a continuous
//! stream.
//!
//! `awgn_per dbpsk|dqpsk|d8psk|dbpsk_c|dqpsk_c|d8psk_c SNR_DB[,SNR_DB...] FRAMES [SEED]`

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measuring tool")]

#[path = "../tests/common/mod.rs"]
mod common;

use common::Random;
use prime_phy::options::Options;
use prime_phy::primitives::{CarrierDetect, Event};
use prime_phy::{Channel, Receiver, Scheme};
use std::time::{Duration, Instant};

/// Payload of 133 octets, as in the reference curves (prime.md 9.5), behind the seven in the header.
const MPDU_OCTETS: usize = 7 + 133;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let names = ["dbpsk", "dqpsk", "d8psk", "dbpsk_c", "dqpsk_c", "d8psk_c"];
    let named =
        |name: &String| names.iter().position(|known| known == name).and_then(|at| Scheme::ALL.get(at));
    let Some(&scheme) = arguments.first().and_then(named) else {
        return println!("usage: awgn_per {} SNR_DB[,SNR_DB...] FRAMES [SEED]", names.join("|"));
    };
    let snrs = arguments.get(1).map_or("0", String::as_str).split(',');
    let frames = arguments.get(2).map_or(200, |frames| frames.parse().expect("a number of frames"));
    let seed = arguments.get(3).map_or(1, |seed| seed.parse().expect("a seed"));
    println!(
        "scheme  SNR dB  frames  PER     95 % interval      no preamble  header  payload  BER        ns/sample"
    );
    for snr in snrs {
        let snr_db: f32 = snr.parse().expect("an SNR in dB");
        let tally = measure(scheme, snr_db, frames, seed);
        let (low, high) = wilson(tally.frames - tally.right, tally.frames);
        println!(
            "{scheme:?} {snr_db:6.2} {:7}  {:.4}  [{low:.4}, {high:.4}]  {:11} {:7} {:8}  {:.3e} {:9.1}",
            tally.frames,
            1.0 - tally.right as f64 / tally.frames as f64,
            tally.undetected,
            tally.header_failed,
            tally.frames - tally.right - tally.undetected - tally.header_failed,
            tally.wrong_bits as f64 / tally.bits.max(1) as f64,
            tally.time.as_secs_f64() * 1e9 / tally.samples as f64,
        );
    }
}

#[derive(Default)]
struct Tally {
    frames: usize,
    right: usize,
    undetected: usize,
    header_failed: usize,
    /// Of payloads whose header was right.
    wrong_bits: u64,
    bits: u64,
    samples: usize,
    time: Duration,
}

fn measure(scheme: Scheme, snr_db: f32, frames: usize, seed: u64) -> Tally {
    let options = Options::default();
    let mut random = Random::new(seed ^ u64::from(snr_db.to_bits()) << 20);
    let mut receiver = Receiver::new(&Channel::ONE, &options);
    let deviation = common::noise_for_snr_db(snr_db);
    let (mut tally, mut position) = (Tally { frames, ..Tally::default() }, 0);
    for _ in 0..frames {
        let mpdu = random.mpdu(MPDU_OCTETS);
        let frame = common::samples(&options, scheme, &mpdu);
        let before = 3_000 + random.below(1_000);
        let mut line = vec![0.0; before + frame.len() + 1_000];
        common::mix(&mut line, before, &frame, 1.0);
        common::add_noise(&mut line, deviation, &mut random);
        let (mut sensed, mut failed, mut right) = (false, false, false);
        for block in line.chunks(1_000) {
            let began = Instant::now();
            receiver.push(position, block);
            tally.time += began.elapsed();
            position += block.len() as u64;
            while let Some(event) = receiver.poll() {
                match event {
                    Event::CarrierDetect(CarrierDetect::Preamble(_)) => sensed = true,
                    Event::CarrierDetect(CarrierDetect::HeaderFailed { .. }) => failed = true,
                    Event::DataIndication(data) if data.mpdu.len() == mpdu.len() => {
                        right |= data.mpdu == mpdu.as_slice();
                        let pairs = data.mpdu.iter().zip(&mpdu).skip(7);
                        tally.wrong_bits +=
                            pairs.map(|(one, other)| u64::from((one ^ other).count_ones())).sum::<u64>();
                        tally.bits += 8 * (mpdu.len() as u64 - 7);
                    }
                    _ => {}
                }
            }
        }
        tally.samples += line.len();
        tally.right += usize::from(right);
        tally.undetected += usize::from(!sensed);
        tally.header_failed += usize::from(sensed && failed && !right);
    }
    tally
}

/// Wilson's score interval at 95 %.
fn wilson(events: usize, of: usize) -> (f64, f64) {
    let (n, z) = (of as f64, 1.96);
    let p = events as f64 / n;
    let centre = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    (((centre - spread) / scale).max(0.0), (centre + spread) / scale)
}

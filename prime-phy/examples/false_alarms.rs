//! Preambles found in noise alone: `false_alarms MINUTES [SEED]`.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measuring tool")]

#[path = "../tests/common/mod.rs"]
mod common;

use common::Random;
use prime_phy::options::Options;
use prime_phy::primitives::{CarrierDetect, Event};
use prime_phy::{Channel, Receiver};
use std::time::{Duration, Instant};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let minutes: u64 = arguments.next().map_or(1, |minutes| minutes.parse().expect("a number of minutes"));
    let seed = arguments.next().map_or(1, |seed| seed.parse().expect("a seed"));
    let (mut random, mut receiver) = (Random::new(seed), Receiver::new(&Channel::ONE, &Options::default()));
    let (mut preambles, mut headers, mut time) = (0, 0, Duration::ZERO);
    let mut block = vec![0.0; 25_000];
    let blocks = minutes * 60 * 10;
    for index in 0..blocks {
        block.iter_mut().for_each(|sample| *sample = random.gaussian());
        let began = Instant::now();
        receiver.push(index * block.len() as u64, &block);
        time += began.elapsed();
        while let Some(event) = receiver.poll() {
            match event {
                Event::CarrierDetect(CarrierDetect::Preamble(_)) => preambles += 1,
                Event::CarrierDetect(CarrierDetect::Header { .. }) => headers += 1,
                _ => {}
            }
        }
    }
    let samples = blocks as f64 * block.len() as f64;
    println!(
        "{minutes} minutes of white noise (seed {seed}): {preambles} preambles, {headers} headers; {:.1} ns a sample",
        time.as_secs_f64() * 1e9 / samples
    );
}

//! Preambles found in white Gaussian noise alone: `prime_false_alarms MINUTES [SEED] [CHANNEL]`, frames of all types. CHANNEL is 0,
//! channel 1 at 250 kHz, or an id: 1 to 8, or 9 to 15 for pairs, at 1 MHz.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measuring tool")]

#[path = "../tests/common/mod.rs"]
mod common;

use common::Random;
use prime_phy::options::Options;
use prime_phy::primitives::{CarrierDetect, Event};
use prime_phy::{Channel, Receiver};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let minutes: u64 = arguments.next().map_or(1, |minutes| minutes.parse().expect("a number of minutes"));
    let seed = arguments.next().map_or(1, |seed| seed.parse().expect("a seed"));
    let mut random = Random::new(seed);
    let channel = match arguments.next().map_or(0, |id| id.parse().expect("a channel's id")) {
        0 => Channel::ONE,
        id => Channel::from_id(id).expect("a channel"),
    };
    let mut receiver = Box::new(Receiver::new(&channel, &Options::default()));
    let (mut preambles, mut headers) = (0_u32, 0_u32);
    // A tenth of a second.
    let mut block = vec![0.0; channel.samples(25_000)];
    for index in 0..minutes * 600 {
        block.iter_mut().for_each(|sample| *sample = random.gaussian());
        receiver.push(index * block.len() as u64, &block);
        while let Some(event) = receiver.poll() {
            match event {
                Event::CarrierDetect(CarrierDetect::Preamble(_)) => preambles += 1,
                Event::CarrierDetect(CarrierDetect::Header { .. }) => headers += 1,
                _ => {}
            }
        }
    }
    let hours = minutes as f64 / 60.0;
    // The upper end of the 95 % interval of a Poisson count, by Wilson and Hilferty.
    let count = f64::from(preambles) + 1.0;
    let most = count * (1.0 - 1.0 / (9.0 * count) + 1.96 / (3.0 * count.sqrt())).powi(3);
    println!(
        "{hours:.2} hours of white noise on channel {} (seed {seed}): {preambles} preambles, {headers} headers; {:.3} false alarms an \
         hour, at most {:.3} (95 %)",
        channel.number,
        f64::from(preambles) / hours,
        most / hours
    );
}

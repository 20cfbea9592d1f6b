//! What the receiver takes for a preamble in white noise, and what listening costs.
//!
//! ```text
//! cargo run --release -p g3-phy --example false_alarms -- MINUTES [seed] [standard|matched] [band]
//! ```
//!
//! Bands are named as `awgn_fer` names them: cenelec-a, fcc-1 and so on.

#![allow(clippy::print_stdout, clippy::expect_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::Random;
use g3_phy::options::Options;
use g3_phy::primitives::{CarrierSense, Event};
use g3_phy::{FrameWorkspace, PreambleDetection, Receiver, ReceiverOptions, ToneMask};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let minutes: u64 = arguments.next().map_or(1, |minutes| minutes.parse().expect("minutes"));
    let mut random = Random::new(arguments.next().map_or(1, |seed| seed.parse().expect("a seed")));
    let preamble = match arguments.next().as_deref() {
        Some("matched") => PreambleDetection::Matched,
        _ => PreambleDetection::Standard,
    };
    let band = arguments.next().unwrap_or_else(|| "cenelec-a".to_owned());
    let plan = common::plan_named(&band);
    let beyond = ReceiverOptions { preamble, ..ReceiverOptions::STANDARD };
    let memory = Box::new(FrameWorkspace::new());
    let options = Options::default();
    let mut receiver = Receiver::with_workspace(&plan, ToneMask::ALL, &options, &beyond, memory);
    let (mut preambles, mut headers) = (0, 0);
    let mut block = [0.0; 4_000];
    let blocks = minutes * 60 * u64::from(plan.clock.rate_hz()) / block.len() as u64;
    for index in 0..blocks {
        block.iter_mut().for_each(|sample| *sample = random.gaussian());
        receiver.push(index * block.len() as u64, &block);
        while let Some(event) = receiver.poll() {
            match event {
                Event::CarrierSense(CarrierSense::Preamble(_)) => preambles += 1,
                Event::CarrierSense(CarrierSense::Idle(_)) => {}
                _ => headers += 1,
            }
        }
    }
    println!(
        "{}: {minutes} min of noise: {preambles} preambles reported, {headers} headers tried; \
         a receiver has {} octets, a workspace {}",
        plan.name,
        size_of::<Receiver>(),
        size_of::<FrameWorkspace>(),
    );
}

//! Whether frames sent as the receiver recommends are lost no more often than the target that it was given.
//!
//! ```text
//! cargo run --release -p g3-phy --example recommended -- 400 42
//! ```
//!
//! For each line, ratio, target and kind of modulation the receiver measures one Robust frame, recommends, and so many frames are sent
//! as it says, gain included: as a tone map response does. SNR is Es/N0 per carrier of the line without its groups' loss. CENELEC-A,
//! 100 octets or so many more that fill the symbols. Intervals are Wilson's at 95 %.
#![allow(clippy::print_stdout, clippy::expect_used, clippy::unwrap_used)]

#[path = "../tests/adapted/mod.rs"]
mod adapted;
#[path = "../tests/common/mod.rs"]
mod common;

use adapted::{LINES, send};
use common::{PLAN, Random};
use g3_phy::adaptation::{Target, recommend};
use g3_phy::{Modulation, ToneMask};

fn main() {
    let argument = |at: usize| std::env::args().nth(at).and_then(|text| text.parse::<u64>().ok());
    let (frames, seed) = (argument(1).unwrap_or(400) as usize, argument(2).unwrap_or(42));
    println!("# cargo run --release -p g3-phy --example recommended -- {frames} {seed}");
    println!("# CENELEC-A, white noise; standard receiver, its default reserve of 2 dB");
    println!(
        "# line, SNR dB, target FER, recommended, tone map, gain (3 dB steps), reserve dB: lost of frames, FER, 95 % interval"
    );
    let (mut settings, mut beyond) = (0, 0);
    for (name, steps) in LINES {
        let line = adapted::line(steps);
        for snr_db in [6.0, 10.0, 14.0, 18.0] {
            for (frame_error_rate, coherent) in [(0.1, false), (0.01, false), (0.01, true)] {
                let mut random = Random::new(seed ^ settings << 32);
                let target = Target { frame_error_rate, coherent, ..Target::default() };
                let (_, snr) = send(line, snr_db, Modulation::Robust, PLAN.full_tone_map(), &mut random);
                let found = recommend(&PLAN, ToneMask::ALL, snr.into_iter(), &target).expect("carriers");
                let mut sent = line;
                sent.gain = found.emphasis.gain;
                let arrived = |_: &usize| send(sent, snr_db, found.modulation, found.tone_map, &mut random).0;
                let lost = frames - (0..frames).filter(arrived).count();
                let (low, high) = common::lines::wilson(lost, frames);
                settings += 1;
                beyond += usize::from(low > f64::from(frame_error_rate));
                println!(
                    "{name}, {snr_db:4.1}, {frame_error_rate}, {:?}, {:#04x}, {}, {:.1}: {lost} of {frames}, {:.4}, {low:.4} to {high:.4}",
                    found.modulation,
                    found.tone_map.0,
                    found.emphasis.gain,
                    found.reserve_db,
                    lost as f64 / frames as f64,
                );
            }
        }
    }
    println!("# {beyond} of {settings} settings lose more than their target, by the interval's lower end");
}

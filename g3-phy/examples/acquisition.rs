//! Frames that preamble detection and header lose on lines that are not still, 3 dB above the 10 % point.
//!
//! ```text
//! cargo run --release -p g3-phy --example acquisition -- [FRAMES] [SEED]
//! ```
//!
//! Robust frames of 100 octets with the preamble at payload power. The 10 % points are those of a still line: -1.97 dB for the
//! standard receiver, -6.06 dB for the one with eight passes. SNR is the mean over the carriers of Es/N0, with
//! the carriers over 30 dB the mean of their dB. The intervals are
//! Wilson's at 95 %.

#![allow(clippy::print_stdout, clippy::expect_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::PLAN;
use common::lines::Line;
use g3_phy::{Mitigation, ReceiverOptions};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let frames = arguments.next().map_or(400, |frames| frames.parse().expect("a number of frames"));
    let seed = arguments.next().map_or(42, |seed| seed.parse().expect("a seed"));
    let receivers = [
        ("standard", ReceiverOptions::STANDARD, -1.97),
        ("standard+all", ReceiverOptions { mitigation: Mitigation::ALL, ..ReceiverOptions::STANDARD }, -1.97),
        ("8", ReceiverOptions::iterative(8), -6.06),
        ("8+all", ReceiverOptions::BEST, -6.06),
    ];
    println!("# {}, Robust, {frames} frames a row, seed {seed}", PLAN.name);
    println!(
        "# receiver      line                  SNR dB  preamble or header lost  95 % interval    payload lost"
    );
    for (name, options, ten_percent_db) in receivers {
        for (line, kind) in Line::ALL {
            let snr_db = ten_percent_db + 3.0;
            let lost = common::lines::acquire(kind, &options, snr_db, frames, seed);
            let (low, high) = common::lines::wilson(lost.acquisition, frames);
            println!(
                "{name:13} {line:24} {snr_db:6.2} {:20}      [{low:.4}, {high:.4}] {:10}",
                lost.acquisition, lost.payload
            );
        }
    }
}

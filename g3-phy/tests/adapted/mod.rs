//! Frames over a line whose carriers differ, with what a receiver recommends for it.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "a test and an example use their parts")]

use crate::common::{self, PLAN, Random};
use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::layout::PayloadLayout;
use g3_phy::options::Options;
use g3_phy::pre_emphasis::PreEmphasis;
use g3_phy::primitives::Event;
use g3_phy::{Modulation, Receiver, ToneMap, ToneMask, Transmitter};

/// Lines by the steps of 3 dB that each of their groups is below the strongest.
pub const LINES: [(&str, [i8; 6]); 4] = [
    ("flat", [0, 0, 0, 0, 0, 0]),
    ("falling 15 dB", [0, -1, -2, -3, -4, -5]),
    ("a group 21 dB down", [0, 0, -7, 0, 0, 0]),
    ("groups by turns 9 dB down", [0, -3, 0, -3, 0, -3]),
];

/// A line of these steps.
pub fn line(steps: [i8; 6]) -> PreEmphasis {
    let mut line = PreEmphasis::default();
    line.coefficients[..6].copy_from_slice(&steps);
    line
}

/// Sends a frame over a line; whether it arrived, and what the receiver measured of the carriers.
pub fn send(
    line: PreEmphasis,
    snr_db: f32,
    modulation: Modulation,
    tone_map: ToneMap,
    random: &mut Random,
) -> (bool, Vec<f32>) {
    let options = Options::default();
    let layout = PayloadLayout::for_psdu(&PLAN, ToneMask::ALL, tone_map, modulation, 100).unwrap();
    let psdu = random.octets(usize::from(layout.psdu_capacity));
    let frame = DataFrame { psdu: &psdu, modulation, tone_map, response_expected: false, pdc: 0 };
    let encoder = FrameEncoder::data(&PLAN, ToneMask::ALL, &options, &frame).unwrap();
    let mut transmitter = Transmitter::new(&PLAN, &options);
    transmitter.set_pre_emphasis(line);
    let mut samples = vec![0.0; transmitter.load(encoder, 0.0)];
    transmitter.pull(&mut samples);
    let mut heard = vec![0.0; samples.len() + 3_000];
    common::mix(&mut heard, 1_500 + random.below(256), &samples, 1.0);
    common::add_noise(&mut heard, common::noise_for_snr_db(&PLAN, snr_db), random);
    let mut receiver = Receiver::new(&PLAN, ToneMask::ALL, &options);
    receiver.push(0, &heard);
    let right = std::iter::from_fn(|| receiver.poll())
        .any(|event| matches!(event, Event::DataIndication(data) if data.psdu == psdu.as_slice()));
    (right, receiver.carrier_snr().collect())
}

//! What the receiver recommends for a line holds on that line.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod common;

use common::{PLAN, Random};
use g3_phy::adaptation::{Target, recommend};
use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::layout::PayloadLayout;
use g3_phy::options::Options;
use g3_phy::pre_emphasis::PreEmphasis;
use g3_phy::primitives::Event;
use g3_phy::{Modulation, Receiver, ToneMap, ToneMask, Transmitter};

/// Sends frames over a line whose groups differ by these steps of 3 dB; true for each that arrived.
fn send(
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

#[test]
fn frames_as_recommended_arrive_on_flat_tilted_and_notched_lines() {
    let mut random = Random::new(1);
    for coefficients in
        [[0, 0, 0, 0, 0, 0], [0, -1, -2, -3, -4, -5], [0, 0, -7, 0, 0, 0], [0, -3, 0, -3, 0, -3]]
    {
        let mut line = PreEmphasis::default();
        line.coefficients[..6].copy_from_slice(&coefficients);
        for snr_db in [6.0, 10.0, 13.0, 16.0, 20.0] {
            for coherent in [false, true] {
                let (_, snr) = send(line, snr_db, Modulation::Robust, PLAN.full_tone_map(), &mut random);
                let target = Target { coherent, ..Target::default() };
                let found = recommend(&PLAN, ToneMask::ALL, snr.into_iter(), &target).unwrap();
                if found.reserve_db < 0.0 {
                    continue;
                }
                let sent =
                    (0..20).map(|_| send(line, snr_db, found.modulation, found.tone_map, &mut random).0);
                let lost = sent.filter(|right| !right).count();
                // One in a hundred at most: three of twenty have a probability of 0.1 %.
                assert!(lost <= 2, "{coefficients:?} {snr_db} dB: {lost} of 20 lost with {found:?}");
            }
        }
    }
}

//! Coherent payloads and two Reed-Solomon blocks from PSDU to samples and back.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod common;

use common::{Random, add_noise, line_with};
use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::experimental::{Experimental, Qam16Bits};
use g3_phy::layout::{Blocks, PayloadLayout};
use g3_phy::options::{Flip, Interleaving, Options};
use g3_phy::primitives::{CarrierSense, Event, PdDataIndication};
use g3_phy::{BandPlan, Modulation, Receiver, ToneMap, ToneMask};

const GUESS: Experimental =
    Experimental { qam16: Some(Qam16Bits::InPhaseFirst), cenelec_b_pilot_offset: Some(4) };

/// Everything that a new receiver tells of a line.
fn hear(plan: &BandPlan, mask: ToneMask, options: &Options, line: &[f32]) -> Vec<Event> {
    let (mut receiver, mut events) = (Receiver::new(plan, mask, options), Vec::new());
    for (index, samples) in line.chunks(500).enumerate() {
        receiver.push(index as u64 * 500, samples);
        events.extend(std::iter::from_fn(|| receiver.poll()));
    }
    events
}

fn data(events: &[Event]) -> Vec<&PdDataIndication> {
    let mut heard = Vec::new();
    for event in events {
        if let Event::DataIndication(data) = event {
            heard.push(data);
        }
    }
    heard
}

#[test]
fn coherent_modulations_arrive_a_decibel_above_table_11_3_with_their_own_channel_estimate() {
    // FER 10 % with a known channel; at most a half decibel is lost to the estimate, and half a decibel above that the
    // table's curves are below 1 %, where more than three of 60 lost have a probability of 0.3 %.
    let mut random = Random::new(1);
    let (plan, options) = (BandPlan::CENELEC_A, common::level_preamble());
    for (modulation, reference_db) in
        [(Modulation::Bpsk, -1.4), (Modulation::Qpsk, 1.6), (Modulation::Psk8, 4.8)]
    {
        let mut lost = 0;
        for _ in 0..60 {
            let psdu = common::full_psdu(&plan, modulation, 100, &mut random);
            let frame = common::data_samples(&plan, &options, modulation, &psdu);
            let line = line_with(&plan, &frame, reference_db + 1.0, &mut random);
            let events = hear(&plan, ToneMask::ALL, &options, &line);
            lost += usize::from(!data(&events).iter().any(|data| data.psdu == psdu.as_slice()));
        }
        assert!(lost <= 3, "{modulation:?}: {lost} of 60 lost");
    }
}

#[test]
fn every_coherent_modulation_arrives_in_every_band_with_every_interleaver() {
    let mut random = Random::new(2);
    let rules = [Interleaving::Legacy, Interleaving::LegacyRows, Interleaving::Separate];
    for plan in &BandPlan::ALL {
        let qam = (plan.first_carrier == 33).then_some(Modulation::Qam16);
        for (index, modulation) in Modulation::COHERENT.into_iter().chain(qam).enumerate() {
            let options =
                Options { experimental: GUESS, interleaving: rules[index % 3], ..Options::default() };
            let psdu = common::full_psdu(plan, modulation, 60, &mut random);
            let frame = common::data_samples(plan, &options, modulation, &psdu);
            let line = line_with(plan, &frame, 15.0, &mut random);
            let events = hear(plan, ToneMask::ALL, &options, &line);
            let heard = data(&events);
            assert_eq!(heard.len(), 1, "{} {modulation:?}", plan.name);
            assert_eq!((heard[0].psdu.as_slice(), heard[0].header.modulation), (psdu.as_slice(), modulation));
            let airtime = g3_phy::timing::data_airtime(
                plan,
                ToneMask::ALL,
                modulation,
                heard[0].header.payload_symbols,
            );
            assert_eq!(heard[0].end, heard[0].start + airtime);
        }
    }
}

#[test]
fn what_only_a_guess_could_read_is_a_failed_payload_of_the_right_length() {
    let mut random = Random::new(3);
    let plan = BandPlan::FCC_1;
    let guessing = Options { experimental: GUESS, ..Options::default() };
    let frame = common::data_samples(&plan, &guessing, Modulation::Qam16, &random.octets(50));
    let line = line_with(&plan, &frame, 25.0, &mut random);
    let events = hear(&plan, ToneMask::ALL, &Options::default(), &line);
    let [
        ..,
        Event::CarrierSense(CarrierSense::PayloadFailed { end }),
        Event::CarrierSense(CarrierSense::Idle(idle)),
    ] = events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!(end, idle);
    assert!(
        matches!(events[1], Event::CarrierSense(CarrierSense::Header { end: announced, .. }) if announced == *end)
    );
}

#[test]
fn tone_maps_and_notches_leave_pilots_and_fill_where_the_receiver_expects_them() {
    let mut random = Random::new(4);
    for (plan, mask, map) in [
        (BandPlan::CENELEC_A, ToneMask::ALL.without(&BandPlan::CENELEC_A, 39..=49), 0b10_1111),
        (BandPlan::CENELEC_A, ToneMask::ALL, 0b01_0110),
        (BandPlan::FCC_1, ToneMask::ALL.without(&BandPlan::FCC_1, 70..=74), 0xAF_0FF3),
        (BandPlan::ARIB, ToneMask::ALL, 0x2_F0F3),
    ] {
        for options in
            [Options::default(), Options { flip: Flip::CrossFade, edge_samples: 15, ..Options::default() }]
        {
            let (psdu, tone_map) = (random.octets(30), ToneMap(map));
            let frame = DataFrame {
                psdu: &psdu,
                modulation: Modulation::Psk8,
                tone_map,
                response_expected: true,
                pdc: 9,
            };
            let encoder = FrameEncoder::data(&plan, mask, &options, &frame).unwrap();
            let line = line_with(&plan, &common::samples_of(&plan, &options, encoder), 15.0, &mut random);
            let events = hear(&plan, mask, &options, &line);
            assert_eq!(data(&events).len(), 1, "{} {map:#x}", plan.name);
            assert_eq!(data(&events)[0].psdu[..30], psdu);
        }
    }
}

#[test]
fn clocks_twenty_five_parts_per_million_apart_lose_no_coherent_frame_three_decibels_above_the_table() {
    let mut random = Random::new(5);
    let (plan, options) = (BandPlan::CENELEC_A, Options::default());
    for (modulation, snr_db) in [(Modulation::Bpsk, 1.6), (Modulation::Qpsk, 4.6), (Modulation::Psk8, 7.8)] {
        for ppm in [-25.0, 25.0] {
            for octets in [40, 200] {
                let psdu = common::full_psdu(&plan, modulation, octets, &mut random);
                let frame = common::data_samples(&plan, &options, modulation, &psdu);
                let frame = common::resample(&frame, random.below(1_000) as f64 / 1_000.0, ppm);
                let line = line_with(&plan, &frame, snr_db, &mut random);
                let events = hear(&plan, ToneMask::ALL, &options, &line);
                assert_eq!(data(&events).len(), 1, "{modulation:?} {ppm} ppm {octets}");
                assert_eq!(data(&events)[0].psdu, psdu.as_slice());
            }
        }
    }
}

#[test]
fn two_blocks_arrive_whole_and_one_that_fails_fails_the_frame() {
    let mut random = Random::new(6);
    let (plan, options) = (BandPlan::FCC_1, Options::default());
    for modulation in [Modulation::D8psk, Modulation::Dbpsk, Modulation::Robust, Modulation::Psk8] {
        let map = plan.full_tone_map();
        let largest =
            PayloadLayout::largest_with(&plan, ToneMask::ALL, map, modulation, Blocks::Two).unwrap();
        let psdu = random.octets(usize::from(largest.psdu_capacity));
        let frame = common::data_samples(&plan, &options, modulation, &psdu);
        let mut line = line_with(&plan, &frame, 18.0, &mut random);
        let events = hear(&plan, ToneMask::ALL, &options, &line);
        assert_eq!(data(&events).len(), 1, "{modulation:?}");
        assert_eq!((&data(&events)[0].psdu[..], data(&events)[0].header.blocks), (&psdu[..], Blocks::Two));
        // The first block in a storm.
        let (from, symbols) = (2_000 + 2_424 + 14 * 278, largest.block_symbols() - 2);
        add_noise(&mut line[from..from + symbols * 278], 3.0, &mut random);
        let events = hear(&plan, ToneMask::ALL, &options, &line);
        assert!(data(&events).is_empty(), "{modulation:?}");
        assert!(
            events
                .iter()
                .any(|event| matches!(event, Event::CarrierSense(CarrierSense::PayloadFailed { .. })))
        );
    }
}

//! Every band from PSDU to samples and back.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod common;

use common::{Random, line_with};
use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::layout::PayloadLayout;
use g3_phy::options::{FchModulation, Options};
use g3_phy::phy::{Phy, PhyConfig};
use g3_phy::primitives::{Ack, Event, PdAckIndication, PdAckRequest, PdDataIndication, Request};
use g3_phy::{BandPlan, Modulation, Receiver, ToneMap, ToneMask};

/// Those with the long header, whose modulation has two readings.
const LONG_HEADER: [BandPlan; 4] = [BandPlan::FCC_1, BandPlan::FCC_1_A, BandPlan::FCC_1_B, BandPlan::ARIB];
const READINGS: [FchModulation; 2] = [FchModulation::Differential, FchModulation::Coherent];

/// The receiver's data and acknowledgements on a line.
fn hear(receiver: &mut Receiver, line: &[f32]) -> (Vec<PdDataIndication>, Vec<PdAckIndication>) {
    let (mut data, mut acks) = (Vec::new(), Vec::new());
    for (index, samples) in line.chunks(500).enumerate() {
        receiver.push(index as u64 * 500, samples);
        while let Some(event) = receiver.poll() {
            match event {
                Event::DataIndication(indication) => data.push(indication),
                Event::AckIndication(indication) => acks.push(indication),
                _ => {}
            }
        }
    }
    (data, acks)
}

#[test]
fn every_modulation_arrives_in_every_band_two_decibels_above_cenelec_as_curve() {
    // FER 10 % of CENELEC-A in digest 11.3; two decibels above it the measured FER is far below 1 % in each band.
    let references = [
        (Modulation::Robust, -2.0),
        (Modulation::Dbpsk, 1.8),
        (Modulation::Dqpsk, 4.7),
        (Modulation::D8psk, 8.05),
    ];
    let mut random = Random::new(1);
    let options = common::level_preamble();
    for plan in &BandPlan::ALL {
        for (modulation, reference_db) in references {
            for _ in 0..5 {
                let psdu = common::full_psdu(plan, modulation, 100, &mut random);
                let frame = common::data_samples(plan, &options, modulation, &psdu);
                let line = line_with(plan, &frame, reference_db + 2.0, &mut random);
                let (data, _) = hear(&mut Receiver::new(plan, ToneMask::ALL, &options), &line);
                assert_eq!(data.len(), 1, "{} {modulation:?}", plan.name);
                assert_eq!(data[0].psdu, psdu.as_slice(), "{} {modulation:?}", plan.name);
            }
        }
    }
}

#[test]
fn the_largest_psdu_of_every_band_and_modulation_arrives() {
    let mut random = Random::new(2);
    for plan in &BandPlan::ALL {
        for modulation in Modulation::ALL {
            let map = plan.full_tone_map();
            let most = PayloadLayout::largest(plan, ToneMask::ALL, map, modulation).unwrap();
            let psdu = random.octets(usize::from(most.psdu_capacity));
            let options = Options::default();
            let frame = common::data_samples(plan, &options, modulation, &psdu);
            let line = line_with(plan, &frame, 20.0, &mut random);
            let (data, _) = hear(&mut Receiver::new(plan, ToneMask::ALL, &options), &line);
            assert_eq!(data.len(), 1, "{} {modulation:?}", plan.name);
            assert_eq!((&data[0].psdu[..], data[0].header.payload_symbols), (&psdu[..], most.symbols));
        }
    }
}

#[test]
fn the_receiver_takes_either_header_modulation_whichever_it_is_set_to() {
    let mut random = Random::new(3);
    for plan in &LONG_HEADER {
        for sent in READINGS {
            for expected in READINGS {
                let with = |reading| Options { fch_modulation: Some(reading), ..Options::default() };
                let psdu = random.octets(40);
                let data = common::data_samples(plan, &with(sent), Modulation::Dqpsk, &psdu);
                let ack = Ack { fcs: random.next_u64() as u16, positive: false, more_segments: true };
                let frame = FrameEncoder::ack(plan, ToneMask::ALL, &with(sent), ack).unwrap();
                let mut samples = data;
                samples.extend(vec![0.0; 1_000]);
                samples.extend(common::samples_of(plan, &with(sent), frame));
                let line = line_with(plan, &samples, 12.0, &mut random);
                let (data, acks) = hear(&mut Receiver::new(plan, ToneMask::ALL, &with(expected)), &line);
                assert_eq!((data.len(), acks.len()), (1, 1), "{} {sent:?} {expected:?}", plan.name);
                assert_eq!(data[0].psdu[..40], psdu);
                assert_eq!(acks[0].ack, ack);
            }
        }
    }
}

#[test]
fn the_link_quality_is_that_of_the_line_in_every_band_and_reading() {
    let mut random = Random::new(4);
    for plan in &BandPlan::ALL {
        for reading in READINGS {
            let options = Options { fch_modulation: Some(reading), ..common::level_preamble() };
            let psdu = common::full_psdu(plan, Modulation::Dqpsk, 30, &mut random);
            let frame = common::data_samples(plan, &options, Modulation::Dqpsk, &psdu);
            let mut sum = 0.0;
            for _ in 0..10 {
                let line = line_with(plan, &frame, 15.0, &mut random);
                let mut receiver = Receiver::new(plan, ToneMask::ALL, &options);
                assert_eq!(hear(&mut receiver, &line).0.len(), 1, "{} {reading:?}", plan.name);
                sum += receiver.carrier_snr().sum::<f32>() / receiver.carrier_snr().count() as f32;
            }
            let snr_db = 10.0 * (sum / 10.0).log10();
            assert!((snr_db - 15.0).abs() < 0.5, "{} {reading:?}: {snr_db} dB", plan.name);
        }
    }
}

#[test]
fn masked_carriers_and_partial_tone_maps_work_at_1_2_megahertz() {
    let mut random = Random::new(5);
    for plan in [BandPlan::FCC_1, BandPlan::FCC_1_B, BandPlan::ARIB] {
        // A notch in the middle of the band, of a group and a half.
        let mask = ToneMask::ALL.without(&plan, 70..=74);
        let options = Options::default();
        let tone_map = ToneMap(plan.full_tone_map().0 & 0b1010_1111_0101_1111_1111_0011);
        let psdu = random.octets(60);
        let frame = DataFrame {
            psdu: &psdu,
            modulation: Modulation::Dqpsk,
            tone_map,
            response_expected: true,
            pdc: 9,
        };
        let encoder = FrameEncoder::data(&plan, mask, &options, &frame).unwrap();
        let samples = common::samples_of(&plan, &options, encoder);
        let line = line_with(&plan, &samples, 12.0, &mut random);
        let (data, _) = hear(&mut Receiver::new(&plan, mask, &options), &line);
        assert_eq!(data.len(), 1, "{}", plan.name);
        assert_eq!((&data[0].psdu[..60], data[0].header.tone_map), (&psdu[..], tone_map));
    }
}

/// The line over frequency that a preamble is goes on in a notch. Carriers that were counted as if there were none left a quarter of the
/// frames on twelve carriers unheard, at any ratio.
#[test]
fn a_preamble_around_a_notch_is_heard_at_every_alignment() {
    let mut random = Random::new(9);
    let options = common::level_preamble();
    for (plan, notch) in [
        (BandPlan::CENELEC_A, 39..=49),
        (BandPlan::CENELEC_B_EXPERIMENTAL, 68..=71),
        (BandPlan::FCC_1, 43..=48),
        (BandPlan::FCC_1_A, 43..=48),
        (BandPlan::FCC_1_B, 90..=98),
        (BandPlan::ARIB, 43..=48),
    ] {
        let mask = ToneMask::ALL.without(&plan, notch);
        let ack = Ack { fcs: 0x1234, positive: true, more_segments: false };
        let frame =
            common::samples_of(&plan, &options, FrameEncoder::ack(&plan, mask, &options, ack).unwrap());
        let mut receiver = Receiver::new(&plan, mask, &options);
        let mut line = Vec::new();
        for _ in 0..40 {
            let before = line.len() + 1_000 + random.below(500);
            line.resize(before + frame.len(), 0.0);
            common::mix(&mut line, before, &frame, 1.0);
        }
        line.resize(line.len() + 1_000, 0.0);
        common::add_noise(&mut line, common::noise_for_snr_db(&plan, 12.0), &mut random);
        let (_, acks) = hear(&mut receiver, &line);
        assert_eq!(acks.len(), 40, "{}", plan.name);
    }
}

#[test]
fn clocks_fifty_parts_per_million_apart_lose_no_frame_four_decibels_above_the_curve() {
    let mut random = Random::new(6);
    for plan in &BandPlan::ALL {
        for ppm in [-50.0, 50.0] {
            let options = common::level_preamble();
            let psdu = common::full_psdu(plan, Modulation::Dbpsk, 100, &mut random);
            let frame = common::data_samples(plan, &options, Modulation::Dbpsk, &psdu);
            for _ in 0..3 {
                let delay = random.below(1_000) as f64 / 1_000.0;
                let frame = common::resample(&frame, delay, ppm);
                let line = line_with(plan, &frame, 5.8, &mut random);
                let (data, _) = hear(&mut Receiver::new(plan, ToneMask::ALL, &options), &line);
                assert_eq!(data.len(), 1, "{} {ppm} ppm", plan.name);
                assert_eq!(data[0].psdu, psdu.as_slice());
            }
        }
    }
}

#[test]
fn an_acknowledgement_goes_from_modem_to_modem_at_the_bands_own_clock() {
    let ack = Ack { fcs: 0x31C3, positive: true, more_segments: false };
    for plan in BandPlan::ALL {
        let config = PhyConfig { plan, ..PhyConfig::default() };
        let (mut sender, mut receiver) = (Phy::new(config), Phy::new(config));
        let start = plan.clock.instant(1_234);
        sender.request(plan.clock.instant(0), Request::Ack(PdAckRequest { start, ack }));
        let mut heard = Vec::new();
        for block in 0..160 {
            let mut samples = [0.0; 100];
            sender.transmit(block * 100, &mut samples);
            receiver.receive(block * 100, &samples);
            while let Some(event) = receiver.poll() {
                if let Event::AckIndication(indication) = event {
                    heard.push((indication.ack, indication.start, indication.end));
                }
            }
        }
        let end = start + g3_phy::timing::ack_airtime(&plan, ToneMask::ALL);
        assert_eq!(heard, [(ack, start, end)], "{}", plan.name);
    }
}

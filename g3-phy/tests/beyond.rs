//! The receiver with a workspace: what it reaches, and that it is as sturdy as the standard one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod common;

use common::{PLAN, Random, add_noise, mix, noise_for_snr_db};
use g3_phy::encoder::FrameEncoder;
use g3_phy::options::Options;
use g3_phy::primitives::{Ack, CarrierSense, Event};
use g3_phy::{
    BandPlan, FrameWorkspace, Modulation, PreambleDetection, Receiver, ReceiverOptions, TX_RMS, ToneMask,
};

fn receiver(options: &ReceiverOptions) -> Receiver<Box<FrameWorkspace>> {
    receiver_of(&PLAN, ToneMask::ALL, options)
}

fn receiver_of(plan: &BandPlan, mask: ToneMask, options: &ReceiverOptions) -> Receiver<Box<FrameWorkspace>> {
    let memory = Box::new(FrameWorkspace::new());
    Receiver::with_workspace(plan, mask, &common::level_preamble(), options, memory)
}

fn hear(receiver: &mut Receiver<Box<FrameWorkspace>>, from: u64, line: &[f32], block: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for (index, samples) in line.chunks(block).enumerate() {
        receiver.push(from + (index * block) as u64, samples);
        events.extend(std::iter::from_fn(|| receiver.poll()));
    }
    assert_eq!(receiver.dropped_events(), 0);
    events
}

fn has(events: &[Event], psdu: &[u8]) -> bool {
    events.iter().any(|event| matches!(event, Event::DataIndication(data) if data.psdu == psdu))
}

/// Frames of 100 octets that do not arrive, of `frames` that a clock `ppm` off sees.
fn lost(
    plan: &BandPlan,
    modulation: Modulation,
    options: &ReceiverOptions,
    (snr_db, ppm): (f32, f64),
    frames: usize,
) -> usize {
    lost_of(100, plan, modulation, options, (snr_db, ppm), frames)
}

/// The same with longer ones.
fn lost_of(
    octets: usize,
    plan: &BandPlan,
    modulation: Modulation,
    options: &ReceiverOptions,
    (snr_db, ppm): (f32, f64),
    frames: usize,
) -> usize {
    let mut random = Random::new(11);
    let mut receiver = receiver_of(plan, ToneMask::ALL, options);
    let (mut position, mut lost) = (0, 0);
    for _ in 0..frames {
        let psdu = common::full_psdu(plan, modulation, octets, &mut random);
        let mut samples = common::data_samples(plan, &common::level_preamble(), modulation, &psdu);
        if ppm != 0.0 {
            samples = common::resample(&samples, 0.0, ppm);
        }
        let before = 2_500 + random.below(1_000);
        let mut line = vec![0.0; before + samples.len() + 500];
        mix(&mut line, before, &samples, 1.0);
        add_noise(&mut line, noise_for_snr_db(plan, snr_db), &mut random);
        lost += usize::from(!has(&hear(&mut receiver, position, &line, 700), &psdu));
        position += line.len() as u64;
    }
    lost
}

/// Frame error rate 10 % of the goals, from which on it falls by more than a factor of 10 in half a decibel.
const GOALS: [(Modulation, f32); 4] = [
    (Modulation::Robust, -5.5),
    (Modulation::Dbpsk, -0.4),
    (Modulation::Dqpsk, 2.5),
    (Modulation::D8psk, 5.5),
];

#[test]
fn every_modulation_arrives_at_its_goal_with_eight_passes() {
    // Measured below 1 % there (docs/receiver.md): more than two of 25 have a probability below 0.2 %.
    for (modulation, goal_db) in GOALS {
        let lost = lost(&PLAN, modulation, &ReceiverOptions::iterative(8), (goal_db, 0.0), 25);
        assert!(lost <= 2, "{modulation:?}: {lost} of 25 frames lost");
    }
}

#[test]
fn clocks_sixty_parts_per_million_apart_cost_less_than_a_decibel() {
    for (modulation, goal_db) in GOALS {
        for ppm in [-60.0, 60.0] {
            let lost = lost(&PLAN, modulation, &ReceiverOptions::iterative(8), (goal_db + 1.0, ppm), 8);
            assert!(lost <= 1, "{modulation:?} at {ppm} ppm: {lost} of 8 frames lost");
        }
    }
}

#[test]
fn each_step_hears_frames_that_the_one_before_does_not() {
    // DQPSK at 3.5 dB and D8PSK at 6.9 dB: standard nearly all lost, coherent about half, iterative none.
    let standard = ReceiverOptions::STANDARD;
    for (modulation, snr_db) in [(Modulation::Dqpsk, 3.5), (Modulation::D8psk, 6.9)] {
        let count = |options| lost(&PLAN, modulation, &options, (snr_db, 0.0), 25);
        let (none, coherent, iterative) =
            (count(standard), count(ReceiverOptions::COHERENT), count(ReceiverOptions::iterative(4)));
        assert!(
            none > coherent + 3 && coherent > iterative + 3 && iterative == 0,
            "{modulation:?}: {none} {coherent} {iterative}"
        );
    }
}

#[test]
fn other_bands_gain_as_much() {
    // The standard receiver's 10 % points in these bands are those of CENELEC-A (docs/g3-phy.md).
    for plan in [BandPlan::FCC_1, BandPlan::FCC_1_A, BandPlan::ARIB, BandPlan::CENELEC_B_EXPERIMENTAL] {
        let lost = lost(&plan, Modulation::Dqpsk, &ReceiverOptions::iterative(8), (3.5, 20.0), 10);
        assert!(lost <= 1, "{}: {lost} of 10 frames lost", plan.name);
    }
}

#[test]
fn iterations_repair_coherent_modulations_where_a_known_channel_alone_loses_a_tenth() {
    // Table 11.3's 10 % points: measured 21 to 26 % for the standard receiver, 2 to 9 % with eight passes; Robust is limited by its
    // header without them.
    let points = [
        (Modulation::Bpsk, -1.4),
        (Modulation::Qpsk, 1.6),
        (Modulation::Psk8, 4.8),
        (Modulation::RobustCoherent, -5.0),
    ];
    let (mut of_standard, mut of_iterative) = (0, 0);
    for (modulation, snr_db) in points {
        for (options, sum) in [
            (ReceiverOptions::STANDARD, &mut of_standard),
            (ReceiverOptions::iterative(8), &mut of_iterative),
        ] {
            *sum += lost(&PLAN, modulation, &options, (snr_db, 0.0), 25);
        }
    }
    assert!(
        of_iterative <= 10 && of_standard >= of_iterative + 12,
        "{of_standard} and {of_iterative} of 100 lost"
    );
    for (modulation, snr_db) in points {
        for ppm in [-60.0, 60.0] {
            let lost = lost(&PLAN, modulation, &ReceiverOptions::iterative(8), (snr_db + 1.0, ppm), 6);
            assert_eq!(lost, 0, "{modulation:?} at {ppm} ppm");
        }
    }
}

#[test]
fn both_of_two_blocks_are_decoded_in_passes() {
    // Two decibels below where the standard receiver loses every frame of two blocks.
    for (modulation, snr_db) in [(Modulation::Dqpsk, 3.0), (Modulation::Dbpsk, 0.5), (Modulation::Qpsk, 2.0)]
    {
        for (plan, ppm) in [(BandPlan::FCC_1, 0.0), (BandPlan::FCC_1, 40.0), (BandPlan::ARIB, -40.0)] {
            let lost = |options| lost_of(300, &plan, modulation, &options, (snr_db, ppm), 6);
            let lost = (lost(ReceiverOptions::STANDARD), lost(ReceiverOptions::iterative(8)));
            assert!(
                lost.1 <= 1 && (modulation.is_coherent() || lost.0 >= 5),
                "{} {modulation:?}: {lost:?}",
                plan.name
            );
        }
    }
}

#[test]
fn a_frame_after_exact_silence_is_found_in_every_band() {
    let mut random = Random::new(6);
    for plan in [PLAN, BandPlan::FCC_1, BandPlan::ARIB] {
        let options = common::level_preamble();
        let frame = common::data_samples(&plan, &options, Modulation::Dbpsk, &random.octets(10));
        let mut line = vec![0.0; 10_000 + frame.len()];
        mix(&mut line, 6_000, &frame, 1.0);
        let memory = Box::new(FrameWorkspace::new());
        let beyond = ReceiverOptions::iterative(2);
        let mut receiver = Receiver::with_workspace(&plan, ToneMask::ALL, &options, &beyond, memory);
        let events = hear(&mut receiver, 0, &line, 500);
        let heard = events.iter().any(|event| matches!(event, Event::DataIndication(_)));
        assert!(heard, "{}: {events:?}", plan.name);
    }
}

#[test]
fn acknowledgements_arrive_where_robust_frames_do() {
    let mut random = Random::new(5);
    let mut receiver = receiver(&ReceiverOptions::iterative(8));
    let (mut position, mut heard) = (0, 0);
    for fcs in 0..40 {
        let ack = Ack { fcs, positive: true, more_segments: false };
        let options = common::level_preamble();
        let frame = FrameEncoder::ack(&PLAN, ToneMask::ALL, &options, ack).unwrap();
        let samples = common::samples_of(&PLAN, &options, frame);
        let mut line = vec![0.0; samples.len() + 4_000];
        mix(&mut line, 3_000 + random.below(256), &samples, 1.0);
        add_noise(&mut line, noise_for_snr_db(&PLAN, -5.5), &mut random);
        let events = hear(&mut receiver, position, &line, 500);
        heard += usize::from(
            events.iter().any(|event| matches!(event, Event::AckIndication(heard) if heard.ack == ack)),
        );
        position += line.len() as u64;
    }
    assert!(heard >= 37, "{heard} of 40");
}

#[test]
fn a_clear_frame_is_told_with_the_same_events_and_instants_as_by_the_standard_receiver() {
    let mut random = Random::new(4);
    let psdu = common::full_psdu(&PLAN, Modulation::D8psk, 40, &mut random);
    let samples = common::data_samples(&PLAN, &Options::default(), Modulation::D8psk, &psdu);
    for before in (3_001..3_260).step_by(16) {
        let mut line = vec![0.0; before + samples.len() + 2_000];
        mix(&mut line, before, &samples, 1.0);
        add_noise(&mut line, noise_for_snr_db(&PLAN, 30.0), &mut random);
        let expected = hear(&mut receiver(&ReceiverOptions::STANDARD), 0, &line, 500);
        let events = hear(&mut receiver(&ReceiverOptions::iterative(8)), 0, &line, 500);
        assert!(has(&events, &psdu), "{before}: {events:?}");
        // The preamble's instant is an estimate in both; the link's quality comes from other noise.
        assert_eq!(events.len(), expected.len());
        let (Event::DataIndication(one), Event::DataIndication(other)) = (&events[2], &expected[2]) else {
            panic!("{events:?}")
        };
        assert_eq!((one.start, one.end, &one.header), (other.start, other.end, &other.header));
        assert_eq!(events[1], expected[1]);
        assert_eq!(events[3], expected[3]);
    }
}

#[test]
fn block_lengths_do_not_matter() {
    let mut random = Random::new(6);
    let mut line = vec![0.0; 3_000];
    for modulation in [Modulation::Dqpsk, Modulation::Robust] {
        let psdu = common::full_psdu(&PLAN, modulation, 20, &mut random);
        line.extend(common::data_samples(&PLAN, &common::level_preamble(), modulation, &psdu));
        line.extend([0.0; 1_234]);
    }
    add_noise(&mut line, noise_for_snr_db(&PLAN, 3.0), &mut random);
    let options = ReceiverOptions::iterative(4);
    let reference = hear(&mut receiver(&options), 0, &line, 500);
    assert!(reference.iter().filter(|event| matches!(event, Event::DataIndication(_))).count() == 2);
    for block in [1, 63, 64, 257, 5_000] {
        assert_eq!(hear(&mut receiver(&options), 0, &line, block), reference, "blocks of {block}");
    }
}

#[test]
fn frames_without_a_gap_and_sixty_decibels_apart_all_arrive() {
    let mut random = Random::new(8);
    let (mut line, mut at, mut psdus) = (vec![0.0; 100_000], 500, Vec::new());
    for index in 0..6 {
        let psdu = common::full_psdu(&PLAN, Modulation::Dqpsk, 30, &mut random);
        let samples = common::data_samples(&PLAN, &Options::default(), Modulation::Dqpsk, &psdu);
        mix(&mut line, at, &samples, if index % 2 == 0 { 1.0 } else { 0.001 });
        at += samples.len();
        psdus.push(psdu);
    }
    add_noise(&mut line, 0.001 * noise_for_snr_db(&PLAN, 20.0), &mut random);
    let events = hear(&mut receiver(&ReceiverOptions::iterative(2)), 0, &line, 500);
    for (index, psdu) in psdus.iter().enumerate() {
        assert!(has(&events, psdu), "frame {index}: {events:?}");
    }
}

#[test]
fn noise_is_silence_and_damaged_samples_do_no_harm() {
    let mut random = Random::new(3);
    let matched = ReceiverOptions { preamble: PreambleDetection::Matched, ..ReceiverOptions::STANDARD };
    let mut receiver = receiver(&matched);
    let mut block = [0.0; 4_000];
    for index in 0..500 {
        block.iter_mut().for_each(|sample| *sample = TX_RMS * random.gaussian());
        receiver.push(index * 4_000, &block);
        assert_eq!(receiver.poll(), None, "after {index} blocks of 10 ms");
    }
    let position = 500 * 4_000;
    let psdu = common::full_psdu(&PLAN, Modulation::Dbpsk, 20, &mut random);
    let samples = common::data_samples(&PLAN, &Options::default(), Modulation::Dbpsk, &psdu);
    let mut line = vec![0.0; 5_000 + samples.len()];
    mix(&mut line, 3_000, &samples, 1.0);
    add_noise(&mut line, noise_for_snr_db(&PLAN, 10.0), &mut random);
    for at in (0..line.len()).step_by(997) {
        line[at] = [f32::NAN, f32::INFINITY, 1e30, -1e30][at % 4];
    }
    assert!(has(&hear(&mut receiver, position, &line, 500), &psdu));
}

#[test]
fn a_frame_that_breaks_off_is_a_failed_payload_and_no_frame_of_zeros() {
    let mut random = Random::new(9);
    for modulation in Modulation::ALL {
        let psdu = common::full_psdu(&PLAN, modulation, 40, &mut random);
        let mut samples = common::data_samples(&PLAN, &Options::default(), modulation, &psdu);
        // Nothing after the header.
        samples[2_432 + 13 * 278..].fill(0.0);
        let mut line = vec![0.0; 3_000];
        line.extend(samples);
        line.extend([0.0; 1_000]);
        let events = hear(&mut receiver(&ReceiverOptions::iterative(8)), 0, &line, 500);
        assert!(
            events
                .iter()
                .any(|event| matches!(event, Event::CarrierSense(CarrierSense::PayloadFailed { .. }))),
            "{modulation:?}: {events:?}"
        );
        assert!(!events.iter().any(|event| matches!(event, Event::DataIndication(_))));
    }
}

#[test]
fn masked_carriers_and_echoes_are_no_obstacle() {
    let mask = ToneMask::ALL.without(&PLAN, 39..=49);
    let mut random = Random::new(10);
    let options = common::level_preamble();
    let psdu = random.octets(40);
    let frame = g3_phy::encoder::DataFrame {
        psdu: &psdu,
        modulation: Modulation::Dqpsk,
        tone_map: g3_phy::ToneMap(0b11_1001),
        response_expected: false,
        pdc: 0,
    };
    let frame = FrameEncoder::data(&PLAN, mask, &options, &frame).unwrap();
    let samples = common::samples_of(&PLAN, &options, frame);
    let mut heard = 0;
    for echo in [0, 3, 9, 15] {
        let mut line = vec![0.0; 3_000 + samples.len() + 1_000];
        mix(&mut line, 2_900, &samples, 0.8);
        mix(&mut line, 2_900 + echo, &samples, 0.5);
        add_noise(&mut line, noise_for_snr_db(&PLAN, 6.0), &mut random);
        let events = hear(&mut receiver_of(&PLAN, mask, &ReceiverOptions::iterative(8)), 0, &line, 500);
        heard += usize::from(
            events
                .iter()
                .any(|event| matches!(event, Event::DataIndication(data) if data.psdu.starts_with(&psdu))),
        );
    }
    assert_eq!(heard, 4);
}

#[test]
fn a_preamble_that_was_sensed_ends_with_idle_where_samples_are_left_out() {
    let mut receiver = receiver(&ReceiverOptions::iterative(2));
    let mut random = Random::new(5);
    let frame = common::data_samples(&PLAN, &common::level_preamble(), Modulation::Dbpsk, &random.octets(20));
    let mut line = vec![0.0; 512];
    line.extend_from_slice(&frame[..4 * 256]);
    add_noise(&mut line, 1e-3, &mut random);
    let events = hear(&mut receiver, 0, &line, 500);
    assert!(matches!(events[..], [Event::CarrierSense(CarrierSense::Preamble(_))]), "{events:?}");
    assert!(receiver.is_busy());
    receiver.push(100_000, &[0.0; 10]);
    assert!(matches!(receiver.poll(), Some(Event::CarrierSense(CarrierSense::Idle(_)))));
    assert!(!receiver.is_busy());
}

#[test]
fn the_standard_receiver_is_as_small_as_its_chapter_says() {
    // docs/receiver.md, docs/g3-phy.md.
    let octets = size_of::<Receiver>();
    assert!((70_000..75_000).contains(&octets), "{octets}");
}

#[test]
fn statistics_count_frames_symbols_and_what_was_corrected() {
    let mut random = Random::new(6);
    let mut receiver = receiver(&ReceiverOptions::STANDARD);
    let sent = common::level_preamble();
    let mut position = 0;
    for _ in 0..3 {
        let psdu = common::full_psdu(&PLAN, Modulation::Dbpsk, 100, &mut random);
        let frame = common::data_samples(&PLAN, &sent, Modulation::Dbpsk, &psdu);
        let mut line = vec![0.0; frame.len() + 4_000];
        mix(&mut line, 2_500, &frame, 1.0);
        add_noise(&mut line, noise_for_snr_db(&PLAN, 3.0), &mut random);
        // A burst over three symbols of the payload.
        add_noise(&mut line[12_000..12_834], 1.0, &mut random);
        hear(&mut receiver, position, &line, 1_000);
        position += line.len() as u64;
    }
    let statistics = receiver.statistics();
    assert_eq!((statistics.data_frames, statistics.payloads_failed, statistics.headers_failed), (3, 0, 0));
    let share = statistics.erased_share();
    assert!(statistics.payload_symbols > 150 && (0.03..0.12).contains(&share), "{statistics:?}");
}

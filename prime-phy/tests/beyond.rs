//! The receiver with a workspace: what it reaches, and that it is as sturdy as the standard one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod common;

use common::{Random, RandomMpdu as _, add_noise, mix, noise_on};
use prime_phy::options::{Continuity, Interleaving, Options, Repetition};
use prime_phy::primitives::{CarrierDetect, Event, PhyDataIndication};
use prime_phy::timing::frame_samples;
use prime_phy::{
    Channel, ChannelReceiver, FrameType, FrameWorkspace, MultiReceiver, NoWorkspace, Receiver,
    ReceiverOptions, Scheme, SymbolWeights,
};

/// Octets behind what the header of Type A carries, as in the reference curves (prime.md 9.5).
const OCTETS: usize = 133;

type Beyond = Box<Receiver<Box<FrameWorkspace>>>;

fn receiver(channel: &Channel, options: &ReceiverOptions) -> Beyond {
    let memory = Box::new(FrameWorkspace::new());
    Box::new(Receiver::with_workspace(channel, &Options::default(), options, memory))
}

fn hear(receiver: &mut Beyond, from: u64, line: &[f32]) -> Vec<Event> {
    let mut events = Vec::new();
    for (index, block) in line.chunks(700).enumerate() {
        receiver.push(from + 700 * index as u64, block);
        events.extend(std::iter::from_fn(|| receiver.poll()));
    }
    assert_eq!(receiver.dropped_events(), 0);
    events
}

fn indication<'a>(events: &'a [Event], mpdu: &[u8]) -> Option<&'a PhyDataIndication> {
    events.iter().find_map(|event| match event {
        Event::DataIndication(data) if data.mpdu == mpdu => Some(data),
        _ => None,
    })
}

/// What happens to frames on their way.
#[derive(Clone, Copy)]
struct Way {
    snr_db: f32,
    ppm: f64,
    /// Gain of an echo 80 us later.
    echo: f32,
    /// Amplitude of a tone on a carrier, which is there before the frame too.
    tone: f32,
    /// Payload symbols that noise 30 dB above the signal hits, one in so many.
    hit_every: Option<usize>,
}

const fn noise_only(snr_db: f32) -> Way {
    Way { snr_db, ppm: 0.0, echo: 0.0, tone: 0.0, hit_every: None }
}

/// Frames that do not arrive, of `frames`.
fn lost(channel: &Channel, scheme: Scheme, options: &ReceiverOptions, way: Way, frames: usize) -> usize {
    let mut random = Random::new(11);
    let mut receiver = receiver(channel, options);
    let frame_type = FrameType::plainest(scheme);
    let (mut position, mut lost) = (0, 0);
    for _ in 0..frames {
        let mpdu = random.mpdu(frame_type.mac_octets() + OCTETS);
        let mut frame = common::samples_on(channel, &Options::default(), frame_type, scheme, &mpdu);
        if way.ppm != 0.0 {
            frame = common::resample(&frame, 0.0, way.ppm);
        }
        let before = channel.samples(3_000 + random.below(1_000));
        let mut line = vec![0.0; before + frame.len() + channel.samples(1_000)];
        mix(&mut line, before, &frame, 1.0);
        mix(&mut line, before + channel.samples(20), &frame, way.echo);
        add_noise(&mut line, noise_on(channel, way.snr_db), &mut random);
        let turns = 126.0 / 512.0 / channel.ways() as f32;
        for (at, sample) in line.iter_mut().enumerate() {
            let phase = turns * ((position as usize + at) % 4096) as f32;
            *sample += way.tone * (std::f32::consts::TAU * phase.fract()).cos();
        }
        if let Some(every) = way.hit_every {
            let first = before + channel.samples(frame_samples(frame_type, 0));
            let symbol = channel.samples(560);
            let payload = &mut line[first..before + frame.len()];
            for symbol in payload.chunks_mut(symbol).skip(every / 2).step_by(every) {
                add_noise(symbol, noise_on(channel, -30.0), &mut random);
            }
        }
        lost += usize::from(indication(&hear(&mut receiver, position, &line), &mpdu).is_none());
        position += line.len() as u64;
    }
    lost
}

#[test]
fn every_scheme_arrives_where_the_standard_receiver_loses_most_frames() {
    // SNRs at which eight passes lose 2 % at most and the standard receiver more than half (docs/prime-receiver.md).
    for (scheme, snr_db) in [
        (Scheme::DbpskC, 2.0),
        (Scheme::DqpskC, 4.5),
        (Scheme::D8pskC, 7.5),
        (Scheme::RobustDbpsk, -3.0),
        (Scheme::RobustDqpsk, -0.5),
    ] {
        let count = |options| lost(&Channel::ONE, scheme, &options, noise_only(snr_db), 25);
        let (standard, iterative) = (count(ReceiverOptions::STANDARD), count(ReceiverOptions::iterative(8)));
        assert!(standard >= 12 && iterative <= 3, "{scheme:?}: {standard} and {iterative} of 25 lost");
    }
}

#[test]
fn each_step_hears_frames_that_the_one_before_does_not() {
    for (scheme, snr_db) in [(Scheme::DbpskC, 1.75), (Scheme::D8pskC, 8.25)] {
        let count = |options| lost(&Channel::ONE, scheme, &options, noise_only(snr_db), 40);
        let (none, coherent, iterative) = (
            count(ReceiverOptions::STANDARD),
            count(ReceiverOptions::COHERENT),
            count(ReceiverOptions::iterative(8)),
        );
        assert!(none > coherent && coherent > iterative + 3, "{scheme:?}: {none} {coherent} {iterative}");
    }
}

#[test]
fn schemes_without_code_gain_from_coherent_detection() {
    for (scheme, snr_db) in [(Scheme::Dqpsk, 12.25), (Scheme::D8psk, 17.25)] {
        let count = |options| lost(&Channel::ONE, scheme, &options, noise_only(snr_db), 20);
        let (standard, coherent) = (count(ReceiverOptions::STANDARD), count(ReceiverOptions::COHERENT));
        assert!(standard >= 10 && coherent <= 4, "{scheme:?}: {standard} and {coherent} of 20 lost");
    }
}

#[test]
fn other_clocks_echoes_and_channels_cost_less_than_a_decibel() {
    for (scheme, snr_db) in [(Scheme::DbpskC, 3.0), (Scheme::D8pskC, 8.5), (Scheme::RobustDbpsk, -3.0)] {
        for way in [
            Way { ppm: 60.0, ..noise_only(snr_db) },
            Way { ppm: -60.0, ..noise_only(snr_db) },
            Way { echo: 0.5, ..noise_only(snr_db) },
        ] {
            let lost = lost(&Channel::ONE, scheme, &ReceiverOptions::iterative(8), way, 8);
            assert!(lost <= 1, "{scheme:?} {} ppm, echo {}: {lost} of 8 lost", way.ppm, way.echo);
        }
    }
    let way = Way { ppm: 20.0, ..noise_only(2.5) };
    let lost = lost(&Channel::ALL[7], Scheme::DbpskC, &ReceiverOptions::iterative(8), way, 6);
    assert!(lost <= 1, "channel 8: {lost} of 6 lost");
}

#[test]
fn a_tone_ten_decibels_above_the_signal_costs_little() {
    // rms of a frame is 0.07; the tone is of channel 1's carrier 40.
    let way = Way { tone: 0.3, ..noise_only(3.0) };
    let count = |options| lost(&Channel::ONE, Scheme::DbpskC, &options, way, 12);
    let (weighted, equal) = (
        count(ReceiverOptions::iterative(8)),
        count(ReceiverOptions { carrier_weights: false, ..ReceiverOptions::STANDARD }),
    );
    assert!(weighted <= 1 && equal >= 10, "{weighted} and {equal} of 12 lost");
}

#[test]
fn a_robust_payload_survives_symbols_that_were_hit_if_they_count_less() {
    // Every fourth symbol is a copy of each block; equal weights let it outvote the other three.
    let way = Way { hit_every: Some(4), ..noise_only(2.0) };
    for (weights, most) in [(SymbolWeights::Noise, 1), (SymbolWeights::Erased, 1), (SymbolWeights::Equal, 8)]
    {
        for detection in [ReceiverOptions::STANDARD, ReceiverOptions::iterative(4)] {
            let options = ReceiverOptions { symbol_weights: weights, ..detection };
            let lost = lost(&Channel::ONE, Scheme::RobustDbpsk, &options, way, 8);
            assert!(lost <= most, "{options:?}: {lost} of 8 lost");
            if weights == SymbolWeights::Equal {
                assert!(lost >= 6, "{options:?}: {lost} of 8 lost");
            }
        }
    }
}

#[test]
fn all_readings_of_the_standard_are_found_out_far_below_the_standard_receivers_reach() {
    let mut random = Random::new(3);
    for interleaving in [Interleaving::Direct, Interleaving::Inverse] {
        for continuity in [Continuity::Continuous, Continuity::Restarted] {
            let options =
                Options { interleaving, scrambler: continuity, pilots: continuity, ..Options::default() };
            let mpdu = random.mpdu(7 + OCTETS);
            let frame = common::samples(&options, Scheme::DqpskC, &mpdu);
            let mut line = vec![0.0; frame.len() + 6_000];
            mix(&mut line, 4_000, &frame, 1.0);
            add_noise(&mut line, noise_on(&Channel::ONE, 4.75), &mut random);
            let events = hear(&mut receiver(&Channel::ONE, &ReceiverOptions::iterative(8)), 0, &line);
            let found = indication(&events, &mpdu).unwrap_or_else(|| panic!("{options:?}: {events:?}"));
            assert_eq!(found.reception.interleaving, interleaving);
            assert_eq!(found.reception.scrambler, continuity);
        }
    }
}

#[test]
fn frames_of_type_bc_and_repeaters_of_every_reading_arrive() {
    let mut random = Random::new(5);
    for repetition in Repetition::ALL {
        for (frame_type, scheme, snr_db) in
            [(FrameType::B, Scheme::RobustDqpsk, 3.0), (FrameType::Bc, Scheme::DqpskC, 5.5)]
        {
            let options = Options { repetition, ..Options::default() };
            let mpdu = random.mpdu(60);
            let frame = common::samples_on(&Channel::ONE, &options, frame_type, scheme, &mpdu);
            let mut line = vec![0.0; frame.len() + 6_000];
            mix(&mut line, 4_000, &frame, 1.0);
            add_noise(&mut line, noise_on(&Channel::ONE, snr_db), &mut random);
            let events = hear(&mut receiver(&Channel::ONE, &ReceiverOptions::iterative(8)), 0, &line);
            let found = indication(&events, &mpdu).unwrap_or_else(|| panic!("{options:?}: {events:?}"));
            assert_eq!((found.reception.repetition, found.reception.frame_type), (repetition, frame_type));
        }
    }
}

#[test]
fn a_clear_frame_is_told_with_the_same_events_as_by_the_standard_receiver() {
    let mut random = Random::new(4);
    for scheme in Scheme::ALL {
        let frame_type = FrameType::plainest(scheme);
        let mpdu = random.mpdu(50);
        let frame = common::samples_on(&Channel::ONE, &Options::default(), frame_type, scheme, &mpdu);
        let mut line = vec![0.0; frame.len() + 5_000];
        mix(&mut line, 3_001 + random.below(500), &frame, 1.0);
        add_noise(&mut line, noise_on(&Channel::ONE, 40.0), &mut random);
        let expected = hear(&mut receiver(&Channel::ONE, &ReceiverOptions::STANDARD), 0, &line);
        let events = hear(&mut receiver(&Channel::ONE, &ReceiverOptions::iterative(8)), 0, &line);
        assert!(indication(&events, &mpdu).is_some(), "{scheme:?}");
        assert_eq!(events, expected, "{scheme:?}");
    }
}

#[test]
fn a_receiver_with_options_and_no_workspace_is_differential() {
    let mut random = Random::new(6);
    let mpdu = random.mpdu(40);
    let frame = common::samples(&Options::default(), Scheme::DbpskC, &mpdu);
    let mut line = vec![0.0; frame.len() + 5_000];
    mix(&mut line, 3_000, &frame, 1.0);
    add_noise(&mut line, noise_on(&Channel::ONE, 10.0), &mut random);
    let (options, beyond) = (Options::default(), ReceiverOptions::iterative(8));
    let mut without = Box::new(Receiver::with_workspace(&Channel::ONE, &options, &beyond, NoWorkspace));
    without.push(0, &line);
    assert!(std::iter::from_fn(|| without.poll()).any(|event| matches!(event, Event::DataIndication(_))));
}

#[test]
fn several_channels_each_have_their_workspace() {
    let mut random = Random::new(7);
    let (options, beyond) = (Options::default(), ReceiverOptions::iterative(8));
    let channels: Vec<_> = Channel::ALL[..3]
        .iter()
        .map(|channel| {
            ChannelReceiver::with_workspace(channel, &options, &beyond, Box::new(FrameWorkspace::new()))
        })
        .collect();
    let mut receiver = MultiReceiver::new(channels).unwrap();
    let mut line = vec![0.0; 300_000];
    let mpdus: Vec<_> = (0..3).map(|_| random.mpdu(80)).collect();
    for (index, mpdu) in mpdus.iter().enumerate() {
        let channel = &Channel::ALL[index];
        let frame = common::samples_on(channel, &options, FrameType::A, Scheme::DbpskC, mpdu);
        mix(&mut line, 30_000 + 700 * index, &frame, 1.0);
    }
    add_noise(&mut line, noise_on(&Channel::ALL[0], 2.5), &mut random);
    let mut heard = [false; 3];
    for (index, block) in line.chunks(5_000).enumerate() {
        receiver.push(5_000 * index as u64, block);
        while let Some((channel, event)) = receiver.poll() {
            heard[channel] |= matches!(event, Event::DataIndication(data) if *data.mpdu == *mpdus[channel]);
        }
    }
    assert_eq!(heard, [true; 3]);
}

#[test]
fn noise_silence_and_damage_make_no_frames() {
    let mut random = Random::new(8);
    let mut receiver = receiver(&Channel::ONE, &ReceiverOptions::iterative(8));
    let mut position = 0;
    let mpdu = random.mpdu(60);
    let frame = common::samples(&Options::default(), Scheme::DbpskC, &mpdu);
    // Cut off after the header, with what cannot be a sample, and as silence.
    let mut broken = vec![0.0; 20_000];
    mix(&mut broken, 3_000, &frame[..2_000], 1.0);
    let mut damaged = vec![0.0; 20_000];
    mix(&mut damaged, 3_000, &frame, 1.0);
    damaged.iter_mut().step_by(3).for_each(|sample| *sample = f32::NAN);
    let mut noise = vec![0.0; 200_000];
    add_noise(&mut noise, 1.0, &mut random);
    let mut hear = |line: &[f32]| {
        let events = hear(&mut receiver, position, line);
        position += line.len() as u64;
        events
    };
    let events = hear(&broken);
    assert!(indication(&events, &mpdu).is_none());
    assert!(matches!(events.last(), Some(Event::CarrierDetect(CarrierDetect::Idle(_)))), "{events:?}");
    hear(&damaged);
    for line in [noise, vec![0.0; 20_000]] {
        let events = hear(&line);
        assert!(!events.iter().any(|event| matches!(event, Event::DataIndication(_))), "{events:?}");
    }
    let events = hear(&[vec![0.0; 3_000], frame, vec![0.0; 2_000]].concat());
    assert!(indication(&events, &mpdu).is_some(), "{events:?}");
    assert!(events.iter().any(|event| matches!(event, Event::CarrierDetect(CarrierDetect::Preamble(_)))));
}

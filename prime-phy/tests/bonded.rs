//! Bonded pairs of channels: one frame on both.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod common;

use common::{Random, RandomMpdu as _, add_noise, mix, noise_on};
use plc_core::time::Instant;
use prime_phy::channel::CARRIERS;
use prime_phy::options::{Bonding, Continuity, Interleaving, Options, Repetition};
use prime_phy::phy::{Phy, PhyConfig};
use prime_phy::primitives::{CarrierDetect, Event, Mpdu, PhyDataIndication, PhyDataRequest, Request};
use prime_phy::{
    Channel, ChannelReceiver, FrameType, FrameWorkspace, MultiReceiver, Optional, Receiver, ReceiverOptions,
    Scheme, TX_RMS,
};

type Heard = Vec<Event>;

fn hear(channel: &Channel, options: &Options, steps: &ReceiverOptions, line: &[f32]) -> Heard {
    let memory = Optional(steps.needs_workspace().then(|| Box::new(FrameWorkspace::new())));
    let mut receiver = Box::new(Receiver::with_workspace(channel, options, steps, memory));
    let mut events = Vec::new();
    for (index, block) in line.chunks(2_000).enumerate() {
        receiver.push(2_000 * index as u64, block);
        events.extend(std::iter::from_fn(|| receiver.poll()));
    }
    events
}

fn indication<'a>(events: &'a [Event], mpdu: &[u8]) -> Option<&'a PhyDataIndication> {
    events.iter().find_map(|event| match event {
        Event::DataIndication(data) if data.mpdu == mpdu => Some(data),
        _ => None,
    })
}

/// A frame in noise, its first sample at `start`.
fn line_with(channel: &Channel, samples: &[f32], start: usize, snr_db: f32, random: &mut Random) -> Vec<f32> {
    let mut line = vec![0.0; start + samples.len() + 8_000];
    mix(&mut line, start, samples, 1.0);
    add_noise(&mut line, noise_on(channel, snr_db), random);
    line
}

#[test]
fn every_pair_carries_every_frame_type_and_scheme() {
    let (mut random, options) = (Random::new(51), Options::default());
    for (index, pair) in Channel::PAIRS.iter().enumerate() {
        for frame_type in FrameType::ALL {
            for scheme in Scheme::ALL.into_iter().filter(|&scheme| frame_type.carries(scheme)) {
                // 72 octets fit a symbol of D8PSK without padding that Type A cannot tell.
                let mpdu = random.mpdu(7 + 72 + 5 * index + 30);
                let samples = common::samples_on(pair, &options, frame_type, scheme, &mpdu);
                let start = 9_000 + random.below(4_000);
                let line = line_with(pair, &samples, start, 24.5, &mut random);
                let events = hear(pair, &options, &ReceiverOptions::STANDARD, &line);
                let data = indication(&events, &mpdu);
                let data = data.unwrap_or_else(|| panic!("{pair:?} {frame_type:?} {scheme:?}: {events:?}"));
                assert_eq!((data.reception.frame_type, data.scheme), (frame_type, scheme));
                let late = data.time.as_ticks().abs_diff(6 * start as u64);
                // An eighth of what windows start early.
                assert!(late <= 36, "within six microseconds: {late} ticks");
                assert_eq!((data.end - data.time).as_ticks(), 6 * samples.len() as u64);
            }
        }
    }
}

#[test]
fn every_reading_of_the_standard_arrives_by_every_step_of_the_ladder() {
    let mut random = Random::new(52);
    let pair = &Channel::PAIRS[1];
    for steps in [ReceiverOptions::STANDARD, ReceiverOptions::BEST] {
        for bonding in [Bonding::Each, Bonding::Joint] {
            for (interleaving, scrambler, repetition) in [
                (Interleaving::Direct, Continuity::Continuous, Repetition::Symbols),
                (Interleaving::Inverse, Continuity::Restarted, Repetition::ShiftedSymbols),
                (Interleaving::Direct, Continuity::Continuous, Repetition::Bits),
            ] {
                let sent = Options {
                    interleaving,
                    scrambler,
                    pilots: scrambler,
                    repetition,
                    bonding,
                    ..Options::default()
                };
                for (frame_type, scheme, snr_db) in
                    [(FrameType::A, Scheme::DqpskC, 9.0), (FrameType::B, Scheme::RobustDbpsk, 4.0)]
                {
                    let mpdu = random.mpdu(60);
                    let samples = common::samples_on(pair, &sent, frame_type, scheme, &mpdu);
                    let line = line_with(pair, &samples, 16_000, snr_db, &mut random);
                    let options = Options { bonding, ..Options::default() };
                    let events = hear(pair, &options, &steps, &line);
                    let data = indication(&events, &mpdu);
                    let data = data.unwrap_or_else(|| panic!("{sent:?} {steps:?}: {events:?}"));
                    assert_eq!(data.reception.interleaving, interleaving);
                }
            }
        }
    }
}

/// Frames lost of so many at a ratio.
fn lost(channel: &Channel, scheme: Scheme, steps: &ReceiverOptions, snr_db: f32, frames: usize) -> usize {
    let (mut random, options) = (Random::new(53), Options::default());
    let frame_type = FrameType::plainest(scheme);
    let lost = (0..frames).filter(|_| {
        let mpdu = random.mpdu(frame_type.mac_octets() + 133);
        let samples = common::samples_on(channel, &options, frame_type, scheme, &mpdu);
        let start = 12_000 + random.below(4_000);
        let line = line_with(channel, &samples, start, snr_db, &mut random);
        indication(&hear(channel, &options, steps, &line), &mpdu).is_none()
    });
    lost.count()
}

#[test]
fn a_pair_reaches_as_far_as_a_channel_with_both_receivers() {
    // A decibel above the 10 % points of a single channel (docs/prime-phy.md, docs/prime-receiver.md), and 1.5 dB below.
    for (scheme, steps, snr_db) in [
        (Scheme::DbpskC, ReceiverOptions::STANDARD, 3.07),
        (Scheme::RobustDqpsk, ReceiverOptions::STANDARD, 1.01),
        (Scheme::D8pskC, ReceiverOptions::BEST, 6.43),
        (Scheme::RobustDbpsk, ReceiverOptions::BEST, -4.3),
    ] {
        let pair = &Channel::PAIRS[3];
        let (above, below) =
            (lost(pair, scheme, &steps, snr_db + 1.0, 12), lost(pair, scheme, &steps, snr_db - 1.5, 12));
        assert!(above <= 2 && below >= 6, "{scheme:?} {steps:?}: {above} and {below} of 12 lost");
    }
}

#[test]
fn tones_on_one_channel_are_borne_by_the_copies_on_the_other() {
    // White noise 12 dB below the carriers, and on one channel 97 tones before and during the frame.
    let (mut random, options) = (Random::new(54), Options::default());
    let pair = &Channel::PAIRS[0];
    let carrier = TX_RMS * (2.0 / (2 * CARRIERS) as f32).sqrt();
    for (above_db, disturbed, steps) in [
        (4.2_f32, 1, ReceiverOptions::STANDARD),
        (25.0, 1, ReceiverOptions::STANDARD),
        (25.0, 0, ReceiverOptions::STANDARD),
        (15.0, 1, ReceiverOptions::BEST),
    ] {
        let amplitude = carrier * 10.0_f32.powf(above_db / 20.0);
        let mut heard = 0;
        for _ in 0..4 {
            let mpdu = random.mpdu(60);
            let samples = common::samples_on(pair, &options, FrameType::B, Scheme::RobustDbpsk, &mpdu);
            let mut line = line_with(pair, &samples, 200_000, 12.0, &mut random);
            let phases: Vec<f32> = (0..CARRIERS).map(|_| random.below(1_000) as f32 / 1e3).collect();
            for (n, sample) in line.iter_mut().enumerate() {
                let tone = |(carrier, phase): (usize, &f32)| {
                    // Between the carriers, so that the tones turn from symbol to symbol.
                    let hz = Channel::ALL[disturbed].carrier_hz(carrier) + 117.0;
                    let turns = f64::from(hz) * n as f64 / 1e6;
                    ((turns.fract() as f32 + phase) * std::f32::consts::TAU).cos()
                };
                *sample += amplitude * phases.iter().enumerate().map(tone).sum::<f32>();
            }
            let events = hear(pair, &options, &steps, &line);
            heard += usize::from(indication(&events, &mpdu).is_some());
        }
        assert!(heard >= 3, "{above_db} dB on channel {disturbed}, {steps:?}: {heard} of 4 heard");
    }
}

#[test]
fn whoever_listens_on_one_channel_of_a_pair_stays_silent_for_the_frame() {
    let (mut random, options) = (Random::new(55), Options::default());
    let pair = &Channel::PAIRS[4];
    for frame_type in FrameType::ALL {
        let mpdu = random.mpdu(50);
        let samples = common::samples_on(pair, &options, frame_type, Scheme::DbpskC, &mpdu);
        let line = line_with(pair, &samples, 10_000, 20.0, &mut random);
        for part in pair.parts() {
            let events = hear(&part, &options, &ReceiverOptions::STANDARD, &line);
            let end = events.iter().find_map(|event| match event {
                Event::CarrierDetect(CarrierDetect::Header { end, .. }) => Some(*end),
                _ => None,
            });
            let end = end.unwrap_or_else(|| panic!("{part:?} {frame_type:?}: {events:?}"));
            let late = end.as_ticks().abs_diff(6 * (10_000 + samples.len()) as u64);
            assert!(late <= 24, "{late} ticks");
        }
    }
}

#[test]
fn pairs_and_channels_listen_to_one_stream_side_by_side() {
    let (mut random, options) = (Random::new(56), Options::default());
    let channels = [Channel::PAIRS[0], Channel::ALL[4]];
    let receivers: Vec<_> = channels.iter().map(|channel| ChannelReceiver::new(channel, &options)).collect();
    let mut receiver = MultiReceiver::new(receivers).unwrap();
    let mut line = vec![0.0; 150_000];
    let mpdus = [random.mpdu(60), random.mpdu(61)];
    for (channel, mpdu) in channels.iter().zip(&mpdus) {
        let samples = common::samples_on(channel, &options, FrameType::A, Scheme::DqpskC, mpdu);
        mix(&mut line, 20_000, &samples, 1.0);
    }
    add_noise(&mut line, noise_on(&channels[0], 20.0), &mut random);
    let mut heard = Vec::new();
    for (index, block) in line.chunks(3_000).enumerate() {
        receiver.push(3_000 * index as u64, block);
        while let Some((channel, event)) = receiver.poll() {
            if let Event::DataIndication(data) = event {
                heard.push((channel, data.mpdu.to_vec()));
            }
        }
    }
    heard.sort();
    let [first, second] = mpdus;
    assert_eq!(heard, [(0, first), (1, second)]);
}

#[test]
fn a_modem_on_a_pair_sends_and_hears_behind_the_primitives() {
    let config = PhyConfig {
        channel: Channel::from_id(12).unwrap(),
        receiver: ReceiverOptions::BEST,
        ..PhyConfig::default()
    };
    let mut sender = Box::new(Phy::new(config));
    let mut receiver = Box::new(Phy::with_workspace(config, Box::new(FrameWorkspace::new())));
    let mpdu = Mpdu::from_slice(&[0x15; 100]).unwrap();
    let time = config.channel.clock.instant(5_000);
    let request = PhyDataRequest {
        time,
        mpdu: mpdu.clone(),
        frame_type: FrameType::Bc,
        scheme: Scheme::RobustDqpsk,
        level: 0,
        senses: None,
    };
    sender.request(Instant::from_ticks(0), Request::Data(request));
    let mut heard = None;
    for block in 0..200 {
        let mut samples = [0.0; 1_000];
        sender.transmit(block * 1_000, &mut samples);
        receiver.receive(block * 1_000, &samples);
        while let Some(event) = receiver.poll() {
            if let Event::DataIndication(data) = event {
                heard = Some(data);
            }
        }
    }
    assert_eq!(heard.map(|heard| (heard.mpdu, heard.time)), Some((mpdu, time)));
}

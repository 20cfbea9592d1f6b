//! The eight channels of v1.4, one at a time and all of one stream.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod common;

use common::{Random, RandomMpdu as _, add_noise, mix, noise_on};
use prime_phy::options::Options;
use prime_phy::primitives::{Event, PhyDataIndication};
use prime_phy::{Channel, ChannelReceiver, FrameType, MixedClocks, MultiReceiver, Receiver, Scheme};

fn indications(channel: &Channel, line: &[f32]) -> Vec<PhyDataIndication> {
    let mut receiver = Box::new(Receiver::new(channel, &Options::default()));
    let mut found = Vec::new();
    for (index, block) in line.chunks(2_000).enumerate() {
        receiver.push(2_000 * index as u64, block);
        while let Some(event) = receiver.poll() {
            if let Event::DataIndication(data) = event {
                found.push(data);
            }
        }
    }
    found
}

fn receiver_of(channels: &[Channel]) -> MultiReceiver<Vec<ChannelReceiver>> {
    let options = Options::default();
    let channels = channels.iter().map(|channel| ChannelReceiver::new(channel, &options)).collect();
    MultiReceiver::new(channels).unwrap()
}

#[test]
fn every_channel_carries_every_frame_type_and_scheme() {
    let (mut random, options) = (Random::new(21), Options::default());
    for (index, channel) in Channel::ALL.iter().enumerate() {
        for frame_type in FrameType::ALL {
            for scheme in Scheme::ALL.into_iter().filter(|&scheme| frame_type.carries(scheme)) {
                let mpdu = random.mpdu(40 + index);
                let samples = common::samples_on(channel, &options, frame_type, scheme, &mpdu);
                let start = 9_000 + random.below(4_000);
                let mut line = vec![0.0; start + samples.len() + 3_000];
                mix(&mut line, start, &samples, 1.0);
                add_noise(&mut line, noise_on(channel, 24.5), &mut random);
                let found = indications(channel, &line);
                let [data] = found.as_slice() else {
                    panic!("{channel:?} {frame_type:?} {scheme:?}: {found:?}")
                };
                assert_eq!(data.mpdu, mpdu.as_slice(), "{channel:?} {frame_type:?} {scheme:?}");
                assert_eq!((data.reception.frame_type, data.scheme), (frame_type, scheme));
                let late = data.time.as_ticks().abs_diff(6 * start as u64);
                assert!(late <= 24, "within four microseconds: {late} ticks");
                assert_eq!((data.end - data.time).as_ticks(), 6 * samples.len() as u64);
            }
        }
    }
}

#[test]
fn channel_one_is_the_same_at_either_sample_clock() {
    let (mut random, options) = (Random::new(22), Options::default());
    let mpdu = random.mpdu(60);
    let [slow, fast] = [Channel::ONE, Channel::ALL[0]]
        .map(|channel| common::samples_on(&channel, &options, FrameType::A, Scheme::D8pskC, &mpdu));
    for (n, sample) in slow.iter().enumerate() {
        assert!((sample - fast[4 * n]).abs() < 1e-5, "sample {n}: {sample} {}", fast[4 * n]);
    }
}

#[test]
fn all_channels_are_received_from_one_stream_at_once() {
    let (mut random, options) = (Random::new(23), Options::default());
    let mut line = vec![0.0; 260_000];
    let mut sent = Vec::new();
    for (index, channel) in Channel::ALL.iter().enumerate() {
        let frames = [
            (3_000 + 700 * index, FrameType::A, Scheme::DbpskC),
            (70_000 + 1_100 * index, FrameType::B, Scheme::RobustDqpsk),
            (175_000 + 1_300 * index, FrameType::Bc, Scheme::DqpskC),
        ];
        for (start, frame_type, scheme) in frames {
            let mpdu = random.mpdu(30 + index);
            let samples = common::samples_on(channel, &options, frame_type, scheme, &mpdu);
            mix(&mut line, start, &samples, 1.0);
            sent.push((index, start, mpdu));
        }
    }
    add_noise(&mut line, noise_on(&Channel::ALL[0], 15.0), &mut random);
    let mut receiver = receiver_of(&Channel::ALL);
    let mut found = Vec::new();
    for (index, block) in line.chunks(1_999).enumerate() {
        receiver.push(1_999 * index as u64, block);
        while let Some((channel, event)) = receiver.poll() {
            if let Event::DataIndication(data) = event {
                let start = (data.time.as_ticks() / 6) as usize;
                found.push((channel, start, data.mpdu.to_vec()));
            }
        }
    }
    found.sort();
    sent.sort();
    assert_eq!(found.len(), sent.len());
    for ((channel, start, mpdu), (at_channel, at, expected)) in found.iter().zip(&sent) {
        assert_eq!((channel, mpdu), (at_channel, expected));
        assert!(start.abs_diff(*at) <= 4, "channel {channel}: {start} {at}");
    }
    for (channel, expected) in receiver.channels().iter().zip(&Channel::ALL) {
        assert_eq!((channel.channel(), channel.statistics().received), (expected, 3));
    }
}

#[test]
fn one_channel_of_many_hears_what_it_hears_alone() {
    let (mut random, options) = (Random::new(24), Options::default());
    let channels = [Channel::ALL[2], Channel::ALL[5]];
    let mut line = vec![0.0; 60_000];
    for (channel, start) in channels.iter().zip([4_321, 9_876]) {
        let mpdu = random.mpdu(30);
        let samples = common::samples_on(channel, &options, FrameType::A, Scheme::DbpskC, &mpdu);
        mix(&mut line, start, &samples, 1.0);
    }
    add_noise(&mut line, noise_on(&channels[0], 10.0), &mut random);
    let mut both = receiver_of(&channels);
    let mut events = [Vec::new(), Vec::new()];
    both.push(0, &line);
    while let Some((channel, event)) = both.poll() {
        events[channel].push(event);
    }
    for (channel, events) in channels.iter().zip(&events) {
        let mut alone = Box::new(Receiver::new(channel, &options));
        alone.push(0, &line);
        let heard: Vec<_> = std::iter::from_fn(|| alone.poll()).collect();
        assert_eq!(*events, heard, "{channel:?}");
        assert!(heard.iter().any(|event| matches!(event, Event::DataIndication(_))));
    }
}

#[test]
fn channels_of_different_clocks_are_refused() {
    let channels = [Channel::ALL[0], Channel::ONE];
    let channels: Vec<_> =
        channels.iter().map(|channel| ChannelReceiver::new(channel, &Options::default())).collect();
    assert_eq!(MultiReceiver::new(channels).map(|_| ()).unwrap_err(), MixedClocks(1_000_000, 250_000));
}

#[test]
fn garbage_and_gaps_do_not_stop_any_channel() {
    let (mut random, mut receiver) = (Random::new(25), receiver_of(&Channel::ALL));
    let mut position = 0;
    for _ in 0..300 {
        let length = random.below(9_000);
        let kind = random.below(4);
        let block: Vec<f32> = (0..length)
            .map(|n| match kind {
                0 => f32::from_bits(random.next_u64() as u32),
                1 => random.gaussian().signum(),
                2 => (n as f32 * 0.3).sin() * f32::MAX,
                _ => 0.0,
            })
            .collect();
        receiver.push(position, &block);
        while receiver.poll().is_some() {}
        position += length as u64 + if random.below(5) == 0 { random.next_u64() >> 24 } else { 0 };
    }
    let mpdu = random.mpdu(30);
    let options = Options::default();
    let frame = common::samples_on(&Channel::ALL[6], &options, FrameType::B, Scheme::RobustDqpsk, &mpdu);
    let mut line = vec![0.0; frame.len() + 1_300_000];
    mix(&mut line, 1_290_000, &frame, 1.0);
    add_noise(&mut line, noise_on(&Channel::ALL[6], 12.0), &mut random);
    let mut heard = Vec::new();
    for block in line.chunks(2_000) {
        receiver.push(position, block);
        position += block.len() as u64;
        while let Some((channel, event)) = receiver.poll() {
            if let Event::DataIndication(data) = event {
                heard.push((channel, data.mpdu.to_vec()));
            }
        }
    }
    assert_eq!(heard, [(6, mpdu)]);
}

#[test]
fn memory_is_what_the_documentation_says() {
    assert!(size_of::<ChannelReceiver>() <= 125_000, "{}", size_of::<ChannelReceiver>());
    let shared = size_of::<Receiver>() - size_of::<ChannelReceiver>();
    assert!(shared <= 140_000, "{shared}");
}

//! The PRIME receivers: any samples, not-a-number and clipping among them, any gaps; afterwards a clean frame is received. The
//! first octet chooses one channel, at either rate, two at once or a bonded pair, and the steps of the receiver's ladder.
#![no_main]

use fuzz::line::{Receives, disturb};
use libfuzzer_sys::fuzz_target;
use plc_core::receiver::Detection;
use prime_phy::encoder::FrameEncoder;
use prime_phy::options::{Bonding, Options};
use prime_phy::primitives::Event;
use prime_phy::{
    Channel, ChannelReceiver, FrameType, FrameWorkspace, Memory, MultiReceiver, NoWorkspace, ReceiverOptions,
    Scheme, Transmitter,
};
use std::cell::RefCell;

fuzz_target!(|octets: &[u8]| {
    let Some((&first, octets)) = octets.split_first() else { return };
    let [_, second, third, ..] = Channel::ALL;
    let sets = [vec![Channel::ONE], vec![second], vec![second, third], vec![Channel::PAIRS[0]]];
    let channels = &sets[usize::from(first) % sets.len()];
    let (passes, joint) = (first / 4 % 4, first & 0x10 != 0);
    let bonding = if joint { Bonding::Joint } else { Bonding::Each };
    let options = Options { bonding, ..Options::default() };
    if passes == 0 {
        let none = [NoWorkspace, NoWorkspace].into_iter();
        return disturb(Prime::new(channels, options, &ReceiverOptions::STANDARD, none), octets);
    }
    // Half a megabyte each that is not made anew for every input; what a frame left in it must not matter.
    thread_local! {
        static MEMORY: RefCell<[FrameWorkspace; 2]> =
            const { RefCell::new([const { FrameWorkspace::new() }; 2]) };
    }
    MEMORY.with_borrow_mut(|memory| {
        let detection = Detection::Coherent { passes };
        let steps =
            ReceiverOptions { detection, smooth_channel: first & 0x20 == 0, ..ReceiverOptions::STANDARD };
        disturb(Prime::new(channels, options, &steps, memory.iter_mut()), octets);
    });
});

struct Prime<M: Memory> {
    sends: Channel,
    options: Options,
    receiver: MultiReceiver<Vec<ChannelReceiver<M>>, M>,
}

impl<M: Memory> Prime<M> {
    fn new(
        channels: &[Channel],
        options: Options,
        steps: &ReceiverOptions,
        memories: impl Iterator<Item = M>,
    ) -> Self {
        let receivers = channels
            .iter()
            .zip(memories)
            .map(|(channel, memory)| ChannelReceiver::with_workspace(channel, &options, steps, memory))
            .collect();
        let receiver = MultiReceiver::new(receivers).expect("one clock");
        Self { sends: channels[0], options, receiver }
    }
}

impl<M: Memory> Receives for Prime<M> {
    /// Robust DBPSK of Type BC has the longest frames, 0.6 s.
    fn quiet(&self) -> usize {
        self.sends.samples(150_000)
    }

    fn push(&mut self, from: u64, samples: &[f32]) -> Option<u8> {
        self.receiver.push(from, samples);
        let mut heard = None;
        while let Some((channel, event)) = self.receiver.poll() {
            if let (0, Event::DataIndication(data)) = (channel, event) {
                // The first octet has only six bits.
                heard = data.mpdu.get(1).copied();
            }
        }
        heard
    }

    fn frame(&self, kind: u8, first: u8) -> Vec<f32> {
        const KINDS: [(FrameType, Scheme); 5] = [
            (FrameType::A, Scheme::DbpskC),
            (FrameType::A, Scheme::DqpskC),
            (FrameType::A, Scheme::D8psk),
            (FrameType::B, Scheme::RobustDqpsk),
            (FrameType::Bc, Scheme::RobustDbpsk),
        ];
        let (frame_type, scheme) = KINDS[usize::from(kind) % KINDS.len()];
        let mut mpdu = [7; 20];
        mpdu[1] = first;
        let channels = self.sends.channels();
        let frame = FrameEncoder::on(channels, &self.options, frame_type, scheme, &mpdu);
        let frame = frame.expect("twenty octets fit");
        let mut transmitter = Transmitter::new(&self.sends, &self.options);
        let mut samples = vec![0.0; transmitter.load(frame, 0.0)];
        let pulled = transmitter.pull(&mut samples);
        samples.truncate(pulled);
        samples
    }
}

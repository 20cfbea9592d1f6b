//! The PRIME receivers: any samples, not-a-number and clipping among them, any gaps; afterwards a clean frame is received. The
//! first octet chooses one channel, at either rate, or two at once.
#![no_main]

use fuzz::line::{Receives, disturb};
use libfuzzer_sys::fuzz_target;
use prime_phy::encoder::FrameEncoder;
use prime_phy::options::Options;
use prime_phy::primitives::Event;
use prime_phy::{Channel, ChannelReceiver, FrameType, MultiReceiver, Scheme, Transmitter};

fuzz_target!(|octets: &[u8]| {
    let Some((&first, octets)) = octets.split_first() else { return };
    let [_, second, third, ..] = Channel::ALL;
    let channels = [vec![Channel::ONE], vec![second], vec![second, third]];
    let channels = &channels[usize::from(first) % 3];
    let options = Options::default();
    let receivers = channels.iter().map(|channel| ChannelReceiver::new(channel, &options)).collect();
    let receiver = MultiReceiver::new(receivers).expect("one clock");
    disturb(Prime { sends: channels[0], options, receiver }, octets);
});

struct Prime {
    sends: Channel,
    options: Options,
    receiver: MultiReceiver<Vec<ChannelReceiver>>,
}

impl Receives for Prime {
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
        let frame =
            FrameEncoder::of_type(&self.options, frame_type, scheme, &mpdu).expect("twenty octets fit");
        let mut transmitter = Transmitter::new(&self.sends, &self.options);
        let mut samples = vec![0.0; transmitter.load(frame, 0.0)];
        let pulled = transmitter.pull(&mut samples);
        samples.truncate(pulled);
        samples
    }
}

//! The PRIME receiver: any samples, not-a-number and clipping among them, any gaps; afterwards a clean frame is received.
#![no_main]

use fuzz::line::{Receives, disturb};
use libfuzzer_sys::fuzz_target;
use prime_phy::encoder::FrameEncoder;
use prime_phy::options::Options;
use prime_phy::primitives::Event;
use prime_phy::{Channel, Receiver, Scheme, Transmitter};

fuzz_target!(|octets: &[u8]| disturb(Prime(Receiver::new(&Channel::ONE, &Options::default())), octets));

struct Prime(Receiver);

impl Receives for Prime {
    const QUIET: usize = 100_000;

    fn push(&mut self, from: u64, samples: &[f32]) -> Option<u8> {
        self.0.push(from, samples);
        let mut heard = None;
        while let Some(event) = self.0.poll() {
            if let Event::DataIndication(data) = event {
                assert!(!data.mpdu.is_empty());
                // The first octet has only six bits.
                heard = data.mpdu.get(1).copied();
            }
        }
        heard
    }

    fn frame(kind: u8, first: u8) -> Vec<f32> {
        let schemes = [Scheme::DbpskC, Scheme::DqpskC, Scheme::D8psk, Scheme::RobustDqpsk];
        let scheme = schemes[usize::from(kind) % schemes.len()];
        let mut mpdu = [7; 20];
        mpdu[1] = first;
        let options = Options::default();
        let frame = FrameEncoder::new(&options, scheme, &mpdu).expect("twenty octets fit");
        let mut transmitter = Transmitter::new(&Channel::ONE, &options);
        let mut samples = vec![0.0; transmitter.load(frame, 0.0)];
        let pulled = transmitter.pull(&mut samples);
        samples.truncate(pulled);
        samples
    }
}

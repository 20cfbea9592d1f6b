//! PRIME modems on the line.

use super::stream::{Air, Heard, Modem};
use super::variant::Variant;
use prime_phy::channel::CARRIERS;
use prime_phy::encoder::FrameEncoder;
use prime_phy::options::Options;
use prime_phy::primitives::{CarrierDetect, Event};
use prime_phy::{Channel, FrameType, FrameWorkspace, Optional, Receiver, Scheme, TX_RMS, Transmitter};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

pub(super) struct Prime {
    channels: usize,
    scheme: Scheme,
    options: Options,
    octets: usize,
    transmitter: Transmitter,
    receiver: Box<Receiver<Optional<Box<FrameWorkspace>>>>,
}

impl Prime {
    pub(super) fn new(channel: &Channel, scheme: Scheme, variant: &Variant, octets: usize) -> Self {
        let options = variant.prime_options();
        let beyond = variant.prime_receiver();
        let memory = Optional(beyond.needs_workspace().then(|| Box::new(FrameWorkspace::new())));
        Self {
            channels: channel.channels(),
            scheme,
            options,
            octets,
            transmitter: Transmitter::new(channel, &options),
            receiver: Box::new(Receiver::with_workspace(channel, &options, &beyond, memory)),
        }
    }
}

/// What a transmitter puts on its carriers: all together have its rms.
pub(super) fn air(channel: &Channel) -> Air {
    let first = |part: Channel| usize::from(part.first_carrier);
    let bins: Vec<usize> = channel.parts().map(first).flat_map(|first| first..first + CARRIERS).collect();
    Air {
        points: channel.fft_samples(),
        amplitude: f64::from(TX_RMS) * (2.0 / bins.len() as f64).sqrt(),
        bins,
        rate_hz: f64::from(channel.clock.rate_hz()),
    }
}

impl Modem for Prime {
    fn frame(&mut self, rng: &mut ChaCha8Rng) -> Option<(Vec<u8>, Vec<f32>)> {
        let mut mpdu = vec![0; self.octets];
        rng.fill_bytes(&mut mpdu);
        // The two unused bits are zero.
        *mpdu.first_mut()? &= 0x3F;
        let frame = FrameEncoder::on(
            self.channels,
            &self.options,
            FrameType::plainest(self.scheme),
            self.scheme,
            &mpdu,
        );
        let frame = frame.ok()?;
        let mut samples = vec![0.0; self.transmitter.load(frame, 0.0)];
        self.transmitter.pull(&mut samples);
        Some((mpdu, samples))
    }

    fn hear(&mut self, from: u64, block: &[f32], data: &[u8], heard: &mut Heard) {
        self.receiver.push(from, block);
        while let Some(event) = self.receiver.poll() {
            match event {
                Event::CarrierDetect(CarrierDetect::Header { .. }) => heard.header = true,
                Event::CarrierDetect(CarrierDetect::HeaderFailed { .. }) => heard.header_failed = true,
                Event::DataIndication(found) => heard.right |= found.mpdu == data,
                _ => {}
            }
        }
    }
}

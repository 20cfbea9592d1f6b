//! A line for tests and measurements: frames at chosen levels in white Gaussian noise, from a seed.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::expect_used,
    reason = "each test and example uses its part"
)]

pub use plc_core::testkit::{Random, add_noise, mix, resample};
use prime_phy::channel::CARRIERS;
use prime_phy::encoder::FrameEncoder;
use prime_phy::options::Options;
use prime_phy::{Channel, FrameType, Scheme, TX_RMS, Transmitter};

/// What MPDUs are drawn with.
pub trait RandomMpdu {
    /// An MPDU of random octets whose unused bits are zero.
    fn mpdu(&mut self, octets: usize) -> Vec<u8>;
}

impl RandomMpdu for Random {
    fn mpdu(&mut self, octets: usize) -> Vec<u8> {
        let mut mpdu = self.octets(octets);
        if let Some(first) = mpdu.first_mut() {
            *first &= 0x3F;
        }
        mpdu
    }
}

/// Standard deviation of white noise that gives carriers this Es/N0.
///
/// A carrier of amplitude A has the bin 256 A in a transform of 512 samples, noise of variance v the power 512 v.
pub fn noise_for_snr_db(snr_db: f32) -> f32 {
    noise_on(&Channel::ONE, snr_db)
}

/// The same at the sample clock of a channel.
pub fn noise_on(channel: &Channel, snr_db: f32) -> f32 {
    let amplitude = TX_RMS * (2.0 / (channel.channels() * CARRIERS) as f32).sqrt();
    let quarter = channel.fft_samples() as f32 / 4.0;
    (quarter * amplitude * amplitude / 10.0_f32.powf(snr_db / 10.0)).sqrt()
}

/// The samples of a frame.
pub fn samples(options: &Options, scheme: Scheme, mpdu: &[u8]) -> Vec<f32> {
    samples_on(&Channel::ONE, options, FrameType::plainest(scheme), scheme, mpdu)
}

/// The samples of a frame of any type on any channel.
pub fn samples_on(
    channel: &Channel,
    options: &Options,
    frame_type: FrameType,
    scheme: Scheme,
    mpdu: &[u8],
) -> Vec<f32> {
    let mut transmitter = Transmitter::new(channel, options);
    let frame = FrameEncoder::on(channel.channels(), options, frame_type, scheme, mpdu).expect("fits");
    let mut samples = vec![0.0; transmitter.load(frame, 0.0)];
    transmitter.pull(&mut samples);
    samples
}

//! A line for tests and measurements: frames at chosen levels in white Gaussian noise, from a seed.

#![allow(dead_code, unreachable_pub, clippy::expect_used, reason = "each test and example uses its part")]

use prime_phy::channel::CARRIERS;
use prime_phy::encoder::FrameEncoder;
use prime_phy::options::Options;
use prime_phy::{Channel, FrameType, Scheme, TX_RMS, Transmitter};

/// Random numbers (SplitMix64) and Gaussian ones made of them (Box and Muller).
pub struct Random {
    state: u64,
    spare: Option<f32>,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Self { state: seed, spare: None }
    }

    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next_u64() % bound as u64) as usize
    }

    /// Zero mean, unit variance.
    pub fn gaussian(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let word = self.next_u64();
        let radius = (-2.0 * (((word >> 32) as f32 + 1.0) / 4_294_967_296.0).ln()).sqrt();
        let (sine, cosine) = ((word as u32) as f32 / 4_294_967_296.0 * std::f32::consts::TAU).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }

    /// An MPDU of random octets whose unused bits are zero.
    pub fn mpdu(&mut self, octets: usize) -> Vec<u8> {
        let mut mpdu: Vec<u8> = (0..octets).map(|_| self.next_u64() as u8).collect();
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

/// `samples` as a clock that runs `ppm` slow and starts `delay` samples late sees them (windowed sinc of 64 taps).
pub fn resample(samples: &[f32], delay: f64, ppm: f64) -> Vec<f32> {
    const HALF: i64 = 32;
    let step = 1.0 + ppm * 1e-6;
    let count = ((samples.len() as f64 + delay + HALF as f64) / step) as usize;
    (0..count)
        .map(|n| {
            let at = n as f64 * step - delay;
            let centre = at.floor() as i64;
            (centre - HALF + 1..=centre + HALF)
                .filter_map(|index| {
                    let sample = *samples.get(usize::try_from(index).ok()?)?;
                    let x = at - index as f64;
                    let sinc = if x == 0.0 {
                        1.0
                    } else {
                        (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x)
                    };
                    let window = 0.5 + 0.5 * (std::f64::consts::PI * x / HALF as f64).cos();
                    Some(f64::from(sample) * sinc * window)
                })
                .sum::<f64>() as f32
        })
        .collect()
}

/// Adds `samples` times `gain` into `line` from sample `at` on.
pub fn mix(line: &mut [f32], at: usize, samples: &[f32], gain: f32) {
    line[at..].iter_mut().zip(samples).for_each(|(line, sample)| *line += gain * sample);
}

/// Adds white noise.
pub fn add_noise(line: &mut [f32], deviation: f32, random: &mut Random) {
    line.iter_mut().for_each(|sample| *sample += deviation * random.gaussian());
}

//! PRIME frames in samples over one link.

use super::tape::NoisePort;
use super::{CARRIERS, Carriers, FIRST_BIN, POINTS, RATE_HZ};
use crate::clock::{Clock, Interpolator, REACH, Stretch};
use crate::exact;
use crate::frames::waveform::{Outcome, convolve, fnv};
use crate::line::source_volts;
use crate::noise::NoisePlan;
use crate::random::{Purpose, stream, uniform};
use num_complex::Complex64;
use prime_phy::encoder::FrameEncoder;
use prime_phy::options::Options;
use prime_phy::primitives::{CarrierDetect, Event};
use prime_phy::{Channel, Receiver, Scheme, TX_RMS, Transmitter};
use rand_core::Rng;
use std::f64::consts::TAU;

/// Noise before the first frame: the receiver's mean of the noise, over 64 windows, has settled.
const LEAD: usize = 50_000;
/// Noise between two frames: at least this many samples, and up to a mains period more.
const GAP: usize = 9_000;
const PERIOD: usize = 5_000;
/// Samples that the receiver is given at a time.
const BLOCK: usize = 1_000;
/// Clocks differ by up to this.
const PPM: f64 = 25.0;

/// The way from a transmitter's source to a receiver's port: an impulse response at 250 kHz, from volts to volts.
#[derive(Clone, Debug)]
pub struct Path {
    /// The response.
    pub taps: Vec<f32>,
}

impl Path {
    /// No way at all.
    pub fn flat() -> Self {
        Self { taps: vec![1.0] }
    }

    /// What offsets of noise presets are found on: carriers alike, and falling by 6, 12 and 18 dB from the lowest to the
    /// highest.
    pub fn references() -> [Self; 4] {
        [vec![1.0], vec![0.5, 0.5], vec![0.25, 0.5, 0.25], vec![0.125, 0.375, 0.375, 0.125]]
            .map(|taps| Self { taps })
    }

    /// Carriers that fall by 15 dB from the lowest to the highest, on which shapes are found.
    pub fn steep() -> Self {
        Self { taps: vec![0.25, 0.65, 0.55, 0.15] }
    }

    /// A number that tells paths apart.
    pub fn fingerprint(&self) -> u64 {
        fnv(self.taps.iter().flat_map(|tap| tap.to_bits().to_le_bytes()))
    }

    /// Power gain on each carrier.
    pub fn gains(&self) -> Carriers<f64> {
        std::array::from_fn(|carrier| {
            let turn = -TAU * (FIRST_BIN + carrier) as f64 / POINTS as f64;
            let taps = self.taps.iter().enumerate();
            let sum: Complex64 = taps.map(|(n, &tap)| exact::polar(f64::from(tap), turn * n as f64)).sum();
            sum.norm_sqr()
        })
    }
}

/// Energy |S_k|² that each carrier brings through a gain, for a source of `level_dbuv`.
pub fn signal_power(gains: &Carriers<f64>, level_dbuv: f64) -> Carriers<f32> {
    let volts = source_volts(level_dbuv);
    // A carrier of power P has |X|² = P N² / 2 in the transform.
    let of_unit_gain = volts * volts / CARRIERS as f64 * (POINTS * POINTS) as f64 / 2.0;
    gains.map(|gain| (of_unit_gain * gain) as f32)
}

/// One link in samples.
#[derive(Clone, Debug)]
pub struct WaveformLink {
    /// The way.
    pub path: Path,
    /// Noise at the receiver.
    pub noise: NoisePlan,
}

impl WaveformLink {
    /// Sends `frames` frames of `octets` octets, of the plainest type that carries the scheme, at a level and says what
    /// came out. `seed` determines frames, noise, delays and clocks.
    pub fn run(&self, scheme: Scheme, octets: usize, level_dbuv: f64, frames: u32, seed: u64) -> Outcome {
        let rng = &mut stream(seed, Purpose::Campaign, 64 + u64::from(scheme.code()));
        let options = Options::default();
        let mut receiver = Box::new(Receiver::new(&Channel::ONE, &options));
        let mut transmitter = Transmitter::new(&Channel::ONE, &options);
        let mut noise = NoisePort::new(&self.noise, rng.next_u64(), 0, uniform(rng));
        let highest_hz = f64::from(Channel::ONE.carrier_hz(CARRIERS - 1));
        let interpolator = Interpolator::for_band(highest_hz, RATE_HZ);
        let volts = (source_volts(level_dbuv) / f64::from(TX_RMS)) as f32;
        let (mut outcome, mut position, mut lead) = (Outcome::default(), 0, LEAD);
        let (mut sent, mut through, mut line) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..frames {
            let mut mpdu = vec![0; octets];
            rng.fill_bytes(&mut mpdu);
            // The two unused bits are zero.
            mpdu.iter_mut().take(1).for_each(|first| *first &= 0x3F);
            let Ok(frame) = FrameEncoder::new(&options, scheme, &mpdu) else { return outcome };
            sent.clear();
            sent.resize(transmitter.load(frame, 0.0), 0.0);
            transmitter.pull(&mut sent);
            convolve(&sent, &self.path.taps, volts, &mut through);
            let before = std::mem::take(&mut lead) + GAP + (uniform(rng) * PERIOD as f64) as usize;
            let clock = Clock::new(PPM * (2.0 * uniform(rng) - 1.0), -(before as f64 + uniform(rng)));
            line.clear();
            line.resize(before + through.len() + 2 * REACH + POINTS, 0.0);
            noise.fill(&mut line);
            let mut arrived = vec![0.0; line.len()];
            interpolator.to_local(&clock, Stretch { first: 0, samples: &through }, 0, &mut arrived);
            line.iter_mut().zip(&arrived).for_each(|(sum, signal)| *sum += signal);
            let (mut right, mut heard, mut failed) = (false, false, false);
            for block in line.chunks(BLOCK) {
                receiver.push(position, block);
                position += block.len() as u64;
                while let Some(event) = receiver.poll() {
                    match event {
                        Event::CarrierDetect(CarrierDetect::Header { .. }) => heard = true,
                        Event::CarrierDetect(CarrierDetect::HeaderFailed { .. }) => failed = true,
                        Event::DataIndication(data) => right |= *data.mpdu == *mpdu,
                        _ => {}
                    }
                }
            }
            outcome.add(Outcome {
                frames: 1,
                right: u32::from(right),
                unheard: u32::from(!right && !heard && !failed),
                header_failed: u32::from(!right && !heard && failed),
            });
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_paths_fall_in_steps_of_six_decibels() {
        for (steps, path) in Path::references().iter().enumerate() {
            let gains = path.gains();
            let fall_db = 10.0 * (gains[0] / gains[CARRIERS - 1]).log10();
            assert!((fall_db - 5.9 * steps as f64).abs() < 0.4 + 0.1 * steps as f64, "{steps}: {fall_db}");
        }
    }
}

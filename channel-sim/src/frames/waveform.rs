//! Frames in samples over one link: what the frame model is calibrated by and held against.

use super::port::NoisePort;
use super::tape::{CARRIERS, FIRST_BIN};
use crate::clock::{Clock, Interpolator, REACH, Stretch};
use crate::exact;
use crate::line::source_volts;
use crate::noise::{NoisePlan, Port};
use crate::random::{Purpose, stream, uniform};
use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::layout::PayloadLayout;
use g3_phy::options::Options;
use g3_phy::primitives::{CarrierSense, Event};
use g3_phy::{BandPlan, Modulation, Receiver, TX_RMS, ToneMask, Transmitter};
use num_complex::Complex64;
use rand_core::Rng;
use std::f64::consts::TAU;

const PLAN: BandPlan = BandPlan::CENELEC_A;
/// Noise between two frames: at least this many samples, and up to a mains period more.
const GAP: usize = 2_000;
const PERIOD: usize = 8_000;
/// Samples that the receiver is given at a time.
const BLOCK: usize = 1_000;
/// Clocks differ by up to this.
const PPM: f64 = 25.0;

/// The way from a transmitter's source to a receiver's port.
#[derive(Clone, Debug)]
pub struct Path {
    /// Impulse response at 400 kHz, from the source's volts to the port's.
    pub taps: Vec<f32>,
}

impl Path {
    /// No way at all.
    pub fn flat() -> Self {
        Self { taps: vec![1.0] }
    }

    /// What offsets of noise presets are found on: carriers alike, and falling by up to 16 dB from the lowest to the
    /// highest, as up to some hundred metres of cable with households make them.
    pub fn references() -> [Self; 4] {
        [
            vec![1.0],
            vec![1.0, 0.0, 0.4],
            // The second path twice, and twice a steeper one: cables fall by so many dB a carrier, without a notch.
            vec![1.0, 0.0, 0.8, 0.0, 0.16],
            vec![1.0, 0.0, 1.0, 0.0, 0.25],
        ]
        .map(|taps| Self { taps })
    }

    /// Carriers that fall by 14 dB from the lowest to the highest.
    pub fn steep() -> Self {
        Self { taps: vec![1.0, 0.0, 0.9] }
    }

    /// A number that tells paths apart.
    pub fn fingerprint(&self) -> u64 {
        fnv(self.taps.iter().flat_map(|tap| tap.to_bits().to_le_bytes()))
    }

    /// Power gain on each carrier.
    pub fn gains(&self) -> [f64; CARRIERS] {
        std::array::from_fn(|carrier| {
            let turn = -TAU * (FIRST_BIN + carrier) as f64 / 256.0;
            let sum: Complex64 = self
                .taps
                .iter()
                .enumerate()
                .map(|(n, &tap)| exact::polar(f64::from(tap), turn * n as f64))
                .sum();
            sum.norm_sqr()
        })
    }
}

/// Energy |S_k|² that each carrier brings through a gain, for a source of `level_dbuv`.
pub fn signal_power(gains: &[f64; CARRIERS], level_dbuv: f64) -> [f32; CARRIERS] {
    let volts = source_volts(level_dbuv);
    // A carrier of power P has |X|² = P N² / 2 in the transform.
    let of_unit_gain = volts * volts / CARRIERS as f64 * 256.0 * 256.0 / 2.0;
    gains.map(|gain| (of_unit_gain * gain) as f32)
}

/// What became of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Frames sent.
    pub frames: u32,
    /// Frames that came out as they went in.
    pub right: u32,
    /// Frames of which no preamble was found, or none followed to its end.
    pub unheard: u32,
    /// Frames with a wrong header checksum.
    pub header_failed: u32,
}

impl Outcome {
    /// Frames that did not come out right.
    pub fn lost(&self) -> u32 {
        self.frames - self.right
    }

    pub(super) fn add(&mut self, other: Self) {
        self.frames += other.frames;
        self.right += other.right;
        self.unheard += other.unheard;
        self.header_failed += other.header_failed;
    }
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
    /// Sends `frames` frames of at least `octets` octets at a level and says what came out. `seed` determines
    /// frames, noise, delays and clocks.
    pub fn run(
        &self,
        modulation: Modulation,
        octets: usize,
        level_dbuv: f64,
        frames: u32,
        seed: u64,
    ) -> Outcome {
        self.run_against(None, modulation, octets, level_dbuv, frames, seed)
    }

    /// The same while another modem sends a frame of the same kind into each.
    pub fn run_against(
        &self,
        other: Option<&Disturber>,
        modulation: Modulation,
        octets: usize,
        level_dbuv: f64,
        frames: u32,
        seed: u64,
    ) -> Outcome {
        let rng = &mut stream(seed, Purpose::Campaign, modulation as u64);
        let options = Options::default();
        let mut receiver = Receiver::new(&PLAN, ToneMask::ALL, &options);
        let mut noise = NoisePort::new(&self.noise, Port::L1, rng.next_u64(), 0, uniform(rng));
        let interpolator = Interpolator::default();
        let tone_map = PLAN.full_tone_map();
        let layout = PayloadLayout::for_psdu(&PLAN, ToneMask::ALL, tone_map, modulation, octets);
        let size = layout.map_or(0, |layout| usize::from(layout.psdu_capacity));
        let (mut outcome, mut position) = (Outcome::default(), 0);
        let (mut line, mut through) = (Vec::new(), Vec::new());
        for _ in 0..frames {
            let mut psdu = vec![0; size];
            rng.fill_bytes(&mut psdu);
            if !arriving(&psdu, modulation, &self.path, level_dbuv, &mut through) {
                return outcome;
            }
            let before = GAP + (uniform(rng) * PERIOD as f64) as usize;
            let clock = Clock::new(PPM * (2.0 * uniform(rng) - 1.0), -(before as f64 + uniform(rng)));
            line.clear();
            line.resize(before + through.len() + 2 * REACH + GAP / 2, 0.0);
            noise.fill(&mut line);
            let mut arrived = vec![0.0; line.len()];
            interpolator.to_local(&clock, Stretch { first: 0, samples: &through }, 0, &mut arrived);
            line.iter_mut().zip(&arrived).for_each(|(sum, signal)| *sum += signal);
            if let Some(other) = other {
                let mut content = vec![0; size];
                rng.fill_bytes(&mut content);
                if !arriving(&content, modulation, &other.path, other.level_dbuv, &mut through) {
                    return outcome;
                }
                let at = before as f64 + other.after as f64 + uniform(rng) * other.within as f64;
                let clock = Clock::new(PPM * (2.0 * uniform(rng) - 1.0), -at);
                let mut arrived = vec![0.0; line.len()];
                interpolator.to_local(&clock, Stretch { first: 0, samples: &through }, 0, &mut arrived);
                line.iter_mut().zip(&arrived).for_each(|(sum, signal)| *sum += signal);
            }
            let (mut right, mut heard, mut failed) = (false, false, false);
            for block in line.chunks(BLOCK) {
                receiver.push(position, block);
                position += block.len() as u64;
                while let Some(event) = receiver.poll() {
                    match event {
                        Event::CarrierSense(CarrierSense::Header { .. }) => heard = true,
                        Event::CarrierSense(CarrierSense::HeaderFailed { .. }) => failed = true,
                        Event::DataIndication(data) => right |= data.psdu == psdu.as_slice(),
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

/// Another modem that sends while a frame is on the air.
#[derive(Clone, Debug)]
pub struct Disturber {
    /// Its way to the receiver.
    pub path: Path,
    /// Its source's level.
    pub level_dbuv: f64,
    /// Samples from the start of the frame to that of its own, at least.
    pub after: usize,
    /// Samples in which that start is drawn.
    pub within: usize,
}

/// A frame's samples at the end of its way; false where there is no such frame.
fn arriving(
    psdu: &[u8],
    modulation: Modulation,
    path: &Path,
    level_dbuv: f64,
    through: &mut Vec<f32>,
) -> bool {
    let options = Options::default();
    let tone_map = PLAN.full_tone_map();
    let frame = DataFrame { psdu, modulation, tone_map, response_expected: false, pdc: 0 };
    let Ok(frame) = FrameEncoder::data(&PLAN, ToneMask::ALL, &options, &frame) else { return false };
    let mut transmitter = Transmitter::new(&PLAN, &options);
    let mut sent = vec![0.0; transmitter.load(frame, 0.0)];
    transmitter.pull(&mut sent);
    let volts = (source_volts(level_dbuv) / f64::from(TX_RMS)) as f32;
    convolve(&sent, &path.taps, volts, through);
    true
}

/// FNV-1a.
pub(super) fn fnv(octets: impl Iterator<Item = u8>) -> u64 {
    octets.fold(0xCBF2_9CE4_8422_2325, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01B3))
}

fn convolve(sent: &[f32], taps: &[f32], gain: f32, out: &mut Vec<f32>) {
    out.clear();
    out.resize(sent.len() + taps.len() - 1, 0.0);
    for (delay, &tap) in taps.iter().enumerate() {
        let tap = tap * gain;
        for (sum, &sample) in out[delay..].iter_mut().zip(sent) {
            *sum += tap * sample;
        }
    }
}

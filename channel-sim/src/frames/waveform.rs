//! Frames in samples over one link: what the frame model is calibrated by and held against.

use super::port::{NoisePort, RATE_HZ};
use super::tape::{CARRIERS, FIRST_BIN};
use crate::clock::{Clock, Interpolator, REACH, Stretch};
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

    /// What offsets of noise presets are found on: carriers alike, falling by 9 dB and falling by 14 dB from the
    /// lowest to the highest, as up to some hundred metres of cable with households make them.
    pub fn references() -> [Self; 3] {
        [vec![1.0], vec![1.0, 0.0, 0.6], vec![1.0, 0.0, 0.9]].map(|taps| Self { taps })
    }

    /// Power gain on each carrier.
    pub fn gains(&self) -> [f64; CARRIERS] {
        std::array::from_fn(|carrier| {
            let turn = -TAU * (FIRST_BIN + carrier) as f64 / 256.0;
            let sum: Complex64 = self
                .taps
                .iter()
                .enumerate()
                .map(|(n, &tap)| Complex64::from_polar(f64::from(tap), turn * n as f64))
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
        let rng = &mut stream(seed, Purpose::Campaign, modulation as u64);
        let options = Options::default();
        let mut receiver = Receiver::new(&PLAN, ToneMask::ALL, &options);
        let mut noise = NoisePort::new(&self.noise, Port::L1, rng.next_u64(), 0, uniform(rng));
        let interpolator = Interpolator::default();
        let volts = (source_volts(level_dbuv) / f64::from(TX_RMS)) as f32;
        let tone_map = PLAN.full_tone_map();
        let layout = PayloadLayout::for_psdu(&PLAN, ToneMask::ALL, tone_map, modulation, octets);
        let size = layout.map_or(0, |layout| usize::from(layout.psdu_capacity));
        let (mut outcome, mut position) = (Outcome::default(), 0);
        let (mut line, mut through) = (Vec::new(), Vec::new());
        for _ in 0..frames {
            let mut psdu = vec![0; size];
            rng.fill_bytes(&mut psdu);
            let frame = DataFrame { psdu: &psdu, modulation, tone_map, response_expected: false, pdc: 0 };
            let Ok(frame) = FrameEncoder::data(&PLAN, ToneMask::ALL, &options, &frame) else {
                return outcome;
            };
            let mut transmitter = Transmitter::new(&PLAN, &options);
            let mut sent = vec![0.0; transmitter.load(frame, 0.0)];
            transmitter.pull(&mut sent);
            convolve(&sent, &self.path.taps, volts, &mut through);
            let before = GAP + (uniform(rng) * PERIOD as f64) as usize;
            let clock = Clock::new(PPM * (2.0 * uniform(rng) - 1.0), -(before as f64 + uniform(rng)));
            line.clear();
            line.resize(before + through.len() + 2 * REACH + GAP / 2, 0.0);
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

/// Airtime of the frames that [`WaveformLink::run`] sends, in seconds.
pub fn airtime_s(modulation: Modulation, octets: usize) -> f64 {
    let layout = PayloadLayout::for_psdu(&PLAN, ToneMask::ALL, PLAN.full_tone_map(), modulation, octets);
    let symbols = layout.map_or(0, |layout| usize::from(layout.symbols));
    (2_432 + (13 + symbols) * 278) as f64 / RATE_HZ
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

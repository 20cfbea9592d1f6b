//! A stream: noise with frames in it, into one receiver.

use super::{Campaign, FRAMES_PER_STREAM};
use crate::clock::{Clock, Interpolator, REACH, Stretch};
use crate::noise::gaussian::Gaussian;
use crate::random::{Purpose, stream, uniform};
use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::layout::PayloadLayout;
use g3_phy::options::Options;
use g3_phy::primitives::{CarrierSense, Event};
use g3_phy::{BandPlan, Modulation, Receiver, TX_RMS, ToneMask, Transmitter};
use rand_core::Rng;
use serde::{Deserialize, Serialize};
use std::ops::Add;

const PLAN: BandPlan = BandPlan::CENELEC_A;
/// Samples that the receiver is given at a time.
const BLOCK: usize = 1_000;
/// Noise between two frames: at least this many samples, at most twice as many.
const GAP: usize = 2_000;
/// The receiver's input level is uniform in dB within plus and minus this.
const GAIN_DB: f64 = 20.0;

/// What became of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Frames sent.
    pub frames: u64,
    /// Frames whose PSDU came out as it went in.
    pub right: u64,
    /// Frames lost whose preamble was not found or whose header was taken for noise.
    pub unheard: u64,
    /// Frames lost with a wrong header checksum.
    pub header_failed: u64,
    /// Frames lost in the payload, or decoded to something else.
    pub payload_failed: u64,
}

impl Outcome {
    /// Frames that did not come out right.
    pub fn lost(&self) -> u64 {
        self.frames - self.right
    }
}

impl Add for Outcome {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            frames: self.frames + other.frames,
            right: self.right + other.right,
            unheard: self.unheard + other.unheard,
            header_failed: self.header_failed + other.header_failed,
            payload_failed: self.payload_failed + other.payload_failed,
        }
    }
}

/// Octets of a PSDU of at least `octets` that fills its symbols; 0 where it fits no frame.
pub(super) fn psdu_octets(modulation: Modulation, octets: usize) -> usize {
    let layout = PayloadLayout::for_psdu(&PLAN, ToneMask::ALL, PLAN.full_tone_map(), modulation, octets);
    layout.map_or(0, |layout| usize::from(layout.psdu_capacity))
}

/// Runs stream `number` of a point.
pub(super) fn run(campaign: &Campaign, modulation: Modulation, snr_db: f64, number: u64) -> Outcome {
    // Points share nothing: seed, modulation and signal to noise are all in the stream's number.
    let point = campaign.seed ^ snr_db.to_bits().rotate_left(17) ^ (modulation as u64) << 7;
    let rng = &mut stream(point, Purpose::Campaign, number);
    let mut white = Gaussian::new(rng);
    let interpolator = Interpolator::default();
    let options = Options { preamble_boost_db: 0.0, ..Options::default() };
    let mut receiver = Receiver::new(&PLAN, ToneMask::ALL, &options);
    // Es/N0 of a carrier of amplitude A in an N-point transform: (A N / 2)² over N times the noise's variance.
    let amplitude_squared = 2.0 * f64::from(TX_RMS).powi(2) / PLAN.carriers() as f64;
    let variance = amplitude_squared * 64.0 / 10f64.powf(snr_db / 10.0);

    let mut outcome = Outcome::default();
    let mut position = 0;
    for _ in 0..FRAMES_PER_STREAM {
        let mut psdu = vec![0; psdu_octets(modulation, campaign.psdu_octets)];
        rng.fill_bytes(&mut psdu);
        let Some(sent) = samples(&options, modulation, &psdu) else { return outcome };
        let before = GAP + (uniform(rng) * GAP as f64) as usize;
        let clock = Clock::new(campaign.ppm, -(before as f64 + uniform(rng)));
        let gain = 10f64.powf(GAIN_DB / 20.0 * (2.0 * uniform(rng) - 1.0));
        let mut line = vec![0.0; before + sent.len() + 2 * REACH + GAP / 2];
        interpolator.to_local(&clock, Stretch { first: 0, samples: &sent }, 0, &mut line);
        let mut noise = vec![0.0; line.len()];
        white.fill(&mut noise);
        for (sample, noise) in line.iter_mut().zip(&noise) {
            *sample = gain as f32 * (*sample + variance.sqrt() as f32 * noise);
        }
        let (mut right, mut header_failed, mut heard) = (false, false, false);
        for block in line.chunks(BLOCK) {
            receiver.push(position, block);
            position += block.len() as u64;
            while let Some(event) = receiver.poll() {
                match event {
                    Event::CarrierSense(CarrierSense::Header { .. }) => heard = true,
                    Event::CarrierSense(CarrierSense::HeaderFailed { .. }) => header_failed = true,
                    Event::DataIndication(data) => right |= data.psdu == psdu.as_slice(),
                    _ => {}
                }
            }
        }
        outcome = outcome
            + Outcome {
                frames: 1,
                right: u64::from(right),
                unheard: u64::from(!right && !heard && !header_failed),
                header_failed: u64::from(!right && !heard && header_failed),
                payload_failed: u64::from(!right && heard),
            };
    }
    outcome
}

/// A data frame's samples on all carriers.
fn samples(options: &Options, modulation: Modulation, psdu: &[u8]) -> Option<Vec<f32>> {
    let tone_map = PLAN.full_tone_map();
    let frame = DataFrame { psdu, modulation, tone_map, response_expected: false, pdc: 0 };
    let frame = FrameEncoder::data(&PLAN, ToneMask::ALL, options, &frame).ok()?;
    let mut transmitter = Transmitter::new(&PLAN, options);
    let mut samples = vec![0.0; transmitter.load(frame, 0.0)];
    transmitter.pull(&mut samples);
    Some(samples)
}

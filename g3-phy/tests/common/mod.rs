//! A line for tests and measurements: frames at chosen levels in white Gaussian noise, from a seed.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::expect_used,
    reason = "each test and example uses its part"
)]

pub mod lines;
pub mod noise;

use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::layout::PayloadLayout;
use g3_phy::options::Options;
use g3_phy::{BandPlan, Modulation, TX_RMS, ToneMask, Transmitter};
pub use plc_core::testkit::{Random, add_noise, mix, resample};

pub const PLAN: BandPlan = BandPlan::CENELEC_A;

/// The plan whose name has this first word, in any case.
pub fn plan_named(name: &str) -> BandPlan {
    let word = |plan: &BandPlan| plan.name.split(' ').next().map(str::to_lowercase);
    let plan = BandPlan::ALL.into_iter().find(|plan| word(plan) == Some(name.to_lowercase()));
    plan.expect("a band of BandPlan::ALL")
}

/// Options with the preamble at payload power, as the reference curves have it.
pub fn level_preamble() -> Options {
    Options { preamble_boost_db: 0.0, ..Options::default() }
}

/// Standard deviation of white noise that gives full-band carriers this Es/N0.
///
/// A carrier of amplitude A has the bin 128 A in a transform of 256 samples, noise of variance v the power 256 v.
pub fn noise_for_snr_db(plan: &BandPlan, snr_db: f32) -> f32 {
    let amplitude = TX_RMS * (2.0 / plan.unmasked(ToneMask::ALL).len() as f32).sqrt();
    (64.0 * amplitude * amplitude / 10.0_f32.powf(snr_db / 10.0)).sqrt()
}

/// A PSDU of at least `octets`, or the longest there is, that fills its symbols, of random octets.
pub fn full_psdu(plan: &BandPlan, modulation: Modulation, octets: usize, random: &mut Random) -> Vec<u8> {
    let tone_map = plan.full_tone_map();
    let layout = PayloadLayout::for_psdu(plan, ToneMask::ALL, tone_map, modulation, octets)
        .or_else(|| PayloadLayout::largest(plan, ToneMask::ALL, tone_map, modulation));
    random.octets(usize::from(layout.expect("carriers").psdu_capacity))
}

/// The samples of any frame.
pub fn samples_of(plan: &BandPlan, options: &Options, frame: FrameEncoder) -> Vec<f32> {
    let mut transmitter = Transmitter::new(plan, options);
    let mut samples = vec![0.0; transmitter.load(frame, 0.0)];
    transmitter.pull(&mut samples);
    samples
}

/// The samples of a data frame on all carriers.
pub fn data_samples(plan: &BandPlan, options: &Options, modulation: Modulation, psdu: &[u8]) -> Vec<f32> {
    let tone_map = plan.full_tone_map();
    let frame = DataFrame { psdu, modulation, tone_map, response_expected: false, pdc: 0 };
    samples_of(plan, options, FrameEncoder::data(plan, ToneMask::ALL, options, &frame).expect("fits"))
}

/// The frame in noise, with silence before and after.
pub fn line_with(plan: &BandPlan, frame: &[f32], snr_db: f32, random: &mut Random) -> Vec<f32> {
    let mut line = vec![0.0; frame.len() + 3_000 + random.below(256)];
    mix(&mut line, 1_500 + random.below(256), frame, 1.0);
    add_noise(&mut line, noise_for_snr_db(plan, snr_db), random);
    line
}

//! A line for tests and measurements: frames at chosen levels in white Gaussian noise, from a seed.

#![allow(dead_code, unreachable_pub, clippy::expect_used, reason = "each test and example uses its part")]

pub mod lines;
pub mod noise;

use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::layout::PayloadLayout;
use g3_phy::options::Options;
use g3_phy::{BandPlan, Modulation, TX_RMS, ToneMask, Transmitter};

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

    pub fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next_u64() as u8).collect()
    }
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

/// `samples` as a clock that runs `ppm` slow and starts `delay` samples late sees them (windowed sinc of 64 taps).
pub fn resample(samples: &[f32], delay: f64, ppm: f64) -> Vec<f32> {
    const HALF: i64 = 32;
    let step = 1.0 + ppm * 1e-6;
    let count = ((samples.len() as f64 + delay + HALF as f64) / step) as usize;
    (0..count)
        .map(|n| {
            let at = n as f64 * step - delay;
            let centre = at.floor() as i64;
            // From tap to tap the sine only changes its sign and the window's angle goes on by a step.
            let angle = |index: i64| std::f64::consts::PI * (at - index as f64);
            let sine = angle(centre).sin();
            let (window_sine, window_cosine) = (std::f64::consts::PI / HALF as f64).sin_cos();
            let (mut re, mut im) = {
                let (sine, cosine) = (angle(centre - HALF + 1) / HALF as f64).sin_cos();
                (cosine, sine)
            };
            let mut sum = 0.0;
            for index in centre - HALF + 1..=centre + HALF {
                let sample = usize::try_from(index).ok().and_then(|index| samples.get(index)).copied();
                let angle = angle(index);
                let signed = if (index - centre) % 2 == 0 { sine } else { -sine };
                let sinc = if angle == 0.0 { 1.0 } else { signed / angle };
                sum += f64::from(sample.unwrap_or(0.0)) * sinc * (0.5 + 0.5 * re);
                (re, im) = (re * window_cosine + im * window_sine, im * window_cosine - re * window_sine);
            }
            sum as f32
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

/// The frame in noise, with silence before and after.
pub fn line_with(plan: &BandPlan, frame: &[f32], snr_db: f32, random: &mut Random) -> Vec<f32> {
    let mut line = vec![0.0; frame.len() + 3_000 + random.below(256)];
    mix(&mut line, 1_500 + random.below(256), frame, 1.0);
    add_noise(&mut line, noise_for_snr_db(plan, snr_db), random);
    line
}

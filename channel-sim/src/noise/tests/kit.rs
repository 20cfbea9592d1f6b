//! What the tests measure with.

use crate::noise::{Conditions, Mains, NoisePlan, Preset};
use crate::random::{Purpose, stream, uniform};

pub(in crate::noise) use crate::noise::measure::{
    band, distribution, folded, formula, generate, kolmogorov, spectrum, third_octaves,
};

pub(in crate::noise) fn preset(text: &str) -> Preset {
    Preset::parse(text).unwrap()
}

pub(in crate::noise) fn open(preset: &Preset, rate_hz: f64, mains: &Mains) -> NoisePlan {
    let conditions = Conditions { mains_hz: mains.hz, ..Conditions::open(rate_hz) };
    NoisePlan::new(std::slice::from_ref(preset), &conditions).unwrap()
}

pub(in crate::noise) fn db(ratio: f64) -> f64 {
    10.0 * ratio.log10()
}

pub(in crate::noise) fn mean_square(samples: &[f32]) -> f64 {
    samples.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / samples.len() as f64
}

/// Samples at random times.
pub(in crate::noise) fn some(samples: &[f32], count: usize) -> Vec<f64> {
    let mut rng = stream(1, Purpose::Campaign, 0);
    (0..count).map(|_| f64::from(samples[(uniform(&mut rng) * samples.len() as f64) as usize])).collect()
}

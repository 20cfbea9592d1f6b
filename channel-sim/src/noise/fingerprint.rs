//! SHA-256 of a preset's first samples: the same on every processor (channel digest 1.8).

use super::error::NoiseError;
use super::mains::Mains;
use super::measure::generate;
use super::model::Conditions;
use super::plan::NoisePlan;
use super::preset::Preset;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Samples that are hashed.
pub const SAMPLES: usize = 1_000_000;

/// The hash of the first million samples on L1, as little-endian floats, at 400 kHz from 3 kHz on, with the mains of
/// [`Mains::EUROPE`] and seed 1.
pub fn fingerprint(preset: &Preset) -> Result<String, NoiseError> {
    let plan = NoisePlan::new(std::slice::from_ref(preset), &Conditions::open(400_000.0))?;
    let mut hash = Sha256::new();
    for sample in generate(&plan, 1, SAMPLES, &Mains::EUROPE) {
        hash.update(sample.to_le_bytes());
    }
    let mut text = String::with_capacity(64);
    for octet in hash.finalize() {
        // Writing to a string does not fail.
        let _ = write!(text, "{octet:02x}");
    }
    Ok(text)
}

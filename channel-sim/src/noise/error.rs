//! What can be wrong with a wish for noise: the preset, the value and the remedy.

use std::path::PathBuf;
use thiserror::Error;

/// Why there is no noise of the wanted kind.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum NoiseError {
    /// No such preset.
    #[error("unknown noise preset {text:?}; there are {known}, each with +DB, -DB or =DBM_PER_HZ behind it")]
    Unknown {
        /// What was asked for.
        text: String,
        /// Identifiers.
        known: String,
    },
    /// A level that is no number.
    #[error(
        "{text:?} is no level of preset {preset}; write {preset}+5, {preset}-5 (dB) or {preset}=-90 (dBm/Hz)"
    )]
    Level {
        /// The preset.
        preset: &'static str,
        /// What stands behind its identifier.
        text: String,
    },
    /// A density for tones.
    #[error(
        "{text:?}: {preset} has no density over CENELEC-A's carriers to set; write {preset}+5 (dB), or sir= of a tone"
    )]
    NoDensity {
        /// The preset.
        preset: &'static str,
        /// What was asked for.
        text: String,
    },
    /// A parameter that the preset does not have, or a value that it cannot have.
    #[error("preset {preset}: {text:?}: {wanted}")]
    Parameter {
        /// The preset.
        preset: &'static str,
        /// Key and value.
        text: String,
        /// What is wanted.
        wanted: String,
    },
    /// The model is not valid at this mains frequency.
    #[error(
        "preset {preset} follows mains of 50 or 60 Hz within 1 Hz, not {hz} Hz; set one of these, or leave it out"
    )]
    Mains {
        /// The preset.
        preset: &'static str,
        /// Mean frequency of the mains.
        hz: f64,
    },
    /// The model is not valid at this sample rate.
    #[error("preset {preset} at {rate_hz} samples/s: {why}")]
    Rate {
        /// The preset.
        preset: &'static str,
        /// The sample rate.
        rate_hz: f64,
        /// Limit and remedy.
        why: String,
    },
    /// The model is not valid in this band.
    #[error("preset {preset} in {low_hz} to {high_hz} Hz: {why}")]
    Band {
        /// The preset.
        preset: &'static str,
        /// Lower end of the band.
        low_hz: f64,
        /// Upper end of the band.
        high_hz: f64,
        /// Limit and remedy.
        why: String,
    },
    /// The noise cannot be scaled to a level.
    #[error(
        "the noise {presets} has no {part} in {low_hz} to {high_hz} Hz to set a level of; add n0, say {presets},n0"
    )]
    Nothing {
        /// The presets.
        presets: String,
        /// Background or mean.
        part: &'static str,
        /// Lower end of the band.
        low_hz: f64,
        /// Upper end of the band.
        high_hz: f64,
    },
    /// A file that cannot be used.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and the remedy.
        problem: String,
    },
}

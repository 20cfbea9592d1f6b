//! Noise at a modem's port.

/// Noise presets of the digest's table 1.8, as far as they are built. Several add up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Preset {
    /// N0: white Gaussian noise.
    N0 {
        /// Power spectral density in dBm/Hz at 50 Ω.
        dbm_per_hz: f64,
    },
    /// N1: Hooijen's coloured background, mean K plus an offset (one standard deviation is 5 dB).
    N1 {
        /// Added to the model's level.
        offset_db: f64,
    },
    /// N3a: Katayama's cyclostationary noise, parameter set KATA1, at 50 Hz.
    N3A,
}

//! What a network's operator wants to know of a receiver.

/// Noise of a symbol, against that of quiet ones, from which it counts as erased.
pub(super) const ERASED: f32 = 10.0;

/// Counts since the receiver was made. Each carrier's signal to noise ratio is
/// [`Receiver::carrier_snr`](super::Receiver::carrier_snr).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Statistics {
    /// Data frames whose payload was right.
    pub data_frames: u32,
    /// Acknowledgements.
    pub acknowledgements: u32,
    /// Preambles that a header with a wrong checksum followed.
    pub headers_failed: u32,
    /// Payloads that could not be decoded.
    pub payloads_failed: u32,
    /// Octets that Reed-Solomon corrected in payloads that were right.
    pub corrected_octets: u32,
    /// Symbols of payloads.
    pub payload_symbols: u32,
    /// Those of them with ten times the noise of quiet ones or more, which count for next to nothing.
    pub erased_symbols: u32,
    /// Windows of 256 samples of which some were left out as impulses
    /// ([`Mitigation::blanking`](super::Mitigation::blanking)).
    pub impulsive_windows: u32,
}

impl Statistics {
    /// Part of the payloads' symbols that noise erased.
    pub fn erased_share(&self) -> f32 {
        self.erased_symbols as f32 / self.payload_symbols.max(1) as f32
    }
}

/// Counts up; at the top it stays.
pub(super) fn count(counter: &mut u32, more: u32) {
    *counter = counter.saturating_add(more);
}

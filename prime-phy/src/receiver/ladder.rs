//! What a receiver does beyond, or short of, the standard differential one (docs/prime-receiver.md).

/// How header and payload are detected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Detection {
    /// Each carrier against the one below.
    #[default]
    Differential,
    /// Against an estimate of the channel, by the trellis of phases. A header only where the differential detection fails.
    Coherent {
        /// Passes through the trellis of phases and that of the convolutional code, at least one. From the second on
        /// they tell each other what they know and the channel is estimated anew.
        passes: u8,
    },
}

/// What becomes of a payload symbol that an impulse hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SymbolWeights {
    /// It counts as any other.
    Equal,
    /// It does not count at all.
    Erased,
    /// It counts as its noise allows.
    #[default]
    Noise,
}

/// The steps of a receiver. Coherent detection needs a [`FrameWorkspace`](super::FrameWorkspace); without one a receiver is
/// differential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReceiverOptions {
    /// How header and payload are detected.
    pub detection: Detection,
    /// Whether carriers count as their noise allows, or all the same.
    pub carrier_weights: bool,
    /// What becomes of symbols that an impulse hit.
    pub symbol_weights: SymbolWeights,
    /// Whether channel estimates are smoothed over the carriers, as echoes within the prefix allow. Where the carriers do not
    /// agree with that they are left more or less as they are.
    pub smooth_channel: bool,
    /// Whether the difference of the clocks is searched, up to 60 ppm, and followed.
    pub track_clock: bool,
}

impl ReceiverOptions {
    /// The standard differential receiver.
    pub const STANDARD: Self = Self {
        detection: Detection::Differential,
        carrier_weights: true,
        symbol_weights: SymbolWeights::Noise,
        smooth_channel: true,
        track_clock: true,
    };
    /// Coherent detection of the differential phases without iterations.
    pub const COHERENT: Self = Self::iterative(1);

    /// Everything on, with this many passes: 8 is a good choice.
    pub const fn iterative(passes: u8) -> Self {
        Self { detection: Detection::Coherent { passes }, ..Self::STANDARD }
    }
}

impl Default for ReceiverOptions {
    fn default() -> Self {
        Self::STANDARD
    }
}

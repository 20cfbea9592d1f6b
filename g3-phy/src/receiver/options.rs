//! What a receiver does beyond the standard differential one, each step with its price (docs/receiver.md).

/// How preambles are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PreambleDetection {
    /// By the phases of one, three and seven windows over frequency: one transform each 256 samples.
    #[default]
    Standard,
    /// Also matched to all of 8 SYNCP and SYNCM, coherent within groups of six carriers: four transforms each 256
    /// samples, and a frame's start is known only with its last preamble symbol.
    Matched,
}

/// How header and payload are detected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Detection {
    /// Each symbol against the one before.
    #[default]
    Differential,
    /// Differential first; where that fails, against an estimate of the channel, by the trellis of phases.
    Coherent {
        /// Passes through the trellis of phases and that of the convolutional code, at least one. From the second on
        /// they tell each other what they know and the channel is estimated anew.
        passes: u8,
    },
}

/// What a receiver does with the memory of a [`FrameWorkspace`](super::FrameWorkspace). Without one only the default
/// works.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReceiverOptions {
    /// How preambles are found.
    pub preamble: PreambleDetection,
    /// How header and payload are detected.
    pub detection: Detection,
    /// Whether the first channel estimate is smoothed over the carriers, as echoes within the prefix allow. Where
    /// the carriers do not agree with that it is left as it is.
    pub smooth_channel: bool,
    /// Whether the difference of the clocks is searched, up to 60 ppm, and followed.
    pub track_clock: bool,
    /// Whether noise is followed through the mains half cycle.
    pub track_noise: bool,
    /// Frequency of the mains, of which noise follows every half cycle.
    pub mains_hz: f32,
}

impl ReceiverOptions {
    /// The standard differential receiver.
    pub const STANDARD: Self = Self {
        preamble: PreambleDetection::Standard,
        detection: Detection::Differential,
        smooth_channel: true,
        track_clock: true,
        track_noise: true,
        mains_hz: 50.0,
    };
    /// Coherent detection of the differential phases without iterations.
    pub const COHERENT: Self = Self::iterative(1);

    /// Everything on, with this many passes: 8 is a good choice, 2 for a microcontroller that can pay for them.
    pub const fn iterative(passes: u8) -> Self {
        Self {
            preamble: PreambleDetection::Matched,
            detection: Detection::Coherent { passes },
            ..Self::STANDARD
        }
    }
}

impl Default for ReceiverOptions {
    fn default() -> Self {
        Self::STANDARD
    }
}

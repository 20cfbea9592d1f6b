//! Kinds of PHY frames and what they consist of (digest 2.2).

use crate::Scheme;
use crate::channel::{
    HEADER_SYMBOLS, PREAMBLE_SAMPLES, ROBUST_CHIRPS, ROBUST_HEADER_SYMBOLS, SYMBOL_SAMPLES,
};
use crate::header::MAC_HEADER_OCTETS;

/// A kind of PHY frame; the numbers are those of tools (digest 4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FrameType {
    /// That of v1.3.6.
    #[default]
    A = 0,
    /// Robust preamble and header.
    B = 2,
    /// Preamble and header of Type A, which keep nodes of v1.3.6 silent, then a frame of Type B.
    Bc = 3,
}

impl FrameType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::Bc];

    /// The plainest frame that can carry a scheme.
    pub const fn plainest(scheme: Scheme) -> Self {
        if scheme.is_robust() { Self::B } else { Self::A }
    }

    /// Octets of the MPDU that the header carries.
    pub const fn mac_octets(self) -> usize {
        match self {
            Self::A => MAC_HEADER_OCTETS,
            Self::B | Self::Bc => 0,
        }
    }

    /// Samples at 250 kHz before the payload.
    pub const fn head_samples(self) -> usize {
        const A: usize = PREAMBLE_SAMPLES + HEADER_SYMBOLS * SYMBOL_SAMPLES;
        const B: usize = ROBUST_CHIRPS * PREAMBLE_SAMPLES + ROBUST_HEADER_SYMBOLS * SYMBOL_SAMPLES;
        match self {
            Self::A => A,
            Self::B => B,
            Self::Bc => A + B,
        }
    }

    /// Whether the frame may have a payload of this scheme: robust ones are not legal in Type A (digest 4.3).
    pub const fn carries(self, scheme: Scheme) -> bool {
        !(matches!(self, Self::A) && scheme.is_robust())
    }
}

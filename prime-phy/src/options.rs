//! Readings of the standard that its summary leaves open, each with its default (digest 11).

/// Direction of the interleaver (digest 3.6, U3). Two student projects, both confirmed in their dimensions, disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Interleaving {
    /// w\[(N/s) (k mod s) + k/s\] = v\[k\]: the form of IEEE 802.11a's first permutation.
    #[default]
    Direct,
    /// The inverse permutation.
    Inverse,
}

impl Interleaving {
    /// The other reading.
    pub const fn other(self) -> Self {
        match self {
            Self::Direct => Self::Inverse,
            Self::Inverse => Self::Direct,
        }
    }
}

/// Whether a pseudo-noise sequence goes on from header to payload (digest 3.5, 3.8, U2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Continuity {
    /// One sequence from the start of the PPDU to its end: a public script quotes the standard's reset "at PPDU start".
    #[default]
    Continuous,
    /// The sequence starts anew with the payload.
    Restarted,
}

impl Continuity {
    /// The other reading.
    pub const fn other(self) -> Self {
        match self {
            Self::Continuous => Self::Restarted,
            Self::Restarted => Self::Continuous,
        }
    }
}

/// The open readings together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Options {
    /// Interleaver.
    pub interleaving: Interleaving,
    /// Scrambler.
    pub scrambler: Continuity,
    /// Pilots.
    pub pilots: Continuity,
    /// Level of the preamble's mean power above header and payload, in dB (digest 3.1, U8). Receivers do not depend on
    /// it.
    pub preamble_boost_db: f32,
}

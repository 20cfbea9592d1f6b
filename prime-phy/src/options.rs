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

/// How the repeater of the robust schemes and of the header of Type B arranges the four copies (digest 4.2, 4.3, U4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Repetition {
    /// Each symbol, scrambled and interleaved, is sent four times in succession.
    #[default]
    Symbols,
    /// The same, each copy moved on by a quarter of the symbol's bits, so that no copy of a bit is on the same carrier.
    ShiftedSymbols,
    /// Each coded bit four times in succession, then scrambler and interleaver: all copies lie in one symbol. A patent
    /// family on the mode claims repetition of bits.
    Bits,
}

impl Repetition {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Symbols, Self::ShiftedSymbols, Self::Bits];
}

/// Direction of a chirp (digest 4.1, U8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Sweep {
    /// From the lowest carrier to the highest, as in Type A.
    Ascending,
    /// From the highest to the lowest: a modem's register conjugates the chirp of Type B and not that of Type A.
    #[default]
    Descending,
}

/// Signs of the four chirps of the preamble of Type B (digest 4.1, U8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Polarity {
    /// + + + -, as they lie in a modem's memory.
    #[default]
    LastNegated,
    /// - + + +, as if it were read from its end.
    FirstNegated,
}

impl Polarity {
    /// Whether chirp `index` is negated.
    pub const fn negates(self, index: usize) -> bool {
        match self {
            Self::LastNegated => index == 3,
            Self::FirstNegated => index == 0,
        }
    }
}

/// How the coded bits of a bonded pair lie on its two channels. The summary says only that there are two tables of 97
/// carriers and the bit rate is doubled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Bonding {
    /// As two symbols of a single channel in succession, the first on the lower channel, each interleaved by itself. So the
    /// copies of a robust scheme's symbol are on both.
    #[default]
    Each,
    /// As one symbol of twice the bits, interleaved over both channels with the same s.
    Joint,
}

/// Polynomial of CRC-12 without its leading term: x^12 + x^11 + x^3 + x^2 + x + 1 (digest 4.2).
const CRC12_POLYNOMIAL: u16 = 0x80F;

/// The open readings together.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// Repeater of Type B.
    pub repetition: Repetition,
    /// Chirps of Type B.
    pub robust_sweep: Sweep,
    /// Signs of the chirps of Type B.
    pub robust_polarity: Polarity,
    /// Polynomial of the CRC-12 of the header of Type B, without its leading term (U4). Receivers have no way to find
    /// it out.
    pub crc12_polynomial: u16,
    /// Coded bits on a bonded pair. Receivers depend on it.
    pub bonding: Bonding,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interleaving: Interleaving::default(),
            scrambler: Continuity::default(),
            pilots: Continuity::default(),
            preamble_boost_db: 0.0,
            repetition: Repetition::default(),
            robust_sweep: Sweep::default(),
            robust_polarity: Polarity::default(),
            crc12_polynomial: CRC12_POLYNOMIAL,
            bonding: Bonding::default(),
        }
    }
}

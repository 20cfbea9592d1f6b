//! Readings of the standard that its summary leaves open, each with its default (digest 14).

pub use dsp::window::Tail;

use crate::band::{BandPlan, OVERLAP_SAMPLES, PREFIX_SAMPLES};
use crate::experimental::Experimental;
use crate::header::HeaderFormat;

/// Order in which the FCH carries its CRC5 (digest 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FccsOrder {
    /// FCCS\[3:0\], then FCCS\[4\]: two vendors' modems.
    #[default]
    LowNibbleFirst,
    /// FCCS\[4\] down to FCCS\[0\]: one article.
    MostSignificantFirst,
}

/// What the phases of FCH symbols refer to (digest 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FchModulation {
    /// The symbol before; SYNCP for the first.
    Differential,
    /// SYNCP in every symbol.
    Coherent,
}

/// Interleaver of modulations with several bits a carrier (digest 8.2 and 8.3). DBPSK, Robust and the FCH differ
/// only in the swap rule, which no full CENELEC-A frame triggers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Interleaving {
    /// Legacy mode, reading H1: one matrix read as a stream, a carrier takes consecutive bits.
    #[default]
    Legacy,
    /// Legacy mode, reading H2: one matrix, the bits of a carrier come from consecutive rows.
    LegacyRows,
    /// Non-legacy mode: one matrix for each bit of a carrier, no swap rule.
    Separate,
}

/// How the sign changes from SYNCP to SYNCM (digest 1.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Flip {
    /// From one sample to the next.
    #[default]
    Hard,
    /// Over the last edge's length of SYNCP, as one vendor's hardware does.
    CrossFade,
}

/// Stop band of the transmit filter, which deepens a notch of the tone mask: carriers by their index in the standard. It
/// delays the frame by 63 samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Notch {
    /// Lower edge, where the filter is down by 6 dB.
    pub first: u16,
    /// Upper edge.
    pub last: u16,
}

/// The longest edge that leaves a receiver a sample without interference: prefix less the standard's overlap.
pub const MOST_EDGE_SAMPLES: usize = PREFIX_SAMPLES - OVERLAP_SAMPLES;

/// The open readings together.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Options {
    /// Interleaver.
    pub interleaving: Interleaving,
    /// Order of the CRC5.
    pub fccs_order: FccsOrder,
    /// FCH modulation in FCC and ARIB where it is not the band's default. The receiver tries this one first and then
    /// the other: the CRC8 decides. The CENELEC bands are always differential.
    pub fch_modulation: Option<FchModulation>,
    /// Level of the preamble above FCH and payload, in dB (digest 1.4). Receivers do not depend on it.
    pub preamble_boost_db: f32,
    /// Falling edge of a symbol's window (digest 1.3). Receivers do not depend on it.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub tail: Tail,
    /// Join of SYNCP and SYNCM (digest 1.4). Receivers do not depend on it.
    pub flip: Flip,
    /// Samples of a symbol's edges, 8 by the standard, up to [`MOST_EDGE_SAMPLES`]. Longer ones reach into the cyclic
    /// prefix: notches grow deeper, the spectrum beside the band falls faster, and a receiver has that many samples
    /// fewer without interference of the symbol before (`docs/emission.md`).
    pub edge_samples: u8,
    /// Stop band of the transmit filter; none by default.
    pub notch: Option<Notch>,
    /// Guesses in use, none by default.
    pub experimental: Experimental,
}

impl Options {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        interleaving: Interleaving::Legacy,
        fccs_order: FccsOrder::LowNibbleFirst,
        fch_modulation: None,
        preamble_boost_db: PREAMBLE_BOOST_DB,
        tail: Tail::Complementary,
        flip: Flip::Hard,
        edge_samples: OVERLAP_SAMPLES as u8,
        notch: None,
        experimental: Experimental::NONE,
    };

    /// Whether what is sent on this plan is what the standard says, as far as the digest tells: no experimental plan
    /// and no guess in use, edges of the standard's length, no transmit filter.
    pub fn is_conformant(&self, plan: &BandPlan) -> bool {
        plan.is_conformant()
            && self.experimental == Experimental::NONE
            && usize::from(self.edge_samples) == OVERLAP_SAMPLES
            && self.notch.is_none()
    }

    /// Place of the first pilot of a coherent payload's first symbol. `None` where it is not known and no guess is
    /// in use.
    pub(crate) fn pilot_offset(&self, plan: &BandPlan) -> Option<u8> {
        plan.pilots.offset.or(self.experimental.cenelec_b_pilot_offset)
    }

    /// The FCH modulation to send with.
    pub(crate) fn fch_modulation(&self, plan: &BandPlan) -> FchModulation {
        self.fch_modulations(plan).first().copied().unwrap_or(FchModulation::Differential)
    }

    /// Readings of the band's FCH modulation, the one to send with at the front.
    pub(crate) fn fch_modulations(&self, plan: &BandPlan) -> &'static [FchModulation] {
        use FchModulation::{Coherent, Differential};
        match (plan.header, self.fch_modulation.unwrap_or(plan.fch_modulation)) {
            (HeaderFormat::Cenelec, _) => &[Differential],
            (HeaderFormat::Fcc | HeaderFormat::Arib, Coherent) => &[Coherent, Differential],
            (HeaderFormat::Fcc | HeaderFormat::Arib, Differential) => &[Differential, Coherent],
        }
    }
}

/// An amplitude of the square root of two.
const PREAMBLE_BOOST_DB: f32 = 3.010_3;

impl Default for Options {
    fn default() -> Self {
        Self::DEFAULT
    }
}

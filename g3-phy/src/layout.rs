//! How many symbols a PSDU takes and how many octets symbols carry (digest 7).

use crate::Modulation;
use crate::band::BandPlan;
use crate::tone::{ToneMap, ToneMask};

/// Octets of the longest Reed-Solomon word.
pub const MAX_RS_WORD: usize = 255;
/// Octets of the shortest PSDU (digest 7).
pub const MIN_PSDU: usize = 4;
/// Tail bits that return the convolutional encoder to zero.
pub const TAIL_BITS: usize = 6;

/// A payload of one Reed-Solomon block: sizes from octets to symbols.
///
/// The receiver knows the PSDU's length only from the symbol count, so the sender pads the PSDU to
/// [`psdu_capacity`](Self::psdu_capacity) (digest 7).
///
/// ```
/// use g3_phy::{BandPlan, Modulation, ToneMask, layout::PayloadLayout};
/// let plan = BandPlan::CENELEC_A;
/// let layout = PayloadLayout::for_psdu(&plan, ToneMask::ALL, plan.full_tone_map(), Modulation::Dbpsk, 100);
/// assert_eq!(layout.map(|layout| (layout.symbols, layout.psdu_capacity)), Some((52, 100)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadLayout {
    /// Payload symbols, a multiple of the band's frame length unit.
    pub symbols: u16,
    /// Octets of the PSDU that fill these symbols.
    pub psdu_capacity: u16,
    /// Carriers with data.
    pub carriers: u16,
    /// Modulation.
    pub modulation: Modulation,
}

impl PayloadLayout {
    /// The shortest payload that holds `psdu_len` octets. `None` where no carrier is left, the PSDU is empty, or it
    /// does not fit one Reed-Solomon word or the longest frame.
    pub fn for_psdu(
        plan: &BandPlan,
        mask: ToneMask,
        tone_map: ToneMap,
        modulation: Modulation,
        psdu_len: usize,
    ) -> Option<Self> {
        if psdu_len == 0 || psdu_len > MAX_RS_WORD {
            return None;
        }
        let carriers = plan.active(mask, tone_map).len();
        let unit = usize::from(plan.frame_length_unit);
        let word = psdu_len.max(MIN_PSDU) + modulation.parity_octets();
        let coded = 2 * (8 * word + TAIL_BITS) * modulation.repetition();
        let per_unit = carriers * modulation.bits_per_carrier() * unit;
        let symbols = unit * coded.div_ceil(per_unit.max(1));
        Self::sent(plan, carriers, modulation, symbols)
    }

    /// The payload that a header with `symbols` payload symbols announces. `None` where it holds no PSDU. A word
    /// that would exceed 255 octets counts as 255 (digest 7.2: a receiver caps, a transmitter does not send it).
    pub fn from_symbols(
        plan: &BandPlan,
        mask: ToneMask,
        tone_map: ToneMap,
        modulation: Modulation,
        symbols: u16,
    ) -> Option<Self> {
        Self::new(plan.active(mask, tone_map).len(), modulation, usize::from(symbols))
    }

    /// The shortest payload with the most octets.
    pub fn largest(
        plan: &BandPlan,
        mask: ToneMask,
        tone_map: ToneMap,
        modulation: Modulation,
    ) -> Option<Self> {
        let carriers = plan.active(mask, tone_map).len();
        let unit = usize::from(plan.frame_length_unit).max(1);
        let most = usize::from(plan.max_payload_symbols) / unit;
        let longest =
            (1..=most).rev().find_map(|units| Self::sent(plan, carriers, modulation, units * unit))?;
        Self::for_psdu(plan, mask, tone_map, modulation, usize::from(longest.psdu_capacity))
    }

    /// Octets of the Reed-Solomon word.
    pub const fn word_octets(&self) -> usize {
        self.psdu_capacity as usize + self.modulation.parity_octets()
    }

    /// Bits into the convolutional encoder, without its tail.
    pub const fn info_bits(&self) -> usize {
        8 * self.word_octets()
    }

    /// Bits out of the convolutional encoder, before repetition.
    pub const fn coded_bits(&self) -> usize {
        2 * (self.info_bits() + TAIL_BITS)
    }

    /// Bits that all the symbols carry, with repetition and padding.
    pub const fn raw_bits(&self) -> usize {
        self.symbols as usize * self.bits_per_symbol()
    }

    /// Bits that one symbol carries.
    pub const fn bits_per_symbol(&self) -> usize {
        self.carriers as usize * self.modulation.bits_per_carrier()
    }

    /// What a transmitter may use: within the frame length, and without a word that the receiver has to cap.
    fn sent(plan: &BandPlan, carriers: usize, modulation: Modulation, symbols: usize) -> Option<Self> {
        let fits = symbols <= usize::from(plan.max_payload_symbols);
        (fits && word_octets(carriers, modulation, symbols)? <= MAX_RS_WORD)
            .then(|| Self::new(carriers, modulation, symbols))?
    }

    fn new(carriers: usize, modulation: Modulation, symbols: usize) -> Option<Self> {
        let word = word_octets(carriers, modulation, symbols)?.min(MAX_RS_WORD);
        let psdu = word.checked_sub(modulation.parity_octets()).filter(|&octets| octets >= MIN_PSDU)?;
        Some(Self {
            symbols: u16::try_from(symbols).ok()?,
            psdu_capacity: psdu as u16,
            carriers: carriers as u16,
            modulation,
        })
    }
}

/// RS length L of digest 7 before its cap.
fn word_octets(carriers: usize, modulation: Modulation, symbols: usize) -> Option<usize> {
    let raw = symbols * carriers * modulation.bits_per_carrier();
    Some(raw.checked_sub(2 * TAIL_BITS * modulation.repetition())? / (16 * modulation.repetition()))
}

#[cfg(test)]
mod tests;

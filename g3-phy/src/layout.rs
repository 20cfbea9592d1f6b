//! How many symbols a PSDU takes and how many octets symbols carry (digest 7).

use crate::band::BandPlan;
use crate::header::HeaderFormat;
use crate::primitives::{DataHeader, MAX_PSDU};
use crate::tone::{ToneMap, ToneMask};
use crate::{Modulation, pilots};

/// Octets of the longest Reed-Solomon word.
pub const MAX_RS_WORD: usize = 255;
/// Octets of the shortest PSDU (digest 7).
pub const MIN_PSDU: usize = 4;
/// Tail bits that return the convolutional encoder to zero.
pub const TAIL_BITS: usize = 6;

/// A payload of one or two Reed-Solomon blocks: sizes from octets to symbols.
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
    /// Payload symbols of all blocks, a multiple of the band's frame length unit.
    pub symbols: u16,
    /// Octets of the PSDU that fill these symbols.
    pub psdu_capacity: u16,
    /// Carriers with data in each symbol.
    pub carriers: u16,
    /// Modulation.
    pub modulation: Modulation,
    /// Reed-Solomon blocks, sent one after the other, each with half of the PSDU where there are two (FCC only).
    pub blocks: Blocks,
}

/// Reed-Solomon blocks of a payload (digest 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Blocks {
    /// The only possibility but in FCC.
    #[default]
    One,
    /// Two of equal size.
    Two,
}

impl Blocks {
    /// How many there are.
    pub const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

impl PayloadLayout {
    /// The shortest payload that holds `psdu_len` octets, in FCC with two Reed-Solomon blocks where one does not hold
    /// them. `None` where no carrier is left, the PSDU is empty, or it fits neither the words nor the longest frame.
    pub fn for_psdu(
        plan: &BandPlan,
        mask: ToneMask,
        tone_map: ToneMap,
        modulation: Modulation,
        psdu_len: usize,
    ) -> Option<Self> {
        let carriers = data_carriers(plan, mask, tone_map, modulation);
        let with = |blocks| Self::shortest(plan, carriers, modulation, blocks, psdu_len);
        let two = || if plan.header == HeaderFormat::Fcc { with(Blocks::Two) } else { None };
        with(Blocks::One).or_else(two)
    }

    /// The payload of one block that a header with `symbols` payload symbols announces. `None` where it holds no
    /// PSDU. A word that would exceed 255 octets counts as 255 (digest 7.2: a receiver caps, a transmitter does not
    /// send it).
    pub fn from_symbols(
        plan: &BandPlan,
        mask: ToneMask,
        tone_map: ToneMap,
        modulation: Modulation,
        symbols: u16,
    ) -> Option<Self> {
        let carriers = data_carriers(plan, mask, tone_map, modulation);
        Self::new(carriers, modulation, Blocks::One, usize::from(symbols))
    }

    /// The payload that a header announces, as [`from_symbols`](Self::from_symbols) of one or two blocks.
    pub fn from_header(plan: &BandPlan, mask: ToneMask, header: &DataHeader) -> Option<Self> {
        let &DataHeader { tone_map, modulation, payload_symbols, blocks, .. } = header;
        let carriers = data_carriers(plan, mask, tone_map, modulation);
        Self::new(carriers, modulation, blocks, usize::from(payload_symbols))
    }

    /// The shortest payload of one block with the most octets.
    pub fn largest(
        plan: &BandPlan,
        mask: ToneMask,
        tone_map: ToneMap,
        modulation: Modulation,
    ) -> Option<Self> {
        Self::largest_with(plan, mask, tone_map, modulation, Blocks::One)
    }

    /// The shortest payload of so many blocks with the most octets. `None` where the band does not have them.
    pub fn largest_with(
        plan: &BandPlan,
        mask: ToneMask,
        tone_map: ToneMap,
        modulation: Modulation,
        blocks: Blocks,
    ) -> Option<Self> {
        if blocks == Blocks::Two && plan.header != HeaderFormat::Fcc {
            return None;
        }
        let carriers = data_carriers(plan, mask, tone_map, modulation);
        let unit = unit(plan, blocks);
        let most = usize::from(plan.max_payload_symbols) / unit;
        let longest = (1..=most)
            .rev()
            .find_map(|units| Self::sent(plan, carriers, modulation, blocks, units * unit))?;
        Self::shortest(plan, carriers, modulation, blocks, usize::from(longest.psdu_capacity))
    }

    /// Symbols of a block.
    pub const fn block_symbols(&self) -> usize {
        self.symbols as usize / self.blocks.count()
    }

    /// Octets of the PSDU in a block.
    pub const fn block_capacity(&self) -> usize {
        self.psdu_capacity as usize / self.blocks.count()
    }

    /// Octets of a block's Reed-Solomon word.
    pub const fn word_octets(&self) -> usize {
        self.block_capacity() + self.modulation.parity_octets()
    }

    /// A block's bits into the convolutional encoder, without its tail.
    pub const fn info_bits(&self) -> usize {
        8 * self.word_octets()
    }

    /// A block's bits out of the convolutional encoder, before repetition.
    pub const fn coded_bits(&self) -> usize {
        2 * (self.info_bits() + TAIL_BITS)
    }

    /// Bits that all the symbols of a block carry, with repetition and padding.
    pub const fn raw_bits(&self) -> usize {
        self.block_symbols() * self.bits_per_symbol()
    }

    /// Bits that one symbol carries.
    pub const fn bits_per_symbol(&self) -> usize {
        self.carriers as usize * self.modulation.bits_per_carrier()
    }

    fn shortest(
        plan: &BandPlan,
        carriers: usize,
        modulation: Modulation,
        blocks: Blocks,
        psdu_len: usize,
    ) -> Option<Self> {
        if psdu_len == 0 || psdu_len > MAX_PSDU {
            return None;
        }
        let word = psdu_len.div_ceil(blocks.count()).max(MIN_PSDU) + modulation.parity_octets();
        let coded = 2 * (8 * word + TAIL_BITS) * modulation.repetition();
        let unit = unit(plan, blocks);
        let per_unit = carriers * modulation.bits_per_carrier() * unit / blocks.count();
        Self::sent(plan, carriers, modulation, blocks, unit * coded.div_ceil(per_unit.max(1)))
    }

    /// What a transmitter may use: within the frame length, and without a word that the receiver has to cap.
    fn sent(
        plan: &BandPlan,
        carriers: usize,
        modulation: Modulation,
        blocks: Blocks,
        symbols: usize,
    ) -> Option<Self> {
        let fits = symbols <= usize::from(plan.max_payload_symbols);
        (fits && word_octets(carriers, modulation, symbols / blocks.count())? <= MAX_RS_WORD)
            .then(|| Self::new(carriers, modulation, blocks, symbols))?
    }

    fn new(carriers: usize, modulation: Modulation, blocks: Blocks, symbols: usize) -> Option<Self> {
        if !symbols.is_multiple_of(blocks.count()) {
            return None;
        }
        let word = word_octets(carriers, modulation, symbols / blocks.count())?.min(MAX_RS_WORD);
        let psdu = word.checked_sub(modulation.parity_octets()).filter(|&octets| octets >= MIN_PSDU)?;
        Some(Self {
            symbols: u16::try_from(symbols).ok()?,
            psdu_capacity: (psdu * blocks.count()) as u16,
            carriers: carriers as u16,
            modulation,
            blocks,
        })
    }
}

/// Carriers with data in each symbol: those active but for the pilots.
fn data_carriers(plan: &BandPlan, mask: ToneMask, tone_map: ToneMap, modulation: Modulation) -> usize {
    let active = plan.active(mask, tone_map).len();
    active - pilots::count(plan, modulation, active)
}

/// Symbols by which a payload grows: both blocks grow alike.
fn unit(plan: &BandPlan, blocks: Blocks) -> usize {
    usize::from(plan.frame_length_unit).max(1) * blocks.count()
}

/// RS length L of digest 7 before its cap, of one block.
fn word_octets(carriers: usize, modulation: Modulation, symbols: usize) -> Option<usize> {
    let raw = symbols * carriers * modulation.bits_per_carrier();
    Some(raw.checked_sub(2 * TAIL_BITS * modulation.repetition())? / (16 * modulation.repetition()))
}

#[cfg(test)]
mod tests;

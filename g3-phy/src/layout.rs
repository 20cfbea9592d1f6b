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

    /// The payload with the most octets.
    pub fn largest(
        plan: &BandPlan,
        mask: ToneMask,
        tone_map: ToneMap,
        modulation: Modulation,
    ) -> Option<Self> {
        let carriers = plan.active(mask, tone_map).len();
        let unit = usize::from(plan.frame_length_unit).max(1);
        let most = usize::from(plan.max_payload_symbols) / unit;
        (1..=most).rev().find_map(|units| Self::sent(plan, carriers, modulation, units * unit))
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
mod tests {
    use super::*;
    use crate::timing;

    const PLAN: BandPlan = BandPlan::CENELEC_A;

    fn from_symbols(modulation: Modulation, symbols: u16) -> Option<PayloadLayout> {
        PayloadLayout::from_symbols(&PLAN, ToneMask::ALL, PLAN.full_tone_map(), modulation, symbols)
    }

    fn for_psdu(modulation: Modulation, octets: usize) -> Option<PayloadLayout> {
        PayloadLayout::for_psdu(&PLAN, ToneMask::ALL, PLAN.full_tone_map(), modulation, octets)
    }

    /// Digest 7.1: symbols, RS word, PSDU, bit/s of the PHY.
    const TABLE_7_1: [(Modulation, u16, usize, u16, f64); 24] = [
        (Modulation::D8psk, 12, 80, 64, 21829.0),
        (Modulation::D8psk, 20, 134, 118, 32535.0),
        (Modulation::D8psk, 32, 215, 199, 42618.0),
        (Modulation::Dqpsk, 12, 53, 37, 12620.0),
        (Modulation::Dqpsk, 20, 89, 73, 20128.0),
        (Modulation::Dqpsk, 32, 143, 127, 27199.0),
        (Modulation::Dqpsk, 40, 179, 163, 30386.0),
        (Modulation::Dqpsk, 52, 233, 217, 33870.0),
        (Modulation::Dqpsk, 56, 251, 235, 34792.0),
        (Modulation::Dbpsk, 12, 26, 10, 3411.0),
        (Modulation::Dbpsk, 20, 44, 28, 7720.0),
        (Modulation::Dbpsk, 32, 71, 55, 11779.0),
        (Modulation::Dbpsk, 40, 89, 73, 13608.0),
        (Modulation::Dbpsk, 52, 116, 100, 15608.0),
        (Modulation::Dbpsk, 56, 125, 109, 16138.0),
        (Modulation::Dbpsk, 112, 251, 235, 20225.0),
        (Modulation::Robust, 40, 21, 13, 2423.0),
        (Modulation::Robust, 52, 28, 20, 3122.0),
        (Modulation::Robust, 56, 30, 22, 3257.0),
        (Modulation::Robust, 112, 62, 54, 4647.0),
        (Modulation::Robust, 252, 141, 133, 5592.0),
        // Listed as not applicable in the standard's table; the arithmetic holds.
        (Modulation::Robust, 32, 17, 9, 0.0),
        // Digest 12.3.
        (Modulation::Robust, 36, 19, 11, 0.0),
        // Digest 11.3.
        (Modulation::Robust, 196, 109, 101, 0.0),
    ];

    #[test]
    fn sizes_and_rates_are_those_of_table_7_1() {
        for (modulation, symbols, word, psdu, rate) in TABLE_7_1 {
            let Some(layout) = from_symbols(modulation, symbols) else { panic!("{modulation:?} {symbols}") };
            assert_eq!((layout.word_octets(), layout.psdu_capacity), (word, psdu));
            assert_eq!(for_psdu(modulation, usize::from(psdu)), Some(layout));
            let airtime = timing::frame_airtime(&PLAN, ToneMask::ALL, symbols);
            let ours = f64::from(psdu) * 8.0 / plc_core::time::as_seconds_f64(airtime);
            assert!(rate == 0.0 || (ours - rate).abs() < 0.51, "{modulation:?} {symbols}: {ours} b/s");
        }
        assert_eq!(from_symbols(Modulation::Robust, 20), None, "10/2 is below the minimum");
        assert_eq!(from_symbols(Modulation::Dbpsk, 0), None);
    }

    #[test]
    fn the_largest_payloads_are_those_of_the_mac_digest_1_7() {
        for (modulation, psdu, symbols) in [
            (Modulation::Robust, 133, 252),
            (Modulation::Dbpsk, 235, 112),
            (Modulation::Dqpsk, 235, 56),
            (Modulation::D8psk, 226, 36),
        ] {
            let largest = PayloadLayout::largest(&PLAN, ToneMask::ALL, PLAN.full_tone_map(), modulation);
            assert_eq!(
                largest.map(|largest| (largest.psdu_capacity, largest.symbols)),
                Some((psdu, symbols))
            );
            assert_eq!(for_psdu(modulation, usize::from(psdu)), largest);
            assert_eq!(for_psdu(modulation, usize::from(psdu) + 1), None);
        }
        let capped = from_symbols(Modulation::D8psk, 40);
        assert_eq!(capped.map(|capped| capped.word_octets()), Some(255), "a receiver caps the word");
    }

    #[test]
    fn a_payload_without_carriers_or_octets_has_no_layout() {
        let none = ToneMap(0);
        assert_eq!(PayloadLayout::for_psdu(&PLAN, ToneMask::ALL, none, Modulation::Dbpsk, 10), None);
        assert_eq!(PayloadLayout::largest(&PLAN, ToneMask::ALL, none, Modulation::Dbpsk), None);
        assert_eq!(for_psdu(Modulation::Dbpsk, 0), None);
        assert_eq!(for_psdu(Modulation::Dbpsk, usize::MAX), None);
    }

    #[test]
    fn every_psdu_fits_its_layout_and_not_the_next_shorter() {
        for modulation in Modulation::ALL {
            for tone_map in 1..64 {
                for octets in 1..=240 {
                    let map = ToneMap(tone_map);
                    let layout = PayloadLayout::for_psdu(&PLAN, ToneMask::ALL, map, modulation, octets);
                    let Some(layout) = layout else { continue };
                    assert!(usize::from(layout.psdu_capacity) >= octets);
                    assert!(layout.coded_bits() * modulation.repetition() <= layout.raw_bits());
                    let shorter = PayloadLayout::from_symbols(
                        &PLAN,
                        ToneMask::ALL,
                        map,
                        modulation,
                        layout.symbols - 4,
                    );
                    assert!(shorter.is_none_or(|shorter| usize::from(shorter.psdu_capacity) < octets.max(4)));
                }
            }
        }
    }
}

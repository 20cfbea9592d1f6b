//! How long a payload is: octets of the MPDU to symbols and back (digest 3.3).
//!
//! The header carries the first 54 used bits of the MPDU, so the payload starts with its eighth octet. A coded payload
//! ends with an octet of zeros that flushes the encoder. Zeros fill the last symbol.

use crate::Scheme;
use crate::channel::MAX_PAYLOAD_SYMBOLS;
use crate::header::MAC_HEADER_OCTETS;

/// Octets of the largest MPDU: 63 symbols of D8PSK without coding.
pub const MAX_MPDU: usize = MAC_HEADER_OCTETS + MAX_PAYLOAD_SYMBOLS * Scheme::D8psk.octets_per_symbol();

/// Zeros that flush the encoder at the end of a coded payload, in octets.
const FLUSHING_OCTETS: usize = 1;

/// The sizes of one payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadLayout {
    /// Scheme.
    pub scheme: Scheme,
    /// Payload symbols (LEN), up to 63.
    pub symbols: u8,
    /// Octets of zeros at the end (PAD_LEN), less than a symbol's.
    pub pad_octets: u8,
}

impl PayloadLayout {
    /// The layout of an MPDU of `octets` octets. `None` where it is shorter than what the header takes or needs more
    /// than 63 symbols.
    ///
    /// ```
    /// use prime_phy::{Scheme, layout::PayloadLayout};
    /// // REG_REQ of digest 10.3.
    /// let layout = PayloadLayout::for_mpdu(Scheme::DbpskC, 21);
    /// assert_eq!(layout.map(|layout| (layout.symbols, layout.pad_octets)), Some((3, 3)));
    /// ```
    pub fn for_mpdu(scheme: Scheme, octets: usize) -> Option<Self> {
        let used = octets.checked_sub(MAC_HEADER_OCTETS)? + flushing_octets(scheme);
        let symbols = used.div_ceil(scheme.octets_per_symbol());
        if symbols > MAX_PAYLOAD_SYMBOLS {
            return None;
        }
        let pad_octets = (symbols * scheme.octets_per_symbol() - used) as u8;
        Some(Self { scheme, symbols: symbols as u8, pad_octets })
    }

    /// The layout that a header tells of. `None` where its padding and flushing are more than its symbols carry.
    pub fn from_header(scheme: Scheme, symbols: u8, pad_octets: u8) -> Option<Self> {
        let layout = Self { scheme, symbols, pad_octets };
        let room = layout.payload_octets() as isize - flushing_octets(scheme) as isize;
        (usize::from(symbols) <= MAX_PAYLOAD_SYMBOLS && isize::from(pad_octets) <= room).then_some(layout)
    }

    /// Octets of the MPDU that the payload carries.
    pub fn data_octets(&self) -> usize {
        self.payload_octets().saturating_sub(flushing_octets(self.scheme) + usize::from(self.pad_octets))
    }

    /// Octets of the whole MPDU.
    pub fn mpdu_octets(&self) -> usize {
        MAC_HEADER_OCTETS + self.data_octets()
    }

    /// Octets before coding, with flushing and padding.
    pub(crate) fn payload_octets(&self) -> usize {
        usize::from(self.symbols) * self.scheme.octets_per_symbol()
    }

    /// Bits on the air.
    pub(crate) fn air_bits(&self) -> usize {
        usize::from(self.symbols) * self.scheme.bits_per_symbol()
    }
}

fn flushing_octets(scheme: Scheme) -> usize {
    if scheme.is_coded() { FLUSHING_OCTETS } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn symbols_are_those_that_a_sniffer_counted() {
        // Digest 10.2.
        for (octets, symbols) in [(21, 3), (22, 3), (25, 4), (33, 5), (63, 10), (76, 12)] {
            let layout = PayloadLayout::for_mpdu(Scheme::DbpskC, octets);
            assert_eq!(layout.map(|layout| layout.symbols), Some(symbols), "{octets} octets");
        }
    }

    #[test]
    fn most_payload_octets_are_those_of_the_digest() {
        for (scheme, most) in Scheme::ALL.into_iter().zip([756, 1_512, 2_268, 377, 755, 1_133]) {
            let largest = PayloadLayout::for_mpdu(scheme, MAC_HEADER_OCTETS + most);
            assert_eq!(largest.map(|layout| (layout.symbols, layout.data_octets())), Some((63, most)));
            assert_eq!(PayloadLayout::for_mpdu(scheme, MAC_HEADER_OCTETS + most + 1), None);
        }
        assert_eq!(PayloadLayout::for_mpdu(Scheme::Dbpsk, MAC_HEADER_OCTETS - 1), None);
    }

    proptest! {
        #[test]
        fn a_header_gives_the_layout_back(scheme in prop::sample::select(&Scheme::ALL[..]), octets in 0_usize..2_400) {
            if let Some(layout) = PayloadLayout::for_mpdu(scheme, octets) {
                prop_assert_eq!(layout.mpdu_octets(), octets);
                prop_assert!(usize::from(layout.pad_octets) < scheme.octets_per_symbol());
                prop_assert_eq!(PayloadLayout::from_header(scheme, layout.symbols, layout.pad_octets), Some(layout));
            }
        }

        #[test]
        fn any_header_is_a_layout_or_none(
            scheme in prop::sample::select(&Scheme::ALL[..]), symbols: u8, pad: u8
        ) {
            if let Some(layout) = PayloadLayout::from_header(scheme, symbols, pad) {
                prop_assert!(layout.mpdu_octets() <= MAX_MPDU);
            }
        }
    }
}

//! How long a payload is: octets of the MPDU to symbols and back (digest 3.3, 4.3).
//!
//! The header of Type A carries the first 54 used bits of the MPDU, so the payload starts with its eighth octet; in Type B
//! it starts with the first. A coded payload ends with an octet of zeros that flushes the encoder. Zeros fill the last
//! symbol, or the last four of a robust scheme.

use crate::channel::{MAX_PAYLOAD_SYMBOLS, MOST_CHANNELS};
use crate::header::MAC_HEADER_OCTETS;
use crate::{FrameType, Scheme};

/// Octets of the largest MPDU: 63 symbols of D8PSK without coding, in a frame of Type A.
pub const MAX_MPDU: usize = MAC_HEADER_OCTETS + MAX_PAYLOAD_SYMBOLS * Scheme::D8psk.octets_per_symbol();

/// Zeros that flush the encoder at the end of a coded payload, in octets.
const FLUSHING_OCTETS: usize = 1;

/// The sizes of one payload.
///
/// On a bonded pair a symbol carries twice as much. The longest payload is no longer than that of a single channel in blocks of
/// the code, so it has half as many symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadLayout {
    /// Channels side by side: 1, or 2 of a bonded pair.
    pub channels: usize,
    /// Kind of frame.
    pub frame_type: FrameType,
    /// Scheme.
    pub scheme: Scheme,
    /// Payload symbols (LEN), up to 63, or 252 of a robust scheme; half of that on a pair.
    pub symbols: u8,
    /// Octets of zeros at the end (PAD_LEN), less than a symbol's.
    pub pad_octets: u16,
}

impl PayloadLayout {
    /// The layout of an MPDU of `octets` octets in the plainest frame that carries the scheme: Type A, or B for a robust
    /// scheme. `None` where it is shorter than what the header takes or needs too many symbols.
    ///
    /// ```
    /// use prime_phy::{Scheme, layout::PayloadLayout};
    /// // REG_REQ of digest 10.3.
    /// let layout = PayloadLayout::for_mpdu(Scheme::DbpskC, 21);
    /// assert_eq!(layout.map(|layout| (layout.symbols, layout.pad_octets)), Some((3, 3)));
    /// ```
    pub fn for_mpdu(scheme: Scheme, octets: usize) -> Option<Self> {
        Self::for_frame(FrameType::plainest(scheme), scheme, octets)
    }

    /// The same in a frame of a given kind; `None` also where it cannot carry the scheme.
    pub fn for_frame(frame_type: FrameType, scheme: Scheme, octets: usize) -> Option<Self> {
        Self::on(1, frame_type, scheme, octets)
    }

    /// The same on one channel or two.
    ///
    /// ```
    /// use prime_phy::{FrameType, Scheme, layout::PayloadLayout};
    /// let layout = PayloadLayout::on(2, FrameType::A, Scheme::DbpskC, 21);
    /// assert_eq!(layout.map(|layout| (layout.symbols, layout.pad_octets)), Some((2, 9)));
    /// ```
    pub fn on(channels: usize, frame_type: FrameType, scheme: Scheme, octets: usize) -> Option<Self> {
        (1..=MOST_CHANNELS).contains(&channels).then_some(())?;
        let used = octets.checked_sub(frame_type.mac_octets())?.saturating_add(flushing_octets(scheme));
        let room = channels * scheme.octets_per_symbol();
        let blocks = used.div_ceil(room);
        let symbols = blocks.saturating_mul(scheme.copies());
        if octets == 0 || !frame_type.carries(scheme) || symbols > most_symbols(channels, scheme) {
            return None;
        }
        let pad_octets = (blocks * room - used) as u16;
        Some(Self { channels, frame_type, scheme, symbols: symbols as u8, pad_octets })
    }

    /// The layout that a header tells of. `None` where the frame cannot carry the scheme, padding and flushing are more than
    /// the symbols carry, or they leave no octet of an MPDU.
    pub fn from_header(
        channels: usize,
        frame_type: FrameType,
        scheme: Scheme,
        symbols: u8,
        pad_octets: u16,
    ) -> Option<Self> {
        (1..=MOST_CHANNELS).contains(&channels).then_some(())?;
        let layout = Self { channels, frame_type, scheme, symbols, pad_octets };
        let room = layout.payload_octets() as isize - flushing_octets(scheme) as isize;
        let whole = frame_type.carries(scheme)
            && usize::from(symbols) <= most_symbols(channels, scheme)
            && usize::from(symbols).is_multiple_of(scheme.copies());
        (whole && pad_octets as isize <= room && layout.mpdu_octets() > 0).then_some(layout)
    }

    /// Octets of the MPDU that the payload carries.
    pub fn data_octets(&self) -> usize {
        self.payload_octets().saturating_sub(flushing_octets(self.scheme) + usize::from(self.pad_octets))
    }

    /// Octets of the whole MPDU.
    pub fn mpdu_octets(&self) -> usize {
        self.frame_type.mac_octets() + self.data_octets()
    }

    /// Octets before coding, with flushing and padding.
    pub(crate) fn payload_octets(&self) -> usize {
        self.blocks() * self.scheme.octets_per_symbol()
    }

    /// Bits before they are repeated.
    pub(crate) fn coded_bits(&self) -> usize {
        self.blocks() * self.scheme.bits_per_symbol()
    }

    /// Symbols of single channels, copies not counted.
    fn blocks(&self) -> usize {
        usize::from(self.symbols) / self.scheme.copies() * self.channels
    }
}

/// Most payload symbols of a frame: together the channels have no more than one alone.
fn most_symbols(channels: usize, scheme: Scheme) -> usize {
    MAX_PAYLOAD_SYMBOLS / channels.max(1) * scheme.copies()
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
        for (scheme, most) in Scheme::TYPE_A.into_iter().zip([756, 1_512, 2_268, 377, 755, 1_133]) {
            let largest = PayloadLayout::for_mpdu(scheme, MAC_HEADER_OCTETS + most);
            assert_eq!(largest.map(|layout| (layout.symbols, layout.data_octets())), Some((63, most)));
            assert_eq!(PayloadLayout::for_mpdu(scheme, MAC_HEADER_OCTETS + most + 1), None);
        }
        assert_eq!(PayloadLayout::for_mpdu(Scheme::Dbpsk, MAC_HEADER_OCTETS - 1), None);
    }

    #[test]
    fn robust_schemes_go_in_fours_and_only_in_type_b() {
        let sizes = |frame_type, scheme, octets| {
            PayloadLayout::for_frame(frame_type, scheme, octets)
                .map(|layout| (layout.symbols, layout.pad_octets))
        };
        assert_eq!(sizes(FrameType::B, Scheme::RobustDbpsk, 18), Some((16, 5)));
        assert_eq!(sizes(FrameType::Bc, Scheme::RobustDqpsk, 18), Some((8, 5)));
        assert_eq!(sizes(FrameType::B, Scheme::RobustDbpsk, 377), Some((252, 0)));
        assert_eq!(sizes(FrameType::B, Scheme::RobustDbpsk, 378), None);
        assert_eq!(sizes(FrameType::B, Scheme::DbpskC, 21), Some((4, 2)), "no octets in the header");
        assert_eq!(sizes(FrameType::A, Scheme::RobustDbpsk, 18), None);
        assert_eq!(sizes(FrameType::A, Scheme::RobustDqpsk, 7), None);
        assert_eq!(PayloadLayout::from_header(1, FrameType::A, Scheme::RobustDbpsk, 0, 0), None);
    }

    #[test]
    fn a_pair_carries_twice_as_much_in_a_symbol_and_as_much_in_the_longest_frame() {
        // Digest 2: the bit rate is doubled.
        for scheme in Scheme::ALL {
            let frame_type = FrameType::plainest(scheme);
            for symbols in (0..=31 * scheme.copies() as u8).step_by(scheme.copies()) {
                let octets = |channels| {
                    PayloadLayout::from_header(channels, frame_type, scheme, symbols, 0)
                        .map(|layout| layout.data_octets() + flushing_octets(scheme))
                };
                if let Some(single) = octets(1) {
                    assert_eq!(octets(2), Some(2 * single), "{scheme:?} {symbols}");
                }
            }
            let longer = 32 * scheme.copies() as u8;
            assert_eq!(PayloadLayout::from_header(2, frame_type, scheme, longer, 0), None);
        }
    }

    #[test]
    fn a_frame_without_an_octet_of_an_mpdu_is_none() {
        assert_eq!(PayloadLayout::from_header(1, FrameType::B, Scheme::Dbpsk, 0, 0), None);
        assert_eq!(PayloadLayout::from_header(1, FrameType::Bc, Scheme::DbpskC, 1, 5), None);
        assert_eq!(PayloadLayout::for_frame(FrameType::B, Scheme::Dbpsk, 0), None);
        assert!(PayloadLayout::from_header(1, FrameType::A, Scheme::Dbpsk, 0, 0).is_some(), "seven octets");
    }

    proptest! {
        #[test]
        fn a_header_gives_the_layout_back(
            frame_type in prop::sample::select(&FrameType::ALL[..]),
            scheme in prop::sample::select(&Scheme::ALL[..]),
            octets in 0_usize..2_400,
            channels in 1_usize..=2,
        ) {
            if let Some(layout) = PayloadLayout::on(channels, frame_type, scheme, octets) {
                prop_assert_eq!(layout.mpdu_octets(), octets);
                prop_assert!(usize::from(layout.pad_octets) < channels * scheme.octets_per_symbol());
                let PayloadLayout { symbols, pad_octets, .. } = layout;
                let again = PayloadLayout::from_header(channels, frame_type, scheme, symbols, pad_octets);
                prop_assert_eq!(again, Some(layout));
            }
        }

        #[test]
        fn any_header_is_a_layout_or_none(
            frame_type in prop::sample::select(&FrameType::ALL[..]),
            scheme in prop::sample::select(&Scheme::ALL[..]),
            symbols: u8,
            pad: u16,
            channels: usize,
        ) {
            for channels in [channels, channels % 4] {
                if let Some(layout) = PayloadLayout::from_header(channels, frame_type, scheme, symbols, pad) {
                    prop_assert!(layout.mpdu_octets() <= MAX_MPDU);
                }
                let _ = PayloadLayout::on(channels, frame_type, scheme, usize::from(pad));
            }
        }
    }
}

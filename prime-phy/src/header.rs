//! PHY headers: that of Type A, 84 bits with the CRC-8 and the encoder's tail (digest 3.2), and what both types say.

mod robust;

use crate::layout::PayloadLayout;
use crate::{FrameType, Scheme};
use dsp::crc::CRC8_PRIME;
use thiserror::Error;

pub use robust::HeaderB;
pub(crate) use robust::{ROBUST_HEADER_BITS, ROBUST_HEADER_OCTETS};

/// Octets of the MPDU that the header carries; the first two bits are unused and zero, and are left out.
pub const MAC_HEADER_OCTETS: usize = 7;
/// Bits of the header without the tail: PROTOCOL, LEN, PAD_LEN, MAC_H, CRC_Ctrl.
pub(crate) const HEADER_BITS: usize = CHECKED_BITS + 8;
/// Octets that hold them.
pub(crate) const HEADER_OCTETS: usize = HEADER_BITS.div_ceil(8);

/// Bits under the CRC.
const CHECKED_BITS: usize = 4 + 6 + 6 + MAC_BITS;
/// MAC_H.
const MAC_BITS: usize = 8 * MAC_HEADER_OCTETS - 2;

/// MAC_H of the header of Type A in a frame of Type BC: to a node of v1.3.6 a MAC frame whose check is wrong (digest 4.4).
const ANNOUNCEMENT: [u8; MAC_HEADER_OCTETS] = [0x1A, 0x7A, 0x2B, 0xCB, 0xCF, 0xAB, 0xAA];
/// PAD_LEN there.
const ANNOUNCEMENT_PADDING: u8 = 4;
/// Payload symbols that preamble and header of Type B count for there.
const ANNOUNCED_HEAD: u8 = 8;

/// What the header of a frame says, whatever its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Header {
    /// Kind of frame.
    pub frame_type: FrameType,
    /// Payload scheme (PROTOCOL).
    pub scheme: Scheme,
    /// Payload symbols (LEN).
    pub symbols: u8,
    /// Octets of padding (PAD_LEN).
    pub pad_octets: u16,
    /// Channels that the frame lies on, which the header does not tell: 2 of a bonded pair.
    pub channels: usize,
}

impl Header {
    /// The layout of the payload.
    pub fn layout(&self) -> Option<PayloadLayout> {
        let Self { channels, frame_type, scheme, symbols, pad_octets } = *self;
        PayloadLayout::from_header(channels, frame_type, scheme, symbols, pad_octets)
    }
}

/// A header of Type A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HeaderA {
    /// Payload scheme (PROTOCOL).
    pub scheme: Scheme,
    /// Payload symbols (LEN).
    pub symbols: u8,
    /// Octets of padding (PAD_LEN).
    pub pad_octets: u8,
    /// The first seven octets of the MPDU (MAC_H behind two zeros).
    pub mac: [u8; MAC_HEADER_OCTETS],
}

/// Why a header is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// CRC_Ctrl does not match.
    #[error("CRC_Ctrl is {found:#04x}, computed {computed:#04x}")]
    Crc {
        /// The field.
        found: u16,
        /// What it should be.
        computed: u16,
    },
    /// PROTOCOL is reserved in a frame of this type.
    #[error("PROTOCOL {0:#x} is reserved")]
    Protocol(u8),
    /// LEN has no room for PAD_LEN, flushing and an octet of an MPDU.
    #[error("PAD_LEN {pad_octets} does not fit {symbols} symbols of {scheme:?}")]
    Padding {
        /// PROTOCOL.
        scheme: Scheme,
        /// LEN.
        symbols: u8,
        /// PAD_LEN.
        pad_octets: u16,
    },
    /// LEN or PAD_LEN is beyond its bits, or the first two bits of the MPDU in a header of Type A are not zero.
    #[error("LEN {symbols}, PAD_LEN {pad_octets} or first octet {first:#04x} of the MPDU is beyond its bits")]
    Field {
        /// LEN.
        symbols: u8,
        /// PAD_LEN.
        pad_octets: u16,
        /// First octet of the MPDU.
        first: u8,
    },
}

impl HeaderA {
    /// The header of Type A before a frame of Type B with this many payload symbols (Type BC).
    pub const fn announcing(payload_symbols: u8) -> Self {
        Self {
            scheme: Scheme::DbpskC,
            symbols: (payload_symbols % 64 + ANNOUNCED_HEAD) % 64,
            pad_octets: ANNOUNCEMENT_PADDING,
            mac: ANNOUNCEMENT,
        }
    }

    /// Whether a frame of Type B follows instead of a payload.
    pub fn announces(&self) -> bool {
        *self == Self { symbols: self.symbols, ..Self::announcing(0) }
    }

    /// What it says of the payload of a frame on so many channels.
    pub fn header(&self, channels: usize) -> Header {
        let Self { scheme, symbols, pad_octets, .. } = *self;
        Header { frame_type: FrameType::A, scheme, symbols, pad_octets: pad_octets.into(), channels }
    }

    /// The 78 bits before the tail, most significant first; the last two of the octets are zero.
    ///
    /// # Errors
    /// A field is beyond its bits.
    pub fn emit(&self) -> Result<[u8; HEADER_OCTETS], HeaderError> {
        let Self { scheme, symbols, pad_octets, mac } = *self;
        if symbols > 0x3F || pad_octets > 0x3F || mac[0] > 0x3F {
            return Err(HeaderError::Field { symbols, pad_octets: pad_octets.into(), first: mac[0] });
        }
        let mac = mac.iter().fold(0, |bits, &octet| bits << 8 | u128::from(octet));
        let fields = u128::from(scheme.code()) << 12 | u128::from(symbols) << 6 | u128::from(pad_octets);
        let checked = fields << MAC_BITS | mac;
        let crc = CRC8_PRIME.of_bits(&left_aligned(checked, CHECKED_BITS), CHECKED_BITS);
        Ok(left_aligned(checked << 8 | u128::from(crc), HEADER_BITS))
    }

    /// Reads the 78 bits of a frame on so many channels.
    ///
    /// # Errors
    /// The CRC is wrong, or it is right and the fields are not of v1.3.6.
    pub fn parse(octets: &[u8; HEADER_OCTETS], channels: usize) -> Result<Self, HeaderError> {
        let bits = octets.iter().fold(0, |bits, &octet| bits << 8 | u128::from(octet))
            >> (8 * HEADER_OCTETS - HEADER_BITS);
        let (checked, found) = (bits >> 8, bits as u8);
        let computed = CRC8_PRIME.of_bits(octets, CHECKED_BITS) as u8;
        if found != computed {
            return Err(HeaderError::Crc { found: found.into(), computed: computed.into() });
        }
        let fields = checked >> MAC_BITS;
        let protocol = (fields >> 12) as u8 & 0xF;
        let scheme = Scheme::from_code(protocol).ok_or(HeaderError::Protocol(protocol))?;
        let (symbols, pad_octets) = ((fields >> 6) as u8 & 0x3F, fields as u8 & 0x3F);
        let mac = core::array::from_fn(|at| (checked >> (8 * (MAC_HEADER_OCTETS - 1 - at))) as u8);
        let mut header = Self { scheme, symbols, pad_octets, mac };
        header.mac[0] &= 0x3F;
        if !header.announces() && header.header(channels).layout().is_none() {
            return match scheme.is_robust() {
                true => Err(HeaderError::Protocol(protocol)),
                false => Err(HeaderError::Padding { scheme, symbols, pad_octets: pad_octets.into() }),
            };
        }
        Ok(header)
    }
}

/// The lowest `count` bits of `bits` at the start of the octets.
fn left_aligned(bits: u128, count: usize) -> [u8; HEADER_OCTETS] {
    let aligned = (bits << (128 - count)).to_be_bytes();
    core::array::from_fn(|at| aligned[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// REG_REQ_direct of digest 10.3.
    const HEADER: HeaderA = HeaderA {
        scheme: Scheme::DbpskC,
        symbols: 3,
        pad_octets: 3,
        mac: [0x00, 0x00, 0x74, 0x16, 0x01, 0x00, 0xFF],
    };

    #[test]
    fn header_of_the_digest_has_its_bits_and_crc() {
        // 40C30001D0580403FE240 without the tail.
        let octets = [0x40, 0xC3, 0x00, 0x01, 0xD0, 0x58, 0x04, 0x03, 0xFE, 0x24];
        assert_eq!(HEADER.emit(), Ok(octets));
        assert_eq!(HeaderA::parse(&octets, 1), Ok(HEADER));
        let bits = octets.iter().fold(0, |bits, &octet| bits << 8 | u128::from(octet));
        assert_eq!((bits >> 2) as u8, 0x89, "CRC_Ctrl");
    }

    #[test]
    fn a_right_crc_over_a_reserved_protocol_is_told_apart() {
        let mut octets = [0; HEADER_OCTETS];
        octets[0] = 0xC0;
        let crc = CRC8_PRIME.of_bits(&octets, CHECKED_BITS) as u8;
        octets[8] |= crc >> 6;
        octets[9] |= crc << 2;
        assert_eq!(HeaderA::parse(&octets, 1), Err(HeaderError::Protocol(0xC)));
    }

    #[test]
    fn a_frame_of_type_b_is_announced_with_the_octets_of_the_digest() {
        // Digest 4.4: 41 1A 7A 2B CB CF AB AA, in the order of the modem's configuration.
        for (symbols, announced) in [(0, 8), (12, 20), (55, 63), (56, 0), (252, 4)] {
            let header = HeaderA::announcing(symbols);
            assert_eq!((header.symbols, header.pad_octets, header.scheme.code()), (announced, 4, 4));
            assert_eq!(header.mac, [0x1A, 0x7A, 0x2B, 0xCB, 0xCF, 0xAB, 0xAA]);
            assert_eq!(HeaderA::parse(&header.emit().unwrap(), 1), Ok(header));
            assert!(header.announces());
        }
        assert!(!HEADER.announces());
    }

    proptest! {
        #[test]
        fn headers_go_round(
            scheme in prop::sample::select(&Scheme::TYPE_A[..]), octets in 7_usize..2_300,
            mac: [u8; 7], channels in 1_usize..=2,
        ) {
            // Not all paddings of D8PSK on a pair fit the field.
            if let Some(layout) = PayloadLayout::on(channels, FrameType::A, scheme, octets)
                && layout.pad_octets < 64
            {
                let mut mac = mac;
                mac[0] &= 0x3F;
                let header = HeaderA { scheme, symbols: layout.symbols, pad_octets: layout.pad_octets as u8, mac };
                prop_assert_eq!(HeaderA::parse(&header.emit().unwrap(), channels), Ok(header));
            }
        }

        #[test]
        fn any_bits_are_a_header_that_goes_round_or_an_error(octets: [u8; HEADER_OCTETS]) {
            if let Ok(header) = HeaderA::parse(&octets, 1) {
                let mut kept = octets;
                kept[HEADER_OCTETS - 1] &= 0xFC;
                prop_assert_eq!(header.emit(), Ok(kept));
            }
        }

        #[test]
        fn one_wrong_bit_is_noticed(bit in 0..HEADER_BITS) {
            let mut octets = HEADER.emit().unwrap();
            octets[bit / 8] ^= 0x80 >> (bit % 8);
            let refused_by_crc = matches!(HeaderA::parse(&octets, 1), Err(HeaderError::Crc { .. }));
            prop_assert!(refused_by_crc);
        }
    }
}

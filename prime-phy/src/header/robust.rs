//! The PHY header of Type B: 42 bits with the CRC-12 and the encoder's tail (digest 4.2).

use super::{Header, HeaderError};
use crate::layout::PayloadLayout;
use crate::{FrameType, Scheme};
use dsp::crc::Crc;

/// Bits of the header without the tail: PROTOCOL, LEN, PAD_LEN, three reserved, CRC_Ctrl.
pub(crate) const ROBUST_HEADER_BITS: usize = CHECKED_BITS + 12;
/// Octets that hold them.
pub(crate) const ROBUST_HEADER_OCTETS: usize = ROBUST_HEADER_BITS.div_ceil(8);

/// Bits under the CRC.
const CHECKED_BITS: usize = 4 + 8 + 9 + RESERVED_BITS;
const RESERVED_BITS: usize = 3;

/// A header of Type B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HeaderB {
    /// Payload scheme (PROTOCOL).
    pub scheme: Scheme,
    /// Payload symbols (LEN), all four copies of those of a robust scheme counted.
    pub symbols: u8,
    /// Octets of padding (PAD_LEN).
    pub pad_octets: u16,
}

impl HeaderB {
    /// What it says of the payload of a frame of Type B or BC on so many channels.
    pub const fn header(&self, frame_type: FrameType, channels: usize) -> Header {
        let Self { scheme, symbols, pad_octets } = *self;
        Header { frame_type, scheme, symbols, pad_octets, channels }
    }

    /// The 36 bits before the tail, most significant first; the last four of the octets are zero.
    ///
    /// # Errors
    /// PAD_LEN is beyond its nine bits.
    pub fn emit(&self, crc12_polynomial: u16) -> Result<[u8; ROBUST_HEADER_OCTETS], HeaderError> {
        let Self { scheme, symbols, pad_octets } = *self;
        if pad_octets > 0x1FF {
            return Err(HeaderError::Field { symbols, pad_octets, first: 0 });
        }
        let fields = u64::from(scheme.code()) << 17 | u64::from(symbols) << 9 | u64::from(pad_octets);
        let checked = fields << RESERVED_BITS;
        let crc = check(crc12_polynomial, checked);
        Ok(left_aligned(checked << 12 | u64::from(crc)))
    }

    /// Reads the 36 bits of a frame on so many channels. What is reserved is not looked at.
    ///
    /// # Errors
    /// The CRC is wrong, or it is right and the fields are not of v1.4.
    pub fn parse(
        octets: &[u8; ROBUST_HEADER_OCTETS],
        channels: usize,
        crc12_polynomial: u16,
    ) -> Result<Self, HeaderError> {
        let bits = octets.iter().fold(0, |bits, &octet| bits << 8 | u64::from(octet))
            >> (8 * ROBUST_HEADER_OCTETS - ROBUST_HEADER_BITS);
        let (checked, found) = (bits >> 12, bits as u16 & 0xFFF);
        let computed = check(crc12_polynomial, checked);
        if found != computed {
            return Err(HeaderError::Crc { found, computed });
        }
        let fields = checked >> RESERVED_BITS;
        let protocol = (fields >> 17) as u8 & 0xF;
        let scheme = Scheme::from_code(protocol).ok_or(HeaderError::Protocol(protocol))?;
        let (symbols, pad_octets) = ((fields >> 9) as u8, fields as u16 & 0x1FF);
        PayloadLayout::from_header(channels, FrameType::B, scheme, symbols, pad_octets)
            .ok_or(HeaderError::Padding { scheme, symbols, pad_octets })?;
        Ok(Self { scheme, symbols, pad_octets })
    }
}

fn check(polynomial: u16, checked: u64) -> u16 {
    let octets = (checked << (64 - CHECKED_BITS)).to_be_bytes();
    Crc::new(12, polynomial.into(), 0, 0).of_bits(&octets, CHECKED_BITS) as u16
}

/// The 36 bits at the start of the octets.
fn left_aligned(bits: u64) -> [u8; ROBUST_HEADER_OCTETS] {
    let aligned = (bits << (64 - ROBUST_HEADER_BITS)).to_be_bytes();
    core::array::from_fn(|at| aligned[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use proptest::prelude::*;

    fn polynomial() -> u16 {
        Options::default().crc12_polynomial
    }

    #[test]
    fn fields_lie_as_the_modem_packs_them() {
        // Digest 4.2: PROTOCOL<<4|LEN>>4, LEN<<4|PAD_LEN>>5, PAD_LEN<<3, then the CRC.
        let header = HeaderB { scheme: Scheme::RobustDqpsk, symbols: 0x5C, pad_octets: 0x00B };
        let octets = header.emit(polynomial()).unwrap();
        assert_eq!(octets[..3], [0xD5, 0xC0, 0x58]);
        // The remainder of the division, bit by bit.
        let mut register = 0_u32;
        for bit in 0..24 {
            let top = register >> 11 & 1 ^ u32::from(octets[bit / 8] >> (7 - bit % 8) & 1);
            register = register << 1 & 0xFFF ^ if top == 1 { 0x80F } else { 0 };
        }
        assert_eq!(u32::from(octets[3]) << 4 | u32::from(octets[4] >> 4), register);
        assert_eq!(octets[4] & 0xF, 0);
    }

    #[test]
    fn a_reserved_protocol_and_a_length_without_room_are_told_apart_from_a_wrong_check() {
        let parse = |fields: u64| {
            let checked = fields << RESERVED_BITS;
            HeaderB::parse(
                &left_aligned(checked << 12 | u64::from(check(polynomial(), checked))),
                1,
                polynomial(),
            )
        };
        assert_eq!(parse(0x3 << 17), Err(HeaderError::Protocol(3)));
        let misfit = |symbols, pad_octets| {
            Err(HeaderError::Padding { scheme: Scheme::RobustDbpsk, symbols, pad_octets })
        };
        assert_eq!(parse(0xC << 17 | 3 << 9), misfit(3, 0));
        assert_eq!(parse(0xC << 17 | 4 << 9 | 6), misfit(4, 6));
        assert_eq!(parse(0xC << 17 | 4 << 9 | 5), misfit(4, 5), "flushing and padding alone");
        assert!(parse(0xC << 17 | 4 << 9 | 4).is_ok());
        assert!(parse(0x4 << 17 | 64 << 9).is_err(), "only robust schemes go beyond 63 symbols");
        let mut octets =
            HeaderB { scheme: Scheme::Dbpsk, symbols: 1, pad_octets: 0 }.emit(polynomial()).unwrap();
        octets[4] ^= 0x10;
        assert!(matches!(HeaderB::parse(&octets, 1, polynomial()), Err(HeaderError::Crc { .. })));
    }

    proptest! {
        #[test]
        fn headers_go_round(
            scheme in prop::sample::select(&Scheme::ALL[..]), octets in 0_usize..2_300, polynomial in 1_u16..0x1000,
            channels in 1_usize..=2,
        ) {
            if let Some(layout) = PayloadLayout::on(channels, FrameType::B, scheme, octets) {
                let header = HeaderB { scheme, symbols: layout.symbols, pad_octets: layout.pad_octets };
                prop_assert_eq!(HeaderB::parse(&header.emit(polynomial).unwrap(), channels, polynomial), Ok(header));
            }
        }

        #[test]
        fn any_bits_are_a_header_that_goes_round_or_an_error(octets: [u8; ROBUST_HEADER_OCTETS]) {
            if let Ok(header) = HeaderB::parse(&octets, 1, polynomial()) {
                let mut kept = octets;
                kept[4] &= 0xF0;
                // Reserved bits change the check; without them the header is what was read.
                if kept[2] & 0x7 == 0 {
                    prop_assert_eq!(header.emit(polynomial()), Ok(kept));
                }
            }
        }

        #[test]
        fn one_wrong_bit_is_noticed(bit in 0..ROBUST_HEADER_BITS) {
            let header = HeaderB { scheme: Scheme::RobustDbpsk, symbols: 16, pad_octets: 3 };
            let mut octets = header.emit(polynomial()).unwrap();
            octets[bit / 8] ^= 0x80 >> (bit % 8);
            let refused_by_crc = matches!(HeaderB::parse(&octets, 1, polynomial()), Err(HeaderError::Crc { .. }));
            prop_assert!(refused_by_crc);
        }
    }
}

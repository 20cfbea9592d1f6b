//! Fragmentation of RFC 4944: headers, and how a packet is cut (digest 5.4).

use super::dispatch::DispatchError;
use plc_core::bytes::{Full, Reader, Writer};

/// FRAG1 and FRAGN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FragmentHeader {
    /// The first fragment, with the compressed header.
    First {
        /// Octets of the packet before compression; eleven bits.
        size: u16,
        /// Names the packet among those of its originator.
        tag: u16,
    },
    /// A later one.
    Next {
        /// As in the first.
        size: u16,
        /// As in the first.
        tag: u16,
        /// Where it begins in the packet, in units of 8 octets.
        offset_units: u8,
    },
}

/// Octets of FRAG1.
pub const FIRST_LEN: usize = 4;
/// Octets of FRAGN.
pub const NEXT_LEN: usize = 5;
/// Octets that an offset counts in.
pub(super) const UNIT: usize = 8;

impl FragmentHeader {
    /// Whether octets begin with a fragment header.
    pub fn begins(octets: &[u8]) -> bool {
        octets.first().is_some_and(|first| matches!(first & 0xF8, FIRST | NEXT))
    }

    /// Reads the header.
    pub fn parse(reader: &mut Reader<'_>) -> Result<Self, DispatchError> {
        let first = reader.u16_be()?;
        let size = first & SIZE;
        let tag = reader.u16_be()?;
        match (first >> 8) as u8 & 0xF8 {
            FIRST => Ok(Self::First { size, tag }),
            NEXT => Ok(Self::Next { size, tag, offset_units: reader.u8()? }),
            other => Err(DispatchError::Dispatch(other)),
        }
    }

    /// Writes the header; the size keeps its low eleven bits.
    pub fn emit(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let (dispatch, size, tag) = match *self {
            Self::First { size, tag } => (FIRST, size, tag),
            Self::Next { size, tag, .. } => (NEXT, size, tag),
        };
        writer.u16_be(u16::from(dispatch) << 8 | size & SIZE)?;
        writer.u16_be(tag)?;
        match *self {
            Self::First { .. } => Ok(()),
            Self::Next { offset_units, .. } => writer.u8(offset_units),
        }
    }
}

const FIRST: u8 = 0xC0;
const NEXT: u8 = 0xE0;
const SIZE: u16 = 0x07FF;

#[cfg(test)]
mod tests {
    use super::*;

    /// Digest 12.5.
    #[test]
    fn fragment_headers_of_the_digest() {
        for (header, octets) in [
            (FragmentHeader::First { size: 0x1F4, tag: 0x12 }, &[0xC1, 0xF4, 0x00, 0x12][..]),
            (
                FragmentHeader::Next { size: 0x1F4, tag: 0x12, offset_units: (384 / UNIT) as u8 },
                &[0xE1, 0xF4, 0x00, 0x12, 0x30],
            ),
        ] {
            assert!(FragmentHeader::begins(octets));
            assert_eq!(FragmentHeader::parse(&mut Reader::new(octets)), Ok(header));
            let mut room = [0; NEXT_LEN];
            let mut writer = Writer::new(&mut room);
            header.emit(&mut writer).unwrap();
            assert_eq!(writer.written(), octets);
        }
    }
}

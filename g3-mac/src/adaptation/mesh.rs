//! Mesh header of RFC 4944 with two short addresses, the only form of G3 (digest 5.2).

use super::dispatch::DispatchError;
use plc_core::address::ShortAddress;
use plc_core::bytes::{Full, Reader, Writer};

/// Mesh header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeshHeader {
    /// Hops that the frame may still make. More than 14 take an octet more on the line.
    pub hops_left: u8,
    /// Who sent it first.
    pub originator: ShortAddress,
    /// Who is to have it in the end.
    pub destination: ShortAddress,
}

impl MeshHeader {
    /// Whether octets begin with a mesh header.
    pub fn begins(octets: &[u8]) -> bool {
        octets.first().is_some_and(|first| first & 0xC0 == DISPATCH)
    }

    /// Reads the header.
    pub fn parse(reader: &mut Reader<'_>) -> Result<Self, DispatchError> {
        let first = reader.u8()?;
        if first & 0xF0 != DISPATCH | BOTH_SHORT {
            return Err(DispatchError::MeshAddresses(first));
        }
        let hops_left = match first & 0x0F {
            DEEP => reader.u8()?,
            hops_left => hops_left,
        };
        let originator = ShortAddress(reader.u16_be()?);
        let destination = ShortAddress(reader.u16_be()?);
        Ok(Self { hops_left, originator, destination })
    }

    /// Writes the header.
    pub fn emit(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let first = DISPATCH | BOTH_SHORT;
        if self.hops_left < DEEP {
            writer.u8(first | self.hops_left)?;
        } else {
            writer.put(&[first | DEEP, self.hops_left])?;
        }
        writer.u16_be(self.originator.0)?;
        writer.u16_be(self.destination.0)
    }
}

const DISPATCH: u8 = 0x80;
/// V and F: originator and final destination are short addresses.
const BOTH_SHORT: u8 = 0x30;
/// Hops left follow in an octet of their own.
const DEEP: u8 = 0x0F;

#[cfg(test)]
mod tests {
    use super::*;

    /// Digest 12.5.
    #[test]
    fn mesh_header_of_the_digest() {
        let octets = [0xB8, 0, 0, 0, 1];
        let header = MeshHeader { hops_left: 8, originator: ShortAddress(0), destination: ShortAddress(1) };
        assert_eq!(MeshHeader::parse(&mut Reader::new(&octets)), Ok(header));
        let mut room = [0; 5];
        header.emit(&mut Writer::new(&mut room)).unwrap();
        assert_eq!(room, octets);
    }
}

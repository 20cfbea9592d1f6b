//! LOWPAN_NHC for UDP (RFC 6282, 4.3).

use super::iphc::IphcError;
use plc_core::bytes::{Full, Reader, Writer};

/// Octets of the longest compressed UDP header.
pub(super) const MAX_COMPRESSED: usize = 1 + 4 + 2;

/// What of a UDP header is not known otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UdpHeader {
    source_port: u16,
    destination_port: u16,
    /// `None` where it was left out.
    pub(super) checksum: Option<u16>,
}

impl UdpHeader {
    /// The header of a UDP packet, if its length is the packet's, so that it can be left out.
    pub(super) fn of(upper_layer: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(upper_layer);
        let (source_port, destination_port) = (reader.u16_be().ok()?, reader.u16_be().ok()?);
        let length = reader.u16_be().ok()?;
        let checksum = Some(reader.u16_be().ok()?);
        (usize::from(length) == upper_layer.len()).then_some(Self { source_port, destination_port, checksum })
    }

    /// Writes the compressed header; its checksum stands in line.
    pub(super) fn compress(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let (source, destination) = (self.source_port, self.destination_port);
        if source & !0xF == NARROW && destination & !0xF == NARROW {
            writer.put(&[DISPATCH | 0b11, (source as u8) << 4 | destination as u8 & 0xF])?;
        } else if destination & !0xFF == WIDE {
            writer.u8(DISPATCH | 0b01)?;
            writer.u16_be(source)?;
            writer.u8(destination as u8)?;
        } else if source & !0xFF == WIDE {
            writer.put(&[DISPATCH | 0b10, source as u8])?;
            writer.u16_be(destination)?;
        } else {
            writer.u8(DISPATCH)?;
            writer.u16_be(source)?;
            writer.u16_be(destination)?;
        }
        match self.checksum {
            Some(checksum) => writer.u16_be(checksum),
            None => Ok(()),
        }
    }

    /// Reads the compressed header.
    pub(super) fn decompress(reader: &mut Reader<'_>) -> Result<Self, IphcError> {
        let first = reader.u8()?;
        if first & 0xF8 != DISPATCH {
            return Err(IphcError::NextHeader(first));
        }
        let (source_port, destination_port) = match first & 0b11 {
            0b00 => (reader.u16_be()?, reader.u16_be()?),
            0b01 => (reader.u16_be()?, WIDE | u16::from(reader.u8()?)),
            0b10 => (WIDE | u16::from(reader.u8()?), reader.u16_be()?),
            _ => {
                let ports = u16::from(reader.u8()?);
                (NARROW | ports >> 4, NARROW | ports & 0xF)
            }
        };
        let checksum = if first & ELIDED_CHECKSUM == 0 { Some(reader.u16_be()?) } else { None };
        Ok(Self { source_port, destination_port, checksum })
    }

    /// Writes the UDP header; a checksum that was left out is zero for now.
    pub(super) fn emit(&self, length: u16, writer: &mut Writer<'_>) -> Result<(), Full> {
        writer.u16_be(self.source_port)?;
        writer.u16_be(self.destination_port)?;
        writer.u16_be(length)?;
        writer.u16_be(self.checksum.unwrap_or(0))
    }
}

const DISPATCH: u8 = 0xF0;
const ELIDED_CHECKSUM: u8 = 0b100;
/// Ports 0xF0B0 to 0xF0BF take four bits.
const NARROW: u16 = 0xF0B0;
/// Ports 0xF000 to 0xF0FF take eight.
const WIDE: u16 = 0xF000;

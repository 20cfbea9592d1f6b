//! MAC header of IEEE 802.15.4-2006 as G.9903 uses it: frame control, sequence number, addresses (digest 1.3).

use super::FrameError;
use plc_core::address::{Address, ExtendedAddress, PanId, ShortAddress};
use plc_core::bytes::{Full, Reader, Writer};

/// Frame type, bits 2 to 0 of the frame control field. Acknowledgements are no frames here: they live in the FCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameType {
    /// Answer to a beacon request.
    Beacon,
    /// Payload of the adaptation layer.
    Data,
    /// MAC command: beacon request, tone map response.
    Command,
}

/// An address together with its PAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The PAN.
    pub pan_id: PanId,
    /// The node in it.
    pub address: Address,
}

/// Where a frame comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Only a destination is given.
    None,
    /// PAN id compression: the source's PAN is the destination's and not repeated.
    SamePan(Address),
    /// The source's PAN is given.
    Full(Endpoint),
}

/// The MAC header without segment control and security.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Frame type.
    pub frame_type: FrameType,
    /// Security enabled: stays set in the segments that carry no auxiliary security header.
    pub secured: bool,
    /// The sender wants an acknowledgement.
    pub ack_request: bool,
    /// macBSN or macDSN; the same in all segments of an MSDU.
    pub sequence: u8,
    /// Destination, absent in beacons.
    pub destination: Option<Endpoint>,
    /// Source, absent in beacon requests.
    pub source: Source,
}

impl Header {
    /// The source with its PAN, where there is one.
    pub fn source_endpoint(&self) -> Option<Endpoint> {
        match self.source {
            Source::None => None,
            Source::SamePan(address) => self.destination.map(|to| Endpoint { pan_id: to.pan_id, address }),
            Source::Full(endpoint) => Some(endpoint),
        }
    }

    /// Octets that [`Header::emit`] writes.
    pub fn len(&self) -> usize {
        const CONTROL_AND_SEQUENCE: usize = 3;
        const PAN: usize = 2;
        let destination = self.destination.map_or(0, |to| PAN + address_len(to.address));
        let source = match self.source {
            Source::None => 0,
            Source::SamePan(address) => address_len(address),
            Source::Full(from) => PAN + address_len(from.address),
        };
        CONTROL_AND_SEQUENCE + destination + source
    }

    /// A header always has its frame control.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Reads a header. What the receive filter of digest 1.3 refuses is an error here.
    pub fn parse(reader: &mut Reader<'_>) -> Result<Self, FrameError> {
        let control = reader.u16_le()?;
        if control & field::REFUSED != 0 {
            return Err(FrameError::FrameControl(control));
        }
        let frame_type = match control & field::TYPE {
            0 => FrameType::Beacon,
            1 => FrameType::Data,
            3 => FrameType::Command,
            _ => return Err(FrameError::FrameControl(control)),
        };
        let sequence = reader.u8()?;
        let compressed = control & field::PAN_ID_COMPRESSION != 0;
        let destination_mode = control >> field::DESTINATION_MODE & field::MODE;
        let source_mode = control >> field::SOURCE_MODE & field::MODE;
        let destination = match destination_mode {
            0 => None,
            mode => Some(Endpoint {
                pan_id: PanId(reader.u16_le()?),
                address: parse_address(reader, mode, control)?,
            }),
        };
        let source = match (source_mode, compressed) {
            (0, false) => Source::None,
            (mode, true) if mode != 0 && destination.is_some() => {
                Source::SamePan(parse_address(reader, mode, control)?)
            }
            (_, true) => return Err(FrameError::FrameControl(control)),
            (mode, false) => Source::Full(Endpoint {
                pan_id: PanId(reader.u16_le()?),
                address: parse_address(reader, mode, control)?,
            }),
        };
        let header = Self {
            frame_type,
            secured: control & field::SECURITY != 0,
            ack_request: control & field::ACK_REQUEST != 0,
            sequence,
            destination,
            source,
        };
        match header.source_endpoint() {
            None if destination.is_none() => Err(FrameError::FrameControl(control)),
            Some(Endpoint { address: Address::Short(ShortAddress::BROADCAST), .. }) => {
                Err(FrameError::BroadcastSource)
            }
            _ => Ok(header),
        }
    }

    /// Writes the header. A [`Source::SamePan`] without a destination is an error.
    pub fn emit(&self, writer: &mut Writer<'_>) -> Result<(), FrameError> {
        let control = self.control();
        if self.destination.is_none() && matches!(self.source, Source::None | Source::SamePan(_)) {
            return Err(FrameError::FrameControl(control));
        }
        writer.u16_le(control)?;
        writer.u8(self.sequence)?;
        if let Some(to) = self.destination {
            writer.u16_le(to.pan_id.0)?;
            emit_address(writer, to.address)?;
        }
        match self.source {
            Source::None => {}
            Source::SamePan(address) => emit_address(writer, address)?,
            Source::Full(from) => {
                writer.u16_le(from.pan_id.0)?;
                emit_address(writer, from.address)?;
            }
        }
        Ok(())
    }

    fn control(&self) -> u16 {
        let frame_type = match self.frame_type {
            FrameType::Beacon => 0,
            FrameType::Data => 1,
            FrameType::Command => 3,
        };
        let flag = |set: bool, bit: u16| if set { bit } else { 0 };
        let (source_mode, compressed) = match self.source {
            Source::None => (0, false),
            Source::SamePan(address) => (address_mode(address), true),
            Source::Full(from) => (address_mode(from.address), false),
        };
        let destination_mode = self.destination.map_or(0, |to| address_mode(to.address));
        frame_type
            | flag(self.secured, field::SECURITY)
            | flag(self.ack_request, field::ACK_REQUEST)
            | flag(compressed, field::PAN_ID_COMPRESSION)
            | destination_mode << field::DESTINATION_MODE
            | source_mode << field::SOURCE_MODE
    }
}

/// Bits of the frame control field.
mod field {
    pub(super) const TYPE: u16 = 0x0007;
    pub(super) const SECURITY: u16 = 0x0008;
    pub(super) const ACK_REQUEST: u16 = 0x0020;
    pub(super) const PAN_ID_COMPRESSION: u16 = 0x0040;
    pub(super) const DESTINATION_MODE: u16 = 10;
    pub(super) const SOURCE_MODE: u16 = 14;
    pub(super) const MODE: u16 = 0b11;
    /// Frame pending, the reserved bits and the frame version: all zero in G3.
    pub(super) const REFUSED: u16 = 0x0010 | 0x0380 | 0x3000;
}

const fn address_mode(address: Address) -> u16 {
    match address {
        Address::Short(_) => 2,
        Address::Extended(_) => 3,
    }
}

const fn address_len(address: Address) -> usize {
    match address {
        Address::Short(_) => 2,
        Address::Extended(_) => 8,
    }
}

fn parse_address(reader: &mut Reader<'_>, mode: u16, control: u16) -> Result<Address, FrameError> {
    match mode {
        2 => Ok(Address::Short(ShortAddress(reader.u16_le()?))),
        3 => {
            let mut octets: [u8; 8] = reader.array()?;
            octets.reverse();
            Ok(Address::Extended(ExtendedAddress(octets)))
        }
        _ => Err(FrameError::FrameControl(control)),
    }
}

fn emit_address(writer: &mut Writer<'_>, address: Address) -> Result<(), Full> {
    match address {
        Address::Short(short) => writer.u16_le(short.0),
        Address::Extended(ExtendedAddress(mut octets)) => {
            octets.reverse();
            writer.put(&octets)
        }
    }
}

//! LOWPAN_IPHC: IPv6 header compression of RFC 6282, with G3's interface identifiers (digest 5.5).
//!
//! [`compress`] and [`decompress`] translate the headers of a packet; what follows them stands unchanged. UDP is
//! compressed too ([`super::nhc`]); compressed extension headers are refused by name.

use super::context::{ContextTable, address_of};
use super::nhc;
use crate::ipv6::{
    self, Ipv6Error, Ipv6Header, interface_identifier, interface_identifier_of_extended, protocol,
};
use core::net::Ipv6Addr;
use heapless::Vec;
use plc_core::address::{Address, PanId, ShortAddress};
use plc_core::bytes::{Full, Reader, Truncated, Writer};
use thiserror::Error;

/// Octets of the longest compressed header: two octets and a context, all fields in line, UDP.
pub const MAX_COMPRESSED: usize = 3 + 4 + 1 + 1 + 16 + 16 + nhc::MAX_COMPRESSED;
/// Octets of the longest header that is compressed: IPv6 and UDP.
pub const MAX_HEADER: usize = ipv6::HEADER_LEN + crate::udp::HEADER_LEN;

/// What elided addresses are derived from: those of the mesh header where there is one, else of the MAC header.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// The PAN.
    pub pan_id: PanId,
    /// Originator.
    pub source: Address,
    /// Final destination.
    pub destination: Address,
    /// adpContextInformationTable.
    pub contexts: &'a ContextTable,
}

/// The headers of a packet, compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compressed {
    /// The compressed headers, beginning with the dispatch.
    pub header: Vec<u8, MAX_COMPRESSED>,
    /// Octets of the packet that they stand for.
    pub replaced: usize,
}

/// The headers of a packet, restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decompressed {
    /// IPv6 header and, where it was compressed, UDP header.
    pub header: Vec<u8, MAX_HEADER>,
    /// Octets of the compressed packet that they were read from.
    pub read: usize,
    /// Whether the UDP checksum was left out and is to be computed over the whole packet.
    pub checksum_elided: bool,
}

/// Why a compressed header cannot be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IphcError {
    /// The octets end inside the header.
    #[error("compressed header: {0}")]
    Truncated(#[from] Truncated),
    /// The restored headers do not fit their room.
    #[error("restored header: {0}")]
    Full(#[from] Full),
    /// The first octet is not LOWPAN_IPHC's.
    #[error("dispatch {0:#04x} is not LOWPAN_IPHC")]
    Dispatch(u8),
    /// A combination that RFC 6282 reserves.
    #[error("address modes {0:#04x} are reserved")]
    Reserved(u8),
    /// A context is named that is not in the table.
    #[error("context {0} is not known")]
    Context(u8),
    /// A next header is compressed in a way that is not supported.
    #[error("compressed next header {0:#04x} is not supported")]
    NextHeader(u8),
    /// The packet would be longer than an IPv6 packet may be, or shorter than its headers.
    #[error("a packet of {size} octets cannot have {header} octets of headers")]
    Size {
        /// Octets of the packet.
        size: usize,
        /// Octets of its headers.
        header: usize,
    },
}

/// Compresses the headers of an IPv6 packet.
///
/// # Errors
/// Where the octets are not an IPv6 packet.
pub fn compress(packet: &[u8], link: &Link<'_>) -> Result<Compressed, Ipv6Error> {
    let (header, upper_layer) = Ipv6Header::parse(packet)?;
    let udp = if header.next_header == protocol::UDP { nhc::UdpHeader::of(upper_layer) } else { None };
    let source = source_field(header.source, link);
    let destination = if header.destination.is_multicast() {
        multicast_field(header.destination)
    } else {
        unicast_field(header.destination, link.destination, link)
    };
    let (flow, traffic_class, flow_label) =
        (header.flow(), header.traffic_class.rotate_right(2), header.flow_label);
    let hop_limit = match header.hop_limit {
        1 => 0b01,
        64 => 0b10,
        255 => 0b11,
        _ => 0b00,
    };
    let next_header = u8::from(udp.is_some()) << 2;
    let contexts = source.context << 4 | destination.context;
    let with_contexts = u8::from(contexts != 0) << 7;
    let modes = with_contexts
        | source.mode << 4
        | u8::from(header.destination.is_multicast()) << 3
        | destination.mode;

    let mut room = [0; MAX_COMPRESSED];
    let mut writer = Writer::new(&mut room);
    writer.put(&[DISPATCH | flow << 3 | next_header | hop_limit, modes])?;
    if contexts != 0 {
        writer.u8(contexts)?;
    }
    match flow {
        0b00 => writer.u32_be(u32::from(traffic_class) << 24 | flow_label)?,
        0b01 => {
            let [_, high, middle, low] = flow_label.to_be_bytes();
            writer.put(&[traffic_class & 0xC0 | high, middle, low])?;
        }
        0b10 => writer.u8(traffic_class)?,
        _ => {}
    }
    if udp.is_none() {
        writer.u8(header.next_header)?;
    }
    if hop_limit == 0 {
        writer.u8(header.hop_limit)?;
    }
    writer.put(&source.inline)?;
    writer.put(&destination.inline)?;
    if let Some(udp) = &udp {
        udp.compress(&mut writer)?;
    }
    let written = writer.written();
    let full = Full { at: 0, needed: written.len(), left: MAX_COMPRESSED };
    let replaced = ipv6::HEADER_LEN + if udp.is_some() { crate::udp::HEADER_LEN } else { 0 };
    Ok(Compressed { header: Vec::from_slice(written).map_err(|_| full)?, replaced })
}

/// Restores the headers of a compressed packet. `datagram_size` is that of the fragment header, or `None` where
/// the packet is in one piece, of which `compressed` then holds everything.
pub fn decompress(
    compressed: &[u8],
    link: &Link<'_>,
    datagram_size: Option<u16>,
) -> Result<Decompressed, IphcError> {
    let mut reader = Reader::new(compressed);
    let first = reader.u8()?;
    if first & 0xE0 != DISPATCH {
        return Err(IphcError::Dispatch(first));
    }
    let modes = reader.u8()?;
    let contexts = if modes & 0x80 != 0 { reader.u8()? } else { 0 };
    let (traffic_class, flow_label) = match first >> 3 & 0b11 {
        0b00 => {
            let field = reader.u32_be()?;
            (((field >> 24) as u8).rotate_left(2), field & 0x000F_FFFF)
        }
        0b01 => {
            let [high, middle, low] = reader.array()?;
            (high >> 6, u32::from_be_bytes([0, high & 0x0F, middle, low]))
        }
        0b10 => (reader.u8()?.rotate_left(2), 0),
        _ => (0, 0),
    };
    let inline_next_header = if first & 0x04 == 0 { Some(reader.u8()?) } else { None };
    let hop_limit = match first & 0b11 {
        0b00 => reader.u8()?,
        0b01 => 1,
        0b10 => 64,
        _ => 255,
    };
    let source_modes = Modes { stateful: modes & 0x40 != 0, mode: modes >> 4 & 0b11, context: contexts >> 4 };
    let source = match source_modes {
        Modes { stateful: true, mode: 0b00, .. } => Ipv6Addr::UNSPECIFIED,
        _ => source_modes.unicast(&mut reader, link.source, link)?,
    };
    let destination_modes =
        Modes { stateful: modes & 0x04 != 0, mode: modes & 0b11, context: contexts & 0x0F };
    let destination = match (modes & 0x08 != 0, destination_modes) {
        (true, _) => destination_modes.multicast(&mut reader, link, modes)?,
        (false, Modes { stateful: true, mode: 0b00, .. }) => return Err(IphcError::Reserved(modes)),
        (false, _) => destination_modes.unicast(&mut reader, link.destination, link)?,
    };
    let udp = match inline_next_header {
        Some(_) => None,
        None => Some(nhc::UdpHeader::decompress(&mut reader)?),
    };
    let header_len = ipv6::HEADER_LEN + if udp.is_some() { crate::udp::HEADER_LEN } else { 0 };
    let size = datagram_size.map_or(header_len + reader.left(), usize::from);
    let bad_size = IphcError::Size { size, header: header_len };
    if size < header_len || size > ipv6::MTU {
        return Err(bad_size);
    }
    let header = Ipv6Header {
        traffic_class,
        flow_label,
        payload_len: (size - ipv6::HEADER_LEN) as u16,
        next_header: inline_next_header.unwrap_or(protocol::UDP),
        hop_limit,
        source,
        destination,
    };
    let mut room = [0; MAX_HEADER];
    let mut writer = Writer::new(&mut room);
    header.emit(&mut writer)?;
    if let Some(udp) = &udp {
        udp.emit(header.payload_len, &mut writer)?;
    }
    let header = Vec::from_slice(writer.written()).map_err(|_| bad_size)?;
    let checksum_elided = udp.is_some_and(|udp| udp.checksum.is_none());
    Ok(Decompressed { header, read: reader.position(), checksum_elided })
}

impl Ipv6Header {
    /// TF: which parts of traffic class and flow label stand in line.
    fn flow(&self) -> u8 {
        match (self.traffic_class, self.flow_label) {
            (0, 0) => 0b11,
            (_, 0) => 0b10,
            (class, _) if class >> 2 == 0 => 0b01,
            _ => 0b00,
        }
    }
}

/// An address as it is compressed.
struct Field {
    /// SAC and SAM, or DAC and DAM.
    mode: u8,
    /// Context identifier; context 0 needs no octet.
    context: u8,
    inline: Vec<u8, 16>,
}

#[derive(Clone, Copy)]
struct Modes {
    stateful: bool,
    mode: u8,
    context: u8,
}

fn source_field(address: Ipv6Addr, link: &Link<'_>) -> Field {
    if address == Ipv6Addr::UNSPECIFIED {
        return Field { mode: STATEFUL, context: 0, inline: Vec::new() };
    }
    unicast_field(address, link.source, link)
}

/// The shortest form that restores to the address: without context, then with each.
fn unicast_field(address: Ipv6Addr, neighbour: Address, link: &Link<'_>) -> Field {
    let octets = address.octets();
    let (_, iid) = octets.split_at(8);
    let (_, short) = octets.split_at(14);
    let forms = [(0b11, &[][..]), (0b10, short), (0b01, iid)];
    for (mode, inline) in forms {
        for (stateful, context) in link.contexts.choices() {
            let modes = Modes { stateful, mode, context };
            let restored = modes.unicast(&mut Reader::new(inline), neighbour, link);
            if restored == Ok(address) {
                let mode = if stateful { STATEFUL | mode } else { mode };
                return Field { mode, context, inline: Vec::from_slice(inline).unwrap_or_default() };
            }
        }
    }
    Field { mode: 0b00, context: 0, inline: Vec::from_slice(&octets).unwrap_or_default() }
}

fn multicast_field(address: Ipv6Addr) -> Field {
    let octets = address.octets();
    let (mode, inline): (u8, Vec<u8, 16>) = match octets {
        [0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a] => (0b11, Vec::from_iter([a])),
        [0xFF, scope, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c] => (0b10, Vec::from_iter([scope, a, b, c])),
        [0xFF, scope, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d, e] => {
            (0b01, Vec::from_iter([scope, a, b, c, d, e]))
        }
        _ => (0b00, Vec::from_iter(octets)),
    };
    Field { mode, context: 0, inline }
}

impl Modes {
    fn unicast(
        self,
        reader: &mut Reader<'_>,
        neighbour: Address,
        link: &Link<'_>,
    ) -> Result<Ipv6Addr, IphcError> {
        if !self.stateful && self.mode == 0b00 {
            return Ok(Ipv6Addr::from(reader.array::<16>()?));
        }
        let iid = match self.mode {
            0b01 => reader.array()?,
            0b10 => interface_identifier(link.pan_id, ShortAddress(reader.u16_be()?)),
            _ => match neighbour {
                Address::Short(short) => interface_identifier(link.pan_id, short),
                Address::Extended(extended) => interface_identifier_of_extended(extended),
            },
        };
        if self.stateful {
            let context = link.contexts.get(self.context).ok_or(IphcError::Context(self.context))?;
            Ok(context.address(iid))
        } else {
            Ok(address_of(LINK_LOCAL_PREFIX, iid))
        }
    }

    fn multicast(self, reader: &mut Reader<'_>, link: &Link<'_>, modes: u8) -> Result<Ipv6Addr, IphcError> {
        let mut octets = [0; 16];
        let tail: &[u8] = match (self.stateful, self.mode) {
            (false, 0b00) => return Ok(Ipv6Addr::from(reader.array::<16>()?)),
            (false, 0b01) => reader.take(6)?,
            (false, 0b10) => reader.take(4)?,
            (false, _) => {
                octets[1] = 0x02;
                reader.take(1)?
            }
            // A group made from a unicast prefix (RFC 3306).
            (true, 0b00) => {
                let context = link.contexts.get(self.context).ok_or(IphcError::Context(self.context))?;
                let [flags, rest, g3, g2, g1, g0] = reader.array()?;
                let [p0, p1, p2, p3, p4, p5, p6, p7, ..] = context.address([0; 8]).octets();
                let length = context.length().min(64);
                return Ok(Ipv6Addr::from([
                    0xFF, flags, rest, length, p0, p1, p2, p3, p4, p5, p6, p7, g3, g2, g1, g0,
                ]));
            }
            (true, _) => return Err(IphcError::Reserved(modes)),
        };
        octets[0] = 0xFF;
        let group = match tail {
            [scope, group @ ..] if !group.is_empty() => {
                octets[1] = *scope;
                group
            }
            group => group,
        };
        let at = octets.len() - group.len();
        if let Some(end) = octets.get_mut(at..) {
            end.copy_from_slice(group);
        }
        Ok(Ipv6Addr::from(octets))
    }
}

const DISPATCH: u8 = 0x60;
/// SAC or DAC beside the mode.
const STATEFUL: u8 = 0b100;
const LINK_LOCAL_PREFIX: [u8; 8] = [0xFE, 0x80, 0, 0, 0, 0, 0, 0];

#[cfg(test)]
mod tests;

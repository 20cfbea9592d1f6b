//! UDP datagrams in IPv6 packets, built and parsed with their checksum (RFC 768, RFC 8200).

use crate::ipv6::{self, DEFAULT_HOP_LIMIT, Ipv6Error, Ipv6Header, LinkLocal, MTU, Packet, protocol};
use core::net::Ipv6Addr;
use plc_core::address::{PanId, ShortAddress};
use plc_core::bytes::{Full, Reader, Truncated, Writer};
use thiserror::Error;

/// Octets of the UDP header.
pub const HEADER_LEN: usize = 8;
/// Octets that fit into one datagram.
pub const MAX_PAYLOAD: usize = MTU - ipv6::HEADER_LEN - HEADER_LEN;
/// The port of DLMS/COSEM (IEC 62056-9-7; digest 9).
pub const DLMS_PORT: u16 = 4059;

/// A UDP datagram with the addresses of its packet.
///
/// ```
/// use g3_mac::udp::{DLMS_PORT, Datagram};
/// use plc_core::address::{PanId, ShortAddress};
/// let datagram =
///     Datagram::link_local(PanId(0x781D), ShortAddress(0), ShortAddress(1), DLMS_PORT, DLMS_PORT, b"HELLO");
/// let packet = datagram.emit()?;
/// assert_eq!(Datagram::parse(&packet)?, datagram);
/// # Ok::<(), g3_mac::udp::UdpError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Sender.
    pub source: Ipv6Addr,
    /// Receiver.
    pub destination: Ipv6Addr,
    /// Hops left.
    pub hop_limit: u8,
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
    /// What is carried, at most [`MAX_PAYLOAD`] octets.
    pub payload: &'a [u8],
}

/// Why a packet is not a UDP datagram, or one cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UdpError {
    /// The packet is not IPv6.
    #[error(transparent)]
    Ipv6(#[from] Ipv6Error),
    /// The packet ends inside the UDP header.
    #[error("UDP header: {0}")]
    Truncated(#[from] Truncated),
    /// The datagram does not fit into a packet.
    #[error("UDP datagram: {0}")]
    Full(#[from] Full),
    /// The packet carries something else.
    #[error("protocol {0} instead of UDP (17)")]
    Protocol(u8),
    /// The UDP header announces another number of octets than there are.
    #[error("the UDP header announces {announced} octets, there are {present}")]
    Length {
        /// Octets announced.
        announced: usize,
        /// Octets there are.
        present: usize,
    },
    /// The checksum is wrong, or zero, which IPv6 does not allow.
    #[error("UDP checksum {received:#06x} does not match")]
    Checksum {
        /// What the header carries.
        received: u16,
    },
}

impl<'a> Datagram<'a> {
    /// Between two nodes of a PAN by their link-local addresses, with hop limit 64.
    pub const fn link_local(
        pan_id: PanId,
        source: ShortAddress,
        destination: ShortAddress,
        source_port: u16,
        destination_port: u16,
        payload: &'a [u8],
    ) -> Self {
        Self {
            source: LinkLocal::of(pan_id, source).address(),
            destination: LinkLocal::of(pan_id, destination).address(),
            hop_limit: DEFAULT_HOP_LIMIT,
            source_port,
            destination_port,
            payload,
        }
    }

    /// Reads a datagram and checks its length and checksum.
    pub fn parse(packet: &'a [u8]) -> Result<Self, UdpError> {
        let (header, upper_layer) = Ipv6Header::parse(packet)?;
        if header.next_header != protocol::UDP {
            return Err(UdpError::Protocol(header.next_header));
        }
        let mut reader = Reader::new(upper_layer);
        let (source_port, destination_port) = (reader.u16_be()?, reader.u16_be()?);
        let announced = usize::from(reader.u16_be()?);
        let received = reader.u16_be()?;
        if announced != upper_layer.len() {
            return Err(UdpError::Length { announced, present: upper_layer.len() });
        }
        let sum = ipv6::checksum(header.source, header.destination, protocol::UDP, upper_layer);
        if received == 0 || sum != 0 {
            return Err(UdpError::Checksum { received });
        }
        Ok(Self {
            source: header.source,
            destination: header.destination,
            hop_limit: header.hop_limit,
            source_port,
            destination_port,
            payload: reader.rest(),
        })
    }

    /// Writes the packet: IPv6 header, UDP header with checksum, payload.
    pub fn emit(&self) -> Result<Packet, UdpError> {
        let total = ipv6::HEADER_LEN + HEADER_LEN + self.payload.len();
        let full = Full { at: 0, needed: total, left: MTU };
        if total > MTU {
            return Err(full.into());
        }
        let mut packet = Packet::new();
        packet.resize(total, 0).map_err(|_| full)?;
        let length = (HEADER_LEN + self.payload.len()) as u16;
        let mut writer = Writer::new(&mut packet);
        let header = Ipv6Header {
            traffic_class: 0,
            flow_label: 0,
            payload_len: length,
            next_header: protocol::UDP,
            hop_limit: self.hop_limit,
            source: self.source,
            destination: self.destination,
        };
        header.emit(&mut writer)?;
        writer.u16_be(self.source_port)?;
        writer.u16_be(self.destination_port)?;
        writer.u16_be(length)?;
        writer.u16_be(0)?;
        writer.put(self.payload)?;
        let upper_layer = packet.get(ipv6::HEADER_LEN..).unwrap_or_default();
        let checksum = udp_checksum(self.source, self.destination, upper_layer);
        if let Some(field) = packet.get_mut(CHECKSUM_AT..CHECKSUM_AT + 2) {
            field.copy_from_slice(&checksum.to_be_bytes());
        }
        Ok(packet)
    }
}

/// The checksum of a UDP packet whose checksum field is zero; zero is sent as 0xFFFF.
pub(crate) fn udp_checksum(source: Ipv6Addr, destination: Ipv6Addr, upper_layer: &[u8]) -> u16 {
    match ipv6::checksum(source, destination, protocol::UDP, upper_layer) {
        0 => 0xFFFF,
        checksum => checksum,
    }
}

/// Offset of the checksum in the UDP header.
pub(crate) const CHECKSUM_OFFSET: usize = 6;
/// Offset of the checksum in a packet without extension headers.
const CHECKSUM_AT: usize = ipv6::HEADER_LEN + CHECKSUM_OFFSET;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Digest 12.5.
    const HELLO: &str = "60000000000D1140FE80000000000000781D00FFFE000000FE80000000000000781D00FFFE000001\
                         F0BFF0BF000D4F8548454C4C4F";

    #[test]
    fn the_datagram_of_the_digest() {
        let datagram =
            Datagram::link_local(PanId(0x781D), ShortAddress(0), ShortAddress(1), 0xF0BF, 0xF0BF, b"HELLO");
        let packet = crate::test_support::hex(HELLO);
        assert_eq!(datagram.emit().unwrap(), packet[..]);
        assert_eq!(Datagram::parse(&packet), Ok(datagram));
    }

    #[test]
    fn a_datagram_beyond_the_mtu_is_refused() {
        let payload = [0; MAX_PAYLOAD + 1];
        let datagram =
            |payload| Datagram::link_local(PanId(1), ShortAddress(0), ShortAddress(1), 1, 2, payload);
        assert_eq!(datagram(&payload[1..]).emit().unwrap().len(), MTU);
        assert!(datagram(&payload).emit().is_err());
    }

    proptest! {
        #[test]
        fn datagrams_come_back_and_one_wrong_bit_is_noticed(
            source_port: u16, destination_port: u16, hop_limit: u8,
            payload in proptest::collection::vec(any::<u8>(), 0..=MAX_PAYLOAD), at: proptest::sample::Index, bit in 0..8_u8,
        ) {
            let datagram = Datagram {
                hop_limit,
                ..Datagram::link_local(PanId(0x781D), ShortAddress(9), ShortAddress(2), source_port,
                    destination_port, &payload)
            };
            let mut packet = datagram.emit()?;
            prop_assert_eq!(Datagram::parse(&packet)?, datagram);
            // The hop limit and what comes before the addresses but the lengths are not covered by the checksum.
            let at = 8 + at.index(packet.len() - 8);
            packet[at] ^= 1 << bit;
            prop_assert!(Datagram::parse(&packet).is_err());
        }
    }
}

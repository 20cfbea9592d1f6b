//! IPv6 header and the link-local addresses of a PAN (digest 5.5, 9).

use core::net::Ipv6Addr;
use plc_core::address::{ExtendedAddress, PanId, ShortAddress};
use plc_core::bytes::{Full, Reader, Truncated, Writer};
use thiserror::Error;

/// Octets of the IPv6 header.
pub const HEADER_LEN: usize = 40;
/// Octets in the largest IPv6 packet that the adaptation layer carries: IPv6's minimum link MTU.
pub const MTU: usize = 1280;
/// The hop limit that datagrams start with here; IPHC compresses it.
pub const DEFAULT_HOP_LIMIT: u8 = 64;

/// An IPv6 packet.
pub type Packet = heapless::Vec<u8, MTU>;

/// Protocol numbers (IANA) that this crate knows.
pub mod protocol {
    /// UDP.
    pub const UDP: u8 = 17;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
}

/// A node's link-local address `FE80::PPPP:00FF:FE00:SSSS`, which follows from its PAN and short address.
///
/// ```
/// use g3_mac::ipv6::LinkLocal;
/// use plc_core::address::{PanId, ShortAddress};
/// let meter = LinkLocal::of(PanId(0x781D), ShortAddress(1));
/// assert_eq!(meter.address().to_string(), "fe80::781d:ff:fe00:1");
/// assert_eq!(LinkLocal::parse(meter.address()), Some(meter));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkLocal {
    /// The PAN, with the bit cleared that an interface identifier uses for "universal" (0x0200).
    pub pan_id: PanId,
    /// The node.
    pub short_address: ShortAddress,
}

impl LinkLocal {
    /// The address of a node.
    pub const fn of(pan_id: PanId, short_address: ShortAddress) -> Self {
        Self { pan_id: PanId(pan_id.0 & !UNIVERSAL_BIT), short_address }
    }

    /// The node of an address, where the address has this form.
    pub fn parse(address: Ipv6Addr) -> Option<Self> {
        match address.segments() {
            [0xFE80, 0, 0, 0, pan_id, 0x00FF, 0xFE00, short] if pan_id & UNIVERSAL_BIT == 0 => {
                Some(Self { pan_id: PanId(pan_id), short_address: ShortAddress(short) })
            }
            _ => None,
        }
    }

    /// As an IPv6 address.
    pub const fn address(self) -> Ipv6Addr {
        Ipv6Addr::new(0xFE80, 0, 0, 0, self.pan_id.0, 0x00FF, 0xFE00, self.short_address.0)
    }
}

/// The short address of an IPv6 group: `100` and the group's last 13 bits (RFC 4944, 9). `None` for no group.
///
/// ```
/// use g3_mac::ipv6::group_short_address;
/// let group = "ff12:30:1122:3344:5566:0:123:4567".parse()?;
/// assert_eq!(group_short_address(group).map(|short| short.0), Some(0x8567));
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
pub fn group_short_address(address: Ipv6Addr) -> Option<ShortAddress> {
    let [.., low] = address.segments();
    address.is_multicast().then_some(ShortAddress(0x8000 | low & 0x1FFF))
}

/// The interface identifier of a short address: `PPPP:00FF:FE00:SSSS`, most significant octet first.
///
/// RFC 4944's rule, with the PAN id and its universal/local bit cleared (digest 5.5); RFC 6282 has zeros there.
pub const fn interface_identifier(pan_id: PanId, short: ShortAddress) -> [u8; 8] {
    let [p1, p0] = (pan_id.0 & !UNIVERSAL_BIT).to_be_bytes();
    let [s1, s0] = short.0.to_be_bytes();
    [p1, p0, 0x00, 0xFF, 0xFE, 0x00, s1, s0]
}

/// The interface identifier of an EUI-64: the universal/local bit inverted.
pub const fn interface_identifier_of_extended(address: ExtendedAddress) -> [u8; 8] {
    let mut octets = address.0;
    octets[0] ^= 0x02;
    octets
}

/// The fields of an IPv6 header; version 6 is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6Header {
    /// Traffic class: differentiated services in the upper six bits, congestion notification in the lower two.
    pub traffic_class: u8,
    /// Flow label, 20 bits.
    pub flow_label: u32,
    /// Octets after this header.
    pub payload_len: u16,
    /// Protocol of what follows.
    pub next_header: u8,
    /// Hops left.
    pub hop_limit: u8,
    /// Sender.
    pub source: Ipv6Addr,
    /// Receiver.
    pub destination: Ipv6Addr,
}

/// Why octets are not an IPv6 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Ipv6Error {
    /// The octets end inside the header.
    #[error("IPv6 header: {0}")]
    Truncated(#[from] Truncated),
    /// The header does not fit.
    #[error("IPv6 header: {0}")]
    Full(#[from] Full),
    /// The version is another one.
    #[error("IP version {0} instead of 6")]
    Version(u8),
    /// The header announces another number of octets than follow.
    #[error("the IPv6 header announces {announced} octets, {present} follow")]
    PayloadLength {
        /// Octets announced.
        announced: usize,
        /// Octets that follow.
        present: usize,
    },
}

impl Ipv6Header {
    /// Splits a packet into its header and what follows.
    ///
    /// # Errors
    /// Where the packet is shorter or longer than its header says, or not of version 6.
    pub fn parse(packet: &[u8]) -> Result<(Self, &[u8]), Ipv6Error> {
        let mut reader = Reader::new(packet);
        let first = reader.u32_be()?;
        let version = (first >> 28) as u8;
        if version != 6 {
            return Err(Ipv6Error::Version(version));
        }
        let header = Self {
            traffic_class: (first >> 20) as u8,
            flow_label: first & FLOW_LABEL,
            payload_len: reader.u16_be()?,
            next_header: reader.u8()?,
            hop_limit: reader.u8()?,
            source: Ipv6Addr::from(reader.array::<16>()?),
            destination: Ipv6Addr::from(reader.array::<16>()?),
        };
        let payload = reader.rest();
        let announced = usize::from(header.payload_len);
        if announced != payload.len() {
            return Err(Ipv6Error::PayloadLength { announced, present: payload.len() });
        }
        Ok((header, payload))
    }

    /// Writes the header; the flow label keeps its low 20 bits.
    pub fn emit(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        writer.u32_be(6 << 28 | u32::from(self.traffic_class) << 20 | self.flow_label & FLOW_LABEL)?;
        writer.u16_be(self.payload_len)?;
        writer.u8(self.next_header)?;
        writer.u8(self.hop_limit)?;
        writer.put(&self.source.octets())?;
        writer.put(&self.destination.octets())
    }
}

/// The Internet checksum of an upper-layer packet and its pseudo-header (RFC 8200, 8.1): the complement of the
/// ones' complement sum. Over a packet with its checksum in place it is zero.
pub fn checksum(source: Ipv6Addr, destination: Ipv6Addr, next_header: u8, upper_layer: &[u8]) -> u16 {
    let mut sum = u32::from(next_header) + upper_layer.len() as u32;
    for word in source.segments().into_iter().chain(destination.segments()) {
        sum += u32::from(word);
    }
    for pair in upper_layer.chunks(2) {
        sum += match *pair {
            [high, low] => u32::from(u16::from_be_bytes([high, low])),
            [high] => u32::from(high) << 8,
            _ => 0,
        };
    }
    while sum > 0xFFFF {
        sum = (sum >> 16) + (sum & 0xFFFF);
    }
    !(sum as u16)
}

/// Universal/local bit of an interface identifier that begins with a PAN id.
const UNIVERSAL_BIT: u16 = 0x0200;
const FLOW_LABEL: u32 = 0x000F_FFFF;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Digest 12.5.
    #[test]
    fn groups_have_short_addresses() {
        let short = |address: &str| group_short_address(address.parse().unwrap()).map(|short| short.0);
        assert_eq!(short("ff12:30:1122:3344:5566:0:123:4567"), Some(0x8567));
        assert_eq!(short("ff02::1"), Some(0x8001));
        assert_eq!(short("fe80::1"), None);
    }

    /// Digest 12.5.
    #[test]
    fn link_local_addresses_of_the_digest() {
        let pan = PanId(0x781D);
        let coordinator = LinkLocal::of(pan, ShortAddress::COORDINATOR).address().octets();
        assert_eq!(coordinator, [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0x78, 0x1D, 0, 0xFF, 0xFE, 0, 0, 0]);
        let device = LinkLocal::of(pan, ShortAddress(1)).address().octets();
        assert_eq!(device[..15], coordinator[..15]);
        assert_eq!(device[15], 1);
    }

    #[test]
    fn the_universal_bit_of_the_pan_id_is_cleared() {
        let with_bit = LinkLocal::of(PanId(0x7A1D), ShortAddress(1));
        assert_eq!(with_bit.address(), LinkLocal::of(PanId(0x781D), ShortAddress(1)).address());
        assert_eq!(interface_identifier(PanId(0x7A1D), ShortAddress(1))[..2], [0x78, 0x1D]);
    }

    /// RFC 1071, section 3: the words 0001 F203 F4F5 F6F7 sum to DDF2.
    #[test]
    fn checksum_of_rfc_1071() {
        let words = [0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7];
        let without_pseudo_header = 0xDDF2_u16;
        let computed = checksum(Ipv6Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED, 0, &words);
        assert_eq!(!computed, without_pseudo_header + 8, "the pseudo-header adds the length");
    }

    proptest! {
        #[test]
        fn headers_come_back(
            traffic_class: u8, flow_label in 0..=FLOW_LABEL, next_header: u8, hop_limit: u8,
            source: [u8; 16], destination: [u8; 16], payload in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let header = Ipv6Header {
                traffic_class, flow_label, payload_len: payload.len() as u16, next_header, hop_limit,
                source: source.into(), destination: destination.into(),
            };
            let mut room = [0; 100];
            let mut writer = Writer::new(&mut room);
            header.emit(&mut writer)?;
            writer.put(&payload)?;
            prop_assert_eq!(Ipv6Header::parse(writer.written())?, (header, &payload[..]));
        }

        #[test]
        fn any_octets_are_answered(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Ipv6Header::parse(&octets);
        }
    }
}

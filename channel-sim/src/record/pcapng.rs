//! pcapng (draft-ietf-opsawg-pcapng): frames with interfaces, directions, comments and time stamps to the nanosecond.
//!
//! Little-endian, one section. A file is readable after every block, so that a program may die while it writes.

use std::io::{self, Write};

/// LINKTYPE_USER0: raw PSDUs.
pub const USER0: u16 = 147;
/// LINKTYPE_IEEE802_15_4_NOFCS: MAC frames without frame check sequence.
pub const IEEE802_15_4_NOFCS: u16 = 230;

/// An interface of the file, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceId(u32);

/// What is told of an interface.
#[derive(Clone, Copy, Debug)]
pub struct Interface<'a> {
    /// [`USER0`] or [`IEEE802_15_4_NOFCS`].
    pub link_type: u16,
    /// As in `coordinator` or `meter-3`.
    pub name: &'a str,
    /// A sentence.
    pub description: &'a str,
}

/// Whether the modem heard or sent a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Not known: samples do not tell.
    Unknown,
    /// Heard.
    Inbound,
    /// Sent.
    Outbound,
}

/// A frame of an interface.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Where.
    pub interface: InterfaceId,
    /// Nanoseconds since 1970.
    pub unix_ns: u64,
    /// Heard or sent.
    pub direction: Direction,
    /// The octets.
    pub octets: &'a [u8],
    /// What is known beyond them; Wireshark shows it as the packet's comment. May be empty.
    pub comment: &'a str,
}

/// Writes a file.
#[derive(Debug)]
pub struct PcapngWriter<W: Write> {
    to: W,
    interfaces: u32,
}

impl<W: Write> PcapngWriter<W> {
    /// Begins a file. `comment` says what it is.
    pub fn new(mut to: W, comment: &str) -> io::Result<Self> {
        const MAGIC: u32 = 0x1A2B_3C4D;
        let mut body = Vec::new();
        body.extend(MAGIC.to_le_bytes());
        body.extend(1_u16.to_le_bytes());
        body.extend(0_u16.to_le_bytes());
        // The section's length is not known.
        body.extend(u64::MAX.to_le_bytes());
        put_option(&mut body, option::COMMENT, comment.as_bytes());
        put_option(&mut body, option::SECTION_APPLICATION, b"channel-sim (Busbar)");
        end_options(&mut body);
        write_block(&mut to, block::SECTION, &body)?;
        Ok(Self { to, interfaces: 0 })
    }

    /// Adds an interface; at any time, before its first packet.
    pub fn interface(&mut self, interface: &Interface<'_>) -> io::Result<InterfaceId> {
        /// Time stamps count nanoseconds.
        const NANOSECONDS: u8 = 9;
        let mut body = Vec::new();
        body.extend(interface.link_type.to_le_bytes());
        body.extend(0_u16.to_le_bytes());
        // No limit to a packet's length.
        body.extend(0_u32.to_le_bytes());
        put_option(&mut body, option::INTERFACE_NAME, interface.name.as_bytes());
        put_option(&mut body, option::INTERFACE_DESCRIPTION, interface.description.as_bytes());
        put_option(&mut body, option::TIME_RESOLUTION, &[NANOSECONDS]);
        end_options(&mut body);
        write_block(&mut self.to, block::INTERFACE, &body)?;
        self.interfaces += 1;
        Ok(InterfaceId(self.interfaces - 1))
    }

    /// Adds a packet.
    pub fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let length = u32::try_from(packet.octets.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a packet beyond 4 GiB"))?;
        let direction: u32 = match packet.direction {
            Direction::Unknown => 0,
            Direction::Inbound => 1,
            Direction::Outbound => 2,
        };
        let mut body = Vec::with_capacity(packet.octets.len() + packet.comment.len() + 64);
        body.extend(packet.interface.0.to_le_bytes());
        body.extend(((packet.unix_ns >> 32) as u32).to_le_bytes());
        body.extend((packet.unix_ns as u32).to_le_bytes());
        body.extend(length.to_le_bytes());
        body.extend(length.to_le_bytes());
        put_padded(&mut body, packet.octets);
        if !packet.comment.is_empty() {
            put_option(&mut body, option::COMMENT, packet.comment.as_bytes());
        }
        put_option(&mut body, option::PACKET_FLAGS, &direction.to_le_bytes());
        end_options(&mut body);
        write_block(&mut self.to, block::ENHANCED_PACKET, &body)
    }

    /// Hands what is buffered to the system.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Block types.
mod block {
    pub(super) const SECTION: u32 = 0x0A0D_0D0A;
    pub(super) const INTERFACE: u32 = 1;
    pub(super) const ENHANCED_PACKET: u32 = 6;
}

/// Option codes.
mod option {
    pub(super) const END: u16 = 0;
    pub(super) const COMMENT: u16 = 1;
    pub(super) const SECTION_APPLICATION: u16 = 4;
    pub(super) const INTERFACE_NAME: u16 = 2;
    pub(super) const INTERFACE_DESCRIPTION: u16 = 3;
    pub(super) const TIME_RESOLUTION: u16 = 9;
    pub(super) const PACKET_FLAGS: u16 = 2;
}

fn write_block(to: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    // Type, length, body, length.
    let length = (body.len() + 12) as u32;
    let mut whole = Vec::with_capacity(body.len() + 12);
    whole.extend(kind.to_le_bytes());
    whole.extend(length.to_le_bytes());
    whole.extend(body);
    whole.extend(length.to_le_bytes());
    to.write_all(&whole)
}

fn put_padded(body: &mut Vec<u8>, octets: &[u8]) {
    body.extend(octets);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// Options are at most 65 535 octets long; text beyond is cut.
fn put_option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    put_padded(body, value);
}

fn end_options(body: &mut Vec<u8>) {
    body.extend(option::END.to_le_bytes());
    body.extend(0_u16.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Every block begins and ends with its length, and lengths are multiples of four.
        #[test]
        fn blocks_follow_each_other(
            packets in proptest::collection::vec((any::<u64>(), proptest::collection::vec(any::<u8>(), 0..50), ".{0,20}"), 0..8),
        ) {
            let mut writer = PcapngWriter::new(Vec::new(), "test").unwrap();
            let interface = writer
                .interface(&Interface { link_type: USER0, name: "meter", description: "of a test" })
                .unwrap();
            for (unix_ns, octets, comment) in &packets {
                let direction = Direction::Inbound;
                writer.packet(&Packet { interface, unix_ns: *unix_ns, direction, octets, comment }).unwrap();
            }
            let file = writer.to;
            let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
            let (mut at, mut blocks) = (0, Vec::new());
            while at < file.len() {
                let length = word(at + 4) as usize;
                prop_assert_eq!(length % 4, 0);
                prop_assert_eq!(word(at + length - 4) as usize, length);
                blocks.push(word(at));
                at += length;
            }
            prop_assert_eq!(at, file.len());
            prop_assert_eq!(&blocks[..2], &[block::SECTION, block::INTERFACE]);
            prop_assert_eq!(blocks.len(), 2 + packets.len());
        }
    }
}

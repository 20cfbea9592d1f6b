//! What stands in an MSDU: 6LoWPAN, IPv6, UDP and the DLMS/COSEM wrapper.

use super::describe::hex;
use cosem::wrapper;
use cosem::xdlms::tag;
use g3_mac::adaptation::{Body, ContextTable, FragmentHeader, Headers, Link, decompress};
use g3_mac::frame::{Endpoint, Header};
use g3_mac::ipv6::{Ipv6Header, MTU, protocol};
use g3_mac::udp::{Datagram, UdpError};
use plc_core::address::{Address, PanId};
use serde::Serialize;
use std::collections::HashMap;

/// Packets that may be incomplete at a time.
const MOST_PACKETS: usize = 64;
/// Fragments after which a packet of which none came is given up: its tag may be used again.
const MOST_AGE: u64 = 512;
/// Octets that a fragment's offset counts in (RFC 4944).
const UNIT: usize = 8;

/// Puts fragments together.
#[derive(Debug, Default)]
pub(super) struct Network {
    packets: HashMap<(Address, Address, u16, u16), Partial>,
    fragments: u64,
}

#[derive(Debug)]
struct Partial {
    octets: Vec<u8>,
    /// Which octets are there.
    known: Vec<bool>,
    checksum_elided: bool,
    /// Number of the last fragment.
    last: u64,
}

/// What an MSDU holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NetworkReport {
    /// Originator, destination and hops left of a mesh header.
    pub mesh: Option<String>,
    /// Sequence number of a broadcast.
    pub broadcast_sequence: Option<u8>,
    /// Datagram size, tag and offset of a fragment.
    pub fragment: Option<FragmentReport>,
    /// `IPHC`, `IPv6`, `fragment`, `routing`, `bootstrapping` or a command's number.
    pub body: String,
    /// The packet's header, once all of it is there.
    pub ipv6: Option<Ipv6Report>,
    /// The datagram in it.
    pub udp: Option<UdpReport>,
    /// The DLMS/COSEM wrapper PDU in it.
    pub dlms: Option<DlmsReport>,
    /// What could not be read.
    pub problem: Option<String>,
}

/// FRAG1 or FRAGN.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FragmentReport {
    /// Octets of the whole packet.
    pub size: u16,
    /// Its tag.
    pub tag: u16,
    /// Where the fragment begins.
    pub offset: usize,
    /// Octets of the packet that are known, this fragment included.
    pub known: usize,
}

/// Fields of an IPv6 header.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ipv6Report {
    /// Sender.
    pub source: String,
    /// Receiver.
    pub destination: String,
    /// Hops left.
    pub hop_limit: u8,
    /// Protocol of what follows.
    pub next_header: u8,
    /// Octets that follow.
    pub payload_octets: u16,
}

/// Fields of a UDP header.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UdpReport {
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
    /// Octets carried.
    pub octets: usize,
    /// The octets.
    pub payload: String,
}

/// A wrapper PDU.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DlmsReport {
    /// wPort of the sender.
    pub source: u16,
    /// wPort of the receiver.
    pub destination: u16,
    /// The APDU's name, or its tag.
    pub apdu: String,
    /// Its octets.
    pub octets: usize,
    /// Invocation counter of a ciphered APDU.
    pub invocation_counter: Option<u32>,
}

impl NetworkReport {
    pub(super) fn lines(&self, lines: &mut Vec<String>) {
        let mut adaptation = format!("6LoWPAN: {}", self.body);
        if let Some(mesh) = &self.mesh {
            adaptation += &format!(", mesh {mesh}");
        }
        if let Some(sequence) = self.broadcast_sequence {
            adaptation += &format!(", broadcast {sequence}");
        }
        if let Some(FragmentReport { size, tag, offset, known }) = &self.fragment {
            adaptation += &format!(", datagram {tag:#06x} from octet {offset}, {known} of {size} known");
        }
        lines.push(adaptation);
        if let Some(ip) = &self.ipv6 {
            lines.push(format!(
                "IPv6: {} to {}, hop limit {}, next header {}, {} octets",
                ip.source, ip.destination, ip.hop_limit, ip.next_header, ip.payload_octets
            ));
        }
        if let Some(udp) = &self.udp {
            let UdpReport { source_port, destination_port, octets, .. } = udp;
            lines.push(format!("UDP: {source_port} to {destination_port}, {octets} octets, checksum right"));
        }
        if let Some(dlms) = &self.dlms {
            let counter = dlms.invocation_counter;
            let counter =
                counter.map_or_else(String::new, |counter| format!(", invocation counter {counter}"));
            let DlmsReport { source, destination, apdu, octets, .. } = dlms;
            lines.push(format!("DLMS: wPort {source} to {destination}, {apdu}, {octets} octets{counter}"));
        }
        if let Some(problem) = &self.problem {
            lines.push(format!("not read: {problem}"));
        }
    }
}

impl Network {
    pub(super) fn read(&mut self, header: &Header, msdu: &[u8]) -> NetworkReport {
        let mut report = NetworkReport::default();
        let headers = match Headers::parse(msdu) {
            Ok(headers) => headers,
            Err(error) => {
                report.problem = Some(error.to_string());
                return report;
            }
        };
        report.mesh = headers.mesh.map(|mesh| {
            let (from, to) = (mesh.originator.0, mesh.destination.0);
            format!("{from:04x} to {to:04x}, {} hops left", mesh.hops_left)
        });
        report.broadcast_sequence = headers.broadcast_sequence;
        report.body = match headers.body {
            Body::Iphc(_) => "IPHC".to_string(),
            Body::Ipv6(_) => "IPv6".to_string(),
            Body::Fragment(_) => "fragment".to_string(),
            Body::Command { id: 1, .. } => "routing".to_string(),
            Body::Command { id: 2, .. } => "bootstrapping".to_string(),
            Body::Command { id, .. } => format!("command {id}"),
        };
        let (Some(Endpoint { pan_id, address: hop }), Some(to)) =
            (header.source_endpoint(), header.destination)
        else {
            return report;
        };
        let (source, destination) = match headers.mesh {
            Some(mesh) => (Address::Short(mesh.originator), Address::Short(mesh.destination)),
            None => (hop, to.address),
        };
        match self.packet(pan_id, source, destination, &headers, &mut report) {
            Ok(Some(packet)) => read_packet(&packet, &mut report),
            Ok(None) => {}
            Err(problem) => report.problem = Some(problem),
        }
        report
    }

    /// The packet, once it is complete.
    fn packet(
        &mut self,
        pan_id: PanId,
        source: Address,
        destination: Address,
        headers: &Headers<'_>,
        report: &mut NetworkReport,
    ) -> Result<Option<Vec<u8>>, String> {
        let contexts = ContextTable::default();
        let link = Link { pan_id, source, destination, contexts: &contexts };
        let (head, rest, elided) = match headers.body {
            Body::Iphc(octets) => {
                let size = match headers.fragment {
                    Some(FragmentHeader::First { size, .. }) => Some(size),
                    _ => None,
                };
                let restored = decompress(octets, &link, size).map_err(|error| error.to_string())?;
                let rest = octets.get(restored.read..).unwrap_or_default();
                (restored.header.to_vec(), rest, restored.checksum_elided)
            }
            Body::Ipv6(octets) | Body::Fragment(octets) => (Vec::new(), octets, false),
            Body::Command { .. } => return Ok(None),
        };
        let piece = [&head, rest].concat();
        let (size, tag, offset) = match headers.fragment {
            None => return Ok(Some(finish(piece, elided))),
            Some(FragmentHeader::First { size, tag }) => (size, tag, 0),
            Some(FragmentHeader::Next { size, tag, offset_units }) => {
                (size, tag, usize::from(offset_units) * UNIT)
            }
        };
        let whole = usize::from(size);
        if whole > MTU || offset + piece.len() > whole {
            return Err(format!("{} octets at {offset} of a packet of {whole}", piece.len()));
        }
        self.fragments += 1;
        let now = self.fragments;
        self.packets.retain(|_, partial| partial.last + MOST_AGE >= now);
        // RFC 4944 5.3: source, destination, size and tag tell packets apart.
        let key = (source, destination, tag, size);
        if self.packets.len() >= MOST_PACKETS && !self.packets.contains_key(&key) {
            let oldest = self.packets.iter().min_by_key(|(_, partial)| partial.last).map(|(key, _)| *key);
            oldest.and_then(|key| self.packets.remove(&key));
        }
        let partial = self.packets.entry(key).or_insert_with(|| Partial {
            octets: vec![0; whole],
            known: vec![false; whole],
            checksum_elided: false,
            last: now,
        });
        partial.last = now;
        for (at, octet) in (offset..).zip(piece) {
            if let (Some(place), Some(known)) = (partial.octets.get_mut(at), partial.known.get_mut(at)) {
                (*place, *known) = (octet, true);
            }
        }
        partial.checksum_elided |= elided;
        let known = partial.known.iter().filter(|known| **known).count();
        report.fragment = Some(FragmentReport { size, tag, offset, known });
        if known < whole {
            return Ok(None);
        }
        Ok(self.packets.remove(&key).map(|partial| finish(partial.octets, partial.checksum_elided)))
    }
}

/// Puts the checksum into a packet that came without it: nothing in it tells whether it is right.
fn finish(mut packet: Vec<u8>, checksum_elided: bool) -> Vec<u8> {
    if !checksum_elided {
        return packet;
    }
    let computed = Ipv6Header::parse(&packet).ok().map(|(header, upper_layer)| {
        g3_mac::ipv6::checksum(header.source, header.destination, protocol::UDP, upper_layer)
    });
    let at = g3_mac::ipv6::HEADER_LEN + 6;
    if let (Some(checksum), Some(field)) = (computed, packet.get_mut(at..at + 2)) {
        field.copy_from_slice(&if checksum == 0 { 0xFFFF } else { checksum }.to_be_bytes());
    }
    packet
}

fn read_packet(packet: &[u8], report: &mut NetworkReport) {
    match Ipv6Header::parse(packet) {
        Ok((header, _)) => {
            report.ipv6 = Some(Ipv6Report {
                source: header.source.to_string(),
                destination: header.destination.to_string(),
                hop_limit: header.hop_limit,
                next_header: header.next_header,
                payload_octets: header.payload_len,
            });
        }
        Err(error) => {
            report.problem = Some(error.to_string());
            return;
        }
    }
    match Datagram::parse(packet) {
        Ok(datagram) => {
            report.udp = Some(UdpReport {
                source_port: datagram.source_port,
                destination_port: datagram.destination_port,
                octets: datagram.payload.len(),
                payload: hex(datagram.payload),
            });
            if [datagram.source_port, datagram.destination_port].contains(&wrapper::PORT) {
                read_wrapper(datagram.payload, report);
            }
        }
        // Something else than UDP is no fault.
        Err(UdpError::Protocol(_)) => {}
        Err(error) => report.problem = Some(error.to_string()),
    }
}

fn read_wrapper(payload: &[u8], report: &mut NetworkReport) {
    match wrapper::parse_datagram(payload) {
        Ok((header, apdu)) => {
            report.dlms = Some(DlmsReport {
                source: header.source,
                destination: header.destination,
                apdu: apdu_name(apdu.first().copied()),
                octets: apdu.len(),
                invocation_counter: invocation_counter(apdu),
            });
        }
        Err(error) => report.problem = Some(error.to_string()),
    }
}

fn apdu_name(first: Option<u8>) -> String {
    let name = match first {
        None => "empty",
        Some(0x60) => "AARQ",
        Some(0x61) => "AARE",
        Some(0x62) => "RLRQ",
        Some(0x63) => "RLRE",
        Some(tag::GET_REQUEST) => "get-request",
        Some(tag::GET_RESPONSE) => "get-response",
        Some(tag::SET_REQUEST) => "set-request",
        Some(tag::SET_RESPONSE) => "set-response",
        Some(tag::ACTION_REQUEST) => "action-request",
        Some(tag::ACTION_RESPONSE) => "action-response",
        Some(tag::GLO_GET_REQUEST) => "glo-get-request",
        Some(tag::GLO_GET_RESPONSE) => "glo-get-response",
        Some(tag::GLO_SET_REQUEST) => "glo-set-request",
        Some(tag::GLO_SET_RESPONSE) => "glo-set-response",
        Some(tag::GLO_ACTION_REQUEST) => "glo-action-request",
        Some(tag::GLO_ACTION_RESPONSE) => "glo-action-response",
        Some(tag::EXCEPTION_RESPONSE) => "exception-response",
        Some(tag::CONFIRMED_SERVICE_ERROR) => "confirmed-service-error",
        Some(tag::GENERAL_GLO_CIPHERING) => "general-glo-ciphering",
        Some(other) => return format!("APDU {other:#04x}"),
    };
    name.to_string()
}

/// Of a service-specific ciphered APDU: tag, length, security control, counter.
fn invocation_counter(apdu: &[u8]) -> Option<u32> {
    let (&first, rest) = apdu.split_first()?;
    if !cosem::xdlms::is_glo(first) {
        return None;
    }
    // The length is one octet below 128, else the low seven bits say how many follow.
    let (&length, rest) = rest.split_first()?;
    let more = if length < 0x80 { 0 } else { usize::from(length & 0x7F) };
    let counter = rest.get(more + 1..more + 5)?;
    counter.try_into().ok().map(u32::from_be_bytes)
}

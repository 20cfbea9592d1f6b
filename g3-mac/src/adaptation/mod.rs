//! Adaptation sublayer: IPv6 packets of up to 1280 octets in MAC frames of 400 (digest 5).
//!
//! ```text
//!   ADPD-DATA.request                                     ADPD-DATA.indication
//!          |                                                       ^
//!      next_hop --> iphc (+ nhc) --> fragment          reassembly -+
//!                                       |                  ^
//!                                       v                  | iphc (+ nhc)
//!                               MCPS-DATA.request       dispatch <-- MCPS-DATA.indication
//! ```
//!
//! [`Adaptation`] is a [`Machine`] above a MAC. The rooms for what is to come are where its data passes: routing
//! replaces `next_hop` and takes the frames whose mesh header names another node; commands (LOADng,
//! bootstrapping) are [`Body::Command`] in `receive`; groups are destinations without next hop, and frames with a
//! broadcast sequence number.

mod context;
mod dispatch;
mod fragment;
mod iphc;
mod mesh;
mod next_hop;
mod nhc;
mod primitives;
mod reassembly;

pub use context::{CONTEXTS, Context, ContextTable};
pub use dispatch::{Body, DispatchError, Headers};
pub use fragment::{FIRST_LEN as FIRST_FRAGMENT_LEN, FragmentHeader, NEXT_LEN as NEXT_FRAGMENT_LEN};
pub use iphc::{Compressed, Decompressed, IphcError, Link, MAX_COMPRESSED, MAX_HEADER, compress, decompress};
pub use mesh::MeshHeader;
pub use primitives::{AdpStatus, AdpdDataConfirm, AdpdDataIndication, AdpdDataRequest};
pub use reassembly::{PACKETS as REASSEMBLED_PACKETS, TIMEOUT as REASSEMBLY_TIMEOUT};

use crate::frame::{Endpoint, KeyIndex, SecurityLevel};
use crate::ipv6::{self, Ipv6Header};
use crate::mac::{MAX_MSDU, MacStatus, McpsDataConfirm, McpsDataIndication, McpsDataRequest, Msdu};
use crate::udp;
use fragment::UNIT;
use heapless::Deque;
use next_hop::{NextHop, next_hop};
use plc_core::address::{Address, PanId, ShortAddress};
use plc_core::bytes::{Full, Writer};
use plc_core::env::Environment;
use plc_core::sans_io::{Machine, Step};
use plc_core::time::Instant;
use reassembly::{Key, Reassembly};

/// Packets that wait besides the one being sent.
pub const QUEUE: usize = 2;

/// What an [`Adaptation`] is configured with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdaptationConfig {
    /// PAN.
    pub pan_id: PanId,
    /// Own address.
    pub short_address: ShortAddress,
    /// adpSecurityLevel: frames below it are not accepted, and this is the level of frames sent.
    pub security_level: SecurityLevel,
    /// adpActiveKeyIndex: the key of frames sent.
    pub active_key_index: KeyIndex,
    /// adpContextInformationTable.
    pub contexts: ContextTable,
}

/// What an [`Adaptation`] is told.
#[derive(Clone, Debug, PartialEq)]
pub enum AdaptationEvent<'a> {
    /// The user sends.
    Data(AdpdDataRequest),
    /// The MAC tells what became of a request.
    McpsConfirm(&'a McpsDataConfirm),
    /// The MAC gives an MSDU.
    McpsIndication(&'a McpsDataIndication),
}

/// What an [`Adaptation`] asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum AdaptationAction {
    /// Of the MAC.
    Mcps(McpsDataRequest),
    /// The user is told what became of a packet.
    DataConfirm(AdpdDataConfirm),
    /// The user is given a packet.
    DataIndication(AdpdDataIndication),
}

/// The adaptation sublayer of one node. It sends one packet at a time, one MSDU after the other.
#[derive(Clone, Debug)]
pub struct Adaptation {
    config: AdaptationConfig,
    queue: Deque<AdpdDataRequest, QUEUE>,
    outgoing: Option<Outgoing>,
    /// datagram_tag of the next packet that needs one; drawn when it is first needed.
    tag: Option<u16>,
    mcps_handle: u8,
    reassembly: Reassembly,
    confirms: Deque<AdpdDataConfirm, { QUEUE + 2 }>,
}

/// The packet on its way.
#[derive(Clone, Debug)]
struct Outgoing {
    request: AdpdDataRequest,
    next_hop: NextHop,
    compressed: Compressed,
    /// Where the packet is cut, with the tag of its fragments.
    tag: Option<u16>,
    /// Octets of the packet that the MAC has delivered or is sending.
    sent: usize,
    waiting_for_mac: bool,
}

impl Adaptation {
    /// An adaptation sublayer with nothing under way.
    pub fn new(config: AdaptationConfig) -> Self {
        Self {
            config,
            queue: Deque::new(),
            outgoing: None,
            tag: None,
            mcps_handle: 0,
            reassembly: Reassembly::default(),
            confirms: Deque::new(),
        }
    }

    /// The own address has changed.
    pub fn set_address(&mut self, pan_id: PanId, short_address: ShortAddress) {
        self.config.pan_id = pan_id;
        self.config.short_address = short_address;
    }

    fn link(&self, source: ShortAddress, destination: ShortAddress) -> Link<'_> {
        Link {
            pan_id: self.config.pan_id,
            source: Address::Short(source),
            destination: Address::Short(destination),
            contexts: &self.config.contexts,
        }
    }

    fn confirm(&mut self, handle: u8, status: AdpStatus) {
        let _ = self.confirms.push_back(AdpdDataConfirm { handle, status });
    }

    fn begin(&mut self, request: AdpdDataRequest, env: &mut dyn Environment) -> Result<Outgoing, AdpStatus> {
        let (header, _) = Ipv6Header::parse(&request.nsdu).map_err(|_| AdpStatus::InvalidIpv6Frame)?;
        let next_hop = next_hop(self.config.pan_id, header.destination).ok_or(AdpStatus::RouteError)?;
        let link = self.link(self.config.short_address, next_hop.destination);
        let compressed = compress(&request.nsdu, &link).map_err(|_| AdpStatus::InvalidIpv6Frame)?;
        let rest = request.nsdu.len().saturating_sub(compressed.replaced);
        let tag = if compressed.header.len() + rest > MAX_MSDU { Some(self.take_tag(env)) } else { None };
        Ok(Outgoing { request, next_hop, compressed, tag, sent: 0, waiting_for_mac: false })
    }

    fn take_tag(&mut self, env: &mut dyn Environment) -> u16 {
        let tag = match self.tag {
            Some(tag) => tag,
            None => env.rng().next_u32() as u16,
        };
        self.tag = Some(tag.wrapping_add(1));
        tag
    }

    /// The next MSDU of the packet on its way, if it is time for one.
    fn next_request(&mut self) -> Option<McpsDataRequest> {
        let security = match self.config.security_level {
            SecurityLevel::None => None,
            SecurityLevel::EncMic32 => Some(self.config.active_key_index),
        };
        let outgoing = self.outgoing.as_mut().filter(|outgoing| !outgoing.waiting_for_mac)?;
        let Ok(msdu) = outgoing.next_msdu() else {
            let handle = outgoing.request.handle;
            self.outgoing = None;
            self.confirm(handle, AdpStatus::InvalidIpv6Frame);
            return None;
        };
        outgoing.waiting_for_mac = true;
        self.mcps_handle = self.mcps_handle.wrapping_add(1);
        Some(McpsDataRequest {
            handle: self.mcps_handle,
            destination_pan: self.config.pan_id,
            destination: Address::Short(outgoing.next_hop.hop),
            msdu,
            ack_requested: true,
            security,
            quality_of_service: outgoing.request.quality_of_service,
        })
    }

    fn mcps_confirm(&mut self, confirm: &McpsDataConfirm) {
        let handle = self.mcps_handle;
        let Some(outgoing) =
            self.outgoing.as_mut().filter(|outgoing| outgoing.waiting_for_mac && confirm.handle == handle)
        else {
            return;
        };
        outgoing.waiting_for_mac = false;
        let status = match confirm.status {
            MacStatus::Success if outgoing.sent < outgoing.request.nsdu.len() => return,
            MacStatus::Success => AdpStatus::Success,
            status => AdpStatus::Mac(status),
        };
        let handle = outgoing.request.handle;
        self.outgoing = None;
        self.confirm(handle, status);
    }

    /// Takes an MSDU. What cannot be read, is not for this node or is not secured well enough is dropped.
    fn receive(&mut self, now: Instant, indication: &McpsDataIndication) {
        if self.config.security_level == SecurityLevel::EncMic32 && indication.security.is_none() {
            return;
        }
        let Address::Short(hop) = indication.source.address else { return };
        let Some(Endpoint { address: Address::Short(to), .. }) = indication.destination else { return };
        let Ok(headers) = Headers::parse(&indication.msdu) else { return };
        let (originator, destination) = match headers.mesh {
            Some(mesh) => (mesh.originator, mesh.destination),
            None => (hop, to),
        };
        if destination != self.config.short_address || headers.broadcast_sequence.is_some() {
            return;
        }
        let link = self.link(originator, destination);
        let lqi = indication.lqi;
        match (headers.fragment, headers.body) {
            (None, Body::Ipv6(packet)) => {
                self.reassembly.take_whole(now, originator, [packet, &[]], false, lqi);
            }
            (None, Body::Iphc(octets)) => {
                let Ok(restored) = decompress(octets, &link, None) else { return };
                let pieces = [&restored.header[..], octets.get(restored.read..).unwrap_or_default()];
                let elided = restored.checksum_elided;
                self.reassembly.take_whole(now, originator, pieces, elided, lqi);
            }
            (Some(FragmentHeader::First { size, tag }), Body::Iphc(octets)) => {
                let Ok(restored) = decompress(octets, &link, Some(size)) else { return };
                let pieces = [&restored.header[..], octets.get(restored.read..).unwrap_or_default()];
                let key = Key { originator, tag, size };
                self.reassembly.take(now, key, 0, pieces, restored.checksum_elided, lqi);
            }
            (Some(FragmentHeader::First { size, tag }), Body::Ipv6(octets)) => {
                let key = Key { originator, tag, size };
                self.reassembly.take(now, key, 0, [octets, &[]], false, lqi);
            }
            (Some(FragmentHeader::Next { size, tag, offset_units }), Body::Fragment(octets)) => {
                let key = Key { originator, tag, size };
                let offset = usize::from(offset_units) * UNIT;
                self.reassembly.take(now, key, offset, [octets, &[]], false, lqi);
            }
            _ => {}
        }
    }

    /// A packet that is complete and IPv6.
    fn next_indication(&mut self) -> Option<AdpdDataIndication> {
        while let Some(mut whole) = self.reassembly.pop() {
            if whole.checksum_elided {
                restore_checksum(&mut whole.packet);
            }
            if Ipv6Header::parse(&whole.packet).is_ok() {
                return Some(AdpdDataIndication {
                    nsdu: whole.packet,
                    source: whole.originator,
                    lqi: whole.lqi,
                });
            }
        }
        None
    }
}

impl Machine for Adaptation {
    type Event<'a> = AdaptationEvent<'a>;
    type Action = AdaptationAction;

    fn handle(&mut self, now: Instant, _env: &mut dyn Environment, event: AdaptationEvent<'_>) {
        match event {
            AdaptationEvent::Data(request) => {
                let handle = request.handle;
                if self.queue.push_back(request).is_err() {
                    self.confirm(handle, AdpStatus::NoBuffers);
                }
            }
            AdaptationEvent::McpsConfirm(confirm) => self.mcps_confirm(confirm),
            AdaptationEvent::McpsIndication(indication) => self.receive(now, indication),
        }
    }

    fn poll(&mut self, _now: Instant, env: &mut dyn Environment) -> Step<AdaptationAction> {
        if let Some(indication) = self.next_indication() {
            return Step::Do(AdaptationAction::DataIndication(indication));
        }
        if self.outgoing.is_none()
            && let Some(request) = self.queue.pop_front()
        {
            let handle = request.handle;
            match self.begin(request, env) {
                Ok(outgoing) => self.outgoing = Some(outgoing),
                Err(status) => self.confirm(handle, status),
            }
        }
        if let Some(request) = self.next_request() {
            return Step::Do(AdaptationAction::Mcps(request));
        }
        match self.confirms.pop_front() {
            Some(confirm) => Step::Do(AdaptationAction::DataConfirm(confirm)),
            None => Step::Idle(None),
        }
    }
}

impl Outgoing {
    /// The next octets of the packet as an MSDU: all of it, or a fragment.
    fn next_msdu(&mut self) -> Result<Msdu, Full> {
        let packet = self.request.nsdu.as_slice();
        let size = packet.len() as u16;
        let mut room = [0; MAX_MSDU];
        let mut writer = Writer::new(&mut room);
        let (begin, left) = match self.tag {
            None => {
                writer.put(&self.compressed.header)?;
                (self.compressed.replaced, usize::MAX)
            }
            Some(tag) if self.sent == 0 => {
                FragmentHeader::First { size, tag }.emit(&mut writer)?;
                writer.put(&self.compressed.header)?;
                // The octets before the next fragment are counted as they were before compression.
                let begin = self.compressed.replaced;
                let end = (begin + MAX_MSDU - writer.position()) / UNIT * UNIT;
                (begin, end - begin)
            }
            Some(tag) => {
                let offset_units = (self.sent / UNIT) as u8;
                FragmentHeader::Next { size, tag, offset_units }.emit(&mut writer)?;
                (self.sent, (MAX_MSDU - NEXT_FRAGMENT_LEN) / UNIT * UNIT)
            }
        };
        let rest = packet.get(begin..).unwrap_or_default();
        let piece = rest.get(..left.min(rest.len())).unwrap_or_default();
        writer.put(piece)?;
        self.sent = begin + piece.len();
        let written = writer.written();
        let full = Full { at: 0, needed: written.len(), left: MAX_MSDU };
        Msdu::from_slice(written).map_err(|_| full)
    }
}

/// Computes the UDP checksum that the compressed header left out.
fn restore_checksum(packet: &mut [u8]) {
    let Ok((header, upper_layer)) = Ipv6Header::parse(packet) else { return };
    let checksum = udp::udp_checksum(header.source, header.destination, upper_layer);
    let at = ipv6::HEADER_LEN + udp::CHECKSUM_OFFSET;
    if let Some(field) = packet.get_mut(at..at + 2) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
}

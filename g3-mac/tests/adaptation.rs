//! The adaptation sublayer alone, between a user and a MAC played by hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use g3_mac::adaptation::{
    Adaptation, AdaptationAction, AdaptationConfig, AdaptationEvent, AdpStatus, AdpdDataIndication,
    AdpdDataRequest, Body, ContextTable, FragmentHeader, Headers, MeshHeader,
};
use g3_mac::frame::{Endpoint, KeyIndex, SecurityLevel};
use g3_mac::mac::{
    MAX_MSDU, MacStatus, McpsDataConfirm, McpsDataIndication, McpsDataRequest, Msdu, QualityOfService,
};
use g3_mac::udp::{Datagram, MAX_PAYLOAD};
use plc_core::address::{Address, PanId, ShortAddress};
use plc_core::bytes::Writer;
use plc_core::sans_io::Machine;
use plc_core::testkit::{TestEnvironment, check_contract};
use plc_core::time::Instant;
use proptest::prelude::*;

const PAN: PanId = PanId(0x781D);

struct Node {
    adaptation: Adaptation,
    env: TestEnvironment,
}

impl Node {
    fn new(short: u16) -> Self {
        let config = AdaptationConfig {
            pan_id: PAN,
            short_address: ShortAddress(short),
            security_level: SecurityLevel::EncMic32,
            active_key_index: KeyIndex::Zero,
            contexts: ContextTable::default(),
        };
        Self { adaptation: Adaptation::new(config), env: TestEnvironment::new(u64::from(short) + 1) }
    }

    fn tell(&mut self, event: AdaptationEvent<'_>) -> Vec<AdaptationAction> {
        let now = Instant::from_ticks(0);
        self.adaptation.handle(now, &mut self.env, event);
        let (actions, until) = check_contract(&mut self.adaptation, now, &mut self.env);
        assert_eq!(until, None);
        actions
    }

    fn hear(&mut self, indication: &McpsDataIndication) -> Vec<AdpdDataIndication> {
        let actions = self.tell(AdaptationEvent::McpsIndication(indication));
        actions
            .into_iter()
            .map(|action| match action {
                AdaptationAction::DataIndication(indication) => indication,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn send(&mut self, packet: &[u8]) -> Vec<AdaptationAction> {
        self.tell(AdaptationEvent::Data(AdpdDataRequest::new(9, packet.iter().copied().collect())))
    }

    /// The MSDUs of a packet, each confirmed by the MAC.
    fn msdus(&mut self, packet: &[u8]) -> Vec<McpsDataRequest> {
        let mut actions = self.send(packet);
        let mut msdus = Vec::new();
        loop {
            match &actions[..] {
                [AdaptationAction::Mcps(request)] => {
                    msdus.push(request.clone());
                    let timestamp = Instant::from_ticks(0);
                    let confirm =
                        McpsDataConfirm { handle: request.handle, status: MacStatus::Success, timestamp };
                    actions = self.tell(AdaptationEvent::McpsConfirm(&confirm));
                }
                [AdaptationAction::DataConfirm(confirm)] => {
                    assert_eq!((confirm.handle, confirm.status), (9, AdpStatus::Success));
                    return msdus;
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fn endpoint(short: u16) -> Endpoint {
    Endpoint { pan_id: PAN, address: Address::Short(ShortAddress(short)) }
}

fn indication(from: u16, to: u16, msdu: &[u8]) -> McpsDataIndication {
    McpsDataIndication {
        source: endpoint(from),
        destination: Some(endpoint(to)),
        msdu: Msdu::from_slice(msdu).unwrap(),
        lqi: 66,
        sequence: 0,
        timestamp: Instant::from_ticks(0),
        security: Some(KeyIndex::Zero),
        quality_of_service: QualityOfService::Normal,
    }
}

fn datagram(payload: &[u8]) -> Datagram<'_> {
    Datagram::link_local(PAN, ShortAddress(0), ShortAddress(1), 4059, 4059, payload)
}

/// Digest 5.4: a packet of 1280 octets takes four fragments, each within an MSDU and cut at multiples of 8.
#[test]
fn the_largest_packet_takes_four_fragments() {
    let payload = [3; MAX_PAYLOAD];
    let packet = datagram(&payload).emit().unwrap();
    let msdus = Node::new(0).msdus(&packet);
    let headers: Vec<FragmentHeader> =
        msdus.iter().map(|request| Headers::parse(&request.msdu).unwrap().fragment.unwrap()).collect();
    let FragmentHeader::First { size: 1280, tag } = headers[0] else { panic!("{headers:?}") };
    let next = |offset: u16| FragmentHeader::Next { size: 1280, tag, offset_units: (offset / 8) as u8 };
    // 4 octets FRAG1, 9 octets IPHC and UDP for 48, then 384 of the packet; then 392 behind 5 octets FRAGN.
    assert_eq!(headers[1..], [next(432), next(824), next(1216)]);
    let lengths: Vec<usize> = msdus.iter().map(|request| request.msdu.len()).collect();
    assert_eq!(lengths, [4 + 9 + 384, 5 + 392, 5 + 392, 5 + 64]);
    for request in &msdus {
        assert!(request.ack_requested && request.security == Some(KeyIndex::Zero));
        assert_eq!((request.destination_pan, request.destination), (PAN, Address::Short(ShortAddress(1))));
    }
}

#[test]
fn a_failed_fragment_ends_the_packet() {
    let payload = [3; 900];
    let packet = datagram(&payload).emit().unwrap();
    let mut node = Node::new(0);
    let [AdaptationAction::Mcps(request)] = &node.send(&packet)[..] else { panic!() };
    let timestamp = Instant::from_ticks(0);
    let stray =
        McpsDataConfirm { handle: request.handle.wrapping_add(1), status: MacStatus::NoAck, timestamp };
    assert_eq!(node.tell(AdaptationEvent::McpsConfirm(&stray)), []);
    let failed = McpsDataConfirm { handle: request.handle, ..stray };
    let [AdaptationAction::DataConfirm(confirm)] = node.tell(AdaptationEvent::McpsConfirm(&failed))[..]
    else {
        panic!()
    };
    assert_eq!(confirm.status, AdpStatus::Mac(MacStatus::NoAck));
    assert_eq!(node.msdus(&datagram(b"next").emit().unwrap()).len(), 1);
}

#[test]
fn unsecured_packets_are_dropped() {
    let packet = datagram(b"hello").emit().unwrap();
    let msdu = &Node::new(0).msdus(&packet)[0].msdu;
    let mut node = Node::new(1);
    assert_eq!(node.hear(&McpsDataIndication { security: None, ..indication(0, 1, msdu) }), []);
    let given = node.hear(&indication(0, 1, msdu));
    assert_eq!((&given[0].nsdu, given[0].source, given[0].lqi), (&packet, ShortAddress(0), 66));
}

#[test]
fn the_mesh_header_names_originator_and_destination() {
    let packet = datagram(b"hello").emit().unwrap();
    let inner = Node::new(0).msdus(&packet)[0].msdu.clone();
    let relayed = |destination, broadcast_sequence| {
        let mesh =
            MeshHeader { hops_left: 3, originator: ShortAddress(0), destination: ShortAddress(destination) };
        let headers = Headers { mesh: Some(mesh), broadcast_sequence, ..Headers::of(Body::Iphc(&inner)) };
        let mut room = [0; MAX_MSDU];
        let mut writer = Writer::new(&mut room);
        headers.emit(&mut writer).unwrap();
        indication(5, 1, writer.written())
    };
    let mut node = Node::new(1);
    let given = node.hear(&relayed(1, None));
    assert_eq!(
        (&given[0].nsdu, given[0].source),
        (&packet, ShortAddress(0)),
        "elided addresses are the mesh's"
    );
    assert_eq!(node.hear(&relayed(2, None)), [], "for another node: relaying is not there");
    assert_eq!(node.hear(&relayed(1, Some(4))), [], "a flooded frame: neither");
}

#[test]
fn other_encodings_of_a_packet_are_understood() {
    let packet = datagram(b"HELLO").emit().unwrap();
    let mut node = Node::new(1);
    let uncompressed = [&[0x41][..], &packet].concat();
    assert_eq!(node.hear(&indication(0, 1, &uncompressed))[0].nsdu, packet);
    // IPHC without the UDP checksum, which is restored.
    let elided = [&[0x7E, 0x33, 0xF4, 0x0F, 0xDB, 0x0F, 0xDB][..], b"HELLO"].concat();
    assert_eq!(node.hear(&indication(0, 1, &elided))[0].nsdu, packet);
    // A fragmented packet whose header is not compressed.
    let first = [&[0xC0, packet.len() as u8, 0, 7, 0x41][..], &packet[..32]].concat();
    let next = [&[0xE0, packet.len() as u8, 0, 7, 4][..], &packet[32..]].concat();
    assert_eq!(node.hear(&indication(0, 1, &first)), []);
    assert_eq!(node.hear(&indication(0, 1, &next))[0].nsdu, packet);
}

proptest! {
    #[test]
    fn packets_of_every_size_pass(payload in proptest::collection::vec(any::<u8>(), 0..=MAX_PAYLOAD), swap: bool) {
        let packet = datagram(&payload).emit()?;
        let mut msdus = Node::new(0).msdus(&packet);
        if swap {
            msdus.reverse();
        }
        let mut node = Node::new(1);
        let given: Vec<_> = msdus.iter().flat_map(|request| node.hear(&indication(0, 1, &request.msdu))).collect();
        prop_assert_eq!(given.len(), 1);
        prop_assert_eq!(&given[0].nsdu, &packet);
    }

    #[test]
    fn any_msdus_are_answered(msdus in proptest::collection::vec(
        (0..3_u16, proptest::collection::vec(any::<u8>(), 0..100), 0..8_u8), 0..30,
    )) {
        let mut node = Node::new(1);
        for (from, mut msdu, kind) in msdus {
            // Steer the first octet towards what is parsed further.
            if let Some(first) = msdu.first_mut() {
                *first = match kind {
                    0 => 0x41,
                    1 => 0x7E,
                    2 => 0xC0 | *first & 7,
                    3 => 0xE0 | *first & 7,
                    4 => 0xB0 | *first & 15,
                    5 => 0x60 | *first & 31,
                    _ => *first,
                };
            }
            for given in node.hear(&indication(from, 1, &msdu)) {
                prop_assert!(g3_mac::ipv6::Ipv6Header::parse(&given.nsdu).is_ok());
            }
        }
    }
}

use super::*;
use crate::security::{self, Gmk, NonceForm};
use crate::test_support::hex;
use plc_core::address::{Address, ExtendedAddress, PanId, ShortAddress};
use proptest::prelude::*;
use std::vec::Vec;

const PAN: PanId = PanId(0x781D);

fn short(pan_id: PanId, address: u16) -> Endpoint {
    Endpoint { pan_id, address: Address::Short(ShortAddress(address)) }
}

fn unicast(sequence: u8, secured: bool, source: Address) -> Header {
    Header {
        frame_type: FrameType::Data,
        secured,
        ack_request: true,
        sequence,
        destination: Some(short(PAN, 0)),
        source: Source::SamePan(source),
    }
}

fn check(frame: &Frame<'_>, octets: &[u8]) {
    let mut psdu = Psdu::new();
    frame.emit(0, &mut psdu).unwrap();
    assert_eq!(psdu, octets);
    let (body, _) = check_fcs(octets).unwrap();
    assert_eq!(Frame::parse(body), Ok(*frame));
}

/// Digest 12.1.
#[test]
fn the_fcs_is_the_unreflected_one() {
    assert_eq!(fcs(b"123456789"), 0x31C3);
}

/// Digest 12.1.
#[test]
fn beacon_request() {
    let header = Header {
        frame_type: FrameType::Command,
        secured: false,
        ack_request: false,
        sequence: 0x53,
        destination: Some(short(PanId::BROADCAST, 0xFFFF)),
        source: Source::None,
    };
    let octets = hex("010001 0308 53 FFFF FFFF 07 B17B");
    check(&Frame { segment: SegmentControl::only(1), header, security: None, payload: &[7] }, &octets);
    assert_eq!(check_fcs(&octets).unwrap().1, 0x7BB1);
    // 802.15.4's own checksum (KERMIT) would be this one: a G3 node does not take it.
    let kermit = hex("010001 0308 53 FFFF FFFF 07 487D");
    assert!(check_fcs(&kermit).is_err());
}

/// Digest 12.1.
#[test]
fn beacon_of_the_coordinator() {
    let header = Header {
        frame_type: FrameType::Beacon,
        secured: false,
        ack_request: false,
        sequence: 0x2A,
        destination: None,
        source: Source::Full(short(PAN, 0)),
    };
    let payload = hex("00C0 00 00 0000");
    let octets = hex("010006 0080 2A 1D78 0000 00C0 00 00 0000 940C");
    check(&Frame { segment: SegmentControl::only(6), header, security: None, payload: &payload }, &octets);
}

/// Digest 12.1.
#[test]
fn joining_frame_from_an_extended_address() {
    let octets = hex("01000C 61C8 01 1D78 0000 8877665544332211 4002 1000 1122334455667788 8082");
    let source = Address::Extended(ExtendedAddress([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]));
    let payload = hex("4002 1000 1122334455667788");
    let header = unicast(1, false, source);
    check(&Frame { segment: SegmentControl::only(12), header, security: None, payload: &payload }, &octets);
}

const GMK: &str = "AF4D6DCCF14DE7C1C4235E6FEF6C151F";

/// Enciphers `payload` under the key of digest 12.2 and checks nonce, associated data and the segments' octets.
fn check_secured(
    header: Header,
    security: AuxiliarySecurity,
    payload: &[u8],
    a_data: &str,
    splits: &[(SegmentControl, &str)],
) {
    let key = Gmk(hex(GMK).try_into().unwrap());
    let associated = associated_data(&header, &security).unwrap();
    assert_eq!(associated, hex(a_data)[..]);
    let Some(Endpoint { pan_id, address: Address::Short(source) }) = header.source_endpoint() else {
        panic!("no short source")
    };
    let nonce = security::nonce(NonceForm::AddressTwice, pan_id, source, security.frame_counter);
    let mut msdu = heapless::Vec::<u8, 404>::from_slice(payload).unwrap();
    security::seal(&key, &nonce, &associated, &mut msdu).unwrap();
    let mut at = 0;
    let mut received = heapless::Vec::<u8, 404>::new();
    for &(segment, octets) in splits {
        let octets = hex(octets);
        let end = at + usize::from(segment.length);
        let frame = Frame {
            segment,
            header,
            security: (segment.count == 0).then_some(security),
            payload: &msdu[at..end],
        };
        check(&frame, &octets);
        let (body, _) = check_fcs(&octets).unwrap();
        received.extend_from_slice(Frame::parse(body).unwrap().payload).unwrap();
        at = end;
    }
    assert_eq!(at, msdu.len());
    security::open(&key, &nonce, &associated, &mut received).unwrap();
    assert_eq!(received, payload);
}

/// Digest 12.4.
#[test]
fn secured_unicast() {
    check_secured(
        unicast(0x10, true, Address::Short(ShortAddress(1))),
        AuxiliarySecurity { frame_counter: 5, key_index: KeyIndex::Zero },
        &hex("4001000000000100010F00008000"),
        "6988101D78000001000D0500000000",
        &[(
            SegmentControl::only(18),
            "0100126988101D78000001000D05000000005D89A0A1D87CDD38272B78B43A73F97C6B33EAE6",
        )],
    );
}

/// Digest 12.4.
#[test]
fn secured_broadcast() {
    let header = Header {
        ack_request: false,
        destination: Some(short(PAN, 0xFFFF)),
        ..unicast(0x11, true, Address::Short(ShortAddress(0x25)))
    };
    check_secured(
        header,
        AuxiliarySecurity { frame_counter: 0x400, key_index: KeyIndex::One },
        &hex("4001000000002501020F00008000"),
        "4988111D78FFFF25000D0004000001",
        &[(
            SegmentControl::only(18),
            "0100124988111D78FFFF25000D0004000001F84FEE317BEA3E6C1DE9AD9769F2125F79A32570",
        )],
    );
}

/// Digest 12.4.
#[test]
fn secured_in_two_segments() {
    let payload: Vec<u8> = (0..100).collect();
    let first = SegmentControl { contention_free: true, last: false, ..SegmentControl::only(64) };
    let last = SegmentControl { tone_map_request: true, count: 1, ..SegmentControl::only(40) };
    check_secured(
        unicast(0x12, true, Address::Short(ShortAddress(1))),
        AuxiliarySecurity { frame_counter: 6, key_index: KeyIndex::Zero },
        &payload,
        "6988121D78000001000D0600000000",
        &[
            (
                first,
                "0400406988121D78000001000D06000000002111E0D13985CF5EE8BD2CFB2945AE62C86856F320692FC86F3F641AC461ACA0E4E7503341F2CD1EAEBD0695C2B05EB663BC7C65EDBD1B8B1744FCBEB652A7563E34",
            ),
            (
                last,
                "0904286988121D780000010053B6AB5D355B0E8893B21C3857F5F1A46529044AE613F86A08206F371E9563402670A664466CCFBD93F0",
            ),
        ],
    );
}

#[test]
fn padding_stands_before_the_fcs_and_is_covered_by_it() {
    let header = unicast(1, false, Address::Short(ShortAddress(1)));
    let frame = Frame { segment: SegmentControl::only(2), header, security: None, payload: &[1, 2] };
    let mut psdu = Psdu::new();
    frame.emit(40, &mut psdu).unwrap();
    assert_eq!(psdu.len(), 40);
    assert!(psdu[frame.len() - FCS_LEN..38].iter().all(|&octet| octet == 0));
    let (body, _) = check_fcs(&psdu).unwrap();
    assert_eq!(Frame::parse(body), Ok(frame));
    psdu[37] ^= 1;
    assert!(matches!(check_fcs(&psdu), Err(FrameError::Fcs { .. })));
}

#[test]
fn contradictions_are_refused() {
    let header = unicast(1, false, Address::Short(ShortAddress(1)));
    let security = Some(AuxiliarySecurity { frame_counter: 0, key_index: KeyIndex::Zero });
    let mut psdu = Psdu::new();
    let frame = Frame { segment: SegmentControl::only(0), header, security, payload: &[] };
    assert!(matches!(frame.emit(0, &mut psdu), Err(FrameError::SecurityPlacement { .. })));
    let frame = Frame { security: None, payload: &[0; 600], ..frame };
    assert!(matches!(frame.emit(0, &mut psdu), Err(FrameError::Full(_))));
    let frame = Frame { segment: SegmentControl { count: 64, ..frame.segment }, payload: &[], ..frame };
    assert!(matches!(frame.emit(0, &mut psdu), Err(FrameError::SegmentField { count: 64, length: 0 })));
}

/// Digest 1.3: what receivers in the field refuse.
#[test]
fn the_receive_filter() {
    for (control, octets) in [
        ("type 2", "01000A 6288 01 1D78 0000 0100"),
        ("frame pending", "010000 7188 01 1D78 0000 0100"),
        ("address mode 1", "010000 6184 01 1D78 0000 0100"),
        ("no address", "010000 0100 01"),
        ("compression without a source", "010000 4108 01 1D78 0000"),
        ("compression without a destination", "010000 4180 01 1D78 0000"),
        ("a later version", "010000 6198 01 1D78 0000 0100"),
        ("a broadcast source", "010000 6188 01 1D78 0000 FFFF"),
    ] {
        let octets = hex(octets);
        let refusal = Frame::parse(&octets);
        assert!(
            matches!(refusal, Err(FrameError::FrameControl(_) | FrameError::BroadcastSource)),
            "{control}: {refusal:?}"
        );
    }
    let longer_than_it_is = hex("010009 6188 01 1D78 0000 0100 11");
    assert!(matches!(Frame::parse(&longer_than_it_is), Err(FrameError::Truncated(_))));
}

fn addresses() -> impl Strategy<Value = Address> {
    prop_oneof![
        (0..0xFFFF_u16).prop_map(|short| Address::Short(ShortAddress(short))),
        any::<[u8; 8]>().prop_map(|octets| Address::Extended(ExtendedAddress(octets))),
    ]
}

fn endpoints() -> impl Strategy<Value = Endpoint> {
    (any::<u16>(), addresses()).prop_map(|(pan, address)| Endpoint { pan_id: PanId(pan), address })
}

fn headers() -> impl Strategy<Value = Header> {
    let routes = prop_oneof![
        endpoints().prop_map(|to| (Some(to), Source::None)),
        (endpoints(), addresses()).prop_map(|(to, from)| (Some(to), Source::SamePan(from))),
        (proptest::option::of(endpoints()), endpoints()).prop_map(|(to, from)| (to, Source::Full(from))),
    ];
    let types = prop_oneof![Just(FrameType::Beacon), Just(FrameType::Data), Just(FrameType::Command)];
    (types, any::<(bool, bool, u8)>(), routes).prop_map(
        |(frame_type, (secured, ack_request, sequence), (destination, source))| Header {
            frame_type,
            secured,
            ack_request,
            sequence,
            destination,
            source,
        },
    )
}

proptest! {
    #[test]
    fn frames_come_back(
        header in headers(), flags: (bool, bool, bool, bool), count in 0..=MAX_SEGMENT_COUNT, counter: u32, slot: bool,
        payload in proptest::collection::vec(any::<u8>(), 0..300), capacity in 0..400_usize,
    ) {
        let (tone_map_request, contention_free, high_priority, last) = flags;
        let segment = SegmentControl {
            tone_map_request, contention_free, high_priority, last, count, length: payload.len() as u16,
        };
        let key_index = if slot { KeyIndex::One } else { KeyIndex::Zero };
        let security = (header.secured && count == 0).then_some(AuxiliarySecurity { frame_counter: counter, key_index });
        let frame = Frame { segment, header, security, payload: &payload };
        let mut psdu = Psdu::new();
        let fcs = frame.emit(capacity, &mut psdu)?;
        prop_assert_eq!(psdu.len(), capacity.max(frame.len()));
        let (body, received) = check_fcs(&psdu)?;
        prop_assert_eq!(received, fcs);
        prop_assert_eq!(Frame::parse(body)?, frame);
        // Cut anywhere before the padding, it is an error and no panic.
        for end in 0..frame.len() - FCS_LEN {
            prop_assert!(Frame::parse(&psdu[..end]).is_err());
        }
    }

    #[test]
    fn any_octets_are_answered(octets in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = check_fcs(&octets);
        // What is read can be written again and is the same frame.
        if let Ok(frame) = Frame::parse(&octets) {
            let mut psdu = Psdu::new();
            frame.emit(0, &mut psdu)?;
            prop_assert_eq!(Frame::parse(&psdu)?, frame);
        }
    }

    #[test]
    fn one_wrong_bit_is_noticed(
        payload in proptest::collection::vec(any::<u8>(), 0..100), at: proptest::sample::Index, bit in 0..8_u8,
    ) {
        let header = unicast(1, false, Address::Short(ShortAddress(1)));
        let segment = SegmentControl::only(payload.len() as u16);
        let mut psdu = Psdu::new();
        Frame { segment, header, security: None, payload: &payload }.emit(0, &mut psdu)?;
        let at = at.index(psdu.len());
        psdu[at] ^= 1 << bit;
        let noticed = matches!(check_fcs(&psdu), Err(FrameError::Fcs { .. }));
        prop_assert!(noticed);
    }
}

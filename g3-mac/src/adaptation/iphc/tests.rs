use super::super::context::Context;
use super::*;
use crate::test_support::hex;
use crate::udp::Datagram;
use proptest::prelude::*;

const PAN: PanId = PanId(0x781D);

fn link(contexts: &ContextTable) -> Link<'_> {
    Link {
        pan_id: PAN,
        source: Address::Short(ShortAddress(0)),
        destination: Address::Short(ShortAddress(1)),
        contexts,
    }
}

/// The packet compressed, with what follows the headers.
fn compressed(packet: &[u8], link: &Link<'_>) -> std::vec::Vec<u8> {
    let Compressed { header, replaced } = compress(packet, link).unwrap();
    [&header[..], &packet[replaced..]].concat()
}

fn restored(octets: &[u8], link: &Link<'_>) -> Result<std::vec::Vec<u8>, IphcError> {
    let Decompressed { header, read, .. } = decompress(octets, link, None)?;
    Ok([&header[..], &octets[read..]].concat())
}

fn check(packet: &[u8], octets: &[u8]) {
    let contexts = ContextTable::default();
    let link = link(&contexts);
    assert_eq!(compressed(packet, &link), octets);
    assert_eq!(restored(octets, &link).unwrap(), packet);
}

/// Digest 12.5.
#[test]
fn udp_packets_of_the_digest() {
    for (port, octets) in [
        (0xF0BF, "7E33 F3 FF 4F85 48454C4C4F"),
        (0xF0B0, "7E33 F3 00 4FA3 48454C4C4F"),
        (4059, "7E33 F0 0FDB 0FDB 114F 48454C4C4F"),
    ] {
        let datagram = Datagram::link_local(PAN, ShortAddress(0), ShortAddress(1), port, port, b"HELLO");
        check(&datagram.emit().unwrap(), &hex(octets));
    }
}

/// Digest 12.5.
#[test]
fn echo_request_of_the_digest() {
    let packet = hex("60000000000C3A40FE80000000000000781D00FFFE000000FE80000000000000781D00FFFE000001\
                      8000A3751234000170696E67");
    assert_eq!(
        ipv6::checksum(
            "fe80::781d:ff:fe00:0".parse().unwrap(),
            "fe80::781d:ff:fe00:1".parse().unwrap(),
            58,
            &packet[40..]
        ),
        0
    );
    check(&packet, &hex("7A33 3A 8000A3751234000170696E67"));
}

/// Digest 12.5: the part behind mesh header and BC0.
#[test]
fn multicast_packet_of_the_digest() {
    let contexts = ContextTable::default();
    let link = Link { destination: Address::Short(ShortAddress(0x8001)), ..link(&contexts) };
    let datagram = Datagram {
        destination: "ff02::1".parse().unwrap(),
        ..Datagram::link_local(PAN, ShortAddress(0), ShortAddress(1), 0xF0BF, 0xF0BF, b"HELLO")
    };
    let octets = hex("7E3B 01 F3 FF C620 48454C4C4F");
    assert_eq!(compressed(&datagram.emit().unwrap(), &link), octets);
    assert_eq!(restored(&octets, &link).unwrap(), datagram.emit().unwrap()[..]);
}

#[test]
fn contexts_shorten_other_prefixes() {
    let mut contexts = ContextTable::default();
    let ula = Context::new("fd00:0:2:781d::".parse().unwrap(), 64).unwrap();
    assert!(contexts.set(1, Some(ula)));
    assert!(!contexts.set(16, Some(ula)));
    let link = link(&contexts);
    let datagram = |source: &str| Datagram {
        source: source.parse().unwrap(),
        ..Datagram::link_local(PAN, ShortAddress(0), ShortAddress(1), 0xF0BF, 0xF0BF, b"HELLO")
    };
    for (source, length) in [
        ("fd00:0:2:781d:781d:ff:fe00:0", 3),
        ("fd00:0:2:781d:781d:ff:fe00:9", 5),
        ("fd00:0:2:781d:1:2:3:4", 11),
        ("2001:db8::781d:ff:fe00:0", 18),
    ] {
        let packet = datagram(source).emit().unwrap();
        let compressed = compressed(&packet, &link);
        assert_eq!(compressed.len(), length + 2 + 2 + 5, "{source}: modes and addresses, UDP, payload");
        assert_eq!(restored(&compressed, &link).unwrap(), packet[..]);
    }
    let with_context = compressed(&datagram("fd00:0:2:781d:781d:ff:fe00:0").emit().unwrap(), &link);
    let without = ContextTable::default();
    assert_eq!(restored(&with_context, &self::link(&without)), Err(IphcError::Context(1)));
}

#[test]
fn an_elided_checksum_is_announced() {
    let contexts = ContextTable::default();
    let octets = hex("7E33 F7 FF 48454C4C4F");
    let restored = decompress(&octets, &link(&contexts), None).unwrap();
    assert!(restored.checksum_elided);
    assert_eq!(restored.header[46..48], [0, 0]);
}

#[test]
fn what_is_not_supported_is_named() {
    let contexts = ContextTable::default();
    let link = link(&contexts);
    assert_eq!(decompress(&hex("41"), &link, None), Err(IphcError::Dispatch(0x41)));
    assert_eq!(decompress(&hex("7E33 E0"), &link, None), Err(IphcError::NextHeader(0xE0)));
    assert_eq!(decompress(&hex("7A34 3A"), &link, None), Err(IphcError::Reserved(0x34)));
    assert_eq!(
        decompress(&hex("7E33 F3 FF 4F85"), &link, Some(47)),
        Err(IphcError::Size { size: 47, header: 48 })
    );
    assert_eq!(
        decompress(&hex("7E33 F3 FF 4F85"), &link, Some(1281)),
        Err(IphcError::Size { size: 1281, header: 48 })
    );
}

/// Addresses of every kind that the modes distinguish.
fn addresses() -> impl Strategy<Value = Ipv6Addr> {
    prop_oneof![
        Just(Ipv6Addr::UNSPECIFIED),
        any::<[u8; 16]>().prop_map(Ipv6Addr::from),
        any::<[u8; 8]>().prop_map(|iid| address_of(LINK_LOCAL_PREFIX, iid)),
        (0..4_u16).prop_map(|short| ipv6::LinkLocal::of(PAN, ShortAddress(short)).address()),
        (0..4_u16).prop_map(|short| Ipv6Addr::new(0xFD00, 0, 2, 0x781D, 0x781D, 0xFF, 0xFE00, short)),
        any::<u8>().prop_map(|group| Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, group.into())),
        (any::<u8>(), any::<u32>()).prop_map(|(scope, group)| {
            Ipv6Addr::new(0xFF00 | u16::from(scope), 0, 0, 0, 0, 0, (group >> 16 & 0xFF) as u16, group as u16)
        }),
        (any::<u8>(), any::<u64>()).prop_map(|(scope, group)| {
            let [g2, g1, g0] =
                [group >> 32 & 0xFF, group >> 16 & 0xFFFF, group & 0xFFFF].map(|word| word as u16);
            Ipv6Addr::new(0xFF00 | u16::from(scope), 0, 0, 0, 0, g2, g1, g0)
        }),
    ]
}

fn contexts() -> impl Strategy<Value = ContextTable> {
    let context =
        (any::<[u8; 16]>(), 1..=128_u8).prop_map(|(prefix, length)| Context::new(prefix.into(), length));
    let ula = Just(Context::new("fd00:0:2:781d::".parse().unwrap(), 64));
    proptest::collection::vec((0..16_u8, prop_oneof![context, ula, Just(None)]), 0..4).prop_map(|entries| {
        let mut table = ContextTable::default();
        for (identifier, context) in entries {
            table.set(identifier, context);
        }
        table
    })
}

proptest! {
    #[test]
    fn every_packet_comes_back(
        contexts in contexts(), source in addresses(), destination in addresses(),
        traffic_class in prop_oneof![Just(0_u8), 0..4_u8, any::<u8>()],
        flow_label in prop_oneof![Just(0_u32), 0..0x10_0000_u32],
        hop_limit in prop_oneof![Just(1_u8), Just(64), Just(255), any::<u8>()],
        next_header in prop_oneof![Just(17_u8), any::<u8>()],
        ports in prop_oneof![any::<(u16, u16)>(), (0xF0A0..0xF0D0_u16, 0xF0A0..0xF0D0_u16)],
        length_is_right: bool, payload in proptest::collection::vec(any::<u8>(), 8..60),
    ) {
        let mut payload = payload;
        if next_header == 17 && length_is_right {
            payload[..2].copy_from_slice(&ports.0.to_be_bytes());
            payload[2..4].copy_from_slice(&ports.1.to_be_bytes());
            let length = payload.len() as u16;
            payload[4..6].copy_from_slice(&length.to_be_bytes());
        }
        let header = Ipv6Header {
            traffic_class, flow_label, payload_len: payload.len() as u16, next_header, hop_limit, source, destination,
        };
        let mut room = [0; 200];
        let mut writer = Writer::new(&mut room);
        header.emit(&mut writer)?;
        writer.put(&payload)?;
        let packet = &*writer.written();
        let link = link(&contexts);
        let compressed = compressed(packet, &link);
        prop_assert!(compressed.len() <= packet.len() + 3);
        prop_assert_eq!(&restored(&compressed, &link)?, packet);
        let size = packet.len() as u16;
        let fragment = decompress(&compressed, &link, Some(size))?;
        prop_assert_eq!(&fragment.header[..], &packet[..fragment.header.len()]);
    }

    #[test]
    fn any_octets_are_answered(
        contexts in contexts(), octets in proptest::collection::vec(any::<u8>(), 0..50), size in proptest::option::of(any::<u16>()),
    ) {
        let link = link(&contexts);
        let mut octets = octets;
        if let Some(first) = octets.first_mut() {
            *first = *first & 0x1F | DISPATCH;
        }
        if let Ok(decompressed) = decompress(&octets, &link, size) {
            prop_assert!(decompressed.read <= octets.len());
            if size.is_none() && !decompressed.checksum_elided {
                // What was restored is a packet, and it survives being compressed again.
                let packet = [&decompressed.header[..], &octets[decompressed.read..]].concat();
                prop_assert_eq!(&restored(&compressed(&packet, &link), &link)?, &packet);
            }
        }
        let _ = compress(&octets, &link);
    }
}

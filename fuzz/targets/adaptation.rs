//! 6LoWPAN, IPHC, fragments, IPv6 and UDP: any octets are headers or an error; what was read is written and restored.
#![no_main]

use fuzz::Input;
use g3_mac::adaptation::{Body, Context, ContextTable, Headers, Link, compress, decompress};
use g3_mac::udp::Datagram;
use libfuzzer_sys::fuzz_target;
use plc_core::address::{Address, PanId, ShortAddress};
use plc_core::bytes::Writer;

fuzz_target!(|octets: &[u8]| {
    let mut input = Input::new(octets);
    let mut contexts = ContextTable::default();
    let selector = input.u8();
    if selector & 1 != 0 {
        let prefix = u128::from(input.u32()) << 96 | u128::from(input.u32()) << 64;
        contexts.set(selector >> 4, Context::new(prefix.into(), input.u8()));
    }
    let link = Link {
        pan_id: PanId(0x781D),
        source: Address::Short(ShortAddress(input.u16())),
        destination: Address::Short(ShortAddress(input.u16())),
        contexts: &contexts,
    };
    let datagram_size = (selector & 2 != 0).then(|| input.u16());
    let octets = input.rest();

    let _ = Datagram::parse(octets);
    if let Ok(headers) = Headers::parse(octets) {
        let mut room = vec![0; octets.len() + 16];
        let mut writer = Writer::new(&mut room);
        headers.emit(&mut writer).expect("what was read can be written");
        assert_eq!(Headers::parse(writer.written()), Ok(headers));
        if let Body::Iphc(compressed) = headers.body
            && let Ok(restored) = decompress(compressed, &link, datagram_size)
        {
            assert!(restored.read <= compressed.len());
            let mut packet = restored.header.to_vec();
            packet.extend_from_slice(&compressed[restored.read..]);
            round_trip(&packet, &link);
        }
    }
    round_trip(octets, &link);
});

/// What can be compressed is restored to the same headers.
fn round_trip(packet: &[u8], link: &Link<'_>) {
    let Ok(compressed) = compress(packet, link) else { return };
    let mut octets = compressed.header.to_vec();
    octets.extend_from_slice(&packet[compressed.replaced..]);
    if packet.len() > g3_mac::ipv6::MTU {
        return;
    }
    let restored = decompress(&octets, link, None).expect("what was compressed can be restored");
    assert_eq!(restored.read, compressed.header.len());
    assert_eq!(restored.header[..], packet[..compressed.replaced]);
}

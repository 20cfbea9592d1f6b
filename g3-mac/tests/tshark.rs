//! A foreign program reads what our nodes send: tshark decodes the 6LoWPAN of deciphered frames.
//!
//! tshark does not know G3's segment control, security and FCS, so the test takes those off: it deciphers the MSDUs
//! that stood on the line and writes them behind their IEEE 802.15.4 header (link type 230, without FCS). Elided
//! addresses hold the PAN id in G3, as in RFC 4944 and unlike RFC 6282; tshark has a preference for that.
//!
//! Without tshark the test says so and passes, unless BUSBAR_REQUIRE_TOOLS=1.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "helpers of tests")]

mod medium;

use g3_mac::adaptation::{AdpdDataRequest, Body, Headers, Link, MeshHeader, compress};
use g3_mac::frame::{Endpoint, FrameType, Header, Source, associated_data};
use g3_mac::security::{self, NonceForm};
use g3_mac::udp::{DLMS_PORT, Datagram, MAX_PAYLOAD};
use medium::{KEY, LONG, Medium, PAN, octets};
use plc_core::address::{Address, ShortAddress};
use plc_core::bytes::Writer;
use std::fs;
use std::process::Command;

/// A frame as tshark is to see it: IEEE 802.15.4 header and MSDU.
type Capture = Vec<Vec<u8>>;

#[test]
fn tshark_reads_addresses_ports_and_payload_of_our_packets() {
    if !have_tshark() {
        return;
    }
    let mut medium = Medium::with(3, 40, |config| config.modulation = g3_phy::Modulation::Dqpsk);
    let short = |node: u16| ShortAddress(node);
    let full = octets(MAX_PAYLOAD, 4);
    let plain = Datagram::link_local(PAN, short(0), short(1), DLMS_PORT, DLMS_PORT, b"HELLO");
    let datagrams = [
        plain,
        Datagram { source_port: 0xF0B1, destination_port: 0xF0BF, ..plain },
        Datagram { source_port: 0xF012, hop_limit: 255, ..plain },
        Datagram { destination_port: 0xF0FF, hop_limit: 17, ..plain },
        Datagram { source: "fe80::1234:5678:9abc:def0".parse().unwrap(), ..plain },
        Datagram { source: "2001:db8::7".parse().unwrap(), ..plain },
        Datagram { payload: &full, ..plain },
        Datagram { payload: &[], ..plain },
    ];
    for (round, datagram) in datagrams.iter().enumerate() {
        medium.request(0, AdpdDataRequest::new(0, datagram.emit().unwrap()));
        assert!(medium.run_to(LONG, |m| m.confirms(0).len() == round + 1));
    }
    let capture = deciphered(&medium);
    assert_eq!(capture.len(), datagrams.len() + 3, "the packet of 1280 octets takes four MSDUs");
    check(&capture, &datagrams, "0000", "0001");
}

#[test]
fn tshark_reads_mesh_header_and_broadcast_sequence() {
    if !have_tshark() {
        return;
    }
    let datagram = Datagram {
        destination: "ff02::1".parse().unwrap(),
        ..Datagram::link_local(PAN, ShortAddress(0), ShortAddress(1), DLMS_PORT, DLMS_PORT, b"HELLO")
    };
    let mesh = MeshHeader { hops_left: 8, originator: ShortAddress(0), destination: ShortAddress(0x8001) };
    let packet = datagram.emit().unwrap();
    let contexts = Default::default();
    let (source, destination) = (Address::Short(mesh.originator), Address::Short(mesh.destination));
    let compressed =
        compress(&packet, &Link { pan_id: PAN, source, destination, contexts: &contexts }).unwrap();
    let iphc = [&compressed.header[..], &packet[compressed.replaced..]].concat();
    let headers =
        Headers { mesh: Some(mesh), broadcast_sequence: Some(7), fragment: None, body: Body::Iphc(&iphc) };
    let mut room = [0; 400];
    let mut writer = Writer::new(&mut room);
    // As a relay, node 2, sends it on.
    let relay = Header {
        frame_type: FrameType::Data,
        secured: false,
        ack_request: false,
        sequence: 1,
        destination: Some(Endpoint { pan_id: PAN, address: Address::Short(ShortAddress::BROADCAST) }),
        source: Source::SamePan(Address::Short(ShortAddress(2))),
    };
    relay.emit(&mut writer).unwrap();
    headers.emit(&mut writer).unwrap();
    check(&vec![writer.written().to_vec()], &[datagram], "0002", "ffff");
}

/// Has tshark decode the frames and compares what it finds with the datagrams, in order.
fn check(capture: &Capture, datagrams: &[Datagram<'_>], source: &str, destination: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frames.pcap");
    fs::write(&path, pcap(capture)).unwrap();
    let mut command = Command::new("tshark");
    command.arg("-r").arg(&path).args(["-2", "-Y", "udp", "-T", "fields", "-E", "separator=|"]);
    command.args(["-o", "6lowpan.rfc4944_short_address_format:TRUE", "-o", "udp.check_checksum:TRUE"]);
    command.args(["-d", "udp.port==4059,data"]);
    for field in [
        "wpan.dst_pan",
        "wpan.src16",
        "wpan.dst16",
        "ipv6.src",
        "ipv6.dst",
        "ipv6.hlim",
        "udp.srcport",
        "udp.dstport",
        "udp.checksum.status",
        "udp.payload",
    ] {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let expected: Vec<String> = datagrams
        .iter()
        .map(|datagram| {
            let Datagram { source: from, destination: to, hop_limit, source_port, destination_port, payload } = datagram;
            let payload: String = payload.iter().map(|octet| format!("{octet:02x}")).collect();
            // Checksum status 1 is "good".
            format!(
                "0x781d|0x{source}|0x{destination}|{from}|{to}|{hop_limit}|{source_port}|{destination_port}|1|{payload}"
            )
        })
        .collect();
    let found: Vec<&str> = text.lines().collect();
    assert_eq!(found, expected, "{}", String::from_utf8_lossy(&output.stderr));
}

/// The MSDUs that stood on the line, deciphered, behind their MAC headers without security.
fn deciphered(medium: &Medium) -> Capture {
    let mut capture = Capture::new();
    let mut whole = heapless::Vec::<u8, 404>::new();
    let mut security = None;
    for frame in medium.log.iter().filter_map(|transmission| transmission.frame()) {
        security = frame.security.or(security);
        whole.extend_from_slice(frame.payload).unwrap();
        if !frame.segment.last {
            continue;
        }
        let first = security.take().unwrap();
        let associated = associated_data(&frame.header, &first).unwrap();
        let Some(Endpoint { pan_id, address: Address::Short(source) }) = frame.header.source_endpoint()
        else {
            panic!("no short source")
        };
        let nonce = security::nonce(NonceForm::AddressTwice, pan_id, source, first.frame_counter);
        security::open(&KEY, &nonce, &associated, &mut whole).unwrap();
        let mut room = [0; 500];
        let mut writer = Writer::new(&mut room);
        Header { secured: false, ..frame.header }.emit(&mut writer).unwrap();
        writer.put(&whole).unwrap();
        capture.push(writer.written().to_vec());
        whole.clear();
    }
    capture
}

/// A capture file of link type 230, IEEE 802.15.4 without FCS.
fn pcap(frames: &Capture) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xA1B2_C3D4_u32, 2 | 4 << 16, 0, 0, 65_535, 230] {
        file.extend(word.to_le_bytes());
    }
    for (second, frame) in frames.iter().enumerate() {
        let length = frame.len() as u32;
        for word in [second as u32, 0, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

fn have_tshark() -> bool {
    let have = Command::new("tshark").arg("--version").output().is_ok_and(|output| output.status.success());
    let required = std::env::var("BUSBAR_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
    assert!(have || !required, "tshark is required (apt-get install tshark) and does not run");
    if !have {
        eprintln!("skipped: tshark is not installed (apt-get install tshark)");
    }
    have
}

//! MAC frames recorded from real equipment (digest 10.2) through transmitter, noisy line and receiver.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{Random, add_noise, mix, noise_for_snr_db};
use dsp::crc::{CRC8_PRIME, CRC32_PRIME};
use prime_phy::options::Options;
use prime_phy::primitives::Event;
use prime_phy::{Channel, Receiver, Scheme};

/// SNA of the subnetwork.
const SUBNETWORK: [u8; 6] = [0x40, 0x40, 0x22, 0x01, 0xC7, 0x9A];

/// Name and octets, as in digest 10.2; names that start with BCN are beacons.
const FRAMES: [(&str, &str); 23] = [
    ("BCN19", "27006000009840402201C79A0000F2D57675"),
    ("BCN20", "2700600000A040402201C79A000054585927"),
    ("REG_REQ_direct", "000074160100FFFC080238AABBCCDDEE0161A220E4"),
    ("REG_RSP_direct", "0040B3060100E318080238AABBCCDDEE0140C8888D"),
    ("REG_ACK_direct", "000074160100E318080238AABBCCDDEE016EEF3418"),
    ("REG_REQ_hop1", "000173160169FFFC080278D8DA5200000DD5244A8F"),
    ("REG_REQ_hop2", "000074160169FFFC080278D8DA5200000DE03E6885"),
    ("PRO_REQ_S", "000074160300E3180B10FFD8DA5200000D040407C9907CD3"),
    ("PRO_REQ_B", "0040B3060300E3180200695A32302B"),
    ("PRO_ACK", "000074160300E3180210692F0D7E13"),
    ("BSI_IND", "0040B3060400E3180203407A562CD7"),
    ("BSI_ACK", "000074160400E3180203401F38F9FC"),
    ("CON_REQ_S", "000074160200E43C142100031041504153313030303438303030303030F0DF3E60"),
    ("CON_REQ_B", "0040B3060200E43C08210003040080000002D29E93"),
    ("DATA1d", "0040B305006981D414C1900100900102C001C100070000150005FF020039CA7359"),
    ("DATA1d_hop2", "0041B405006981D414C1900100900102C001C100070000150005FF0200130E3203"),
    ("DATA1u", "00017319006981D40CC1840200900201C401C101047CD252AA"),
    ("DATA1u_hop2", "00007419006981D40CC1840200900201C401C101047E9264F3"),
    ("DATA2d", "0040B305006981D414C2900200900102C001C2000101015E2264FF02008FB28E33"),
    ("DATA4d", "0040B305006981D414C4900400900102C001C40046000060030AFF030044996B6B"),
    ("DATA4u", "00017319006981D40DC4840500900201C401C4001601F78C04F0"),
    ("DATA6d", "0040B305006981D414C6900600900102C001C600070000150006FF0200BB01C763"),
    ("DATA6u_hop2", "00007419006981D40CC6840700900201C401C60104E70990E1"),
];

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

#[test]
fn recorded_frames_have_right_checks() {
    for (name, hex) in FRAMES {
        let frame = octets(hex);
        let (body, crc) = frame.split_at(frame.len() - 4);
        let mut digest = CRC32_PRIME.digest();
        if !name.starts_with("BCN") {
            digest.bytes(&SUBNETWORK);
            let mut header = CRC8_PRIME.digest();
            header.bytes(&SUBNETWORK);
            header.bytes(&frame[..2]);
            assert_eq!(header.finish(), u32::from(frame[2]), "HCS of {name}");
        }
        digest.bytes(body);
        assert_eq!(digest.finish().to_be_bytes(), crc, "CRC of {name}");
    }
}

#[test]
fn recorded_frames_arrive_octet_for_octet_in_every_scheme() {
    let (mut random, options) = (Random::new(11), Options::default());
    let mut receiver = Receiver::new(&Channel::ONE, &options);
    let mut position = 0;
    for (name, hex) in FRAMES {
        for scheme in Scheme::ALL {
            let frame = octets(hex);
            let samples = common::samples(&options, scheme, &frame);
            let before = 600 + random.below(600);
            let mut line = vec![0.0; before + samples.len() + 100];
            mix(&mut line, before, &samples, 1.0);
            // Five decibels above where D8PSK without coding loses every tenth frame (digest 9.5).
            add_noise(&mut line, noise_for_snr_db(24.5), &mut random);
            receiver.push(position, &line);
            position += line.len() as u64;
            let heard = std::iter::from_fn(|| receiver.poll()).find_map(|event| match event {
                Event::DataIndication(data) => Some((data.mpdu, data.scheme)),
                _ => None,
            });
            let (mpdu, heard_scheme) = heard.unwrap();
            assert_eq!((mpdu.as_slice(), heard_scheme), (frame.as_slice(), scheme), "{name}");
        }
    }
}

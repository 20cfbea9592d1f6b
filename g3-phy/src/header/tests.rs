use super::*;
use crate::{Modulation, ToneMap};
use dsp::crc::{CRC5_FCH, CRC8_FCH};
use proptest::prelude::*;
use std::vec::Vec;

const CENELEC: BandPlan = BandPlan::CENELEC_A;
const FCC: BandPlan = BandPlan::FCC_1;
const ARIB: BandPlan = BandPlan::ARIB;
const PLANS: [BandPlan; 3] = [CENELEC, FCC, ARIB];

const ORDER: FccsOrder = FccsOrder::LowNibbleFirst;

fn data(pdc: u8, modulation: Modulation, symbols: u16, tone_map: u32, response: bool) -> FrameControl {
    FrameControl::Data(DataHeader {
        pdc,
        modulation,
        tone_map: ToneMap(tone_map),
        payload_symbols: symbols,
        blocks: Blocks::One,
        response_expected: response,
    })
}

/// Digest 3.6 in full, and the headers of the chains in 12.3.
#[test]
fn headers_are_those_of_digest_3_6_and_12_3() {
    use Modulation::{D8psk, Dbpsk, Dqpsk, Robust};
    const ALL: u32 = 0xFF_FFFF;
    let vectors: [(&BandPlan, FrameControl, &[u8]); 9] = [
        (&CENELEC, data(0x00, Robust, 20, 0x3F, false), &[0x00, 0x05, 0x3F, 0x07, 0x00]),
        (&CENELEC, data(0x55, Dbpsk, 12, 0x3F, true), &[0x55, 0x43, 0x3F, 0x12, 0x80]),
        (&CENELEC, data(0xA7, Dqpsk, 56, 0x2B, false), &[0xA7, 0x8E, 0x2B, 0x0B, 0x00]),
        (&FCC, data(0x00, Robust, 20, ALL, false), &[0, 0, 0x14, 0xFF, 0xFF, 0xFF, 0x10, 0x18, 0x40]),
        (&FCC, data(0x55, Dbpsk, 57, ALL, true), &[0x55, 0x22, 0x39, 0xFF, 0xFF, 0xFF, 0x10, 0x1F, 0x00]),
        (&CENELEC, data(0x00, Dbpsk, 12, 0x3F, false), &[0x00, 0x43, 0x3F, 0x0D, 0x00]),
        (&CENELEC, data(0x00, Dqpsk, 8, 0x3F, false), &[0x00, 0x82, 0x3F, 0x0F, 0x00]),
        (&CENELEC, data(0x00, D8psk, 4, 0x3F, false), &[0x00, 0xC1, 0x3F, 0x00, 0x80]),
        (&CENELEC, data(0x00, Robust, 36, 0x3F, false), &[0x00, 0x09, 0x3F, 0x0D, 0x00]),
    ];
    for (plan, header, octets) in vectors {
        assert_eq!(header.emit(plan, ORDER).as_deref(), Ok(octets));
        assert_eq!(FrameControl::parse(octets, plan, ORDER), Ok(header));
    }
}

/// The headers of the MAC's digest, 12.1: acknowledgements with their checksums among them.
#[test]
fn headers_are_those_of_the_mac_digest_12_1() {
    let ack = |positive, more_segments| FrameControl::Ack(Ack { fcs: 0x1234, positive, more_segments });
    let vectors: [(&BandPlan, FrameControl, &[u8]); 5] = [
        (&CENELEC, data(0, Modulation::Robust, 40, 0x3F, true), &[0x00, 0x0A, 0x3F, 0x18, 0x80]),
        (&CENELEC, ack(true, false), &[0x34, 0x00, 0x12, 0x26, 0x00]),
        (&CENELEC, ack(false, true), &[0x34, 0x80, 0x12, 0x3D, 0x80]),
        (&FCC, ack(true, false), &[0x34, 0x04, 0, 0x12, 0, 0, 0, 0x10, 0x40]),
        (
            &FCC,
            data(0, Modulation::Robust, 20, 0xFF_FFFF, true),
            &[0x00, 0x02, 0x14, 0xFF, 0xFF, 0xFF, 0x10, 0x0B, 0x80],
        ),
    ];
    for (plan, header, octets) in vectors {
        assert_eq!(header.emit(plan, ORDER).as_deref(), Ok(octets));
        assert_eq!(FrameControl::parse(octets, plan, ORDER), Ok(header));
    }
}

#[test]
fn an_acknowledgement_carries_fcs_and_segment_flag_where_digest_3_4_says() {
    let nack = FrameControl::Ack(Ack { fcs: 0xBEEF, positive: false, more_segments: true });
    let octets = nack.emit(&CENELEC, ORDER).unwrap();
    assert_eq!((octets[0], octets[1], octets[2], octets[3] & 0xF0), (0xEF, 0x80, 0xBE, 0x30));
    for plan in [FCC, ARIB] {
        let octets = nack.emit(&plan, ORDER).unwrap();
        assert_eq!(octets[..7], [0xEF, 0x80 | 3 << 1, 0, 0xBE, 0, 0, 0], "{}", plan.name);
        assert_eq!(octets[7] & 0xC0, 0);
    }
}

#[test]
fn the_long_header_has_nine_bits_of_length_and_a_tone_map_of_three_octets() {
    let longest = data(1, Modulation::D8psk, 511, 0x80_4021, true);
    let octets = longest.emit(&FCC, ORDER).unwrap();
    assert_eq!(octets[..7], [0x01, 3 << 5 | 1 << 1 | 1, 0xFF, 0x21, 0x40, 0x80, 0x10]);
    let arib = data(1, Modulation::D8psk, 300, 0x2_0001, false).emit(&ARIB, ORDER).unwrap();
    assert_eq!(arib[..7], [0x01, 3 << 5 | 1, 0x2C, 0x01, 0x00, 0x02, 0x00], "no block flag in ARIB");
}

#[test]
fn coherent_headers_set_the_scheme_bit_and_two_blocks_clear_the_block_flag() {
    let octets = data(0, Modulation::Qpsk, 8, 0x3F, false).emit(&CENELEC, ORDER).unwrap();
    assert_eq!((octets[..3].to_vec(), octets[3] & 0xF0), ([0x00, 0x82, 0x3F].into(), 0x80));
    let header = DataHeader {
        pdc: 1,
        modulation: Modulation::Qam16,
        tone_map: ToneMap(0xFF_FFFF),
        payload_symbols: 38,
        blocks: Blocks::Two,
        response_expected: true,
    };
    let octets = FrameControl::Data(header).emit(&FCC, ORDER).unwrap();
    assert_eq!(octets[..7], [1, 4 << 5 | 1 << 4 | 1 << 1, 38, 0xFF, 0xFF, 0xFF, 0x00]);
    let not_in = |plan: &BandPlan, header| FrameControl::Data(header).emit(plan, ORDER).map(|_| ());
    let arib = DataHeader { tone_map: ToneMap(1), ..header };
    assert_eq!(not_in(&ARIB, arib), Err(HeaderError::TwoBlocks));
    let cenelec = DataHeader { blocks: Blocks::One, payload_symbols: 40, ..arib };
    assert_eq!(not_in(&CENELEC, cenelec), Err(HeaderError::Modulation(4)));
    assert_eq!(not_in(&FCC, DataHeader { payload_symbols: 37, ..header }), Err(HeaderError::FrameLength(37)));
}

#[test]
fn what_cannot_be_said_or_received_is_named() {
    let emit = |header: FrameControl, plan| header.emit(plan, ORDER).map(|_| ());
    let long = data(0, Modulation::Dbpsk, 256, 0x3F, false);
    assert_eq!(emit(long, &CENELEC), Err(HeaderError::FrameLength(256)));
    assert_eq!(
        emit(data(0, Modulation::Dbpsk, 10, 0x3F, false), &CENELEC),
        Err(HeaderError::FrameLength(10))
    );
    assert_eq!(emit(data(0, Modulation::Dbpsk, 512, 0x3F, false), &FCC), Err(HeaderError::FrameLength(512)));
    assert_eq!(emit(data(0, Modulation::Dbpsk, 12, 0, false), &CENELEC), Err(HeaderError::ToneMap(0)));
    assert_eq!(
        emit(data(0, Modulation::Dbpsk, 12, 1 << 18, false), &ARIB),
        Err(HeaderError::ToneMap(1 << 18))
    );

    let short = |mut octets: [u8; 5]| {
        let crc = CRC5_FCH.of_bits(&octets, 28) as u8;
        octets[3] |= crc & 0x0F;
        octets[4] = crc >> 4 << 7;
        FrameControl::parse(&octets, &CENELEC, ORDER)
    };
    for (octets, error) in [
        ([0, 0, 0x3F, 0x00, 0], HeaderError::FrameLength(0)),
        ([0, 3, 0xC0, 0x00, 0], HeaderError::ToneMap(0xC0)),
        ([0, 3, 0x3F, 0x50, 0], HeaderError::DelimiterType(5)),
    ] {
        assert_eq!(short(octets), Err(error));
    }
    let long = |octets: [u8; 7], plan| {
        let mut all = [0; 9];
        all[..7].copy_from_slice(&octets);
        let crc = CRC8_FCH.of_bits(&all, 58) as u8;
        (all[7], all[8]) = (crc >> 2, crc << 6);
        FrameControl::parse(&all, plan, ORDER)
    };
    for (octets, plan, error) in [
        ([0, 0x80, 9, 0xFF, 0xFF, 0xFF, 0x10], &FCC, HeaderError::Modulation(4)),
        ([0, 0xB0, 9, 0xFF, 0xFF, 0xFF, 0x10], &FCC, HeaderError::Modulation(5)),
        ([0, 0x20, 9, 0xFF, 0xFF, 0xFF, 0x00], &FCC, HeaderError::FrameLength(9)),
        ([0, 0x20, 0, 0xFF, 0xFF, 0xFF, 0x10], &FCC, HeaderError::FrameLength(0)),
        ([0, 0x20, 9, 0x00, 0x00, 0xFC, 0x00], &ARIB, HeaderError::ToneMap(0xFC_0000)),
        ([0, 0x28, 9, 0xFF, 0xFF, 0xFF, 0x10], &FCC, HeaderError::DelimiterType(4)),
    ] {
        assert_eq!(long(octets, plan), Err(error));
    }
    for plan in &PLANS {
        let zeros = [0; 9];
        let octets = &zeros[..plan.header.octets()];
        assert!(matches!(FrameControl::parse(octets, plan, ORDER), Err(HeaderError::Checksum { .. })));
        let length = HeaderError::Length { found: 7, expected: plan.header.octets() };
        assert_eq!(FrameControl::parse(&[0; 7], plan, ORDER), Err(length));
    }
}

prop_compose! {
    fn any_plan()(index in 0..PLANS.len()) -> BandPlan {
        PLANS[index]
    }
}

fn any_frame_control(plan: &BandPlan) -> impl Strategy<Value = FrameControl> + use<> {
    let (unit, most) = (plan.frame_length_unit, plan.max_payload_symbols / plan.frame_length_unit);
    let qam = (plan.header != HeaderFormat::Cenelec).then_some(Modulation::Qam16);
    let every: Vec<_> = Modulation::ALL.into_iter().chain(Modulation::COHERENT).chain(qam).collect();
    let modulation = proptest::sample::select(every);
    let two_blocks = plan.header == HeaderFormat::Fcc;
    let (pdc, maps) = (any::<u8>(), 1..=plan.full_tone_map().0);
    prop_oneof![
        (pdc, modulation, 1..=most, maps, any::<bool>()).prop_map(
            move |(pdc, modulation, units, map, reply)| data(pdc, modulation, units * unit, map, reply)
        ),
        (1..=most / 2, any::<bool>()).prop_map(move |(half, reply)| {
            let symbols = if two_blocks { 2 * half } else { unit };
            match data(7, Modulation::D8psk, symbols, 1, reply) {
                FrameControl::Data(header) if two_blocks => {
                    FrameControl::Data(DataHeader { blocks: Blocks::Two, ..header })
                }
                header => header,
            }
        }),
        (any::<u16>(), any::<bool>(), any::<bool>()).prop_map(|(fcs, positive, more_segments)| {
            FrameControl::Ack(Ack { fcs, positive, more_segments })
        }),
    ]
}

fn any_header() -> impl Strategy<Value = (BandPlan, FrameControl)> {
    any_plan().prop_flat_map(|plan| (Just(plan), any_frame_control(&plan)))
}

proptest! {
    #[test]
    fn every_header_comes_back((plan, header) in any_header(), straight: bool) {
        let order = if straight { FccsOrder::MostSignificantFirst } else { ORDER };
        let octets = header.emit(&plan, order)?;
        prop_assert_eq!(octets.len(), plan.header.octets());
        prop_assert_eq!(FrameControl::parse(&octets, &plan, order), Ok(header));
    }

    #[test]
    fn one_or_two_wrong_bits_are_found((plan, header) in any_header(), a: usize, b: usize) {
        let (a, b) = (a % plan.header.bits(), b % plan.header.bits());
        let mut octets = header.emit(&plan, ORDER)?;
        octets[a / 8] ^= 0x80 >> (a % 8);
        if a != b {
            octets[b / 8] ^= 0x80 >> (b % 8);
        }
        // Two errors 31 apart escape the CRC5, whose generator has that period; the CRC8's has 127.
        if FrameControl::parse(&octets, &plan, ORDER).is_ok() {
            prop_assert!(plan.header == HeaderFormat::Cenelec && a.abs_diff(b) >= 28, "bits {} and {}", a, b);
        }
    }

    #[test]
    fn any_octets_parse_or_are_named(plan in any_plan(), octets in proptest::collection::vec(any::<u8>(), 0..12)) {
        if let Ok(header) = FrameControl::parse(&octets, &plan, ORDER) {
            prop_assert!(header.emit(&plan, ORDER).is_ok());
        }
    }

    #[test]
    fn random_bits_with_a_right_checksum_parse_or_are_named(plan in any_plan(), mut octets: [u8; 9]) {
        let octets = &mut octets[..plan.header.octets()];
        if plan.header == HeaderFormat::Cenelec {
            let crc = CRC5_FCH.of_bits(octets, 28) as u8;
            (octets[3], octets[4]) = (octets[3] & 0xF0 | crc & 0x0F, crc >> 4 << 7);
        } else {
            let crc = CRC8_FCH.of_bits(octets, 58) as u8;
            (octets[7], octets[8]) = (octets[7] & 0xC0 | crc >> 2, crc << 6);
        }
        match FrameControl::parse(octets, &plan, ORDER) {
            Ok(header) => prop_assert!(header.emit(&plan, ORDER).is_ok()),
            Err(error) => {
                let structural = matches!(error, HeaderError::Checksum { .. } | HeaderError::Length { .. });
                prop_assert!(!structural, "{}", error);
            }
        }
    }
}

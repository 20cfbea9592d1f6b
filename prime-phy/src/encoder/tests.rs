use super::*;
use crate::channel::{PREAMBLE_SAMPLES, SYMBOL_SAMPLES};
use crate::options::{Interleaving, Polarity, Repetition};
use proptest::prelude::*;
use std::{string::String, vec::Vec};

/// REG_REQ_direct of digest 10.2.
const REG_REQ: [u8; 21] = [
    0x00, 0x00, 0x74, 0x16, 0x01, 0x00, 0xFF, 0xFC, 0x08, 0x02, 0x38, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0x01,
    0x61, 0xA2, 0x20, 0xE4,
];

fn hex_of(bits: impl Iterator<Item = u8>) -> String {
    let bits: Vec<u8> = bits.collect();
    bits.chunks(4)
        .map(|nibble| {
            let value = nibble.iter().fold(0, |value, &bit| value << 1 | u32::from(bit));
            char::from_digit(value, 16).unwrap().to_ascii_uppercase()
        })
        .collect()
}

/// The bits of a header symbol, and the phases of its pilots.
fn header_bits(phases: &[u8; CARRIERS]) -> (String, Vec<u8>) {
    let (mut bits, mut pilots) = (String::new(), Vec::new());
    for (carrier, &phase) in phases.iter().enumerate() {
        if carrier % 8 == 0 {
            pilots.push(phase / 4);
        } else {
            bits.push(if phase == phases[carrier - 1] { '0' } else { '1' });
        }
    }
    (bits, pilots)
}

#[test]
fn header_of_digest_10_3_is_coded_and_scrambled_as_printed() {
    let octets = [0x40, 0xC3, 0x00, 0x01, 0xD0, 0x58, 0x04, 0x03, 0xFE, 0x24];
    let coded = coding::encode_header(&octets);
    assert_eq!(hex_of((0..168).map(|at| coded.bit(at))), "3BC7D4D64DB000036B1748946C3BC70D94FC940A07");
    let scrambled = (0..168).map(|at| coded.bit(at) ^ coding::scrambling(at));
    assert_eq!(hex_of(scrambled), "35351DD46B9EB60FBFF0FCBE966A7FF38919060E4B");
}

#[test]
fn frame_of_digest_10_3_has_the_printed_symbols() {
    let mut encoder = FrameEncoder::new(&Options::default(), Scheme::DbpskC, &REG_REQ).unwrap();
    let mut pn = Scrambler::new();
    for printed in [
        "010100000110001011110110100100110010110101100111010101111111101011011111011110101101",
        "110101101001111111100000010011110110011111001111101011000010010110000001100010110001",
    ] {
        let (bits, pilots) = header_bits(&encoder.next_symbol().unwrap()[0]);
        assert_eq!(bits, printed);
        assert_eq!(pilots, (0..13).map(|_| pn.next_bit()).collect::<Vec<_>>());
    }
    for printed in [
        "100010111000001111001101011001101110001010010110010000101101110101011100011111011010000010100110",
        "110000110100100011100001100110000011110011111111110101100001101010001110110010001011010010101100",
        "011010000101111101001010101100011111110010111100100001000000000100001011011100000011100010111001",
    ] {
        let phases = encoder.next_symbol().unwrap()[0];
        let bits: String = phases.windows(2).map(|pair| if pair[0] == pair[1] { '0' } else { '1' }).collect();
        assert_eq!(bits, printed);
        assert_eq!(phases[0] / 4, pn.next_bit(), "the payload's pilots go on with the sequence");
    }
    assert_eq!(encoder.next_symbol(), None);
}

#[test]
fn on_a_pair_both_channels_have_the_header_and_symbols_of_the_payload_in_turn() {
    let on = |channels| {
        FrameEncoder::on(channels, &Options::default(), FrameType::A, Scheme::DbpskC, &REG_REQ).unwrap()
    };
    let (mut single, mut pair) = (on(1), on(2));
    // Six octets more in a symbol: two symbols instead of three, and nine octets of padding instead of three.
    assert_eq!((pair.layout().symbols, pair.layout().pad_octets), (2, 9));
    for _ in 0..2 {
        let [lower, upper] = pair.next_symbol().unwrap() else { panic!("two channels") };
        assert_eq!(lower, upper);
        single.next_symbol();
    }
    // The payload's bits are those of digest 10.3 and zeros behind them; pilots are each channel's own.
    let data = |phases: &[u8; CARRIERS]| -> Vec<u8> {
        phases.windows(2).map(|pair| (pair[1] + 8 - pair[0]) % 8).collect()
    };
    let expected: Vec<_> = (0..3).map(|_| single.next_symbol().unwrap()[0]).collect();
    let found: Vec<_> = (0..2).flat_map(|_| pair.next_symbol().unwrap().to_vec()).collect();
    assert!(expected.iter().zip(&found).all(|(one, other)| data(one) == data(other)));
    assert_eq!((found[0][0], found[1][0], found[2][0]), (expected[0][0], expected[0][0], expected[1][0]));
    assert_eq!(pair.next_symbol(), None);
}

#[test]
fn symbols_of_a_pair_are_half_of_those_that_a_sniffer_counted_on_one_channel() {
    // Digest 10.2 and 2: the bit rate is doubled.
    for (octets, symbols) in [(21, 3), (22, 3), (25, 4), (33, 5), (63, 10), (76, 12)] {
        let frame =
            FrameEncoder::on(2, &Options::default(), FrameType::A, Scheme::DbpskC, &std::vec![0; octets]);
        assert_eq!(frame.unwrap().layout().symbols, u8::div_ceil(symbols, 2), "{octets} octets");
    }
}

#[test]
fn padding_that_the_header_of_type_a_cannot_tell_is_refused() {
    let on = |frame_type, octets| {
        FrameEncoder::on(2, &Options::default(), frame_type, Scheme::D8psk, &std::vec![0; octets])
            .map(|frame| frame.layout().pad_octets)
    };
    assert!(matches!(
        on(FrameType::A, 7 + 8),
        Err(EncodeError::Header(HeaderError::Field { pad_octets: 64, .. }))
    ));
    assert_eq!(on(FrameType::A, 7 + 9), Ok(63));
    assert_eq!(on(FrameType::B, 8), Ok(64));
}

#[test]
fn without_coding_the_payload_is_only_scrambled() {
    let options = Options { scrambler: Continuity::Restarted, ..Options::default() };
    let mut encoder = FrameEncoder::new(&options, Scheme::D8psk, &[0; 7 + 36]).unwrap();
    let phases = *encoder.nth_symbol(2);
    // The scrambler's first bits are 000 011 101 111 001 011: steps 0, 2, 6, 5, 1, 2.
    let steps: Vec<u8> = phases.windows(2).take(6).map(|pair| (pair[1] + 8 - pair[0]) % 8).collect();
    assert_eq!(steps, [0, 2, 6, 5, 1, 2]);
}

fn pieces(encoder: &mut FrameEncoder) -> String {
    let mut pieces = String::new();
    while let Some(piece) = encoder.next_piece() {
        pieces.push(match piece {
            Piece::Chirp { sweep: Sweep::Ascending, negated: false } => '/',
            Piece::Chirp { sweep: Sweep::Descending, negated: false } => '\\',
            Piece::Chirp { negated: true, .. } => '-',
            Piece::Symbol(_) => 's',
        });
    }
    pieces
}

#[test]
fn frames_consist_of_what_their_types_say() {
    let mut options = Options::default();
    let of = |options: &Options, frame_type, scheme| {
        let mut encoder = FrameEncoder::of_type(options, frame_type, scheme, &[0; 10]).unwrap();
        let samples = encoder.samples();
        let pieces = pieces(&mut encoder);
        let symbols = pieces.chars().filter(|&piece| piece == 's').count();
        assert_eq!(symbols, encoder.symbols());
        assert_eq!(samples, symbols * SYMBOL_SAMPLES + (pieces.len() - symbols) * PREAMBLE_SAMPLES);
        pieces
    };
    assert_eq!(of(&options, FrameType::A, Scheme::DbpskC), "/sss");
    assert_eq!(of(&options, FrameType::B, Scheme::RobustDqpsk), "\\\\\\-ssssssss");
    assert_eq!(of(&options, FrameType::Bc, Scheme::DbpskC), "/ss\\\\\\-ssssss");
    options = Options { robust_sweep: Sweep::Ascending, robust_polarity: Polarity::FirstNegated, ..options };
    assert_eq!(of(&options, FrameType::B, Scheme::Dqpsk), "-///sssss");
}

#[test]
fn a_robust_frame_is_the_plain_one_sent_four_times() {
    let options = Options::default();
    let mut robust = FrameEncoder::of_type(&options, FrameType::B, Scheme::RobustDbpsk, &REG_REQ).unwrap();
    let mut plain = FrameEncoder::of_type(&options, FrameType::B, Scheme::DbpskC, &REG_REQ).unwrap();
    let data = |phases: &[u8; CARRIERS]| -> Vec<u8> {
        phases.windows(2).map(|pair| (pair[1] + 8 - pair[0]) % 8).collect()
    };
    let mut pn = Scrambler::new();
    let header: Vec<_> = (0..4).map(|_| header_bits(&robust.next_symbol().unwrap()[0])).collect();
    for (bits, pilots) in &header {
        assert_eq!(*bits, header[0].0, "four copies of one symbol");
        assert_eq!(*pilots, (0..13).map(|_| pn.next_bit()).collect::<Vec<_>>());
        plain.next_symbol();
    }
    while let Some([phases]) = plain.next_symbol() {
        let expected = data(phases);
        for _ in 0..4 {
            let phases = robust.next_symbol().unwrap()[0];
            assert_eq!((data(&phases), phases[0] / 4), (expected.clone(), pn.next_bit()));
        }
    }
    assert_eq!(robust.next_symbol(), None);
}

#[test]
fn an_mpdu_that_no_frame_can_carry_is_an_error() {
    let options = Options::default();
    let encode = |scheme, mpdu: &[u8]| FrameEncoder::new(&options, scheme, mpdu).map(|_| ());
    let misfit = |octets, scheme| Err(EncodeError::Mpdu { octets, scheme });
    assert_eq!(encode(Scheme::DbpskC, &[0; 6]), misfit(6, Scheme::DbpskC));
    assert_eq!(encode(Scheme::DbpskC, &[0; 385]), misfit(385, Scheme::DbpskC));
    assert_eq!(encode(Scheme::DbpskC, &[0; 384]), Ok(()));
    assert!(matches!(encode(Scheme::DbpskC, &[0x40; 20]), Err(EncodeError::Header(_))));
    assert_eq!(encode(Scheme::RobustDbpsk, &[0xFF; 377]), Ok(()), "the MPDU is all payload in Type B");
    let (frame_type, scheme) = (FrameType::A, Scheme::RobustDbpsk);
    let refused = FrameEncoder::of_type(&options, frame_type, scheme, &[0; 20]).map(|_| ());
    assert_eq!(refused, Err(EncodeError::Scheme { frame_type, scheme }));
}

impl FrameEncoder {
    fn nth_symbol(&mut self, n: usize) -> &[u8; CARRIERS] {
        (0..n).for_each(|_| assert!(self.next_symbol().is_some()));
        &self.next_symbol().unwrap()[0]
    }
}

proptest! {
    #[test]
    fn any_mpdu_is_a_frame_or_an_error(
        frame_type in prop::sample::select(&FrameType::ALL[..]),
        scheme in prop::sample::select(&Scheme::ALL[..]),
        repetition in prop::sample::select(&Repetition::ALL[..]),
        mpdu in proptest::collection::vec(any::<u8>(), 0..300),
        inverse: bool,
        channels in 0_usize..4,
    ) {
        let interleaving = if inverse { Interleaving::Inverse } else { Interleaving::Direct };
        let options = Options { interleaving, repetition, ..Options::default() };
        if let Ok(mut encoder) = FrameEncoder::on(channels, &options, frame_type, scheme, &mpdu) {
            let symbols = encoder.symbols();
            for _ in 0..symbols {
                prop_assert!(encoder.next_symbol().unwrap().as_flattened().iter().all(|&phase| phase < PHASES));
            }
            prop_assert_eq!(encoder.next_symbol(), None);
        }
    }
}

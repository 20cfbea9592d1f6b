use super::*;
use crate::testing::Noise;
use proptest::prelude::*;
use std::{vec, vec::Vec};

const ROBUST: ReedSolomon = ReedSolomon::new(1, 8);
const NORMAL: ReedSolomon = ReedSolomon::new(1, 16);

/// Product in the field from the definition: shift, add, reduce.
fn slow_multiply(a: u8, b: u8) -> u8 {
    let mut product: u16 = 0;
    for bit in 0..8 {
        product ^= u16::from(b >> bit & 1) * (u16::from(a) << bit);
    }
    for bit in (8..16).rev() {
        product ^= (product >> bit & 1) * (FIELD_POLYNOMIAL << (bit - 8));
    }
    product as u8
}

fn encoded(code: &ReedSolomon, data: &[u8]) -> Vec<u8> {
    let mut word = data.to_vec();
    word.resize(data.len() + code.parity(), 0);
    let (data, parity) = word.split_at_mut(data.len());
    code.encode(data, parity).expect("lengths fit");
    word
}

/// Flips octets at `count` different places of `word`; returns the places.
fn damage(word: &mut [u8], count: usize, noise: &mut Noise) -> Vec<usize> {
    let mut places: Vec<usize> = Vec::new();
    while places.len() < count {
        let place = noise.below(word.len());
        if !places.contains(&place) {
            word[place] ^= 1 + noise.below(255) as u8;
            places.push(place);
        }
    }
    places
}

#[test]
fn tables_multiply_as_the_definition_does() {
    for a in 0..=255 {
        for b in 0..=255 {
            assert_eq!(multiply(a, b), slow_multiply(a, b), "{a} {b}");
            if b != 0 {
                assert_eq!(divide(multiply(a, b), b), a);
            }
        }
    }
}

#[test]
fn generators_are_those_of_the_digest() {
    // g3-phy.md 5, highest power first, without the leading 1: the parity of the data octet 1.
    let normal = [118, 52, 103, 31, 104, 126, 187, 232, 17, 56, 183, 49, 100, 81, 44, 79];
    assert_eq!(encoded(&NORMAL, &[1])[1..], normal);
    assert_eq!(encoded(&ROBUST, &[1])[1..], [227, 44, 178, 71, 172, 8, 224, 37]);
}

#[test]
fn codewords_of_the_digest_are_encoded_as_printed() {
    // g3-phy.md 12.3, DBPSK and Robust: the scrambled PSDU and its parity.
    let psdu = [0x0F, 0xF0, 0xCA, 0x06, 0x23, 0x28, 0xB1, 0x04, 0xDD, 0xED, 0xBF];
    let normal =
        [0xDE, 0x60, 0x33, 0x3F, 0x0A, 0xCE, 0xCB, 0xD9, 0x6D, 0xB9, 0xD5, 0x2C, 0x6E, 0x65, 0x13, 0x9F];
    assert_eq!(encoded(&NORMAL, &psdu[..10])[10..], normal);
    assert_eq!(encoded(&ROBUST, &psdu)[11..], [0xEB, 0xA7, 0xD8, 0x5D, 0x9C, 0xD6, 0x3A, 0xFE]);
}

#[test]
fn every_codeword_is_zero_at_the_roots_from_the_definition() {
    let mut noise = Noise::new(1);
    for (first_root, parity) in [(0, 2), (1, 8), (1, 16), (112, 16), (254, 7), (255, 3)] {
        let code = ReedSolomon::new(first_root, parity);
        let data: Vec<u8> = (0..100).map(|_| noise.below(256) as u8).collect();
        let word = encoded(&code, &data);
        for index in 0..parity {
            let root = EXP[(usize::from(first_root) + index) % 255];
            let value = word.iter().fold(0, |sum, &octet| slow_multiply(sum, root) ^ octet);
            assert_eq!(value, 0, "first root {first_root}, parity {parity}, root {index}");
        }
    }
}

#[test]
fn all_patterns_of_up_to_half_the_parity_are_corrected() {
    let mut noise = Noise::new(2);
    for (first_root, parity) in [(1, 8), (1, 16), (0, 16), (120, 6), (255, 2), (200, 5)] {
        let code = ReedSolomon::new(first_root, parity);
        for round in 0..400 {
            let length = parity + 1 + noise.below(MAX_WORD - parity);
            let data: Vec<u8> = (0..length - parity).map(|_| noise.below(256) as u8).collect();
            let good = encoded(&code, &data);
            let mut word = good.clone();
            let errors = (round % (code.correctable() + 1)).min(length);
            damage(&mut word, errors, &mut noise);
            assert_eq!(code.decode(&mut word), Ok(errors), "{first_root} {parity} {length}");
            assert_eq!(word, good);
        }
    }
}

#[test]
fn one_error_more_is_reported_or_honestly_another_codeword() {
    // Miscorrection of full-length words: about 1 / t!, here 4.2e-2 for t = 4 and 2.5e-5 for t = 8
    // (channel.md 5.2).
    let mut noise = Noise::new(3);
    for (code, least, most) in [(&ROBUST, 60, 115), (&NORMAL, 0, 2)] {
        let mut taken_for_another = 0;
        for _ in 0..2000 {
            let data: Vec<u8> = (0..MAX_WORD - code.parity()).map(|_| noise.below(256) as u8).collect();
            let mut word = encoded(code, &data);
            damage(&mut word, 3 * code.correctable(), &mut noise);
            let received = word.clone();
            match code.decode(&mut word) {
                Err(error) => {
                    assert_eq!(error, Uncorrectable::TooManyErrors { correctable: code.correctable() });
                    assert_eq!(word, received, "an uncorrectable word was changed");
                }
                Ok(corrected) => {
                    let changed = word.iter().zip(&received).filter(|(now, then)| now != then).count();
                    assert!(corrected == changed && corrected <= code.correctable());
                    assert_eq!(encoded(code, &word[..data.len()]), word, "not a codeword");
                    taken_for_another += 1;
                }
            }
        }
        assert!((least..=most).contains(&taken_for_another), "{taken_for_another} of 2000");
    }
}

#[test]
fn lengths_that_cannot_be_are_named() {
    assert_eq!(ROBUST.decode(&mut [0; 8]), Err(Uncorrectable::Length { given: 8, least: 9 }));
    assert_eq!(ROBUST.decode(&mut [0; 256]), Err(Uncorrectable::Length { given: 256, least: 9 }));
    assert_eq!(ROBUST.decode(&mut []), Err(Uncorrectable::Length { given: 0, least: 9 }));
    assert!(ROBUST.encode(&[0; 248], &mut [0; 8]).is_err());
    assert!(ROBUST.encode(&[0; 247], &mut [0; 7]).is_err());
}

proptest! {
    #[test]
    fn any_word_is_decoded_to_a_codeword_nearby_or_left_alone(
        word in proptest::collection::vec(any::<u8>(), 0..300),
        first_root: u8,
        parity in 2_usize..=16,
    ) {
        let code = ReedSolomon::new(first_root, parity);
        let mut decoded = word.clone();
        match code.decode(&mut decoded) {
            Err(_) => prop_assert_eq!(decoded, word),
            Ok(corrected) => {
                let changed = word.iter().zip(&decoded).filter(|(then, now)| then != now).count();
                prop_assert_eq!(corrected, changed);
                prop_assert!(corrected <= code.correctable());
                let data = decoded.len() - parity;
                prop_assert_eq!(encoded(&code, &decoded[..data]), decoded);
            }
        }
    }

    #[test]
    fn every_level_gives_the_same(
        data in proptest::collection::vec(any::<u8>(), 1..=239),
        first_root: u8,
        parity in 2_usize..=16,
        errors in 0_usize..=10,
        seed: u64,
    ) {
        let code = ReedSolomon::new(first_root, parity);
        let mut word = encoded(&code, &data);
        let errors = errors.min(word.len());
        damage(&mut word, errors, &mut Noise::new(seed));
        let syndromes = code.check(Level::Portable, &word);
        let mut corrected = word.clone();
        let result = code.decode_at(Level::Portable, &mut corrected);
        for level in [Level::Avx2, Level::Avx512] {
            let found = code.check(level, &word).map(|all| all[..parity].to_vec());
            prop_assert_eq!(found, syndromes.map(|all| all[..parity].to_vec()));
            let mut other = word.clone();
            prop_assert_eq!(code.decode_at(level, &mut other), result);
            prop_assert_eq!(&other, &corrected);
        }
    }

    #[test]
    fn encoding_is_linear(a in proptest::collection::vec(any::<u8>(), 0..=239), b: u8) {
        let scaled: Vec<u8> = a.iter().map(|&octet| slow_multiply(octet, b)).collect();
        let mut parity = vec![0; 16];
        let mut of_scaled = vec![0; 16];
        NORMAL.encode(&a, &mut parity).expect("fits");
        NORMAL.encode(&scaled, &mut of_scaled).expect("fits");
        parity.iter_mut().for_each(|octet| *octet = slow_multiply(*octet, b));
        prop_assert_eq!(parity, of_scaled);
    }
}

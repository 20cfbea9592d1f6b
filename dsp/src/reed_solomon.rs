//! Reed-Solomon codes over GF(256) with error correction, shortened to any length.
//!
//! The field polynomial is x^8+x^4+x^3+x^2+1 (0x11D) with alpha = 2; the generator's roots are `parity` consecutive
//! powers of alpha from `first_root` on. The code is systematic: data first, parity after it, highest power first.
//! Words shorter than 255 octets are shortened by zeros in front, which are not sent. G.9903 uses
//! `ReedSolomon::new(1, 16)` (8 errors) and, in Robust mode, `ReedSolomon::new(1, 8)` (4 errors) (g3-phy.md 5).
//!
//! ```
//! use dsp::reed_solomon::ReedSolomon;
//! const ROBUST: ReedSolomon = ReedSolomon::new(1, 8);
//! let mut word = *b"frame to protect........";
//! let (data, parity) = word.split_at_mut(16);
//! ROBUST.encode(data, parity)?;
//! word[3] ^= 0xFF;
//! word[20] ^= 0x01;
//! assert_eq!(ROBUST.decode(&mut word), Ok(2));
//! assert_eq!(&word[..16], b"frame to protect");
//! # Ok::<(), dsp::LengthError>(())
//! ```
//!
//! # Versions
//!
//! The portable version checks a word by dividing it by the generator, four octets a step from tables; with the
//! Galois field instructions of AVX-512 processors (`simd`) the syndromes come directly. Corrections are the same
//! code. Both give the same for every word.
//!
//! # What decoding promises
//!
//! A word with at most parity / 2 wrong octets is corrected. A word farther than that from every codeword is reported
//! as [`Uncorrectable`] and left as it was. A word with more errors may lie that near to *another* codeword and is
//! then taken for it: about 1 in (parity / 2)! of heavily damaged full-length words, 1 in 24 for 8 parity octets.
//! Only a check inside the data can tell; the count of corrections hints at it.

use crate::{LengthError, cpu::Level};

#[cfg(target_arch = "x86_64")]
mod simd;

/// Most parity octets a code can have: the remainder register is one `u128`.
pub const MAX_PARITY: usize = 16;
const MAX_ERRORS: usize = MAX_PARITY / 2;

/// Octets of a word that is not shortened.
pub const MAX_WORD: usize = 255;

/// Octets that one division step takes.
const STEP: usize = 4;

/// One code of the family and its table of division steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReedSolomon {
    first_root: u8,
    parity: usize,
    /// For each of the octets of a step the remainders that its high and its low four bits leave, the highest power
    /// in the most significant octet. The sum of all entries is the change of the remainder.
    steps: [[[u128; 16]; 2]; STEP],
    #[cfg(target_arch = "x86_64")]
    weights: simd::Weights,
}

/// A word that no codeword explains. It has not been changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Uncorrectable {
    /// More octets are wrong than the code can correct.
    #[error("more than {correctable} octets of the Reed-Solomon word are wrong")]
    TooManyErrors {
        /// Half the number of parity octets.
        correctable: usize,
    },
    /// The word is not longer than its parity or longer than 255 octets.
    #[error("a Reed-Solomon word of {given} octets; {least} to 255 are possible")]
    Length {
        /// Octets of the word.
        given: usize,
        /// One data octet and the parity.
        least: usize,
    },
}

impl ReedSolomon {
    /// The code whose generator has the roots alpha^`first_root`, alpha^(`first_root` + 1), ..., `parity` of them.
    ///
    /// Meant for constants: a `parity` outside 2..=16 does not compile there.
    ///
    /// # Panics
    ///
    /// Outside of a constant, if `parity` is not in 2..=16.
    pub const fn new(first_root: u8, parity: usize) -> Self {
        assert!(2 <= parity && parity <= MAX_PARITY, "Reed-Solomon parity must be 2 to 16 octets");
        // generator[i] is the coefficient of x^i; the leading one is implied.
        let mut generator = [0_u8; MAX_PARITY + 1];
        generator[0] = 1;
        let mut degree = 0;
        while degree < parity {
            let root = EXP[(first_root as usize + degree) % 255];
            let mut power = degree + 1;
            while power > 0 {
                generator[power] = generator[power - 1] ^ multiply(generator[power], root);
                power -= 1;
            }
            generator[0] = multiply(generator[0], root);
            degree += 1;
        }
        // The remainder that the octet before the last leaves, from the one that an octet leaves.
        let mut steps = [[[0; 16]; 2]; STEP];
        let mut bits = 0;
        while bits < 8 {
            let mut remainder: u128 = 0;
            let mut power = 0;
            while power < parity {
                let shift = 8 * (MAX_PARITY - parity + power) as u32;
                remainder |= (multiply(generator[power], 1 << bits) as u128) << shift;
                power += 1;
            }
            let mut octet = STEP;
            while octet > 0 {
                octet -= 1;
                let table = &mut steps[octet][1 - bits / 4];
                let mut value = 0;
                while value < 16 {
                    if value >> (bits % 4) & 1 == 1 {
                        table[value] ^= remainder;
                    }
                    value += 1;
                }
                remainder = times_x(remainder, &generator, parity);
            }
            bits += 1;
        }
        Self {
            first_root,
            parity,
            steps,
            #[cfg(target_arch = "x86_64")]
            weights: simd::Weights::new(first_root),
        }
    }

    /// Number of parity octets.
    pub const fn parity(&self) -> usize {
        self.parity
    }

    /// Number of wrong octets that are always corrected.
    pub const fn correctable(&self) -> usize {
        self.parity / 2
    }

    /// Computes the parity octets of `data` into the first octets of `parity`.
    ///
    /// # Errors
    ///
    /// `data` is longer than 255 octets less the parity, or `parity` is shorter than the code's.
    pub fn encode(&self, data: &[u8], parity: &mut [u8]) -> Result<(), LengthError> {
        LengthError::at_most("Reed-Solomon data, octets", MAX_WORD - self.parity, data.len())?;
        LengthError::at_least("Reed-Solomon parity, octets", self.parity, parity.len())?;
        let remainder = self.remainder(data).to_be_bytes();
        parity[..self.parity].copy_from_slice(&remainder[..self.parity]);
        Ok(())
    }

    /// Corrects `word` (data and parity) in place and returns how many octets were wrong.
    ///
    /// # Errors
    ///
    /// [`Uncorrectable`]; `word` is then left as it was.
    pub fn decode(&self, word: &mut [u8]) -> Result<usize, Uncorrectable> {
        self.decode_at(Level::best(), word)
    }

    /// [`ReedSolomon::decode`] with the version of `level`, or of the highest level there is below it, for
    /// comparisons and measurements. All levels give the same.
    ///
    /// # Errors
    ///
    /// Those of [`ReedSolomon::decode`].
    pub fn decode_at(&self, level: Level, word: &mut [u8]) -> Result<usize, Uncorrectable> {
        let too_many = Uncorrectable::TooManyErrors { correctable: self.correctable() };
        if word.len() <= self.parity || word.len() > MAX_WORD {
            return Err(Uncorrectable::Length { given: word.len(), least: self.parity + 1 });
        }
        let Some(syndromes) = self.check(level, word) else { return Ok(0) };
        let syndromes = &syndromes[..self.parity];
        let locator = locator(syndromes, self.correctable()).ok_or(too_many)?;
        let positions = roots(&locator, word.len()).ok_or(too_many)?;
        for (error, octet) in self.magnitudes(syndromes, &locator, &positions) {
            // `roots` only finds positions inside the word.
            if let Some(wrong) = word.len().checked_sub(1 + error).and_then(|at| word.get_mut(at)) {
                *wrong ^= octet;
            }
        }
        Ok(locator.degree)
    }

    /// The syndromes of `word`, or nothing if it is a codeword.
    fn check(&self, level: Level, word: &[u8]) -> Option<[u8; MAX_PARITY]> {
        #[cfg(target_arch = "x86_64")]
        if level == Level::Avx512
            && let Some(syndromes) = self.weights.syndromes(word)
        {
            let wrong = syndromes[..self.parity].iter().any(|&syndrome| syndrome != 0);
            return wrong.then_some(syndromes);
        }
        // Other processors have the one level.
        _ = level;
        let (data, parity) = word.split_at(word.len().saturating_sub(self.parity));
        // A word is a codeword if its parity is that of its data; the difference has the syndromes of the errors.
        let mut difference = self.remainder(data).to_be_bytes();
        let mut wrong = 0;
        for (ours, theirs) in difference.iter_mut().zip(parity) {
            *ours ^= theirs;
            wrong |= *ours;
        }
        (wrong != 0).then(|| self.syndromes(&difference[..self.parity]))
    }

    /// The parity of `data`, left-aligned.
    fn remainder(&self, data: &[u8]) -> u128 {
        let (first, steps) = data.as_rchunks::<STEP>();
        let mut remainder: u128 = 0;
        for &octet in first {
            let lead = (remainder >> 120) as u8 ^ octet;
            remainder = remainder << 8 ^ self.change(STEP - 1, lead);
        }
        for step in steps {
            let lead = ((remainder >> 96) as u32 ^ u32::from_be_bytes(*step)).to_be_bytes();
            let [first, second, third, fourth] = lead;
            let early = self.change(0, first) ^ self.change(1, second);
            remainder = remainder << 32 ^ early ^ (self.change(2, third) ^ self.change(3, fourth));
        }
        remainder
    }

    /// What `octet` of a step does to the remainder.
    #[inline(always)]
    fn change(&self, at: usize, octet: u8) -> u128 {
        let [high, low] = &self.steps[at];
        high[usize::from(octet >> 4)] ^ low[usize::from(octet & 15)]
    }

    /// The values of `polynomial` (highest power first) at the generator's roots.
    fn syndromes(&self, polynomial: &[u8]) -> [u8; MAX_PARITY] {
        let mut syndromes = [0; MAX_PARITY];
        for (power, &coefficient) in polynomial.iter().rev().enumerate() {
            // The coefficient times the powers of each root in turn: exponents in steps of the power.
            let mut exponent = self.first_root as usize * power % 255;
            let log = LOG[coefficient as usize] as usize;
            for syndrome in &mut syndromes[..self.parity] {
                *syndrome ^= EXP[log + exponent];
                exponent += power;
                if exponent >= 255 {
                    exponent -= 255;
                }
            }
        }
        syndromes
    }

    /// Forney's formula: the error octet of each position, with the position (power of x).
    fn magnitudes(
        &self,
        syndromes: &[u8],
        locator: &Locator,
        positions: &[u8; MAX_ERRORS],
    ) -> impl Iterator<Item = (usize, u8)> {
        // Evaluator = syndromes times locator, below x^degree.
        let mut evaluator = [0_u8; MAX_ERRORS];
        for (power, value) in evaluator[..locator.degree].iter_mut().enumerate() {
            for step in 0..=power {
                *value ^= multiply(locator.coefficients[step], syndromes[power - step]);
            }
        }
        let first_root = self.first_root as usize;
        let (locator, positions) = (*locator, *positions);
        (0..locator.degree).map(move |error| {
            let position = positions[error] as usize;
            // X^-1, of which the locator is zero.
            let inverse = (255 - position) % 255;
            let mut numerator = 0;
            for power in (0..locator.degree).rev() {
                numerator = times_power(numerator, inverse) ^ evaluator[power];
            }
            // The formal derivative has the odd terms only, each one power lower.
            let mut denominator = 0;
            for power in (1..=locator.degree).filter(|power| power % 2 == 1) {
                denominator ^= times_power(locator.coefficients[power], inverse * (power - 1) % 255);
            }
            // X^(1 - first_root) * evaluator / derivative.
            let scale = (position + inverse * first_root) % 255;
            (position, times_power(divide(numerator, denominator), scale))
        })
    }
}

/// The error locator polynomial: its roots are the inverses of the error positions.
#[derive(Clone, Copy)]
struct Locator {
    coefficients: [u8; MAX_PARITY + 1],
    degree: usize,
}

/// Berlekamp and Massey: the shortest recursion that explains the syndromes, if it is short enough.
fn locator(syndromes: &[u8], correctable: usize) -> Option<Locator> {
    let mut current = [0_u8; MAX_PARITY + 1];
    let mut previous = [0_u8; MAX_PARITY + 1];
    current[0] = 1;
    previous[0] = 1;
    let mut length = 0;
    let mut gap = 1;
    let mut previous_discrepancy = 1;
    for step in 0..syndromes.len() {
        let mut discrepancy = syndromes[step];
        for back in 1..=length {
            discrepancy ^= multiply(current[back], syndromes[step - back]);
        }
        if discrepancy == 0 {
            gap += 1;
            continue;
        }
        let factor = divide(discrepancy, previous_discrepancy);
        let before = current;
        if gap > correctable {
            return None;
        }
        for power in gap..=correctable {
            current[power] ^= multiply(factor, previous[power - gap]);
        }
        if 2 * length <= step {
            length = step + 1 - length;
            if length > correctable {
                return None;
            }
            previous = before;
            previous_discrepancy = discrepancy;
            gap = 1;
        } else {
            gap += 1;
        }
    }
    let degree = current.iter().rposition(|&coefficient| coefficient != 0)?;
    (length <= correctable && degree == length).then_some(Locator { coefficients: current, degree })
}

/// Chien's search over the positions of a word of `length` octets: the powers of x that are wrong, if there are as
/// many as the locator's degree.
fn roots(locator: &Locator, length: usize) -> Option<[u8; MAX_ERRORS]> {
    let mut positions = [0; MAX_ERRORS];
    let mut found = 0;
    // The inverse of position p is alpha^q with q = 255 - p; sixteen q at a time, the least positions first.
    for block in (0..MAX_PARITY).rev() {
        let mut sum: u128 = u128::from_ne_bytes([1; MAX_PARITY]);
        for (index, &coefficient) in locator.coefficients[1..=locator.degree].iter().enumerate() {
            let scale = times_power(coefficient, 16 * block * (index + 1) % 255);
            let [high, low] = &POWERS[index];
            sum ^= high[usize::from(scale >> 4)] ^ low[usize::from(scale & 15)];
        }
        for (lane, value) in sum.to_ne_bytes().into_iter().enumerate().rev() {
            let exponent = 16 * block + lane;
            // Exponents 0 and 255 are the same position.
            if value == 0 && exponent > 0 && 255 - exponent < length {
                *positions.get_mut(found)? = (255 - exponent) as u8;
                found += 1;
            }
        }
        if found == locator.degree {
            return Some(positions);
        }
        if 255 - 16 * block >= length {
            break;
        }
    }
    None
}

/// For k from 1 on, alpha^(k b) at octet b, times 16 h and times l: the sum of two entries is a scaled row of powers.
static POWERS: [[[u128; 16]; 2]; MAX_ERRORS] = {
    let mut powers = [[[0; 16]; 2]; MAX_ERRORS];
    let mut k = 1;
    while k <= MAX_ERRORS {
        let mut value = 0;
        while value < 16 {
            let mut high = [0; 16];
            let mut low = [0; 16];
            let mut lane = 0;
            while lane < 16 {
                let power = EXP[k * lane % 255];
                high[lane] = multiply(power, (value as u8) << 4);
                low[lane] = multiply(power, value as u8);
                lane += 1;
            }
            powers[k - 1][0][value] = u128::from_ne_bytes(high);
            powers[k - 1][1][value] = u128::from_ne_bytes(low);
            value += 1;
        }
        k += 1;
    }
    powers
};

const FIELD_POLYNOMIAL: u16 = 0x11D;

/// "Logarithm" of zero: a place of [`EXP`] far enough out that it and its sums hold zero.
const ZERO_LOG: u16 = 512;

/// alpha^i for i below 510 (twice round, so that a sum of two logarithms needs no reduction), zero after.
static EXP: [u8; 1025] = {
    let mut exp = [0; 1025];
    let mut value: u16 = 1;
    let mut power = 0;
    while power < 255 {
        exp[power] = value as u8;
        exp[power + 255] = value as u8;
        value <<= 1;
        if value & 0x100 != 0 {
            value ^= FIELD_POLYNOMIAL;
        }
        power += 1;
    }
    exp
};

/// The power of alpha that each value is.
static LOG: [u16; 256] = {
    let mut log = [ZERO_LOG; 256];
    let mut power = 0;
    while power < 255 {
        log[EXP[power] as usize] = power as u16;
        power += 1;
    }
    log
};

const fn multiply(a: u8, b: u8) -> u8 {
    EXP[(LOG[a as usize] + LOG[b as usize]) as usize]
}

/// A left-aligned remainder times x, less the multiple of the generator that brings it below x^`parity` again.
const fn times_x(remainder: u128, generator: &[u8; MAX_PARITY + 1], parity: usize) -> u128 {
    let lead = (remainder >> 120) as u8;
    let mut product = remainder << 8;
    let mut power = 0;
    while power < parity {
        product ^= (multiply(generator[power], lead) as u128) << (8 * (MAX_PARITY - parity + power) as u32);
        power += 1;
    }
    product
}

/// `value` times alpha^`exponent`, for exponents below 255.
fn times_power(value: u8, exponent: usize) -> u8 {
    EXP[LOG[value as usize] as usize + exponent]
}

/// Zero where the divisor is zero, which no caller lets happen.
fn divide(dividend: u8, divisor: u8) -> u8 {
    if divisor == 0 { 0 } else { EXP[(LOG[dividend as usize] + 255 - LOG[divisor as usize]) as usize] }
}

#[cfg(test)]
mod tests {
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
}

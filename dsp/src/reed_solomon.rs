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
mod tests;

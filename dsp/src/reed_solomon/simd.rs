//! The syndromes with the Galois field instructions (GFNI) of processors that have AVX-512.
//!
//! A word, with zeros in front up to 256 octets, is sixteen pieces of sixteen octets. A register has four pieces; in
//! each, lane i is Horner's rule for root i, all roots at once: times the root, plus the next octet of the piece in
//! every lane. Then the pieces are weighted by the powers of the roots that follow them and added up.
//!
//! The instruction multiplies in the field of AES (x^8+x^4+x^3+x+1), so octets go there and back by a matrix. The
//! field here has a generator with the minimal polynomial 0x11D; [`BETA`] is a zero of it in the other, and powers
//! of alpha and beta correspond.
#![allow(unsafe_code, reason = "vector intrinsics; the safety argument is at each block")]

use super::{FIELD_POLYNOMIAL, MAX_PARITY, MAX_WORD};
use crate::cpu;
use core::arch::x86_64::*;

const AES_POLYNOMIAL: u16 = 0x11B;
const PIECE: usize = MAX_PARITY;
const PIECES: usize = 4;
const REGISTER: usize = PIECES * PIECE;

/// The roots of a code, and their powers to weight pieces with, as octets of the AES field; lane i is of root i.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Weights {
    root: [u8; PIECE],
    /// Their 64th powers: a register's weight against the next.
    register: [u8; PIECE],
    /// Their 48th, 32nd, 16th powers and 1: the pieces of a register.
    pieces: [[u8; PIECE]; PIECES],
}

impl Weights {
    pub(super) const fn new(first_root: u8) -> Self {
        let mut weights = Self { root: [0; PIECE], register: [0; PIECE], pieces: [[0; PIECE]; PIECES] };
        let mut lane = 0;
        while lane < PIECE {
            let root = first_root as usize + lane;
            weights.root[lane] = beta_to(root);
            weights.register[lane] = beta_to(root * REGISTER);
            let mut piece = 0;
            while piece < PIECES {
                weights.pieces[piece][lane] = beta_to(root * PIECE * (PIECES - 1 - piece));
                piece += 1;
            }
            lane += 1;
        }
        weights
    }

    /// The values of `word` at sixteen consecutive roots, if the processor has the instructions.
    pub(super) fn syndromes(&self, word: &[u8]) -> Option<[u8; MAX_PARITY]> {
        if !cpu::galois() || word.len() > MAX_WORD {
            return None;
        }
        // Safety: the processor has the features, as was just asked; the word is not longer than 256 octets.
        Some(unsafe { self.on_vectors(word) })
    }

    /// # Safety
    ///
    /// The word is not longer than 256 octets.
    #[target_feature(enable = "gfni,avx512f,avx512bw,avx512vl")]
    unsafe fn on_vectors(&self, word: &[u8]) -> [u8; MAX_PARITY] {
        // Safety: 16 octets are read.
        let each =
            |octets: &[u8; PIECE]| unsafe { _mm512_broadcast_i32x4(_mm_loadu_si128(octets.as_ptr().cast())) };
        let root = each(&self.root);
        let mut registers = [_mm512_setzero_si512(); PIECES];
        let padding = PIECES * REGISTER - word.len();
        let there = _mm512_set1_epi64(TO_AES as i64);
        for (index, register) in registers.iter_mut().enumerate() {
            // Octets that are in front of the word are masked; a masked octet is not read.
            let missing = padding.saturating_sub(index * REGISTER).min(REGISTER);
            let mask = u64::MAX.checked_shl(missing as u32).unwrap_or(0);
            let from = word.as_ptr().wrapping_add(index * REGISTER).wrapping_sub(padding);
            // Safety: the octets of the mask are in the word.
            let octets = unsafe { _mm512_maskz_loadu_epi8(mask, from.cast()) };
            *register = _mm512_gf2p8affine_epi64_epi8::<0>(octets, there);
        }
        let mut sums = [_mm512_setzero_si512(); PIECES];
        for step in 0..PIECE {
            let lane = _mm512_set1_epi8(step as i8);
            for (sum, register) in sums.iter_mut().zip(registers) {
                *sum =
                    _mm512_xor_si512(_mm512_gf2p8mul_epi8(*sum, root), _mm512_shuffle_epi8(register, lane));
            }
        }
        let weight = each(&self.register);
        let [first, second, third, fourth] = sums;
        let sum = _mm512_xor_si512(_mm512_gf2p8mul_epi8(first, weight), second);
        let sum = _mm512_xor_si512(_mm512_gf2p8mul_epi8(sum, weight), third);
        let sum = _mm512_xor_si512(_mm512_gf2p8mul_epi8(sum, weight), fourth);
        // Safety: 64 octets are read.
        let pieces = unsafe { _mm512_loadu_si512(self.pieces.as_ptr().cast()) };
        let sum = _mm512_gf2p8mul_epi8(sum, pieces);
        let sum = _mm256_xor_si256(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64::<1>(sum));
        let sum = _mm_xor_si128(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
        let sum = _mm_gf2p8affine_epi64_epi8::<0>(sum, _mm_set1_epi64x(FROM_AES as i64));
        let mut syndromes = [0; MAX_PARITY];
        // Safety: 16 octets are written.
        unsafe { _mm_storeu_si128(syndromes.as_mut_ptr().cast(), sum) };
        syndromes
    }
}

/// The first zero of [`FIELD_POLYNOMIAL`] in the AES field.
const BETA: u8 = {
    let mut candidate = 2;
    loop {
        let mut value = 0;
        let mut bit = 9;
        while bit > 0 {
            bit -= 1;
            value = aes_multiply(value, candidate) ^ (FIELD_POLYNOMIAL >> bit & 1) as u8;
        }
        if value == 0 {
            break candidate;
        }
        candidate += 1;
    }
};

const fn aes_multiply(a: u8, b: u8) -> u8 {
    let mut product: u16 = 0;
    let mut bit = 8;
    while bit > 0 {
        bit -= 1;
        product <<= 1;
        if product & 0x100 != 0 {
            product ^= AES_POLYNOMIAL;
        }
        if b >> bit & 1 == 1 {
            product ^= a as u16;
        }
    }
    product as u8
}

const fn beta_to(exponent: usize) -> u8 {
    let mut power = 1;
    let mut left = exponent % 255;
    while left > 0 {
        power = aes_multiply(power, BETA);
        left -= 1;
    }
    power
}

/// Columns are the images of 1, 2, 4...: powers of beta for powers of alpha = 2.
const TO_AES: u64 = {
    let mut columns = [0; 8];
    let mut bit = 0;
    while bit < 8 {
        columns[bit] = beta_to(bit);
        bit += 1;
    }
    matrix(columns)
};

const FROM_AES: u64 = {
    let mut columns = [0; 8];
    // The octet whose image is 1, 2, 4...
    let mut octet = 1;
    while octet < 256 {
        let mut image = 0;
        let mut bit = 0;
        while bit < 8 {
            if octet >> bit & 1 == 1 {
                image ^= beta_to(bit);
            }
            bit += 1;
        }
        if image.count_ones() == 1 {
            columns[image.trailing_zeros() as usize] = octet as u8;
        }
        octet += 1;
    }
    matrix(columns)
};

/// Columns to the instruction's order: the row of result bit 0 in the most significant octet.
const fn matrix(columns: [u8; 8]) -> u64 {
    let mut matrix = 0;
    let mut row = 0;
    while row < 8 {
        let mut column = 0;
        while column < 8 {
            matrix |= (columns[column] as u64 >> row & 1) << (8 * (7 - row) + column);
            column += 1;
        }
        row += 1;
    }
    matrix
}

//! The soft-decision Viterbi decoder of the code of [`crate::convolutional`].
//!
//! Maximum-likelihood decoding over a whole terminated block: the path starts and ends in the zero state. Soft
//! decisions are `i8`, positive for bit 0, the magnitude is the reliability, 0 an erasure (see [`crate::soft`]).
//! Path metrics are 16-bit correlations, brought back near zero every 64 stages, so blocks may have any length. A
//! stage's 64 decisions are one `u64` of a workspace that the caller owns: 8 octets a stage, 16 KiB for the largest
//! G3 block (255 octets, 2046 stages).
//!
//! ```
//! use dsp::{convolutional, viterbi::Viterbi};
//! let mut coded = [0; 8];
//! let bits = convolutional::encode(b"Hi", 16, &mut coded)?;
//! let mut soft: Vec<i8> = (0..bits).map(|at| if coded[at / 8] << (at % 8) & 0x80 == 0 { 40 } else { -40 }).collect();
//! soft[3] = -soft[3]; // one wrong bit
//! soft[9] = 0; // one erased
//! let mut viterbi = Viterbi::<22>::new();
//! let mut decoded = [0; 2];
//! assert_eq!(viterbi.decode(&soft, 16, &mut decoded)?, 40);
//! assert_eq!(&decoded, b"Hi");
//! # Ok::<(), dsp::LengthError>(())
//! ```
//!
//! # How it is laid out
//!
//! A state is the last six information bits, the newest in bit 0. States j and j + 32 lead to 2j and 2j + 1 with the
//! same coded pair up to complement (both generators have their first and last tap), so one correlation per j serves
//! four branches. The 32 butterflies of a stage are plain loops over arrays that LLVM turns into vector code.

use crate::{LengthError, convolutional};

const STATES: usize = 64;
const HALF: usize = STATES / 2;

/// Stages between two normalisations: 64 stages move a metric by at most 64 * 256, and metrics of one stage lie
/// within 6 * 2 * 256 of each other, so 16 bits hold them.
const NORMALISE_EVERY: usize = 64;

/// Start metric of the states in which the path cannot start. The worst true path of six stages (-1536) beats the
/// best false one (-8192 + 1536).
const UNREACHABLE: i16 = -8192;

/// The branch signs of butterfly j: those of the coded pair on the branch from state j with input bit 0; +1 for a
/// coded 0, -1 for a coded 1.
const SIGNS: ([i16; HALF], [i16; HALF]) = {
    let mut first = [0; HALF];
    let mut second = [0; HALF];
    let mut state = 0;
    while state < HALF {
        // Bit i of the state is delay i + 1: taps of 1+D+D^2+D^3+D^6 and 1+D^2+D^3+D^5+D^6 without the input.
        first[state] = if (state & 0b10_0111).count_ones() % 2 == 0 { 1 } else { -1 };
        second[state] = if (state & 0b11_0110).count_ones() % 2 == 0 { 1 } else { -1 };
        state += 1;
    }
    (first, second)
};

/// The workspace of a decoder for blocks of up to `STAGES` stages, that is `STAGES` - 6 information bits.
#[derive(Clone, Debug)]
pub struct Viterbi<const STAGES: usize> {
    /// Bit n of a stage tells from which half of the states state n was reached.
    decisions: [u64; STAGES],
}

impl<const STAGES: usize> Viterbi<STAGES> {
    /// An empty workspace. Nothing is kept from one block to the next.
    pub const fn new() -> Self {
        Self { decisions: [0; STAGES] }
    }

    /// Decodes `info_bits` information bits from the soft decisions of 2 * (`info_bits` + 6) coded bits into the
    /// first octets of `output`, most significant bit first; unused bits of the last octet are zero. Soft decisions
    /// and octets beyond are left alone.
    ///
    /// Returns the cost of the path: the sum of the reliabilities of the coded bits that it contradicts. It is 0 if
    /// and only if the soft decisions agree with a codeword.
    ///
    /// # Errors
    ///
    /// `soft` or `output` is too short, or the block has more stages than the workspace.
    pub fn decode(&mut self, soft: &[i8], info_bits: usize, output: &mut [u8]) -> Result<u32, LengthError> {
        LengthError::at_most(
            "Viterbi block, bits with tail",
            STAGES,
            info_bits.saturating_add(convolutional::TAIL_BITS),
        )?;
        let stages = info_bits + convolutional::TAIL_BITS;
        LengthError::at_least("soft decisions", 2 * stages, soft.len())?;
        LengthError::at_least("Viterbi output, octets", info_bits.div_ceil(8), output.len())?;

        let decisions = &mut self.decisions[..stages];
        let soft = &soft[..2 * stages];
        let correlation = forward(soft, decisions);
        trace_back(decisions, info_bits, &mut output[..info_bits.div_ceil(8)]);

        let reliability: u32 = soft.iter().map(|decision| u32::from(decision.unsigned_abs())).sum();
        Ok(reliability.saturating_add_signed(-correlation) / 2)
    }
}

impl<const STAGES: usize> Default for Viterbi<STAGES> {
    fn default() -> Self {
        Self::new()
    }
}

/// Fills in the decisions of every stage; returns the correlation of the best path that ends in state 0.
fn forward(soft: &[i8], decisions: &mut [u64]) -> i32 {
    let mut metrics = [UNREACHABLE; STATES];
    metrics[0] = 0;
    let mut base = 0;
    for (soft, decisions) in soft.chunks(2 * NORMALISE_EVERY).zip(decisions.chunks_mut(NORMALISE_EVERY)) {
        let offset = metrics[0];
        base += i32::from(offset);
        metrics.iter_mut().for_each(|metric| *metric -= offset);
        for (pair, decision) in soft.chunks_exact(2).zip(decisions) {
            *decision = stage(&mut metrics, i16::from(pair[0]), i16::from(pair[1]));
        }
    }
    base + i32::from(metrics[0])
}

/// Add, compare, select: one stage for all states.
#[inline(always)]
fn stage(metrics: &mut [i16; STATES], first: i16, second: i16) -> u64 {
    let mut flags = [0_u8; STATES];
    let mut zero = [0_i16; HALF];
    let mut one = [0_i16; HALF];
    for j in 0..HALF {
        let branch = SIGNS.0[j] * first + SIGNS.1[j] * second;
        let (low, high) = (metrics[j], metrics[j + HALF]);
        let (low_zero, high_zero) = (low + branch, high - branch);
        let (low_one, high_one) = (low - branch, high + branch);
        zero[j] = low_zero.max(high_zero);
        one[j] = low_one.max(high_one);
        flags[2 * j] = u8::from(high_zero > low_zero);
        flags[2 * j + 1] = u8::from(high_one > low_one);
    }
    for j in 0..HALF {
        metrics[2 * j] = zero[j];
        metrics[2 * j + 1] = one[j];
    }
    pack(&flags)
}

/// Bit i of the result is flag i.
#[inline(always)]
fn pack(flags: &[u8; STATES]) -> u64 {
    let mut packed = 0;
    for (index, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        // Eight zero-or-one octets meet in the top octet, the first as its least significant bit.
        let gathered = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        packed |= gathered << (8 * index);
    }
    packed
}

/// Follows the decisions from state 0 at the end; the bit that leaves the register at a stage was put in six earlier.
fn trace_back(decisions: &[u64], info_bits: usize, output: &mut [u8]) {
    // The state is in the top six bits; those that were in it before follow, so that eight stages leave an octet.
    let mut history: u64 = 0;
    let after_tail = decisions.get(convolutional::TAIL_BITS..).unwrap_or_default();
    for (octet, stages) in output.iter_mut().zip(after_tail.chunks(8)).rev() {
        for &decision in stages.iter().rev() {
            history = history >> 1 | (decision >> (history >> 58)) << 63;
        }
        *octet = (history >> 56) as u8;
    }
    if let (Some(last), used @ 1..) = (output.last_mut(), info_bits % 8) {
        *last &= !(0xFF >> used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Noise;
    use proptest::prelude::*;
    use std::{boxed::Box, vec, vec::Vec};

    fn coded_soft(info: &[u8], bits: usize, reliability: i8) -> Vec<i8> {
        let mut coded = vec![0; convolutional::coded_bits(bits).div_ceil(8)];
        let count = convolutional::encode(info, bits, &mut coded).expect("lengths fit");
        (0..count)
            .map(|at| if coded[at / 8] >> (7 - at % 8) & 1 == 0 { reliability } else { -reliability })
            .collect()
    }

    /// `info` with the bits from `bits` on cleared.
    fn masked(info: &[u8], bits: usize) -> Vec<u8> {
        let mut octets = info[..bits.div_ceil(8)].to_vec();
        if let (Some(last), rest @ 1..) = (octets.last_mut(), bits % 8) {
            *last &= !(0xFF >> rest);
        }
        octets
    }

    /// What the decoder maximises, by trying every message.
    fn best_cost(soft: &[i8], bits: usize) -> u32 {
        (0..1_u32 << bits)
            .map(|message| {
                let info = message.checked_shl(32 - bits as u32).unwrap_or(0).to_be_bytes();
                coded_soft(&info, bits, 1)
                    .iter()
                    .zip(soft)
                    .filter(|&(&sign, &decision)| i16::from(sign) * i16::from(decision) < 0)
                    .map(|(_, decision)| u32::from(decision.unsigned_abs()))
                    .sum()
            })
            .min()
            .expect("there are messages")
    }

    #[test]
    fn the_largest_block_at_full_reliability_comes_back() {
        // 2040 bits of one kind and another: metrics are normalised on the way.
        for pattern in [0x00, 0xFF, 0x5A] {
            let info = [pattern; 255];
            let mut decoded = [0; 255];
            let mut viterbi = Box::new(Viterbi::<2046>::new());
            assert_eq!(viterbi.decode(&coded_soft(&info, 2040, 127), 2040, &mut decoded), Ok(0));
            assert_eq!(decoded, info);
        }
    }

    #[test]
    fn the_most_negative_soft_decision_is_a_certain_one() {
        let soft: Vec<i8> =
            coded_soft(&[0x3C; 20], 160, 127).iter().map(|&s| if s < 0 { -128 } else { s }).collect();
        let mut decoded = [0; 20];
        assert_eq!(Viterbi::<166>::new().decode(&soft, 160, &mut decoded), Ok(0));
        assert_eq!(decoded, [0x3C; 20]);
    }

    #[test]
    fn no_information_is_the_tail_alone() {
        let mut viterbi = Viterbi::<6>::new();
        assert_eq!(viterbi.decode(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -3], 0, &mut []), Ok(3));
    }

    #[test]
    fn four_wrong_bits_anywhere_are_always_corrected() {
        // Free distance 10 (channel.md 5.1).
        let mut noise = Noise::new(4);
        let mut viterbi = Viterbi::<206>::new();
        for _ in 0..500 {
            let info: Vec<u8> = (0..25).map(|_| noise.below(256) as u8).collect();
            let mut soft = coded_soft(&info, 200, 1);
            let start = noise.below(soft.len() - 20);
            for _ in 0..4 {
                let at = start + noise.below(20);
                soft[at] = -soft[at].abs();
            }
            let wrong = soft.iter().zip(coded_soft(&info, 200, 1)).filter(|(a, b)| **a != *b).count() as u32;
            let mut decoded = [0; 25];
            assert_eq!(viterbi.decode(&soft, 200, &mut decoded), Ok(wrong));
            assert_eq!(decoded[..], info);
        }
    }

    #[test]
    fn short_slices_and_long_blocks_are_named() {
        let mut viterbi = Viterbi::<38>::new();
        let needed = |result: Result<u32, LengthError>| result.map_err(|error| (error.needed, error.given));
        assert_eq!(needed(viterbi.decode(&[0; 100], 33, &mut [0; 5])), Err((38, 39)));
        assert_eq!(needed(viterbi.decode(&[0; 75], 32, &mut [0; 5])), Err((76, 75)));
        assert_eq!(needed(viterbi.decode(&[0; 76], 32, &mut [0; 3])), Err((4, 3)));
        assert_eq!(needed(viterbi.decode(&[0; 76], usize::MAX, &mut [0; 3])), Err((38, usize::MAX)));
        assert_eq!(viterbi.decode(&[0; 76], 32, &mut [0; 4]), Ok(0));
    }

    /// Bit errors of coherent BPSK in white noise at `snr_db` of Eb/N0, over `blocks` blocks of 1000 bits.
    fn bit_errors(snr_db: f64, blocks: usize, seed: u64) -> usize {
        let mut noise = Noise::new(seed);
        let mut viterbi = Viterbi::<1006>::new();
        // Es/N0 = Eb/N0 / 2 at rate 1/2; amplitude 1, so sigma^2 = N0 / 2 = 1 / (2 Es/N0).
        let sigma = libm::pow(10.0, -snr_db / 20.0);
        let mut errors = 0;
        for _ in 0..blocks {
            let info: Vec<u8> = (0..125).map(|_| noise.below(256) as u8).collect();
            let soft: Vec<i8> = coded_soft(&info, 1000, 1)
                .iter()
                .map(|&sign| crate::soft::quantise((f64::from(sign) + sigma * noise.gaussian()) as f32, 32.0))
                .collect();
            let mut decoded = [0; 125];
            viterbi.decode(&soft, 1000, &mut decoded).expect("lengths fit");
            errors += info.iter().zip(decoded).map(|(a, b)| (a ^ b).count_ones() as usize).sum::<usize>();
        }
        errors
    }

    #[test]
    fn bit_error_rate_in_white_noise_is_that_of_theory() {
        // channel.md 5.1, c_d of even d from 10. At 3.53 dB the union bound is 1e-4 (its table); the true rate is a
        // little below it. Errors come in events of about 5 bits, so the interval is that of errors / 5 events.
        const BITS_PER_DISTANCE: [f64; 8] =
            [36., 211., 1404., 11_633., 77_433., 502_690., 3_322_763., 21_292_910.];
        let q = |x: f64| 0.5 * libm::erfc(x / core::f64::consts::SQRT_2);
        let bound = |snr_db: f64| {
            let snr = libm::pow(10.0, snr_db / 10.0);
            BITS_PER_DISTANCE
                .iter()
                .enumerate()
                .map(|(index, bits)| bits * q(libm::sqrt((10 + 2 * index) as f64 * snr)))
                .sum::<f64>()
        };
        assert!((bound(3.53) / 1e-4 - 1.0).abs() < 0.03, "the bound of the digest: {}", bound(3.53));

        let blocks = 2000;
        let errors = bit_errors(3.53, blocks, 5) as f64;
        let rate = errors / (1000.0 * blocks as f64);
        let relative = 3.0 / libm::sqrt(errors / 5.0);
        assert!(errors > 60.0, "too few errors to judge: {errors}");
        assert!(rate * (1.0 - relative) < bound(3.53), "{rate} is above the union bound");
        // 0.2 dB better than the bound would be magic: quantised decisions and the true curve lie within that.
        assert!(rate * (1.0 + relative) > bound(3.73), "{rate} is too good to be true");
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(info in proptest::collection::vec(any::<u8>(), 0..64), short in 0_usize..8) {
            let bits = (8 * info.len()).saturating_sub(short);
            let mut decoded = vec![0xA5; 65];
            let mut viterbi = Viterbi::<520>::new();
            prop_assert_eq!(viterbi.decode(&coded_soft(&info, bits, 9), bits, &mut decoded), Ok(0));
            prop_assert_eq!(&decoded[..bits.div_ceil(8)], masked(&info, bits));
            prop_assert!(decoded[bits.div_ceil(8)..].iter().all(|&octet| octet == 0xA5));
        }

        #[test]
        fn the_path_is_the_likeliest_of_all(soft in proptest::collection::vec(any::<i8>(), 32), bits in 0_usize..=10) {
            let mut decoded = [0; 2];
            let cost = Viterbi::<16>::new().decode(&soft, bits, &mut decoded).expect("lengths fit");
            let coded = convolutional::coded_bits(bits);
            prop_assert_eq!(cost, best_cost(&soft[..coded], bits));
            let contradicted: u32 = coded_soft(&decoded, bits, 1)
                .iter()
                .zip(&soft)
                .filter(|&(&sign, &decision)| i16::from(sign) * i16::from(decision) < 0)
                .map(|(_, decision)| u32::from(decision.unsigned_abs()))
                .sum();
            prop_assert_eq!(cost, contradicted, "the cost is that of the bits put out");
        }
    }
}

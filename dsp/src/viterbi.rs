//! The soft-decision Viterbi decoder of the code of [`crate::convolutional`].
//!
//! Maximum-likelihood decoding over a whole terminated block: the path starts and ends in the zero state. Soft
//! decisions are `i8`, positive for bit 0, the magnitude is the reliability, 0 an erasure (see [`crate::soft`]).
//! A stage's 64 decisions are one `u64` of a workspace that the caller owns: 8 octets a stage, 16 KiB for the
//! largest G3 block (255 octets, 2046 stages).
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
//! # From both ends
//!
//! The trellis is walked forward from its start and backward from its end; the two walks meet in the middle, where
//! the path is the one through the state with the best sum of both metrics. That is the same maximum as that of a
//! single walk, but two independent chains of short dependencies keep a processor twice as busy, and so do the two
//! traces outward from the middle.
//!
//! # Versions
//!
//! | version | metrics | chosen |
//! |---|---|---|
//! | portable (`portable`) | 16 bits | always there; what to read against the standard |
//! | AVX2, AVX-512, NEON (`simd`) | 16 bits, and 8 bits for [`Viterbi::decode_coarse`] | when the processor has them |
//!
//! All versions give the same bits and the same cost for the same input, ties included: metrics never saturate, and
//! a tie goes to the same branch in each.

use crate::{LengthError, convolutional, cpu::Level};

mod portable;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod simd;

pub(crate) use portable::BRANCH_CODES;

/// Greatest magnitude of a soft decision inside [`Viterbi::decode_coarse`].
pub const MOST_RELIABLE_COARSE: u8 = 7;

/// Both walks go over whole groups of this many stages: four turns of the six bits of a state, three octets.
const GROUP: usize = 24;

/// The workspace of a decoder for blocks of up to `STAGES` stages, that is `STAGES` - 6 information bits.
#[derive(Clone, Debug)]
pub struct Viterbi<const STAGES: usize> {
    /// One bit a state and stage: whether the likelier of its two branches is that which leaves the place of the
    /// state in the trellis (see [`portable`]). The wide versions lay the branch metrics of a stage here first.
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
        let [cost] = decode_on::<STAGES, 1>(Level::best(), FINE, [self], [soft], info_bits, [output])?;
        Ok(cost)
    }

    /// [`Viterbi::decode`] of soft decisions in 15 steps, faster where the processor has vectors of octets: each is
    /// divided by 8, rounded to nearest, halves away from zero, and clipped to ±7. So it takes the same soft
    /// decisions, best with a mean magnitude near 32; then it loses 0.1 dB (`benches/results/viterbi_quality.txt`).
    ///
    /// Returns the cost in units of the divided decisions.
    ///
    /// # Errors
    ///
    /// Those of [`Viterbi::decode`].
    pub fn decode_coarse(
        &mut self,
        soft: &[i8],
        info_bits: usize,
        output: &mut [u8],
    ) -> Result<u32, LengthError> {
        let [cost] = decode_on::<STAGES, 1>(Level::best(), COARSE, [self], [soft], info_bits, [output])?;
        Ok(cost)
    }

    /// [`Viterbi::decode`] of two blocks of one length at a time: the same results, in less time than one after the
    /// other where the processor has wide vectors.
    ///
    /// # Errors
    ///
    /// Those of [`Viterbi::decode`], for either block; then neither has been decoded.
    pub fn decode_pair(
        workspaces: [&mut Self; 2],
        soft: [&[i8]; 2],
        info_bits: usize,
        outputs: [&mut [u8]; 2],
    ) -> Result<[u32; 2], LengthError> {
        decode_on(Level::best(), FINE, workspaces, soft, info_bits, outputs)
    }

    /// [`Viterbi::decode_coarse`] of two blocks of one length at a time.
    ///
    /// # Errors
    ///
    /// Those of [`Viterbi::decode`], for either block; then neither has been decoded.
    pub fn decode_coarse_pair(
        workspaces: [&mut Self; 2],
        soft: [&[i8]; 2],
        info_bits: usize,
        outputs: [&mut [u8]; 2],
    ) -> Result<[u32; 2], LengthError> {
        decode_on(Level::best(), COARSE, workspaces, soft, info_bits, outputs)
    }

    /// [`Viterbi::decode`], or [`Viterbi::decode_coarse`] if `coarse`, with the version of `level`, for comparisons
    /// and measurements. All levels give the same.
    ///
    /// # Errors
    ///
    /// Those of [`Viterbi::decode`].
    pub fn decode_at(
        &mut self,
        level: Level,
        coarse: bool,
        soft: &[i8],
        info_bits: usize,
        output: &mut [u8],
    ) -> Result<u32, LengthError> {
        let [cost] = decode_on::<STAGES, 1>(level.available(), coarse, [self], [soft], info_bits, [output])?;
        Ok(cost)
    }
}

impl<const STAGES: usize> Default for Viterbi<STAGES> {
    fn default() -> Self {
        Self::new()
    }
}

const FINE: bool = false;
const COARSE: bool = true;

/// Checks the lengths and decodes with the version of `level`, which the processor must have.
fn decode_on<const STAGES: usize, const BLOCKS: usize>(
    level: Level,
    coarse: bool,
    workspaces: [&mut Viterbi<STAGES>; BLOCKS],
    soft: [&[i8]; BLOCKS],
    info_bits: usize,
    outputs: [&mut [u8]; BLOCKS],
) -> Result<[u32; BLOCKS], LengthError> {
    LengthError::at_most(
        "Viterbi block, bits with tail",
        STAGES,
        info_bits.saturating_add(convolutional::TAIL_BITS),
    )?;
    let stages = info_bits + convolutional::TAIL_BITS;
    for soft in soft {
        LengthError::at_least("soft decisions", 2 * stages, soft.len())?;
    }
    for output in &outputs {
        LengthError::at_least("Viterbi output, octets", info_bits.div_ceil(8), output.len())?;
    }
    let soft = soft.map(|soft| &soft[..2 * stages]);
    let mut decisions = workspaces.map(|workspace| &mut workspace.decisions[..stages]);
    let mut outputs = outputs.map(|output| &mut output[..info_bits.div_ceil(8)]);

    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    if let Some(costs) = simd::decode(level, coarse, &mut decisions, soft, info_bits, &mut outputs) {
        return Ok(costs);
    }
    // Level is only looked at on processors with more than one.
    _ = level;
    let mut costs = [0; BLOCKS];
    for (((cost, soft), decisions), output) in
        costs.iter_mut().zip(soft).zip(&mut decisions).zip(&mut outputs)
    {
        *cost = portable::decode(soft, coarse, decisions, info_bits, output);
    }
    Ok(costs)
}

/// How many stages are walked from the start; the others are walked from the end.
const fn meeting(stages: usize) -> usize {
    (stages + GROUP) / (2 * GROUP) * GROUP
}

/// A soft decision in the 15 steps of [`Viterbi::decode_coarse`].
const fn coarsened(soft: i8) -> i8 {
    let magnitude = (soft.unsigned_abs() + 4) >> 3;
    let magnitude = if magnitude > MOST_RELIABLE_COARSE { MOST_RELIABLE_COARSE } else { magnitude } as i8;
    if soft < 0 { -magnitude } else { magnitude }
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

    const LEVELS: [Level; 4] = [Level::Portable, Level::Neon, Level::Avx2, Level::Avx512];

    /// Blocks that are hard on ties and on ranges: few values, extremes only, a codeword with noise, anything.
    fn blocks() -> impl Strategy<Value = (usize, Vec<i8>)> {
        (0_usize..900, 0_u64..u64::MAX, 0..5).prop_map(|(bits, seed, kind)| {
            let mut noise = Noise::new(seed);
            let info: Vec<u8> = (0..bits.div_ceil(8)).map(|_| noise.below(256) as u8).collect();
            let mut soft = coded_soft(&info, bits, 32);
            for soft in &mut soft {
                *soft = match kind {
                    0 => noise.below(3) as i8 - 1,
                    1 => [-128, 127][noise.below(2)],
                    2 => (f64::from(*soft) + 24.0 * noise.gaussian()) as i8,
                    3 => noise.below(256) as u8 as i8,
                    _ => [*soft, -128, 127, 0][noise.below(4)],
                };
            }
            (bits, soft)
        })
    }

    #[test]
    fn every_level_stays_exact_where_metrics_spread_most() {
        // Long runs of certainty for a path, then against it: the ranges that `simd` claims.
        let bits = 2040;
        let info: Vec<u8> = (0..255).map(|index| (index * 151) as u8).collect();
        for turn in [1, 2, 5, 6, 7, 12, 40, 500, 4000] {
            let soft: Vec<i8> = coded_soft(&info, bits, 127)
                .iter()
                .enumerate()
                .map(|(at, &soft)| if at / turn % 2 == 0 { soft } else { -soft })
                .collect();
            for coarse in [false, true] {
                let mut viterbi = Box::new(Viterbi::<2046>::new());
                let mut expected = [0; 255];
                let cost = viterbi.decode_at(Level::Portable, coarse, &soft, bits, &mut expected);
                for level in LEVELS {
                    let mut decoded = [0; 255];
                    assert_eq!(viterbi.decode_at(level, coarse, &soft, bits, &mut decoded), cost);
                    assert_eq!(decoded, expected, "{level:?}, {turn}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_level_and_pairing_gives_the_same((bits, soft) in blocks(), (_, other) in blocks(), coarse: bool) {
            let octets = bits.div_ceil(8);
            let mut viterbi = Box::new(Viterbi::<906>::new());
            let mut expected = vec![0xA5; octets + 1];
            let cost = viterbi.decode_at(Level::Portable, coarse, &soft, bits, &mut expected).expect("lengths fit");
            for level in LEVELS {
                let mut decoded = vec![0xA5; octets + 1];
                prop_assert_eq!(viterbi.decode_at(level, coarse, &soft, bits, &mut decoded), Ok(cost), "{:?}", level);
                prop_assert_eq!(&decoded, &expected, "{:?}", level);
            }
            let steps: Vec<i8> = soft.iter().map(|&soft| if coarse { coarsened(soft) } else { soft }).collect();
            let mut decoded = vec![0xA5; octets + 1];
            prop_assert_eq!(viterbi.decode(&steps, bits, &mut decoded), Ok(cost), "coarse is fine of coarsened");
            prop_assert_eq!(&decoded, &expected);

            let mut other = other;
            other.resize(soft.len(), 0);
            let mut second = viterbi.clone();
            let mut second_alone = vec![0xA5; octets + 1];
            let second_cost =
                viterbi.decode_at(Level::Portable, coarse, &other, bits, &mut second_alone).expect("lengths fit");
            let mut outputs = [vec![0xA5; octets + 1], vec![0xA5; octets + 1]];
            let [one, two] = &mut outputs;
            let pair = if coarse { Viterbi::decode_coarse_pair } else { Viterbi::decode_pair };
            let costs = pair([&mut viterbi, &mut second], [&soft, &other], bits, [one, two]);
            prop_assert_eq!(costs, Ok([cost, second_cost]));
            prop_assert_eq!(outputs, [expected, second_alone]);
        }

        #[test]
        fn coarse_steps_are_eighths_to_nearest(soft: i8) {
            let exact = (f32::from(soft) / 8.0).round().clamp(-7.0, 7.0);
            prop_assert_eq!(f32::from(coarsened(soft)), exact);
        }

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

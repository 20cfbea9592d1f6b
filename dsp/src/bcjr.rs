//! The soft-in soft-out decoder of the code of [`crate::convolutional`]: what a coded bit's neighbours say of it.
//!
//! L. Bahl, J. Cocke, F. Jelinek and J. Raviv, "Optimal decoding of linear codes for minimizing symbol error rate",
//! IEEE Trans. Inf. Theory 20 (1974): with a the probability of each state from the stages before and b that from
//! the stages after, the branches of a stage have the probabilities a(from) g(branch) b(to). They are computed as
//! probabilities, scaled every other stage, and not as logarithms: a sum of products is what a processor does best,
//! and it needs neither the table of the Jacobian logarithm nor the 0.1 to 0.2 dB that leaving it out costs
//! (`spec/receiver.md` 3).
//!
//! Log-likelihood ratios are `f32`, positive where a 0 is likelier. The *extrinsic* one of a coded bit is what the
//! code says without that bit's own input: the addition to it that is new to whoever gave the input.
//!
//! ```
//! use dsp::{bcjr::Bcjr, convolutional};
//! let mut coded = [0; 8];
//! let bits = convolutional::encode(b"Hi", 16, &mut coded)?;
//! let mut llrs: Vec<f32> = (0..bits).map(|at| if coded[at / 8] << (at % 8) & 0x80 == 0 { 3.0 } else { -3.0 }).collect();
//! let right = llrs[3].signum();
//! llrs[3] = -llrs[3];
//! let (mut extrinsic, mut decoded) = ([0.0; 44], [0; 2]);
//! Bcjr::<1>::new().decode(&llrs, 16, &mut extrinsic, &mut decoded)?;
//! assert_eq!(&decoded, b"Hi");
//! assert!(extrinsic[3] * right > 3.0, "the code contradicts the wrong bit");
//! # Ok::<(), dsp::LengthError>(())
//! ```
//!
//! # Memory and time
//!
//! The forward probabilities are kept at the start of each block of 32 stages and computed once more while the walk
//! back goes through the block: 256 octets a block and 8 KiB, 24 KiB for the largest G3 block instead of 512 KiB, for
//! a third more time. One pass is about 900 additions and multiplications a stage, in vectors of eight.
//!
//! # Versions
//!
//! The same code is compiled for any processor and for AVX2; both give the same bits.

use crate::cpu::Level;
use crate::lanes::{LANES, clipped, exp, ln};
use crate::viterbi::BRANCH_CODES;
use crate::{LengthError, convolutional};

/// Stages of a block.
pub const BLOCK: usize = 32;
/// Inputs count as no more certain than this: one wrong in 10^10, far above what any channel tells.
pub const MOST_CERTAIN: f32 = 24.0;

const STATES: usize = 64;
const HALF: usize = STATES / 2;

/// Keeps quotients of probabilities finite.
const TINY: f32 = 1e-30;

/// Probabilities of the states, up to a common factor.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct States([f32; STATES]);

impl States {
    const ZERO: Self = {
        let mut states = [0.0; STATES];
        states[0] = 1.0;
        Self(states)
    };
}

/// The workspace of a decoder for up to `BLOCKS` blocks of 32 stages, that is 32 `BLOCKS` - 6 information bits.
#[derive(Clone, Debug)]
pub struct Bcjr<const BLOCKS: usize> {
    /// Probabilities before the first stage of each block.
    starts: [States; BLOCKS],
    /// Those before each stage of one block.
    forward: [States; BLOCK],
}

impl<const BLOCKS: usize> Bcjr<BLOCKS> {
    /// An empty workspace. Nothing is kept from one decoding to the next.
    pub const fn new() -> Self {
        Self { starts: [States::ZERO; BLOCKS], forward: [States::ZERO; BLOCK] }
    }

    /// From the log-likelihood ratios of 2 * (`info_bits` + 6) coded bits, the extrinsic ones of the same bits, and
    /// the likelier value of each information bit into the first octets of `output`, most significant bit first;
    /// unused bits of the last octet are zero. Inputs beyond [`MOST_CERTAIN`] are clipped.
    ///
    /// # Errors
    ///
    /// A slice is too short, or the workspace has too few blocks; then nothing has been written.
    pub fn decode(
        &mut self,
        llrs: &[f32],
        info_bits: usize,
        extrinsic: &mut [f32],
        output: &mut [u8],
    ) -> Result<(), LengthError> {
        self.decode_at(Level::best(), llrs, info_bits, extrinsic, output)
    }

    /// [`Bcjr::decode`] with the version of `level`, for comparisons and measurements. All give the same.
    ///
    /// # Errors
    ///
    /// Those of [`Bcjr::decode`].
    pub fn decode_at(
        &mut self,
        level: Level,
        llrs: &[f32],
        info_bits: usize,
        extrinsic: &mut [f32],
        output: &mut [u8],
    ) -> Result<(), LengthError> {
        let stages = info_bits.saturating_add(convolutional::TAIL_BITS);
        LengthError::at_most("BCJR block, bits with tail", BLOCK * BLOCKS, stages)?;
        LengthError::at_least("log-likelihood ratios", 2 * stages, llrs.len())?;
        LengthError::at_least("extrinsic ratios", 2 * stages, extrinsic.len())?;
        LengthError::at_least("BCJR output, octets", info_bits.div_ceil(8), output.len())?;
        let frame = Frame {
            llrs: &llrs[..2 * stages],
            info_bits,
            extrinsic: &mut extrinsic[..2 * stages],
            output: &mut output[..info_bits.div_ceil(8)],
        };
        let starts = &mut self.starts[..stages.div_ceil(BLOCK)];
        run(level.available(), starts, &mut self.forward, frame);
        Ok(())
    }
}

impl<const BLOCKS: usize> Default for Bcjr<BLOCKS> {
    fn default() -> Self {
        Self::new()
    }
}

/// What is decoded, and where it goes.
struct Frame<'a> {
    llrs: &'a [f32],
    info_bits: usize,
    extrinsic: &'a mut [f32],
    output: &'a mut [u8],
}

fn run(level: Level, starts: &mut [States], forward: &mut [States; BLOCK], frame: Frame<'_>) {
    #[cfg(target_arch = "x86_64")]
    if level >= Level::Avx2 {
        #[target_feature(enable = "avx2,fma")]
        fn on_avx2(starts: &mut [States], forward: &mut [States; BLOCK], frame: Frame<'_>) {
            walk(starts, forward, frame);
        }
        #[allow(unsafe_code, reason = "calls a function with target features")]
        // Safety: `Level::available` has found the features.
        return unsafe { on_avx2(starts, forward, frame) };
    }
    _ = level;
    walk(starts, forward, frame);
}

#[inline(always)]
fn walk(starts: &mut [States], forward: &mut [States; BLOCK], frame: Frame<'_>) {
    let Frame { llrs, info_bits, extrinsic, output } = frame;
    let mut states = States::ZERO;
    for (start, llrs) in starts.iter_mut().zip(llrs.chunks(2 * BLOCK)) {
        *start = states;
        let (odds, pairs) = odds(llrs);
        for (stage, odds) in odds.iter().take(pairs).enumerate() {
            states = step_forward(&states, &branches(odds), stage % 2 == 1);
        }
    }

    output.fill(0);
    let mut after = States::ZERO;
    let blocks = starts.iter().zip(llrs.chunks(2 * BLOCK).zip(extrinsic.chunks_mut(2 * BLOCK)));
    for (block, (start, (llrs, extrinsic))) in blocks.enumerate().rev() {
        let (odds, pairs) = odds(llrs);
        let mut states = *start;
        for (stage, (odds, before)) in odds.iter().zip(forward.iter_mut()).take(pairs).enumerate() {
            *before = states;
            states = step_forward(&states, &branches(odds), stage % 2 == 1);
        }
        for (stage, (odds, before)) in odds.iter().zip(forward.iter()).take(pairs).enumerate().rev() {
            let branches = branches(odds);
            let (codes, one) = weigh(before, &branches, &after);
            let index = BLOCK * block + stage;
            if one
                && index < info_bits
                && let Some(octet) = output.get_mut(index / 8)
            {
                *octet |= 0x80 >> (index % 8);
            }
            if let Some([first, second]) = extrinsic.as_chunks_mut::<2>().0.get_mut(stage) {
                let [[a, a1], [b, b1]] = *odds;
                *first = (codes[0] * b + codes[1] * b1 + TINY) / (codes[2] * b + codes[3] * b1 + TINY);
                *second = (codes[0] * a + codes[2] * a1 + TINY) / (codes[1] * a + codes[3] * a1 + TINY);
            }
            after = step_back(&after, &branches, stage % 2 == 1);
        }
        extrinsic.iter_mut().for_each(|ratio| *ratio = ln(*ratio));
    }
}

/// Odds of a 0 and of a 1 for both coded bits of a stage, up to a common factor: e^(L/2) and e^(-L/2).
type Odds = [[f32; 2]; 2];

/// Those of a block's stages, and how many there are.
#[inline(always)]
fn odds(llrs: &[f32]) -> ([Odds; BLOCK], usize) {
    let mut halves = [0.0; 2 * BLOCK];
    for (half, &llr) in halves.iter_mut().zip(llrs) {
        *half = exp(0.5 * clipped(llr, MOST_CERTAIN));
    }
    let mut odds = [[[1.0; 2]; 2]; BLOCK];
    for (odds, pair) in odds.iter_mut().zip(halves.as_chunks::<2>().0) {
        *odds = pair.map(|half| [half, 1.0 / half]);
    }
    (odds, llrs.len() / 2)
}

/// Of each butterfly, the odds of its coded pair and of the complement: the branches j to 2j and j + 32 to 2j + 1 have
/// the one, the two others the other.
#[derive(Clone, Copy)]
struct Branches {
    straight: [f32; HALF],
    crossed: [f32; HALF],
}

#[inline(always)]
fn branches(odds: &Odds) -> Branches {
    let [a, b] = odds;
    let table = [a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1]];
    let mut branches = Branches { straight: [0.0; HALF], crossed: [0.0; HALF] };
    for (j, &code) in BRANCH_CODES.iter().enumerate() {
        // Selections by constants rather than a look-up, so that they become blends.
        let select = |code: u8| {
            let [high, low] = [code & 2 != 0, code & 1 != 0];
            let zero = if low { table[1] } else { table[0] };
            let one = if low { table[3] } else { table[2] };
            if high { one } else { zero }
        };
        branches.straight[j] = select(code);
        branches.crossed[j] = select(code ^ 3);
    }
    branches
}

#[inline(always)]
fn step_forward(before: &States, branches: &Branches, scale: bool) -> States {
    let (mut even, mut odd) = ([0.0; HALF], [0.0; HALF]);
    for j in 0..HALF {
        let (low, high) = (before.0[j], before.0[j + HALF]);
        even[j] = low * branches.straight[j] + high * branches.crossed[j];
        odd[j] = low * branches.crossed[j] + high * branches.straight[j];
    }
    let mut states = States([0.0; STATES]);
    for j in 0..HALF {
        states.0[2 * j] = even[j];
        states.0[2 * j + 1] = odd[j];
    }
    if scale {
        rescale(&mut states);
    }
    states
}

#[inline(always)]
fn step_back(after: &States, branches: &Branches, scale: bool) -> States {
    let mut states = States([0.0; STATES]);
    for j in 0..HALF {
        let (even, odd) = (after.0[2 * j], after.0[2 * j + 1]);
        states.0[j] = branches.straight[j] * even + branches.crossed[j] * odd;
        states.0[j + HALF] = branches.crossed[j] * even + branches.straight[j] * odd;
    }
    if scale {
        rescale(&mut states);
    }
    states
}

/// Probability of each of the stage's four coded pairs without their own odds, and whether the information bit is
/// likelier a one.
#[inline(always)]
fn weigh(before: &States, branches: &Branches, after: &States) -> ([f32; 4], bool) {
    // A butterfly's code is linear in j, so that of 8a + b is that of 8a, the row here, and that of b together.
    let mut rows = [[0.0; LANES]; 4];
    let (mut zero, mut one) = ([0.0; LANES], [0.0; LANES]);
    for a in 0..HALF / LANES {
        let row = usize::from(BRANCH_CODES[LANES * a]);
        for b in 0..LANES {
            let j = LANES * a + b;
            let (low, high) = (before.0[j], before.0[j + HALF]);
            let (even, odd) = (after.0[2 * j], after.0[2 * j + 1]);
            let [low_even, high_odd, high_even, low_odd] = [low * even, high * odd, high * even, low * odd];
            rows[row][b] += low_even + high_odd;
            rows[row ^ 3][b] += high_even + low_odd;
            zero[b] += branches.straight[j] * low_even + branches.crossed[j] * high_even;
            one[b] += branches.straight[j] * high_odd + branches.crossed[j] * low_odd;
        }
    }
    let mut codes = [0.0; 4];
    for (row, lanes) in rows.iter().enumerate() {
        for (b, lane) in lanes.iter().enumerate() {
            codes[row ^ usize::from(BRANCH_CODES[b])] += lane;
        }
    }
    (codes, one.iter().sum::<f32>() > zero.iter().sum::<f32>())
}

/// Brings the sum to 1. Two stages move it by e^48 at most, so every other one is enough.
#[inline(always)]
fn rescale(states: &mut States) {
    let mut lanes = [0.0; LANES];
    for eight in states.0.as_chunks::<LANES>().0 {
        for (lane, state) in lanes.iter_mut().zip(eight) {
            *lane += state;
        }
    }
    let factor = 1.0 / lanes.iter().sum::<f32>().max(f32::MIN_POSITIVE);
    for state in &mut states.0 {
        *state *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Noise;
    use crate::viterbi::Viterbi;
    use proptest::prelude::*;
    use std::{vec, vec::Vec};

    fn bits_of(octets: &[u8], count: usize) -> Vec<u8> {
        (0..count).map(|at| octets[at / 8] >> (7 - at % 8) & 1).collect()
    }

    fn coded(info: &[u8], info_bits: usize) -> Vec<u8> {
        let count = convolutional::coded_bits(info_bits);
        let mut octets = vec![0; count.div_ceil(8)];
        convolutional::encode(info, info_bits, &mut octets).unwrap();
        bits_of(&octets, count)
    }

    /// Extrinsic ratios and a-posteriori ratios of the information bits by going through all codewords.
    fn by_enumeration(llrs: &[f32], info_bits: usize) -> (Vec<f64>, Vec<f64>) {
        let mut sums = vec![[0.0_f64; 2]; llrs.len()];
        let mut info_sums = vec![[0.0_f64; 2]; info_bits];
        for word in 0..1_u32 << info_bits {
            let octets = (word << (32 - info_bits)).to_be_bytes();
            let word = coded(&octets, info_bits);
            let weight = |at: usize| f64::from(llrs[at]) * if word[at] == 0 { 0.5 } else { -0.5 };
            let whole: f64 = (0..llrs.len()).map(weight).sum();
            for (at, sum) in sums.iter_mut().enumerate() {
                sum[usize::from(word[at])] += libm::exp(whole - weight(at));
            }
            for (sum, bit) in info_sums.iter_mut().zip(bits_of(&octets, info_bits)) {
                sum[usize::from(bit)] += libm::exp(whole);
            }
        }
        let ratio = |sums: Vec<[f64; 2]>| sums.iter().map(|[zero, one]| libm::log(zero / one)).collect();
        (ratio(sums), ratio(info_sums))
    }

    fn decoded(level: Level, llrs: &[f32], info_bits: usize) -> (Vec<f32>, Vec<u8>) {
        let (mut extrinsic, mut output) = (vec![0.0; llrs.len()], vec![0; info_bits.div_ceil(8)]);
        Bcjr::<8>::new().decode_at(level, llrs, info_bits, &mut extrinsic, &mut output).unwrap();
        (extrinsic, output)
    }

    #[test]
    fn ratios_are_those_of_all_codewords_of_short_codes() {
        let mut noise = Noise::new(1);
        for info_bits in 1..=11 {
            for scale in [0.3, 2.0, 6.0] {
                let count = convolutional::coded_bits(info_bits);
                let llrs: Vec<f32> = (0..count).map(|_| (scale * noise.gaussian()) as f32).collect();
                let (expected, info) = by_enumeration(&llrs, info_bits);
                for level in [Level::Portable, Level::Neon, Level::Avx2, Level::Avx512] {
                    let (extrinsic, output) = decoded(level, &llrs, info_bits);
                    for (at, (ratio, expected)) in extrinsic.iter().zip(&expected).enumerate() {
                        // Some coded bits of a short code have one value only.
                        if expected.is_infinite() {
                            assert!(
                                f64::from(*ratio) * expected.signum() > 40.0,
                                "{info_bits} bits, {at}: {ratio}"
                            );
                            continue;
                        }
                        let error = (f64::from(*ratio) - expected).abs();
                        assert!(
                            error < 1e-4 + 1e-5 * expected.abs(),
                            "{info_bits} bits, {scale}, {at}: {ratio} {expected}"
                        );
                    }
                    for (bit, ratio) in bits_of(&output, info_bits).iter().zip(&info) {
                        assert!(ratio.abs() < 1e-4 || *bit == u8::from(*ratio < 0.0));
                    }
                }
            }
        }
    }

    #[test]
    fn a_clean_word_comes_back_however_certain_the_input_claims_to_be() {
        let mut noise = Noise::new(2);
        for certainty in [0.5, 24.0, 1e9] {
            let info: Vec<u8> = (0..28).map(|_| noise.below(256) as u8).collect();
            let llrs: Vec<f32> =
                coded(&info, 220).iter().map(|&bit| if bit == 0 { certainty } else { -certainty }).collect();
            let (extrinsic, output) = decoded(Level::best(), &llrs, 220);
            assert_eq!(bits_of(&output, 220), bits_of(&info, 220));
            for (ratio, llr) in extrinsic.iter().zip(&llrs) {
                assert!(ratio.is_finite() && ratio * llr > 0.0, "{ratio} {llr}");
            }
        }
    }

    /// Known result: bit error rate 1e-3 of this code at Eb/N0 = 2.90 dB (channel.md 5.1, union bound), and BCJR is
    /// at least as good in bits as Viterbi.
    #[test]
    fn bit_errors_are_those_of_the_codes_curve_and_no_more_than_viterbis() {
        let (mut noise, mut viterbi) = (Noise::new(3), Viterbi::<256>::new());
        let sigma = libm::sqrt(1.0 / libm::pow(10.0, 0.29));
        let (mut errors, mut viterbi_errors, mut total) = (0_u32, 0_u32, 0);
        for _ in 0..1_200 {
            let info: Vec<u8> = (0..31).map(|_| noise.below(256) as u8).collect();
            let received = coded(&info, 248)
                .iter()
                .map(|&bit| (1.0 - 2.0 * f64::from(bit) + sigma * noise.gaussian()) as f32)
                .collect::<Vec<_>>();
            let llrs: Vec<f32> = received.iter().map(|y| 2.0 * y / (sigma * sigma) as f32).collect();
            let (_, output) = decoded(Level::best(), &llrs, 248);
            let soft: Vec<i8> = received.iter().map(|y| crate::soft::quantise(*y, 32.0)).collect();
            let mut other = vec![0; 31];
            viterbi.decode(&soft, 248, &mut other).unwrap();
            let wrong =
                |found: &[u8]| found.iter().zip(&info).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
            errors += wrong(&output);
            viterbi_errors += wrong(&other);
            total += 248;
        }
        let rate = f64::from(errors) / f64::from(total);
        assert!((0.5e-3..1.3e-3).contains(&rate), "{rate}");
        assert!(errors <= viterbi_errors, "{errors} {viterbi_errors}");
    }

    #[test]
    fn lengths_that_do_not_fit_are_named() {
        let mut decoder = Bcjr::<1>::new();
        let needed = |result: Result<(), LengthError>| result.map_err(|error| (error.needed, error.given));
        let (mut extrinsic, mut output) = ([0.0; 64], [0; 4]);
        assert_eq!(needed(decoder.decode(&[0.0; 66], 27, &mut extrinsic, &mut output)), Err((32, 33)));
        assert_eq!(needed(decoder.decode(&[0.0; 63], 26, &mut extrinsic, &mut output)), Err((64, 63)));
        assert_eq!(needed(decoder.decode(&[0.0; 64], 26, &mut extrinsic[1..], &mut output)), Err((64, 63)));
        assert_eq!(needed(decoder.decode(&[0.0; 64], 26, &mut extrinsic, &mut output[1..])), Err((4, 3)));
        assert!(decoder.decode(&[0.0; 64], usize::MAX, &mut extrinsic, &mut output).is_err());
    }

    proptest! {
        #[test]
        fn every_level_gives_the_same_bits_and_nothing_is_infinite(
            llrs in proptest::collection::vec(any::<f32>(), 14..300),
        ) {
            let info_bits = llrs.len() / 2 - 6;
            let llrs = &llrs[..2 * (info_bits + 6)];
            let portable = decoded(Level::Portable, llrs, info_bits);
            prop_assert!(portable.0.iter().all(|ratio| ratio.is_finite()));
            for level in [Level::Avx2, Level::Avx512] {
                let other = decoded(level, llrs, info_bits);
                let bits = |ratios: &[f32]| ratios.iter().map(|ratio| ratio.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&portable.0), bits(&other.0));
                prop_assert_eq!(&portable.1, &other.1);
            }
        }
    }
}

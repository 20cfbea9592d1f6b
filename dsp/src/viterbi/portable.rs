//! The version for any processor: 16-bit metrics, plain loops over arrays that LLVM turns into vector code.
//!
//! A state is the last six information bits, the newest in bit 0. States j and j + 32 lead to 2j and 2j + 1 with the
//! same coded pair up to complement (both generators have their first and last tap), so one correlation per j serves
//! four branches. Path metrics are correlations, brought back near zero every 64 stages, so blocks may have any
//! length.
//!
//! Backward, with the bits of a state in reverse order, 2j and 2j + 1 stand 32 apart and lead to two neighbours: the
//! same butterfly with another order of signs.
//!
//! Of a butterfly's branches, those from j to 2j and from j + 32 to 2j + 1 *stay* (a tie goes to them), the two
//! others *cross*; a decision is 1 where the path crosses.

use super::{coarsened, meeting};

pub(super) const STATES: usize = 64;
const HALF: usize = STATES / 2;

/// Stages between two normalisations: 64 stages move a metric by at most 64 * 256, and metrics of one stage lie
/// within 8 * 2 * 128 of each other (the start metric aside), so 16 bits hold them.
const NORMALISE_EVERY: usize = 64;

/// Start metric of the states in which the path cannot start. The worst true path of six stages (-1536) beats the
/// best false one (-8192 + 1536).
pub(super) const UNREACHABLE: i16 = -8192;

/// Taps of 1+D+D^2+D^3+D^6 and 1+D^2+D^3+D^5+D^6 but for the input and the last: bit i of the state is delay i + 1.
pub(super) const INNER_TAPS: [usize; 2] = [0b00_0111, 0b01_0110];

/// The branch signs of butterfly j: those of the coded pair on the branch from state j with input bit 0; +1 for a
/// coded 0, -1 for a coded 1.
type Signs = [[i16; HALF]; 2];

const FORWARD: Signs = {
    let mut signs = [[1; HALF]; 2];
    let mut j = 0;
    while j < HALF {
        let mut output = 0;
        while output < 2 {
            if (j & INNER_TAPS[output]).count_ones() % 2 == 1 {
                signs[output][j] = -1;
            }
            output += 1;
        }
        j += 1;
    }
    signs
};

/// The coded pair of butterfly j, its first bit the more significant: that on the branch from state j with input bit 0.
pub(crate) const BRANCH_CODES: [u8; HALF] = {
    let mut codes = [0; HALF];
    let mut j = 0;
    while j < HALF {
        codes[j] = (2 * (FORWARD[0][j] < 0) as u8) | (FORWARD[1][j] < 0) as u8;
        j += 1;
    }
    codes
};

/// [`FORWARD`] with the five bits of j in reverse order.
const BACKWARD: Signs = {
    let mut signs = [[1; HALF]; 2];
    let mut j = 0;
    while j < HALF {
        let reversed = (j as u8).reverse_bits() as usize >> 3;
        signs[0][j] = FORWARD[0][reversed];
        signs[1][j] = FORWARD[1][reversed];
        j += 1;
    }
    signs
};

/// Decodes into `output`, which has the octets of `info_bits`; returns the cost. There are two soft decisions for
/// each of `decisions`.
pub(super) fn decode(
    soft: &[i8],
    coarse: bool,
    decisions: &mut [u64],
    info_bits: usize,
    output: &mut [u8],
) -> u32 {
    let value = if coarse { |soft| i16::from(coarsened(soft)) } else { |soft| i16::from(soft) };
    let middle = meeting(decisions.len());
    let (before, after) = decisions.split_at_mut(middle);
    let (soft_before, soft_after) = soft.as_chunks::<2>().0.split_at(middle);
    let pairs = |pair: &[i8; 2]| pair.map(value);
    let forward = walk(&FORWARD, soft_before.iter().map(pairs), before.iter_mut());
    let backward = walk(&BACKWARD, soft_after.iter().rev().map(pairs), after.iter_mut().rev());

    // The state in the middle: the first of the best.
    let mut state = 0;
    let mut correlation = i32::MIN;
    for candidate in 0..STATES {
        let sum = forward.of(candidate) + backward.of(reversed(candidate));
        if sum > correlation {
            (state, correlation) = (candidate, sum);
        }
    }

    output.fill(0);
    let mut put = |index: usize, bit: usize| {
        if index < info_bits {
            output[index / 8] |= (bit as u8) << (7 - index % 8);
        }
    };
    let mut earlier = state;
    for (index, decision) in before.iter().enumerate().rev() {
        put(index, earlier & 1);
        earlier = step(earlier, decision);
    }
    let mut later = reversed(state);
    for (index, decision) in after.iter().enumerate() {
        later = step(later, decision);
        put(middle + index, later >> 5);
    }

    let reliability: u32 = soft.iter().map(|&soft| u32::from(value(soft).unsigned_abs())).sum();
    reliability.saturating_add_signed(-correlation) / 2
}

/// The metrics of all states, less a common base.
struct Metrics {
    relative: [i16; STATES],
    base: i32,
}

impl Metrics {
    fn of(&self, state: usize) -> i32 {
        self.base + i32::from(self.relative[state])
    }
}

/// Goes over the stages from state 0 and fills in their decisions.
fn walk<'a>(
    signs: &Signs,
    soft: impl Iterator<Item = [i16; 2]>,
    decisions: impl Iterator<Item = &'a mut u64>,
) -> Metrics {
    let mut metrics = Metrics { relative: [UNREACHABLE; STATES], base: 0 };
    metrics.relative[0] = 0;
    for (at, (pair, decision)) in soft.zip(decisions).enumerate() {
        if at % NORMALISE_EVERY == 0 {
            let offset = metrics.relative[0];
            metrics.base += i32::from(offset);
            metrics.relative.iter_mut().for_each(|metric| *metric -= offset);
        }
        *decision = stage(&mut metrics.relative, signs, pair);
    }
    metrics
}

/// Add, compare, select: one stage for all states.
#[inline(always)]
fn stage(metrics: &mut [i16; STATES], signs: &Signs, [first, second]: [i16; 2]) -> u64 {
    let mut flags = [0_u8; STATES];
    let mut even = [0_i16; HALF];
    let mut odd = [0_i16; HALF];
    for j in 0..HALF {
        let branch = signs[0][j] * first + signs[1][j] * second;
        let (low, high) = (metrics[j], metrics[j + HALF]);
        let (even_stays, even_crosses) = (low + branch, high - branch);
        let (odd_stays, odd_crosses) = (high + branch, low - branch);
        even[j] = even_stays.max(even_crosses);
        odd[j] = odd_stays.max(odd_crosses);
        flags[2 * j] = u8::from(even_crosses > even_stays);
        flags[2 * j + 1] = u8::from(odd_crosses > odd_stays);
    }
    for j in 0..HALF {
        metrics[2 * j] = even[j];
        metrics[2 * j + 1] = odd[j];
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

/// The state one stage outward from the middle: staying, an even state comes from j and an odd one from j + 32.
#[inline(always)]
fn step(state: usize, decision: &u64) -> usize {
    let crosses = (decision >> state & 1) as usize;
    state >> 1 | ((state & 1) ^ crosses) << 5
}

/// The six bits of a state in reverse order.
fn reversed(state: usize) -> usize {
    usize::from((state as u8).reverse_bits() >> 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convolutional;

    #[test]
    fn inner_taps_and_the_outer_two_are_the_generators() {
        for (taps, octal) in INNER_TAPS.iter().zip([0o171, 0o133]) {
            // Octal notation has the input bit first, the state its newest bit last.
            let whole = taps << 1 | 1 | 1 << convolutional::TAIL_BITS;
            assert_eq!((whole as u8).reverse_bits() >> 1, octal);
        }
    }
}

//! The versions for x86-64 with AVX2 and with AVX-512 and for aarch64 with NEON, with metrics of 16 bits and, coarse,
//! of 8 bits.
//!
//! # States stay in place
//!
//! A butterfly's new states overwrite its old ones: 2j takes the place of j, 2j + 1 that of j + 32. The state at a
//! place is then its number with the six bits rotated by one more position each stage, six stages are a turn, and
//! the places of a butterfly differ in one bit, another in each *phase* of the turn. So each place keeps its own
//! metric plus the cost of the branch that stays, or takes its partner's plus that of the branch that crosses:
//!
//! ```text
//! new[p] = best(old[p] + cost[p], old[p ^ bit] + complement's cost[p]),  bit = 32 >> phase
//! ```
//!
//! Exchanging the partners takes one shuffle, a cheap one in most phases. Backward the partners are the same, and so
//! are the costs: a walk from the end is the same stages in descending order. And a trace moves over places by
//! flipping the phase's bit where the decision says so; at the end of a turn the place *is* the six information
//! bits.
//!
//! # Costs
//!
//! A stage has four different branch metrics. A first pass lays them into the stage's word of the workspace, from
//! where one broadcast and one octet shuffle give them to all places; then the decisions overwrite them.
//!
//! With 16 bits a metric is a correlation of the soft decisions, as in the portable version. With 8 bits it is a
//! cost. A path that ends in one state differs from one that ends in another in at most 8 coded bits (the least
//! weight of a path from state 0 to any, and from any to 0, has that maximum), so metrics of a stage lie within
//! 8 * 7 = 56 of each other, within 78 in the first stages, where [`FALSE_START`] still shows. Every turn subtracts
//! what place 0 has above 78. The least metric is then at most 78 + 28 after the subtraction, 162 at the next look,
//! 190 before the next subtraction, and the greatest 246: nothing saturates, and the result is exact.
#![allow(unsafe_code, reason = "vector intrinsics; the safety argument is at each block")]

use super::{GROUP, MOST_RELIABLE_COARSE, coarsened, meeting, portable};
use crate::cpu::Level;

const STATES: usize = portable::STATES;

/// Stages in which every bit of a state's number returns to its position.
const TURN: usize = 6;

/// Blocks of fewer stages are decoded by the portable version, so that both walks here have a group of stages, and
/// paths time to merge.
const LEAST_STAGES: usize = 2 * GROUP;

/// Start cost of the states in which the path cannot start: more than any difference of two true paths.
const FALSE_START: u8 = 8 * MOST_RELIABLE_COARSE + 1;

/// Bound on the difference of two metrics of one stage, first stages included.
const SPREAD: u8 = 78;

/// Decodes all blocks, each into its output; `None` where only the portable version can. Returns the costs. All
/// blocks have the same stages.
pub(super) fn decode<const BLOCKS: usize>(
    level: Level,
    coarse: bool,
    decisions: &mut [&mut [u64]; BLOCKS],
    soft: [&[i8]; BLOCKS],
    info_bits: usize,
    outputs: &mut [&mut [u8]; BLOCKS],
) -> Option<[u32; BLOCKS]> {
    let stages = decisions.first()?.len();
    if stages < LEAST_STAGES
        || decisions.iter().zip(soft).any(|(d, s)| d.len() != stages || s.len() != 2 * stages)
    {
        return None;
    }
    // Safety: `Level::best` has found the features that each of these functions enables, and `level` is at most the
    // best; lengths are as just checked.
    let met = unsafe {
        match (level, coarse) {
            #[cfg(target_arch = "aarch64")]
            (Level::Neon, false) => neon_fine::walks(decisions, soft),
            #[cfg(target_arch = "aarch64")]
            (Level::Neon, true) => neon_coarse::walks(decisions, soft),
            #[cfg(target_arch = "x86_64")]
            (Level::Avx2, false) => avx2_fine::walks(decisions, soft),
            #[cfg(target_arch = "x86_64")]
            (Level::Avx2, true) => avx2_coarse::walks(decisions, soft),
            #[cfg(target_arch = "x86_64")]
            (Level::Avx512, false) => avx512_fine::walks(decisions, soft),
            #[cfg(target_arch = "x86_64")]
            (Level::Avx512, true) => avx512_coarse::walks(decisions, soft),
            _ => return None,
        }
    };
    trace(decisions, met.map(|(state, _)| state), info_bits, outputs);
    Some(met.map(|(_, cost)| cost.unsigned_abs()))
}

/// For each place in each phase the number of its staying branch's coded pair: twice its first bit and the second.
const PAIRS: [[u8; STATES]; TURN] = {
    let mut pairs = [[0; STATES]; TURN];
    let mut phase = 0;
    while phase < TURN {
        let mut place = 0;
        while place < STATES {
            let state = (place << phase | place >> (TURN - phase)) % STATES;
            let first = (state & portable::INNER_TAPS[0]).count_ones() % 2;
            let second = (state & portable::INNER_TAPS[1]).count_ones() % 2;
            pairs[phase][place] = (2 * first + second) as u8;
            place += 1;
        }
        phase += 1;
    }
    pairs
};

/// A constant at an address that vector loads like.
#[repr(align(64))]
struct Aligned<T>(T);

/// [`PAIRS`] as a shuffle of the four octets of a stage's costs.
static STAYING: Aligned<[[u8; STATES]; TURN]> = Aligned(PAIRS);

/// The same of the crossing branches, whose pairs are the complements.
static CROSSING: Aligned<[[u8; STATES]; TURN]> = {
    let mut shuffles = PAIRS;
    let mut phase = 0;
    while phase < TURN {
        let mut place = 0;
        while place < STATES {
            shuffles[phase][place] ^= 3;
            place += 1;
        }
        phase += 1;
    }
    Aligned(shuffles)
};

/// The least sum of costs where both walks meet, and its first state.
#[inline(always)]
fn best_meeting(sums: impl Iterator<Item = i32>) -> (u8, i32) {
    // One minimum finds both: the sum above, the state below.
    let least = sums.zip(0..).map(|(sum, state)| sum << TURN | state).min().unwrap_or_default();
    ((least & (STATES as i32 - 1)) as u8, least >> TURN)
}

/// Lays the four costs of each stage's coded pairs (00, 01, 10, 11) into the first octets of its word.
fn coarse_costs(soft: &[i8], words: &mut [u64]) {
    for (soft, word) in soft.as_chunks::<2>().0.iter().zip(words) {
        let cost = |soft: i8, bit| u64::from(((soft < 0) != bit) as u8 * coarsened(soft).unsigned_abs());
        let [first, second] = *soft;
        let costs = [[false, false], [false, true], [true, false], [true, true]]
            .map(|[one, two]| cost(first, one) + cost(second, two));
        *word = costs.iter().rev().fold(0, |word, &cost| word << 8 | cost);
    }
}

/// Lays the four correlations of each stage with the coded pairs 00, 01, 10, 11 into its word, 16 bits each, and
/// returns the sum of the reliabilities.
fn fine_costs(soft: &[i8], words: &mut [u64]) -> i32 {
    for (soft, word) in soft.as_chunks::<2>().0.iter().zip(words) {
        let [first, second] = soft.map(i16::from);
        let correlations = [first + second, first - second, second - first, -first - second];
        *word = correlations.iter().rev().fold(0, |word, &sum| word << 16 | u64::from(sum as u16));
    }
    soft.iter().map(|soft| i32::from(soft.unsigned_abs())).sum()
}

/// Both walks of all blocks, for a module that has `Walk`, `start`, `costs`, `stage`, `look`, `subtract` and `meet`.
/// Returns for each block in which state they met and what the path costs.
macro_rules! walks {
    ($features:literal) => {
        #[target_feature(enable = $features)]
        pub(super) fn walks<const BLOCKS: usize>(
            decisions: &mut [&mut [u64]; BLOCKS],
            soft: [&[i8]; BLOCKS],
        ) -> [(u8, i32); BLOCKS] {
            let mut known = [0; BLOCKS];
            for ((known, soft), words) in known.iter_mut().zip(soft).zip(decisions.iter_mut()) {
                *known = costs(soft, words);
            }
            let mut forward = [start(); BLOCKS];
            let mut backward = [start(); BLOCKS];
            let mut halves = decisions.each_mut().map(|words| {
                let middle = meeting(words.len());
                let (before, after) = words.split_at_mut(middle);
                let (after, rest) = after.as_chunks_mut::<TURN>();
                (before.as_chunks_mut::<TURN>().0, after, rest)
            });
            for (walk, (.., rest)) in backward.iter_mut().zip(&mut halves) {
                for (phase, word) in rest.iter_mut().enumerate().rev() {
                    match phase {
                        0 => stage::<0>(walk, word),
                        1 => stage::<1>(walk, word),
                        2 => stage::<2>(walk, word),
                        3 => stage::<3>(walk, word),
                        _ => stage::<4>(walk, word),
                    }
                }
            }
            let mut halves = halves.map(|(before, after, _)| (before, after));
            let turns =
                halves.iter().map(|(before, after)| before.len().max(after.len())).max().unwrap_or_default();
            for turn in 0..turns {
                for block in 0..BLOCKS {
                    let (before, after) = &mut halves[block];
                    if let Some(words) = before.get_mut(turn) {
                        turn_forward(&mut forward[block], words);
                    }
                    let from_end = after.len().wrapping_sub(turn + 1);
                    if let Some(words) = after.get_mut(from_end) {
                        turn_backward(&mut backward[block], words);
                    }
                }
            }
            let mut met = [(0, 0); BLOCKS];
            for block in 0..BLOCKS {
                met[block] = meet(&forward[block], &backward[block], known[block]);
            }
            met
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn turn_forward(walk: &mut Walk, [a, b, c, d, e, f]: &mut [u64; TURN]) {
            let excess = look(walk);
            stage::<0>(walk, a);
            stage::<1>(walk, b);
            subtract(walk, excess);
            stage::<2>(walk, c);
            stage::<3>(walk, d);
            stage::<4>(walk, e);
            stage::<5>(walk, f);
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn turn_backward(walk: &mut Walk, [a, b, c, d, e, f]: &mut [u64; TURN]) {
            let excess = look(walk);
            stage::<5>(walk, f);
            stage::<4>(walk, e);
            subtract(walk, excess);
            stage::<3>(walk, d);
            stage::<2>(walk, c);
            stage::<1>(walk, b);
            stage::<0>(walk, a);
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2_coarse;
#[cfg(target_arch = "x86_64")]
mod avx2_costs;
#[cfg(target_arch = "x86_64")]
mod avx2_fine;
#[cfg(target_arch = "x86_64")]
mod avx512_coarse;
#[cfg(target_arch = "x86_64")]
mod avx512_fine;
#[cfg(target_arch = "aarch64")]
mod neon_coarse;
#[cfg(target_arch = "aarch64")]
mod neon_decisions;
#[cfg(target_arch = "aarch64")]
mod neon_fine;

/// [`PAIRS`] as a shuffle of the four 16-bit correlations of a stage.
const fn fine_shuffles() -> [[u8; 2 * STATES]; TURN] {
    let mut shuffles = [[0; 2 * STATES]; TURN];
    let mut phase = 0;
    while phase < TURN {
        let mut place = 0;
        while place < STATES {
            shuffles[phase][2 * place] = 2 * PAIRS[phase][place];
            shuffles[phase][2 * place + 1] = 2 * PAIRS[phase][place] + 1;
            place += 1;
        }
        phase += 1;
    }
    shuffles
}

static FINE: Aligned<[[u8; 2 * STATES]; TURN]> = Aligned(fine_shuffles());

/// Follows the decisions of all blocks outward from where their walks met.
fn trace<const BLOCKS: usize>(
    decisions: &[&mut [u64]; BLOCKS],
    meetings: [u8; BLOCKS],
    info_bits: usize,
    outputs: &mut [&mut [u8]; BLOCKS],
) {
    let Some(stages) = decisions.first().map(|decisions| decisions.len()) else { return };
    let middle = meeting(stages);
    // Groups that both traces of all blocks have before the block ends; they go in step, as independent chains.
    let groups = middle.min(info_bits - middle) / GROUP;
    let mut earlier = meetings;
    let mut later = meetings;
    for group in 0..groups {
        for block in 0..BLOCKS {
            let first = middle - (group + 1) * GROUP;
            earlier_group(
                &decisions[block][first..first + GROUP],
                &mut earlier[block],
                &mut outputs[block][first / 8..],
            );
            let first = middle + group * GROUP;
            later_group(
                &decisions[block][first..first + GROUP],
                &mut later[block],
                &mut outputs[block][first / 8..],
            );
        }
    }
    for block in 0..BLOCKS {
        for group in (0..middle / GROUP - groups).rev() {
            let first = group * GROUP;
            earlier_group(
                &decisions[block][first..first + GROUP],
                &mut earlier[block],
                &mut outputs[block][first / 8..],
            );
        }
        let first = middle + groups * GROUP;
        rest(&decisions[block][first..], later[block], info_bits - first, &mut outputs[block][first / 8..]);
    }
}

#[inline(always)]
fn flip(place: &mut u8, decision: u64, phase: usize) {
    let bit = 5 - phase as u32;
    *place ^= decision.rotate_left(bit).rotate_right(u32::from(*place)) as u8 & 1 << bit;
}

/// Four turns back in time.
#[inline(always)]
fn earlier_group(decisions: &[u64], place: &mut u8, output: &mut [u8]) {
    let mut bits = 0_u32;
    for (turn, decisions) in decisions.as_chunks::<TURN>().0.iter().enumerate().rev() {
        bits |= u32::from(*place) << (TURN * (3 - turn) + 8);
        for (phase, &decision) in decisions.iter().enumerate().rev() {
            flip(place, decision, phase);
        }
    }
    if let Some(octets) = output.first_chunk_mut::<3>() {
        let [first, second, third, _] = bits.to_be_bytes();
        *octets = [first, second, third];
    }
}

/// Four turns on in time.
#[inline(always)]
fn later_group(decisions: &[u64], place: &mut u8, output: &mut [u8]) {
    let mut bits = 0_u32;
    for decisions in decisions.as_chunks::<TURN>().0 {
        for (phase, &decision) in decisions.iter().enumerate() {
            flip(place, decision, phase);
        }
        bits = bits << TURN | u32::from(*place);
    }
    if let Some(octets) = output.first_chunk_mut::<3>() {
        let [_, first, second, third] = bits.to_be_bytes();
        *octets = [first, second, third];
    }
}

/// The last `bits` bits, fewer than the stages.
fn rest(decisions: &[u64], mut place: u8, bits: usize, output: &mut [u8]) {
    output.iter_mut().for_each(|octet| *octet = 0);
    for (index, &decision) in decisions.iter().take(bits).enumerate() {
        let phase = index % TURN;
        flip(&mut place, decision, phase);
        output[index / 8] |= (place >> (5 - phase) & 1) << (7 - index % 8);
    }
}

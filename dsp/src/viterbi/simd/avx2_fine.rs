//! AVX2, metrics of 16 bits: four registers. Bits 3 and 5 of a place choose the register, bit 4 its half: so the
//! octets of two packed comparisons are in the order of places.

use super::avx2_costs::fine_costs;
use super::*;
use core::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(super) struct Walk {
    metrics: [__m256i; 4],
    /// What was subtracted, in each 32 bits twice.
    subtracted: __m256i,
}

walks!("avx2,bmi1,bmi2");

/// [`FINE`], for each register.
static SHUFFLES: Aligned<[[[u8; 32]; 4]; TURN]> = {
    let mut shuffles = [[[0; 32]; 4]; TURN];
    let mut phase = 0;
    while phase < TURN {
        let mut place = 0;
        while place < STATES {
            let (register, element) = at(place);
            shuffles[phase][register][2 * element] = FINE.0[phase][2 * place];
            shuffles[phase][register][2 * element + 1] = FINE.0[phase][2 * place + 1];
            place += 1;
        }
        phase += 1;
    }
    Aligned(shuffles)
};

/// Register of a place, and the element in it.
const fn at(place: usize) -> (usize, usize) {
    ((place >> 5) << 1 | (place >> 3 & 1), (place >> 4 & 1) << 3 | (place & 7))
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn start() -> Walk {
    let all = _mm256_set1_epi16(portable::UNREACHABLE);
    let metrics = [_mm256_insert_epi16::<0>(all, 0), all, all, all];
    Walk { metrics, subtracted: _mm256_setzero_si256() }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn costs(soft: &[i8], words: &mut [u64]) -> i32 {
    fine_costs(soft, words)
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn stage<const PHASE: usize>(walk: &mut Walk, word: &mut u64) {
    let correlations = _mm256_set1_epi64x(*word as i64);
    let old = walk.metrics;
    let mut crossed = [_mm256_setzero_si256(); 4];
    for register in 0..4 {
        // Safety: 32 octets at a multiple of 32.
        let shuffle = unsafe { _mm256_load_si256(SHUFFLES.0[PHASE][register].as_ptr().cast()) };
        let branch = _mm256_shuffle_epi8(correlations, shuffle);
        let partner = match PHASE {
            0 => old[register ^ 2],
            2 => old[register ^ 1],
            _ => partners::<PHASE>(old[register]),
        };
        let stays = _mm256_add_epi16(old[register], branch);
        let crosses = _mm256_sub_epi16(partner, branch);
        walk.metrics[register] = _mm256_max_epi16(stays, crosses);
        crossed[register] = _mm256_cmpgt_epi16(crosses, stays);
    }
    let low = _mm256_movemask_epi8(_mm256_packs_epi16(crossed[0], crossed[1])) as u32;
    let high = _mm256_movemask_epi8(_mm256_packs_epi16(crossed[2], crossed[3])) as u32;
    *word = u64::from(low) | u64::from(high) << 32;
}

/// Every place with the metric of its partner in the same register.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn partners<const PHASE: usize>(metrics: __m256i) -> __m256i {
    match PHASE {
        1 => _mm256_permute4x64_epi64::<0b01_00_11_10>(metrics),
        3 => _mm256_shuffle_epi32::<0b01_00_11_10>(metrics),
        4 => _mm256_shuffle_epi32::<0b10_11_00_01>(metrics),
        _ => _mm256_shuffle_epi8(
            metrics,
            _mm256_broadcastsi128_si256(_mm_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)),
        ),
    }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn look(walk: &Walk) -> __m256i {
    _mm256_broadcastw_epi16(_mm256_castsi256_si128(walk.metrics[0]))
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn subtract(walk: &mut Walk, excess: __m256i) {
    walk.metrics = walk.metrics.map(|metrics| _mm256_sub_epi16(metrics, excess));
    walk.subtracted = _mm256_add_epi32(walk.subtracted, _mm256_madd_epi16(excess, _mm256_set1_epi16(1)));
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn meet(forward: &Walk, backward: &Walk, reliability: i32) -> (u8, i32) {
    let mut sums = [[0_i16; 16]; 4];
    for (register, sums) in sums.iter_mut().enumerate() {
        let sum = _mm256_add_epi16(forward.metrics[register], backward.metrics[register]);
        // Safety: 32 octets are written.
        unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), sum) };
    }
    let of = |place| {
        let (register, element) = at(place);
        -i32::from(sums[register][element])
    };
    let (state, least) = best_meeting((0..STATES).map(of));
    let subtracted = _mm256_castsi256_si128(_mm256_add_epi32(forward.subtracted, backward.subtracted));
    (state, (reliability + least - _mm_cvtsi128_si32(subtracted) / 2) / 2)
}

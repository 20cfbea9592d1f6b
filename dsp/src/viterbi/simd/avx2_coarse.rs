//! AVX2, metrics of 8 bits: two registers, places 0..32 and 32..64.

use super::avx2_costs::coarse_costs;
use super::*;
use core::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(super) struct Walk {
    metrics: [__m256i; 2],
    /// What was subtracted, in each 64 bits eight times.
    subtracted: __m256i,
}

walks!("avx2,bmi1,bmi2");

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn start() -> Walk {
    let all = _mm256_set1_epi8(FALSE_START as i8);
    let metrics = [_mm256_insert_epi8::<0>(all, 0), all];
    Walk { metrics, subtracted: _mm256_setzero_si256() }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn costs(soft: &[i8], words: &mut [u64]) -> i32 {
    coarse_costs(soft, words)
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn stage<const PHASE: usize>(walk: &mut Walk, word: &mut u64) {
    let costs = _mm256_set1_epi32(*word as i32);
    let old = walk.metrics;
    let mut stayed = [0; 2];
    for half in 0..2 {
        // Safety: a half row of these tables has 32 octets at a multiple of 32.
        let (staying, crossing) = unsafe {
            let row = |table: &[[u8; STATES]; TURN]| {
                _mm256_load_si256(table[PHASE].as_chunks::<32>().0[half].as_ptr().cast())
            };
            (row(&STAYING.0), row(&CROSSING.0))
        };
        let partner = if PHASE == 0 { old[1 - half] } else { partners::<PHASE>(old[half]) };
        let stays = _mm256_adds_epu8(old[half], _mm256_shuffle_epi8(costs, staying));
        let crosses = _mm256_adds_epu8(partner, _mm256_shuffle_epi8(costs, crossing));
        walk.metrics[half] = _mm256_min_epu8(stays, crosses);
        stayed[half] = _mm256_movemask_epi8(_mm256_cmpeq_epi8(walk.metrics[half], stays)) as u32;
    }
    *word = !(u64::from(stayed[0]) | u64::from(stayed[1]) << 32);
}

/// Every place with the octet of its partner in the same register.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn partners<const PHASE: usize>(metrics: __m256i) -> __m256i {
    match PHASE {
        1 => _mm256_permute4x64_epi64::<0b01_00_11_10>(metrics),
        2 => _mm256_shuffle_epi32::<0b01_00_11_10>(metrics),
        3 => _mm256_shuffle_epi32::<0b10_11_00_01>(metrics),
        4 => _mm256_shuffle_epi8(
            metrics,
            _mm256_broadcastsi128_si256(_mm_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)),
        ),
        _ => _mm256_shuffle_epi8(
            metrics,
            _mm256_broadcastsi128_si256(_mm_setr_epi8(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)),
        ),
    }
}

/// What a walk's metrics can spare.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn look(walk: &Walk) -> __m256i {
    let first = _mm256_broadcastb_epi8(_mm256_castsi256_si128(walk.metrics[0]));
    _mm256_subs_epu8(first, _mm256_set1_epi8(SPREAD as i8))
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn subtract(walk: &mut Walk, excess: __m256i) {
    walk.metrics = [_mm256_sub_epi8(walk.metrics[0], excess), _mm256_sub_epi8(walk.metrics[1], excess)];
    walk.subtracted = _mm256_add_epi64(walk.subtracted, _mm256_sad_epu8(excess, _mm256_setzero_si256()));
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn meet(forward: &Walk, backward: &Walk, _: i32) -> (u8, i32) {
    let (mut before, mut after) = ([[0_u8; 32]; 2], [[0_u8; 32]; 2]);
    for half in 0..2 {
        // Safety: 32 octets each are written.
        unsafe {
            _mm256_storeu_si256(before[half].as_mut_ptr().cast(), forward.metrics[half]);
            _mm256_storeu_si256(after[half].as_mut_ptr().cast(), backward.metrics[half]);
        }
    }
    let pairs = before.as_flattened().iter().zip(after.as_flattened());
    let (state, least) = best_meeting(pairs.map(|(&a, &b)| i32::from(a) + i32::from(b)));
    let subtracted = _mm256_add_epi64(forward.subtracted, backward.subtracted);
    (state, least + (_mm_cvtsi128_si64(_mm256_castsi256_si128(subtracted)) / 8) as i32)
}

//! AVX-512, metrics of 16 bits: two registers, places 0..32 and 32..64.

use super::avx2_costs::fine_costs;
use super::*;
use core::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(super) struct Walk {
    metrics: [__m512i; 2],
    /// What was subtracted, in each 32 bits twice.
    subtracted: __m512i,
}

walks!("avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2");

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn start() -> Walk {
    let all = _mm512_set1_epi16(portable::UNREACHABLE);
    Walk { metrics: [_mm512_mask_set1_epi16(all, 1, 0), all], subtracted: _mm512_setzero_si512() }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn costs(soft: &[i8], words: &mut [u64]) -> i32 {
    fine_costs(soft, words)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn stage<const PHASE: usize>(walk: &mut Walk, word: &mut u64) {
    let correlations = _mm512_set1_epi64(*word as i64);
    let old = walk.metrics;
    let mut crossed = [0; 2];
    for half in 0..2 {
        // Safety: a half row of this table has 64 octets at a multiple of 64.
        let shuffle = unsafe { _mm512_load_si512(FINE.0[PHASE].as_chunks::<64>().0[half].as_ptr().cast()) };
        let branch = _mm512_shuffle_epi8(correlations, shuffle);
        let partner = if PHASE == 0 { old[1 - half] } else { partners::<PHASE>(old[half]) };
        let stays = _mm512_add_epi16(old[half], branch);
        let crosses = _mm512_sub_epi16(partner, branch);
        walk.metrics[half] = _mm512_max_epi16(stays, crosses);
        crossed[half] = _mm512_cmpgt_epi16_mask(crosses, stays);
    }
    *word = u64::from(crossed[0]) | u64::from(crossed[1]) << 32;
}

/// Every place with the metric of its partner in the same register.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn partners<const PHASE: usize>(metrics: __m512i) -> __m512i {
    match PHASE {
        1 => _mm512_shuffle_i64x2::<0b01_00_11_10>(metrics, metrics),
        2 => _mm512_shuffle_i64x2::<0b10_11_00_01>(metrics, metrics),
        3 => _mm512_shuffle_epi32::<0b01_00_11_10>(metrics),
        4 => _mm512_shuffle_epi32::<0b10_11_00_01>(metrics),
        _ => _mm512_rol_epi32::<16>(metrics),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn look(walk: &Walk) -> __m512i {
    _mm512_broadcastw_epi16(_mm512_castsi512_si128(walk.metrics[0]))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn subtract(walk: &mut Walk, excess: __m512i) {
    walk.metrics = [_mm512_sub_epi16(walk.metrics[0], excess), _mm512_sub_epi16(walk.metrics[1], excess)];
    walk.subtracted = _mm512_add_epi32(walk.subtracted, _mm512_madd_epi16(excess, _mm512_set1_epi16(1)));
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn meet(forward: &Walk, backward: &Walk, reliability: i32) -> (u8, i32) {
    let mut sums = [[0_i16; 32]; 2];
    for (half, sums) in sums.iter_mut().enumerate() {
        let sum = _mm512_add_epi16(forward.metrics[half], backward.metrics[half]);
        // Safety: 64 octets are written.
        unsafe { _mm512_storeu_si512(sums.as_mut_ptr().cast(), sum) };
    }
    let (state, least) = best_meeting(sums.as_flattened().iter().map(|&sum| -i32::from(sum)));
    let subtracted = _mm512_castsi512_si128(_mm512_add_epi32(forward.subtracted, backward.subtracted));
    (state, (reliability + least - _mm_cvtsi128_si32(subtracted) / 2) / 2)
}

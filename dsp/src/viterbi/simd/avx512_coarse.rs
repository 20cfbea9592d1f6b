//! AVX-512, metrics of 8 bits: all 64 are one register, and decisions come in a mask register.

use super::avx2_costs::coarse_costs;
use super::*;
use core::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(super) struct Walk {
    metrics: __m512i,
    /// What was subtracted, in each 64 bits eight times.
    subtracted: __m512i,
}

walks!("avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2");

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn start() -> Walk {
    let metrics = _mm512_mask_set1_epi8(_mm512_set1_epi8(FALSE_START as i8), 1, 0);
    Walk { metrics, subtracted: _mm512_setzero_si512() }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn costs(soft: &[i8], words: &mut [u64]) -> i32 {
    coarse_costs(soft, words)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn stage<const PHASE: usize>(walk: &mut Walk, word: &mut u64) {
    let costs = _mm512_set1_epi32(*word as i32);
    // Safety: a row of these tables has 64 octets at a multiple of 64.
    let (staying, crossing) = unsafe {
        let row = |table: &[[u8; STATES]; TURN]| _mm512_load_si512(table[PHASE].as_ptr().cast());
        (row(&STAYING.0), row(&CROSSING.0))
    };
    let stays = _mm512_adds_epu8(walk.metrics, _mm512_shuffle_epi8(costs, staying));
    let crosses = _mm512_adds_epu8(partners::<PHASE>(walk.metrics), _mm512_shuffle_epi8(costs, crossing));
    *word = _mm512_cmplt_epu8_mask(crosses, stays);
    walk.metrics = _mm512_min_epu8(stays, crosses);
}

/// Every place with the octet of its partner.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn partners<const PHASE: usize>(metrics: __m512i) -> __m512i {
    match PHASE {
        0 => _mm512_shuffle_i64x2::<0b01_00_11_10>(metrics, metrics),
        1 => _mm512_shuffle_i64x2::<0b10_11_00_01>(metrics, metrics),
        2 => _mm512_shuffle_epi32::<0b01_00_11_10>(metrics),
        3 => _mm512_shuffle_epi32::<0b10_11_00_01>(metrics),
        4 => _mm512_rol_epi32::<16>(metrics),
        _ => _mm512_shuffle_epi8(
            metrics,
            _mm512_broadcast_i32x4(_mm_setr_epi8(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)),
        ),
    }
}

/// What a walk's metrics can spare.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn look(walk: &Walk) -> __m512i {
    let first = _mm512_broadcastb_epi8(_mm512_castsi512_si128(walk.metrics));
    _mm512_subs_epu8(first, _mm512_set1_epi8(SPREAD as i8))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn subtract(walk: &mut Walk, excess: __m512i) {
    walk.metrics = _mm512_sub_epi8(walk.metrics, excess);
    walk.subtracted = _mm512_add_epi64(walk.subtracted, _mm512_sad_epu8(excess, _mm512_setzero_si512()));
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn meet(forward: &Walk, backward: &Walk, _: i32) -> (u8, i32) {
    let (mut before, mut after) = ([0_u8; STATES], [0_u8; STATES]);
    // Safety: 64 octets each are written.
    unsafe {
        _mm512_storeu_si512(before.as_mut_ptr().cast(), forward.metrics);
        _mm512_storeu_si512(after.as_mut_ptr().cast(), backward.metrics);
    }
    let (state, least) = best_meeting(before.iter().zip(after).map(|(&a, b)| i32::from(a) + i32::from(b)));
    let subtracted = _mm512_add_epi64(forward.subtracted, backward.subtracted);
    (state, least + (_mm_cvtsi128_si64(_mm512_castsi512_si128(subtracted)) / 8) as i32)
}

//! NEON, metrics of 16 bits: eight registers, places in their order. The three upper bits of a place choose the
//! register.

use super::neon_decisions::packed;
use super::*;
use core::arch::aarch64::*;

const REGISTERS: usize = 8;

#[derive(Clone, Copy)]
pub(super) struct Walk {
    metrics: [int16x8_t; REGISTERS],
    subtracted: i32,
}

walks!("neon");

#[inline]
#[target_feature(enable = "neon")]
fn start() -> Walk {
    let mut metrics = [vdupq_n_s16(portable::UNREACHABLE); REGISTERS];
    metrics[0] = vsetq_lane_s16::<0>(0, metrics[0]);
    Walk { metrics, subtracted: 0 }
}

#[inline]
#[target_feature(enable = "neon")]
fn costs(soft: &[i8], words: &mut [u64]) -> i32 {
    fine_costs(soft, words)
}

#[inline]
#[target_feature(enable = "neon")]
fn stage<const PHASE: usize>(walk: &mut Walk, word: &mut u64) {
    let correlations = vreinterpretq_u8_u64(vdupq_n_u64(*word));
    let old = walk.metrics;
    let shuffles = FINE.0[PHASE].as_chunks::<16>().0;
    let mut crossed = [vdupq_n_u16(0); REGISTERS];
    for (register, shuffle) in shuffles.iter().enumerate() {
        // Safety: 16 octets are read.
        let shuffle = unsafe { vld1q_u8(shuffle.as_ptr()) };
        let branch = vreinterpretq_s16_u8(vqtbl1q_u8(correlations, shuffle));
        let partner = match PHASE {
            0 => old[register ^ 4],
            1 => old[register ^ 2],
            2 => old[register ^ 1],
            _ => partners::<PHASE>(old[register]),
        };
        let stays = vaddq_s16(old[register], branch);
        let crosses = vsubq_s16(partner, branch);
        walk.metrics[register] = vmaxq_s16(stays, crosses);
        crossed[register] = vcgtq_s16(crosses, stays);
    }
    // Of two octets that are alike one is enough.
    let octets = |low, high| vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
    let [a, b, c, d, e, f, g, h] = crossed;
    *word = packed([octets(a, b), octets(c, d), octets(e, f), octets(g, h)]);
}

/// Every place with the metric of its partner in the same register.
#[inline]
#[target_feature(enable = "neon")]
fn partners<const PHASE: usize>(metrics: int16x8_t) -> int16x8_t {
    match PHASE {
        3 => vextq_s16::<4>(metrics, metrics),
        4 => vreinterpretq_s16_s32(vrev64q_s32(vreinterpretq_s32_s16(metrics))),
        _ => vrev32q_s16(metrics),
    }
}

/// The metric of place 0, in all lanes.
#[inline]
#[target_feature(enable = "neon")]
fn look(walk: &Walk) -> int16x8_t {
    vdupq_laneq_s16::<0>(walk.metrics[0])
}

#[inline]
#[target_feature(enable = "neon")]
fn subtract(walk: &mut Walk, excess: int16x8_t) {
    for metrics in &mut walk.metrics {
        *metrics = vsubq_s16(*metrics, excess);
    }
    walk.subtracted += i32::from(vgetq_lane_s16::<0>(excess));
}

#[inline]
#[target_feature(enable = "neon")]
fn meet(forward: &Walk, backward: &Walk, reliability: i32) -> (u8, i32) {
    let mut sums = [[0_i16; 8]; REGISTERS];
    for ((sums, forward), backward) in sums.iter_mut().zip(forward.metrics).zip(backward.metrics) {
        // Safety: 16 octets are written.
        unsafe { vst1q_s16(sums.as_mut_ptr(), vaddq_s16(forward, backward)) };
    }
    let (state, least) = best_meeting(sums.as_flattened().iter().map(|&sum| -i32::from(sum)));
    (state, (reliability + least - forward.subtracted - backward.subtracted) / 2)
}

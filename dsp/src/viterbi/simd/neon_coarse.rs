//! NEON, metrics of 8 bits: four registers, places in their order. The two upper bits of a place choose the register.

use super::neon_decisions::packed;
use super::*;
use core::arch::aarch64::*;

const REGISTERS: usize = 4;

#[derive(Clone, Copy)]
pub(super) struct Walk {
    metrics: [uint8x16_t; REGISTERS],
    subtracted: i32,
}

walks!("neon");

#[inline]
#[target_feature(enable = "neon")]
fn start() -> Walk {
    let mut metrics = [vdupq_n_u8(FALSE_START); REGISTERS];
    metrics[0] = vsetq_lane_u8::<0>(0, metrics[0]);
    Walk { metrics, subtracted: 0 }
}

#[inline]
#[target_feature(enable = "neon")]
fn costs(soft: &[i8], words: &mut [u64]) -> i32 {
    coarse_costs(soft, words);
    0
}

#[inline]
#[target_feature(enable = "neon")]
fn stage<const PHASE: usize>(walk: &mut Walk, word: &mut u64) {
    let costs = vreinterpretq_u8_u64(vdupq_n_u64(*word));
    let old = walk.metrics;
    let (staying, crossing) = (STAYING.0[PHASE].as_chunks::<16>().0, CROSSING.0[PHASE].as_chunks::<16>().0);
    let mut crossed = [vdupq_n_u8(0); REGISTERS];
    for (register, (staying, crossing)) in staying.iter().zip(crossing).enumerate() {
        // Safety: 16 octets are read of each.
        let (staying, crossing) = unsafe { (vld1q_u8(staying.as_ptr()), vld1q_u8(crossing.as_ptr())) };
        let partner = match PHASE {
            0 => old[register ^ 2],
            1 => old[register ^ 1],
            _ => partners::<PHASE>(old[register]),
        };
        let stays = vqaddq_u8(old[register], vqtbl1q_u8(costs, staying));
        let crosses = vqaddq_u8(partner, vqtbl1q_u8(costs, crossing));
        walk.metrics[register] = vminq_u8(stays, crosses);
        crossed[register] = vcgtq_u8(stays, crosses);
    }
    *word = packed(crossed);
}

/// Every place with the octet of its partner in the same register.
#[inline]
#[target_feature(enable = "neon")]
fn partners<const PHASE: usize>(metrics: uint8x16_t) -> uint8x16_t {
    match PHASE {
        2 => vextq_u8::<8>(metrics, metrics),
        3 => vreinterpretq_u8_u32(vrev64q_u32(vreinterpretq_u32_u8(metrics))),
        4 => vreinterpretq_u8_u16(vrev32q_u16(vreinterpretq_u16_u8(metrics))),
        _ => vrev16q_u8(metrics),
    }
}

/// What a walk's metrics can spare, in all lanes.
#[inline]
#[target_feature(enable = "neon")]
fn look(walk: &Walk) -> uint8x16_t {
    vqsubq_u8(vdupq_laneq_u8::<0>(walk.metrics[0]), vdupq_n_u8(SPREAD))
}

#[inline]
#[target_feature(enable = "neon")]
fn subtract(walk: &mut Walk, excess: uint8x16_t) {
    for metrics in &mut walk.metrics {
        *metrics = vsubq_u8(*metrics, excess);
    }
    walk.subtracted += i32::from(vgetq_lane_u8::<0>(excess));
}

#[inline]
#[target_feature(enable = "neon")]
fn meet(forward: &Walk, backward: &Walk, _: i32) -> (u8, i32) {
    let (mut before, mut after) = ([[0_u8; 16]; REGISTERS], [[0_u8; 16]; REGISTERS]);
    for register in 0..REGISTERS {
        // Safety: 16 octets each are written.
        unsafe {
            vst1q_u8(before[register].as_mut_ptr(), forward.metrics[register]);
            vst1q_u8(after[register].as_mut_ptr(), backward.metrics[register]);
        }
    }
    let pairs = before.as_flattened().iter().zip(after.as_flattened());
    let (state, least) = best_meeting(pairs.map(|(&a, &b)| i32::from(a) + i32::from(b)));
    (state, least + forward.subtracted + backward.subtracted)
}

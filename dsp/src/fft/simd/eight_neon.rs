//! Eight lanes in two registers of NEON, with the names and the meaning of those of AVX: what works on halves there
//! works on registers here.

use core::arch::aarch64::*;

// A load or store of NEON needs no alignment.
pub(super) use {read as read_aligned, write as write_aligned};

/// Lanes 0 to 3 and 4 to 7.
#[derive(Clone, Copy)]
pub(super) struct Eight(float32x4_t, float32x4_t);

/// Zeros.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn zero() -> Eight {
    all(0.0)
}

/// The same number in all lanes.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn all(value: f32) -> Eight {
    Eight(vdupq_n_f32(value), vdupq_n_f32(value))
}

/// Eight numbers.
///
/// # Safety
///
/// Eight numbers can be read.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn read(from: *const f32) -> Eight {
    // Safety: as the caller promised.
    unsafe { Eight(vld1q_f32(from), vld1q_f32(from.add(4))) }
}

/// Puts eight numbers.
///
/// # Safety
///
/// Eight numbers can be written.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn write(to: *mut f32, Eight(low, high): Eight) {
    // Safety: as the caller promised.
    unsafe {
        vst1q_f32(to, low);
        vst1q_f32(to.add(4), high);
    }
}

/// a + b.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn add(a: Eight, b: Eight) -> Eight {
    Eight(vaddq_f32(a.0, b.0), vaddq_f32(a.1, b.1))
}

/// a - b.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn subtract(a: Eight, b: Eight) -> Eight {
    Eight(vsubq_f32(a.0, b.0), vsubq_f32(a.1, b.1))
}

/// a b.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn multiply(a: Eight, b: Eight) -> Eight {
    Eight(vmulq_f32(a.0, b.0), vmulq_f32(a.1, b.1))
}

/// a b + c, rounded once.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn multiply_add(a: Eight, b: Eight, c: Eight) -> Eight {
    Eight(vfmaq_f32(c.0, a.0, b.0), vfmaq_f32(c.1, a.1, b.1))
}

/// c - a b, rounded once.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn subtract_product(a: Eight, b: Eight, c: Eight) -> Eight {
    Eight(vfmsq_f32(c.0, a.0, b.0), vfmsq_f32(c.1, a.1, b.1))
}

/// a b - c, rounded once.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn multiply_subtract(a: Eight, b: Eight, c: Eight) -> Eight {
    Eight(vfmaq_f32(vnegq_f32(c.0), a.0, b.0), vfmaq_f32(vnegq_f32(c.1), a.1, b.1))
}

/// Real parts of eight complex values, in the order that [`super::ORDER`] says.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn real(low: Eight, high: Eight) -> Eight {
    Eight(vuzp1q_f32(low.0, high.0), vuzp1q_f32(low.1, high.1))
}

/// Their imaginary parts.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn imaginary(low: Eight, high: Eight) -> Eight {
    Eight(vuzp2q_f32(low.0, high.0), vuzp2q_f32(low.1, high.1))
}

/// Of each half the lanes 0 and 1 of both, in turns.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn interleave_low(a: Eight, b: Eight) -> Eight {
    Eight(vzip1q_f32(a.0, b.0), vzip1q_f32(a.1, b.1))
}

/// Of each half the lanes 2 and 3 of both, in turns.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn interleave_high(a: Eight, b: Eight) -> Eight {
    Eight(vzip2q_f32(a.0, b.0), vzip2q_f32(a.1, b.1))
}

/// Of each half the two lower lanes of both.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn low_pairs(a: Eight, b: Eight) -> Eight {
    let of = |a, b| vreinterpretq_f32_f64(vzip1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
    Eight(of(a.0, b.0), of(a.1, b.1))
}

/// Of each half the two upper lanes of both.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn high_pairs(a: Eight, b: Eight) -> Eight {
    let of = |a, b| vreinterpretq_f32_f64(vzip2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
    Eight(of(a.0, b.0), of(a.1, b.1))
}

/// The lower halves of both.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn low_halves(a: Eight, b: Eight) -> Eight {
    Eight(a.0, b.0)
}

/// The upper halves of both.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn high_halves(a: Eight, b: Eight) -> Eight {
    Eight(a.1, b.1)
}

/// Every lane with its neighbour's value.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn swapped(a: Eight) -> Eight {
    Eight(vrev64q_f32(a.0), vrev64q_f32(a.1))
}

/// Four complex values in the opposite order, conjugated.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn mirrored(Eight(low, high): Eight) -> Eight {
    let conjugated = |values| {
        let bits = vreinterpretq_u64_f32(vextq_f32::<2>(values, values));
        vreinterpretq_f32_u64(veorq_u64(bits, vdupq_n_u64(1 << 63)))
    };
    Eight(conjugated(high), conjugated(low))
}

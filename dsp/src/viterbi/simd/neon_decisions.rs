//! Comparisons of all places to one bit each.

use core::arch::aarch64::*;

/// Bit p of the result is set where lane p of the 64 octets, which are 0 or 255, is.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn packed(crossed: [uint8x16_t; 4]) -> u64 {
    // Every octet leaves the bit of its place among eight; three times sums of neighbours gather them.
    let places = vreinterpretq_u8_u64(vdupq_n_u64(0x8040_2010_0804_0201));
    let [a, b, c, d] = crossed.map(|crossed| vandq_u8(crossed, places));
    let quarters = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
    vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(quarters, quarters)))
}

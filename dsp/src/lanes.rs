//! Eight numbers at a time, and the exponential and logarithm of eight: what LLVM turns into vector instructions.
//!
//! Every operation is that of one `f32` in each lane, in the order written, so results are the same bits on every
//! processor. The two functions are made of additions, multiplications and shifts alone, without a branch or a call.

use core::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// How many there are.
pub const LANES: usize = 8;

/// Eight numbers, one for each of eight chains that are computed side by side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(32))]
pub struct Lanes(pub [f32; LANES]);

impl Lanes {
    /// The same number in all lanes.
    #[inline(always)]
    pub const fn all(value: f32) -> Self {
        Self([value; LANES])
    }

    /// A function of each lane.
    #[inline(always)]
    pub fn map(mut self, of: impl Fn(f32) -> f32) -> Self {
        for lane in &mut self.0 {
            *lane = of(*lane);
        }
        self
    }

    /// A function of each lane and that of another.
    #[inline(always)]
    fn with(mut self, other: Self, of: impl Fn(f32, f32) -> f32) -> Self {
        for (lane, other) in self.0.iter_mut().zip(&other.0) {
            *lane = of(*lane, *other);
        }
        self
    }

    /// Each lane brought into -`limit` to `limit`; what is not a number becomes a limit.
    #[inline(always)]
    pub fn clipped(self, limit: f32) -> Self {
        self.map(|lane| clipped(lane, limit))
    }

    /// Each lane without its sign.
    #[inline(always)]
    pub fn magnitude(self) -> Self {
        self.map(f32::abs)
    }

    /// The greater of each two lanes; the other's where one is not a number.
    #[inline(always)]
    pub fn greater(self, other: Self) -> Self {
        self.with(other, |one, other| if one > other { one } else { other })
    }

    /// [`exp`] of each lane.
    #[inline(always)]
    pub fn exp(self) -> Self {
        self.map(exp)
    }

    /// [`ln`] of each lane.
    #[inline(always)]
    pub fn ln(self) -> Self {
        self.map(ln)
    }

    /// Sum over the lanes.
    #[inline(always)]
    pub fn sum(self) -> f32 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }
}

macro_rules! lane_by_lane {
    ($($of:ident $method:ident $operator:tt),*) => {$(
        impl $of for Lanes {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                self.with(other, |one, other| one $operator other)
            }
        }
    )*};
}
lane_by_lane!(Add add +, Sub sub -, Mul mul *, Div div /);

impl AddAssign for Lanes {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul<f32> for Lanes {
    type Output = Self;
    #[inline(always)]
    fn mul(self, factor: f32) -> Self {
        self.map(|lane| lane * factor)
    }
}

impl Neg for Lanes {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.map(|lane| -lane)
    }
}

/// `value` brought into -`limit` to `limit`; a limit where it is not a number.
#[inline(always)]
pub fn clipped(value: f32, limit: f32) -> f32 {
    // Comparisons that fail for NaN, so that these become blends.
    let value = if value < limit { value } else { limit };
    if value > -limit { value } else { -limit }
}

/// Arguments beyond this are clipped, so that neither e^x nor e^-x leaves the normal numbers.
pub const GREATEST_EXPONENT: f32 = 87.0;

/// e^x to (3 + |x|) 1e-7 of its value, for x within ±[`GREATEST_EXPONENT`].
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // 2^23 and 2^22: adding it leaves the integer part in the low bits of the number.
    const ROUND: f32 = 12_582_912.0;
    let scaled = clipped(x, GREATEST_EXPONENT) * core::f32::consts::LOG2_E;
    let shifted = scaled + ROUND;
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits());
    let f = scaled - (shifted - ROUND);
    // 2^f = e^(f ln 2), the series up to the sixth power, f within ±1/2.
    let series = 1.543_530_2e-4;
    let series = series * f + 1.333_355_8e-3;
    let series = series * f + 9.618_129e-3;
    let series = series * f + 5.550_411e-2;
    let series = series * f + 2.402_265e-1;
    let series = series * f + core::f32::consts::LN_2;
    let series = series * f + 1.0;
    f32::from_bits(series.to_bits().wrapping_add(power << 23))
}

/// The natural logarithm to 2e-7 absolutely near 1 and 3e-7 relatively elsewhere, for positive normal numbers.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    // x = 2^power m with m from sqrt(1/2) to sqrt(2).
    const SQRT_HALF: u32 = core::f32::consts::FRAC_1_SQRT_2.to_bits();
    let bits = x.to_bits();
    let power = (bits.wrapping_sub(SQRT_HALF) as i32) >> 23;
    let m = f32::from_bits(bits.wrapping_sub((power as u32) << 23));
    // ln m = 2 artanh(s) with s = (m - 1) / (m + 1), below 0.172.
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let series = 2.0 / 9.0;
    let series = series * square + 2.0 / 7.0;
    let series = series * square + 0.4;
    let series = series * square + 2.0 / 3.0;
    let series = series * square + 2.0;
    power as f32 * core::f32::consts::LN_2 + s * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_those_of_the_definition() {
        for step in -86_990..=86_990 {
            let x = step as f32 * 1e-3;
            let exact = libm::exp(f64::from(x));
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 3e-7 + 1e-7 * f64::from(x.abs()), "e^{x}: {error}");
        }
        assert_eq!([exp(0.0), exp(1e9), exp(-1e9)], [1.0, exp(87.0), exp(-87.0)]);
    }

    #[test]
    fn logarithms_are_those_of_the_definition() {
        for step in -80_000..=80_000 {
            let x = libm::expf(step as f32 * 1e-3);
            let exact = libm::log(f64::from(x));
            let error = (f64::from(ln(x)) - exact).abs();
            assert!(error < 2e-7 + 3e-7 * exact.abs(), "ln {x}: {error}");
        }
        assert_eq!(ln(1.0), 0.0);
        assert!(ln(f32::MIN_POSITIVE).is_finite() && ln(f32::MAX).is_finite());
    }

    #[test]
    fn lanes_do_what_numbers_do() {
        let (one, two) = (
            Lanes([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]),
            Lanes([8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]),
        );
        assert_eq!(one + two, Lanes::all(9.0));
        assert_eq!((one - two).0[0], -7.0);
        assert_eq!((one * two).0, [8.0, 14.0, 18.0, 20.0, 20.0, 18.0, 14.0, 8.0]);
        assert_eq!((one / two).0[7], 8.0);
        assert_eq!((-one * 2.0).sum(), -72.0);
        assert_eq!(one.clipped(3.5).0, [1.0, 2.0, 3.0, 3.5, 3.5, 3.5, 3.5, 3.5]);
        assert!(clipped(f32::NAN, 2.0).abs() <= 2.0);
    }
}

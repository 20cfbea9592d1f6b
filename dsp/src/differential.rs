//! Differential phase modulation: Gray-coded phase steps and the max-log metrics of their bits.
//!
//! G.9903 steps from symbol to symbol, PRIME from carrier to carrier; the steps are the same. A value of one to three
//! bits is a point on a circle of 2, 4 or 8; G.9903 puts the bit that is first in time at the least significant place,
//! PRIME at the most significant.
//!
//! ```
//! use dsp::{Complex, differential::{gray_point, max_log}};
//! assert_eq!([gray_point(0b00), gray_point(0b01), gray_point(0b11), gray_point(0b10)], [0, 1, 2, 3]);
//! // A step of a quarter turn is 01: bit 0 is a one (negative), bit 1 a zero.
//! let [bit_0, bit_1, _] = max_log(2, Complex::new(0.0, 1.0));
//! assert!(bit_0 < 0.0 && bit_1 > 0.0);
//! ```

use crate::Complex;
use core::f32::consts::FRAC_1_SQRT_2;

const S: f32 = FRAC_1_SQRT_2;

/// The circle in eighths of a turn, of amplitude 1, from 1 by i to -1.
pub const EIGHTHS: [Complex; 8] = [
    Complex::new(1.0, 0.0),
    Complex::new(S, S),
    Complex::new(0.0, 1.0),
    Complex::new(-S, S),
    Complex::new(-1.0, 0.0),
    Complex::new(-S, -S),
    Complex::new(0.0, -1.0),
    Complex::new(S, -S),
];

/// The point on the circle for a value of one to three bits: neighbouring points differ in one bit.
pub const fn gray_point(value: u8) -> u8 {
    value ^ (value >> 1) ^ (value >> 2)
}

/// Max-log metrics of the `bits` (1 to 3) bits of a carrier, bit 0 first, from the product y_now y*_before: positive
/// where a zero is likelier. Those beyond `bits` are zero. For one bit it is the product's real part, half of the
/// difference of maxima.
#[inline]
pub fn max_log(bits: usize, product: Complex) -> [f32; 3] {
    let Complex { re, im } = product;
    match bits {
        1 => [re, 0.0, 0.0],
        // With Gray's four points the maxima cancel down to sums.
        2 => [re - im, re + im, 0.0],
        _ => {
            let (sum, difference) = (FRAC_1_SQRT_2 * (re + im), FRAC_1_SQRT_2 * (im - re));
            let projections = [re, sum, im, difference, -re, -sum, -im, -difference];
            let mut best = [[f32::MIN; 2]; 3];
            for (value, &point) in POINTS_OF_8.iter().enumerate() {
                let projection = projections[usize::from(point % 8)];
                for (bit, best) in best.iter_mut().enumerate() {
                    let place = &mut best[value >> bit & 1];
                    *place = place.max(projection);
                }
            }
            best.map(|[zero, one]| zero - one)
        }
    }
}

const POINTS_OF_8: [u8; 8] = {
    let mut points = [0; 8];
    let mut value = 0;
    while value < 8 {
        points[value] = gray_point(value as u8);
        value += 1;
    }
    points
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_on_the_circle_differ_in_one_bit() {
        for bits in 1..=3_u32 {
            let count = 1_u8 << bits;
            let mut values = std::vec![0; usize::from(count)];
            (0..count).for_each(|value| values[usize::from(gray_point(value))] = value);
            for (point, value) in values.iter().enumerate() {
                let next = values[(point + 1) % values.len()];
                assert_eq!((value ^ next).count_ones(), 1, "{bits} bits, point {point}");
            }
        }
    }

    #[test]
    fn metrics_are_the_best_of_the_points_with_a_zero_less_the_best_with_a_one() {
        for bits in 1..=3_usize {
            for angle in 0..40 {
                let product = Complex::from_polar(1.5, angle as f32 * 0.157 + 0.01);
                let best = |bit: usize, wanted: u8| {
                    (0..1_u8 << bits)
                        .filter(|value| value >> bit & 1 == wanted)
                        .map(|value| {
                            let turn = f32::from(gray_point(value)) / (1 << bits) as f32;
                            (product * Complex::from_polar(1.0, -core::f32::consts::TAU * turn)).re
                        })
                        .fold(f32::MIN, f32::max)
                };
                for (bit, metric) in max_log(bits, product).iter().enumerate() {
                    let expected = if bit < bits { best(bit, 0) - best(bit, 1) } else { 0.0 };
                    let expected = if bits == 1 { expected / 2.0 } else { expected };
                    assert!((metric - expected).abs() < 1e-5, "{bits} bits, bit {bit}: {metric} {expected}");
                }
            }
        }
    }
}

//! Logarithms and tails to the accuracy that a level in tenths of a dB needs, in a few nanoseconds.

use std::f32::consts::LOG10_2;
use std::sync::OnceLock;

/// 10 log10(x) to 0.001 dB for normal positive numbers; others come out as some very low level.
#[inline]
pub(super) fn decibels(x: f32) -> f32 {
    10.0 * LOG10_2 * log2(x)
}

/// log2(x): the exponent, and a polynomial of the mantissa that is exact at 1 and 2.
#[inline]
fn log2(x: f32) -> f32 {
    let bits = x.max(f32::MIN_POSITIVE).to_bits();
    let exponent = (bits >> 23) as f32 - 127.0;
    let m = f32::from_bits(bits & 0x007F_FFFF | 0x3F80_0000) - 1.0;
    // ln(1 + m) by Hastings (Approximations for Digital Computers, sheet 59), over ln 2.
    const C: [f32; 5] = [0.999_495_56, -0.491_908_96, 0.289_474_8, -0.136_062_75, 0.032_158_45];
    exponent + m * (C[0] + m * (C[1] + m * (C[2] + m * (C[3] + m * C[4])))) * std::f32::consts::LOG2_E
}

/// Q(x), the normal distribution's upper tail, to 1 % of its value down to 1e-8, and 0 below.
#[inline]
pub(super) fn tail(x: f32) -> f32 {
    const STEPS: f32 = 64.0;
    const MOST: f32 = 5.6;
    static TABLE: OnceLock<Vec<f32>> = OnceLock::new();
    if x >= MOST {
        return 0.0;
    }
    let table = TABLE.get_or_init(|| {
        (0..=(2.0 * MOST * STEPS) as usize + 1)
            .map(|step| super::crossing::tail(step as f64 / f64::from(STEPS) - f64::from(MOST)) as f32)
            .collect()
    });
    let at = ((x + MOST) * STEPS).max(0.0);
    let (step, rest) = (at as usize, at - at.floor());
    match table.get(step..step + 2) {
        Some(&[a, b]) => a + rest * (b - a),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_are_right_to_a_thousandth() {
        let mut x = 1e-12_f32;
        while x < 1e12 {
            assert!((decibels(x) - 10.0 * x.log10()).abs() < 2e-3, "{x}: {}", decibels(x) - 10.0 * x.log10());
            x *= 1.037;
        }
        assert!(decibels(0.0) < -300.0);
    }

    #[test]
    fn tails_are_right_to_a_hundredth() {
        for step in -550..550 {
            let x = step as f32 / 100.0;
            let exact = super::super::crossing::tail(f64::from(x)) as f32;
            assert!((tail(x) / exact - 1.0).abs() < 0.01, "{x}");
        }
        assert_eq!((tail(9.0), tail(-9.0)), (0.0, super::super::crossing::tail(-5.6) as f32));
    }
}

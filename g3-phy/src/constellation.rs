//! Bits to phase steps (digest 9.1).

use dsp::differential::gray_point;

/// Phases are counted in units of pi/8, as the preamble's are: 16 of them are a turn.
pub const PHASES: u8 = 16;

/// The phase step for the `bits` bits of a carrier, in units of pi/8. The bit that comes first in time is the least
/// significant of `value`.
pub const fn phase_step(bits: usize, value: u8) -> u8 {
    gray_point(value) * (PHASES >> bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bits in time order, as the digest's tables have them.
    fn step(bits: &[u8]) -> u8 {
        let value = bits.iter().rev().fold(0, |value, bit| value << 1 | bit);
        phase_step(bits.len(), value)
    }

    #[test]
    fn steps_are_those_of_the_tables_in_digest_9_1() {
        assert_eq!([step(&[0]), step(&[1])], [0, 8]);
        assert_eq!([step(&[0, 0]), step(&[1, 0]), step(&[1, 1]), step(&[0, 1])], [0, 4, 8, 12]);
        let circle = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [1, 1, 1], [1, 0, 1], [0, 0, 1]];
        for (point, bits) in circle.iter().enumerate() {
            assert_eq!(usize::from(step(bits)), 2 * point);
        }
    }
}

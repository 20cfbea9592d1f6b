//! Bits to phase steps (digest 3.7).

use dsp::differential::gray_point;

/// Phases are counted in units of pi/4: 8 of them are a turn.
pub const PHASES: u8 = 8;

/// The phase step for the `bits` bits of a carrier, in units of pi/4. The bit that comes first in time is the most
/// significant of `value`.
pub const fn phase_step(bits: usize, value: u8) -> u8 {
    gray_point(value) * (PHASES >> bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_those_of_the_table_in_digest_3_7() {
        assert_eq!([0, 1].map(|value| phase_step(1, value)), [0, 4]);
        assert_eq!([0b00, 0b01, 0b11, 0b10].map(|value| phase_step(2, value)), [0, 2, 4, 6]);
        let circle = [0b000, 0b001, 0b011, 0b010, 0b110, 0b111, 0b101, 0b100];
        assert_eq!(circle.map(|value| phase_step(3, value)), [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}

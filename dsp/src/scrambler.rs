//! The additive scrambler x^7 + x^4 + 1, which is also the pseudo-noise source of pilots and unused carriers.
//!
//! Both standards use this register, preset to ones, with the output s7 xor s4 fed back (g3-phy.md 4). Scrambling
//! twice from the same state gives the data back, so [`Scrambler::apply`] is its own inverse.
//!
//! ```
//! use dsp::scrambler::Scrambler;
//! let mut octets = [0x01, 0x02, 0x03];
//! Scrambler::new().apply(&mut octets);
//! assert_eq!(octets, [0x0F, 0xF0, 0xCA]);
//! Scrambler::new().apply(&mut octets);
//! assert_eq!(octets, [0x01, 0x02, 0x03]);
//! ```

/// The register. A copy taken at some bit continues from that bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scrambler {
    /// s1 (the newest bit) is the least significant, s7 bit 6.
    state: u8,
}

impl Scrambler {
    /// Bits after which the sequence repeats.
    pub const PERIOD: usize = 127;

    /// The register preset to ones, as at the start of a payload.
    pub const fn new() -> Self {
        Self { state: 0x7F }
    }

    /// The next bit of the sequence, 0 or 1.
    pub const fn next_bit(&mut self) -> u8 {
        let bit = (self.state >> 6 ^ self.state >> 3) & 1;
        self.state = (self.state << 1 | bit) & 0x7F;
        bit
    }

    /// The next eight bits of the sequence, the first in the most significant place.
    pub const fn next_octet(&mut self) -> u8 {
        let octet = OCTETS[(self.state & 0x7F) as usize];
        // Every output bit is fed back, so the register now holds the last seven of them.
        self.state = octet & 0x7F;
        octet
    }

    /// Scrambles or descrambles whole octets in place, most significant bit first, going on from the present state.
    pub fn apply(&mut self, octets: &mut [u8]) {
        for octet in octets {
            *octet ^= self.next_octet();
        }
    }
}

impl Default for Scrambler {
    fn default() -> Self {
        Self::new()
    }
}

/// The eight bits that follow each state.
const OCTETS: [u8; 128] = {
    let mut octets = [0; 128];
    let mut state = 0;
    while state < 128 {
        let mut register = Scrambler { state: state as u8 };
        let mut step = 0;
        while step < 8 {
            octets[state] = octets[state] << 1 | register.next_bit();
            step += 1;
        }
        state += 1;
    }
    octets
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{string::String, vec::Vec};

    /// g3-phy.md 4.
    const SEQUENCE: &str = "0000111011110010110010010000001000100110001011101011011000001100\
                            110101001110011110110100001010101111101001010001101110001111111";

    #[test]
    fn sequence_is_that_of_the_digest_and_repeats() {
        let mut scrambler = Scrambler::new();
        for _ in 0..3 {
            let bits: String =
                (0..Scrambler::PERIOD).map(|_| if scrambler.next_bit() == 1 { '1' } else { '0' }).collect();
            assert_eq!(bits, SEQUENCE);
        }
    }

    #[test]
    fn psdu_of_the_digest_is_scrambled_as_printed() {
        // g3-phy.md 12.3, DQPSK: PSDU 01..13.
        let mut psdu: Vec<u8> = (1..=0x13).collect();
        Scrambler::new().apply(&mut psdu);
        assert_eq!(
            psdu,
            [
                0x0F, 0xF0, 0xCA, 0x06, 0x23, 0x28, 0xB1, 0x04, 0xDD, 0xED, 0xBF, 0x26, 0xF7, 0x5F, 0xB7,
                0xEE, 0x0C, 0xF7, 0x81
            ]
        );
    }

    proptest! {
        #[test]
        fn octets_are_eight_bits_each(skip in 0_usize..127, octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut by_octet = Scrambler::new();
            for _ in 0..skip {
                by_octet.next_bit();
            }
            let mut by_bit = by_octet;
            let mut scrambled = octets.clone();
            by_octet.apply(&mut scrambled);
            for (index, (&was, &is)) in octets.iter().zip(&scrambled).enumerate() {
                for shift in (0..8).rev() {
                    prop_assert_eq!((was ^ is) >> shift & 1, by_bit.next_bit(), "octet {}", index);
                }
            }
            prop_assert_eq!(by_octet, by_bit);
        }
    }
}

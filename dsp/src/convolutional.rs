//! The convolutional encoder: rate 1/2, constraint length 7, generators 171 then 133 octal, zero tail.
//!
//! Used by both standards without puncturing (g3-phy.md 6). With D one bit of delay, the first output of each pair is
//! 1+D+D^2+D^3+D^6 and the second 1+D^2+D^3+D^5+D^6. The register is zero at the start, and six zero bits are
//! appended so that it ends at zero: [`crate::viterbi`] relies on both.
//!
//! ```
//! use dsp::convolutional;
//! let mut coded = [0; 4];
//! let bits = convolutional::encode(&[0b1011_0100], 8, &mut coded)?;
//! assert_eq!(bits, 28);
//! // 11 10 00 10 01 10 10 10 01 11 01 11 00 00, padded with zeros.
//! assert_eq!(coded, [0xE2, 0x6A, 0x77, 0x00]);
//! # Ok::<(), dsp::LengthError>(())
//! ```

use crate::LengthError;

/// Zero bits appended to the information bits to bring the register back to zero.
pub const TAIL_BITS: usize = 6;

/// Coded bits of `info_bits` information bits and their tail.
pub const fn coded_bits(info_bits: usize) -> usize {
    2 * (info_bits + TAIL_BITS)
}

/// Encodes the first `input_bits` bits of `input` and six zero tail bits into `output`; returns the number of coded
/// bits, 2 * (`input_bits` + 6). The rest of the last octet written is zero, octets after it are left alone.
///
/// # Errors
///
/// `input` holds fewer than `input_bits` bits, or `output` has no room for the coded bits.
pub fn encode(input: &[u8], input_bits: usize, output: &mut [u8]) -> Result<usize, LengthError> {
    let coded = coded_bits(input_bits);
    LengthError::at_least("convolutional encoder input, octets", input_bits.div_ceil(8), input.len())?;
    LengthError::at_least("convolutional encoder output, octets", coded.div_ceil(8), output.len())?;

    // Six bits of memory above the eight bits now encoded.
    let mut window: u32 = 0;
    for (index, pair) in output[..coded.div_ceil(8)].chunks_mut(2).enumerate() {
        window = window << 8 & 0x3F00 | u32::from(info_octet(input, input_bits, index));
        let first = window ^ window >> 1 ^ window >> 2 ^ window >> 3 ^ window >> 6;
        let second = window ^ window >> 2 ^ window >> 3 ^ window >> 5 ^ window >> 6;
        let interleaved = (spread(first as u8) << 1 | spread(second as u8)).to_be_bytes();
        pair.copy_from_slice(&interleaved[..pair.len()]);
    }
    Ok(coded)
}

/// Octet `index` of the information bits with zeros after their end.
fn info_octet(input: &[u8], input_bits: usize, index: usize) -> u8 {
    let kept = input_bits.saturating_sub(8 * index).min(8) as u32;
    let mask = !0xFF_u8.checked_shr(kept).unwrap_or(0);
    input.get(index).copied().unwrap_or(0) & mask
}

/// Moves bit i to bit 2i.
const fn spread(octet: u8) -> u16 {
    let mut bits = octet as u16;
    bits = (bits | bits << 4) & 0x0F0F;
    bits = (bits | bits << 2) & 0x3333;
    (bits | bits << 1) & 0x5555
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{vec, vec::Vec};

    /// The encoder bit by bit, from the definition.
    fn by_definition(bits: &[u8]) -> Vec<u8> {
        let mut register = [0_u8; 7];
        let mut output = Vec::new();
        for &bit in bits.iter().chain(&[0; TAIL_BITS]) {
            register.rotate_right(1);
            register[0] = bit;
            output.push(register[0] ^ register[1] ^ register[2] ^ register[3] ^ register[6]);
            output.push(register[0] ^ register[2] ^ register[3] ^ register[5] ^ register[6]);
        }
        output
    }

    fn unpack(octets: &[u8], count: usize) -> Vec<u8> {
        (0..count).map(|index| octets[index / 8] >> (7 - index % 8) & 1).collect()
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2)
            .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hex"))
            .collect()
    }

    #[test]
    fn one_bit_gives_the_impulse_response() {
        let mut coded = [0xFF; 3];
        assert_eq!(encode(&[0x80], 1, &mut coded), Ok(14));
        // 11 10 11 11 00 01 11, then padding; the third octet is not touched.
        assert_eq!(coded, [0b1110_1111, 0b0001_1100, 0xFF]);
    }

    #[test]
    fn headers_and_payloads_of_the_digest_are_encoded_as_printed() {
        // g3-phy.md 12.3: frame control headers (33 bits), then the Reed-Solomon codeword of the DBPSK vector.
        let vectors = [
            ("00433f0d00", 33, "00003bca402426676770"),
            ("00823f0f00", 33, "0000ef12fc54266996b0"),
            ("00c13f0080", 33, "0000d4d8b1e426b0ef1c"),
            ("00093f0d00", 33, "000000ecade426676770"),
            (
                "0ff0ca062328b104ddedde60333f0acecbd96db9d52c6e65139f",
                208,
                "00d94f26643aedf5383c83ae3e520c4b10b0cd8d70cd6ff6cd40f024265139c1\
                 fef9863be59145cdc72f05552eecdfceb8c1d1c9e6b0",
            ),
        ];
        for (input, bits, output) in vectors {
            let output = hex(output);
            let mut coded = vec![0; output.len()];
            assert_eq!(encode(&hex(input), bits, &mut coded), Ok(2 * bits + 12));
            assert_eq!(coded, output, "{input}");
        }
    }

    #[test]
    fn short_slices_are_errors_and_nothing_is_written() {
        let mut coded = [0xA5; 3];
        assert_eq!(encode(&[0; 2], 17, &mut coded).map_err(|error| (error.needed, error.given)), Err((3, 2)));
        assert_eq!(encode(&[0; 2], 9, &mut coded).map_err(|error| (error.needed, error.given)), Err((4, 3)));
        assert_eq!(coded, [0xA5; 3]);
    }

    proptest! {
        #[test]
        fn equals_the_definition(input in proptest::collection::vec(any::<u8>(), 0..70), short in 0_usize..8) {
            let bits = (8 * input.len()).saturating_sub(short);
            let expected = by_definition(&unpack(&input, bits));
            let mut coded = vec![0; expected.len().div_ceil(8)];
            prop_assert_eq!(encode(&input, bits, &mut coded), Ok(expected.len()));
            prop_assert_eq!(unpack(&coded, expected.len()), expected);
        }
    }
}

//! What the tests of several modules share.

use crate::security::Keys;
use std::string::String;
use std::vec::Vec;

/// Octets of hexadecimal text; blanks are skipped.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// The keys of the vectors of digest 1.10.
pub(crate) fn keys() -> Keys {
    Keys {
        encryption: core::array::from_fn(|i| i as u8),
        authentication: core::array::from_fn(|i| 0xD0 + i as u8),
    }
}

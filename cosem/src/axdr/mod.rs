//! A-XDR (IEC 61334-6): the encoding of COSEM data (digest 1.6).
//!
//! [`Encoder`] writes values one after another into a slice, so that an array of a thousand rows needs no tree in
//! memory. [`Data`] borrows a value from the octets that hold it; [`DataBuffer`] owns such octets.

mod data;
mod encoder;
#[cfg(test)]
mod tests;

use plc_core::bytes::{Full, Reader, Truncated, Writer};
use thiserror::Error;

pub use data::{Data, Elements, ElementsIter};
pub use encoder::{DataBuffer, Encoder};

/// Arrays in arrays that a value may have; what the line sends deeper is refused, so that the stack stays bounded.
pub const MAX_DEPTH: u8 = 12;

/// Tags of the types, as on the wire.
pub mod tag {
    #![allow(missing_docs)]
    pub const NULL: u8 = 0;
    pub const ARRAY: u8 = 1;
    pub const STRUCTURE: u8 = 2;
    pub const BOOLEAN: u8 = 3;
    pub const BIT_STRING: u8 = 4;
    pub const DOUBLE_LONG: u8 = 5;
    pub const DOUBLE_LONG_UNSIGNED: u8 = 6;
    pub const OCTET_STRING: u8 = 9;
    pub const VISIBLE_STRING: u8 = 10;
    pub const UTF8_STRING: u8 = 12;
    pub const BCD: u8 = 13;
    pub const INTEGER: u8 = 15;
    pub const LONG: u8 = 16;
    pub const UNSIGNED: u8 = 17;
    pub const LONG_UNSIGNED: u8 = 18;
    pub const COMPACT_ARRAY: u8 = 19;
    pub const LONG64: u8 = 20;
    pub const LONG64_UNSIGNED: u8 = 21;
    pub const ENUM: u8 = 22;
    pub const FLOAT32: u8 = 23;
    pub const FLOAT64: u8 = 24;
    pub const DATE_TIME: u8 = 25;
    pub const DATE: u8 = 26;
    pub const TIME: u8 = 27;
    pub const DELTA_INTEGER: u8 = 28;
    pub const DELTA_LONG: u8 = 29;
    pub const DELTA_DOUBLE_LONG: u8 = 30;
    pub const DELTA_UNSIGNED: u8 = 31;
    pub const DELTA_LONG_UNSIGNED: u8 = 32;
    pub const DELTA_DOUBLE_LONG_UNSIGNED: u8 = 33;
    pub const DONT_CARE: u8 = 255;
}

/// Why octets are no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AxdrError {
    /// They end too early.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// No type has this tag.
    #[error("no data type has tag {tag} (octet {at})")]
    Tag {
        /// The tag.
        tag: u8,
        /// Its place.
        at: usize,
    },
    /// A length field of more than four octets.
    #[error("length field of {0:#04x} at octet {1} is not supported")]
    Length(u8, usize),
    /// Arrays in arrays, more than [`MAX_DEPTH`] deep.
    #[error("values nested deeper than {MAX_DEPTH} at octet {0}")]
    Depth(usize),
    /// Octets after the value where there should be none.
    #[error("{0} octets after the value")]
    Trailing(usize),
}

/// Reads a length: one octet below 128, else the number of octets that follow.
pub fn read_length(reader: &mut Reader<'_>) -> Result<usize, AxdrError> {
    let at = reader.position();
    let first = reader.u8()?;
    match first {
        0..=0x7F => Ok(usize::from(first)),
        0x81..=0x84 => {
            let octets = reader.take(usize::from(first & 0x7F))?;
            Ok(octets.iter().fold(0, |length, &octet| length << 8 | usize::from(octet)))
        }
        _ => Err(AxdrError::Length(first, at)),
    }
}

/// Reads a length and as many octets.
pub fn read_octets<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], AxdrError> {
    let length = read_length(reader)?;
    Ok(reader.take(length)?)
}

/// Octets [`write_length`] needs.
pub const fn length_of_length(length: usize) -> usize {
    match length {
        0..0x80 => 1,
        0x80..0x100 => 2,
        0x100..0x1_0000 => 3,
        _ => 5,
    }
}

/// Writes a length.
pub fn write_length(writer: &mut Writer<'_>, length: usize) -> Result<(), Full> {
    match length {
        0..0x80 => writer.u8(length as u8),
        0x80..0x100 => writer.put(&[0x81, length as u8]),
        0x100..0x1_0000 => {
            writer.u8(0x82)?;
            writer.u16_be(length as u16)
        }
        _ => {
            writer.u8(0x84)?;
            writer.u32_be(length as u32)
        }
    }
}

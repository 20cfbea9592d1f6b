//! Cursors over bits, most significant bit of the first octet first: the order of every header in G.9903.

use crate::bytes::{Full, Truncated};

/// Reads bit fields one after another, most significant bit first.
///
/// ```
/// use plc_core::bits::BitReader;
/// let mut reader = BitReader::new(&[0b1010_0001, 0x80]);
/// assert_eq!(reader.take(3)?, 0b101);
/// assert_eq!(reader.take(6)?, 0b00_0011);
/// # Ok::<(), plc_core::bytes::Truncated>(())
/// ```
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    /// Starts at the most significant bit of the first octet.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bits read so far.
    pub const fn position(&self) -> usize {
        self.at
    }

    /// Takes a field of `count` bits; at most 32 are kept, earlier ones are shifted out. The error counts bits.
    pub fn take(&mut self, count: usize) -> Result<u32, Truncated> {
        let left = self.bytes.len() * 8 - self.at;
        if count > left {
            return Err(Truncated { at: self.at, needed: count, left });
        }
        let mut field = 0;
        for index in self.at..self.at + count {
            let octet = self.bytes.get(index / 8).copied().unwrap_or_default();
            field = (field << 1) | u32::from(octet >> (7 - index % 8) & 1);
        }
        self.at += count;
        Ok(field)
    }
}

/// Writes bit fields one after another, most significant bit first, into octets that start out as zero.
#[derive(Debug)]
pub struct BitWriter<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl<'a> BitWriter<'a> {
    /// Clears `bytes` and starts at the most significant bit of the first octet.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        bytes.fill(0);
        Self { bytes, at: 0 }
    }

    /// Bits written so far.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Appends the low `count` bits of `field`, at most 32. The error counts bits.
    pub fn put(&mut self, field: u32, count: usize) -> Result<(), Full> {
        let left = self.bytes.len() * 8 - self.at;
        if count > left.min(32) {
            return Err(Full { at: self.at, needed: count, left });
        }
        for shift in (0..count).rev() {
            if let Some(octet) = self.bytes.get_mut(self.at / 8) {
                *octet |= ((field >> shift & 1) as u8) << (7 - self.at % 8);
            }
            self.at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fields_come_back(fields in proptest::collection::vec((any::<u32>(), 1_usize..=32), 0..8)) {
            let mut room = [0xFF; 32];
            let mut writer = BitWriter::new(&mut room);
            for &(field, count) in &fields {
                writer.put(field, count)?;
            }
            let mut reader = BitReader::new(&room);
            for &(field, count) in &fields {
                prop_assert_eq!(u64::from(reader.take(count)?), u64::from(field) & ((1 << count) - 1));
            }
        }
    }

    #[test]
    fn the_end_is_an_error() {
        let mut reader = BitReader::new(&[0xFF]);
        assert_eq!(reader.take(9), Err(Truncated { at: 0, needed: 9, left: 8 }));
        assert_eq!(reader.take(8), Ok(0xFF));
    }
}

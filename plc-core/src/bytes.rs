//! Cursors over octets: reading and writing that stop with an error at the end, never with a panic.

use thiserror::Error;

/// The bytes ended before the value did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{needed} more octets wanted at octet {at}, {left} are left")]
pub struct Truncated {
    /// Octet where the value begins.
    pub at: usize,
    /// Octets the value needs.
    pub needed: usize,
    /// Octets there were.
    pub left: usize,
}

/// The value does not fit into the room left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no room for {needed} octets at octet {at}, {left} are left")]
pub struct Full {
    /// Octet where the value would begin.
    pub at: usize,
    /// Octets the value needs.
    pub needed: usize,
    /// Octets there were.
    pub left: usize,
}

/// Reads values one after another from a slice.
///
/// ```
/// use plc_core::bytes::Reader;
/// let mut reader = Reader::new(&[0x12, 0x34, 0x56]);
/// assert_eq!(reader.u16_be()?, 0x1234);
/// assert!(reader.u16_le().is_err(), "one octet is left");
/// assert_eq!(reader.rest(), &[0x56]);
/// # Ok::<(), plc_core::bytes::Truncated>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first octet.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Octets read so far.
    pub const fn position(&self) -> usize {
        self.at
    }

    /// Octets not read yet.
    pub const fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Takes the next `count` octets. Nothing is taken on error.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Truncated> {
        let truncated = Truncated { at: self.at, needed: count, left: self.left() };
        let taken =
            self.at.checked_add(count).and_then(|end| self.bytes.get(self.at..end)).ok_or(truncated)?;
        self.at += count;
        Ok(taken)
    }

    /// Takes the next `N` octets as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// Takes all that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.bytes.len();
        rest
    }

    /// Takes one octet.
    pub fn u8(&mut self) -> Result<u8, Truncated> {
        self.array().map(|[octet]| octet)
    }

    /// Takes two octets, most significant first.
    pub fn u16_be(&mut self) -> Result<u16, Truncated> {
        self.array().map(u16::from_be_bytes)
    }

    /// Takes two octets, least significant first.
    pub fn u16_le(&mut self) -> Result<u16, Truncated> {
        self.array().map(u16::from_le_bytes)
    }

    /// Takes four octets, most significant first.
    pub fn u32_be(&mut self) -> Result<u32, Truncated> {
        self.array().map(u32::from_be_bytes)
    }

    /// Takes four octets, least significant first.
    pub fn u32_le(&mut self) -> Result<u32, Truncated> {
        self.array().map(u32::from_le_bytes)
    }
}

/// Writes values one after another into a slice.
#[derive(Debug)]
pub struct Writer<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl<'a> Writer<'a> {
    /// Starts at the first octet.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Octets written so far.
    pub fn position(&self) -> usize {
        self.at
    }

    /// What was written.
    pub fn written(self) -> &'a mut [u8] {
        let (written, _) = self.bytes.split_at_mut(self.at);
        written
    }

    /// Appends `octets`. Nothing is written on error.
    pub fn put(&mut self, octets: &[u8]) -> Result<(), Full> {
        let full = Full { at: self.at, needed: octets.len(), left: self.bytes.len() - self.at };
        let end = self.at.checked_add(octets.len()).ok_or(full)?;
        self.bytes.get_mut(self.at..end).ok_or(full)?.copy_from_slice(octets);
        self.at = end;
        Ok(())
    }

    /// Appends one octet.
    pub fn u8(&mut self, value: u8) -> Result<(), Full> {
        self.put(&[value])
    }

    /// Appends two octets, most significant first.
    pub fn u16_be(&mut self, value: u16) -> Result<(), Full> {
        self.put(&value.to_be_bytes())
    }

    /// Appends two octets, least significant first.
    pub fn u16_le(&mut self, value: u16) -> Result<(), Full> {
        self.put(&value.to_le_bytes())
    }

    /// Appends four octets, most significant first.
    pub fn u32_be(&mut self, value: u32) -> Result<(), Full> {
        self.put(&value.to_be_bytes())
    }

    /// Appends four octets, least significant first.
    pub fn u32_le(&mut self, value: u32) -> Result<(), Full> {
        self.put(&value.to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(a: u8, b: u16, c: u32, tail: [u8; 3]) {
            let mut room = [0; 16];
            let mut writer = Writer::new(&mut room);
            writer.u8(a)?;
            writer.u16_be(b)?;
            writer.u16_le(b)?;
            writer.u32_be(c)?;
            writer.u32_le(c)?;
            writer.put(&tail)?;
            prop_assert!(writer.u8(0).is_err());
            let mut reader = Reader::new(writer.written());
            prop_assert_eq!(reader.u8()?, a);
            prop_assert_eq!((reader.u16_be()?, reader.u16_le()?), (b, b));
            prop_assert_eq!((reader.u32_be()?, reader.u32_le()?), (c, c));
            prop_assert_eq!(reader.rest(), &tail);
            prop_assert_eq!(reader.take(1), Err(Truncated { at: 16, needed: 1, left: 0 }));
        }
    }

    #[test]
    fn a_huge_count_is_an_error() {
        let mut reader = Reader::new(&[1, 2]);
        assert!(reader.take(usize::MAX).is_err());
        assert_eq!(reader.left(), 2, "nothing was taken");
    }
}

//! Segment control, the first three octets of every MAC frame (digest 1.2).

use plc_core::bits::{BitReader, BitWriter};
use plc_core::bytes::{Full, Truncated};

/// Octets of the field on the line.
pub const LEN: usize = 3;
/// Largest segment count the six bits hold.
pub const MAX_COUNT: u8 = 0x3F;
/// Largest segment length the ten bits hold.
pub const MAX_LENGTH: u16 = 0x3FF;

/// Segment control: 24 bits, most significant first.
///
/// ```
/// use g3_mac::frame::SegmentControl;
/// let last = SegmentControl { tone_map_request: true, ..SegmentControl::only(40) };
/// let second = SegmentControl { count: 1, ..last };
/// assert_eq!(second.emit()?, [0x09, 0x04, 0x28]);
/// # Ok::<(), plc_core::bytes::Full>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentControl {
    /// TMR: the receiver is asked for a tone map response. Only in the last segment.
    pub tone_map_request: bool,
    /// CC: the next segment follows in the contention-free slot. In all segments but the last.
    pub contention_free: bool,
    /// CAP: sent with high priority.
    pub high_priority: bool,
    /// LSF: the last segment of its MSDU.
    pub last: bool,
    /// SC: 0 in the first segment, one more in each that follows; six bits.
    pub count: u8,
    /// SL: octets of MAC payload in this segment; ten bits.
    pub length: u16,
}

impl SegmentControl {
    /// Of an MSDU that is sent in one piece of `length` octets, with normal priority.
    pub const fn only(length: u16) -> Self {
        Self {
            tone_map_request: false,
            contention_free: false,
            high_priority: false,
            last: true,
            count: 0,
            length,
        }
    }

    /// Reads the field. The four reserved bits are ignored.
    pub fn parse(octets: [u8; LEN]) -> Result<Self, Truncated> {
        let mut bits = BitReader::new(&octets);
        bits.take(4)?;
        Ok(Self {
            tone_map_request: bits.take(1)? == 1,
            contention_free: bits.take(1)? == 1,
            high_priority: bits.take(1)? == 1,
            last: bits.take(1)? == 1,
            count: bits.take(6)? as u8,
            length: bits.take(10)? as u16,
        })
    }

    /// Writes the field. Count and length keep their low six and ten bits.
    pub fn emit(self) -> Result<[u8; LEN], Full> {
        let mut octets = [0; LEN];
        let mut bits = BitWriter::new(&mut octets);
        bits.put(0, 4)?;
        bits.put(self.tone_map_request.into(), 1)?;
        bits.put(self.contention_free.into(), 1)?;
        bits.put(self.high_priority.into(), 1)?;
        bits.put(self.last.into(), 1)?;
        bits.put(self.count.into(), 6)?;
        bits.put(self.length.into(), 10)?;
        Ok(octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Digest 12.1.
    #[test]
    fn examples_of_the_digest() {
        let only = SegmentControl::only(18);
        let cases = [
            (only, [0x01, 0x00, 0x12]),
            (
                SegmentControl { contention_free: true, last: false, ..SegmentControl::only(64) },
                [0x04, 0x00, 0x40],
            ),
            (
                SegmentControl { tone_map_request: true, count: 1, ..SegmentControl::only(40) },
                [0x09, 0x04, 0x28],
            ),
            (SegmentControl { high_priority: true, ..only }, [0x03, 0x00, 0x12]),
        ];
        for (field, octets) in cases {
            assert_eq!(field.emit(), Ok(octets));
            assert_eq!(SegmentControl::parse(octets), Ok(field));
        }
    }

    proptest! {
        #[test]
        fn every_field_comes_back(octets: [u8; LEN]) {
            let field = SegmentControl::parse(octets)?;
            let [first, second, third] = octets;
            prop_assert_eq!(field.emit()?, [first & 0x0F, second, third]);
        }
    }
}

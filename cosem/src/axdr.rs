//! A-XDR (IEC 61334-6): the encoding of COSEM data (digest 1.6).
//!
//! [`Encoder`] writes values one after another into a slice, so that an array of a thousand rows needs no tree in
//! memory. [`Data`] borrows a value from the octets that hold it; [`DataBuffer`] owns such octets.

use crate::datetime::DateTime;
use crate::obis::Obis;
use plc_core::bytes::{Full, Reader, Truncated, Writer};
use thiserror::Error;

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

/// A value, borrowed from its encoding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Data<'a> {
    /// No value.
    Null,
    /// Elements of one type.
    Array(Elements<'a>),
    /// Elements of several types.
    Structure(Elements<'a>),
    /// Truth value.
    Boolean(bool),
    /// Bits, most significant first, and how many there are.
    BitString(&'a [u8], usize),
    /// 32 bits signed.
    DoubleLong(i32),
    /// 32 bits unsigned.
    DoubleLongUnsigned(u32),
    /// Octets.
    OctetString(&'a [u8]),
    /// ASCII, which not every meter respects.
    VisibleString(&'a [u8]),
    /// UTF-8, which not every meter respects.
    Utf8String(&'a [u8]),
    /// Two decimal digits.
    Bcd(u8),
    /// 8 bits signed.
    Integer(i8),
    /// 16 bits signed.
    Long(i16),
    /// 8 bits unsigned.
    Unsigned(u8),
    /// 16 bits unsigned.
    LongUnsigned(u16),
    /// Type description and contents without tags, undecoded.
    CompactArray {
        /// The type description.
        description: &'a [u8],
        /// The contents.
        contents: &'a [u8],
    },
    /// 64 bits signed.
    Long64(i64),
    /// 64 bits unsigned.
    Long64Unsigned(u64),
    /// Enumeration.
    Enum(u8),
    /// IEEE 754 single.
    Float32(f32),
    /// IEEE 754 double.
    Float64(f64),
    /// Date and time.
    DateTime(DateTime),
    /// Year, month, day, day of week.
    Date([u8; 5]),
    /// Hour, minute, second, hundredths.
    Time([u8; 4]),
    /// A difference to an earlier value (types 28 to 33) and its tag.
    Delta(u8, i64),
    /// Matches anything.
    DontCare,
}

/// The elements of an array or structure, all of them well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elements<'a> {
    count: usize,
    bytes: &'a [u8],
    depth: u8,
}

impl<'a> Elements<'a> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Their encoding, one after another.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// All of them in order.
    pub fn iter(&self) -> ElementsIter<'a> {
        ElementsIter { reader: Reader::new(self.bytes), left: self.count, depth: self.depth }
    }

    /// The element at `index`, found by walking there.
    pub fn get(&self, index: usize) -> Option<Data<'a>> {
        self.iter().nth(index)
    }
}

impl<'a> IntoIterator for Elements<'a> {
    type Item = Data<'a>;
    type IntoIter = ElementsIter<'a>;

    fn into_iter(self) -> ElementsIter<'a> {
        self.iter()
    }
}

/// Walks over [`Elements`].
#[derive(Clone, Debug)]
pub struct ElementsIter<'a> {
    reader: Reader<'a>,
    left: usize,
    depth: u8,
}

impl<'a> Iterator for ElementsIter<'a> {
    type Item = Data<'a>;

    fn next(&mut self) -> Option<Data<'a>> {
        self.left = self.left.checked_sub(1)?;
        // Checked when the array was read.
        Data::read_at(&mut self.reader, self.depth).ok()
    }
}

impl<'a> Data<'a> {
    /// Reads a value and nothing after it.
    ///
    /// ```
    /// use cosem::axdr::Data;
    /// assert_eq!(Data::parse(&[6, 0, 0x12, 0xD6, 0x87])?, Data::DoubleLongUnsigned(1_234_567));
    /// # Ok::<(), cosem::axdr::AxdrError>(())
    /// ```
    pub fn parse(bytes: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(bytes);
        let data = Self::read(&mut reader)?;
        match reader.left() {
            0 => Ok(data),
            trailing => Err(AxdrError::Trailing(trailing)),
        }
    }

    /// Reads the next value. Arrays are checked as a whole.
    pub fn read(reader: &mut Reader<'a>) -> Result<Self, AxdrError> {
        Self::read_at(reader, 0)
    }

    /// An integer of whatever type.
    pub fn as_i64(&self) -> Option<i64> {
        Some(match *self {
            Self::Boolean(value) => i64::from(value),
            Self::DoubleLong(value) => i64::from(value),
            Self::DoubleLongUnsigned(value) => i64::from(value),
            Self::Bcd(value) => i64::from(value),
            Self::Integer(value) => i64::from(value),
            Self::Long(value) => i64::from(value),
            Self::Unsigned(value) | Self::Enum(value) => i64::from(value),
            Self::LongUnsigned(value) => i64::from(value),
            Self::Long64(value) => value,
            Self::Long64Unsigned(value) => i64::try_from(value).ok()?,
            _ => return None,
        })
    }

    /// A text or octet string.
    pub const fn as_octets(&self) -> Option<&'a [u8]> {
        match *self {
            Self::OctetString(octets) | Self::VisibleString(octets) | Self::Utf8String(octets) => {
                Some(octets)
            }
            _ => None,
        }
    }

    /// A logical name.
    pub fn as_obis(&self) -> Option<Obis> {
        self.as_octets()?.try_into().ok().map(Obis)
    }

    /// A date and time, as its own type or as the octet string most meters send.
    pub fn as_date_time(&self) -> Option<DateTime> {
        match *self {
            Self::DateTime(value) => Some(value),
            Self::OctetString(octets) => octets.try_into().ok().map(DateTime::from_bytes),
            _ => None,
        }
    }

    /// The elements of an array or structure.
    pub const fn elements(&self) -> Option<Elements<'a>> {
        match *self {
            Self::Array(elements) | Self::Structure(elements) => Some(elements),
            _ => None,
        }
    }

    /// The first `N` elements of a structure, where it has as many.
    pub fn fields<const N: usize>(&self) -> Option<[Data<'a>; N]> {
        let Self::Structure(elements) = self else { return None };
        let mut fields = [Data::Null; N];
        let mut iter = elements.iter();
        for field in &mut fields {
            *field = iter.next()?;
        }
        Some(fields)
    }

    fn read_at(reader: &mut Reader<'a>, depth: u8) -> Result<Self, AxdrError> {
        let at = reader.position();
        let tag = reader.u8()?;
        Ok(match tag {
            tag::NULL => Self::Null,
            tag::ARRAY => Self::Array(read_elements(reader, depth)?),
            tag::STRUCTURE => Self::Structure(read_elements(reader, depth)?),
            tag::BOOLEAN => Self::Boolean(reader.u8()? != 0),
            tag::BIT_STRING => {
                let bits = read_length(reader)?;
                Self::BitString(reader.take(bits.div_ceil(8))?, bits)
            }
            tag::DOUBLE_LONG => Self::DoubleLong(i32::from_be_bytes(reader.array()?)),
            tag::DOUBLE_LONG_UNSIGNED => Self::DoubleLongUnsigned(reader.u32_be()?),
            tag::OCTET_STRING => Self::OctetString(read_octets(reader)?),
            tag::VISIBLE_STRING => Self::VisibleString(read_octets(reader)?),
            tag::UTF8_STRING => Self::Utf8String(read_octets(reader)?),
            tag::BCD => Self::Bcd(reader.u8()?),
            tag::INTEGER => Self::Integer(i8::from_be_bytes(reader.array()?)),
            tag::LONG => Self::Long(i16::from_be_bytes(reader.array()?)),
            tag::UNSIGNED => Self::Unsigned(reader.u8()?),
            tag::LONG_UNSIGNED => Self::LongUnsigned(reader.u16_be()?),
            tag::COMPACT_ARRAY => {
                let mut ahead = reader.clone();
                skip_type_description(&mut ahead, depth)?;
                let description = reader.take(ahead.position() - reader.position())?;
                Self::CompactArray { description, contents: read_octets(reader)? }
            }
            tag::LONG64 => Self::Long64(i64::from_be_bytes(reader.array()?)),
            tag::LONG64_UNSIGNED => Self::Long64Unsigned(u64::from_be_bytes(reader.array()?)),
            tag::ENUM => Self::Enum(reader.u8()?),
            tag::FLOAT32 => Self::Float32(f32::from_be_bytes(reader.array()?)),
            tag::FLOAT64 => Self::Float64(f64::from_be_bytes(reader.array()?)),
            tag::DATE_TIME => Self::DateTime(DateTime::from_bytes(reader.array()?)),
            tag::DATE => Self::Date(reader.array()?),
            tag::TIME => Self::Time(reader.array()?),
            tag::DELTA_INTEGER => Self::Delta(tag, i64::from(i8::from_be_bytes(reader.array()?))),
            tag::DELTA_LONG => Self::Delta(tag, i64::from(i16::from_be_bytes(reader.array()?))),
            tag::DELTA_DOUBLE_LONG => Self::Delta(tag, i64::from(i32::from_be_bytes(reader.array()?))),
            tag::DELTA_UNSIGNED => Self::Delta(tag, i64::from(reader.u8()?)),
            tag::DELTA_LONG_UNSIGNED => Self::Delta(tag, i64::from(reader.u16_be()?)),
            tag::DELTA_DOUBLE_LONG_UNSIGNED => Self::Delta(tag, i64::from(reader.u32_be()?)),
            tag::DONT_CARE => Self::DontCare,
            tag => return Err(AxdrError::Tag { tag, at }),
        })
    }
}

fn read_elements<'a>(reader: &mut Reader<'a>, depth: u8) -> Result<Elements<'a>, AxdrError> {
    if depth >= MAX_DEPTH {
        return Err(AxdrError::Depth(reader.position()));
    }
    let count = read_length(reader)?;
    let mut ahead = reader.clone();
    // Each element takes an octet at least, so this ends with the octets whatever the count says.
    for _ in 0..count {
        skip(&mut ahead, depth + 1)?;
    }
    let bytes = reader.take(ahead.position() - reader.position())?;
    Ok(Elements { count, bytes, depth: depth + 1 })
}

/// Steps over a value without building it: each octet is visited once, however deep the nesting.
fn skip(reader: &mut Reader<'_>, depth: u8) -> Result<(), AxdrError> {
    let mut ahead = reader.clone();
    match ahead.u8()? {
        tag::ARRAY | tag::STRUCTURE => {
            if depth >= MAX_DEPTH {
                return Err(AxdrError::Depth(reader.position()));
            }
            for _ in 0..read_length(&mut ahead)? {
                skip(&mut ahead, depth + 1)?;
            }
            *reader = ahead;
        }
        _ => {
            Data::read_at(reader, depth)?;
        }
    }
    Ok(())
}

/// A compact array's type: a tag, and for an array count and type, for a structure the number of types and these.
fn skip_type_description(reader: &mut Reader<'_>, depth: u8) -> Result<(), AxdrError> {
    if depth >= MAX_DEPTH {
        return Err(AxdrError::Depth(reader.position()));
    }
    match reader.u8()? {
        tag::ARRAY => {
            reader.u16_be()?;
            skip_type_description(reader, depth + 1)
        }
        tag::STRUCTURE => {
            (0..read_length(reader)?).try_for_each(|_| skip_type_description(reader, depth + 1))
        }
        _ => Ok(()),
    }
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

/// Writes values one after another into a slice.
///
/// ```
/// use cosem::axdr::{Data, Encoder};
/// let mut room = [0; 16];
/// let mut encoder = Encoder::new(&mut room);
/// encoder.structure(2)?;
/// encoder.u32(1_234_567)?;
/// encoder.u8(0)?;
/// let encoded = encoder.written();
/// assert_eq!(Data::parse(encoded).map(|data| data.fields()), Ok(Some([Data::DoubleLongUnsigned(1_234_567), Data::Unsigned(0)])));
/// # Ok::<(), plc_core::bytes::Full>(())
/// ```
#[derive(Debug)]
pub struct Encoder<'a> {
    writer: Writer<'a>,
}

impl<'a> Encoder<'a> {
    /// Starts at the first octet.
    pub fn new(room: &'a mut [u8]) -> Self {
        Self { writer: Writer::new(room) }
    }

    /// Octets written so far.
    pub fn len(&self) -> usize {
        self.writer.position()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was written.
    pub fn written(self) -> &'a mut [u8] {
        self.writer.written()
    }

    /// Appends octets that are encoded already.
    pub fn raw(&mut self, encoded: &[u8]) -> Result<(), Full> {
        self.writer.put(encoded)
    }

    /// What it writes to.
    pub(crate) const fn writer(&mut self) -> &mut Writer<'a> {
        &mut self.writer
    }

    /// Appends a length without a type, as lists of services have it.
    pub(crate) fn length(&mut self, length: usize) -> Result<(), Full> {
        write_length(&mut self.writer, length)
    }

    /// No value.
    pub fn null(&mut self) -> Result<(), Full> {
        self.writer.u8(tag::NULL)
    }

    /// The head of an array; `count` values have to follow.
    pub fn array(&mut self, count: usize) -> Result<(), Full> {
        self.writer.u8(tag::ARRAY)?;
        write_length(&mut self.writer, count)
    }

    /// The head of a structure; `count` values have to follow.
    pub fn structure(&mut self, count: usize) -> Result<(), Full> {
        self.writer.u8(tag::STRUCTURE)?;
        write_length(&mut self.writer, count)
    }

    /// boolean.
    pub fn bool(&mut self, value: bool) -> Result<(), Full> {
        self.writer.put(&[tag::BOOLEAN, u8::from(value)])
    }

    /// bit-string of `bits` bits.
    pub fn bit_string(&mut self, octets: &[u8], bits: usize) -> Result<(), Full> {
        self.writer.u8(tag::BIT_STRING)?;
        write_length(&mut self.writer, bits)?;
        self.writer.put(octets)
    }

    /// integer.
    pub fn i8(&mut self, value: i8) -> Result<(), Full> {
        self.tagged(tag::INTEGER, &value.to_be_bytes())
    }

    /// long.
    pub fn i16(&mut self, value: i16) -> Result<(), Full> {
        self.tagged(tag::LONG, &value.to_be_bytes())
    }

    /// double-long.
    pub fn i32(&mut self, value: i32) -> Result<(), Full> {
        self.tagged(tag::DOUBLE_LONG, &value.to_be_bytes())
    }

    /// long64.
    pub fn i64(&mut self, value: i64) -> Result<(), Full> {
        self.tagged(tag::LONG64, &value.to_be_bytes())
    }

    /// unsigned.
    pub fn u8(&mut self, value: u8) -> Result<(), Full> {
        self.tagged(tag::UNSIGNED, &value.to_be_bytes())
    }

    /// long-unsigned.
    pub fn u16(&mut self, value: u16) -> Result<(), Full> {
        self.tagged(tag::LONG_UNSIGNED, &value.to_be_bytes())
    }

    /// double-long-unsigned.
    pub fn u32(&mut self, value: u32) -> Result<(), Full> {
        self.tagged(tag::DOUBLE_LONG_UNSIGNED, &value.to_be_bytes())
    }

    /// long64-unsigned.
    pub fn u64(&mut self, value: u64) -> Result<(), Full> {
        self.tagged(tag::LONG64_UNSIGNED, &value.to_be_bytes())
    }

    /// enum.
    pub fn enumeration(&mut self, value: u8) -> Result<(), Full> {
        self.tagged(tag::ENUM, &[value])
    }

    /// octet-string.
    pub fn octets(&mut self, octets: &[u8]) -> Result<(), Full> {
        self.string(tag::OCTET_STRING, octets)
    }

    /// visible-string.
    pub fn visible(&mut self, text: &str) -> Result<(), Full> {
        self.string(tag::VISIBLE_STRING, text.as_bytes())
    }

    /// A logical name, as octet-string.
    pub fn obis(&mut self, name: Obis) -> Result<(), Full> {
        self.octets(&name.0)
    }

    /// Date and time as octet-string, the form attributes of the interface classes have.
    pub fn date_time(&mut self, time: DateTime) -> Result<(), Full> {
        self.octets(&time.to_bytes())
    }

    /// A value again as it was read.
    pub fn data(&mut self, data: &Data<'_>) -> Result<(), Full> {
        match *data {
            Data::Null => self.null(),
            Data::Array(elements) => {
                self.array(elements.len())?;
                self.raw(elements.bytes())
            }
            Data::Structure(elements) => {
                self.structure(elements.len())?;
                self.raw(elements.bytes())
            }
            Data::Boolean(value) => self.bool(value),
            Data::BitString(octets, bits) => self.bit_string(octets, bits),
            Data::DoubleLong(value) => self.i32(value),
            Data::DoubleLongUnsigned(value) => self.u32(value),
            Data::OctetString(octets) => self.octets(octets),
            Data::VisibleString(octets) => self.string(tag::VISIBLE_STRING, octets),
            Data::Utf8String(octets) => self.string(tag::UTF8_STRING, octets),
            Data::Bcd(value) => self.tagged(tag::BCD, &[value]),
            Data::Integer(value) => self.i8(value),
            Data::Long(value) => self.i16(value),
            Data::Unsigned(value) => self.u8(value),
            Data::LongUnsigned(value) => self.u16(value),
            Data::CompactArray { description, contents } => {
                self.tagged(tag::COMPACT_ARRAY, description)?;
                write_length(&mut self.writer, contents.len())?;
                self.raw(contents)
            }
            Data::Long64(value) => self.i64(value),
            Data::Long64Unsigned(value) => self.u64(value),
            Data::Enum(value) => self.enumeration(value),
            Data::Float32(value) => self.tagged(tag::FLOAT32, &value.to_be_bytes()),
            Data::Float64(value) => self.tagged(tag::FLOAT64, &value.to_be_bytes()),
            Data::DateTime(value) => self.tagged(tag::DATE_TIME, &value.to_bytes()),
            Data::Date(value) => self.tagged(tag::DATE, &value),
            Data::Time(value) => self.tagged(tag::TIME, &value),
            Data::Delta(delta, value) => {
                let octets = match delta {
                    tag::DELTA_INTEGER | tag::DELTA_UNSIGNED => 1,
                    tag::DELTA_LONG | tag::DELTA_LONG_UNSIGNED => 2,
                    _ => 4,
                };
                self.tagged(delta, value.to_be_bytes().get(8 - octets..).unwrap_or_default())
            }
            Data::DontCare => self.writer.u8(tag::DONT_CARE),
        }
    }

    fn tagged(&mut self, tag: u8, octets: &[u8]) -> Result<(), Full> {
        self.writer.u8(tag)?;
        self.writer.put(octets)
    }

    fn string(&mut self, tag: u8, octets: &[u8]) -> Result<(), Full> {
        self.writer.u8(tag)?;
        write_length(&mut self.writer, octets.len())?;
        self.writer.put(octets)
    }
}

/// A value that owns its encoding, of at most `N` octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataBuffer<const N: usize> {
    encoded: heapless::Vec<u8, N>,
}

impl<const N: usize> DataBuffer<N> {
    /// Copies a value.
    pub fn of(data: &Data<'_>) -> Result<Self, Full> {
        let mut room = [0; N];
        let mut encoder = Encoder::new(&mut room);
        encoder.data(data)?;
        let written = encoder.written();
        let full = Full { at: 0, needed: written.len(), left: N };
        heapless::Vec::from_slice(written).map(|encoded| Self { encoded }).map_err(|_| full)
    }

    /// The value.
    pub fn data(&self) -> Data<'_> {
        // Encoded by `of`, which only writes what can be read.
        Data::parse(&self.encoded).unwrap_or(Data::Null)
    }

    /// The encoding.
    pub fn encoded(&self) -> &[u8] {
        &self.encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn any_octets_are_a_value_or_an_error(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(data) = Data::parse(&octets) {
                let mut room = [0; 400];
                let mut encoder = Encoder::new(&mut room);
                encoder.data(&data)?;
                let again = encoder.written();
                // Lengths have several encodings and booleans many, so values are compared by a second encoding.
                let mut second = [0; 400];
                let mut encoder = Encoder::new(&mut second);
                encoder.data(&Data::parse(again)?)?;
                prop_assert_eq!(&*encoder.written(), &*again);
            }
        }

        #[test]
        fn values_come_back(value in encoded_value()) {
            let data = Data::parse(&value)?;
            let mut room = [0; 4096];
            let mut encoder = Encoder::new(&mut room);
            encoder.data(&data)?;
            prop_assert_eq!(&*encoder.written(), &value[..]);
            for cut in 0..value.len() {
                prop_assert!(Data::parse(&value[..cut]).is_err(), "cut at {}", cut);
            }
        }

        #[test]
        fn lengths_come_back(length in 0_usize..0x1_0000_0000) {
            let mut room = [0; 5];
            let mut writer = Writer::new(&mut room);
            write_length(&mut writer, length)?;
            prop_assert_eq!(writer.position(), length_of_length(length));
            prop_assert_eq!(read_length(&mut Reader::new(writer.written()))?, length);
        }
    }

    /// Encodings of every type, nested.
    fn encoded_value() -> impl Strategy<Value = Vec<u8>> {
        let fixed = (any::<[u8; 12]>(), 0_usize..24).prop_map(|(octets, which)| {
            let types = [
                (0, 0),
                (3, 0),
                (5, 4),
                (6, 4),
                (13, 1),
                (15, 1),
                (16, 2),
                (17, 1),
                (18, 2),
                (20, 8),
                (21, 8),
                (22, 1),
                (23, 4),
                (24, 8),
                (25, 12),
                (26, 5),
                (27, 4),
                (28, 1),
                (29, 2),
                (30, 4),
                (31, 1),
                (32, 2),
                (33, 4),
                (255, 0),
            ];
            let (tag, size) = types[which];
            let mut value = std::vec![tag];
            value.extend(&octets[..size]);
            if tag == tag::BOOLEAN {
                value.push(octets[0] & 1);
            }
            value
        });
        let strings =
            (prop_oneof![Just(9_u8), Just(10), Just(12)], proptest::collection::vec(any::<u8>(), 0..200))
                .prop_map(|(tag, octets)| {
                    let mut room = [0; 300];
                    let mut encoder = Encoder::new(&mut room);
                    encoder.string(tag, &octets).unwrap();
                    encoder.written().to_vec()
                });
        let leaf = prop_oneof![
            fixed,
            strings,
            Just(std::vec![4, 9, 0xFF, 0x80]),
            Just(std::vec![19, 2, 2, 6, 17, 2, 1, 2])
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            (1_u8..=2, proptest::collection::vec(inner, 0..6)).prop_map(|(tag, elements)| {
                let mut value = std::vec![tag, elements.len() as u8];
                value.extend(elements.concat());
                value
            })
        })
    }

    #[test]
    fn nesting_is_bounded() {
        let mut deep = [[1, 1]; 60].concat();
        deep.push(0);
        assert!(matches!(Data::parse(&deep), Err(AxdrError::Depth(_))));
    }

    #[test]
    fn elements_are_walked_and_picked() {
        let data = Data::parse(&[2, 3, 17, 5, 9, 6, 1, 0, 1, 8, 0, 255, 0]).unwrap();
        let elements = data.elements().unwrap();
        assert_eq!(elements.get(1).and_then(|name| name.as_obis()), Some(Obis::new(1, 0, 1, 8, 0, 255)));
        assert_eq!(elements.iter().count(), 3);
        assert_eq!(data.fields::<4>(), None);
        assert_eq!(DataBuffer::<16>::of(&data).unwrap().data(), data);
    }
}

//! Values, borrowed from their encoding.

use super::{AxdrError, MAX_DEPTH, read_length, read_octets, tag};
use crate::datetime::DateTime;
use crate::obis::Obis;
use plc_core::bytes::Reader;

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

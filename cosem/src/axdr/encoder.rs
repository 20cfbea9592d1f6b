//! Writing values, and keeping one that was written.

use super::{Data, tag, write_length};
use crate::datetime::DateTime;
use crate::obis::Obis;
use plc_core::bytes::{Full, Writer};

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

    pub(super) fn string(&mut self, tag: u8, octets: &[u8]) -> Result<(), Full> {
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

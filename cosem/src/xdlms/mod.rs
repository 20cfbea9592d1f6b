//! xDLMS: InitiateRequest and -Response, service bodies and result codes (digest 1.2, 1.4, 1.5).

mod initiate;
mod results;

use crate::axdr::{AxdrError, Data, read_length, read_octets};
use crate::obis::Obis;
use core::fmt;
use plc_core::bytes::{Full, Reader, Truncated, Writer};
use thiserror::Error;

pub use initiate::{Conformance, DLMS_VERSION, InitiateRequest, InitiateResponse};
pub use results::{DataAccessError, ServiceException};

/// Tags of APDUs.
pub mod tag {
    #![allow(missing_docs)]
    pub const INITIATE_REQUEST: u8 = 0x01;
    pub const INITIATE_RESPONSE: u8 = 0x08;
    pub const CONFIRMED_SERVICE_ERROR: u8 = 0x0E;
    pub const GLO_INITIATE_REQUEST: u8 = 0x21;
    pub const GLO_INITIATE_RESPONSE: u8 = 0x28;
    pub const GET_REQUEST: u8 = 0xC0;
    pub const SET_REQUEST: u8 = 0xC1;
    pub const ACTION_REQUEST: u8 = 0xC3;
    pub const GET_RESPONSE: u8 = 0xC4;
    pub const SET_RESPONSE: u8 = 0xC5;
    pub const ACTION_RESPONSE: u8 = 0xC7;
    pub const GLO_GET_REQUEST: u8 = 0xC8;
    pub const GLO_SET_REQUEST: u8 = 0xC9;
    pub const GLO_ACTION_REQUEST: u8 = 0xCB;
    pub const GLO_GET_RESPONSE: u8 = 0xCC;
    pub const GLO_SET_RESPONSE: u8 = 0xCD;
    pub const GLO_ACTION_RESPONSE: u8 = 0xCF;
    pub const EXCEPTION_RESPONSE: u8 = 0xD8;
    pub const GENERAL_GLO_CIPHERING: u8 = 0xDB;
}

/// The glo-ciphered form of a plain service's tag, where it has one.
pub const fn glo_of(plain: u8) -> Option<u8> {
    match plain {
        tag::INITIATE_REQUEST | tag::INITIATE_RESPONSE => Some(plain | 0x20),
        tag::GET_REQUEST..=tag::ACTION_RESPONSE => Some(plain | 0x08),
        _ => None,
    }
}

/// Whether a tag is a glo-ciphered service.
pub const fn is_glo(ciphered: u8) -> bool {
    matches!(ciphered, 0xC8..=0xCF)
}

/// Why octets are no service of xDLMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ApduError {
    /// They end too early.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// A value in them is none.
    #[error(transparent)]
    Data(#[from] AxdrError),
    /// No service has this tag, or it is not one to be expected here.
    #[error("APDU with tag {0:#04x} is not expected here")]
    Tag(u8),
    /// The service has no such choice, or it is not supported.
    #[error("choice {choice} of service {tag:#04x} is not supported")]
    Choice {
        /// Tag of the service.
        tag: u8,
        /// The choice.
        choice: u8,
    },
    /// A field has a value it cannot have.
    #[error("malformed field at octet {0}")]
    Malformed(usize),
    /// Octets after the APDU.
    #[error("{0} octets after the APDU")]
    Trailing(usize),
}

pub(crate) fn finished<T>(reader: &Reader<'_>, value: T) -> Result<T, ApduError> {
    match reader.left() {
        0 => Ok(value),
        trailing => Err(ApduError::Trailing(trailing)),
    }
}

fn expect_tag(reader: &mut Reader<'_>, wanted: u8) -> Result<(), ApduError> {
    match reader.u8()? {
        tag if tag == wanted => Ok(()),
        tag => Err(ApduError::Tag(tag)),
    }
}

/// An OPTIONAL or DEFAULT field's flag.
pub(crate) fn flag(reader: &mut Reader<'_>) -> Result<bool, ApduError> {
    let at = reader.position();
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(ApduError::Malformed(at)),
    }
}

/// Invoke-id-and-priority octet: identifier 0 to 15, confirmed (0x40), high priority (0x80).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InvokeId(pub u8);

impl InvokeId {
    /// The identifier without the flags.
    pub const fn id(self) -> u8 {
        self.0 & 0x0F
    }
}

/// An attribute of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttributeDescriptor {
    /// Interface class.
    pub class_id: u16,
    /// Logical name of the object.
    pub name: Obis,
    /// Attribute, from 1.
    pub attribute: i8,
}

impl AttributeDescriptor {
    /// Attribute `attribute` of object `name`.
    pub const fn new(class_id: u16, name: Obis, attribute: i8) -> Self {
        Self { class_id, name, attribute }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ApduError> {
        let class_id = reader.u16_be()?;
        let name = Obis(reader.array()?);
        Ok(Self { class_id, name, attribute: i8::from_be_bytes(reader.array()?) })
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        writer.u16_be(self.class_id)?;
        writer.put(&self.name.0)?;
        writer.put(&self.attribute.to_be_bytes())
    }
}

impl fmt::Display for AttributeDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.class_id, self.name, self.attribute)
    }
}

/// A method of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MethodDescriptor {
    /// Interface class.
    pub class_id: u16,
    /// Logical name of the object.
    pub name: Obis,
    /// Method, from 1.
    pub method: i8,
}

impl MethodDescriptor {
    /// Method `method` of object `name`.
    pub const fn new(class_id: u16, name: Obis, method: i8) -> Self {
        Self { class_id, name, method }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ApduError> {
        let AttributeDescriptor { class_id, name, attribute } = AttributeDescriptor::read(reader)?;
        Ok(Self { class_id, name, method: attribute })
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        AttributeDescriptor::new(self.class_id, self.name, self.method).write(writer)
    }
}

/// A selector and its parameters, which choose a part of an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SelectiveAccess<'a> {
    /// Selector, as the class defines it.
    pub selector: u8,
    /// Parameters.
    pub parameters: Data<'a>,
}

impl<'a> SelectiveAccess<'a> {
    pub(crate) fn read_optional(reader: &mut Reader<'a>) -> Result<Option<Self>, ApduError> {
        if !flag(reader)? {
            return Ok(None);
        }
        Ok(Some(Self { selector: reader.u8()?, parameters: Data::read(reader)? }))
    }
}

/// A part of a long value: whether it is the last, its number from 1 and the octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// No block follows.
    pub last: bool,
    /// Number, from 1.
    pub number: u32,
    /// Octets of the value.
    pub octets: &'a [u8],
}

impl<'a> Block<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, ApduError> {
        Ok(Self { last: reader.u8()? != 0, number: reader.u32_be()?, octets: read_octets(reader)? })
    }
}

/// The items of a list, one after another; all of them were checked when the list was read.
#[derive(Clone, Debug)]
pub(crate) struct Items<'a> {
    pub(crate) count: usize,
    pub(crate) reader: Reader<'a>,
}

impl<'a> Items<'a> {
    /// Reads a count, then `count` items with `item`.
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        mut item: impl FnMut(&mut Reader<'a>) -> Result<(), ApduError>,
    ) -> Result<Self, ApduError> {
        let count = read_length(reader)?;
        let mut ahead = reader.clone();
        for _ in 0..count {
            item(&mut ahead)?;
        }
        let octets = reader.take(ahead.position() - reader.position())?;
        Ok(Self { count, reader: Reader::new(octets) })
    }
}

//! xDLMS: InitiateRequest and -Response, service bodies and result codes (digest 1.2, 1.4, 1.5).

use crate::axdr::{AxdrError, Data, read_length, read_octets, write_length};
use crate::obis::Obis;
use core::fmt;
use core::ops::BitAnd;
use plc_core::bytes::{Full, Reader, Truncated, Writer};
use thiserror::Error;

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

/// The DLMS version spoken.
pub const DLMS_VERSION: u8 = 6;
/// Name of the virtual application association with logical names.
const VAA_NAME: u16 = 0x0007;

/// What client and server are able to do: 24 bits, bit 0 is the most significant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conformance(pub u32);

impl Conformance {
    /// general-glo-ciphering and its like.
    pub const GENERAL_PROTECTION: Self = Self::bit(1);
    /// Long answers to GET in blocks.
    pub const BLOCK_GET: Self = Self::bit(11);
    /// Long values of SET in blocks.
    pub const BLOCK_SET: Self = Self::bit(12);
    /// Several references in a request.
    pub const MULTIPLE_REFERENCES: Self = Self::bit(14);
    /// GET.
    pub const GET: Self = Self::bit(19);
    /// SET.
    pub const SET: Self = Self::bit(20);
    /// Selective access.
    pub const SELECTIVE_ACCESS: Self = Self::bit(21);
    /// ACTION.
    pub const ACTION: Self = Self::bit(23);

    const fn bit(bit: u32) -> Self {
        Self(1 << (23 - bit))
    }

    /// Both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The three octets.
    pub const fn to_bytes(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ApduError> {
        let at = reader.position();
        // [APPLICATION 31] IMPLICIT BIT STRING of 24 bits; some clients leave out the second tag octet.
        if reader.u8()? != 0x5F {
            return Err(ApduError::Malformed(at));
        }
        let mut length = reader.u8()?;
        if length == 0x1F {
            length = reader.u8()?;
        }
        let [unused, a, b, c] = reader.array()?;
        if length != 4 || unused != 0 {
            return Err(ApduError::Malformed(at));
        }
        Ok(Self(u32::from_be_bytes([0, a, b, c])))
    }

    fn write(self, writer: &mut Writer<'_>) -> Result<(), Full> {
        writer.put(&[0x5F, 0x1F, 4, 0])?;
        writer.put(&self.to_bytes())
    }
}

impl BitAnd for Conformance {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
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

/// What a client proposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitiateRequest<'a> {
    /// Key for this association only.
    pub dedicated_key: Option<&'a [u8]>,
    /// DLMS version; 6.
    pub version: u8,
    /// What the client can do.
    pub conformance: Conformance,
    /// Longest APDU the client receives; 0 is unlimited.
    pub max_pdu: u16,
}

impl<'a> InitiateRequest<'a> {
    /// Reads it.
    pub fn parse(apdu: &'a [u8]) -> Result<Self, ApduError> {
        let mut reader = Reader::new(apdu);
        expect_tag(&mut reader, tag::INITIATE_REQUEST)?;
        let dedicated_key = if flag(&mut reader)? { Some(read_octets(&mut reader)?) } else { None };
        if flag(&mut reader)? {
            // response-allowed: who asks for no response gets one all the same.
            reader.u8()?;
        }
        if flag(&mut reader)? {
            // Quality of service means nothing here.
            reader.u8()?;
        }
        let version = reader.u8()?;
        let conformance = Conformance::read(&mut reader)?;
        let max_pdu = reader.u16_be()?;
        finished(&reader, Self { dedicated_key, version, conformance, max_pdu })
    }

    /// Appends it.
    pub fn emit(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        writer.u8(tag::INITIATE_REQUEST)?;
        match self.dedicated_key {
            None => writer.u8(0)?,
            Some(key) => {
                writer.u8(1)?;
                write_length(writer, key.len())?;
                writer.put(key)?;
            }
        }
        writer.put(&[0, 0, self.version])?;
        self.conformance.write(writer)?;
        writer.u16_be(self.max_pdu)
    }
}

/// What a server agrees to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitiateResponse {
    /// DLMS version; 6.
    pub version: u8,
    /// What both can do.
    pub conformance: Conformance,
    /// Longest APDU the server receives; 0 is unlimited.
    pub max_pdu: u16,
}

impl InitiateResponse {
    /// Reads it.
    pub fn parse(apdu: &[u8]) -> Result<Self, ApduError> {
        let mut reader = Reader::new(apdu);
        expect_tag(&mut reader, tag::INITIATE_RESPONSE)?;
        if flag(&mut reader)? {
            reader.u8()?;
        }
        let version = reader.u8()?;
        let conformance = Conformance::read(&mut reader)?;
        let max_pdu = reader.u16_be()?;
        // The name of the association's object says nothing with logical names.
        reader.u16_be()?;
        finished(&reader, Self { version, conformance, max_pdu })
    }

    /// Appends it.
    pub fn emit(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        writer.put(&[tag::INITIATE_RESPONSE, 0, self.version])?;
        self.conformance.write(writer)?;
        writer.u16_be(self.max_pdu)?;
        writer.u16_be(VAA_NAME)
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

/// Outcome of GET and SET (data-access-result).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum DataAccessError {
    /// 1
    #[error("hardware fault")]
    HardwareFault,
    /// 2
    #[error("temporary failure")]
    TemporaryFailure,
    /// 3
    #[error("read-write denied")]
    ReadWriteDenied,
    /// 4
    #[error("object undefined")]
    ObjectUndefined,
    /// 9
    #[error("object class inconsistent")]
    ObjectClassInconsistent,
    /// 11
    #[error("object unavailable")]
    ObjectUnavailable,
    /// 12
    #[error("type unmatched")]
    TypeUnmatched,
    /// 13
    #[error("scope of access violated")]
    ScopeOfAccessViolated,
    /// 14
    #[error("data block unavailable")]
    DataBlockUnavailable,
    /// 15
    #[error("long GET aborted")]
    LongGetAborted,
    /// 16
    #[error("no long GET in progress")]
    NoLongGetInProgress,
    /// 17
    #[error("long SET aborted")]
    LongSetAborted,
    /// 18
    #[error("no long SET in progress")]
    NoLongSetInProgress,
    /// 19
    #[error("data block number invalid")]
    DataBlockNumberInvalid,
    /// 250
    #[error("other reason")]
    OtherReason,
    /// A code the standard does not have.
    #[error("data access result {0}")]
    Unknown(u8),
}

/// Codes of data-access-result in the standard's order.
const DATA_ACCESS_CODES: [(u8, DataAccessError); 15] = [
    (1, DataAccessError::HardwareFault),
    (2, DataAccessError::TemporaryFailure),
    (3, DataAccessError::ReadWriteDenied),
    (4, DataAccessError::ObjectUndefined),
    (9, DataAccessError::ObjectClassInconsistent),
    (11, DataAccessError::ObjectUnavailable),
    (12, DataAccessError::TypeUnmatched),
    (13, DataAccessError::ScopeOfAccessViolated),
    (14, DataAccessError::DataBlockUnavailable),
    (15, DataAccessError::LongGetAborted),
    (16, DataAccessError::NoLongGetInProgress),
    (17, DataAccessError::LongSetAborted),
    (18, DataAccessError::NoLongSetInProgress),
    (19, DataAccessError::DataBlockNumberInvalid),
    (250, DataAccessError::OtherReason),
];

impl DataAccessError {
    /// The code of the standard. Action results use the same numbers.
    pub fn code(self) -> u8 {
        match self {
            Self::Unknown(code) => code,
            known => {
                DATA_ACCESS_CODES.iter().find(|(_, error)| *error == known).map_or(250, |(code, _)| *code)
            }
        }
    }

    /// The error of a code; `Ok` for 0, success.
    pub fn from_code(code: u8) -> Result<(), Self> {
        if code == 0 {
            return Ok(());
        }
        Err(DATA_ACCESS_CODES
            .iter()
            .find(|(known, _)| *known == code)
            .map_or(Self::Unknown(code), |(_, error)| *error))
    }
}

/// A value that does not fit into the room for one is none the client can be given.
impl From<Full> for DataAccessError {
    fn from(_: Full) -> Self {
        Self::OtherReason
    }
}

/// What an exception-response says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ServiceException {
    /// The association does not allow the service now.
    #[error("service not allowed: operation not possible")]
    NotPossible,
    /// The service is not known or not supported.
    #[error("service unknown or not supported")]
    NotSupported,
    /// Another reason.
    #[error("service failed for another reason")]
    OtherReason,
    /// The request is too long.
    #[error("PDU too long")]
    PduTooLong,
    /// Protection could not be removed, or was missing.
    #[error("deciphering error")]
    Deciphering,
    /// The invocation counter was used before; the next one that will be accepted.
    #[error("invocation counter error, {0} expected")]
    InvocationCounter(u32),
    /// State and error the standard does not have.
    #[error("exception with state {0} and error {1}")]
    Unknown(u8, u8),
}

impl ServiceException {
    /// Writes the exception-response.
    pub fn emit(self, writer: &mut Writer<'_>) -> Result<(), Full> {
        writer.u8(tag::EXCEPTION_RESPONSE)?;
        match self {
            Self::NotPossible => writer.put(&[1, 1]),
            Self::NotSupported => writer.put(&[2, 2]),
            Self::OtherReason => writer.put(&[1, 3]),
            Self::PduTooLong => writer.put(&[1, 4]),
            Self::Deciphering => writer.put(&[1, 5]),
            Self::InvocationCounter(expected) => {
                writer.put(&[1, 6])?;
                writer.u32_be(expected)
            }
            Self::Unknown(state, error) => writer.put(&[state, error]),
        }
    }

    /// Reads an exception-response.
    pub fn parse(apdu: &[u8]) -> Result<Self, ApduError> {
        let mut reader = Reader::new(apdu);
        expect_tag(&mut reader, tag::EXCEPTION_RESPONSE)?;
        let state = reader.u8()?;
        let exception = match (state, reader.u8()?) {
            (1, 1) => Self::NotPossible,
            (_, 2) => Self::NotSupported,
            (1, 3) => Self::OtherReason,
            (1, 4) => Self::PduTooLong,
            (1, 5) => Self::Deciphering,
            (1, 6) => Self::InvocationCounter(reader.u32_be()?),
            (state, error) => Self::Unknown(state, error),
        };
        finished(&reader, exception)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn initiates_come_back(conformance in 0_u32..1 << 24, max_pdu: u16, key: Option<[u8; 16]>) {
            let conformance = Conformance(conformance);
            let request = InitiateRequest { dedicated_key: key.as_ref().map(|key| &key[..]), version: 6, conformance, max_pdu };
            let mut room = [0; 40];
            let mut writer = Writer::new(&mut room);
            request.emit(&mut writer)?;
            let octets = writer.written();
            prop_assert_eq!(InitiateRequest::parse(octets)?, request);
            for cut in 0..octets.len() {
                prop_assert!(InitiateRequest::parse(&octets[..cut]).is_err());
            }
            let response = InitiateResponse { version: 6, conformance, max_pdu };
            let mut writer = Writer::new(&mut room);
            response.emit(&mut writer)?;
            prop_assert_eq!(InitiateResponse::parse(writer.written())?, response);
        }

        #[test]
        fn any_octets_are_an_apdu_or_an_error(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = (InitiateRequest::parse(&octets), InitiateResponse::parse(&octets), ServiceException::parse(&octets));
        }

        #[test]
        fn result_codes_come_back(code: u8) {
            let back = DataAccessError::from_code(code).map_or_else(DataAccessError::code, |()| 0);
            prop_assert_eq!(back, code);
        }
    }

    #[test]
    fn the_conformance_of_a_recorded_client() {
        let octets = hex("01000000065f1f0400401e5dffff");
        let request = InitiateRequest::parse(&octets).unwrap();
        assert!(request.conformance.has(Conformance::GET.with(Conformance::SET).with(Conformance::ACTION)));
        assert!(request.conformance.has(Conformance::GENERAL_PROTECTION));
        assert_eq!(request.max_pdu, 65535);
    }

    #[test]
    fn exceptions_come_back() {
        for exception in [
            ServiceException::NotPossible,
            ServiceException::NotSupported,
            ServiceException::PduTooLong,
            ServiceException::Deciphering,
            ServiceException::InvocationCounter(0x0102_0304),
        ] {
            let mut room = [0; 8];
            let mut writer = Writer::new(&mut room);
            exception.emit(&mut writer).unwrap();
            assert_eq!(ServiceException::parse(writer.written()), Ok(exception));
        }
    }
}

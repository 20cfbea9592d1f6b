//! What services answer when they fail.

use super::{ApduError, expect_tag, finished, tag};
use plc_core::bytes::{Full, Reader, Writer};
use thiserror::Error;

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_octets_are_an_apdu_or_an_error(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = ServiceException::parse(&octets);
        }

        #[test]
        fn result_codes_come_back(code: u8) {
            let back = DataAccessError::from_code(code).map_or_else(DataAccessError::code, |()| 0);
            prop_assert_eq!(back, code);
        }
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

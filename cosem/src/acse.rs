//! Association control: AARQ, AARE, RLRQ and RLRE in BER (digest 1.2).

use crate::security::SystemTitle;
use crate::slices::shift;
use plc_core::bytes::{Full, Reader, Truncated, Writer};
use thiserror::Error;

/// Longest challenge of high level security.
pub const MAX_CHALLENGE_LEN: usize = 64;
/// Shortest challenge.
pub const MIN_CHALLENGE_LEN: usize = 8;

/// Tag of an AARQ.
pub const AARQ: u8 = 0x60;
/// Tag of an AARE.
pub const AARE: u8 = 0x61;
/// Tag of an RLRQ.
pub const RLRQ: u8 = 0x62;
/// Tag of an RLRE.
pub const RLRE: u8 = 0x63;

/// 2.16.756.5.8, the arc of the DLMS UA.
const OID_PREFIX: [u8; 5] = [0x60, 0x85, 0x74, 0x05, 0x08];

/// Application context: addressing and ciphering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApplicationContext(pub u8);

impl ApplicationContext {
    /// Logical names, no ciphering.
    pub const LOGICAL_NAMES: Self = Self(1);
    /// Logical names, ciphered APDUs.
    pub const LOGICAL_NAMES_CIPHERED: Self = Self(3);
}

/// Authentication mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mechanism(pub u8);

impl Mechanism {
    /// No authentication.
    pub const NONE: Self = Self(0);
    /// High level security with GMAC.
    pub const HLS_GMAC: Self = Self(5);
}

/// Outcome of an association request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssociationResult(pub u8);

impl AssociationResult {
    /// Accepted.
    pub const ACCEPTED: Self = Self(0);
    /// Rejected, do not try again.
    pub const REJECTED_PERMANENT: Self = Self(1);
    /// Rejected for now.
    pub const REJECTED_TRANSIENT: Self = Self(2);
}

/// Why an association is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diagnostic {
    /// From the service user.
    User(u8),
    /// From the service provider.
    Provider(u8),
}

impl Diagnostic {
    /// Nothing to say.
    pub const NULL: Self = Self::User(0);
    /// No reason given.
    pub const NO_REASON: Self = Self::User(1);
    /// The application context is not supported.
    pub const CONTEXT_NOT_SUPPORTED: Self = Self::User(2);
    /// The calling application process title is missing or unknown.
    pub const CALLING_TITLE_NOT_RECOGNISED: Self = Self::User(3);
    /// The mechanism is not known.
    pub const MECHANISM_NOT_RECOGNISED: Self = Self::User(11);
    /// A mechanism has to be named.
    pub const MECHANISM_REQUIRED: Self = Self::User(12);
    /// Wrong password or challenge.
    pub const AUTHENTICATION_FAILURE: Self = Self::User(13);
    /// The association opens after authentication.
    pub const AUTHENTICATION_REQUIRED: Self = Self::User(14);
}

/// Why octets are no association APDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AcseError {
    /// They end too early.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// Another tag was expected there.
    #[error("tag {found:#04x} where {wanted:#04x} should be")]
    Tag {
        /// The tag there is.
        found: u8,
        /// The tag there should be.
        wanted: u8,
    },
    /// Octets after the APDU, a length field of more than two octets, or a field of a length it cannot have.
    #[error("field {0:#04x} has a wrong length")]
    Length(u8),
    /// An object identifier outside of DLMS.
    #[error("foreign object identifier in field {0:#04x}")]
    Oid(u8),
    /// A field that has to be there is not.
    #[error("field {0:#04x} is missing")]
    Missing(u8),
}

/// Association request. Absent fields are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aarq<'a> {
    /// Application context.
    pub context: Option<ApplicationContext>,
    /// System title of the client.
    pub calling_title: Option<SystemTitle>,
    /// Authentication mechanism; its presence implies the ACSE requirement "authentication".
    pub mechanism: Option<Mechanism>,
    /// Password or challenge.
    pub calling_value: Option<&'a [u8]>,
    /// InitiateRequest, perhaps ciphered.
    pub user_information: Option<&'a [u8]>,
}

/// Association response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aare<'a> {
    /// Application context.
    pub context: Option<ApplicationContext>,
    /// Outcome.
    pub result: AssociationResult,
    /// Reason.
    pub diagnostic: Diagnostic,
    /// System title of the server.
    pub responding_title: Option<SystemTitle>,
    /// Authentication mechanism.
    pub mechanism: Option<Mechanism>,
    /// Challenge to the client.
    pub responding_value: Option<&'a [u8]>,
    /// InitiateResponse, perhaps ciphered, or a ConfirmedServiceError.
    pub user_information: Option<&'a [u8]>,
}

/// Release request (RLRQ) or response (RLRE): the tag tells which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release<'a> {
    /// Reason; 0 is normal.
    pub reason: Option<u8>,
    /// InitiateRequest or InitiateResponse, which some clients cipher into the release.
    pub user_information: Option<&'a [u8]>,
}

impl<'a> Aarq<'a> {
    /// Reads an AARQ. Fields it does not know are skipped.
    pub fn parse(apdu: &'a [u8]) -> Result<Self, AcseError> {
        let mut fields = outer(apdu, AARQ)?;
        let mut aarq = Self::default();
        while fields.left() > 0 {
            let (tag, value) = tlv(&mut fields)?;
            match tag {
                0xA1 => aarq.context = Some(ApplicationContext(explicit_oid(tag, value, 1)?)),
                0xA6 => aarq.calling_title = Some(title(tag, value)?),
                0x8B => aarq.mechanism = Some(Mechanism(oid(tag, value, 2)?)),
                0xAC => aarq.calling_value = Some(inner(value, 0x80)?),
                0xBE => aarq.user_information = Some(inner(value, 0x04)?),
                _ => {}
            }
        }
        Ok(aarq)
    }

    /// Writes the AARQ and returns its length.
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, Full> {
        emit_outer(AARQ, out, |writer| {
            if let Some(context) = self.context {
                put_context(writer, context)?;
            }
            if let Some(title) = self.calling_title {
                put_nested(writer, 0xA6, 0x04, &title.0)?;
            }
            if let Some(mechanism) = self.mechanism {
                put_tlv(writer, 0x8A, &[0x07, 0x80])?;
                put_tlv(writer, 0x8B, &oid_octets(2, mechanism.0))?;
            }
            if let Some(value) = self.calling_value {
                put_nested(writer, 0xAC, 0x80, value)?;
            }
            self.user_information.map_or(Ok(()), |information| put_nested(writer, 0xBE, 0x04, information))
        })
    }
}

impl<'a> Aare<'a> {
    /// Reads an AARE. Fields it does not know are skipped.
    pub fn parse(apdu: &'a [u8]) -> Result<Self, AcseError> {
        let mut fields = outer(apdu, AARE)?;
        let (mut context, mut result, mut diagnostic, mut responding_title) = (None, None, None, None);
        let (mut mechanism, mut responding_value, mut user_information) = (None, None, None);
        while fields.left() > 0 {
            let (tag, value) = tlv(&mut fields)?;
            match tag {
                0xA1 => context = Some(ApplicationContext(explicit_oid(tag, value, 1)?)),
                0xA2 => result = Some(AssociationResult(integer(tag, inner(value, 0x02)?)?)),
                0xA3 => {
                    let (source, value) = tlv(&mut Reader::new(value))?;
                    let reason = integer(tag, inner(value, 0x02)?)?;
                    diagnostic = Some(match source {
                        0xA1 => Diagnostic::User(reason),
                        _ => Diagnostic::Provider(reason),
                    });
                }
                0xA4 => responding_title = Some(title(tag, value)?),
                0x89 => mechanism = Some(Mechanism(oid(tag, value, 2)?)),
                0xAA => responding_value = Some(inner(value, 0x80)?),
                0xBE => user_information = Some(inner(value, 0x04)?),
                _ => {}
            }
        }
        Ok(Self {
            context,
            result: result.ok_or(AcseError::Missing(0xA2))?,
            diagnostic: diagnostic.unwrap_or(Diagnostic::NULL),
            responding_title,
            mechanism,
            responding_value,
            user_information,
        })
    }

    /// Writes the AARE and returns its length.
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, Full> {
        emit_outer(AARE, out, |writer| {
            if let Some(context) = self.context {
                put_context(writer, context)?;
            }
            put_nested(writer, 0xA2, 0x02, &[self.result.0])?;
            let (source, reason) = match self.diagnostic {
                Diagnostic::User(reason) => (0xA1, reason),
                Diagnostic::Provider(reason) => (0xA2, reason),
            };
            put_tlv(writer, 0xA3, &[source, 3, 0x02, 1, reason])?;
            if let Some(title) = self.responding_title {
                put_nested(writer, 0xA4, 0x04, &title.0)?;
            }
            if let Some(mechanism) = self.mechanism {
                put_tlv(writer, 0x88, &[0x07, 0x80])?;
                put_tlv(writer, 0x89, &oid_octets(2, mechanism.0))?;
            }
            if let Some(value) = self.responding_value {
                put_nested(writer, 0xAA, 0x80, value)?;
            }
            self.user_information.map_or(Ok(()), |information| put_nested(writer, 0xBE, 0x04, information))
        })
    }
}

impl<'a> Release<'a> {
    /// Reads an RLRQ or RLRE, as `tag` says.
    pub fn parse(apdu: &'a [u8], tag: u8) -> Result<Self, AcseError> {
        let mut fields = outer(apdu, tag)?;
        let mut release = Self { reason: None, user_information: None };
        while fields.left() > 0 {
            let (tag, value) = tlv(&mut fields)?;
            match tag {
                0x80 => release.reason = Some(integer(tag, value)?),
                0xBE => release.user_information = Some(inner(value, 0x04)?),
                _ => {}
            }
        }
        Ok(release)
    }

    /// Writes an RLRQ or RLRE, as `tag` says, and returns its length.
    pub fn emit(&self, tag: u8, out: &mut [u8]) -> Result<usize, Full> {
        emit_outer(tag, out, |writer| {
            if let Some(reason) = self.reason {
                put_tlv(writer, 0x80, &[reason])?;
            }
            self.user_information.map_or(Ok(()), |information| put_nested(writer, 0xBE, 0x04, information))
        })
    }
}

/// The seven octets of an application context name, as attribute 4 of class 15 has them too.
pub(crate) fn context_oid(context: ApplicationContext) -> [u8; 7] {
    oid_octets(1, context.0)
}

/// The seven octets of a mechanism name, as attribute 6 of class 15 has them too.
pub(crate) fn mechanism_oid(mechanism: Mechanism) -> [u8; 7] {
    oid_octets(2, mechanism.0)
}

fn outer(apdu: &[u8], wanted: u8) -> Result<Reader<'_>, AcseError> {
    let mut reader = Reader::new(apdu);
    let (found, value) = tlv(&mut reader)?;
    if found != wanted {
        return Err(AcseError::Tag { found, wanted });
    }
    if reader.left() > 0 { Err(AcseError::Length(wanted)) } else { Ok(Reader::new(value)) }
}

fn tlv<'a>(reader: &mut Reader<'a>) -> Result<(u8, &'a [u8]), AcseError> {
    let tag = reader.u8()?;
    let length = match reader.u8()? {
        short @ 0..=0x7F => usize::from(short),
        0x81 => usize::from(reader.u8()?),
        0x82 => usize::from(reader.u16_be()?),
        _ => return Err(AcseError::Length(tag)),
    };
    Ok((tag, reader.take(length)?))
}

fn inner(value: &[u8], wanted: u8) -> Result<&[u8], AcseError> {
    let (found, value) = tlv(&mut Reader::new(value))?;
    if found == wanted { Ok(value) } else { Err(AcseError::Tag { found, wanted }) }
}

fn integer(field: u8, value: &[u8]) -> Result<u8, AcseError> {
    match value {
        [value] => Ok(*value),
        _ => Err(AcseError::Length(field)),
    }
}

fn title(field: u8, value: &[u8]) -> Result<SystemTitle, AcseError> {
    inner(value, 0x04)?.try_into().map(SystemTitle).map_err(|_| AcseError::Length(field))
}

fn explicit_oid(field: u8, value: &[u8], branch: u8) -> Result<u8, AcseError> {
    oid(field, inner(value, 0x06)?, branch)
}

fn oid(field: u8, value: &[u8], branch: u8) -> Result<u8, AcseError> {
    match value.strip_prefix(&OID_PREFIX) {
        Some([found, arc]) if *found == branch => Ok(*arc),
        _ => Err(AcseError::Oid(field)),
    }
}

fn oid_octets(branch: u8, arc: u8) -> [u8; 7] {
    let [a, b, c, d, e] = OID_PREFIX;
    [a, b, c, d, e, branch, arc]
}

/// Writes the fields, then tag and length in front of them.
fn emit_outer(
    tag: u8,
    out: &mut [u8],
    fields: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>,
) -> Result<usize, Full> {
    let mut writer = Writer::new(out);
    fields(&mut writer)?;
    let length = writer.position();
    let header = if length < 0x80 { 2 } else { 3 };
    let full = Full { at: 0, needed: header + length, left: out.len() };
    if full.needed > full.left {
        return Err(full);
    }
    shift(out, 0, length, header)?;
    let mut writer = Writer::new(out);
    writer.u8(tag)?;
    put_length(&mut writer, length)?;
    Ok(full.needed)
}

fn put_length(writer: &mut Writer<'_>, length: usize) -> Result<(), Full> {
    match u8::try_from(length) {
        Ok(short @ 0..=0x7F) => writer.u8(short),
        Ok(long) => writer.put(&[0x81, long]),
        // No field and no APDU of an association is that long.
        Err(_) => Err(Full { at: writer.position(), needed: length, left: 0xFF }),
    }
}

fn put_tlv(writer: &mut Writer<'_>, tag: u8, value: &[u8]) -> Result<(), Full> {
    writer.u8(tag)?;
    put_length(writer, value.len())?;
    writer.put(value)
}

fn put_nested(writer: &mut Writer<'_>, tag: u8, inner: u8, value: &[u8]) -> Result<(), Full> {
    writer.u8(tag)?;
    put_length(writer, value.len() + if value.len() < 0x80 { 2 } else { 3 })?;
    put_tlv(writer, inner, value)
}

fn put_context(writer: &mut Writer<'_>, context: ApplicationContext) -> Result<(), Full> {
    put_nested(writer, 0xA1, 0x06, &context_oid(context))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;
    use proptest::prelude::*;

    /// Digest 1.10 A.
    #[test]
    fn green_book_requests() {
        let initiate = hex("01000000065F1F0400007E1F04B0");
        let ciphered = hex(
            "21303001234567801302FF8A7874133D414CED25B42534D28DB0047720606B175BD52211BE6841DB204D39EE6FDB8E356855",
        );
        let plain = Aarq {
            context: Some(ApplicationContext::LOGICAL_NAMES),
            user_information: Some(&initiate),
            ..Aarq::default()
        };
        let password = Aarq { mechanism: Some(Mechanism(1)), calling_value: Some(b"12345678"), ..plain };
        let ciphered = Aarq {
            context: Some(ApplicationContext::LOGICAL_NAMES_CIPHERED),
            calling_title: Some(SystemTitle(*b"MMM\0\0\xBCaN")),
            user_information: Some(&ciphered),
            ..password
        };
        for (aarq, octets) in [
            (plain, "601DA109060760857405080101BE10040E01000000065F1F0400007E1F04B0"),
            (
                password,
                "6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738BE10040E01000000065F1F0400007E1F04B0",
            ),
            (
                ciphered,
                "6066A109060760857405080103A60A04084D4D4D0000BC614E8A0207808B0760857405080201AC0A80083132333435363738BE34043221303001234567801302FF8A7874133D414CED25B42534D28DB0047720606B175BD52211BE6841DB204D39EE6FDB8E356855",
            ),
        ] {
            let octets = hex(octets);
            let mut out = [0; 128];
            let length = aarq.emit(&mut out).unwrap();
            assert_eq!(out[..length], octets);
            assert_eq!(Aarq::parse(&octets), Ok(aarq));
        }
    }

    proptest! {
        #[test]
        fn associations_come_back(
            context in 1_u8..5, result in 0_u8..3, reason: u8, user: bool, title: Option<[u8; 8]>,
            mechanism in proptest::option::of(0_u8..8),
            value in proptest::option::of(proptest::collection::vec(any::<u8>(), 8..=64)),
            information in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..100)),
        ) {
            let aare = Aare {
                context: Some(ApplicationContext(context)),
                result: AssociationResult(result),
                diagnostic: if user { Diagnostic::User(reason) } else { Diagnostic::Provider(reason) },
                responding_title: title.map(SystemTitle),
                mechanism: mechanism.map(Mechanism),
                responding_value: value.as_deref(),
                user_information: information.as_deref(),
            };
            let mut out = [0; 300];
            let length = aare.emit(&mut out)?;
            prop_assert_eq!(Aare::parse(&out[..length])?, aare);
            for cut in 0..length {
                prop_assert!(Aare::parse(&out[..cut]).is_err());
            }
            let release = Release { reason: user.then_some(reason), user_information: information.as_deref() };
            let length = release.emit(RLRE, &mut out)?;
            prop_assert_eq!(Release::parse(&out[..length], RLRE)?, release);
        }

        #[test]
        fn any_octets_are_an_apdu_or_an_error(mut octets in proptest::collection::vec(any::<u8>(), 2..80)) {
            for tag in [AARQ, AARE, RLRQ] {
                octets[0] = tag;
                octets[1] = (octets.len() - 2) as u8;
                let _ = (Aarq::parse(&octets), Aare::parse(&octets), Release::parse(&octets, RLRQ));
            }
        }
    }

    #[test]
    fn the_plain_release_is_five_octets() {
        let mut out = [0; 8];
        let release = Release { reason: Some(0), user_information: None };
        let length = release.emit(RLRQ, &mut out).unwrap();
        assert_eq!(out[..length], hex("6203800100"));
    }
}

//! What client and server agree on when an association opens.

use super::{ApduError, expect_tag, finished, flag, tag};
use crate::axdr::{read_octets, write_length};
use core::ops::BitAnd;
use plc_core::bytes::{Full, Reader, Writer};

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
            let _ = (InitiateRequest::parse(&octets), InitiateResponse::parse(&octets));
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
}

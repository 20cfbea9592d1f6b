//! MAC frames as they stand in a PSDU (digest 1).
//!
//! ```text
//! | segment control 3 | frame control 2 | sequence 1 | addresses | auxiliary security 0/6 | payload | padding | FCS 2 |
//!                     \------- Header, as in IEEE 802.15.4-2006 --/  first segment only
//! ```
//!
//! [`check_fcs`] takes the frame check sequence off a PSDU, [`Frame::parse`] reads what is before it, and
//! [`Frame::emit`] writes a whole PSDU with padding and FCS. Beacon payloads and MAC commands are payload here; [`ToneMapResponse`] is
//! one of these.

mod auxiliary_security;
mod header;
mod segment_control;
mod tone_map_response;

pub use auxiliary_security::{AuxiliarySecurity, KeyIndex, LEN as AUXILIARY_SECURITY_LEN, SecurityLevel};
pub use header::{Endpoint, FrameType, Header, Source};
pub use segment_control::{
    LEN as SEGMENT_CONTROL_LEN, MAX_COUNT as MAX_SEGMENT_COUNT, MAX_LENGTH as MAX_SEGMENT_LENGTH,
    SegmentControl,
};
pub use tone_map_response::{
    COMMAND as TONE_MAP_RESPONSE, MAX_LEN as MAX_TONE_MAP_RESPONSE, ToneMapResponse, ToneMapResponseError,
};

use g3_phy::primitives::Psdu;
use plc_core::bytes::{Full, Reader, Truncated, Writer};
use thiserror::Error;

/// Octets of the frame check sequence.
pub const FCS_LEN: usize = 2;
/// Octets in the longest MAC header that is authenticated: control, sequence, two extended addresses with their
/// PANs, auxiliary security header.
pub const MAX_ASSOCIATED_DATA: usize = 3 + 10 + 10 + AUXILIARY_SECURITY_LEN;

/// One MAC frame: one segment of an MSDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Segment control; its length is that of `payload`.
    pub segment: SegmentControl,
    /// Header.
    pub header: Header,
    /// Auxiliary security header: present if and only if the frame is secured and its segment count is 0.
    pub security: Option<AuxiliarySecurity>,
    /// The segment's octets of the MSDU, enciphered where the frame is secured.
    pub payload: &'a [u8],
}

/// Why octets are not a MAC frame, or a frame cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The octets end inside the frame.
    #[error("MAC frame: {0}")]
    Truncated(#[from] Truncated),
    /// The frame does not fit.
    #[error("MAC frame: {0}")]
    Full(#[from] Full),
    /// The frame control field holds a combination that G3 does not use.
    #[error("frame control field {0:#06x} is not one of G3")]
    FrameControl(u16),
    /// The source is the broadcast address.
    #[error("the source address is the broadcast address")]
    BroadcastSource,
    /// Security level and key identifier mode are not those of G3.
    #[error("security control {0:#04x} is not level 5 with key identifier mode 1")]
    SecurityControl(u8),
    /// The key index names no slot.
    #[error("key index {0} is neither 0 nor 1")]
    KeyIndex(u8),
    /// Segment count, secured bit and auxiliary security header contradict each other.
    #[error(
        "auxiliary security header present: {present}, in segment {count} of a frame with security {secured}"
    )]
    SecurityPlacement {
        /// Whether there is an auxiliary security header.
        present: bool,
        /// Segment count.
        count: u8,
        /// The header's security bit.
        secured: bool,
    },
    /// Segment count or length do not fit their fields.
    #[error("segment {count} of {length} octets: the count has 6 bits, the length 10")]
    SegmentField {
        /// Segment count.
        count: u8,
        /// Octets of payload.
        length: usize,
    },
    /// The frame check sequence is wrong.
    #[error("frame check sequence {received:#06x}, computed {computed:#06x}")]
    Fcs {
        /// What the frame carries.
        received: u16,
        /// What its octets give.
        computed: u16,
    },
}

impl<'a> Frame<'a> {
    /// Reads a frame from a PSDU without its FCS. Padding after the payload is ignored.
    pub fn parse(body: &'a [u8]) -> Result<Self, FrameError> {
        let mut reader = Reader::new(body);
        let segment = SegmentControl::parse(reader.array()?)?;
        let header = Header::parse(&mut reader)?;
        let security = if header.secured && segment.count == 0 {
            Some(AuxiliarySecurity::parse(&mut reader)?)
        } else {
            None
        };
        let payload = reader.take(segment.length.into())?;
        Ok(Self { segment, header, security, payload })
    }

    /// Octets of the PSDU without padding.
    pub fn len(&self) -> usize {
        overhead(&self.header, self.security.is_some()) + self.payload.len()
    }

    /// A frame always has its headers.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Writes the PSDU: the frame, zeros up to `capacity` octets in all, and the FCS, which is also returned.
    /// A `capacity` below [`Frame::len`] adds no padding.
    pub fn emit(&self, capacity: usize, psdu: &mut Psdu) -> Result<u16, FrameError> {
        let count = self.segment.count;
        let expected = self.header.secured && count == 0;
        if self.security.is_some() != expected {
            let (present, secured) = (self.security.is_some(), self.header.secured);
            return Err(FrameError::SecurityPlacement { present, count, secured });
        }
        let length = self.payload.len();
        let field = u16::try_from(length).unwrap_or(u16::MAX);
        if count > MAX_SEGMENT_COUNT || field > MAX_SEGMENT_LENGTH {
            return Err(FrameError::SegmentField { count, length });
        }
        let total = capacity.max(self.len());
        psdu.clear();
        let room = psdu.capacity();
        let full = Full { at: 0, needed: total, left: room };
        psdu.resize(total - FCS_LEN, 0).map_err(|_| full)?;
        let mut writer = Writer::new(psdu);
        writer.put(&SegmentControl { length: field, ..self.segment }.emit()?)?;
        self.header.emit(&mut writer)?;
        if let Some(security) = &self.security {
            security.emit(&mut writer)?;
        }
        writer.put(self.payload)?;
        let fcs = fcs(psdu);
        psdu.extend_from_slice(&fcs.to_le_bytes()).map_err(|_| full)?;
        Ok(fcs)
    }
}

/// Octets of a PSDU that are not payload: segment control, header, auxiliary security header, FCS.
pub fn overhead(header: &Header, with_security: bool) -> usize {
    let security = if with_security { AUXILIARY_SECURITY_LEN } else { 0 };
    SEGMENT_CONTROL_LEN + header.len() + security + FCS_LEN
}

/// What CCM* authenticates besides the MSDU: frame control to auxiliary security header (digest 1.4).
pub fn associated_data(
    header: &Header,
    security: &AuxiliarySecurity,
) -> Result<heapless::Vec<u8, MAX_ASSOCIATED_DATA>, FrameError> {
    let mut room = [0; MAX_ASSOCIATED_DATA];
    let mut writer = Writer::new(&mut room);
    header.emit(&mut writer)?;
    security.emit(&mut writer)?;
    let written = writer.written();
    let full = Full { at: 0, needed: written.len(), left: MAX_ASSOCIATED_DATA };
    heapless::Vec::from_slice(written).map_err(|_| FrameError::Full(full))
}

/// Splits a PSDU whose frame check sequence is right into the octets before it and its number.
///
/// # Errors
/// [`FrameError::Truncated`] and [`FrameError::Fcs`].
pub fn check_fcs(psdu: &[u8]) -> Result<(&[u8], u16), FrameError> {
    let (body, received) = split_fcs(psdu)?;
    let computed = fcs(body);
    if received == computed { Ok((body, received)) } else { Err(FrameError::Fcs { received, computed }) }
}

/// Splits a PSDU into the octets before its frame check sequence and that field, right or wrong.
pub fn split_fcs(psdu: &[u8]) -> Result<(&[u8], u16), Truncated> {
    let mut reader = Reader::new(psdu);
    let body = reader.take(psdu.len().saturating_sub(FCS_LEN))?;
    Ok((body, reader.u16_le()?))
}

/// The frame check sequence of the octets before it: CRC-16 of polynomial 0x1021 from 0, not reflected.
///
/// IEEE 802.15.4 reflects the same polynomial; G.9903 as fielded does not (digest 13).
pub fn fcs(body: &[u8]) -> u16 {
    dsp::crc::CRC16_XMODEM.of_bytes(body) as u16
}

#[cfg(test)]
mod tests;

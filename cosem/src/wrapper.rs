//! The wrapper of IEC 62056-4-7: eight octets in front of each APDU on TCP and UDP (digest 1.1).

use plc_core::bytes::{Full, Reader, Truncated, Writer};
use thiserror::Error;

/// Port registered for the wrapper with IANA.
pub const PORT: u16 = 4059;
/// Octets of a header.
pub const HEADER_LEN: usize = 8;
/// The only version there is.
pub const VERSION: u16 = 1;

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// wPort of who sends: the client's address in a request, the logical device's in a reply.
    pub source: u16,
    /// wPort of who receives.
    pub destination: u16,
    /// Octets of the APDU that follows.
    pub length: u16,
}

/// Why octets are no wrapper PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WrapperError {
    /// The datagram ends before its header or APDU does.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// Not the wrapper, or a version nobody has defined: a stream cannot be followed any further.
    #[error("wrapper version {0:#06x} instead of 1")]
    Version(u16),
    /// A datagram holds exactly one PDU; this one has octets after it.
    #[error("{0} octets after the wrapper PDU")]
    Trailing(usize),
    /// The APDU announced is longer than the room there is for it.
    #[error("an APDU of {length} octets does not fit into {room}")]
    TooLong {
        /// Announced length.
        length: usize,
        /// Room for an APDU.
        room: usize,
    },
}

impl Header {
    /// Reads a header.
    pub fn parse(reader: &mut Reader<'_>) -> Result<Self, WrapperError> {
        let version = reader.u16_be()?;
        if version != VERSION {
            return Err(WrapperError::Version(version));
        }
        Ok(Self { source: reader.u16_be()?, destination: reader.u16_be()?, length: reader.u16_be()? })
    }

    /// Appends the header.
    pub fn emit(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        for field in [VERSION, self.source, self.destination, self.length] {
            writer.u16_be(field)?;
        }
        Ok(())
    }
}

/// Splits a UDP datagram, which is exactly one PDU, into header and APDU.
///
/// ```
/// let (header, apdu) = cosem::wrapper::parse_datagram(&[0, 1, 0, 16, 0, 1, 0, 2, 0xC0, 0x01])?;
/// assert_eq!((header.source, header.destination, apdu), (16, 1, &[0xC0, 0x01][..]));
/// # Ok::<(), cosem::wrapper::WrapperError>(())
/// ```
pub fn parse_datagram(datagram: &[u8]) -> Result<(Header, &[u8]), WrapperError> {
    let mut reader = Reader::new(datagram);
    let header = Header::parse(&mut reader)?;
    let apdu = reader.take(usize::from(header.length))?;
    match reader.left() {
        0 => Ok((header, apdu)),
        trailing => Err(WrapperError::Trailing(trailing)),
    }
}

/// Writes header and APDU into `out` and returns their length.
pub fn emit(source: u16, destination: u16, apdu: &[u8], out: &mut [u8]) -> Result<usize, WrapperError> {
    let too_long = |room| WrapperError::TooLong { length: apdu.len(), room };
    let length = u16::try_from(apdu.len()).map_err(|_| too_long(usize::from(u16::MAX)))?;
    let room = out.len().saturating_sub(HEADER_LEN);
    let mut writer = Writer::new(out);
    Header { source, destination, length }.emit(&mut writer).map_err(|_| too_long(room))?;
    writer.put(apdu).map_err(|_| too_long(room))?;
    Ok(writer.position())
}

/// Collects PDUs from a TCP stream. `N` is the room for an APDU and its header.
///
/// After an error the stream has lost its framing: close the connection.
#[derive(Clone, Debug, Default)]
pub struct Reassembler<const N: usize> {
    held: heapless::Vec<u8, N>,
    complete: bool,
}

impl<const N: usize> Reassembler<N> {
    /// At the start of a stream.
    pub const fn new() -> Self {
        Self { held: heapless::Vec::new(), complete: false }
    }

    /// Takes octets off the front of `stream`, at most to the end of a PDU; returns that PDU once it is complete.
    /// Call until `stream` is empty and the answer `None`.
    pub fn push(&mut self, stream: &mut &[u8]) -> Result<Option<(Header, &[u8])>, WrapperError> {
        if core::mem::take(&mut self.complete) {
            self.held.clear();
        }
        self.fill(HEADER_LEN, stream)?;
        if self.held.len() < HEADER_LEN {
            return Ok(None);
        }
        let header = Header::parse(&mut Reader::new(&self.held))?;
        let total = HEADER_LEN + usize::from(header.length);
        self.fill(total, stream)?;
        self.complete = self.held.len() == total;
        Ok(self.complete.then(|| (header, self.held.get(HEADER_LEN..).unwrap_or_default())))
    }

    fn fill(&mut self, total: usize, stream: &mut &[u8]) -> Result<(), WrapperError> {
        let too_long = WrapperError::TooLong {
            length: total.saturating_sub(HEADER_LEN),
            room: N.saturating_sub(HEADER_LEN),
        };
        if total > N {
            return Err(too_long);
        }
        let wanted = total.saturating_sub(self.held.len()).min(stream.len());
        let (taken, rest) = stream.split_at(wanted);
        self.held.extend_from_slice(taken).map_err(|_| too_long)?;
        *stream = rest;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn a_stream_cut_anywhere_yields_its_pdus(
            pdus in proptest::collection::vec((any::<u16>(), any::<u16>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..6),
            cuts in proptest::collection::vec(1_usize..20, 1..40),
        ) {
            let mut stream = Vec::new();
            for (source, destination, apdu) in &pdus {
                let mut room = [0; 64];
                let length = emit(*source, *destination, apdu, &mut room)?;
                prop_assert_eq!(parse_datagram(&room[..length])?.1, &apdu[..]);
                stream.extend_from_slice(&room[..length]);
            }
            let mut reassembler = Reassembler::<64>::new();
            let mut got = Vec::new();
            let mut left = &stream[..];
            for cut in cuts.iter().cycle() {
                let (mut piece, rest) = left.split_at((*cut).min(left.len()));
                while let Some((header, apdu)) = reassembler.push(&mut piece)? {
                    got.push((header.source, header.destination, apdu.to_vec()));
                }
                left = rest;
                if left.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(got, pdus);
        }

        #[test]
        fn any_octets_are_a_pdu_or_an_error(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse_datagram(&octets);
            let mut reassembler = Reassembler::<32>::new();
            let mut stream = &octets[..];
            while let Ok(Some(_)) = reassembler.push(&mut stream) {}
        }
    }

    #[test]
    fn errors_name_what_was_wrong() {
        assert_eq!(parse_datagram(&[0, 2, 0, 0, 0, 0, 0, 0]), Err(WrapperError::Version(2)));
        assert_eq!(parse_datagram(&[0, 1, 0, 0, 0, 0, 0, 0, 9]), Err(WrapperError::Trailing(1)));
        assert!(matches!(parse_datagram(&[0, 1, 0, 0, 0, 0, 0, 1]), Err(WrapperError::Truncated(_))));
        let mut reassembler = Reassembler::<16>::new();
        let mut stream: &[u8] = &[0, 1, 0, 0, 0, 0, 0, 9];
        assert_eq!(reassembler.push(&mut stream), Err(WrapperError::TooLong { length: 9, room: 8 }));
    }
}

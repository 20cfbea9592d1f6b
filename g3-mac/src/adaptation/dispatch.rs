//! What an MSDU begins with: dispatch values and the order of headers (digest 5.1).

use super::fragment::FragmentHeader;
use super::mesh::MeshHeader;
use plc_core::bytes::{Full, Reader, Truncated, Writer};
use thiserror::Error;

/// The headers of an MSDU in their order, and what they stand before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers<'a> {
    /// Mesh header.
    pub mesh: Option<MeshHeader>,
    /// LOWPAN_BC0: sequence number of a broadcast.
    pub broadcast_sequence: Option<u8>,
    /// FRAG1 or FRAGN.
    pub fragment: Option<FragmentHeader>,
    /// What follows.
    pub body: Body<'a>,
}

/// What stands behind the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// A compressed IPv6 packet: LOWPAN_IPHC with its dispatch.
    Iphc(&'a [u8]),
    /// An IPv6 packet as it is.
    Ipv6(&'a [u8]),
    /// The inner octets of a datagram, after a FRAGN.
    Fragment(&'a [u8]),
    /// A command of the adaptation layer (ESC): 1 mesh routing, 2 bootstrapping.
    Command {
        /// Command identifier.
        id: u8,
        /// What follows it.
        payload: &'a [u8],
    },
}

/// Why an MSDU of the adaptation layer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DispatchError {
    /// The MSDU ends inside a header.
    #[error("adaptation header: {0}")]
    Truncated(#[from] Truncated),
    /// No header begins like this here.
    #[error("dispatch {0:#04x} is unknown, or out of place")]
    Dispatch(u8),
    /// A mesh header with extended addresses, which G3 does not use.
    #[error("mesh header {0:#04x} does not have two short addresses")]
    MeshAddresses(u8),
}

impl<'a> Headers<'a> {
    /// A body without headers.
    pub const fn of(body: Body<'a>) -> Self {
        Self { mesh: None, broadcast_sequence: None, fragment: None, body }
    }

    /// Reads the headers of an MSDU.
    pub fn parse(msdu: &'a [u8]) -> Result<Self, DispatchError> {
        let mut rest = msdu;
        let mut reader = Reader::new(rest);
        let mesh = if MeshHeader::begins(rest) { Some(MeshHeader::parse(&mut reader)?) } else { None };
        rest = reader.rest();
        let mut reader = Reader::new(rest);
        let broadcast_sequence = if rest.first() == Some(&BC0) {
            reader.u8()?;
            Some(reader.u8()?)
        } else {
            None
        };
        rest = reader.rest();
        let mut reader = Reader::new(rest);
        let fragment =
            if FragmentHeader::begins(rest) { Some(FragmentHeader::parse(&mut reader)?) } else { None };
        rest = reader.rest();
        let body = match fragment {
            Some(FragmentHeader::Next { .. }) => Body::Fragment(rest),
            _ => Body::parse(rest)?,
        };
        Ok(Self { mesh, broadcast_sequence, fragment, body })
    }

    /// Writes the headers and the body.
    pub fn emit(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        if let Some(mesh) = &self.mesh {
            mesh.emit(writer)?;
        }
        if let Some(sequence) = self.broadcast_sequence {
            writer.put(&[BC0, sequence])?;
        }
        if let Some(fragment) = &self.fragment {
            fragment.emit(writer)?;
        }
        match self.body {
            Body::Iphc(octets) | Body::Fragment(octets) => writer.put(octets),
            Body::Ipv6(octets) => {
                writer.u8(IPV6)?;
                writer.put(octets)
            }
            Body::Command { id, payload } => {
                writer.put(&[ESC, id])?;
                writer.put(payload)
            }
        }
    }
}

impl<'a> Body<'a> {
    fn parse(octets: &'a [u8]) -> Result<Self, DispatchError> {
        let mut reader = Reader::new(octets);
        match reader.u8()? {
            ESC => Ok(Self::Command { id: reader.u8()?, payload: reader.rest() }),
            IPV6 => Ok(Self::Ipv6(reader.rest())),
            0x60..=0x7F => Ok(Self::Iphc(octets)),
            other => Err(DispatchError::Dispatch(other)),
        }
    }
}

const ESC: u8 = 0x40;
const IPV6: u8 = 0x41;
const BC0: u8 = 0x50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::hex;
    use plc_core::address::ShortAddress;
    use proptest::prelude::*;

    fn emitted(headers: &Headers<'_>) -> std::vec::Vec<u8> {
        let mut room = [0; 600];
        let mut writer = Writer::new(&mut room);
        headers.emit(&mut writer).unwrap();
        writer.written().to_vec()
    }

    /// Digest 12.5.
    #[test]
    fn broadcast_with_mesh_header_of_the_digest() {
        let octets = hex("B8 0000 8001 50 07 7E3B 01 F3 FF C620 48454C4C4F");
        let headers = Headers {
            mesh: Some(MeshHeader {
                hops_left: 8,
                originator: ShortAddress(0),
                destination: ShortAddress(0x8001),
            }),
            broadcast_sequence: Some(7),
            fragment: None,
            body: Body::Iphc(&octets[7..]),
        };
        assert_eq!(Headers::parse(&octets), Ok(headers));
        assert_eq!(emitted(&headers), octets);
    }

    #[test]
    fn what_is_out_of_place_is_named() {
        for (octets, error) in [
            ("50 07 B8 0000 0001 41", DispatchError::Dispatch(0xB8)),
            ("00", DispatchError::Dispatch(0)),
            ("90 0001 02", DispatchError::MeshAddresses(0x90)),
        ] {
            assert_eq!(Headers::parse(&hex(octets)), Err(error));
        }
        assert!(matches!(Headers::parse(&[]), Err(DispatchError::Truncated(_))));
    }

    fn bodies(octets: &[u8], kind: u8) -> Body<'_> {
        match kind {
            0 => Body::Ipv6(octets),
            _ => Body::Command { id: kind, payload: octets },
        }
    }

    proptest! {
        #[test]
        fn headers_come_back(
            hops_left in 0..=30_u8, addresses: (u16, u16), with: (bool, bool), sequence: u8, size in 0..=0x7FF_u16, tag: u16,
            offset: u8, fragment in 0..3_u8, kind: u8, octets in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mesh = MeshHeader {
                hops_left, originator: ShortAddress(addresses.0), destination: ShortAddress(addresses.1),
            };
            let (fragment, body) = match fragment {
                0 => (None, bodies(&octets, kind)),
                1 => (Some(FragmentHeader::First { size, tag }), bodies(&octets, kind)),
                _ => (Some(FragmentHeader::Next { size, tag, offset_units: offset }), Body::Fragment(&octets)),
            };
            let headers = Headers {
                mesh: with.0.then_some(mesh), broadcast_sequence: with.1.then_some(sequence), fragment, body,
            };
            let wire = emitted(&headers);
            prop_assert_eq!(Headers::parse(&wire)?, headers);
        }

        #[test]
        fn any_octets_are_answered(octets in proptest::collection::vec(any::<u8>(), 0..30)) {
            if let Ok(headers) = Headers::parse(&octets) {
                let wire = emitted(&headers);
                prop_assert_eq!(Headers::parse(&wire)?, headers);
            }
        }
    }
}

//! Messages on a byte stream: a little-endian 32-bit length and that many octets of postcard.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, ErrorKind, Read, Write};
use thiserror::Error;

/// Largest message in octets. A scenario of a thousand meters has some 200 kB.
pub const MAX_FRAME: usize = 4 << 20;

/// Why a message could not be read or written.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The other end closed the connection between two messages.
    #[error("the connection was closed")]
    Closed,
    /// The stream failed or ended inside a message.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The other end said nothing for this long.
    #[error("the client was silent for {} s", .0.as_secs_f64())]
    Silent(std::time::Duration),
    /// A message announced more than [`MAX_FRAME`] octets.
    #[error("a message of {0} octets was announced, the limit is {MAX_FRAME}")]
    TooLong(usize),
    /// The octets are no message of this version.
    #[error("a message cannot be understood: {0}")]
    Content(#[from] postcard::Error),
}

/// Writes one message.
pub fn write_frame(to: &mut impl Write, message: &impl Serialize) -> Result<(), FrameError> {
    let content = postcard::to_stdvec(message)?;
    if content.len() > MAX_FRAME {
        return Err(FrameError::TooLong(content.len()));
    }
    let mut frame = (content.len() as u32).to_le_bytes().to_vec();
    frame.extend_from_slice(&content);
    to.write_all(&frame)?;
    to.flush()?;
    Ok(())
}

/// Reads one message.
pub fn read_frame<T: DeserializeOwned>(from: &mut impl Read) -> Result<T, FrameError> {
    let mut length = [0; 4];
    let mut have = 0;
    while have < length.len() {
        match from.read(&mut length[have..]) {
            Ok(0) if have == 0 => return Err(FrameError::Closed),
            Ok(0) => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
            Ok(count) => have += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_FRAME {
        return Err(FrameError::TooLong(length));
    }
    let mut content = vec![0; length];
    from.read_exact(&mut content)?;
    Ok(postcard::from_bytes(&content)?)
}

#[cfg(test)]
mod tests {
    use super::super::{ClientMessage, Provision, ServerMessage};
    use super::*;
    use crate::scenario::Scenario;
    use g3_phy::primitives::{Ack, PdAckRequest, Request};
    use plc_core::time::Instant;
    use proptest::prelude::*;

    #[test]
    fn messages_survive_the_stream() {
        let ack = Ack { fcs: 0x1234, positive: true, more_segments: false };
        let request = Request::Ack(PdAckRequest { start: Instant::from_ticks(77), ack });
        let first = ClientMessage::Exchange { requests: vec![request], until: Instant::from_ticks(1 << 40) };
        let mut stream = Vec::new();
        write_frame(&mut stream, &first).unwrap();
        write_frame(&mut stream, &ClientMessage::Links).unwrap();
        let mut from = stream.as_slice();
        assert_eq!(read_frame::<ClientMessage>(&mut from).unwrap(), first);
        assert_eq!(read_frame::<ClientMessage>(&mut from).unwrap(), ClientMessage::Links);
        assert!(matches!(read_frame::<ClientMessage>(&mut from), Err(FrameError::Closed)));
    }

    #[test]
    fn a_provision_survives_the_stream() {
        let provision = Provision::new(&Scenario::village(1), Instant::from_ticks(5));
        let message = ServerMessage::Welcome(Box::new(provision));
        let mut stream = Vec::new();
        write_frame(&mut stream, &message).unwrap();
        assert_eq!(read_frame::<ServerMessage>(&mut stream.as_slice()).unwrap(), message);
    }

    proptest! {
        #[test]
        fn random_octets_are_an_error_or_a_message(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut framed = (octets.len() as u32).to_le_bytes().to_vec();
            framed.extend(&octets);
            let _ = read_frame::<ClientMessage>(&mut framed.as_slice());
            let _ = read_frame::<ServerMessage>(&mut framed.as_slice());
            let _ = read_frame::<ClientMessage>(&mut octets.as_slice());
        }
    }
}

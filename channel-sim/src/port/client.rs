//! The client's end: a world in another process, driven as if it were here.

use super::{ClientMessage, FrameError, PROTOCOL_VERSION, Provision, ServerMessage, read_frame, write_frame};
use crate::world::{Exchange, LinkReport};
use g3_phy::primitives::Request;
use plc_core::time::Instant;
use std::io::BufReader;
use std::net::{TcpStream, ToSocketAddrs};
use thiserror::Error;

/// A [`World`](crate::world::World) behind a TCP port.
#[derive(Debug)]
pub struct RemoteWorld {
    to: TcpStream,
    from: BufReader<TcpStream>,
    provision: Provision,
}

/// Why a remote world cannot be driven.
#[derive(Debug, Error)]
pub enum PortError {
    /// Nothing listens there.
    #[error("no line at {address}: {error}; start one with: channel-sim line --listen {address}")]
    Connect {
        /// Where.
        address: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The connection failed.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The server refused a message.
    #[error("the line refused: {0}")]
    Refused(String),
    /// The server speaks another version.
    #[error("the line speaks version {theirs} of the port's messages, this program {PROTOCOL_VERSION}")]
    Version {
        /// The server's.
        theirs: u32,
    },
    /// The answer does not belong to the question.
    #[error("the line's answer is not what was asked for")]
    UnexpectedAnswer,
}

impl RemoteWorld {
    /// Connects to `channel-sim line --listen ADDRESS`. The line's time stands still until the next exchange.
    pub fn connect(address: &str) -> Result<Self, PortError> {
        let connect = |error| PortError::Connect { address: address.to_string(), error };
        let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
        for candidate in address.to_socket_addrs().map_err(connect)? {
            match TcpStream::connect(candidate) {
                Ok(stream) => return Self::greet(stream),
                Err(error) => last = error,
            }
        }
        Err(connect(last))
    }

    fn greet(to: TcpStream) -> Result<Self, PortError> {
        to.set_nodelay(true).map_err(FrameError::from)?;
        let mut from = BufReader::new(to.try_clone().map_err(FrameError::from)?);
        let mut stream = &to;
        write_frame(&mut stream, &ClientMessage::Hello { version: PROTOCOL_VERSION })?;
        match read_frame(&mut from)? {
            ServerMessage::Welcome(provision) if provision.version == PROTOCOL_VERSION => {
                Ok(Self { to, from, provision: *provision })
            }
            ServerMessage::Welcome(provision) => Err(PortError::Version { theirs: provision.version }),
            ServerMessage::Refused(reason) => Err(PortError::Refused(reason)),
            _ => Err(PortError::UnexpectedAnswer),
        }
    }

    /// The network behind the port, as it was when connecting.
    pub fn provision(&self) -> &Provision {
        &self.provision
    }

    /// As [`World::exchange`](crate::world::World::exchange).
    pub fn exchange(&mut self, requests: Vec<Request>, until: Instant) -> Result<Exchange, PortError> {
        let mut requests = requests;
        loop {
            let message = ClientMessage::Exchange { requests: std::mem::take(&mut requests), until };
            match self.ask(&message)? {
                ServerMessage::Exchange(exchange) => {
                    if !exchange.events.is_empty() || exchange.now >= until {
                        return Ok(exchange);
                    }
                }
                _ => return Err(PortError::UnexpectedAnswer),
            }
        }
    }

    /// As [`World::links`](crate::world::World::links).
    pub fn links(&mut self) -> Result<Vec<LinkReport>, PortError> {
        match self.ask(&ClientMessage::Links)? {
            ServerMessage::Links(links) => Ok(links),
            _ => Err(PortError::UnexpectedAnswer),
        }
    }

    fn ask(&mut self, message: &ClientMessage) -> Result<ServerMessage, PortError> {
        let mut stream = &self.to;
        write_frame(&mut stream, message)?;
        match read_frame(&mut self.from)? {
            ServerMessage::Refused(reason) => Err(PortError::Refused(reason)),
            answer => Ok(answer),
        }
    }
}

//! The modem's end, for programs in Rust.

use super::message::{Message, MessageError, VERSION, read_message, write_message};
use crate::world::Modem;
use std::io::{BufReader, BufWriter};
use std::net::TcpStream;
use thiserror::Error;

/// A place on a line in another process.
#[derive(Debug)]
pub struct SampleClient {
    from: BufReader<TcpStream>,
    to: BufWriter<TcpStream>,
    about: String,
}

/// Why a modem cannot be on a line.
#[derive(Debug, Error)]
pub enum SampleClientError {
    /// Nothing listens there.
    #[error(
        "no line at {address}: {error}; start one with: channel-sim line --samples {address} --outside {name}"
    )]
    Connect {
        /// Where.
        address: String,
        /// The place asked for.
        name: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The connection failed.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The line refused.
    #[error("the line refused: {0}")]
    Refused(String),
    /// A message that does not belong here.
    #[error("the line sent what was not to be expected: {0:?}")]
    Unexpected(Box<Message>),
}

impl SampleClient {
    /// Takes the place `name` on the line at `address`.
    pub fn join(address: &str, name: &str) -> Result<Self, SampleClientError> {
        let fault = |error| SampleClientError::Connect {
            address: address.to_string(),
            name: name.to_string(),
            error,
        };
        let stream = TcpStream::connect(address).map_err(fault)?;
        stream.set_nodelay(true).map_err(fault)?;
        let mut from = BufReader::new(stream.try_clone().map_err(fault)?);
        let mut to = BufWriter::new(stream);
        write_message(&mut to, &Message::Join { version: VERSION, name: name.to_string() })?;
        match read_message(&mut from)? {
            Message::Joined(about) => Ok(Self { from, to, about }),
            Message::Refused(reason) => Err(SampleClientError::Refused(reason)),
            other => Err(SampleClientError::Unexpected(Box::new(other))),
        }
    }

    /// What the line says of the place: a JSON object.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Lets a modem be on the line until the line ends.
    pub fn run(&mut self, modem: &mut (impl Modem + ?Sized)) -> Result<(), SampleClientError> {
        loop {
            match read_message(&mut self.from) {
                Ok(Message::Measured { power_mw, ticks }) => modem.measure(power_mw, ticks),
                Ok(Message::Step { heard_from, heard, send_from, send_count }) => {
                    if !heard.is_empty() {
                        modem.receive(heard_from, &heard);
                    }
                    let mut samples = vec![0.0; send_count as usize];
                    if !modem.transmit(send_from, &mut samples) {
                        samples.clear();
                    }
                    let sent = Message::Sent { from: send_from, count: send_count, samples };
                    write_message(&mut self.to, &sent)?;
                }
                Ok(Message::Refused(reason)) => return Err(SampleClientError::Refused(reason)),
                Ok(other) => return Err(SampleClientError::Unexpected(Box::new(other))),
                Err(MessageError::Closed) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

//! A meter and a client for tests and the example server.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

pub mod gcm;
pub mod meter;
pub mod tcp;

use cosem::client::{ClientError, Collect};
use cosem::{Client, Progress, Server};
use plc_core::env::Environment;
use plc_core::testkit::TestEnvironment;

/// The keys of the vectors of digest 1.10.
pub fn keys() -> cosem::Keys {
    cosem::Keys {
        encryption: core::array::from_fn(|i| i as u8),
        authentication: core::array::from_fn(|i| 0xD0 + i as u8),
    }
}

pub const METER_TITLE: cosem::SystemTitle = cosem::SystemTitle(*b"BSB\0\0\0\0\x07");
pub const CLIENT_TITLE: cosem::SystemTitle = cosem::SystemTitle(*b"BSC\0\0\0\0\x01");

/// Octets of hexadecimal text; blanks are skipped.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// A server with its meter and surroundings.
pub struct Site<const PDU: usize> {
    pub server: Server<PDU>,
    pub meter: meter::Meter,
    pub env: TestEnvironment,
    /// Longest reply so far.
    pub longest: usize,
    /// Replies so far.
    pub replies: usize,
}

impl<const PDU: usize> Site<PDU> {
    pub fn new() -> Self {
        let config = cosem::ServerConfig::new(METER_TITLE, b"BSB0000000000007", keys());
        Self {
            server: Server::new(config),
            meter: meter::Meter::new(),
            env: TestEnvironment::new(1),
            longest: 0,
            replies: 0,
        }
    }

    pub fn answer(&mut self, client: u16, apdu: &[u8]) -> Vec<u8> {
        let mut out = [0; PDU];
        let length = self.server.handle(client, apdu, &mut self.meter, &mut self.env, &mut out).unwrap();
        self.longest = self.longest.max(length);
        self.replies += 1;
        out[..length].to_vec()
    }

    /// Carries APDUs to and fro until the client's operation, begun already, is done.
    pub fn run<const CLIENT_PDU: usize>(
        &mut self,
        client: &mut Client<CLIENT_PDU>,
        into: &mut dyn Collect,
        env: &mut dyn Environment,
    ) -> Result<Progress, ClientError> {
        loop {
            let reply = self.answer(client.config().client_sap, client.request());
            match client.handle(&reply, into, env)? {
                Progress::Send => {}
                Progress::Ignored => panic!("the reply was ignored: {reply:02x?}"),
                done => return Ok(done),
            }
        }
    }
}

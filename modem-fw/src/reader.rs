//! The other end of the line: a COSEM client as the application of a node.
//!
//! The concentrator has its own engine; this is what a board's self-test, a handheld reader and tests need: one
//! meter, one operation at a time.
//!
//! ```text
//!            start                    reply: Send                  reply: anything final
//!   idle ------------> waiting --------------------> waiting -------------------------> idle, with an outcome
//!                      waiting -- no reply in time, attempts left --> waiting, same octets again
//!                      waiting -- no reply in time, none left ------> idle, with NoAnswer
//! ```

use crate::node::AdaptationEvent;
use cosem::client::{Client, ClientConfig, ClientError, Progress};
use cosem::wrapper::{self, WrapperError};
use g3_mac::adaptation::AdpdDataRequest;
use g3_mac::ipv6::{DEFAULT_HOP_LIMIT, LinkLocal, Packet};
use g3_mac::udp::{Datagram, MAX_PAYLOAD, UdpError};
use plc_core::env::Environment;
use plc_core::sans_io::{Machine, Step};
use plc_core::time::{Duration, Instant, seconds};
use thiserror::Error;

/// How a reader finds its meter.
#[derive(Clone, Debug)]
pub struct ReaderConfig {
    /// The reader's own address.
    pub address: LinkLocal,
    /// The meter's address.
    pub meter: LinkLocal,
    /// UDP port, the reader's and the meter's.
    pub port: u16,
    /// Who the client is.
    pub client: ClientConfig,
    /// How long to wait for a reply.
    pub timeout: Duration,
    /// How often to send a request.
    pub attempts: u8,
}

impl ReaderConfig {
    /// Port 4059, and three attempts of twenty seconds.
    pub const fn new(address: LinkLocal, meter: LinkLocal, client: ClientConfig) -> Self {
        Self { address, meter, port: g3_mac::udp::DLMS_PORT, client, timeout: seconds(20), attempts: 3 }
    }
}

/// Why an operation has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The client or the meter refuses.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The request does not fit into a wrapper datagram.
    #[error(transparent)]
    Wrapper(#[from] WrapperError),
    /// The request does not fit into a packet.
    #[error(transparent)]
    Udp(#[from] UdpError),
    /// The meter was asked often enough.
    #[error("no answer to {0} requests")]
    NoAnswer(u8),
}

/// A client that reads one meter; `VALUE` octets hold the longest value.
pub struct Reader<const VALUE: usize> {
    config: ReaderConfig,
    client: Client,
    value: heapless::Vec<u8, VALUE>,
    outgoing: Option<AdpdDataRequest>,
    /// When the request is sent again.
    repeat_at: Option<Instant>,
    attempts: u8,
    outcome: Option<Result<Progress, ReadError>>,
}

impl<const VALUE: usize> Reader<VALUE> {
    /// A reader without association.
    pub fn new(config: ReaderConfig) -> Self {
        let client = Client::new(config.client.clone());
        Self {
            config,
            client,
            value: heapless::Vec::new(),
            outgoing: None,
            repeat_at: None,
            attempts: 0,
            outcome: None,
        }
    }

    /// Starts an operation: `begin` calls one of the client's. What was going on is given up.
    ///
    /// ```
    /// use modem_fw::reader::Reader;
    /// use plc_core::env::Environment;
    /// fn associate(reader: &mut Reader<1024>, env: &mut dyn Environment) {
    ///     reader.start(env, |client, env| client.associate(env).map(|_| ()));
    /// }
    /// ```
    pub fn start(
        &mut self,
        env: &mut dyn Environment,
        begin: impl FnOnce(&mut Client, &mut dyn Environment) -> Result<(), ClientError>,
    ) {
        self.client.abandon();
        self.outcome = None;
        self.repeat_at = None;
        if let Err(error) = begin(&mut self.client, env) {
            self.outcome = Some(Err(error.into()));
            return;
        }
        self.send();
    }

    /// How the operation ended, once; `None` while it goes on.
    pub const fn take_outcome(&mut self) -> Option<Result<Progress, ReadError>> {
        self.outcome.take()
    }

    /// The value read last, encoded.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The client.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    fn send(&mut self) {
        match self.packet() {
            Ok(packet) => {
                self.outgoing = Some(AdpdDataRequest::new(0, packet));
                self.attempts = 0;
            }
            Err(error) => self.end(Err(error)),
        }
    }

    fn packet(&self) -> Result<Packet, ReadError> {
        let client = &self.config.client;
        let mut payload = [0; MAX_PAYLOAD];
        let length =
            wrapper::emit(client.client_sap, client.server_sap, self.client.request(), &mut payload)?;
        let datagram = Datagram {
            source: self.config.address.address(),
            destination: self.config.meter.address(),
            hop_limit: DEFAULT_HOP_LIMIT,
            source_port: self.config.port,
            destination_port: self.config.port,
            payload: payload.get(..length).unwrap_or_default(),
        };
        Ok(datagram.emit()?)
    }

    fn end(&mut self, outcome: Result<Progress, ReadError>) {
        self.client.abandon();
        self.outgoing = None;
        self.repeat_at = None;
        self.outcome = Some(outcome);
    }

    /// The APDU in a packet, where it comes from the meter for this client.
    fn apdu<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        let datagram = Datagram::parse(packet).ok()?;
        let (header, apdu) = wrapper::parse_datagram(datagram.payload).ok()?;
        let ours = datagram.source == self.config.meter.address()
            && datagram.destination == self.config.address.address()
            && datagram.destination_port == self.config.port
            && header.source == self.config.client.server_sap
            && header.destination == self.config.client.client_sap;
        ours.then_some(apdu)
    }
}

impl<const VALUE: usize> Machine for Reader<VALUE> {
    type Event<'a> = AdaptationEvent<'a>;
    type Action = AdpdDataRequest;

    fn handle(&mut self, _now: Instant, env: &mut dyn Environment, event: AdaptationEvent<'_>) {
        // A request that the line swallowed is repeated in time, like one whose answer was lost.
        let AdaptationEvent::Indication(indication) = event else { return };
        let Some(apdu) = self.apdu(&indication.nsdu) else { return };
        match self.client.handle(apdu, &mut self.value, env) {
            Ok(Progress::Ignored) => {}
            Ok(Progress::Send) => self.send(),
            Ok(done) => self.end(Ok(done)),
            Err(_) if self.client.is_waiting() => {}
            Err(error) => self.end(Err(error.into())),
        }
    }

    fn poll(&mut self, now: Instant, _env: &mut dyn Environment) -> Step<AdpdDataRequest> {
        if self.repeat_at.is_some_and(|at| at <= now) {
            self.repeat_at = None;
            if self.attempts >= self.config.attempts {
                self.end(Err(ReadError::NoAnswer(self.attempts)));
            } else {
                match self.packet() {
                    Ok(packet) => self.outgoing = Some(AdpdDataRequest::new(0, packet)),
                    Err(error) => self.end(Err(error)),
                }
            }
        }
        match self.outgoing.take() {
            Some(request) => {
                self.attempts = self.attempts.saturating_add(1);
                self.repeat_at = Some(now + self.config.timeout);
                Step::Do(request)
            }
            None => Step::Idle(self.repeat_at),
        }
    }
}

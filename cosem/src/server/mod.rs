//! The server: an APDU of a client in, the APDU to answer with out.
//!
//! Two associations can be open at once, one a client address:
//!
//! | client | security | role |
//! |---|---|---|
//! | public, 16 | none | [`Role::Public`] |
//! | management, 1 | HLS mechanism 5 (GMAC), ciphered APDUs of suite 0 | [`Role::Management`] |
//!
//! ```text
//!            AARQ                    ACTION 15/0.0.40.0.0.255:1
//!   idle ------------> challenged ------------------------------> open     management
//!   idle ---------------------------------- AARQ ---------------> open     public
//!   any  --------------- RLRQ, wrong answer to a challenge -----> idle
//!   any  --------------- AARQ ------------> starts over
//! ```
//!
//! A value longer than a block is produced element by element as the client asks for blocks ([`Profile`] rows, objects
//! of the object list), so no buffer holds it whole. UDP may lose a reply: a client that sends the same ciphered
//! request, or the same GET-next, once more gets the same reply once more.
//!
//! Not done: dedicated keys, general-block-transfer, ACCESS, SET and ACTION with list, attribute 0, idle timeout.
//!
//! [`Profile`]: crate::model::Profile

mod acse;
mod get;
mod objects;
mod selection;
mod services;

use crate::acse::MAX_CHALLENGE_LEN;
use crate::counter::{CounterError, ReceiveCounter, SendCounter};
use crate::model::{ObjectModel, Role};
use crate::obis::Obis;
use crate::security::{Cipher, Envelope, Keys, Protection, SecurityError, SystemTitle};
use crate::slices::copied;
use crate::xdlms::{Conformance, ServiceException, tag};
use plc_core::bytes::{Full, Reader, Writer};
use plc_core::env::{Environment, RecordKey};
use thiserror::Error;

pub use selection::{BY_ENTRY as SELECT_BY_ENTRY, BY_RANGE as SELECT_BY_RANGE};

/// Longest APDU of a server whose capacity is not chosen.
pub const DEFAULT_PDU: usize = 1024;
/// Shortest APDU a client has to be able to receive: less leaves no room for a block.
pub const MIN_CLIENT_PDU: u16 = 64;
/// Shortest APDU a server can be made for: an AARE with the longest challenge has to fit.
pub const MIN_PDU: usize = 192;
/// Octets of the items of a GET with list.
pub const MAX_LIST_OCTETS: usize = 512;
/// Octets of a value that arrives in several blocks of a SET.
pub const MAX_LONG_SET: usize = 1024;

/// Record of the counter of what the server sends.
pub const SENT_RECORD: RecordKey = RecordKey(0x0C00);
/// Record of the counter of what the server has accepted.
pub const RECEIVED_RECORD: RecordKey = RecordKey(0x0C01);

/// What the server can do.
pub const CONFORMANCE: Conformance = Conformance::GENERAL_PROTECTION
    .with(Conformance::BLOCK_GET)
    .with(Conformance::BLOCK_SET)
    .with(Conformance::MULTIPLE_REFERENCES)
    .with(Conformance::GET)
    .with(Conformance::SET)
    .with(Conformance::SELECTIVE_ACCESS)
    .with(Conformance::ACTION);

/// The association a client is in, whichever it is.
pub const CURRENT_ASSOCIATION: Obis = Obis::new(0, 0, 40, 0, 0, 255);
/// The highest invocation counter accepted under the management keys.
pub const INVOCATION_COUNTER: Obis = Obis::new(0, 0, 43, 1, 0, 255);

/// Who the server is and whom it serves.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// System title of the meter.
    pub system_title: SystemTitle,
    /// Logical device name.
    pub logical_device_name: heapless::Vec<u8, 16>,
    /// wPort of the logical device.
    pub server_sap: u16,
    /// wPort of the public client.
    pub public_sap: u16,
    /// wPort of the management client.
    pub management_sap: u16,
    /// Keys of the management association.
    pub keys: Keys,
    /// Least protection of every APDU of the management association, in both directions.
    pub policy: Protection,
    /// Octets of the challenge to a client: 8 to 64.
    pub challenge_len: u8,
}

impl ServerConfig {
    /// Client addresses 16 and 1, logical device 1, everything authenticated and encrypted. A name is cut after 16
    /// octets.
    pub fn new(system_title: SystemTitle, logical_device_name: &[u8], keys: Keys) -> Self {
        Self {
            system_title,
            logical_device_name: logical_device_name.iter().copied().take(16).collect(),
            server_sap: 1,
            public_sap: 16,
            management_sap: 1,
            keys,
            policy: Protection::AUTHENTICATED_ENCRYPTED,
            challenge_len: 16,
        }
    }
}

/// Why a request got no answer. Whatever a client does wrong gets one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ServerError {
    /// No invocation counter to answer with.
    #[error(transparent)]
    Counter(#[from] CounterError),
    /// The room for the reply is too small.
    #[error(transparent)]
    Full(#[from] Full),
    /// The reply could not be protected.
    #[error(transparent)]
    Security(#[from] SecurityError),
}

/// The server of a logical device. `PDU` is the longest APDU it receives and sends.
#[derive(Debug)]
pub struct Server<const PDU: usize = DEFAULT_PDU> {
    config: ServerConfig,
    sent: SendCounter,
    received: ReceiveCounter,
    public: Association<PDU>,
    management: Association<PDU>,
    /// The request without protection.
    plain: [u8; PDU],
}

/// What one client has with the server.
#[derive(Debug)]
struct Association<const PDU: usize> {
    role: Role,
    state: State,
    client_title: SystemTitle,
    /// Challenge of the client.
    ctos: heapless::Vec<u8, MAX_CHALLENGE_LEN>,
    /// Challenge to the client.
    stoc: heapless::Vec<u8, MAX_CHALLENGE_LEN>,
    /// Invocation counter of the AARQ: that inside the answer to the challenge has to be greater.
    opened_at: u32,
    conformance: Conformance,
    /// Longest APDU the client receives.
    client_pdu: u16,
    transfer: services::Transfer,
    last: LastExchange<PDU>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Challenged,
    Open,
}

/// The exchange before, to answer a repeated request as the first time.
#[derive(Debug)]
struct LastExchange<const PDU: usize> {
    request_len: usize,
    /// End of the request. A ciphered one ends in its tag, which depends on all of it and on the invocation counter.
    request_end: [u8; 16],
    reply: heapless::Vec<u8, PDU>,
}

impl<const PDU: usize> LastExchange<PDU> {
    const NONE: Self = Self { request_len: 0, request_end: [0; 16], reply: heapless::Vec::new() };

    fn keep(&mut self, request: &[u8], reply: &[u8]) {
        self.request_len = request.len();
        self.request_end = end_of(request);
        if heapless::Vec::from_slice(reply).map(|reply| self.reply = reply).is_err() {
            *self = Self::NONE;
        }
    }

    fn reply_to(&self, request: &[u8]) -> Option<&[u8]> {
        let same = self.request_len == request.len() && self.request_end == end_of(request);
        (same && !self.reply.is_empty()).then_some(&self.reply)
    }
}

fn end_of(request: &[u8]) -> [u8; 16] {
    let mut end = [0; 16];
    for (to, from) in end.iter_mut().rev().zip(request.iter().rev()) {
        *to = *from;
    }
    end
}

impl<const PDU: usize> Association<PDU> {
    const fn new(role: Role) -> Self {
        Self {
            role,
            state: State::Idle,
            client_title: SystemTitle([0; 8]),
            ctos: heapless::Vec::new(),
            stoc: heapless::Vec::new(),
            opened_at: 0,
            conformance: Conformance(0),
            client_pdu: 0,
            transfer: services::Transfer::None,
            last: LastExchange::NONE,
        }
    }

    fn close(&mut self) {
        *self = Self::new(self.role);
    }

    fn secured(&self) -> bool {
        self.role == Role::Management
    }

    /// Octets of an APDU that client, server and `room` can have.
    fn pdu_limit(&self, room: usize) -> usize {
        let client = match self.client_pdu {
            0 => usize::MAX,
            limit => usize::from(limit),
        };
        client.min(PDU).min(room)
    }
}

impl<const PDU: usize> Server<PDU> {
    /// A server without associations.
    pub const fn new(config: ServerConfig) -> Self {
        const { assert!(PDU >= MIN_PDU, "an AARE would not fit") }
        Self {
            config,
            sent: SendCounter::new(SENT_RECORD),
            received: ReceiveCounter::new(RECEIVED_RECORD),
            public: Association::new(Role::Public),
            management: Association::new(Role::Management),
            plain: [0; PDU],
        }
    }

    /// Who the server is.
    pub const fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// Whether a role's association is open.
    pub fn is_open(&self, role: Role) -> bool {
        let association = match role {
            Role::Public => &self.public,
            Role::Management => &self.management,
        };
        association.state == State::Open
    }

    /// Ends all associations, as a lost connection does.
    pub fn reset(&mut self) {
        self.public.close();
        self.management.close();
    }

    /// Answers the APDU of the client at wPort `client`: writes the reply to `out`, of `PDU` octets at least, and
    /// returns its length. What is wrong with a request is told to the client; an error is the server's own.
    pub fn handle(
        &mut self,
        client: u16,
        apdu: &[u8],
        model: &mut dyn ObjectModel,
        env: &mut dyn Environment,
        out: &mut [u8],
    ) -> Result<usize, ServerError> {
        if out.len() < PDU {
            return Err(Full { at: 0, needed: PDU, left: out.len() }.into());
        }
        let tag = apdu.first().copied().unwrap_or_default();
        if client != self.config.public_sap && client != self.config.management_sap {
            return self.handle_stranger(tag, out);
        }
        if apdu.len() > PDU {
            return refuse(ServiceException::PduTooLong, out);
        }
        match tag {
            crate::acse::AARQ => self.handle_aarq(client, apdu, env, out),
            crate::acse::RLRQ => self.handle_rlrq(client, apdu, env, out),
            _ => self.handle_service(client, apdu, model, env, out),
        }
    }

    fn association(&mut self, client: u16) -> &mut Association<PDU> {
        if client == self.config.management_sap { &mut self.management } else { &mut self.public }
    }

    fn handle_service(
        &mut self,
        client: u16,
        apdu: &[u8],
        model: &mut dyn ObjectModel,
        env: &mut dyn Environment,
        out: &mut [u8],
    ) -> Result<usize, ServerError> {
        let association = self.association(client);
        if association.state == State::Idle {
            return refuse(ServiceException::NotPossible, out);
        }
        let secured = association.secured();
        let repeatable = secured || apdu.starts_with(&[tag::GET_REQUEST, 2]);
        if let Some(reply) = association.last.reply_to(apdu).filter(|_| repeatable) {
            let mut writer = Writer::new(out);
            writer.put(reply)?;
            return Ok(writer.position());
        }
        let length = if secured {
            self.handle_ciphered(apdu, model, env, out)?
        } else {
            copied(apdu, &mut self.plain)?;
            self.answer_plain(client, 0..apdu.len(), None, model, env, out)?
        };
        if let Some(reply) = out.get(..length) {
            self.association(client).last.keep(apdu, reply);
        }
        Ok(length)
    }

    fn handle_ciphered(
        &mut self,
        apdu: &[u8],
        model: &mut dyn ObjectModel,
        env: &mut dyn Environment,
        out: &mut [u8],
    ) -> Result<usize, ServerError> {
        let Some((envelope, body)) = open_envelope(apdu, self.management.client_title) else {
            return refuse(ServiceException::Deciphering, out);
        };
        let plain = copied(body, &mut self.plain)?;
        let cipher = Cipher::new(&self.config.keys);
        let opened = cipher.unprotect(self.config.policy, self.management.client_title, plain);
        let Ok((counter, range)) = opened else {
            return refuse(ServiceException::Deciphering, out);
        };
        let floor = self.received.floor(env.store())?;
        if counter <= floor {
            return refuse(ServiceException::InvocationCounter(floor.saturating_add(1)), out);
        }
        self.received.accept(counter, false, env.store())?;
        let length =
            self.answer_plain(self.config.management_sap, range, Some((envelope, counter)), model, env, out)?;
        if out.first() == Some(&tag::EXCEPTION_RESPONSE) {
            return Ok(length);
        }
        self.protect(envelope, env, out, length)
    }

    /// Ciphers the `length` octets of a reply in `out`.
    fn protect(
        &mut self,
        envelope: Envelope,
        env: &mut dyn Environment,
        out: &mut [u8],
        length: usize,
    ) -> Result<usize, ServerError> {
        let reply_tag = out.first().copied().unwrap_or_default();
        let envelope = match envelope {
            Envelope::General => Envelope::General,
            Envelope::ServiceSpecific(_) => {
                Envelope::ServiceSpecific(crate::xdlms::glo_of(reply_tag).unwrap_or(reply_tag))
            }
        };
        let counter = self.sent.next(env.store())?;
        let title = self.config.system_title;
        let cipher = Cipher::new(&self.config.keys);
        let body = cipher.protect(self.config.policy, title, counter, out, length)?;
        Ok(envelope.wrap(title, out, body)?)
    }
}

/// Octets that ciphering adds to a plain APDU at most.
fn ciphering_overhead(policy: Protection, envelope: Envelope) -> usize {
    policy.overhead() + envelope.header_len(usize::from(u16::MAX))
}

/// Splits a ciphered APDU into how it is wrapped and what is ciphered.
pub(crate) fn open_envelope(apdu: &[u8], origin: SystemTitle) -> Option<(Envelope, &[u8])> {
    let mut reader = Reader::new(apdu);
    let envelope = match reader.u8().ok()? {
        tag::GENERAL_GLO_CIPHERING => {
            // A title of no octets means the one known from the association.
            let title = crate::axdr::read_octets(&mut reader).ok()?;
            if !title.is_empty() && title != origin.0 {
                return None;
            }
            Envelope::General
        }
        glo if crate::xdlms::is_glo(glo)
            || glo == tag::GLO_INITIATE_REQUEST
            || glo == tag::GLO_INITIATE_RESPONSE =>
        {
            Envelope::ServiceSpecific(glo)
        }
        _ => return None,
    };
    let body = crate::axdr::read_octets(&mut reader).ok()?;
    (reader.left() == 0).then_some((envelope, body))
}

fn refuse(exception: ServiceException, out: &mut [u8]) -> Result<usize, ServerError> {
    let mut writer = Writer::new(out);
    exception.emit(&mut writer)?;
    Ok(writer.position())
}

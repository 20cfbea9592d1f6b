//! The client: each operation gives an APDU to send; each reply is handed in until the operation has its outcome.
//!
//! ```text
//! associate, get, set ...  -> APDU to send, also as `request`, for the case that it has to be repeated
//! handle(reply)            -> Ignored   not the answer that is waited for: keep waiting
//!                          -> Send      the operation goes on: send `request`
//!                          -> Associated, Value, Written, Called, Released: done
//! ```
//!
//! A lost datagram is repeated with the same octets (`request`): the server recognises it. An error ends the operation
//! unless [`Client::is_waiting`] still says otherwise. Errors of the kind [`ClientError::DataAccess`] leave the
//! association as it is.
//!
//! Not done: dedicated keys, general-block-transfer, SET and ACTION in blocks or with list.

mod replies;
mod requests;

use crate::acse::{AcseError, AssociationResult, Diagnostic, MAX_CHALLENGE_LEN};
use crate::axdr::{AxdrError, Data, Encoder, read_length};
use crate::counter::{CounterError, SendCounter};
use crate::datetime::DateTime;
use crate::model::CaptureObject;
use crate::obis::Obis;
use crate::security::{Keys, Protection, SecurityError, SystemTitle};
use crate::server::{SELECT_BY_ENTRY, SELECT_BY_RANGE};
use crate::xdlms::{
    ApduError, AttributeDescriptor, Conformance, DataAccessError, InvokeId, ServiceException,
};
use plc_core::bytes::{Full, Reader, Truncated};
use plc_core::env::RecordKey;
use thiserror::Error;

/// Record of the counter of what a client sends, where its configuration names no other.
pub const SENT_RECORD: RecordKey = RecordKey(0x0C80);
/// How far an exception of the server, which nobody has signed, may push the counter up at once.
pub const MAX_COUNTER_JUMP: u32 = 0x1_0000;

/// What the client asks for and can do.
pub const CONFORMANCE: Conformance = Conformance::BLOCK_GET
    .with(Conformance::MULTIPLE_REFERENCES)
    .with(Conformance::GET)
    .with(Conformance::SET)
    .with(Conformance::SELECTIVE_ACCESS)
    .with(Conformance::ACTION);

/// Who the client is and how it talks to one server.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// wPort of the client.
    pub client_sap: u16,
    /// wPort of the logical device.
    pub server_sap: u16,
    /// System title of the client.
    pub system_title: SystemTitle,
    /// HLS mechanism 5 and ciphered APDUs with these keys; without, the public client.
    pub security: Option<ClientSecurity>,
    /// What to propose.
    pub conformance: Conformance,
    /// Longest reply to ask for.
    pub max_pdu: u16,
    /// Record of the invocation counter: one per key.
    pub sent_record: RecordKey,
    /// Numbers of the requests.
    pub invoke_ids: InvokeIds,
}

/// Security of an association.
#[derive(Clone, Debug)]
pub struct ClientSecurity {
    /// The server's keys for this client.
    pub keys: Keys,
    /// What is done to APDUs, and asked of the server's.
    pub protection: Protection,
    /// Octets of the challenge: 8 to 64.
    pub challenge_len: u8,
}

/// Numbers of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvokeIds {
    /// 1 to 15 in turn, so that a reply that comes too late is recognised.
    Counting,
    /// Always the same, for traces that can be compared.
    Always(u8),
}

impl ClientConfig {
    /// The public client, 16.
    pub fn public() -> Self {
        Self {
            client_sap: 16,
            server_sap: 1,
            system_title: SystemTitle([0; 8]),
            security: None,
            conformance: CONFORMANCE,
            max_pdu: 1024,
            sent_record: SENT_RECORD,
            invoke_ids: InvokeIds::Counting,
        }
    }

    /// The management client, 1, with everything authenticated and encrypted.
    pub fn management(system_title: SystemTitle, keys: Keys) -> Self {
        let protection = Protection::AUTHENTICATED_ENCRYPTED;
        Self {
            client_sap: 1,
            system_title,
            security: Some(ClientSecurity { keys, protection, challenge_len: 16 }),
            ..Self::public()
        }
    }
}

/// An attribute to read, whole or in part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Query {
    /// The attribute.
    pub attribute: AttributeDescriptor,
    /// The part of it.
    pub selection: Option<Selection>,
}

impl Query {
    /// Attribute `attribute` of object `name`, all of it.
    pub const fn new(class_id: u16, name: Obis, attribute: i8) -> Self {
        Self { attribute: AttributeDescriptor::new(class_id, name, attribute), selection: None }
    }

    /// A part of the attribute.
    pub const fn selecting(self, selection: Selection) -> Self {
        Self { selection: Some(selection), ..self }
    }
}

/// A part of a profile's buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Selection {
    /// Rows captured from `from` to `to`, both included, by the clock's time.
    Range {
        /// The first time.
        from: DateTime,
        /// The last time.
        to: DateTime,
    },
    /// Rows by place, oldest first, from 1.
    Entries {
        /// The first row.
        first: u32,
        /// The last row; 0 is the end.
        last: u32,
    },
}

/// The clock by which ranges are selected.
pub const CLOCK_TIME: CaptureObject =
    CaptureObject::new(crate::classes::CLOCK, Obis::new(0, 0, 1, 0, 0, 255), 2);

impl Selection {
    /// Writes selector and parameters.
    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), Full> {
        match *self {
            Self::Range { from, to } => {
                out.raw(&[SELECT_BY_RANGE])?;
                out.structure(4)?;
                CLOCK_TIME.encode(out)?;
                out.date_time(from)?;
                out.date_time(to)?;
                out.array(0)
            }
            Self::Entries { first, last } => {
                out.raw(&[SELECT_BY_ENTRY])?;
                out.structure(4)?;
                out.u32(first)?;
                out.u32(last)?;
                out.u16(1)?;
                out.u16(0)
            }
        }
    }
}

/// Where the octets of a value are collected, block by block.
pub trait Collect {
    /// Forgets what was collected.
    fn clear(&mut self);
    /// Appends octets.
    fn extend(&mut self, octets: &[u8]) -> Result<(), Full>;
}

impl<const N: usize> Collect for heapless::Vec<u8, N> {
    fn clear(&mut self) {
        self.truncate(0);
    }

    fn extend(&mut self, octets: &[u8]) -> Result<(), Full> {
        let full = Full { at: self.len(), needed: octets.len(), left: N - self.len() };
        self.extend_from_slice(octets).map_err(|_| full)
    }
}

#[cfg(any(test, feature = "alloc"))]
impl Collect for alloc::vec::Vec<u8> {
    fn clear(&mut self) {
        self.truncate(0);
    }

    fn extend(&mut self, octets: &[u8]) -> Result<(), Full> {
        self.extend_from_slice(octets);
        Ok(())
    }
}

/// How an operation goes on after a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The octets were no answer to what is waited for, as a repeated or late reply is none.
    Ignored,
    /// Send [`Client::request`].
    Send,
    /// The association is open.
    Associated,
    /// The value is collected: of GET an encoded [`Data`], of GET with list [`results`].
    Value,
    /// SET succeeded.
    Written,
    /// ACTION succeeded; the value it returned, if any, is collected.
    Called,
    /// The association is closed.
    Released,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ClientError {
    /// Another operation waits for its reply.
    #[error("another operation is going on")]
    Busy,
    /// No association is open.
    #[error("no association is open")]
    NotAssociated,
    /// The request is longer than the server takes, or than there is room for.
    #[error("the request is too long: {0}")]
    RequestTooLong(Full),
    /// The value is longer than the room to collect it.
    #[error("the value is too long: {0}")]
    ValueTooLong(Full),
    /// The reply is longer than was agreed.
    #[error("reply of {0} octets")]
    ReplyTooLong(usize),
    /// The server rejects the association.
    #[error("association rejected: result {result:?}, {diagnostic:?}, initiate error {initiate_error:?}")]
    Rejected {
        /// Result of the AARE.
        result: AssociationResult,
        /// Its diagnostic.
        diagnostic: Diagnostic,
        /// Initiate error in its confirmed-service-error.
        initiate_error: Option<u8>,
    },
    /// The server could not prove that it has the keys.
    #[error("the server is not authentic")]
    NotAuthentic,
    /// The server refuses a service; nobody has signed this.
    #[error("exception: {0}")]
    Exception(ServiceException),
    /// confirmed-service-error: service, kind and code of the error.
    #[error("confirmed service error {0:?}")]
    ServiceError([u8; 3]),
    /// The server refuses access to an attribute or method.
    #[error(transparent)]
    DataAccess(DataAccessError),
    /// A block other than the next one.
    #[error("block {found} instead of {wanted}")]
    Block {
        /// The number that came.
        found: u32,
        /// The next one.
        wanted: u32,
    },
    /// The reply is no association APDU.
    #[error(transparent)]
    Acse(#[from] AcseError),
    /// The reply is no APDU.
    #[error(transparent)]
    Apdu(#[from] ApduError),
    /// The reply's protection is wrong.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// No invocation counter.
    #[error(transparent)]
    Counter(#[from] CounterError),
}

impl From<Truncated> for ClientError {
    fn from(truncated: Truncated) -> Self {
        Self::Apdu(truncated.into())
    }
}

impl From<AxdrError> for ClientError {
    fn from(error: AxdrError) -> Self {
        Self::Apdu(error.into())
    }
}

/// The client of one server. `PDU` is the longest APDU it sends and receives.
#[derive(Debug)]
pub struct Client<const PDU: usize = 1024> {
    config: ClientConfig,
    sent: SendCounter,
    state: State,
    waiting: Waiting,
    /// What the association agreed on.
    conformance: Conformance,
    server_pdu: u16,
    server_title: SystemTitle,
    ctos: heapless::Vec<u8, MAX_CHALLENGE_LEN>,
    stoc: heapless::Vec<u8, MAX_CHALLENGE_LEN>,
    /// Highest invocation counter of the server in this association.
    received: u32,
    invoke_id: InvokeId,
    request: [u8; PDU],
    request_len: usize,
    /// The reply without protection.
    plain: [u8; PDU],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Open,
}

/// The reply that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Nothing,
    Associate,
    /// The server's answer to the challenge. Its counter has to be greater than that of the AARE.
    Authenticate {
        opened_at: u32,
    },
    /// Number of the block waited for.
    Get {
        block: u32,
        list: bool,
    },
    Set,
    Action,
    Release,
}

impl<const PDU: usize> Client<PDU> {
    /// A client without association.
    pub fn new(config: ClientConfig) -> Self {
        const { assert!(PDU >= crate::server::MIN_PDU, "an AARQ would not fit") }
        let sent = SendCounter::new(config.sent_record);
        Self {
            config,
            sent,
            state: State::Idle,
            waiting: Waiting::Nothing,
            conformance: Conformance(0),
            server_pdu: 0,
            server_title: SystemTitle([0; 8]),
            ctos: heapless::Vec::new(),
            stoc: heapless::Vec::new(),
            received: 0,
            invoke_id: InvokeId(0xC1),
            request: [0; PDU],
            request_len: 0,
            plain: [0; PDU],
        }
    }

    /// How the client talks.
    pub const fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// The APDU sent last, to be sent again where no reply comes.
    pub fn request(&self) -> &[u8] {
        self.request.get(..self.request_len).unwrap_or_default()
    }

    /// Whether an operation waits for a reply.
    pub fn is_waiting(&self) -> bool {
        self.waiting != Waiting::Nothing
    }

    /// Whether an association is open.
    pub fn is_associated(&self) -> bool {
        self.state == State::Open
    }

    /// What client and server both can do, once an association is open.
    pub const fn conformance(&self) -> Conformance {
        self.conformance
    }

    /// System title of the server, once an association with security is open.
    pub const fn server_title(&self) -> SystemTitle {
        self.server_title
    }

    /// Gives up the operation that waits; the association stays.
    pub fn abandon(&mut self) {
        self.waiting = Waiting::Nothing;
    }

    /// Forgets operation and association, as when the server does not answer any more.
    pub fn reset(&mut self) {
        self.waiting = Waiting::Nothing;
        self.state = State::Idle;
    }

    /// The invocation counter used last; 0 before the first of this run.
    pub const fn counter(&self) -> u32 {
        self.sent.last()
    }

    /// Uses invocation counters from `number` on, where that is not going back: for a client whose store was lost, from
    /// what the server's object 0.0.43.1.0.255 says.
    pub fn raise_counter(&mut self, number: u32) {
        self.sent.raise_to(number);
    }
}

/// The results of a GET with list, out of what was collected.
///
/// ```
/// use cosem::client::results;
/// use cosem::Data;
/// let collected = [2, 0, 17, 5, 1, 4];
/// let mut results = results(&collected)?;
/// assert_eq!(results.next(), Some(Ok(Ok(Data::Unsigned(5)))));
/// assert!(matches!(results.next(), Some(Ok(Err(_)))), "object undefined");
/// assert_eq!(results.next(), None);
/// # Ok::<(), cosem::xdlms::ApduError>(())
/// ```
pub fn results(collected: &[u8]) -> Result<Results<'_>, ApduError> {
    let mut reader = Reader::new(collected);
    let left = read_length(&mut reader)?;
    Ok(Results { reader, left })
}

/// Iterator over the results of a GET with list; stops after octets that are no result.
#[derive(Clone, Debug)]
pub struct Results<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> Iterator for Results<'a> {
    type Item = Result<Result<Data<'a>, DataAccessError>, ApduError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let result = replies::read_result(&mut self.reader);
        if result.is_err() {
            self.left = 0;
        }
        Some(result)
    }
}

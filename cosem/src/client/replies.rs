//! What the client makes of replies.

use super::{Client, ClientError, Collect, MAX_COUNTER_JUMP, Progress, State, Waiting};
use crate::acse::{AARE, Aare, AssociationResult, RLRE, Release};
use crate::axdr::Data;
use crate::security::{Cipher, SecurityError};
use crate::server::open_envelope;
use crate::slices::copied;
use crate::xdlms::{
    ApduError, Block, DataAccessError, InitiateResponse, InvokeId, Items, ServiceException, finished, flag,
    tag,
};
use core::ops::Range;
use plc_core::bytes::{Full, Reader};
use plc_core::env::Environment;

impl<const PDU: usize> Client<PDU> {
    /// Takes a reply. Values are collected `into`, which is cleared with the first octets of a new one.
    pub fn handle(
        &mut self,
        apdu: &[u8],
        into: &mut dyn Collect,
        env: &mut dyn Environment,
    ) -> Result<Progress, ClientError> {
        if apdu.len() > PDU {
            return Err(ClientError::ReplyTooLong(apdu.len()));
        }
        match (self.waiting, apdu.first().copied().unwrap_or_default()) {
            (Waiting::Nothing, _) => Ok(Progress::Ignored),
            (_, tag::EXCEPTION_RESPONSE) => self.excepted(apdu),
            (_, tag::CONFIRMED_SERVICE_ERROR) => {
                let error = Reader::new(apdu.get(1..).unwrap_or_default()).array()?;
                self.waiting = Waiting::Nothing;
                Err(ClientError::ServiceError(error))
            }
            (Waiting::Associate, AARE) => self.handle_aare(apdu, env),
            (Waiting::Release, RLRE) => {
                Release::parse(apdu, RLRE)?;
                self.reset();
                Ok(Progress::Released)
            }
            (Waiting::Associate | Waiting::Release, _) => Ok(Progress::Ignored),
            (waiting, _) => self.handle_service(waiting, apdu, into, env),
        }
    }

    fn excepted(&mut self, apdu: &[u8]) -> Result<Progress, ClientError> {
        let exception = ServiceException::parse(apdu)?;
        if let ServiceException::InvocationCounter(expected) = exception {
            // The request that is waited for would have been accepted: this is about an older one that came twice.
            if expected <= self.sent.last() {
                return Ok(Progress::Ignored);
            }
            self.sent.raise_at_most(expected, MAX_COUNTER_JUMP);
        }
        self.waiting = Waiting::Nothing;
        Err(ClientError::Exception(exception))
    }

    fn handle_aare(&mut self, apdu: &[u8], env: &mut dyn Environment) -> Result<Progress, ClientError> {
        let aare = Aare::parse(apdu)?;
        let information = aare.user_information.unwrap_or_default();
        if aare.result != AssociationResult::ACCEPTED {
            self.waiting = Waiting::Nothing;
            let initiate_error = match information {
                [tag::CONFIRMED_SERVICE_ERROR, 1, 6, error] => Some(*error),
                _ => None,
            };
            let Aare { result, diagnostic, .. } = aare;
            return Err(ClientError::Rejected { result, diagnostic, initiate_error });
        }
        let Some(security) = &self.config.security else {
            self.agree(InitiateResponse::parse(information)?);
            self.waiting = Waiting::Nothing;
            self.state = State::Open;
            return Ok(Progress::Associated);
        };
        let title = aare.responding_title.ok_or(ClientError::NotAuthentic)?;
        let stoc = aare.responding_value.ok_or(ClientError::NotAuthentic)?;
        // The diagnostic should be "authentication required", but there are servers that say nothing; what counts is
        // the answer to our challenge. One that is our own would let a server without keys answer with our answer.
        if stoc == &self.ctos[..] {
            return Err(ClientError::NotAuthentic);
        }
        let (_, body) =
            open_envelope(information, title).ok_or(SecurityError::Malformed(information.len()))?;
        let plain = copied(body, &mut self.plain).map_err(too_long)?;
        let (counter, range) = Cipher::new(&security.keys).unprotect(security.protection, title, plain)?;
        let response = InitiateResponse::parse(plain.get(range).unwrap_or_default())?;
        self.stoc = heapless::Vec::from_slice(stoc).map_err(|_| ClientError::NotAuthentic)?;
        self.server_title = title;
        self.received = counter;
        self.agree(response);
        self.waiting = Waiting::Nothing;
        self.authenticate(counter, env)?;
        Ok(Progress::Send)
    }

    fn agree(&mut self, response: InitiateResponse) {
        self.conformance = response.conformance & self.config.conformance;
        self.server_pdu = response.max_pdu;
    }

    fn handle_service(
        &mut self,
        waiting: Waiting,
        apdu: &[u8],
        into: &mut dyn Collect,
        env: &mut dyn Environment,
    ) -> Result<Progress, ClientError> {
        let Some((range, counter)) = self.open(apdu)? else { return Ok(Progress::Ignored) };
        let plain = self.plain.get(range).unwrap_or_default();
        let mut reader = Reader::new(plain);
        let (service, choice) = (reader.u8()?, reader.u8()?);
        let invoke_id = InvokeId(reader.u8()?);
        if invoke_id.id() != self.invoke_id.id() {
            return Ok(Progress::Ignored);
        }
        match (waiting, service, choice) {
            (Waiting::Get { block: 1, list: false }, tag::GET_RESPONSE, 1) => {
                let start = reader.position();
                let result = read_result(&mut reader)?;
                finished(&reader, ())?;
                self.waiting = Waiting::Nothing;
                result.map_err(ClientError::DataAccess)?;
                collect(into, true, plain.get(start + 1..).unwrap_or_default())?;
                Ok(Progress::Value)
            }
            // A server that cannot make a list answers as if it had not been one.
            (Waiting::Get { .. }, tag::GET_RESPONSE, 1) => match read_result(&mut reader)? {
                Ok(_) => Err(ApduError::Choice { tag: service, choice }.into()),
                Err(error) => {
                    self.waiting = Waiting::Nothing;
                    Err(ClientError::DataAccess(error))
                }
            },
            (Waiting::Get { block: 1, list: true }, tag::GET_RESPONSE, 3) => {
                let start = reader.position();
                Items::read(&mut reader, |reader| read_result(reader).map(|_| ()))?;
                finished(&reader, ())?;
                self.waiting = Waiting::Nothing;
                collect(into, true, plain.get(start..).unwrap_or_default())?;
                Ok(Progress::Value)
            }
            (Waiting::Get { block, list }, tag::GET_RESPONSE, 2) => {
                let last = reader.u8()? != 0;
                let number = reader.u32_be()?;
                if flag(&mut reader)? {
                    let error = DataAccessError::from_code(reader.u8()?);
                    self.waiting = Waiting::Nothing;
                    return Err(error.err().map_or(
                        ClientError::Block { found: number, wanted: block },
                        ClientError::DataAccess,
                    ));
                }
                let octets = crate::axdr::read_octets(&mut reader)?;
                finished(&reader, ())?;
                let arrived = Block { last, number, octets };
                if arrived.number != block {
                    // The block before, once more.
                    if arrived.number.checked_add(1) == Some(block) {
                        return Ok(Progress::Ignored);
                    }
                    self.waiting = Waiting::Nothing;
                    return Err(ClientError::Block { found: arrived.number, wanted: block });
                }
                self.waiting = Waiting::Nothing;
                collect(into, block == 1, arrived.octets)?;
                if arrived.last {
                    return Ok(Progress::Value);
                }
                self.get_next(block, list, env)?;
                Ok(Progress::Send)
            }
            (Waiting::Set, tag::SET_RESPONSE, 1) => {
                let result = DataAccessError::from_code(reader.u8()?);
                finished(&reader, ())?;
                self.waiting = Waiting::Nothing;
                result.map_err(ClientError::DataAccess)?;
                Ok(Progress::Written)
            }
            (Waiting::Action | Waiting::Authenticate { .. }, tag::ACTION_RESPONSE, 1) => {
                let result = DataAccessError::from_code(reader.u8()?);
                let start = reader.position();
                let returned = if flag(&mut reader)? { Some(read_result(&mut reader)?) } else { None };
                finished(&reader, ())?;
                self.waiting = Waiting::Nothing;
                if let Waiting::Authenticate { opened_at } = waiting {
                    let answer = result.ok().and(returned).and_then(Result::ok);
                    let answer = answer.and_then(|data| data.as_octets());
                    return self.check_authentic(opened_at, counter, answer.map(heapless::Vec::from_slice));
                }
                result.map_err(ClientError::DataAccess)?;
                let value = match returned {
                    None => &[],
                    // Flag and choice are in front of it.
                    Some(Ok(_)) => plain.get(start + 2..).unwrap_or_default(),
                    Some(Err(error)) => return Err(ClientError::DataAccess(error)),
                };
                collect(into, true, value)?;
                Ok(Progress::Called)
            }
            _ => Ok(Progress::Ignored),
        }
    }

    /// Checks the server's answer to our challenge.
    fn check_authentic<E>(
        &mut self,
        opened_at: u32,
        outer: u32,
        answer: Option<Result<heapless::Vec<u8, 17>, E>>,
    ) -> Result<Progress, ClientError> {
        let Some(security) = &self.config.security else { return Err(ClientError::NotAuthentic) };
        let answer = answer.and_then(Result::ok).ok_or(ClientError::NotAuthentic)?;
        let verified = Cipher::new(&security.keys).verify_challenge(self.server_title, &answer, &self.ctos);
        let inner = verified.map_err(|_| ClientError::NotAuthentic)?;
        if inner <= opened_at || inner == outer {
            return Err(ClientError::NotAuthentic);
        }
        self.received = self.received.max(inner);
        self.state = State::Open;
        Ok(Progress::Associated)
    }

    /// Takes the protection off a reply, into the buffer for that. `None` where the invocation counter was used before.
    fn open(&mut self, apdu: &[u8]) -> Result<Option<(Range<usize>, u32)>, ClientError> {
        let Some(security) = &self.config.security else {
            copied(apdu, &mut self.plain).map_err(too_long)?;
            return Ok(Some((0..apdu.len(), 0)));
        };
        let (_, body) = open_envelope(apdu, self.server_title).ok_or(SecurityError::Malformed(apdu.len()))?;
        let plain = copied(body, &mut self.plain).map_err(too_long)?;
        let cipher = Cipher::new(&security.keys);
        let (counter, range) = cipher.unprotect(security.protection, self.server_title, plain)?;
        if counter <= self.received {
            return Ok(None);
        }
        self.received = counter;
        Ok(Some((range, counter)))
    }
}

fn too_long(full: Full) -> ClientError {
    ClientError::ReplyTooLong(full.needed)
}

fn collect(into: &mut dyn Collect, first: bool, octets: &[u8]) -> Result<(), ClientError> {
    if first {
        into.clear();
    }
    into.extend(octets).map_err(ClientError::ValueTooLong)
}

/// get-data-result: 0 and a value, or 1 and a code.
pub(super) fn read_result<'a>(
    reader: &mut Reader<'a>,
) -> Result<Result<Data<'a>, DataAccessError>, ApduError> {
    if !flag(reader)? {
        return Ok(Ok(Data::read(reader)?));
    }
    let at = reader.position();
    match DataAccessError::from_code(reader.u8()?) {
        Err(error) => Ok(Err(error)),
        // "Success" instead of a value is neither.
        Ok(()) => Err(ApduError::Malformed(at)),
    }
}

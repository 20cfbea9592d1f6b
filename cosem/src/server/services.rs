//! GET, SET and ACTION.

use super::get::{Producer, Source, read_item};
use super::objects::{self, REPLY_TO_HLS_AUTHENTICATION, View};
use super::{
    Association, CURRENT_ASSOCIATION, MAX_LONG_SET, Server, ServerConfig, ServerError, State, refuse,
};
use crate::axdr::{Data, Encoder, length_of_length, write_length};
use crate::classes;
use crate::counter::{ReceiveCounter, SendCounter};
use crate::model::{Object, ObjectModel};
use crate::security::{Cipher, Envelope, Protection};
use crate::slices::shift;
use crate::xdlms::{
    ApduError, AttributeDescriptor, Block, Conformance, DataAccessError, InvokeId, Items, MethodDescriptor,
    SelectiveAccess, ServiceException, finished, flag, tag,
};
use core::ops::Range;
use plc_core::bytes::{Full, Reader, Writer};
use plc_core::env::Environment;

/// get-response-with-datablock before its octets: tag, choice, invoke id, last, number, choice of result, length.
const BLOCK_HEADER: usize = 1 + 1 + 1 + 1 + 4 + 1 + 3;

/// A value on its way in blocks; there is one at most.
#[derive(Debug)]
pub(super) enum Transfer {
    None,
    Get {
        invoke_id: InvokeId,
        block: u32,
        producer: Producer,
    },
    Set {
        invoke_id: InvokeId,
        block: u32,
        descriptor: AttributeDescriptor,
        value: heapless::Vec<u8, MAX_LONG_SET>,
    },
}

/// Everything about who asks.
struct Asker<'a, const PDU: usize> {
    association: &'a mut Association<PDU>,
    view: &'a View<'a>,
}

impl<const PDU: usize> Server<PDU> {
    /// Answers the plain request at `range` of the buffer for it; writes the plain reply to `out`.
    pub(super) fn answer_plain(
        &mut self,
        client: u16,
        range: Range<usize>,
        ciphered: Option<(Envelope, u32)>,
        model: &mut dyn ObjectModel,
        env: &mut dyn Environment,
        out: &mut [u8],
    ) -> Result<usize, ServerError> {
        let ceiling = self.received.ceiling(env.store())?;
        let limit = self.plain_limit(client, ciphered.map(|(envelope, _)| envelope), out.len());
        let Self { config, sent, received, public, management, plain } = self;
        let is_management = client == config.management_sap;
        let role = if is_management { management.role } else { public.role };
        let view = View::new(config, role, public, management, ceiling);
        let association = if is_management { management } else { public };
        let request = plain.get(range).unwrap_or_default();
        let out = out.get_mut(..limit).unwrap_or_default();
        if association.state == State::Challenged {
            let counter = ciphered.map_or(0, |(_, counter)| counter);
            return answer_challenged(request, counter, association, config, (sent, received), env, out);
        }
        let mut asker = Asker { association, view: &view };
        let answered = match request.first() {
            Some(&tag::GET_REQUEST) => asker.get(request, model, out),
            Some(&tag::SET_REQUEST) => asker.set(request, model, out),
            Some(&tag::ACTION_REQUEST) => asker.action(request, model, out),
            _ => Err(Unanswered::Exception(ServiceException::NotSupported)),
        };
        match answered {
            Ok(length) => Ok(length),
            Err(Unanswered::Exception(exception)) => refuse(exception, out),
            Err(Unanswered::Full(full)) => Err(full.into()),
        }
    }
}

/// Why a service has no response of its own.
enum Unanswered {
    Exception(ServiceException),
    Full(Full),
}

impl From<ApduError> for Unanswered {
    fn from(_: ApduError) -> Self {
        Self::Exception(ServiceException::NotSupported)
    }
}

impl From<plc_core::bytes::Truncated> for Unanswered {
    fn from(_: plc_core::bytes::Truncated) -> Self {
        Self::Exception(ServiceException::NotSupported)
    }
}

impl From<crate::axdr::AxdrError> for Unanswered {
    fn from(_: crate::axdr::AxdrError) -> Self {
        Self::Exception(ServiceException::NotSupported)
    }
}

impl From<Full> for Unanswered {
    fn from(full: Full) -> Self {
        Self::Full(full)
    }
}

impl<const PDU: usize> Asker<'_, PDU> {
    /// Refuses what the association did not agree on.
    fn needs(&self, conformance: Conformance) -> Result<(), Unanswered> {
        if self.association.conformance.has(conformance) {
            return Ok(());
        }
        Err(Unanswered::Exception(ServiceException::NotSupported))
    }

    fn get(
        &mut self,
        request: &[u8],
        model: &mut dyn ObjectModel,
        out: &mut [u8],
    ) -> Result<usize, Unanswered> {
        let mut reader = Reader::new(request);
        let (tag, choice) = (reader.u8()?, reader.u8()?);
        let invoke_id = InvokeId(reader.u8()?);
        let source = Source { view: self.view, model };
        match choice {
            1 => {
                let (descriptor, access) = read_item(&mut reader)?;
                finished(&reader, ())?;
                if access.is_some() {
                    self.needs(Conformance::SELECTIVE_ACCESS)?;
                }
                self.association.transfer = Transfer::None;
                match Producer::value(&descriptor, access.as_ref(), source) {
                    Ok(producer) => self.get_first(&[1, invoke_id.0, 0], invoke_id, producer, source, out),
                    Err(error) => get_error(invoke_id, error, out),
                }
            }
            2 => {
                let number = reader.u32_be()?;
                finished(&reader, ())?;
                self.get_next(invoke_id, number, source, out)
            }
            3 => {
                self.needs(Conformance::MULTIPLE_REFERENCES)?;
                let items = Items::read(&mut reader, |reader| read_item(reader).map(|_| ()))?;
                finished(&reader, ())?;
                self.association.transfer = Transfer::None;
                let producer = Producer::list(&items)
                    .map_err(|_| Unanswered::Exception(ServiceException::PduTooLong))?;
                self.get_first(&[3, invoke_id.0], invoke_id, producer, source, out)
            }
            choice => Err(ApduError::Choice { tag, choice }.into()),
        }
    }

    /// Answers with the whole value if it fits behind `header`, else with its first block.
    fn get_first(
        &mut self,
        header: &[u8],
        invoke_id: InvokeId,
        mut producer: Producer,
        source: Source<'_>,
        out: &mut [u8],
    ) -> Result<usize, Unanswered> {
        let in_blocks = self.association.conformance.has(Conformance::BLOCK_GET);
        let start = if in_blocks { BLOCK_HEADER } else { 1 + header.len() };
        let room = out.get_mut(start..).unwrap_or_default();
        let (length, complete) = match producer.fill(room, source) {
            Ok(filled) => filled,
            Err(error) => return get_error(invoke_id, error, out),
        };
        if complete {
            let begin = 1 + header.len();
            shift(out, start, length, begin)?;
            let mut writer = Writer::new(out);
            writer.u8(tag::GET_RESPONSE)?;
            writer.put(header)?;
            return Ok(begin + length);
        }
        if !in_blocks {
            return get_error(invoke_id, DataAccessError::DataBlockUnavailable, out);
        }
        self.association.transfer = Transfer::Get { invoke_id, block: 1, producer };
        get_block(invoke_id, 1, false, length, out)
    }

    fn get_next(
        &mut self,
        invoke_id: InvokeId,
        number: u32,
        source: Source<'_>,
        out: &mut [u8],
    ) -> Result<usize, Unanswered> {
        let transfer = core::mem::replace(&mut self.association.transfer, Transfer::None);
        let Transfer::Get { invoke_id: begun, block, mut producer } = transfer else {
            return get_block_error(invoke_id, number, DataAccessError::NoLongGetInProgress, out);
        };
        if begun.id() != invoke_id.id() || number != block {
            return get_block_error(invoke_id, number, DataAccessError::DataBlockNumberInvalid, out);
        }
        let block = block.saturating_add(1);
        match producer.fill(out.get_mut(BLOCK_HEADER..).unwrap_or_default(), source) {
            Ok((length, complete)) => {
                if !complete {
                    self.association.transfer = Transfer::Get { invoke_id, block, producer };
                }
                get_block(invoke_id, block, complete, length, out)
            }
            Err(error) => get_block_error(invoke_id, block, error, out),
        }
    }

    fn set(
        &mut self,
        request: &[u8],
        model: &mut dyn ObjectModel,
        out: &mut [u8],
    ) -> Result<usize, Unanswered> {
        self.needs(Conformance::SET)?;
        let mut reader = Reader::new(request);
        let (tag, choice) = (reader.u8()?, reader.u8()?);
        let invoke_id = InvokeId(reader.u8()?);
        if choice != 1 {
            self.needs(Conformance::BLOCK_SET)?;
        }
        match choice {
            1 => {
                let descriptor = AttributeDescriptor::read(&mut reader)?;
                let access = SelectiveAccess::read_optional(&mut reader)?;
                let value = Data::read(&mut reader)?;
                finished(&reader, ())?;
                self.association.transfer = Transfer::None;
                let result = match access {
                    Some(_) => Err(DataAccessError::ScopeOfAccessViolated),
                    None => self.set_value(&descriptor, value, model),
                };
                respond(out, &[tag::SET_RESPONSE, 1, invoke_id.0, code_of(result)])
            }
            2 => {
                let descriptor = AttributeDescriptor::read(&mut reader)?;
                let access = SelectiveAccess::read_optional(&mut reader)?;
                let block = Block::read(&mut reader)?;
                finished(&reader, ())?;
                let writable = match access {
                    Some(_) => Err(DataAccessError::ScopeOfAccessViolated),
                    None => self.writable(&descriptor, model).map(|_| ()),
                };
                if let Err(error) = writable {
                    self.association.transfer = Transfer::None;
                    return set_last(invoke_id, Err(error), block.number, out);
                }
                self.association.transfer =
                    Transfer::Set { invoke_id, block: 0, descriptor, value: heapless::Vec::new() };
                self.set_block(invoke_id, &block, model, out)
            }
            3 => {
                let block = Block::read(&mut reader)?;
                finished(&reader, ())?;
                self.set_block(invoke_id, &block, model, out)
            }
            choice => Err(ApduError::Choice { tag, choice }.into()),
        }
    }

    fn set_block(
        &mut self,
        invoke_id: InvokeId,
        arrived: &Block<'_>,
        model: &mut dyn ObjectModel,
        out: &mut [u8],
    ) -> Result<usize, Unanswered> {
        let transfer = core::mem::replace(&mut self.association.transfer, Transfer::None);
        let Transfer::Set { invoke_id: begun, block, descriptor, mut value } = transfer else {
            return set_last(invoke_id, Err(DataAccessError::NoLongSetInProgress), arrived.number, out);
        };
        if begun.id() != invoke_id.id() || arrived.number != block.saturating_add(1) {
            return set_last(invoke_id, Err(DataAccessError::DataBlockNumberInvalid), arrived.number, out);
        }
        if value.extend_from_slice(arrived.octets).is_err() {
            return set_last(invoke_id, Err(DataAccessError::LongSetAborted), arrived.number, out);
        }
        if arrived.last {
            let result = match Data::parse(&value) {
                Ok(value) => self.set_value(&descriptor, value, model),
                Err(_) => Err(DataAccessError::TypeUnmatched),
            };
            return set_last(invoke_id, result, arrived.number, out);
        }
        self.association.transfer = Transfer::Set { invoke_id, block: arrived.number, descriptor, value };
        let [a, b, c, d] = arrived.number.to_be_bytes();
        respond(out, &[tag::SET_RESPONSE, 2, invoke_id.0, a, b, c, d])
    }

    fn set_value(
        &self,
        descriptor: &AttributeDescriptor,
        value: Data<'_>,
        model: &mut dyn ObjectModel,
    ) -> Result<(), DataAccessError> {
        let object = self.writable(descriptor, model)?;
        model.set(&object, descriptor.attribute, value)
    }

    /// The object of an attribute that may be written. None of the server's own has one.
    fn writable(
        &self,
        descriptor: &AttributeDescriptor,
        model: &dyn ObjectModel,
    ) -> Result<Object, DataAccessError> {
        let (index, object) = objects::find(descriptor.class_id, descriptor.name, model)?;
        let allowed = object.access(self.view.role, descriptor.attribute).writes();
        if !allowed || descriptor.attribute == 1 || index < objects::OWN_OBJECTS.len() {
            return Err(DataAccessError::ReadWriteDenied);
        }
        Ok(object)
    }

    fn action(
        &mut self,
        request: &[u8],
        model: &mut dyn ObjectModel,
        out: &mut [u8],
    ) -> Result<usize, Unanswered> {
        self.needs(Conformance::ACTION)?;
        let (invoke_id, descriptor, parameter) = read_action(request)?;
        self.association.transfer = Transfer::None;
        // tag, choice, invoke id, result, flag of the return parameters, their choice
        let mut value = Encoder::new(out.get_mut(6..).unwrap_or_default());
        let result = self.call(&descriptor, parameter, model, &mut value);
        let length = value.len();
        match result {
            Ok(()) if length > 0 => {
                respond(out, &[tag::ACTION_RESPONSE, 1, invoke_id.0, 0, 1, 0])?;
                Ok(6 + length)
            }
            result => respond(out, &[tag::ACTION_RESPONSE, 1, invoke_id.0, code_of(result), 0]),
        }
    }

    fn call(
        &self,
        descriptor: &MethodDescriptor,
        parameter: Option<Data<'_>>,
        model: &mut dyn ObjectModel,
        out: &mut Encoder<'_>,
    ) -> Result<(), DataAccessError> {
        let (index, object) = objects::find(descriptor.class_id, descriptor.name, model)?;
        if !object.method_access(self.view.role, descriptor.method).calls() {
            return Err(DataAccessError::ReadWriteDenied);
        }
        if index < objects::OWN_OBJECTS.len() {
            // reply_to_HLS_authentication, when nothing is left to be authenticated.
            return Err(DataAccessError::OtherReason);
        }
        model.action(&object, descriptor.method, parameter, out)
    }
}

/// Between AARE and the answer to its challenge: only that answer counts.
fn answer_challenged<const PDU: usize>(
    request: &[u8],
    counter: u32,
    association: &mut Association<PDU>,
    config: &ServerConfig,
    (sent, received): (&mut SendCounter, &mut ReceiveCounter),
    env: &mut dyn Environment,
    out: &mut [u8],
) -> Result<usize, ServerError> {
    let Ok((invoke_id, descriptor, parameter)) = read_action(request) else {
        return refuse(ServiceException::NotPossible, out);
    };
    let reply_to_hls =
        MethodDescriptor::new(classes::ASSOCIATION_LN, CURRENT_ASSOCIATION, REPLY_TO_HLS_AUTHENTICATION);
    if descriptor != reply_to_hls {
        return refuse(ServiceException::NotPossible, out);
    }
    let cipher = Cipher::new(&config.keys);
    let answer = parameter.and_then(|parameter| parameter.as_octets()).unwrap_or_default();
    let answered = cipher.verify_challenge(association.client_title, answer, &association.stoc);
    let fresh = |inner: &u32| *inner > association.opened_at && *inner != counter;
    let Some(inner) = answered.ok().filter(fresh) else {
        association.close();
        let error = DataAccessError::OtherReason.code();
        return Ok(put(out, &[tag::ACTION_RESPONSE, 1, invoke_id.0, error, 0])?);
    };
    received.accept(inner, false, env.store())?;
    association.state = State::Open;
    let counter = sent.next(env.store())?;
    let tag = cipher.challenge_tag(config.system_title, counter, &association.ctos)?;
    let mut reply = Writer::new(out);
    reply.put(&[tag::ACTION_RESPONSE, 1, invoke_id.0, 0, 1, 0, crate::axdr::tag::OCTET_STRING, 17])?;
    reply.u8(Protection { authenticated: true, encrypted: false }.control())?;
    reply.u32_be(counter)?;
    reply.put(&tag)?;
    Ok(reply.position())
}

fn read_action(request: &[u8]) -> Result<(InvokeId, MethodDescriptor, Option<Data<'_>>), ApduError> {
    let mut reader = Reader::new(request);
    let tag = reader.u8()?;
    if tag != tag::ACTION_REQUEST {
        return Err(ApduError::Tag(tag));
    }
    let choice = reader.u8()?;
    if choice != 1 {
        return Err(ApduError::Choice { tag, choice });
    }
    let invoke_id = InvokeId(reader.u8()?);
    let descriptor = MethodDescriptor::read(&mut reader)?;
    let parameter = if flag(&mut reader)? { Some(Data::read(&mut reader)?) } else { None };
    finished(&reader, (invoke_id, descriptor, parameter))
}

/// Puts the header in front of the octets that lie behind the room for the longest one.
fn get_block(
    invoke_id: InvokeId,
    number: u32,
    last: bool,
    length: usize,
    out: &mut [u8],
) -> Result<usize, Unanswered> {
    let header = BLOCK_HEADER - 3 + length_of_length(length);
    shift(out, BLOCK_HEADER, length, header)?;
    let mut writer = Writer::new(out);
    writer.put(&[tag::GET_RESPONSE, 2, invoke_id.0, u8::from(last)])?;
    writer.u32_be(number)?;
    writer.u8(0)?;
    write_length(&mut writer, length)?;
    Ok(header + length)
}

fn get_block_error(
    invoke_id: InvokeId,
    number: u32,
    error: DataAccessError,
    out: &mut [u8],
) -> Result<usize, Unanswered> {
    let [a, b, c, d] = number.to_be_bytes();
    respond(out, &[tag::GET_RESPONSE, 2, invoke_id.0, 1, a, b, c, d, 1, error.code()])
}

fn get_error(invoke_id: InvokeId, error: DataAccessError, out: &mut [u8]) -> Result<usize, Unanswered> {
    respond(out, &[tag::GET_RESPONSE, 1, invoke_id.0, 1, error.code()])
}

fn set_last(
    invoke_id: InvokeId,
    result: Result<(), DataAccessError>,
    number: u32,
    out: &mut [u8],
) -> Result<usize, Unanswered> {
    let [a, b, c, d] = number.to_be_bytes();
    respond(out, &[tag::SET_RESPONSE, 3, invoke_id.0, code_of(result), a, b, c, d])
}

fn code_of(result: Result<(), DataAccessError>) -> u8 {
    result.map_or_else(DataAccessError::code, |()| 0)
}

fn respond(out: &mut [u8], octets: &[u8]) -> Result<usize, Unanswered> {
    Ok(put(out, octets)?)
}

fn put(out: &mut [u8], octets: &[u8]) -> Result<usize, Full> {
    let mut writer = Writer::new(out);
    writer.put(octets)?;
    Ok(writer.position())
}

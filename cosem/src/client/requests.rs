//! What the client sends.

use super::{Client, ClientError, InvokeIds, Query, State, Waiting};
use crate::acse::{Aarq, ApplicationContext, MAX_CHALLENGE_LEN, MIN_CHALLENGE_LEN, Mechanism, RLRQ, Release};
use crate::axdr::{Data, Encoder};
use crate::classes;
use crate::security::{Cipher, Envelope, Protection};
use crate::server::CURRENT_ASSOCIATION;
use crate::xdlms::{
    AttributeDescriptor, DLMS_VERSION, InitiateRequest, InvokeId, MethodDescriptor, glo_of, tag,
};
use plc_core::bytes::{Full, Writer};
use plc_core::env::Environment;

/// Longest ciphered InitiateRequest: 14 octets and protection.
const INITIATE_ROOM: usize = 64;

impl<const PDU: usize> Client<PDU> {
    /// Opens an association; one that is open is given up.
    pub fn associate(&mut self, env: &mut dyn Environment) -> Result<&[u8], ClientError> {
        self.ready()?;
        self.state = State::Idle;
        self.server_pdu = 0;
        let mut room = [0; INITIATE_ROOM];
        let mut writer = Writer::new(&mut room);
        let initiate = InitiateRequest {
            dedicated_key: None,
            version: DLMS_VERSION,
            conformance: self.config.conformance,
            max_pdu: self.config.max_pdu,
        };
        initiate.emit(&mut writer).map_err(ClientError::RequestTooLong)?;
        let mut length = writer.position();
        let mut aarq = Aarq { context: Some(ApplicationContext::LOGICAL_NAMES), ..Aarq::default() };
        if let Some(security) = &self.config.security {
            let wanted = usize::from(security.challenge_len).clamp(MIN_CHALLENGE_LEN, MAX_CHALLENGE_LEN);
            let mut challenge = [0; MAX_CHALLENGE_LEN];
            env.rng().fill_bytes(&mut challenge);
            let challenge = challenge.get(..wanted).unwrap_or_default();
            self.ctos = heapless::Vec::from_slice(challenge).unwrap_or_default();
            let counter = self.sent.next(env.store())?;
            let title = self.config.system_title;
            let body = Cipher::new(&security.keys).protect(
                security.protection,
                title,
                counter,
                &mut room,
                length,
            )?;
            length = Envelope::ServiceSpecific(tag::GLO_INITIATE_REQUEST)
                .wrap(title, &mut room, body)
                .map_err(ClientError::RequestTooLong)?;
            aarq.context = Some(ApplicationContext::LOGICAL_NAMES_CIPHERED);
            aarq.calling_title = Some(title);
            aarq.mechanism = Some(Mechanism::HLS_GMAC);
            aarq.calling_value = Some(&self.ctos);
        }
        aarq.user_information = room.get(..length);
        self.request_len = aarq.emit(&mut self.request).map_err(ClientError::RequestTooLong)?;
        self.waiting = Waiting::Associate;
        Ok(self.request())
    }

    /// Reads an attribute.
    pub fn get(&mut self, query: &Query, env: &mut dyn Environment) -> Result<&[u8], ClientError> {
        self.begin()?;
        let invoke_id = self.invoke_id;
        self.send(Waiting::Get { block: 1, list: false }, env, |out| {
            out.raw(&[tag::GET_REQUEST, 1, invoke_id.0])?;
            write_query(query, out)
        })
    }

    /// Reads several attributes.
    pub fn get_with_list(
        &mut self,
        queries: &[Query],
        env: &mut dyn Environment,
    ) -> Result<&[u8], ClientError> {
        self.begin()?;
        let invoke_id = self.invoke_id;
        self.send(Waiting::Get { block: 1, list: true }, env, |out| {
            out.raw(&[tag::GET_REQUEST, 3, invoke_id.0])?;
            out.length(queries.len())?;
            queries.iter().try_for_each(|query| write_query(query, out))
        })
    }

    /// Writes an attribute.
    pub fn set(
        &mut self,
        attribute: &AttributeDescriptor,
        value: &Data<'_>,
        env: &mut dyn Environment,
    ) -> Result<&[u8], ClientError> {
        self.begin()?;
        let invoke_id = self.invoke_id;
        self.send(Waiting::Set, env, |out| {
            out.raw(&[tag::SET_REQUEST, 1, invoke_id.0])?;
            attribute.write(out.writer())?;
            out.raw(&[0])?;
            out.data(value)
        })
    }

    /// Calls a method.
    pub fn action(
        &mut self,
        method: &MethodDescriptor,
        parameter: Option<&Data<'_>>,
        env: &mut dyn Environment,
    ) -> Result<&[u8], ClientError> {
        self.begin()?;
        let invoke_id = self.invoke_id;
        self.send(Waiting::Action, env, |out| write_action(invoke_id, method, parameter, out))
    }

    /// Closes the association.
    pub fn release(&mut self) -> Result<&[u8], ClientError> {
        self.ready()?;
        let release = Release { reason: Some(0), user_information: None };
        self.request_len = release.emit(RLRQ, &mut self.request).map_err(ClientError::RequestTooLong)?;
        self.waiting = Waiting::Release;
        Ok(self.request())
    }

    /// Answers the challenge of the server.
    pub(super) fn authenticate(
        &mut self,
        opened_at: u32,
        env: &mut dyn Environment,
    ) -> Result<(), ClientError> {
        let Some(security) = &self.config.security else { return Err(ClientError::NotAuthentic) };
        let counter = self.sent.next(env.store())?;
        let title = self.config.system_title;
        let tag = Cipher::new(&security.keys).challenge_tag(title, counter, &self.stoc)?;
        let mut answer = [0; 17];
        let mut writer = Writer::new(&mut answer);
        let control = Protection { authenticated: true, encrypted: false }.control();
        let written =
            writer.u8(control).and_then(|()| writer.u32_be(counter)).and_then(|()| writer.put(&tag));
        written.map_err(ClientError::RequestTooLong)?;
        self.next_invoke_id();
        let invoke_id = self.invoke_id;
        let method = MethodDescriptor::new(classes::ASSOCIATION_LN, CURRENT_ASSOCIATION, 1);
        self.send(Waiting::Authenticate { opened_at }, env, |out| {
            write_action(invoke_id, &method, Some(&Data::OctetString(&answer)), out)
        })?;
        Ok(())
    }

    /// Asks for the block after `number`.
    pub(super) fn get_next(
        &mut self,
        number: u32,
        list: bool,
        env: &mut dyn Environment,
    ) -> Result<(), ClientError> {
        let invoke_id = self.invoke_id;
        let waiting = Waiting::Get { block: number.saturating_add(1), list };
        self.send(waiting, env, |out| {
            out.raw(&[tag::GET_REQUEST, 2, invoke_id.0])?;
            out.raw(&number.to_be_bytes())
        })?;
        Ok(())
    }

    fn ready(&self) -> Result<(), ClientError> {
        if self.is_waiting() { Err(ClientError::Busy) } else { Ok(()) }
    }

    fn begin(&mut self) -> Result<(), ClientError> {
        self.ready()?;
        if self.state != State::Open {
            return Err(ClientError::NotAssociated);
        }
        self.next_invoke_id();
        Ok(())
    }

    fn next_invoke_id(&mut self) {
        let id = match self.config.invoke_ids {
            InvokeIds::Always(id) => id & 0x0F,
            InvokeIds::Counting => self.invoke_id.id() % 15 + 1,
        };
        // Confirmed, high priority.
        self.invoke_id = InvokeId(0xC0 | id);
    }

    /// Builds the request, ciphers it where there is security, and waits for the reply.
    fn send(
        &mut self,
        waiting: Waiting,
        env: &mut dyn Environment,
        build: impl FnOnce(&mut Encoder<'_>) -> Result<(), Full>,
    ) -> Result<&[u8], ClientError> {
        let mut encoder = Encoder::new(&mut self.request);
        build(&mut encoder).map_err(ClientError::RequestTooLong)?;
        let mut length = encoder.len();
        if let Some(security) = &self.config.security {
            let title = self.config.system_title;
            let plain_tag = self.request.first().copied().unwrap_or_default();
            let glo = glo_of(plain_tag).unwrap_or(plain_tag);
            let counter = self.sent.next(env.store())?;
            let cipher = Cipher::new(&security.keys);
            length = cipher.protect(security.protection, title, counter, &mut self.request, length)?;
            length = Envelope::ServiceSpecific(glo)
                .wrap(title, &mut self.request, length)
                .map_err(ClientError::RequestTooLong)?;
        }
        if self.server_pdu != 0 && length > usize::from(self.server_pdu) {
            let full = Full { at: 0, needed: length, left: usize::from(self.server_pdu) };
            return Err(ClientError::RequestTooLong(full));
        }
        self.request_len = length;
        self.waiting = waiting;
        Ok(self.request())
    }
}

fn write_query(query: &Query, out: &mut Encoder<'_>) -> Result<(), Full> {
    query.attribute.write(out.writer())?;
    match query.selection {
        None => out.raw(&[0]),
        Some(selection) => {
            out.raw(&[1])?;
            selection.encode(out)
        }
    }
}

fn write_action(
    invoke_id: InvokeId,
    method: &MethodDescriptor,
    parameter: Option<&Data<'_>>,
    out: &mut Encoder<'_>,
) -> Result<(), Full> {
    out.raw(&[tag::ACTION_REQUEST, 1, invoke_id.0])?;
    method.write(out.writer())?;
    match parameter {
        None => out.raw(&[0]),
        Some(parameter) => {
            out.raw(&[1])?;
            out.data(parameter)
        }
    }
}

//! Opening and closing associations.

use super::{
    CONFORMANCE, MIN_CLIENT_PDU, Server, ServerError, State, ciphering_overhead, open_envelope, refuse,
};
use crate::acse::{
    AARQ, Aare, Aarq, ApplicationContext, AssociationResult, Diagnostic, MAX_CHALLENGE_LEN,
    MIN_CHALLENGE_LEN, Mechanism, RLRE, RLRQ, Release,
};
use crate::security::{Cipher, Envelope};
use crate::slices::copied;
use crate::xdlms::{Conformance, DLMS_VERSION, InitiateRequest, InitiateResponse, ServiceException, tag};
use plc_core::bytes::Writer;
use plc_core::env::Environment;

/// Why an InitiateRequest is not accepted (confirmed-service-error, initiate).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InitiateError {
    VersionTooLow = 1,
    IncompatibleConformance = 2,
    PduTooShort = 3,
    Refused = 4,
}

/// What became of an AARQ.
enum Verdict {
    Accept { conformance: Conformance, client_pdu: u16 },
    Reject(Diagnostic),
    RejectInitiate(InitiateError),
    CounterError(u32),
}

/// Longest ciphered InitiateResponse: 14 octets and protection.
const INITIATE_ROOM: usize = 64;

impl<const PDU: usize> Server<PDU> {
    /// An address that no client of this server has.
    pub(super) fn handle_stranger(&mut self, tag: u8, out: &mut [u8]) -> Result<usize, ServerError> {
        match tag {
            AARQ => reject(Diagnostic::NO_REASON, None, out),
            _ => refuse(ServiceException::NotPossible, out),
        }
    }

    pub(super) fn handle_aarq(
        &mut self,
        client: u16,
        apdu: &[u8],
        env: &mut dyn Environment,
        out: &mut [u8],
    ) -> Result<usize, ServerError> {
        let association = self.association(client);
        let secured = association.secured();
        // A ciphered AARQ that comes once more had its reply lost; a plain one just starts over.
        if let Some(reply) = association.last.reply_to(apdu).filter(|_| secured) {
            let mut writer = Writer::new(out);
            writer.put(reply)?;
            return Ok(writer.position());
        }
        let Ok(aarq) = Aarq::parse(apdu) else {
            return reject(Diagnostic::Provider(1), None, out);
        };
        let verdict = if secured { self.judge_management(&aarq, env)? } else { judge_public(&aarq) };
        match verdict {
            Verdict::Accept { conformance, client_pdu } => {
                let association = self.association(client);
                if !secured {
                    association.close();
                }
                association.conformance = conformance;
                association.client_pdu = client_pdu;
                association.state = if secured { State::Challenged } else { State::Open };
                let length = self.accept(client, env, out)?;
                if let Some(reply) = out.get(..length).filter(|_| secured) {
                    self.association(client).last.keep(apdu, reply);
                }
                Ok(length)
            }
            Verdict::Reject(diagnostic) => reject(diagnostic, None, out),
            Verdict::RejectInitiate(error) => reject(Diagnostic::NO_REASON, Some(error), out),
            Verdict::CounterError(expected) => refuse(ServiceException::InvocationCounter(expected), out),
        }
    }

    /// Checks the AARQ of the management client. An association that is open stays so until the new request has proved
    /// to come from who has the keys.
    fn judge_management(
        &mut self,
        aarq: &Aarq<'_>,
        env: &mut dyn Environment,
    ) -> Result<Verdict, ServerError> {
        if aarq.context != Some(ApplicationContext::LOGICAL_NAMES_CIPHERED) {
            return Ok(Verdict::Reject(Diagnostic::CONTEXT_NOT_SUPPORTED));
        }
        match aarq.mechanism {
            Some(Mechanism::HLS_GMAC) => {}
            None | Some(Mechanism::NONE) => return Ok(Verdict::Reject(Diagnostic::MECHANISM_REQUIRED)),
            Some(_) => return Ok(Verdict::Reject(Diagnostic::MECHANISM_NOT_RECOGNISED)),
        }
        let Some(title) = aarq.calling_title else {
            return Ok(Verdict::Reject(Diagnostic::CALLING_TITLE_NOT_RECOGNISED));
        };
        let challenge = aarq
            .calling_value
            .filter(|challenge| (MIN_CHALLENGE_LEN..=MAX_CHALLENGE_LEN).contains(&challenge.len()));
        let Some(challenge) = challenge else {
            return Ok(Verdict::Reject(Diagnostic::AUTHENTICATION_FAILURE));
        };
        let envelope = aarq.user_information.and_then(|information| open_envelope(information, title));
        let Some((Envelope::General | Envelope::ServiceSpecific(tag::GLO_INITIATE_REQUEST), body)) = envelope
        else {
            return Ok(Verdict::Reject(Diagnostic::AUTHENTICATION_FAILURE));
        };
        let plain = copied(body, &mut self.plain)?;
        let opened = Cipher::new(&self.config.keys).unprotect(self.config.policy, title, plain);
        let Ok((counter, range)) = opened else {
            return Ok(Verdict::Reject(Diagnostic::AUTHENTICATION_FAILURE));
        };
        let floor = self.received.floor(env.store())?;
        if counter <= floor {
            return Ok(Verdict::CounterError(floor.saturating_add(1)));
        }
        self.received.accept(counter, true, env.store())?;
        let verdict = judge_initiate(plain.get(range).unwrap_or_default());
        self.management.close();
        self.management.client_title = title;
        self.management.opened_at = counter;
        self.management.ctos = heapless::Vec::from_slice(challenge).unwrap_or_default();
        let length = usize::from(self.config.challenge_len).clamp(MIN_CHALLENGE_LEN, MAX_CHALLENGE_LEN);
        let mut stoc = [0; MAX_CHALLENGE_LEN];
        env.rng().fill_bytes(&mut stoc);
        let stoc = stoc.get(..length).unwrap_or_default();
        self.management.stoc = heapless::Vec::from_slice(stoc).unwrap_or_default();
        Ok(verdict)
    }

    fn accept(
        &mut self,
        client: u16,
        env: &mut dyn Environment,
        out: &mut [u8],
    ) -> Result<usize, ServerError> {
        let secured = self.association(client).secured();
        let mut room = [0; INITIATE_ROOM];
        let mut writer = Writer::new(&mut room);
        let response = InitiateResponse {
            version: DLMS_VERSION,
            conformance: self.association(client).conformance,
            max_pdu: u16::try_from(PDU).unwrap_or(u16::MAX),
        };
        response.emit(&mut writer)?;
        let mut length = writer.position();
        if secured {
            length =
                self.protect(Envelope::ServiceSpecific(tag::GLO_INITIATE_RESPONSE), env, &mut room, length)?;
        }
        let user_information = room.get(..length);
        let plain = Aare {
            context: Some(ApplicationContext::LOGICAL_NAMES),
            result: AssociationResult::ACCEPTED,
            diagnostic: Diagnostic::NULL,
            responding_title: None,
            mechanism: None,
            responding_value: None,
            user_information,
        };
        let aare = match secured {
            false => plain,
            true => Aare {
                context: Some(ApplicationContext::LOGICAL_NAMES_CIPHERED),
                diagnostic: Diagnostic::AUTHENTICATION_REQUIRED,
                responding_title: Some(self.config.system_title),
                mechanism: Some(Mechanism::HLS_GMAC),
                responding_value: Some(&self.management.stoc),
                ..plain
            },
        };
        Ok(aare.emit(out)?)
    }

    /// Releases. Whoever holds the keys may cipher an InitiateRequest into an RLRQ; who sends none is believed too, as
    /// all that follows is the end of an association.
    pub(super) fn handle_rlrq(
        &mut self,
        client: u16,
        apdu: &[u8],
        env: &mut dyn Environment,
        out: &mut [u8],
    ) -> Result<usize, ServerError> {
        let Ok(release) = Release::parse(apdu, RLRQ) else {
            return refuse(ServiceException::NotSupported, out);
        };
        let secured = self.association(client).secured();
        if let Some(information) = release.user_information.filter(|_| secured) {
            let title = self.management.client_title;
            if let Some((_, body)) = open_envelope(information, title) {
                let plain = copied(body, &mut self.plain)?;
                let opened = Cipher::new(&self.config.keys).unprotect(self.config.policy, title, plain);
                let floor = self.received.floor(env.store())?;
                if let Some((counter, _)) = opened.ok().filter(|(counter, _)| *counter > floor) {
                    self.received.accept(counter, false, env.store())?;
                }
            }
        }
        self.association(client).close();
        Ok(Release { reason: Some(0), user_information: None }.emit(RLRE, out)?)
    }

    /// Octets of plain APDU that fit into what `client` receives.
    pub(super) fn plain_limit(&mut self, client: u16, envelope: Option<Envelope>, room: usize) -> usize {
        let policy = self.config.policy;
        let limit = self.association(client).pdu_limit(room);
        limit.saturating_sub(envelope.map_or(0, |envelope| ciphering_overhead(policy, envelope)))
    }
}

fn judge_public(aarq: &Aarq<'_>) -> Verdict {
    if aarq.context != Some(ApplicationContext::LOGICAL_NAMES) {
        return Verdict::Reject(Diagnostic::CONTEXT_NOT_SUPPORTED);
    }
    if aarq.mechanism.is_some_and(|mechanism| mechanism != Mechanism::NONE) {
        return Verdict::Reject(Diagnostic::MECHANISM_NOT_RECOGNISED);
    }
    judge_initiate(aarq.user_information.unwrap_or_default())
}

fn judge_initiate(apdu: &[u8]) -> Verdict {
    let Ok(request) = InitiateRequest::parse(apdu) else {
        return Verdict::Reject(Diagnostic::NO_REASON);
    };
    let conformance = request.conformance & CONFORMANCE;
    if request.version < DLMS_VERSION {
        Verdict::RejectInitiate(InitiateError::VersionTooLow)
    } else if !conformance.has(Conformance::GET) {
        Verdict::RejectInitiate(InitiateError::IncompatibleConformance)
    } else if request.max_pdu != 0 && request.max_pdu < MIN_CLIENT_PDU {
        Verdict::RejectInitiate(InitiateError::PduTooShort)
    } else if request.dedicated_key.is_some() {
        Verdict::RejectInitiate(InitiateError::Refused)
    } else {
        Verdict::Accept { conformance, client_pdu: request.max_pdu }
    }
}

fn reject(
    diagnostic: Diagnostic,
    error: Option<InitiateError>,
    out: &mut [u8],
) -> Result<usize, ServerError> {
    let information = error.map(|error| [tag::CONFIRMED_SERVICE_ERROR, 1, 6, error as u8]);
    let aare = Aare {
        context: Some(ApplicationContext::LOGICAL_NAMES),
        result: AssociationResult::REJECTED_PERMANENT,
        diagnostic,
        responding_title: None,
        mechanism: None,
        responding_value: None,
        user_information: information.as_ref().map(|octets| &octets[..]),
    };
    Ok(aare.emit(out)?)
}

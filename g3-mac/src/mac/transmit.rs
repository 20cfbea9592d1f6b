//! Sending: one MSDU at a time, from contention to the last acknowledgement (digest 2.2 to 2.6).
//!
//! ```text
//!                    channel known            slot reached, clear           sent
//!   Contending ------------------> Backoff ------------------------> OnAir ------> AwaitingAck
//!      ^  ^                          |  |                              ^                | |  |
//!      |  +-- a frame came and went -+  | busy: window adapted         |                | |  +-- last segment
//!      |                                | (or given up)                |  acknowledged, | |      acknowledged: done
//!      +--------------------------------+                              |  or to repeat: | |
//!      |                                                               +-- after CIFS --+ |
//!      +---------------- no or a wrong acknowledgement: all of the MSDU again ------------+
//! ```

use super::carrier::slot_instant;
use super::contention::{Attempts, Class};
use super::primitives::{McpsDataConfirm, McpsDataRequest, QualityOfService};
use super::reassembly::SecuredMsdu;
use super::settings::TransmitSettings;
use super::{Mac, MacStatus, Preemption};
use crate::frame::{
    self, AuxiliarySecurity, Endpoint, Frame, FrameType, Header, KeyIndex, MAX_SEGMENT_COUNT, SegmentControl,
    Source,
};
use crate::security::{self, CounterError};
use g3_phy::layout::PayloadLayout;
use g3_phy::primitives::{Ack, PdDataRequest, Psdu, TransmitConfirm, TransmitStatus};
use plc_core::address::Address;
use plc_core::env::Environment;
use plc_core::sans_io::Step;
use plc_core::time::Instant;

/// The MSDU on its way.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    handle: u8,
    header: Header,
    security: Option<AuxiliarySecurity>,
    /// Enciphered once: repeating it under the same frame counter shows nothing new.
    msdu: SecuredMsdu,
    class: Class,
    high_priority: bool,
    first_settings: TransmitSettings,
    settings: TransmitSettings,
    retries: u8,
    attempts: Attempts,
    /// When the channel was last found busy.
    busy_at: Option<Instant>,
    segment: Segment,
    phase: Phase,
}

/// The segment being sent.
#[derive(Clone, Copy, Debug, Default)]
struct Segment {
    count: u8,
    /// Octets of the MSDU before it.
    offset: usize,
    length: usize,
    fcs: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A back-off is to be drawn as soon as it is known where it counts from.
    Contending,
    /// The channel will be looked at then.
    Backoff { at: Instant, epoch: u32 },
    /// In the contention-free slot: sent at this instant whatever the channel does.
    Reserved(Instant),
    /// With the PHY.
    OnAir,
    /// Until then.
    AwaitingAck(Instant),
}

impl Mac {
    /// Goes on sending, as far as time allows.
    pub(super) fn poll_transmit(&mut self, now: Instant, env: &mut dyn Environment) -> Step<PdDataRequest> {
        loop {
            if self.outgoing.is_none() {
                let Some(request) = self.next_request() else { return Step::Idle(None) };
                let handle = request.handle;
                match self.begin(request, env) {
                    Ok(outgoing) => self.outgoing = Some(outgoing),
                    Err(status) => {
                        self.confirm(handle, status, now);
                        return Step::Idle(Some(now));
                    }
                }
            }
            let Some(outgoing) = &mut self.outgoing else { return Step::Idle(None) };
            match outgoing.phase {
                Phase::Contending => {
                    let Some(opportunity) = self.carrier.opportunity(now) else {
                        return Step::Idle(self.carrier.deadline());
                    };
                    let slots =
                        self.window.draw(&self.pib, outgoing.class, &mut outgoing.attempts, env.rng());
                    let first = outgoing.class.first_slot(&self.pib);
                    let at = slot_instant(opportunity, now, self.carrier.spaces(), first, slots);
                    outgoing.phase = Phase::Backoff { at, epoch: self.carrier.epoch() };
                }
                Phase::Backoff { at, .. } if now < at => return Step::Idle(Some(at)),
                Phase::Backoff { at, epoch } => {
                    if self.ack.is_some() || !self.carrier.is_clear(now) {
                        self.channel_busy(at, now);
                        if self.outgoing.is_none() {
                            return Step::Idle(Some(now));
                        }
                    } else if epoch == self.carrier.epoch() {
                        return self.send_segment(at, now);
                    } else {
                        // A frame came and went: the slots count anew.
                        outgoing.phase = Phase::Contending;
                    }
                }
                Phase::Reserved(at) => return self.send_segment(at, now),
                Phase::OnAir => return Step::Idle(None),
                Phase::AwaitingAck(until) if now < until => return Step::Idle(Some(until)),
                Phase::AwaitingAck(_) => {
                    self.counters.csma_no_acks = self.counters.csma_no_acks.wrapping_add(1);
                    self.retry_all(now);
                    if self.outgoing.is_none() {
                        return Step::Idle(Some(now));
                    }
                }
            }
        }
    }

    /// The PHY has sent the segment, or refused it.
    pub(super) fn segment_sent(&mut self, now: Instant, confirm: &TransmitConfirm) {
        let Some(outgoing) = &mut self.outgoing else { return };
        if outgoing.phase != Phase::OnAir {
            return;
        }
        match confirm.status {
            TransmitStatus::Success if outgoing.header.ack_request => {
                self.carrier.frame(confirm.end, true);
                outgoing.phase = Phase::AwaitingAck(confirm.end + self.carrier.spaces().ack_wait);
            }
            TransmitStatus::Success => {
                self.carrier.frame(confirm.end, false);
                self.segment_delivered(confirm.end, now);
            }
            TransmitStatus::BusyTransmitting => self.channel_busy(now, now),
            TransmitStatus::InvalidParameter => self.finish(MacStatus::InvalidParameter, now),
        }
    }

    /// An acknowledgement ended at `end`; the carrier knows of it already.
    pub(super) fn acknowledged(&mut self, now: Instant, ack: Ack, end: Instant) {
        let Some(outgoing) = &mut self.outgoing else { return };
        match outgoing.phase {
            Phase::Backoff { .. } => self.preempt(),
            Phase::AwaitingAck(_) if ack.positive && ack.fcs == outgoing.segment.fcs => {
                self.segment_delivered(end, now);
            }
            // The FCS of a negative one is that of the damaged frame, so it cannot be compared.
            Phase::AwaitingAck(_) if !ack.positive && ack.more_segments => {
                if self.count_retry(now) {
                    self.reserve(end);
                }
            }
            Phase::AwaitingAck(_) => {
                self.carrier.unknown(end);
                self.retry_all(now);
            }
            Phase::Contending | Phase::Reserved(_) | Phase::OnAir => {}
        }
    }

    /// Another node's frame was heard: its header is decoded.
    pub(super) fn overheard(&mut self, now: Instant) {
        let Some(outgoing) = &mut self.outgoing else { return };
        match outgoing.phase {
            Phase::Backoff { .. } => self.preempt(),
            Phase::AwaitingAck(_) => self.retry_all(now),
            Phase::Contending | Phase::Reserved(_) | Phase::OnAir => {}
        }
    }

    /// What kept the channel busy was a segment in the middle of another node's train, on the line in this span.
    pub(super) fn forgive_busy(&mut self, start: Instant, end: Instant) {
        if let Some(outgoing) = &mut self.outgoing
            && outgoing.busy_at.is_some_and(|at| start <= at && at <= end)
        {
            outgoing.busy_at = None;
            outgoing.attempts.forgive();
        }
    }

    /// Whether the PHY holds a frame of this node that it has not confirmed.
    pub(super) fn is_on_air(&self) -> bool {
        self.outgoing.as_ref().is_some_and(|outgoing| outgoing.phase == Phase::OnAir)
    }

    /// High priority first, then the order of arrival.
    fn next_request(&mut self) -> Option<McpsDataRequest> {
        let urgent = self
            .queue
            .iter()
            .position(|request| request.quality_of_service == QualityOfService::High)
            .unwrap_or(0);
        (urgent < self.queue.len()).then(|| self.queue.remove(urgent))
    }

    fn begin(&mut self, request: McpsDataRequest, env: &mut dyn Environment) -> Result<Outgoing, MacStatus> {
        let own = Endpoint { pan_id: self.pan_id, address: Address::Short(self.short_address) };
        let source = if request.destination_pan == own.pan_id {
            Source::SamePan(own.address)
        } else {
            Source::Full(own)
        };
        let broadcast = request.is_broadcast();
        let header = Header {
            frame_type: FrameType::Data,
            secured: request.security.is_some(),
            ack_request: request.ack_requested && !broadcast,
            sequence: self.take_sequence(env),
            destination: Some(Endpoint { pan_id: request.destination_pan, address: request.destination }),
            source,
        };
        let mut msdu = SecuredMsdu::from_slice(&request.msdu).map_err(|_| MacStatus::FrameTooLong)?;
        let security = match request.security {
            Some(key_index) => Some(self.seal(&header, key_index, &mut msdu, env)?),
            None => None,
        };
        let settings = if broadcast {
            TransmitSettings::robust(&self.plan)
        } else {
            self.settings.of(request.destination)
        };
        Ok(Outgoing {
            handle: request.handle,
            header,
            security,
            msdu,
            class: Class::of(request.quality_of_service, broadcast, &self.pib),
            high_priority: request.quality_of_service == QualityOfService::High,
            first_settings: settings,
            settings,
            retries: 0,
            attempts: Attempts::default(),
            busy_at: None,
            segment: Segment::default(),
            phase: Phase::Contending,
        })
    }

    fn seal(
        &mut self,
        header: &Header,
        key_index: KeyIndex,
        msdu: &mut SecuredMsdu,
        env: &mut dyn Environment,
    ) -> Result<AuxiliarySecurity, MacStatus> {
        let key = self.key(key_index).ok_or(MacStatus::UnavailableKey)?;
        let frame_counter =
            self.frame_counter.take(env.store()).map_err(|_: CounterError| MacStatus::CounterError)?;
        let security = AuxiliarySecurity { frame_counter, key_index };
        let associated =
            frame::associated_data(header, &security).map_err(|_| MacStatus::InvalidParameter)?;
        let nonce = security::nonce(self.readings.nonce_form, self.pan_id, self.short_address, frame_counter);
        security::seal(&key, &nonce, &associated, msdu).map_err(|_| MacStatus::FrameTooLong)?;
        Ok(security)
    }

    fn send_segment(&mut self, start: Instant, now: Instant) -> Step<PdDataRequest> {
        let (plan, mask) = (self.plan, self.mask);
        let Some(outgoing) = &mut self.outgoing else { return Step::Idle(None) };
        let request = outgoing.segment_request(start, |settings, psdu_len| {
            let TransmitSettings { modulation, tone_map } = settings;
            match psdu_len {
                Some(length) => PayloadLayout::for_psdu(&plan, mask, tone_map, modulation, length),
                None => PayloadLayout::largest(&plan, mask, tone_map, modulation),
            }
        });
        match request {
            Ok(request) => {
                outgoing.phase = Phase::OnAir;
                Step::Do(request)
            }
            Err(status) => {
                self.finish(status, now);
                Step::Idle(Some(now))
            }
        }
    }

    fn segment_delivered(&mut self, end: Instant, now: Instant) {
        let Some(outgoing) = &mut self.outgoing else { return };
        let Segment { count, offset, length, .. } = outgoing.segment;
        if offset + length < outgoing.msdu.len() {
            outgoing.segment = Segment { count: count + 1, offset: offset + length, length: 0, fcs: 0 };
            self.reserve(end);
            return;
        }
        let counter = match outgoing.header.destination {
            Some(Endpoint {
                address: Address::Short(plc_core::address::ShortAddress::BROADCAST), ..
            }) => &mut self.counters.tx_data_broadcasts,
            _ => &mut self.counters.tx_data_packets,
        };
        *counter = counter.wrapping_add(1);
        let class = outgoing.class;
        self.window.delivered(&self.pib, class);
        self.finish(MacStatus::Success, now);
    }

    /// The current segment goes out in the contention-free slot after a transmission that ended at `end`.
    fn reserve(&mut self, end: Instant) {
        let at = end + self.carrier.spaces().cifs;
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.phase = Phase::Reserved(at);
        }
    }

    /// Another node's frame was decoded during the back-off.
    fn preempt(&mut self) {
        if let Some(outgoing) = &mut self.outgoing
            && self.readings.preemption == Preemption::Rescheduled
        {
            outgoing.phase = Phase::Contending;
        }
    }

    fn channel_busy(&mut self, at: Instant, now: Instant) {
        let Some(outgoing) = &mut self.outgoing else { return };
        outgoing.busy_at = Some(at);
        outgoing.phase = Phase::Contending;
        if !self.window.busy(&self.pib, outgoing.class, &mut outgoing.attempts) {
            self.counters.csma_failures = self.counters.csma_failures.wrapping_add(1);
            self.finish(MacStatus::ChannelAccessFailure, now);
        }
    }

    fn retry_all(&mut self, now: Instant) {
        if !self.count_retry(now) {
            return;
        }
        let left = self.pib.max_frame_retries;
        if let Some(outgoing) = &mut self.outgoing {
            let left = left.saturating_sub(outgoing.retries);
            outgoing.settings = outgoing.first_settings.for_retry(left, &self.plan);
            outgoing.segment = Segment::default();
            outgoing.attempts = Attempts::default();
            outgoing.phase = Phase::Contending;
        }
    }

    /// `false` where there were too many, and the MSDU is given up.
    fn count_retry(&mut self, now: Instant) -> bool {
        let Some(outgoing) = &mut self.outgoing else { return false };
        if outgoing.retries >= self.pib.max_frame_retries {
            self.finish(MacStatus::NoAck, now);
            return false;
        }
        outgoing.retries += 1;
        true
    }

    fn finish(&mut self, status: MacStatus, now: Instant) {
        if let Some(outgoing) = self.outgoing.take() {
            self.confirm(outgoing.handle, status, now);
        }
    }

    /// The queue of confirms holds as many as there can be requests unconfirmed between two polls.
    pub(super) fn confirm(&mut self, handle: u8, status: MacStatus, timestamp: Instant) {
        let _ = self.confirms.push_back(McpsDataConfirm { handle, status, timestamp });
    }
}

impl Outgoing {
    /// The current segment as the PHY is to send it: as much of the MSDU as fits. `layout` gives the payload of
    /// a number of octets, or the largest one.
    fn segment_request(
        &mut self,
        start: Instant,
        layout: impl Fn(TransmitSettings, Option<usize>) -> Option<PayloadLayout>,
    ) -> Result<PdDataRequest, MacStatus> {
        let Segment { count, offset, .. } = self.segment;
        if count > MAX_SEGMENT_COUNT {
            return Err(MacStatus::FrameTooLong);
        }
        let security = if count == 0 { self.security } else { None };
        let largest = layout(self.settings, None).ok_or(MacStatus::InvalidParameter)?;
        let room = usize::from(largest.psdu_capacity)
            .saturating_sub(frame::overhead(&self.header, security.is_some()));
        let rest = self.msdu.get(offset..).unwrap_or_default();
        let payload = rest.get(..room.min(rest.len())).unwrap_or_default();
        if payload.is_empty() && !rest.is_empty() {
            return Err(MacStatus::FrameTooLong);
        }
        let last = payload.len() == rest.len();
        let frame = Frame {
            segment: SegmentControl {
                tone_map_request: false,
                contention_free: !last,
                high_priority: self.high_priority,
                last,
                count,
                length: payload.len() as u16,
            },
            header: self.header,
            security,
            payload,
        };
        let fitting = layout(self.settings, Some(frame.len())).ok_or(MacStatus::FrameTooLong)?;
        let mut psdu = Psdu::new();
        let fcs = frame.emit(fitting.psdu_capacity.into(), &mut psdu).map_err(|_| MacStatus::FrameTooLong)?;
        self.segment = Segment { count, offset, length: payload.len(), fcs };
        Ok(PdDataRequest {
            start,
            psdu,
            modulation: self.settings.modulation,
            tone_map: self.settings.tone_map,
            response_expected: self.header.ack_request,
        })
    }
}

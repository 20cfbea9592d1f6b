//! Receiving: filter, acknowledgement, reassembly, security, duplicates (digest 1.3, 1.6, 2.5, 2.6).

use super::Mac;
use super::duplicates::Known;
use super::primitives::{McpsDataIndication, Msdu, QualityOfService};
use super::reassembly::{SecuredMsdu, Taken};
use crate::frame::{self, AuxiliarySecurity, Endpoint, Frame, FrameError, FrameType, Header};
use crate::security;
use g3_phy::primitives::{Ack, PdAckRequest, PdDataIndication};
use plc_core::address::{Address, PanId, ShortAddress};
use plc_core::time::{Duration, Instant, seconds};

/// A data frame, and when it stood on the line.
pub(super) struct Heard<'a> {
    pub(super) indication: &'a PdDataIndication,
    pub(super) start: Instant,
    pub(super) end: Instant,
}

impl Mac {
    /// A data frame was received; the carrier knows of it already.
    pub(super) fn receive(&mut self, now: Instant, heard: &Heard<'_>) {
        let (body, fcs) = match frame::check_fcs(&heard.indication.psdu) {
            Ok(checked) => checked,
            Err(error) => {
                self.counters.bad_crcs = self.counters.bad_crcs.wrapping_add(1);
                if let FrameError::Fcs { received, .. } = error {
                    self.refuse_damaged(now, heard, received);
                }
                return;
            }
        };
        let Ok(frame) = Frame::parse(body) else { return };
        if frame.segment.count > 0 {
            self.forgive_busy(heard.start, heard.end);
        }
        if !self.is_for_me(&frame.header) {
            return;
        }
        if self.take_frame(&frame, heard) && heard.indication.header.response_expected {
            let more_segments = !frame.segment.last;
            self.answer(now, heard.end, Ack { fcs, positive: true, more_segments });
        }
    }

    /// A frame with a wrong FCS that seems to be for this node is answered with a negative acknowledgement.
    fn refuse_damaged(&mut self, now: Instant, heard: &Heard<'_>, fcs: u16) {
        let Ok((body, _)) = frame::split_fcs(&heard.indication.psdu) else { return };
        let addressed = Frame::parse(body).is_ok_and(|frame| self.is_for_me(&frame.header));
        if addressed && heard.indication.header.response_expected {
            self.answer(now, heard.end, Ack { fcs, positive: false, more_segments: true });
        }
    }

    /// The acknowledgement begins RIFS after the frame, whatever the channel does. One that would come so late that
    /// its sender no longer waits is left out, and so is one that the transmitter has no time for.
    fn answer(&mut self, now: Instant, end: Instant, ack: Ack) {
        let spaces = self.carrier.spaces();
        let start = end + spaces.rifs;
        if now < start + spaces.cifs && self.ack.is_none() && !self.is_on_air() {
            self.ack = Some(ack);
            self.ack_request = Some(PdAckRequest { start, ack });
        }
    }

    /// Broadcasts, and what is addressed to this node. A frame without destination is for the coordinator.
    fn is_for_me(&self, header: &Header) -> bool {
        let for_me = match header.destination {
            None => self.short_address == ShortAddress::COORDINATOR,
            Some(Endpoint { pan_id, address: Address::Short(short) }) => {
                (pan_id == self.pan_id || pan_id == PanId::BROADCAST)
                    && (short == self.short_address || short == ShortAddress::BROADCAST)
            }
            Some(Endpoint { address: Address::Extended(_), .. }) => false,
        };
        let own = Endpoint { pan_id: self.pan_id, address: Address::Short(self.short_address) };
        for_me && header.source_endpoint() != Some(own)
    }

    /// Takes a frame for this node; `false` where it counts as not received.
    fn take_frame(&mut self, frame: &Frame<'_>, heard: &Heard<'_>) -> bool {
        let Some(source) = frame.header.source_endpoint() else { return true };
        match frame.header.frame_type {
            FrameType::Data => {}
            FrameType::Command => {
                self.counters.rx_commands = self.counters.rx_commands.wrapping_add(1);
                return true;
            }
            FrameType::Beacon => return true,
        }
        if self.indications.is_full() {
            return false;
        }
        if self.is_duplicate(source, frame, heard.start) {
            return true;
        }
        let patience = self.segment_patience();
        match self.reassembly.take(source, frame, heard.start, heard.end, patience) {
            Taken::Refused => false,
            Taken::Partly => true,
            Taken::Whole { security, msdu } => {
                self.take_msdu(source, frame, heard, security, msdu);
                true
            }
        }
    }

    /// How long after a segment the next one may begin: its sender may have to repeat it. (EIFS, as the digest
    /// supposes in 2.6, is shorter than one damaged Robust segment with its answer.)
    fn segment_patience(&self) -> Duration {
        let spaces = self.carrier.spaces();
        let once = spaces.longest_frame + spaces.ack_wait;
        once * (1 + u32::from(self.pib.max_frame_retries))
    }

    /// Whether this is a segment of an MSDU that was delivered before.
    fn is_duplicate(&mut self, source: Endpoint, frame: &Frame<'_>, start: Instant) -> bool {
        let sequence = frame.header.sequence;
        if frame.segment.count > 0 && self.reassembly.knows(source, sequence) {
            return false;
        }
        let ttl = seconds(self.pib.duplicate_detection_ttl_s.into());
        match self.duplicates.find(source, sequence, start, ttl) {
            Known::No => false,
            // A node that restarts may draw the same sequence number again, but never the same frame counter.
            Known::With(counter) => {
                frame.segment.count > 0 || counter == frame.security.map(|security| security.frame_counter)
            }
        }
    }

    fn take_msdu(
        &mut self,
        source: Endpoint,
        last: &Frame<'_>,
        heard: &Heard<'_>,
        security: Option<AuxiliarySecurity>,
        mut msdu: SecuredMsdu,
    ) {
        if let Some(security) = security
            && !self.open(source, &last.header, security, &mut msdu)
        {
            return;
        }
        let Ok(msdu) = Msdu::from_slice(&msdu) else { return };
        let ttl = seconds(self.pib.duplicate_detection_ttl_s.into());
        let counter = security.map(|security| security.frame_counter);
        self.duplicates.note(source, last.header.sequence, counter, heard.end + ttl);
        let broadcast = matches!(
            last.header.destination,
            Some(Endpoint { address: Address::Short(ShortAddress::BROADCAST), .. })
        );
        let received = if broadcast {
            &mut self.counters.rx_data_broadcasts
        } else {
            &mut self.counters.rx_data_packets
        };
        *received = received.wrapping_add(1);
        let quality_of_service =
            if last.segment.high_priority { QualityOfService::High } else { QualityOfService::Normal };
        // There is room: it was looked for before the frame was taken.
        let _ = self.indications.push_back(McpsDataIndication {
            source,
            destination: last.header.destination,
            msdu,
            lqi: heard.indication.lqi,
            sequence: last.header.sequence,
            timestamp: heard.end,
            security: security.map(|security| security.key_index),
            quality_of_service,
        });
    }

    /// Deciphers an MSDU and guards against replay; `false` where it is to be dropped.
    fn open(
        &mut self,
        source: Endpoint,
        header: &Header,
        security: AuxiliarySecurity,
        msdu: &mut SecuredMsdu,
    ) -> bool {
        let Address::Short(sender) = source.address else { return false };
        if source.pan_id != self.pan_id {
            return false;
        }
        let Some(key) = self.key(security.key_index) else { return false };
        let Ok(associated) = frame::associated_data(header, &security) else { return false };
        let nonce = security::nonce(self.readings.nonce_form, source.pan_id, sender, security.frame_counter);
        security::open(&key, &nonce, &associated, msdu).is_ok()
            && self.devices.accept(sender, security.frame_counter).is_ok()
    }
}

//! The listeners' part of a frame: who finds its preamble, follows it, and gets it.

use super::super::air::{Content, State, Transmission, disturb, hash, powers};
use super::super::hearing::{Interference, Stretch};
use super::super::modem::Stage;
use super::super::queue::Kind;
use super::super::tape::PLACES;
use super::{Domain, FrameNode, PLAN, WINDOW_TICKS};
use g3_phy::primitives::{CarrierSense, Event, PdAckIndication, TransmitConfirm, TransmitStatus};
use g3_phy::timing;
use plc_core::time::Instant;

/// Windows that SYNCP fills.
const SYNCP_WINDOWS: u64 = 8;
/// Windows after the end of a frame with a wrong FCH until it counts as gone, and a half for their alignment.
const QUIET_TICKS: u64 = WINDOW_TICKS * 7 / 2;
/// Ticks of a mains period at 50 Hz.
const PERIOD_TICKS: u64 = 120_000;

impl<N: FrameNode> Domain<N> {
    pub(super) fn detect(&mut self, slot: u32, batch: usize) {
        self.with(slot, |domain, transmission| {
            let from = if batch == 0 { 0 } else { transmission.batch_ends[batch - 1] };
            for at in usize::from(from)..usize::from(transmission.batch_ends[batch]) {
                let (node, link) = transmission.order[at];
                domain.find_preamble(slot, transmission, node as usize, link as usize);
            }
        });
    }

    /// A listener's windows may show the preamble now.
    pub(super) fn find_preamble(
        &mut self,
        slot: u32,
        transmission: &Transmission,
        node: usize,
        index: usize,
    ) {
        let port = &self.ports[node];
        if port.sending.is_some_and(|own| self.on_air(own)) {
            return;
        }
        match port.state {
            State::Listening => {}
            State::Preamble(followed) => {
                // Two preambles in one window add up; what follows is the stronger one's.
                let other = self.slots.get(followed as usize).and_then(|slot| slot.as_deref());
                let aligned =
                    other.is_some_and(|other| other.start.abs_diff(transmission.start) < WINDOW_TICKS);
                let received = |link: u32, attenuation_db: u8| -> f32 {
                    powers(self.hearing.links[link as usize].power, attenuation_db).iter().sum()
                };
                let own = other.map_or(0.0, |other| received(port.link, other.attenuation_db));
                let new = received(index as u32, transmission.attenuation_db);
                if aligned && new > own {
                    self.follow(slot, transmission, node, index);
                }
                return;
            }
            State::Payload(_) => return,
        }
        let needed = u64::from(self.hearing.links[index].windows) * WINDOW_TICKS;
        if port.free_since + needed > self.now {
            let at = port.free_since + needed + WINDOW_TICKS / 2;
            if at <= transmission.start + SYNCP_WINDOWS * WINDOW_TICKS && at > self.now {
                let serial = transmission.serial;
                self.queue.push(at, Kind::DetectOne { slot, serial, node: node as u32 });
            }
            return;
        }
        let interference = self.preamble_interference(node, slot, transmission);
        let span = (transmission.start, transmission.start + timing::preamble(&PLAN).as_ticks());
        if self.fails(transmission, node, index, Stage::Preamble, None, span, &interference) {
            self.counts.unheard += 1;
            return;
        }
        self.follow(slot, transmission, node, index);
        self.ports[node].busy = false;
        self.ports[node].epoch = self.ports[node].epoch.wrapping_add(1);
        self.counts.wakes += 1;
        self.tell(
            node,
            &Event::CarrierSense(CarrierSense::Preamble(Instant::from_ticks(transmission.start))),
        );
    }

    /// The receiver follows a frame from now on.
    fn follow(&mut self, slot: u32, transmission: &Transmission, node: usize, index: usize) {
        let port = &mut self.ports[node];
        port.state = State::Preamble(slot);
        port.link = index as u32;
        port.header_interference = Interference::default();
        port.payload_interference = Interference::default();
        for at in 0..usize::from(port.aware_count) {
            let (other, link) = port.aware[at];
            if other == slot {
                continue;
            }
            if let Some(Some(other)) = self.slots.get(other as usize) {
                let power = powers(self.hearing.links[link as usize].power, other.attenuation_db);
                disturb(port.stages(), transmission.times(), (other.start, other.end), &power);
            }
        }
    }

    /// What disturbs a preamble: frames whose own preamble is not in the same window.
    fn preamble_interference(&self, node: usize, slot: u32, transmission: &Transmission) -> Interference {
        let port = &self.ports[node];
        let mut interference = Interference::default();
        for &(other, link) in &port.aware[..usize::from(port.aware_count)] {
            let Some(Some(frame)) = self.slots.get(other as usize) else { continue };
            let aligned = frame.start.abs_diff(transmission.start) < WINDOW_TICKS;
            if other != slot && !aligned && frame.end > transmission.start {
                interference.share = 1.0;
                let power = powers(self.hearing.links[link as usize].power, frame.attenuation_db);
                interference.power.iter_mut().zip(power).for_each(|(sum, power)| *sum += power);
            }
        }
        interference
    }

    pub(super) fn header(&mut self, slot: u32, transmission: &mut Transmission) {
        let ack = matches!(transmission.content, Content::Ack(_));
        if ack {
            self.sent(slot, transmission);
        }
        let header_start = transmission.start + timing::preamble(&PLAN).as_ticks();
        let end = Instant::from_ticks(transmission.end);
        for at in 0..transmission.order.len() {
            let (node, index) = transmission.order[at];
            let (node, index) = (node as usize, index as usize);
            if ack {
                self.forget(node, slot);
            }
            if self.ports[node].state != State::Preamble(slot) {
                continue;
            }
            let interference = self.ports[node].header_interference;
            let span = (header_start, transmission.header_end);
            if self.fails(transmission, node, index, Stage::Header, None, span, &interference) {
                self.counts.header_failed += 1;
                self.counts.wakes += 1;
                self.release(node);
                let port = &mut self.ports[node];
                port.busy = true;
                let (at, epoch) = (transmission.end + QUIET_TICKS, port.epoch);
                self.queue.push(at, Kind::Quiet { node: node as u32, epoch });
                let failed = CarrierSense::HeaderFailed { end: Instant::from_ticks(transmission.header_end) };
                self.tell(node, &Event::CarrierSense(failed));
                continue;
            }
            match &transmission.content {
                Content::Data { header, .. } => {
                    self.ports[node].state = State::Payload(slot);
                    self.counts.wakes += 1;
                    self.tell(node, &Event::CarrierSense(CarrierSense::Header { header: *header, end }));
                }
                Content::Ack(ack) => {
                    self.release(node);
                    self.counts.frames_handled += 1;
                    let lqi = self.hearing.links[index].lqi;
                    let start = Instant::from_ticks(transmission.start);
                    let heard = Event::AckIndication(PdAckIndication { ack: *ack, start, end, lqi });
                    self.tell(node, &heard);
                    self.tell(node, &Event::CarrierSense(CarrierSense::Idle(end)));
                }
            }
        }
    }

    pub(super) fn end(&mut self, slot: u32) {
        self.with(slot, |domain, transmission| {
            domain.sent(slot, transmission);
            let end = Instant::from_ticks(transmission.end);
            for at in 0..transmission.order.len() {
                let (node, index) = transmission.order[at];
                let (node, index) = (node as usize, index as usize);
                domain.forget(node, slot);
                if domain.ports[node].state != State::Payload(slot) {
                    continue;
                }
                let Content::Data { stage, layout, .. } = transmission.content else { continue };
                let interference = Interference {
                    known: domain.ports[node].header_interference.share,
                    ..domain.ports[node].payload_interference
                };
                let span = (transmission.header_end, transmission.end);
                let failed =
                    domain.fails(transmission, node, index, stage, Some(layout), span, &interference);
                domain.release(node);
                if failed {
                    domain.counts.payload_failed += 1;
                    domain.counts.wakes += 1;
                    domain.tell(node, &Event::CarrierSense(CarrierSense::PayloadFailed { end }));
                } else if let Content::Data { event, .. } = &mut transmission.content {
                    domain.counts.frames_handled += 1;
                    if let Event::DataIndication(indication) = event {
                        indication.lqi = domain.hearing.links[index].lqi;
                    }
                    domain.tell(node, event);
                }
                domain.tell(node, &Event::CarrierSense(CarrierSense::Idle(end)));
            }
        });
        self.retire(slot);
    }

    /// The sender's part of the end.
    fn sent(&mut self, slot: u32, transmission: &Transmission) {
        let node = transmission.from as usize;
        let port = &mut self.ports[node];
        debug_assert_eq!(port.sending, Some(slot));
        port.sending = None;
        self.release(node);
        let end = Instant::from_ticks(transmission.end);
        self.counts.wakes += 1;
        self.tell(node, &Event::TransmitConfirm(TransmitConfirm { end, status: TransmitStatus::Success }));
        if std::mem::take(&mut self.ports[node].busy) {
            self.tell(node, &Event::CarrierSense(CarrierSense::Idle(end)));
        }
    }

    /// The receiver listens anew. A preamble that is under way may still be found.
    pub(super) fn release(&mut self, node: usize) {
        let port = &mut self.ports[node];
        port.state = State::Listening;
        port.free_since = self.now;
        for at in 0..usize::from(port.aware_count) {
            let (slot, link) = port.aware[at];
            let Some(Some(frame)) = self.slots.get(slot as usize) else { continue };
            let needed = u64::from(self.hearing.links[link as usize].windows) * WINDOW_TICKS;
            let at = self.now + needed + WINDOW_TICKS / 2;
            if at <= frame.start + SYNCP_WINDOWS * WINDOW_TICKS {
                self.queue.push(at, Kind::DetectOne { slot, serial: frame.serial, node: node as u32 });
            }
        }
    }

    pub(super) fn quiet(&mut self, node: usize, epoch: u32) {
        let port = &mut self.ports[node];
        if port.epoch == epoch && port.busy && port.state == State::Listening {
            port.busy = false;
            self.counts.wakes += 1;
            self.tell(node, &Event::CarrierSense(CarrierSense::Idle(Instant::from_ticks(self.now))));
        }
    }

    pub(super) fn retire(&mut self, slot: u32) {
        if let Some(transmission) = self.slots[slot as usize].take() {
            self.spare.push(transmission.order);
            self.free.push(slot);
        }
    }

    fn forget(&mut self, node: usize, slot: u32) {
        let port = &mut self.ports[node];
        let count = usize::from(port.aware_count);
        if let Some(at) = port.aware[..count].iter().position(|entry| entry.0 == slot) {
            port.aware[at] = port.aware[count - 1];
            port.aware_count -= 1;
        }
    }

    /// Whether a node's own transmission has begun.
    fn on_air(&self, slot: u32) -> bool {
        // A transmission that is being worked on is not in its slot, and is nobody's own while others are asked.
        self.slots
            .get(slot as usize)
            .is_some_and(|slot| slot.as_ref().is_none_or(|frame| frame.start <= self.now))
    }

    #[allow(clippy::too_many_arguments, reason = "a stage of a reception has that many sides")]
    fn fails(
        &mut self,
        transmission: &Transmission,
        node: usize,
        index: usize,
        stage: Stage,
        layout: Option<usize>,
        span: (u64, u64),
        interference: &Interference,
    ) -> bool {
        if interference.share > 0.0 {
            self.counts.disturbed += 1;
        }
        let place = |ticks: u64| ticks * PLACES as u64 / PERIOD_TICKS;
        let from = self.ports[node].place + place(span.0);
        let places = (place(span.1) - place(span.0)) as usize;
        let stretch = Stretch { from, places, attenuation_db: f32::from(transmission.attenuation_db) };
        let failure = self.hearing.failure(index, stage, layout, &stretch, interference);
        if failure <= 1e-7 {
            return false;
        }
        let drawn = hash(self.seed, transmission.serial, node as u32, 1 + stage as u32);
        ((drawn >> 40) as f32) < failure * (1u32 << 24) as f32
    }
}

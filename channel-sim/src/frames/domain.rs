//! One network in virtual time: frames on a medium, and the modems' code above it.
//!
//! ```text
//!             first sample        preamble found        FCH over            payload over
//!   sender ---- Start ------------------------------------------------------- End --> PD-DATA.confirm
//!   listener             Detect: 1, 3 or 7 windows  --> Header ------------- End --> PD-DATA.indication, Idle
//!                          |                              | FCH wrong
//!                          | not found, or busy           +--> HeaderFailed ... Quiet: Idle
//! ```
//!
//! A frame costs a handful of events in the queue, each worked off for all who hear it: cost grows with the
//! listeners of a frame and not with the nodes there are. Everything random is a hash of seed, frame, listener and
//! stage, so that it does not depend on the order in which listeners are asked.

use super::air::{ALIGNMENTS, AWARE, BATCHES, Content, Port, State, Transmission, disturb, hash, powers};
pub use super::counts::Counts;
use super::hearing::{Hearing, Interference, Stretch};
use super::queue::{Kind, Queue};
use super::table::Stage;
use super::tape::PLACES;
use g3_phy::layout::PayloadLayout;
use g3_phy::primitives::{
    CarrierSense, DataHeader, Event, PdAckIndication, PdDataIndication, Request, TransmitConfirm,
    TransmitStatus,
};
use g3_phy::{BandPlan, ToneMask, timing};
use plc_core::time::Instant;

const PLAN: BandPlan = BandPlan::CENELEC_A;
/// Ticks of a window of the listening receiver.
const WINDOW_TICKS: u64 = 256 * 15;
/// Windows that SYNCP fills.
const SYNCP_WINDOWS: u64 = 8;
/// Windows after the end of a frame with a wrong FCH until it counts as gone, and a half for their alignment.
const QUIET_TICKS: u64 = WINDOW_TICKS * 7 / 2;
/// Ticks of a mains period at 50 Hz.
const PERIOD_TICKS: u64 = 120_000;

/// Code above a PHY: what the domain runs.
pub trait FrameNode {
    /// The PHY tells something at `now`.
    fn phy_event(&mut self, now: Instant, event: &Event);

    /// Runs until idle. What is asked of the PHY goes to `requests`; returns when to run again.
    fn run(&mut self, now: Instant, requests: &mut Vec<Request>) -> Option<Instant>;
}

/// A network: nodes that hear one another directly or through others.
pub struct Domain<N> {
    nodes: Vec<N>,
    ports: Vec<Port>,
    hearing: Hearing,
    queue: Queue,
    /// Transmissions; a free slot is empty.
    slots: Vec<Option<Box<Transmission>>>,
    free: Vec<u32>,
    /// Lists of listeners whose memory is used again.
    spare: Vec<Vec<(u32, u32)>>,
    seed: u64,
    serial: u32,
    now: u64,
    counts: Counts,
    requests: Vec<Request>,
    header_ticks: u64,
}

impl<N: FrameNode> Domain<N> {
    /// Nodes on a medium. `places` says for each node where on the noise tape it begins: mains phase and stretch.
    pub(super) fn new(nodes: Vec<N>, hearing: Hearing, places: &[u64], seed: u64) -> Self {
        let port = |index: usize| Port::new(places.get(index).copied().unwrap_or(0));
        let mut domain = Self {
            ports: (0..nodes.len()).map(port).collect(),
            queue: Queue::new(nodes.len()),
            nodes,
            hearing,
            slots: Vec::new(),
            free: Vec::new(),
            spare: Vec::new(),
            seed,
            serial: 0,
            now: 0,
            counts: Counts::default(),
            requests: Vec::new(),
            header_ticks: timing::ack_airtime(&PLAN, ToneMask::ALL).as_ticks(),
        };
        for node in 0..domain.nodes.len() {
            domain.run_node(node);
        }
        domain
    }

    /// Lets time run to `end`.
    pub fn run_until(&mut self, end: Instant) {
        let end = end.as_ticks();
        while let Some((at, kind)) = self.queue.pop_before(end) {
            self.now = at;
            self.counts.queued += 1;
            match kind {
                Kind::Wake { node } => self.wake(node as usize),
                Kind::Start { slot } => self.start(slot),
                Kind::Detect { slot, batch } => self.detect(slot, usize::from(batch)),
                Kind::DetectOne { slot, serial, node } => {
                    self.with(slot, |domain, transmission| {
                        let link = transmission.order.iter().find(|entry| entry.0 == node);
                        if let (true, Some(&(node, link))) = (transmission.serial == serial, link) {
                            domain.find_preamble(slot, transmission, node as usize, link as usize);
                        }
                    });
                }
                Kind::Header { slot } => {
                    self.with(slot, |domain, transmission| domain.header(slot, transmission));
                    // An acknowledgement ends with its FCH.
                    if self.slots[slot as usize].as_ref().is_some_and(|frame| frame.end == frame.header_end) {
                        self.retire(slot);
                    }
                }
                Kind::End { slot } => self.end(slot),
                Kind::Quiet { node, epoch } => self.quiet(node as usize, epoch),
            }
        }
        self.now = end;
    }

    /// Time.
    pub fn now(&self) -> Instant {
        Instant::from_ticks(self.now)
    }

    /// The nodes.
    pub fn nodes(&self) -> &[N] {
        &self.nodes
    }

    /// The nodes, to give them something to do; they are asked for it after [`Domain::poke`].
    pub fn nodes_mut(&mut self) -> &mut [N] {
        &mut self.nodes
    }

    /// Runs a node now.
    pub fn poke(&mut self, node: usize) {
        if node < self.nodes.len() {
            self.run_node(node);
        }
    }

    /// What happened.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How many listeners each node has.
    pub fn listeners(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes.len()).map(|node| self.hearing.of(node as u32).len())
    }

    /// Octets of the simulator's own in memory: ports, links, queue, frames on the air; not the nodes.
    pub fn size(&self) -> usize {
        let orders = self.slots.iter().flatten().map(|frame| &frame.order).chain(&self.spare);
        let frames = orders.map(|order| order.capacity() * size_of::<(u32, u32)>()).sum::<usize>()
            + self.slots.iter().flatten().count() * size_of::<Transmission>();
        self.ports.capacity() * size_of::<Port>()
            + self.hearing.size()
            + self.queue.size()
            + frames
            + self.slots.capacity() * size_of::<Option<Box<Transmission>>>()
    }

    fn wake(&mut self, node: usize) {
        self.counts.wakes += 1;
        self.run_node(node);
    }

    /// Tells a node something and runs it.
    #[inline]
    fn tell(&mut self, node: usize, event: &Event) {
        self.nodes[node].phy_event(Instant::from_ticks(self.now), event);
        self.run_node(node);
    }

    fn run_node(&mut self, node: usize) {
        let now = Instant::from_ticks(self.now);
        let mut due = self.nodes[node].run(now, &mut self.requests);
        while !self.requests.is_empty() {
            let mut requests = std::mem::take(&mut self.requests);
            for request in requests.drain(..) {
                if let Some(refusal) = self.request(node, request) {
                    self.nodes[node].phy_event(now, &Event::TransmitConfirm(refusal));
                }
            }
            self.requests = requests;
            due = self.nodes[node].run(now, &mut self.requests);
        }
        // A deadline that has passed would stop time.
        let due = due.map_or(u64::MAX, |due| due.as_ticks().max(self.now + 1));
        self.queue.set_deadline(node as u32, due);
    }

    /// Takes a request; a refusal comes back at once.
    fn request(&mut self, node: usize, request: Request) -> Option<TransmitConfirm> {
        let end = Instant::from_ticks(self.now);
        let refuse = |status| Some(TransmitConfirm { end, status });
        let (start, psdu) = match request {
            Request::SetTransmitAttenuation(db) => {
                self.ports[node].attenuation_db = db.min(g3_phy::phy::MAX_ATTENUATION_DB);
                return None;
            }
            _ if self.ports[node].sending.is_some() => return refuse(TransmitStatus::BusyTransmitting),
            Request::Data(data) => (data.start, Some(data)),
            Request::Ack(ack) => {
                self.load(node, ack.start, 0, Content::Ack(ack.ack));
                return None;
            }
        };
        let data = psdu?;
        let layout =
            PayloadLayout::for_psdu(&PLAN, ToneMask::ALL, data.tone_map, data.modulation, data.psdu.len());
        // As the encoder: the PSDU has to fill its symbols.
        let Some(layout) = layout.filter(|layout| usize::from(layout.psdu_capacity) == data.psdu.len())
        else {
            return refuse(TransmitStatus::InvalidParameter);
        };
        let header = DataHeader {
            pdc: 0,
            modulation: data.modulation,
            tone_map: data.tone_map,
            payload_symbols: layout.symbols,
            blocks: layout.blocks,
            response_expected: data.response_expected,
        };
        let octets = data.psdu.len();
        let number = self.hearing.layout(data.modulation, layout.symbols, octets);
        let zero = Instant::from_ticks(0);
        let indication =
            PdDataIndication { psdu: data.psdu, header, start: zero, end: zero, lqi: 0, corrected_octets: 0 };
        let content = Content::Data {
            event: Event::DataIndication(indication),
            header,
            stage: Stage::payload(data.modulation),
            layout: number,
        };
        self.load(node, start, timing::symbols(&PLAN, layout.symbols.into()).as_ticks(), content);
        None
    }

    fn load(&mut self, node: usize, start: Instant, payload_ticks: u64, content: Content) {
        let start = start.as_ticks().max(self.now);
        self.serial = self.serial.wrapping_add(1);
        let order = self.spare.pop().unwrap_or_default();
        let header_end = start + self.header_ticks;
        let mut transmission = Transmission {
            serial: self.serial,
            from: node as u32,
            start,
            header_end,
            end: header_end + payload_ticks,
            attenuation_db: self.ports[node].attenuation_db,
            content,
            order,
            batch_ends: [0; BATCHES],
        };
        if let Content::Data { event: Event::DataIndication(indication), .. } = &mut transmission.content {
            indication.start = Instant::from_ticks(start);
            indication.end = Instant::from_ticks(transmission.end);
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        self.slots[slot as usize] = Some(Box::new(transmission));
        self.ports[node].sending = Some(slot);
        self.queue.push(start, Kind::Start { slot });
    }

    /// Takes a transmission out of its slot for as long as `work` needs it.
    fn with(&mut self, slot: u32, work: impl FnOnce(&mut Self, &mut Transmission)) {
        let Some(mut transmission) = self.slots[slot as usize].take() else { return };
        work(self, &mut transmission);
        self.slots[slot as usize] = Some(transmission);
    }

    fn start(&mut self, slot: u32) {
        self.with(slot, |domain, transmission| {
            let port = &mut domain.ports[transmission.from as usize];
            // Half duplex: what was being received is lost.
            if port.state != State::Listening {
                port.state = State::Listening;
                port.busy = true;
            }
            port.epoch = port.epoch.wrapping_add(1);
            match transmission.content {
                Content::Data { .. } => domain.counts.data_sent += 1,
                Content::Ack(_) => domain.counts.acks_sent += 1,
            }
            domain.spread(slot, transmission);
            domain.queue.push(transmission.header_end, Kind::Header { slot });
            if transmission.end > transmission.header_end {
                domain.queue.push(transmission.end, Kind::End { slot });
            }
        });
    }

    /// Lets all who hear it become aware of a frame, and sorts them by when they may find its preamble.
    fn spread(&mut self, slot: u32, transmission: &mut Transmission) {
        let range = self.hearing.of(transmission.from);
        let mut count = [0u16; BATCHES];
        let batch_of = |windows: u8, listener: u32| -> usize {
            let class = usize::from(windows > 1) + usize::from(windows > 3);
            let alignment = hash(self.seed, transmission.serial, listener, 0) % ALIGNMENTS;
            class * ALIGNMENTS as usize + alignment as usize
        };
        for link in &self.hearing.links[range.clone()] {
            count[batch_of(link.windows, link.listener)] += 1;
        }
        let mut next = [0u16; BATCHES];
        let mut sum = 0;
        for batch in 0..BATCHES {
            next[batch] = sum;
            sum += count[batch];
            transmission.batch_ends[batch] = sum;
        }
        transmission.order.clear();
        transmission.order.resize(range.len(), (0, 0));
        for index in range {
            let link = &self.hearing.links[index];
            let at = &mut next[batch_of(link.windows, link.listener)];
            transmission.order[usize::from(*at)] = (link.listener, index as u32);
            *at += 1;
            let port = &mut self.ports[link.listener as usize];
            if usize::from(port.aware_count) < AWARE {
                port.aware[usize::from(port.aware_count)] = (slot, index as u32);
                port.aware_count += 1;
            }
            if let State::Preamble(followed) | State::Payload(followed) = port.state {
                let power = powers(link.power, transmission.attenuation_db);
                let span = (transmission.start, transmission.end);
                if let Some(Some(followed)) = self.slots.get(followed as usize) {
                    disturb(port, followed, span, &power);
                }
            }
        }
        for (batch, count) in count.iter().enumerate().filter(|(_, count)| **count > 0) {
            debug_assert!(*count > 0);
            let windows = [1, 3, 7][batch / ALIGNMENTS as usize];
            let part = (batch as u64 % ALIGNMENTS * 2 + 1) * WINDOW_TICKS / (2 * ALIGNMENTS);
            let at = transmission.start + windows * WINDOW_TICKS + part;
            self.queue.push(at, Kind::Detect { slot, batch: batch as u8 });
        }
    }

    fn detect(&mut self, slot: u32, batch: usize) {
        self.with(slot, |domain, transmission| {
            let from = if batch == 0 { 0 } else { transmission.batch_ends[batch - 1] };
            for at in usize::from(from)..usize::from(transmission.batch_ends[batch]) {
                let (node, link) = transmission.order[at];
                domain.find_preamble(slot, transmission, node as usize, link as usize);
            }
        });
    }

    /// A listener's windows may show the preamble now.
    fn find_preamble(&mut self, slot: u32, transmission: &Transmission, node: usize, index: usize) {
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
                let own: f32 = self.hearing.links[port.link as usize].power.iter().sum();
                let new: f32 = self.hearing.links[index].power.iter().sum();
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
                disturb(port, transmission, (other.start, other.end), &power);
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

    fn header(&mut self, slot: u32, transmission: &mut Transmission) {
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

    fn end(&mut self, slot: u32) {
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
                let interference = domain.ports[node].payload_interference;
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
    fn release(&mut self, node: usize) {
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

    fn quiet(&mut self, node: usize, epoch: u32) {
        let port = &mut self.ports[node];
        if port.epoch == epoch && port.busy && port.state == State::Listening {
            port.busy = false;
            self.counts.wakes += 1;
            self.tell(node, &Event::CarrierSense(CarrierSense::Idle(Instant::from_ticks(self.now))));
        }
    }

    fn retire(&mut self, slot: u32) {
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

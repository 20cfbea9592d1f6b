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

mod reception;

use super::air::{ALIGNMENTS, AWARE, BATCHES, Content, Port, State, Transmission, disturb, hash, powers};
pub use super::counts::Counts;
use super::hearing::Hearing;
use super::modem::Stage;
use super::queue::{Kind, Queue};
use g3_phy::layout::PayloadLayout;
use g3_phy::primitives::{DataHeader, Event, PdDataIndication, Request, TransmitConfirm, TransmitStatus};
use g3_phy::{BandPlan, ToneMask, timing};
use plc_core::time::Instant;

const PLAN: BandPlan = BandPlan::CENELEC_A;
/// Ticks of a window of the listening receiver.
const WINDOW_TICKS: u64 = 256 * 15;

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
        let number = self.hearing.layout(Stage::payload(data.modulation), layout.symbols, octets);
        let zero = Instant::from_ticks(0);
        let indication =
            PdDataIndication { psdu: data.psdu, header, start: zero, end: zero, lqi: 0, corrected_octets: 0 };
        let content = Content::Data {
            event: Event::DataIndication(indication),
            header,
            stage: Stage::payload(data.modulation),
            layout: number,
        };
        let symbols = usize::from(layout.symbols) + timing::reference_symbols(data.modulation);
        self.load(node, start, timing::symbols(&PLAN, symbols).as_ticks(), content);
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
            } else {
                self.counts.overlooked += 1;
            }
            if let State::Preamble(followed) | State::Payload(followed) = port.state {
                let power = powers(link.power, transmission.attenuation_db);
                let span = (transmission.start, transmission.end);
                if let Some(Some(followed)) = self.slots.get(followed as usize) {
                    disturb(port.stages(), followed.times(), span, &power);
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
}

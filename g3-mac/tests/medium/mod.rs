//! A line in virtual time for tests: nodes whose PHYs exchange frames as data, with airtimes, carrier sense,
//! collisions and scripted faults. Nothing of a waveform.
#![allow(dead_code, reason = "each test program uses its part")]

use g3_mac::adaptation::{AdpStatus, AdpdDataIndication, AdpdDataRequest};
use g3_mac::frame::{Frame, check_fcs};
use g3_mac::mac::Gmk;
use g3_mac::udp::Datagram;
use g3_mac::{Stack, StackAction, StackConfig, StackEvent};
use g3_phy::layout::PayloadLayout;
use g3_phy::primitives::{
    Ack, CarrierSense, DataHeader, Event, PdAckIndication, PdDataIndication, PdDataRequest, Request,
    TransmitConfirm, TransmitStatus,
};
use g3_phy::{BandPlan, ToneMask, timing};
use plc_core::address::{PanId, ShortAddress};
use plc_core::sans_io::Machine;
use plc_core::testkit::{SplitMix64, TestEnvironment, check_contract};
use plc_core::time::{Duration, Instant, micros, millis};
use rand_core::Rng;
use std::collections::BTreeMap;

pub(crate) const PAN: PanId = PanId(0x781D);
pub(crate) const KEY: Gmk = Gmk([0x5A; 16]);
pub(crate) const PLAN: BandPlan = BandPlan::CENELEC_A;
/// How long after its first sample a preamble is noticed.
pub(crate) const SENSING: Duration = micros(2_000);

/// What happens to a frame on its way to one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It arrives.
    None,
    /// Nothing of it is heard.
    Lost,
    /// Its header cannot be read.
    Header,
    /// Its payload cannot be decoded.
    Payload,
    /// It is decoded into something wrong.
    Fcs,
}

/// Something that was on the line.
#[derive(Clone, Debug)]
pub(crate) struct Transmission {
    pub(crate) from: usize,
    pub(crate) start: Instant,
    pub(crate) end: Instant,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Data(Box<PdDataRequest>),
    Ack(Ack),
}

impl Transmission {
    pub(crate) fn frame(&self) -> Option<Frame<'_>> {
        match &self.what {
            What::Data(request) => Some(Frame::parse(check_fcs(&request.psdu).unwrap().0).unwrap()),
            What::Ack(_) => None,
        }
    }

    fn header_end(&self) -> Instant {
        self.start + timing::ack_airtime(&PLAN, ToneMask::ALL)
    }
}

/// A packet that a node has received, and when.
pub(crate) type Received = (Instant, AdpdDataIndication);

pub(crate) struct Node {
    pub(crate) stack: Stack,
    pub(crate) env: TestEnvironment,
    pub(crate) received: Vec<Received>,
    pub(crate) confirmed: Vec<(Instant, u8, AdpStatus)>,
    config: StackConfig,
    wake: Option<Instant>,
    /// What the PHY is to send, from this instant on.
    scheduled: Option<(Instant, What)>,
    sending_until: Option<Instant>,
    /// The transmission that the receiver follows.
    locked: Option<usize>,
}

type Script = Box<dyn FnMut(&Transmission, usize) -> Fault>;

pub(crate) struct Medium {
    pub(crate) now: Instant,
    pub(crate) nodes: Vec<Node>,
    pub(crate) log: Vec<Transmission>,
    /// What the drivers' block is: everything happens at its multiples. Zero: at once.
    pub(crate) block: Duration,
    pub(crate) script: Script,
    /// Pairs that do not hear each other.
    pub(crate) deaf: Vec<(usize, usize)>,
    queue: BTreeMap<(Instant, u64), Pending>,
    count: u64,
    noise: SplitMix64,
}

#[derive(Clone, Copy, Debug)]
enum Pending {
    Start(usize),
    Sent(usize, usize),
    Detect(usize, usize),
    Header(usize, usize, Fault),
    End(usize, usize, Fault),
}

impl Medium {
    /// Nodes 0, 1, ... with the short addresses of their index.
    pub(crate) fn new(nodes: usize, seed: u64) -> Self {
        Self::with(nodes, seed, |_| {})
    }

    pub(crate) fn with(nodes: usize, seed: u64, change: impl Fn(&mut StackConfig)) -> Self {
        let nodes = (0..nodes).map(|index| {
            let mut config = StackConfig::cenelec_a(PAN, ShortAddress(index as u16), KEY);
            change(&mut config);
            Node {
                stack: Stack::new(config.clone()).unwrap(),
                env: TestEnvironment::new(seed * 1000 + index as u64),
                received: Vec::new(),
                confirmed: Vec::new(),
                config,
                wake: None,
                scheduled: None,
                sending_until: None,
                locked: None,
            }
        });
        let mut medium = Self {
            now: Instant::from_ticks(0),
            nodes: nodes.collect(),
            log: Vec::new(),
            block: Duration::from_ticks(0),
            script: Box::new(|_, _| Fault::None),
            deaf: Vec::new(),
            queue: BTreeMap::new(),
            count: 0,
            noise: SplitMix64(seed),
        };
        for node in 0..medium.nodes.len() {
            medium.poll(node);
        }
        medium
    }

    /// Sends `payload` by UDP.
    pub(crate) fn send(&mut self, from: usize, to: usize, handle: u8, payload: &[u8]) {
        let short = |node| ShortAddress(node as u16);
        let datagram = Datagram::link_local(PAN, short(from), short(to), 4059, 4059, payload);
        self.request(from, AdpdDataRequest::new(handle, datagram.emit().unwrap()));
    }

    pub(crate) fn request(&mut self, from: usize, request: AdpdDataRequest) {
        let Node { stack, env, .. } = &mut self.nodes[from];
        stack.handle(self.now, env, StackEvent::Data(request));
        self.poll(from);
    }

    /// The power of a node fails: its stack and PHY begin anew, its store stays.
    pub(crate) fn restart(&mut self, node: usize) {
        let Node { stack, config, wake, scheduled, locked, .. } = &mut self.nodes[node];
        *stack = Stack::new(config.clone()).unwrap();
        (*wake, *scheduled, *locked) = (None, None, None);
        self.nodes[node].sending_until = None;
        self.poll(node);
    }

    /// Lets time pass until `until`.
    pub(crate) fn run_until(&mut self, until: Instant) {
        while self.step(until) {}
        self.now = until;
    }

    pub(crate) fn run_for(&mut self, span: Duration) {
        self.run_until(self.now + span);
    }

    /// Lets time pass until `done` or for `limit`; tells whether it was done.
    pub(crate) fn run_to(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let until = self.now + limit;
        while !done(self) {
            if !self.step(until) {
                return false;
            }
        }
        true
    }

    pub(crate) fn confirms(&self, node: usize) -> Vec<(u8, AdpStatus)> {
        self.nodes[node].confirmed.iter().map(|&(_, handle, status)| (handle, status)).collect()
    }

    /// The payloads that a node has received.
    pub(crate) fn payloads(&self, node: usize) -> Vec<Vec<u8>> {
        let payload =
            |(_, indication): &Received| Datagram::parse(&indication.nsdu).unwrap().payload.to_vec();
        self.nodes[node].received.iter().map(payload).collect()
    }

    /// Tells a node something that its PHY did not hear.
    pub(crate) fn inject(&mut self, node: usize, event: &Event) {
        let Node { stack, env, .. } = &mut self.nodes[node];
        stack.handle(self.now, env, StackEvent::Phy(event));
        self.poll(node);
    }

    fn step(&mut self, until: Instant) -> bool {
        let wake = (0..self.nodes.len()).filter_map(|node| Some((self.nodes[node].wake?, node))).min();
        let wake = wake.map(|(at, node)| (self.at_block(at), node));
        let pending = self.queue.keys().next().copied();
        let next = wake.map(|(at, _)| at).into_iter().chain(pending.map(|(at, _)| at)).min();
        let Some(next) = next.filter(|&next| next < until) else { return false };
        self.now = next.max(self.now);
        match (pending, wake) {
            (Some(key), _) if key.0 == next => {
                let pending = self.queue.remove(&key).unwrap();
                self.happen(pending);
            }
            (_, Some((_, node))) => self.poll(node),
            _ => unreachable!(),
        }
        true
    }

    /// When a driver that works in blocks acts on what happens at `at`.
    fn at_block(&self, at: Instant) -> Instant {
        match self.block.as_ticks() {
            0 => at,
            block => Instant::from_ticks(at.as_ticks().div_ceil(block) * block),
        }
    }

    fn later(&mut self, at: Instant, pending: Pending) {
        self.count += 1;
        self.queue.insert((at, self.count), pending);
    }

    fn tell(&mut self, node: usize, event: &Event) {
        self.inject(node, event);
    }

    fn poll(&mut self, node: usize) {
        let now = self.now;
        let Node { stack, env, .. } = &mut self.nodes[node];
        let (actions, until) = check_contract(stack, now, env);
        self.nodes[node].wake = until;
        for action in actions {
            match action {
                StackAction::Phy(Request::Data(request)) => {
                    self.transmit(node, request.start, What::Data(Box::new(request)));
                }
                StackAction::Phy(Request::Ack(request)) => {
                    self.transmit(node, request.start, What::Ack(request.ack));
                }
                StackAction::Phy(Request::SetTransmitAttenuation(_)) => {}
                StackAction::DataConfirm(confirm) => {
                    self.nodes[node].confirmed.push((now, confirm.handle, confirm.status));
                }
                StackAction::DataIndication(indication) => self.nodes[node].received.push((now, indication)),
            }
        }
    }

    fn transmit(&mut self, node: usize, start: Instant, what: What) {
        let busy = self.nodes[node].scheduled.is_some() || self.nodes[node].sending_until.is_some();
        if busy {
            let confirm = TransmitConfirm { end: self.now, status: TransmitStatus::BusyTransmitting };
            self.tell(node, &Event::TransmitConfirm(confirm));
            return;
        }
        let start = start.max(self.now);
        self.nodes[node].scheduled = Some((start, what));
        self.later(start, Pending::Start(node));
    }

    fn happen(&mut self, pending: Pending) {
        match pending {
            Pending::Start(node) => self.start(node),
            Pending::Sent(node, index) => {
                let end = self.log[index].end;
                if self.nodes[node].sending_until == Some(end) {
                    self.nodes[node].sending_until = None;
                    let confirm = TransmitConfirm { end, status: TransmitStatus::Success };
                    self.tell(node, &Event::TransmitConfirm(confirm));
                }
            }
            Pending::Detect(node, index) => {
                let free = self.nodes[node].locked.is_none() && self.nodes[node].sending_until.is_none();
                if !free {
                    return;
                }
                self.nodes[node].locked = Some(index);
                let fault = (self.script)(&self.log[index], node);
                if fault == Fault::Lost {
                    self.nodes[node].locked = None;
                    return;
                }
                let Transmission { start, end, .. } = self.log[index];
                let header = self.log[index].header_end();
                self.tell(node, &Event::CarrierSense(CarrierSense::Preamble(start)));
                self.later(self.at_block(header), Pending::Header(node, index, fault));
                self.later(self.at_block(end), Pending::End(node, index, fault));
            }
            Pending::Header(node, index, fault) => self.header(node, index, fault),
            Pending::End(node, index, fault) => self.end(node, index, fault),
        }
    }

    fn start(&mut self, node: usize) {
        // A restart forgets what was scheduled.
        let Some((start, what)) = self.nodes[node].scheduled.take() else { return };
        if start > self.now {
            self.nodes[node].scheduled = Some((start, what));
            return;
        }
        let symbols = match &what {
            What::Data(request) => {
                let length = request.psdu.len();
                let layout = PayloadLayout::for_psdu(
                    &PLAN,
                    ToneMask::ALL,
                    request.tone_map,
                    request.modulation,
                    length,
                )
                .unwrap();
                assert_eq!(usize::from(layout.psdu_capacity), length, "padded to what the symbols carry");
                layout.symbols
            }
            What::Ack(_) => 0,
        };
        let end = start + timing::frame_airtime(&PLAN, ToneMask::ALL, symbols);
        let index = self.log.len();
        self.log.push(Transmission { from: node, start, end, what });
        self.nodes[node].sending_until = Some(end);
        // Whatever the receiver followed is gone.
        self.nodes[node].locked = None;
        self.later(self.at_block(end), Pending::Sent(node, index));
        for listener in (0..self.nodes.len()).filter(|&listener| listener != node) {
            if self.hears(listener, node) {
                self.later(self.at_block(start + SENSING), Pending::Detect(listener, index));
            }
        }
    }

    fn hears(&self, a: usize, b: usize) -> bool {
        !self.deaf.contains(&(a, b)) && !self.deaf.contains(&(b, a))
    }

    /// Whether something else was heard, or sent, at this node in a span.
    fn disturbed(&self, node: usize, index: usize, from: Instant, to: Instant) -> bool {
        self.log.iter().enumerate().any(|(other, transmission)| {
            other != index
                && transmission.start < to
                && transmission.end > from
                && (transmission.from == node || self.hears(node, transmission.from))
        })
    }

    fn header(&mut self, node: usize, index: usize, fault: Fault) {
        if self.nodes[node].locked != Some(index) {
            return;
        }
        let transmission = self.log[index].clone();
        let end = transmission.header_end();
        if fault == Fault::Header || self.disturbed(node, index, transmission.start, end) {
            self.tell(node, &Event::CarrierSense(CarrierSense::HeaderFailed { end }));
        } else if let What::Data(request) = &transmission.what {
            let header = header_of(request);
            let sense = CarrierSense::Header { header, end: transmission.end };
            self.tell(node, &Event::CarrierSense(sense));
        }
    }

    fn end(&mut self, node: usize, index: usize, fault: Fault) {
        if self.nodes[node].locked != Some(index) {
            return;
        }
        self.nodes[node].locked = None;
        let Transmission { start, end, what, .. } = self.log[index].clone();
        let header_end = self.log[index].header_end();
        let header_failed = fault == Fault::Header || self.disturbed(node, index, start, header_end);
        let payload_failed = fault == Fault::Payload || self.disturbed(node, index, header_end, end);
        let lqi = 90;
        match what {
            _ if header_failed => {}
            What::Ack(ack) => {
                self.tell(node, &Event::AckIndication(PdAckIndication { ack, start, end, lqi }));
            }
            What::Data(_) if payload_failed => {
                self.tell(node, &Event::CarrierSense(CarrierSense::PayloadFailed { end }));
            }
            What::Data(mut request) => {
                let header = header_of(&request);
                if fault == Fault::Fcs {
                    // Behind the header, so that the frame still seems to be for its destination.
                    let payload = request.psdu.len().saturating_sub(20).max(1);
                    let at = request.psdu.len() - 1 - self.noise.next_u32() as usize % payload;
                    request.psdu[at] ^= 0x10;
                }
                let psdu = request.psdu;
                let indication = PdDataIndication { psdu, header, start, end, lqi, corrected_octets: 0 };
                self.tell(node, &Event::DataIndication(indication));
            }
        }
        self.tell(node, &Event::CarrierSense(CarrierSense::Idle(end)));
    }
}

fn header_of(request: &PdDataRequest) -> DataHeader {
    let PdDataRequest { psdu, modulation, tone_map, response_expected, .. } = request;
    let layout = PayloadLayout::for_psdu(&PLAN, ToneMask::ALL, *tone_map, *modulation, psdu.len()).unwrap();
    DataHeader {
        pdc: 0,
        modulation: *modulation,
        tone_map: *tone_map,
        payload_symbols: layout.symbols,
        blocks: layout.blocks,
        response_expected: *response_expected,
    }
}

/// Octets that differ from one position to the next.
pub(crate) fn octets(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(31).wrapping_add((at / 256) as u8) ^ seed).collect()
}

/// The time that a test lets pass where something is bound to happen.
pub(crate) const LONG: Duration = millis(60_000);

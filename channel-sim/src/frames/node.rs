//! A node of a network run: the modem's stack, unchanged, and a source and sink of datagrams on top.

use super::domain::FrameNode;
use crate::memory::MemoryStore;
use g3_mac::adaptation::{AdpStatus, AdpdDataRequest};
use g3_mac::mac::{Counters, MacStatus};
use g3_mac::udp::Datagram;
use g3_mac::{Stack, StackAction, StackConfig, StackEvent};
use g3_phy::primitives::{Event, Request};
use plc_core::address::{PanId, ShortAddress};
use plc_core::env::{Environment, Store};
use plc_core::sans_io::{Machine, Step, earlier};
use plc_core::time::{Instant, TICKS_PER_SECOND};
use rand_core::Rng;
use std::convert::Infallible;

/// UDP port of the traffic.
const PORT: u16 = 7_000;

/// What became of datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Handed to the stack.
    pub offered: u64,
    /// Of these, acknowledged by the next hop.
    pub confirmed: u64,
    /// Refused because the queue was full.
    pub refused: u64,
    /// Given up without an acknowledgement.
    pub unanswered: u64,
    /// Given up because the channel was always busy, or for another reason.
    pub given_up: u64,
    /// Received as they were sent, each once.
    pub delivered: u64,
    /// Received again.
    pub repeated: u64,
    /// Received otherwise than sent.
    pub wrong: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.confirmed += other.confirmed;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
        self.given_up += other.given_up;
        self.delivered += other.delivered;
        self.repeated += other.repeated;
        self.wrong += other.wrong;
    }
}

/// Where a node sends, and how often.
#[derive(Clone, Debug)]
pub struct Source {
    /// Datagrams a second; they come as a Poisson process.
    pub per_second: f64,
    /// Whom to send to, each as likely as the other; nobody makes no traffic.
    pub to: Vec<ShortAddress>,
    /// Octets of a datagram's payload.
    pub octets: usize,
}

/// A modem's stack with datagrams.
pub struct TrafficNode {
    stack: Stack,
    environment: Surroundings,
    pan_id: PanId,
    address: ShortAddress,
    source: Source,
    /// When the next datagram comes.
    next: Option<Instant>,
    serial: u32,
    /// Serial number last received from each sender.
    received: Vec<(u16, u32)>,
    tally: Tally,
}

impl TrafficNode {
    /// A node with the configuration of its stack, its traffic and its own stream of randomness.
    ///
    /// # Errors
    /// Where the stack does not accept its configuration.
    pub fn new(config: StackConfig, source: Source, seed: u64) -> Result<Self, MacStatus> {
        let (pan_id, address) = (config.pan_id, config.short_address);
        let mut node = Self {
            stack: Stack::new(config)?,
            environment: Surroundings { rng: SmallRng(seed), store: MemoryStore::default() },
            pan_id,
            address,
            source,
            next: None,
            serial: 0,
            received: Vec::new(),
            tally: Tally::default(),
        };
        node.next = node.after(Instant::from_ticks(0));
        Ok(node)
    }

    /// What became of datagrams.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The MAC's counters.
    pub fn mac_counters(&self) -> &Counters {
        self.stack.counters()
    }

    /// Hands one datagram to the stack: the stack, to be asked for its frame. `None` where it was refused.
    pub(super) fn send_to(&mut self, to: ShortAddress) -> Option<(&mut Stack, &mut dyn Environment)> {
        self.source.to = vec![to];
        self.offer(Instant::from_ticks(0));
        (self.tally.offered == 1).then_some((&mut self.stack, &mut self.environment as &mut dyn Environment))
    }

    /// Stops the source.
    pub fn stop(&mut self) {
        self.next = None;
    }

    /// Octets in memory that belong to the traffic and not to the modem, on the heap.
    pub fn heap(&self) -> usize {
        self.received.capacity() * size_of::<(u16, u32)>()
            + self.source.to.capacity() * size_of::<ShortAddress>()
            + self.environment.store.heap()
    }

    fn after(&mut self, now: Instant) -> Option<Instant> {
        if self.source.per_second <= 0.0 || self.source.to.is_empty() {
            return None;
        }
        let uniform = (self.environment.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let wait = -libm::log(1.0 - uniform) / self.source.per_second * TICKS_PER_SECOND as f64;
        Some(Instant::from_ticks(now.as_ticks().saturating_add(wait as u64 + 1)))
    }

    /// Sends the next datagram.
    fn offer(&mut self, now: Instant) {
        let count = self.source.to.len() as u64;
        let index = (u64::from(self.environment.rng.next_u32()) * count) >> 32;
        let Some(&to) = self.source.to.get(index as usize) else { return };
        self.serial += 1;
        let payload = payload(self.address, self.serial, self.source.octets);
        let datagram = Datagram::link_local(self.pan_id, self.address, to, PORT, PORT, &payload);
        let Ok(packet) = datagram.emit() else { return };
        self.tally.offered += 1;
        let request = AdpdDataRequest::new(self.serial as u8, packet);
        self.stack.handle(now, &mut self.environment, StackEvent::Data(request));
    }

    fn received(&mut self, packet: &[u8]) {
        let Ok(datagram) = Datagram::parse(packet) else {
            self.tally.wrong += 1;
            return;
        };
        let Some((from, serial)) = read(datagram.payload) else {
            self.tally.wrong += 1;
            return;
        };
        match self.received.iter_mut().find(|entry| entry.0 == from.0) {
            Some(entry) if entry.1 >= serial => self.tally.repeated += 1,
            Some(entry) => {
                entry.1 = serial;
                self.tally.delivered += 1;
            }
            None => {
                self.received.push((from.0, serial));
                self.tally.delivered += 1;
            }
        }
    }

    fn confirmed(&mut self, status: AdpStatus) {
        let count = match status {
            AdpStatus::Success => &mut self.tally.confirmed,
            AdpStatus::NoBuffers => &mut self.tally.refused,
            AdpStatus::Mac(MacStatus::NoAck) => &mut self.tally.unanswered,
            _ => &mut self.tally.given_up,
        };
        *count += 1;
    }
}

impl FrameNode for TrafficNode {
    #[inline]
    fn phy_event(&mut self, now: Instant, event: &Event) {
        self.stack.handle(now, &mut self.environment, StackEvent::Phy(event));
    }

    #[inline]
    fn run(&mut self, now: Instant, requests: &mut Vec<Request>) -> Option<Instant> {
        while self.next.is_some_and(|at| at <= now) {
            self.offer(now);
            self.next = self.after(now);
        }
        loop {
            match self.stack.poll(now, &mut self.environment) {
                Step::Do(StackAction::Phy(request)) => requests.push(request),
                Step::Do(StackAction::DataConfirm(confirm)) => self.confirmed(confirm.status),
                Step::Do(StackAction::DataIndication(indication)) => self.received(&indication.nsdu),
                Step::Idle(until) => return earlier(until, self.next),
            }
        }
    }
}

/// A payload that tells who sent it and which it is, and fills up with what follows from that.
fn payload(from: ShortAddress, serial: u32, octets: usize) -> Vec<u8> {
    let head = from.0.to_be_bytes().into_iter().chain(serial.to_be_bytes());
    head.chain((6..octets).map(|at| filler(from, serial, at))).take(octets.max(6)).collect()
}

fn filler(from: ShortAddress, serial: u32, at: usize) -> u8 {
    (u32::from(from.0).wrapping_mul(31) ^ serial.wrapping_mul(7) ^ at as u32) as u8
}

fn read(octets: &[u8]) -> Option<(ShortAddress, u32)> {
    let (&[a, b, c, d, e, f], rest) = octets.split_first_chunk()?;
    let (from, serial) = (ShortAddress(u16::from_be_bytes([a, b])), u32::from_be_bytes([c, d, e, f]));
    let right = rest.iter().enumerate().all(|(at, &octet)| octet == filler(from, serial, at + 6));
    right.then_some((from, serial))
}

/// Randomness and store of a node.
struct Surroundings {
    rng: SmallRng,
    store: MemoryStore,
}

impl Environment for Surroundings {
    fn rng(&mut self) -> &mut dyn Rng {
        &mut self.rng
    }

    fn store(&mut self) -> &mut dyn Store {
        &mut self.store
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): eight octets of state, and draws that cost nothing.
struct SmallRng(u64);

impl rand_core::TryRng for SmallRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|word| (word >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Ok(z ^ (z >> 31))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        for chunk in into.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

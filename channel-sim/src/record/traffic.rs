//! Something to record where no concentrator is: a coordinator that asks one meter after the other for its clock.
//!
//! The public client opens an association, reads object 0.0.1.0.0.255 and releases the association; what is not
//! answered in time is left, and the next meter asked.

use crate::random::{Purpose, stream};
use crate::world::{Surroundings, World};
use cosem::client::Collect;
use cosem::{Client, ClientConfig, Obis, Progress, Query, wrapper};
use g3_mac::adaptation::AdpdDataRequest;
use g3_mac::ipv6::LinkLocal;
use g3_mac::mac::{Gmk, MacStatus};
use g3_mac::udp::{DLMS_PORT, Datagram, MAX_PAYLOAD};
use g3_mac::{Stack, StackAction, StackConfig, StackEvent};
use g3_phy::Modulation;
use g3_phy::primitives::Request;
use plc_core::address::{PanId, ShortAddress};
use plc_core::sans_io::{Machine, Step};
use plc_core::time::{Duration, Instant, seconds};

/// How long an answer may take.
const PATIENCE: Duration = seconds(3);
/// The clock: class 8, attribute 2.
const CLOCK: Query = Query::new(8, Obis::new(0, 0, 1, 0, 0, 255), 2);

/// The coordinator, driven through the world's PHY port.
pub struct ClockReader {
    stack: Stack,
    surroundings: Surroundings,
    pan_id: PanId,
    meters: u16,
    /// The meter being asked, by its short address, and when to give up.
    asked: ShortAddress,
    until: Instant,
    client: Option<Client>,
    requests: Vec<Request>,
    deadline: Option<Instant>,
    next_handle: u8,
    arrived: Vec<Vec<u8>>,
    /// Clocks that were read.
    answers: u64,
}

impl ClockReader {
    /// A coordinator for the world's network that sends with `modulation`.
    pub fn new(world: &World, modulation: Modulation) -> Result<Self, MacStatus> {
        let scenario = world.scenario();
        let gmk = Gmk(scenario.group_master_key());
        let config = StackConfig {
            modulation,
            ..StackConfig::cenelec_a(scenario.pan_id, ShortAddress::COORDINATOR, gmk)
        };
        Ok(Self {
            stack: Stack::new(config)?,
            surroundings: Surroundings::new(stream(scenario.seed, Purpose::Modem, 0)),
            pan_id: scenario.pan_id,
            meters: scenario.households().len().min(usize::from(u16::MAX)) as u16,
            asked: ShortAddress(0),
            until: world.now(),
            client: None,
            requests: Vec::new(),
            deadline: None,
            next_handle: 0,
            arrived: Vec::new(),
            answers: 0,
        })
    }

    /// Lets the world run to `until` with its traffic, and returns how many clocks have been read so far.
    pub fn run(&mut self, world: &mut World, until: Instant) -> u64 {
        while world.now() < until {
            self.advance(world.now());
            let next = self.deadline.map_or(until, |deadline| deadline.min(until)).max(world.now());
            let exchange = world.exchange(std::mem::take(&mut self.requests), next);
            for event in &exchange.events {
                self.stack.handle(exchange.now, &mut self.surroundings, StackEvent::Phy(event));
                self.drain(exchange.now);
            }
            self.drain(exchange.now);
        }
        self.answers
    }

    /// What the client does next.
    fn advance(&mut self, now: Instant) {
        for apdu in std::mem::take(&mut self.arrived) {
            let Some(client) = &mut self.client else { break };
            let progress = client.handle(&apdu, &mut Counted(0), &mut self.surroundings);
            let next = match progress {
                Ok(Progress::Ignored) => continue,
                Ok(Progress::Send) => true,
                Ok(Progress::Associated) => client.get(&CLOCK, &mut self.surroundings).is_ok(),
                Ok(Progress::Value) => {
                    self.answers += 1;
                    client.release().is_ok()
                }
                _ => false,
            };
            if next {
                self.send(now);
            } else {
                self.until = now;
            }
        }
        if now >= self.until && self.meters > 0 {
            self.asked = ShortAddress(self.asked.0 % self.meters + 1);
            let mut client = Client::new(ClientConfig::public());
            let opened = client.associate(&mut self.surroundings).is_ok();
            self.client = opened.then_some(client);
            self.send(now);
        }
        self.drain(now);
    }

    /// Sends what the client asks for.
    fn send(&mut self, now: Instant) {
        self.until = now + PATIENCE;
        let Some(client) = &self.client else { return };
        let mut wrapped = [0; MAX_PAYLOAD];
        let ClientConfig { client_sap, server_sap, .. } = *client.config();
        let packet =
            wrapper::emit(client_sap, server_sap, client.request(), &mut wrapped).ok().and_then(|length| {
                let payload = wrapped.get(..length)?;
                let own = ShortAddress::COORDINATOR;
                Datagram::link_local(self.pan_id, own, self.asked, DLMS_PORT, DLMS_PORT, payload).emit().ok()
            });
        if let Some(packet) = packet {
            self.next_handle = self.next_handle.wrapping_add(1);
            let request = AdpdDataRequest::new(self.next_handle, packet);
            self.stack.handle(now, &mut self.surroundings, StackEvent::Data(request));
        }
    }

    fn drain(&mut self, now: Instant) {
        loop {
            match self.stack.poll(now, &mut self.surroundings) {
                Step::Do(StackAction::Phy(request)) => self.requests.push(request),
                Step::Do(StackAction::DataConfirm(_)) => {}
                Step::Do(StackAction::DataIndication(indication)) => {
                    let from = LinkLocal::of(self.pan_id, self.asked).address();
                    let apdu = Datagram::parse(&indication.nsdu)
                        .ok()
                        .filter(|datagram| datagram.source == from)
                        .and_then(|datagram| wrapper::parse_datagram(datagram.payload).ok())
                        .map(|(_, apdu)| apdu.to_vec());
                    self.arrived.extend(apdu);
                }
                Step::Idle(until) => {
                    let ours = if self.arrived.is_empty() { self.until } else { now };
                    self.deadline = Some(until.map_or(ours, |until| until.min(ours)));
                    return;
                }
            }
        }
    }
}

/// Octets of a value that nobody looks at.
struct Counted(usize);

impl Collect for Counted {
    fn clear(&mut self) {
        self.0 = 0;
    }

    fn extend(&mut self, octets: &[u8]) -> Result<(), plc_core::bytes::Full> {
        self.0 += octets.len();
        Ok(())
    }
}

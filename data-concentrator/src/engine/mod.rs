//! The engine: one thread that owns the line, reads the meters in cycles and passes head-ends' requests through.

mod association;
pub mod commands;
pub mod cycle;
pub mod line;
mod pass_through;
pub mod plan;
pub mod port;
mod profile;
pub mod session;
pub mod surroundings;

use crate::calendar::Calendar;
use crate::live::{Activity, CycleProgress, Live};
use crate::network::Network;
use crate::store::{CycleId, MeterId, MeterOutcome, MeterResult, NetworkId, Store, StoreError};
use commands::{Commands, Stop};
use cosem::{Client, ClientConfig, Keys, SystemTitle};
use cycle::{CycleError, Host, Roster};
use g3_mac::mac::MacStatus;
use line::{Accept, Heard, Line, LineError, Peer, Timing};
use pass_through::PassThrough;
use plc_core::env::StoreError as RecordError;
use plc_core::time::{Duration, Instant, millis, seconds};
use port::PhyPort;
use session::{Link, Session};
use std::convert::Infallible;
use std::sync::Arc;
use surroundings::Surroundings;
use thiserror::Error;

/// UDP port of the concentrator's own clients.
const OWN_PORT: u16 = g3_mac::udp::DLMS_PORT;
/// wPort of a meter's management logical device.
const MANAGEMENT_DEVICE: u16 = 1;
/// wPort of the concentrator's own client.
const MANAGEMENT_CLIENT: u16 = 1;
/// wPort of the client that needs no keys.
const PUBLIC_CLIENT: u16 = 16;
/// How long a cycle waits for a meter that a head-end has to itself.
const PATIENCE: Duration = seconds(90);

/// System title of the concentrator's own client: manufacturer `BSB`, device type 0xDC. Its keys differ from meter to
/// meter, so one title serves for all of them.
const SYSTEM_TITLE: SystemTitle = SystemTitle([b'B', b'S', b'B', 0xDC, 0, 0, 0, 1]);

/// Why the engine cannot start.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network's configuration.
    #[error("the MAC does not take the network's configuration: {0}")]
    Mac(#[from] MacStatus),
    /// A record in it.
    #[error("the database failed: {0}")]
    Record(#[from] RecordError),
}

/// Who wants to know how a meter's turn ended.
pub type OnTurn = Box<dyn FnMut(usize, &MeterOutcome) + Send>;

/// What the engine is made of.
pub struct EngineConfig {
    /// The coordinator's modem.
    pub port: Box<dyn PhyPort>,
    /// The database.
    pub store: Store,
    /// The network behind the port.
    pub network: Arc<Network>,
    /// Determines challenges and back-off.
    pub seed: u64,
    /// How long to wait for what.
    pub timing: Timing,
    /// Where to tell what is going on.
    pub live: Live,
    /// How to be told to stop.
    pub stop: Stop,
    /// What head-ends ask for.
    pub commands: Commands,
    /// Told of every meter's turn.
    pub on_turn: OnTurn,
}

/// The engine.
pub struct Engine {
    network: Arc<Network>,
    network_id: NetworkId,
    meter_ids: Vec<MeterId>,
    sessions: Vec<Session>,
    desk: Desk,
}

/// All of the engine but what a cycle walks through.
struct Desk {
    line: Line,
    live: Live,
    stop: Stop,
    pass_through: PassThrough,
    on_turn: OnTurn,
    waited: Duration,
}

/// How a cycle went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CycleSummary {
    /// Its row.
    pub cycle: CycleId,
    /// Meters in reach.
    pub asked: usize,
    /// Meters read.
    pub read: usize,
    /// How long it took on the line.
    pub line_time: Duration,
}

impl Engine {
    /// Opens the network in the database and puts the coordinator on its modem.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let EngineConfig { port, mut store, network, seed, timing, live, stop, commands, on_turn } = config;
        let provision = port.provision();
        let (network_id, meter_ids) = store.open_network(&network)?;
        let surroundings = Surroundings::new(store, seed)?;
        let calendar: Calendar = network.calendar;
        let sessions = provision.meters.iter().zip(&meter_ids).map(|(meter, &id)| {
            let keys = Keys { encryption: meter.keys.encryption, authentication: meter.keys.authentication };
            let peer = Peer {
                meter: meter.short_address,
                port: OWN_PORT,
                client: MANAGEMENT_CLIENT,
                server: MANAGEMENT_DEVICE,
            };
            Session { client: Client::new(ClientConfig::management(SYSTEM_TITLE, keys)), peer, meter: id }
        });
        let sessions = sessions.collect();
        let addresses = provision.meters.iter().map(|meter| meter.short_address).collect();
        let line = Line::new(port, surroundings, timing, calendar, live.clone(), stop.clone())?;
        let desk = Desk {
            line,
            live,
            stop,
            pass_through: PassThrough::new(commands, addresses),
            on_turn,
            waited: Duration::from_ticks(0),
        };
        Ok(Self { network, network_id, meter_ids, sessions, desk })
    }

    /// The network's row.
    pub const fn network_id(&self) -> NetworkId {
        self.network_id
    }

    /// The line's time.
    pub fn now(&self) -> Instant {
        self.desk.line.now()
    }

    /// Runs one reading cycle.
    pub fn cycle(&mut self) -> Result<CycleSummary, CycleError> {
        let started = self.desk.line.now();
        let utc_ms = self.network.calendar.utc_ms(started);
        let cycle = self.desk.line.surroundings.store.begin_cycle(self.network_id, utc_ms)?;
        let asked = self.network.meters.iter().filter(|meter| meter.link.in_reach).count();
        self.desk.waited = Duration::from_ticks(0);
        self.desk.live.update(|snapshot| {
            snapshot.activity = Activity::Reading;
            snapshot.next_cycle_utc_ms = None;
            snapshot.cycle = Some(CycleProgress { number: cycle.number(), done: 0, of: asked, read: 0 });
        });
        let mut roster = Roster {
            network: &self.network,
            network_id: self.network_id,
            meter_ids: &self.meter_ids,
            sessions: &mut self.sessions,
        };
        cycle::run(&mut self.desk, &mut roster, cycle)?;
        let read = self.desk.live.snapshot().cycle.map_or(0, |progress| progress.read);
        self.desk.live.update(|snapshot| snapshot.activity = Activity::Waiting);
        Ok(CycleSummary { cycle, asked, read, line_time: self.desk.line.now() - started })
    }

    /// Serves head-ends and begins a cycle every `every`, until it is told to stop. Virtual time runs at most `speed`
    /// times as fast as the wall clock; with 0 as fast as it can.
    pub fn serve(&mut self, every: Duration, speed: f64) -> Result<Infallible, CycleError> {
        self.desk.line.follow_wall_clock(speed);
        loop {
            // Cycles lie on the calendar: with 15 minutes, just after each row of the load profile.
            let due = self.next_cycle(every);
            let utc_ms = self.network.calendar.utc_ms(due);
            self.desk.live.update(|snapshot| snapshot.next_cycle_utc_ms = Some(utc_ms));
            while self.desk.line.now() < due {
                if self.desk.stop.stopped() {
                    return Err(CycleError::Stopped);
                }
                self.desk.pass_waiting()?;
                self.desk.line.step(due).map_err(LineError::from)?;
            }
            self.cycle()?;
        }
    }

    /// The next multiple of `every` on the calendar, and a little, so that meters whose clocks are slow have captured.
    fn next_cycle(&self, every: Duration) -> Instant {
        const GRACE_MS: i64 = 5_000;
        let now = self.desk.line.now();
        let every_ms = i64::try_from(every.as_ticks() / 6_000).unwrap_or(i64::MAX).max(1);
        let utc_ms = self.network.calendar.utc_ms(now) - GRACE_MS;
        let wait_ms = every_ms - utc_ms.rem_euclid(every_ms);
        now + millis(u64::try_from(wait_ms).unwrap_or(0))
    }
}

impl Desk {
    fn pass_waiting(&mut self) -> Result<(), LineError> {
        // What head-ends hear is no part of the turn that they interrupt.
        let heard = self.line.heard();
        let passed = self.pass_through.serve(&mut self.line);
        self.line.set_heard(heard);
        passed
    }
}

impl Link for Desk {
    fn now(&self) -> Instant {
        self.line.now()
    }

    fn surroundings(&mut self) -> &mut Surroundings {
        &mut self.line.surroundings
    }

    fn ask(&mut self, peer: Peer, apdu: &[u8], accept: Accept<'_>) -> Result<(), LineError> {
        // People wait behind a head-end's request; the cycle has time.
        self.pass_waiting()?;
        self.line.ask(peer, apdu, accept)
    }
}

impl Host for Desk {
    fn listen_anew(&mut self) {
        self.line.set_heard(Heard::default());
    }

    fn heard(&self) -> Heard {
        self.line.heard()
    }

    fn taken(&self, meter: usize) -> bool {
        self.pass_through.held(meter, MANAGEMENT_CLIENT, self.line.now())
    }

    fn keep_free(&mut self, meter: Option<usize>) -> Result<(), CycleError> {
        self.pass_through.keep_free(meter);
        // What waited for the last meter goes before the next one.
        if meter.is_none() {
            self.pass_waiting()?;
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<bool, CycleError> {
        if self.stop.stopped() {
            return Err(CycleError::Stopped);
        }
        let before = self.line.now();
        self.pass_waiting()?;
        self.line.step(before + millis(200)).map_err(LineError::from)?;
        self.waited += self.line.now() - before;
        Ok(self.waited < PATIENCE)
    }

    fn turn(&mut self, meter: usize, outcome: &MeterOutcome) {
        self.live.update(|snapshot| {
            if let Some(cycle) = snapshot.cycle.as_mut().filter(|_| outcome.result != MeterResult::OutOfReach)
            {
                cycle.done += 1;
                cycle.read += usize::from(outcome.result == MeterResult::Read);
            }
        });
        (self.on_turn)(meter, outcome);
    }

    fn stopped(&self) -> bool {
        self.stop.stopped()
    }
}

#[cfg(test)]
mod tests;

//! The coordinator's PHY port over TCP: a [`World`](crate::world::World) in its own process and whoever drives it.
//!
//! A message is a little-endian 32-bit length and that many octets of postcard. The client speaks first
//! ([`ClientMessage::Hello`]); every message has one answer. Virtual time stands still between messages while a
//! client is connected, and follows the wall clock while none is. A client may vanish at any moment: one that is silent
//! for [`LONGEST_SILENCE`] is taken for gone. [`samples`] is the other door, for whole modems in other processes.

mod client;
mod frame;
pub mod samples;
mod server;

pub use client::{PortError, RemoteWorld};
pub use frame::{FrameError, MAX_FRAME, read_frame, write_frame};
pub use server::{LONGEST_SILENCE, ServerEvent, serve, serve_patiently};

use crate::feeder::{Feeder, Position};
use crate::scenario::{MeterSpec, Scenario};
use crate::world::{Exchange, LinkReport};
use g3_phy::primitives::Request;
use jiff::civil::DateTime;
use plc_core::address::PanId;
use plc_core::time::Instant;
use serde::{Deserialize, Serialize};

/// Version of the messages; both ends must have the same.
pub const PROTOCOL_VERSION: u32 = 1;

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ClientMessage {
    /// First message; the answer is [`ServerMessage::Welcome`].
    Hello {
        /// [`PROTOCOL_VERSION`].
        version: u32,
    },
    /// Requests for the coordinator's PHY; the answer is [`ServerMessage::Exchange`]. It may come before `until`
    /// without an event: then ask again.
    Exchange {
        /// In order.
        requests: Vec<Request>,
        /// When to answer at the latest, on the coordinator's clock.
        until: Instant,
    },
    /// Asks for [`ServerMessage::Links`].
    Links,
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ServerMessage {
    /// The network a client may drive, as a utility would know it from provisioning.
    Welcome(Box<Provision>),
    /// Answer of [`ClientMessage::Exchange`].
    Exchange(Exchange),
    /// Answer of [`ClientMessage::Links`].
    Links(Vec<LinkReport>),
    /// The request was refused; the connection ends.
    Refused(String),
}

/// What a concentrator must know of its network before it speaks to it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Provision {
    /// [`PROTOCOL_VERSION`] of the server.
    pub version: u32,
    /// Name of the feeder.
    pub feeder: String,
    /// Local time at the instant 0 of the line.
    pub start: DateTime,
    /// Local time minus UTC.
    pub utc_offset_minutes: i16,
    /// The coordinator's time now.
    pub now: Instant,
    /// The network's identifier.
    pub pan_id: PanId,
    /// Its group master key. For demonstration only.
    pub group_master_key: [u8; 16],
    /// The meters.
    pub meters: Vec<MeterSpec>,
    /// Where the coordinator is.
    pub busbar: Option<Position>,
    /// Where the cables lie: the straight pieces between buses that have coordinates.
    pub cables: Vec<(Position, Position)>,
}

impl std::fmt::Debug for Provision {
    /// Keys do not belong into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { version, feeder, start, utc_offset_minutes, now, pan_id, .. } = self;
        f.debug_struct("Provision")
            .field("version", version)
            .field("feeder", feeder)
            .field("start", start)
            .field("utc_offset_minutes", utc_offset_minutes)
            .field("now", now)
            .field("pan_id", pan_id)
            .field("meters", &self.meters)
            .field("busbar", &self.busbar)
            .field("cables", &self.cables)
            .finish_non_exhaustive()
    }
}

impl Provision {
    /// What a scenario's concentrator must know at `now`.
    pub fn new(scenario: &Scenario, now: Instant) -> Self {
        Self {
            version: PROTOCOL_VERSION,
            feeder: scenario.feeder.name.clone(),
            start: scenario.start,
            utc_offset_minutes: scenario.utc_offset_minutes,
            now,
            pan_id: scenario.pan_id,
            group_master_key: scenario.group_master_key(),
            meters: scenario.meters(),
            busbar: position(&scenario.feeder, scenario.feeder.busbar),
            cables: cables(&scenario.feeder),
        }
    }
}

fn position(feeder: &Feeder, bus: usize) -> Option<Position> {
    feeder.buses.get(bus).and_then(|bus| bus.position)
}

/// The pieces of every section, along the buses merged away.
fn cables(feeder: &Feeder) -> Vec<(Position, Position)> {
    let mut cables = Vec::new();
    for section in &feeder.sections {
        let along = [section.from]
            .into_iter()
            .chain(section.via.iter().map(|waypoint| waypoint.bus))
            .chain([section.to]);
        let points: Vec<_> = along.filter_map(|bus| position(feeder, bus)).collect();
        cables.extend(points.iter().zip(points.iter().skip(1)).map(|(&from, &to)| (from, to)));
    }
    cables
}

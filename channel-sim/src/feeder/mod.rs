//! Low-voltage feeders: the transformer, the cables, the households and what they consume.
//!
//! A [`Feeder`] is radial. It is read from an OpenDSS script ([`opendss`]), a pandapower network ([`pandapower`]) or
//! a file of our own ([`toml`](mod@toml)), or is built in ([`village`]). Sections are already merged: a bus where
//! two pieces of the same cable meet and nothing else happens is kept only as a point of the map.

mod draft;
mod files;
pub mod opendss;
pub mod pandapower;
mod reading;
pub mod shape;
pub mod toml;
mod topology;
pub mod village;

use crate::line::cable::Cable;
use crate::line::load::Appliance;
pub use files::{Disk, FileError, Files, MAX_OCTETS, Memory};
pub use reading::{FeederError, Place, ReadOptions, Reading, Report, Unused, parse, read};
use serde::{Deserialize, Serialize};
pub use shape::LoadShape;
pub use topology::{Segment, TopologyError, merge};

/// A radial low-voltage feeder.
#[derive(Clone, Debug, PartialEq)]
pub struct Feeder {
    /// Name of the circuit.
    pub name: String,
    /// The transformer's low-voltage bus, where the coordinator sits: index into `buses`.
    pub busbar: usize,
    /// Every bus, also those that merging left without electrical meaning.
    pub buses: Vec<Bus>,
    /// Line codes: cable types as the source names them.
    pub line_codes: Vec<LineCode>,
    /// Electrical sections, each nearer bus first, parents before children.
    pub sections: Vec<Section>,
    /// The transformer.
    pub transformer: Transformer,
    /// Households.
    pub loads: Vec<Load>,
    /// Load shapes.
    pub shapes: Vec<LoadShape>,
    /// Line pieces before merging.
    pub line_count: usize,
}

/// A bus.
#[derive(Clone, Debug, PartialEq)]
pub struct Bus {
    /// Name in the source.
    pub name: String,
    /// Coordinates in metres, where the source has them.
    pub position: Option<Position>,
}

/// A point of the map, in metres.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Eastward.
    pub x_m: f64,
    /// Northward.
    pub y_m: f64,
}

/// A cable type as the source describes it, for mains frequency.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineCode {
    /// Name in the source; [`crate::line::cable`] maps it to a cable.
    pub name: String,
    /// Positive-sequence resistance at mains frequency, where given.
    pub r1_ohm_per_m: Option<f64>,
    /// The source says that these are wires on poles.
    pub overhead: bool,
    /// The cable itself, where the source has its geometry.
    pub cable: Option<Cable>,
}

/// A piece of one cable between two electrical nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// The bus nearer to the transformer.
    pub from: usize,
    /// The bus further away.
    pub to: usize,
    /// Length of the cable.
    pub length_m: f64,
    /// Index into the feeder's line codes.
    pub line_code: usize,
    /// Phases that run through.
    pub phases: PhaseSet,
    /// Buses merged away, from `from` to `to`.
    pub via: Vec<Waypoint>,
}

/// A bus inside a section, where nothing happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waypoint {
    /// Index into the feeder's buses.
    pub bus: usize,
    /// Length of cable from the section's nearer end.
    pub at_m: f64,
}

/// The transformer, seen from its low-voltage side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transformer {
    /// Rated power.
    pub kva: f64,
    /// Rated phase-to-phase voltage of the low-voltage side.
    pub secondary_v: f64,
    /// Short-circuit reactance in per cent.
    pub reactance_percent: f64,
    /// Mains frequency of the rating.
    pub mains_hz: f64,
}

/// A phase of the low-voltage network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Phase 1.
    L1,
    /// Phase 2.
    L2,
    /// Phase 3.
    L3,
}

impl Phase {
    /// All three, in order.
    pub const ALL: [Self; 3] = [Self::L1, Self::L2, Self::L3];

    /// 0, 1 or 2.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The phase with the OpenDSS node number 1, 2 or 3.
    pub fn from_node(node: u32) -> Option<Self> {
        match node {
            1 => Some(Self::L1),
            2 => Some(Self::L2),
            3 => Some(Self::L3),
            _ => None,
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "L{}", self.index() + 1)
    }
}

/// Which phases run through a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseSet(u8);

impl PhaseSet {
    /// No phase.
    pub const NONE: Self = Self(0);
    /// L1, L2 and L3.
    pub const ALL: Self = Self(0b111);

    /// This set and one phase more.
    #[must_use]
    pub fn with(self, phase: Phase) -> Self {
        Self(self.0 | 1 << phase.index())
    }

    /// Whether the phase is in the set.
    pub fn contains(self, phase: Phase) -> bool {
        self.0 & 1 << phase.index() != 0
    }

    /// The first phase of the set.
    pub fn first(self) -> Option<Phase> {
        Phase::ALL.into_iter().find(|phase| self.contains(*phase))
    }

    /// How many phases.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A household with its meter.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Name in the source.
    pub name: String,
    /// Index into the feeder's buses.
    pub bus: usize,
    /// The phase it is connected to.
    pub phase: Phase,
    /// Power of the load, in mW (1 kW is 1 000 000). A load shape's multipliers scale it.
    pub rated_mw: i64,
    /// Index into the feeder's shapes; without one the load draws its rated power.
    pub shape: Option<usize>,
    /// What the source says is switched on there; where it says nothing, the scenario draws it.
    pub appliances: Vec<Appliance>,
}

impl Feeder {
    /// Active power of a load at `seconds` after local midnight, in mW.
    pub fn load_power_mw(&self, load: &Load, seconds: u64) -> i64 {
        match load.shape.and_then(|shape| self.shapes.get(shape)) {
            Some(shape) => shape.power_mw(load.rated_mw, seconds),
            None => load.rated_mw,
        }
    }

    /// Ends the section that runs through a bus there, and begins another, so that the bus is a node of the line; where it is
    /// one already, or belongs to no section, nothing changes.
    pub fn cut_at(&mut self, bus: usize) {
        let inside = |section: &Section| section.via.iter().position(|waypoint| waypoint.bus == bus);
        let found =
            self.sections.iter().enumerate().find_map(|(index, section)| Some((index, inside(section)?)));
        let Some((index, place)) = found else { return };
        let near = &mut self.sections[index];
        let behind = near.via.split_off(place);
        let at_m = behind.first().map_or(near.length_m, |waypoint| waypoint.at_m);
        let further = |waypoint: &Waypoint| Waypoint { at_m: waypoint.at_m - at_m, ..*waypoint };
        let far = Section {
            from: bus,
            length_m: near.length_m - at_m,
            via: behind.iter().skip(1).map(further).collect(),
            ..near.clone()
        };
        (near.to, near.length_m) = (bus, at_m);
        self.sections.insert(index + 1, far);
    }

    /// Loads on each of the three phases.
    pub fn loads_per_phase(&self) -> [usize; 3] {
        Phase::ALL.map(|phase| self.loads.iter().filter(|load| load.phase == phase).count())
    }
}

//! The line in virtual time with every modem on it.

use crate::scenario::Scenario;
use g3_phy::primitives::{Event, Request};
use plc_core::time::Instant;
use serde::{Deserialize, Serialize};

/// Line, meters and the coordinator's PHY port in virtual time.
pub struct World {
    scenario: Scenario,
    now: Instant,
}

/// What [`World::exchange`] brings back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// The coordinator's time.
    pub now: Instant,
    /// What the coordinator's PHY told.
    pub events: Vec<Event>,
}

/// One meter's link with the coordinator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkReport {
    /// Index into the scenario's meters.
    pub meter: usize,
    /// From the coordinator to the meter.
    pub down: Direction,
    /// From the meter to the coordinator.
    pub up: Direction,
    /// Whether both directions have at least 3 dB more than the Robust modulation needs.
    pub in_reach: bool,
}

/// One direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Direction {
    /// Effective signal to noise over the carriers, in dB.
    pub snr_db: f32,
    /// Signal to noise of the worst carrier, in dB.
    pub worst_carrier_db: f32,
    /// Mean loss over the carriers, from the transmitter's nominal level to the receiver's port, in dB.
    pub loss_db: f32,
}

impl World {
    /// The line at the scenario's start.
    pub fn new(scenario: Scenario) -> Self {
        Self { scenario, now: Instant::from_ticks(0) }
    }

    /// What determines it.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The coordinator's time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Hands `requests` to the coordinator's PHY and lets time run until the PHY has something to tell or its
    /// clock reaches `until`. Times are the coordinator's own.
    pub fn exchange(&mut self, requests: Vec<Request>, until: Instant) -> Exchange {
        drop(requests);
        self.now = self.now.max(until);
        Exchange { now: self.now, events: Vec::new() }
    }

    /// The links of all meters with the coordinator, by the line model.
    pub fn links(&self) -> Vec<LinkReport> {
        Vec::new()
    }
}

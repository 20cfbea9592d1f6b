//! Three meters, a link to them and a store: what a cycle needs, and what it left in the store.

use super::fake_line::{FakeLine, Fault};
use super::fake_meter::{FakeMeter, keys};
use super::{ENERGY, PROFILE};
use crate::engine::cycle::{self, Roster};
use crate::engine::line::Peer;
use crate::engine::session::Session;
use crate::engine::surroundings::Surroundings;
use crate::engine::{MANAGEMENT_CLIENT, MANAGEMENT_DEVICE, OWN_PORT, SYSTEM_TITLE};
use crate::network::Network;
use crate::store::{CycleId, MeterId, MeterResult, NetworkId, Range, Store};
use crate::testkit::{self, MIDNIGHT_UTC_MS};
use cosem::{Client, ClientConfig};
use plc_core::address::ShortAddress;
use plc_core::time::Instant;

pub(super) struct Bench {
    pub(super) line: FakeLine,
    pub(super) network: Network,
    pub(super) id: NetworkId,
    pub(super) ids: Vec<MeterId>,
    pub(super) sessions: Vec<Session>,
    pub(super) folder: tempfile::TempDir,
}

/// Two meters in reach, one out of it.
pub(super) fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let (network, mut store) = (testkit::network(3), Store::open(folder.path()).unwrap());
    let (id, ids) = store.open_network(&network).unwrap();
    let line = FakeLine {
        surroundings: Surroundings::new(store, 1).unwrap(),
        meters: (1..=3).map(|n| FakeMeter::new(n, keys(n))).collect(),
        now: Instant::from_ticks(0),
        faults: Box::new(|_| Fault::None),
        asked: Vec::new(),
        taken_until: None,
        kept_free: None,
        turns: Vec::new(),
    };
    Bench { sessions: sessions(&ids), line, network, id, ids, folder }
}

pub(super) fn sessions(ids: &[MeterId]) -> Vec<Session> {
    let session = |(n, &meter): (u16, &MeterId)| Session {
        client: Client::new(ClientConfig::management(SYSTEM_TITLE, keys(n as u8))),
        peer: Peer {
            meter: ShortAddress(n),
            port: OWN_PORT,
            client: MANAGEMENT_CLIENT,
            server: MANAGEMENT_DEVICE,
        },
        meter,
    };
    (1..).zip(ids).map(session).collect()
}

impl Bench {
    pub(super) fn cycle(&mut self) -> CycleId {
        self.line.turns.clear();
        self.line.asked.clear();
        let utc_ms = self.network.calendar.utc_ms(self.line.now);
        let cycle = self.line.surroundings.store.begin_cycle(self.id, utc_ms).unwrap();
        let (network, network_id, meter_ids) = (&self.network, self.id, &self.ids);
        let mut roster = Roster { network, network_id, meter_ids, sessions: &mut self.sessions };
        cycle::run(&mut self.line, &mut roster, cycle).unwrap();
        assert_eq!(self.line.kept_free, None);
        cycle
    }

    pub(super) fn store(&self) -> &Store {
        &self.line.surroundings.store
    }

    pub(super) fn turn(&self, cycle: CycleId, meter: usize) -> (MeterResult, Option<String>) {
        let turn = self.store().turn(cycle, self.ids[meter]).unwrap().unwrap();
        (turn.result, turn.detail)
    }

    /// Energy and UTC of each profile row of a meter.
    pub(super) fn rows(&self, meter: usize) -> Vec<(i64, i64)> {
        let page = self.store().profile(self.ids[meter], PROFILE, Range::ALL, None, 1000).unwrap();
        let energy = |row: &crate::store::ProfileRow| {
            row.values.iter().find(|value| value.object == ENERGY).map(|value| value.raw)
        };
        page.items.iter().map(|row| (row.time.utc_ms, energy(row).unwrap())).collect()
    }

    /// What the meter, which draws `n` kW, must have in its profile up to `at`: midnight is the first row.
    pub(super) fn truth(&self, meter: usize, at: i64) -> Vec<(i64, i64)> {
        let quarters = (at - MIDNIGHT_UTC_MS) / 900_000;
        let n = meter as i64 + 1;
        (0..=quarters).map(|q| (MIDNIGHT_UTC_MS + q * 900_000, q * 250 * n)).collect()
    }
}

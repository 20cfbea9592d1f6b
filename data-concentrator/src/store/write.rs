//! What the engine writes: networks and meters, cycles, and what a meter said in one transaction.

use super::{Store, StoreError};
use crate::network::Network;
use crate::reading::Reading;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// A network's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetworkId(pub(super) i64);

/// A meter's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeterId(pub(super) i64);

/// A reading cycle's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CycleId(pub(super) i64);

impl CycleId {
    /// The number in the API.
    pub const fn number(self) -> i64 {
        self.0
    }
}

/// How reading a meter ended. The names are those of the API and the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MeterResult {
    /// Everything asked for was read.
    Read,
    /// The registers were read, the load profile was not.
    Partial,
    /// No answer, in any attempt.
    NoAnswer,
    /// The meter answered, and refused: the association, a key, a counter or an object.
    Refused,
    /// The line model puts the meter out of reach; it was not asked.
    OutOfReach,
}

impl MeterResult {
    /// Every result.
    pub const ALL: [Self; 5] = [Self::Read, Self::Partial, Self::NoAnswer, Self::Refused, Self::OutOfReach];

    /// The name in the API and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Partial => "partial",
            Self::NoAnswer => "no-answer",
            Self::Refused => "refused",
            Self::OutOfReach => "out-of-reach",
        }
    }
}

impl fmt::Display for MeterResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for MeterResult {
    type Err = StoreError;

    fn from_str(name: &str) -> Result<Self, StoreError> {
        let unknown = || StoreError::Corrupt { what: "the result of a meter", value: name.to_owned() };
        Self::ALL.into_iter().find(|result| result.name() == name).ok_or_else(unknown)
    }
}

/// What came of asking one meter in one cycle.
#[derive(Clone, Debug, PartialEq)]
pub struct MeterOutcome {
    /// How it ended.
    pub result: MeterResult,
    /// What to tell people where it did not end well.
    pub detail: Option<String>,
    /// How often the meter was asked from the start.
    pub attempts: u32,
    /// What it said.
    pub readings: Vec<Reading>,
    /// When it was done with, UTC in milliseconds.
    pub ended_utc_ms: i64,
    /// How long it took, in milliseconds of the line's time.
    pub duration_ms: i64,
    /// Signal to noise of the frames heard from it, in dB.
    pub snr_db: Option<f64>,
    /// Hops to it; 1 is a neighbour.
    pub hops: Option<u8>,
}

/// How many of the readings handed in were new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Not known before.
    pub new: usize,
    /// Known with the same value.
    pub known: usize,
    /// Known with another value, which was kept: a meter should not rewrite its past.
    pub contradicted: usize,
}

/// What does not change between two readings of a meter, so that it need not be asked again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectFacts {
    /// Scaler and unit of each register, by logical name.
    pub scaler_units: BTreeMap<String, (i8, u8)>,
    /// Columns of the load profile: class, logical name, attribute.
    pub profile_columns: Vec<(u16, String, i8)>,
    /// Seconds between two rows of the load profile.
    pub capture_period_s: u32,
}

impl Store {
    /// Makes sure that the network and its meters have rows; returns them in the network's order.
    pub fn open_network(&mut self, network: &Network) -> Result<(NetworkId, Vec<MeterId>), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id = transaction.query_row(
            "INSERT INTO network (key, name) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET name = ?2 RETURNING id",
            params![network.key, network.name],
            |row| row.get(0),
        )?;
        let mut meters = Vec::with_capacity(network.meters.len());
        for meter in &network.meters {
            meters.push(MeterId(transaction.query_row(
                "INSERT INTO meter (network_id, serial, name, bus, phase, short_address)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (network_id, serial)
                 DO UPDATE SET name = ?3, bus = ?4, phase = ?5, short_address = ?6 RETURNING id",
                params![id, meter.serial, meter.name, meter.bus, meter.phase, meter.short_address],
                |row| row.get(0),
            )?));
        }
        // What a killed process was doing is over.
        transaction.execute(
            "UPDATE cycle SET state = 'interrupted' WHERE network_id = ?1 AND state = 'running'",
            [id],
        )?;
        transaction.commit()?;
        Ok((NetworkId(id), meters))
    }

    /// Begins a reading cycle.
    pub fn begin_cycle(&mut self, network: NetworkId, utc_ms: i64) -> Result<CycleId, StoreError> {
        Ok(CycleId(self.connection.query_row(
            "INSERT INTO cycle (network_id, state, started_utc_ms) VALUES (?1, 'running', ?2) RETURNING id",
            params![network.0, utc_ms],
            |row| row.get(0),
        )?))
    }

    /// Ends a reading cycle in which every meter has had its turn.
    pub fn end_cycle(&mut self, cycle: CycleId, utc_ms: i64) -> Result<(), StoreError> {
        self.connection.execute(
            "UPDATE cycle SET state = 'complete', ended_utc_ms = ?2 WHERE id = ?1",
            params![cycle.0, utc_ms],
        )?;
        Ok(())
    }

    /// Keeps what one meter said and how reading it ended, all or nothing. What contradicts a reading that is kept
    /// already is counted in the turn's detail.
    pub fn keep(
        &mut self,
        cycle: CycleId,
        meter: MeterId,
        outcome: &MeterOutcome,
    ) -> Result<Stored, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut stored = Stored::default();
        for reading in &outcome.readings {
            match known_value(&transaction, meter, reading)? {
                None => {
                    insert(&transaction, cycle, meter, reading)?;
                    stored.new += 1;
                }
                Some(known) if known == (reading.raw, reading.scaler) => {
                    seen_again(&transaction, cycle, meter, reading)?;
                    stored.known += 1;
                }
                Some(_) => stored.contradicted += 1,
            }
        }
        transaction.prepare_cached(
            "INSERT INTO cycle_meter (cycle_id, meter_id, result, detail, attempts, ended_utc_ms, duration_ms, snr_db, hops)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (cycle_id, meter_id) DO UPDATE SET result = ?3, detail = ?4, attempts = ?5,
             ended_utc_ms = ?6, duration_ms = ?7, snr_db = ?8, hops = ?9",
        )?
        .execute(params![
            cycle.0,
            meter.0,
            outcome.result.name(),
            detail(outcome, stored),
            outcome.attempts,
            outcome.ended_utc_ms,
            outcome.duration_ms,
            outcome.snr_db,
            outcome.hops,
        ])?;
        transaction.commit()?;
        Ok(stored)
    }

    /// The newest cycle in which a meter spoke: all it was asked, or what it has of that.
    pub fn last_heard_in(&self, meter: MeterId) -> Result<Option<CycleId>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT max(cycle_id) FROM cycle_meter WHERE meter_id = ?1 AND result IN ('read', 'partial')",
        )?;
        Ok(query.query_row([meter.0], |row| row.get::<_, Option<i64>>(0))?.map(CycleId))
    }

    /// UTC of the newest row of a meter's profile up to `until_utc_ms`.
    pub fn newest_profile_row(
        &self,
        meter: MeterId,
        profile: &str,
        until_utc_ms: i64,
    ) -> Result<Option<i64>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT max(utc_ms) FROM reading WHERE meter_id = ?1 AND profile = ?2 AND utc_ms <= ?3",
        )?;
        Ok(query.query_row(params![meter.0, profile, until_utc_ms], |row| row.get(0))?)
    }

    /// When the network's first cycle began.
    pub fn first_cycle(&self, network: NetworkId) -> Result<Option<i64>, StoreError> {
        let first = "SELECT min(started_utc_ms) FROM cycle WHERE network_id = ?1";
        Ok(self.connection.query_row(first, params![network.0], |row| row.get(0))?)
    }

    /// When the newest complete cycle of the network before `cycle` began.
    pub fn cycle_before(&self, network: NetworkId, cycle: CycleId) -> Result<Option<i64>, StoreError> {
        Ok(self.connection.query_row(
            "SELECT max(started_utc_ms) FROM cycle WHERE network_id = ?1 AND id < ?2 AND state = 'complete'",
            params![network.0, cycle.0],
            |row| row.get(0),
        )?)
    }

    /// What is known of the meter's objects.
    pub fn object_facts(&self, meter: MeterId) -> Result<Option<ObjectFacts>, StoreError> {
        let facts: Option<String> = self
            .connection
            .query_row("SELECT facts FROM object_facts WHERE meter_id = ?1", [meter.0], |row| row.get(0))
            .optional()?;
        let parse = |text: String| {
            serde_json::from_str(&text)
                .map_err(|_| StoreError::Corrupt { what: "facts about a meter's objects", value: text })
        };
        facts.map(parse).transpose()
    }

    /// Keeps what is known of the meter's objects.
    pub fn keep_object_facts(&mut self, meter: MeterId, facts: &ObjectFacts) -> Result<(), StoreError> {
        let corrupt = |error: serde_json::Error| StoreError::Corrupt {
            what: "facts about a meter's objects",
            value: error.to_string(),
        };
        self.connection.execute(
            "INSERT INTO object_facts VALUES (?1, ?2) ON CONFLICT (meter_id) DO UPDATE SET facts = ?2",
            params![meter.0, serde_json::to_string(facts).map_err(corrupt)?],
        )?;
        Ok(())
    }
}

/// What to tell people of a turn: what went wrong in it, and how often the meter contradicted itself.
fn detail(outcome: &MeterOutcome, stored: Stored) -> Option<String> {
    let contradicted = match stored.contradicted {
        0 => return outcome.detail.clone(),
        1 => "1 reading differs from the one kept for the same time, which stays".to_owned(),
        count => format!("{count} readings differ from those kept for the same time, which stay"),
    };
    Some(match &outcome.detail {
        Some(detail) => format!("{detail}; {contradicted}"),
        None => contradicted,
    })
}

fn insert(
    connection: &Connection,
    cycle: CycleId,
    meter: MeterId,
    reading: &Reading,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO reading (meter_id, profile, object, utc_ms, raw, scaler, unit, offset_minutes,
             clock_status, meter_time, quality, cycle_id, last_cycle_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12)",
        )?
        .execute(params![
            meter.0,
            reading.profile.as_deref().unwrap_or_default(),
            reading.object,
            reading.time.utc_ms,
            reading.raw,
            reading.scaler,
            reading.unit,
            reading.time.offset_minutes,
            reading.time.clock_status,
            reading.time.raw,
            reading.quality.name(),
            cycle.0,
        ])?;
    Ok(())
}

/// A simulated line that starts anew tells the same again: the newest reading is the one that came last.
fn seen_again(
    connection: &Connection,
    cycle: CycleId,
    meter: MeterId,
    reading: &Reading,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE reading SET last_cycle_id = ?5
             WHERE meter_id = ?1 AND profile = ?2 AND object = ?3 AND utc_ms = ?4",
        )?
        .execute(params![
            meter.0,
            reading.profile.as_deref().unwrap_or_default(),
            reading.object,
            reading.time.utc_ms,
            cycle.0,
        ])?;
    Ok(())
}

fn known_value(
    connection: &Connection,
    meter: MeterId,
    reading: &Reading,
) -> Result<Option<(i64, i8)>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT raw, scaler FROM reading WHERE meter_id = ?1 AND profile = ?2 AND object = ?3 AND utc_ms = ?4",
    )?;
    let key =
        params![meter.0, reading.profile.as_deref().unwrap_or_default(), reading.object, reading.time.utc_ms];
    Ok(query.query_row(key, |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

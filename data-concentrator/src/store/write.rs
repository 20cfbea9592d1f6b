//! What the engine writes: networks and meters, cycles, and what a meter said in one transaction.

use super::gaps::{self, tell};
use super::{Gap, Store, StoreError};
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
///
/// - `read`: everything asked for was read;
/// - `partial`: something that was asked for is missing, `detail` names it, and the rest is kept;
/// - `no-answer`: no answer in any attempt, or a head-end had the meter to itself;
/// - `refused`: the meter answered and refused: the association, a key, a counter or an object;
/// - `out-of-reach`: the line model puts the meter out of reach; it was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MeterResult {
    /// Everything asked for was read.
    Read,
    /// Something that was asked for is missing, whatever it is: the turn's detail names it. The rest is kept.
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
    /// Where its profiles have rows that could not be used.
    pub gaps: Vec<Gap>,
    /// When it was done with, UTC in milliseconds.
    pub ended_utc_ms: i64,
    /// How long it took, in milliseconds of the line's time.
    pub duration_ms: i64,
    /// Signal to noise of the frames heard from it as the receiver measured it, mean over carriers and frames, in dB.
    pub snr_db: Option<f64>,
    /// Hops to it; 1 is a neighbour.
    pub hops: Option<u8>,
}

impl MeterOutcome {
    /// Of a meter that was not asked.
    pub const fn unasked(result: MeterResult, detail: String, ended_utc_ms: i64) -> Self {
        Self {
            result,
            detail: Some(detail),
            attempts: 0,
            readings: Vec::new(),
            gaps: Vec::new(),
            ended_utc_ms,
            duration_ms: 0,
            snr_db: None,
            hops: None,
        }
    }
}

/// What a turn came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How it ended, with what earlier attempts of the same turn have found.
    pub result: MeterResult,
    /// What to tell people where it did not end well.
    pub detail: Option<String>,
    /// What became of the readings.
    pub stored: Stored,
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

    /// Keeps what one meter said and how reading it ended, all or nothing.
    ///
    /// A turn in which rows of a profile are missing is partial, whichever attempt or cycle has found them missing, until
    /// they are kept. So is one whose first attempt brought a part and whose last one nothing. What contradicts a reading
    /// that is kept already is counted in the turn's detail.
    pub fn keep(
        &mut self,
        cycle: CycleId,
        meter: MeterId,
        outcome: &MeterOutcome,
    ) -> Result<Kept, StoreError> {
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
        for gap in &outcome.gaps {
            gaps::remember(&transaction, meter, gap)?;
        }
        let open = gaps::open(&transaction, meter, outcome.ended_utc_ms)?;
        let before = partial_before(&transaction, cycle, meter)?;
        let (result, detail) = sum_up(outcome, before, &open, stored);
        // What an earlier attempt heard stands where this one heard nothing.
        transaction.prepare_cached(
            "INSERT INTO cycle_meter (cycle_id, meter_id, result, detail, attempts, ended_utc_ms, duration_ms, snr_db, hops)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (cycle_id, meter_id) DO UPDATE SET result = ?3, detail = ?4, attempts = max(attempts, ?5),
             ended_utc_ms = ?6, duration_ms = ?7, snr_db = coalesce(?8, snr_db), hops = coalesce(?9, hops)",
        )?
        .execute(params![
            cycle.0,
            meter.0,
            result.name(),
            detail,
            outcome.attempts,
            outcome.ended_utc_ms,
            outcome.duration_ms,
            outcome.snr_db,
            outcome.hops,
        ])?;
        transaction.commit()?;
        Ok(Kept { result, detail, stored })
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

    /// When the newest complete cycle of the network before `cycle`, which began at `began_utc_ms`, began itself. One that
    /// began later belongs to a run with another date.
    pub fn cycle_before(
        &self,
        network: NetworkId,
        cycle: CycleId,
        began_utc_ms: i64,
    ) -> Result<Option<i64>, StoreError> {
        Ok(self.connection.query_row(
            "SELECT max(started_utc_ms) FROM cycle
             WHERE network_id = ?1 AND id < ?2 AND state = 'complete' AND started_utc_ms <= ?3",
            params![network.0, cycle.0, began_utc_ms],
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

/// What an earlier attempt of the same turn found missing, where it brought a part.
fn partial_before(
    connection: &Connection,
    cycle: CycleId,
    meter: MeterId,
) -> Result<Option<String>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT coalesce(detail, '') FROM cycle_meter WHERE cycle_id = ?1 AND meter_id = ?2 AND result = ?3",
    )?;
    let key = params![cycle.0, meter.0, MeterResult::Partial.name()];
    Ok(query.query_row(key, |row| row.get(0)).optional()?)
}

/// How a turn ended, and what to tell people of it: what went wrong, what is missing, and how often the meter
/// contradicted itself.
fn sum_up(
    outcome: &MeterOutcome,
    partial_before: Option<String>,
    open: &[Gap],
    stored: Stored,
) -> (MeterResult, Option<String>) {
    let answered = matches!(outcome.result, MeterResult::Read | MeterResult::Partial);
    let mut told: Vec<String> = Vec::new();
    let mut result = outcome.result;
    match partial_before.filter(|_| !answered) {
        Some(before) => {
            result = MeterResult::Partial;
            let then = outcome.detail.as_deref().unwrap_or_else(|| outcome.result.name());
            told.extend([before, format!("then: {then}")]);
        }
        None => told.extend(outcome.detail.clone()),
    }
    if let Some(gaps) = tell(open).filter(|_| answered) {
        result = MeterResult::Partial;
        told.push(gaps);
    }
    match stored.contradicted {
        0 => {}
        1 => told.push("1 reading differs from the one kept for the same time, which stays".to_owned()),
        count => {
            told.push(format!("{count} readings differ from those kept for the same time, which stay"));
        }
    }
    told.retain(|part| !part.is_empty());
    (result, (!told.is_empty()).then(|| told.join("; ")))
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

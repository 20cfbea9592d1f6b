//! What the API asks of the database.

use super::{CycleId, MeterId, MeterResult, NetworkId, Store, StoreError};
use crate::reading::{MeterTime, Quality, Reading};
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, params};

/// A part of the time line: from inclusive, to exclusive, UTC in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First moment wanted.
    pub from_utc_ms: i64,
    /// First moment not wanted.
    pub to_utc_ms: i64,
}

impl Range {
    /// All of time.
    pub const ALL: Self = Self { from_utc_ms: i64::MIN, to_utc_ms: i64::MAX };
}

/// Part of a list, and where the next part begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The part.
    pub items: Vec<T>,
    /// Key of its last item, where more follow.
    pub next: Option<String>,
}

/// A meter with the newest that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct MeterRow {
    /// Its row.
    pub id: MeterId,
    /// Serial number.
    pub serial: String,
    /// How its last turn in a cycle ended.
    pub last: Option<CycleMeterRow>,
    /// The last turn in which it was read: when, UTC in milliseconds.
    pub last_read_utc_ms: Option<i64>,
}

/// A reading with the cycle it came in.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadingRow {
    /// The reading.
    pub reading: Reading,
    /// The cycle.
    pub cycle: i64,
}

/// A row of a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileRow {
    /// When the meter captured it.
    pub time: MeterTime,
    /// The worst of its values' qualities.
    pub quality: Quality,
    /// The cycle it came in.
    pub cycle: i64,
    /// The values, by logical name.
    pub values: Vec<StoredValue>,
}

/// A value of a profile's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredValue {
    /// Logical name.
    pub object: String,
    /// The number as the meter sent it.
    pub raw: i64,
    /// Power of ten.
    pub scaler: i8,
    /// Unit code.
    pub unit: u8,
}

/// A reading cycle.
#[derive(Clone, Debug, PartialEq)]
pub struct CycleRow {
    /// Its number.
    pub id: i64,
    /// `running`, `complete` or `interrupted`.
    pub state: String,
    /// When it began, UTC in milliseconds.
    pub started_utc_ms: i64,
    /// When it ended.
    pub ended_utc_ms: Option<i64>,
    /// Meters that had their turn and were asked.
    pub asked: i64,
    /// Meters that were read.
    pub read: i64,
}

/// A meter's turn in a cycle.
#[derive(Clone, Debug, PartialEq)]
pub struct CycleMeterRow {
    /// The cycle.
    pub cycle: i64,
    /// Serial number of the meter.
    pub serial: String,
    /// How it ended.
    pub result: MeterResult,
    /// What to tell people where it did not end well.
    pub detail: Option<String>,
    /// How often the meter was asked from the start.
    pub attempts: u32,
    /// When it was done with, UTC in milliseconds.
    pub ended_utc_ms: i64,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// Signal to noise of the frames heard from it as the receiver measured it, mean over carriers and frames, in dB.
    pub snr_db: Option<f64>,
    /// Hops to it.
    pub hops: Option<u8>,
}

const CYCLE_METER: &str =
    "SELECT cycle_id, serial, result, detail, attempts, ended_utc_ms, duration_ms, snr_db, hops
    FROM cycle_meter JOIN meter ON meter.id = meter_id";

const READING: &str =
    "SELECT object, profile, utc_ms, raw, scaler, unit, offset_minutes, clock_status, meter_time,
    quality, cycle_id FROM reading";

const CYCLE: &str = "SELECT id, state, started_utc_ms, ended_utc_ms,
    (SELECT count(*) FROM cycle_meter WHERE cycle_id = id AND result <> 'out-of-reach'),
    (SELECT count(*) FROM cycle_meter WHERE cycle_id = id AND result = 'read') FROM cycle";

impl Store {
    /// All meters of a network, by serial number.
    pub fn meters(&self, network: NetworkId) -> Result<Vec<MeterRow>, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT id, serial FROM meter WHERE network_id = ?1 ORDER BY serial")?;
        let meters = query
            .query_map([network.0], |row| Ok((MeterId(row.get(0)?), row.get(1)?)))?
            .collect::<Result<Vec<_>, _>>()?;
        meters.into_iter().map(|(id, serial)| self.with_last_turn(id, serial)).collect()
    }

    /// One meter of a network.
    pub fn meter(&self, network: NetworkId, serial: &str) -> Result<Option<MeterRow>, StoreError> {
        let id = self
            .connection
            .prepare_cached("SELECT id FROM meter WHERE network_id = ?1 AND serial = ?2")?
            .query_row(params![network.0, serial], |row| row.get(0).map(MeterId))
            .optional()?;
        id.map(|id| self.with_last_turn(id, serial.to_owned())).transpose()
    }

    /// The newest reading of every object that was read by itself.
    pub fn latest(&self, meter: MeterId) -> Result<Vec<ReadingRow>, StoreError> {
        // Steps from object to object through the key, so that years of readings cost no more than a day's.
        let mut query = self.connection.prepare_cached(&format!(
            "WITH RECURSIVE known(name) AS (
                SELECT min(object) FROM reading WHERE meter_id = ?1 AND profile = ''
                UNION ALL
                SELECT (SELECT min(object) FROM reading WHERE meter_id = ?1 AND profile = '' AND object > name)
                FROM known WHERE name IS NOT NULL)
            {READING} JOIN known ON object = name WHERE meter_id = ?1 AND profile = '' AND utc_ms =
                (SELECT utc_ms FROM reading WHERE meter_id = ?1 AND profile = '' AND object = name
                 ORDER BY last_cycle_id DESC, utc_ms DESC LIMIT 1)
            ORDER BY object"
        ))?;
        Ok(query.query_map([meter.0], reading)?.collect::<Result<_, _>>()?)
    }

    /// The newest reading of one object that was read by itself.
    pub fn latest_of(&self, meter: MeterId, object: &str) -> Result<Option<ReadingRow>, StoreError> {
        let mut query = self.connection.prepare_cached(&format!(
            "{READING} WHERE meter_id = ?1 AND profile = '' AND object = ?2
             ORDER BY last_cycle_id DESC, utc_ms DESC LIMIT 1"
        ))?;
        Ok(query.query_row(params![meter.0, object], reading).optional()?)
    }

    /// What a meter said in one cycle: the newest reading of each object that was read by itself.
    pub fn told_in(&self, meter: MeterId, cycle: CycleId) -> Result<Vec<ReadingRow>, StoreError> {
        let mut query = self.connection.prepare_cached(&format!(
            "{READING} WHERE meter_id = ?1 AND profile = '' AND last_cycle_id = ?2
             ORDER BY object, utc_ms DESC"
        ))?;
        let mut rows = query.query_map(params![meter.0, cycle.0], reading)?.collect::<Result<Vec<_>, _>>()?;
        rows.dedup_by(|older, newer| older.reading.object == newer.reading.object);
        Ok(rows)
    }

    /// Readings of objects that were read by themselves, oldest first.
    ///
    /// `after` is the `next` of the page before.
    pub fn readings(
        &self,
        meter: MeterId,
        object: Option<&str>,
        range: Range,
        after: Option<(i64, &str)>,
        limit: usize,
    ) -> Result<Page<ReadingRow>, StoreError> {
        let (after_utc_ms, after_object) = after.unwrap_or((i64::MIN, ""));
        let mut query = self.connection.prepare_cached(&format!(
            "{READING} WHERE meter_id = ?1 AND profile = '' AND (?2 IS NULL OR object = ?2)
             AND utc_ms >= ?3 AND utc_ms < ?4 AND (utc_ms, object) > (?5, ?6)
             ORDER BY utc_ms, object LIMIT ?7"
        ))?;
        let key = params![
            meter.0,
            object,
            range.from_utc_ms,
            range.to_utc_ms,
            after_utc_ms,
            after_object,
            one_more(limit)
        ];
        let items = query.query_map(key, reading)?.collect::<Result<Vec<_>, _>>()?;
        Ok(page(items, limit, |row| format!("{}/{}", row.reading.time.utc_ms, row.reading.object)))
    }

    /// Rows of a profile, oldest first. `after_utc_ms` is the `next` of the page before.
    pub fn profile(
        &self,
        meter: MeterId,
        profile: &str,
        range: Range,
        after_utc_ms: Option<i64>,
        limit: usize,
    ) -> Result<Page<ProfileRow>, StoreError> {
        let mut times = self.connection.prepare_cached(
            "SELECT DISTINCT utc_ms FROM reading WHERE meter_id = ?1 AND profile = ?2
             AND utc_ms >= ?3 AND utc_ms < ?4 AND (?5 IS NULL OR utc_ms > ?5) ORDER BY utc_ms LIMIT ?6",
        )?;
        let key =
            params![meter.0, profile, range.from_utc_ms, range.to_utc_ms, after_utc_ms, one_more(limit)];
        let times = times.query_map(key, |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
        let mut values = self.connection.prepare_cached(&format!(
            "{READING} WHERE meter_id = ?1 AND profile = ?2 AND utc_ms = ?3 ORDER BY object"
        ))?;
        let mut rows = Vec::with_capacity(times.len());
        for utc_ms in times {
            let values = values
                .query_map(params![meter.0, profile, utc_ms], reading)?
                .collect::<Result<Vec<_>, _>>()?;
            rows.extend(profile_row(values));
        }
        Ok(page(rows, limit, |row| row.time.utc_ms.to_string()))
    }

    /// Cycles of a network, newest first. `before` is the `next` of the page before.
    pub fn cycles(
        &self,
        network: NetworkId,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Page<CycleRow>, StoreError> {
        let mut query = self.connection.prepare_cached(&format!(
            "{CYCLE} WHERE network_id = ?1 AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3"
        ))?;
        let items = query
            .query_map(params![network.0, before, one_more(limit)], cycle)?
            .collect::<Result<Vec<_>, _>>()?;
        Ok(page(items, limit, |row| row.id.to_string()))
    }

    /// One cycle of a network, and its meters.
    pub fn cycle(
        &self,
        network: NetworkId,
        id: i64,
    ) -> Result<Option<(CycleRow, Vec<CycleMeterRow>)>, StoreError> {
        let found = self
            .connection
            .query_row(&format!("{CYCLE} WHERE network_id = ?1 AND id = ?2"), params![network.0, id], cycle)
            .optional()?;
        let Some(found) = found else { return Ok(None) };
        let mut query =
            self.connection.prepare_cached(&format!("{CYCLE_METER} WHERE cycle_id = ?1 ORDER BY serial"))?;
        let meters = query.query_map([id], cycle_meter)?.collect::<Result<Vec<_>, _>>()?;
        Ok(Some((found, meters)))
    }

    /// How a meter's turn in a cycle ended.
    pub fn turn(&self, cycle: CycleId, meter: MeterId) -> Result<Option<CycleMeterRow>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(&format!("{CYCLE_METER} WHERE cycle_id = ?1 AND meter_id = ?2"))?
            .query_row(params![cycle.0, meter.0], cycle_meter)
            .optional()?)
    }

    fn with_last_turn(&self, id: MeterId, serial: String) -> Result<MeterRow, StoreError> {
        let last = self
            .connection
            .prepare_cached(&format!("{CYCLE_METER} WHERE meter_id = ?1 ORDER BY cycle_id DESC LIMIT 1"))?
            .query_row([id.0], cycle_meter)
            .optional()?;
        let last_read_utc_ms = self
            .connection
            .prepare_cached(
                "SELECT ended_utc_ms FROM cycle_meter WHERE meter_id = ?1 AND result = 'read'
                 ORDER BY cycle_id DESC LIMIT 1",
            )?
            .query_row([id.0], |row| row.get(0))
            .optional()?;
        Ok(MeterRow { id, serial, last, last_read_utc_ms })
    }
}

fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX - 1).saturating_add(1)
}

/// Cuts the surplus item that tells that more follow.
fn page<T>(mut items: Vec<T>, limit: usize, key: impl Fn(&T) -> String) -> Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(key);
    Page { items, next }
}

fn profile_row(values: Vec<ReadingRow>) -> Option<ProfileRow> {
    let first = values.first()?;
    let (time, cycle) = (first.reading.time.clone(), first.cycle);
    let quality = values.iter().fold(first.reading.quality, |worst, row| worst.worse(row.reading.quality));
    let values = values
        .into_iter()
        .map(|ReadingRow { reading, .. }| StoredValue {
            object: reading.object,
            raw: reading.raw,
            scaler: reading.scaler,
            unit: reading.unit,
        })
        .collect();
    Some(ProfileRow { time, quality, cycle, values })
}

fn reading(row: &Row<'_>) -> Result<ReadingRow, rusqlite::Error> {
    let profile: String = row.get(1)?;
    let time = MeterTime {
        utc_ms: row.get(2)?,
        offset_minutes: row.get(6)?,
        clock_status: row.get(7)?,
        raw: row.get(8)?,
    };
    let reading = Reading {
        object: row.get(0)?,
        profile: Some(profile).filter(|name| !name.is_empty()),
        raw: row.get(3)?,
        scaler: row.get(4)?,
        unit: row.get(5)?,
        time,
        quality: named(row, 9)?,
    };
    Ok(ReadingRow { reading, cycle: row.get(10)? })
}

fn cycle(row: &Row<'_>) -> Result<CycleRow, rusqlite::Error> {
    Ok(CycleRow {
        id: row.get(0)?,
        state: row.get(1)?,
        started_utc_ms: row.get(2)?,
        ended_utc_ms: row.get(3)?,
        asked: row.get(4)?,
        read: row.get(5)?,
    })
}

fn cycle_meter(row: &Row<'_>) -> Result<CycleMeterRow, rusqlite::Error> {
    Ok(CycleMeterRow {
        cycle: row.get(0)?,
        serial: row.get(1)?,
        result: named(row, 2)?,
        detail: row.get(3)?,
        attempts: row.get(4)?,
        ended_utc_ms: row.get(5)?,
        duration_ms: row.get(6)?,
        snr_db: row.get(7)?,
        hops: row.get(8)?,
    })
}

fn named<T>(row: &Row<'_>, index: usize) -> Result<T, rusqlite::Error>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let name: String = row.get(index)?;
    name.parse().map_err(|error: T::Err| {
        rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
    })
}

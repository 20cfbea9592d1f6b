//! Stretches of a profile in which a meter has rows that could not be read: remembered until the rows are there.

use super::{MeterId, Store, StoreError};
use crate::calendar::rfc3339_utc;
use rusqlite::{Connection, OptionalExtension, params};

/// How long rows that could not be read are asked for, in milliseconds: the ten days that a household meter's load
/// profile reaches back.
pub const GAP_WINDOW_MS: i64 = 10 * 86_400_000;

/// A stretch of a profile in which a meter has rows that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Logical name of the profile.
    pub profile: String,
    /// First moment in which the rows may lie: UTC in milliseconds.
    pub from_utc_ms: i64,
    /// Last moment in which they may lie.
    pub to_utc_ms: i64,
    /// Rows that the meter has there, those included that could be read. The gap is closed when as many are kept.
    pub rows: u32,
    /// What was wrong, for people.
    pub why: String,
}

impl Store {
    /// The gaps in a meter's profiles that are still open and not older than [`GAP_WINDOW_MS`], oldest first.
    pub fn open_gaps(&self, meter: MeterId, now_utc_ms: i64) -> Result<Vec<Gap>, StoreError> {
        open(&self.connection, meter, now_utc_ms)
    }
}

/// What to tell people of rows that are missing: the first few by time, the rest by number.
pub(super) fn tell(gaps: &[Gap]) -> Option<String> {
    const NAMED: usize = 3;
    let first = gaps.first()?;
    let place = |gap: &Gap| match gap.from_utc_ms == gap.to_utc_ms {
        true => format!("at {}", rfc3339_utc(gap.from_utc_ms)),
        false => format!("between {} and {}", rfc3339_utc(gap.from_utc_ms), rfc3339_utc(gap.to_utc_ms)),
    };
    let named: Vec<_> = gaps.iter().take(NAMED).map(|gap| format!("{} {}", gap.why, place(gap))).collect();
    let more = match gaps.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    Some(format!("{}: {}{more}; not kept, asked for again", first.profile, named.join(", ")))
}

pub(super) fn open(connection: &Connection, meter: MeterId, now_utc_ms: i64) -> Result<Vec<Gap>, StoreError> {
    // What lies ahead belongs to a run with another date.
    let mut query = connection.prepare_cached(
        "SELECT profile, from_utc_ms, to_utc_ms, rows, why FROM profile_gap AS gap
         WHERE meter_id = ?1 AND to_utc_ms >= ?2 AND from_utc_ms <= ?3 AND rows >
            (SELECT count(DISTINCT utc_ms) FROM reading WHERE reading.meter_id = gap.meter_id
             AND reading.profile = gap.profile AND utc_ms BETWEEN gap.from_utc_ms AND gap.to_utc_ms)
         ORDER BY from_utc_ms",
    )?;
    let gaps =
        query.query_map(params![meter.0, now_utc_ms.saturating_sub(GAP_WINDOW_MS), now_utc_ms], |row| {
            Ok(Gap {
                profile: row.get(0)?,
                from_utc_ms: row.get(1)?,
                to_utc_ms: row.get(2)?,
                rows: row.get(3)?,
                why: row.get(4)?,
            })
        })?;
    Ok(gaps.collect::<Result<_, _>>()?)
}

/// Remembers a gap. Of two with the same beginning the later word counts, but a meter that shows fewer rows in the same
/// stretch does not make the others good.
pub(super) fn remember(connection: &Connection, meter: MeterId, gap: &Gap) -> Result<(), StoreError> {
    let known: Option<(i64, u32)> = connection
        .prepare_cached(
            "SELECT to_utc_ms, rows FROM profile_gap WHERE meter_id = ?1 AND profile = ?2 AND from_utc_ms = ?3",
        )?
        .query_row(params![meter.0, gap.profile, gap.from_utc_ms], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let rows = match known {
        Some((to_utc_ms, rows)) if gap.to_utc_ms >= to_utc_ms => rows.max(gap.rows),
        _ => gap.rows,
    };
    connection
        .prepare_cached(
            "INSERT INTO profile_gap VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (meter_id, profile, from_utc_ms) DO UPDATE SET to_utc_ms = ?4, rows = ?5, why = ?6",
        )?
        .execute(params![meter.0, gap.profile, gap.from_utc_ms, gap.to_utc_ms, rows, gap.why])?;
    Ok(())
}

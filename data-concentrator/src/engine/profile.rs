//! Rows of a load profile, out of a meter's answer: each is kept as a whole or not at all.
//!
//! A row that cannot be read costs nothing behind it: the good rows around it are kept, and the stretch in which it must
//! lie is remembered as a [`Gap`], which is asked for again. A row can be told from its neighbours only by its time, so
//! where that cannot be read the stretch reaches from the good row before to the good row behind.

use super::plan::{LOAD_PROFILE, meter_time};
use crate::reading::{MeterTime, Quality, Reading};
use crate::store::{Gap, ObjectFacts};
use cosem::classes::{CLOCK, DATA};
use cosem::{ClockStatus, Data, Obis};

/// Logical name of the flags of a load profile's row.
const PROFILE_STATUS: Obis = Obis::new(0, 0, 96, 10, 1, 255);

/// Unit code of a number without a unit.
const NO_UNIT: u8 = 255;

/// Flags of a load profile's row (AMR profile status): a serious fault such as a failing store.
const STATUS_CRITICAL_ERROR: i64 = 0x01;
/// The clock may be wrong.
const STATUS_CLOCK_INVALID: i64 = 0x02;
/// The value is not to be used for billing.
const STATUS_NOT_VALID: i64 = 0x04;
/// The clock was set during the period.
const STATUS_CLOCK_ADJUSTED: i64 = 0x20;
/// The meter was without power during the period.
const STATUS_POWER_DOWN: i64 = 0x80;

/// Rows lie on whole seconds.
const SECOND_MS: i64 = 1000;

/// A column of the load profile.
#[derive(Clone, Copy, Debug)]
struct Column {
    class: u16,
    object: Obis,
    /// Scaler and unit.
    scale: (i8, u8),
}

/// What is needed to read rows.
#[derive(Debug)]
pub(super) struct RowReader {
    columns: Vec<Column>,
    capture_period_s: u32,
    offset_minutes: i16,
    late_before_utc_ms: Option<i64>,
}

/// A row that cannot be used.
#[derive(Debug)]
struct Flawed {
    /// UTC in milliseconds, where at least that can be read.
    utc_ms: Option<i64>,
    why: String,
}

/// A row that can.
#[derive(Debug)]
struct Whole {
    time: MeterTime,
    quality: Quality,
    values: Vec<(Column, i64)>,
}

/// What Null stands for (digest 1.6): the value of the row before, for the clock one period later.
#[derive(Debug)]
struct Before {
    time: Option<MeterTime>,
    values: Vec<Option<i64>>,
}

impl RowReader {
    /// Reads rows with the columns in `facts`; those captured up to `late_before_utc_ms` are late.
    ///
    /// # Errors
    /// What is not known of the columns, for people: no row can be kept without it.
    pub(super) fn new(
        facts: &ObjectFacts,
        offset_minutes: i16,
        late_before_utc_ms: Option<i64>,
    ) -> Result<Self, String> {
        let columns = scaled_columns(facts)?;
        Ok(Self { columns, capture_period_s: facts.capture_period_s, offset_minutes, late_before_utc_ms })
    }

    /// The values of the rows that can be read, and the stretches between `from_utc_ms` and `to_utc_ms` in which the
    /// others lie.
    pub(super) fn read<'a>(
        &self,
        rows: impl IntoIterator<Item = Data<'a>>,
        (from_utc_ms, to_utc_ms): (i64, i64),
    ) -> (Vec<Reading>, Vec<Gap>) {
        let mut before = self.nothing_before();
        let (mut readings, mut told) = (Vec::new(), Vec::new());
        for row in rows {
            told.push(self.row(&row, &mut before).map(|row| {
                let utc_ms = row.time.utc_ms;
                readings.extend(row.readings());
                utc_ms
            }));
        }
        (readings, gaps(&told, from_utc_ms, to_utc_ms))
    }

    fn nothing_before(&self) -> Before {
        Before { time: None, values: vec![None; self.columns.len()] }
    }

    fn row(&self, row: &Data<'_>, before: &mut Before) -> Result<Whole, Flawed> {
        let cells: Vec<_> = row.elements().into_iter().flatten().collect();
        if cells.len() != self.columns.len() {
            *before = self.nothing_before();
            let (got, wanted) = (cells.len(), self.columns.len());
            return Err(Flawed { utc_ms: None, why: format!("a row of {got} cells in {wanted} columns") });
        }
        let (mut time, mut quality) = (None, Quality::Valid);
        let (mut values, mut unreadable) = (Vec::with_capacity(cells.len()), Vec::new());
        for ((column, cell), value_before) in self.columns.iter().zip(cells).zip(&mut before.values) {
            if column.class == CLOCK {
                time = if cell == Data::Null {
                    quality = quality.worse(Quality::TimeEstimated);
                    before.time.as_ref().and_then(|time| next_time(time, self.capture_period_s))
                } else {
                    cell.as_date_time().and_then(|shown| meter_time(shown, self.offset_minutes))
                };
                continue;
            }
            let value = if cell == Data::Null { *value_before } else { cell.as_i64() };
            *value_before = value;
            match value {
                Some(raw) => values.push((*column, raw)),
                None => unreadable.push(column.object.to_string()),
            }
            if column.class == DATA && column.object == PROFILE_STATUS {
                quality = quality.worse(value.map_or(Quality::Valid, row_quality));
            }
        }
        before.time.clone_from(&time);
        let Some(time) = time else {
            return Err(Flawed { utc_ms: None, why: "a row without a time".to_owned() });
        };
        if !unreadable.is_empty() {
            let why = format!("a row without a number for {}", unreadable.join(", "));
            return Err(Flawed { utc_ms: Some(time.utc_ms), why });
        }
        quality = quality.worse(clock_quality(time.clock_status));
        if self.late_before_utc_ms.is_some_and(|due| time.utc_ms <= due) {
            quality = quality.worse(Quality::Late);
        }
        Ok(Whole { time, quality, values })
    }
}

impl Whole {
    fn readings(self) -> impl Iterator<Item = Reading> {
        let Self { time, quality, values } = self;
        values.into_iter().map(move |(Column { object, scale: (scaler, unit), .. }, raw)| Reading {
            object: object.to_string(),
            profile: Some(LOAD_PROFILE.to_string()),
            raw,
            scaler,
            unit,
            time: time.clone(),
            quality,
        })
    }
}

/// Where the rows lie that cannot be used, with what is told of each row: its time, or its flaw.
fn gaps(told: &[Result<i64, Flawed>], from_utc_ms: i64, to_utc_ms: i64) -> Vec<Gap> {
    let gap = |from_utc_ms: i64, to_utc_ms: i64, flawed: usize, why: &str| {
        // A clock that was set back makes the neighbours change places.
        let (from_utc_ms, to_utc_ms) = (from_utc_ms.min(to_utc_ms), from_utc_ms.max(to_utc_ms));
        let good = told.iter().flatten().filter(|&time| (from_utc_ms..=to_utc_ms).contains(time)).count();
        let rows = u32::try_from(good + flawed).unwrap_or(u32::MAX);
        Gap { profile: LOAD_PROFILE.to_string(), from_utc_ms, to_utc_ms, rows, why: why.to_owned() }
    };
    let mut gaps = Vec::new();
    let mut behind = from_utc_ms;
    let mut timeless: Option<(usize, &str)> = None;
    for row in told {
        let known = match row {
            Ok(utc_ms) | Err(Flawed { utc_ms: Some(utc_ms), .. }) => *utc_ms,
            Err(Flawed { utc_ms: None, why }) => {
                timeless.get_or_insert((0, why)).0 += 1;
                continue;
            }
        };
        if let Some((rows, why)) = timeless.take() {
            gaps.push(gap(behind, known - SECOND_MS, rows, why));
        }
        if let Err(flawed) = row {
            gaps.push(gap(known, known, 1, &flawed.why));
        }
        behind = known + SECOND_MS;
    }
    if let Some((rows, why)) = timeless {
        gaps.push(gap(behind, to_utc_ms, rows, why));
    }
    gaps
}

/// Columns of registers whose scaler and unit are not known. Neither clock nor plain data have one.
pub(super) fn unscaled_columns(facts: &ObjectFacts) -> impl Iterator<Item = (u16, Obis)> {
    let unscaled = |(class, name, _): &(u16, String, i8)| {
        let scaled = *class == CLOCK || *class == DATA || facts.scaler_units.contains_key(name);
        if scaled { None } else { Some((*class, name.parse().ok()?)) }
    };
    facts.profile_columns.iter().filter_map(unscaled)
}

/// The columns, each with its scaler and unit.
fn scaled_columns(facts: &ObjectFacts) -> Result<Vec<Column>, String> {
    if facts.profile_columns.is_empty() {
        return Err("columns unknown, rows not kept".to_owned());
    }
    let unscaled: Vec<_> = unscaled_columns(facts).map(|(_, object)| object.to_string()).collect();
    if !unscaled.is_empty() {
        return Err(format!("scaler and unit of {} unknown, rows not kept", unscaled.join(", ")));
    }
    let column = |(class, name, _): &(u16, String, i8)| {
        let scale = facts.scaler_units.get(name).copied().unwrap_or((0, NO_UNIT));
        let object = name.parse().map_err(|_| format!("column `{name}` is no object, rows not kept"))?;
        Ok(Column { class: *class, object, scale })
    };
    facts.profile_columns.iter().map(column).collect()
}

fn next_time(before: &MeterTime, period_s: u32) -> Option<MeterTime> {
    if period_s == 0 {
        return None;
    }
    let utc_ms = before.utc_ms + i64::from(period_s) * SECOND_MS;
    Some(MeterTime { utc_ms, raw: Vec::new(), ..before.clone() })
}

pub(super) const fn clock_quality(status: u8) -> Quality {
    if status & ClockStatus::INVALID != 0 {
        Quality::ClockInvalid
    } else if status & ClockStatus::DOUBTFUL != 0 {
        Quality::ClockDoubtful
    } else {
        Quality::Valid
    }
}

const fn row_quality(status: i64) -> Quality {
    if status & STATUS_CRITICAL_ERROR != 0 {
        Quality::MeterFault
    } else if status & STATUS_CLOCK_INVALID != 0 {
        Quality::ClockInvalid
    } else if status & (STATUS_POWER_DOWN | STATUS_CLOCK_ADJUSTED | STATUS_NOT_VALID) != 0 {
        Quality::Incomplete
    } else {
        Quality::Valid
    }
}

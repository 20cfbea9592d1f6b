//! What is read from a meter, and how its answer becomes readings.
//!
//! One GET with list asks for everything: the clock first, so that the registers behind it were true at that time,
//! then the registers, what is not known yet of the objects, and the rows of the load profile since the last one.

use crate::calendar::utc_from_local;
use crate::reading::{CLOCK_TOLERANCE_S, MeterTime, Quality, Reading};
use crate::store::ObjectFacts;
use cosem::classes::{CLOCK, DATA, PROFILE_GENERIC, REGISTER};
use cosem::client::results;
use cosem::xdlms::ApduError;
use cosem::{ClockStatus, Data, DateTime, Obis, Query, Selection};
use std::collections::BTreeMap;
use thiserror::Error;

/// Logical name of the clock.
const CLOCK_NAME: Obis = Obis::new(0, 0, 1, 0, 0, 255);
/// Logical name of the load profile.
pub const LOAD_PROFILE: Obis = Obis::new(1, 0, 99, 1, 0, 255);
/// Logical name of the flags of a load profile's row.
const PROFILE_STATUS: Obis = Obis::new(0, 0, 96, 10, 1, 255);

/// Registers that are read: energy first, then what the meter measures at the moment.
pub const REGISTERS: [Obis; 6] = [
    Obis::new(1, 0, 1, 8, 0, 255),
    Obis::new(1, 0, 2, 8, 0, 255),
    Obis::new(1, 0, 36, 7, 0, 255),
    Obis::new(1, 0, 32, 7, 0, 255),
    Obis::new(1, 0, 31, 7, 0, 255),
    Obis::new(1, 0, 14, 7, 0, 255),
];

/// Unit code of a number without a unit.
const NO_UNIT: u8 = 255;

/// Flags of a load profile's row (AMR profile status): the clock may be wrong.
const STATUS_CLOCK_INVALID: i64 = 0x02;
/// The value is not to be used for billing.
const STATUS_NOT_VALID: i64 = 0x04;
/// The clock was set during the period.
const STATUS_CLOCK_ADJUSTED: i64 = 0x20;
/// The meter was without power during the period.
const STATUS_POWER_DOWN: i64 = 0x80;

/// What to ask, and what is needed to understand the answer.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is known of the meter's objects; asked for where it is `None`.
    pub facts: Option<ObjectFacts>,
    /// Rows of the load profile from here on are wanted: UTC in milliseconds.
    pub profile_from_utc_ms: i64,
    /// What the meter's clock should show: UTC in milliseconds.
    pub now_utc_ms: i64,
    /// What local time adds to UTC, in minutes.
    pub offset_minutes: i16,
    /// Rows captured before this are late: UTC in milliseconds.
    pub late_before_utc_ms: Option<i64>,
}

/// What a meter said.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The readings.
    pub readings: Vec<Reading>,
    /// What is known of the meter's objects now.
    pub facts: ObjectFacts,
    /// What was asked for and is not there, and why.
    pub missing: Vec<String>,
}

/// Why an answer cannot be used.
#[derive(Debug, Error)]
pub enum AnswerError {
    /// The octets are no list of results.
    #[error(transparent)]
    Apdu(#[from] ApduError),
    /// The object that tells the invocation counter holds no such number.
    #[error("the meter's invocation counter 0.0.43.1.0.255 is no 32-bit number")]
    Counter,
    /// The meter claims to have seen so high an invocation counter that it is not believed.
    #[error(
        "the meter says it has seen invocation counter {meter}, ours is {ours}; that far a jump is not believed: give the meter new keys"
    )]
    CounterTooFar {
        /// The number used last.
        ours: u32,
        /// The meter's.
        meter: u32,
    },
    /// The list is shorter than the request.
    #[error("the meter answered {got} of {wanted} attributes")]
    TooFew {
        /// Results there are.
        got: usize,
        /// Attributes asked for.
        wanted: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Item {
    Clock,
    Value(Obis),
    ScalerUnit(u16, Obis),
    Columns,
    Period,
    Rows,
}

/// A column of the load profile.
#[derive(Clone, Copy, Debug)]
struct Column {
    class: u16,
    object: Obis,
    /// Scaler and unit.
    scale: (i8, u8),
}

impl Plan {
    /// The attributes to ask for, in order.
    pub fn queries(&self) -> Vec<Query> {
        self.items().map(|item| self.query(item)).collect()
    }

    /// What came back for [`Plan::queries`].
    pub fn understand(&self, collected: &[u8]) -> Result<Answer, AnswerError> {
        let items: Vec<_> = self.items().collect();
        let results = results(collected)?.collect::<Result<Vec<_>, _>>()?;
        if results.len() != items.len() {
            return Err(AnswerError::TooFew { got: results.len(), wanted: items.len() });
        }
        let mut time = self.own_time();
        let mut clock_quality = Quality::ClockInvalid;
        let (mut values, mut missing) = (Vec::new(), Vec::new());
        let mut facts = self.facts.clone().unwrap_or_default();
        let mut rows = None;
        for (item, result) in items.into_iter().zip(results) {
            let data = match result {
                Ok(data) => data,
                Err(error) => {
                    missing.push(format!("{}: {error}", self.query(item).attribute.name));
                    continue;
                }
            };
            match item {
                Item::Clock => match data.as_date_time() {
                    Some(shown) => (time, clock_quality) = self.judge(shown),
                    None => missing.push(format!("{CLOCK_NAME}: not a date-time")),
                },
                Item::Value(object) => match data.as_i64() {
                    Some(raw) => values.push((object, raw)),
                    None => missing.push(format!("{object}: not a number")),
                },
                Item::ScalerUnit(_, object) => match scaler_unit(&data) {
                    Some(known) => drop(facts.scaler_units.insert(object.to_string(), known)),
                    None => missing.push(format!("{object}: not a scaler and unit")),
                },
                Item::Columns => facts.profile_columns = columns(&data),
                Item::Period => {
                    facts.capture_period_s = data.as_i64().and_then(|s| s.try_into().ok()).unwrap_or(0);
                    if facts.capture_period_s == 0 {
                        missing.push(format!("{LOAD_PROFILE}: no capture period"));
                    }
                }
                Item::Rows => rows = Some(data),
            }
        }
        let mut readings = Vec::new();
        for (object, raw) in values {
            match facts.scaler_units.get(&object.to_string()) {
                Some(&scale) => readings.push(reading(object, None, raw, scale, &time, clock_quality)),
                // It could be watt-hours or megawatt-hours, and what is stored once is not scaled later.
                None => missing.push(format!("{object}: scaler and unit unknown, not kept: {raw}")),
            }
        }
        if let Some(rows) = rows {
            self.profile(&facts, &rows, &mut readings, &mut missing);
        }
        Ok(Answer { readings, facts, missing })
    }

    /// Whether `facts` answer everything that does not change, so that it need not be asked again.
    pub fn complete(facts: &ObjectFacts) -> bool {
        let known = |object: Obis| facts.scaler_units.contains_key(&object.to_string());
        REGISTERS.into_iter().all(known) && !facts.profile_columns.is_empty() && facts.capture_period_s > 0
    }

    fn items(&self) -> impl Iterator<Item = Item> {
        let unknown = self.facts.is_none();
        let scaler_units = REGISTERS.into_iter().map(|object| Item::ScalerUnit(REGISTER, object));
        let columns = self.facts.iter().flat_map(unscaled_columns);
        let facts = scaler_units.chain([Item::Columns, Item::Period]).filter(move |_| unknown);
        std::iter::once(Item::Clock)
            .chain(REGISTERS.into_iter().map(Item::Value))
            .chain(facts)
            .chain(columns.map(|(class, object)| Item::ScalerUnit(class, object)))
            .chain([Item::Rows])
    }

    fn query(&self, item: Item) -> Query {
        match item {
            Item::Clock => Query::new(CLOCK, CLOCK_NAME, 2),
            Item::Value(object) => Query::new(REGISTER, object, 2),
            Item::ScalerUnit(class, object) => Query::new(class, object, 3),
            Item::Columns => Query::new(PROFILE_GENERIC, LOAD_PROFILE, 3),
            Item::Period => Query::new(PROFILE_GENERIC, LOAD_PROFILE, 4),
            Item::Rows => Query::new(PROFILE_GENERIC, LOAD_PROFILE, 2).selecting(Selection::Range {
                from: self.date_time(self.profile_from_utc_ms),
                to: self.date_time(self.now_utc_ms + PROFILE_AHEAD_MS),
            }),
        }
    }

    fn date_time(&self, utc_ms: i64) -> DateTime {
        DateTime::from_unix(utc_ms.div_euclid(1000), -self.offset_minutes, false)
    }

    /// The concentrator's own time, where the meter's is of no use.
    fn own_time(&self) -> MeterTime {
        MeterTime {
            utc_ms: self.now_utc_ms,
            offset_minutes: self.offset_minutes,
            clock_status: ClockStatus::INVALID,
            raw: Vec::new(),
        }
    }

    /// What a time that the meter showed just now is worth.
    fn judge(&self, shown: DateTime) -> (MeterTime, Quality) {
        match meter_time(shown, self.offset_minutes) {
            None => (MeterTime { raw: shown.to_bytes().to_vec(), ..self.own_time() }, Quality::ClockInvalid),
            Some(time) => {
                let off_ms = time.utc_ms.saturating_sub(self.now_utc_ms).saturating_abs();
                let deviates = off_ms > CLOCK_TOLERANCE_S * 1000;
                let quality = if deviates { Quality::ClockDeviates } else { Quality::Valid };
                let quality = quality.worse(clock_quality(time.clock_status));
                (time, quality)
            }
        }
    }

    /// Rows of the load profile, each value a reading. Null means "as in the row before", for the clock one period
    /// later (digest 1.6).
    fn profile(
        &self,
        facts: &ObjectFacts,
        rows: &Data<'_>,
        readings: &mut Vec<Reading>,
        missing: &mut Vec<String>,
    ) {
        let Some(rows) = rows.elements() else {
            missing.push(format!("{LOAD_PROFILE}: not an array"));
            return;
        };
        let Some(columns) = scaled_columns(facts, missing) else { return };
        let mut time_before: Option<MeterTime> = None;
        let mut values_before: BTreeMap<Obis, i64> = BTreeMap::new();
        for row in rows {
            let Some(cells) = row.elements() else {
                missing.push(format!("{LOAD_PROFILE}: a row is no structure"));
                continue;
            };
            let mut time = None;
            let mut quality = Quality::Valid;
            let mut values = Vec::new();
            for (&Column { class, object, scale }, cell) in columns.iter().zip(cells) {
                if class == CLOCK {
                    let told = cell.as_date_time().and_then(|shown| meter_time(shown, self.offset_minutes));
                    time = told.or_else(|| {
                        quality = quality.worse(Quality::TimeEstimated);
                        next_time(time_before.as_ref()?, facts.capture_period_s)
                    });
                    continue;
                }
                let before = values_before.get(&object).copied();
                let Some(raw) = cell.as_i64().or(before.filter(|_| cell == Data::Null)) else { continue };
                values_before.insert(object, raw);
                if class == DATA && object == PROFILE_STATUS {
                    quality = quality.worse(row_quality(raw));
                }
                values.push((object, raw, scale));
            }
            let Some(time) = time else {
                missing.push(format!("{LOAD_PROFILE}: a row without a time"));
                continue;
            };
            quality = quality.worse(clock_quality(time.clock_status));
            if self.late_before_utc_ms.is_some_and(|due| time.utc_ms <= due) {
                quality = quality.worse(Quality::Late);
            }
            let row = values
                .into_iter()
                .map(|(object, raw, scale)| reading(object, Some(LOAD_PROFILE), raw, scale, &time, quality));
            readings.extend(row);
            time_before = Some(time);
        }
    }
}

fn reading(
    object: Obis,
    profile: Option<Obis>,
    raw: i64,
    (scaler, unit): (i8, u8),
    time: &MeterTime,
    quality: Quality,
) -> Reading {
    let profile = profile.map(|name| name.to_string());
    Reading { object: object.to_string(), profile, raw, scaler, unit, time: time.clone(), quality }
}

/// How far beyond the concentrator's own time rows are asked for: meters' clocks run ahead.
const PROFILE_AHEAD_MS: i64 = 24 * 3_600_000;

fn meter_time(shown: DateTime, default_offset_minutes: i16) -> Option<MeterTime> {
    let offset_minutes = match shown.deviation_min {
        DateTime::UNSPECIFIED_DEVIATION => default_offset_minutes,
        deviation => deviation.checked_neg()?,
    };
    let year = i16::try_from(shown.year).ok()?;
    let [month, day, hour, minute] =
        [shown.month, shown.day, shown.hour, shown.minute].map(|field| i8::try_from(field).unwrap_or(-1));
    // Seconds and hundredths may be left out.
    let second = if shown.second == 0xFF { 0 } else { i8::try_from(shown.second).ok()? };
    let milliseconds = if shown.hundredths > 99 { 0 } else { i32::from(shown.hundredths) * 10 };
    let utc_ms = utc_from_local((year, month, day), (hour, minute, second), milliseconds, offset_minutes)?;
    let clock_status = if shown.status == ClockStatus::UNSPECIFIED { 0 } else { shown.status.0 };
    Some(MeterTime { utc_ms, offset_minutes, clock_status, raw: shown.to_bytes().to_vec() })
}

fn next_time(before: &MeterTime, period_s: u32) -> Option<MeterTime> {
    if period_s == 0 {
        return None;
    }
    Some(MeterTime { utc_ms: before.utc_ms + i64::from(period_s) * 1000, raw: Vec::new(), ..before.clone() })
}

const fn clock_quality(status: u8) -> Quality {
    if status & ClockStatus::INVALID != 0 {
        Quality::ClockInvalid
    } else if status & ClockStatus::DOUBTFUL != 0 {
        Quality::ClockDoubtful
    } else {
        Quality::Valid
    }
}

const fn row_quality(status: i64) -> Quality {
    if status & STATUS_CLOCK_INVALID != 0 {
        Quality::ClockInvalid
    } else if status & (STATUS_POWER_DOWN | STATUS_CLOCK_ADJUSTED | STATUS_NOT_VALID) != 0 {
        Quality::Incomplete
    } else {
        Quality::Valid
    }
}

/// Columns of registers whose scaler and unit are not known. Neither clock nor plain data have one.
fn unscaled_columns(facts: &ObjectFacts) -> impl Iterator<Item = (u16, Obis)> {
    let unscaled = |(class, name, _): &(u16, String, i8)| {
        let scaled = *class == CLOCK || *class == DATA || facts.scaler_units.contains_key(name);
        if scaled { None } else { Some((*class, name.parse().ok()?)) }
    };
    facts.profile_columns.iter().filter_map(unscaled)
}

/// The columns, each with its scaler and unit. `None` where one is not known: a row is kept as a whole or not at all,
/// so that it is asked for again.
fn scaled_columns(facts: &ObjectFacts, missing: &mut Vec<String>) -> Option<Vec<Column>> {
    if facts.profile_columns.is_empty() {
        missing.push(format!("{LOAD_PROFILE}: columns unknown, rows not kept"));
        return None;
    }
    let unscaled: Vec<_> = unscaled_columns(facts).map(|(_, object)| object.to_string()).collect();
    if !unscaled.is_empty() {
        let unscaled = unscaled.join(", ");
        missing.push(format!("{LOAD_PROFILE}: scaler and unit of {unscaled} unknown, rows not kept"));
        return None;
    }
    let column = |(class, name, _): &(u16, String, i8)| {
        let scale = facts.scaler_units.get(name).copied().unwrap_or((0, NO_UNIT));
        Some(Column { class: *class, object: name.parse().ok()?, scale })
    };
    let columns: Option<Vec<_>> = facts.profile_columns.iter().map(column).collect();
    if columns.is_none() {
        missing.push(format!("{LOAD_PROFILE}: a column's logical name is none, rows not kept"));
    }
    columns
}

fn scaler_unit(data: &Data<'_>) -> Option<(i8, u8)> {
    let [scaler, unit] = data.fields()?;
    Some((scaler.as_i64()?.try_into().ok()?, unit.as_i64()?.try_into().ok()?))
}

fn columns(data: &Data<'_>) -> Vec<(u16, String, i8)> {
    let column = |data: Data<'_>| {
        let [class, name, attribute] = data.fields()?;
        Some((
            class.as_i64()?.try_into().ok()?,
            name.as_obis()?.to_string(),
            attribute.as_i64()?.try_into().ok()?,
        ))
    };
    // One that cannot be read would shift all behind it.
    data.elements().into_iter().flatten().map(column).collect::<Option<_>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::MIDNIGHT_UTC_MS;

    const ENERGY: Obis = REGISTERS[0];
    const REFUSED: [u8; 2] = [1, 3];

    fn plan() -> Plan {
        Plan {
            facts: None,
            profile_from_utc_ms: MIDNIGHT_UTC_MS,
            now_utc_ms: MIDNIGHT_UTC_MS + 900_000,
            offset_minutes: 60,
            late_before_utc_ms: None,
        }
    }

    /// A meter's answer to [`plan`], with something else in place of what `other` gives.
    fn understood(other: impl Fn(Item) -> Option<Vec<u8>>) -> Answer {
        let plan = plan();
        let clock = [&[9, 12], plan.date_time(MIDNIGHT_UTC_MS).to_bytes().as_slice()].concat();
        let column = |class: u8, object: Obis| {
            [&[2, 4, 0x12, 0, class, 9, 6], object.0.as_slice(), &[0x0F, 2, 0x12, 0, 0]].concat()
        };
        let told = |item| match item {
            Item::Clock => clock.clone(),
            Item::Value(_) => vec![6, 0, 0, 0, 77],
            Item::ScalerUnit(..) => vec![2, 2, 0x0F, 0, 0x16, 30],
            Item::Columns => [vec![1, 2], column(8, CLOCK_NAME), column(3, ENERGY)].concat(),
            Item::Period => vec![6, 0, 0, 3, 0x84],
            Item::Rows => [&[1, 1, 2, 2], clock.as_slice(), &[6, 0, 0, 0, 77]].concat(),
        };
        let result = |item| other(item).unwrap_or_else(|| [vec![0], told(item)].concat());
        let count = u8::try_from(plan.items().count()).unwrap();
        let octets = std::iter::once(count).chain(plan.items().flat_map(result)).collect::<Vec<_>>();
        plan.understand(&octets).unwrap()
    }

    fn of_energy(answer: &Answer) -> usize {
        answer.readings.iter().filter(|reading| reading.object == ENERGY.to_string()).count()
    }

    #[test]
    fn a_whole_answer_misses_nothing() {
        let answer = understood(|_| None);
        assert_eq!(answer.missing, [""; 0]);
        assert_eq!((answer.readings.len(), of_energy(&answer)), (7, 2));
        assert!(Plan::complete(&answer.facts));
    }

    #[test]
    fn a_value_whose_scaler_is_unknown_is_told_and_not_kept() {
        for scaler in [REFUSED.to_vec(), vec![0, 6, 0, 0, 0, 1]] {
            let asked = Item::ScalerUnit(REGISTER, ENERGY);
            let answer = understood(|item| (item == asked).then(|| scaler.clone()));
            assert_eq!((answer.readings.len(), of_energy(&answer)), (5, 0));
            assert_eq!(answer.missing.len(), 3, "scaler, register, profile: {:?}", answer.missing);
            assert!(answer.missing[1].contains("77"), "{:?}", answer.missing);
            assert!(!Plan::complete(&answer.facts), "it is asked for again");
        }
    }

    #[test]
    fn without_columns_or_period_the_answer_is_not_whole() {
        for (asked, told, readings) in [
            (Item::Columns, vec![0, 1, 0], 6),
            (Item::Columns, REFUSED.to_vec(), 6),
            (Item::Period, vec![0, 6, 0, 0, 0, 0], 7),
            (Item::Clock, vec![0, 0], 7),
            (Item::Rows, REFUSED.to_vec(), 6),
        ] {
            let answer = understood(|item| (item == asked).then(|| told.clone()));
            assert!(!answer.missing.is_empty(), "{asked:?}");
            assert_eq!(answer.readings.len(), readings, "{asked:?}");
        }
    }

    #[test]
    fn scalers_of_columns_are_asked_for_until_they_are_known() {
        let mut facts = understood(|_| None).facts;
        let asked = |facts: &ObjectFacts| Plan { facts: Some(facts.clone()), ..plan() }.items().count();
        let before = asked(&facts);
        facts.profile_columns.push((REGISTER, "1.0.3.8.0.255".into(), 2));
        assert_eq!(asked(&facts), before + 1);
    }
}

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
    /// Objects that the meter would not read, and why.
    pub missing: Vec<String>,
    /// Whether the load profile was read.
    pub profile: bool,
}

/// Why an answer cannot be used.
#[derive(Debug, Error)]
pub enum AnswerError {
    /// The octets are no list of results.
    #[error(transparent)]
    Apdu(#[from] ApduError),
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
    ScalerUnit(Obis),
    Columns,
    Period,
    Rows,
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
                Item::Clock => {
                    if let Some(shown) = data.as_date_time() {
                        (time, clock_quality) = self.judge(shown);
                    }
                }
                Item::Value(object) => match data.as_i64() {
                    Some(raw) => values.push((object, raw)),
                    None => missing.push(format!("{object}: not a number")),
                },
                Item::ScalerUnit(object) => {
                    facts.scaler_units.extend(scaler_unit(&data).map(|known| (object.to_string(), known)));
                }
                Item::Columns => facts.profile_columns = columns(&data),
                Item::Period => {
                    facts.capture_period_s = data.as_i64().and_then(|s| s.try_into().ok()).unwrap_or(0);
                }
                Item::Rows => rows = Some(data),
            }
        }
        let reading =
            |(object, raw): (Obis, i64)| self.reading(&facts, object, None, raw, &time, clock_quality);
        let mut readings: Vec<_> = values.into_iter().map(reading).collect();
        let profile = rows.is_some();
        if let Some(rows) = rows {
            self.profile(&facts, &rows, &mut readings, &mut missing);
        }
        Ok(Answer { readings, facts, missing, profile })
    }

    /// Whether `facts` answer everything that does not change, so that it need not be asked again.
    pub fn complete(facts: &ObjectFacts) -> bool {
        let known = |object: Obis| facts.scaler_units.contains_key(&object.to_string());
        REGISTERS.into_iter().all(known) && !facts.profile_columns.is_empty() && facts.capture_period_s > 0
    }

    fn items(&self) -> impl Iterator<Item = Item> {
        let unknown = self.facts.is_none();
        let scaler_units = REGISTERS.into_iter().map(Item::ScalerUnit);
        let facts = scaler_units.chain([Item::Columns, Item::Period]).filter(move |_| unknown);
        std::iter::once(Item::Clock)
            .chain(REGISTERS.into_iter().map(Item::Value))
            .chain(facts)
            .chain([Item::Rows])
    }

    fn query(&self, item: Item) -> Query {
        match item {
            Item::Clock => Query::new(CLOCK, CLOCK_NAME, 2),
            Item::Value(object) => Query::new(REGISTER, object, 2),
            Item::ScalerUnit(object) => Query::new(REGISTER, object, 3),
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

    fn reading(
        &self,
        facts: &ObjectFacts,
        object: Obis,
        profile: Option<Obis>,
        raw: i64,
        time: &MeterTime,
        quality: Quality,
    ) -> Reading {
        let object = object.to_string();
        let (scaler, unit) = facts.scaler_units.get(&object).copied().unwrap_or((0, NO_UNIT));
        let profile = profile.map(|name| name.to_string());
        Reading { object, profile, raw, scaler, unit, time: time.clone(), quality }
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
            for ((class, name, _), cell) in facts.profile_columns.iter().zip(cells) {
                let Ok(object) = name.parse::<Obis>() else { continue };
                if *class == CLOCK {
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
                if *class == DATA && object == PROFILE_STATUS {
                    quality = quality.worse(row_quality(raw));
                }
                values.push((object, raw));
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
                .map(|(object, raw)| self.reading(facts, object, Some(LOAD_PROFILE), raw, &time, quality));
            readings.extend(row);
            time_before = Some(time);
        }
    }
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

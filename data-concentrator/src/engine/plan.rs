//! What is read from a meter, and how its answer becomes readings.
//!
//! One GET with list asks for everything: the clock first, so that the registers behind it were true at that time,
//! then the registers, what is not known yet of the objects, and the rows of the load profile since the last one.

use super::profile::{RowReader, clock_quality, unscaled_columns};
use crate::calendar::{rfc3339_utc, utc_from_local};
use crate::reading::{CLOCK_TOLERANCE_S, MeterTime, Quality, Reading};
use crate::store::{Gap, ObjectFacts};
use cosem::classes::{CLOCK, PROFILE_GENERIC, REGISTER};
use cosem::client::results;
use cosem::xdlms::ApduError;
use cosem::{ClockStatus, Data, DateTime, Obis, Query, Selection};
use thiserror::Error;

/// Logical name of the clock.
const CLOCK_NAME: Obis = Obis::new(0, 0, 1, 0, 0, 255);
/// Logical name of the load profile.
pub const LOAD_PROFILE: Obis = Obis::new(1, 0, 99, 1, 0, 255);

/// Registers that are read: energy first, then what the meter measures at the moment.
pub const REGISTERS: [Obis; 6] = [
    Obis::new(1, 0, 1, 8, 0, 255),
    Obis::new(1, 0, 2, 8, 0, 255),
    Obis::new(1, 0, 36, 7, 0, 255),
    Obis::new(1, 0, 32, 7, 0, 255),
    Obis::new(1, 0, 31, 7, 0, 255),
    Obis::new(1, 0, 14, 7, 0, 255),
];

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
    /// Stretches before that in which rows are wanted once more: UTC in milliseconds, first and last moment.
    pub gaps: Vec<(i64, i64)>,
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
    /// Where the load profile has rows that cannot be used.
    pub gaps: Vec<Gap>,
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
    /// Rows of the load profile, from one moment to another: UTC in milliseconds.
    Rows(i64, i64),
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
        let (mut rows, mut gaps) = (Vec::new(), Vec::new());
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
                Item::Rows(from_utc_ms, to_utc_ms) => rows.push((data, (from_utc_ms, to_utc_ms))),
            }
        }
        let mut readings = Vec::new();
        for (object, raw) in values {
            match facts.scaler_units.get(&object.to_string()) {
                Some(&scale) => readings.push(reading(object, raw, scale, &time, clock_quality)),
                // It could be watt-hours or megawatt-hours, and what is stored once is not scaled later.
                None => missing.push(format!("{object}: scaler and unit unknown, not kept: {raw}")),
            }
        }
        if !rows.is_empty() {
            match RowReader::new(&facts, self.offset_minutes, self.late_before_utc_ms) {
                Err(why) => missing.push(format!("{LOAD_PROFILE}: {why}")),
                Ok(reader) => {
                    for (data, range) in rows {
                        let Some(elements) = data.elements() else {
                            missing.push(format!("{LOAD_PROFILE}: not an array"));
                            continue;
                        };
                        missing.extend(self.no_rows(elements.iter().next(), range, &time, &facts));
                        // Nobody has captured yet what lies ahead.
                        let until = range.1.min(self.now_utc_ms).max(range.0);
                        let (read, unread) = reader.read(elements, (range.0, until));
                        readings.extend(read);
                        gaps.extend(unread);
                    }
                }
            }
        }
        Ok(Answer { readings, facts, missing, gaps })
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
            .chain(self.gaps.iter().map(|&(from_utc_ms, to_utc_ms)| Item::Rows(from_utc_ms, to_utc_ms)))
            .chain([Item::Rows(self.profile_from_utc_ms, self.now_utc_ms + PROFILE_AHEAD_MS)])
    }

    fn query(&self, item: Item) -> Query {
        match item {
            Item::Clock => Query::new(CLOCK, CLOCK_NAME, 2),
            Item::Value(object) => Query::new(REGISTER, object, 2),
            Item::ScalerUnit(class, object) => Query::new(class, object, 3),
            Item::Columns => Query::new(PROFILE_GENERIC, LOAD_PROFILE, 3),
            Item::Period => Query::new(PROFILE_GENERIC, LOAD_PROFILE, 4),
            Item::Rows(from_utc_ms, to_utc_ms) => {
                Query::new(PROFILE_GENERIC, LOAD_PROFILE, 2).selecting(Selection::Range {
                    from: self.date_time(from_utc_ms),
                    to: self.date_time(to_utc_ms),
                })
            }
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

    /// What to tell people of an answer without a row, though at least one capture period ended in the range asked for
    /// by the meter's own clock. A stretch that is asked for once more speaks for itself.
    fn no_rows(
        &self,
        first: Option<Data<'_>>,
        (from_utc_ms, _): (i64, i64),
        now: &MeterTime,
        facts: &ObjectFacts,
    ) -> Option<String> {
        let period_ms = i64::from(facts.capture_period_s) * 1000;
        let newest = from_utc_ms == self.profile_from_utc_ms;
        let due = period_ms > 0 && now.utc_ms.saturating_sub(from_utc_ms) >= period_ms;
        (first.is_none() && newest && due)
            .then(|| format!("{LOAD_PROFILE}: no row since {}", rfc3339_utc(from_utc_ms)))
    }
}

fn reading(object: Obis, raw: i64, (scaler, unit): (i8, u8), time: &MeterTime, quality: Quality) -> Reading {
    Reading { object: object.to_string(), profile: None, raw, scaler, unit, time: time.clone(), quality }
}

/// How far beyond the concentrator's own time rows are asked for: meters' clocks run ahead.
const PROFILE_AHEAD_MS: i64 = 24 * 3_600_000;

/// The time that a meter shows; `None` where it is no moment of the calendar.
pub(super) fn meter_time(shown: DateTime, default_offset_minutes: i16) -> Option<MeterTime> {
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
            gaps: Vec::new(),
        }
    }

    /// A meter's answer to [`plan`], with something else in place of what `other` gives.
    fn understood(other: impl Fn(Item) -> Option<Vec<u8>>) -> Answer {
        let plan = plan();
        let clock = [&[9, 12], plan.date_time(plan.now_utc_ms).to_bytes().as_slice()].concat();
        let column = |class: u8, object: Obis| {
            [&[2, 4, 0x12, 0, class, 9, 6], object.0.as_slice(), &[0x0F, 2, 0x12, 0, 0]].concat()
        };
        let told = |item| match item {
            Item::Clock => clock.clone(),
            Item::Value(_) => vec![6, 0, 0, 0, 77],
            Item::ScalerUnit(..) => vec![2, 2, 0x0F, 0, 0x16, 30],
            Item::Columns => [vec![1, 2], column(8, CLOCK_NAME), column(3, ENERGY)].concat(),
            Item::Period => vec![6, 0, 0, 3, 0x84],
            Item::Rows(..) => [&[1, 1, 2, 2], clock.as_slice(), &[6, 0, 0, 0, 77]].concat(),
        };
        let result = |item| other(item).unwrap_or_else(|| [vec![0], told(item)].concat());
        let count = u8::try_from(plan.items().count()).unwrap();
        let octets = std::iter::once(count).chain(plan.items().flat_map(result)).collect::<Vec<_>>();
        plan.understand(&octets).unwrap()
    }

    fn rows() -> Item {
        plan().items().last().unwrap()
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
            (rows(), REFUSED.to_vec(), 6),
            (rows(), vec![0, 1, 0], 6),
        ] {
            let answer = understood(|item| (item == asked).then(|| told.clone()));
            assert!(!answer.missing.is_empty(), "{asked:?}");
            assert_eq!(answer.readings.len(), readings, "{asked:?}");
        }
    }

    #[test]
    fn no_row_is_nothing_amiss_before_a_capture_period_has_passed() {
        let clock = |s: i64| {
            [&[0, 9, 12], plan().date_time(MIDNIGHT_UTC_MS + s * 1000).to_bytes().as_slice()].concat()
        };
        let told = |s| {
            understood(|item| match item {
                Item::Clock => Some(clock(s)),
                Item::Rows(..) => Some(vec![0, 1, 0]),
                _ => None,
            })
            .missing
        };
        assert_eq!(told(899), [""; 0], "by the meter's own clock");
        assert_eq!(told(900), ["1.0.99.1.0.255: no row since 2026-01-14T23:00:00.000Z"]);
    }

    #[test]
    fn a_row_of_another_length_is_told_and_not_kept() {
        let clock = [&[9, 12], plan().date_time(MIDNIGHT_UTC_MS).to_bytes().as_slice()].concat();
        let energy = [6, 0, 0, 0, 77];
        for row in [
            vec![2, 0],
            [&[2, 1], clock.as_slice()].concat(),
            [&[2, 3], clock.as_slice(), &energy, &energy].concat(),
            vec![0],
        ] {
            let rows = [&[0, 1, 1], row.as_slice()].concat();
            let answer = understood(|item| matches!(item, Item::Rows(..)).then(|| rows.clone()));
            assert_eq!(of_energy(&answer), 1, "the register alone");
            let [gap] = answer.gaps.as_slice() else { panic!("{:?}", answer.gaps) };
            assert_eq!((gap.from_utc_ms, gap.to_utc_ms, gap.rows), (MIDNIGHT_UTC_MS, plan().now_utc_ms, 1));
            assert!(gap.why.contains("in 2 columns"), "{}", gap.why);
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

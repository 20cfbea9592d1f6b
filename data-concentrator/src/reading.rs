//! What a meter said, as the concentrator keeps it: raw value, scaler, unit, the meter's own time, and how far
//! the value may be trusted.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use utoipa::ToSchema;

/// How far a reading may be trusted. The names are those of the API and the database; of several flaws the last in this
/// list is told.
///
/// - `valid`: nothing speaks against it;
/// - `late`: right, but fetched later than the cycle in which it was due;
/// - `incomplete`: the meter was without power, its clock was set, or it calls the value not valid for billing;
/// - `time-estimated`: the meter left the row's time out, and it was worked out from the row before;
/// - `clock-doubtful`: the meter calls its clock doubtful;
/// - `clock-deviates`: the meter's clock is more than 5 minutes off the concentrator's;
/// - `clock-invalid`: the meter calls its clock invalid; where it sent no time the concentrator's is kept;
/// - `meter-fault`: the meter reports a serious fault of its own, such as a failing memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Quality {
    /// Nothing speaks against it.
    Valid,
    /// The value is right, but it was fetched later than the cycle in which it was due.
    Late,
    /// The meter was without power, or its clock was set, during part of the interval, or it calls the interval's value
    /// not valid for billing.
    Incomplete,
    /// The meter left the value's time out; it was worked out from the interval before.
    TimeEstimated,
    /// The meter calls its own clock doubtful: it was lost and set again.
    ClockDoubtful,
    /// The meter's clock differs from the concentrator's by more than [`CLOCK_TOLERANCE_S`].
    ClockDeviates,
    /// The meter calls its own clock invalid. Where it shows no time at all the concentrator's is kept instead.
    ClockInvalid,
    /// The meter reports a serious fault of its own, such as a failing memory: any part of the reading may be wrong.
    MeterFault,
}

/// How far a meter's clock may be off before its readings say so, in seconds.
pub const CLOCK_TOLERANCE_S: i64 = 300;

impl Quality {
    /// Every code, best first.
    pub const ALL: [Self; 8] = [
        Self::Valid,
        Self::Late,
        Self::Incomplete,
        Self::TimeEstimated,
        Self::ClockDoubtful,
        Self::ClockDeviates,
        Self::ClockInvalid,
        Self::MeterFault,
    ];

    /// The name in the API and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Late => "late",
            Self::Incomplete => "incomplete",
            Self::TimeEstimated => "time-estimated",
            Self::ClockDoubtful => "clock-doubtful",
            Self::ClockDeviates => "clock-deviates",
            Self::ClockInvalid => "clock-invalid",
            Self::MeterFault => "meter-fault",
        }
    }

    /// The worse of two: what is said of a value with two flaws.
    pub fn worse(self, other: Self) -> Self {
        let rank = |quality| Self::ALL.iter().position(|&each| each == quality);
        if rank(self) >= rank(other) { self } else { other }
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no quality code.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no quality code")]
pub struct UnknownQuality(String);

impl FromStr for Quality {
    type Err = UnknownQuality;

    fn from_str(name: &str) -> Result<Self, UnknownQuality> {
        Self::ALL
            .into_iter()
            .find(|quality| quality.name() == name)
            .ok_or_else(|| UnknownQuality(name.to_owned()))
    }
}

/// When a value was true: the meter's own clock, and UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterTime {
    /// UTC in milliseconds since 1970.
    pub utc_ms: i64,
    /// What the meter's local time adds to UTC, in minutes.
    pub offset_minutes: i16,
    /// Clock status octet of the COSEM date-time (digest 1.6): 1 invalid, 2 doubtful, 128 daylight saving.
    pub clock_status: u8,
    /// The COSEM date-time as it came, 12 octets; empty where the meter sent none.
    pub raw: Vec<u8>,
}

/// One value of one COSEM object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Logical name of the object, `1.0.1.8.0.255`.
    pub object: String,
    /// Logical name of the profile it is a row of, or `None` for a value read by itself.
    pub profile: Option<String>,
    /// The number as the meter sent it.
    pub raw: i64,
    /// Power of ten that the raw number is multiplied with.
    pub scaler: i8,
    /// Unit code (digest 1.6): 27 W, 30 Wh, 33 A, 35 V, 44 Hz.
    pub unit: u8,
    /// When it was true.
    pub time: MeterTime,
    /// How far it may be trusted.
    pub quality: Quality,
}

/// The value in its unit.
pub fn scaled(raw: i64, scaler: i8) -> f64 {
    // Dividing by a whole power of ten rounds once; multiplying by 0.01 would round twice.
    if scaler < 0 {
        raw as f64 / 10_f64.powi(i32::from(scaler).abs())
    } else {
        raw as f64 * 10_f64.powi(i32::from(scaler))
    }
}

/// Symbol of a unit code, `None` for the ones a household meter does not send.
pub const fn unit_symbol(unit: u8) -> Option<&'static str> {
    match unit {
        27 => Some("W"),
        28 => Some("VA"),
        29 => Some("var"),
        30 => Some("Wh"),
        31 => Some("VAh"),
        32 => Some("varh"),
        33 => Some("A"),
        35 => Some("V"),
        44 => Some("Hz"),
        56 => Some("%"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quality_code_is_read_by_its_name() {
        for quality in Quality::ALL {
            assert_eq!(quality.name().parse(), Ok(quality));
            assert_eq!(serde_json::to_value(quality).unwrap(), quality.name());
        }
        assert!("fine".parse::<Quality>().is_err());
    }

    #[test]
    fn the_worse_of_two_flaws_is_told() {
        assert_eq!(Quality::Late.worse(Quality::ClockInvalid), Quality::ClockInvalid);
        assert_eq!(Quality::ClockDoubtful.worse(Quality::Valid), Quality::ClockDoubtful);
        assert_eq!(Quality::Late.worse(Quality::Late), Quality::Late);
    }

    #[test]
    fn a_raw_number_gets_its_scaler() {
        assert_eq!(scaled(23_014, -2), 230.14);
        assert_eq!(scaled(12, 3), 12_000.0);
        assert_eq!(scaled(i64::MIN, -128), i64::MIN as f64 / 1e128);
        assert_eq!(unit_symbol(30), Some("Wh"));
    }
}

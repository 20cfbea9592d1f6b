//! Date and time as COSEM has them: twelve octets of local time, deviation and clock status (digest 1.6).

use core::fmt;

/// Local date and time with its deviation from UTC.
///
/// ```
/// use cosem::DateTime;
/// // 2026-01-15 17:00:00 UTC is 18:00 in Central Europe, whose deviation is -60 minutes.
/// let time = DateTime::from_unix(1_768_496_400, -60, false);
/// assert_eq!((time.hour, time.day_of_week), (18, 4));
/// assert_eq!(time.to_unix(0), Some(1_768_496_400));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    /// Year; 0xFFFF is any.
    pub year: u16,
    /// Month 1 to 12; 0xFD end and 0xFE begin of daylight saving, 0xFF any.
    pub month: u8,
    /// Day 1 to 31; 0xFD last but one, 0xFE last of the month, 0xFF any.
    pub day: u8,
    /// Monday is 1; 0xFF any.
    pub day_of_week: u8,
    /// Hour; 0xFF any.
    pub hour: u8,
    /// Minute; 0xFF any.
    pub minute: u8,
    /// Second; 0xFF any.
    pub second: u8,
    /// Hundredths of a second; 0xFF unspecified.
    pub hundredths: u8,
    /// Minutes to add to local time to get UTC; [`DateTime::UNSPECIFIED_DEVIATION`] where unknown.
    pub deviation_min: i16,
    /// Clock status.
    pub status: ClockStatus,
}

/// Quality of a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClockStatus(pub u8);

impl ClockStatus {
    /// The value is invalid.
    pub const INVALID: u8 = 0x01;
    /// The value is doubtful.
    pub const DOUBTFUL: u8 = 0x02;
    /// Another clock base was used.
    pub const DIFFERENT_BASE: u8 = 0x04;
    /// Daylight saving is active: the deviation includes it.
    pub const DAYLIGHT_SAVING: u8 = 0x80;
    /// No status is given.
    pub const UNSPECIFIED: Self = Self(0xFF);
}

const ANY: u8 = 0xFF;
const SECONDS_PER_DAY: i64 = 86_400;

impl DateTime {
    /// Octets of the encoding.
    pub const LEN: usize = 12;
    /// The deviation is not known.
    pub const UNSPECIFIED_DEVIATION: i16 = i16::MIN;
    /// Every field unspecified.
    pub const UNSPECIFIED: Self = Self {
        year: 0xFFFF,
        month: ANY,
        day: ANY,
        day_of_week: ANY,
        hour: ANY,
        minute: ANY,
        second: ANY,
        hundredths: ANY,
        deviation_min: Self::UNSPECIFIED_DEVIATION,
        status: ClockStatus::UNSPECIFIED,
    };

    /// Reads the twelve octets. All values are accepted: meters send wildcards and worse.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [y1, y0, month, day, day_of_week, hour, minute, second, hundredths, d1, d0, status] = bytes;
        Self {
            year: u16::from_be_bytes([y1, y0]),
            month,
            day,
            day_of_week,
            hour,
            minute,
            second,
            hundredths,
            deviation_min: i16::from_be_bytes([d1, d0]),
            status: ClockStatus(status),
        }
    }

    /// The twelve octets.
    pub const fn to_bytes(&self) -> [u8; Self::LEN] {
        let [y1, y0] = self.year.to_be_bytes();
        let [d1, d0] = self.deviation_min.to_be_bytes();
        [
            y1,
            y0,
            self.month,
            self.day,
            self.day_of_week,
            self.hour,
            self.minute,
            self.second,
            self.hundredths,
            d1,
            d0,
            self.status.0,
        ]
    }

    /// The time `unix_s` seconds after 1970-01-01 UTC, in the zone of the deviation. Years outside 0 to 65534 give
    /// [`DateTime::UNSPECIFIED`].
    pub fn from_unix(unix_s: i64, deviation_min: i16, daylight_saving: bool) -> Self {
        let local = unix_s.saturating_sub(i64::from(deviation_min) * 60);
        let days = local.div_euclid(SECONDS_PER_DAY);
        let seconds = local.rem_euclid(SECONDS_PER_DAY);
        let (year, month, day) = civil_from_days(days);
        let Some(year) = u16::try_from(year).ok().filter(|&year| year != 0xFFFF) else {
            return Self::UNSPECIFIED;
        };
        Self {
            year,
            month,
            day,
            // 1970-01-01 was a Thursday.
            day_of_week: ((days + 3).rem_euclid(7) + 1) as u8,
            hour: (seconds / 3600) as u8,
            minute: (seconds / 60 % 60) as u8,
            second: (seconds % 60) as u8,
            hundredths: 0,
            deviation_min,
            status: ClockStatus(if daylight_saving { ClockStatus::DAYLIGHT_SAVING } else { 0 }),
        }
    }

    /// Seconds after 1970-01-01 UTC; `default_deviation_min` counts where the deviation is unspecified. `None` where
    /// date or time have wildcards or are none; unspecified seconds count as 0.
    pub fn to_unix(&self, default_deviation_min: i16) -> Option<i64> {
        let second = if self.second == ANY { 0 } else { self.second };
        let date = (1..=12).contains(&self.month) && (1..=31).contains(&self.day) && self.year != 0xFFFF;
        if !date || self.hour > 23 || self.minute > 59 || second > 59 {
            return None;
        }
        let days = days_from_civil(i64::from(self.year), self.month, self.day);
        if civil_from_days(days) != (i64::from(self.year), self.month, self.day) {
            return None;
        }
        let deviation = match self.deviation_min {
            Self::UNSPECIFIED_DEVIATION => default_deviation_min,
            known => known,
        };
        let seconds = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(second);
        Some(days * SECONDS_PER_DAY + seconds + i64::from(deviation) * 60)
    }

    /// The earliest instant the wildcards allow, as [`DateTime::to_unix`] gives it; `None` where no date is given.
    pub fn earliest_unix(&self, default_deviation_min: i16) -> Option<i64> {
        self.filled(1, 1, 0, 0, 0).to_unix(default_deviation_min)
    }

    /// The latest instant the wildcards allow; `None` where no date is given.
    pub fn latest_unix(&self, default_deviation_min: i16) -> Option<i64> {
        (28..=31)
            .rev()
            .find_map(|last_day| self.filled(12, last_day, 23, 59, 59).to_unix(default_deviation_min))
    }

    fn filled(&self, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Self {
        let fill = |field, value| if field == ANY { value } else { field };
        Self {
            month: fill(self.month, month),
            day: fill(self.day, day),
            hour: fill(self.hour, hour),
            minute: fill(self.minute, minute),
            second: fill(self.second, second),
            ..*self
        }
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second, deviation_min, .. } = self;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")?;
        match *deviation_min {
            Self::UNSPECIFIED_DEVIATION => Ok(()),
            // ISO 8601 writes the offset of local time from UTC, which has the other sign.
            deviation => {
                let sign = if deviation > 0 { '-' } else { '+' };
                let minutes = deviation.unsigned_abs();
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar; years start in March, so that the leap day is
/// the last of a year.
fn days_from_civil(year: i64, month: u8, day: u8) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, u8, u8) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    proptest! {
        #[test]
        fn octets_come_back(bytes: [u8; 12]) {
            prop_assert_eq!(DateTime::from_bytes(bytes).to_bytes(), bytes);
            let _ = DateTime::from_bytes(bytes).to_unix(0);
            let _ = DateTime::from_bytes(bytes).latest_unix(0);
        }

        #[test]
        fn unix_time_comes_back(unix in -60_000_000_000_i64..1_900_000_000_000, deviation in -720_i16..=840) {
            let time = DateTime::from_unix(unix, deviation, false);
            prop_assert_eq!(time.to_unix(0), Some(unix));
        }
    }

    #[test]
    fn known_dates() {
        let leap_day = DateTime::from_unix(951_782_400, 0, false);
        assert_eq!((leap_day.year, leap_day.month, leap_day.day, leap_day.day_of_week), (2000, 2, 29, 2));
        assert_eq!(DateTime::from_unix(0, -60, false).to_string(), "1970-01-01 01:00:00+01:00");
        let no_day = DateTime { month: 2, day: 30, ..leap_day };
        assert_eq!(no_day.to_unix(0), None);
    }

    #[test]
    fn wildcards_open_a_span() {
        let march = DateTime { year: 2026, month: 2, ..DateTime::UNSPECIFIED };
        assert_eq!(march.earliest_unix(0), DateTime::from_unix(1_769_904_000, 0, false).to_unix(0));
        assert_eq!(march.latest_unix(0), Some(1_769_904_000 + 28 * 86_400 - 1));
        assert_eq!(DateTime::UNSPECIFIED.earliest_unix(0), None);
    }
}

//! Calendar time: milliseconds of UTC inside, RFC 3339 outside, and how virtual time maps onto it.

use jiff::civil;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use plc_core::time::{Instant, TICKS_PER_SECOND};
use thiserror::Error;

const TICKS_PER_MILLISECOND: u64 = TICKS_PER_SECOND / 1000;

/// A text that is not the time it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not {wanted}")]
pub struct BadTime {
    /// What was given.
    pub text: String,
    /// What would have been right.
    pub wanted: &'static str,
}

/// Which moment of the calendar the coordinator's clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// UTC of the coordinator's instant zero, in milliseconds since 1970.
    pub start_utc_ms: i64,
    /// What local time adds to UTC, in minutes: the opposite sign of the deviation in a COSEM date-time.
    pub offset_minutes: i16,
}

impl Calendar {
    /// UTC at `now`, in milliseconds since 1970.
    pub fn utc_ms(&self, now: Instant) -> i64 {
        let since = now.as_ticks() / TICKS_PER_MILLISECOND;
        self.start_utc_ms.saturating_add(i64::try_from(since).unwrap_or(i64::MAX))
    }
}

/// `2026-01-15T17:00:00.000Z`. Years the calendar does not know are clamped to its ends.
pub fn rfc3339_utc(utc_ms: i64) -> String {
    format!("{:.3}", timestamp(utc_ms))
}

/// The same moment as a clock shows it that is `offset_minutes` ahead of UTC: `2026-01-15T18:00:00.000+01:00`.
pub fn rfc3339_local(utc_ms: i64, offset_minutes: i16) -> String {
    let offset = offset(offset_minutes);
    let local = offset.to_datetime(timestamp(utc_ms));
    let (sign, minutes) = (if offset_minutes < 0 { '-' } else { '+' }, offset_minutes.unsigned_abs());
    format!("{local:.3}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Reads an RFC 3339 time with `Z` or an offset.
pub fn parse_rfc3339(text: &str) -> Result<i64, BadTime> {
    let wrong = || BadTime { text: text.to_owned(), wanted: "an RFC 3339 time such as 2026-01-15T17:00:00Z" };
    text.parse::<Timestamp>().map(|moment| moment.as_millisecond()).map_err(|_| wrong())
}

/// Reads an hour of the day, `18:00` or `06:30:15`, as seconds since midnight.
pub fn parse_time_of_day(text: &str) -> Result<u32, BadTime> {
    let wrong = || BadTime { text: text.to_owned(), wanted: "an hour of the day such as 18:00" };
    let time: civil::Time = text.parse().map_err(|_| wrong())?;
    if !text.contains(':') {
        return Err(wrong());
    }
    let [hour, minute, second] = [time.hour(), time.minute(), time.second()].map(i8::unsigned_abs);
    Ok(u32::from(hour) * 3600 + u32::from(minute) * 60 + u32::from(second))
}

/// Reads a date, `2026-01-15`.
pub fn parse_date(text: &str) -> Result<civil::Date, BadTime> {
    text.parse().map_err(|_| BadTime { text: text.to_owned(), wanted: "a date such as 2026-01-15" })
}

/// UTC, in milliseconds since 1970, when a clock `offset_minutes` ahead of UTC shows this local time.
///
/// `None` for a date or time that does not exist.
pub fn utc_from_local(
    date: (i16, i8, i8),
    time: (i8, i8, i8),
    milliseconds: i32,
    offset_minutes: i16,
) -> Option<i64> {
    let date = civil::Date::new(date.0, date.1, date.2).ok()?;
    let time = civil::Time::new(time.0, time.1, time.2, milliseconds.checked_mul(1_000_000)?).ok()?;
    let local = date.to_datetime(time).to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
    local.checked_sub(i64::from(offset_minutes) * 60_000)
}

fn timestamp(utc_ms: i64) -> Timestamp {
    let clamped = utc_ms
        .clamp(Timestamp::MIN.as_millisecond() + 86_400_000, Timestamp::MAX.as_millisecond() - 86_400_000);
    Timestamp::UNIX_EPOCH
        .saturating_add(SignedDuration::from_millis(clamped))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

fn offset(minutes: i16) -> Offset {
    Offset::from_seconds(i32::from(minutes) * 60).unwrap_or(Offset::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plc_core::time::millis;
    use proptest::prelude::*;

    const NOON_2026_01_15: i64 = 1_768_478_400_000;

    #[test]
    fn a_moment_prints_in_utc_and_as_the_meter_shows_it() {
        assert_eq!(rfc3339_utc(NOON_2026_01_15 + 5), "2026-01-15T12:00:00.005Z");
        assert_eq!(rfc3339_local(NOON_2026_01_15, 60), "2026-01-15T13:00:00.000+01:00");
        assert_eq!(rfc3339_local(NOON_2026_01_15, -210), "2026-01-15T08:30:00.000-03:30");
    }

    #[test]
    fn local_time_needs_its_offset_to_become_utc() {
        assert_eq!(utc_from_local((2026, 1, 15), (13, 0, 0), 5, 60), Some(NOON_2026_01_15 + 5));
        assert_eq!(utc_from_local((2026, 2, 29), (13, 0, 0), 0, 60), None, "2026 has no 29 February");
        assert_eq!(utc_from_local((2026, 1, 15), (24, 0, 0), 0, 60), None);
    }

    #[test]
    fn virtual_time_starts_at_the_calendars_start() {
        let calendar = Calendar { start_utc_ms: NOON_2026_01_15, offset_minutes: 60 };
        assert_eq!(calendar.utc_ms(Instant::from_ticks(0) + millis(1500)), NOON_2026_01_15 + 1500);
    }

    #[test]
    fn an_hour_of_the_day_is_read_and_nonsense_is_named() {
        assert_eq!(parse_time_of_day("18:00"), Ok(64_800));
        assert_eq!(parse_time_of_day("06:30:15"), Ok(23_415));
        for wrong in ["", "18", "25:00", "18:61", "noon", "18:00 or so"] {
            assert!(parse_time_of_day(wrong).is_err_and(|e| e.to_string().contains(wrong)), "{wrong}");
        }
        assert!(parse_date("2026-13-01").is_err());
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(utc_ms in -60_000_000_000_000_i64..250_000_000_000_000, offset in -840_i16..=840) {
            prop_assert_eq!(parse_rfc3339(&rfc3339_utc(utc_ms)), Ok(utc_ms));
            prop_assert_eq!(parse_rfc3339(&rfc3339_local(utc_ms, offset)), Ok(utc_ms));
        }

        #[test]
        fn any_number_prints_without_a_panic(utc_ms: i64, offset: i16) {
            prop_assert!(rfc3339_utc(utc_ms).ends_with('Z'));
            prop_assert!(!rfc3339_local(utc_ms, offset).is_empty());
        }

        #[test]
        fn random_text_is_refused_not_fatal(text in "\\PC{0,30}") {
            let _ = parse_rfc3339(&text);
            let _ = parse_date(&text);
            let _ = parse_time_of_day(&text);
        }
    }
}

//! The meter's calendar clock: UTC inside, the zone beside it (class 8, OBIS 0.0.1.0.0.255).

use cosem::{ClockStatus, DateTime};
use plc_core::time::{Duration, TICKS_PER_SECOND};

/// A moment of UTC, in ticks after 1970-01-01 without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utc(u64);

impl Utc {
    /// `unix_s` seconds after 1970-01-01; `None` before it and beyond the year 99 000.
    pub fn from_unix_s(unix_s: i64) -> Option<Self> {
        u64::try_from(unix_s).ok()?.checked_mul(TICKS_PER_SECOND).map(Self)
    }

    /// `ticks` after 1970-01-01.
    pub const fn from_ticks(ticks: u64) -> Self {
        Self(ticks)
    }

    /// Ticks after 1970-01-01.
    pub const fn as_ticks(self) -> u64 {
        self.0
    }

    /// Whole seconds after 1970-01-01.
    pub const fn unix_s(self) -> i64 {
        (self.0 / TICKS_PER_SECOND) as i64
    }

    /// The moment `span` later.
    pub const fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.as_ticks()))
    }
}

/// The calendar clock. It is moved on by who measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    now: Utc,
    deviation_min: i16,
    valid: bool,
}

impl Clock {
    /// A clock that shows `now`. The deviation is what is added to local time to get UTC, in minutes. `valid` says
    /// whether the time comes from a source that ran through a power failure.
    pub const fn new(now: Utc, deviation_min: i16, valid: bool) -> Self {
        Self { now, deviation_min, valid }
    }

    /// What it shows.
    pub const fn now(&self) -> Utc {
        self.now
    }

    /// Minutes to add to local time to get UTC.
    pub const fn deviation_min(&self) -> i16 {
        self.deviation_min
    }

    /// Whether the time is known rather than carried on from before a power failure.
    pub const fn is_valid(&self) -> bool {
        self.valid
    }

    /// The clock status of class 8: attribute 4, and the last octet of a date-time.
    pub const fn status(&self) -> ClockStatus {
        ClockStatus(if self.valid { 0 } else { ClockStatus::INVALID })
    }

    /// Moves the clock on.
    pub fn advance(&mut self, span: Duration) {
        self.now = self.now.plus(span);
    }

    /// Sets the clock by hand or from a time source: from now on it is valid.
    pub fn set(&mut self, now: Utc) {
        self.now = now;
        self.valid = true;
    }

    /// `at` as a COSEM date-time in the meter's zone, with hundredths.
    pub fn date_time(&self, at: Utc) -> DateTime {
        let hundredths = at.as_ticks() % TICKS_PER_SECOND * 100 / TICKS_PER_SECOND;
        let whole = DateTime::from_unix(at.unix_s(), self.deviation_min, false);
        DateTime { hundredths: hundredths as u8, status: self.status(), ..whole }
    }

    /// The time left to the next moment at which the local time of day is a multiple of `period_s`; never zero.
    pub fn until_next(&self, period_s: u32) -> Duration {
        let period = u64::from(period_s.max(1)) * TICKS_PER_SECOND;
        let deviation = i64::from(self.deviation_min) * 60 * TICKS_PER_SECOND as i64;
        let local = (self.now.0 as i64).wrapping_sub(deviation);
        let into_period = local.rem_euclid(period as i64) as u64;
        Duration::from_ticks(period - into_period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plc_core::time::{millis, seconds};
    use std::string::ToString;

    const SIX_PM: i64 = 1_768_496_400;

    fn clock() -> Clock {
        Clock::new(Utc::from_unix_s(SIX_PM).unwrap(), -60, true)
    }

    #[test]
    fn local_time_has_the_deviation_that_leads_back_to_utc() {
        let clock = clock();
        let shown = clock.date_time(clock.now().plus(millis(1_250)));
        assert_eq!(shown.to_string(), "2026-01-15 18:00:01+01:00");
        assert_eq!((shown.hundredths, shown.deviation_min, shown.status.0), (25, -60, 0));
        assert_eq!(shown.to_unix(0), Some(SIX_PM + 1));
    }

    #[test]
    fn periods_follow_the_local_time_of_day() {
        let mut clock = clock();
        assert_eq!(clock.until_next(900), seconds(900), "a full period at its boundary");
        clock.advance(seconds(1));
        assert_eq!(clock.until_next(900), seconds(899));
        assert_eq!(clock.until_next(86_400), seconds(6 * 3600 - 1), "midnight is local");
        // Kathmandu is 5 h 45 min ahead: the hour of UTC ends where its own quarter does, the local hour does not.
        let kathmandu = Clock::new(clock.now(), -345, true);
        assert_eq!(kathmandu.until_next(3_600), seconds(15 * 60 - 1));
    }

    #[test]
    fn a_clock_set_is_valid() {
        let mut clock = Clock::new(Utc::from_ticks(0), 0, false);
        assert_eq!(clock.status().0, ClockStatus::INVALID);
        clock.set(Utc::from_unix_s(SIX_PM).unwrap());
        assert_eq!(clock.status().0, 0);
    }

    #[test]
    fn times_out_of_range_are_none() {
        assert_eq!(Utc::from_unix_s(-1), None);
        assert_eq!(Utc::from_unix_s(i64::MAX), None);
    }
}

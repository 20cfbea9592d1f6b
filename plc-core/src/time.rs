//! Time as a parameter: an integer count of 1/6 µs ticks.
//!
//! Six ticks are a microsecond, and every sample clock of both standards divides 6 MHz: 400 kHz is 15 ticks,
//! 250 kHz is 24, 1 MHz is 6 and 1.2 MHz is 5. Slots, samples and microseconds therefore convert without
//! rounding. 64 bits last 97 000 years.
//!
//! An [`Instant`] counts from the start of whoever owns the clock (a board's reset, a simulation's first
//! sample); calendar time is a matter of the application layer.

/// Ticks in a second.
pub const TICKS_PER_SECOND: u64 = 6_000_000;

/// A point in time on one clock.
pub type Instant = fugit::MonotonicTimerInstantU64<TICKS_PER_SECOND>;

/// A span of time.
pub type Duration = fugit::TimerDurationU64<TICKS_PER_SECOND>;

/// A span of `us` microseconds.
pub const fn micros(us: u64) -> Duration {
    Duration::from_ticks(us * 6)
}

/// A span of `ms` milliseconds.
pub const fn millis(ms: u64) -> Duration {
    Duration::from_ticks(ms * 6_000)
}

/// A span of `s` seconds.
pub const fn seconds(s: u64) -> Duration {
    Duration::from_ticks(s * TICKS_PER_SECOND)
}

/// A span in seconds, for figures and plots.
pub fn as_seconds_f64(span: Duration) -> f64 {
    span.as_ticks() as f64 / TICKS_PER_SECOND as f64
}

/// A sample clock whose period is a whole number of ticks.
///
/// ```
/// use plc_core::time::{Instant, SampleClock};
/// let clock = SampleClock::KHZ_400;
/// assert_eq!(clock.instant(278).as_ticks(), 278 * 15);
/// assert_eq!(clock.samples_before(Instant::from_ticks(31)), 3, "samples 0, 1 and 2 lie before tick 31");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SampleClock {
    ticks_per_sample: u64,
}

impl SampleClock {
    /// 400 kHz: G3-PLC in the CENELEC bands.
    pub const KHZ_400: Self = Self { ticks_per_sample: 15 };
    /// 1.2 MHz: G3-PLC in the FCC and ARIB bands.
    pub const KHZ_1200: Self = Self { ticks_per_sample: 5 };
    /// 250 kHz: PRIME 1.3.6.
    pub const KHZ_250: Self = Self { ticks_per_sample: 24 };
    /// 1 MHz: PRIME 1.4.
    pub const MHZ_1: Self = Self { ticks_per_sample: 6 };

    /// Samples in a second.
    pub const fn rate_hz(self) -> u32 {
        (TICKS_PER_SECOND / self.ticks_per_sample) as u32
    }

    /// The instant of sample `index`.
    pub const fn instant(self, index: u64) -> Instant {
        Instant::from_ticks(index * self.ticks_per_sample)
    }

    /// How many samples lie strictly before `at`: the index of the first sample at or after it.
    pub const fn samples_before(self, at: Instant) -> u64 {
        at.as_ticks().div_ceil(self.ticks_per_sample)
    }

    /// The time `count` samples take.
    pub const fn span(self, count: u64) -> Duration {
        Duration::from_ticks(count * self.ticks_per_sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_clock_divides_the_tick() {
        for (clock, rate) in [
            (SampleClock::KHZ_400, 400_000),
            (SampleClock::KHZ_1200, 1_200_000),
            (SampleClock::KHZ_250, 250_000),
            (SampleClock::MHZ_1, 1_000_000),
        ] {
            assert_eq!(clock.rate_hz(), rate);
            assert_eq!(clock.span(rate as u64), seconds(1));
            assert_eq!(clock.samples_before(clock.instant(7)), 7);
        }
    }
}

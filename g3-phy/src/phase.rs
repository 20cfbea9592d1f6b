//! Phase detection counter and phase classes: on which mains phase a sender stands (digest 10.3).
//!
//! ```
//! use g3_phy::phase::{PhaseClass, MainsPhase};
//! use plc_core::time::{Instant, micros};
//! let mut mains = MainsPhase::new();
//! mains.rising_zero_crossing(Instant::from_ticks(0));
//! mains.rising_zero_crossing(Instant::from_ticks(0) + micros(20_000));
//! let counter = mains.counter(Instant::from_ticks(0) + micros(25_000));
//! assert_eq!(counter, Some(64));
//! assert_eq!(PhaseClass::between(64, 150), PhaseClass::Degrees120);
//! ```

use plc_core::time::{Duration, Instant, micros};

/// Mains periods that count as such: 40 to 70 Hz.
const PERIODS: [Duration; 2] = [micros(14_286), micros(25_000)];
/// Periods after which the last crossing says nothing any more: 50 ppm of them are still far below a step.
const MOST_PERIODS: u64 = 50;

/// The mains' phase as the zero crossing detector tells it.
#[derive(Clone, Copy, Debug, Default)]
pub struct MainsPhase {
    /// The last rising zero crossing and the period before it.
    last: Option<(Instant, Option<Duration>)>,
}

impl MainsPhase {
    /// Nothing seen yet.
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// The mains voltage rose through zero at `at`, on the clock of the modem's samples.
    pub fn rising_zero_crossing(&mut self, at: Instant) {
        let [shortest, longest] = PERIODS;
        let period = self.last.and_then(|(before, _)| at.checked_duration_since(before));
        self.last = Some((at, period.filter(|period| (shortest..=longest).contains(period))));
    }

    /// The phase detection counter at `at`: 256 steps from a rising zero crossing to the next. `None` without mains, or
    /// where the last crossing is long ago.
    ///
    /// The standard's reference instant is the end of the preamble; a sender and a receiver that both take it there
    /// differ by their phases alone.
    pub fn counter(&self, at: Instant) -> Option<u8> {
        let (crossing, period) = self.last?;
        let period = period?.as_ticks();
        let since = match at.checked_duration_since(crossing) {
            Some(after) => after.as_ticks(),
            None => period - crossing.checked_duration_since(at)?.as_ticks() % period,
        };
        (since / period <= MOST_PERIODS).then(|| (since % period * 256 / period) as u8)
    }
}

/// Difference between the mains phases of receiver and sender, in steps of 60 degrees: a sender on another phase, or the
/// same one with its wires turned round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhaseClass {
    /// The same phase.
    Degrees0,
    /// 60 degrees.
    Degrees60,
    /// 120 degrees.
    Degrees120,
    /// 180 degrees.
    Degrees180,
    /// 240 degrees.
    Degrees240,
    /// 300 degrees.
    Degrees300,
}

impl PhaseClass {
    /// The class from the counter that a frame carried and the receiver's own at the same instant. Bounds are one
    /// vendor's.
    pub const fn between(sent: u8, own: u8) -> Self {
        match own.wrapping_sub(sent) {
            0..=21 | 236..=255 => Self::Degrees0,
            22..=64 => Self::Degrees60,
            65..=107 => Self::Degrees120,
            108..=149 => Self::Degrees180,
            150..=192 => Self::Degrees240,
            193..=235 => Self::Degrees300,
        }
    }

    /// Degrees.
    pub const fn degrees(self) -> u16 {
        self as u16 * 60
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: u32) -> Instant {
        Instant::from_ticks(0) + micros(us.into())
    }

    #[test]
    fn counters_take_256_steps_from_crossing_to_crossing_and_go_on_without_new_ones() {
        let mut mains = MainsPhase::new();
        assert_eq!(mains.counter(at(5)), None);
        mains.rising_zero_crossing(at(100_000));
        assert_eq!(mains.counter(at(100_000)), None, "no period yet");
        mains.rising_zero_crossing(at(120_000));
        for (us, counter) in
            [(120_000, 0), (120_079, 1), (130_000, 128), (139_999, 255), (140_000, 0), (115_000, 192)]
        {
            assert_eq!(mains.counter(at(us)), Some(counter), "at {us}");
        }
        assert_eq!(mains.counter(at(1_400_000)), None, "long ago");
        mains.rising_zero_crossing(at(180_000));
        assert_eq!(mains.counter(at(180_000)), None, "crossings were missed");
    }

    #[test]
    fn classes_have_the_bounds_of_digest_10_3() {
        for (difference, degrees) in [
            (0, 0),
            (21, 0),
            (22, 60),
            (64, 60),
            (65, 120),
            (107, 120),
            (108, 180),
            (149, 180),
            (150, 240),
            (192, 240),
            (193, 300),
            (235, 300),
            (236, 0),
            (255, 0),
        ] {
            assert_eq!(
                PhaseClass::between(200, 200_u8.wrapping_add(difference)).degrees(),
                degrees,
                "{difference}"
            );
        }
    }
}

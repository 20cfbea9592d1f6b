//! The mains as the time base of everything that is synchronous with it (channel digest 0.1).

use std::f64::consts::TAU;

/// Phase of the mains over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mains {
    /// Mean frequency.
    pub hz: f64,
    /// The frequency swings by plus and minus this.
    pub wander_hz: f64,
    /// Period of the swing.
    pub wander_period_s: f64,
}

impl Mains {
    /// 50 Hz with the digest's typical wander of ±0.05 Hz, here within a minute.
    pub const EUROPE: Self = Self { hz: 50.0, wander_hz: 0.05, wander_period_s: 60.0 };
    /// 50 Hz exactly.
    pub const STEADY_50: Self = Self { hz: 50.0, wander_hz: 0.0, wander_period_s: 60.0 };

    /// Turns since time 0: the integral of the frequency.
    pub fn turns(&self, seconds: f64) -> f64 {
        let swing = TAU * seconds / self.wander_period_s;
        self.hz * seconds + self.wander_hz * self.wander_period_s / TAU * (1.0 - swing.cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frequency_stays_within_its_wander() {
        let mains = Mains::EUROPE;
        let frequency = |t: f64| (mains.turns(t + 0.5) - mains.turns(t - 0.5)) / 1.0;
        for second in 1..240 {
            assert!((frequency(f64::from(second)) - 50.0).abs() <= 0.0501);
        }
        assert!((frequency(15.0) - 50.05).abs() < 1e-3);
        assert_eq!(Mains::STEADY_50.turns(2.0), 100.0);
    }
}

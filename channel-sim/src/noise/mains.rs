//! The mains as the time base of everything that is synchronous with it (channel digest 0.1).
//!
//! Phase is counted in turns; at whole turns the voltage of L1 crosses zero upwards. L2 and L3 lag by a third and
//! two thirds of a turn.

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
    /// 60 Hz with the same wander.
    pub const AMERICA: Self = Self { hz: 60.0, wander_hz: 0.05, wander_period_s: 60.0 };
    /// 50 Hz exactly.
    pub const STEADY_50: Self = Self { hz: 50.0, wander_hz: 0.0, wander_period_s: 60.0 };
    /// 60 Hz exactly.
    pub const STEADY_60: Self = Self { hz: 60.0, wander_hz: 0.0, wander_period_s: 60.0 };

    /// Turns since time 0: the integral of the frequency.
    pub fn turns(&self, seconds: f64) -> f64 {
        if self.wander_hz == 0.0 {
            return self.hz * seconds;
        }
        let swing = TAU * seconds / self.wander_period_s;
        self.hz * seconds + self.wander_hz * self.wander_period_s / TAU * (1.0 - libm::cos(swing))
    }

    /// Phase from sample `first` on of a clock of `rate_hz`, for about as many samples as `count`: within them the
    /// frequency is taken as constant.
    pub fn phase(&self, first: f64, count: usize, rate_hz: f64) -> MainsPhase {
        let turns = self.turns(first / rate_hz);
        let end = self.turns((first + count.max(1) as f64) / rate_hz);
        MainsPhase { turns, per_sample: (end - turns) / count.max(1) as f64 }
    }
}

/// Phase of the mains over samples in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MainsPhase {
    /// Phase of the first sample, in turns since time 0.
    pub turns: f64,
    /// Turns from sample to sample.
    pub per_sample: f64,
}

impl MainsPhase {
    /// The same some samples later.
    pub fn after(self, samples: f64) -> Self {
        Self { turns: self.turns + samples * self.per_sample, ..self }
    }

    /// The same with a phase that is ahead by this.
    pub fn ahead(self, turns: f64) -> Self {
        Self { turns: self.turns + turns, ..self }
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

    #[test]
    fn the_phase_runs_on_within_a_block() {
        let phase = Mains::EUROPE.phase(400_000.0 * 1_000.0, 256, 400_000.0);
        let exact = Mains::EUROPE.turns(1_000.0 + 200.0 / 400_000.0);
        assert!((phase.after(200.0).turns - exact).abs() < 1e-9);
    }
}

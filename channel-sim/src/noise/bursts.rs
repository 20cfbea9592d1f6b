//! N5: bursts synchronous with the mains over a white background (channel digest 1.8).
//!
//! White Gaussian noise whose density is `db` above the background in the first `duty` of each half period of the
//! mains: 1 or 3 ms of 10 ms at 50 Hz, a sixth less of both at 60 Hz.

use super::error::NoiseError;
use super::model::{Amplitude, Conditions, Design, Model, mixture, power};
use super::preset::{Parameters, background};
use super::shaped::{Modulation, Shaped, half_turn};
use std::sync::Arc;

/// Bursts over a white background.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bursts {
    /// Part of the time with bursts.
    pub duty: f64,
    /// How far bursts are above the background.
    pub db: f64,
}

impl Bursts {
    pub(super) fn preset(parameters: &mut Parameters<'_>, duty: f64) -> Result<Arc<dyn Model>, NoiseError> {
        let duty = parameters.number("duty", duty, [0.001, 0.999])?;
        let db = parameters.number("db", 25.0, [0.0, 80.0])?;
        Ok(Arc::new(Self { duty, db }))
    }

    /// Density relative to the background at a phase in turns.
    fn rise(&self, turns: f64) -> f64 {
        let half = turns * 2.0 - libm::floor(turns * 2.0);
        if half < self.duty { libm::pow(10.0, self.db / 10.0) } else { 1.0 }
    }

    fn mean_rise(&self) -> f64 {
        self.duty * self.rise(0.0) + 1.0 - self.duty
    }
}

impl Model for Bursts {
    fn density(&self, hz: f64) -> f64 {
        self.background(hz) * self.mean_rise()
    }

    fn density_at(&self, turns: f64, hz: f64) -> f64 {
        self.background(hz) * self.rise(turns)
    }

    fn background(&self, _hz: f64) -> f64 {
        background()
    }

    fn amplitudes(&self, conditions: &Conditions) -> Vec<Amplitude> {
        let mean = self.mean_rise();
        mixture([(self.duty, self.rise(0.0) / mean), (1.0 - self.duty, 1.0 / mean)], power(self, conditions))
    }

    fn follows_mains(&self) -> bool {
        true
    }

    fn design(&self, conditions: &Conditions) -> Arc<dyn Design> {
        let table = half_turn(|turns| self.rise(turns));
        Arc::new(Shaped::white(conditions, self.density(0.0), Modulation::Mains(table)))
    }
}

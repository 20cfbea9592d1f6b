//! N0: white Gaussian noise.

use super::model::{Conditions, Design, Model};
use super::shaped::{Modulation, Shaped};
use super::spectrum::volts2_per_hz;
use std::sync::Arc;

/// White Gaussian noise: a density N0 at all frequencies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Awgn {
    /// The density, in dBm/Hz at 50 Ω.
    pub dbm_per_hz: f64,
}

impl Default for Awgn {
    /// -90 dBm/Hz.
    fn default() -> Self {
        Self { dbm_per_hz: -90.0 }
    }
}

impl Model for Awgn {
    fn density(&self, _hz: f64) -> f64 {
        volts2_per_hz(self.dbm_per_hz)
    }

    fn design(&self, conditions: &Conditions) -> Arc<dyn Design> {
        Arc::new(Shaped::white(conditions, self.density(0.0), Modulation::None))
    }
}

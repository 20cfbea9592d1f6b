//! N1: Hooijen's coloured background of residential lines (channel digest 1.1).
//!
//! N(f) = 10^(K - 3.95e-5 f) W/Hz with K = -8.64, the mean of a normal distribution with a standard deviation of 0.5
//! (5 dB). The formula holds to some 150 kHz and falls absurdly above; there a floor takes over.

use super::error::NoiseError;
use super::filter::minimum_phase;
use super::model::{Conditions, Design, Model};
use super::preset::Parameters;
use super::shaped::{Modulation, Shaped};
use super::spectrum::volts2_per_hz;
use std::sync::Arc;

/// The density does not fall below this by default (digest 1.1 suggests -105 to -115).
pub const FLOOR_DBM_PER_HZ: f64 = -115.0;
/// Mean of K.
const MEAN_K: f64 = -8.64;
/// Decades per hertz.
const SLOPE_PER_HZ: f64 = -3.95e-5;
/// Taps of the colouring filter at 400 kHz.
const TAPS: usize = 48;

/// Hooijen's background at the mean K.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hooijen {
    /// The density does not fall below this.
    pub floor_dbm_per_hz: f64,
}

impl Default for Hooijen {
    fn default() -> Self {
        Self { floor_dbm_per_hz: FLOOR_DBM_PER_HZ }
    }
}

impl Hooijen {
    pub(super) fn preset(parameters: &mut Parameters<'_>) -> Result<Arc<dyn Model>, NoiseError> {
        let floor_dbm_per_hz = parameters.number("floor", FLOOR_DBM_PER_HZ, [-140.0, -90.0])?;
        Ok(Arc::new(Self { floor_dbm_per_hz }))
    }
}

impl Model for Hooijen {
    fn density(&self, hz: f64) -> f64 {
        // dBm are 30 dB more than dBW.
        volts2_per_hz((10.0 * (MEAN_K + SLOPE_PER_HZ * hz) + 30.0).max(self.floor_dbm_per_hz))
    }

    /// The density rises so steeply towards low frequencies that it passes the modem's coupler as the signal does.
    fn design(&self, conditions: &Conditions) -> Arc<dyn Design> {
        let power = |hz: f64| conditions.per_sample(self.density(hz)) * conditions.coupled(hz);
        let taps = minimum_phase(conditions.taps(TAPS), conditions.rate_hz, power);
        Arc::new(Shaped::new(conditions, taps, Modulation::None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::spectrum::dbm_per_hz;

    #[test]
    fn values_are_the_digests() {
        const DIGEST: [(f64, f64); 6] =
            [(10e3, -60.3), (36e3, -70.6), (50e3, -76.2), (75e3, -86.0), (91e3, -92.3), (95e3, -93.9)];
        for (hz, expected) in DIGEST {
            assert!((dbm_per_hz(Hooijen::default().density(hz)) - expected).abs() < 0.1, "{hz}");
        }
        assert!((dbm_per_hz(Hooijen::default().density(180e3)) - FLOOR_DBM_PER_HZ).abs() < 1e-9);
        let higher = crate::noise::Preset::parse("n1:floor=-105").unwrap();
        assert!((higher.dbm_per_hz(180e3) + 105.0).abs() < 1e-9);
        assert!((higher.dbm_per_hz(50e3) + 76.2).abs() < 0.1);
    }
}

//! The artificial mains network (CISPR 16-1-2, recalled; channel digest 3.9): a resistance parallel to an inductance
//! with its own resistance.

use crate::exact;
use num_complex::Complex64;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// The network's elements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Resistance across which the voltage is measured: the receiver's input.
    pub parallel_ohm: f64,
    /// Inductance towards the mains.
    pub inductance_uh: f64,
    /// Resistance in series with it.
    pub series_ohm: f64,
}

impl Default for Network {
    /// 50 Ω ‖ (50 µH + 5 Ω).
    fn default() -> Self {
        Self { parallel_ohm: 50.0, inductance_uh: 50.0, series_ohm: 5.0 }
    }
}

impl Network {
    /// Impedance at a frequency.
    pub fn impedance(&self, frequency_hz: f64) -> Complex64 {
        let inductor = Complex64::new(self.series_ohm, TAU * frequency_hz * self.inductance_uh * 1e-6);
        (inductor.inv() + 1.0 / self.parallel_ohm).inv()
    }

    /// Share of a source's voltage behind `source_ohm` that is measured.
    pub fn gain(&self, source_ohm: f64, frequency_hz: f64) -> Complex64 {
        let network = self.impedance(frequency_hz);
        network / (network + source_ohm)
    }

    /// What is measured of a source with these samples behind `source_ohm`. What comes before and after them is taken
    /// for their repetition.
    pub fn measured(&self, source: &[f32], rate_hz: f64, source_ohm: f64) -> Vec<f32> {
        let points = source.len();
        let mut bins: Vec<Complex64> = source.iter().map(|&volt| Complex64::new(volt.into(), 0.0)).collect();
        if points == 0 {
            return Vec::new();
        }
        exact::forward(points).process(&mut bins);
        for (bin, value) in bins.iter_mut().enumerate() {
            let negative = bin > points / 2;
            let place = if negative { points - bin } else { bin };
            let gain = self.gain(source_ohm, place as f64 * rate_hz / points as f64);
            *value *= if negative { gain.conj() } else { gain };
        }
        exact::inverse(points).process(&mut bins);
        bins.iter().map(|value| (value.re / points as f64) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::source_volts;

    #[test]
    fn the_network_is_inductive_at_low_frequencies_and_fifty_ohm_at_high() {
        let network = Network::default();
        // By hand: 5 + j2.83 Ω parallel to 50 Ω at 9 kHz.
        assert!((network.impedance(9e3).norm() - 5.22).abs() < 0.02, "{}", network.impedance(9e3).norm());
        assert!((network.impedance(30e6).norm() - 50.0).abs() < 0.1);
    }

    #[test]
    fn a_tone_at_the_middle_of_cenelec_a_has_the_level_asked_for() {
        let volts = source_volts(120.0) * 2f64.sqrt();
        let tone: Vec<f32> =
            (0..40_000).map(|n| (volts * (TAU * 63e3 * n as f64 / 400e3).cos()) as f32).collect();
        let measured = Network::default().measured(&tone, 400e3, crate::line::TRANSMIT_OHM);
        let power = measured.iter().map(|volt| f64::from(*volt).powi(2)).sum::<f64>() / 40_000.0;
        assert!((10.0 * power.log10()).abs() < 0.01, "1 V: {power}");
    }
}

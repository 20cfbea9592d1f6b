//! Detectors of CISPR 16-1-1: what an instrument shows of an envelope.
//!
//! The quasi-peak detector is a diode that charges a capacitor from the intermediate frequency, a resistor that
//! discharges it, and a meter, critically damped. Of a carrier of amplitude E, the diode's mean current into a
//! capacitor at v = xE is proportional to E (√(1-x²) - x arccos x) / π. The charge time constant of the standard is
//! that of the whole: 63 % of the final value of a sine that is switched on; from it follows the circuit's. This
//! meets the standard's pulse response within a decibel, which tests check; a charge that is linear in E - v is up to
//! 3 dB off.

use std::f32::consts::{FRAC_1_PI, PI};

/// What a receiver's band is: bandwidth, and the quasi-peak detector's time constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// A or B.
    pub name: char,
    /// Bandwidth at -6 dB.
    pub bandwidth_hz: f64,
    /// Charge time constant.
    pub charge_s: f64,
    /// Discharge time constant.
    pub discharge_s: f64,
    /// Time constant of the meter.
    pub meter_s: f64,
    /// Resistance times capacity of the charging circuit, which gives `charge_s`.
    circuit_s: f64,
    /// What a sine charges the capacitor to.
    sine: f64,
}

impl Band {
    /// 9 to 150 kHz: 200 Hz; 45, 500 and 160 ms (digest 4).
    pub const A: Self = Self {
        name: 'A',
        bandwidth_hz: 200.0,
        charge_s: 45e-3,
        discharge_s: 500e-3,
        meter_s: 160e-3,
        circuit_s: 15.287e-3,
        sine: 0.811_45,
    };
    /// 150 kHz to 30 MHz: 9 kHz; 1, 160 and 160 ms (digest 4).
    pub const B: Self = Self {
        name: 'B',
        bandwidth_hz: 9_000.0,
        charge_s: 1e-3,
        discharge_s: 160e-3,
        meter_s: 160e-3,
        circuit_s: 0.256_41e-3,
        sine: 0.970_09,
    };
    /// Where band A ends and band B begins.
    pub const EDGE_HZ: f64 = 150e3;

    /// The band of a frequency.
    pub fn of(frequency_hz: f64) -> Self {
        if frequency_hz < Self::EDGE_HZ { Self::A } else { Self::B }
    }

    /// Standard deviation of a Gaussian filter of the band's bandwidth, in time.
    pub fn sigma_s(&self) -> f64 {
        // |H| = exp(-f²/2σ²) is 1/2 at half the bandwidth.
        let sigma_hz = self.bandwidth_hz / 2.0 / (2.0 * libm::log(2.0)).sqrt();
        1.0 / (std::f64::consts::TAU * sigma_hz)
    }
}

/// All three detectors on one envelope.
#[derive(Clone, Copy, Debug, Default)]
pub struct Detectors {
    peak: f32,
    capacitor: f32,
    quasi_peak: Meter,
    average: Meter,
}

/// A critically damped meter, and the most it has shown.
#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    first: f32,
    second: f32,
    most: f32,
}

impl Meter {
    fn push(&mut self, value: f32, share: f32) {
        self.first += (value - self.first) * share;
        self.second += (self.first - self.second) * share;
        self.most = self.most.max(self.second);
    }
}

/// What the detectors do in one step of time.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    charge: f32,
    discharge: f32,
    meter: f32,
    sine: f32,
}

impl Pace {
    /// Steps of `step_s` in a band.
    pub fn new(band: &Band, step_s: f64) -> Self {
        Self {
            charge: (step_s / band.circuit_s) as f32 * FRAC_1_PI,
            discharge: (1.0 - libm::exp(-step_s / band.discharge_s)) as f32,
            meter: (1.0 - libm::exp(-step_s / band.meter_s)) as f32,
            sine: band.sine as f32,
        }
    }
}

/// What the detectors have shown at most, in the unit of the envelope: a sine gives the same in all three.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Readings {
    /// Peak.
    pub peak: f32,
    /// Quasi-peak.
    pub quasi_peak: f32,
    /// Average.
    pub average: f32,
}

impl Detectors {
    /// Takes the envelope's next value.
    pub fn push(&mut self, envelope: f32, pace: &Pace) {
        self.peak = self.peak.max(envelope);
        if envelope > self.capacitor {
            let x = self.capacitor / envelope;
            let current = envelope * ((1.0 - x * x).max(0.0).sqrt() - x * arccos(x));
            // The capacitor does not go beyond what charges it, however long the step.
            self.capacitor = (self.capacitor + pace.charge * current).min(envelope);
        }
        self.capacitor -= self.capacitor * pace.discharge;
        self.quasi_peak.push(self.capacitor, pace.meter);
        self.average.push(envelope, pace.meter);
    }

    /// The readings so far.
    pub fn readings(&self, pace: &Pace) -> Readings {
        Readings { peak: self.peak, quasi_peak: self.quasi_peak.most / pace.sine, average: self.average.most }
    }
}

/// arccos of 0 to 1, to 7e-5: the library's costs most of the measurement's time.
fn arccos(x: f32) -> f32 {
    let polynomial = 1.570_728_8 + x * (-0.212_114_4 + x * (0.074_261 - 0.018_729_3 * x));
    (polynomial * (1.0 - x).max(0.0).sqrt()).clamp(0.0, PI)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readings of an envelope over `seconds`.
    fn readings(band: &Band, step_s: f64, seconds: f64, envelope: impl Fn(f64) -> f64) -> Readings {
        let pace = Pace::new(band, step_s);
        let mut detectors = Detectors::default();
        for step in 0..(seconds / step_s) as usize {
            detectors.push(envelope(step as f64 * step_s) as f32, &pace);
        }
        detectors.readings(&pace)
    }

    fn db(ratio: f32) -> f64 {
        20.0 * f64::from(ratio).log10()
    }

    #[test]
    fn a_sine_gives_the_same_in_all_detectors() {
        for (band, step_s) in [(Band::A, 4e-4), (Band::B, 7e-6)] {
            let found = readings(&band, step_s, 4.0, |_| 2.0);
            for value in [found.peak, found.quasi_peak, found.average] {
                assert!(db(value / 2.0).abs() < 0.02, "{}: {found:?}", band.name);
            }
        }
    }

    #[test]
    fn the_circuits_give_the_charge_time_constants_of_the_standard() {
        for band in [Band::A, Band::B] {
            let step_s = band.charge_s / 500.0;
            let pace = Pace::new(&band, step_s);
            let mut detectors = Detectors::default();
            for _ in 0..500 {
                detectors.push(1.0, &pace);
            }
            let share = detectors.capacitor / pace.sine;
            assert!((share - 0.632).abs() < 0.005, "{}: {share}", band.name);
        }
    }

    /// Envelope of pulses through a Gaussian filter.
    fn pulses(band: &Band, per_second: f64) -> impl Fn(f64) -> f64 + use<> {
        let (sigma, period) = (band.sigma_s(), 1.0 / per_second);
        move |at| {
            let away = (at + period / 2.0).rem_euclid(period) - period / 2.0;
            [-period, 0.0, period].iter().map(|shift| (-((away + shift) / sigma).powi(2) / 2.0).exp()).sum()
        }
    }

    /// CISPR 16-1-1's table of pulse responses, recalled: repetition rate, what must be added to a pulse for the same
    /// reading as at the reference rate, tolerance.
    #[test]
    fn quasi_peak_weights_pulses_as_the_standards_table_has_it() {
        let of_a = [
            (100.0, -4.0, 1.0),
            (60.0, -3.0, 1.0),
            (10.0, 4.0, 1.0),
            (5.0, 7.5, 1.5),
            (2.0, 13.0, 2.0),
            (1.0, 17.0, 2.0),
        ];
        let of_b =
            [(1_000.0, -4.5, 1.0), (20.0, 6.5, 1.0), (10.0, 10.0, 1.5), (2.0, 20.5, 2.0), (1.0, 22.5, 2.0)];
        for (band, step_s, reference_hz, table, peak_over_quasi_peak) in
            [(Band::A, 4e-4, 25.0, &of_a[..], 6.1), (Band::B, 7e-6, 100.0, &of_b[..], 6.6)]
        {
            let of = |rate: f64| readings(&band, step_s, 4.0, pulses(&band, rate));
            let reference = of(reference_hz);
            let over = db(reference.peak / reference.quasi_peak);
            assert!((over - peak_over_quasi_peak).abs() < 1.0, "{}: {over}", band.name);
            for &(rate, expected, tolerance) in table {
                let needed = db(reference.quasi_peak / of(rate).quasi_peak);
                assert!((needed - expected).abs() < tolerance, "{} at {rate} Hz: {needed:.2} dB", band.name);
            }
            // An isolated pulse, the meter's highest deflection.
            let isolated = readings(&band, step_s, 1.0, |at| {
                (-((at - 6.0 * band.sigma_s()) / band.sigma_s()).powi(2) / 2.0).exp()
            });
            let needed = db(reference.quasi_peak / isolated.quasi_peak);
            let expected = if band.name == 'A' { 19.0 } else { 23.5 };
            assert!((needed - expected).abs() < 2.0, "{}: isolated {needed:.2} dB", band.name);
        }
    }

    #[test]
    fn the_average_of_a_sine_that_comes_and_goes_is_its_share_of_time() {
        for duty in [0.1, 0.5, 0.8] {
            let found = readings(&Band::A, 4e-4, 6.0, |at| f64::from(u8::from((at * 47.3).fract() < duty)));
            assert!((db(found.average) - 20.0 * duty.log10()).abs() < 0.3, "{duty}: {found:?}");
            assert_eq!(found.peak, 1.0);
            assert!(found.quasi_peak > found.average && found.quasi_peak <= 1.0);
        }
    }

    #[test]
    fn arccos_is_close() {
        for n in 0..=1_000 {
            let x = n as f32 / 1_000.0;
            assert!((arccos(x) - x.acos()).abs() < 1.5e-4, "{x}");
        }
    }
}

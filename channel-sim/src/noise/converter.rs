//! N2: a modern converter environment, as measured with an electric vehicle's charger on the line (channel digest
//! 1.1).
//!
//! The floor is Gaussian noise of the table's density, A²/2 per 10 Hz for a peak amplitude A per bin of 10 Hz,
//! interpolated in decibels. The spurs are 288 carriers with random phases. The figures are what the analyser held
//! over time slices, several dB above the mean; above 250 kHz the floor is probably the instrument's.
//!
//! All spurs are multiples of 20 Hz, so together they repeat every 50 ms: a table, which each port enters at a time
//! of its own.

use super::converter_table::{FLOOR, SPURS};
use super::error::NoiseError;
use super::filter::minimum_phase;
use super::mains::MainsPhase;
use super::model::{Amplitude, Conditions, Design, Model, Process, power};
use super::shaped::{Modulation, Shaped};
use super::spectrum::{Line, Spectrum};
use crate::random::{Purpose, stream, uniform};
use num_complex::Complex64;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;
use std::sync::Arc;

/// Width of the bins that the floor's amplitudes are for.
const BIN_HZ: f64 = 10.0;
/// All spurs are multiples of this.
const SPACING_HZ: f64 = 20.0;
/// Taps of the floor's filter at 400 kHz.
const TAPS: usize = 96;
/// Seed of the spurs' phases, which are part of the preset.
const PHASES: u64 = 0x4D65_7434;

/// The measured converter environment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Converter;

/// Mean square of a carrier whose peak is so many dBµV.
fn volts2(dbuv_peak: f64) -> f64 {
    libm::pow(10.0, (dbuv_peak - 120.0) / 10.0) / 2.0
}

impl Model for Converter {
    fn density(&self, hz: f64) -> f64 {
        let after = FLOOR.partition_point(|&(at, _)| at <= hz).clamp(1, FLOOR.len() - 1);
        let ((f0, a0), (f1, a1)) = (FLOOR[after - 1], FLOOR[after]);
        let share = ((hz - f0) / (f1 - f0)).clamp(0.0, 1.0);
        volts2(a0 + share * (a1 - a0)) / BIN_HZ
    }

    fn lines(&self, _conditions: &Conditions) -> Vec<Line> {
        SPURS
            .iter()
            .map(|&(tens, dbuv)| Line { hz: 10.0 * f64::from(tens), volts2: volts2(f64::from(dbuv)) })
            .collect()
    }

    /// The floor around what the spurs have at a time.
    fn amplitudes(&self, conditions: &Conditions) -> Vec<Amplitude> {
        const EVERY: usize = 10;
        let spurs = spurs(&self.lines(conditions), conditions.rate_hz);
        let weight = 1.0 / spurs.len().div_ceil(EVERY) as f64;
        let variance = power(self, conditions);
        spurs.iter().step_by(EVERY).map(|&mean| Amplitude { weight, mean, variance }).collect()
    }

    fn check(&self, preset: &'static str, conditions: &Conditions) -> Result<(), NoiseError> {
        if conditions.rate_hz % SPACING_HZ == 0.0 {
            return Ok(());
        }
        let why = format!("its spurs repeat every 50 ms; take a multiple of {SPACING_HZ} samples/s");
        Err(NoiseError::Rate { preset, rate_hz: conditions.rate_hz, why })
    }

    /// Floor and spurs pass the modem's coupler, since both rise steeply towards low frequencies.
    fn design(&self, conditions: &Conditions) -> Arc<dyn Design> {
        let rate_hz = conditions.rate_hz;
        let taps = minimum_phase(conditions.taps(TAPS), rate_hz, |hz| {
            conditions.per_sample(self.density(hz)) * conditions.coupled(hz)
        });
        let lines: Vec<Line> = self
            .lines(conditions)
            .into_iter()
            .filter(|line| line.hz < rate_hz / 2.0)
            .map(|line| Line { volts2: line.volts2 * conditions.coupled(line.hz), ..line })
            .collect();
        let spurs = spurs(&lines, rate_hz).iter().map(|&sample| sample as f32).collect();
        Arc::new(Ready { floor: Shaped::new(conditions, taps, Modulation::None), rate_hz, lines, spurs })
    }
}

/// The sum of carriers below half the rate over their common period.
fn spurs(lines: &[Line], rate_hz: f64) -> Vec<f64> {
    let mut rng = stream(PHASES, Purpose::Noise, 0);
    let mut sum = vec![0.0; (rate_hz / SPACING_HZ) as usize];
    for line in lines.iter().filter(|line| line.hz < rate_hz / 2.0) {
        let polar = |amplitude: f64, turns: f64| {
            let (sin, cos) = libm::sincos(TAU * turns);
            Complex64::new(amplitude * cos, amplitude * sin)
        };
        let mut phasor = polar((2.0 * line.volts2).sqrt(), uniform(&mut rng));
        let step = polar(1.0, line.hz / rate_hz);
        for sample in &mut sum {
            *sample += phasor.re;
            phasor *= step;
        }
    }
    sum
}

#[derive(Debug)]
struct Ready {
    floor: Shaped,
    rate_hz: f64,
    lines: Vec<Line>,
    /// The spurs' sum over their common period.
    spurs: Arc<[f32]>,
}

impl Design for Ready {
    fn start(&self, mut rng: ChaCha8Rng, gain: f64) -> Box<dyn Process> {
        let at = (uniform(&mut rng) * self.spurs.len() as f64) as usize;
        Box::new(Running {
            floor: self.floor.start(rng, gain),
            spurs: self.spurs.clone(),
            gain: gain as f32,
            at,
        })
    }

    fn spectra(&self) -> Vec<Spectrum> {
        self.floor.spectra().into_iter().map(|floor| floor.with_lines(self.rate_hz, &self.lines)).collect()
    }
}

#[derive(Debug)]
struct Running {
    floor: Box<dyn Process>,
    spurs: Arc<[f32]>,
    gain: f32,
    at: usize,
}

impl Process for Running {
    fn add(&mut self, phase: MainsPhase, work: &mut Vec<f32>, out: &mut [f32]) {
        self.floor.add(phase, work, out);
        let mut rest = out;
        while !rest.is_empty() {
            let count = rest.len().min(self.spurs.len() - self.at);
            let (now, later) = rest.split_at_mut(count);
            for (sample, &spur) in now.iter_mut().zip(&self.spurs[self.at..]) {
                *sample += self.gain * spur;
            }
            self.at = (self.at + count) % self.spurs.len();
            rest = later;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_the_digests() {
        // Digest 1.1: dBµV peak per 10 Hz at the medians, and the strongest spurs.
        let floor = |hz: f64| 10.0 * (Converter.density(hz) * 2.0 * BIN_HZ).log10() + 120.0;
        for (hz, dbuv) in [(21_740.0, 70.7), (36_740.0, 62.0), (66_740.0, 59.4), (96_740.0, 51.5)] {
            assert!((floor(hz) - dbuv).abs() < 0.06, "{hz}: {}", floor(hz));
        }
        for (hz, dbuv) in [(3_740, 104.7), (10_240, 95.2), (160_240, 79.6), (199_740, 83.6), (219_740, 78.7)]
        {
            let spur = SPURS.iter().find(|spur| u32::from(spur.0) * 10 == hz).unwrap();
            assert!((spur.1 - dbuv).abs() < 0.11, "{hz}: {}", spur.1);
        }
        assert!(SPURS.iter().all(|&(tens, _)| tens % 2 == 0));
        assert!(SPURS.is_sorted_by_key(|&(tens, _)| tens) && FLOOR.is_sorted_by(|a, b| a.0 < b.0));
    }
}

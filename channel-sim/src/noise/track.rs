//! The phase of the mains in a recording.
//!
//! Either a second channel holds the mains voltage, or the phase comes from the noise itself: its power repeats with
//! the half period, and the strongest of the first harmonics of that is followed. Then the origin is a convention: the
//! fundamental of the power is highest at the voltage's peak, 90°, where rectifiers conduct.

use num_complex::Complex64;
use std::f64::consts::TAU;

/// Phase over the samples of a recording: known every so many samples, straight in between.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    step: f64,
    /// Turns at samples 0, step, 2 step ..., rising.
    turns: Vec<f64>,
}

/// How far the mains frequency may be from its nominal value.
const PULL_HZ: f64 = 0.6;
/// Sample rates of recordings.
pub const RECORDED_HZ: [f64; 2] = [10_000.0, 10_000_000.0];
/// Frequencies of mains.
pub const MAINS_HZ: [f64; 2] = [49.0, 61.0];
/// Powers a second that phase is taken from.
const POWERS_HZ: f64 = 10_000.0;
/// Harmonics of the half period that are looked at.
const HARMONICS: usize = 6;

impl Track {
    /// Mains of a constant frequency whose phase at sample 0 is `turns`.
    pub fn steady(turns: f64, mains_hz: f64, rate_hz: f64, samples: usize) -> Self {
        let step = (samples as f64).max(1.0);
        Self { step, turns: vec![turns, turns + mains_hz * step / rate_hz] }
    }

    /// From a channel with the mains voltage.
    pub fn of_voltage(voltage: &[f32], rate_hz: f64, nominal_hz: f64) -> Result<Self, String> {
        check(rate_hz, nominal_hz)?;
        let window = (4.0 * rate_hz / nominal_hz) as usize;
        let phasors = follow(voltage, rate_hz, nominal_hz, window);
        let strength =
            phasors.iter().map(|phasor| phasor.norm_sqr().sqrt()).sum::<f64>() / phasors.len().max(1) as f64;
        let power = voltage.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / voltage.len().max(1) as f64;
        if phasors.len() < 2 || 2.0 * strength * strength < 0.25 * power {
            return Err(format!("the channel with the mains voltage holds no {nominal_hz} Hz"));
        }
        // sin(2π turns) has the phasor exp(j (2π turns - π/2)) / 2.
        let track = Self::new(&phasors, rate_hz, nominal_hz, window, 1.0, 0.25);
        let found_hz = track.mains_hz(rate_hz);
        if (found_hz - nominal_hz).abs() > 2.0 * PULL_HZ {
            return Err(format!(
                "the channel with the mains voltage has {found_hz:.1} Hz, not {nominal_hz} Hz"
            ));
        }
        Ok(track)
    }

    /// From the noise.
    pub fn of_noise(samples: &[f32], rate_hz: f64, nominal_hz: f64) -> Result<Self, String> {
        check(rate_hz, nominal_hz)?;
        let powers = powers(samples, rate_hz);
        let half_hz = 2.0 * nominal_hz;
        if powers.len() < (POWERS_HZ * 0.5) as usize {
            return Err("less than half a second is too short to find the mains in".into());
        }
        // The strongest harmonic, over one second windows so that wander does not blur it, at the best frequency.
        let second = (POWERS_HZ as usize).min(powers.len());
        let strength = |hz: f64| {
            follow(&powers, POWERS_HZ, hz, second).iter().map(|phasor| phasor.norm_sqr().sqrt()).sum::<f64>()
        };
        let mut best = (0.0, half_hz, 1);
        for harmonic in 1..=HARMONICS {
            for step in -12..=12 {
                let hz = half_hz + 2.0 * PULL_HZ * f64::from(step) / 12.0;
                let found = strength(hz * harmonic as f64);
                if found > best.0 {
                    best = (found, hz, harmonic);
                }
            }
        }
        let (found, hz, harmonic) = best;
        let noise = strength(half_hz * (HARMONICS as f64 + 3.4)).max(strength(half_hz * 2.37));
        if found < 3.0 * noise {
            return Err(format!(
                "the noise does not repeat with {nominal_hz} Hz mains; give a channel with the mains voltage"
            ));
        }
        let window = second / 4;
        let coarse = follow(&powers, POWERS_HZ, hz * harmonic as f64, window);
        let mut track =
            Self::new(&coarse, POWERS_HZ, hz * harmonic as f64, window, (2 * harmonic) as f64, 0.0);
        track.step *= rate_hz / POWERS_HZ;
        // Powers stand for the middle of their samples.
        let half = 0.5 * rate_hz / POWERS_HZ;
        // The fundamental decides on the origin: its highest value goes to 90° and 270°.
        let turn = |n: usize| -2.0 * track.at((n as f64) * rate_hz / POWERS_HZ + half);
        let term = |(n, &power): (usize, &f32)| polar(f64::from(power), turn(n));
        let fundamental: Complex64 = powers.iter().enumerate().map(term).sum();
        let peak = libm::atan2(fundamental.im, fundamental.re) / TAU / 2.0;
        for turns in &mut track.turns {
            *turns += 0.25 - peak;
        }
        Ok(track)
    }

    /// From phasors of windows in a row at a frequency that is `multiple` of the mains'.
    fn new(phasors: &[Complex64], rate_hz: f64, hz: f64, window: usize, multiple: f64, origin: f64) -> Self {
        let mut turns = Vec::with_capacity(phasors.len() + 2);
        let mut last = 0.0;
        for (index, phasor) in phasors.iter().enumerate() {
            let middle = (index as f64 + 0.5) * window as f64;
            let angle = libm::atan2(phasor.im, phasor.re) / TAU;
            last = angle + libm::round(last - angle);
            turns.push((last + origin + hz * middle / rate_hz) / multiple);
        }
        // To the beginning and the end by the slopes there.
        let slope = |a: f64, b: f64| 0.5 * (b - a);
        if let ([first, second, ..], [.., before, end]) = (&turns[..], &turns[..]) {
            let (start, stop) = (first - slope(*first, *second), end + slope(*before, *end));
            turns.insert(0, start);
            turns.push(stop);
        }
        Self::even(turns, window as f64)
    }

    /// Knots at 0, half a window, then windows apart, as knots half a window apart.
    fn even(turns: Vec<f64>, window: f64) -> Self {
        let inner = turns.get(1..turns.len().saturating_sub(1)).unwrap_or_default();
        let mut all = vec![turns.first().copied().unwrap_or(0.0)];
        for (index, &here) in inner.iter().enumerate() {
            all.push(here);
            if let Some(next) = inner.get(index + 1) {
                all.push(0.5 * (here + next));
            }
        }
        all.extend(turns.last().copied());
        Self { step: window / 2.0, turns: all }
    }

    /// Phase at a sample, in turns.
    pub fn at(&self, sample: f64) -> f64 {
        let position = sample / self.step;
        let before = (position.max(0.0) as usize).min(self.turns.len().saturating_sub(2));
        let (low, high) = (self.turns[before], self.turns[before + 1]);
        low + (position - before as f64) * (high - low)
    }

    /// The sample at which the phase is so many turns.
    pub fn sample(&self, turns: f64) -> f64 {
        let after = self.turns.partition_point(|&at| at <= turns).clamp(1, self.turns.len() - 1);
        let (low, high) = (self.turns[after - 1], self.turns[after]);
        (after as f64 - 1.0 + (turns - low) / (high - low)) * self.step
    }

    /// Mean frequency.
    pub fn mains_hz(&self, rate_hz: f64) -> f64 {
        let span = self.turns.last().unwrap_or(&0.0) - self.turns.first().unwrap_or(&0.0);
        span / (self.step * (self.turns.len() - 1) as f64) * rate_hz
    }

    /// The same for samples at `ratio` times the rate.
    pub fn resampled(mut self, ratio: f64) -> Self {
        self.step *= ratio;
        self
    }

    /// The same with all phases moved.
    pub fn ahead(mut self, turns: f64) -> Self {
        for at in &mut self.turns {
            *at += turns;
        }
        self
    }
}

/// Refuses rates and frequencies with which no phase can be found.
fn check(rate_hz: f64, nominal_hz: f64) -> Result<(), String> {
    let [least, most] = RECORDED_HZ;
    if !(least..=most).contains(&rate_hz) {
        return Err(format!("it has {rate_hz} samples/s; record with {least} to {most}"));
    }
    let [low, high] = MAINS_HZ;
    match (low..=high).contains(&nominal_hz) {
        true => Ok(()),
        false => Err(format!("mains of {nominal_hz} Hz are none; say a frequency from {low} to {high} Hz")),
    }
}

fn polar(amplitude: f64, turns: f64) -> Complex64 {
    let (sin, cos) = libm::sincos(TAU * turns);
    Complex64::new(amplitude * cos, amplitude * sin)
}

/// Mean of exp(-j 2π f t) times the samples over windows in a row, Hann weighted.
fn follow(samples: &[f32], rate_hz: f64, hz: f64, window: usize) -> Vec<Complex64> {
    let mean = |(index, block): (usize, &[f32])| {
        let step = polar(1.0, -hz / rate_hz);
        let mut phasor = polar(1.0, -hz * (index * window) as f64 / rate_hz);
        let fall = polar(1.0, 1.0 / window as f64);
        let mut shape = polar(1.0, 0.5 / window as f64);
        let mut sum = Complex64::ZERO;
        for &sample in block {
            sum += phasor * f64::from(sample) * (1.0 - shape.re);
            phasor *= step;
            shape *= fall;
        }
        sum / window as f64
    };
    samples.chunks_exact(window).enumerate().map(mean).collect()
}

/// Square roots of mean squares, [`POWERS_HZ`] a second, their mean taken off: roots, so that single impulses do not
/// drown what repeats.
fn powers(samples: &[f32], rate_hz: f64) -> Vec<f32> {
    let per = rate_hz / POWERS_HZ;
    let count = (samples.len() as f64 / per) as usize;
    let level = |index: usize| {
        let (from, to) = ((index as f64 * per) as usize, ((index + 1) as f64 * per) as usize);
        let block = samples.get(from..to.max(from + 1)).unwrap_or_default();
        let mean = block.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / block.len().max(1) as f64;
        mean.sqrt() as f32
    };
    let mut all: Vec<f32> = (0..count).map(level).collect();
    let mean = all.iter().sum::<f32>() / all.len().max(1) as f32;
    for value in &mut all {
        *value -= mean;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Mains;
    use crate::noise::tests::kit::{generate, open, preset};

    const RATE_HZ: f64 = 400_000.0;

    /// The worst difference from the true phase, whole multiples of `period` left out, after the first half second.
    fn worst(track: &Track, mains: &Mains, seconds: f64, period: f64) -> f64 {
        let error = |i: usize| {
            let time = 0.25 + (seconds - 0.5) * i as f64 / 100.0;
            let off = (track.at(time * RATE_HZ) - mains.turns(time)) / period;
            (off - off.round()).abs() * period
        };
        (0..=100).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn the_mains_voltage_gives_the_phase_within_a_tenth_of_a_degree() {
        let mains = Mains { wander_period_s: 10.0, ..Mains::EUROPE };
        let voltage: Vec<f32> = (0..2_000_000)
            .map(|n| {
                (TAU * (mains.turns(n as f64 / RATE_HZ) + 0.3)).sin() as f32
                    + 0.1 * ((n * 37 % 11) as f32 - 5.0)
            })
            .collect();
        let track = Track::of_voltage(&voltage, RATE_HZ, 50.0).unwrap().ahead(-0.3);
        assert!(worst(&track, &mains, 5.0, 1.0) < 0.1 / 360.0, "{}", worst(&track, &mains, 5.0, 1.0));
        assert!((track.mains_hz(RATE_HZ) - 50.0).abs() < 0.06);
        for turns in [0.1, 17.3, 200.9] {
            assert!((track.at(track.sample(turns)) - turns).abs() < 1e-9);
        }
        assert!(Track::of_voltage(&voltage, RATE_HZ, 60.0).is_err());
    }

    #[test]
    fn rates_and_mains_that_are_none_are_refused() {
        let samples = [0.1f32; 100_000];
        for (rate_hz, nominal_hz) in [
            (0.0, 50.0),
            (2.0, 50.0),
            (9_999.0, 50.0),
            (f64::NAN, 50.0),
            (400e3, f64::NAN),
            (400e3, 1e9),
            (400e3, 0.0),
        ] {
            assert!(Track::of_voltage(&samples, rate_hz, nominal_hz).is_err(), "{rate_hz} {nominal_hz}");
            assert!(Track::of_noise(&samples, rate_hz, nominal_hz).is_err(), "{rate_hz} {nominal_hz}");
        }
    }

    #[test]
    fn noise_gives_the_phase_up_to_a_constant_within_two_degrees() {
        for (id, mains) in [("n4", Mains::EUROPE), ("n3b", Mains::AMERICA), ("n5a", Mains::EUROPE)] {
            let plan = open(&preset(id), RATE_HZ, &mains);
            let noise = generate(&plan, 1, 2_000_000, &mains);
            let track = Track::of_noise(&noise, RATE_HZ, mains.hz).unwrap();
            // The constant is what it is at 2.5 s.
            let off = track.at(2.5 * RATE_HZ) - mains.turns(2.5);
            let error = worst(&track.ahead(-off), &mains, 5.0, 0.5);
            assert!(error < 2.0 / 360.0, "{id}: {:.2}°", error * 360.0);
        }
        let white = generate(&open(&preset("n0"), RATE_HZ, &Mains::EUROPE), 1, 2_000_000, &Mains::EUROPE);
        assert!(Track::of_noise(&white, RATE_HZ, 50.0).unwrap_err().contains("does not repeat"));
    }
}

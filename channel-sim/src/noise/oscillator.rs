//! Sinusoids whose frequency and amplitude change slowly, a stride of samples at a time.

use super::tones::{Carrier, Kind};
use crate::random::{normal, uniform};
use num_complex::Complex64;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;

/// Samples with one frequency and amplitude.
pub const STRIDE: usize = 16;
/// Values a second of the sound on a broadcast carrier, joined by lines: it fills some 4.5 kHz to each side.
pub(super) const SOUND_HZ: f64 = 14_000.0;
/// Time constant of a converter's wander.
const WANDER_S: f64 = 0.5;
/// Strides from one step of the wander to the next: 2.6 ms at 400 kHz.
const WANDER_STRIDES: u32 = 64;

/// Where the mains are in the middle of a stride: the sine of their phase and that of twice the phase.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Swing {
    sine: f64,
    double: f64,
}

impl Swing {
    /// At a phase in turns.
    pub(super) fn at(turns: f64) -> Self {
        let (sin, cos) = libm::sincos(TAU * turns);
        Self { sine: sin, double: 2.0 * sin * cos }
    }
}

impl Carrier {
    /// Amplitude relative to the mean and frequency, wander left out.
    pub(super) fn at(&self, swing: Swing) -> (f64, f64) {
        match self.kind {
            Kind::Sweep { hz } => (1.0, self.hz + hz * swing.double),
            // The mean of sin² is a half.
            Kind::Converter { swing: share, .. } => {
                (swing.sine.abs() * std::f64::consts::SQRT_2, self.hz * (1.0 + share * swing.double))
            }
            _ => (1.0, self.hz),
        }
    }
}

/// A unit phasor and its step at the mean frequency.
#[derive(Clone, Copy, Debug)]
struct Rotor {
    now: Complex64,
    step: Complex64,
}

impl Rotor {
    /// At a phase in turns, going on by so many turns a sample.
    fn new(phase: f64, step: f64) -> Self {
        let unit = |turns: f64| {
            let (sin, cos) = libm::sincos(TAU * turns);
            Complex64::new(cos, sin)
        };
        Self { now: unit(phase), step: unit(step) }
    }

    /// The real parts over a stride whose frequency is off the mean by a few hundredths of a turn a sample at most.
    fn stride(&mut self, off_turns: f64) -> [f64; STRIDE] {
        let mut step = self.step;
        if off_turns != 0.0 {
            // Series of a small angle, good to 1e-13.
            let a = TAU * off_turns;
            let a2 = a * a;
            let cos = 1.0 - a2 / 2.0 * (1.0 - a2 / 12.0 * (1.0 - a2 / 30.0));
            let sin = a * (1.0 - a2 / 6.0 * (1.0 - a2 / 20.0 * (1.0 - a2 / 42.0)));
            step *= Complex64::new(cos, sin);
        }
        let (mut re, mut im) = ([0.0; STRIDE], [0.0; STRIDE]);
        (re[0], im[0]) = (self.now.re, self.now.im);
        let mut power = step;
        let mut done = 1;
        while done < STRIDE {
            for k in 0..done {
                re[done + k] = re[k] * power.re - im[k] * power.im;
                im[done + k] = re[k] * power.im + im[k] * power.re;
            }
            power *= power;
            done *= 2;
        }
        let next = self.now * power;
        // Rounding would let the magnitude drift.
        self.now = next * (1.5 - 0.5 * next.norm_sqr());
        re
    }
}

/// A running carrier.
#[derive(Debug)]
pub(super) struct Oscillator {
    carrier: Carrier,
    rate_hz: f64,
    peak: f64,
    rotor: Rotor,
    /// That of zeros, where the carrier is keyed.
    pair: Rotor,
    /// Wander in standard deviations, how much of it stays from step to step, and strides until the next.
    wander: f64,
    keep: f64,
    until_wander: u32,
    /// The values of sound before and after now.
    sound: [f64; 2],
    /// Samples until the next value of sound or the next bit.
    until_next: f64,
    one: bool,
    rng: ChaCha8Rng,
}

impl Oscillator {
    /// A carrier of a peak at random phases.
    pub(super) fn new(carrier: Carrier, rate_hz: f64, peak: f64, mut rng: ChaCha8Rng) -> Self {
        let phases = [uniform(&mut rng), uniform(&mut rng)];
        let space_hz = match carrier.kind {
            Kind::Keyed { space_hz, .. } => space_hz,
            _ => carrier.hz,
        };
        Self {
            carrier,
            rate_hz,
            peak,
            rotor: Rotor::new(phases[0], carrier.hz / rate_hz),
            pair: Rotor::new(phases[1], space_hz / rate_hz),
            wander: normal(&mut rng),
            keep: libm::exp(-f64::from(WANDER_STRIDES) * STRIDE as f64 / rate_hz / WANDER_S),
            until_wander: WANDER_STRIDES,
            sound: [normal(&mut rng), normal(&mut rng)],
            until_next: 0.0,
            one: true,
            rng,
        }
    }

    /// Adds the next stride.
    pub(super) fn add(&mut self, swing: Swing, out: &mut [f64; STRIDE]) {
        let (relative, mut hz) = self.carrier.at(swing);
        if let Kind::Converter { wander, .. } = self.carrier.kind {
            // An Ornstein-Uhlenbeck process.
            self.until_wander -= 1;
            if self.until_wander == 0 {
                self.until_wander = WANDER_STRIDES;
                self.wander =
                    self.keep * self.wander + (1.0 - self.keep * self.keep).sqrt() * normal(&mut self.rng);
            }
            hz += wander * self.carrier.hz * self.wander;
        }
        let wave = self.rotor.stride((hz - self.carrier.hz) / self.rate_hz);
        let peak = self.peak * relative;
        match self.carrier.kind {
            Kind::Keyed { baud, .. } => {
                let pair = self.pair.stride(0.0);
                for (n, sample) in out.iter_mut().enumerate() {
                    if self.until_next <= 0.0 {
                        self.one = uniform(&mut self.rng) < 0.5;
                        self.until_next += self.rate_hz / baud;
                    }
                    self.until_next -= 1.0;
                    *sample += peak * if self.one { wave[n] } else { pair[n] };
                }
            }
            Kind::Sound { depth } => {
                let gains = self.gains(depth);
                for ((sample, wave), gain) in out.iter_mut().zip(wave).zip(gains) {
                    *sample += peak * gain * wave;
                }
            }
            Kind::Steady | Kind::Sweep { .. } | Kind::Converter { .. } => {
                for (sample, wave) in out.iter_mut().zip(wave) {
                    *sample += peak * wave;
                }
            }
        }
    }

    /// What sound makes of the amplitude over a stride.
    fn gains(&mut self, depth: f64) -> [f64; STRIDE] {
        // Lines between independent values have two thirds of their variance.
        let depth = depth * 1.5f64.sqrt();
        let span = self.rate_hz / SOUND_HZ;
        let mut gains = [1.0; STRIDE];
        let mut at = 0;
        while at < STRIDE {
            if self.until_next <= 0.0 {
                self.sound = [self.sound[1], normal(&mut self.rng)];
                self.until_next += span;
            }
            let count = (libm::ceil(self.until_next) as usize).clamp(1, STRIDE - at);
            let slope = (self.sound[1] - self.sound[0]) / span;
            let first = self.sound[0] + slope * (span - self.until_next);
            for (k, gain) in gains[at..at + count].iter_mut().enumerate() {
                *gain += depth * (first + slope * k as f64);
            }
            self.until_next -= count as f64;
            at += count;
        }
        gains
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotor_is_a_cosine_for_a_long_time() {
        let mut rotor = Rotor::new(0.2, 0.123_456);
        let mut worst = 0.0f64;
        for stride in 0..200_000 {
            for (k, found) in rotor.stride(0.0).into_iter().enumerate() {
                let n = (stride * STRIDE + k) as f64;
                worst = worst.max((found - (TAU * (0.2 + 0.123_456 * n)).cos()).abs());
            }
        }
        assert!(worst < 1e-7, "{worst}");
    }

    #[test]
    fn a_rotor_off_its_frequency_turns_as_fast_as_it_is_told() {
        let mut rotor = Rotor::new(0.0, 0.15);
        for stride in 0..1_000 {
            for (k, found) in rotor.stride(-0.007).into_iter().enumerate() {
                let n = (stride * STRIDE + k) as f64;
                assert!((found - (TAU * 0.143 * n).cos()).abs() < 1e-9, "{n}");
            }
        }
    }
}

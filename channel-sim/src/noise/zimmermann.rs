//! N8: aperiodic impulses (channel digest 1.7, after Zimmermann and Dostert 2002) over a white background.
//!
//! A partitioned Markov chain: within the classes "impulse" and "none" the state, and with it the mean of an
//! exponential dwell, is drawn anew each time, and transitions lead from one class to the other only. The means of
//! both classes are the digest's scenario table; how the states share them is pinned here, since the paper's own
//! coefficients are not known. In an impulse of width w one to three damped sinusoids ring with τ = w / 3, so that they
//! have fallen to 5 % when it ends.

use super::error::NoiseError;
use super::impulses::{Ring, Tail, render};
use super::mains::MainsPhase;
use super::model::{Amplitude, Conditions, Design, Model, Process};
use super::preset::{Parameters, background};
use super::shaped::{Modulation, Shaped};
use super::spectrum::Spectrum;
use crate::random::{Purpose, stream, uniform};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use std::f64::consts::TAU;
use std::sync::Arc;

/// Two impulse states: probability and mean dwell over the class's.
pub const IMPULSE_STATES: [(f64, f64); 2] = [(0.75, 2.0 / 3.0), (0.25, 2.0)];
/// Five states without impulse.
pub const FREE_STATES: [(f64, f64); 5] = [(0.1, 0.1), (0.2, 0.5), (0.4, 1.0), (0.2, 1.5), (0.1, 1.9)];
/// Root of the sum of the sinusoids' amplitudes squared: uniform in its logarithm (digest 1.7, Cortés 2010).
pub const VOLTS: [f64; 2] = [0.005, 0.150];
/// Their frequencies: uniform in the logarithm.
pub const RING_HZ: [f64; 2] = [20_000.0, 400_000.0];
/// The most sinusoids in an impulse.
pub const MOST_RINGS: u64 = 3;

/// A scenario of the digest's table.
#[derive(Clone, Debug, PartialEq)]
pub struct Zimmermann {
    /// Mean time from the beginning of an impulse to that of the next.
    pub interval_s: f64,
    /// Mean width.
    pub width_s: f64,
    /// Energy spectral density of an impulse on average, in V²s², at the frequencies of [`grid`].
    energies: Arc<[f64]>,
}

/// Frequencies at which energies are kept: 50 a decade from 100 Hz.
fn grid(index: usize) -> f64 {
    100.0 * libm::pow(10.0, index as f64 / 50.0)
}
const GRID: usize = 240;

impl Zimmermann {
    /// A scenario of mean interval and width.
    pub fn new(interval_s: f64, width_s: f64) -> Self {
        let energies = (0..GRID).map(|index| mean_energy(width_s, grid(index))).collect();
        Self { interval_s, width_s, energies }
    }

    pub(super) fn preset(
        parameters: &mut Parameters<'_>,
        (_, interval_s, width_us, _): (&str, f64, f64, f64),
    ) -> Result<Arc<dyn Model>, NoiseError> {
        let per_s = parameters.number("per_s", 1.0 / interval_s, [1e-4, 5_000.0])?;
        let width_us = parameters.number("width_us", width_us, [1.0, 1_000.0])?;
        if per_s * width_us > 5e5 {
            return Err(parameters.wrong("width_us", width_us, "impulses must not last half of the time"));
        }
        Ok(Arc::new(Self::new(1.0 / per_s, width_us * 1e-6)))
    }

    fn energy(&self, hz: f64) -> f64 {
        let position = (50.0 * libm::log10(hz.max(100.0) / 100.0)).min((GRID - 1) as f64);
        let before = (position as usize).min(GRID - 2);
        let (low, high) = (self.energies[before], self.energies[before + 1]);
        low * libm::pow(high / low, position - before as f64)
    }
}

/// E|I(f)|² over amplitudes, frequencies and widths. Signs are random, so sinusoids add by their energies.
fn mean_energy(width_s: f64, hz: f64) -> f64 {
    // Widths to twelve times the mean by the midpoint rule.
    const STEPS: u32 = 96;
    let state = |&(probability, relative): &(f64, f64)| {
        let mean = relative * width_s;
        let step = 12.0 / f64::from(STEPS);
        let term = |i: u32| {
            let x = (f64::from(i) + 0.5) * step;
            libm::exp(-x) * step * over_frequencies(x * mean / 3.0, hz)
        };
        probability * (0..STEPS).map(term).sum::<f64>()
    };
    let [least, most] = VOLTS;
    // The mean square of what is uniform in its logarithm.
    let volts2 = (most * most - least * least) / (2.0 * libm::log(most / least));
    volts2 * IMPULSE_STATES.iter().map(state).sum::<f64>()
}

/// Mean of a unit ring's energy density over its frequency: with p = 1/τ + jω and u = ω0² it is
/// ∫ du / |p² + u|² / 2 over the logarithm of the frequencies' ratio, an arc tangent.
fn over_frequencies(decay_s: f64, hz: f64) -> f64 {
    let [low, high] = RING_HZ;
    let (fall, own) = (1.0 / decay_s, TAU * hz);
    let (re, im) = (fall * fall - own * own, 2.0 * own * fall);
    let angle = |ring_hz: f64| libm::atan2(TAU * ring_hz * TAU * ring_hz + re, im);
    (angle(high) - angle(low)) / (2.0 * im * libm::log(high / low))
}

impl Model for Zimmermann {
    fn density(&self, hz: f64) -> f64 {
        self.background(hz) + 2.0 / self.interval_s * self.energy(hz)
    }

    fn background(&self, _hz: f64) -> f64 {
        background()
    }

    /// Of a background and, rarely, an impulse on it, by averaging over impulses and their time; unknown where
    /// impulses often ring into one another.
    fn amplitudes(&self, conditions: &Conditions) -> Vec<Amplitude> {
        const DRAWS: u32 = 100_000;
        /// Impulses' values are sorted by their logarithms.
        const PER_DECADE: f64 = 40.0;
        const LEAST_VOLTS: f64 = 1e-6;
        const BINS: usize = 240;
        /// Time in which an impulse falls to a ten thousandth, in τ.
        const RINGS: f64 = 9.2;
        if RINGS * self.width_s / 3.0 > 0.1 * self.interval_s {
            return Vec::new();
        }
        let white = conditions.per_sample(background());
        let mut events =
            Events { interval_s: self.interval_s, width_s: self.width_s, rng: stream(0, Purpose::Noise, 0) };
        let mut bins = vec![0.0; BINS];
        for _ in 0..DRAWS {
            let (width_s, rings) = events.impulse();
            let lasts_s = RINGS * width_s / 3.0;
            let time_s = lasts_s * uniform(&mut events.rng);
            // Above half the sample rate nothing is heard.
            let heard = rings.iter().filter(|ring| ring.hz < conditions.rate_hz / 2.0);
            let value: f64 = heard
                .map(|ring| {
                    ring.volts * libm::exp(-time_s / ring.decay_s) * libm::sin(TAU * ring.hz * time_s)
                })
                .sum();
            let place = PER_DECADE * libm::log10(value.abs().max(LEAST_VOLTS) / LEAST_VOLTS);
            if let Some(bin) = bins.get_mut((place as usize).min(BINS - 1)) {
                *bin += lasts_s / self.interval_s / f64::from(DRAWS);
            }
        }
        let quiet = 1.0 - bins.iter().sum::<f64>();
        let mut all = vec![Amplitude { weight: quiet, mean: 0.0, variance: white }];
        for (bin, &weight) in bins.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            let mean = LEAST_VOLTS * libm::pow(10.0, (bin as f64 + 0.5) / PER_DECADE);
            for mean in [mean, -mean] {
                all.push(Amplitude { weight: weight / 2.0, mean, variance: white });
            }
        }
        all
    }

    fn design(&self, conditions: &Conditions) -> Arc<dyn Design> {
        Arc::new(Ready {
            rate_hz: conditions.rate_hz,
            white: Shaped::white(conditions, background(), Modulation::None),
            model: self.clone(),
        })
    }
}

#[derive(Debug)]
struct Ready {
    rate_hz: f64,
    white: Shaped,
    model: Zimmermann,
}

impl Design for Ready {
    fn start(&self, mut rng: ChaCha8Rng, gain: f64) -> Box<dyn Process> {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let events = Events { interval_s: self.model.interval_s, width_s: self.model.width_s, rng };
        let mut running = Running {
            white: self.white.start(rand_core::SeedableRng::from_seed(seed), gain),
            rate_hz: self.rate_hz,
            gain,
            events,
            next: 0.0,
            tail: Tail::default(),
            impulse: Vec::new(),
        };
        running.next = running.events.gap() * self.rate_hz;
        Box::new(running)
    }

    fn spectra(&self) -> Vec<Spectrum> {
        vec![Spectrum::of_density(self.rate_hz, |hz| self.model.density(hz))]
    }
}

/// Draws impulses.
#[derive(Clone, Debug)]
struct Events {
    interval_s: f64,
    width_s: f64,
    rng: ChaCha8Rng,
}

impl Events {
    fn dwell(&mut self, states: &[(f64, f64)], mean_s: f64) -> f64 {
        let mut left = uniform(&mut self.rng);
        let state = states.iter().find(|(probability, _)| {
            left -= probability;
            left < 0.0
        });
        let relative = state.or(states.last()).map_or(1.0, |state| state.1);
        -libm::log(1.0 - uniform(&mut self.rng)) * relative * mean_s
    }

    /// Time without impulse.
    fn gap(&mut self) -> f64 {
        self.dwell(&FREE_STATES, self.interval_s - self.width_s)
    }

    fn logarithmic(&mut self, [low, high]: [f64; 2]) -> f64 {
        low * libm::pow(high / low, uniform(&mut self.rng))
    }

    /// Width and sinusoids of an impulse.
    fn impulse(&mut self) -> (f64, Vec<Ring>) {
        let width_s = self.dwell(&IMPULSE_STATES, self.width_s).max(1e-9);
        let count = 1 + self.rng.next_u64() % MOST_RINGS;
        let volts = self.logarithmic(VOLTS) / (count as f64).sqrt();
        let ring = |_| {
            let sign = if self.rng.next_u32() & 1 == 0 { 1.0 } else { -1.0 };
            Ring { volts: sign * volts, hz: self.logarithmic(RING_HZ), decay_s: width_s / 3.0 }
        };
        (width_s, (0..count).map(ring).collect())
    }
}

#[derive(Debug)]
struct Running {
    white: Box<dyn Process>,
    rate_hz: f64,
    gain: f64,
    events: Events,
    /// When the next impulse begins, in samples from the next.
    next: f64,
    tail: Tail,
    impulse: Vec<f32>,
}

impl Process for Running {
    fn add(&mut self, phase: MainsPhase, work: &mut Vec<f32>, out: &mut [f32]) {
        self.white.add(phase, work, out);
        while self.next < out.len() as f64 {
            let (width_s, mut rings) = self.events.impulse();
            for ring in &mut rings {
                ring.volts *= self.gain;
            }
            let whole = libm::floor(self.next);
            render(&rings, self.rate_hz, self.next - whole, &mut self.impulse);
            self.tail.push(whole as usize, &self.impulse);
            self.next += (width_s + self.events.gap()) * self.rate_hz;
        }
        self.next -= out.len() as f64;
        self.tail.add(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::tests::kit::kolmogorov;

    fn dwells(states: &'static [(f64, f64)], mean: f64) -> impl Fn(f64) -> f64 {
        move |x| states.iter().map(|(p, relative)| p * (1.0 - (-x / (relative * mean)).exp())).sum()
    }

    #[test]
    fn gaps_widths_and_amplitudes_have_their_distributions() {
        let mut events = Events { interval_s: 0.0196, width_s: 64.1e-6, rng: stream(3, Purpose::Noise, 0) };
        let gaps: Vec<f64> = (0..20_000).map(|_| events.gap()).collect();
        let impulses: Vec<_> = (0..20_000).map(|_| events.impulse()).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        assert!((mean(&gaps) / (0.0196 - 64.1e-6) - 1.0).abs() < 0.02);
        assert!(kolmogorov(gaps, dwells(&FREE_STATES, 0.0196 - 64.1e-6)) < 1.0);
        let widths: Vec<f64> = impulses.iter().map(|impulse| impulse.0).collect();
        assert!((mean(&widths) / 64.1e-6 - 1.0).abs() < 0.02);
        assert!(kolmogorov(widths, dwells(&IMPULSE_STATES, 64.1e-6)) < 1.0);
        let volts =
            impulses.iter().map(|(_, rings)| rings.iter().map(|ring| ring.volts.powi(2)).sum::<f64>().sqrt());
        let logarithm = |x: f64| (x / VOLTS[0]).ln() / (VOLTS[1] / VOLTS[0]).ln();
        assert!(kolmogorov(volts.collect(), logarithm) < 1.0);
    }

    #[test]
    fn the_mean_over_frequencies_is_the_integral() {
        for (decay_s, hz) in [(10e-6, 30e3), (20e-6, 100e3), (60e-6, 300e3), (15e-6, 5e3)] {
            const POINTS: u32 = 20_000;
            let ratio = RING_HZ[1] / RING_HZ[0];
            let at = |i: u32| RING_HZ[0] * ratio.powf((f64::from(i) + 0.5) / f64::from(POINTS));
            let ring = |i: u32| Ring { volts: 1.0, hz: at(i), decay_s };
            let summed = (0..POINTS).map(|i| ring(i).energy(hz)).sum::<f64>() / f64::from(POINTS);
            assert!((over_frequencies(decay_s, hz) / summed - 1.0).abs() < 1e-4, "{decay_s} {hz}");
        }
    }

    #[test]
    fn states_have_the_table_means() {
        for states in [&IMPULSE_STATES[..], &FREE_STATES[..]] {
            assert!((states.iter().map(|state| state.0).sum::<f64>() - 1.0).abs() < 1e-12);
            assert!((states.iter().map(|state| state.0 * state.1).sum::<f64>() - 1.0).abs() < 1e-12);
        }
        // Time occupied in percent, digest 1.7.
        for (interval_s, width_us, percent) in
            crate::noise::preset::SCENARIOS.map(|row| (row.1, row.2, row.3))
        {
            assert!((width_us * 1e-4 / interval_s / percent - 1.0).abs() < 0.01);
        }
    }
}

//! White noise that is modulated, then coloured: what most models come down to.

use super::filter::Fir;
use super::gaussian::Gaussian;
use super::kernels::{self, STEPS};
use super::mains::MainsPhase;
use super::model::{Conditions, Design, Process};
use super::spectrum::Spectrum;
use crate::random::uniform;
use dsp::cpu::Level;
use rand_chacha::ChaCha8Rng;
use std::fmt::Debug;
use std::sync::Arc;

/// Amplitudes over half a turn of the mains.
pub(super) type HalfTurn = Arc<[f32; STEPS]>;

/// The table of a variance over half a turn (a function of the phase in turns), of unit mean.
pub(super) fn half_turn(variance: impl Fn(f64) -> f64) -> HalfTurn {
    let raw: Vec<f64> = (0..STEPS).map(|step| variance((step as f64 + 0.5) / (2 * STEPS) as f64)).collect();
    let mean = raw.iter().sum::<f64>() / STEPS as f64;
    let mut table = Box::new([0.0; STEPS]);
    for (amplitude, raw) in table.iter_mut().zip(&raw) {
        *amplitude = (raw / mean).sqrt() as f32;
    }
    table.into()
}

/// Time in which states of a model without a time scale of its own last: a sample at 400 kHz.
pub(super) const SLOTS_HZ: u64 = 400_000;

/// States that last for some slots each.
pub(super) trait Runs: Debug + Send + Sync {
    /// The state before the first run.
    fn first(&self, rng: &mut ChaCha8Rng) -> usize;
    /// The next run: state, length in slots and amplitude relative to what the taps are for.
    fn next(&self, state: usize, rng: &mut ChaCha8Rng) -> (usize, u64, f32);
    /// Mean of the amplitudes' squares.
    fn mean_square(&self) -> f64;
}

/// Slots before the first of independent slots that each hit with a probability.
pub(super) fn geometric(probability: f64, rng: &mut ChaCha8Rng) -> u64 {
    let misses = libm::log(1.0 - uniform(rng)) / libm::log1p(-probability);
    misses.min(1e15) as u64
}

/// How white noise is modulated.
#[derive(Clone, Debug)]
pub(super) enum Modulation {
    /// Not at all.
    None,
    /// By the phase of the mains.
    Mains(HalfTurn),
    /// By states.
    Runs(Arc<dyn Runs>),
}

/// White noise, modulated and coloured.
#[derive(Clone, Debug)]
pub(super) struct Shaped {
    rate_hz: f64,
    taps: Vec<f32>,
    reversed: Arc<[f32]>,
    modulation: Modulation,
}

impl Shaped {
    /// With the taps of a colouring filter; one tap is a level.
    pub(super) fn new(conditions: &Conditions, taps: Vec<f32>, modulation: Modulation) -> Self {
        let reversed = taps.iter().rev().copied().collect();
        Self { rate_hz: conditions.rate_hz, taps, reversed, modulation }
    }

    /// White, of a density in V²/Hz.
    pub(super) fn white(conditions: &Conditions, volts2_per_hz: f64, modulation: Modulation) -> Self {
        Self::new(conditions, vec![conditions.per_sample(volts2_per_hz).sqrt() as f32], modulation)
    }
}

impl Design for Shaped {
    fn start(&self, mut rng: ChaCha8Rng, gain: f64) -> Box<dyn Process> {
        let white = Gaussian::new(&mut rng);
        let gate = match &self.modulation {
            Modulation::None => Gate::None,
            Modulation::Mains(table) => Gate::Mains(table.clone()),
            Modulation::Runs(runs) => {
                let state = runs.first(&mut rng);
                Gate::Runs(Box::new(RunGate {
                    runs: runs.clone(),
                    rng,
                    rate: self.rate_hz as u64,
                    state,
                    amplitude: 1.0,
                    sample: 0,
                    slot: 0,
                    end: 0,
                }))
            }
        };
        let scaled = |taps: &Arc<[f32]>| -> Arc<[f32]> {
            if gain == 1.0 { taps.clone() } else { taps.iter().map(|&tap| tap * gain as f32).collect() }
        };
        Box::new(ShapedProcess {
            level: Level::best(),
            white,
            gate,
            colour: Fir::reversed(scaled(&self.reversed)),
        })
    }

    fn spectra(&self) -> Vec<Spectrum> {
        let mean_square = match &self.modulation {
            Modulation::Runs(runs) => runs.mean_square(),
            _ => 1.0,
        };
        let taps: Vec<f32> = self.taps.iter().map(|&tap| tap * mean_square.sqrt() as f32).collect();
        vec![Spectrum::of_taps(self.rate_hz, &taps)]
    }

    fn weights(&self, from: f64, to: f64) -> Vec<f64> {
        let Modulation::Mains(table) = &self.modulation else { return vec![1.0] };
        vec![mean_power(table, from, to)]
    }
}

/// Mean power of a table from one phase in turns to another.
pub(super) fn mean_power(table: &HalfTurn, from: f64, to: f64) -> f64 {
    let first = libm::floor(from * (2 * STEPS) as f64) as i64;
    let last = (libm::ceil(to * (2 * STEPS) as f64) as i64).max(first + 1);
    let square = |step: i64| f64::from(table[step.rem_euclid(STEPS as i64) as usize]).powi(2);
    (first..last).map(square).sum::<f64>() / (last - first) as f64
}

#[derive(Debug)]
struct ShapedProcess {
    level: Level,
    white: Gaussian,
    gate: Gate,
    colour: Fir,
}

#[derive(Debug)]
enum Gate {
    None,
    Mains(HalfTurn),
    Runs(Box<RunGate>),
}

impl Process for ShapedProcess {
    fn add(&mut self, phase: MainsPhase, work: &mut Vec<f32>, out: &mut [f32]) {
        let room = self.colour.room();
        work.resize(room + out.len(), 0.0);
        let fresh = &mut work[room..];
        self.white.fill(fresh);
        match &mut self.gate {
            Gate::None => {}
            Gate::Mains(table) => {
                let (phase, step) = half_turns(phase);
                kernels::gate(self.level, table, phase, step, fresh);
            }
            Gate::Runs(runs) => runs.apply(fresh),
        }
        self.colour.add_filtered(work, out);
    }
}

/// Phase and step in 2^-32 of half a turn.
pub(super) fn half_turns(phase: MainsPhase) -> (u32, u32) {
    const SCALE: f64 = 4_294_967_296.0;
    let halves = phase.turns * 2.0;
    let first = ((halves - libm::floor(halves)) * SCALE) as u32;
    (first, (phase.per_sample * 2.0 * SCALE) as i64 as u32)
}

#[derive(Debug)]
struct RunGate {
    runs: Arc<dyn Runs>,
    rng: ChaCha8Rng,
    rate: u64,
    state: usize,
    amplitude: f32,
    /// Samples that have passed.
    sample: u64,
    /// The slot with which the run ends, and the first sample in or after it.
    slot: u64,
    end: u64,
}

impl RunGate {
    fn apply(&mut self, samples: &mut [f32]) {
        let mut rest = samples;
        while !rest.is_empty() {
            while self.sample >= self.end {
                let (state, slots, amplitude) = self.runs.next(self.state, &mut self.rng);
                (self.state, self.amplitude) = (state, amplitude);
                self.slot += slots;
                let end = u128::from(self.slot) * u128::from(self.rate);
                self.end = end.div_ceil(u128::from(SLOTS_HZ)) as u64;
            }
            let count = rest.len().min((self.end - self.sample) as usize);
            let (now, later) = rest.split_at_mut(count);
            if self.amplitude != 1.0 {
                for sample in now {
                    *sample *= self.amplitude;
                }
            }
            self.sample += count as u64;
            rest = later;
        }
    }
}

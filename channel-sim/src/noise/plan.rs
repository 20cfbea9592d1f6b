//! Presets together: checked, made ready for a sample rate, scaled, and started.

use super::error::NoiseError;
use super::mains::MainsPhase;
use super::model::{BLOCK, Conditions, Design, Process};
use super::preset::{Preset, mean};
use super::spectrum::{Spectrum, volts2_per_hz};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::sync::Arc;

/// Which part of noise a level means (channel digest 0.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// All of it, averaged over the mains period and over impulses.
    Mean,
    /// What is there without impulses, bursts and tones.
    Background,
}

/// Which phase of the mains the synchronous noise of a port follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Between L1 and neutral.
    L1,
    /// Between L2 and neutral, a third of a turn later.
    L2,
    /// Between L3 and neutral, two thirds of a turn later.
    L3,
    /// One that couples to all three phases: the sum of three independent generators, each of a third of the power.
    ThreePhase,
}

impl Port {
    /// Shifts of the mains phase and the amplitude of each.
    fn shifts(self) -> (&'static [f64], f64) {
        match self {
            Self::L1 => (&[0.0], 1.0),
            Self::L2 => (&[-1.0 / 3.0], 1.0),
            Self::L3 => (&[-2.0 / 3.0], 1.0),
            Self::ThreePhase => (&[0.0, -1.0 / 3.0, -2.0 / 3.0], 0.577_350_269_189_625_8),
        }
    }
}

/// What a port's noise is: presets that add up, valid under the conditions.
#[derive(Clone, Debug)]
pub struct NoisePlan {
    conditions: Conditions,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    preset: Preset,
    /// What the model's amplitudes are multiplied by.
    gain: f64,
    design: Arc<dyn Design>,
    spectra: Arc<[Spectrum]>,
}

impl Part {
    fn power(&self) -> f64 {
        self.gain * self.gain
    }
}

impl NoisePlan {
    /// The sum of presets. Refuses those that are not valid under the conditions.
    pub fn new(presets: &[Preset], conditions: &Conditions) -> Result<Self, NoiseError> {
        let part = |preset: &Preset| {
            preset.check(conditions)?;
            let preset = preset.at(conditions);
            let design = preset.model().design(conditions);
            let spectra = design.spectra().into();
            Ok(Part { gain: preset.gain(), preset, design, spectra })
        };
        let parts = presets.iter().map(part).collect::<Result<_, _>>()?;
        Ok(Self { conditions: *conditions, parts })
    }

    /// Where it is heard.
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// Whether any part is synchronous with the mains.
    pub fn follows_mains(&self) -> bool {
        self.parts.iter().any(|part| part.preset.model().follows_mains())
    }

    /// Mean one-sided density by the formulas, in V²/Hz, carriers left out.
    pub fn density(&self, hz: f64) -> f64 {
        self.parts.iter().map(|part| part.power() * part.preset.model().density(hz)).sum()
    }

    /// The same at a phase of L1 in turns.
    pub fn density_at(&self, turns: f64, hz: f64) -> f64 {
        self.parts.iter().map(|part| part.power() * part.preset.model().density_at(turns, hz)).sum()
    }

    /// Power of all carriers below half the rate, in V².
    pub fn line_power(&self) -> f64 {
        let one = |part: &Part| -> f64 {
            let lines = part.preset.model().lines(&self.conditions);
            let below = lines.iter().filter(|line| line.hz < self.conditions.rate_hz / 2.0);
            part.power() * below.map(|line| line.volts2).sum::<f64>()
        };
        self.parts.iter().map(one).sum()
    }

    /// The density without impulses, bursts and tones.
    pub fn background(&self, hz: f64) -> f64 {
        self.parts.iter().map(|part| part.power() * part.preset.model().background(hz)).sum()
    }

    /// The same plan with all amplitudes multiplied, but for interferers whose level the signal defines.
    pub fn scaled(&self, amplitude: f64) -> Self {
        let mut plan = self.clone();
        for part in plan.parts.iter_mut().filter(|part| !part.preset.model().follows_signal()) {
            part.gain *= amplitude;
        }
        plan
    }

    /// The same plan scaled so that the mean density over the conditions' band is so much. Refuses noise without the
    /// part that the reference means.
    pub fn scaled_to(&self, wanted_dbm_per_hz: f64, reference: Reference) -> Result<Self, NoiseError> {
        let band_hz = self.conditions.band_hz;
        let now = self.mean_density(reference);
        if now > 0.0 {
            return Ok(self.scaled((volts2_per_hz(wanted_dbm_per_hz) / now).sqrt()));
        }
        Err(NoiseError::Nothing {
            presets: self.to_string(),
            part: match reference {
                Reference::Mean => "power",
                Reference::Background => "background",
            },
            low_hz: band_hz[0],
            high_hz: band_hz[1],
        })
    }

    /// Mean density over the conditions' band, in V²/Hz, of what can be scaled; carriers in the band are part of the
    /// mean.
    pub fn mean_density(&self, reference: Reference) -> f64 {
        let [low, high] = self.conditions.band_hz;
        let one = |part: &Part| {
            let model = part.preset.model();
            part.power()
                * match reference {
                    Reference::Background => mean([low, high], |hz| model.background(hz)),
                    Reference::Mean => {
                        let inside = |hz: f64| (low..=high).contains(&hz);
                        let lines: f64 = model
                            .lines(&self.conditions)
                            .iter()
                            .filter(|line| inside(line.hz))
                            .map(|line| line.volts2)
                            .sum();
                        mean([low, high], |hz| model.density(hz)) + lines / (high - low)
                    }
                }
        };
        self.parts.iter().filter(|part| !part.preset.model().follows_signal()).map(one).sum()
    }

    /// Mean noise energy in a bin of a rectangular `points`-point transform: what a receiver without window finds
    /// there, leakage included, as E|N_k|², averaged over the mains period.
    pub fn bin_power(&self, points: usize, bin: usize) -> f64 {
        self.bin_power_between(points, bin, 0.0, 1.0)
    }

    /// The same averaged from one phase of L1 to another, in turns.
    pub fn bin_power_between(&self, points: usize, bin: usize, from: f64, to: f64) -> f64 {
        let one = |part: &Part| -> f64 {
            let weights = part.design.weights(from, to);
            let terms = part.spectra.iter().zip(weights).filter(|(_, weight)| *weight > 0.0);
            part.power()
                * terms.map(|(spectrum, weight)| weight * spectrum.bin_power(points, bin)).sum::<f64>()
        };
        self.parts.iter().map(one).sum()
    }

    /// Starts generators with streams from `rng`.
    pub fn source(&self, port: Port, rng: &mut impl Rng) -> NoiseSource {
        let mut parts = Vec::new();
        for part in &self.parts {
            let (shifts, amplitude) =
                if part.preset.model().follows_mains() { port.shifts() } else { Port::L1.shifts() };
            for &shift in shifts {
                let mut seed = [0; 32];
                rng.fill_bytes(&mut seed);
                parts.push((shift, part.design.start(ChaCha8Rng::from_seed(seed), part.gain * amplitude)));
            }
        }
        NoiseSource { parts, work: Vec::new() }
    }
}

impl std::fmt::Display for NoisePlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}", part.preset)?;
        }
        Ok(())
    }
}

/// Generates the noise of one port.
#[derive(Debug)]
pub struct NoiseSource {
    parts: Vec<(f64, Box<dyn Process>)>,
    work: Vec<f32>,
}

impl NoiseSource {
    /// The sum of `presets` on L1, with streams from `rng`.
    pub fn new(presets: &[Preset], conditions: &Conditions, rng: &mut impl Rng) -> Result<Self, NoiseError> {
        Ok(NoisePlan::new(presets, conditions)?.source(Port::L1, rng))
    }

    /// Adds the next samples of noise to `out`, in volts. `phase` is the mains phase of L1 over them.
    pub fn add(&mut self, phase: MainsPhase, out: &mut [f32]) {
        let mut phase = phase;
        for block in out.chunks_mut(BLOCK) {
            for (shift, part) in &mut self.parts {
                part.add(phase.ahead(*shift), &mut self.work, block);
            }
            phase = phase.after(block.len() as f64);
        }
    }
}

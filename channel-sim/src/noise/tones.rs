//! N10: narrowband interferers of three kinds (channel digest 1.2).
//!
//! n(t) = Σ A_i(t) cos(2π f_i(t) t + θ_i). One tone at five places, its level given by the signal's (SIR), and three
//! scenes with levels of their own: broadcast and time signals, a converter, and the signalling of another utility.
//! The table in [`SCENES`] pins what the digest gives as ranges. Each carrier's frequency and amplitude are updated
//! every [`STRIDE`] samples.

use super::error::NoiseError;
use super::mains::MainsPhase;
use super::model::{Amplitude, Conditions, Design, Model, Process};
use super::preset::Parameters;
use super::spectrum::{Line, Spectrum};
use crate::random::{normal, uniform};
use num_complex::Complex64;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;
use std::sync::Arc;

/// Samples with one frequency and a linear amplitude.
pub const STRIDE: usize = 16;
/// Values a second of the sound on a broadcast carrier, joined by lines: it fills some 4.5 kHz to each side.
const SOUND_HZ: f64 = 14_000.0;

/// What a carrier does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Nothing.
    Steady,
    /// Its frequency swings by plus and minus this, twice a mains period.
    Sweep {
        /// The swing.
        hz: f64,
    },
    /// Sound on its amplitude, of this root mean square relative to the carrier's.
    Sound {
        /// Modulation index.
        depth: f64,
    },
    /// A converter: the frequency swings by a share twice a mains period and wanders; the amplitude follows |sin| of
    /// the mains' phase.
    Converter {
        /// Swing δ over the frequency.
        swing: f64,
        /// Standard deviation of the wander over the frequency.
        wander: f64,
    },
    /// Keyed on and off by random bits, with its pair at another frequency on when it is off (S-FSK).
    Keyed {
        /// Bits a second.
        baud: f64,
        /// Frequency of the pair, for zeros.
        space_hz: f64,
    },
}

/// A carrier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Carrier {
    /// Its mean frequency; that of ones where it is keyed.
    pub hz: f64,
    /// Level of its root mean square without sound, averaged over the mains period.
    pub dbuv: f64,
    /// What it does.
    pub kind: Kind,
}

/// Time constant of a converter's wander.
const WANDER_S: f64 = 0.5;

const fn steady(hz: f64, dbuv: f64) -> Carrier {
    Carrier { hz, dbuv, kind: Kind::Steady }
}
const fn sound(hz: f64, dbuv: f64) -> Carrier {
    Carrier { hz, dbuv, kind: Kind::Sound { depth: 0.3 } }
}
const fn converter(hz: f64, dbuv: f64) -> Carrier {
    Carrier { hz, dbuv, kind: Kind::Converter { swing: 0.01, wander: 0.002 } }
}

/// The scenes `n10f` to `n10h`.
pub const SCENES: [&[Carrier]; 3] = [
    // JJY 40 kHz, MSF and JJY 60 kHz, DCF77; long-wave broadcasting; two beacons.
    &[
        steady(40_000.0, 45.0),
        steady(60_000.0, 50.0),
        steady(77_500.0, 55.0),
        sound(153_000.0, 65.0),
        sound(183_000.0, 60.0),
        sound(225_000.0, 60.0),
        sound(252_000.0, 55.0),
        steady(330_000.0, 45.0),
        steady(375_000.0, 40.0),
    ],
    // A power factor stage at 65 kHz with harmonics.
    &[
        converter(65_000.0, 75.0),
        converter(130_000.0, 65.0),
        converter(195_000.0, 60.0),
        converter(260_000.0, 55.0),
        converter(325_000.0, 50.0),
        converter(390_000.0, 45.0),
    ],
    // S-FSK of IEC 61334 at 1200 bit/s.
    &[Carrier { hz: 74_000.0, dbuv: 75.0, kind: Kind::Keyed { baud: 1_200.0, space_hz: 63_300.0 } }],
];

/// The places `n10a` to `n10e` among G3-PLC's CENELEC-A carriers: at the centre of carrier 40; halfway to the next; on
/// carrier 29, a pilot in coherent payload's first symbol (position 6 of the active ones) and in every sixth after; on
/// the lowest carrier, which repeats within the preamble's symbols as they do, so that correlation with the symbol
/// before takes it for a preamble; sweeping over two carriers to each side of carrier 40.
pub const PLACES: [Carrier; 5] = [
    steady(62_500.0, 0.0),
    steady(63_281.25, 0.0),
    steady(45_312.5, 0.0),
    steady(35_937.5, 0.0),
    Carrier { hz: 62_500.0, dbuv: 0.0, kind: Kind::Sweep { hz: 3_125.0 } },
];

/// Carriers together.
#[derive(Clone, Debug, PartialEq)]
pub struct Tones {
    carriers: Vec<Carrier>,
    /// Signal to interference ratio, where the level is the signal's.
    sir_db: Option<f64>,
}

impl Tones {
    pub(super) fn place(parameters: &mut Parameters<'_>, place: usize) -> Result<Arc<dyn Model>, NoiseError> {
        let mut carrier = PLACES.get(place).copied().unwrap_or(PLACES[0]);
        carrier.hz = parameters.number("hz", carrier.hz, super::model::NARROWBAND_HZ)?;
        let sir_db = parameters.number("sir", 0.0, [-60.0, 60.0])?;
        Ok(Arc::new(Self { carriers: vec![carrier], sir_db: Some(sir_db) }))
    }

    pub(super) fn scene(scene: usize) -> Arc<dyn Model> {
        Arc::new(Self {
            carriers: SCENES.get(scene).map_or(Vec::new(), |scene| scene.to_vec()),
            sir_db: None,
        })
    }

    /// Mean square of a carrier, sound left out.
    fn power(&self, carrier: &Carrier, conditions: &Conditions) -> f64 {
        let dbuv = match self.sir_db {
            Some(sir_db) => conditions.signal_dbuv - sir_db,
            None => carrier.dbuv,
        };
        libm::pow(10.0, (dbuv - 120.0) / 10.0)
    }
}

impl Carrier {
    /// Amplitude relative to the mean and frequency at a phase, wander left out.
    fn at(&self, turns: f64) -> (f64, f64) {
        match self.kind {
            Kind::Sweep { hz } => (1.0, self.hz + hz * libm::sin(2.0 * TAU * turns)),
            Kind::Converter { swing, .. } => {
                // The mean of sin² is a half.
                let amplitude = libm::sin(TAU * turns).abs() * std::f64::consts::SQRT_2;
                (amplitude, self.hz * (1.0 + swing * libm::sin(2.0 * TAU * turns)))
            }
            _ => (1.0, self.hz),
        }
    }

    /// Density per unit of power at a phase of the mains, what is a line left out.
    fn shape_at(&self, turns: f64, hz: f64) -> f64 {
        let sinc = |x: f64| if x.abs() < 1e-9 { 1.0 } else { libm::sin(TAU / 2.0 * x) / (TAU / 2.0 * x) };
        match self.kind {
            Kind::Steady => 0.0,
            Kind::Sound { depth } => 1.5 * depth * depth * sinc((hz - self.hz) / SOUND_HZ).powi(4) / SOUND_HZ,
            Kind::Keyed { baud, space_hz } => {
                // Wide skirts, so the image at negative frequencies counts.
                let skirt = |off: f64| sinc(off / baud).powi(2) / baud / 4.0;
                let one = |centre: f64| skirt(hz - centre) + skirt(hz + centre);
                one(self.hz) + one(space_hz)
            }
            // The frequency is where it is, seen with the width that the sweep itself and the wander give it.
            Kind::Sweep { .. } | Kind::Converter { .. } => {
                let (amplitude, centre) = self.at(turns);
                let width = match self.kind {
                    Kind::Converter { wander, .. } => wander * self.hz,
                    _ => 150.0,
                };
                let off = (hz - centre) / width;
                amplitude * amplitude * libm::exp(-off * off / 2.0) / (width * TAU.sqrt())
            }
        }
    }
}

impl Model for Tones {
    fn density(&self, hz: f64) -> f64 {
        const STEPS: u32 = 200;
        let at = |i: u32| self.density_at((f64::from(i) + 0.5) / f64::from(2 * STEPS), hz);
        if self.follows_mains() { (0..STEPS).map(at).sum::<f64>() / f64::from(STEPS) } else { at(0) }
    }

    fn density_at(&self, turns: f64, hz: f64) -> f64 {
        // Levels that the signal gives are known from conditions only: see `lines` and `design`.
        let conditions = Conditions::CENELEC_A;
        self.carriers
            .iter()
            .map(|carrier| self.power(carrier, &conditions) * carrier.shape_at(turns, hz))
            .sum()
    }

    fn background(&self, _hz: f64) -> f64 {
        0.0
    }

    fn lines(&self, conditions: &Conditions) -> Vec<Line> {
        let mut lines = Vec::new();
        for carrier in &self.carriers {
            let volts2 = self.power(carrier, conditions);
            match carrier.kind {
                Kind::Steady | Kind::Sound { .. } => lines.push(Line { hz: carrier.hz, volts2 }),
                Kind::Keyed { space_hz, .. } => {
                    lines.push(Line { hz: carrier.hz, volts2: volts2 / 4.0 });
                    lines.push(Line { hz: space_hz, volts2: volts2 / 4.0 });
                }
                Kind::Sweep { .. } | Kind::Converter { .. } => {}
            }
        }
        lines
    }

    fn amplitudes(&self, conditions: &Conditions) -> Vec<Amplitude> {
        const STEPS: u32 = 2_000;
        let [carrier] = &self.carriers[..] else { return Vec::new() };
        let (Kind::Steady | Kind::Sweep { .. } | Kind::Keyed { .. }) = carrier.kind else {
            return Vec::new();
        };
        // A tone that repeats within few samples has few values.
        let repeats = |n: u32| {
            let cycles = carrier.hz / conditions.rate_hz * f64::from(n);
            (cycles - libm::round(cycles)).abs() < 1e-6
        };
        if carrier.kind == Kind::Steady && (1..250).any(repeats) {
            return Vec::new();
        }
        let peak = (2.0 * self.power(carrier, conditions)).sqrt();
        let at = |i: u32| peak * libm::cos(TAU * (f64::from(i) + 0.5) / f64::from(STEPS));
        let weight = 1.0 / f64::from(STEPS);
        (0..STEPS).map(|i| Amplitude { weight, mean: at(i), variance: 0.0 }).collect()
    }

    fn follows_mains(&self) -> bool {
        self.carriers
            .iter()
            .any(|carrier| matches!(carrier.kind, Kind::Sweep { .. } | Kind::Converter { .. }))
    }

    fn follows_signal(&self) -> bool {
        self.sir_db.is_some()
    }

    /// The one tone must be in the band; of a scene what is there is heard.
    fn check(&self, preset: &'static str, conditions: &Conditions) -> Result<(), NoiseError> {
        let [low_hz, high_hz] = conditions.band_hz;
        match (&self.carriers[..], self.sir_db) {
            ([carrier], Some(_)) if !(low_hz..=high_hz).contains(&carrier.hz) => {
                let why = format!(
                    "its tone is at {} Hz; place it in the band, say {preset}:hz={low_hz}",
                    carrier.hz
                );
                Err(NoiseError::Band { preset, low_hz, high_hz, why })
            }
            _ => Ok(()),
        }
    }

    fn design(&self, conditions: &Conditions) -> Arc<dyn Design> {
        let heard = |carrier: &&Carrier| carrier.hz < 0.49 * conditions.rate_hz;
        let power = |carrier: &Carrier| (*carrier, self.power(carrier, conditions));
        Arc::new(Ready {
            rate_hz: conditions.rate_hz,
            lines: self
                .lines(conditions)
                .into_iter()
                .filter(|line| line.hz < 0.49 * conditions.rate_hz)
                .collect(),
            carriers: self.carriers.iter().filter(heard).map(power).collect(),
        })
    }
}

#[derive(Debug)]
struct Ready {
    rate_hz: f64,
    lines: Vec<Line>,
    /// Carriers and their mean squares.
    carriers: Vec<(Carrier, f64)>,
}

impl Design for Ready {
    fn start(&self, mut rng: ChaCha8Rng, gain: f64) -> Box<dyn Process> {
        let mut running = |&(carrier, power): &(Carrier, f64)| {
            let mut seed = [0; 32];
            rand_core::Rng::fill_bytes(&mut rng, &mut seed);
            let mut rng: ChaCha8Rng = rand_core::SeedableRng::from_seed(seed);
            let phases = [uniform(&mut rng), uniform(&mut rng)];
            let wander = normal(&mut rng);
            Oscillator {
                carrier,
                peak: gain * (2.0 * power).sqrt(),
                phases,
                wander,
                sound: [normal(&mut rng), normal(&mut rng)],
                until_next: 0.0,
                one: true,
                rng,
            }
        };
        Box::new(Running {
            rate_hz: self.rate_hz,
            oscillators: self.carriers.iter().map(&mut running).collect(),
            ready: [0.0; STRIDE],
            used: STRIDE,
        })
    }

    /// Stationary on average: what sweeps is where it is on average over the mains period.
    fn spectra(&self) -> Vec<Spectrum> {
        const STEPS: u32 = 100;
        let shape = |hz: f64| {
            let one = |(carrier, power): &(Carrier, f64)| {
                let at = |i: u32| carrier.shape_at((f64::from(i) + 0.5) / f64::from(2 * STEPS), hz);
                power * (0..STEPS).map(at).sum::<f64>() / f64::from(STEPS)
            };
            self.carriers.iter().map(one).sum()
        };
        vec![Spectrum::of_density(self.rate_hz, shape).with_lines(self.rate_hz, &self.lines)]
    }
}

#[derive(Debug)]
struct Oscillator {
    carrier: Carrier,
    peak: f64,
    /// Phases in turns of the carrier and of its pair.
    phases: [f64; 2],
    /// Wander in standard deviations.
    wander: f64,
    /// The values of sound before and after now.
    sound: [f64; 2],
    /// Samples until the next value of sound or the next bit.
    until_next: f64,
    one: bool,
    rng: ChaCha8Rng,
}

impl Oscillator {
    /// Adds the next samples, as many as `out` has, at a phase of the mains at their middle.
    fn add(&mut self, rate_hz: f64, turns: f64, out: &mut [f64]) {
        let (relative, mut hz) = self.carrier.at(turns);
        if let Kind::Converter { wander, .. } = self.carrier.kind {
            // An Ornstein-Uhlenbeck process.
            let keep = libm::exp(-(out.len() as f64) / rate_hz / WANDER_S);
            self.wander = keep * self.wander + (1.0 - keep * keep).sqrt() * normal(&mut self.rng);
            hz += wander * self.carrier.hz * self.wander;
        }
        let peak = self.peak * relative;
        match self.carrier.kind {
            Kind::Keyed { baud, space_hz } => {
                let mut pair =
                    [rotor(self.phases[0], hz / rate_hz), rotor(self.phases[1], space_hz / rate_hz)];
                for sample in out.iter_mut() {
                    if self.until_next <= 0.0 {
                        self.one = uniform(&mut self.rng) < 0.5;
                        self.until_next += rate_hz / baud;
                    }
                    self.until_next -= 1.0;
                    *sample += peak * pair[usize::from(!self.one)].0.re;
                    for (phasor, step) in &mut pair {
                        *phasor *= *step;
                    }
                }
                self.phases[1] = advanced(self.phases[1], space_hz / rate_hz, out.len());
            }
            Kind::Sound { depth } => {
                let (mut phasor, step) = rotor(self.phases[0], hz / rate_hz);
                // Lines between independent values have two thirds of their variance.
                let depth = depth * 1.5f64.sqrt();
                let span = rate_hz / SOUND_HZ;
                for sample in out.iter_mut() {
                    if self.until_next <= 0.0 {
                        self.sound = [self.sound[1], normal(&mut self.rng)];
                        self.until_next += span;
                    }
                    let share = 1.0 - self.until_next / span;
                    let sound = self.sound[0] + share * (self.sound[1] - self.sound[0]);
                    self.until_next -= 1.0;
                    *sample += peak * (1.0 + depth * sound) * phasor.re;
                    phasor *= step;
                }
            }
            _ => {
                let (mut phasor, step) = rotor(self.phases[0], hz / rate_hz);
                for sample in out.iter_mut() {
                    *sample += peak * phasor.re;
                    phasor *= step;
                }
            }
        }
        self.phases[0] = advanced(self.phases[0], hz / rate_hz, out.len());
    }
}

/// The phasor at a phase and its step, both in turns.
fn rotor(phase: f64, step: f64) -> (Complex64, Complex64) {
    let unit = |turns: f64| {
        let (sin, cos) = libm::sincos(TAU * turns);
        Complex64::new(cos, sin)
    };
    (unit(phase), unit(step))
}

fn advanced(phase: f64, step: f64, samples: usize) -> f64 {
    let turns = phase + step * samples as f64;
    turns - libm::floor(turns)
}

#[derive(Debug)]
struct Running {
    rate_hz: f64,
    oscillators: Vec<Oscillator>,
    /// Samples made in strides, whatever the lengths that are asked for.
    ready: [f64; STRIDE],
    used: usize,
}

impl Process for Running {
    fn add(&mut self, phase: MainsPhase, _work: &mut Vec<f32>, out: &mut [f32]) {
        for (n, sample) in out.iter_mut().enumerate() {
            if self.used == STRIDE {
                self.ready = [0.0; STRIDE];
                let middle = phase.after((n + STRIDE / 2) as f64).turns;
                for oscillator in &mut self.oscillators {
                    oscillator.add(self.rate_hz, middle, &mut self.ready);
                }
                self.used = 0;
            }
            *sample += self.ready[self.used] as f32;
            self.used += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_a_tone_is_the_signals_less_the_ratio() {
        let conditions = Conditions { signal_dbuv: 97.0, ..Conditions::CENELEC_A };
        let tones = Tones { carriers: vec![PLACES[0]], sir_db: Some(-10.0) };
        let [line] = tones.lines(&conditions)[..] else { panic!("one line") };
        assert!((10.0 * line.volts2.log10() + 120.0 - 107.0).abs() < 1e-9);
    }

    #[test]
    fn places_are_where_the_carriers_are() {
        const SPACING_HZ: f64 = 1_562.5;
        assert_eq!(PLACES[0].hz, 40.0 * SPACING_HZ);
        assert_eq!(PLACES[1].hz, 40.5 * SPACING_HZ);
        assert_eq!(PLACES[2].hz, (23.0 + 6.0) * SPACING_HZ);
        assert_eq!(PLACES[3].hz, 23.0 * SPACING_HZ);
    }
}

//! N10: narrowband interferers of three kinds (channel digest 1.2).
//!
//! n(t) = Σ A_i(t) cos(2π f_i(t) t + θ_i). One tone at five places, its level given by the signal's (SIR), and three
//! scenes with levels of their own: broadcast and time signals, a converter, and the signalling of another utility.
//! The table in [`SCENES`] pins what the digest gives as ranges. Each carrier's frequency and amplitude are updated
//! every [`STRIDE`] samples.

use super::error::NoiseError;
use super::mains::MainsPhase;
use super::model::{Amplitude, Conditions, Design, Model, Process};
pub use super::oscillator::STRIDE;
use super::oscillator::{Oscillator, SOUND_HZ, Swing};
use super::preset::Parameters;
use super::spectrum::{Line, Spectrum};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;
use std::sync::Arc;

/// Share of the sample rate below which carriers are heard.
const HEARD: f64 = 0.49;

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
    /// The signal's level.
    signal_dbuv: f64,
}

impl Tones {
    pub(super) fn place(parameters: &mut Parameters<'_>, place: usize) -> Result<Arc<dyn Model>, NoiseError> {
        let mut carrier = PLACES.get(place).copied().unwrap_or(PLACES[0]);
        carrier.hz = parameters.number("hz", carrier.hz, super::model::NARROWBAND_HZ)?;
        let sir_db = parameters.number("sir", 0.0, [-60.0, 60.0])?;
        Ok(Arc::new(Self {
            carriers: vec![carrier],
            sir_db: Some(sir_db),
            signal_dbuv: Conditions::CENELEC_A.signal_dbuv,
        }))
    }

    pub(super) fn scene(scene: usize) -> Arc<dyn Model> {
        Arc::new(Self {
            carriers: SCENES.get(scene).map_or(Vec::new(), |scene| scene.to_vec()),
            sir_db: None,
            signal_dbuv: Conditions::CENELEC_A.signal_dbuv,
        })
    }

    /// The sum of independent carriers: of scenes that follow the mains all the same way.
    fn sum(&self, carriers: &[&Carrier]) -> Vec<Amplitude> {
        /// Steps from one end of the range to the other, and phases of the mains.
        const STEPS: usize = 2_001;
        const PHASES: u32 = 50;
        let gated = carriers.iter().filter(|carrier| matches!(carrier.kind, Kind::Converter { .. })).count();
        if gated != 0 && gated != carriers.len() {
            return Vec::new();
        }
        // Sound goes beyond its carrier's peak.
        let reach = |carrier: &&Carrier| {
            let most = match carrier.kind {
                Kind::Sound { depth } => 1.0 + 5.0 * depth,
                _ => 1.0,
            };
            most * (2.0 * self.power(carrier)).sqrt()
        };
        let most: f64 = carriers.iter().map(reach).sum::<f64>().max(f64::MIN_POSITIVE);
        let step = 2.0 * most / (STEPS - 1) as f64;
        let middle = (STEPS / 2) as i64;
        let mut sum = vec![0.0; STEPS];
        sum[STEPS / 2] = 1.0;
        for carrier in carriers {
            let own = self.steps(carrier, step);
            let mut next = vec![0.0; STEPS];
            for (place, weight) in sum.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
                for (off, share) in &own {
                    let to = place as i64 + off;
                    if let Some(target) = usize::try_from(to).ok().and_then(|to| next.get_mut(to)) {
                        *target += weight * share;
                    }
                }
            }
            sum = next;
        }
        let gates: Vec<f64> = match gated {
            0 => vec![1.0],
            _ => (0..PHASES)
                .map(|i| Swing::at((f64::from(i) + 0.5) / f64::from(4 * PHASES)))
                .filter_map(|swing| carriers.first().map(|carrier| carrier.at(swing).0))
                .collect(),
        };
        let total: f64 = sum.iter().sum::<f64>() * gates.len() as f64;
        let one = |gate: f64, place: usize, weight: f64| {
            let width = gate * step;
            Amplitude {
                weight: weight / total,
                mean: gate * step * (place as i64 - middle) as f64,
                variance: width * width / 12.0,
            }
        };
        gates
            .iter()
            .flat_map(|&gate| {
                sum.iter()
                    .enumerate()
                    .filter(|(_, weight)| **weight > 1e-9)
                    .map(move |(place, &weight)| one(gate, place, weight))
            })
            .collect()
    }

    /// Distribution of one carrier in steps of so many volts, a converter's without its gate.
    fn steps(&self, carrier: &Carrier, step: f64) -> Vec<(i64, f64)> {
        const PHASES: u32 = 720;
        /// Standard deviations of sound and its values between two of its independent ones.
        const LEVELS: i32 = 40;
        const BETWEEN: u32 = 8;
        let peak = (2.0 * self.power(carrier)).sqrt();
        let mut gains = Vec::new();
        match carrier.kind {
            Kind::Sound { depth } => {
                for between in 0..BETWEEN {
                    let share = (f64::from(between) + 0.5) / f64::from(BETWEEN);
                    let deviation = depth * (1.5 * (share * share + (1.0 - share) * (1.0 - share))).sqrt();
                    for level in -LEVELS..=LEVELS {
                        let x = f64::from(level) / 10.0;
                        gains.push((1.0 + deviation * x, libm::exp(-x * x / 2.0)));
                    }
                }
            }
            _ => gains.push((1.0, 1.0)),
        }
        let total: f64 = gains.iter().map(|gain| gain.1).sum();
        let mut shares = std::collections::BTreeMap::new();
        for (gain, weight) in gains {
            for phase in 0..PHASES {
                let value = gain * peak * libm::cos(TAU * (f64::from(phase) + 0.5) / f64::from(PHASES));
                *shares.entry(libm::round(value / step) as i64).or_insert(0.0) +=
                    weight / total / f64::from(PHASES);
            }
        }
        shares.into_iter().collect()
    }

    /// Mean square of a carrier, sound left out.
    fn power(&self, carrier: &Carrier) -> f64 {
        let dbuv = match self.sir_db {
            Some(sir_db) => self.signal_dbuv - sir_db,
            None => carrier.dbuv,
        };
        libm::pow(10.0, (dbuv - 120.0) / 10.0)
    }
}

impl Carrier {
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
                let (amplitude, centre) = self.at(Swing::at(turns));
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
        self.carriers.iter().map(|carrier| self.power(carrier) * carrier.shape_at(turns, hz)).sum()
    }

    fn background(&self, _hz: f64) -> f64 {
        0.0
    }

    fn lines(&self, _conditions: &Conditions) -> Vec<Line> {
        let mut lines = Vec::new();
        for carrier in &self.carriers {
            let volts2 = self.power(carrier);
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

    /// Of one tone over its phase; of several over all phases that they may begin with, which are independent.
    fn amplitudes(&self, conditions: &Conditions) -> Vec<Amplitude> {
        const STEPS: u32 = 2_000;
        let heard: Vec<&Carrier> =
            self.carriers.iter().filter(|carrier| carrier.hz < HEARD * conditions.rate_hz).collect();
        let [carrier] = &heard[..] else { return self.sum(&heard) };
        let (Kind::Steady | Kind::Sweep { .. } | Kind::Keyed { .. }) = carrier.kind else {
            return self.sum(&heard);
        };
        // A tone that repeats within few samples has few values.
        let repeats = |n: u32| {
            let cycles = carrier.hz / conditions.rate_hz * f64::from(n);
            (cycles - libm::round(cycles)).abs() < 1e-6
        };
        if carrier.kind == Kind::Steady && (1..250).any(repeats) {
            return Vec::new();
        }
        let peak = (2.0 * self.power(carrier)).sqrt();
        let at = |i: u32| peak * libm::cos(TAU * (f64::from(i) + 0.5) / f64::from(STEPS));
        let weight = 1.0 / f64::from(STEPS);
        (0..STEPS).map(|i| Amplitude { weight, mean: at(i), variance: 0.0 }).collect()
    }

    fn at(&self, conditions: &Conditions) -> Option<Arc<dyn Model>> {
        Some(Arc::new(Self { signal_dbuv: conditions.signal_dbuv, ..self.clone() }))
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
        let heard = |carrier: &&Carrier| carrier.hz < HEARD * conditions.rate_hz;
        let power = |carrier: &Carrier| (*carrier, self.power(carrier));
        Arc::new(Ready {
            rate_hz: conditions.rate_hz,
            lines: self
                .lines(conditions)
                .into_iter()
                .filter(|line| line.hz < HEARD * conditions.rate_hz)
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
            let rng = rand_core::SeedableRng::from_seed(seed);
            Oscillator::new(carrier, self.rate_hz, gain * (2.0 * power).sqrt(), rng)
        };
        Box::new(Running {
            follows_mains: self
                .carriers
                .iter()
                .any(|(carrier, _)| matches!(carrier.kind, Kind::Sweep { .. } | Kind::Converter { .. })),
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
struct Running {
    follows_mains: bool,
    oscillators: Vec<Oscillator>,
    /// Samples made in strides, whatever the lengths that are asked for.
    ready: [f64; STRIDE],
    used: usize,
}

impl Process for Running {
    fn add(&mut self, phase: MainsPhase, _work: &mut Vec<f32>, out: &mut [f32]) {
        let mut at = 0;
        while at < out.len() {
            if self.used == STRIDE {
                self.ready = [0.0; STRIDE];
                let swing = match self.follows_mains {
                    true => Swing::at(phase.after((at + STRIDE / 2) as f64).turns),
                    false => Swing::default(),
                };
                for oscillator in &mut self.oscillators {
                    oscillator.add(swing, &mut self.ready);
                }
                self.used = 0;
            }
            let count = (STRIDE - self.used).min(out.len() - at);
            for (sample, ready) in out[at..at + count].iter_mut().zip(&self.ready[self.used..]) {
                *sample += *ready as f32;
            }
            self.used += count;
            at += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_a_tone_is_the_signals_less_the_ratio() {
        let conditions = Conditions { signal_dbuv: 97.0, ..Conditions::CENELEC_A };
        let tones = Tones { carriers: vec![PLACES[0]], sir_db: Some(-10.0), signal_dbuv: 97.0 };
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

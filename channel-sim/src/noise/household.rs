//! N11: the worst household, a triac dimmer and compact fluorescent lamps (channel digest 1.7).
//!
//! The dimmer fires twice a mains period: a damped sinusoid, its sign that of the voltage. The lamps' rectifiers
//! conduct around the mains' peaks and raise a white background there. Where the digest gives ranges, [`HOUSEHOLD`]
//! pins the values.

use super::error::NoiseError;
use super::impulses::{DELAY, Ring, Tail, render};
use super::mains::MainsPhase;
use super::model::{Amplitude, Conditions, Design, Model, Process};
use super::preset::{Parameters, background};
use super::shaped::{HalfTurn, Modulation, Shaped, half_turn, mean_power};
use super::spectrum::Spectrum;
use crate::random::uniform;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::sync::Arc;

/// Values of the preset; in brackets the digest's ranges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Household {
    /// Firing angle [30 to 150°].
    pub angle_deg: f64,
    /// The firing time is uniform within plus and minus this [20 to 100 µs].
    pub jitter_s: f64,
    /// Frequency at which the line rings [30 to 150 kHz].
    pub ring_hz: f64,
    /// Decay of the ringing [20 to 100 µs].
    pub decay_s: f64,
    /// Peak at the dimmer [1 to 20 V].
    pub source_volts: f64,
    /// Loss from there to the receiver [10 to 40 dB].
    pub loss_db: f64,
    /// Width of the lamps' bursts [0.3 to 1 ms].
    pub burst_s: f64,
    /// How far the lamps raise the background [10 to 25 dB].
    pub burst_db: f64,
    /// Frequency of the mains.
    pub mains_hz: f64,
}

/// The preset's values.
pub const HOUSEHOLD: Household = Household {
    angle_deg: 75.0,
    jitter_s: 40e-6,
    ring_hz: 70_000.0,
    decay_s: 50e-6,
    source_volts: 10.0,
    loss_db: 30.0,
    burst_s: 0.6e-3,
    burst_db: 18.0,
    mains_hz: 50.0,
};

impl Household {
    pub(super) fn preset(parameters: &mut Parameters<'_>) -> Result<Arc<dyn Model>, NoiseError> {
        let pinned = HOUSEHOLD;
        Ok(Arc::new(Self {
            angle_deg: parameters.number("angle", pinned.angle_deg, [30.0, 150.0])?,
            loss_db: parameters.number("loss", pinned.loss_db, [10.0, 40.0])?,
            burst_db: parameters.number("burst", pinned.burst_db, [10.0, 25.0])?,
            ..pinned
        }))
    }

    fn halves_per_s(&self) -> f64 {
        2.0 * self.mains_hz
    }

    fn ring(&self) -> Ring {
        let volts = self.source_volts * libm::pow(10.0, -self.loss_db / 20.0);
        Ring { volts, hz: self.ring_hz, decay_s: self.decay_s }
    }

    /// Background over its own density at a phase in turns.
    fn rise(&self, turns: f64) -> f64 {
        let half = turns * 2.0 - libm::floor(turns * 2.0);
        let near_peak = (half - 0.5).abs() < self.burst_s * self.halves_per_s() / 2.0;
        if near_peak { libm::pow(10.0, self.burst_db / 10.0) } else { 1.0 }
    }

    fn mean_rise(&self) -> f64 {
        let duty = self.burst_s * self.halves_per_s();
        duty * self.rise(0.25) + 1.0 - duty
    }

    /// Share of the impulses' power per half turn at a phase in turns: a uniform time, then an exponential decay.
    fn ringing(&self, turns: f64) -> f64 {
        let half = turns * 2.0 - libm::floor(turns * 2.0);
        let (jitter, decay) = (self.jitter_s * self.halves_per_s(), self.decay_s * self.halves_per_s() / 2.0);
        let since = half - self.angle_deg / 180.0 + jitter;
        // The distribution of the sum of a uniform and an exponential time.
        let passed = |x: f64| if x > 0.0 { 1.0 - libm::exp(-x / decay) } else { 0.0 };
        (passed(since) - passed(since - 2.0 * jitter)) / (2.0 * jitter)
    }

    fn impulses(&self, hz: f64) -> f64 {
        2.0 * self.halves_per_s() * self.ring().energy(hz)
    }

    fn envelope(&self) -> HalfTurn {
        half_turn(|turns| self.rise(turns))
    }
}

impl Model for Household {
    fn density(&self, hz: f64) -> f64 {
        self.background(hz) * self.mean_rise() + self.impulses(hz)
    }

    fn density_at(&self, turns: f64, hz: f64) -> f64 {
        self.background(hz) * self.rise(turns) + self.impulses(hz) * self.ringing(turns)
    }

    fn background(&self, _hz: f64) -> f64 {
        background()
    }

    /// Over the time since the dimmer fired, of which half is with the opposite sign, and the lamps' bursts, which
    /// must not meet the impulses.
    fn amplitudes(&self, conditions: &Conditions) -> Vec<Amplitude> {
        const STEPS: u32 = 2_000;
        let white = conditions.per_sample(self.background(0.0));
        let burst = self.burst_s * self.halves_per_s();
        let ring = self.ring();
        // Ten times the decay, and what is left.
        let ringing_s = 10.0 * self.decay_s;
        let ringing = ringing_s * self.halves_per_s();
        let weight = ringing / f64::from(2 * STEPS);
        let at = |i: u32| {
            let time = ringing_s * (f64::from(i) + 0.5) / f64::from(STEPS);
            ring.volts * libm::exp(-time / ring.decay_s) * libm::sin(std::f64::consts::TAU * ring.hz * time)
        };
        let rings = (0..STEPS).flat_map(|i| [at(i), -at(i)]);
        let mut all: Vec<Amplitude> = rings.map(|mean| Amplitude { weight, mean, variance: white }).collect();
        all.push(Amplitude { weight: burst, mean: 0.0, variance: white * self.rise(0.25) });
        all.push(Amplitude { weight: 1.0 - burst - ringing, mean: 0.0, variance: white });
        all
    }

    fn follows_mains(&self) -> bool {
        true
    }

    fn at(&self, conditions: &Conditions) -> Option<Arc<dyn Model>> {
        Some(Arc::new(Self { mains_hz: conditions.mains_hz, ..*self }))
    }

    fn design(&self, conditions: &Conditions) -> Arc<dyn Design> {
        let level = background() * self.mean_rise();
        Arc::new(Ready {
            model: *self,
            rate_hz: conditions.rate_hz,
            lamps: Shaped::white(conditions, level, Modulation::Mains(self.envelope())),
            envelope: self.envelope(),
        })
    }
}

#[derive(Debug)]
struct Ready {
    model: Household,
    rate_hz: f64,
    lamps: Shaped,
    envelope: HalfTurn,
}

impl Design for Ready {
    fn start(&self, mut rng: ChaCha8Rng, gain: f64) -> Box<dyn Process> {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let mut ring = self.model.ring();
        ring.volts *= gain;
        Box::new(Running {
            lamps: self.lamps.start(SeedableRng::from_seed(seed), gain),
            model: self.model,
            rate_hz: self.rate_hz,
            ring,
            rng,
            next: None,
            tail: Tail::default(),
            impulse: Vec::new(),
        })
    }

    fn spectra(&self) -> Vec<Spectrum> {
        let mut all = self.lamps.spectra();
        all.push(Spectrum::of_density(self.rate_hz, |hz| self.model.impulses(hz)));
        all
    }

    fn weights(&self, from: f64, to: f64) -> Vec<f64> {
        const STEPS: u32 = 200;
        let at = |i: u32| self.model.ringing(from + (to - from) * (f64::from(i) + 0.5) / f64::from(STEPS));
        let ringing = (0..STEPS).map(at).sum::<f64>() / f64::from(STEPS);
        vec![mean_power(&self.envelope, from, to), ringing]
    }
}

#[derive(Debug)]
struct Running {
    lamps: Box<dyn Process>,
    model: Household,
    rate_hz: f64,
    ring: Ring,
    rng: ChaCha8Rng,
    /// Half turn of the next impulse, counted from time 0, and when in it the dimmer fires, as a share.
    next: Option<(i64, f64)>,
    tail: Tail,
    impulse: Vec<f32>,
}

impl Running {
    fn firing(&mut self, half: i64) -> (i64, f64) {
        let jitter = (2.0 * uniform(&mut self.rng) - 1.0) * self.model.jitter_s * self.model.halves_per_s();
        (half, self.model.angle_deg / 180.0 + jitter)
    }
}

impl Process for Running {
    fn add(&mut self, phase: MainsPhase, work: &mut Vec<f32>, out: &mut [f32]) {
        self.lamps.add(phase, work, out);
        // What is rendered now is heard DELAY samples later.
        let halves = phase.after(DELAY as f64).turns * 2.0;
        let step = phase.per_sample * 2.0;
        loop {
            let (half, share) = match self.next {
                Some(next) => next,
                None => self.firing(libm::floor(halves) as i64),
            };
            let at = (half as f64 + share - halves) / step;
            if at >= out.len() as f64 {
                self.next = Some((half, share));
                break;
            }
            if at >= 0.0 {
                let mut ring = self.ring;
                ring.volts *= if half % 2 == 0 { 1.0 } else { -1.0 };
                let whole = libm::floor(at);
                render(&[ring], self.rate_hz, at - whole, &mut self.impulse);
                self.tail.push(whole as usize, &self.impulse);
            }
            self.next = Some(self.firing(half + 1));
        }
        self.tail.add(out);
    }
}

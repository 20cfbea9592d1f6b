//! Noise that is not white, as the channel digest (`spec/channel.md` 1.2 to 1.8) has its presets.

use super::Random;
use g3_phy::{BandPlan, TX_RMS, ToneMask};
use std::f32::consts::{PI, TAU};

/// A kind of noise by the digest's names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Preset N0.
    White,
    /// A sine in dB over the half cycle, so many dB from valley to peak; of the mean power asked for.
    Swing(f32),
    /// Preset N3b: cyclostationary by Katayama's formula, coloured, of the mean power asked for on the carriers.
    Kata2,
    /// Presets N5a and N5b: so many ms of every 10, 25 dB above the background, which has the power asked for.
    Bursts(f32),
    /// Presets N6a and N6b: Bernoulli-Gaussian, an impulse of a single sample with this probability and this much power
    /// in dB above the background, which has the power asked for.
    Impulses(f32, f32),
    /// Preset N10: a tone in white noise of the power asked for: bin of 256, and its power above the signal's in dB.
    Tone(f32, f32),
}

impl Kind {
    /// `white`, `swing:DB`, `kata2`, `bursts[:MS]`, `impulses[:P:DB]`, `tone[:BIN[:DB]]`.
    pub fn named(name: &str) -> Option<Self> {
        let mut parts = name.split(':');
        let kind = parts.next()?;
        let mut figure = |default: f32| parts.next().map_or(Some(default), |part| part.parse().ok());
        Some(match kind {
            "white" => Self::White,
            "swing" => Self::Swing(figure(10.0)?),
            "kata2" => Self::Kata2,
            "bursts" => Self::Bursts(figure(1.0)?),
            "impulses" => Self::Impulses(figure(0.01)?, figure(30.0)?),
            "tone" => Self::Tone(figure(40.5)?, figure(20.0)?),
            _ => return None,
        })
    }
}

/// An endless stream of noise.
pub struct Noise {
    kind: Kind,
    deviation: f32,
    /// Amplitude of each sample of 10 ms.
    envelope: Vec<f32>,
    taps: Vec<f32>,
    /// White noise under its envelope, the newest last, for the colour's filter.
    history: Vec<f32>,
    impulse: f32,
    tone: (f32, f32),
    position: usize,
}

impl Noise {
    /// Noise on a signal of the transmitter's own level. `deviation` is that of white noise of the power asked for.
    pub fn new(kind: Kind, plan: &BandPlan, deviation: f32) -> Self {
        let rate_hz = plan.clock.rate_hz() as f32;
        let half_cycle = (rate_hz / 100.0) as usize;
        let power = |n: usize| {
            let phase = n as f32 / half_cycle as f32;
            match kind {
                Kind::Swing(db) => 10.0_f32.powf(0.05 * db * (TAU * phase).sin()),
                Kind::Kata2 => kata2(0.5 * phase),
                Kind::Bursts(ms) if phase < ms / 10.0 => 10.0_f32.powf(2.5),
                _ => 1.0,
            }
        };
        let mean = (0..half_cycle).map(power).sum::<f32>() / half_cycle as f32;
        // Bursts come on top of the background; the others are given by their mean.
        let reference = if matches!(kind, Kind::Bursts(_)) { 1.0 } else { mean };
        let taps = if kind == Kind::Kata2 { colour(plan, rate_hz, 8.9e-6, 12) } else { vec![1.0] };
        let (impulse, tone) = match kind {
            Kind::Impulses(_, db) => (10.0_f32.powf(0.05 * db), (0.0, 0.0)),
            Kind::Tone(bin, db) => {
                (0.0, (TAU * bin / 256.0, TX_RMS * 2.0_f32.sqrt() * 10.0_f32.powf(0.05 * db)))
            }
            _ => (0.0, (0.0, 0.0)),
        };
        Self {
            kind,
            deviation,
            envelope: (0..half_cycle).map(|n| (power(n) / reference).sqrt()).collect(),
            history: vec![0.0; taps.len()],
            taps,
            impulse,
            tone,
            position: 0,
        }
    }

    /// Adds to a line what follows what was added before.
    pub fn add(&mut self, line: &mut [f32], random: &mut Random) {
        for sample in line {
            let mut noise =
                self.deviation * self.envelope[self.position % self.envelope.len()] * random.gaussian();
            if self.taps.len() > 1 {
                self.history.rotate_left(1);
                *self.history.last_mut().expect("taps") = noise;
                noise = self.history.iter().zip(&self.taps).map(|(noise, tap)| noise * tap).sum();
            }
            if let Kind::Impulses(probability, _) = self.kind
                && (random.below(1 << 24) as f32) < probability * (1 << 24) as f32
            {
                noise += self.deviation * self.impulse * random.gaussian();
            }
            let (turn, amplitude) = self.tone;
            if amplitude > 0.0 {
                noise += amplitude * (f64::from(turn) * self.position as f64).sin() as f32;
            }
            *sample += noise;
            self.position += 1;
        }
    }
}

/// Variance at a phase of the mains period, 0 to 1 (digest 1.3).
fn kata2(phase: f32) -> f32 {
    [(0.13, 0.0, 0.0), (2.80, 128.0, 9.3), (16.0, 161.0, 5.3e3)]
        .into_iter()
        .map(|(a, degrees, n): (f32, f32, f32)| a * (TAU * phase + degrees.to_radians()).sin().abs().powf(n))
        .sum()
}

/// A filter of 2 `half` + 1 taps whose power falls as e^(-a f), of mean power 1 over the carriers.
pub fn colour(plan: &BandPlan, rate_hz: f32, a: f32, half: i32) -> Vec<f32> {
    const STEPS: i32 = 512;
    let carriers = plan.unmasked(ToneMask::ALL).len();
    let power = |hz: f32| (-a * hz).exp();
    let of_carriers = |place: usize| {
        power((f32::from(plan.first_carrier) + place as f32) * rate_hz / 256.0) / carriers as f32
    };
    let mean: f32 = (0..carriers).map(of_carriers).sum();
    (-half..=half)
        .map(|n| {
            let at = |step: i32| {
                let part = (step as f32 + 0.5) / STEPS as f32;
                (power(0.5 * rate_hz * part) / mean).sqrt() * (PI * part * n as f32).cos()
            };
            (0..STEPS).map(at).sum::<f32>() / STEPS as f32
        })
        .collect()
}

//! N12: playback of a recording at any sample rate (channel digest 1.8).
//!
//! The recording goes round in whole periods of the mains, and the phase of the simulated mains says where in it a
//! sample comes from, so what was synchronous stays so while the frequency wanders. Where it begins anew the end fades
//! into what was before the beginning, power for power. Each port begins with another period. The first conversion, to
//! the run's rate, is by a long windowed sinc; what follows the wander is one of [`TAPS`] taps.

use super::error::NoiseError;
use super::filter::{kaiser_sinc, transform};
use super::mains::MainsPhase;
use super::model::{Amplitude, Conditions, Design, Model, Process};
use super::preset::Parameters;
use super::recording::{LEAST_TURNS, Recording};
use super::spectrum::Spectrum;
use super::track::MAINS_HZ;
use crate::random::uniform;
use crate::record::about::VOLTS_PER_UNIT;
use num_complex::Complex64;
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use std::sync::Arc;

/// Taps of the interpolation between samples of the run's rate.
pub const TAPS: usize = 32;
/// Fractions of a sample in the interpolation's table; in between taps are interpolated.
const FRACTIONS: usize = 256;
/// Zero crossings on each side of the first conversion's sinc.
const CROSSINGS: f64 = 32.0;
const BETA: f64 = 8.0;
/// A recording is good up to this share of its rate.
const USABLE: f64 = 0.45;
/// How far the mains may be from those of the recording: what is synchronous moves by that share in frequency.
const PULL_HZ: f64 = 1.0;
/// Turns in which the end fades into the beginning.
const FADE: f64 = 0.05;
/// Points of the density and of the envelope over a turn.
const POINTS: usize = 2_048;
const PIECES: usize = 200;

/// A recording to be played back.
#[derive(Clone, Debug)]
pub struct Playback {
    name: String,
    recording: Arc<Recording>,
    /// The first whole turn that is played and the number of turns.
    first: f64,
    turns: f64,
    /// Mean density in V²/Hz at multiples of rate / [`POINTS`].
    density: Arc<[f64]>,
    /// Power over a turn relative to its mean.
    envelope: Arc<[f64]>,
}

impl Playback {
    pub(super) fn preset(parameters: &mut Parameters<'_>) -> Result<Arc<dyn Model>, NoiseError> {
        let mains_hz = parameters.number("mains", 50.0, MAINS_HZ)?;
        let volts = parameters.given("volts", VOLTS_PER_UNIT)?;
        let Some(path) = parameters.file() else {
            return Err(parameters
                .missing("a recording is needed: n12@FILE.wav, parameters before it: n12:volts=2@FILE.wav"));
        };
        Ok(Arc::new(Self::read(&path, mains_hz, volts.map(|volts| volts as f32))?))
    }

    /// A recording in a file: see [`Recording::read`].
    pub fn read(path: &Path, nominal_hz: f64, volts: Option<f32>) -> Result<Self, NoiseError> {
        let recording = Recording::read(path, nominal_hz, volts)?;
        Self::new(path.display().to_string(), recording)
            .map_err(|problem| NoiseError::File { path: path.into(), problem })
    }

    /// A recording of some name.
    pub fn new(name: String, recording: Recording) -> Result<Self, String> {
        let length = recording.samples.len() as f64;
        let first = libm::ceil(recording.track.at(0.0) + 2.0 * FADE);
        let last = libm::floor(recording.track.at(length) - FADE);
        let turns = last - first;
        if turns < LEAST_TURNS - 2.0 {
            return Err(format!(
                "it holds {turns} whole periods of the mains; record at least {LEAST_TURNS}"
            ));
        }
        Ok(Self::over(name, recording, first, turns))
    }

    fn over(name: String, recording: Recording, first: f64, turns: f64) -> Self {
        let density = welch(&recording.samples, recording.rate_hz).into();
        let envelope = envelope(&recording).into();
        Self { name, recording: Arc::new(recording), first, turns, density, envelope }
    }

    /// The same recording at another rate: what lies beyond half of it is gone, from density, envelope and amplitudes
    /// too.
    fn at_rate(&self, rate_hz: f64) -> Self {
        if rate_hz == self.recording.rate_hz {
            return self.clone();
        }
        let Recording { samples, rate_hz: from_hz, track, phase_known } = self.recording.as_ref();
        let recording = Recording {
            samples: convert(samples, *from_hz, rate_hz),
            rate_hz,
            track: track.clone().resampled(rate_hz / from_hz),
            phase_known: *phase_known,
        };
        Self::over(self.name.clone(), recording, self.first, self.turns)
    }
}

/// One-sided densities by Welch's method with a Hann window.
fn welch(samples: &[f32], rate_hz: f64) -> Vec<f64> {
    let window: Vec<f64> = (0..POINTS)
        .map(|n| 0.5 - 0.5 * libm::cos(std::f64::consts::TAU * n as f64 / POINTS as f64))
        .collect();
    let energy: f64 = window.iter().map(|w| w * w).sum();
    let mut sums = vec![0.0; POINTS / 2 + 1];
    let mut blocks = 0.0f64;
    for block in samples.windows(POINTS).step_by(POINTS / 2) {
        let mut bins: Vec<Complex64> =
            block.iter().zip(&window).map(|(&x, w)| Complex64::new(f64::from(x) * w, 0.0)).collect();
        transform(&mut bins, -1.0);
        for (sum, bin) in sums.iter_mut().zip(&bins) {
            *sum += bin.norm_sqr();
        }
        blocks += 1.0;
    }
    sums.iter().map(|sum| 2.0 * sum / (blocks.max(1.0) * energy * rate_hz)).collect()
}

/// Power over a turn of the mains, relative to its mean.
fn envelope(recording: &Recording) -> Vec<f64> {
    let mut sums = vec![(0.0f64, 0.0f64); PIECES];
    for (n, &sample) in recording.samples.iter().enumerate() {
        let turns = recording.track.at(n as f64);
        let piece = ((turns - libm::floor(turns)) * PIECES as f64) as usize;
        if let Some((sum, count)) = sums.get_mut(piece) {
            *sum += f64::from(sample) * f64::from(sample);
            *count += 1.0;
        }
    }
    let powers: Vec<f64> = sums.iter().map(|(sum, count)| sum / count.max(1.0)).collect();
    let mean = powers.iter().sum::<f64>() / PIECES as f64;
    powers.iter().map(|power| power / mean.max(f64::MIN_POSITIVE)).collect()
}

/// Samples at another rate; the first is at the same time.
fn convert(samples: &[f32], from_hz: f64, to_hz: f64) -> Vec<f32> {
    // Cycles per sample of the old rate that pass, and how far the sinc reaches.
    let cutoff = 0.5 * (to_hz / from_hz).min(1.0);
    let reach = CROSSINGS / (2.0 * cutoff);
    const STEPS: f64 = 512.0;
    let table: Vec<f64> = (0..=(reach * STEPS) as usize + 1)
        .map(|i| kaiser_sinc(i as f64 / STEPS, cutoff, reach, BETA))
        .collect();
    let tap = |distance: f64| {
        let position = distance.abs() * STEPS;
        let before = position as usize;
        let low = table.get(before).copied().unwrap_or(0.0);
        let high = table.get(before + 1).copied().unwrap_or(0.0);
        low + (position - before as f64) * (high - low)
    };
    let count = (samples.len() as f64 * to_hz / from_hz) as usize;
    let one = |n: usize| {
        let at = n as f64 * from_hz / to_hz;
        let low = libm::ceil(at - reach).max(0.0) as usize;
        let high = (libm::floor(at + reach) as usize + 1).min(samples.len());
        let inside = samples.get(low..high).unwrap_or_default();
        inside.iter().enumerate().map(|(k, &x)| f64::from(x) * tap((low + k) as f64 - at)).sum::<f64>() as f32
    };
    (0..count).map(one).collect()
}

impl Model for Playback {
    fn density(&self, hz: f64) -> f64 {
        let position = hz / self.recording.rate_hz * POINTS as f64;
        let before = (position as usize).min(self.density.len() - 2);
        let share = (position - before as f64).clamp(0.0, 1.0);
        self.density[before] + share * (self.density[before + 1] - self.density[before])
    }

    /// The mean density times the power at the phase: colours that change with the phase are not told apart.
    fn density_at(&self, turns: f64, hz: f64) -> f64 {
        let piece = ((turns - libm::floor(turns)) * PIECES as f64) as usize;
        self.density(hz) * self.envelope.get(piece).copied().unwrap_or(1.0)
    }

    /// At the quietest tenth of phases.
    fn background(&self, hz: f64) -> f64 {
        let mut powers = self.envelope.to_vec();
        powers.sort_by(f64::total_cmp);
        self.density(hz) * powers.get(PIECES / 10).copied().unwrap_or(1.0)
    }

    fn at(&self, conditions: &Conditions) -> Option<Arc<dyn Model>> {
        let other = conditions.rate_hz != self.recording.rate_hz;
        other.then(|| Arc::new(self.at_rate(conditions.rate_hz)) as Arc<dyn Model>)
    }

    /// The recording's own distribution at the run's rate, in steps.
    fn amplitudes(&self, conditions: &Conditions) -> Vec<Amplitude> {
        const STEPS: usize = 2_000;
        let mut sorted = self.at_rate(conditions.rate_hz).recording.samples.clone();
        sorted.sort_by(f32::total_cmp);
        let at = |i: usize| sorted.get((2 * i + 1) * sorted.len() / (2 * STEPS)).copied().unwrap_or(0.0);
        let weight = 1.0 / STEPS as f64;
        (0..STEPS).map(|i| Amplitude { weight, mean: f64::from(at(i)), variance: 0.0 }).collect()
    }

    fn follows_mains(&self) -> bool {
        true
    }

    fn check(&self, preset: &'static str, conditions: &Conditions) -> Result<(), NoiseError> {
        let recorded_hz = self.recording.track.mains_hz(self.recording.rate_hz);
        if (conditions.mains_hz - recorded_hz).abs() > PULL_HZ {
            let why = format!(
                "{} was recorded at mains of {recorded_hz:.2} Hz; playing it at {} Hz would move its frequencies. Take \
                 {recorded_hz:.0} Hz mains, or a recording at {}",
                self.name, conditions.mains_hz, conditions.mains_hz
            );
            return Err(NoiseError::Rate { preset, rate_hz: conditions.rate_hz, why });
        }
        let [low_hz, high_hz] = conditions.band_hz;
        let top_hz = USABLE * self.recording.rate_hz;
        // What is asked for up to half the run's own rate ends with the recording.
        if high_hz <= top_hz
            || (high_hz >= 0.5 * conditions.rate_hz && self.recording.rate_hz >= conditions.rate_hz)
        {
            return Ok(());
        }
        let why = format!(
            "{} has {} samples/s, good up to {top_hz} Hz; record faster, or take a band below (a line for CENELEC-A alone: --rate 400)",
            self.name, self.recording.rate_hz
        );
        Err(NoiseError::Band { preset, low_hz, high_hz, why })
    }

    fn design(&self, conditions: &Conditions) -> Arc<dyn Design> {
        let row = |step: usize| -> [f32; TAPS] {
            let fraction = step as f64 / FRACTIONS as f64;
            let middle = (TAPS / 2 - 1) as f64;
            std::array::from_fn(|k| {
                kaiser_sinc(k as f64 - middle - fraction, 0.5, TAPS as f64 / 2.0, BETA) as f32
            })
        };
        Arc::new(Ready {
            shared: Arc::new(Shared {
                model: self.at_rate(conditions.rate_hz),
                rows: (0..=FRACTIONS).map(row).collect(),
            }),
            rate_hz: conditions.rate_hz,
        })
    }
}

#[derive(Debug)]
struct Shared {
    /// The recording at the run's rate.
    model: Playback,
    /// Taps for each fraction of a sample.
    rows: Vec<[f32; TAPS]>,
}

impl Shared {
    /// Where a phase is in the recording, in samples of the run's rate.
    fn position(&self, turns: f64) -> f64 {
        self.model.recording.track.sample(turns)
    }

    /// The recording between its samples.
    fn value(&self, position: f64) -> f32 {
        let whole = libm::floor(position);
        let scaled = (position - whole) * FRACTIONS as f64;
        let row = (scaled as usize).min(FRACTIONS - 1);
        let share = (scaled - row as f64) as f32;
        let from = whole as i64 - (TAPS as i64 / 2 - 1);
        let input = usize::try_from(from)
            .ok()
            .and_then(|from| self.model.recording.samples.get(from..)?.first_chunk::<TAPS>());
        let (Some(input), Some([low, high])) =
            (input, self.rows.get(row..).and_then(|rows| rows.first_chunk()))
        else {
            return 0.0;
        };
        let mut sums = [0.0f32; 8];
        for (k, &sample) in input.iter().enumerate() {
            sums[k % 8] += sample * (low[k] + share * (high[k] - low[k]));
        }
        sums.iter().sum()
    }
}

#[derive(Debug)]
struct Ready {
    shared: Arc<Shared>,
    rate_hz: f64,
}

impl Design for Ready {
    fn start(&self, mut rng: ChaCha8Rng, gain: f64) -> Box<dyn Process> {
        let offset = libm::floor(uniform(&mut rng) * self.shared.model.turns);
        Box::new(Running { shared: self.shared.clone(), gain: gain as f32, offset })
    }

    fn spectra(&self) -> Vec<Spectrum> {
        vec![Spectrum::of_density(self.rate_hz, |hz| self.shared.model.density(hz))]
    }

    fn weights(&self, from: f64, to: f64) -> Vec<f64> {
        const STEPS: u32 = 400;
        let at = |i: u32| {
            let turns = from + (to - from) * (f64::from(i) + 0.5) / f64::from(STEPS);
            let piece = ((turns - libm::floor(turns)) * PIECES as f64) as usize;
            self.shared.model.envelope.get(piece).copied().unwrap_or(1.0)
        };
        vec![(0..STEPS).map(at).sum::<f64>() / f64::from(STEPS)]
    }
}

#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    gain: f32,
    /// Turns by which it begins later in the recording.
    offset: f64,
}

impl Process for Running {
    fn add(&mut self, phase: MainsPhase, _work: &mut Vec<f32>, out: &mut [f32]) {
        const STRIDE: usize = 16;
        let Playback { first, turns: count, .. } = self.shared.model;
        let mut at = 0;
        for block in out.chunks_mut(STRIDE) {
            let turns = phase.after(at as f64).turns + self.offset;
            let into = turns - count * libm::floor(turns / count);
            let here = self.shared.position(first + into);
            let there = self.shared.position(first + into + block.len() as f64 * phase.per_sample);
            let step = (there - here) / block.len() as f64;
            // Within the last turns of the recording the stretch before its first turn fades in.
            let fade = (into - (count - FADE)) / FADE;
            let before = if fade > 0.0 { self.shared.position(first + into - count) } else { 0.0 };
            let fade_step = phase.per_sample / FADE;
            for (n, sample) in block.iter_mut().enumerate() {
                let moved = step * n as f64;
                let mut value = self.shared.value(here + moved);
                let fade = (fade + fade_step * n as f64).min(1.0);
                if before != 0.0 && fade > 0.0 {
                    let (old, new) = ((1.0 - fade).sqrt() as f32, fade.sqrt() as f32);
                    value = old * value + new * self.shared.value(before + moved);
                }
                *sample += self.gain * value;
            }
            at += block.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::track::Track;
    use crate::noise::{Mains, NoisePlan, Port};
    use crate::random::{Purpose, stream};
    use std::f64::consts::TAU;

    /// A recording of tones that repeat with the mains, at some rate.
    fn tones(rate_hz: f64, harmonics: &[f64]) -> Recording {
        let count = (0.5 * rate_hz) as usize;
        let at = |n: usize| -> f32 {
            let turns = 0.13 + 50.0 * n as f64 / rate_hz;
            harmonics.iter().map(|k| (TAU * k * turns).sin()).sum::<f64>() as f32
        };
        let track = Track::steady(0.13, 50.0, rate_hz, count);
        Recording { samples: (0..count).map(at).collect(), rate_hz, track, phase_known: true }
    }

    #[test]
    fn what_is_synchronous_stays_so_at_any_rate_while_the_mains_wander() {
        for (from_hz, to_hz) in [(400e3, 400e3), (2e6, 400e3), (400e3, 1.2e6), (333_333.0, 250e3)] {
            // 10, 60 and 90 kHz at 50 Hz.
            let harmonics = [200.0, 1_200.0, 1_800.0];
            let playback = Playback::new("tones".into(), tones(from_hz, &harmonics)).unwrap();
            let conditions = Conditions { rate_hz: to_hz, ..Conditions::CENELEC_A };
            let mut process = playback.design(&conditions).start(stream(1, Purpose::Noise, 0), 1.0);
            let mains = Mains { hz: 50.02, wander_hz: 0.05, wander_period_s: 3.0 };
            let (mut error, mut power, mut at) = (0.0f64, 0.0f64, 0usize);
            for _ in 0..500 {
                let mut out = [0.0f32; 500];
                let phase = mains.phase(at as f64, 500, to_hz);
                process.add(phase, &mut Vec::new(), &mut out);
                for (n, &found) in out.iter().enumerate() {
                    let turns = phase.after(n as f64).turns;
                    // Where the end fades into the beginning both are the same tones, whose powers do not add up.
                    let expected: f64 = harmonics.iter().map(|k| (TAU * k * turns).sin()).sum();
                    if turns - turns.floor() < 1.0 - 2.0 * FADE {
                        error += (f64::from(found) - expected).powi(2);
                        power += expected.powi(2);
                    }
                }
                at += 500;
            }
            let db = 10.0 * (error / power).log10();
            assert!(db < -70.0, "{from_hz} to {to_hz}: {db:.1} dB");
        }
    }

    #[test]
    fn at_a_lower_rate_the_formulas_know_what_was_left_out() {
        // 60 kHz all the time, and 400 kHz four times as strong in the first half of each period of the mains.
        let mut recording = tones(1e6, &[1_200.0]);
        for (n, sample) in recording.samples.iter_mut().enumerate() {
            let turns = 0.13 + 50.0 * n as f64 / 1e6;
            if turns.fract() < 0.5 {
                *sample += 4.0 * (TAU * 8_000.0 * turns).sin() as f32;
            }
        }
        let playback = Playback::new("two".into(), recording).unwrap();
        let at = |rate_hz: f64| {
            let conditions = Conditions { rate_hz, ..Conditions::CENELEC_A };
            let model = playback.at(&conditions).unwrap_or_else(|| Arc::new(playback.clone()));
            let contrast = model.density_at(0.25, 60e3) / model.density_at(0.75, 60e3);
            let highest = model.amplitudes(&conditions).iter().fold(0f64, |a, b| a.max(b.mean));
            (contrast, highest)
        };
        // 0.5 + 8 to 0.5; amplitudes reach 5, and 1.
        let (contrast, highest) = at(1e6);
        assert!((contrast / 17.0 - 1.0).abs() < 0.05 && highest > 4.5, "{contrast} {highest}");
        let (contrast, highest) = at(400e3);
        assert!((contrast - 1.0).abs() < 0.05 && (0.98..1.1).contains(&highest), "{contrast} {highest}");
    }

    #[test]
    fn a_recording_is_refused_beyond_its_own_band() {
        let playback = Playback::new("slow.wav".into(), tones(100e3, &[200.0])).unwrap();
        let conditions = Conditions { rate_hz: 400e3, ..Conditions::CENELEC_A };
        let refused = playback.check("n12", &conditions).unwrap_err().to_string();
        assert!(refused.contains("slow.wav has 100000 samples/s, good up to 45000 Hz"), "{refused}");
        let short = Recording { samples: vec![0.0; 100], ..tones(100e3, &[200.0]) };
        assert!(Playback::new("short".into(), short).unwrap_err().contains("whole periods"));
    }

    #[test]
    fn a_file_is_played_through_its_preset() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.wav");
        let recording = tones(400e3, &[1_200.0]);
        let voltage: Vec<f32> = (0..recording.samples.len())
            .map(|n| (TAU * (0.13 + 50.0 * n as f64 / 400e3)).sin() as f32)
            .collect();
        let wav = crate::wav::Wav {
            rate_hz: 400_000,
            channels: vec![recording.samples, voltage],
            comment: None,
            missing_octets: 0,
        };
        let mut bytes = Vec::new();
        wav.write(&mut bytes).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let preset = crate::noise::Preset::parse(&format!("n12:volts=2@{}", path.display())).unwrap();
        let plan = NoisePlan::new(&[preset], &Conditions::CENELEC_A).unwrap();
        let mut out = vec![0.0; 4_000];
        let mut source = plan.source(Port::L1, &mut stream(1, Purpose::Noise, 0));
        source.add(Mains::STEADY_50.phase(0.0, 4_000, 400e3), &mut out);
        // The tone at twice its amplitude, in phase with the mains.
        let expected = |n: usize| 2.0 * (TAU * 1_200.0 * 50.0 * n as f64 / 400e3).sin() as f32;
        let worst = out.iter().enumerate().map(|(n, x)| (x - expected(n)).abs()).fold(0.0, f32::max);
        assert!(worst < 0.02, "{worst}");
        assert!(crate::noise::Preset::parse("n12").unwrap_err().to_string().contains("n12@FILE.wav"));
        assert!(
            crate::noise::Preset::parse("n12@/no/such.wav").unwrap_err().to_string().contains("/no/such.wav")
        );
    }
}

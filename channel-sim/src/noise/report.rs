//! A preset heard for a while, held against its formula: what `channel-sim noise show` says and draws.

use super::error::NoiseError;
use super::mains::Mains;
use super::measure::{band, distribution, folded, formula, generate, kolmogorov, spectrum, third_octaves};
use super::model::Conditions;
use super::plan::{NoisePlan, Reference};
use super::preset::Preset;
use super::spectrum::dbm_per_hz;
use crate::random::{Purpose, stream, uniform};
use serde::Serialize;

/// Measured against the formula.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// Where: a frequency in Hz, or a phase in degrees.
    pub at: f64,
    /// What was measured.
    pub measured: f64,
    /// What the formula says.
    pub formula: f64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The preset.
    pub preset: String,
    /// What it is.
    pub title: &'static str,
    /// Samples per second.
    pub rate_hz: f64,
    /// Mean mains frequency.
    pub mains_hz: f64,
    /// How long it was heard.
    pub seconds: f64,
    /// Determines the noise.
    pub seed: u64,
    /// Mean density over the band by the formula, carriers included, in dBm/Hz.
    pub mean_dbm_per_hz: f64,
    /// The same of the background alone; none where there is no background.
    pub background_dbm_per_hz: Option<f64>,
    /// Mean power over the formula's, in dB.
    pub power_error_db: f64,
    /// Mean densities of third octaves in dBm/Hz, at their middles in Hz.
    pub third_octaves: Vec<Compared>,
    /// Greatest difference of a third octave in dB; those 50 dB below the strongest are left out.
    pub spectrum_error_db: f64,
    /// Root mean square over the phase of the mains in degrees, in volts.
    pub envelope: Vec<Compared>,
    /// Probability that the magnitude exceeds so many times the root mean square.
    pub exceedance: Vec<Compared>,
    /// Kolmogorov's distance of 10 000 samples over its critical value at 1 %, where the distribution is known.
    pub kolmogorov: Option<f64>,
    /// Peak over the root mean square, in dB.
    pub crest_db: f64,
}

/// Pieces of a turn in the envelope.
const PIECES: usize = 120;

/// Hears a preset and compares.
pub fn report(
    preset: &Preset,
    conditions: &Conditions,
    mains: &Mains,
    seconds: f64,
    seed: u64,
) -> Result<Report, NoiseError> {
    let plan = NoisePlan::new(std::slice::from_ref(preset), conditions)?;
    let preset = &preset.at(conditions);
    let rate_hz = conditions.rate_hz;
    let samples = generate(&plan, seed, (seconds * rate_hz) as usize, mains);
    let power =
        samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / samples.len().max(1) as f64;
    let rms = power.sqrt().max(f64::MIN_POSITIVE);
    let peak = samples.iter().fold(0f32, |peak, &x| peak.max(x.abs()));
    let (step, densities) = spectrum(&samples, rate_hz);
    let third_octaves: Vec<Compared> = third_octaves(rate_hz)
        .into_iter()
        .map(|(low, high)| Compared {
            at: (low * high).sqrt(),
            measured: dbm_per_hz(band(step, &densities, (low, high)) / (high - low)),
            formula: dbm_per_hz(formula(&plan, preset, (low, high)) / (high - low)),
        })
        .collect();
    let strongest = third_octaves.iter().map(|band| band.formula).fold(f64::NEG_INFINITY, f64::max);
    let loud = third_octaves.iter().filter(|band| band.formula > strongest - 50.0);
    let spectrum_error_db = loud.map(|band| (band.measured - band.formula).abs()).fold(0.0, f64::max);
    let background = plan.mean_density(Reference::Background);
    let mean =
        super::preset::mean(conditions.band_hz, |hz| plan.density(hz)) + lines(&plan, preset, conditions);
    let terms = preset.model().amplitudes(conditions);
    let known = !terms.is_empty() && conditions.coupler_hz.is_none();
    let law = distribution(&terms);
    let mut rng = stream(seed, Purpose::Noise, 1);
    let gain = preset.gain();
    let some: Vec<f64> = (0..10_000)
        .filter_map(|_| samples.get((uniform(&mut rng) * samples.len() as f64) as usize))
        .map(|&x| f64::from(x) / gain)
        .collect();
    Ok(Report {
        preset: preset.to_string(),
        title: preset.title(),
        rate_hz,
        mains_hz: conditions.mains_hz,
        seconds,
        seed,
        mean_dbm_per_hz: dbm_per_hz(mean),
        background_dbm_per_hz: (background > 0.0).then(|| dbm_per_hz(background)),
        power_error_db: 10.0 * libm::log10(power / formula(&plan, preset, (0.0, rate_hz / 2.0))),
        third_octaves,
        spectrum_error_db,
        envelope: envelope(&plan, &samples, mains),
        exceedance: exceedance(&samples, rms, |x| {
            if known { 1.0 - law(x / gain) + law(-x / gain) } else { f64::NAN }
        }),
        kolmogorov: known.then(|| kolmogorov(some, &law)),
        crest_db: 20.0 * libm::log10(f64::from(peak) / rms),
    })
}

/// Carriers' power in the band over its width.
fn lines(plan: &NoisePlan, preset: &Preset, conditions: &Conditions) -> f64 {
    let [low, high] = conditions.band_hz;
    let inside = |hz: f64| (low..=high).contains(&hz);
    let lines = preset.model().lines(plan.conditions());
    let power: f64 = lines.iter().filter(|line| inside(line.hz)).map(|line| line.volts2).sum();
    power * preset.gain() * preset.gain() / (high - low)
}

fn envelope(plan: &NoisePlan, samples: &[f32], mains: &Mains) -> Vec<Compared> {
    const PHASES: usize = 20;
    // Fine enough for narrow tones.
    const FREQUENCIES: usize = 1_000;
    let rate_hz = plan.conditions().rate_hz;
    let lines = plan.line_power();
    let half = rate_hz / 2.0;
    let follows = plan.follows_mains();
    let power = |turns: f64| {
        let hz = |k: usize| (k as f64 + 0.5) / FREQUENCIES as f64 * half;
        (0..FREQUENCIES).map(|k| plan.density_at(turns, hz(k))).sum::<f64>() / FREQUENCIES as f64 * half
            + lines
    };
    let steady = power(0.0);
    let expected = |piece: usize| {
        if !follows {
            return steady;
        }
        let at = |i: usize| (piece as f64 + (i as f64 + 0.5) / PHASES as f64) / PIECES as f64;
        (0..PHASES).map(|i| power(at(i))).sum::<f64>() / PHASES as f64
    };
    folded(samples, rate_hz, mains, PIECES)
        .into_iter()
        .enumerate()
        .map(|(piece, found)| Compared {
            at: (piece as f64 + 0.5) * 360.0 / PIECES as f64,
            measured: found.sqrt(),
            formula: expected(piece).sqrt(),
        })
        .collect()
}

/// At a quarter of the root mean square and on.
fn exceedance(samples: &[f32], rms: f64, law: impl Fn(f64) -> f64) -> Vec<Compared> {
    let mut magnitudes: Vec<f32> = samples.iter().map(|x| x.abs()).collect();
    magnitudes.sort_by(f32::total_cmp);
    let most = magnitudes.last().map_or(0.0, |&most| f64::from(most) / rms);
    let levels = (0..60).map(|step| 0.1 * libm::pow(1.12, f64::from(step))).take_while(|&level| level < most);
    levels
        .map(|level| {
            let below = magnitudes.partition_point(|&x| f64::from(x) <= level * rms);
            let measured = 1.0 - below as f64 / magnitudes.len().max(1) as f64;
            Compared { at: level, measured, formula: law(level * rms) }
        })
        .collect()
}

//! What a noise model is: the formula that defines it, where it is valid, and how to make it.

use super::error::NoiseError;
use super::mains::MainsPhase;
use super::spectrum::{Line, Spectrum};
use crate::line::filter::FilterPlan;
use rand_chacha::ChaCha8Rng;
use std::fmt::Debug;
use std::sync::Arc;

/// Density of the background of every preset that has no absolute level of its own: 35 dBµV in 200 Hz.
pub const BACKGROUND_DBM_PER_HZ: f64 = -95.0;
/// Frequencies that narrowband powerline communication uses, for which every preset is made.
pub const NARROWBAND_HZ: [f64; 2] = [3_000.0, 500_000.0];
/// Sample rates for which every preset is made.
pub const RATES_HZ: [f64; 2] = [100_000.0, 10_000_000.0];

/// Where noise is heard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// Samples per second, a whole number.
    pub rate_hz: f64,
    /// Mean frequency of the mains.
    pub mains_hz: f64,
    /// The band in which the noise is of interest: models must be valid there.
    pub band_hz: [f64; 2],
    /// Coupler of the receiver: nothing passes below the first frequency and everything above the second. It is
    /// applied to noise that rises steeply towards low frequencies; without it spectra are the formulas' at all
    /// frequencies.
    pub coupler_hz: Option<[f64; 2]>,
    /// Mean square of the wanted signal at the port, as a level: interferers of a given signal to interference ratio
    /// refer to it.
    pub signal_dbuv: f64,
}

impl Conditions {
    /// CENELEC-A at 400 kHz and 50 Hz mains, behind a coupler, with a signal of 120 dBµV that has lost 40 dB.
    pub const CENELEC_A: Self = Self {
        rate_hz: 400_000.0,
        mains_hz: 50.0,
        band_hz: [35_937.5, 90_625.0],
        coupler_hz: Some([10_000.0, 31_000.0]),
        signal_dbuv: 80.0,
    };

    /// The whole of what models are made for at a sample rate, 3 to 500 kHz or half the rate, without a coupler.
    pub fn open(rate_hz: f64) -> Self {
        let band_hz = [NARROWBAND_HZ[0], NARROWBAND_HZ[1].min(rate_hz / 2.0)];
        Self { rate_hz, band_hz, coupler_hz: None, ..Self::CENELEC_A }
    }

    /// How much of the power passes the coupler at a frequency; not less than -40 dB.
    pub(super) fn coupled(&self, hz: f64) -> f64 {
        let Some([stop, pass]) = self.coupler_hz else { return 1.0 };
        let position = ((hz - stop) / (pass - stop)).clamp(0.0, 1.0);
        let amplitude = 0.5 - 0.5 * libm::cos(std::f64::consts::PI * position);
        (amplitude * amplitude).max(1e-4)
    }

    /// Taps that colour as finely at this rate as `taps` do at 400 kHz.
    pub(super) fn taps(&self, taps: usize) -> usize {
        (libm::ceil(taps as f64 * self.rate_hz / 400_000.0) as usize).max(2)
    }

    /// Power per sample of a density in V²/Hz.
    pub(super) fn per_sample(&self, volts2_per_hz: f64) -> f64 {
        volts2_per_hz * self.rate_hz / 2.0
    }
}

impl From<&FilterPlan> for Conditions {
    fn from(plan: &FilterPlan) -> Self {
        let [stop, low, high, _] = plan.band_hz;
        Self { rate_hz: plan.rate_hz, band_hz: [low, high], coupler_hz: Some([stop, low]), ..Self::CENELEC_A }
    }
}

/// A noise model with its parameters: the formula.
///
/// Densities are one-sided, in V²/Hz, without [`Model::lines`]. Phases of the mains are in turns, 0 where the voltage
/// of the noise's own phase crosses zero upwards.
pub trait Model: Debug + Send + Sync {
    /// Mean density over time.
    fn density(&self, hz: f64) -> f64;

    /// Mean density at a phase of the mains.
    fn density_at(&self, _turns: f64, hz: f64) -> f64 {
        self.density(hz)
    }

    /// Density of what is always there, impulses and tones left out.
    fn background(&self, hz: f64) -> f64 {
        self.density(hz)
    }

    /// Carriers.
    fn lines(&self, _conditions: &Conditions) -> Vec<Line> {
        Vec::new()
    }

    /// Distribution of samples, without a coupler, as a mixture of normal ones; empty where nobody knows one.
    fn amplitudes(&self, conditions: &Conditions) -> Vec<Amplitude> {
        vec![Amplitude { weight: 1.0, mean: 0.0, variance: power(self, conditions) }]
    }

    /// Whether it is synchronous with the mains.
    fn follows_mains(&self) -> bool {
        false
    }

    /// The same model under other conditions than [`Conditions::CENELEC_A`], where the mains frequency or the signal's
    /// level make a difference to its formula.
    fn at(&self, _conditions: &Conditions) -> Option<Arc<dyn Model>> {
        None
    }

    /// Whether its level is defined by the signal's, so that it is not scaled with the other noise.
    fn follows_signal(&self) -> bool {
        false
    }

    /// Refuses conditions under which the model is not valid, beyond what holds for all.
    fn check(&self, _preset: &'static str, _conditions: &Conditions) -> Result<(), NoiseError> {
        Ok(())
    }

    /// The generator for conditions that have been checked.
    fn design(&self, conditions: &Conditions) -> Arc<dyn Design>;
}

/// A normal distribution in a mixture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amplitude {
    /// Its weight; together they are 1.
    pub weight: f64,
    /// Its mean, in volts.
    pub mean: f64,
    /// Its variance, in V².
    pub variance: f64,
}

/// Mixtures with no mean whose variances are relative to the mean power.
pub(super) fn mixture(terms: impl IntoIterator<Item = (f64, f64)>, power: f64) -> Vec<Amplitude> {
    let one = |(weight, relative): (f64, f64)| Amplitude { weight, mean: 0.0, variance: relative * power };
    terms.into_iter().map(one).collect()
}

/// Power of a model's density below half the sample rate.
pub(super) fn power<M: Model + ?Sized>(model: &M, conditions: &Conditions) -> f64 {
    const POINTS: u32 = 2_000;
    let step = conditions.rate_hz / 2.0 / f64::from(POINTS);
    (0..POINTS).map(|i| model.density((f64::from(i) + 0.5) * step) * step).sum()
}

/// A model made ready for a sample rate: what all its generators share.
pub trait Design: Debug + Send + Sync {
    /// A generator whose amplitudes are multiplied by `gain`.
    fn start(&self, rng: ChaCha8Rng, gain: f64) -> Box<dyn Process>;

    /// Spectra of its states: one where it is stationary or changes its level only.
    fn spectra(&self) -> Vec<Spectrum>;

    /// How much of each spectrum there is on average from one phase of the mains to another.
    fn weights(&self, _from: f64, _to: f64) -> Vec<f64> {
        vec![1.0]
    }
}

/// A running generator.
pub trait Process: Debug + Send {
    /// Adds the next samples, in volts, to `out`; at most [`BLOCK`] of them. `work` is scratch memory.
    fn add(&mut self, phase: MainsPhase, work: &mut Vec<f32>, out: &mut [f32]);
}

/// Samples that a generator makes at a time at the most.
pub const BLOCK: usize = 512;

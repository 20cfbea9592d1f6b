//! Noise as PRIME's receiver meets it: states of per-carrier noise in windows of 2.048 ms, and which rules when.
//!
//! As [`super::super::tape`] for G3, but that a place stands for one window, since PRIME compares carriers of one symbol,
//! and that the order of the places is kept, since every symbol counts by itself.

use super::{CARRIERS, Carriers, FIRST_BIN, POINTS, RATE_HZ};
use crate::noise::{Conditions, Mains, NoiseError, NoisePlan, NoiseSource, Port, Preset};
use crate::random::{Purpose, stream};
use dsp::Complex;
use dsp::fft::{RealFft, Size};
use prime_phy::Channel;

/// States of noise at most.
pub const STATES: usize = 16;
/// Places in a mains period.
pub const PLACES: usize = 32;
/// Mains periods listened to: 5.12 s.
const PERIODS: usize = 256;
const PERIOD_SAMPLES: usize = (RATE_HZ / 50.0) as usize;
/// Narrowest step between states, in dB.
const LEAST_STEP_DB: f64 = 1.0;
/// Variance of a level, relative to its mean's square, within one mains phase from which on noise is random. White noise has
/// 1/97.
const RANDOM: f64 = 0.04;
/// Samples for which the mains phase is asked at a time.
const BLOCK: usize = 2_500;
/// Where the coupler of a receiver stops and passes, as shares of its lowest carrier: as in campaigns.
const COUPLER: [f64; 2] = [0.278, 0.863];

/// The sum of `presets` at a receiver's port in channel 1.
///
/// # Errors
/// Where a preset is not valid there.
pub fn plan(presets: &[Preset]) -> Result<NoisePlan, NoiseError> {
    let hz = |carrier: usize| f64::from(Channel::ONE.carrier_hz(carrier));
    let band_hz = [hz(0), hz(CARRIERS - 1)];
    let coupler_hz = Some(COUPLER.map(|share| share * band_hz[0]));
    NoisePlan::new(presets, &Conditions { rate_hz: RATE_HZ, band_hz, coupler_hz, ..Conditions::CENELEC_A })
}

/// Noise at one port, sample after sample, with steady mains of 50 Hz.
#[derive(Debug)]
pub struct NoisePort {
    source: NoiseSource,
    at: u64,
    ahead_turns: f64,
}

impl NoisePort {
    /// Noise from the seed's stream `index`, the mains `ahead_turns` ahead.
    pub fn new(plan: &NoisePlan, seed: u64, index: u64, ahead_turns: f64) -> Self {
        let rng = &mut stream(seed, Purpose::Noise, index);
        Self { source: plan.source(Port::L1, rng), at: 0, ahead_turns }
    }

    /// Replaces `out` by the next samples, in volts.
    pub fn fill(&mut self, out: &mut [f32]) {
        out.fill(0.0);
        for block in out.chunks_mut(BLOCK) {
            let phase = Mains::STEADY_50.phase(self.at as f64, block.len(), RATE_HZ).ahead(self.ahead_turns);
            self.source.add(phase, block);
            self.at += block.len() as u64;
        }
    }
}

/// States of noise along the mains.
#[derive(Clone, Debug)]
pub struct Tape {
    /// Mean power on each carrier, |N_k|² of the receiver's transform of volts.
    mean: Carriers<f32>,
    states: Vec<Carriers<f32>>,
    /// State of each place.
    places: Vec<u8>,
}

impl Tape {
    /// Listens to a port.
    pub fn listen(plan: &NoisePlan, seed: u64) -> Self {
        let mut port = NoisePort::new(plan, seed, u64::from(u32::MAX), 0.0);
        let mut samples = vec![0.0; PERIODS * PERIOD_SAMPLES + POINTS];
        for chunk in samples.chunks_mut(1 << 14) {
            port.fill(chunk);
        }
        let mut fft = RealFft::new(Size::N512);
        let mut bins = [Complex::default(); POINTS / 2 + 1];
        let windows: Vec<Carriers<f32>> = (0..PERIODS * PLACES)
            .map(|place| {
                let at = place * PERIOD_SAMPLES / PLACES;
                // Both lengths are the transform's own.
                let _ = fft.forward(&samples[at..at + POINTS], &mut bins);
                std::array::from_fn(|carrier| bins[FIRST_BIN + carrier].norm_sqr())
            })
            .collect();
        Self::sort(&windows)
    }

    fn sort(windows: &[Carriers<f32>]) -> Self {
        let mean = mean_of(windows.iter());
        let phases: Vec<Carriers<f32>> =
            (0..PLACES).map(|phase| mean_of(windows.iter().skip(phase).step_by(PLACES))).collect();
        let apart =
            |(place, window): (usize, &Carriers<f32>)| (level(window, &phases[place % PLACES]) - 1.0).powi(2);
        let variance = windows.iter().enumerate().map(apart).sum::<f64>() / windows.len().max(1) as f64;
        if variance < RANDOM { Self::with(mean, &phases) } else { Self::with(mean, windows) }
    }

    fn with(mean: Carriers<f32>, windows: &[Carriers<f32>]) -> Self {
        let levels_db: Vec<f64> =
            windows.iter().map(|window| 10.0 * libm::log10(level(window, &mean))).collect();
        let mut sorted = levels_db.clone();
        sorted.sort_by(f64::total_cmp);
        let (lowest, highest) =
            (sorted[sorted.len() / 1_000], sorted[sorted.len() - 1 - sorted.len() / 1_000]);
        let step = ((highest - lowest) / STATES as f64).max(LEAST_STEP_DB);
        let middle = 0.5 * (highest + lowest);
        let state_of = |db: &f64| {
            let offset = (db - middle) / step + STATES as f64 / 2.0;
            (offset.max(0.0) as usize).min(STATES - 1) as u8
        };
        let places: Vec<u8> = levels_db.iter().map(state_of).collect();
        let of_state = |wanted: usize| {
            let own = windows.iter().zip(&places).filter(|(_, state)| usize::from(**state) == wanted);
            mean_of(own.map(|(window, _)| window))
        };
        Self { mean, states: (0..STATES).map(of_state).collect(), places }
    }

    /// Mean power on each carrier.
    pub fn mean(&self) -> &Carriers<f32> {
        &self.mean
    }

    /// Power on each carrier in each state; zero in states that never are.
    pub fn states(&self) -> &[Carriers<f32>] {
        &self.states
    }

    /// Places until the tape begins anew: a mains period's where noise follows the mains alone.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it has no places at all.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The state of the window that begins so many seconds after a place.
    pub fn state(&self, place: usize, seconds: f64) -> usize {
        let after = (seconds * 50.0 * PLACES as f64).round() as usize;
        usize::from(self.places[(place + after) % self.places.len()])
    }
}

/// Level of a window against a reference, each carrier counted alike.
fn level(window: &Carriers<f32>, reference: &Carriers<f32>) -> f64 {
    let ratio = |(power, mean): (&f32, &f32)| f64::from(*power) / f64::from(*mean).max(f64::MIN_POSITIVE);
    window.iter().zip(reference).map(ratio).sum::<f64>().max(1e-12) / CARRIERS as f64
}

fn mean_of<'a>(windows: impl Iterator<Item = &'a Carriers<f32>>) -> Carriers<f32> {
    let (mut sum, mut count) = ([0.0f64; CARRIERS], 0u32);
    for window in windows {
        sum.iter_mut().zip(window).for_each(|(sum, power)| *sum += f64::from(*power));
        count += 1;
    }
    sum.map(|sum| (sum / f64::from(count.max(1))) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::volts2_per_hz;

    fn listen(preset: Preset) -> Tape {
        Tape::listen(&plan(&[preset]).unwrap(), 1)
    }

    #[test]
    fn white_noise_is_one_period_of_its_density() {
        let tape = listen(Preset::white(-90.0));
        let expected = POINTS as f64 * volts2_per_hz(-90.0) * RATE_HZ / 2.0;
        for power in tape.mean() {
            assert!((f64::from(*power) / expected - 1.0).abs() < 0.08, "{power} {expected}");
        }
        assert_eq!(tape.len(), PLACES);
    }

    #[test]
    fn what_follows_the_mains_is_folded_and_impulses_at_random_are_not() {
        assert_eq!(listen(Preset::katayama()).len(), PLACES);
        assert_eq!(listen(Preset::parse("n8h").unwrap()).len(), PERIODS * PLACES);
    }
}

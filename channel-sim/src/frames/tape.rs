//! Noise as a receiver meets it: a few states of per-carrier noise, and which of them rules when.
//!
//! The noise of a port is listened to once, through the receiver's own 256-point transform, at 32 places of every
//! mains period. A place stands for the product of two symbols: the noise of the window that begins there and of
//! the one a symbol earlier. Places are sorted into at most 16 states by their level, each with its mean power on
//! every carrier. What follows the mains alone is folded into one period; what does not, is kept as a tape of
//! periods that nodes run through from places of their own.
//!
//! So one mechanism holds white noise (one state), noise that swings with the mains (its states in the order of the
//! phase) and bursts at random (states along the tape).

use super::port::NoisePort;
use crate::noise::{NoisePlan, Port};
use dsp::Complex;
use dsp::fft::{RealFft, Size};

/// Carriers of CENELEC-A.
pub const CARRIERS: usize = 36;
/// Transform bin of the lowest carrier.
pub const FIRST_BIN: usize = 23;
/// States of noise at most.
pub const STATES: usize = 16;
/// Places in a mains period.
pub const PLACES: usize = 32;
/// Mains periods listened to: 5.12 s at 50 Hz.
const PERIODS: usize = 256;
/// Samples of a mains period at 50 Hz.
const PERIOD_SAMPLES: usize = 8_000;
/// Samples between the starts of two symbols.
const SYMBOL_STRIDE: usize = 278;
const WINDOW: usize = 256;
/// Narrowest step between states, in dB.
const LEAST_STEP_DB: f64 = 1.0;
/// Variance of a level, relative to its mean's square, within one mains phase from which on noise is random. White
/// noise has 1/36 through one window and some 0.7 of that through the two of a product.
const RANDOM: f64 = 0.08;
/// Places after the end so that no frame has to turn round.
const OVERHANG: usize = 512;

/// How many places of a stretch are in each state.
pub type Histogram = [u16; STATES];

/// States of noise along the mains.
#[derive(Clone, Debug)]
pub struct NoiseTape {
    /// Mean power on each carrier, |N_k|² of a 256-point transform of volts.
    mean: [f32; CARRIERS],
    states: Vec<[f32; CARRIERS]>,
    periods: usize,
    /// Places in each state before every place, wrapping.
    before: Vec<Histogram>,
}

impl NoiseTape {
    /// Listens to a port whose noise is `plan`'s.
    pub fn listen(plan: &NoisePlan, port: Port, seed: u64) -> Self {
        let mut port = NoisePort::new(plan, port, seed, u64::from(u32::MAX), 0.0);
        let mut samples = vec![0.0; SYMBOL_STRIDE + PERIODS * PERIOD_SAMPLES + WINDOW];
        for chunk in samples.chunks_mut(1 << 14) {
            port.fill(chunk);
        }
        let mut fft = RealFft::new(Size::N256);
        let mut bins = [Complex::default(); WINDOW / 2 + 1];
        let mut spectrum = |from: usize| -> [f32; CARRIERS] {
            // Both lengths are the transform's own.
            let _ = fft.forward(&samples[from..from + WINDOW], &mut bins);
            std::array::from_fn(|carrier| bins[FIRST_BIN + carrier].norm_sqr())
        };
        let places: Vec<[f32; CARRIERS]> = (0..PERIODS * PLACES)
            .map(|place| {
                let at = SYMBOL_STRIDE + place * PERIOD_SAMPLES / PLACES;
                let (before, now) = (spectrum(at - SYMBOL_STRIDE), spectrum(at));
                std::array::from_fn(|carrier| 0.5 * (before[carrier] + now[carrier]))
            })
            .collect();
        Self::sort(&places)
    }

    /// Makes a tape of whole periods of places.
    fn sort(places: &[[f32; CARRIERS]]) -> Self {
        let mean = mean_of(places.iter());
        let phases: Vec<[f32; CARRIERS]> =
            (0..PLACES).map(|phase| mean_of(places.iter().skip(phase).step_by(PLACES))).collect();
        // How far single places are from the mean of their phase.
        let variance = places
            .iter()
            .enumerate()
            .map(|(index, place)| (level(place, &phases[index % PLACES]) - 1.0).powi(2))
            .sum::<f64>()
            / places.len().max(1) as f64;
        if variance < RANDOM { Self::with(mean, &phases) } else { Self::with(mean, places) }
    }

    fn with(mean: [f32; CARRIERS], places: &[[f32; CARRIERS]]) -> Self {
        let levels_db: Vec<f64> =
            places.iter().map(|place| 10.0 * libm::log10(level(place, &mean))).collect();
        let mut sorted = levels_db.clone();
        sorted.sort_by(f64::total_cmp);
        let (lowest, highest) =
            (sorted[sorted.len() / 1_000], sorted[sorted.len() - 1 - sorted.len() / 1_000]);
        let step = ((highest - lowest) / STATES as f64).max(LEAST_STEP_DB);
        let middle = 0.5 * (highest + lowest);
        let state_of = |db: f64| {
            let offset = (db - middle) / step + STATES as f64 / 2.0;
            (offset.max(0.0) as usize).min(STATES - 1)
        };
        let state: Vec<usize> = levels_db.iter().map(|&db| state_of(db)).collect();
        let states = (0..STATES)
            .map(|wanted| {
                mean_of(
                    places.iter().zip(&state).filter(|(_, state)| **state == wanted).map(|(place, _)| place),
                )
            })
            .collect();
        let mut count = [0u16; STATES];
        let mut before = vec![count];
        for place in 0..places.len() + OVERHANG {
            let slot = &mut count[state[place % places.len()]];
            *slot = slot.wrapping_add(1);
            before.push(count);
        }
        Self { mean, states, periods: places.len() / PLACES, before }
    }

    /// Mean power on each carrier.
    pub fn mean(&self) -> &[f32; CARRIERS] {
        &self.mean
    }

    /// Power on each carrier in each state; zero in states that never are.
    pub fn states(&self) -> &[[f32; CARRIERS]] {
        &self.states
    }

    /// Mains periods until the tape begins anew: 1 where noise follows the mains alone.
    pub fn periods(&self) -> usize {
        self.periods
    }

    /// States of the places from `from` on, at most 512 of them.
    #[inline]
    pub fn histogram(&self, from: u64, count: usize) -> Histogram {
        let from = (from % (self.periods * PLACES) as u64) as usize;
        let (start, end) = (&self.before[from], &self.before[from + count.min(OVERHANG)]);
        std::array::from_fn(|state| end[state].wrapping_sub(start[state]))
    }

    /// States over the whole tape.
    pub fn whole(&self) -> [f32; STATES] {
        let places = self.periods * PLACES;
        let last = &self.before[places];
        std::array::from_fn(|state| f32::from(last[state]) / places as f32)
    }

    /// States of the stretch of `count` places, of those in which a frame may begin, in which a signal gets
    /// furthest: where the mean of the noise's inverse is greatest.
    pub fn quietest(&self, count: usize) -> Histogram {
        let inverse: Vec<f64> = self
            .states
            .iter()
            .map(|state| {
                1.0 / state.iter().map(|&power| f64::from(power)).sum::<f64>().max(f64::MIN_POSITIVE)
            })
            .collect();
        let worth = |histogram: &Histogram| -> f64 {
            histogram
                .iter()
                .zip(&inverse)
                .filter(|(n, _)| **n > 0)
                .map(|(&n, worth)| f64::from(n) * worth)
                .sum()
        };
        (0..(self.periods * PLACES) as u64)
            .map(|from| self.histogram(from, count))
            .map(|histogram| (worth(&histogram), histogram))
            .fold((-1.0, [0; STATES]), |best, next| if next.0 > best.0 { next } else { best })
            .1
    }

    /// Octets in memory.
    pub fn size(&self) -> usize {
        self.before.capacity() * size_of::<Histogram>()
            + self.states.capacity() * size_of::<[f32; CARRIERS]>()
    }
}

/// Level of a place against a reference, each carrier counted alike.
fn level(place: &[f32; CARRIERS], reference: &[f32; CARRIERS]) -> f64 {
    let ratio = |(power, mean): (&f32, &f32)| f64::from(*power) / f64::from(*mean).max(f64::MIN_POSITIVE);
    place.iter().zip(reference).map(ratio).sum::<f64>().max(1e-12) / CARRIERS as f64
}

fn mean_of<'a>(places: impl Iterator<Item = &'a [f32; CARRIERS]>) -> [f32; CARRIERS] {
    let (mut sum, mut count) = ([0.0f64; CARRIERS], 0u32);
    for place in places {
        sum.iter_mut().zip(place).for_each(|(sum, power)| *sum += f64::from(*power));
        count += 1;
    }
    sum.map(|sum| (sum / f64::from(count.max(1))) as f32)
}

#[cfg(test)]
mod tests {
    use super::super::port::RATE_HZ;
    use super::*;
    use crate::noise::{Preset, volts2_per_hz};

    fn listen(preset: Preset, seed: u64) -> NoiseTape {
        NoiseTape::listen(&super::super::port::plan(&[preset]).unwrap(), Port::L1, seed)
    }

    #[test]
    fn white_noise_is_one_state_of_its_density() {
        let tape = listen(Preset::white(-90.0), 1);
        // E|N_k|² of N samples is N times their variance, the density times half the rate.
        let expected = 256.0 * volts2_per_hz(-90.0) * RATE_HZ / 2.0;
        for power in tape.mean() {
            assert!((f64::from(*power) / expected - 1.0).abs() < 0.06);
        }
        let whole = tape.whole();
        assert_eq!(tape.periods(), 1);
        assert!(whole.iter().filter(|share| **share > 0.0).count() <= 2, "{whole:?}");
        assert!((whole.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn what_follows_the_mains_is_folded_and_keeps_its_phase() {
        let tape = listen(Preset::katayama(), 1);
        assert_eq!(tape.periods(), 1);
        let level_at = |place: u64| -> f32 {
            let histogram = tape.histogram(place, 1);
            let state = histogram.iter().position(|&count| count == 1).unwrap();
            tape.states()[state].iter().sum::<f32>() / tape.mean().iter().sum::<f32>()
        };
        // KATA1's hump: strong around 96 degrees, weak around 6. A window is half a millisecond wide.
        assert!(level_at(8) > 4.0 * level_at(31), "{} {}", level_at(8), level_at(31));
        assert!((level_at(8) / level_at(24) - 1.0).abs() < 0.2, "both halves are alike");
    }

    #[test]
    fn histograms_count_every_place_once_and_go_round() {
        let tape = listen(Preset::katayama(), 2);
        for (from, count) in [(0, 32), (31, 1), (17, 300), (1_000_003, 41)] {
            let histogram = tape.histogram(from, count);
            assert_eq!(histogram.iter().map(|&n| usize::from(n)).sum::<usize>(), count);
            assert_eq!(histogram, tape.histogram(from + 32, count));
        }
    }
}

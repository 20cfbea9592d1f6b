//! Noise as a receiver meets it: a few states of per-carrier noise, and which of them rules when.
//!
//! The noise of a port is listened to once, through the receiver's own transform, at places of every mains period about a symbol
//! apart (32 in CENELEC-A). A place stands for the product of two symbols: the noise of the window that begins there and of
//! the one a symbol earlier, where the product is not of two carriers of one symbol. Places are sorted into at most 16 states by their level, each with its mean power on
//! every carrier. What follows the mains alone is folded into one period; what does not, is kept as a tape of
//! periods that nodes run through from places of their own.
//!
//! So one mechanism holds white noise (one state), noise that swings with the mains (its states in the order of the
//! phase) and bursts at random (states along the tape).

use super::modem::Grid;
use super::port::NoisePort;
use crate::exact;
use crate::noise::{NoisePlan, Port};
use dsp::Complex;
use dsp::fft::{RealFft, Size};
use num_complex::Complex64;
use std::sync::Arc;

/// States of noise at most.
pub const STATES: usize = 16;
/// Places in a mains period in networks: CENELEC-A's.
pub const PLACES: usize = 32;
/// Mains periods listened to: 5.12 s at 50 Hz, 4.27 at 60.
const PERIODS: usize = 256;
/// Narrowest step between states, in dB.
const LEAST_STEP_DB: f64 = 1.0;
/// Variance of a level, relative to its mean's square, within one mains phase from which on noise is random. White
/// noise has 1/36 through one window and some 0.7 of that through the two of a product.
const RANDOM: f64 = 0.08;
/// Mains periods after the end so that no frame has to turn round.
const OVERHANG_PERIODS: usize = 16;

/// How many places of a stretch are in each state.
pub type Histogram = [u16; STATES];

/// States of noise along the mains.
#[derive(Clone, Debug)]
pub struct NoiseTape {
    grid: Grid,
    /// Mean power on each carrier, |N_k|² of the receiver's transform of volts.
    mean: Vec<f32>,
    states: Vec<Vec<f32>>,
    periods: usize,
    /// Places in each state before every place, wrapping.
    before: Vec<Histogram>,
}

impl NoiseTape {
    /// Listens to a port whose noise is `plan`'s, as a receiver on this grid does.
    pub fn listen(plan: &NoisePlan, port: Port, seed: u64, grid: &Grid) -> Self {
        let mut port = NoisePort::new(plan, port, seed, u64::from(u32::MAX), 0.0, grid);
        let (period, window) = (grid.period_samples(), grid.points);
        let mut samples = vec![0.0; grid.lag + PERIODS * period + window];
        for chunk in samples.chunks_mut(1 << 14) {
            port.fill(chunk);
        }
        let mut transform = Transform::new(window);
        let places: Vec<Vec<f32>> = (0..PERIODS * grid.places)
            .map(|place| {
                let at = grid.lag + place * period / grid.places;
                let now = transform.powers(&samples[at..at + window], grid);
                if grid.lag == 0 {
                    return now;
                }
                let before = transform.powers(&samples[at - grid.lag..at - grid.lag + window], grid);
                before.iter().zip(&now).map(|(before, now)| 0.5 * (before + now)).collect()
            })
            .collect();
        Self::sort(&places, grid)
    }

    /// Makes a tape of whole periods of places.
    fn sort(places: &[Vec<f32>], grid: &Grid) -> Self {
        let mean = mean_of(places.iter(), grid.carriers);
        let phases: Vec<Vec<f32>> = (0..grid.places)
            .map(|phase| mean_of(places.iter().skip(phase).step_by(grid.places), grid.carriers))
            .collect();
        // How far single places are from the mean of their phase.
        let variance = places
            .iter()
            .enumerate()
            .map(|(index, place)| (level(place, &phases[index % grid.places]) - 1.0).powi(2))
            .sum::<f64>()
            / places.len().max(1) as f64;
        if variance < RANDOM { Self::with(mean, &phases, grid) } else { Self::with(mean, places, grid) }
    }

    fn with(mean: Vec<f32>, places: &[Vec<f32>], grid: &Grid) -> Self {
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
                let of_state = places.iter().zip(&state).filter(|(_, state)| **state == wanted);
                mean_of(of_state.map(|(place, _)| place), grid.carriers)
            })
            .collect();
        let mut count = [0u16; STATES];
        let mut before = vec![count];
        for place in 0..places.len() + OVERHANG_PERIODS * grid.places {
            let slot = &mut count[state[place % places.len()]];
            *slot = slot.wrapping_add(1);
            before.push(count);
        }
        Self { grid: *grid, mean, states, periods: places.len() / grid.places, before }
    }

    /// Mean power on each carrier.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Power on each carrier in each state; zero in states that never are.
    pub fn states(&self) -> &[Vec<f32>] {
        &self.states
    }

    /// Mains periods until the tape begins anew: 1 where noise follows the mains alone.
    pub fn periods(&self) -> usize {
        self.periods
    }

    /// Places until the tape begins anew.
    pub fn places(&self) -> usize {
        self.periods * self.grid.places
    }

    /// States of the places from `from` on, those of at most 16 mains periods.
    #[inline]
    pub fn histogram(&self, from: u64, count: usize) -> Histogram {
        let places = self.places();
        let from = (from % places as u64) as usize;
        let (start, end) =
            (&self.before[from], &self.before[from + count.min(self.before.len() - 1 - places)]);
        std::array::from_fn(|state| end[state].wrapping_sub(start[state]))
    }

    /// States over the whole tape.
    pub fn whole(&self) -> [f32; STATES] {
        let places = self.places();
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
        (0..self.places() as u64)
            .map(|from| self.histogram(from, count))
            .map(|histogram| (worth(&histogram), histogram))
            .fold((-1.0, [0; STATES]), |best, next| if next.0 > best.0 { next } else { best })
            .1
    }

    /// Octets in memory.
    pub fn size(&self) -> usize {
        self.before.capacity() * size_of::<Histogram>()
            + self.states.iter().map(|state| state.capacity() * size_of::<f32>()).sum::<usize>()
    }
}

/// Level of a place against a reference, each carrier counted alike.
fn level(place: &[f32], reference: &[f32]) -> f64 {
    let ratio = |(power, mean): (&f32, &f32)| f64::from(*power) / f64::from(*mean).max(f64::MIN_POSITIVE);
    place.iter().zip(reference).map(ratio).sum::<f64>().max(1e-12) / place.len().max(1) as f64
}

fn mean_of<'a>(places: impl Iterator<Item = &'a Vec<f32>>, carriers: usize) -> Vec<f32> {
    let (mut sum, mut count) = (vec![0.0f64; carriers], 0u32);
    for place in places {
        sum.iter_mut().zip(place).for_each(|(sum, power)| *sum += f64::from(*power));
        count += 1;
    }
    sum.into_iter().map(|sum| (sum / f64::from(count.max(1))) as f32).collect()
}

/// The receiver's transform.
enum Transform {
    Real {
        fft: Box<RealFft>,
        bins: Vec<Complex>,
    },
    /// Where `dsp` has none of that length.
    Other {
        fft: Arc<dyn rustfft::Fft<f64>>,
        values: Vec<Complex64>,
    },
}

impl Transform {
    fn new(points: usize) -> Self {
        let size = [Size::N256, Size::N512].into_iter().find(|size| size.points() == points);
        match size {
            Some(size) => Self::Real {
                fft: Box::new(RealFft::new(size)),
                bins: vec![Complex::default(); points / 2 + 1],
            },
            None => Self::Other { fft: exact::forward(points), values: Vec::new() },
        }
    }

    /// Power on each carrier.
    fn powers(&mut self, samples: &[f32], grid: &Grid) -> Vec<f32> {
        let carriers = grid.first_bin..grid.first_bin + grid.carriers;
        match self {
            Self::Real { fft, bins } => {
                // Both lengths are the transform's own.
                let _ = fft.forward(samples, bins);
                bins[carriers].iter().map(Complex::norm_sqr).collect()
            }
            Self::Other { fft, values } => {
                values.clear();
                values.extend(samples.iter().map(|&sample| Complex64::new(f64::from(sample), 0.0)));
                fft.process(values);
                values[carriers].iter().map(|value| value.norm_sqr() as f32).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::modem::Modem;
    use super::*;
    use crate::noise::{Preset, volts2_per_hz};

    fn listen(preset: Preset, seed: u64) -> NoiseTape {
        let modem = Modem::cenelec_a();
        NoiseTape::listen(&modem.noise(&[preset]).unwrap(), Port::L1, seed, modem.grid())
    }

    #[test]
    fn white_noise_is_one_state_of_its_density() {
        let tape = listen(Preset::white(-90.0), 1);
        // E|N_k|² of N samples is N times their variance, the density times half the rate.
        let expected = 256.0 * volts2_per_hz(-90.0) * 400_000.0 / 2.0;
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

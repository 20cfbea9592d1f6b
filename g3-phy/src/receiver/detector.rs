//! Finds a preamble in anything: the listening state.
//!
//! Every 256 samples the carriers of one window, freed of SYNCP's phases, are levelled to unit power and kept. In a
//! preamble all windows then have the same phases, a straight line over frequency whose slope is the delay. So the
//! sums over the newest 1, 3 and 7 windows are reduced to unit phasors and the delay is searched that lines them up
//! best. The metric, the squared mean of the lined-up phasors, is 1 for a clean preamble and about 1/carriers in
//! noise. It depends on no level and on no shape of the noise spectrum, and one window hit by an impulse weighs no
//! more than another.

use super::carriers::{Carriers, NO_CARRIERS, add, agreement, inverse_sqrt, levelled, power, sum_of};
use crate::band::{FFT_SAMPLES, MAX_CARRIERS};
use dsp::Complex;
use dsp::fft::{ComplexFft, Size};

/// Windows that a preamble of eight SYNCP fills whatever its alignment.
const HISTORY: usize = 7;
/// Lengths of the sums: one window tells a strong preamble at once, seven a weak one.
const SUMS: [usize; 3] = [1, 3, HISTORY];
/// Exponent of a false alarm's probability for one sum and delay; see `threshold`.
const RARITY: f32 = 26.0;
/// Cheap test before the search over delays: mean product of neighbouring phasors, squared.
const GATE: f32 = 0.12;

/// A preamble was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Detection {
    /// Sum of the windows, each of unit power.
    pub(super) sum: Carriers,
    /// How many windows the sum has.
    pub(super) windows: usize,
    /// Samples from the start of the newest window to the next boundary of SYNCP symbols, below 256.
    pub(super) delay: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Detector {
    history: [Carriers; HISTORY],
    newest: usize,
    fft: ComplexFft,
    profile: [Complex; FFT_SAMPLES],
    phasors: [Complex; FFT_SAMPLES],
    /// Factor for a carrier's product with its upper neighbour: zero where that one is masked.
    neighbour: [f32; MAX_CARRIERS],
    pairs: f32,
    carriers: usize,
    threshold: f32,
}

impl Detector {
    pub(super) fn new(bins: &[u16]) -> Self {
        let mut neighbour = [0.0; MAX_CARRIERS];
        for (factor, bins) in neighbour.iter_mut().zip(bins.windows(2)) {
            if let [lower, upper] = bins
                && lower + 1 == *upper
            {
                *factor = 1.0;
            }
        }
        Self {
            history: [NO_CARRIERS; HISTORY],
            newest: 0,
            fft: ComplexFft::new(Size::N256),
            profile: [Complex::default(); FFT_SAMPLES],
            phasors: [Complex::default(); FFT_SAMPLES],
            neighbour,
            pairs: neighbour.iter().sum(),
            carriers: bins.len(),
            threshold: threshold(bins.len()),
        }
    }

    /// Forgets all windows.
    pub(super) fn clear(&mut self) {
        self.history.fill(NO_CARRIERS);
    }

    /// Takes the carriers of the next window, freed of SYNCP's phases.
    pub(super) fn push(&mut self, window: &Carriers) -> Option<Detection> {
        self.newest = (self.newest + 1) % HISTORY;
        let newest = self.history.get_mut(self.newest)?;
        *newest = levelled(window, self.carriers);

        let (mut sum, mut windows) = (NO_CARRIERS, 0);
        for length in SUMS {
            while windows < length {
                if let Some(older) = self.history.get((self.newest + HISTORY - windows) % HISTORY) {
                    add(&mut sum, older, 1.0);
                }
                windows += 1;
            }
            if let Some(delay) = self.search(&sum) {
                return Some(Detection { sum, windows, delay });
            }
        }
        None
    }

    /// How many of the newest windows hold the preamble of `found`.
    pub(super) fn windows_like(&self, found: &Detection) -> usize {
        let scale = inverse_sqrt(power(&found.sum));
        (0..HISTORY)
            .filter_map(|age| self.history.get((self.newest + HISTORY - age) % HISTORY))
            .take_while(|window| agreement(window, &found.sum) * scale > 0.4)
            .count()
    }

    /// Fine position of the boundary in windows that are already aligned: samples, negative for earlier.
    pub(super) fn refine(&mut self, reference: &Carriers) -> i32 {
        let (delay, _) = self.line_up(&unit_phasors(reference));
        if delay > FFT_SAMPLES / 2 { delay as i32 - FFT_SAMPLES as i32 } else { delay as i32 }
    }

    fn search(&mut self, sum: &Carriers) -> Option<usize> {
        let unit = unit_phasors(sum);
        let mut lower = NO_CARRIERS;
        lower.iter_mut().skip(1).zip(&unit).zip(&self.neighbour).for_each(|((lower, unit), factor)| {
            *lower = unit * *factor;
        });
        let re = sum_of(&unit, &lower, |upper, lower| upper.re * lower.re + upper.im * lower.im);
        let im = sum_of(&unit, &lower, |upper, lower| upper.im * lower.re - upper.re * lower.im);
        if re * re + im * im < GATE * self.pairs * self.pairs {
            return None;
        }
        let (delay, metric) = self.line_up(&unit);
        (metric > self.threshold).then_some(delay)
    }

    /// The delay that lines up the phasors best, and the metric there.
    fn line_up(&mut self, unit: &Carriers) -> (usize, f32) {
        self.phasors.iter_mut().zip(unit).for_each(|(phasor, unit)| *phasor = *unit);
        // Both lengths are the transform's.
        let _ = self.fft.inverse(&self.phasors, &mut self.profile);
        let mut best = (0, 0.0);
        for (delay, value) in self.profile.iter().enumerate() {
            if value.norm_sqr() > best.1 {
                best = (delay, value.norm_sqr());
            }
        }
        let carriers = self.carriers.max(1) as f32;
        (best.0, best.1 / (carriers * carriers))
    }
}

fn unit_phasors(carriers: &Carriers) -> Carriers {
    carriers.map(|carrier| carrier * inverse_sqrt(carrier.norm_sqr()))
}

/// The metric that the mean of `carriers` random unit phasors exceeds with probability e^-RARITY.
///
/// The mean's magnitude exceeds r with probability e^(-carriers I(r)) to first order, where
/// I(r) = k r - ln I0(k) and r = I1(k)/I0(k) (Cramér's theorem for directions on a circle).
fn threshold(carriers: usize) -> f32 {
    let rate = RARITY / carriers.max(1) as f32;
    let (mut low, mut high) = (0.0_f32, 40.0_f32);
    for _ in 0..40 {
        let k = 0.5 * (low + high);
        let (i0, i1) = bessel(k);
        if k * i1 / i0 - libm::logf(i0) < rate { low = k } else { high = k }
    }
    let (i0, i1) = bessel(low);
    (i1 / i0) * (i1 / i0)
}

/// Modified Bessel functions of order 0 and 1, by their power series.
fn bessel(k: f32) -> (f32, f32) {
    let quarter = 0.25 * k * k;
    let (mut term, mut i0, mut i1) = (1.0, 1.0, 1.0);
    for n in 1..100 {
        let n = n as f32;
        term *= quarter / (n * n);
        i0 += term;
        i1 += term / (n + 1.0);
    }
    (i0, 0.5 * k * i1)
}

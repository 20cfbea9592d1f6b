//! Finds a preamble in anything: the listening state.
//!
//! Every 256 samples the carriers of one window, freed of SYNCP's phases, are levelled to unit power and kept. In a
//! preamble all windows then have the same phases, a straight line over frequency whose slope is the delay. So the
//! sums over the newest 1, 3 and 7 windows are reduced to unit phasors and the delay is searched that lines them up
//! best. The metric, the squared mean of the lined-up phasors, is 1 for a clean preamble and about 1/carriers in
//! noise. It depends on no level and on no shape of the noise spectrum, and one window hit by an impulse weighs no
//! more than another.
//!
//! Echoes of nearly the same strength bend that line. So carriers that repeat from window to window count as well, which
//! no channel changes: where seven windows do so clearly, less of a line is asked for. In noise the phases of a sum and how
//! well its parts agree are independent, so the rarities of the two tests add up.

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
/// The same for a line that is asked of carriers that repeat, and for their repeating.
const LOOSE_RARITY: f32 = 12.0;
const REPEATS_RARITY: f32 = 18.0;
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
    /// Bin of each carrier above the lowest one's: in a tone mask's notch the line over frequency goes on.
    above_lowest: [u8; MAX_CARRIERS],
    /// Factor for a carrier's product with its upper neighbour: zero where that one is masked.
    neighbour: [f32; MAX_CARRIERS],
    pairs: f32,
    carriers: usize,
    threshold: f32,
    loose: f32,
    repeats: f32,
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
        let lowest = bins.first().copied().unwrap_or_default();
        let mut above_lowest = [0; MAX_CARRIERS];
        for (above, bin) in above_lowest.iter_mut().zip(bins) {
            *above = (bin - lowest) as u8;
        }
        Self {
            history: [NO_CARRIERS; HISTORY],
            newest: 0,
            fft: ComplexFft::new(Size::N256),
            profile: [Complex::default(); FFT_SAMPLES],
            phasors: [Complex::default(); FFT_SAMPLES],
            above_lowest,
            neighbour,
            pairs: neighbour.iter().sum(),
            carriers: bins.len(),
            threshold: threshold(bins.len(), RARITY),
            loose: threshold(bins.len(), LOOSE_RARITY),
            repeats: repeats_threshold(bins.len(), REPEATS_RARITY),
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
            let Some((delay, metric)) = self.search(&sum) else { continue };
            let is_loose = || length == HISTORY && metric > self.loose && self.repeats(&sum) > self.repeats;
            if metric > self.threshold || is_loose() {
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

    /// What part of each carrier's power all windows have in common, the mean of all carriers: 1 in a clean preamble whatever the
    /// channel, 1/7 in noise whatever its spectrum.
    fn repeats(&self, sum: &Carriers) -> f32 {
        let mut powers = [0.0_f32; MAX_CARRIERS];
        for window in &self.history {
            powers.iter_mut().zip(window).for_each(|(power, carrier)| *power += carrier.norm_sqr());
        }
        let common = sum_of(sum, &powers, |sum, power| sum.norm_sqr() / power.max(f32::MIN_POSITIVE));
        common / (HISTORY * self.carriers.max(1)) as f32
    }

    /// The delay that lines a sum up best, and the metric there. `None` where that is out of the question.
    fn search(&mut self, sum: &Carriers) -> Option<(usize, f32)> {
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
        Some(self.line_up(&unit))
    }

    /// The delay that lines up the phasors best, and the metric there.
    fn line_up(&mut self, unit: &Carriers) -> (usize, f32) {
        for (unit, &above) in unit.iter().zip(&self.above_lowest).take(self.carriers) {
            if let Some(phasor) = self.phasors.get_mut(usize::from(above)) {
                *phasor = *unit;
            }
        }
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

/// The metric that the mean of `carriers` random unit phasors exceeds with probability e^-`rarity`.
///
/// The mean's magnitude exceeds r with probability e^(-carriers I(r)) to first order, where
/// I(r) = k r - ln I0(k) and r = I1(k)/I0(k) (Cramér's theorem for directions on a circle).
fn threshold(carriers: usize, rarity: f32) -> f32 {
    let rate = rarity / carriers.max(1) as f32;
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

/// What the part that seven windows of noise have in common exceeds with probability e^-`rarity`, the mean of `carriers`.
///
/// On one carrier it has the distribution Beta(1, 6), whose moments' generating function is the sum of 6! t^n / (n + 6)!; again
/// by Cramér's theorem.
fn repeats_threshold(carriers: usize, rarity: f32) -> f32 {
    let rate = rarity / carriers.max(1) as f32;
    let at = |t: f32| {
        let (mut term, mut sum, mut slope) = (1.0_f32, 1.0_f32, 0.0_f32);
        for n in 1..200 {
            let n = n as f32;
            slope += n * term / (n + (HISTORY - 1) as f32);
            term *= t / (n + (HISTORY - 1) as f32);
            sum += term;
        }
        (slope / sum, t * slope / sum - libm::logf(sum))
    };
    let (mut low, mut high) = (0.0_f32, 60.0_f32);
    for _ in 0..40 {
        let t = 0.5 * (low + high);
        if at(t).1 < rate { low = t } else { high = t }
    }
    at(low).0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against noise itself, at a rarity that it shows.
    #[test]
    fn noise_exceeds_the_thresholds_as_rarely_as_they_say_and_both_at_once_hardly_ever() {
        const CARRIERS: usize = 36;
        const DRAWS: usize = 20_000;
        let mut state = 5_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32 + 0.5) / 16_777_216.0
        };
        // A complex Gaussian value: exponential power, any phase.
        let mut gaussian =
            || Complex::from_polar(libm::sqrtf(-libm::logf(uniform())), core::f32::consts::TAU * uniform());
        let mut detector =
            Detector::new(&core::array::from_fn::<u16, CARRIERS, _>(|place| 23 + place as u16));
        let rarity = 5.0;
        let (line, repeats) = (threshold(CARRIERS, rarity), repeats_threshold(CARRIERS, rarity));
        let (mut of_line, mut of_repeats, mut of_both) = (0, 0, 0);
        for _ in 0..DRAWS {
            let mut sum = NO_CARRIERS;
            for window in &mut detector.history {
                window.iter_mut().take(CARRIERS).for_each(|carrier| *carrier = gaussian());
                add(&mut sum, window, 1.0);
            }
            // A single delay: the search takes the best of some 36 independent ones.
            let mean = unit_phasors(&sum).iter().sum::<Complex>().norm_sqr() / (CARRIERS * CARRIERS) as f32;
            let (line, repeats) = (mean > line, detector.repeats(&sum) > repeats);
            of_line += usize::from(line);
            of_repeats += usize::from(repeats);
            of_both += usize::from(line && repeats);
        }
        // Cramér's rate is that of the exponent: what stands before it is 1 for a Gaussian mean in the plane, and 1 / sqrt(4 pi
        // rarity) on a line.
        let expected = (libm::expf(-rarity) * DRAWS as f32) as usize;
        assert!((expected / 2..2 * expected).contains(&of_line), "{of_line}, {expected} expected");
        let expected = expected * 10 / 79;
        assert!((expected / 2..2 * expected).contains(&of_repeats), "{of_repeats}, {expected} expected");
        assert!(of_both <= 2, "{of_both}: independent, 45 millionths of the draws at most");
    }
}

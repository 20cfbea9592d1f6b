//! Finds a preamble by all of it: the detector matched to 8 SYNCP and SYNCM.
//!
//! Every 64 samples the carriers of one window join eight windows before it, each 256 samples apart. Windows count with
//! unit power, so that an impulse weighs no more than another window; their sum, SYNCM's with its sign turned, is
//! divided by each carrier's noise and added coherently within groups of six carriers, with energies over the groups:
//! within 9 kHz the gain of a power line is nearly constant but for its delay, of which a few are tried.
//!
//! In noise a group's energy is exponentially distributed, so the metric has the distribution of Erlang. Its threshold
//! follows from the rate of false alarms and depends on no level. The sign of the last window tells the right
//! position from the one a symbol earlier.

use super::carriers::{CarrierBank, Carriers, Figures, NO_CARRIERS, add, agreement, inverse_sqrt, power};
use crate::band::{FFT_SAMPLES, MAX_CARRIERS, SYNCP_SYMBOLS};
use dsp::Complex;

/// Samples from one window to the next.
pub(super) const HOP: usize = 64;
/// Windows of a preamble.
const WINDOWS: usize = SYNCP_SYMBOLS + 1;
/// Hops from one window of a preamble to the next.
const PHASES: usize = FFT_SAMPLES / HOP;
/// Windows kept: a preamble's, and those between.
const KEPT: usize = PHASES * (WINDOWS - 1) + 1;
/// Carriers that are added coherently.
const COHERENT: usize = 6;
const MAX_GROUPS: usize = MAX_CARRIERS / COHERENT;
/// Delays that are tried, in steps of 8 samples around a window's own place: half a hop and echoes.
const DELAYS: [i32; 11] = [-40, -32, -24, -16, -8, 0, 8, 16, 24, 32, 40];
/// A boundary of symbols further away than this is another window's.
const FURTHEST: u32 = 40;
/// Logarithm of a false alarm's probability in one test. At 6250 tests of 4 independent delays a second 1e-9 is one in
/// 11 hours, but the noise is estimated: 1e-9 gave one in an hour, 6e-11 leaves room.
const RARITY: f32 = 23.5;
/// What the estimate of the noise adds to the threshold.
const NOISE_UNKNOWN: f32 = 1.15;
/// Agreement of the last window with those before, above which it is a SYNCP.
const STILL_SYNCP: f32 = 0.05;

/// A preamble was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Mean of the windows at the level received, freed of SYNCP's phases, SYNCM with its sign turned.
    pub(super) mean: Carriers,
    /// Power of the noise on each carrier in a window.
    pub(super) noise: Figures,
    /// Samples from the start of the newest window to that of SYNCM.
    pub(super) offset: i32,
}

impl Found {
    /// How many windows the mean is of.
    pub(super) const WINDOWS: usize = WINDOWS;
}

#[derive(Clone, Debug)]
pub(super) struct MatchedDetector {
    windows: [Carriers; KEPT],
    /// 1 / sqrt(power) of each; zero before anything was received.
    scales: [f32; KEPT],
    newest: usize,
    /// Phasors of each delay for every carrier.
    delays: [Carriers; DELAYS.len()],
    /// Phasors of a delay of one sample.
    one_sample: Carriers,
    carriers: usize,
    threshold: f32,
}

impl MatchedDetector {
    pub(super) fn new() -> Self {
        Self {
            windows: [NO_CARRIERS; KEPT],
            scales: [0.0; KEPT],
            newest: 0,
            delays: [NO_CARRIERS; DELAYS.len()],
            one_sample: NO_CARRIERS,
            carriers: 0,
            threshold: f32::MAX,
        }
    }

    /// Prepares for a band.
    pub(super) fn set_up(&mut self, bank: &CarrierBank) {
        self.carriers = bank.count();
        self.threshold = NOISE_UNKNOWN * erlang_threshold(self.carriers.div_ceil(COHERENT), RARITY);
        for (delay, phasors) in
            DELAYS.iter().chain(&[1]).zip(self.delays.iter_mut().chain([&mut self.one_sample]))
        {
            *phasors = NO_CARRIERS;
            phasors.iter_mut().take(self.carriers).for_each(|phasor| *phasor = Complex::new(1.0, 0.0));
            bank.advance(phasors, *delay);
        }
        self.clear();
    }

    /// Forgets all windows.
    pub(super) fn clear(&mut self) {
        self.scales.fill(0.0);
    }

    /// Takes the next window, 64 samples after the one before, freed of SYNCP's phases.
    pub(super) fn push(&mut self, window: &Carriers) -> Option<Found> {
        self.newest = (self.newest + 1) % KEPT;
        *self.windows.get_mut(self.newest)? = *window;
        // Exact silence is as if nothing had been received: it must not pass for eight SYNCP that disagree with a ninth.
        let received = power(window);
        *self.scales.get_mut(self.newest)? = if received > 0.0 { inverse_sqrt(received) } else { 0.0 };
        // The oldest place of nine windows is empty until they are there.
        if *self.scales.get((self.newest + 1) % KEPT)? == 0.0 {
            return None;
        }
        let mut sum = NO_CARRIERS;
        for age in 1..WINDOWS {
            let (window, scale) = self.window(age)?;
            add(&mut sum, window, scale);
        }
        let (last, scale) = self.window(0)?;
        let of_last = scale * agreement(last, &sum) * inverse_sqrt(power(&sum));
        if of_last > STILL_SYNCP {
            return None;
        }
        add(&mut sum, last, -scale);
        let noise = self.noise(&sum)?;
        if self.metric(&sum, &noise) < self.threshold {
            return None;
        }
        // A strong preamble passes the threshold before its time.
        let offset = self.line_up(&sum);
        (offset.unsigned_abs() <= FURTHEST).then(|| self.found(offset))?
    }

    /// The window of a preamble that many symbols ago.
    fn window(&self, age: usize) -> Option<(&Carriers, f32)> {
        let index = (self.newest + KEPT - PHASES * age) % KEPT;
        Some((self.windows.get(index)?, *self.scales.get(index)?))
    }

    /// Noise on each carrier of the windows at unit power, half way to the mean of all carriers.
    fn noise(&self, sum: &Carriers) -> Option<Figures> {
        let mut noise = [0.0_f32; MAX_CARRIERS];
        for age in 0..WINDOWS {
            let (window, scale) = self.window(age)?;
            let square = scale * scale;
            noise.iter_mut().zip(window).for_each(|(noise, carrier)| *noise += square * carrier.norm_sqr());
        }
        let windows = WINDOWS as f32;
        for (noise, sum) in noise.iter_mut().zip(sum) {
            *noise = (*noise - sum.norm_sqr() / windows).max(0.0) / (windows - 1.0);
        }
        let mean = noise.iter().sum::<f32>() / self.carriers.max(1) as f32;
        noise.iter_mut().for_each(|noise| *noise = (0.5 * (*noise + mean)).max(f32::MIN_POSITIVE));
        Some(noise)
    }

    /// Energy of the groups at the best delay, against what noise alone has in one group.
    fn metric(&self, sum: &Carriers, noise: &Figures) -> f32 {
        let mut weighted = *sum;
        for (carrier, noise) in weighted.iter_mut().zip(noise) {
            *carrier *= inverse_sqrt(*noise);
        }
        let mut best = 0.0_f32;
        for delay in &self.delays {
            let mut groups = [Complex::default(); MAX_GROUPS];
            let chunks = weighted.as_chunks::<COHERENT>().0.iter().zip(delay.as_chunks::<COHERENT>().0);
            for (group, (carriers, phasors)) in groups.iter_mut().zip(chunks) {
                for (carrier, phasor) in carriers.iter().zip(phasors) {
                    *group += carrier * phasor;
                }
            }
            best = best.max(groups.iter().map(Complex::norm_sqr).sum());
        }
        best / (COHERENT * WINDOWS) as f32
    }

    /// Delay at which all carriers line up best, of all there are.
    fn line_up(&self, sum: &Carriers) -> i32 {
        let furthest = FFT_SAMPLES as i32 / 2;
        let mut turned = sum.map(|carrier| carrier * inverse_sqrt(carrier.norm_sqr()));
        for (carrier, one) in turned.iter_mut().zip(&self.one_sample) {
            (0..furthest).for_each(|_| *carrier *= one.conj());
        }
        let mut best = (0, 0.0);
        for delay in -furthest..furthest {
            let strength = turned.iter().sum::<Complex>().norm_sqr();
            if strength > best.1 {
                best = (delay, strength);
            }
            turned.iter_mut().zip(&self.one_sample).for_each(|(carrier, one)| *carrier *= one);
        }
        best.0
    }

    fn found(&self, offset: i32) -> Option<Found> {
        let (mut mean, mut noise) = (NO_CARRIERS, [0.0_f32; MAX_CARRIERS]);
        let part = 1.0 / WINDOWS as f32;
        for age in 0..WINDOWS {
            let (window, _) = self.window(age)?;
            add(&mut mean, window, if age == 0 { -part } else { part });
            noise.iter_mut().zip(window).for_each(|(noise, carrier)| *noise += carrier.norm_sqr());
        }
        for (noise, mean) in noise.iter_mut().zip(&mean) {
            *noise = (*noise - WINDOWS as f32 * mean.norm_sqr()).max(0.0) / (WINDOWS - 1) as f32;
        }
        Some(Found { mean, noise, offset })
    }
}

/// What the sum of `count` exponentially distributed values of mean 1 exceeds with probability e^-`rarity`.
fn erlang_threshold(count: usize, rarity: f32) -> f32 {
    let logarithm_of_tail = |x: f32| {
        let (mut term, mut sum) = (1.0_f32, 1.0_f32);
        for k in 1..count {
            term *= x / k as f32;
            sum += term;
        }
        libm::logf(sum) - x
    };
    let (mut low, mut high) = (0.0_f32, 200.0_f32);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if logarithm_of_tail(middle) > -rarity { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_quantiles_of_the_erlang_distribution() {
        // One group: e^-x. Six: tables of the chi-square distribution with 12 degrees of freedom, at twice the value.
        assert!((erlang_threshold(1, 5.0) - 5.0).abs() < 1e-3);
        // P(chi2_12 > 32.909) = 0.001.
        assert!((2.0 * erlang_threshold(6, 6.907_755) - 32.909).abs() < 5e-3);
    }
}

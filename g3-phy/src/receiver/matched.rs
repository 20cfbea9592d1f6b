//! Finds a preamble by all of it: the detector matched to 8 SYNCP and SYNCM.
//!
//! Every 64 samples the carriers of one window join eight windows before it, each 256 samples apart. Windows count with
//! unit power, so that an impulse weighs no more than another window; their sum, SYNCM's with its sign turned, is
//! divided by each carrier's noise and added coherently within groups of six carriers, with energies over the groups:
//! within 9 kHz the gain of a power line is nearly constant but for its delay, of which a few are tried.
//!
//! In noise a group's energy is exponentially distributed, so the metric has the distribution of Erlang. Its threshold
//! follows from the rate of false alarms and depends on no level.
//!
//! A preamble passes the threshold before it is over. Its end is where SYNCM's sign and the first windows together are likelier
//! than if it went on for one, two or three symbols, each window counting by its own noise: where noise swings with the mains, the
//! sign of a loud window says little, but the windows that would then have come before the preamble say enough.

use super::carriers::{CarrierBank, Carriers, Figures, NO_CARRIERS, add, agreement, inverse_sqrt, power};
use super::noise_tracker::beyond_chance;
use crate::band::{FFT_SAMPLES, MAX_CARRIERS, SYNCP_SYMBOLS};
use dsp::Complex;

/// Samples from one window to the next.
pub(super) const HOP: usize = 64;
/// Windows of a preamble.
const WINDOWS: usize = SYNCP_SYMBOLS + 1;
/// Hops from one window of a preamble to the next.
const PHASES: usize = FFT_SAMPLES / HOP;
/// Windows kept: a preamble's and the one after, and those between.
const KEPT: usize = PHASES * WINDOWS + 1;
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
/// Symbols by which a preamble may go on that is taken for complete.
const MOST_EARLY: usize = 3;
/// A window's noise is at least this part of its power: what stands beside echoes and a clock's difference.
const LEAST_NOISE: f32 = 0.05;
/// Agreement with the windows before, above which a window may be SYNCP; of one so many times as loud as the others, which
/// a burst hit, there is little agreement to ask for.
const STILL_SYNCP: f32 = 0.05;
const LOUD: f32 = 3.0;
/// A SYNCM agrees with the windows before by this part of what they do among themselves, less so many standard deviations; to be
/// asked of windows that agree this clearly.
const SURE_PART: f32 = 0.85;
const SURE_DEVIATIONS: f32 = 2.75;
const CLEAR: f32 = 0.6;
/// Logarithm of the odds, that a preamble is complete against that it goes on, beyond which the answer is taken at once. Channel and
/// noise in it are estimates: of weak preambles of 24 carriers six in a hundred were taken a symbol early at odds above one.
const SURE_ODDS: f32 = 40.0;
/// Part of what the other windows have in common that the first has in common with them.
const FIRST_SYNCP: f32 = 0.4;

/// A preamble was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Mean of the windows at the level received, freed of SYNCP's phases, SYNCM with its sign turned.
    pub(super) mean: Carriers,
    /// Power of the noise on each carrier in a quiet window.
    pub(super) noise: Figures,
    /// Samples from the start of the newest window to that of SYNCM; a symbol back where SYNCM was in doubt.
    pub(super) offset: i32,
    metric: f32,
}

impl Found {
    /// How many windows the mean is of.
    pub(super) const WINDOWS: usize = WINDOWS;
}

#[expect(clippy::large_enum_variant, reason = "lives for a moment on the stack")]
enum Verdict {
    None,
    Found(Found),
    /// Known a symbol later, and why.
    Undecided(f32, Doubt),
}

/// Why a place is in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// A burst hit the window that should be SYNCM, or that disagrees less than a SYNCM would.
    Sign,
    /// The preamble is so weak that it may go on: then its metric grows with the next symbol.
    Weak,
}

#[derive(Clone, Debug)]
pub(super) struct MatchedDetector {
    windows: [Carriers; KEPT],
    /// 1 / sqrt(power) of each; zero before anything was received.
    scales: [f32; KEPT],
    newest: usize,
    /// Of the newest windows, the least significant bit's the newest, the one that may be SYNCM but is in doubt; its metric.
    undecided: u8,
    metric_in_doubt: f32,
    doubt: Doubt,
    /// Phasors of each delay for every carrier.
    delays: [Carriers; DELAYS.len()],
    /// Phasors of a delay of one sample.
    one_sample: Carriers,
    carriers: usize,
    threshold: f32,
}

impl MatchedDetector {
    pub(super) const fn new() -> Self {
        Self {
            windows: [NO_CARRIERS; KEPT],
            scales: [0.0; KEPT],
            newest: 0,
            undecided: 0,
            metric_in_doubt: 0.0,
            doubt: Doubt::Sign,
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
        self.undecided = 0;
    }

    /// Takes the next window, 64 samples after the one before, freed of SYNCP's phases.
    pub(super) fn push(&mut self, window: &Carriers) -> Option<Found> {
        self.newest = (self.newest + 1) % KEPT;
        *self.windows.get_mut(self.newest)? = *window;
        // Exact silence is as if nothing had been received: it must not pass for eight SYNCP that disagree with a ninth.
        let received = power(window);
        *self.scales.get_mut(self.newest)? = if received > 0.0 { inverse_sqrt(received) } else { 0.0 };
        let is_due = self.undecided & 1 << (PHASES - 1) != 0;
        // Of two places at which a preamble might end, less than a symbol apart, the stronger counts.
        let least = if self.undecided == 0 { 0.0 } else { self.metric_in_doubt };
        self.undecided = self.undecided << 1 & ((1 << PHASES) - 1);
        match self.preamble_at(0) {
            Verdict::Found(found) if found.metric > least => return Some(found),
            Verdict::Undecided(metric, doubt) if metric > least => {
                self.undecided = 1;
                (self.metric_in_doubt, self.doubt) = (metric, doubt);
                return None;
            }
            _ => {}
        }
        if is_due { self.decide_late() } else { None }
    }

    /// Whether the nine windows that end with the one so many symbols ago are a preamble.
    fn preamble_at(&self, symbols_ago: usize) -> Verdict {
        let Some(syncp) = self.sum_of_syncp(symbols_ago).map(|(syncp, _)| syncp) else {
            return Verdict::None;
        };
        let Some((last, scale)) = self.window(symbols_ago).filter(|(_, scale)| *scale > 0.0) else {
            return Verdict::None;
        };
        let mut sum = syncp;
        add(&mut sum, last, -scale);
        let Some(noise) = self.noise(&sum, symbols_ago) else { return Verdict::None };
        let metric = self.metric(&sum, &noise);
        if metric < self.threshold {
            return Verdict::None;
        }
        // A strong preamble passes the threshold before its time.
        let offset = self.line_up(&sum);
        if offset.unsigned_abs() > FURTHEST {
            return Verdict::None;
        }
        if symbols_ago == 0 {
            let odds = self.odds_of_completeness(&noise).unwrap_or(f32::MIN);
            if odds < -SURE_ODDS {
                return Verdict::None;
            }
            let of_last = scale * agreement(last, &syncp) * inverse_sqrt(power(&syncp));
            if of_last > self.least_sure(&syncp) {
                return if odds < 0.0 { Verdict::None } else { Verdict::Undecided(metric, Doubt::Sign) };
            }
            if odds < SURE_ODDS {
                return Verdict::Undecided(metric, Doubt::Weak);
            }
        }
        let offset = offset - (symbols_ago * FFT_SAMPLES) as i32;
        self.found(offset, metric, symbols_ago).map_or(Verdict::None, Verdict::Found)
    }

    /// Logarithm of how much likelier the newest nine windows are a whole preamble than the beginning of one that goes on: its first
    /// windows then are noise, and its last a SYNCP. `noise` is that of the carriers, at any level.
    fn odds_of_completeness(&self, noise: &Figures) -> Option<f32> {
        let carriers = self.carriers.max(1) as f32;
        let mean = noise.iter().take(self.carriers).sum::<f32>() / carriers;
        let inverse = noise.map(|noise| mean / noise);
        let inner = |one: &Carriers, other: &Carriers| -> f32 {
            let pairs = one.iter().zip(other).zip(&inverse);
            pairs.map(|((one, other), inverse)| (one * other.conj()).re * inverse).sum()
        };
        // Windows that are SYNCP in either case tell the channel.
        const MIDDLE: core::ops::Range<usize> = 1..WINDOWS - MOST_EARLY;
        let (mut sum, mut of_windows) = (NO_CARRIERS, 0.0);
        let mut powers = [0.0_f32; WINDOWS];
        for (age, own) in powers.iter_mut().enumerate() {
            let (window, _) = self.window(age)?;
            *own = inner(window, window);
            if MIDDLE.contains(&age) {
                add(&mut sum, window, 1.0);
                of_windows += *own;
            }
        }
        let count = MIDDLE.len() as f32;
        let common = (inner(&sum, &sum) - of_windows) / (count * (count - 1.0));
        let noise_beside = |common: f32| powers.map(|own| (own - common).max(LEAST_NOISE * own) / carriers);
        let noises = noise_beside(common);
        let (mut channel, mut worth) = (NO_CARRIERS, 0.0);
        for age in MIDDLE {
            add(&mut channel, self.window(age)?.0, 1.0 / noises[age]);
            worth += 1.0 / noises[age];
        }
        channel.iter_mut().for_each(|carrier| *carrier *= 1.0 / worth);
        let energy = (inner(&channel, &channel) - carriers / worth).max(0.0);
        let noises = noise_beside(energy);
        let mut likelier = -4.0 * inner(self.window(0)?.0, &channel) / noises[0];
        let mut least = f32::MAX;
        for early in 1..=MOST_EARLY {
            let age = WINDOWS - early;
            likelier += (2.0 * inner(self.window(age)?.0, &channel) - energy) / noises[age];
            least = least.min(likelier);
        }
        Some(least)
    }

    /// Agreement below which the last window is SYNCM for sure, beside eight windows that add up to this. Where a few carriers
    /// hold most of the power, their share of a symbol is short, for SYNCP is a chirp: a window that is a SYNCP but for its last
    /// samples then disagrees with the others nearly as a SYNCM does. Weak preambles are taken at their word.
    fn least_sure(&self, syncp: &Carriers) -> f32 {
        let windows = (WINDOWS - 1) as f32;
        let common = ((power(syncp) - windows) / (windows * (windows - 1.0))).clamp(0.0, 1.0);
        let expected = windows * common * inverse_sqrt(power(syncp));
        if expected < CLEAR {
            return STILL_SYNCP;
        }
        let chance = libm::sqrtf((1.0 - common) / (2 * self.carriers.max(1)) as f32);
        (SURE_DEVIATIONS * chance - SURE_PART * expected).min(STILL_SYNCP)
    }

    /// The window that should be SYNCM, a symbol ago, is in doubt and none since was a better one. Of a weak preamble that is
    /// enough. The half symbol that follows
    /// SYNCM has its sign, unless a burst goes on, and the first of the eight windows is a SYNCP, unless the preamble is a symbol
    /// away.
    fn decide_late(&self) -> Option<Found> {
        if self.doubt == Doubt::Weak {
            // No place since had a larger metric.
            return self.late();
        }
        let (syncp, scales) = self.sum_of_syncp(1)?;
        let (now, scale) = self.window(0)?;
        let is_loud = scale * scale * LOUD < scales * scales;
        if !is_loud && scale * agreement(now, &syncp) * inverse_sqrt(power(&syncp)) > -STILL_SYNCP {
            return None;
        }
        let (first, scale) = self.window(WINDOWS)?;
        let others = (WINDOWS - 2) as f32;
        let common = (power(&syncp) - others - 1.0) / (others * (others + 1.0));
        if scale * agreement(first, &syncp) - 1.0 < FIRST_SYNCP * others * common {
            return None;
        }
        self.late()
    }

    /// The preamble that ended a symbol ago.
    fn late(&self) -> Option<Found> {
        match self.preamble_at(1) {
            Verdict::Found(found) => Some(found),
            _ => None,
        }
    }

    /// The eight windows that should be SYNCP at unit power together, and the mean of their scales.
    fn sum_of_syncp(&self, symbols_ago: usize) -> Option<(Carriers, f32)> {
        let (mut sum, mut scales) = (NO_CARRIERS, 0.0);
        for age in 1..WINDOWS {
            let (window, scale) = self.window(symbols_ago + age)?;
            // Nothing was received yet.
            if scale == 0.0 {
                return None;
            }
            add(&mut sum, window, scale);
            scales += scale / (WINDOWS - 1) as f32;
        }
        Some((sum, scales))
    }

    /// The window of a preamble that many symbols ago.
    fn window(&self, age: usize) -> Option<(&Carriers, f32)> {
        let index = (self.newest + KEPT - PHASES * age) % KEPT;
        Some((self.windows.get(index)?, *self.scales.get(index)?))
    }

    /// Noise on each carrier of the windows at unit power, half way to the mean of all carriers.
    fn noise(&self, sum: &Carriers, symbols_ago: usize) -> Option<Figures> {
        let mut noise = [0.0_f32; MAX_CARRIERS];
        for age in 0..WINDOWS {
            let (window, scale) = self.window(symbols_ago + age)?;
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
        // No delay makes more of the carriers than if all of a group had one phase.
        if power(&weighted) < self.threshold * WINDOWS as f32 {
            return 0.0;
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

    fn found(&self, offset: i32, metric: f32, symbols_ago: usize) -> Option<Found> {
        // Windows weigh inversely as their power, as far as that differs by more than chance: a burst's say nothing.
        let mut powers = [0.0_f32; WINDOWS];
        for (age, power) in powers.iter_mut().enumerate() {
            let (_, scale) = self.window(symbols_ago + age)?;
            *power = 1.0 / (scale * scale).max(f32::MIN_POSITIVE);
        }
        beyond_chance(&mut powers, 1.0 / self.carriers.max(1) as f32);
        let weights = powers.map(|power| 1.0 / power.max(f32::MIN_POSITIVE));
        let each = WINDOWS as f32 / weights.iter().sum::<f32>();
        let weights = weights.map(|weight| weight * each);

        let (mut mean, mut noise) = (NO_CARRIERS, [0.0_f32; MAX_CARRIERS]);
        let part = 1.0 / WINDOWS as f32;
        for (age, weight) in weights.iter().enumerate() {
            let (window, _) = self.window(symbols_ago + age)?;
            add(&mut mean, window, weight * if age == 0 { -part } else { part });
            noise.iter_mut().zip(window).for_each(|(noise, carrier)| *noise += weight * carrier.norm_sqr());
        }
        for (noise, mean) in noise.iter_mut().zip(&mean) {
            *noise = (*noise - WINDOWS as f32 * mean.norm_sqr()).max(0.0) / (WINDOWS - 1) as f32;
        }
        Some(Found { mean, noise, offset, metric })
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

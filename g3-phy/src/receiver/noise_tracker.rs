//! Noise from symbol to symbol: mains-synchronous noise swings by 10 dB within a half period of the mains.
//!
//! Two witnesses tell a symbol's noise relative to that of the header, where the carriers' noise was measured:
//!
//! * The null tones beside the band, each against its own mean in the header. Twenty-four of them tell it to 20 %,
//!   so in steady noise they would only add noise of their own. Their swing is therefore shrunk by what their
//!   variance in this frame shows to be chance (empirical Bayes).
//! * The power on the carriers, where it is beyond chance: an impulse.

use super::carriers::{Carriers, NULL_TONES, NullPowers, power};
use super::header_decoder::Link;

/// Header symbols whose null tones are kept as the reference.
pub(super) const REFERENCE_SYMBOLS: usize = 13;
/// Variance of the mean of the null tones' relative powers in steady noise.
const CHANCE: f32 = 1.0 / NULL_TONES as f32;
/// No symbol counts as quieter than this.
const QUIETEST: f32 = 0.05;

/// Null tones of the header's symbols.
#[derive(Clone, Debug)]
pub(super) struct NullReference {
    powers: [NullPowers; REFERENCE_SYMBOLS],
    symbols: usize,
}

impl NullReference {
    pub(super) fn new() -> Self {
        Self { powers: [[0.0; NULL_TONES]; REFERENCE_SYMBOLS], symbols: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.symbols = 0;
    }

    pub(super) fn push(&mut self, nulls: &NullPowers) {
        // The last one is kept in any case: the first payload symbol is compared with it.
        if let Some(powers) = self.powers.get_mut(self.symbols.min(REFERENCE_SYMBOLS - 1)) {
            *powers = *nulls;
            self.symbols = (self.symbols + 1).min(REFERENCE_SYMBOLS);
        }
    }
}

/// Follows the noise through the payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoiseTracker {
    /// 1 / (mean power in the header) of each null tone.
    inverse_mean: NullPowers,
    /// Number, sum and sum of squares of the relative noises seen.
    count: f32,
    sum: f32,
    squares: f32,
    /// Power of signal and noise on all carriers together, and the power from which it is more than chance.
    signal: f32,
    noise: f32,
    remarkable: f32,
    before: f32,
}

impl NoiseTracker {
    /// Starts with what the header showed.
    pub(super) fn new(link: &Link, reference: &NullReference) -> Self {
        let signal: f32 = link.signal.iter().sum();
        let noise = link.noise.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        let both = link.signal.iter().zip(&link.noise);
        let variance: f32 = both.map(|(signal, noise)| noise * (noise + 2.0 * signal)).sum();
        let seen = reference.powers.get(..reference.symbols).unwrap_or_default();
        let mut inverse_mean = [0.0_f32; NULL_TONES];
        for powers in seen {
            inverse_mean.iter_mut().zip(powers).for_each(|(mean, power)| *mean += power / seen.len() as f32);
        }
        inverse_mean.iter_mut().for_each(|mean| *mean = 1.0 / mean.max(f32::MIN_POSITIVE));
        let mut tracker = Self {
            inverse_mean,
            count: 0.0,
            sum: 0.0,
            squares: 0.0,
            signal,
            noise,
            remarkable: signal + noise + 3.0 * libm::sqrtf(variance),
            before: 1.0,
        };
        for powers in seen {
            tracker.before = tracker.relative(powers);
        }
        tracker
    }

    /// Factor for the products of this symbol with the one before: inversely as their variance
    /// S (N1 + N2) + N1 N2, and 1 for the header's noise.
    pub(super) fn trust(&mut self, symbol: &Carriers, nulls: &NullPowers) -> f32 {
        let now = self.noise_of(symbol, nulls);
        let snr = self.signal / self.noise;
        let trust = (2.0 * snr + 1.0) / (snr * (self.before + now) + self.before * now);
        self.before = now;
        trust
    }

    /// Factor for what this symbol tells by itself: inversely as its noise, and 1 for the header's.
    pub(super) fn trust_alone(&mut self, symbol: &Carriers, nulls: &NullPowers) -> f32 {
        1.0 / self.noise_of(symbol, nulls)
    }

    /// A symbol's noise against the header's.
    fn noise_of(&mut self, symbol: &Carriers, nulls: &NullPowers) -> f32 {
        let now = self.relative(nulls);
        let power = power(symbol);
        if power > self.remarkable { now.max((power - self.signal) / self.noise) } else { now }
    }

    /// A symbol's noise against the header's, as far as the null tones can tell.
    fn relative(&mut self, nulls: &NullPowers) -> f32 {
        let mean = nulls.iter().zip(&self.inverse_mean).map(|(power, inverse)| power * inverse).sum::<f32>()
            / NULL_TONES as f32;
        self.count += 1.0;
        self.sum += mean;
        self.squares += mean * mean;
        let centre = self.sum / self.count;
        let variance = self.squares / self.count - centre * centre;
        let believed = (1.0 - CHANCE * centre * centre / variance.max(f32::MIN_POSITIVE)).max(0.0);
        (1.0 + believed * (mean - 1.0)).max(QUIETEST)
    }
}

//! Noise from symbol to symbol: mains-synchronous noise swings by 10 dB within a half period of the mains.
//!
//! Two witnesses tell a symbol's noise relative to that of the header's quiet symbols, for which the carriers' noise is
//! given:
//!
//! * The null tones beside the band, each against its own mean in the header. Twenty-four of them tell it to 20 %,
//!   so in steady noise they would only add noise of their own. Their swing is therefore shrunk by what their
//!   variance in this frame shows to be chance (empirical Bayes).
//! * The power on the carriers, where it is beyond chance: an impulse.
//!
//! Quiet is the harmonic mean: what symbols are worth together goes by it, and a burst in the header does not raise it.

use super::carriers::{Carriers, NULL_TONES, NullPowers, power};
use super::header_decoder::Link;

/// Header symbols whose null tones are kept as the reference.
const REFERENCE_SYMBOLS: usize = 24;
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

/// The header's noise from symbol to symbol.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeaderNoise {
    /// 1 / (power of each null tone in quiet symbols).
    inverse_quiet: NullPowers,
    /// Each symbol's noise against a quiet one's.
    relative: [f32; REFERENCE_SYMBOLS],
    symbols: usize,
    swing: Swing,
}

/// How the relative noise varies: number, sum and sum of squares of what was seen.
#[derive(Clone, Copy, Debug, Default)]
struct Swing {
    count: f32,
    sum: f32,
    squares: f32,
}

impl Swing {
    /// Takes what null tones tell of a symbol and returns what is to be believed.
    fn believed(&mut self, seen: f32) -> f32 {
        self.take(seen);
        self.shrunk(seen)
    }

    fn take(&mut self, seen: f32) {
        self.count += 1.0;
        self.sum += seen;
        self.squares += seen * seen;
    }

    fn shrunk(&self, seen: f32) -> f32 {
        let centre = self.sum / self.count.max(1.0);
        let variance = self.squares / self.count.max(1.0) - centre * centre;
        let believed = (1.0 - CHANCE * centre * centre / variance.max(f32::MIN_POSITIVE)).max(0.0);
        (centre + believed * (seen - centre)).max(QUIETEST)
    }
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

    /// The whole header is there.
    pub(super) fn settle(&self) -> HeaderNoise {
        let seen = self.powers.get(..self.symbols).unwrap_or_default();
        let mut noise = HeaderNoise { symbols: self.symbols, ..HeaderNoise::STEADY };
        // Tones first by their mean, a burst's included, then by what they have apart from how loud each symbol is.
        for _ in 0..2 {
            let mut mean = [0.0_f32; NULL_TONES];
            for (powers, relative) in seen.iter().zip(&noise.relative) {
                let part = 1.0 / (relative * seen.len() as f32);
                mean.iter_mut().zip(powers).for_each(|(mean, power)| *mean += power * part);
            }
            noise.inverse_quiet = mean.map(|mean| 1.0 / mean.max(f32::MIN_POSITIVE));
            noise.swing = Swing::default();
            for powers in seen {
                noise.swing.take(against(powers, &noise.inverse_quiet));
            }
            for (relative, powers) in noise.relative.iter_mut().zip(seen) {
                *relative = noise.swing.shrunk(against(powers, &noise.inverse_quiet));
            }
            let worth: f32 = noise.relative.iter().take(seen.len()).map(|relative| 1.0 / relative).sum();
            let quiet = seen.len() as f32 / worth.max(f32::MIN_POSITIVE);
            noise.relative.iter_mut().take(seen.len()).for_each(|relative| *relative /= quiet);
            noise.inverse_quiet.iter_mut().for_each(|inverse| *inverse /= quiet);
            noise.swing.sum /= quiet;
            noise.swing.squares /= quiet * quiet;
        }
        noise
    }
}

impl HeaderNoise {
    /// All symbols alike.
    pub(super) const STEADY: Self = Self {
        inverse_quiet: [0.0; NULL_TONES],
        relative: [1.0; REFERENCE_SYMBOLS],
        symbols: 0,
        swing: Swing { count: 0.0, sum: 0.0, squares: 0.0 },
    };

    /// Noise of a symbol against a quiet one's.
    pub(super) fn of(&self, symbol: usize) -> f32 {
        self.relative.get(symbol).copied().unwrap_or(1.0)
    }
}

/// Takes out of relative noises what is chance, whose variance in units of their mean is `chance`.
pub(super) fn beyond_chance(noises: &mut [f32], chance: f32) {
    let count = noises.len().max(1) as f32;
    let centre = noises.iter().sum::<f32>() / count;
    let variance = noises.iter().map(|noise| (noise - centre) * (noise - centre)).sum::<f32>() / count;
    let believed = (1.0 - chance * centre * centre / variance.max(f32::MIN_POSITIVE)).max(0.0);
    noises.iter_mut().for_each(|noise| *noise = centre + believed * (*noise - centre));
}

fn against(powers: &NullPowers, inverse_quiet: &NullPowers) -> f32 {
    powers.iter().zip(inverse_quiet).map(|(power, inverse)| power * inverse).sum::<f32>() / NULL_TONES as f32
}

/// Follows the noise through the payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoiseTracker {
    inverse_quiet: NullPowers,
    swing: Swing,
    /// Power of signal and noise on all carriers together, and the power from which it is more than chance.
    signal: f32,
    noise: f32,
    remarkable: f32,
    before: f32,
}

impl NoiseTracker {
    /// Starts with what the header showed. `link` has the noise of quiet symbols.
    pub(super) fn new(link: &Link, header: &HeaderNoise) -> Self {
        let signal: f32 = link.signal.iter().sum();
        let noise = link.noise.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        let both = link.signal.iter().zip(&link.noise);
        let variance: f32 = both.map(|(signal, noise)| noise * (noise + 2.0 * signal)).sum();
        Self {
            inverse_quiet: header.inverse_quiet,
            swing: header.swing,
            signal,
            noise,
            remarkable: signal + noise + 3.0 * libm::sqrtf(variance),
            before: header.of(header.symbols.saturating_sub(1)),
        }
    }

    /// Factor for the products of a symbol whose noise is `now` with the one before: inversely as their variance
    /// S (N1 + N2) + N1 N2, and 1 for quiet ones.
    pub(super) fn trust(&mut self, now: f32) -> f32 {
        let snr = self.signal / self.noise;
        let trust = (2.0 * snr + 1.0) / (snr * (self.before + now) + self.before * now);
        self.before = now;
        trust
    }

    /// A symbol's noise against a quiet one's.
    pub(super) fn noise_of(&mut self, symbol: &Carriers, nulls: &NullPowers) -> f32 {
        let now = self.swing.believed(against(nulls, &self.inverse_quiet));
        let power = power(symbol);
        if power > self.remarkable { now.max((power - self.signal) / self.noise) } else { now }
    }
}

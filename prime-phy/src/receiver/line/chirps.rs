//! What the chirps before a frame tell of a channel.

use crate::channel::{CARRIERS, FFT_SAMPLES, SYMBOL_SAMPLES};
use crate::receiver::carriers::{Carriers, Figures, NO_CARRIERS, mean, phasor};
use crate::receiver::pairs::EARLY_SAMPLES;

/// The middle of a chirp before that of the first header symbol's window, in symbols.
const CHIRP_TO_HEADER: f32 = (SYMBOL_SAMPLES - EARLY_SAMPLES) as f32 / SYMBOL_SAMPLES as f32;

#[derive(Clone, Debug)]
pub(super) struct Chirps {
    /// Sum of the chirps' carriers times their known ones, and how many symbols each is worth.
    pub(super) sum: Carriers,
    pub(super) weight: Figures,
    /// The chirps' middle, in symbols after the first header symbol.
    pub(super) at: f32,
}

impl Chirps {
    pub(super) const NONE: Self = Self { sum: NO_CARRIERS, weight: [0.0; CARRIERS], at: 0.0 };

    /// Takes a chirp that begins `chirps` chirps before the header's first symbol: its carriers, and those of one without noise
    /// whose mean power is that of a symbol's carriers.
    pub(super) fn put(
        &mut self,
        first_carrier: f32,
        chirp: &Carriers,
        known: &Carriers,
        sign: f32,
        chirps: usize,
    ) {
        let before = chirps.saturating_sub(1) * FFT_SAMPLES;
        let at = -CHIRP_TO_HEADER - before as f32 / SYMBOL_SAMPLES as f32;
        let weight: f32 = mean(&self.weight);
        self.at = (self.at * weight + at) / (weight + 1.0);
        // The window of a chirp begins with it, that of a symbol early in the prefix.
        for (carrier, (chirp, known)) in chirp.iter().zip(known).enumerate() {
            let turns = (first_carrier + carrier as f32) * EARLY_SAMPLES as f32 / FFT_SAMPLES as f32;
            self.sum[carrier] += chirp * (known * phasor(turns - libm::floorf(turns))).conj() * sign;
            self.weight[carrier] += known.norm_sqr();
        }
    }

    /// The channel's gain as they tell it.
    pub(super) fn gain(&self) -> Carriers {
        let mut gain = self.sum;
        for (gain, weight) in gain.iter_mut().zip(&self.weight) {
            *gain *= 1.0 / weight.max(1e-3);
        }
        gain
    }

    /// Brings them to the level of symbols: their power is `boost` times as great.
    pub(super) fn level(&mut self, boost: f32) {
        let scale = libm::sqrtf(boost);
        self.sum = self.sum.map(|chirp| chirp * scale);
        self.weight = self.weight.map(|weight| weight * boost);
    }
}

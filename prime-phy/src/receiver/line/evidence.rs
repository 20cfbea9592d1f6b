//! Sums over the symbols of a frame in which known carriers and soft decisions meet what was received.

use super::symbols::MAX_SYMBOLS;
use crate::channel::CARRIERS;
use crate::receiver::carriers::{Carriers, Figures, NO_CARRIERS};
use dsp::Complex;

#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    /// y x*, and the same times the symbol's time.
    pub(super) product: Carriers,
    pub(super) product_time: Carriers,
    /// |x|^2, the same times the time, and times its square.
    pub(super) certainty: [Figures; 3],
    /// |y - h x|^2 on each carrier, weighted, and how many; and in each symbol, in units of the carrier's noise.
    pub(super) by_carrier: Figures,
    pub(super) counts: Figures,
    pub(super) by_symbol: [f32; MAX_SYMBOLS],
    pub(super) of_symbol: [f32; MAX_SYMBOLS],
}

/// A carrier of a symbol that was x, its clock turned back, and what is known of both.
#[derive(Clone, Copy)]
pub(super) struct Meeting {
    pub(super) symbol: usize,
    pub(super) carrier: usize,
    /// In symbols from where time is zero.
    pub(super) time: f32,
    pub(super) turned: Complex,
    pub(super) x: Complex,
    pub(super) gain: Complex,
    pub(super) noise: f32,
    pub(super) quiet: f32,
}

impl Evidence {
    pub(super) const NONE: Self = Self {
        product: NO_CARRIERS,
        product_time: NO_CARRIERS,
        certainty: [[0.0; CARRIERS]; 3],
        by_carrier: [0.0; CARRIERS],
        counts: [0.0; CARRIERS],
        by_symbol: [0.0; MAX_SYMBOLS],
        of_symbol: [0.0; MAX_SYMBOLS],
    };

    /// Adds what a chirp's carrier tells of the gain.
    pub(super) fn chirp(&mut self, carrier: usize, product: Complex, weight: f32, time: f32) {
        self.product[carrier] += product;
        self.product_time[carrier] += product * time;
        self.certainty[0][carrier] += weight;
        self.certainty[1][carrier] += weight * time;
        self.certainty[2][carrier] += weight * time * time;
    }

    /// Adds a carrier of a symbol.
    #[inline(always)]
    pub(super) fn meet(&mut self, meeting: Meeting) {
        let Meeting { symbol, carrier, time, turned, x, gain, noise, quiet } = meeting;
        let product = turned * x.conj();
        let certain = x.norm_sqr() * quiet;
        self.product[carrier] += product * quiet;
        self.product_time[carrier] += product * (quiet * time);
        self.certainty[0][carrier] += certain;
        self.certainty[1][carrier] += certain * time;
        self.certainty[2][carrier] += certain * time * time;
        let error = turned.norm_sqr() - 2.0 * (gain.re * product.re + gain.im * product.im) + gain.norm_sqr();
        self.by_carrier[carrier] += error * quiet;
        self.counts[carrier] += 1.0;
        self.by_symbol[symbol] += error / noise;
        self.of_symbol[symbol] += 1.0;
    }

    /// Level of the noise against the carriers' shape.
    pub(super) fn noise_level(&self, shape: &Figures) -> f32 {
        let errors = self.by_carrier.iter().zip(shape).map(|(error, shape)| error.max(0.0) / shape);
        errors.sum::<f32>() / self.counts.iter().sum::<f32>().max(1.0)
    }
}

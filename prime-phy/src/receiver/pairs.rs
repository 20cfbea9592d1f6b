//! Products of neighbouring carriers: what frequency-differential modulation carries.

use super::carriers::{Carriers, Figures, phasor};
use super::noise_floor::NoiseFloor;
use crate::channel::{CARRIERS, FFT_SAMPLES};
use dsp::Complex;

/// Samples before the end of the prefix where a window starts: room for echoes that come before the strongest path, an
/// error of the synchronisation, and a clock 60 ppm fast, which slips 2 samples in the longest frame. 36 samples are left
/// for echoes behind it.
pub(super) const EARLY_SAMPLES: usize = 12;

/// Weight of the start found by the detector against the phases of the header's products, in products.
const TRUST_IN_START: f32 = 100.0;

/// Makes products y_k y*_(k-1), turned back by the place of the window and the phase slope of the line, and weighted with
/// the noise of their carriers.
#[derive(Clone, Debug)]
pub(super) struct Pairs {
    /// Sum of products without their data; its angle is the slope.
    slope: Complex,
    /// e^(-j slope).
    turn: Complex,
    /// Weight of the product of each carrier with the one below; the lowest has none.
    weights: Figures,
}

impl Pairs {
    /// Begins a frame; products count as the noise of their carriers allows, or all the same where no `usual` noise of a
    /// carrier, by all channels, is given.
    pub(super) fn new(noise: &NoiseFloor, usual: Option<f32>) -> Self {
        let mut weights = [1.0; CARRIERS];
        if let (Some(powers), Some(mean), Some(usual)) = (noise.powers(), noise.mean(), usual) {
            let mean = mean.max(f32::MIN_POSITIVE);
            for (weight, pair) in weights.iter_mut().skip(1).zip(powers.windows(2)) {
                let pair = pair.iter().sum::<f32>() / mean;
                // The part of the mean bounds what a chance quiet carrier can gain. Between channels there is no such chance.
                *weight = (2.2 / (pair + 0.2)).min(8.0) * (usual / mean);
            }
        }
        Self { slope: Complex::default(), turn: phasor(EARLY_SAMPLES as f32 / FFT_SAMPLES as f32), weights }
    }

    /// The product of carrier `upper` with the one below.
    pub(super) fn product(&self, symbol: &Carriers, upper: usize) -> Complex {
        let lower = upper.checked_sub(1).and_then(|lower| symbol.get(lower));
        match (symbol.get(upper), lower) {
            (Some(upper), Some(lower)) => upper * lower.conj() * self.turn,
            _ => Complex::default(),
        }
    }

    /// Weight of the product of carrier `upper` with the one below.
    pub(super) fn weight(&self, upper: usize) -> f32 {
        self.weights.get(upper).copied().unwrap_or_default()
    }

    /// Learns from a weighted product whose data have been taken out.
    pub(super) fn learn(&mut self, product: Complex) {
        self.slope += product;
    }

    /// Turns the products to come by what has been learnt.
    pub(super) fn settle(&mut self, power: f32) {
        let slope = self.slope + Complex::new(TRUST_IN_START * power, 0.0);
        let magnitude = libm::sqrtf(slope.norm_sqr());
        if magnitude > f32::MIN_POSITIVE && magnitude.is_finite() {
            self.turn *= slope.conj() / magnitude;
            // What was learnt is now in `turn`.
            self.slope = Complex::new(libm::sqrtf(self.slope.norm_sqr()), 0.0);
        }
    }
}

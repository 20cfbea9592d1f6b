//! The carriers of a window of samples, and the little arithmetic that every stage shares.

use crate::channel::{CARRIERS, FFT_SAMPLES};
use core::f32::consts::TAU;
use dsp::Complex;

/// Bins beside the carriers that still hold some of half a chirp.
pub(super) const MARGIN: usize = 6;
/// Bins of a channel with what lies beside its carriers.
pub(super) const BAND: usize = CARRIERS + 2 * MARGIN;
/// One value for each bin.
pub(super) type Band = [Complex; BAND];
/// One value for each carrier, the lowest first.
pub(super) type Carriers = [Complex; CARRIERS];
/// One real figure for each carrier.
pub(super) type Figures = [f32; CARRIERS];

/// Nothing on any carrier.
pub(super) const NO_CARRIERS: Carriers = [Complex::new(0.0, 0.0); CARRIERS];

/// Samples beyond this are taken for damage, not signal: full scale is 1.
const GREATEST_SAMPLE: f32 = 1e6;

/// The carriers among the bins.
pub(super) fn carriers(band: &Band) -> Carriers {
    core::array::from_fn(|carrier| band[MARGIN + carrier])
}

/// A sample, or silence where it is not a number or beyond all reason.
pub(super) fn sane(sample: f32) -> f32 {
    if sample.abs() < GREATEST_SAMPLE { sample } else { 0.0 }
}

pub(super) fn mean(figures: &Figures) -> f32 {
    figures.iter().sum::<f32>() / CARRIERS as f32
}

pub(super) fn mean_power(carriers: &Carriers) -> f32 {
    mean(&carriers.map(|carrier| carrier.norm_sqr()))
}

/// e^(j 2 pi turns).
pub(super) fn phasor(turns: f32) -> Complex {
    Complex::new(libm::cosf(TAU * turns), libm::sinf(TAU * turns))
}

/// Mean power of a sample with this mean power on each carrier's bin: half of a bin's power in each of two bins.
pub(super) fn sample_power(carrier_power: f32) -> f32 {
    2.0 * CARRIERS as f32 * carrier_power / (FFT_SAMPLES * FFT_SAMPLES) as f32
}

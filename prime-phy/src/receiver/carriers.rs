//! The carriers of a window of samples, and the little arithmetic that every stage shares.

use crate::Channel;
use crate::channel::{CARRIERS, FFT_SAMPLES};
use core::f32::consts::TAU;
use dsp::Complex;
use dsp::fft::{RealFft, Size};

/// Bins of a window.
pub(super) const BINS: usize = FFT_SAMPLES / 2 + 1;
/// One value for each bin.
pub(super) type Spectrum = [Complex; BINS];
/// One value for each carrier, the lowest first.
pub(super) type Carriers = [Complex; CARRIERS];
/// One real figure for each carrier.
pub(super) type Figures = [f32; CARRIERS];

pub(super) const NO_CARRIERS: Carriers = [Complex::new(0.0, 0.0); CARRIERS];

/// Samples beyond this are taken for damage, not signal: full scale is 1.
const GREATEST_SAMPLE: f32 = 1e6;

/// Transforms windows of 512 samples and picks the carriers.
#[derive(Clone, Debug)]
pub(super) struct CarrierBank {
    fft: RealFft,
    spectrum: Spectrum,
    first: usize,
}

impl CarrierBank {
    pub(super) fn new(channel: &Channel) -> Self {
        Self {
            fft: RealFft::new(Size::N512),
            spectrum: [Complex::default(); BINS],
            first: usize::from(channel.first_carrier),
        }
    }

    /// All bins of the window transformed last.
    pub(super) fn last(&self) -> &Spectrum {
        &self.spectrum
    }

    /// The carriers of one window.
    pub(super) fn carriers(&mut self, window: &[f32; FFT_SAMPLES]) -> Carriers {
        // Both lengths are the transform's.
        let _ = self.fft.forward(window, &mut self.spectrum);
        let mut carriers = NO_CARRIERS;
        carriers.iter_mut().zip(self.spectrum.iter().skip(self.first)).for_each(|(to, from)| *to = *from);
        carriers
    }
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

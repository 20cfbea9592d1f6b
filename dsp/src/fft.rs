//! Fourier transforms of 256 and 512 points, of real and of complex values.
//!
//! One small interface with two engines behind it: rustfft with the feature `std` (it picks the processor's SIMD at
//! run time), microfft without. A transform is planned once by `new` and keeps its tables and scratch, so that
//! `forward` and `inverse` never allocate.
//!
//! * Forward: X\[k\] = sum over n of x\[n\] e^(-2 pi i k n / N).
//! * Inverse: x\[n\] = sum over k of X\[k\] e^(+2 pi i k n / N), **without** the factor 1/N: forward and then inverse
//!   gives N times the input. That is what an OFDM transmitter wants, whose carriers have the amplitudes it sets.
//!
//! [`RealFft`] has the bins 0..=N/2; those above are their conjugates. It is a complex transform of half the size
//! and one pass that separates even and odd samples, so it costs little more than half of [`ComplexFft`].
//!
//! ```
//! use dsp::{Complex, fft::{RealFft, Size}};
//! let mut fft = RealFft::new(Size::N256);
//! let tone: Vec<f32> = (0..256).map(|n| (n as f32 * 40.0 * std::f32::consts::TAU / 256.0).cos()).collect();
//! let mut bins = [Complex::default(); 129];
//! fft.forward(&tone, &mut bins)?;
//! assert!((bins[40].re - 128.0).abs() < 1e-3);
//!
//! let mut samples = [0.0; 256];
//! fft.inverse(&bins, &mut samples)?;
//! assert!((samples[0] / 256.0 - tone[0]).abs() < 1e-5);
//! # Ok::<(), dsp::LengthError>(())
//! ```

use crate::{Complex, LengthError};

#[cfg(any(test, not(feature = "std")))]
mod on_microfft;
#[cfg(feature = "std")]
mod on_rustfft;
mod split;

#[cfg(not(feature = "std"))]
use on_microfft::Engine;
#[cfg(feature = "std")]
use on_rustfft::Engine;

/// Points of a transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Size {
    /// 256 points: every G3 band plan.
    N256,
    /// 512 points: PRIME, and spectra of twice the resolution.
    N512,
}

impl Size {
    /// The number of points, N.
    pub const fn points(self) -> usize {
        match self {
            Self::N256 => 256,
            Self::N512 => 512,
        }
    }

    /// The number of different bins of a real signal, N/2 + 1.
    pub const fn real_bins(self) -> usize {
        self.points() / 2 + 1
    }
}

/// The transform of complex values.
pub struct ComplexFft {
    size: Size,
    engine: Engine,
}

impl ComplexFft {
    /// Plans the transform.
    pub fn new(size: Size) -> Self {
        let points = match size {
            Size::N256 => Points::N256,
            Size::N512 => Points::N512,
        };
        Self { size, engine: Engine::new(points) }
    }

    /// N values to N bins.
    ///
    /// # Errors
    ///
    /// One of the slices does not have N elements.
    pub fn forward(&mut self, values: &[Complex], bins: &mut [Complex]) -> Result<(), LengthError> {
        self.copy(values, bins)?;
        self.engine.forward(bins);
        Ok(())
    }

    /// N bins to N values, without the factor 1/N.
    ///
    /// # Errors
    ///
    /// One of the slices does not have N elements.
    pub fn inverse(&mut self, bins: &[Complex], values: &mut [Complex]) -> Result<(), LengthError> {
        self.copy(bins, values)?;
        self.engine.inverse(values);
        Ok(())
    }

    fn copy(&self, from: &[Complex], to: &mut [Complex]) -> Result<(), LengthError> {
        LengthError::exactly("FFT input, complex values", self.size.points(), from.len())?;
        LengthError::exactly("FFT output, complex values", self.size.points(), to.len())?;
        to.copy_from_slice(from);
        Ok(())
    }
}

/// The transform of real samples.
pub struct RealFft {
    size: Size,
    /// Of N/2 points.
    engine: Engine,
    split: split::Split,
    work: [Complex; Size::N512.points() / 2],
}

impl RealFft {
    /// Plans the transform.
    pub fn new(size: Size) -> Self {
        let points = match size {
            Size::N256 => Points::N128,
            Size::N512 => Points::N256,
        };
        Self {
            size,
            engine: Engine::new(points),
            split: split::Split::new(size),
            work: [Complex::default(); Size::N512.points() / 2],
        }
    }

    /// N samples to the bins 0..=N/2.
    ///
    /// # Errors
    ///
    /// `samples` does not have N elements or `bins` not N/2 + 1.
    pub fn forward(&mut self, samples: &[f32], bins: &mut [Complex]) -> Result<(), LengthError> {
        LengthError::exactly("FFT input, samples", self.size.points(), samples.len())?;
        LengthError::exactly("FFT output, bins", self.size.real_bins(), bins.len())?;
        let half = self.size.points() / 2;
        let (even_odd, nyquist) = bins.split_at_mut(half);
        for (value, &[even, odd]) in even_odd.iter_mut().zip(samples.as_chunks::<2>().0) {
            *value = Complex::new(even, odd);
        }
        self.engine.forward(even_odd);

        self.split.forward(even_odd);
        let dc = even_odd[0];
        even_odd[0] = Complex::new(dc.re + dc.im, 0.0);
        nyquist[0] = Complex::new(dc.re - dc.im, 0.0);
        even_odd[half / 2].im = -even_odd[half / 2].im;
        Ok(())
    }

    /// The bins 0..=N/2 to N samples, without the factor 1/N. The imaginary parts of bins 0 and N/2, which a real
    /// signal does not have, are not looked at.
    ///
    /// # Errors
    ///
    /// `bins` does not have N/2 + 1 elements or `samples` not N.
    pub fn inverse(&mut self, bins: &[Complex], samples: &mut [f32]) -> Result<(), LengthError> {
        LengthError::exactly("inverse FFT input, bins", self.size.real_bins(), bins.len())?;
        LengthError::exactly("inverse FFT output, samples", self.size.points(), samples.len())?;
        let half = self.size.points() / 2;
        let work = &mut self.work[..half];
        work.copy_from_slice(&bins[..half]);

        self.split.inverse(work);
        let (dc, nyquist) = (bins[0].re, bins[half].re);
        work[0] = Complex::new(dc + nyquist, dc - nyquist);
        work[half / 2] = bins[half / 2].conj() * 2.0;
        self.engine.inverse(work);
        for (pair, value) in samples.as_chunks_mut::<2>().0.iter_mut().zip(work) {
            *pair = [value.re, value.im];
        }
        Ok(())
    }
}

impl core::fmt::Debug for ComplexFft {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "ComplexFft({:?})", self.size)
    }
}

impl core::fmt::Debug for RealFft {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "RealFft({:?})", self.size)
    }
}

impl Clone for ComplexFft {
    fn clone(&self) -> Self {
        Self::new(self.size)
    }
}

impl Clone for RealFft {
    fn clone(&self) -> Self {
        Self::new(self.size)
    }
}

/// What the engines offer: complex, in place, of as many values as there are points.
#[derive(Clone, Copy, Debug)]
enum Points {
    N128,
    N256,
    N512,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Noise;
    use proptest::prelude::*;
    use std::{vec, vec::Vec};

    type Precise = num_complex::Complex<f64>;

    /// The definition, in double precision; `sign` is that of the exponent.
    fn naive(values: &[Complex], sign: f64) -> Vec<Precise> {
        let points = values.len();
        (0..points)
            .map(|k| {
                (0..points)
                    .map(|n| {
                        let angle = sign * core::f64::consts::TAU * (k * n % points) as f64 / points as f64;
                        let value = values[n];
                        Precise::new(value.re.into(), value.im.into())
                            * Precise::new(libm::cos(angle), libm::sin(angle))
                    })
                    .sum()
            })
            .collect()
    }

    /// Rounding grows with log2 N at most; relative to the root mean square of all bins.
    fn assert_near(found: &[Complex], exact: &[Precise]) {
        let power: f64 = exact.iter().map(Precise::norm_sqr).sum::<f64>() / exact.len() as f64;
        let bound = libm::sqrt(power) * f64::from(f32::EPSILON) * libm::log2(exact.len() as f64);
        for (k, (found, exact)) in found.iter().zip(exact).enumerate() {
            let error = (Precise::new(found.re.into(), found.im.into()) - exact).norm();
            assert!(error <= bound, "bin {k}: {found} instead of {exact}, {error:e} > {bound:e}");
        }
    }

    fn values(points: usize, noise: &mut Noise) -> Vec<Complex> {
        (0..points).map(|_| Complex::new(noise.gaussian() as f32, noise.gaussian() as f32)).collect()
    }

    fn samples(points: usize, noise: &mut Noise) -> Vec<f32> {
        (0..points).map(|_| noise.gaussian() as f32).collect()
    }

    /// Every test build has microfft's engine; that of the other transforms may be rustfft's.
    #[test]
    fn both_engines_are_the_definition_in_both_directions() {
        use super::on_microfft::Engine as OnMicrofft;
        let mut noise = Noise::new(6);
        for (points, size) in [(Points::N128, 128), (Points::N256, 256), (Points::N512, 512)] {
            for _ in 0..3 {
                let input = values(size, &mut noise);
                let (forward, inverse) = (naive(&input, -1.0), naive(&input, 1.0));

                let mut output = input.clone();
                OnMicrofft::new(points).forward(&mut output);
                assert_near(&output, &forward);
                output.copy_from_slice(&input);
                OnMicrofft::new(points).inverse(&mut output);
                assert_near(&output, &inverse);

                output.copy_from_slice(&input);
                Engine::new(points).forward(&mut output);
                assert_near(&output, &forward);
                output.copy_from_slice(&input);
                Engine::new(points).inverse(&mut output);
                assert_near(&output, &inverse);
            }
        }
    }

    #[test]
    fn complex_transforms_are_the_definition() {
        let mut noise = Noise::new(7);
        for size in [Size::N256, Size::N512] {
            let mut fft = ComplexFft::new(size);
            for _ in 0..3 {
                let input = values(size.points(), &mut noise);
                let mut output = vec![Complex::default(); size.points()];
                assert_eq!(fft.forward(&input, &mut output), Ok(()));
                assert_near(&output, &naive(&input, -1.0));
                assert_eq!(fft.inverse(&input, &mut output), Ok(()));
                assert_near(&output, &naive(&input, 1.0));
            }
        }
    }

    #[test]
    fn real_transforms_are_the_definition() {
        let mut noise = Noise::new(8);
        for size in [Size::N256, Size::N512] {
            let mut fft = RealFft::new(size);
            for _ in 0..3 {
                let input = samples(size.points(), &mut noise);
                let complex: Vec<Complex> = input.iter().map(|&sample| sample.into()).collect();
                let mut bins = vec![Complex::default(); size.real_bins()];
                assert_eq!(fft.forward(&input, &mut bins), Ok(()));
                assert_near(&bins, &naive(&complex, -1.0));

                let mut spectrum = bins.clone();
                spectrum.extend(bins[1..size.points() / 2].iter().rev().map(Complex::conj));
                let mut back = vec![0.0; size.points()];
                assert_eq!(fft.inverse(&bins, &mut back), Ok(()));
                let back: Vec<Complex> = back.into_iter().map(Complex::from).collect();
                assert_near(&back, &naive(&spectrum, 1.0));
            }
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_named() {
        let mut real = RealFft::new(Size::N256);
        let mut complex = ComplexFft::new(Size::N512);
        let zero = Complex::default();
        let needed = |result: Result<(), LengthError>| result.map_err(|error| (error.needed, error.given));
        assert_eq!(needed(real.forward(&[0.0; 255], &mut [zero; 129])), Err((256, 255)));
        assert_eq!(needed(real.forward(&[0.0; 256], &mut [zero; 130])), Err((129, 130)));
        assert_eq!(needed(real.inverse(&[zero; 128], &mut [0.0; 256])), Err((129, 128)));
        assert_eq!(needed(real.inverse(&[zero; 129], &mut [])), Err((256, 0)));
        assert_eq!(needed(complex.forward(&[zero; 511], &mut [zero; 512])), Err((512, 511)));
        assert_eq!(needed(complex.inverse(&[zero; 512], &mut [zero; 513])), Err((512, 513)));
    }

    proptest! {
        #[test]
        fn there_and_back_is_n_times_the_input(seed: u64, wide: bool) {
            let size = if wide { Size::N512 } else { Size::N256 };
            let input = samples(size.points(), &mut Noise::new(seed));
            let mut fft = RealFft::new(size);
            let mut bins = vec![Complex::default(); size.real_bins()];
            let mut back = vec![0.0; size.points()];
            prop_assert_eq!(fft.forward(&input, &mut bins), Ok(()));
            prop_assert_eq!(fft.inverse(&bins, &mut back), Ok(()));
            for (there, back) in input.iter().zip(back) {
                prop_assert!((there - back / size.points() as f32).abs() < 2e-6, "{} {}", there, back);
            }
        }

        #[test]
        fn no_sample_value_panics(
            seed: u64,
            odd in proptest::collection::vec((0_usize..256, any::<f32>()), 0..8),
        ) {
            let mut input = samples(256, &mut Noise::new(seed));
            for (place, value) in odd {
                input[place] = value;
            }
            let mut bins = [Complex::default(); 129];
            prop_assert_eq!(RealFft::new(Size::N256).forward(&input, &mut bins), Ok(()));
            prop_assert_eq!(RealFft::new(Size::N256).inverse(&bins, &mut input), Ok(()));
        }
    }
}

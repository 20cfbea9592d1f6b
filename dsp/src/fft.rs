//! Fourier transforms of 256 and 512 points, of real and of complex values.
//!
//! One small interface; behind it, on x86-64 with AVX2 and on aarch64, are codelets of these sizes (`simd`); on other processors
//! rustfft with the feature `std`, microfft without. A transform is planned once by `new` and keeps its tables and
//! scratch, so that `forward` and `inverse` never allocate. The versions round differently: they are within
//! 2^-23 log2 N of the exact transform, relative to the root mean square of the bins. Where the same bits are needed
//! on every processor, `at` with [`Level::Portable`] is microfft everywhere,
//! and so is `new` after `cpu::be_exact`.
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

#[cfg(feature = "std")]
use crate::cpu;
use crate::{Complex, LengthError, cpu::Level};

mod on_microfft;
#[cfg(feature = "std")]
mod on_rustfft;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod simd;
mod split;

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
        Self { size, engine: Engine::new(size.complex()) }
    }

    /// Plans the transform with the version of `level`, or of the highest level there is below it.
    pub fn at(level: Level, size: Size) -> Self {
        Self { size, engine: Engine::at(level, size.complex()) }
    }

    /// N values to N bins.
    ///
    /// # Errors
    ///
    /// One of the slices does not have N elements.
    pub fn forward(&mut self, values: &[Complex], bins: &mut [Complex]) -> Result<(), LengthError> {
        self.check(values, bins)?;
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        if let Engine::Vector(codelets) = self.engine {
            codelets.complex::<false>(values, bins);
            return Ok(());
        }
        bins.copy_from_slice(values);
        self.engine.forward(bins);
        Ok(())
    }

    /// N bins to N values, without the factor 1/N.
    ///
    /// # Errors
    ///
    /// One of the slices does not have N elements.
    pub fn inverse(&mut self, bins: &[Complex], values: &mut [Complex]) -> Result<(), LengthError> {
        self.check(bins, values)?;
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        if let Engine::Vector(codelets) = self.engine {
            codelets.complex::<true>(bins, values);
            return Ok(());
        }
        values.copy_from_slice(bins);
        self.engine.inverse(values);
        Ok(())
    }

    fn check(&self, from: &[Complex], to: &[Complex]) -> Result<(), LengthError> {
        LengthError::exactly("FFT input, complex values", self.size.points(), from.len())?;
        LengthError::exactly("FFT output, complex values", self.size.points(), to.len())
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
        Self::on(size, Engine::new(size.half()))
    }

    /// Plans the transform with the version of `level`, or of the highest level there is below it.
    pub fn at(level: Level, size: Size) -> Self {
        Self::on(size, Engine::at(level, size.half()))
    }

    fn on(size: Size, engine: Engine) -> Self {
        Self {
            size,
            engine,
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
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        if let Engine::Vector(codelets) = self.engine {
            codelets.real_forward(samples, bins);
            return Ok(());
        }
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
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        if let Engine::Vector(codelets) = self.engine {
            codelets.real_inverse(bins, samples);
            return Ok(());
        }
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
        Self { size: self.size, engine: self.engine.again() }
    }
}

impl Clone for RealFft {
    fn clone(&self) -> Self {
        Self::on(self.size, self.engine.again())
    }
}

/// Points of the complex transforms behind both.
#[derive(Clone, Copy, Debug)]
enum Points {
    N128,
    N256,
    N512,
}

impl Size {
    fn complex(self) -> Points {
        match self {
            Self::N256 => Points::N256,
            Self::N512 => Points::N512,
        }
    }

    fn half(self) -> Points {
        match self {
            Self::N256 => Points::N128,
            Self::N512 => Points::N256,
        }
    }
}

#[cfg(any(test, feature = "std", target_arch = "x86_64", target_arch = "aarch64"))]
impl Points {
    const fn count(self) -> usize {
        match self {
            Self::N128 => 128,
            Self::N256 => 256,
            Self::N512 => 512,
        }
    }
}

/// What computes a complex transform in place, of as many values as there are points.
enum Engine {
    /// Not in place, and of real values too.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    Vector(simd::Codelets),
    #[cfg(feature = "std")]
    Planned(on_rustfft::Engine),
    Plain(on_microfft::Engine),
}

impl Engine {
    /// The fastest there is.
    fn new(points: Points) -> Self {
        #[cfg(feature = "std")]
        if cpu::is_exact() {
            return Self::at(Level::Portable, points);
        }
        match Level::best() {
            #[cfg(feature = "std")]
            Level::Portable => Self::Planned(on_rustfft::Engine::new(points)),
            level => Self::at(level, points),
        }
    }

    fn at(level: Level, points: Points) -> Self {
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        if let Some(codelets) = simd::Codelets::new(level, points) {
            return Self::Vector(codelets);
        }
        // Other processors have the one level.
        _ = level;
        Self::Plain(on_microfft::Engine::new(points))
    }

    fn again(&self) -> Self {
        match self {
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Self::Vector(codelets) => Self::Vector(*codelets),
            #[cfg(feature = "std")]
            Self::Planned(engine) => Self::Planned(engine.clone()),
            Self::Plain(engine) => Self::Plain(engine.clone()),
        }
    }

    fn forward(&mut self, values: &mut [Complex]) {
        match self {
            // Callers have taken the other way already.
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Self::Vector(_) => {}
            #[cfg(feature = "std")]
            Self::Planned(engine) => engine.forward(values),
            Self::Plain(engine) => engine.forward(values),
        }
    }

    fn inverse(&mut self, values: &mut [Complex]) {
        match self {
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Self::Vector(_) => {}
            #[cfg(feature = "std")]
            Self::Planned(engine) => engine.inverse(values),
            Self::Plain(engine) => engine.inverse(values),
        }
    }
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

    const LEVELS: [Level; 4] = [Level::Portable, Level::Neon, Level::Avx2, Level::Avx512];

    /// All engines that work in place, of which a processor with vectors uses neither by itself.
    #[test]
    fn general_engines_are_the_definition_in_both_directions() {
        let mut noise = Noise::new(6);
        for points in [Points::N128, Points::N256, Points::N512] {
            let mut engines = vec![Engine::Plain(on_microfft::Engine::new(points))];
            #[cfg(feature = "std")]
            engines.push(Engine::Planned(on_rustfft::Engine::new(points)));
            for engine in &mut engines {
                let input = values(points.count(), &mut noise);
                let mut output = input.clone();
                engine.forward(&mut output);
                assert_near(&output, &naive(&input, -1.0));
                output.copy_from_slice(&input);
                engine.inverse(&mut output);
                assert_near(&output, &naive(&input, 1.0));
            }
        }
    }

    #[test]
    fn complex_transforms_are_the_definition_at_every_level() {
        let mut noise = Noise::new(7);
        for size in [Size::N256, Size::N512] {
            let levels = LEVELS.map(|level| ComplexFft::at(level, size));
            for mut fft in levels.into_iter().chain([ComplexFft::new(size), ComplexFft::new(size).clone()]) {
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
    fn real_transforms_are_the_definition_at_every_level() {
        let mut noise = Noise::new(8);
        for size in [Size::N256, Size::N512] {
            let levels = LEVELS.map(|level| RealFft::at(level, size));
            for mut fft in levels.into_iter().chain([RealFft::new(size), RealFft::new(size).clone()]) {
                let input = samples(size.points(), &mut noise);
                let complex: Vec<Complex> = input.iter().map(|&sample| sample.into()).collect();
                let mut bins = vec![Complex::default(); size.real_bins()];
                assert_eq!(fft.forward(&input, &mut bins), Ok(()));
                assert_near(&bins, &naive(&complex, -1.0));
                assert_eq!([bins[0].im, bins[size.points() / 2].im], [0.0, 0.0], "ends are real");

                let mut spectrum = bins.clone();
                spectrum.extend(bins[1..size.points() / 2].iter().rev().map(Complex::conj));
                // What a real signal cannot have is not looked at.
                bins[0].im = 1e9;
                bins[size.points() / 2].im = f32::NAN;
                let mut back = vec![0.0; size.points()];
                assert_eq!(fft.inverse(&bins, &mut back), Ok(()));
                let back: Vec<Complex> = back.into_iter().map(Complex::from).collect();
                assert_near(&back, &naive(&spectrum, 1.0));
            }
        }
    }

    #[test]
    fn a_single_value_anywhere_is_a_pure_tone_at_every_level() {
        // Finds a wrong factor or place that noise of unlucky seeds may hide.
        for size in [Size::N256, Size::N512] {
            for level in LEVELS {
                let (mut real, mut complex) = (RealFft::at(level, size), ComplexFft::at(level, size));
                for place in 0..size.points() {
                    let mut input = vec![0.0; size.points()];
                    input[place] = 1.0;
                    let values: Vec<Complex> = input.iter().map(|&value| Complex::new(0.0, value)).collect();
                    let mut bins = vec![Complex::default(); size.points()];
                    assert_eq!(complex.forward(&values, &mut bins), Ok(()));
                    let mut half = vec![Complex::default(); size.real_bins()];
                    assert_eq!(real.forward(&input, &mut half), Ok(()));
                    for (k, bin) in bins.into_iter().enumerate() {
                        let angle = -core::f64::consts::TAU * (k * place % size.points()) as f64
                            / size.points() as f64;
                        let exact = Precise::new(libm::cos(angle), libm::sin(angle));
                        let error =
                            |bin: Complex| (Precise::new(bin.re.into(), bin.im.into()) - exact).norm();
                        assert!(error(bin * -Complex::i()) < 4e-7, "{level:?} {size:?} {place} {k}: {bin}");
                        if let Some(&bin) = half.get(k) {
                            assert!(error(bin) < 4e-7, "{level:?} {size:?} {place} {k}: {bin}");
                        }
                    }
                }
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

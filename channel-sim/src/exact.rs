//! Arithmetic that gives the same bits on every processor.
//!
//! Elementary functions of the standard library are those of the system's C library, which has versions of its own for
//! processors with fused multiplication, and another one on each system. So this crate takes those of `libm`, and, for
//! complex numbers, those below: `clippy.toml` names what is not used instead. Sums, products, square roots and
//! roundings are the same everywhere anyway.
//!
//! Fourier transforms are rustfft's, which chooses vector versions as it runs and rounds with them; after
//! `dsp::cpu::be_exact` (`--exact`) they are plain ones.

use num_complex::{Complex, Complex64};
use rustfft::num_traits::Zero;
use rustfft::{Direction, Fft, FftDirection, FftNum, FftPlanner, Length};
use std::f64::consts::TAU;
use std::sync::Arc;

/// Chooses results that are the same bits on every processor, for the whole process: `--exact`. Call it first of all.
pub fn be_exact() {
    dsp::cpu::be_exact();
}

/// Magnitude and angle in radians to a complex number.
pub fn polar(magnitude: f64, angle: f64) -> Complex64 {
    Complex64::new(magnitude * libm::cos(angle), magnitude * libm::sin(angle))
}

/// Magnitude.
pub fn norm(value: Complex64) -> f64 {
    value.norm_sqr().sqrt()
}

/// Exponential function.
pub fn exp(value: Complex64) -> Complex64 {
    polar(libm::exp(value.re), value.im)
}

/// Natural logarithm, with an angle from -π to π.
pub fn ln(value: Complex64) -> Complex64 {
    Complex64::new(0.5 * libm::log(value.norm_sqr()), libm::atan2(value.im, value.re))
}

/// Square root with a real part that is not negative.
pub fn sqrt(value: Complex64) -> Complex64 {
    let magnitude = norm(value);
    // The sum that does not cancel first, the other part from the product.
    let large = ((magnitude + value.re.abs()) / 2.0).sqrt();
    if large == 0.0 {
        return Complex64::ZERO;
    }
    let small = value.im.abs() / (2.0 * large);
    let (re, im) = if value.re >= 0.0 { (large, small) } else { (small, large) };
    Complex64::new(re, im.copysign(value.im))
}

/// Hyperbolic cosine and sine.
pub fn cosh_sinh(value: Complex64) -> (Complex64, Complex64) {
    let (cos, sin) = (libm::cos(value.im), libm::sin(value.im));
    let (cosh, sinh) = (libm::cosh(value.re), libm::sinh(value.re));
    (Complex64::new(cosh * cos, sinh * sin), Complex64::new(sinh * cos, cosh * sin))
}

/// A transform of samples to frequencies.
pub(crate) fn forward<T: FftNum>(points: usize) -> Arc<dyn Fft<T>> {
    planned(points, FftDirection::Forward)
}

/// A transform of frequencies to samples, without the factor of one over the points.
pub(crate) fn inverse<T: FftNum>(points: usize) -> Arc<dyn Fft<T>> {
    planned(points, FftDirection::Inverse)
}

#[allow(clippy::disallowed_methods, reason = "this is where the choice is made")]
fn planned<T: FftNum>(points: usize, direction: FftDirection) -> Arc<dyn Fft<T>> {
    match dsp::cpu::is_exact() {
        true => Arc::new(Plain::new(points.max(1), direction)),
        false => FftPlanner::new().plan_fft(points, direction),
    }
}

/// The greatest factor that is transformed by its definition.
const GREATEST_FACTOR: usize = 13;

/// A transform in plain arithmetic.
struct Plain<T> {
    points: usize,
    direction: FftDirection,
    /// One turn in as many steps as there are points.
    turn: Vec<Complex<T>>,
    chirp: Option<Chirp<T>>,
}

/// What makes a convolution of a transform whose number of points has a great prime factor (Bluestein).
struct Chirp<T> {
    /// Half a turn by the square of the index.
    factors: Vec<Complex<T>>,
    /// Transform of their conjugates, over its points.
    filter: Vec<Complex<T>>,
    transform: Box<Plain<T>>,
}

impl<T: FftNum> Plain<T> {
    fn new(points: usize, direction: FftDirection) -> Self {
        let sign = if direction == FftDirection::Forward { -1.0 } else { 1.0 };
        let at = |part: f64| value(Complex64::new(libm::cos(TAU * part), sign * libm::sin(TAU * part)));
        let step = |index: usize| at(index as f64 / points as f64);
        let smooth = factors(points).into_iter().all(|factor| factor <= GREATEST_FACTOR);
        let chirp = (!smooth).then(|| {
            let whole = (2 * points - 1).next_power_of_two();
            let transform = Box::new(Self::new(whole, FftDirection::Forward));
            let turns = |index: usize| (index as u64 * index as u64 % (2 * points as u64)) as f64;
            let factors: Vec<_> = (0..points).map(|index| at(turns(index) / (2 * points) as f64)).collect();
            let mut filter = vec![Complex::zero(); whole];
            let scale: T = value(Complex64::new(1.0 / whole as f64, 0.0)).re;
            for (index, factor) in factors.iter().enumerate() {
                let conjugate = factor.conj().scale(scale);
                filter[index] = conjugate;
                filter[(whole - index) % whole] = conjugate;
            }
            transform.process(&mut filter);
            Chirp { factors, filter, transform }
        });
        let turn = if smooth { (0..points).map(step).collect() } else { Vec::new() };
        Self { points, direction, turn, chirp }
    }

    fn into(&self, input: &[Complex<T>], output: &mut [Complex<T>]) {
        let Some(Chirp { factors, filter, transform }) = &self.chirp else {
            return self.split(input, 1, output);
        };
        let mut work: Vec<_> = input.iter().zip(factors).map(|(value, factor)| value * factor).collect();
        work.resize(filter.len(), Complex::zero());
        transform.process(&mut work);
        // The inverse is the transform of the conjugate.
        work.iter_mut().zip(filter).for_each(|(value, factor)| *value = (*value * factor).conj());
        transform.process(&mut work);
        for ((output, value), factor) in output.iter_mut().zip(&work).zip(factors) {
            *output = value.conj() * factor;
        }
    }

    /// Every `stride`-th value of the input, transformed by parts of one factor less (Cooley and Tukey).
    fn split(&self, input: &[Complex<T>], stride: usize, output: &mut [Complex<T>]) {
        let points = output.len();
        let Some(factor) = (2..=points).find(|factor| points.is_multiple_of(*factor)) else {
            output.iter_mut().zip(input).for_each(|(output, input)| *output = *input);
            return;
        };
        let part = points / factor;
        for (index, output) in output.chunks_exact_mut(part).enumerate() {
            self.split(input.get(index * stride..).unwrap_or_default(), stride * factor, output);
        }
        let mut terms = [Complex::zero(); GREATEST_FACTOR];
        for place in 0..part {
            for (index, term) in terms.iter_mut().take(factor).enumerate() {
                *term = output[index * part + place] * self.turn[index * place * stride];
            }
            for row in 0..factor {
                let mut sum = terms[0];
                for (index, term) in terms.iter().take(factor).enumerate().skip(1) {
                    sum = sum + term * self.turn[index * row % factor * part * stride];
                }
                output[row * part + place] = sum;
            }
        }
    }
}

impl<T: FftNum> Fft<T> for Plain<T> {
    fn process_with_scratch(&self, buffer: &mut [Complex<T>], scratch: &mut [Complex<T>]) {
        for chunk in buffer.chunks_exact_mut(self.points) {
            let scratch = &mut scratch[..self.points];
            self.into(chunk, scratch);
            chunk.copy_from_slice(scratch);
        }
    }

    fn process_outofplace_with_scratch(
        &self,
        input: &mut [Complex<T>],
        output: &mut [Complex<T>],
        scratch: &mut [Complex<T>],
    ) {
        self.process_immutable_with_scratch(input, output, scratch);
    }

    fn process_immutable_with_scratch(
        &self,
        input: &[Complex<T>],
        output: &mut [Complex<T>],
        _: &mut [Complex<T>],
    ) {
        for (input, output) in input.chunks_exact(self.points).zip(output.chunks_exact_mut(self.points)) {
            self.into(input, output);
        }
    }

    fn get_inplace_scratch_len(&self) -> usize {
        self.points
    }

    fn get_outofplace_scratch_len(&self) -> usize {
        0
    }

    fn get_immutable_scratch_len(&self) -> usize {
        0
    }
}

impl<T> Length for Plain<T> {
    fn len(&self) -> usize {
        self.points
    }
}

impl<T> Direction for Plain<T> {
    fn fft_direction(&self) -> FftDirection {
        self.direction
    }
}

fn value<T: FftNum>(value: Complex64) -> Complex<T> {
    // Floats, the only numbers transformed here, take any.
    let part = |part: f64| T::from_f64(part).unwrap_or_else(T::zero);
    Complex::new(part(value.re), part(value.im))
}

fn factors(mut number: usize) -> Vec<usize> {
    let mut factors = Vec::new();
    let mut factor = 2;
    while number > 1 {
        while number.is_multiple_of(factor) {
            factors.push(factor);
            number /= factor;
        }
        factor = if factor * factor > number { number.max(2) } else { factor + 1 };
    }
    factors
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: Complex64, b: Complex64) -> bool {
        (a - b).norm() <= 1e-14 * b.norm().max(1.0)
    }

    proptest! {
        #[test]
        fn functions_are_those_of_the_standard_library(re in -20.0..20.0, im in -20.0..20.0) {
            let z = Complex64::new(re, im);
            prop_assert!(close(exp(z) / z.exp(), 1.0.into()));
            prop_assert!(close(sqrt(z), z.sqrt()));
            prop_assert!(close(ln(z), z.ln()));
            prop_assert!(close(polar(re.abs(), im), Complex64::from_polar(re.abs(), im)));
            prop_assert!((norm(z) - z.norm()).abs() <= 1e-14 * z.norm());
            let (cosh, sinh) = cosh_sinh(z);
            prop_assert!(close(cosh / z.cosh(), 1.0.into()) && close(sinh / z.sinh(), 1.0.into()));
        }

        #[test]
        fn plain_transforms_are_rustffts(points in 1_usize..800, seed: u64) {
            let mut bits = seed | 1;
            let mut next = || {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (bits >> 40) as f64 / 1e7 - 0.8
            };
            let values: Vec<Complex64> = (0..points).map(|_| Complex64::new(next(), next())).collect();
            for direction in [FftDirection::Forward, FftDirection::Inverse] {
                let (mut found, mut expected) = (values.clone(), values.clone());
                Plain::new(points, direction).process(&mut found);
                FftPlanner::new().plan_fft(points, direction).process(&mut expected);
                let error = found.iter().zip(&expected).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max);
                prop_assert!(error < 1e-12 * points as f64, "{points}: {error}");
            }
        }
    }

    #[test]
    fn the_root_of_zero_and_of_negative_numbers_is_right() {
        assert_eq!(sqrt(Complex64::ZERO), Complex64::ZERO);
        assert_eq!(sqrt(Complex64::new(-4.0, 0.0)), Complex64::new(0.0, 2.0));
        assert_eq!(sqrt(Complex64::new(-4.0, -0.0)), Complex64::new(0.0, -2.0));
    }
}

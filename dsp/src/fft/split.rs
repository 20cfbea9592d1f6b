//! The pass between a real transform of N points and the complex transform of N/2 points of its pairs of samples.
//!
//! With Z the transform of z\[n\] = x\[2n\] + i x\[2n+1\], the transforms of even and odd samples are
//! E\[k\] = (Z\[k\] + Z*\[N/2-k\]) / 2 and O\[k\] = (Z\[k\] - Z*\[N/2-k\]) / 2i, and the bins are
//! X\[k\] = E\[k\] + e^(-2 pi i k/N) O\[k\] and X\[N/2-k\] = (E\[k\] - e^(-2 pi i k/N) O\[k\])*.
//! The inverse pass solves this for Z.
//!
//! Written for eight lanes: four bins from the front and their four mirror images from the back at a time. With the
//! feature `std` the same code is also compiled for AVX2 and chosen at run time; the results are the same bits.

use super::Size;
use crate::Complex;

/// Bins a block takes from the front, and as many from the back.
const BLOCK: usize = 4;

/// The factors of one block, for its eight lanes of real and imaginary parts: h cos, -h cos and h sin, h sin of the
/// angle -2 pi k / N, with h = 1/2.
type Factors = [[f32; 2 * BLOCK]; 2];

/// The twiddle factors of one size.
pub(super) struct Split {
    factors: [Factors; Size::N512.points() / 4 / BLOCK],
}

impl Split {
    pub(super) fn new(size: Size) -> Self {
        let mut factors = [[[0.0; 2 * BLOCK]; 2]; Size::N512.points() / 4 / BLOCK];
        for (index, [cosines, sines]) in factors.iter_mut().enumerate() {
            for lane in 0..BLOCK {
                let bin = BLOCK * index + lane + 1;
                let angle = -core::f64::consts::TAU * bin as f64 / size.points() as f64;
                let (cosine, sine) = (0.5 * libm::cos(angle) as f32, 0.5 * libm::sin(angle) as f32);
                (cosines[2 * lane], cosines[2 * lane + 1]) = (cosine, -cosine);
                (sines[2 * lane], sines[2 * lane + 1]) = (sine, sine);
            }
        }
        Self { factors }
    }

    /// Z\[k\] to X\[k\] in place, for the N/2 values of `values` but the first and the middle one.
    pub(super) fn forward(&self, values: &mut [Complex]) {
        self.pass::<true>(values);
    }

    /// X\[k\] to 2 Z\[k\] in place, for the N/2 values of `values` but the first and the middle one.
    pub(super) fn inverse(&self, values: &mut [Complex]) {
        self.pass::<false>(values);
    }

    fn pass<const FORWARD: bool>(&self, values: &mut [Complex]) {
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        {
            extern crate std;
            if std::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2, as was just asked; that is the function's only condition.
                #[allow(unsafe_code, reason = "the only way to call a function compiled for AVX2")]
                unsafe {
                    avx2_pass::<FORWARD>(&self.factors, values);
                }
                return;
            }
        }
        portable_pass::<FORWARD>(&self.factors, values);
    }
}

#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[target_feature(enable = "avx2")]
fn avx2_pass<const FORWARD: bool>(factors: &[Factors], values: &mut [Complex]) {
    portable_pass::<FORWARD>(factors, values);
}

#[inline(always)]
fn portable_pass<const FORWARD: bool>(factors: &[Factors], values: &mut [Complex]) {
    let (low, high) = values.split_at_mut(values.len() / 2);
    let (Some((_, low)), Some((_, high))) = (low.split_first_mut(), high.split_first_mut()) else { return };
    let (low, low_rest) = low.as_chunks_mut::<BLOCK>();
    let (high_rest, high) = high.as_rchunks_mut::<BLOCK>();
    let mut factors = factors.iter();
    for ((one, other), factors) in low.iter_mut().zip(high.iter_mut().rev()).zip(&mut factors) {
        block::<FORWARD>(one, other, factors);
    }
    // Three pairs are left over: N/4 - 1 is never a multiple of four.
    let rest = low_rest.len();
    if let Some(factors) = factors.next() {
        let (mut one, mut other) = ([Complex::default(); BLOCK], [Complex::default(); BLOCK]);
        one[..rest].copy_from_slice(low_rest);
        other[BLOCK - rest..].copy_from_slice(high_rest);
        block::<FORWARD>(&mut one, &mut other, factors);
        low_rest.copy_from_slice(&one[..rest]);
        high_rest.copy_from_slice(&other[BLOCK - rest..]);
    }
}

/// `other` runs backwards: its last value is the mirror image of the first of `one`.
#[inline(always)]
fn block<const FORWARD: bool>(
    one: &mut [Complex; BLOCK],
    other: &mut [Complex; BLOCK],
    [cosines, sines]: &Factors,
) {
    let mut front = [0.0; 2 * BLOCK];
    let mut mirrored = [0.0; 2 * BLOCK];
    for lane in 0..BLOCK {
        let (value, image) = (one[lane], other[BLOCK - 1 - lane]);
        (front[2 * lane], front[2 * lane + 1]) = (value.re, value.im);
        (mirrored[2 * lane], mirrored[2 * lane + 1]) = (image.re, -image.im);
    }
    let mut sum = [0.0; 2 * BLOCK];
    let mut difference = [0.0; 2 * BLOCK];
    for lane in 0..2 * BLOCK {
        let scale = if FORWARD { 0.5 } else { 1.0 };
        sum[lane] = (front[lane] + mirrored[lane]) * scale;
        difference[lane] = front[lane] - mirrored[lane];
    }
    let mut turned = [0.0; 2 * BLOCK];
    for lane in 0..2 * BLOCK {
        let swapped = difference[lane ^ 1];
        turned[lane] = if FORWARD {
            // -i e^(..) / 2 times the difference
            difference[lane] * sines[lane] + swapped * cosines[lane]
        } else {
            // i (e^(..))* times the difference
            2.0 * (difference[lane] * sines[lane] - swapped * cosines[lane])
        };
    }
    for lane in 0..BLOCK {
        let (re, im) = (2 * lane, 2 * lane + 1);
        one[lane] = Complex::new(sum[re] + turned[re], sum[im] + turned[im]);
        other[BLOCK - 1 - lane] = Complex::new(sum[re] - turned[re], turned[im] - sum[im]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Noise;
    use std::vec::Vec;

    #[test]
    fn what_the_processor_chooses_is_the_portable_pass_bit_by_bit() {
        let mut noise = Noise::new(9);
        for size in [Size::N256, Size::N512] {
            let split = Split::new(size);
            let values: Vec<Complex> = (0..size.points() / 2)
                .map(|_| Complex::new(noise.gaussian() as f32, noise.gaussian() as f32))
                .collect();
            let (mut chosen, mut portable) = (values.clone(), values.clone());
            split.forward(&mut chosen);
            portable_pass::<true>(&split.factors, &mut portable);
            assert_eq!(chosen, portable);
            split.inverse(&mut chosen);
            portable_pass::<false>(&split.factors, &mut portable);
            assert_eq!(chosen, portable);
        }
    }
}

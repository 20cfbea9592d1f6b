//! Smooths a channel estimate over the carriers: echoes within the prefix allow only so much change between them.
//!
//! The gain of carrier b is that of a few echoes, the sum over delays d of a_d e^(-j 2 pi b d / 256). With their
//! amplitudes equally likely up to the prefix (a Gaussian prior of one variance) the best estimate is ridge regression;
//! it leaves of the noise about the share that the delays' span is of the symbol's 256 samples, plus one carrier's.

use super::carriers::{Carriers, Figures, NO_CARRIERS};
use crate::band::FFT_SAMPLES;
use core::f32::consts::TAU;
use dsp::Complex;

/// Delays of the echoes in samples after the strongest: from the guard before it to the end of the prefix.
const TAPS: usize = 9;
const FIRST_DELAY: i32 = -8;
const DELAY_STEP: i32 = 4;
/// What the residue may be of what noise alone leaves; beyond it the carriers do not follow echoes within the prefix.
const MOST_RESIDUE: f32 = 2.0;

type Matrix = [[Complex; TAPS]; TAPS];

/// Smooths `gain`, of which each carrier has noise of power `noise`. Left as it is where the carriers do not fit.
pub(super) fn smooth(gain: &mut Carriers, noise: &Figures, bins: &[u16]) {
    let count = bins.len().max(1) as f32;
    let mean_noise = noise.iter().take(bins.len()).sum::<f32>() / count;
    let signal = gain.iter().map(Complex::norm_sqr).sum::<f32>() / count - mean_noise;
    if mean_noise <= 0.0 || signal <= 0.0 {
        return;
    }
    let mut matrix = [[Complex::default(); TAPS]; TAPS];
    let mut right = [Complex::default(); TAPS];
    for (carrier, &bin) in gain.iter().zip(bins) {
        let echoes = echoes(bin);
        for (row, (left, right)) in matrix.iter_mut().zip(&mut right).enumerate() {
            let conjugate = echoes[row].conj();
            *right += conjugate * carrier;
            left.iter_mut().zip(&echoes).for_each(|(cell, echo)| *cell += conjugate * echo);
        }
    }
    let ridge = mean_noise * TAPS as f32 / signal;
    matrix.iter_mut().enumerate().for_each(|(at, row)| row[at] += ridge);
    solve(&mut matrix, &mut right);

    let mut smoothed = NO_CARRIERS;
    let mut residue = 0.0;
    for ((smoothed, carrier), &bin) in smoothed.iter_mut().zip(&*gain).zip(bins) {
        *smoothed = echoes(bin).iter().zip(&right).map(|(echo, amplitude)| echo * amplitude).sum();
        residue += (carrier - *smoothed).norm_sqr();
    }
    if residue < MOST_RESIDUE * mean_noise * count {
        *gain = smoothed;
    }
}

/// An echo of each delay at a carrier.
fn echoes(bin: u16) -> [Complex; TAPS] {
    core::array::from_fn(|tap| {
        let delay = FIRST_DELAY + DELAY_STEP * tap as i32;
        let turns = (-i32::from(bin) * delay).rem_euclid(FFT_SAMPLES as i32);
        let angle = TAU * turns as f32 / FFT_SAMPLES as f32;
        Complex::new(libm::cosf(angle), libm::sinf(angle))
    })
}

/// Solves a Hermitian positive definite system in place, by Gauss's elimination without pivots.
fn solve(matrix: &mut Matrix, right: &mut [Complex; TAPS]) {
    for pivot in 0..TAPS {
        let row = matrix[pivot];
        let inverse = 1.0 / row[pivot].re.max(f32::MIN_POSITIVE);
        for below in pivot + 1..TAPS {
            let factor = matrix[below][pivot] * inverse;
            for column in pivot..TAPS {
                matrix[below][column] -= factor * row[column];
            }
            let value = right[pivot];
            right[below] -= factor * value;
        }
    }
    for pivot in (0..TAPS).rev() {
        let mut value = right[pivot];
        for column in pivot + 1..TAPS {
            value -= matrix[pivot][column] * right[column];
        }
        right[pivot] = value * (1.0 / matrix[pivot][pivot].re.max(f32::MIN_POSITIVE));
    }
}

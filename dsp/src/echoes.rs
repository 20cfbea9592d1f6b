//! Smooths a channel estimate over the carriers: echoes within the prefix allow only so much change between them.
//!
//! The gain of carrier b is that of a few echoes, the sum over delays d of a_d e^(-j 2 pi b d / N). With amplitudes that are
//! equally likely at every delay up to the prefix (a Gaussian prior of one variance) the best estimate is ridge regression;
//! it leaves of the noise about the share that the delays' span is of the symbol's N samples, plus one carrier's.

use crate::Complex;
use core::f32::consts::TAU;

/// The delays at which echoes are looked for, in samples of the transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// The least.
    pub first: i32,
    /// From one to the next: less than the transform over the carriers' span.
    pub step: i32,
    /// Points of the transform.
    pub points: u16,
}

/// The echoes that fit a channel estimate best.
#[derive(Clone, Copy, Debug)]
pub struct Echoes<const TAPS: usize> {
    delays: Delays,
    amplitudes: [Complex; TAPS],
    /// Mean over the carriers of |estimate - echoes|^2 against the estimate's noise: near 1, or less, where the carriers
    /// follow such echoes.
    pub residue: f32,
}

impl<const TAPS: usize> Echoes<TAPS> {
    /// Fits echoes to a gain for each of the carriers at `bins` whose estimate has noise of power `noise`. `None` where the
    /// estimate is not above its noise.
    pub fn fit(delays: &Delays, bins: &[u16], gain: &[Complex], noise: &[f32]) -> Option<Self> {
        let count = bins.len().min(gain.len()).min(noise.len()).max(1) as f32;
        let carriers = || gain.iter().zip(noise.iter().map(|noise| noise.max(f32::MIN_POSITIVE))).zip(bins);
        let (mut weights, mut over_noise) = (0.0, 0.0);
        for ((gain, noise), _) in carriers() {
            weights += 1.0 / noise;
            over_noise += gain.norm_sqr() / noise - 1.0;
        }
        let signal = over_noise / weights;
        if !(signal > 0.0 && signal.is_finite()) {
            return None;
        }
        let mut matrix = [[Complex::default(); TAPS]; TAPS];
        let mut right = [Complex::default(); TAPS];
        for ((gain, noise), bin) in carriers() {
            let echoes = delays.phasors::<TAPS>(*bin);
            for (row, (left, right)) in matrix.iter_mut().zip(&mut right).enumerate() {
                let conjugate = echoes[row].conj() / noise;
                *right += conjugate * gain;
                left.iter_mut().zip(&echoes).for_each(|(cell, echo)| *cell += conjugate * echo);
            }
        }
        let ridge = TAPS as f32 / signal;
        matrix.iter_mut().enumerate().for_each(|(at, row)| row[at] += ridge);
        solve(&mut matrix, &mut right);
        let mut fit = Self { delays: *delays, amplitudes: right, residue: 0.0 };
        fit.residue =
            carriers().map(|((gain, noise), bin)| (gain - fit.gain(*bin)).norm_sqr() / noise).sum::<f32>()
                / count;
        fit.residue.is_finite().then_some(fit)
    }

    /// The gain of a carrier.
    pub fn gain(&self, bin: u16) -> Complex {
        let echoes = self.delays.phasors::<TAPS>(bin);
        echoes.iter().zip(&self.amplitudes).map(|(echo, amplitude)| echo * amplitude).sum()
    }
}

impl Delays {
    /// An echo of each delay at a carrier.
    fn phasors<const TAPS: usize>(&self, bin: u16) -> [Complex; TAPS] {
        let points = i32::from(self.points).max(1);
        let phasor = |delay: i32| {
            let angle = TAU * (-i32::from(bin) * delay).rem_euclid(points) as f32 / points as f32;
            Complex::new(libm::cosf(angle), libm::sinf(angle))
        };
        let (mut echo, step) = (phasor(self.first), phasor(self.step));
        core::array::from_fn(|_| {
            let now = echo;
            echo *= step;
            now
        })
    }
}

/// Solves a Hermitian positive definite system in place, by Gauss's elimination without pivots.
fn solve<const TAPS: usize>(matrix: &mut [[Complex; TAPS]; TAPS], right: &mut [Complex; TAPS]) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Noise;
    use std::vec::Vec;

    const DELAYS: Delays = Delays { first: -4, step: 4, points: 512 };
    const TAPS: usize = 15;

    /// Carriers 86 to 182 of 512, three echoes, noise of power `noise` but for every tenth carrier, where it is a hundred
    /// times that: gain without and with noise, and the noise.
    fn line(noise: f32) -> (Vec<u16>, Vec<Complex>, Vec<Complex>, Vec<f32>) {
        let mut random = Noise::new(3);
        let bins: Vec<u16> = (86..183).collect();
        let echoes = [(12.0, 1.0), (21.5, 0.5), (33.0, -0.3)];
        let gain: Vec<Complex> = bins
            .iter()
            .map(|bin| {
                let echo = |(delay, gain)| Complex::from_polar(gain, -TAU * f32::from(*bin) * delay / 512.0);
                echoes.into_iter().map(echo).sum()
            })
            .collect();
        let noise: Vec<f32> =
            (0..gain.len()).map(|at| if at % 10 == 0 { 100.0 * noise } else { noise }).collect();
        let noisy = gain
            .iter()
            .zip(&noise)
            .map(|(gain, noise)| {
                let mut part = || (f64::from(*noise / 2.0).sqrt() * random.gaussian()) as f32;
                gain + Complex::new(part(), part())
            })
            .collect();
        (bins, gain, noisy, noise)
    }

    #[test]
    fn of_the_noise_a_fifth_is_left_and_loud_carriers_do_no_harm() {
        let (bins, gain, noisy, noise) = line(0.3);
        let fit = Echoes::<TAPS>::fit(&DELAYS, &bins, &noisy, &noise).unwrap();
        let error: f32 = bins.iter().zip(&gain).map(|(bin, gain)| (fit.gain(*bin) - gain).norm_sqr()).sum();
        assert!(error / 97.0 < 0.2 * 0.3, "{}", error / 97.0);
        assert!((0.6..1.2).contains(&fit.residue), "{}", fit.residue);
    }

    #[test]
    fn carriers_that_no_echoes_explain_are_noticed() {
        let (bins, mut gain, _, noise) = line(0.01);
        gain.iter_mut().enumerate().for_each(|(at, gain)| *gain *= if at % 2 == 0 { 1.0 } else { -1.0 });
        let fit = Echoes::<TAPS>::fit(&DELAYS, &bins, &gain, &noise).unwrap();
        assert!(fit.residue > 20.0, "{}", fit.residue);
        for noise in [&[1e9; 97][..], &[f32::NAN; 97], &[]] {
            assert!(Echoes::<TAPS>::fit(&DELAYS, &bins, &gain, noise).is_none_or(|fit| fit.residue <= 1.0));
        }
    }
}

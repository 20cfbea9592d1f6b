//! The preamble of Type A: a linear chirp from the lowest carrier to the highest (digest 3.1).

use crate::Channel;
use crate::channel::{CARRIERS, PREAMBLE_SAMPLES};
use core::f32::consts::TAU;
use dsp::Complex;

/// Sample `n` of the chirp as e^(j phase); the preamble is its real part. Beyond the preamble it goes on.
///
/// The phase in turns is f0 t + mu t^2 / 2 with f0 the lowest carrier and mu = (ff - f0) / T. In samples that is
/// (2 k0 n + (k1 - k0) n^2 / 512) / 1024: whole numbers over 2^19, so nothing is lost however large n is.
///
/// ```
/// use prime_phy::{Channel, chirp};
/// assert_eq!(chirp::sample(&Channel::ONE, 0).re, 1.0);
/// ```
pub fn sample(channel: &Channel, n: usize) -> Complex {
    const SAMPLES: u64 = PREAMBLE_SAMPLES as u64;
    const TURN: u64 = 2 * SAMPLES * SAMPLES;
    let (n, span) = ((n as u64) % TURN, (CARRIERS - 1) as u64);
    let phase = (2 * SAMPLES * u64::from(channel.first_carrier) % TURN * n + span * n % TURN * n) % TURN;
    let angle = TAU * phase as f32 / TURN as f32;
    Complex::new(libm::cosf(angle), libm::sinf(angle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chirp_is_the_formula_of_the_digest() {
        for n in 0..PREAMBLE_SAMPLES {
            let t = n as f64 / 250e3;
            let phase = std::f64::consts::TAU * (41_992.187_5 * t + 0.5 * 46_875.0 / 2048e-6 * t * t);
            let found = sample(&Channel::ONE, n);
            assert!((f64::from(found.re) - phase.cos()).abs() < 1e-5, "sample {n}");
            assert!((f64::from(found.im) - phase.sin()).abs() < 1e-5, "sample {n}");
        }
    }
}

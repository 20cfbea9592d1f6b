//! Chirps: linear sweeps between the lowest carrier and the highest (digest 3.1, 4.1).

use crate::Channel;
use crate::channel::{CARRIERS, PREAMBLE_SAMPLES};
use crate::options::Sweep;
use core::f32::consts::TAU;
use dsp::Complex;

/// Sample `n` of a chirp as e^(j phase); what is sent is its real part. Beyond the chirp it goes on.
///
/// The phase in turns of an ascending one is f0 t + mu t^2 / 2 with f0 the lowest carrier and mu = (ff - f0) / T. With N
/// samples in a chirp that is (2 N k0 n + (k1 - k0) n^2) / 2 N^2: whole numbers over a power of two, so nothing is lost
/// however large n is. A descending one begins at the highest carrier, and mu is negative.
///
/// ```
/// use prime_phy::{Channel, chirp, options::Sweep};
/// assert_eq!(chirp::sample(&Channel::ONE, Sweep::Ascending, 0).re, 1.0);
/// ```
pub fn sample(channel: &Channel, sweep: Sweep, n: usize) -> Complex {
    const SPAN: u64 = (CARRIERS - 1) as u64;
    let samples = channel.samples(PREAMBLE_SAMPLES) as u64;
    let turn = 2 * samples * samples;
    let n = n as u64 % turn;
    let lowest = u64::from(channel.first_carrier);
    let bend = SPAN * n % turn * n % turn;
    let (begin, bend) = match sweep {
        Sweep::Ascending => (lowest, bend),
        Sweep::Descending => (lowest + SPAN, turn - bend),
    };
    let phase = (2 * samples * begin % turn * n + bend) % turn;
    let angle = TAU * phase as f32 / turn as f32;
    Complex::new(libm::cosf(angle), libm::sinf(angle))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_chirp(channel: &Channel, sweep: Sweep, from_hz: f64, slope_hz_per_s: f64) {
        let rate_hz = f64::from(channel.clock.rate_hz());
        for n in 0..channel.samples(PREAMBLE_SAMPLES) {
            let t = n as f64 / rate_hz;
            let phase = std::f64::consts::TAU * (from_hz * t + 0.5 * slope_hz_per_s * t * t);
            let found = sample(channel, sweep, n);
            assert!((f64::from(found.re) - phase.cos()).abs() < 1e-5, "{channel:?} sample {n}");
            assert!((f64::from(found.im) - phase.sin()).abs() < 1e-5, "{channel:?} sample {n}");
        }
    }

    #[test]
    fn the_chirp_is_the_formula_of_the_digest_in_every_channel() {
        let slope = 46_875.0 / 2048e-6;
        assert_chirp(&Channel::ONE, Sweep::Ascending, 41_992.187_5, slope);
        for channel in Channel::ALL {
            let lowest_hz = 488.281_25 * f64::from(channel.first_carrier);
            assert_chirp(&channel, Sweep::Ascending, lowest_hz, slope);
            assert_chirp(&channel, Sweep::Descending, lowest_hz + 46_875.0, -slope);
        }
    }
}

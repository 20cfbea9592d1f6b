//! Phases without memory, soft in and soft out: what [`phase_trellis`](crate::phase_trellis) is for chains, this is for
//! symbols that each have their phase for themselves, as the coherent modulations of G3.
//!
//! Priors help where one point has several bits of which the others are known (S. ten Brink, J. Speidel and R. Yan, "Iterative
//! demapping and decoding for multilevel modulation", Globecom 1998); with Gray points that is little. The mean phasors are
//! worth more: they are the soft decisions from which a line is estimated anew.
//!
//! What goes in and comes out is that of [`PhaseTrellis::decode`](crate::phase_trellis::PhaseTrellis::decode), but that a
//! step's value is the point itself:
//!
//! ```
//! use dsp::lanes::Lanes;
//! use dsp::phase_points;
//! // Half-way between the points 00 and 10 of QPSK: bit 1 is a zero, of bit 0 nothing is known but its prior.
//! let received = [[Lanes::all(2.0), Lanes::all(2.0)]];
//! let (prior, mut bits) = ([Lanes::all(1.0), Lanes::all(0.0)], [Lanes::default(); 2]);
//! let mut phasors = [[Lanes::default(); 2]];
//! phase_points::decode(2, &received, &prior, &mut bits, &mut phasors)?;
//! assert!(bits[0].0[0].abs() < 1e-5 && bits[1].0[0] > 3.0);
//! assert!(phasors[0][0].0[0] > phasors[0][1].0[0]);
//! # Ok::<(), dsp::LengthError>(())
//! ```

use crate::LengthError;
use crate::cpu::Level;
use crate::differential::{EIGHTHS, gray_point};
use crate::lanes::Lanes;
use crate::phase_trellis::{ComplexLanes, MOST_CERTAIN, TINY, likelihoods, steps};

/// Decodes eight carriers side by side, symbol by symbol, with `bits` (1 to 3) bits each.
///
/// * `received`: 2 h* y / N0, for a channel h and noise of power N0 in both quadratures together;
/// * `prior`: log-likelihood ratio of each bit, positive for 0, symbol by symbol;
/// * `extrinsic`: what the symbol says of each bit beyond its prior, in the same order;
/// * `phasors`: the mean of e^(j phase) of each symbol, given both.
///
/// # Errors
///
/// `bits` is none of 1 to 3 or a slice is too short; then nothing has been written.
pub fn decode(
    bits: usize,
    received: &[ComplexLanes],
    prior: &[Lanes],
    extrinsic: &mut [Lanes],
    phasors: &mut [ComplexLanes],
) -> Result<(), LengthError> {
    LengthError::at_most("bits of a point", 3, bits)?;
    LengthError::at_least("bits of a point", 1, bits)?;
    let symbols = received.len();
    LengthError::at_least("priors", symbols * bits, prior.len())?;
    LengthError::at_least("extrinsic ratios", symbols * bits, extrinsic.len())?;
    LengthError::at_least("phasors", symbols, phasors.len())?;
    run(Level::best(), bits, received, prior, extrinsic, phasors);
    Ok(())
}

fn run(
    level: Level,
    bits: usize,
    received: &[ComplexLanes],
    prior: &[Lanes],
    extrinsic: &mut [Lanes],
    phasors: &mut [ComplexLanes],
) {
    #[inline(always)]
    fn any(
        bits: usize,
        received: &[ComplexLanes],
        prior: &[Lanes],
        extrinsic: &mut [Lanes],
        phasors: &mut [ComplexLanes],
    ) {
        match bits {
            1 => each::<1, 2>(received, prior, extrinsic, phasors),
            2 => each::<2, 4>(received, prior, extrinsic, phasors),
            _ => each::<3, 8>(received, prior, extrinsic, phasors),
        }
    }
    #[cfg(target_arch = "x86_64")]
    if level >= Level::Avx2 {
        #[target_feature(enable = "avx2,fma")]
        fn on_avx2(
            bits: usize,
            received: &[ComplexLanes],
            prior: &[Lanes],
            extrinsic: &mut [Lanes],
            phasors: &mut [ComplexLanes],
        ) {
            any(bits, received, prior, extrinsic, phasors);
        }
        #[allow(unsafe_code, reason = "calls a function with target features")]
        // Safety: the level has found the features.
        return unsafe { on_avx2(bits, received, prior, extrinsic, phasors) };
    }
    _ = level;
    any(bits, received, prior, extrinsic, phasors);
}

#[inline(always)]
fn each<const BITS: usize, const POINTS: usize>(
    received: &[ComplexLanes],
    prior: &[Lanes],
    extrinsic: &mut [Lanes],
    phasors: &mut [ComplexLanes],
) {
    let priors = prior.as_chunks::<BITS>().0.iter().zip(extrinsic.as_chunks_mut::<BITS>().0);
    for ((received, phasor), (prior, extrinsic)) in received.iter().zip(phasors).zip(priors) {
        let (likelihoods, steps) = (likelihoods::<POINTS>(received).0, steps::<BITS, POINTS>(prior));
        let mut sums = [[Lanes::all(TINY); 2]; BITS];
        let (mut re, mut im, mut sum) = (Lanes::all(0.0), Lanes::all(0.0), Lanes::all(TINY));
        for (value, step) in steps.iter().enumerate() {
            let point = gray_point(value as u8) as usize % POINTS;
            let probability = *step * likelihoods[point];
            for (bit, sums) in sums.iter_mut().enumerate() {
                sums[value >> bit & 1] += probability;
            }
            sum += probability;
            re += probability * EIGHTHS[point * (8 / POINTS)].re;
            im += probability * EIGHTHS[point * (8 / POINTS)].im;
        }
        *phasor = [re / sum, im / sum];
        for ((extrinsic, [zero, one]), prior) in extrinsic.iter_mut().zip(&sums).zip(prior) {
            *extrinsic = (*zero / *one).ln() - prior.clipped(MOST_CERTAIN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Complex;
    use crate::lanes::LANES;
    use crate::likelihood;
    use crate::testing::Noise;
    use proptest::prelude::*;
    use std::{vec, vec::Vec};

    fn decoded(
        level: Level,
        bits: usize,
        received: &[ComplexLanes],
        prior: &[Lanes],
    ) -> (Vec<Lanes>, Vec<ComplexLanes>) {
        let mut extrinsic = vec![Lanes::default(); received.len() * bits];
        let mut phasors = vec![[Lanes::default(); 2]; received.len()];
        run(level.available(), bits, received, prior, &mut extrinsic, &mut phasors);
        (extrinsic, phasors)
    }

    fn random(count: usize, scale: f64, noise: &mut Noise) -> Vec<Lanes> {
        (0..count).map(|_| Lanes(core::array::from_fn(|_| (scale * noise.gaussian()) as f32))).collect()
    }

    #[test]
    fn without_priors_ratios_are_those_of_the_likelihoods() {
        let mut noise = Noise::new(3);
        for bits in 1..=3 {
            let received = random(40, 2.0, &mut noise).as_chunks::<2>().0.to_vec();
            let (found, _) = decoded(Level::best(), bits, &received, &vec![Lanes::default(); 20 * bits]);
            for (at, [re, im]) in received.iter().enumerate() {
                for lane in 0..LANES {
                    let expected = likelihood::coherent(bits, Complex::new(re.0[lane], im.0[lane]), 1.0);
                    for (bit, expected) in expected.iter().enumerate().take(bits) {
                        let found = found[at * bits + bit].0[lane];
                        assert!(
                            (found - expected).abs() < 1e-4 * (1.0 + expected.abs()),
                            "{bits} {bit}: {found} {expected}"
                        );
                    }
                }
            }
        }
    }

    /// The posterior, prior and extrinsic together, and the mean phasor, by going through the points.
    #[test]
    fn with_priors_ratios_and_phasors_are_those_of_all_points() {
        let mut noise = Noise::new(4);
        for bits in 1..=3 {
            let received = random(40, 2.0, &mut noise).as_chunks::<2>().0.to_vec();
            let prior = random(20 * bits, 2.0, &mut noise);
            let (extrinsic, phasors) = decoded(Level::best(), bits, &received, &prior);
            for (at, [re, im]) in received.iter().enumerate() {
                let now = Complex::new(re.0[5], im.0[5]);
                let (mut sums, mut mean, mut whole) = ([[0.0_f64; 2]; 3], [0.0_f64; 2], 0.0_f64);
                for value in 0..1_u8 << bits {
                    let point = likelihood::point(bits, value);
                    let mut logarithm = f64::from((now * point.conj()).re);
                    for bit in 0..bits {
                        let sign = if value >> bit & 1 == 0 { 0.5 } else { -0.5 };
                        logarithm += sign * f64::from(prior[at * bits + bit].0[5]);
                    }
                    let probability = libm::exp(logarithm);
                    (0..bits).for_each(|bit| sums[bit][usize::from(value >> bit & 1)] += probability);
                    mean[0] += probability * f64::from(point.re);
                    mean[1] += probability * f64::from(point.im);
                    whole += probability;
                }
                for bit in 0..bits {
                    let found = f64::from(extrinsic[at * bits + bit].0[5] + prior[at * bits + bit].0[5]);
                    let expected = libm::log(sums[bit][0] / sums[bit][1]);
                    assert!(
                        (found - expected).abs() < 1e-4 * (1.0 + expected.abs()),
                        "{bits}: {found} {expected}"
                    );
                }
                for (part, mean) in phasors[at].iter().zip(mean) {
                    assert!((f64::from(part.0[5]) - mean / whole).abs() < 1e-5);
                }
            }
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_named() {
        let (received, lanes) = ([[Lanes::default(); 2]; 3], [Lanes::default(); 9]);
        let needed = |bits: usize, prior: usize, extrinsic: usize, phasors: usize| {
            let (mut room, mut means) = ([Lanes::default(); 9], [[Lanes::default(); 2]; 3]);
            decode(bits, &received, &lanes[..prior], &mut room[..extrinsic], &mut means[..phasors])
                .map_err(|error| (error.needed, error.given))
        };
        assert_eq!(needed(1, 3, 3, 3), Ok(()));
        assert_eq!((needed(0, 9, 9, 3), needed(4, 9, 9, 3)), (Err((1, 0)), Err((3, 4))));
        assert_eq!(
            (needed(2, 5, 6, 3), needed(2, 6, 5, 3), needed(2, 6, 6, 2)),
            (Err((6, 5)), Err((6, 5)), Err((3, 2)))
        );
    }

    proptest! {
        #[test]
        fn every_level_gives_the_same_bits_and_nothing_is_infinite(
            bits in 1_usize..=3,
            values in proptest::collection::vec(any::<f32>(), 5..200),
        ) {
            let lanes = |at: usize| Lanes(core::array::from_fn(|lane| values[(5 * at + lane) % values.len()]));
            let symbols = values.len() / 5;
            let received: Vec<_> = (0..symbols).map(|at| [lanes(2 * at), lanes(2 * at + 1)]).collect();
            let prior: Vec<_> = (0..symbols * bits).map(|at| lanes(at + 7)).collect();
            let bits_of = |lanes: &[Lanes]| lanes.iter().flat_map(|lanes| lanes.0.map(f32::to_bits)).collect::<Vec<_>>();
            let (portable, phasors) = decoded(Level::Portable, bits, &received, &prior);
            prop_assert!(portable.iter().all(|ratio| ratio.0.iter().all(|ratio| ratio.is_finite())));
            let (other, other_phasors) = decoded(Level::Avx2, bits, &received, &prior);
            prop_assert_eq!(bits_of(&portable), bits_of(&other));
            prop_assert_eq!(bits_of(phasors.as_flattened()), bits_of(other_phasors.as_flattened()));
        }
    }
}

//! Differential phases decoded as a trellis, soft in and soft out.
//!
//! A differential encoder adds each symbol's phase step to the phase before: a recursive code of rate 1 whose state is
//! the phase. Received coherently it is decoded like any trellis, with the forward-backward algorithm of
//! [`crate::bcjr`]: the probability of a step is the sum over all phases of
//!
//! ```text
//! a(phase before) · P(step) · p(received | phase after) · b(phase after)
//! ```
//!
//! Without priors that is the best coherent detection of differential phases; with priors from an outer code it is
//! the inner decoder of a serially concatenated code (P. Hoeher and J. Lodge, "Turbo DPSK: iterative differential
//! PSK demodulation and channel decoding", IEEE Trans. Commun. 47, 1999).
//!
//! Eight chains are decoded side by side, one in each lane of [`Lanes`]: eight carriers in G3, which is differential
//! in time; eight symbols in PRIME, which is differential in frequency.
//!
//! * Steps are Gray points as in [`crate::differential`]: bit i of the value is bit i of a step here.
//! * Every chain starts at phase 0: turn what is received by the phase of the reference.
//! * What is received of a symbol is 2 h* y / N0, for a channel h and noise of power N0 in both quadratures
//!   together; its real part after turning it back by a phase is that phase's log-likelihood.
//!
//! ```
//! use dsp::lanes::Lanes;
//! use dsp::phase_trellis::PhaseTrellis;
//! // Steps of half a turn (bit 1), none (0) and half a turn, in all lanes, 6 dB above the noise.
//! let received = [-8.0, -8.0, 8.0].map(|re| [Lanes::all(re), Lanes::all(0.0)]);
//! let (mut bits, mut phases) = ([Lanes::default(); 3], [[Lanes::default(); 2]; 3]);
//! PhaseTrellis::<6>::new().decode(1, &received, &[Lanes::default(); 3], &mut bits, &mut phases)?;
//! assert!(bits[0].0[0] < -7.0 && bits[1].0[0] > 7.0 && bits[2].0[0] < -7.0);
//! assert!(phases[1][0].0[0] < -0.99, "the mean phasor of the second symbol");
//! # Ok::<(), dsp::LengthError>(())
//! ```

use crate::cpu::Level;
use crate::differential::{EIGHTHS, gray_point};
use crate::lanes::Lanes;
use crate::{Complex, LengthError};
use core::f32::consts::FRAC_1_SQRT_2;

/// Bits given count as no more certain than this, and phases as no less likely than e^(-48) of the likeliest.
pub const MOST_CERTAIN: f32 = 24.0;

/// What is received is no louder than this, so that sums stay finite.
const LOUDEST: f32 = 1e30;

/// Keeps quotients of probabilities finite.
pub(crate) const TINY: f32 = 1e-30;

/// Real and imaginary part of a value in each lane.
pub type ComplexLanes = [Lanes; 2];

/// The workspace of a decoder for chains of up to `CELLS` / 2^bits symbols.
#[derive(Clone, Debug)]
pub struct PhaseTrellis<const CELLS: usize> {
    /// Probability of each phase after each symbol, from the symbols up to it.
    forward: [Lanes; CELLS],
}

impl<const CELLS: usize> PhaseTrellis<CELLS> {
    /// An empty workspace. Nothing is kept from one decoding to the next.
    pub const fn new() -> Self {
        Self { forward: [Lanes::all(0.0); CELLS] }
    }

    /// Decodes eight chains of `received.len()` symbols with `bits` (1 to 3) bits each.
    ///
    /// * `prior`: log-likelihood ratio of each bit, positive for 0, symbol by symbol;
    /// * `extrinsic`: what the chain says of each bit beyond its prior, in the same order;
    /// * `phasors`: the mean of e^(j phase) of each symbol, given everything: the soft decision from which the
    ///   channel is estimated anew.
    ///
    /// # Errors
    ///
    /// `bits` is none of 1 to 3, a slice is too short or the workspace too small; then nothing has been written.
    pub fn decode(
        &mut self,
        bits: usize,
        received: &[ComplexLanes],
        prior: &[Lanes],
        extrinsic: &mut [Lanes],
        phasors: &mut [ComplexLanes],
    ) -> Result<(), LengthError> {
        self.decode_at(Level::best(), bits, received, prior, extrinsic, phasors)
    }

    /// [`PhaseTrellis::decode`] with the version of `level`, for comparisons and measurements. All give the same.
    ///
    /// # Errors
    ///
    /// Those of [`PhaseTrellis::decode`].
    pub fn decode_at(
        &mut self,
        level: Level,
        bits: usize,
        received: &[ComplexLanes],
        prior: &[Lanes],
        extrinsic: &mut [Lanes],
        phasors: &mut [ComplexLanes],
    ) -> Result<(), LengthError> {
        LengthError::at_most("bits of a phase step", 3, bits)?;
        LengthError::at_least("bits of a phase step", 1, bits)?;
        let symbols = received.len();
        LengthError::at_most("phases of all symbols", CELLS, symbols << bits)?;
        LengthError::at_least("priors", symbols * bits, prior.len())?;
        LengthError::at_least("extrinsic ratios", symbols * bits, extrinsic.len())?;
        LengthError::at_least("phasors", symbols, phasors.len())?;
        let chains = Chains {
            received,
            prior: &prior[..symbols * bits],
            extrinsic: &mut extrinsic[..symbols * bits],
            phasors: &mut phasors[..symbols],
        };
        run(level.available(), bits, &mut self.forward[..symbols << bits], chains);
        Ok(())
    }
}

impl<const CELLS: usize> Default for PhaseTrellis<CELLS> {
    fn default() -> Self {
        Self::new()
    }
}

/// Logarithm of the mean likelihood of all phases: how likely 2 h* y / N0 is when the phase is not known. What tells
/// a right channel from a wrong one before any bit is known.
pub fn blind_log_likelihood(bits: usize, received: &ComplexLanes) -> Lanes {
    #[inline(always)]
    fn mean<const POINTS: usize>(received: &ComplexLanes) -> Lanes {
        let (likelihoods, greatest) = likelihoods::<POINTS>(received);
        let mut sum = Lanes::all(0.0);
        for likelihood in likelihoods {
            sum += likelihood;
        }
        (sum * (1.0 / POINTS as f32)).ln() + greatest
    }
    match bits {
        1 => mean::<2>(received),
        2 => mean::<4>(received),
        _ => mean::<8>(received),
    }
}

/// What is decoded, and where it goes.
struct Chains<'a> {
    received: &'a [ComplexLanes],
    prior: &'a [Lanes],
    extrinsic: &'a mut [Lanes],
    phasors: &'a mut [ComplexLanes],
}

fn run(level: Level, bits: usize, forward: &mut [Lanes], chains: Chains<'_>) {
    #[inline(always)]
    fn any(bits: usize, forward: &mut [Lanes], chains: Chains<'_>) {
        match bits {
            1 => walk::<1, 2>(forward, chains),
            2 => walk::<2, 4>(forward, chains),
            _ => walk::<3, 8>(forward, chains),
        }
    }
    #[cfg(target_arch = "x86_64")]
    if level >= Level::Avx2 {
        #[target_feature(enable = "avx2,fma")]
        fn on_avx2(bits: usize, forward: &mut [Lanes], chains: Chains<'_>) {
            any(bits, forward, chains);
        }
        #[allow(unsafe_code, reason = "calls a function with target features")]
        // Safety: `Level::available` has found the features.
        return unsafe { on_avx2(bits, forward, chains) };
    }
    _ = level;
    any(bits, forward, chains);
}

#[inline(always)]
fn walk<const BITS: usize, const POINTS: usize>(forward: &mut [Lanes], chains: Chains<'_>) {
    let Chains { received, prior, extrinsic, phasors } = chains;
    let start: [Lanes; POINTS] = core::array::from_fn(|point| Lanes::all(if point == 0 { 1.0 } else { 0.0 }));
    let forward = forward.as_chunks_mut::<POINTS>().0;
    let prior = prior.as_chunks::<BITS>().0;

    let mut before = start;
    for ((received, prior), after) in received.iter().zip(prior).zip(forward.iter_mut()) {
        let (likelihoods, steps) = (likelihoods::<POINTS>(received).0, steps::<BITS, POINTS>(prior));
        *after = [Lanes::all(0.0); POINTS];
        for (value, step) in steps.iter().enumerate() {
            for (point, after) in after.iter_mut().enumerate() {
                *after += *step * before[(point + POINTS - turn(value)) % POINTS];
            }
        }
        for (after, likelihood) in after.iter_mut().zip(&likelihoods) {
            *after = *after * *likelihood;
        }
        rescale(after);
        before = *after;
    }

    let mut after = [Lanes::all(1.0); POINTS];
    let symbols = received.iter().zip(prior).zip(extrinsic.as_chunks_mut::<BITS>().0).zip(phasors);
    for (index, (((received, prior), extrinsic), phasor)) in symbols.enumerate().rev() {
        let (likelihoods, steps) = (likelihoods::<POINTS>(received).0, steps::<BITS, POINTS>(prior));
        let here = forward.get(index).copied().unwrap_or(start);
        let before = index.checked_sub(1).and_then(|before| forward.get(before)).copied().unwrap_or(start);
        *phasor = mean_phasor(&here, &after);

        let mut joint = after;
        for (joint, likelihood) in joint.iter_mut().zip(&likelihoods) {
            *joint = *joint * *likelihood;
        }
        // The sums over all bits' values with a 0 and with a 1 at each bit.
        let mut sums = [[Lanes::all(TINY); 2]; BITS];
        after = [Lanes::all(0.0); POINTS];
        for (value, step) in steps.iter().enumerate() {
            let mut branch = Lanes::all(0.0);
            for (point, after) in after.iter_mut().enumerate() {
                let joint = joint[(point + turn(value)) % POINTS];
                branch += before[point] * joint;
                *after += *step * joint;
            }
            let branch = branch * *step;
            for (bit, sums) in sums.iter_mut().enumerate() {
                sums[value >> bit & 1] += branch;
            }
        }
        rescale(&mut after);
        for ((extrinsic, [zero, one]), prior) in extrinsic.iter_mut().zip(&sums).zip(prior) {
            *extrinsic = (*zero / *one).ln() - prior.clipped(MOST_CERTAIN);
        }
    }
}

/// How many points of the circle a value's step turns.
#[inline(always)]
const fn turn(value: usize) -> usize {
    gray_point(value as u8) as usize
}

/// Likelihood of every phase against that of the likeliest, and the logarithm of the latter.
#[inline(always)]
pub(crate) fn likelihoods<const POINTS: usize>(received: &ComplexLanes) -> ([Lanes; POINTS], Lanes) {
    let [re, im] = received.map(|part| part.clipped(LOUDEST));
    // The first half of the circle; the other half has the opposite logarithms.
    let half = match POINTS {
        2 => [re, Lanes::all(0.0), Lanes::all(0.0), Lanes::all(0.0)],
        4 => [re, im, Lanes::all(0.0), Lanes::all(0.0)],
        _ => [re, (re + im) * FRAC_1_SQRT_2, im, (im - re) * FRAC_1_SQRT_2],
    };
    let half = half.get(..POINTS / 2).unwrap_or(&half);
    let greatest =
        half.iter().fold(Lanes::all(0.0), |greatest, logarithm| greatest.greater(logarithm.magnitude()));
    // Clipped against the likeliest and not each by itself, so that above the noise by far neighbours still differ.
    let against = |logarithm: Lanes| (logarithm - greatest).clipped(2.0 * MOST_CERTAIN).exp();
    let mut likelihoods = [Lanes::all(1.0); POINTS];
    for (point, logarithm) in half.iter().enumerate() {
        likelihoods[point] = against(*logarithm);
        likelihoods[point + POINTS / 2] = against(-*logarithm);
    }
    (likelihoods, greatest)
}

/// Probability of every value of a step, up to a common factor.
#[inline(always)]
pub(crate) fn steps<const BITS: usize, const POINTS: usize>(prior: &[Lanes; BITS]) -> [Lanes; POINTS] {
    let mut steps = [Lanes::all(1.0); POINTS];
    for (bit, prior) in prior.iter().enumerate() {
        let zero = (prior.clipped(MOST_CERTAIN) * 0.5).exp();
        let odds = [zero, Lanes::all(1.0) / zero];
        for (value, step) in steps.iter_mut().enumerate() {
            *step = *step * odds[value >> bit & 1];
        }
    }
    steps
}

#[inline(always)]
fn mean_phasor<const POINTS: usize>(here: &[Lanes; POINTS], after: &[Lanes; POINTS]) -> ComplexLanes {
    let (mut re, mut im, mut sum) = (Lanes::all(0.0), Lanes::all(0.0), Lanes::all(TINY));
    for (point, (here, after)) in here.iter().zip(after).enumerate() {
        let probability = *here * *after;
        let Complex { re: cosine, im: sine } = EIGHTHS[point * (8 / POINTS)];
        sum += probability;
        re += probability * cosine;
        im += probability * sine;
    }
    [re / sum, im / sum]
}

/// Brings the sum over the phases to 1.
#[inline(always)]
fn rescale<const POINTS: usize>(phases: &mut [Lanes; POINTS]) {
    let mut sum = Lanes::all(f32::MIN_POSITIVE);
    for phase in phases.iter() {
        sum += *phase;
    }
    let factor = Lanes::all(1.0) / sum;
    for phase in phases {
        *phase = *phase * factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::LANES;
    use crate::testing::Noise;
    use core::f64::consts::TAU;
    use num_complex::Complex64;
    use proptest::prelude::*;
    use std::{vec, vec::Vec};

    struct Decoded {
        extrinsic: Vec<Lanes>,
        phasors: Vec<ComplexLanes>,
    }

    fn decoded(level: Level, bits: usize, received: &[ComplexLanes], prior: &[Lanes]) -> Decoded {
        let mut decoded = Decoded {
            extrinsic: vec![Lanes::default(); received.len() * bits],
            phasors: vec![Default::default(); received.len()],
        };
        PhaseTrellis::<512>::new()
            .decode_at(level, bits, received, prior, &mut decoded.extrinsic, &mut decoded.phasors)
            .unwrap();
        decoded
    }

    /// Extrinsic ratios and mean phasors of one chain by going through all sequences of steps.
    fn by_enumeration(bits: usize, received: &[Complex64], prior: &[f64]) -> (Vec<f64>, Vec<Complex64>) {
        let symbols = received.len();
        let mut sums = vec![[0.0; 2]; symbols * bits];
        let mut phasors = vec![Complex64::default(); symbols];
        let mut whole = 0.0;
        for sequence in 0..1_usize << (symbols * bits) {
            let (mut point, mut logarithm, mut path) = (0, 0.0, Vec::new());
            for (symbol, received) in received.iter().enumerate() {
                let value = sequence >> (symbol * bits) & ((1 << bits) - 1);
                point = (point + turn(value)) % (1 << bits);
                let phasor = Complex64::from_polar(1.0, TAU * point as f64 / (1 << bits) as f64);
                logarithm += (received * phasor.conj()).re;
                path.push(phasor);
            }
            let of_bit = |bit: usize| if sequence >> bit & 1 == 0 { 0.5 } else { -0.5 } * prior[bit];
            logarithm += (0..prior.len()).map(of_bit).sum::<f64>();
            for (bit, sums) in sums.iter_mut().enumerate() {
                sums[sequence >> bit & 1] += libm::exp(logarithm - of_bit(bit));
            }
            phasors.iter_mut().zip(path).for_each(|(sum, phasor)| *sum += phasor * libm::exp(logarithm));
            whole += libm::exp(logarithm);
        }
        let ratios = sums.iter().map(|[zero, one]| libm::log(zero / one)).collect();
        (ratios, phasors.iter().map(|sum| sum / whole).collect())
    }

    fn random_lanes(count: usize, scale: f64, noise: &mut Noise) -> Vec<Lanes> {
        (0..count).map(|_| Lanes(core::array::from_fn(|_| (scale * noise.gaussian()) as f32))).collect()
    }

    fn random_received(count: usize, scale: f64, noise: &mut Noise) -> Vec<ComplexLanes> {
        random_lanes(2 * count, scale, noise).as_chunks::<2>().0.to_vec()
    }

    #[test]
    fn ratios_and_phasors_are_those_of_all_sequences_of_short_chains() {
        let mut noise = Noise::new(1);
        for (bits, symbols) in [(1, 1), (1, 9), (2, 1), (2, 5), (3, 1), (3, 4)] {
            for scale in [0.4, 3.0] {
                let received = random_received(symbols, scale, &mut noise);
                let prior = random_lanes(symbols * bits, scale, &mut noise);
                for level in [Level::Portable, Level::Neon, Level::Avx2, Level::Avx512] {
                    let decoded = decoded(level, bits, &received, &prior);
                    for lane in 0..LANES {
                        let chain: Vec<_> = received
                            .iter()
                            .map(|[re, im]| Complex64::new(re.0[lane].into(), im.0[lane].into()))
                            .collect();
                        let of_lane: Vec<_> = prior.iter().map(|prior| f64::from(prior.0[lane])).collect();
                        let (ratios, phasors) = by_enumeration(bits, &chain, &of_lane);
                        for (found, expected) in decoded.extrinsic.iter().zip(&ratios) {
                            let error = (f64::from(found.0[lane]) - expected).abs();
                            assert!(
                                error < 2e-5 + 1e-5 * expected.abs(),
                                "{bits} {symbols} {scale}: {error}"
                            );
                        }
                        for ([re, im], expected) in decoded.phasors.iter().zip(&phasors) {
                            let found = Complex64::new(re.0[lane].into(), im.0[lane].into());
                            assert!((found - expected).norm() < 1e-5, "{found} {expected}");
                        }
                    }
                }
            }
        }
    }

    /// Known result: a chain received without noise tells its bits, and priors alone come back as nothing new.
    #[test]
    fn silence_adds_nothing_to_the_priors() {
        let mut noise = Noise::new(2);
        for bits in 1..=3 {
            let prior = random_lanes(6 * bits, 2.0, &mut noise);
            let silent = [[Lanes::default(); 2]; 6];
            let decoded = decoded(Level::best(), bits, &silent, &prior);
            for extrinsic in decoded.extrinsic {
                assert!(extrinsic.0.iter().all(|ratio| ratio.abs() < 1e-5), "{extrinsic:?}");
            }
        }
    }

    #[test]
    fn blind_likelihoods_are_means_over_the_circle_and_greatest_on_its_points() {
        for bits in 1..=3 {
            let at = |radius: f64, turns: f64| {
                let (sine, cosine) = libm::sincos(TAU * turns);
                let received = [Lanes::all((radius * cosine) as f32), Lanes::all((radius * sine) as f32)];
                blind_log_likelihood(bits, &received).0[3]
            };
            let points = 1 << bits;
            let mean: f64 = (0..points)
                .map(|point| libm::exp(5.0 * libm::cos(TAU * (point as f64 / points as f64 - 0.03))))
                .sum::<f64>()
                / points as f64;
            assert!((f64::from(at(5.0, 0.03)) - libm::log(mean)).abs() < 1e-5);
            assert!(at(5.0, 0.0) > at(5.0, 0.5 / points as f64));
            assert_eq!(at(0.0, 0.0), 0.0);
        }
    }

    #[test]
    fn neighbours_are_told_apart_however_far_above_the_noise() {
        for bits in 1..=3 {
            for scale in [30.0, 1e3, 1e6] {
                // Steps of every value in turn, 0.3 of the way to the next point.
                let (mut point, points) = (0, 1 << bits);
                let received: Vec<ComplexLanes> = (0..2 * points)
                    .map(|step| {
                        point = (point + turn(step % points)) % points;
                        let turns = (point as f64 + 0.3) / points as f64;
                        let (sine, cosine) = libm::sincos(TAU * turns);
                        [Lanes::all((scale * cosine) as f32), Lanes::all((scale * sine) as f32)]
                    })
                    .collect();
                let prior = vec![Lanes::default(); received.len() * bits];
                let found = decoded(Level::best(), bits, &received, &prior);
                for (at, ratio) in found.extrinsic.iter().enumerate() {
                    let bit = (at / bits % points) >> (at % bits) & 1;
                    assert!(
                        if bit == 0 { ratio.0[3] > 2.0 } else { ratio.0[3] < -2.0 },
                        "{bits} {scale} {at}"
                    );
                }
            }
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_named() {
        let received = [[Lanes::default(); 2]; 3];
        let lanes = [Lanes::default(); 9];
        let mut trellis = PhaseTrellis::<16>::new();
        let mut decode = |bits: usize, prior: usize, extrinsic: usize, phasors: usize| {
            let (mut room, mut means) = ([Lanes::default(); 9], [[Lanes::default(); 2]; 3]);
            trellis
                .decode(bits, &received, &lanes[..prior], &mut room[..extrinsic], &mut means[..phasors])
                .map_err(|error| (error.needed, error.given))
        };
        assert_eq!(decode(1, 3, 3, 3), Ok(()));
        assert_eq!(decode(0, 9, 9, 3), Err((1, 0)));
        assert_eq!(decode(4, 9, 9, 3), Err((3, 4)));
        assert_eq!(decode(3, 9, 9, 3), Err((16, 24)));
        assert_eq!(decode(2, 5, 6, 3), Err((6, 5)));
        assert_eq!(decode(2, 6, 5, 3), Err((6, 5)));
        assert_eq!(decode(2, 6, 6, 2), Err((3, 2)));
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
            let portable = decoded(Level::Portable, bits, &received, &prior);
            let bits_of = |lanes: &[Lanes]| {
                lanes.iter().flat_map(|lanes| lanes.0.map(f32::to_bits)).collect::<Vec<_>>()
            };
            prop_assert!(portable.extrinsic.iter().all(|ratio| ratio.0.iter().all(|ratio| ratio.is_finite())));
            for level in [Level::Avx2, Level::Avx512] {
                let other = decoded(level, bits, &received, &prior);
                prop_assert_eq!(bits_of(&portable.extrinsic), bits_of(&other.extrinsic));
                prop_assert_eq!(bits_of(portable.phasors.as_flattened()), bits_of(other.phasors.as_flattened()));
            }
        }
    }
}

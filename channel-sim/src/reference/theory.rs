//! Formulas of error rates in white Gaussian noise (channel digest 5.1 and 5.2).
//!
//! Ratios of energies are linear: γ is Es/N0 of a value on the air. The union bounds take the distances of the code
//! from its trellis; those of differential metrics take the distribution of a sum of products of neighbours, which are
//! taken as independent, as a random interleaver makes them.

use super::Scheme;
use crate::exact;
use num_complex::Complex64;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, FRAC_PI_8, PI, SQRT_2};
use std::sync::OnceLock;

/// Greatest weight of paths in a union bound.
pub const GREATEST_WEIGHT: usize = 24;
/// Most octets that a path of such a weight touches.
const MOST_OCTETS: usize = 12;

/// What the paths of one weight that leave the zero path and come back to it add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Paths {
    /// Paths.
    pub count: f64,
    /// Ones in their information bits.
    pub bits: f64,
    /// Paths by the number of octets with such a one, in the mean over the eight places of the path's first bit in its
    /// octet.
    pub by_octets: [f64; MOST_OCTETS + 1],
}

/// The spectrum of the code of [`dsp::convolutional`], by weight.
pub fn spectrum() -> &'static [Paths; GREATEST_WEIGHT + 1] {
    static SPECTRUM: OnceLock<[Paths; GREATEST_WEIGHT + 1]> = OnceLock::new();
    SPECTRUM.get_or_init(compute_spectrum)
}

/// Tail of the normal distribution.
pub fn q(x: f64) -> f64 {
    0.5 * libm::erfc(x / SQRT_2)
}

/// Bit error rate without code.
pub fn uncoded(scheme: Scheme, gamma: f64) -> f64 {
    match (scheme.differential, scheme.bits) {
        (false, 1) => q((2.0 * gamma).sqrt()),
        (false, 2) => q(gamma.sqrt()),
        // Levels -3, -1, 1 and 3 on two axes; the sign's bit and the size's in the mean.
        (false, 4) => {
            let tail = |distance: f64| q(distance * (gamma / 5.0).sqrt());
            0.75 * tail(1.0) + 0.5 * tail(3.0) - 0.25 * tail(5.0)
        }
        // Neighbours on the circle, of which one bit in three is wrong.
        (false, _) => 2.0 / 3.0 * q((2.0 * gamma).sqrt() * libm::sin(FRAC_PI_8)),
        (true, 1) => 0.5 * libm::exp(-gamma),
        (true, 2) => pawula(5.0 * FRAC_PI_4, gamma) - pawula(FRAC_PI_4, gamma),
        (true, _) => 2.0 / 3.0 * (pawula(13.0 * FRAC_PI_8, gamma) - pawula(FRAC_PI_8, gamma)),
    }
}

/// Pawula's symbol error rate of M differential phases.
pub fn differential_symbol_error(points: u32, gamma: f64) -> f64 {
    let angle = PI / f64::from(points);
    libm::sin(angle) / (2.0 * PI) * integral(angle, gamma)
}

/// Pawula's function F(ψ): how often the phase between two vectors exceeds ψ.
fn pawula(psi: f64, gamma: f64) -> f64 {
    -libm::sin(psi) / (4.0 * PI) * integral(psi, gamma)
}

/// ∫ exp(-γ f(t)) / f(t) dt from -π/2 to π/2, where f(t) is 1 - cos(angle) cos(t).
fn integral(angle: f64, gamma: f64) -> f64 {
    const STEPS: usize = 4_000;
    let step = PI / STEPS as f64;
    let cosine = libm::cos(angle);
    let value = |index: usize| {
        let of = 1.0 - cosine * libm::cos(-FRAC_PI_2 + step * index as f64);
        libm::exp(-gamma * of) / of
    };
    // Simpson's rule.
    let inner: f64 = (1..STEPS).map(|index| if index % 2 == 1 { 4.0 } else { 2.0 } * value(index)).sum();
    step / 3.0 * (value(0) + inner + value(STEPS))
}

/// Upper bound of the bit error rate behind the Viterbi decoder; `None` where there is no formula (three bits a value or more).
pub fn bit_error_bound(scheme: Scheme, gamma: f64) -> Option<f64> {
    bound(scheme, gamma, |paths| paths.bits)
}

/// Bound or formula of the frame error rate of `octets` octets. A wrong path may start at every bit, as often as it beats
/// the right one; with Reed-Solomon code the word is lost where such bursts leave more wrong octets than can be
/// corrected. Without convolutional code octets are wrong independently of each other.
pub fn frame_error(scheme: Scheme, gamma: f64, octets: usize) -> Option<f64> {
    let word = octets + scheme.parity_octets;
    let correctable = scheme.parity_octets / 2;
    let rate = match (scheme.coded, scheme.parity_octets) {
        (true, 0) => 8.0 * octets as f64 * bound(scheme, gamma, |paths| paths.count)?,
        (true, _) => {
            let pairs = pair_errors(scheme, gamma)?;
            let bursts: Vec<f64> = (0..=MOST_OCTETS)
                .map(|octets| 8.0 * word as f64 * total(&pairs, |paths| paths.by_octets[octets]))
                .collect();
            burst_word_error(correctable, &bursts)
        }
        (false, _) => word_error(word, correctable, 1.0 - (1.0 - uncoded(scheme, gamma)).powi(8)),
    };
    Some(rate.min(1.0))
}

/// How often independent bursts leave more than `correctable` wrong octets, where `bursts[n]` is the mean number of
/// bursts of n octets in a word: the tail of a compound Poisson distribution, by Panjer's recursion.
pub fn burst_word_error(correctable: usize, bursts: &[f64]) -> f64 {
    let mut shares = vec![libm::exp(-bursts.iter().skip(1).sum::<f64>())];
    for octets in 1..=correctable {
        let sizes = bursts.iter().enumerate().take(octets + 1).skip(1);
        let sum: f64 = sizes.map(|(size, mean)| size as f64 * mean * shares[octets - size]).sum();
        shares.push(sum / octets as f64);
    }
    (1.0 - shares.iter().sum::<f64>()).clamp(0.0, 1.0)
}

fn bound(scheme: Scheme, gamma: f64, of: impl Fn(&Paths) -> f64) -> Option<f64> {
    pair_errors(scheme, gamma).map(|pairs| total(&pairs, of))
}

/// How often a path of each weight beats the right one, where there is such a path.
fn pair_errors(scheme: Scheme, gamma: f64) -> Option<[f64; GREATEST_WEIGHT + 1]> {
    let of = |weight: usize| match spectrum()[weight].count > 0.0 {
        true => pair_error(scheme, weight, gamma),
        false => 0.0,
    };
    (scheme.bits <= 2).then(|| std::array::from_fn(of))
}

fn total(pairs: &[f64], of: impl Fn(&Paths) -> f64) -> f64 {
    spectrum().iter().zip(pairs).map(|(paths, pair)| of(paths) * pair).sum()
}

/// How often a path with `weight` ones beats the right one, by simple metrics.
pub fn pair_error(scheme: Scheme, weight: usize, gamma: f64) -> f64 {
    let looks = weight * scheme.copies;
    match (scheme.differential, scheme.bits) {
        (false, 1) => q((2.0 * looks as f64 * gamma).sqrt()),
        (false, _) => q((looks as f64 * gamma).sqrt()),
        (true, 1) => differential_pair_error(looks, gamma, 0.0),
        // A bit is decided by the projection on an axis 45 degrees beside the step that was sent.
        (true, _) => differential_pair_error(looks, gamma, FRAC_PI_4),
    }
}

/// Square-law combining of `looks` independent observations of total ratio `gamma_total` (digest 5.1).
pub fn square_law_pair_error(looks: usize, gamma_total: f64) -> f64 {
    let (mut sum, mut power) = (0.0, 1.0);
    for k in 0..looks {
        if k > 0 {
            power *= gamma_total / k as f64;
        }
        let mut tail = 0.0;
        let mut choose = 1.0;
        for n in 0..looks - k {
            if n > 0 {
                choose *= (2 * looks - n) as f64 / n as f64;
            }
            tail += choose;
        }
        sum += power * tail;
    }
    sum * libm::exp(-gamma_total) * 0.5_f64.powi(2 * looks as i32 - 1)
}

/// How often the sum of `looks` independent projections Re(e^{-jδ} y y'*) is negative, where the right step is δ from
/// the axis.
///
/// A projection is |u|² - |v|² of independent complex Gaussians with means of squares cos²(δ/2) and sin²(δ/2), each of
/// variance 1/(2γ): its moment generating function is known, and the probability is the integral of its power over s
/// through the saddle point.
fn differential_pair_error(looks: usize, gamma: f64, delta: f64) -> f64 {
    let variance = 0.5 / gamma;
    let (u, v) = (libm::cos(delta / 2.0).powi(2), libm::sin(delta / 2.0).powi(2));
    // In units of x = s variance, from -1 to 0.
    let cumulant = |x: Complex64| {
        let (one, two) = (1.0 - x, 1.0 + x);
        (x / variance) * (u / one - v / two) - exact::ln(one) - exact::ln(two)
    };
    let real = |x: f64| looks as f64 * cumulant(x.into()).re - libm::log(-x);
    let saddle = least(-1.0 + 1e-9, -1e-9, real);
    let bend = {
        let step = 1e-4 * saddle.abs().min(1.0 + saddle);
        (real(saddle + step) - 2.0 * real(saddle) + real(saddle - step)) / (step * step)
    };
    let step = 0.1 / bend.max(1e-12).sqrt();
    let at = |t: f64| {
        let x = Complex64::new(saddle, t);
        (exact::exp(cumulant(x) * looks as f64) / -x).re
    };
    let mut sum = 0.5 * at(0.0);
    for index in 1..200_000 {
        let term = at(step * f64::from(index));
        sum += term;
        if term.abs() <= 1e-14 * sum.abs() {
            break;
        }
    }
    sum * step / PI
}

/// Where a function with one minimum in an interval has it (golden section).
fn least(mut low: f64, mut high: f64, of: impl Fn(f64) -> f64) -> f64 {
    const RATIO: f64 = 0.618_033_988_749_895;
    for _ in 0..80 {
        let (a, b) = (high - RATIO * (high - low), low + RATIO * (high - low));
        if of(a) < of(b) { high = b } else { low = a }
    }
    0.5 * (low + high)
}

/// Bound of the bit error rate with hard decisions that are wrong with probability `p`.
pub fn hard_bit_error_bound(p: f64) -> f64 {
    let pair = |weight: usize| {
        let term = |wrong: usize| {
            let ways = libm::exp(ln_choose(weight, wrong));
            ways * p.powi(wrong as i32) * (1.0 - p).powi((weight - wrong) as i32)
        };
        let half = if weight.is_multiple_of(2) { 0.5 * term(weight / 2) } else { 0.0 };
        half + (weight / 2 + 1..=weight).map(term).sum::<f64>()
    };
    spectrum().iter().enumerate().skip(1).map(|(weight, paths)| paths.bits * pair(weight)).sum()
}

/// How often more than `correctable` of `length` independent octets are wrong (digest 5.2).
pub fn word_error(length: usize, correctable: usize, octet_error: f64) -> f64 {
    if octet_error <= 0.0 {
        return 0.0;
    }
    if octet_error >= 1.0 {
        return 1.0;
    }
    let log = |wrong: usize| {
        ln_choose(length, wrong)
            + wrong as f64 * libm::log(octet_error)
            + (length - wrong) as f64 * libm::log1p(-octet_error)
    };
    (correctable + 1..=length).map(|wrong| libm::exp(log(wrong))).sum::<f64>().min(1.0)
}

fn ln_choose(n: usize, k: usize) -> f64 {
    let ln_factorial = |n: usize| libm::lgamma(n as f64 + 1.0);
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Es/N0 in dB where a falling function of the ratio has `level`, between -30 and 50 dB.
pub fn ratio_db(level: f64, of: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (-30.0, 50.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if of(libm::pow(10.0, middle / 10.0)) > level { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Walks all paths at once: for each state, whether the octet of the last bit holds a one, weight and octets with ones,
/// how many paths lead there and how many ones their information bits hold.
fn compute_spectrum() -> [Paths; GREATEST_WEIGHT + 1] {
    type Sums = [[[f64; 2]; MOST_OCTETS + 1]; GREATEST_WEIGHT + 1];
    const NONE: Sums = [[[0.0; 2]; MOST_OCTETS + 1]; GREATEST_WEIGHT + 1];
    let mut total = NONE;
    for first_place in 0..8 {
        let mut states = vec![[NONE; 2]; 64];
        // The first one leaves the zero path with weight 2.
        states[1][1][2][1] = [1.0, 1.0];
        let mut place = first_place;
        // No path of these weights is longer than a few dozen bits; none is left then.
        while states.iter().flatten().flatten().flatten().any(|sums| sums[0] > 0.0) {
            place = (place + 1) % 8;
            let mut next = vec![[NONE; 2]; 64];
            for (from, marks) in states.iter().enumerate() {
                for (marked, sums) in marks.iter().enumerate() {
                    // A new octet holds no one yet.
                    let marked = if place == 0 { 0 } else { marked };
                    for bit in 0..2 {
                        let window = from << 1 | bit;
                        let weight =
                            ((window & 0o117).count_ones() % 2 + (window & 0o155).count_ones() % 2) as usize;
                        let (to, now, more) = (window & 0x3F, marked | bit, bit & (1 - marked));
                        let target = if to == 0 { &mut total } else { &mut next[to][now] };
                        for (sums, target) in sums.iter().zip(target.iter_mut().skip(weight)) {
                            for ([count, ones], target) in sums.iter().zip(target.iter_mut().skip(more)) {
                                target[0] += count;
                                target[1] += ones + bit as f64 * count;
                            }
                        }
                    }
                }
            }
            states = next;
        }
    }
    // The mean over the eight places.
    total.map(|by_octets| Paths {
        count: by_octets.iter().map(|sums| sums[0]).sum::<f64>() / 8.0,
        bits: by_octets.iter().map(|sums| sums[1]).sum::<f64>() / 8.0,
        by_octets: by_octets.map(|sums| sums[0] / 8.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheme(name: &str) -> Scheme {
        name.parse().unwrap()
    }

    /// Eb/N0 in dB of a level.
    fn eb_n0(name: &str, level: f64, of: impl Fn(f64) -> f64) -> f64 {
        scheme(name).eb_n0_db(ratio_db(level, of))
    }

    #[test]
    fn the_codes_spectrum_is_the_digests() {
        let found = spectrum();
        let counts = [11.0, 38.0, 193.0, 1331.0, 7275.0, 40406.0, 234969.0, 1337714.0];
        let bits = [36.0, 211.0, 1404.0, 11633.0, 77433.0, 502690.0, 3322763.0, 21292910.0];
        for (index, (count, bits)) in counts.into_iter().zip(bits).enumerate() {
            let paths = found[10 + 2 * index];
            assert_eq!((paths.count, paths.bits), (count, bits), "weight {}", 10 + 2 * index);
            let octets: f64 = (0..).zip(paths.by_octets).map(|(n, count)| f64::from(n) * count).sum();
            assert!(octets > paths.count && octets < paths.bits, "{paths:?}");
            assert_eq!(paths.by_octets.iter().sum::<f64>(), paths.count);
            // None is longer than there is room for.
            assert_eq!((paths.by_octets[0], paths.by_octets[MOST_OCTETS]), (0.0, 0.0));
        }
        assert!((0..10).chain((11..25).step_by(2)).all(|weight| found[weight] == Paths::default()));
    }

    /// Holds rates of schemes against the digest's Eb/N0 in dB of levels.
    fn hold(rows: &[(&str, f64, f64)], tolerance_db: f64, of: impl Fn(Scheme, f64) -> f64) {
        for &(name, level, digest) in rows {
            let found = eb_n0(name, level, |gamma| of(scheme(name), gamma));
            assert!((found - digest).abs() < tolerance_db, "{name} at {level}: {found}");
        }
    }

    #[test]
    fn uncoded_rates_are_the_digests() {
        let two_phases = [("bpsk-uncoded", 1e-3, 6.79), ("bpsk-uncoded", 1e-6, 10.53)];
        let differential = [("dbpsk-uncoded", 1e-3, 7.93), ("dbpsk-uncoded", 1e-5, 10.34)];
        let four =
            [("qpsk-uncoded", 1e-5, 9.59), ("dqpsk-uncoded", 1e-3, 9.20), ("dqpsk-uncoded", 1e-5, 11.96)];
        hold(&[&two_phases[..], &differential, &four].concat(), 0.006, uncoded);
        // The digest's approximation for eight phases, and how good it is.
        let eight = [("d8psk-uncoded", 1e-3, 12.87), ("d8psk-uncoded", 1e-5, 15.82)];
        hold(&eight, 0.006, |_, gamma| differential_symbol_error(8, gamma) / 3.0);
        hold(&eight, 0.02, uncoded);
    }

    #[test]
    fn union_bounds_are_the_digests() {
        let bpsk = [("bpsk", 1e-3, 2.90), ("bpsk", 1e-4, 3.53), ("bpsk", 1e-5, 4.17), ("bpsk", 1e-6, 4.79)];
        let dbpsk =
            [("dbpsk", 1e-3, 5.74), ("dbpsk", 1e-4, 6.20), ("dbpsk", 1e-5, 6.68), ("dbpsk", 1e-6, 7.15)];
        let bound = |scheme, gamma| bit_error_bound(scheme, gamma).unwrap();
        hold(&[&bpsk[..], &dbpsk, &[("qpsk", 1e-5, 4.17)]].concat(), 0.011, bound);
        let hard = [("bpsk", 1e-3, 5.16), ("bpsk", 1e-5, 6.53), ("dbpsk", 1e-3, 7.26), ("dbpsk", 1e-5, 8.30)];
        hold(&hard, 0.011, |scheme, gamma| hard_bit_error_bound(uncoded(scheme, gamma)));
    }

    #[test]
    fn the_saddle_points_integral_is_the_closed_form() {
        for looks in [1, 2, 10, 40, 96] {
            for gamma in [0.3, 1.0, 2.5] {
                let (found, closed) = (
                    differential_pair_error(looks, gamma, 0.0),
                    square_law_pair_error(looks, looks as f64 * gamma),
                );
                assert!((found / closed - 1.0).abs() < 1e-6, "{looks} {gamma}: {found} {closed}");
            }
        }
        // One look 45 degrees beside the axis is a bit of DQPSK.
        for gamma in [1.0, 5.0] {
            let found = differential_pair_error(1, gamma, FRAC_PI_4);
            let closed = uncoded(scheme("dqpsk-uncoded"), gamma);
            assert!((found / closed - 1.0).abs() < 1e-4, "{gamma}: {found} {closed}");
        }
    }

    #[test]
    fn word_errors_are_the_digests() {
        for (length, correctable, rows) in [
            (255, 8, [(2.14e-2, 1e-1), (1.39e-2, 1e-2), (9.72e-3, 1e-3), (5.23e-3, 1e-5)]),
            (255, 4, [(9.57e-3, 1e-1), (5.04e-3, 1e-2), (2.92e-3, 1e-3), (1.08e-3, 1e-5)]),
            (149, 8, [(3.68e-2, 1e-1), (2.39e-2, 1e-2), (1.68e-2, 1e-3), (9.03e-3, 1e-5)]),
            (141, 4, [(1.74e-2, 1e-1), (9.16e-3, 1e-2), (5.31e-3, 1e-3), (1.96e-3, 1e-5)]),
        ] {
            for (octet, word) in rows {
                // The digest's three digits of p are the resolution.
                let (low, high) = (
                    word_error(length, correctable, octet * 0.9965),
                    word_error(length, correctable, octet * 1.0035),
                );
                assert!((low..high).contains(&word), "({length}, {correctable}) {octet}: {low} {high}");
            }
        }
        assert_eq!((word_error(10, 2, 0.0), word_error(10, 2, 1.0)), (0.0, 1.0));
    }

    #[test]
    fn bursts_of_one_octet_are_independent_octets() {
        for octet in [1e-3, 5e-3, 2e-2] {
            // The Poisson distribution is the binomial's limit of long words.
            let (found, word) =
                (burst_word_error(8, &[0.0, 10_000.0 * octet / 10.0]), word_error(1_000, 8, octet));
            assert!((found / word - 1.0).abs() < 0.1, "{octet}: {found} {word}");
        }
        // Two bursts of five octets or one of nine are too many.
        let bursts = [0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.01];
        let expected = 1.0 - (-0.11_f64).exp() * (1.0 + 0.1);
        assert!((burst_word_error(8, &bursts) - expected).abs() < 1e-12);
    }
}

//! What a link's signal and noise are worth to the receiver, symbol by symbol.
//!
//! The receiver forms max-log metrics of y_k y*_(k-1) and weights them with W_k = 2.2/((N_k + N_(k-1))/N + 0.2), 8 at most, N
//! being the mean noise over carriers and time. The product of two carriers of unequal ratios is judged as that of two
//! equal ones with the same variance, γ: 1/γ + 1/(2γ²) = (1/γ_k + 1/γ_(k-1) + 1/(γ_k γ_(k-1)))/2.
//!
//! * Coded schemes: the mean over the pairs of carriers of the generalised mutual information of these metrics, at the scale
//!   that is best for the symbol: a Viterbi decoder within one symbol cares for ratios alone, and one symbol's bits are
//!   next to no other's.
//! * Robust schemes and the header of Type B add up four copies on the same carriers, those of a symbol that an impulse hit
//!   with less weight: the information of a normal metric with the sum's mean and variance.
//! * Schemes without a code: the mean of e^(-κγ), by which bit errors fall, κ = 2 sin²(π/2M) for M phases.
//! * Preambles: mean signal over mean noise in the time of the chirps.
//!
//! Each is told as the ratio of a flat white link that is worth the same.

use super::tape::{STATES, Tape};
use super::{CARRIERS, Carriers};
use crate::frames::information::{Information, Scales, of_sum, sum_db};
use crate::frames::modem::Detection;
use crate::frames::quick::decibels;
use prime_phy::Scheme;
use std::cell::RefCell;
use std::collections::HashMap;

/// How many times the header's mean power a symbol must have to count as hit, beyond chance, and the chance in standard
/// deviations (`prime_phy::receiver`).
const HIT: f32 = 1.12;
const CHANCE_DEVIATIONS: f32 = 5.0;
/// Copies of a bit.
pub const COPIES: usize = 4;
/// Scales of sums tried on either side of the mean's, 2 dB apart.
const SCALES: i32 = 4;

/// The states of the symbols that carry the copies of a bit.
pub type Group = [u8; COPIES];

/// A link's worth to one scheme, in each state of its receiver's noise.
#[derive(Debug)]
pub struct Worth {
    scheme: Scheme,
    shape_db: f32,
    signal: f32,
    /// Mean noise of a carrier in each state.
    noise: [f32; STATES],
    /// Effective ratio of a symbol of the payload, in dB.
    payload_db: [f32; STATES],
    /// Effective ratio of a symbol of a header of Type A, in dB.
    header_db: [f32; STATES],
    /// Mean of a copy on each pair of carriers.
    copy_mean: Vec<f32>,
    /// Its variance in each state.
    copy_variance: Vec<[f32; STATES]>,
    /// What groups of copies came to.
    known: RefCell<HashMap<(Group, Group), f32>>,
}

impl Worth {
    /// The worth of a signal of power `signal` on each carrier, as |S_k|² of the receiver's transform. `shape_db` is what
    /// the scheme suffers from unequal carriers ([`Table::shape_db`](super::table::Table::shape_db)).
    pub fn new(signal: &Carriers<f32>, tape: &Tape, scheme: Scheme, shape_db: f32) -> Self {
        let mean = tape.mean();
        let all = mean.iter().sum::<f32>() / CARRIERS as f32;
        let weight: Vec<f32> = (1..CARRIERS)
            .map(|upper| {
                let pair = (mean[upper] + mean[upper - 1]) / all.max(f32::MIN_POSITIVE);
                (2.2 / (pair + 0.2)).min(8.0)
            })
            .collect();
        let amplitude: Vec<f32> =
            (1..CARRIERS).map(|upper| (signal[upper] * signal[upper - 1]).sqrt()).collect();
        let mut worth = Self {
            scheme,
            shape_db,
            signal: signal.iter().sum::<f32>() / CARRIERS as f32,
            noise: [0.0; STATES],
            payload_db: [-40.0; STATES],
            header_db: [-40.0; STATES],
            copy_mean: amplitude.iter().zip(&weight).map(|(signal, weight)| signal * weight).collect(),
            copy_variance: vec![[0.0; STATES]; CARRIERS - 1],
            known: RefCell::default(),
        };
        for (state, noise) in tape.states().iter().enumerate() {
            worth.noise[state] = noise.iter().sum::<f32>() / CARRIERS as f32;
            if worth.noise[state] <= 0.0 {
                continue;
            }
            let mut ratios_db = [0.0; CARRIERS - 1];
            let mut scales_db = [0.0; CARRIERS - 1];
            for pair in 0..CARRIERS - 1 {
                let [s, n] = [signal, noise].map(|of| [of[pair], of[pair + 1]].map(|x| x.max(1e-30)));
                let variance = 0.5 * (s[0] * n[1] + s[1] * n[0] + n[0] * n[1]);
                worth.copy_variance[pair][state] = weight[pair] * weight[pair] * variance;
                // h = variance over the signal's square; 1/γ + 1/(2γ²) = h.
                let h = variance / (s[0] * s[1]);
                let ratio = (1.0 + (1.0 + 2.0 * h).sqrt()) / (2.0 * h);
                ratios_db[pair] = decibels(ratio);
                scales_db[pair] = decibels(weight[pair] * amplitude[pair] / ratio);
            }
            worth.header_db[state] = coded_db(1, 0.0, &ratios_db, &scales_db);
            worth.payload_db[state] = match scheme.is_coded() {
                true => coded_db(scheme.bits_per_carrier(), shape_db, &ratios_db, &scales_db),
                false => uncoded_db(scheme.bits_per_carrier(), shape_db, &ratios_db),
            };
        }
        worth
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Effective ratio of a payload symbol of a scheme without copies, in dB.
    pub fn symbol_db(&self, state: usize) -> f32 {
        self.payload_db[state]
    }

    /// Effective ratio of a symbol of a header of Type A, in dB.
    pub fn header_db(&self, state: usize) -> f32 {
        self.header_db[state]
    }

    /// Mean signal over mean noise in windows of these states, in dB.
    pub fn preamble_db(&self, states: &[usize]) -> f32 {
        let noise = states.iter().map(|&state| self.noise[state]).sum::<f32>() / states.len().max(1) as f32;
        decibels(self.signal / noise.max(f32::MIN_POSITIVE))
    }

    /// Effective ratio of the header of Type B, whose copies count alike, in dB.
    pub fn robust_header_db(&self, header: Group) -> f32 {
        self.sum_db(header, [1.0; COPIES], 1, 0.0)
    }

    /// Effective ratio of the symbols that carry the copies of some bits, after a header in these states, in dB.
    pub fn group_db(&self, header: Group, symbols: Group) -> f32 {
        if let Some(&known) = self.known.borrow().get(&(header, symbols)) {
            return known;
        }
        let header_noise =
            header.map(|state| self.noise[usize::from(state)]).iter().sum::<f32>() / COPIES as f32;
        let trust = symbols.map(|state| self.trust(self.noise[usize::from(state)], header_noise));
        let db = self.sum_db(symbols, trust, self.scheme.bits_per_carrier(), self.shape_db);
        self.known.borrow_mut().insert((header, symbols), db);
        db
    }

    /// The receiver's weight for a symbol: that of `PayloadDecoder::trust`.
    fn trust(&self, now: f32, header: f32) -> f32 {
        let signal = self.signal;
        let deviation = (header * (header + 2.0 * signal) / CARRIERS as f32).sqrt();
        if signal + now <= HIT * (signal + header) + CHANCE_DEVIATIONS * deviation {
            return 1.0;
        }
        header * (2.0 * signal + header) / (now * (2.0 * signal + now)).max(f32::MIN_POSITIVE)
    }

    fn sum_db(&self, symbols: Group, trust: [f32; COPIES], bits: usize, shape_db: f32) -> f32 {
        let weights: f32 = trust.iter().sum();
        // With two bits a carrier the metrics are the sum and the difference of real and imaginary part.
        let parts = bits as f32;
        let sums: Vec<(f32, f32)> = self
            .copy_mean
            .iter()
            .zip(&self.copy_variance)
            .map(|(mean, variance)| {
                let noise: f32 =
                    symbols.iter().zip(trust).map(|(&state, t)| t * t * variance[usize::from(state)]).sum();
                (weights * mean, (parts * noise).max(1e-30))
            })
            .collect();
        let (means, variances) =
            sums.iter().fold((0.0, 0.0), |total, sum| (total.0 + sum.0, total.1 + sum.1));
        let middle_db = decibels(2.0 * means / variances);
        let carried = |scale_db: f32| -> f32 {
            let one = |&(mean, variance): &(f32, f32)| {
                let excess_db = scale_db + decibels(0.5 * variance / mean.max(1e-30));
                of_sum(decibels(mean * mean / variance) - shape_db, excess_db)
            };
            sums.iter().map(one).sum::<f32>() / sums.len() as f32
        };
        let scales = (-SCALES..=SCALES).map(|step| middle_db + 2.0 * step as f32);
        let information = scales.map(carried).fold(0.0, f32::max);
        // A flat link's sum has d = 4γ²/(γ + 1/2), of two bits half of that.
        let d = libm::powf(10.0, (sum_db(information) + shape_db) / 10.0) * parts / COPIES as f32;
        decibels((0.5 * (d + (d * d + 2.0 * d).sqrt())).max(1e-4))
    }
}

fn coded_db(bits: usize, shape_db: f32, ratios_db: &[f32], scales_db: &[f32]) -> f32 {
    let table = Information::of(Detection { bits: bits as u8, reference_symbols: 1, copies: 1 });
    let carried = |scale_db: f32| -> f32 {
        let pairs = ratios_db.iter().zip(scales_db);
        pairs.map(|(ratio, own)| table.at(ratio - shape_db, scale_db + own)).sum::<f32>()
    };
    // Scales are relative to the mean pair's.
    let middle_db = -scales_db.iter().sum::<f32>() / scales_db.len().max(1) as f32;
    let best = |candidates: &mut dyn Iterator<Item = f32>| {
        let each = candidates.map(|db| (db, carried(db)));
        each.fold((0.0, -1.0), |best, next| if next.1 > best.1 { next } else { best })
    };
    let (coarse, _) = best(&mut Scales::all().step_by(4).map(|db| db + middle_db));
    let (_, sum) = best(&mut (-3..=3).map(|step| coarse + Scales::STEP_DB * step as f32));
    table.snr_db(sum / ratios_db.len().max(1) as f32) + shape_db
}

fn uncoded_db(bits: usize, shape_db: f32, ratios_db: &[f32]) -> f32 {
    let sine = libm::sin(std::f64::consts::PI / f64::from(2u32 << bits));
    let steepness = 2.0 * sine * sine * libm::pow(10.0, -f64::from(shape_db) / 10.0);
    // Relative to the worst pair, so that nothing underflows.
    let ratio = |db: &f32| libm::pow(10.0, f64::from(*db) / 10.0);
    let least = ratios_db.iter().map(ratio).fold(f64::INFINITY, f64::min);
    let mean = ratios_db.iter().map(|db| libm::exp(-steepness * (ratio(db) - least))).sum::<f64>()
        / ratios_db.len().max(1) as f64;
    decibels((least - libm::log(mean) / steepness).max(1e-4) as f32)
}

#[cfg(test)]
mod tests {
    use super::super::tape::plan;
    use super::*;
    use crate::noise::Preset;

    fn white() -> Tape {
        Tape::listen(&plan(&[Preset::white(-90.0)]).unwrap(), 1)
    }

    fn usual(tape: &Tape) -> u8 {
        tape.state(0, 0.0) as u8
    }

    #[test]
    fn on_a_flat_white_link_effective_ratios_are_the_ratio() {
        let tape = white();
        for scheme in Scheme::ALL {
            for db in [-2.0f32, 3.0, 9.0] {
                let signal =
                    tape.states()[usize::from(usual(&tape))].map(|noise| noise * 10f32.powf(db / 10.0));
                let worth = Worth::new(&signal, &tape, scheme, 0.0);
                let group = [usual(&tape); COPIES];
                let payload = match scheme.is_robust() {
                    true => worth.group_db(group, group),
                    false => worth.symbol_db(usize::from(usual(&tape))),
                };
                // Sums of copies carry next to a bit above: nothing is left to invert.
                let most = if scheme.is_robust() { 3.0 } else { 9.0 };
                let expected = db.min(most);
                assert!((payload.min(most) - expected).abs() < 0.2, "{scheme:?} {db}: {payload}");
                assert!((worth.preamble_db(&[usize::from(usual(&tape))]) - db).abs() < 0.1);
                assert!((worth.header_db(usize::from(usual(&tape))) - db).abs() < 0.2 || db > 8.0);
            }
        }
    }

    #[test]
    fn a_notch_costs_schemes_without_a_code_more() {
        let tape = white();
        let state = usize::from(usual(&tape));
        let mut signal = tape.states()[state].map(|noise| 10.0 * noise);
        signal[40..50].iter_mut().for_each(|power| *power *= 0.01);
        let of = |scheme| Worth::new(&signal, &tape, scheme, 0.0).symbol_db(state);
        // Nine pairs at -10 dB, and at the notch's edges two of carriers with 10 and -10 dB, whose γ is 0.40: of 96 pairs the mean
        // of e^-γ is 0.0988, that of a flat link at 3.65 dB.
        assert!((of(Scheme::Dbpsk) - 3.65).abs() < 0.3, "{}", of(Scheme::Dbpsk));
        assert!(of(Scheme::DbpskC) > of(Scheme::Dbpsk) + 0.5, "{}", of(Scheme::DbpskC));
    }
}

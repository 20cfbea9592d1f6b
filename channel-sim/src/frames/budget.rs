//! What a link's signal and noise are worth to the receiver, state by state.
//!
//! The receiver divides each product of two symbols by what it believes the carrier's noise to be: half way from the
//! frame's mean over all carriers to the carrier's own. Products in a symbol that its null tones show to be noisier
//! count less (t_j; against the channel's estimate they count inversely as their noise). So a product on carrier c in state j enters the decoder with the scale
//! ŝ = s t_j N_cj / W_c, where W_c is that belief and t_j the trust. The same figures with one scale s for the whole
//! frame give
//!
//! * for a stage whose coded bits are sent once the mean information of a bit ([`Information`]),
//! * for one that adds up copies of each bit (Robust, the FCH and the preamble) the mean and the variance of a copy.

use super::information::{Information, Scales, of_sum, sum_db};
use super::modem::Detection;
use super::quick::decibels;
use super::tape::{NoiseTape, STATES};
use super::windows::{Windows, combine};
use std::sync::{Arc, OnceLock};

/// What the receiver holds for the least noise of a symbol against the header's (`g3_phy::receiver`).
const QUIETEST: f32 = 0.05;

/// A way in which effective ratios are formed.
#[derive(Clone, Debug)]
pub struct Kind {
    detection: Detection,
    /// How much it suffers from unequal carriers: the ratio at which the curve of information is entered is divided by this before
    /// averaging (β of mutual-information effective SNR mapping). Found by the calibration.
    shape_db: f32,
    /// Of a bit that is sent once, made when it is first asked for.
    information: OnceLock<Arc<Information>>,
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.detection == other.detection && self.shape_db == other.shape_db
    }
}

impl Kind {
    /// That of a detection with a shape.
    pub fn new(detection: Detection, shape_db: f32) -> Self {
        Self { detection, shape_db, information: OnceLock::new() }
    }

    /// How it makes bits.
    pub fn detection(&self) -> Detection {
        self.detection
    }

    /// Figures of a link for each state: mean and variance of a copy, or the information of a bit.
    pub(super) fn functions(&self) -> usize {
        if self.detection.copies > 1 { 2 } else { 1 }
    }

    /// What multiplies the signal in a copy's variance, and what is added: the noise of both symbols.
    fn variance(&self) -> (f32, f32) {
        let noise = self.detection.reference_noise() as f32;
        (0.5 * (1.0 + noise), 0.5 * noise)
    }

    /// Variance of the product of two symbols of such a signal and noise.
    pub(super) fn product_variance(&self, signal: f32, noise: f32) -> f32 {
        let (times, plus) = self.variance();
        times * signal + plus * noise
    }

    /// Signal to noise, in dB, of a flat white link whose copies have this mean and variance.
    pub fn snr_db_of_copies(&self, mean: f32, variance: f32) -> f32 {
        if mean <= 0.0 || variance <= 0.0 {
            return -40.0;
        }
        let (times, plus) = self.variance();
        // γ² / (a γ + b) = d
        let d = times * (mean * mean / variance);
        decibels((0.5 * (d + (d * d + 4.0 * plus / times * d).sqrt())).max(1e-4))
    }

    /// Information of the sum of all copies of which each has a squared mean of `d` variances.
    pub(super) fn sum_information(&self, d: f32) -> f32 {
        of_sum(decibels((f32::from(self.detection.copies) * d).max(1e-6)), 0.0)
    }

    /// Information at an effective ratio: of a bit, or of the sum of its copies.
    pub(super) fn carried(&self, db: f32) -> f32 {
        match self.products() {
            None => {
                let snr = libm::powf(10.0, db / 10.0);
                self.sum_information(snr * snr / self.product_variance(snr, 1.0))
            }
            Some((table, shape_db)) => table.flat_fast(db - shape_db),
        }
    }

    /// Effective ratio of an information.
    pub(super) fn to_db(&self, information: f32) -> f32 {
        match self.products() {
            None => {
                let d = libm::powf(10.0, sum_db(information) / 10.0).max(1e-6);
                self.snr_db_of_copies(1.0, f32::from(self.detection.copies) / d)
            }
            Some((table, shape_db)) => table.snr_db(information) + shape_db,
        }
    }

    /// The table of a bit's information, and the shape it is entered with; `None` where copies are added up.
    pub(super) fn products(&self) -> Option<(&Information, f32)> {
        let make = || Information::of(self.detection);
        (self.detection.copies <= 1).then(|| (&**self.information.get_or_init(make), self.shape_db))
    }
}

/// The ways of a receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Kinds {
    /// Each way; the first is the preamble's.
    pub all: Vec<Kind>,
    /// Place of the header's.
    pub header: usize,
    /// Magnitude of a carrier, against the mean of all, above which the header's products count no more, if they are not weighted by
    /// their noise.
    pub header_limit: Option<f32>,
}

/// A link's worth in each state of its receiver's noise.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Of each kind.
    figures: Vec<Figures>,
    /// Mean over the carriers of signal to noise, for the LQI.
    pub snr: f32,
    /// How far signal to noise rises from the lowest to the highest carrier, in dB: the straight line of least squares.
    pub tilt_db: f32,
    /// Added to the header's effective ratio, where its carriers are not weighted by their noise, in dB.
    pub header_loss_db: f32,
    kinds: Arc<Kinds>,
}

/// Figures of one kind: mean and variance of a copy, or the information of a bit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figures {
    /// In each state.
    pub(super) states: Vec<[f32; STATES]>,
    /// On each carrier, over all states.
    carriers: Vec<Vec<f32>>,
}

impl Budget {
    /// The budget of a signal of power `signal` on each carrier, as |S_k|² of the transform that the tape's noise is seen through.
    pub fn new(signal: &[f32], tape: &NoiseTape, kinds: &Arc<Kinds>) -> Self {
        let mean = tape.mean();
        let count = mean.len() as f32;
        let all: f32 = mean.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        let believed: Vec<f32> =
            mean.iter().map(|mean| 0.5 * (mean + all / count).max(f32::MIN_POSITIVE)).collect();
        let overall = signal.iter().sum::<f32>() / all;
        let snr = signal.iter().zip(mean).map(|(s, n)| s / n.max(f32::MIN_POSITIVE)).sum::<f32>() / count;
        let whole = tape.whole();
        let snr_db: Vec<f32> =
            signal.iter().zip(mean).map(|(s, n)| decibels(s / n.max(f32::MIN_POSITIVE))).collect();
        let weight_db: Vec<f32> = mean.iter().zip(&believed).map(|(n, b)| decibels(n / b)).collect();
        let scales_db: Vec<f32> = kinds
            .all
            .iter()
            .map(|kind| kind.products().map_or(0.0, |table| best_scale(table, &snr_db, &weight_db)))
            .collect();
        let empty = |kind: &Kind| Figures {
            states: vec![[0.0; STATES]; kind.functions()],
            carriers: vec![vec![0.0; mean.len()]; kind.functions()],
        };
        let mut figures: Vec<Figures> = kinds.all.iter().map(empty).collect();
        for (state, noise) in tape.states().iter().enumerate().filter(|(state, _)| whole[*state] > 0.0) {
            let relative =
                (noise.iter().zip(mean).map(|(now, mean)| now / mean.max(f32::MIN_POSITIVE)).sum::<f32>()
                    / count)
                    .max(QUIETEST);
            let trust = (2.0 * overall + 1.0) / (relative * (2.0 * overall + relative));
            let coherent_trust = 1.0 / (relative * trust);
            let coherent_trust_db = decibels(coherent_trust);
            for carrier in 0..mean.len() {
                let noise = noise[carrier].max(f32::MIN_POSITIVE);
                let snr = signal[carrier] / noise;
                let scale = trust * noise / believed[carrier];
                let (snr_db, own_db) = (decibels(snr), decibels(scale));
                for ((kind, scale_db), sums) in kinds.all.iter().zip(&scales_db).zip(&mut figures) {
                    let coherent = kind.detection.is_coherent();
                    let of = match kind.products() {
                        None => {
                            let scale = if coherent { scale * coherent_trust } else { scale };
                            [scale * snr, scale * scale * kind.product_variance(snr, 1.0)]
                        }
                        Some((table, shape_db)) => {
                            let own_db = own_db + if coherent { coherent_trust_db } else { 0.0 };
                            [table.at(snr_db - shape_db, scale_db + own_db), 0.0]
                        }
                    };
                    let sums = sums.states.iter_mut().zip(&mut sums.carriers).zip(of);
                    for ((states, carriers), figure) in sums {
                        states[state] += figure / count;
                        carriers[carrier] += whole[state] * figure;
                    }
                }
            }
        }
        let mut budget =
            Self { figures, snr, tilt_db: tilt_db(signal, mean), header_loss_db: 0.0, kinds: kinds.clone() };
        // In the state that rules most of the time: the FCH levels its symbols, so that bursts do not outvote others.
        let usual = (0..STATES).fold(0, |best, state| if whole[state] > whole[best] { state } else { best });
        if let (Some(noise), Some(limit)) = (tape.states().get(usual), kinds.header_limit) {
            let mut alone = [0.0; STATES];
            alone[usual] = 1.0;
            let kind = &kinds.all[kinds.header];
            budget.header_loss_db =
                header_db(kind, limit, signal, noise) - budget.effective_db(kinds.header, &alone);
        }
        budget
    }

    /// Figures of a kind.
    pub(super) fn figures(&self, kind: usize) -> &Figures {
        &self.figures[kind]
    }

    /// Effective signal to noise, in dB, over the states of `share` for a kind.
    pub fn effective_db(&self, kind: usize, share: &[f32; STATES]) -> f32 {
        let total = share.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        let mean = |of: &[f32; STATES]| {
            of.iter().zip(share).map(|(value, share)| value * share).sum::<f32>() / total
        };
        let of = &self.kinds.all[kind];
        match &self.figures[kind].states[..] {
            [copies, variance] => of.snr_db_of_copies(mean(copies), mean(variance)),
            [information, ..] => of.to_db(mean(information)),
            [] => -40.0,
        }
    }

    /// What the interleaver's windows take from the effective ratio, in dB, where a flat link needs `need_db`. It is
    /// negative; a flat link loses nothing.
    pub fn window_loss_db(&self, kind: usize, copies: usize, windows: &Windows, need_db: f64) -> f64 {
        let of = &self.kinds.all[kind];
        let over_all = |of: &[f32]| of.iter().sum::<f32>() / of.len().max(1) as f32;
        let (combined, whole) = match (of.products(), &self.figures[kind].carriers[..]) {
            (Some((table, shape_db)), [figures, ..]) => {
                let each = windows.means(figures).map(|mean| f64::from(table.snr_db(mean) + shape_db));
                (combine(each, need_db), table.snr_db(over_all(figures)) + shape_db)
            }
            (_, [mean, variance, ..]) => {
                let each = copies_db(of, copies, windows, mean, variance);
                let each = each.into_iter().map(f64::from);
                (combine(each, need_db), of.snr_db_of_copies(over_all(mean), over_all(variance)))
            }
            _ => return 0.0,
        };
        // Far above the need windows say nothing: no octet is wrong in any of them.
        (combined - f64::from(whole)).clamp(-12.0, 0.0)
    }
}

/// Effective ratio of the sums of so many copies in each window, in dB.
fn copies_db(kind: &Kind, copies: usize, windows: &Windows, mean: &[f32], variance: &[f32]) -> Vec<f32> {
    // d of each coded bit, and v/2m, which a scale brings to its excess over a likelihood ratio.
    let bits: Vec<(f32, f32)> = windows
        .copies()
        .iter()
        .map(|carriers| {
            let (mut m, mut v) = (1e-9, f32::MIN_POSITIVE);
            for &carrier in carriers {
                m += mean[usize::from(carrier)];
                v += variance[usize::from(carrier)];
            }
            (decibels(m * m / v) - kind.shape_db, decibels(0.5 * v / m))
        })
        .collect();
    let carried = |scale_db: f32, stride: usize| -> f32 {
        bits.iter().step_by(stride).map(|(d, ratio)| of_sum(*d, ratio + scale_db)).sum()
    };
    let middle = -bits.iter().map(|bit| bit.1).sum::<f32>() / bits.len().max(1) as f32;
    let (scale_db, _) = (-3..=3)
        .map(|step| middle + 2.0 * step as f32)
        .map(|db| (db, carried(db, 16)))
        .fold((middle, -1.0), |best, next| if next.1 > best.1 { next } else { best });
    let copies = copies as f32;
    windows
        .of_bits(|bit| bits.get(bit).map_or(0.0, |(d, ratio)| of_sum(*d, ratio + scale_db)))
        .into_iter()
        .map(|information| {
            // d of all copies together is that many times a copy's.
            let d = libm::powf(10.0, (sum_db(information) + kind.shape_db) / 10.0);
            kind.snr_db_of_copies(1.0, copies / d.max(1e-6))
        })
        .collect()
}

/// Effective ratio, in dB, of products that are summed as they are: each carrier's magnitude limited to so many times the mean of
/// all (`g3_phy::receiver::header_decoder`).
fn header_db(kind: &Kind, above_mean: f32, signal: &[f32], noise: &[f32]) -> f32 {
    let count = signal.len() as f32;
    let magnitude: Vec<f32> = signal.iter().zip(noise).map(|(s, n)| (s + n).sqrt()).collect();
    let limit = above_mean * magnitude.iter().sum::<f32>() / count;
    let (mut mean, mut variance) = (0.0, 0.0);
    for ((signal, noise), magnitude) in signal.iter().zip(noise).zip(magnitude) {
        // Levels of volts squared are small: in units of the limit.
        let unit = (limit * limit).max(f32::MIN_POSITIVE);
        let (signal, noise) = (signal / unit, noise / unit);
        let factor = (unit / (magnitude * magnitude).max(f32::MIN_POSITIVE)).min(1.0);
        mean += factor * signal / count;
        variance += factor * factor * noise * kind.product_variance(signal, noise) / count;
    }
    kind.snr_db_of_copies(mean, variance)
}

/// How far signal to noise rises from the lowest to the highest carrier, in dB: the straight line of least squares.
pub(super) fn tilt_db(signal: &[f32], noise: &[f32]) -> f32 {
    let middle = 0.5 * signal.len().saturating_sub(1) as f32;
    let (mut product, mut square) = (0.0, 0.0);
    for (carrier, (signal, noise)) in signal.iter().zip(noise).enumerate() {
        let x = carrier as f32 - middle;
        product += x * decibels(signal / noise.max(f32::MIN_POSITIVE));
        square += x * x;
    }
    2.0 * middle * product / square
}

/// The scale, in dB, at which the carriers together carry most. All of them together hardly mind a scale that is a little off, but
/// single ones do, and with them the interleaver's windows: so it is where the parabola through the best steps has its top.
fn best_scale((table, shape_db): (&Information, f32), snr_db: &[f32], weight_db: &[f32]) -> f32 {
    let carried = |scale_db: f32| -> f32 {
        snr_db.iter().zip(weight_db).map(|(snr, weight)| table.at(*snr - shape_db, scale_db + weight)).sum()
    };
    // One maximum: a coarse search, then the neighbours.
    let best = |candidates: &mut dyn Iterator<Item = f32>| {
        candidates
            .map(|db| (db, carried(db)))
            .fold((0.0, -1.0), |best, next| if next.1 > best.1 { next } else { best })
            .0
    };
    let coarse = best(&mut Scales::all().step_by(4));
    let near = best(&mut (-3..=3).map(|step| coarse + Scales::STEP_DB * step as f32));
    let [a, b, c, d, e] = [-2.0, -1.0, 0.0, 1.0, 2.0].map(|step| carried(near + Scales::STEP_DB * step));
    near + Scales::STEP_DB * top([a, b, c, d, e])
}

/// Where the parabola of least squares through five values a step apart has its top, in steps from the middle one; within one.
fn top([a, b, c, d, e]: [f32; 5]) -> f32 {
    let slope = (2.0 * (e - a) + d - b) / 10.0;
    let curve = (2.0 * (a + e) - b - d - 2.0 * c) / 14.0;
    if curve < 0.0 { (-0.5 * slope / curve).clamp(-1.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::modem::Modem;
    use super::*;
    use crate::noise::{Port, Preset};

    fn white() -> (Modem, NoiseTape) {
        let modem = Modem::cenelec_a();
        let noise = modem.noise(&[Preset::white(-90.0)]).unwrap();
        let tape = NoiseTape::listen(&noise, Port::L1, 1, modem.grid());
        (modem, tape)
    }

    /// One kind for each stage.
    fn kinds(modem: &Modem) -> Arc<Kinds> {
        let kind = |reception: &super::super::modem::Reception| Kind::new(reception.detection, 0.0);
        let all = modem.stages().iter().map(kind).collect();
        Arc::new(Kinds { all, header: 1, header_limit: Some(1.5) })
    }

    #[test]
    fn on_a_flat_white_link_the_effective_ratio_is_the_ratio() {
        let (modem, tape) = white();
        let (whole, kinds) = (tape.whole(), kinds(&modem));
        for (kind, reception) in modem.stages().iter().enumerate().filter(|(_, r)| r.stage.is_payload()) {
            let db = reception.start_db as f32;
            let signal: Vec<f32> = tape.mean().iter().map(|noise| noise * 10f32.powf(db / 10.0)).collect();
            let found = Budget::new(&signal, &tape, &kinds).effective_db(kind, &whole);
            assert!((found - db).abs() < 0.1, "{:?}: {found} dB for {db}", reception.stage);
        }
    }

    #[test]
    fn a_parabolas_top_is_found_between_the_steps() {
        for wanted in [-0.7f32, 0.0, 0.31] {
            let found = top([-2.0, -1.0, 0.0, 1.0, 2.0].map(|x: f32| 3.0 - 0.5 * (x - wanted).powi(2)));
            assert!((found - wanted).abs() < 1e-5, "{found} {wanted}");
        }
        assert_eq!(top([1.0; 5]), 0.0);
    }

    /// In noise that falls by 20 dB over the carriers each carrier's part follows the level without steps.
    #[test]
    fn no_carriers_part_jumps_as_the_level_rises() {
        let modem = Modem::cenelec_a();
        let noise = modem.noise(&[Preset::hooijen()]).unwrap();
        let tape = NoiseTape::listen(&noise, Port::L1, 1, modem.grid());
        let detection = Detection { bits: 1, reference_symbols: 1, copies: 1 };
        let kinds = Kinds { all: vec![Kind::new(detection, -0.5)], header: 0, header_limit: None };
        let kinds = Arc::new(kinds);
        let mean = tape.mean().iter().sum::<f32>() / 36.0;
        let lowest = |step: usize| {
            let signal = vec![mean * 10f32.powf(0.005 * step as f32 - 0.3); 36];
            Budget::new(&signal, &tape, &kinds).figures(0).carriers[0][0]
        };
        let figures: Vec<f32> = (0..120).map(lowest).collect();
        let jumps = figures.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        let most = jumps.fold(0.0, f32::max);
        assert!(most < 0.01, "{most}");
    }

    #[test]
    fn a_copys_ratio_is_the_inverse_of_its_variance() {
        for reference_symbols in [1, 8, 32] {
            let kind = Kind::new(Detection { bits: 1, reference_symbols, copies: 4 }, 0.0);
            for db in [-8.0f32, 0.0, 7.0] {
                let snr = 10f32.powf(db / 10.0);
                let found = kind.snr_db_of_copies(snr, kind.product_variance(snr, 1.0));
                assert!((found - db).abs() < 0.01, "{reference_symbols}: {found} for {db}");
                assert!((kind.to_db(kind.carried(db)) - db).abs() < 0.1 || db > 5.0);
            }
        }
    }

    #[test]
    fn the_tilt_is_the_rise_from_the_first_carrier_to_the_last() {
        for count in [16, 36, 97] {
            let line: Vec<f32> = (0..count)
                .map(|carrier| 10f32.powf(0.3 - 0.7 * carrier as f32 / (count - 1) as f32))
                .collect();
            assert!((tilt_db(&line, &vec![1.0; count]) + 7.0).abs() < 0.01);
            assert!((tilt_db(&vec![5.0; count], &line) - 7.0).abs() < 0.01);
        }
    }

    #[test]
    fn a_dead_half_of_the_carriers_costs_more_than_half_the_power() {
        let (modem, tape) = white();
        let (whole, kinds) = (tape.whole(), kinds(&modem));
        let of = |dead: usize, db: f32| {
            let alive = tape.mean().iter().map(|noise| noise * 10f32.powf(db / 10.0));
            let signal: Vec<f32> =
                alive.enumerate().map(|(c, power)| if c < dead { 0.0 } else { power }).collect();
            let budget = Budget::new(&signal, &tape, &kinds);
            [2, 3, 5].map(|kind| budget.effective_db(kind, &whole))
        };
        for (half, full) in of(18, 6.0).into_iter().zip(of(0, 6.0)) {
            assert!(half < full - 3.0, "{half} {full}");
        }
    }
}

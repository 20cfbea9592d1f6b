//! What a link's signal and noise are worth to the receiver, state by state.
//!
//! The receiver divides each product of two symbols by what it believes the carrier's noise to be: half way from the
//! frame's mean over all carriers to the carrier's own. Products in a symbol that its null tones show to be noisier
//! count less (t_j; against the channel's estimate they count inversely as their noise). So a product on carrier c in state j enters the decoder with the scale
//! ŝ = s t_j N_cj / W_c, where W_c is that belief and t_j the trust. The same figures with one scale s for the whole
//! frame give
//!
//! * for all modes but Robust the mean information of a coded bit ([`Information`]),
//! * for Robust, the FCH and the preamble, which add up copies of each bit, the mean and the variance of a copy.

use super::information::{Information, Scales, of_sum, sum_db};
use super::quick::decibels;
use super::tape::{CARRIERS, NoiseTape, STATES};
use super::windows::{Windows, combine};
use g3_phy::Modulation;

/// Modulations with a table of information of their own.
pub const PLAIN: [Modulation; 6] = [
    Modulation::Dbpsk,
    Modulation::Dqpsk,
    Modulation::D8psk,
    Modulation::Bpsk,
    Modulation::Qpsk,
    Modulation::Psk8,
];
/// Figures of a carrier: mean and variance of a copy, and the information of each of [`PLAIN`].
const FIGURES: usize = 2 + PLAIN.len();
/// What the receiver holds for the least noise of a symbol against the header's (`g3_phy::receiver`).
const QUIETEST: f32 = 0.05;

/// How much a mode suffers from unequal carriers: the ratio at which the curve of information is entered is divided
/// by this before averaging (β of mutual-information effective SNR mapping). Found by the calibration.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shapes {
    /// For the sums of copies.
    pub copies_db: f32,
    /// For each of [`PLAIN`].
    pub plain_db: [f32; PLAIN.len()],
}

/// A link's worth in each state of its receiver's noise.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Mean of a copy.
    pub copy_mean: [f32; STATES],
    /// Variance of a copy.
    pub copy_variance: [f32; STATES],
    /// Information of a coded bit, for each of [`PLAIN`].
    pub information: [[f32; STATES]; PLAIN.len()],
    /// Mean over the carriers of signal to noise, for the LQI.
    pub snr: f32,
    /// How far signal to noise rises from the lowest to the highest carrier, in dB: the straight line of least squares.
    pub tilt_db: f32,
    /// Added to a copy's effective ratio for the FCH, whose carriers are not weighted by their noise, in dB.
    pub header_loss_db: f32,
    /// [`Shapes`] it was made with.
    shapes: Shapes,
    /// The same of each carrier, over all states.
    carriers: [[f32; CARRIERS]; FIGURES],
}

/// Signal to noise, in dB, of a flat white link whose copies have this mean and variance.
pub fn snr_db_of_copies(mean: f32, variance: f32) -> f32 {
    if mean <= 0.0 || variance <= 0.0 {
        return -40.0;
    }
    // γ² / (γ + 1/2) = d
    let d = mean * mean / variance;
    decibels((0.5 * (d + (d * d + 2.0 * d).sqrt())).max(1e-4))
}

impl Budget {
    /// The budget of a signal of power `signal` on each carrier, as |S_k|² of the 256-point transform that the
    /// tape's noise is seen through.
    /// Tables of information are filled in for the modulations of `wanted` only.
    pub fn new(signal: &[f32; CARRIERS], tape: &NoiseTape, shapes: &Shapes, wanted: &[Modulation]) -> Self {
        let wanted = PLAIN.map(|plain| wanted.contains(&plain));
        let mean = tape.mean();
        let all: f32 = mean.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        let believed: [f32; CARRIERS] = std::array::from_fn(|carrier| {
            0.5 * (mean[carrier] + all / CARRIERS as f32).max(f32::MIN_POSITIVE)
        });
        let overall = signal.iter().sum::<f32>() / all;
        let snr =
            signal.iter().zip(mean).map(|(s, n)| s / n.max(f32::MIN_POSITIVE)).sum::<f32>() / CARRIERS as f32;
        let whole = tape.whole();
        let snr_db: [f32; CARRIERS] =
            std::array::from_fn(|c| decibels(signal[c] / mean[c].max(f32::MIN_POSITIVE)));
        let weight_db: [f32; CARRIERS] = std::array::from_fn(|c| decibels(mean[c] / believed[c]));
        let scales: [f32; PLAIN.len()] = std::array::from_fn(|index| {
            if !wanted[index] {
                return 0.0;
            }
            best_scale(
                Information::of(PLAIN[index]),
                &snr_db.map(|db| db - shapes.plain_db[index]),
                &weight_db,
            )
        });

        let mut budget = Self {
            copy_mean: [0.0; STATES],
            copy_variance: [0.0; STATES],
            information: [[0.0; STATES]; PLAIN.len()],
            snr,
            tilt_db: tilt_db(signal, mean),
            header_loss_db: 0.0,
            shapes: *shapes,
            carriers: [[0.0; CARRIERS]; FIGURES],
        };
        for (state, noise) in tape.states().iter().enumerate().filter(|(state, _)| whole[*state] > 0.0) {
            let relative =
                (noise.iter().zip(mean).map(|(now, mean)| now / mean.max(f32::MIN_POSITIVE)).sum::<f32>()
                    / CARRIERS as f32)
                    .max(QUIETEST);
            let trust = (2.0 * overall + 1.0) / (relative * (2.0 * overall + relative));
            let coherent_trust_db = decibels(1.0 / (relative * trust));
            for carrier in 0..CARRIERS {
                let noise = noise[carrier].max(f32::MIN_POSITIVE);
                let snr = signal[carrier] / noise;
                let scale = trust * noise / believed[carrier];
                let (snr_db, own_db) = (decibels(snr), decibels(scale));
                let copies = [scale * snr, scale * scale * (snr + 0.5)];
                let information = PLAIN.iter().enumerate().map(|(index, modulation)| {
                    let own_db = own_db + if modulation.is_coherent() { coherent_trust_db } else { 0.0 };
                    match wanted[index] {
                        false => 0.0,
                        true => Information::of(*modulation)
                            .at(snr_db - shapes.plain_db[index], scales[index] + own_db),
                    }
                });
                let sums = [&mut budget.copy_mean, &mut budget.copy_variance].into_iter();
                let sums = sums.chain(&mut budget.information).zip(&mut budget.carriers);
                for ((sum, of_carriers), figure) in sums.zip(copies.into_iter().chain(information)) {
                    sum[state] += figure / CARRIERS as f32;
                    of_carriers[carrier] += whole[state] * figure;
                }
            }
        }
        // In the state that rules most of the time: the FCH levels its symbols, so that bursts do not outvote others.
        let usual = (0..STATES).fold(0, |best, state| if whole[state] > whole[best] { state } else { best });
        if let Some(noise) = tape.states().get(usual) {
            let copies = snr_db_of_copies(budget.copy_mean[usual], budget.copy_variance[usual]);
            budget.header_loss_db = header_db(signal, noise) - copies;
        }
        budget
    }

    /// Effective signal to noise, in dB, over the states of `share` for a modulation.
    pub fn effective_db(&self, modulation: Modulation, share: &[f32; STATES]) -> f32 {
        let total = share.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        let mean = |of: &[f32; STATES]| {
            of.iter().zip(share).map(|(value, share)| value * share).sum::<f32>() / total
        };
        match PLAIN.iter().position(|plain| *plain == modulation) {
            None => snr_db_of_copies(mean(&self.copy_mean), mean(&self.copy_variance)),
            Some(index) => {
                Information::of(modulation).snr_db(mean(&self.information[index]))
                    + self.shapes.plain_db[index]
            }
        }
    }

    /// What the interleaver's windows take from the effective ratio, in dB, where a flat link needs `need_db`. It is
    /// negative; a flat link loses nothing.
    pub fn window_loss_db(&self, modulation: Modulation, windows: &Windows, need_db: f64) -> f64 {
        let [mean, variance, plain @ ..] = &self.carriers;
        let over_all = |of: &[f32; CARRIERS]| of.iter().sum::<f32>() / CARRIERS as f32;
        let (combined, whole) = match PLAIN.iter().position(|plain| *plain == modulation) {
            None => {
                let each = self.copies_db(modulation, windows, mean, variance);
                let each = each.into_iter().map(f64::from);
                (combine(each, need_db), snr_db_of_copies(over_all(mean), over_all(variance)))
            }
            Some(index) => {
                let (table, figures) = (Information::of(modulation), &plain[index]);
                let shape_db = self.shapes.plain_db[index];
                let each = windows.means(figures).map(|mean| f64::from(table.snr_db(mean) + shape_db));
                (combine(each, need_db), table.snr_db(over_all(figures)) + shape_db)
            }
        };
        // Far above the need windows say nothing: no octet is wrong in any of them.
        (combined - f64::from(whole)).clamp(-12.0, 0.0)
    }

    /// Effective ratio of the sums of copies in each window, in dB.
    fn copies_db(
        &self,
        modulation: Modulation,
        windows: &Windows,
        mean: &[f32; CARRIERS],
        variance: &[f32; CARRIERS],
    ) -> Vec<f32> {
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
                (decibels(m * m / v) - self.shapes.copies_db, decibels(0.5 * v / m))
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
        let copies = modulation.repetition() as f32;
        windows
            .of_bits(|bit| bits.get(bit).map_or(0.0, |(d, ratio)| of_sum(*d, ratio + scale_db)))
            .into_iter()
            .map(|information| {
                // d of all copies together is that many times a copy's.
                let d = libm::powf(10.0, (sum_db(information) + self.shapes.copies_db) / 10.0);
                snr_db_of_copies(1.0, copies / d.max(1e-6))
            })
            .collect()
    }
}

/// Effective ratio, in dB, of products that are summed as they are: each carrier's magnitude limited to one and a half
/// times the mean of all (`g3_phy::receiver::header_decoder`).
fn header_db(signal: &[f32; CARRIERS], noise: &[f32; CARRIERS]) -> f32 {
    const ABOVE_MEAN: f32 = 1.5;
    let magnitude: [f32; CARRIERS] = std::array::from_fn(|c| (signal[c] + noise[c]).sqrt());
    let limit = ABOVE_MEAN * magnitude.iter().sum::<f32>() / CARRIERS as f32;
    let (mut mean, mut variance) = (0.0, 0.0);
    for ((signal, noise), magnitude) in signal.iter().zip(noise).zip(magnitude) {
        // Levels of volts squared are small: in units of the limit.
        let unit = (limit * limit).max(f32::MIN_POSITIVE);
        let (signal, noise) = (signal / unit, noise / unit);
        let factor = (unit / (magnitude * magnitude).max(f32::MIN_POSITIVE)).min(1.0);
        mean += factor * signal / CARRIERS as f32;
        variance += factor * factor * noise * (signal + 0.5 * noise) / CARRIERS as f32;
    }
    snr_db_of_copies(mean, variance)
}

/// How far signal to noise rises from the lowest to the highest carrier, in dB: the straight line of least squares.
pub(super) fn tilt_db(signal: &[f32; CARRIERS], noise: &[f32; CARRIERS]) -> f32 {
    let middle = 0.5 * (CARRIERS - 1) as f32;
    let (mut product, mut square) = (0.0, 0.0);
    for (carrier, (signal, noise)) in signal.iter().zip(noise).enumerate() {
        let x = carrier as f32 - middle;
        product += x * decibels(signal / noise.max(f32::MIN_POSITIVE));
        square += x * x;
    }
    2.0 * middle * product / square
}

/// The scale, in dB, at which the carriers together carry most.
fn best_scale(table: &Information, snr_db: &[f32; CARRIERS], weight_db: &[f32; CARRIERS]) -> f32 {
    let carried = |scale_db: f32| -> f32 {
        snr_db.iter().zip(weight_db).map(|(snr, weight)| table.at(*snr, scale_db + weight)).sum()
    };
    // One maximum: a coarse search, then the neighbours.
    let best = |candidates: &mut dyn Iterator<Item = f32>| {
        candidates
            .map(|db| (db, carried(db)))
            .fold((0.0, -1.0), |best, next| if next.1 > best.1 { next } else { best })
            .0
    };
    let coarse = best(&mut Scales::all().step_by(4));
    best(&mut (-3..=3).map(|step| coarse + 1.5 * step as f32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::{Port, Preset};

    fn white() -> NoiseTape {
        NoiseTape::listen(&super::super::port::plan(&[Preset::white(-90.0)]).unwrap(), Port::L1, 1)
    }

    #[test]
    fn on_a_flat_white_link_the_effective_ratio_is_the_ratio() {
        let tape = white();
        let whole = tape.whole();
        for (modulation, db) in [
            (Modulation::Robust, -2.0),
            (Modulation::Dbpsk, 1.8),
            (Modulation::Dqpsk, 4.7),
            (Modulation::D8psk, 8.0),
            (Modulation::Bpsk, -1.0),
            (Modulation::Qpsk, 2.0),
            (Modulation::Psk8, 5.5),
        ] {
            let signal = tape.mean().map(|noise| noise * 10f32.powf(db / 10.0));
            let found =
                Budget::new(&signal, &tape, &Shapes::default(), &PLAIN).effective_db(modulation, &whole);
            assert!((found - db).abs() < 0.1, "{modulation:?}: {found} dB for {db}");
        }
    }

    #[test]
    fn the_tilt_is_the_rise_from_the_first_carrier_to_the_last() {
        let line: [f32; CARRIERS] = std::array::from_fn(|carrier| 10f32.powf(0.3 - 0.02 * carrier as f32));
        assert!((tilt_db(&line, &[1.0; CARRIERS]) + 7.0).abs() < 0.01);
        assert!((tilt_db(&[5.0; CARRIERS], &line) - 7.0).abs() < 0.01);
    }

    #[test]
    fn a_dead_half_of_the_carriers_costs_more_than_half_the_power() {
        let tape = white();
        let whole = tape.whole();
        let of = |dead: usize, db: f32| {
            let signal: [f32; CARRIERS] =
                std::array::from_fn(|c| if c < dead { 0.0 } else { tape.mean()[c] * 10f32.powf(db / 10.0) });
            let budget = Budget::new(&signal, &tape, &Shapes::default(), &PLAIN);
            [Modulation::Robust, Modulation::Dbpsk, Modulation::D8psk].map(|m| budget.effective_db(m, &whole))
        };
        for (half, full) in of(18, 6.0).into_iter().zip(of(0, 6.0)) {
            assert!(half < full - 3.0, "{half} {full}");
        }
    }
}

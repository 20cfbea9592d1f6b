//! What one product of two symbols tells of the bits it carries: the receiver's own soft metrics, in white noise.
//!
//! The receiver multiplies each carrier with a reference and takes max-log metrics of the product (`g3_phy::receiver`): in
//! differential modulations with another symbol, in coherent ones with the channel's estimate. With y = √γ e^jφ + n and n
//! of unit power, a reference √γ + m with m of power k², and a metric L scaled by s, the generalised mutual information of a
//! bit is 1 - E log2(1 + exp(-s L)). k² is 1 for another symbol and less for an estimate ([`Detection::reference_noise`]). The
//! scale is one for a whole frame, since only the ratios of the metrics matter to the decoder; it is what makes a receiver's
//! weights mismatched.
//!
//! Tables over γ and s are computed once from a fixed low-discrepancy set of noise samples.

use super::modem::Detection;
use crate::exact;
use num_complex::Complex64;
use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::sync::{Arc, Mutex, OnceLock};

/// Signal to noise of the table's first row, in dB.
const SNR_FIRST_DB: f32 = -16.0;
/// Step of rows.
const SNR_STEP_DB: f32 = 1.0;
const SNR_ROWS: usize = 48;
/// Scale of the table's first column, in dB (10 log10 of the scale).
const SCALE_FIRST_DB: f32 = -27.0;
/// Step of columns.
const SCALE_STEP_DB: f32 = 1.5;
const SCALE_COLUMNS: usize = 28;
/// The table of [`of_sum`].
const SUM_FIRST_DB: f32 = -30.0;
const SUM_STEP_DB: f32 = 1.0;
const SUM_ROWS: usize = 48;
const EXCESS_FIRST_DB: f32 = -18.0;
const EXCESS_COLUMNS: usize = 37;
/// Steps of the inverse's table.
const INVERSE_STEPS: usize = 512;
/// Noise samples; each stands for four by its mirror images.
const SAMPLES: usize = 512;

/// Information of a bit over signal to noise and scale.
#[derive(Clone, Debug)]
pub struct Information {
    values: Vec<f32>,
    /// Signal to noise in dB of a flat channel, over its information.
    inverse: Vec<f32>,
    /// Information of a flat channel, row by row.
    best: Vec<f32>,
}

impl Information {
    /// The table of a way of making bits; copies are none of its business. Each is computed once.
    pub fn of(detection: Detection) -> Arc<Self> {
        static MADE: Mutex<BTreeMap<(u8, u8), Arc<Information>>> = Mutex::new(BTreeMap::new());
        let make =
            || Arc::new(Self::compute(usize::from(detection.bits.clamp(1, 4)), detection.reference_noise()));
        match MADE.lock() {
            Ok(mut made) => {
                made.entry((detection.bits, detection.reference_symbols)).or_insert_with(make).clone()
            }
            Err(_) => make(),
        }
    }

    /// Information of a bit in bits at a signal to noise ratio and a scale, both as power ratios in dB. Below the
    /// table there is none worth counting; above it nothing changes any more.
    pub fn at(&self, snr_db: f32, scale_db: f32) -> f32 {
        let row = ((snr_db - SNR_FIRST_DB) / SNR_STEP_DB).clamp(0.0, (SNR_ROWS - 1) as f32 - 1e-3);
        let column =
            ((scale_db - SCALE_FIRST_DB) / SCALE_STEP_DB).clamp(0.0, (SCALE_COLUMNS - 1) as f32 - 1e-3);
        let (r, c) = (row as usize, column as usize);
        let (u, v) = (row - r as f32, column - c as f32);
        let cell = |r: usize, c: usize| self.values[r * SCALE_COLUMNS + c];
        (1.0 - u) * ((1.0 - v) * cell(r, c) + v * cell(r, c + 1))
            + u * ((1.0 - v) * cell(r + 1, c) + v * cell(r + 1, c + 1))
    }

    /// Information at the best scale: what a channel of one signal to noise ratio carries.
    pub fn flat(&self, snr_db: f32) -> f32 {
        Scales::all().map(|scale_db| self.at(snr_db, scale_db)).fold(0.0, f32::max)
    }

    /// The signal to noise ratio, in dB, of a flat channel that carries `information`.
    pub fn snr_db(&self, information: f32) -> f32 {
        let at = (information * INVERSE_STEPS as f32).clamp(0.0, INVERSE_STEPS as f32 - 1e-3);
        let (step, rest) = (at as usize, at - at.floor());
        self.inverse[step] + rest * (self.inverse[step + 1] - self.inverse[step])
    }

    /// [`Information::flat`] by table.
    pub fn flat_fast(&self, snr_db: f32) -> f32 {
        let row = ((snr_db - SNR_FIRST_DB) / SNR_STEP_DB).clamp(0.0, (SNR_ROWS - 1) as f32 - 1e-3);
        let (r, rest) = (row as usize, row - row.floor());
        self.best[r] + rest * (self.best[r + 1] - self.best[r])
    }

    fn search(&self, information: f32) -> f32 {
        let (mut low, mut high) = (SNR_FIRST_DB, SNR_FIRST_DB + SNR_STEP_DB * (SNR_ROWS - 1) as f32);
        for _ in 0..24 {
            let middle = 0.5 * (low + high);
            if self.flat(middle) < information { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }

    fn compute(bits: usize, reference_noise: f64) -> Self {
        let noise = noise_pairs();
        let reference_noise = reference_noise.sqrt();
        let points = 1usize << bits;
        let mut values = Vec::with_capacity(SNR_ROWS * SCALE_COLUMNS);
        let mut metrics = Vec::with_capacity(noise.len() * bits);
        for row in 0..SNR_ROWS {
            let amplitude = libm::pow(10.0, f64::from(SNR_FIRST_DB + SNR_STEP_DB * row as f32) / 20.0);
            metrics.clear();
            for (index, &(before, now)) in noise.iter().enumerate() {
                // Every point meets every mirror image.
                let point = (index + index / 4) % points;
                let reference = amplitude + reference_noise * before;
                if bits == QAM_BITS {
                    let received = amplitude * qam_point(point) + now;
                    metrics.extend(right_qam_metrics(
                        point,
                        received * reference.conj(),
                        reference.norm_sqr(),
                    ));
                    continue;
                }
                let turn = exact::polar(1.0, TAU * point as f64 / points as f64);
                let product = (amplitude * turn + now) * reference.conj();
                metrics.extend(right_metrics(bits, point, product));
            }
            for column in 0..SCALE_COLUMNS {
                let scale = libm::pow(10.0, f64::from(SCALE_FIRST_DB + SCALE_STEP_DB * column as f32) / 10.0);
                let lost: f64 = metrics.iter().map(|metric| softplus(-scale * metric)).sum();
                values.push((1.0 - lost / metrics.len() as f64 / std::f64::consts::LN_2) as f32);
            }
        }
        let mut table = Self { values, inverse: Vec::new(), best: Vec::new() };
        table.inverse =
            (0..=INVERSE_STEPS).map(|step| table.search(step as f32 / INVERSE_STEPS as f32)).collect();
        let row = |row: usize| table.flat(SNR_FIRST_DB + SNR_STEP_DB * row as f32);
        table.best = (0..SNR_ROWS).map(row).collect();
        table
    }
}

/// Information of a bit whose metric is normal, with a squared mean of `d_db` variances, and which the decoder takes
/// for `excess_db` more than the log-likelihood ratio it is: 1 - E log2(1 + e^-Λ) with Λ of mean 2 d r and variance
/// 4 d r².
pub fn of_sum(d_db: f32, excess_db: f32) -> f32 {
    let table = sums();
    let row = ((d_db - SUM_FIRST_DB) / SUM_STEP_DB).clamp(0.0, (SUM_ROWS - 1) as f32 - 1e-3);
    let column = ((excess_db - EXCESS_FIRST_DB) / SUM_STEP_DB).clamp(0.0, (EXCESS_COLUMNS - 1) as f32 - 1e-3);
    let (r, c) = (row as usize, column as usize);
    let (u, v) = (row - r as f32, column - c as f32);
    let cell = |r: usize, c: usize| table[r * EXCESS_COLUMNS + c];
    (1.0 - u) * ((1.0 - v) * cell(r, c) + v * cell(r, c + 1))
        + u * ((1.0 - v) * cell(r + 1, c) + v * cell(r + 1, c + 1))
}

/// The d, in dB, whose information is `information` where the decoder takes metrics for what they are.
pub fn sum_db(information: f32) -> f32 {
    static INVERSE: OnceLock<Vec<f32>> = OnceLock::new();
    let inverse = INVERSE.get_or_init(|| {
        (0..=INVERSE_STEPS)
            .map(|step| {
                let (mut low, mut high) = (SUM_FIRST_DB, SUM_FIRST_DB + SUM_STEP_DB * (SUM_ROWS - 1) as f32);
                for _ in 0..24 {
                    let middle = 0.5 * (low + high);
                    let wanted = step as f32 / INVERSE_STEPS as f32;
                    if of_sum(middle, 0.0) < wanted { low = middle } else { high = middle }
                }
                0.5 * (low + high)
            })
            .collect()
    });
    let at = (information * INVERSE_STEPS as f32).clamp(0.0, INVERSE_STEPS as f32 - 1e-3);
    let (step, rest) = (at as usize, at - at.floor());
    inverse[step] + rest * (inverse[step + 1] - inverse[step])
}

fn sums() -> &'static [f32] {
    static TABLE: OnceLock<Vec<f32>> = OnceLock::new();
    TABLE.get_or_init(|| {
        // The normal distribution by its quantiles' middles.
        let normal: Vec<f64> =
            (0..400).map(|i| super::crossing::inverse_tail((f64::from(i) + 0.5) / 400.0)).collect();
        let cell = |(row, column): (usize, usize)| {
            let d = libm::pow(10.0, f64::from(SUM_FIRST_DB + SUM_STEP_DB * row as f32) / 10.0);
            let r = libm::pow(10.0, f64::from(EXCESS_FIRST_DB + SUM_STEP_DB * column as f32) / 10.0);
            let lost: f64 = normal.iter().map(|x| softplus(-(2.0 * d * r + 2.0 * d.sqrt() * r * x))).sum();
            (1.0 - lost / normal.len() as f64 / std::f64::consts::LN_2) as f32
        };
        (0..SUM_ROWS).flat_map(|row| (0..EXCESS_COLUMNS).map(move |column| (row, column))).map(cell).collect()
    })
}

/// Scales to choose from.
pub struct Scales;

impl Scales {
    /// From one to the next, in dB.
    pub const STEP_DB: f32 = SCALE_STEP_DB;

    /// All of them, in dB.
    pub fn all() -> impl Iterator<Item = f32> {
        (0..SCALE_COLUMNS).map(|column| SCALE_FIRST_DB + SCALE_STEP_DB * column as f32)
    }
}

/// The bits' metrics in favour of what was sent, as the receiver forms them (`g3_phy::receiver::payload_decoder`).
fn right_metrics(bits: usize, point: usize, product: Complex64) -> Vec<f64> {
    let points = 1usize << bits;
    if bits == 1 {
        // The receiver takes the product itself, half the difference of the maxima.
        return vec![if point == 0 { product.re } else { -product.re }];
    }
    let projection =
        |candidate: usize| (product * exact::polar(1.0, -TAU * candidate as f64 / points as f64)).re;
    let label = |candidate: usize| candidate ^ (candidate >> 1);
    (0..bits)
        .map(|bit| {
            let best = |wanted: usize| {
                (0..points)
                    .filter(|&candidate| label(candidate) >> bit & 1 == wanted)
                    .map(projection)
                    .fold(f64::NEG_INFINITY, f64::max)
            };
            let sent = label(point) >> bit & 1;
            best(sent) - best(1 - sent)
        })
        .collect()
}

/// Bits of 16-QAM.
const QAM_BITS: usize = 4;
/// Amplitudes of an axis of 16-QAM of unit power, by the axis's two bits: the first is the sign, the second whether it is an
/// inner one.
const QAM_AXIS: [f64; 4] =
    [0.948_683_298_050_513_8, 0.316_227_766_016_837_94, -0.948_683_298_050_513_8, -0.316_227_766_016_837_94];

fn qam_point(point: usize) -> Complex64 {
    Complex64::new(QAM_AXIS[point & 3], QAM_AXIS[point >> 2 & 3])
}

/// The same in 16-QAM, whose metrics also need the reference's power.
fn right_qam_metrics(point: usize, product: Complex64, reference_power: f64) -> [f64; QAM_BITS] {
    let of = |axis: f64, sent: usize, bit: usize| {
        let best = |wanted: bool| {
            (0..4)
                .filter(|candidate| (candidate >> bit & 1 == sent >> bit & 1) == wanted)
                .map(|candidate| {
                    2.0 * axis * QAM_AXIS[candidate] - reference_power * QAM_AXIS[candidate].powi(2)
                })
                .fold(f64::NEG_INFINITY, f64::max)
        };
        best(true) - best(false)
    };
    let (i, q) = (point & 3, point >> 2 & 3);
    [of(product.re, i, 1), of(product.re, i, 0), of(product.im, q, 1), of(product.im, q, 0)]
}

/// ln(1 + e^x) without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

/// Pairs of complex noise samples of unit power: a Kronecker sequence through Box and Muller's transform.
fn noise_pairs() -> Vec<(Complex64, Complex64)> {
    // Powers of the inverse of the positive root of x^5 = x + 1.
    const STEPS: [f64; 4] =
        [0.856_674_883_854_502_9, 0.733_891_856_627_126, 0.628_706_721_037_808_6, 0.538_597_257_223_612_4];
    let point =
        |index: usize, axis: usize| (0.5 + STEPS[axis] * (index + 1) as f64).fract().clamp(1e-9, 1.0 - 1e-9);
    let normal = |index: usize, axis: usize| {
        let radius = (-libm::log(point(index, axis))).sqrt();
        exact::polar(radius, TAU * point(index, axis + 1))
    };
    (0..SAMPLES)
        .flat_map(|index| {
            let (a, b) = (normal(index, 0), normal(index, 2));
            [(a, b), (-a, b), (a, -b), (a.conj(), -b.conj())]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(bits: u8, reference_symbols: u8) -> Arc<Information> {
        Information::of(Detection { bits, reference_symbols, copies: 1 })
    }

    #[test]
    fn information_rises_with_the_signal_and_ends_at_one_bit() {
        for (bits, reference_symbols) in [(1, 1), (2, 1), (3, 1), (1, 32), (2, 32), (3, 32), (4, 32)] {
            let table = table(bits, reference_symbols);
            let curve: Vec<f32> = (-15..30).map(|db| table.flat(db as f32)).collect();
            assert!(curve.windows(2).all(|pair| pair[1] >= pair[0] - 2e-3), "{bits} {curve:?}");
            assert!(curve[0] < 0.03 && curve[44] > 0.99, "{bits} {curve:?}");
        }
    }

    #[test]
    fn more_points_need_more_signal() {
        let [two, four, eight] = [1, 2, 3].map(|bits| table(bits, 1).snr_db(0.5));
        // Channel digest 5.3: 10 % of frames of coded DBPSK, DQPSK and D8PSK at 1.84, 4.79 and 8.06 dB.
        assert!((four - two - 2.95).abs() < 0.4 && (eight - four - 3.27).abs() < 0.5, "{two} {four} {eight}");
    }

    #[test]
    fn a_channel_known_from_thirty_two_symbols_is_worth_two_to_three_decibels() {
        for bits in 1..=3 {
            let gain = table(bits, 1).snr_db(0.5) - table(bits, 32).snr_db(0.5);
            assert!((1.5..4.0).contains(&gain), "{bits}: {gain}");
        }
        // Half a bit of coherent BPSK is at -2.8 dB (the capacity of the binary-input channel), less 0.13 dB of the estimate's.
        let bpsk = table(1, 32).snr_db(0.5);
        assert!((-2.9..-2.4).contains(&bpsk), "{bpsk}");
        // Two bits a symbol take 4.77 dB by Shannon's formula, and 16-QAM with Gray's labels some tenths more.
        let qam = table(4, 32).snr_db(0.5);
        assert!((4.8..5.8).contains(&qam), "{qam}");
    }

    #[test]
    fn the_inverse_is_the_inverse() {
        let table = table(2, 1);
        // At 12 dB a thousandth of a bit is a decibel: nothing is left to invert, and nothing depends on it.
        for db in [-4.0, 0.0, 3.3, 7.7] {
            assert!((table.snr_db(table.flat(db)) - db).abs() < 0.05);
        }
    }
}

//! From transfer functions to filters: impulse responses at the line's sample rate, and their spectra for
//! convolution in blocks.

use super::Line;
use num_complex::{Complex32, Complex64};
use rayon::prelude::*;
use rustfft::FftPlanner;

/// What the filters of a band have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FilterPlan {
    /// Sample rate of the line.
    pub rate_hz: f64,
    /// Taps of every filter.
    pub taps: usize,
    /// Delay that every filter has in addition to the line's, in samples: the taper's response has two sides.
    pub delay: usize,
    /// Below the first and above the last nothing passes, between the middle two everything; raised-cosine edges
    /// join them. They stand for the modems' couplers.
    pub band_hz: [f64; 4],
    /// Samples of a block; taps are at most one more.
    pub block: usize,
}

impl FilterPlan {
    /// CENELEC-A at 400 kHz.
    pub const CENELEC_A: Self = Self {
        rate_hz: 400_000.0,
        taps: 193,
        delay: 48,
        band_hz: [10_000.0, 31_000.0, 105_000.0, 150_000.0],
        block: 256,
    };

    /// Points of the transform that convolves a block.
    pub fn transform(&self) -> usize {
        2 * self.block
    }

    /// How much of the amplitude passes at a frequency.
    pub fn taper(&self, frequency_hz: f64) -> f64 {
        let edge = |from: f64, to: f64| {
            let position = ((frequency_hz - from) / (to - from)).clamp(0.0, 1.0);
            0.5 - 0.5 * (std::f64::consts::PI * position).cos()
        };
        let [a, b, c, d] = self.band_hz;
        edge(a, b) * (1.0 - edge(c, d))
    }
}

/// One filter for each ordered pair of modems.
#[derive(Clone, Debug)]
pub struct Filters {
    plan: FilterPlan,
    modems: usize,
    /// `from * modems + to`: spectrum at the `transform/2 + 1` frequencies of a real transform.
    spectra: Vec<Vec<Complex32>>,
}

/// Points of the grid on which a response is computed, as a multiple of the convolution's.
const GRID: usize = 2;

impl Filters {
    /// The filters of a line.
    pub fn new(line: &Line, plan: FilterPlan) -> Self {
        let modems = line.modems();
        let points = GRID * plan.transform();
        let step_hz = plan.rate_hz / points as f64;
        let bins: Vec<usize> =
            (1..points / 2).filter(|&bin| plan.taper(bin as f64 * step_hz) > 0.0).collect();
        let frequencies: Vec<f64> = bins.iter().map(|&bin| bin as f64 * step_hz).collect();
        let transfers = line.transfers(&frequencies, 0.0);
        let mut planner = FftPlanner::<f64>::new();
        let inverse = planner.plan_fft_inverse(points);
        let forward = planner.plan_fft_forward(plan.transform());
        let spectrum = |pair: usize| {
            let mut response = vec![Complex64::ZERO; points];
            for ((&bin, &frequency), transfer) in bins.iter().zip(&frequencies).zip(&transfers) {
                let turn = -std::f64::consts::TAU * (bin * plan.delay % points) as f64 / points as f64;
                let value = transfer[pair] * plan.taper(frequency) * Complex64::from_polar(1.0, turn);
                response[bin] = value;
                response[points - bin] = value.conj();
            }
            inverse.process(&mut response);
            let mut taps: Vec<Complex64> = response
                .iter()
                .take(plan.taps)
                .map(|tap| Complex64::new(tap.re / points as f64, 0.0))
                .collect();
            taps.resize(plan.transform(), Complex64::ZERO);
            forward.process(&mut taps);
            taps.iter().take(plan.block + 1).map(|bin| Complex32::new(bin.re as f32, bin.im as f32)).collect()
        };
        let spectra = (0..modems * modems).into_par_iter().map(spectrum).collect();
        Self { plan, modems, spectra }
    }

    /// What the filters have in common.
    pub fn plan(&self) -> FilterPlan {
        self.plan
    }

    /// Modems that the filters join.
    pub fn modems(&self) -> usize {
        self.modems
    }

    /// Spectrum of the filter from one modem to another.
    pub fn spectrum(&self, from: usize, to: usize) -> &[Complex32] {
        &self.spectra[from * self.modems + to]
    }

    /// Transfer function of the filter at a frequency, its common delay taken out: for checks and reports.
    pub fn response(&self, from: usize, to: usize, frequency_hz: f64) -> Complex64 {
        let points = self.plan.transform();
        let spectrum = self.spectrum(from, to);
        // Back to taps and forward at the one frequency.
        let mut taps = vec![Complex64::ZERO; points];
        for (bin, value) in spectrum.iter().enumerate() {
            let value = Complex64::new(f64::from(value.re), f64::from(value.im));
            taps[bin] = value;
            if bin > 0 && bin < points / 2 {
                taps[points - bin] = value.conj();
            }
        }
        FftPlanner::<f64>::new().plan_fft_inverse(points).process(&mut taps);
        let omega = std::f64::consts::TAU * frequency_hz / self.plan.rate_hz;
        taps.iter()
            .enumerate()
            .map(|(n, tap)| {
                let turn = -omega * (n as f64 - self.plan.delay as f64);
                Complex64::from_polar(tap.re / points as f64, turn)
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn filters_are_the_transfer_functions_in_the_band() {
        let line = Line::new(&Scenario::village(5));
        let filters = Filters::new(&line, FilterPlan::CENELEC_A);
        let mut worst_db = f64::MIN;
        for carrier in 23..=58 {
            let frequency = f64::from(carrier) * 1_562.5;
            let exact = line.transfer(frequency);
            for from in 0..line.modems() {
                for to in (0..line.modems()).filter(|&to| to != from) {
                    let wanted = exact[from * line.modems() + to];
                    let error = (filters.response(from, to, frequency) - wanted).norm() / wanted.norm();
                    worst_db = worst_db.max(20.0 * error.log10());
                }
            }
        }
        assert!(worst_db < -50.0, "truncation costs {worst_db:.1} dB");
    }

    #[test]
    fn nothing_passes_far_outside_the_band() {
        let filters = Filters::new(&Line::new(&Scenario::village(5)), FilterPlan::CENELEC_A);
        let middle = filters.response(0, 1, 60e3).norm();
        for frequency in [1e3, 5e3, 165e3, 199e3] {
            assert!(filters.response(0, 1, frequency).norm() < 3e-3 * middle, "{frequency}");
        }
    }
}

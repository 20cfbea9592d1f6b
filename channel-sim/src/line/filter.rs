//! From transfer functions to filters: impulse responses at the line's sample rate, and their spectra for
//! convolution in blocks.

use super::{Line, Transfer};
use crate::exact;
use num_complex::{Complex32, Complex64};
use rayon::prelude::*;
use rustfft::Fft;
use std::sync::Arc;

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

    /// 1.2 MHz, 10 to 590 kHz: any of the standards' bands at rates that divide it.
    pub const WIDE: Self = Self {
        rate_hz: 1_200_000.0,
        taps: 3 * 192 + 1,
        delay: 3 * 48,
        band_hz: [10_000.0, 31_000.0, 500_000.0, 590_000.0],
        block: 3 * 256,
    };
    /// 2.4 MHz, the same band: where standards mix, all of whose rates fit a block.
    pub const MIXED: Self =
        Self { rate_hz: 2_400_000.0, taps: 6 * 192 + 1, delay: 6 * 48, block: 6 * 256, ..Self::WIDE };

    /// Points of the transform that convolves a block.
    pub fn transform(&self) -> usize {
        2 * self.block
    }

    /// Distance of the transform's frequencies: the same for the line and for every modem on it, whatever their rates.
    pub fn step_hz(&self) -> f64 {
        self.rate_hz / self.transform() as f64
    }

    /// Samples of a block at another rate; `None` where they are not whole or the rate is above the line's.
    pub fn block_at(&self, rate_hz: f64) -> Option<usize> {
        let samples = self.block as f64 * rate_hz / self.rate_hz;
        (samples.fract() == 0.0 && (1.0..=self.block as f64).contains(&samples)).then_some(samples as usize)
    }

    /// How much of the amplitude passes at a frequency.
    pub fn taper(&self, frequency_hz: f64) -> f64 {
        taper(self.band_hz, frequency_hz)
    }
}

/// How much of the amplitude a coupler passes at a frequency.
fn taper([a, b, c, d]: [f64; 4], frequency_hz: f64) -> f64 {
    let edge = |from: f64, to: f64| {
        let position = ((frequency_hz - from) / (to - from)).clamp(0.0, 1.0);
        0.5 - 0.5 * libm::cos(std::f64::consts::PI * position)
    };
    edge(a, b) * (1.0 - edge(c, d))
}

/// One filter for each ordered pair of modems, and one from each household's noise to each modem where noise is
/// injected; several of each where the line follows the mains.
#[derive(Clone, Debug)]
pub struct Filters {
    plan: FilterPlan,
    modems: usize,
    /// The first frequency of the transform that is kept.
    first: usize,
    /// For each phase of the mains and pair `from * modems + to`, the spectrum from frequency `first` on.
    spectra: Vec<Vec<Vec<Complex32>>>,
    /// For each phase of the mains and `household * modems + to`, the same from the household's noise.
    noise: Vec<Vec<Vec<Complex32>>>,
}

/// Points of the grid on which a response is computed, as a multiple of the convolution's.
const GRID: usize = 2;
/// Phases within half a period of the mains for which the filters of a line are computed that follows it.
pub const MAINS_PHASES: usize = 16;

impl Filters {
    /// The filters of a line whose modems all have couplers of the plan's band.
    pub fn new(line: &Line, plan: FilterPlan) -> Self {
        Self::with_couplers(line, plan, &vec![plan.band_hz; line.modems()], false)
    }

    /// The filters of a line whose modems have couplers of the bands given: a signal passes the sender's and the
    /// receiver's, once where they are alike. `noise`: also from the households' noise to each modem.
    pub fn with_couplers(line: &Line, plan: FilterPlan, couplers: &[[f64; 4]], noise: bool) -> Self {
        let modems = line.modems();
        let band = |modem: usize| couplers.get(modem).copied().unwrap_or(plan.band_hz);
        let highest = (0..modems).map(|modem| band(modem)[3]).fold(0.0, f64::max).min(plan.band_hz[3]);
        let lowest = (0..modems).map(|modem| band(modem)[0]).fold(f64::INFINITY, f64::min);
        let first = (lowest / plan.step_hz()) as usize;
        let last = ((highest / plan.step_hz()).ceil() as usize).min(plan.block);
        let maker = Maker::new(plan, [lowest, highest], first..last + 1);
        let through = |from: usize, to: usize| {
            let (a, b) = (band(from), band(to));
            move |hz: f64| taper(a, hz) * if a == b { 1.0 } else { taper(b, hz) }
        };
        let phases = if line.follows_mains() { MAINS_PHASES } else { 1 };
        let turns = |phase: usize| if phases == 1 { 0.0 } else { 0.5 * phase as f64 / phases as f64 };
        let signal = |phase: usize| {
            let transfers = line.transfers(&maker.frequencies, turns(phase));
            let pair = |pair: usize| maker.spectrum(&transfers, pair, through(pair / modems, pair % modems));
            (0..modems * modems).into_par_iter().map(pair).collect()
        };
        let injected = |phase: usize| {
            let transfers = line.noise_transfers(&maker.frequencies, turns(phase));
            let pair = |pair: usize| maker.spectrum(&transfers, pair, through(pair % modems, pair % modems));
            (0..line.households().len() * modems).into_par_iter().map(pair).collect()
        };
        Self {
            plan,
            modems,
            first,
            spectra: (0..phases).map(signal).collect(),
            noise: if noise { (0..phases).map(injected).collect() } else { Vec::new() },
        }
    }

    /// What the filters have in common.
    pub fn plan(&self) -> FilterPlan {
        self.plan
    }

    /// Modems that the filters join.
    pub fn modems(&self) -> usize {
        self.modems
    }

    /// Phases of the mains for which there are filters, over half a period: the first at L1's rising zero crossing.
    pub fn mains_phases(&self) -> usize {
        self.spectra.len()
    }

    /// The frequencies of the transform for which filters have values.
    pub fn kept(&self) -> std::ops::Range<usize> {
        let length = self.spectra.first().and_then(|all| all.first()).map_or(0, Vec::len);
        self.first..self.first + length
    }

    /// Spectrum of the filter from one modem to another at a phase of the mains, at the frequencies
    /// [`Filters::kept`]; a transform's forward scaling by its points is not in it.
    pub fn spectrum(&self, from: usize, to: usize, phase: usize) -> &[Complex32] {
        &self.spectra[phase][from * self.modems + to]
    }

    /// Spectrum of the filter from a household's noise to a modem. Empty where filters were made without.
    pub fn noise_spectrum(&self, household: usize, to: usize, phase: usize) -> &[Complex32] {
        self.noise.get(phase).map_or(&[], |all| &all[household * self.modems + to])
    }

    /// Transfer function of the filter at a frequency at L1's rising zero crossing, its common delay taken out: for
    /// checks and reports.
    pub fn response(&self, from: usize, to: usize, frequency_hz: f64) -> Complex64 {
        let points = self.plan.transform();
        // Back to taps and forward at the one frequency.
        let mut taps = vec![Complex64::ZERO; points];
        for (bin, value) in self.kept().zip(self.spectrum(from, to, 0)) {
            let value = Complex64::new(f64::from(value.re), f64::from(value.im));
            taps[bin] = value;
            if bin > 0 && bin < points / 2 {
                taps[points - bin] = value.conj();
            }
        }
        exact::inverse(points).process(&mut taps);
        let omega = std::f64::consts::TAU * frequency_hz / self.plan.rate_hz;
        taps.iter()
            .enumerate()
            .map(|(n, tap)| {
                let turn = -omega * (n as f64 - self.plan.delay as f64);
                exact::polar(tap.re / points as f64, turn)
            })
            .sum()
    }
}

/// Makes spectra of filters from transfer functions.
struct Maker {
    plan: FilterPlan,
    kept: std::ops::Range<usize>,
    bins: Vec<usize>,
    frequencies: Vec<f64>,
    inverse: Arc<dyn Fft<f64>>,
    forward: Arc<dyn Fft<f64>>,
}

impl Maker {
    fn new(plan: FilterPlan, [low, high]: [f64; 2], kept: std::ops::Range<usize>) -> Self {
        let points = GRID * plan.transform();
        let step_hz = plan.rate_hz / points as f64;
        let inside = |bin: &usize| (low..high).contains(&(*bin as f64 * step_hz));
        let bins: Vec<usize> = (1..points / 2).filter(inside).collect();
        let frequencies = bins.iter().map(|&bin| bin as f64 * step_hz).collect();
        let (inverse, forward) = (exact::inverse(points), exact::forward(plan.transform()));
        Self { plan, kept, bins, frequencies, inverse, forward }
    }

    fn spectrum(&self, transfers: &[Transfer], pair: usize, taper: impl Fn(f64) -> f64) -> Vec<Complex32> {
        let plan = self.plan;
        let points = GRID * plan.transform();
        let mut response = vec![Complex64::ZERO; points];
        for ((&bin, &frequency), transfer) in self.bins.iter().zip(&self.frequencies).zip(transfers) {
            let turn = -std::f64::consts::TAU * (bin * plan.delay % points) as f64 / points as f64;
            let value = transfer[pair] * taper(frequency) * exact::polar(1.0, turn);
            response[bin] = value;
            response[points - bin] = value.conj();
        }
        self.inverse.process(&mut response);
        let mut taps: Vec<Complex64> =
            response.iter().take(plan.taps).map(|tap| Complex64::new(tap.re / points as f64, 0.0)).collect();
        taps.resize(plan.transform(), Complex64::ZERO);
        self.forward.process(&mut taps);
        taps[self.kept.clone()].iter().map(|bin| Complex32::new(bin.re as f32, bin.im as f32)).collect()
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

    /// What filters of a band's couplers are wrong by at its carriers, over their own gain.
    fn worst_error_db(scenario: &Scenario, plan: FilterPlan, band_hz: [f64; 4], carriers_hz: &[f64]) -> f64 {
        let line = Line::new(scenario);
        let filters = Filters::with_couplers(&line, plan, &vec![band_hz; line.modems()], false);
        let mut worst_db = f64::MIN;
        for &frequency in carriers_hz {
            let exact = line.transfer(frequency);
            // Every receiver of the coordinator's, and every sender to it.
            for other in 1..line.modems() {
                for (from, to) in [(0, other), (other, 0)] {
                    let wanted = exact[from * line.modems() + to];
                    let error = (filters.response(from, to, frequency) - wanted).norm() / wanted.norm();
                    worst_db = worst_db.max(20.0 * error.log10());
                }
            }
        }
        worst_db
    }

    #[test]
    fn filters_of_every_rate_and_band_are_the_transfer_functions() {
        use crate::scenario::PhaseModel;
        use crate::world::Attachment;
        let cenelec_a: Vec<f64> = (23..=58).step_by(5).map(|n| f64::from(n) * 1_562.5).collect();
        let fcc: Vec<f64> = (33..=104).step_by(7).map(|n| f64::from(n) * 4_687.5).collect();
        for model in [PhaseModel::Scalar { cross_phase_db: 12.0 }, PhaseModel::Coupled] {
            let mut scenario = Scenario::village(5);
            scenario.phase_model = model;
            for plan in [FilterPlan::WIDE, FilterPlan::MIXED] {
                for (attachment, carriers) in [(Attachment::CENELEC_A, &cenelec_a), (Attachment::FCC, &fcc)] {
                    let worst = worst_error_db(&scenario, plan, attachment.coupler_hz, carriers);
                    assert!(worst < -50.0, "{model:?} {} Hz {attachment:?}: {worst:.1} dB", plan.rate_hz);
                }
            }
        }
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

//! A filter bank from a recording (channel digest 1.4).
//!
//! 1. Short spectra are folded over the period of the mains: a mean spectrum for each degree or so of phase.
//! 2. The period is cut where the spectrum changes: of all partitions into so many regions the one with the greatest
//!    Gaussian (Whittle's) likelihood, found by dynamic programming around the circle.
//! 3. In each region an autoregressive model is fitted to the mean autocorrelation by Levinson's recursion.

use super::filter::transform;
use super::filter_bank::{Bank, Colour, Region};
use super::recording::Recording;
use num_complex::Complex64;
use serde::Serialize;

/// How a bank is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitOptions {
    /// Regions in a period.
    pub regions: usize,
    /// Order of the autoregressive models.
    pub order: usize,
    /// Degrees after which the noise repeats: 180 or 360.
    pub period_deg: f64,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self { regions: 3, order: 24, period_deg: 180.0 }
    }
}

/// A fitted bank and what can be said about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fit {
    /// The bank.
    pub bank: Bank,
    /// Mean mains frequency of the recording.
    pub mains_hz: f64,
    /// Length of the recording.
    pub seconds: f64,
    /// Whether the phase's origin is the recording's; if not, it is a convention.
    pub phase_known: bool,
    /// Mean gain in log-likelihood per spectral value over one region for the whole period, in nats: more regions are
    /// worth it as long as this grows.
    pub gain_nats: f64,
}

/// Pieces of phase in a period.
const PIECES: usize = 180;
/// Length of a short spectrum.
const WINDOW_S: f64 = 160e-6;
/// The shortest region, in pieces: 4 % of the period.
const SHORTEST: usize = 7;
/// Samples at both ends of a stretch in a region that are left out, since the edges are not known better.
const GUARD: usize = 24;
/// A bank is valid up to this share of the recording's rate.
const USABLE: f64 = 0.45;

/// Fits a bank to a recording.
pub fn fit(name: &str, recording: &Recording, options: &FitOptions) -> Result<Fit, String> {
    if options.period_deg != 180.0 && options.period_deg != 360.0 {
        return Err(format!("a period of {}°; take 180 or 360", options.period_deg));
    }
    if !(1..=12).contains(&options.regions) || !(1..=64).contains(&options.order) {
        return Err(format!(
            "{} regions and order {}; take 1 to 12 regions and an order from 1 to 64",
            options.regions, options.order
        ));
    }
    if recording.samples.iter().all(|&sample| sample == 0.0) {
        return Err("the recording is silent; check the channel".into());
    }
    let per_turn = 360.0 / options.period_deg;
    let folded = fold(recording, per_turn);
    let costs = Costs::new(&folded);
    let (mut edges, cost) = partition(&costs, options.regions);
    // An edge next to the period's beginning is there.
    for edge in &mut edges {
        if *edge <= 1 || *edge == PIECES - 1 {
            *edge = 0;
        }
    }
    edges.sort_unstable();
    let values = (PIECES * folded.first().map_or(1, |piece| piece.len().max(1))) as f64;
    let gain_nats = (costs.of(0, PIECES) - cost) / values;
    let colours = colours(recording, per_turn, &edges, options.order)?;
    let to_deg = |piece: usize| piece as f64 * options.period_deg / PIECES as f64;
    let mut regions: Vec<Region> = edges
        .iter()
        .skip(1)
        .zip(&colours)
        .map(|(&end, colour)| Region { to_deg: to_deg(end), colour: colour.clone() })
        .collect();
    // The last region goes on to the end of the period and, if it does not end there, from its beginning to the first
    // edge.
    if let Some(last) = colours.last() {
        regions.push(Region { to_deg: options.period_deg, colour: last.clone() });
        if let Some(&first) = edges.first().filter(|&&first| first > 0) {
            regions.insert(0, Region { to_deg: to_deg(first), colour: last.clone() });
        }
    }
    let rate_hz = recording.rate_hz;
    let bank = Bank {
        name: name.into(),
        period_deg: options.period_deg,
        valid_hz: [super::model::NARROWBAND_HZ[0], super::model::NARROWBAND_HZ[1].min(USABLE * rate_hz)],
        regions,
    };
    Ok(Fit {
        bank,
        mains_hz: recording.track.mains_hz(rate_hz),
        seconds: recording.samples.len() as f64 / rate_hz,
        phase_known: recording.phase_known,
        gain_nats,
    })
}

/// Which piece of the period a sample is in.
fn piece(recording: &Recording, per_turn: f64, sample: f64) -> usize {
    let periods = recording.track.at(sample) * per_turn;
    (((periods - libm::floor(periods)) * PIECES as f64) as usize).min(PIECES - 1)
}

/// Mean short spectrum in each piece of the period.
fn fold(recording: &Recording, per_turn: f64) -> Vec<Vec<f64>> {
    let wanted = (WINDOW_S * recording.rate_hz) as usize;
    let points = wanted.next_power_of_two().max(16);
    let window: Vec<f64> = (0..points)
        .map(|n| 0.5 - 0.5 * libm::cos(std::f64::consts::TAU * (n as f64 + 0.5) / points as f64))
        .collect();
    let mut sums = vec![(vec![0.0; points / 2 - 1], 0.0f64); PIECES];
    let mut bins = vec![Complex64::ZERO; points];
    // Windows overlap by three quarters, so that few pieces are without one.
    for (index, block) in recording.samples.windows(points).step_by(points / 4).enumerate() {
        for ((bin, &sample), weight) in bins.iter_mut().zip(block).zip(&window) {
            *bin = Complex64::new(f64::from(sample) * weight, 0.0);
        }
        transform(&mut bins, -1.0);
        let middle = (index * (points / 4) + points / 2) as f64;
        if let Some((sum, count)) = sums.get_mut(piece(recording, per_turn, middle)) {
            for (sum, bin) in sum.iter_mut().zip(bins.iter().skip(1)) {
                *sum += bin.norm_sqr();
            }
            *count += 1.0;
        }
    }
    let mut folded: Vec<Vec<f64>> = Vec::with_capacity(PIECES);
    for (sum, count) in sums {
        // A piece that no window fell into is as the one before.
        let before = folded.last().cloned();
        folded.push(match before {
            Some(before) if count == 0.0 => before,
            _ => sum.iter().map(|sum| (sum / count.max(1.0)).max(1e-30)).collect(),
        });
    }
    folded
}

/// Costs of taking pieces in a row as one region: minus the log-likelihood, in nats per window.
struct Costs {
    /// Sums of spectra over the pieces before each, twice around the circle.
    before: Vec<Vec<f64>>,
    table: Vec<f64>,
}

impl Costs {
    fn new(folded: &[Vec<f64>]) -> Self {
        let values = folded.first().map_or(0, Vec::len);
        let mut before = vec![vec![0.0; values]];
        for piece in folded.iter().chain(folded) {
            let sum = before.last().into_iter().flatten().zip(piece).map(|(a, b)| a + b).collect();
            before.push(sum);
        }
        let mut costs = Self { before, table: Vec::new() };
        costs.table = (0..PIECES * (PIECES + 1))
            .map(|index| costs.compute(index / (PIECES + 1), index % (PIECES + 1)))
            .collect();
        costs
    }

    fn compute(&self, from: usize, length: usize) -> f64 {
        if length == 0 {
            return 0.0;
        }
        let (low, high) = (&self.before[from], &self.before[from + length]);
        let mean = |(low, high): (&f64, &f64)| libm::log(((high - low) / length as f64).max(1e-30));
        length as f64 * low.iter().zip(high).map(mean).sum::<f64>()
    }

    /// Cost of `length` pieces from `from` on, around the circle.
    fn of(&self, from: usize, length: usize) -> f64 {
        self.table.get(from % PIECES * (PIECES + 1) + length).copied().unwrap_or(f64::INFINITY)
    }
}

/// The cheapest partition of the circle into regions: where they begin, rising, and the cost.
fn partition(costs: &Costs, regions: usize) -> (Vec<usize>, f64) {
    if regions == 1 {
        return (vec![0], costs.of(0, PIECES));
    }
    let mut best = (Vec::new(), f64::INFINITY);
    // One of the regions begins in the first `PIECES / regions + 1` pieces or so; trying all starts is cheap enough.
    for start in 0..PIECES {
        // cheapest[r][n]: the first n pieces from `start` as r regions, and where the last of them begins.
        let mut cheapest = vec![vec![(f64::INFINITY, 0); PIECES + 1]; regions + 1];
        cheapest[0][0] = (0.0, 0);
        for region in 1..=regions {
            let (shorter, longer) = cheapest.split_at_mut(region);
            let (Some(before), Some(row)) = (shorter.last(), longer.first_mut()) else { break };
            for (end, cell) in row.iter_mut().enumerate().skip(region * SHORTEST) {
                let last =
                    before.iter().enumerate().take(end - SHORTEST + 1).filter(|(_, cell)| cell.0.is_finite());
                let with = last.map(|(from, cell)| (cell.0 + costs.of(start + from, end - from), from));
                *cell = with.fold((f64::INFINITY, 0), |best, new| if new.0 < best.0 { new } else { best });
            }
        }
        let (cost, _) = cheapest[regions][PIECES];
        if cost < best.1 - 1e-9 {
            let mut edges = Vec::new();
            let mut end = PIECES;
            for region in (1..=regions).rev() {
                end = cheapest[region][end].1;
                edges.push((start + end) % PIECES);
            }
            edges.sort_unstable();
            best = (edges, cost);
        }
    }
    best
}

/// An autoregressive model of each region, which begin at the edges.
fn colours(
    recording: &Recording,
    per_turn: f64,
    edges: &[usize],
    order: usize,
) -> Result<Vec<Colour>, String> {
    let region = |sample: usize| {
        let piece = piece(recording, per_turn, sample as f64);
        edges.iter().rposition(|&edge| edge <= piece).unwrap_or(edges.len() - 1)
    };
    let mut sums = vec![(vec![0.0f64; order + 1], 0.0f64); edges.len()];
    let samples = &recording.samples;
    let mut from = 0;
    while from < samples.len() {
        let here = region(from);
        let mut to = from + 1;
        while to < samples.len() && region(to) == here {
            to += 1;
        }
        let inside = samples.get(from + GUARD..to.saturating_sub(GUARD)).unwrap_or_default();
        if let Some((sum, count)) = sums.get_mut(here).filter(|_| inside.len() > order) {
            for (lag, sum) in sum.iter_mut().enumerate() {
                let products = inside.iter().zip(&inside[lag..]).map(|(&a, &b)| f64::from(a) * f64::from(b));
                *sum += products.sum::<f64>();
            }
            *count += inside.len() as f64;
        }
        from = to;
    }
    let model = |(index, (sum, count)): (usize, &(Vec<f64>, f64))| {
        let autocorrelation: Vec<f64> = sum.iter().map(|sum| sum / count.max(1.0)).collect();
        let (coefficients, variance) = levinson(&autocorrelation)
            .ok_or_else(|| format!("region {index} is silent or too short; take fewer regions"))?;
        let rate_hz = recording.rate_hz;
        Ok(Colour::Autoregressive { rate_hz, volts2_per_hz: 2.0 * variance / rate_hz, coefficients })
    };
    sums.iter().enumerate().map(model).collect()
}

/// Coefficients a_1 ... of x[n] + Σ a_k x[n-k] = e[n], and the variance of e.
fn levinson(autocorrelation: &[f64]) -> Option<(Vec<f64>, f64)> {
    let (&power, rest) = autocorrelation.split_first()?;
    if power <= 0.0 {
        return None;
    }
    let mut coefficients: Vec<f64> = Vec::new();
    // A floor 100 dB down keeps the recursion sound where a band is empty.
    let mut variance = power * (1.0 + 1e-10);
    for (index, &next) in rest.iter().enumerate() {
        let known: f64 = coefficients.iter().enumerate().map(|(k, a)| a * autocorrelation[index - k]).sum();
        let reflection = -(next + known) / variance;
        if reflection.abs() >= 1.0 {
            break;
        }
        let mirrored: Vec<f64> = coefficients.iter().rev().copied().collect();
        for (a, b) in coefficients.iter_mut().zip(mirrored) {
            *a += reflection * b;
        }
        coefficients.push(reflection);
        variance *= 1.0 - reflection * reflection;
    }
    Some((coefficients, variance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::model::Model;
    use crate::noise::tests::kit::{generate, open, preset, third_octaves};
    use crate::noise::track::Track;
    use crate::noise::{Conditions, Mains, NoisePlan, Preset};

    const RATE_HZ: f64 = 400_000.0;

    fn recording(mains: &Mains, known: bool) -> Recording {
        let samples = generate(&open(&preset("n4"), RATE_HZ, mains), 2, 4_000_000, mains);
        let track = if known {
            let voltage: Vec<f32> = (0..samples.len())
                .map(|n| libm::sin(std::f64::consts::TAU * mains.turns(n as f64 / RATE_HZ)) as f32)
                .collect();
            Track::of_voltage(&voltage, RATE_HZ, mains.hz)
        } else {
            Track::of_noise(&samples, RATE_HZ, mains.hz)
        };
        Recording { samples, rate_hz: RATE_HZ, track: track.unwrap(), phase_known: known }
    }

    #[test]
    fn the_regions_and_spectra_of_n4_come_back() {
        let fit = fit("again", &recording(&Mains::EUROPE, true), &FitOptions::default()).unwrap();
        let truth = Bank::lv_3r();
        let ends: Vec<f64> = fit.bank.regions.iter().map(|region| region.to_deg).collect();
        assert_eq!(ends.len(), 3, "{ends:?}");
        for (found, expected) in ends.iter().zip([108.0, 162.0, 180.0]) {
            assert!((found - expected).abs() <= 2.0, "{ends:?}");
        }
        for (index, (found, expected)) in fit.bank.regions.iter().zip(&truth.regions).enumerate() {
            for (low, high) in third_octaves(RATE_HZ).into_iter().filter(|band| band.1 < 170e3) {
                let mean = |colour: &Colour| {
                    (0..50)
                        .map(|i| colour.density(low + (high - low) * (f64::from(i) + 0.5) / 50.0))
                        .sum::<f64>()
                };
                let error = 10.0 * (mean(&found.colour) / mean(&expected.colour)).log10();
                assert!(error.abs() < 1.0, "region {index}, {low:.0} to {high:.0} Hz: {error:.2} dB");
            }
        }
        // What was fitted is a preset again.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bank.json");
        std::fs::write(&path, serde_json::to_string(&fit.bank).unwrap()).unwrap();
        let preset = Preset::parse(&format!("n4@{}", path.display())).unwrap();
        assert!(NoisePlan::new(std::slice::from_ref(&preset), &Conditions::CENELEC_A).is_ok());
        let error = 10.0 * (preset.model().density(60e3) / truth.density(60e3)).log10();
        assert!(error.abs() < 0.5, "{error:.2} dB");
    }

    #[test]
    fn without_the_mains_voltage_the_regions_keep_their_widths_and_order() {
        let fit = fit("blind", &recording(&Mains::AMERICA, false), &FitOptions::default()).unwrap();
        assert!((fit.mains_hz - 60.0).abs() < 0.1, "{}", fit.mains_hz);
        // Regions that touch around the end of the period are one.
        let mut widths = Vec::new();
        let mut from = 0.0;
        for region in &fit.bank.regions {
            widths.push((region.to_deg - from, region.colour.density(60e3)));
            from = region.to_deg;
        }
        if widths.len() == 4 {
            let (extra, _) = widths.remove(0);
            widths[2].0 += extra;
        }
        widths.sort_by(|a, b| a.1.total_cmp(&b.1));
        for ((width, _), expected) in widths.iter().zip([108.0, 54.0, 18.0]) {
            assert!((width - expected).abs() <= 3.0, "{widths:?}");
        }
    }

    #[test]
    fn levinsons_recursion_finds_the_process() {
        // x[n] = 0.9 x[n-1] - 0.5 x[n-2] + e[n] with unit e.
        let (a1, a2): (f64, f64) = (-0.9, 0.5);
        let r0 = (1.0 + a2) / ((1.0 - a2) * ((1.0 + a2).powi(2) - a1 * a1));
        let r1 = -a1 / (1.0 + a2) * r0;
        let r2 = -a1 * r1 - a2 * r0;
        let r3 = -a1 * r2 - a2 * r1;
        let (coefficients, variance) = levinson(&[r0, r1, r2, r3]).unwrap();
        assert!((coefficients[0] - a1).abs() < 1e-6 && (coefficients[1] - a2).abs() < 1e-6);
        assert!(coefficients[2].abs() < 1e-6 && (variance - 1.0).abs() < 1e-6);
    }

    #[test]
    fn bad_wishes_are_refused() {
        let quiet = Recording {
            samples: vec![0.0; 400_000],
            rate_hz: RATE_HZ,
            track: Track::steady(0.0, 50.0, RATE_HZ, 400_000),
            phase_known: true,
        };
        let options = FitOptions::default();
        assert!(fit("x", &quiet, &options).unwrap_err().contains("silent"));
        assert!(
            fit("x", &quiet, &FitOptions { regions: 0, ..options }).unwrap_err().contains("1 to 12 regions")
        );
        assert!(
            fit("x", &quiet, &FitOptions { period_deg: 90.0, ..options }).unwrap_err().contains("180 or 360")
        );
    }
}

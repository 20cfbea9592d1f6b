//! Links of feeders for the proof, and its results as text and files.

use super::calibrate::{Comparison, ProofLink, TOLERANCE_DB};
use super::capture::Overlap;
use super::modem::{Grid, Modem, Stage};
use super::table::family;
use super::waveform::Path;
use crate::exact;
use crate::line::Line;
use crate::scenario::Scenario;
use num_complex::Complex64;
use serde::Serialize;
use std::fmt::Write;

/// Step of the frequencies at which a line is solved: responses shorter than 2.5 ms come out whole.
const STEP_HZ: f64 = 390.625;
/// How much of a response is kept, and where in it the line's begins.
const LENGTH_S: f64 = 560e-6;
const DELAY_S: f64 = 120e-6;
/// The couplers' edges in CENELEC-A, between its lowest and highest carrier: nothing outside the outer two, everything between the
/// inner two. In other bands they lie as far from these in proportion.
const EDGES_HZ: [f64; 4] = [10_000.0, 31_000.0, 105_000.0, 150_000.0];
const BETWEEN_HZ: [f64; 2] = [35_937.5, 90_625.0];
/// Samples at the ends of a response that together have less than this share of its energy are cut off, but in CENELEC-A.
const CUT: f64 = 1e-8;

/// Links from a scenario's coordinator to `count` of its meters, in the order of their loss: the last of the first
/// `count`th of all meters, that of the second and so on, to the one with the greatest loss.
pub fn links(feeder: &str, scenario: &Scenario, count: usize, modem: &Modem) -> Vec<ProofLink> {
    let grid = modem.grid();
    let line = Line::new(scenario);
    let points = (grid.rate_hz / STEP_HZ).round() as usize;
    let step_hz = grid.rate_hz / points as f64;
    let edges = edges(grid);
    let bins: Vec<usize> = (1..points / 2).filter(|&bin| taper(edges, bin as f64 * step_hz) > 0.0).collect();
    let frequencies: Vec<f64> = bins.iter().map(|&bin| bin as f64 * step_hz).collect();
    let transfers = line.transfers(&frequencies, 0.0);
    let at_carriers: Vec<_> = (0..grid.carriers).map(|carrier| line.transfer(grid.hz(carrier))).collect();
    let gain = |to: usize| at_carriers.iter().map(|transfer| transfer[to].norm_sqr()).sum::<f64>();
    let delay = (DELAY_S * grid.rate_hz).round() as usize;
    let length = (LENGTH_S * grid.rate_hz).round() as usize;
    let mut meters: Vec<usize> = (1..line.modems()).collect();
    meters.sort_by(|&a, &b| gain(b).total_cmp(&gain(a)));
    (1..=count)
        .filter_map(|part| meters.get((meters.len() * part / count).saturating_sub(1)).copied())
        .map(|to| {
            let mut response = vec![Complex64::ZERO; points];
            for ((&bin, &frequency), transfer) in bins.iter().zip(&frequencies).zip(&transfers) {
                let turn = -std::f64::consts::TAU * (bin * delay % points) as f64 / points as f64;
                response[bin] = transfer[to] * taper(edges, frequency) * exact::polar(1.0, turn);
                response[points - bin] = response[bin].conj();
            }
            exact::inverse(points).process(&mut response);
            let taps: Vec<f32> =
                response.iter().take(length).map(|tap| (tap.re / points as f64) as f32).collect();
            // The taps of CENELEC-A are part of what its journals and figures were made with.
            let taps = if edges == EDGES_HZ { taps } else { cut(&taps) };
            ProofLink {
                feeder: feeder.into(),
                link: format!("to {}", scenario.feeder.loads[to - 1].name),
                path: Path { taps },
                gains: at_carriers.iter().map(|transfer| transfer[to].norm_sqr()).collect(),
            }
        })
        .collect()
}

/// Taps without the ends that hold next to nothing.
fn cut(taps: &[f32]) -> Vec<f32> {
    let energy: f64 = taps.iter().map(|&tap| f64::from(tap).powi(2)).sum();
    let end = |taps: &mut dyn Iterator<Item = &f32>| {
        let mut sum = 0.0;
        taps.take_while(|&&tap| {
            sum += f64::from(tap).powi(2);
            sum < 0.5 * CUT * energy
        })
        .count()
    };
    let (first, last) = (end(&mut taps.iter()), end(&mut taps.iter().rev()));
    taps.get(first..taps.len().saturating_sub(last)).unwrap_or(taps).to_vec()
}

/// The couplers' edges in a band.
fn edges(grid: &Grid) -> [f64; 4] {
    let ([low, high], [from, to]) = (grid.band_hz(), BETWEEN_HZ);
    let [a, b, c, d] = EDGES_HZ;
    let end = (d * high / to).min(0.49 * grid.rate_hz);
    [a * low / from, b * low / from, (c * high / to).min(0.5 * (high + end)), end]
}

fn taper([a, b, c, d]: [f64; 4], frequency_hz: f64) -> f64 {
    let edge = |from: f64, to: f64| {
        let position = ((frequency_hz - from) / (to - from)).clamp(0.0, 1.0);
        0.5 - 0.5 * libm::cos(std::f64::consts::PI * position)
    };
    edge(a, b) * (1.0 - edge(c, d))
}

/// Comma-separated values of comparisons or overlaps.
///
/// # Errors
/// Where they cannot be written.
pub fn csv<T: Serialize>(rows: &[T]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row)?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// A table for people.
pub fn text(comparisons: &[Comparison]) -> String {
    let mut text = String::from(
        "noise     feeder    link              mode    waveform dBuV      model  difference dB  frames\n",
    );
    for row in comparisons {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:9} {:9} {:17} {:7} {}",
            row.preset,
            row.feeder,
            row.link,
            row.mode.name(),
            figures(
                [row.waveform_dbuv, row.uncertainty_db, row.model_dbuv, row.difference_db],
                row.holds(),
                row.frames
            )
        );
    }
    text.push_str("\nnoise     mode    links  within  largest difference  widest half interval\n");
    for held in held(comparisons) {
        let Held { preset, mode, links, within, largest_db, widest_db } = held;
        let _ = writeln!(
            text,
            "{preset:9} {:7} {links:5}  {within:6}  {largest_db:+18.2}  {widest_db:20.2}",
            mode.name()
        );
    }
    text
}

/// A table of overlapping frames for people.
pub fn overlaps(rows: &[Overlap]) -> String {
    let mut text = String::from("mode    overlap  waveform dB         model  difference dB  frames\n");
    let mut links = "";
    for row in rows {
        if row.links != links {
            links = &row.links;
            let _ = writeln!(text, "{links}");
        }
        let share = row.share.map_or("together".into(), |share| format!("{:.0} %", 100.0 * share));
        let _ = writeln!(
            text,
            "{:7} {share:8} {}",
            row.mode.name(),
            figures(
                [row.waveform_db, row.uncertainty_db, row.model_db, row.difference_db],
                row.holds(),
                row.frames
            )
        );
    }
    text
}

/// The waveform's figure and half its interval, the model's, their difference, whether they agree, and frames.
fn figures(of: [Option<f64>; 4], holds: bool, frames: u32) -> String {
    let [waveform, uncertainty, model, difference] =
        of.map(|value| value.map_or("never".to_string(), |value| format!("{value:.2}")));
    let mark = if holds { "    " } else { "(!) " };
    format!("{waveform:>7} +-{uncertainty:<5} {model:>9}  {difference:>8} {mark} {frames:6}")
}

/// How a noise and a mode came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// Noise.
    pub preset: String,
    /// Mode.
    pub mode: Stage,
    /// Links compared.
    pub links: usize,
    /// Links on which the model holds.
    pub within: usize,
    /// The largest difference, in dB; infinite where one of the two never crosses.
    pub largest_db: f64,
    /// The largest half of an interval, in dB.
    pub widest_db: f64,
}

/// Comparisons by noise and mode.
pub fn held(comparisons: &[Comparison]) -> Vec<Held> {
    let mut all: Vec<Held> = Vec::new();
    for row in comparisons {
        let known = all.iter().position(|held| held.preset == row.preset && held.mode == row.mode);
        let at = known.unwrap_or_else(|| {
            let (preset, mode) = (row.preset.clone(), row.mode);
            all.push(Held { preset, mode, links: 0, within: 0, largest_db: 0.0, widest_db: 0.0 });
            all.len() - 1
        });
        let held = &mut all[at];
        held.links += 1;
        held.within += usize::from(row.holds());
        let apart = if row.holds() { 0.0 } else { f64::INFINITY };
        let difference = row.difference_db.unwrap_or(apart);
        if difference.abs() > held.largest_db.abs() {
            held.largest_db = difference;
        }
        held.widest_db = held.widest_db.max(row.uncertainty_db.unwrap_or_default());
    }
    all
}

/// The proof in the repository, of the table that comes with the program.
const BUILT_IN: &str = include_str!("../../results/fidelity-proof.csv");

/// What is to be said of noises and a mode before the program's own table is used with them: where its proof does not
/// hold, and what it does not cover. Presets that add up are proven together, or one by one.
pub fn doubts(presets: &[String], mode: Stage) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(BUILT_IN.as_bytes());
    // A test reads it.
    let comparisons: Vec<Comparison> = reader.deserialize().filter_map(Result::ok).collect();
    let all = held(&comparisons);
    let find = |name: &str| all.iter().find(|held| held.preset == name && held.mode == mode);
    let families: Vec<String> = presets.iter().map(|preset| family(preset)).collect();
    let together = families.join("+");
    let names = if find(&together).is_some() { vec![together] } else { families };
    let doubt = |name: String| match find(&name) {
        None => Some(format!("{name} in {} was not held against the waveform mode", mode.name())),
        Some(held) if held.within < held.links => Some(format!(
            "{name} in {}: the model is within {TOLERANCE_DB} dB of the waveform mode on {} of {} links, {:+.2} dB at worst",
            mode.name(),
            held.within,
            held.links,
            held.largest_db
        )),
        Some(_) => None,
    };
    names.into_iter().filter_map(doubt).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Standard, Variant, bands};

    #[test]
    fn the_proof_that_comes_with_the_program_is_read_and_says_where_it_does_not_hold() {
        let rows = csv::Reader::from_reader(BUILT_IN.as_bytes()).into_deserialize::<Comparison>();
        let rows: Vec<Comparison> = rows.collect::<Result<_, _>>().unwrap();
        for held in held(&rows) {
            let presets: Vec<String> = held.preset.split('+').map(String::from).collect();
            let doubts = doubts(&presets, held.mode);
            assert_eq!(doubts.is_empty(), held.within == held.links, "{doubts:?}");
        }
        let unknown = doubts(&["n0".into(), "n8h".into()], Stage::Robust);
        assert!(unknown.len() == 1 && unknown[0].contains("n8h"), "{unknown:?}");
    }

    #[test]
    fn impulse_responses_have_the_lines_gains() {
        let modems =
            bands(Standard::G3).into_iter().map(|band| Modem::new(Standard::G3, &band, Variant::default()));
        for modem in modems.map(Result::unwrap) {
            let links = links("village", &Scenario::village(1), 3, &modem);
            assert_eq!(links.len(), 3);
            for link in &links {
                for (filter, line) in link.path.gains(modem.grid()).iter().zip(&link.gains) {
                    let apart_db = 10.0 * (filter / line).log10();
                    assert!(apart_db.abs() < 0.05, "{} {}: {filter} {line}", modem.name(), link.link);
                }
            }
            let sum = |at: usize| links[at].gains.iter().sum::<f64>();
            assert!(sum(0) > sum(1) && sum(1) > sum(2), "from near to far");
        }
    }
}

//! Links of feeders for the proof, and its results as text and files.

use super::calibrate::{Comparison, ProofLink};
use super::tape::{CARRIERS, FIRST_BIN};
use super::waveform::Path;
use crate::line::Line;
use crate::scenario::Scenario;
use num_complex::Complex64;
use rustfft::FftPlanner;
use std::fmt::Write;

/// Points of the transform that makes an impulse response, at 400 kHz.
const POINTS: usize = 1_024;
/// Taps that are kept, and where among them the response begins.
const TAPS: usize = 224;
const DELAY: usize = 48;
/// The couplers' edges: nothing outside the outer two, everything between the inner two.
const EDGES_HZ: [f64; 4] = [10_000.0, 31_000.0, 105_000.0, 150_000.0];

/// Links from a scenario's coordinator to `count` of its meters, from a near one to the one with the greatest loss.
pub fn links(feeder: &str, scenario: &Scenario, count: usize) -> Vec<ProofLink> {
    let line = Line::new(scenario);
    let step_hz = 400_000.0 / POINTS as f64;
    let bins: Vec<usize> = (1..POINTS / 2).filter(|&bin| taper(bin as f64 * step_hz) > 0.0).collect();
    let frequencies: Vec<f64> = bins.iter().map(|&bin| bin as f64 * step_hz).collect();
    let transfers = line.transfers(&frequencies, 0.0);
    let at_carriers: Vec<_> =
        (0..CARRIERS).map(|carrier| line.transfer((FIRST_BIN + carrier) as f64 * 1_562.5)).collect();
    let gain = |to: usize| at_carriers.iter().map(|transfer| transfer[to].norm_sqr()).sum::<f64>();
    let mut meters: Vec<usize> = (1..line.modems()).collect();
    meters.sort_by(|&a, &b| gain(b).total_cmp(&gain(a)));
    (1..=count)
        .filter_map(|part| meters.get((meters.len() * part / count).saturating_sub(1)).copied())
        .map(|to| {
            let mut response = vec![Complex64::ZERO; POINTS];
            for ((&bin, &frequency), transfer) in bins.iter().zip(&frequencies).zip(&transfers) {
                let turn = -std::f64::consts::TAU * (bin * DELAY % POINTS) as f64 / POINTS as f64;
                response[bin] = transfer[to] * taper(frequency) * Complex64::from_polar(1.0, turn);
                response[POINTS - bin] = response[bin].conj();
            }
            FftPlanner::new().plan_fft_inverse(POINTS).process(&mut response);
            let taps = response.iter().take(TAPS).map(|tap| (tap.re / POINTS as f64) as f32).collect();
            ProofLink {
                feeder: feeder.into(),
                link: format!("to {}", scenario.feeder.loads[to - 1].name),
                path: Path { taps },
                gains: std::array::from_fn(|carrier| at_carriers[carrier][to].norm_sqr()),
            }
        })
        .collect()
}

fn taper(frequency_hz: f64) -> f64 {
    let edge = |from: f64, to: f64| {
        let position = ((frequency_hz - from) / (to - from)).clamp(0.0, 1.0);
        0.5 - 0.5 * (std::f64::consts::PI * position).cos()
    };
    let [a, b, c, d] = EDGES_HZ;
    edge(a, b) * (1.0 - edge(c, d))
}

/// Comma-separated values.
///
/// # Errors
/// Where they cannot be written.
pub fn csv(comparisons: &[Comparison]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for comparison in comparisons {
        writer.serialize(comparison)?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// A table for people.
pub fn text(comparisons: &[Comparison]) -> String {
    let mut text = String::from(
        "noise     feeder    link              mode    waveform dBuV      model  difference dB  frames\n",
    );
    let number = |value: Option<f64>| value.map_or("never".to_string(), |value| format!("{value:.2}"));
    for row in comparisons {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:9} {:9} {:17} {:7} {:>7} +-{:<5} {:>9}  {:>8} {} {:6}",
            row.preset,
            row.feeder,
            row.link,
            row.mode.name(),
            number(row.waveform_dbuv),
            number(row.uncertainty_db),
            number(row.model_dbuv),
            number(row.difference_db),
            if row.holds() { "    " } else { "(!) " },
            row.frames
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impulse_responses_have_the_lines_gains() {
        let links = links("village", &Scenario::village(1), 3);
        assert_eq!(links.len(), 3);
        for link in &links {
            for (filter, line) in link.path.gains().iter().zip(&link.gains) {
                assert!((10.0 * (filter / line).log10()).abs() < 0.05, "{}: {filter} {line}", link.link);
            }
        }
        let sum = |at: usize| links[at].gains.iter().sum::<f64>();
        assert!(sum(0) > sum(1) && sum(1) > sum(2), "from near to far");
    }
}

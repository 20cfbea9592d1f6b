//! Links of feeders as PRIME modems meet them.

use super::calibrate::ProofLink;
use super::waveform::Path;
use super::{CARRIERS, FIRST_BIN, POINTS as FFT_POINTS, RATE_HZ};
use crate::exact;
use crate::line::Line;
use crate::scenario::Scenario;
use num_complex::Complex64;

/// Points of the transform that makes an impulse response.
const POINTS: usize = 1_024;
/// Taps that are kept, and where among them the response begins.
const TAPS: usize = 160;
const DELAY: usize = 32;
/// The couplers' edges: nothing outside the outer two, everything between the inner two.
const EDGES_HZ: [f64; 4] = [10_000.0, 36_000.0, 95_000.0, 121_000.0];

/// Links from a scenario's coordinator to `count` of its meters, from near to far as in
/// [`proof::links`](crate::frames::proof::links).
pub fn links(feeder: &str, scenario: &Scenario, count: usize) -> Vec<ProofLink> {
    let line = Line::new(scenario);
    let step_hz = RATE_HZ / POINTS as f64;
    let bins: Vec<usize> = (1..POINTS / 2).filter(|&bin| taper(bin as f64 * step_hz) > 0.0).collect();
    let frequencies: Vec<f64> = bins.iter().map(|&bin| bin as f64 * step_hz).collect();
    let transfers = line.transfers(&frequencies, 0.0);
    let hz = |carrier: usize| (FIRST_BIN + carrier) as f64 * RATE_HZ / FFT_POINTS as f64;
    let at_carriers: Vec<_> = (0..CARRIERS).map(|carrier| line.transfer(hz(carrier))).collect();
    let gain = |to: usize| at_carriers.iter().map(|transfer| transfer[to].norm_sqr()).sum::<f64>();
    let mut meters: Vec<usize> = (1..line.modems()).collect();
    meters.sort_by(|&a, &b| gain(b).total_cmp(&gain(a)));
    (1..=count)
        .filter_map(|part| meters.get((meters.len() * part / count).saturating_sub(1)).copied())
        .map(|to| {
            let mut response = vec![Complex64::ZERO; POINTS];
            for ((&bin, &frequency), transfer) in bins.iter().zip(&frequencies).zip(&transfers) {
                let turn = -std::f64::consts::TAU * (bin * DELAY % POINTS) as f64 / POINTS as f64;
                response[bin] = transfer[to] * taper(frequency) * exact::polar(1.0, turn);
                response[POINTS - bin] = response[bin].conj();
            }
            exact::inverse(POINTS).process(&mut response);
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
        0.5 - 0.5 * libm::cos(std::f64::consts::PI * position)
    };
    let [a, b, c, d] = EDGES_HZ;
    edge(a, b) * (1.0 - edge(c, d))
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
                assert!((10.0 * (filter / line).log10()).abs() < 0.1, "{}: {filter} {line}", link.link);
            }
        }
    }
}

//! Levels against limits.

use super::mask::{Applies, Detector, Mask};
use super::receiver::{LOWEST_HZ, Level, levels, peak_between};
use serde::Serialize;

/// A signal this wide at 20 dB below its highest level is wideband (EN 50065-1, recalled).
const WIDEBAND_HZ: f64 = 5_000.0;
/// Shorter waveforms do not let the detectors' meters settle.
pub const SHORTEST_S: f64 = 1.0;

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Levels over frequency.
    pub levels: Vec<Level>,
    /// From the lowest to the highest frequency within 20 dB of the highest level, in Hz.
    pub signal_hz: [f64; 2],
    /// What became of each limit.
    pub verdicts: Vec<Verdict>,
}

/// What became of a limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The limit.
    pub name: String,
    /// Its detector.
    pub detector: Detector,
    /// Where the signal comes closest to it or is furthest above; `None` for a whole band.
    pub hz: Option<f64>,
    /// What was measured there.
    pub dbuv: f64,
    /// The limit there.
    pub limit_dbuv: f64,
    /// How far below the limit; negative is above.
    pub margin_db: f64,
    /// Frequencies measured, where it is one over frequency.
    pub frequencies: usize,
    /// The highest frequency that could be measured; the limit may go on.
    pub up_to_hz: f64,
}

impl Measurement {
    /// Measures a voltage on the artificial mains network.
    ///
    /// # Errors
    /// Where it is too short for the detectors, or its sample rate too low.
    pub fn new(volts: &[f32], rate_hz: f64, mask: &Mask) -> Result<Self, String> {
        let seconds = volts.len() as f64 / rate_hz;
        if seconds < SHORTEST_S {
            return Err(format!(
                "{seconds:.3} s of samples: the detectors' meters need {SHORTEST_S} s or more to settle"
            ));
        }
        if rate_hz < 4.0 * LOWEST_HZ {
            return Err(format!("{rate_hz} Hz: samples at 36 kHz or more are needed"));
        }
        let levels = levels(volts, rate_hz);
        let signal_hz = signal_band(&levels);
        let wide = signal_hz[1] - signal_hz[0] >= WIDEBAND_HZ;
        let applies = |applies: Applies| match applies {
            Applies::Always => true,
            Applies::Wideband => wide,
            Applies::Narrowband => !wide,
        };
        let up_to_hz = levels.last().map_or(0.0, |level| level.hz);
        let mut verdicts = Vec::new();
        for limit in mask.limit.iter().filter(|limit| applies(limit.applies)) {
            let held = levels.iter().filter_map(|level| Some((level, limit.at(level.hz)?)));
            let held: Vec<(&Level, f64)> = held.collect();
            let worst =
                held.iter().map(|(level, allowed)| (allowed - level.of(limit.detector), level, allowed));
            let Some((margin_db, level, allowed)) = worst.min_by(|a, b| a.0.total_cmp(&b.0)) else {
                continue;
            };
            verdicts.push(Verdict {
                name: limit.name.clone(),
                detector: limit.detector,
                hz: Some(level.hz),
                dbuv: level.of(limit.detector),
                limit_dbuv: *allowed,
                margin_db,
                frequencies: held.len(),
                up_to_hz,
            });
        }
        for total in mask.total.iter().filter(|total| applies(total.applies)) {
            let dbuv = peak_between(volts, rate_hz, total.band_hz);
            verdicts.push(Verdict {
                name: total.name.clone(),
                detector: Detector::Peak,
                hz: None,
                dbuv,
                limit_dbuv: total.dbuv,
                margin_db: total.dbuv - dbuv,
                frequencies: 0,
                up_to_hz,
            });
        }
        Ok(Self { levels, signal_hz, verdicts })
    }

    /// Whether every limit is kept.
    pub fn passes(&self) -> bool {
        self.verdicts.iter().all(Verdict::passes)
    }
}

impl Verdict {
    /// Whether the limit is kept.
    pub fn passes(&self) -> bool {
        self.margin_db >= 0.0
    }
}

impl Level {
    /// What a detector shows.
    pub fn of(&self, detector: Detector) -> f64 {
        match detector {
            Detector::Peak => self.peak_dbuv,
            Detector::QuasiPeak => self.quasi_peak_dbuv,
            Detector::Average => self.average_dbuv,
        }
    }
}

/// Levels with different filters cannot be compared: those with that of the highest level count.
fn signal_band(levels: &[Level]) -> [f64; 2] {
    let Some(top) = levels.iter().max_by(|a, b| a.peak_dbuv.total_cmp(&b.peak_dbuv)) else { return [0.0; 2] };
    let alike = levels.iter().filter(|level| level.bandwidth_hz == top.bandwidth_hz);
    let mut within = alike.filter(|level| level.peak_dbuv >= top.peak_dbuv - 20.0).map(|level| level.hz);
    let first = within.next().unwrap_or_default();
    [first, within.next_back().unwrap_or(first)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regulatory::receiver::sine;

    #[test]
    fn a_tone_is_narrowband_and_held_against_the_sloping_limit() {
        let mask = Mask::named("en50065-1-a").unwrap();
        // At 63 kHz the limit is 134 - 14 ln(7)/ln(95/9) = 122.44 dBµV.
        for (level, passes) in [(122.0, true), (123.0, false)] {
            let found = Measurement::new(&sine(level, 63e3, 400e3, 1.2), 400e3, &mask).unwrap();
            assert!(found.signal_hz[1] - found.signal_hz[0] < 1_000.0);
            let names: Vec<&str> = found.verdicts.iter().map(|verdict| verdict.name.as_str()).collect();
            assert_eq!(
                names,
                ["narrowband signal, 9 to 95 kHz", "disturbance, quasi-peak", "disturbance, average"]
            );
            assert_eq!(found.passes(), passes, "{:?}", found.verdicts);
            let verdict = &found.verdicts[0];
            assert!((verdict.limit_dbuv - 122.44).abs() < 0.02 && (verdict.hz.unwrap() - 63e3).abs() < 50.0);
            assert!((verdict.margin_db - (122.44 - level)).abs() < 0.2, "{verdict:?}");
        }
    }

    #[test]
    fn what_is_too_short_is_refused_with_the_time_needed() {
        let mask = Mask::named("en50065-1-a").unwrap();
        let error = Measurement::new(&[0.0; 4_000], 400e3, &mask).unwrap_err();
        assert!(error.contains("0.010 s") && error.contains("1 s or more"), "{error}");
    }
}

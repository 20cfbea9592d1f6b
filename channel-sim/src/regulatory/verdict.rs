//! Levels against limits.

use super::mask::{Applies, Detector, Limit, Mask};
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
    /// Where it holds, from the lowest to the highest frequency.
    pub band_hz: [f64; 2],
    /// What of that the samples show; `None` where nothing.
    pub measured_hz: Option<[f64; 2]>,
    /// What was measured.
    pub found: Option<Found>,
    /// Whether the limit is kept as far as it was measured. `None`: nothing of it was, or too little of what is one
    /// figure for a whole band.
    pub passes: Option<bool>,
}

/// A level and its limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Found {
    /// What was measured.
    pub dbuv: f64,
    /// The limit there.
    pub limit_dbuv: f64,
    /// How far below the limit; negative is above.
    pub margin_db: f64,
}

impl Measurement {
    /// Measures a voltage on the artificial mains network.
    ///
    /// # Errors
    /// Where it is too short for the detectors, its sample rate too low, or a sample no number.
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
        if let Some(at) = volts.iter().position(|volt| !volt.is_finite()) {
            return Err(format!("sample {at} is {}: nothing can be measured with it", volts[at]));
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
        let limits = mask.limit.iter().filter(|limit| applies(limit.applies));
        let totals = mask.total.iter().filter(|total| applies(total.applies));
        let verdicts = limits
            .map(|limit| over_frequency(limit, &levels))
            .chain(totals.map(|total| {
                let [from, to] = total.band_hz;
                let measured_hz = (from < up_to_hz).then_some([from, to.min(up_to_hz)]);
                let found = measured_hz.map(|_| {
                    let dbuv = peak_between(volts, rate_hz, total.band_hz);
                    Found { dbuv, limit_dbuv: total.dbuv, margin_db: total.dbuv - dbuv }
                });
                // A part of the band can show that the limit is exceeded, but not that it is kept.
                let whole = to <= up_to_hz;
                let passes = found.map(Found::kept).filter(|kept| whole || !kept);
                let (name, detector) = (total.name.clone(), Detector::Peak);
                Verdict { name, detector, hz: None, band_hz: total.band_hz, measured_hz, found, passes }
            }))
            .collect();
        Ok(Self { levels, signal_hz, verdicts })
    }

    /// Limits that are exceeded.
    pub fn exceeded(&self) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.passes == Some(false)).count()
    }

    /// Limits of which nothing can be said.
    pub fn unmeasured(&self) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.passes.is_none()).count()
    }

    /// Whether every limit was measured and is kept.
    pub fn passes(&self) -> bool {
        self.exceeded() == 0 && self.unmeasured() == 0
    }
}

impl Found {
    fn kept(self) -> bool {
        self.margin_db >= 0.0
    }
}

fn over_frequency(limit: &Limit, levels: &[Level]) -> Verdict {
    let held: Vec<(&Level, f64)> =
        levels.iter().filter_map(|level| Some((level, limit.at(level.hz)?))).collect();
    let found = held.iter().map(|&(level, limit_dbuv)| {
        let dbuv = level.of(limit.detector);
        (level.hz, Found { dbuv, limit_dbuv, margin_db: limit_dbuv - dbuv })
    });
    let worst = found.min_by(|(_, a), (_, b)| a.margin_db.total_cmp(&b.margin_db));
    let ends = |of: &[f64]| [0, of.len().saturating_sub(1)].map(|at| of.get(at).copied().unwrap_or_default());
    let corners: Vec<f64> = limit.points.iter().map(|[hz, _]| *hz).collect();
    let measured: Vec<f64> = held.iter().map(|(level, _)| level.hz).collect();
    Verdict {
        name: limit.name.clone(),
        detector: limit.detector,
        hz: worst.map(|(hz, _)| hz),
        band_hz: ends(&corners),
        measured_hz: (!measured.is_empty()).then(|| ends(&measured)),
        found: worst.map(|(_, found)| found),
        passes: worst.map(|(_, found)| found.kept()),
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
            let worst = verdict.found.unwrap();
            assert!((worst.limit_dbuv - 122.44).abs() < 0.02 && (verdict.hz.unwrap() - 63e3).abs() < 50.0);
            assert!((worst.margin_db - (122.44 - level)).abs() < 0.2, "{verdict:?}");
        }
    }

    #[test]
    fn what_the_samples_do_not_show_is_not_kept() {
        let high = "name = 'x'\nsource = 'y'\n[[limit]]\nname = 'high'\ndetector = 'peak'\n\
                    points = [[500e3, 60.0], [30e6, 60.0]]\n[[total]]\nname = 'beyond'\n\
                    band_hz = [300e3, 400e3]\ndbuv = 60.0\n[[total]]\nname = 'partly'\n\
                    band_hz = [9e3, 300e3]\ndbuv = 134.0";
        let mask = Mask::parse(high).unwrap();
        let found = Measurement::new(&sine(120.0, 63e3, 400e3, 1.2), 400e3, &mask).unwrap();
        assert!(found.verdicts.iter().all(|verdict| verdict.passes.is_none()), "{:?}", found.verdicts);
        assert_eq!(found.verdicts.iter().filter(|verdict| verdict.measured_hz.is_none()).count(), 2);
        assert_eq!((found.exceeded(), found.unmeasured(), found.passes()), (0, 3, false));
        let loud = Measurement::new(&sine(140.0, 63e3, 400e3, 1.2), 400e3, &mask).unwrap();
        assert_eq!((loud.exceeded(), loud.verdicts[2].passes), (1, Some(false)));
    }

    #[test]
    fn a_sample_that_is_no_number_is_refused_with_its_place() {
        let mask = Mask::named("en50065-1-a").unwrap();
        let mut volts = sine(142.6, 63e3, 400e3, 1.2);
        volts[100] = f32::INFINITY;
        assert!(Measurement::new(&volts, 400e3, &mask).unwrap_err().contains("sample 100 is inf"));
    }

    #[test]
    fn what_is_too_short_is_refused_with_the_time_needed() {
        let mask = Mask::named("en50065-1-a").unwrap();
        let error = Measurement::new(&[0.0; 4_000], 400e3, &mask).unwrap_err();
        assert!(error.contains("0.010 s") && error.contains("1 s or more"), "{error}");
    }
}

//! A recording of noise with the phase of the mains at every sample.

use super::error::NoiseError;
use super::track::Track;
use crate::record::wav::volts_per_unit;
use crate::wav::Wav;
use std::path::Path;

/// Periods of the mains that a recording must have.
pub const LEAST_TURNS: f64 = 10.0;

/// Samples in volts, and the phase of the mains.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The samples, in volts.
    pub samples: Vec<f32>,
    /// Samples per second.
    pub rate_hz: f64,
    /// Phase of the mains.
    pub track: Track,
    /// Whether the phase comes from a channel with the mains voltage, so that its origin is known.
    pub phase_known: bool,
}

impl Recording {
    /// Reads a WAV file: noise in its first channel and, if there is one, the mains voltage in its second. Without that
    /// the phase comes from the noise. A sample of 1.0 is what the file says, as those of `channel-sim record` do, or
    /// else `volts`, or else 1 V.
    pub fn read(path: &Path, nominal_hz: f64, volts: Option<f32>) -> Result<Self, NoiseError> {
        let problem = |problem: String| NoiseError::File { path: path.into(), problem };
        let octets = std::fs::read(path)
            .map_err(|error| problem(format!("{error}; give a WAV file that can be read")))?;
        let Wav { rate_hz, mut channels, comment, missing_octets } =
            Wav::parse(&octets).map_err(|error| problem(error.to_string()))?;
        if missing_octets > 0 {
            return Err(problem(format!(
                "it was cut: its header counts {missing_octets} octets of samples that are not there; give the whole file, or one that \
                 counts what it has"
            )));
        }
        let own = volts_per_unit(comment.as_deref().unwrap_or_default());
        let volts = match (own.map_err(|error| problem(error.to_string()))?, volts) {
            (Some(own), Some(volts)) => {
                return Err(problem(format!(
                    "it says itself that 1.0 is {own} V; leave out volts of {volts}"
                )));
            }
            (Some(own), None) => own as f32,
            (None, volts) => volts.unwrap_or(1.0),
        };
        channels.iter_mut().take(1).flatten().for_each(|sample| *sample *= volts);
        for channel in &channels {
            if let Some(at) = channel.iter().position(|sample| !sample.is_finite()) {
                return Err(problem(format!("sample {at} is {}, no number to play", channel[at])));
            }
        }
        let rate_hz = f64::from(rate_hz);
        let mut channels = channels.into_iter();
        let samples = channels.next().unwrap_or_default();
        let voltage = channels.next();
        let turns = samples.len() as f64 / rate_hz.max(1.0) * nominal_hz;
        if turns < LEAST_TURNS {
            return Err(problem(format!(
                "it lasts {turns:.1} periods of the mains; record at least {LEAST_TURNS} of them"
            )));
        }
        let track = match &voltage {
            Some(voltage) => Track::of_voltage(voltage, rate_hz, nominal_hz),
            None => Track::of_noise(&samples, rate_hz, nominal_hz),
        };
        let track = track.map_err(|reason| {
            problem(format!("{reason}; if the mains have another frequency than {nominal_hz} Hz, say so"))
        })?;
        Ok(Self { samples, rate_hz, track, phase_known: voltage.is_some() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_that_is_no_number_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broken.wav");
        let mut noise = vec![0.5; 20_000];
        noise[17] = f32::NAN;
        let mut octets = Vec::new();
        Wav { rate_hz: 48_000, channels: vec![noise], comment: None, missing_octets: 0 }
            .write(&mut octets)
            .unwrap();
        std::fs::write(&path, octets).unwrap();
        let refused = Recording::read(&path, 50.0, None).unwrap_err().to_string();
        assert!(refused.ends_with("broken.wav: sample 17 is NaN, no number to play"), "{refused}");
    }
    #[test]
    fn volts_are_those_that_the_file_says_or_those_given() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tone.wav");
        // Twice a period of the mains, so that it has a phase.
        let tone: Vec<f32> = (0..200_000).map(|n| (n as f32 * 0.001_570_796_4).sin().powi(8)).collect();
        let peak = |comment: Option<&str>, volts: Option<f32>| {
            let mut octets = Vec::new();
            let comment = comment.map(str::to_owned);
            Wav { rate_hz: 100_000, channels: vec![tone.clone()], comment, missing_octets: 0 }
                .write(&mut octets)
                .unwrap();
            std::fs::write(&path, octets).unwrap();
            Recording::read(&path, 50.0, volts).map(|found| found.samples.into_iter().fold(0.0, f32::max))
        };
        let near = |found: Result<f32, NoiseError>, volts: f32| (found.unwrap() - volts).abs() < 1e-3 * volts;
        assert!(near(peak(None, None), 1.0) && near(peak(None, Some(3.0)), 3.0));
        assert!(near(peak(Some("busbar: volts_per_unit=2.5; point=x"), None), 2.5));
        assert!(near(peak(Some("of another program: volts_per_unit=2.5"), None), 1.0));
        let both = peak(Some("busbar: volts_per_unit=2.5"), Some(3.0)).unwrap_err().to_string();
        assert!(both.contains("tone.wav") && both.contains("2.5 V") && both.contains('3'), "{both}");
        let wrong = peak(Some("busbar: volts_per_unit=-1"), None).unwrap_err().to_string();
        assert!(wrong.contains("tone.wav") && wrong.contains("volts_per_unit=-1"), "{wrong}");
        for beyond in ["1e39", "1e-60", "1e7", "0", "NaN"] {
            let comment = format!("busbar: volts_per_unit={beyond}");
            let told = peak(Some(&comment), None).unwrap_err().to_string();
            assert!(told.contains(beyond) && told.contains("1e-9 to 1e6"), "{told}");
        }
        assert!(near(peak(Some("busbar: volts_per_unit=1e6"), None), 1e6));
    }
    #[test]
    fn a_sample_that_overflows_in_volts_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loud.wav");
        let mut noise = vec![0.5; 20_000];
        noise[3] = 1e35;
        let mut octets = Vec::new();
        Wav { rate_hz: 48_000, channels: vec![noise], comment: None, missing_octets: 0 }
            .write(&mut octets)
            .unwrap();
        std::fs::write(&path, octets).unwrap();
        let refused = Recording::read(&path, 50.0, Some(1e6)).unwrap_err().to_string();
        assert!(refused.ends_with("loud.wav: sample 3 is inf, no number to play"), "{refused}");
    }
}

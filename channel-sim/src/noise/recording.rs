//! A recording of noise with the phase of the mains at every sample.

use super::error::NoiseError;
use super::track::Track;
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
    /// Reads a WAV file: noise in its first channel, of `volts` at full scale, and, if there is one, the mains voltage in
    /// its second. Without that the phase comes from the noise.
    pub fn read(path: &Path, nominal_hz: f64, volts: f32) -> Result<Self, NoiseError> {
        let problem = |problem: String| NoiseError::File { path: path.into(), problem };
        let octets = std::fs::read(path)
            .map_err(|error| problem(format!("{error}; give a WAV file that can be read")))?;
        let Wav { rate_hz, channels, .. } =
            Wav::parse(&octets).map_err(|error| problem(error.to_string()))?;
        for channel in &channels {
            if let Some(at) = channel.iter().position(|sample| !sample.is_finite()) {
                return Err(problem(format!("sample {at} is {}, no number to play", channel[at])));
            }
        }
        let rate_hz = f64::from(rate_hz);
        let mut channels = channels.into_iter();
        let mut samples = channels.next().unwrap_or_default();
        let voltage = channels.next();
        let turns = samples.len() as f64 / rate_hz.max(1.0) * nominal_hz;
        if turns < LEAST_TURNS {
            return Err(problem(format!(
                "it lasts {turns:.1} periods of the mains; record at least {LEAST_TURNS} of them"
            )));
        }
        for sample in &mut samples {
            *sample *= volts;
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
        Wav { rate_hz: 48_000, channels: vec![noise], comment: None }.write(&mut octets).unwrap();
        std::fs::write(&path, octets).unwrap();
        let refused = Recording::read(&path, 50.0, 1.0).unwrap_err().to_string();
        assert!(refused.ends_with("broken.wav: sample 17 is NaN, no number to play"), "{refused}");
    }
}

//! What a recording of samples says of itself, whatever the file's format.

use crate::noise::Mains;
pub use crate::wav::SampleFormat;
use jiff::Timestamp;

/// What a sample of 1.0 can be, in volts: beyond it samples would be infinite or vanish.
pub(crate) const VOLTS_PER_UNIT: [f64; 2] = [1e-9, 1e6];

/// Whether a sample of 1.0 can be so many volts.
pub(super) fn is_volts_per_unit(volts: f64) -> bool {
    let [least, most] = VOLTS_PER_UNIT;
    (least..=most).contains(&volts)
}

/// A recording's description.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// Nominal sample rate of the modem whose port this is.
    pub sample_rate_hz: f64,
    /// Volts for a sample of 1.0; integers count their full scale as 1.0.
    pub volts_per_unit: f64,
    /// Whether the recording says so itself.
    pub calibrated: bool,
    /// When the first sample was taken, in the line's virtual time.
    pub start: Option<Timestamp>,
    /// Where: a modem's name.
    pub point: Option<String>,
    /// Mean frequency of the mains.
    pub mains_hz: Option<f64>,
    /// Phase of L1 at the first sample, in turns from 0 to 1; 0 is a zero crossing from below.
    pub mains_turns: Option<f64>,
    /// The mains' frequency swings by plus and minus this ...
    pub mains_wander_hz: Option<f64>,
    /// ... within this period ...
    pub mains_wander_period_s: Option<f64>,
    /// ... which began this long before the first sample.
    pub line_s: Option<f64>,
    /// How far the point's phase is ahead of L1, in turns.
    pub phase_turns: Option<f64>,
    /// How fast the modem's sample clock is, in parts per million.
    pub clock_ppm: Option<f64>,
    /// Index of the first sample on the modem's own clock.
    pub first_sample: Option<u64>,
}

impl About {
    /// What is known of samples of which only the rate is known.
    pub const fn of_rate(sample_rate_hz: f64) -> Self {
        Self {
            sample_rate_hz,
            volts_per_unit: 1.0,
            calibrated: false,
            start: None,
            point: None,
            mains_hz: None,
            mains_turns: None,
            mains_wander_hz: None,
            mains_wander_period_s: None,
            line_s: None,
            phase_turns: None,
            clock_ppm: None,
            first_sample: None,
        }
    }

    /// Seconds of the line's time, which no clock drifts from, between two of the modem's samples.
    pub fn line_seconds(&self, samples: u64, rate_hz: f64) -> f64 {
        samples as f64 / rate_hz / (1.0 + 1e-6 * self.clock_ppm.unwrap_or(0.0))
    }

    /// Phase of L1 that many seconds of the line's time after the first sample, in turns from 0 to 1: with the mains'
    /// wander where it is known.
    pub fn mains_at(&self, seconds: f64) -> Option<f64> {
        let (turns, hz) = (self.mains_turns?, self.mains_hz?);
        let mut passed = hz * seconds;
        if let (Some(wander_hz), Some(wander_period_s), Some(from)) =
            (self.mains_wander_hz, self.mains_wander_period_s, self.line_s)
            && wander_period_s > 0.0
        {
            let mains = Mains { hz, wander_hz, wander_period_s };
            passed = mains.turns(from + seconds) - mains.turns(from);
        }
        Some((turns + passed).rem_euclid(1.0))
    }
}

/// Samples with their description.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The description.
    pub about: About,
    /// Samples in volts.
    pub volts: Vec<f32>,
    /// What the file says it has and has not: it was cut.
    pub cut: Option<String>,
}

impl Recording {
    /// Seconds that it lasts.
    pub fn seconds(&self) -> f64 {
        self.volts.len() as f64 / self.about.sample_rate_hz
    }
}

/// Turns volts into a file's octets, and counts what is beyond full scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoder {
    pub(super) format: SampleFormat,
    pub(super) volts_per_unit: f64,
    pub(super) clipped: u64,
}

impl Encoder {
    pub(super) fn encode(&mut self, volts: &[f32], octets: &mut Vec<u8>) {
        let scale = 1.0 / self.volts_per_unit as f32;
        for &volt in volts {
            let unit = volt * scale;
            match self.format {
                SampleFormat::F32 => octets.extend(unit.to_le_bytes()),
                SampleFormat::I16 => {
                    let value = (unit * 32_768.0).round();
                    self.clipped += u64::from(!(-32_768.0..=32_767.0).contains(&value));
                    // `as` saturates.
                    octets.extend((value as i16).to_le_bytes());
                }
            }
        }
    }
}

#[cfg(test)]
impl About {
    /// With every figure that a recording may have.
    pub(super) fn described() -> Self {
        Self {
            volts_per_unit: 2.5,
            calibrated: true,
            start: Some("2026-01-15T17:00:00.25Z".parse().unwrap()),
            point: Some("meter \"3\"".to_string()),
            mains_hz: Some(50.0),
            mains_turns: Some(0.625),
            mains_wander_hz: Some(0.05),
            mains_wander_period_s: Some(60.0),
            line_s: Some(17.25),
            phase_turns: Some(-1.0 / 3.0),
            clock_ppm: Some(-12.5),
            first_sample: Some(12_345),
            ..Self::of_rate(400_000.0)
        }
    }
}

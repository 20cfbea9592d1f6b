//! A campaign's results as a table for people, CSV and JSON.

use super::{Campaign, Crossing, Point};
use g3_phy::Modulation;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// What a campaign leaves behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// What was asked for.
    pub campaign: Campaign,
    /// The points.
    pub points: Vec<Point>,
    /// Where one frame in ten is lost.
    pub crossings: Vec<Crossing>,
}

/// Name of a modulation as commands and files spell it.
pub fn name(modulation: Modulation) -> &'static str {
    match modulation {
        Modulation::Robust => "robust",
        Modulation::Dbpsk => "dbpsk",
        Modulation::Dqpsk => "dqpsk",
        Modulation::D8psk => "d8psk",
    }
}

/// A modulation by its name.
pub fn modulation(name: &str) -> Result<Modulation, String> {
    match name.to_lowercase().as_str() {
        "robust" => Ok(Modulation::Robust),
        "dbpsk" => Ok(Modulation::Dbpsk),
        "dqpsk" => Ok(Modulation::Dqpsk),
        "d8psk" => Ok(Modulation::D8psk),
        _ => Err(format!("unknown modulation {name:?}; use robust, dbpsk, dqpsk or d8psk")),
    }
}

impl Results {
    /// Comma-separated values with a header line.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([
            "modulation",
            "snr_db",
            "psdu_octets",
            "frames",
            "lost",
            "fer",
            "fer_low_95",
            "fer_high_95",
            "unheard",
            "header_failed",
            "payload_failed",
            "seed",
            "ppm",
        ])?;
        for point in &self.points {
            let outcome = &point.outcome;
            writer.write_record([
                name(point.modulation).to_string(),
                format!("{:.3}", point.snr_db),
                point.psdu_octets.to_string(),
                outcome.frames.to_string(),
                outcome.lost().to_string(),
                format!("{:.6}", point.fer.value),
                format!("{:.6}", point.fer.low),
                format!("{:.6}", point.fer.high),
                outcome.unheard.to_string(),
                outcome.header_failed.to_string(),
                outcome.payload_failed.to_string(),
                self.campaign.seed.to_string(),
                self.campaign.ppm.to_string(),
            ])?;
        }
        writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
    }

    /// Points and crossings for people.
    pub fn table(&self) -> String {
        let mut text = String::from("mode    Es/N0 dB  frames    lost     FER   95 % interval\n");
        // Writing to a string cannot fail.
        for point in &self.points {
            let fer = point.fer;
            let _ = writeln!(
                text,
                "{:7} {:8.2} {:7} {:7}  {:.4}  {:.4} to {:.4}",
                name(point.modulation),
                point.snr_db,
                point.outcome.frames,
                point.outcome.lost(),
                fer.value,
                fer.low,
                fer.high
            );
        }
        for crossing in &self.crossings {
            let _ = match crossing.snr_db {
                Some(at) => writeln!(
                    text,
                    "{}: {:.0} % of frames lost at {:.2} dB ({:.2} to {:.2}); the digest's ideal receiver: {:.2} dB",
                    name(crossing.modulation),
                    crossing.fer * 100.0,
                    at.value,
                    at.low,
                    at.high,
                    crossing.reference_db
                ),
                None => writeln!(
                    text,
                    "{}: no two points lie around {:.0} % of frames lost; widen --snr",
                    name(crossing.modulation),
                    crossing.fer * 100.0
                ),
            };
        }
        text
    }
}

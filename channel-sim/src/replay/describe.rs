//! Frames in a few words.

use super::sniffer::{Heard, What};
use g3_phy::Modulation;
use g3_phy::primitives::DataHeader;

/// Name of a modulation as the commands spell it.
pub fn modulation(modulation: Modulation) -> &'static str {
    match modulation {
        Modulation::Robust => "Robust",
        Modulation::Dbpsk => "DBPSK",
        Modulation::Dqpsk => "DQPSK",
        Modulation::D8psk => "D8PSK",
        Modulation::RobustCoherent => "coherent Robust",
        Modulation::Bpsk => "BPSK",
        Modulation::Qpsk => "QPSK",
        Modulation::Psk8 => "8PSK",
        Modulation::Qam16 => "16-QAM",
    }
}

/// The modulation of a name.
///
/// # Errors
/// A sentence with the names there are.
pub fn modulation_named(text: &str) -> Result<Modulation, String> {
    Modulation::ALL
        .into_iter()
        .find(|&known| modulation(known).eq_ignore_ascii_case(text))
        .ok_or_else(|| format!("{text:?} is no modulation; use robust, dbpsk, dqpsk or d8psk"))
}

/// What a frame was: `data DQPSK`, `ACK`, `header failed` and so on.
pub fn label(frame: &Heard) -> String {
    match &frame.what {
        What::Data(data) => format!("data {}", modulation(data.header.modulation)),
        What::Ack { ack, .. } => (if ack.positive { "ACK" } else { "NACK" }).to_string(),
        What::Lost => "preamble lost".to_string(),
        What::HeaderFailed => "header failed".to_string(),
        What::PayloadFailed(header) => format!("payload failed, {}", modulation(header.modulation)),
        What::CutShort(_) => "cut short".to_string(),
    }
}

/// What is known of a frame beyond its octets, in one line.
pub fn comment(frame: &Heard) -> String {
    let header = |header: &DataHeader| {
        format!(
            "{}, tone map {:#x}, {} payload symbols{}",
            modulation(header.modulation),
            header.tone_map.0,
            header.payload_symbols,
            if header.response_expected { ", wants an acknowledgement" } else { "" }
        )
    };
    match &frame.what {
        What::Data(data) => format!(
            "{}, LQI {} ({:.1} dB), {} octets corrected",
            header(&data.header),
            data.lqi,
            lqi_db(data.lqi),
            data.corrected_octets
        ),
        What::Ack { ack, lqi } => format!(
            "{} of the frame with FCS {:#06x}{}, LQI {lqi} ({:.1} dB)",
            if ack.positive { "ACK" } else { "NACK" },
            ack.fcs,
            if ack.more_segments { ", more segments expected" } else { "" },
            lqi_db(*lqi)
        ),
        What::Lost => "seemed a preamble; no change of sign followed".to_string(),
        What::HeaderFailed => "a preamble, but the checksum of the frame control header is wrong".to_string(),
        What::PayloadFailed(found) => {
            format!("{}; the Reed-Solomon word has more errors than can be corrected", header(found))
        }
        What::CutShort(None) => "the samples end before the header does".to_string(),
        What::CutShort(Some(found)) => format!("{}; the samples end before the frame does", header(found)),
    }
}

/// Signal to noise in dB that an LQI stands for (digest 10.1).
pub fn lqi_db(lqi: u8) -> f64 {
    f64::from(lqi) / 4.0 - 10.0
}

/// Octets as hexadecimal digits.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

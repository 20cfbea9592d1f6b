//! Recordings explained: frames found in samples, and what stands in them, layer by layer.
//!
//! | module | what it holds |
//! |---|---|
//! | [`report`] | a recording's frames, each explained |
//! | [`sniffer`] | a receiver that tells of every preamble |
//! | [`constellation`] | the points a receiver decides on |
//! | [`metric`] | how like a preamble the line is |
//! | [`mac`], [`network`] | what stands in a PSDU |
//! | [`prime`] | the same for PRIME, up to the MPDU |
//! | [`resample`] | other sample rates |
//! | [`plot`], [`prime_plot`] | pictures |
//!
//! See `docs/recordings.md`.

pub mod constellation;
pub mod describe;
pub mod mac;
pub mod metric;
pub mod network;
pub mod plot;
pub mod prime;
pub mod prime_plot;
pub mod report;
pub mod resample;
pub mod sniffer;

use crate::record::about::Recording;
use crate::record::{RecordError, sigmf, wav};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads a recording: WAV where the name ends so or the file begins so, else SigMF. A sample that is no number, and none at
/// all, are refused.
pub fn load(path: &Path) -> Result<Recording, RecordError> {
    let first: Vec<u8> = File::open(path)
        .and_then(|file| {
            let mut octets = Vec::new();
            file.take(4).read_to_end(&mut octets)?;
            Ok(octets)
        })
        .unwrap_or_default();
    if first == PCAPNG {
        let problem = "a capture of frames (pcapng); samples are needed: SigMF or WAV";
        return Err(RecordError::content(path, problem));
    }
    let is_wav = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("wav")) || first == *b"RIFF";
    let recording = if is_wav { wav::read(path)? } else { sigmf::read(path)?.0 };
    if recording.volts.is_empty() {
        return Err(RecordError::content(path, "it holds no sample; give one that was recorded to its end"));
    }
    match recording.volts.iter().position(|volt| !volt.is_finite()) {
        Some(at) => {
            let problem = format!("sample {at} is {}: nothing can be measured with it", recording.volts[at]);
            Err(RecordError::content(path, problem))
        }
        None => Ok(recording),
    }
}

/// What a pcapng file begins with.
const PCAPNG: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];

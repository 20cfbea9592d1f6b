//! Recordings explained: frames found in samples, and what stands in them, layer by layer.
//!
//! | module | what it holds |
//! |---|---|
//! | [`report`] | a recording's frames, each explained |
//! | [`sniffer`] | a receiver that tells of every preamble |
//! | [`constellation`] | the points a receiver decides on |
//! | [`mac`], [`network`] | what stands in a PSDU |
//! | [`prime`] | the same for PRIME, up to the MPDU |
//! | [`resample`] | other sample rates |
//! | [`plot`] | pictures |
//!
//! See `docs/recordings.md`.

pub mod constellation;
pub mod describe;
pub mod mac;
pub mod network;
pub mod plot;
pub mod prime;
pub mod report;
pub mod resample;
pub mod sniffer;

use crate::record::about::Recording;
use crate::record::{RecordError, sigmf, wav};
use std::path::Path;

/// Reads a recording: WAV where the name ends so, else SigMF.
pub fn load(path: &Path) -> Result<Recording, RecordError> {
    let is_wav = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("wav"));
    if is_wav { wav::read(path) } else { Ok(sigmf::read(path)?.0) }
}

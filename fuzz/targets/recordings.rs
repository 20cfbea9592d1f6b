//! Recordings from files: WAV, and SigMF whose metadata are what comes before the first NUL.
#![no_main]

use channel_sim::record::{sigmf, wav};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    if let Ok(recording) = wav::parse(octets) {
        assert!(recording.volts.len() <= octets.len());
    }
    let at = octets.iter().position(|octet| *octet == 0).unwrap_or(octets.len());
    let (meta, data) = octets.split_at(at);
    if let Ok(meta) = std::str::from_utf8(meta)
        && let Err(error) = sigmf::parse(meta, data.get(1..).unwrap_or_default())
    {
        assert!(!error.is_empty());
    }
});

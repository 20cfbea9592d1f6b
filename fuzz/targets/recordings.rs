//! What instruments read from files: WAV and its replay, SigMF whose metadata are what comes before the first NUL, and
//! masks of limits.
#![no_main]

use channel_sim::record::about::Recording;
use channel_sim::record::{sigmf, wav};
use channel_sim::regulatory::mask::Mask;
use channel_sim::replay::report::{Settings, replay};
use g3_phy::options::Options;
use g3_phy::{BandPlan, ReceiverOptions, ToneMask};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    if let Ok(recording) = wav::parse(octets) {
        assert!(recording.volts.len() <= octets.len());
        replayed(recording);
    }
    let at = octets.iter().position(|octet| *octet == 0).unwrap_or(octets.len());
    let (meta, data) = octets.split_at(at);
    if let Ok(meta) = std::str::from_utf8(meta)
        && let Err(error) = sigmf::parse(meta, data.get(1..).unwrap_or_default())
    {
        assert!(!error.is_empty());
    }
    if let Ok(text) = std::str::from_utf8(octets)
        && let Err(error) = Mask::parse(text)
    {
        assert!(!error.is_empty());
    }
});

/// Whatever its sample rate says, a short recording is explained or refused at once.
fn replayed(recording: Recording) {
    let settings = Settings {
        plan: BandPlan::CENELEC_A,
        mask: ToneMask::ALL,
        options: Options::default(),
        receiver: ReceiverOptions::STANDARD,
        key: None,
    };
    match replay(recording, &settings) {
        Ok(found) => assert!(found.frames.len() <= found.volts.len()),
        Err(error) => assert!(!error.is_empty()),
    }
}

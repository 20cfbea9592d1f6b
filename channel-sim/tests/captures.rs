//! The recordings in `captures/` say today what they said when they were made.

#![allow(clippy::unwrap_used, reason = "a test")]

use channel_sim::replay::load;
use channel_sim::replay::report::{Settings, replay};
use channel_sim::scenario::Scenario;
use g3_mac::security::Gmk;
use g3_phy::options::Options;
use g3_phy::{BandPlan, ToneMask};
use std::path::PathBuf;

fn capture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../captures").join(name)
}

#[test]
fn the_villages_clock_is_asked_for_and_answered() {
    let recording = load(&capture("village-clock.sigmf-meta")).unwrap();
    assert_eq!(recording.about.sample_rate_hz, 400_000.0);
    assert!(recording.about.start.unwrap().to_string().starts_with("2026-01-15T17:00:00.2"));
    let key = Gmk(Scenario::village(1).group_master_key());
    let settings = Settings {
        plan: BandPlan::CENELEC_A,
        mask: ToneMask::ALL,
        options: Options::default(),
        key: Some(key),
    };
    let found = replay(recording, &settings).unwrap();
    let kinds: Vec<&str> = found.frames.iter().map(|frame| frame.kind.as_str()).collect();
    assert_eq!(kinds, EXPECTED_KINDS);
    let apdus: Vec<String> = found
        .frames
        .iter()
        .filter_map(|frame| Some(frame.mac.as_ref()?.network.as_ref()?.dlms.as_ref()?.apdu.clone()))
        .collect();
    assert_eq!(apdus, ["AARQ", "AARE"]);
    assert!(found.frames.iter().all(|frame| frame.is_understood()));
}

const EXPECTED_KINDS: [&str; 4] = ["data DQPSK", "ACK", "data Robust", "ACK"];

#[test]
fn captures_stay_small() {
    let sizes = std::fs::read_dir(capture("")).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
    let total: u64 = sizes.sum();
    assert!(total < 300_000, "{total} octets");
}

//! The recordings in `captures/` say today what they said when they were made.

#![allow(clippy::unwrap_used, reason = "a test")]

use channel_sim::replay::report::{Settings, replay};
use channel_sim::replay::{load, prime};
use channel_sim::scenario::Scenario;
use g3_mac::security::Gmk;
use g3_phy::options::Options;
use g3_phy::{BandPlan, ReceiverOptions, ToneMask};
use std::path::PathBuf;

fn capture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../captures").join(name)
}

#[test]
fn the_villages_clock_is_asked_for_and_answered() {
    let recording = load(&capture("village-clock.sigmf-meta")).unwrap();
    assert_eq!(recording.cut, None);
    assert_eq!(recording.about.sample_rate_hz, 400_000.0);
    assert!(recording.about.start.unwrap().to_string().starts_with("2026-01-15T17:00:00.2"));
    let key = Gmk(Scenario::village(1).group_master_key());
    let settings = Settings {
        plan: BandPlan::CENELEC_A,
        mask: ToneMask::ALL,
        options: Options::default(),
        receiver: ReceiverOptions::STANDARD,
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

/// Name and octets of the MAC frames that were recorded from real equipment.
fn recorded() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(capture("prime-v13-frames.txt")).unwrap();
    let rows = text.lines().filter(|row| !row.starts_with('#'));
    rows.map(|row| row.split_once(' ').map(|(name, hex)| (name.into(), hex.to_lowercase())).unwrap())
        .collect()
}

#[test]
fn the_recorded_frames_of_prime_come_out_octet_for_octet_with_every_receiver() {
    let expected = recorded();
    assert_eq!(expected.len(), 23);
    let path = capture("prime-v13-frames.sigmf-meta");
    for name in ["standard", "coherent", "best"] {
        let receiver = prime_phy::ReceiverOptions::named(name).unwrap();
        let settings = prime::Settings { receiver, ..prime::Settings::default() };
        let frames = prime::replay(load(&path).unwrap(), &settings).unwrap().frames;
        let octets: Vec<_> = frames.iter().map(|frame| frame.mpdu.clone().unwrap_or_default()).collect();
        assert_eq!(octets, expected.iter().map(|(_, hex)| hex.clone()).collect::<Vec<_>>(), "{name}");
        for frame in &frames {
            let kind = (frame.kind, frame.frame_type.as_deref(), frame.scheme.as_deref());
            assert_eq!(kind, ("data", Some("A"), Some("DbpskC")));
            assert!(frame.quality == Some(7), "{frame:?}");
        }
        // Symbols that the sniffer counted for these lengths (digest 10.2).
        for (octets, symbols) in [(21, 3), (25, 4), (33, 5)] {
            let of_length = frames.iter().filter(|frame| frame.mpdu.as_ref().unwrap().len() == 2 * octets);
            assert!(
                of_length.clone().count() > 0
                    && of_length.clone().all(|frame| frame.symbols == Some(symbols))
            );
        }
    }
    // The annotations say where each is.
    let (recording, annotations) = channel_sim::record::sigmf::read(&path).unwrap();
    let named: Vec<_> = annotations.iter().map(|of| (of.label.clone(), of.comment.to_lowercase())).collect();
    assert_eq!(named, expected);
    let frames = prime::replay(recording, &prime::Settings::default()).unwrap().frames;
    for (frame, annotation) in frames.iter().zip(&annotations) {
        assert!((frame.start_s - annotation.sample_start as f64 / 250e3).abs() < 20e-6);
    }
}

#[test]
fn captures_stay_small() {
    let sizes: Vec<u64> = std::fs::read_dir(capture(""))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .collect();
    let total: u64 = sizes.iter().sum();
    assert!(sizes.iter().all(|&size| size < 300_000) && total < 1_000_000, "{total} octets");
}

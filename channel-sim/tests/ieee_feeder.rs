//! The IEEE European low-voltage feeder, where `../shared/data` holds it.
#![allow(clippy::print_stderr, reason = "a test that cannot run says so")]

use channel_sim::feeder::opendss;
use std::path::PathBuf;

/// Path of the feeder, or a clear word that the test could not run.
fn master() -> Option<PathBuf> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/ieee-eu-lv-feeder/Master.dss");
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there; this test needs the IEEE feeder's files", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn the_feeder_is_read_whole() {
    let Some(path) = master() else { return };
    let reading = opendss::read(&path).unwrap();
    let feeder = &reading.feeder;
    assert_eq!((feeder.line_count, feeder.buses.len()), (905, 906));
    assert_eq!(feeder.loads.len(), 55);
    assert_eq!(feeder.loads_per_phase(), [21, 19, 15]);
    assert_eq!(feeder.line_codes.len(), 10);
    assert_eq!(feeder.shapes.len(), 55);
    assert_eq!(feeder.sections.len(), 205, "the digest's count (channel.md 3.9)");
    let total: f64 = feeder.sections.iter().map(|section| section.length_m).sum();
    assert!((1_400.0..1_460.0).contains(&total), "{total} m of line");
    assert_eq!(feeder.transformer.kva, 800.0);
    assert!(feeder.buses.iter().all(|bus| bus.position.is_some()));
    let unused: Vec<String> = reading.report.unused.iter().map(ToString::to_string).collect();
    assert_eq!(unused.len(), 6, "{unused:#?}");
    assert!(unused.contains(&"Master.dss:13: Redirect Monitors.txt: no such file".to_string()));
    assert!(unused.contains(&"Master.dss:22: solve: statement not used".to_string()));
}

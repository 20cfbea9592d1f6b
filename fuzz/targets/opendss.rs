//! The OpenDSS reader: any files are a feeder or an error that names the place.
#![no_main]

use channel_sim::feeder::{Memory, ReadOptions, parse};
use libfuzzer_sys::fuzz_target;

/// Divides the input into files `main.dss`, `1.dss`, `2.csv` ...
const SEPARATOR: &[u8] = b"\n===\n";
const NAMES: [&str; 4] = ["main.dss", "1.dss", "2.csv", "3.txt"];

fuzz_target!(|octets: &[u8]| {
    let mut files = Memory::default();
    let mut rest = octets;
    for name in NAMES {
        let end = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
        files = files.with(name, &rest[..end.unwrap_or(rest.len())]);
        let Some(end) = end else { break };
        rest = &rest[end + SEPARATOR.len()..];
    }
    match parse(&files, NAMES[0], &ReadOptions::default()) {
        Ok(reading) => {
            let feeder = reading.feeder;
            assert!(feeder.busbar < feeder.buses.len() && !feeder.loads.is_empty());
            for unused in &reading.report.unused {
                assert!(!unused.to_string().is_empty());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

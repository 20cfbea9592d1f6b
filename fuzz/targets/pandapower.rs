//! The pandapower reader: any text is a feeder or an error that names the place.
#![no_main]

use channel_sim::feeder::{Memory, ReadOptions, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let files = Memory::default().with("main.json", octets);
    match parse(&files, "main.json", &ReadOptions::default()) {
        Ok(reading) => {
            let feeder = reading.feeder;
            assert!(feeder.busbar < feeder.buses.len() && !feeder.loads.is_empty());
            assert!(feeder.sections.iter().all(|section| section.length_m >= 0.0));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

//! The reader of our own feeders: any text is a feeder or an error that names the place.
#![no_main]

use channel_sim::feeder::{Memory, ReadOptions, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let files = Memory::default().with("main.toml", octets);
    match parse(&files, "main.toml", &ReadOptions::default()) {
        Ok(reading) => {
            let feeder = reading.feeder;
            assert!(feeder.busbar < feeder.buses.len() && !feeder.loads.is_empty());
            let appliances = feeder.loads.iter().flat_map(|load| &load.appliances);
            appliances.for_each(|appliance| assert!(appliance.fault().is_none()));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

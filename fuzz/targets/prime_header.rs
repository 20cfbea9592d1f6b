//! The PRIME header: any octets are a header or an error, and a header is written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prime_phy::header::Header;

fuzz_target!(|octets: &[u8]| {
    let Some(octets) = octets.first_chunk() else { return };
    if let Ok(header) = Header::parse(octets) {
        let again = header.emit().expect("what was read can be written");
        assert_eq!(Header::parse(&again), Ok(header));
    }
});

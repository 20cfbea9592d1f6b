//! The PRIME headers: any octets are a header of either type or an error, and a header is written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prime_phy::header::{HeaderA, HeaderB};
use prime_phy::options::Options;

fuzz_target!(|octets: &[u8]| {
    if let Some(Ok(header)) = octets.first_chunk().map(HeaderA::parse) {
        let again = header.emit().expect("what was read can be written");
        assert_eq!(HeaderA::parse(&again), Ok(header));
    }
    let polynomial = Options::default().crc12_polynomial;
    if let Some(Ok(header)) = octets.first_chunk().map(|octets| HeaderB::parse(octets, polynomial)) {
        let again = header.emit(polynomial).expect("what was read can be written");
        assert_eq!(HeaderB::parse(&again, polynomial), Ok(header));
    }
});

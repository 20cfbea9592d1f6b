//! The PRIME headers, on one channel or two: any octets are a header of either type or an error, and a header is written as it
//! was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prime_phy::header::{HeaderA, HeaderB};
use prime_phy::options::Options;

fuzz_target!(|octets: &[u8]| {
    let polynomial = Options::default().crc12_polynomial;
    for channels in [1, 2] {
        if let Some(Ok(header)) = octets.first_chunk().map(|octets| HeaderA::parse(octets, channels)) {
            let again = header.emit().expect("what was read can be written");
            assert_eq!(HeaderA::parse(&again, channels), Ok(header));
        }
        let robust = octets.first_chunk().map(|octets| HeaderB::parse(octets, channels, polynomial));
        if let Some(Ok(header)) = robust {
            let again = header.emit(polynomial).expect("what was read can be written");
            assert_eq!(HeaderB::parse(&again, channels, polynomial), Ok(header));
        }
    }
});

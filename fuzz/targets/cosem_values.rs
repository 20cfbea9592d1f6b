//! A-XDR values and the APDUs of associations: any octets are one or an error; what was read is written again.
#![no_main]

use cosem::acse::{Aare, Aarq, Release};
use cosem::client::results;
use cosem::xdlms::{InitiateRequest, InitiateResponse, ServiceException};
use cosem::{Data, Encoder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    if let Ok(data) = Data::parse(octets) {
        let mut room = vec![0; octets.len() + 64];
        let mut encoder = Encoder::new(&mut room);
        encoder.data(&data).expect("what was read can be written");
        let length = encoder.len();
        // Lengths may be written longer than needed; the value is the same.
        assert_eq!(format!("{:?}", Data::parse(&room[..length])), format!("{:?}", Ok::<_, ()>(data)));
    }
    if let Ok(results) = results(octets) {
        assert!(results.take(octets.len() + 1).count() <= octets.len());
    }
    let _ = Aarq::parse(octets);
    let _ = Aare::parse(octets);
    for tag in [cosem::acse::RLRQ, cosem::acse::RLRE] {
        let _ = Release::parse(octets, tag);
    }
    let _ = InitiateRequest::parse(octets);
    let _ = InitiateResponse::parse(octets);
    let _ = ServiceException::parse(octets);
});

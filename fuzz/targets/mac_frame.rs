//! MAC frames and tone map responses: any octets are one or an error, and it is written as it was read.
#![no_main]

use g3_mac::frame::{Frame, ToneMapResponse, check_fcs, fcs};
use g3_phy::BandPlan;
use g3_phy::primitives::Psdu;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let _ = check_fcs(octets);
    for plan in BandPlan::ALL {
        if let Ok(response) = ToneMapResponse::parse(octets, &plan) {
            let written = response.emit(&plan).expect("what was read can be written");
            assert_eq!(ToneMapResponse::parse(&written, &plan), Ok(response));
        }
    }
    let Ok(frame) = Frame::parse(octets) else { return };
    let mut psdu = Psdu::new();
    if frame.emit(0, &mut psdu).is_ok() {
        let (body, number) = check_fcs(&psdu).expect("the FCS just written is right");
        assert_eq!(number, fcs(body));
        assert_eq!(Frame::parse(body), Ok(frame));
    }
});

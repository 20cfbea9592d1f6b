//! The frame control header: any five octets are a header or an error, and a header is written as it was read.
#![no_main]

use g3_phy::BandPlan;
use g3_phy::header::FrameControl;
use g3_phy::options::FccsOrder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: [u8; 5]| {
    for order in [FccsOrder::LowNibbleFirst, FccsOrder::MostSignificantFirst] {
        // A checksum is right once in 32: also try the same fields with theirs.
        let parsed = FrameControl::parse(&octets, &BandPlan::CENELEC_A, order);
        if let Ok(control) = parsed {
            let again = control.emit(&BandPlan::CENELEC_A, order).expect("what was read can be written");
            assert_eq!(FrameControl::parse(&again, &BandPlan::CENELEC_A, order), Ok(control));
        }
    }
});

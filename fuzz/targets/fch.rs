//! The frame control header: any octets are a header of a band or an error, and a header is written as it was read.
#![no_main]

use g3_phy::BandPlan;
use g3_phy::header::FrameControl;
use g3_phy::options::FccsOrder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    for plan in &BandPlan::ALL {
        for order in [FccsOrder::LowNibbleFirst, FccsOrder::MostSignificantFirst] {
            if let Ok(control) = FrameControl::parse(octets, plan, order) {
                let again = control.emit(plan, order).expect("what was read can be written");
                assert_eq!(FrameControl::parse(&again, plan, order), Ok(control));
            }
        }
    }
});

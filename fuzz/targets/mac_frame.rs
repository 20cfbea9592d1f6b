//! MAC frames: any octets are a frame or an error, and a frame is written as it was read.
#![no_main]

use g3_mac::frame::{Frame, check_fcs, fcs};
use g3_phy::primitives::Psdu;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let _ = check_fcs(octets);
    let Ok(frame) = Frame::parse(octets) else { return };
    let mut psdu = Psdu::new();
    if frame.emit(0, &mut psdu).is_ok() {
        let (body, number) = check_fcs(&psdu).expect("the FCS just written is right");
        assert_eq!(number, fcs(body));
        assert_eq!(Frame::parse(body), Ok(frame));
    }
});

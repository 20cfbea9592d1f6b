//! The PHY port's messages: any stream is messages or an error; what was read is written again.
#![no_main]

use channel_sim::port::{ClientMessage, ServerMessage, read_frame, write_frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let mut stream = octets;
    while let Ok(message) = read_frame::<ClientMessage>(&mut stream) {
        let mut again = Vec::new();
        write_frame(&mut again, &message).expect("what was read can be written");
        let back = read_frame::<ClientMessage>(&mut again.as_slice()).expect("what was written can be read");
        assert_eq!(format!("{back:?}"), format!("{message:?}"));
    }
    let mut stream = octets;
    while let Ok(message) = read_frame::<ServerMessage>(&mut stream) {
        let mut again = Vec::new();
        write_frame(&mut again, &message).expect("what was read can be written");
        let back = read_frame::<ServerMessage>(&mut again.as_slice()).expect("what was written can be read");
        assert_eq!(format!("{back:?}"), format!("{message:?}"));
    }
});

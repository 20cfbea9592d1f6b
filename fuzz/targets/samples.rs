//! Messages of modems outside the line's process: any stream is messages or an error; what was read is written again.
#![no_main]

use channel_sim::port::samples::{MessageError, read_message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let mut stream = octets;
    loop {
        let before = stream;
        match read_message(&mut stream) {
            Ok(message) => {
                let again = message.octets();
                assert_eq!(before.get(..again.len()), Some(&again[..]));
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                if matches!(error, MessageError::Closed) {
                    assert!(before.is_empty());
                }
                return;
            }
        }
    }
});

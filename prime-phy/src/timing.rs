//! Airtimes (digest 2.2).

use crate::channel::{HEADER_SYMBOLS, PREAMBLE_SAMPLES, SYMBOL_SAMPLES};
use plc_core::time::{Duration, SampleClock};

/// Samples of a frame of Type A with this many payload symbols.
pub const fn frame_samples(payload_symbols: u8) -> u64 {
    (PREAMBLE_SAMPLES + (HEADER_SYMBOLS + payload_symbols as usize) * SYMBOL_SAMPLES) as u64
}

/// Airtime of a frame of Type A with this many payload symbols: 6.528 ms and 2.24 ms a symbol.
pub const fn frame_duration(payload_symbols: u8) -> Duration {
    SampleClock::KHZ_250.span(frame_samples(payload_symbols))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_three_symbols_lasts_what_the_sniffer_shows() {
        assert_eq!(frame_duration(3).as_micros(), 13_248);
        assert_eq!(frame_duration(0).as_micros(), 6_528);
    }
}

//! Airtimes (digest 2.2).

use crate::FrameType;
use crate::channel::SYMBOL_SAMPLES;
use plc_core::time::{Duration, SampleClock};

/// Samples at 250 kHz of a frame with this many payload symbols.
pub const fn frame_samples(frame_type: FrameType, payload_symbols: u8) -> usize {
    frame_type.head_samples() + payload_symbols as usize * SYMBOL_SAMPLES
}

/// Airtime of a frame with this many payload symbols: 6.528 ms (Type A), 17.152 ms (B) or 23.68 ms (BC), and 2.24 ms a
/// symbol.
pub const fn frame_duration(frame_type: FrameType, payload_symbols: u8) -> Duration {
    SampleClock::KHZ_250.span(frame_samples(frame_type, payload_symbols) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_last_what_sniffers_show() {
        // Digest 2.2.
        for (frame_type, symbols, micros) in [
            (FrameType::A, 0, 6_528),
            (FrameType::A, 3, 13_248),
            (FrameType::B, 0, 17_152),
            (FrameType::B, 12, 44_032),
            (FrameType::B, 16, 52_992),
            (FrameType::B, 20, 61_952),
            (FrameType::Bc, 0, 23_680),
        ] {
            assert_eq!(frame_duration(frame_type, symbols).as_micros(), micros, "{frame_type:?} {symbols}");
        }
    }
}

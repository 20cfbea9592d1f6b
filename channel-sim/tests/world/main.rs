//! The world of the waveform fidelity, with modems that are PHYs alone, or tones.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test: figures for --nocapture, helpers may fail"
)]

mod frames;
mod kit;
mod line;

//! A regulatory meter: what a transmitter puts on an artificial mains network, weighted as CISPR 16 does, against limits.
//!
//! | module | what it holds |
//! |---|---|
//! | [`network`] | the artificial mains network |
//! | [`detector`] | peak, quasi-peak and average of an envelope |
//! | [`receiver`] | envelopes behind filters of 200 Hz and 9 kHz, at all frequencies at once |
//! | [`mask`] | limits: EN 50065-1 built in, others from TOML |
//! | [`verdict`] | levels against limits |
//! | [`waveform`] | what a transmitter sends |
//! | [`plot`] | levels and limits as a picture |
//!
//! See `docs/emission.md` for the formulas, their sources and what is not there.

pub mod detector;
pub mod mask;
pub mod network;
pub mod plot;
pub mod receiver;
pub mod verdict;
pub mod waveform;

//! The link fidelity's model of PRIME on channel 1, and its calibration by the waveform mode.
//!
//! It is G3's ([`super::calibrate`]) with what PRIME does otherwise: phases step from carrier to carrier, so a bit hangs on
//! the noise of two neighbours in one symbol; nothing is interleaved across symbols, so a frame is lost where any one
//! symbol (of a robust scheme: any four copies) is too bad, and what the others have to spare helps nothing; there are
//! schemes without a code; frames of Type A and B have preambles and headers of their own.
//!
//! | module | what it holds |
//! |---|---|
//! | [`stage`] | preambles, headers and payloads, by name |
//! | [`tape`] | noise as a receiver's windows meet it |
//! | [`worth`] | from signal and noise on the carriers to effective ratios, symbol by symbol |
//! | [`table`] | what each stage needs |
//! | [`model`] | the probability that a frame is lost |
//! | [`waveform`] | frames in samples |
//! | [`calibrate`], [`links`], [`proof`] | the table by the waveform mode, and the proof |

pub mod calibrate;
pub mod links;
pub mod model;
pub mod proof;
pub mod stage;
pub mod table;
pub mod tape;
pub mod waveform;
pub mod worth;

use prime_phy::Channel;

/// Sample rate of channel 1.
pub const RATE_HZ: f64 = 250_000.0;
/// Points of the receiver's transform.
pub const POINTS: usize = prime_phy::channel::FFT_SAMPLES;
/// Carriers of a channel.
pub const CARRIERS: usize = prime_phy::channel::CARRIERS;
/// Transform bin of the lowest.
pub const FIRST_BIN: usize = Channel::ONE.first_carrier as usize;

/// A figure for each carrier.
pub type Carriers<T> = [T; CARRIERS];

//! PRIME (ITU-T G.9904) physical layer, v1.3.6 and v1.4: OFDM transmitter and streaming receiver for frames of Types A, B
//! and BC in each of the eight channels.
//!
//! | module | what it holds |
//! |---|---|
//! | [`channel`] | numerology and channels as values |
//! | [`layout`] | MPDU octets to symbols and back |
//! | [`timing`] | airtimes |
//! | [`options`] | readings of the standard that are open, each with its default |
//! | [`FrameType`], [`Scheme`] | kinds of frames, payload schemes |
//! | [`header`] | the PHY headers |
//! | [`constellation`], [`interleaver`], [`encoder`] | bits to carrier phases |
//! | [`chirp`] | what preambles consist of |
//! | [`Transmitter`] | carrier phases to samples |
//! | [`Receiver`], [`MultiReceiver`] | samples to frames of one channel, or of several |
//! | [`phy`] | both behind the primitives |
//! | [`primitives`], [`pib`] | what the MAC asks and is told |
//!
//! "Digest" in comments is `spec/prime.md`, the project's summary of the standard. The crate has the shape of `g3-phy`;
//! the great difference is that PRIME's phases step from carrier to carrier, G3's from symbol to symbol.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod channel;
pub mod chirp;
mod coding;
pub mod constellation;
pub mod encoder;
mod frame_type;
pub mod header;
pub mod interleaver;
pub mod layout;
pub mod options;
pub mod phy;
pub mod pib;
pub mod primitives;
mod receiver;
mod scheme;
pub mod timing;
mod transmitter;

pub use channel::Channel;
pub use frame_type::FrameType;
pub use receiver::{
    ChannelReceiver, Detection, FrameWorkspace, Memory, MixedClocks, MultiReceiver, NoWorkspace, Optional,
    Receiver, ReceiverOptions, SymbolWeights,
};
pub use scheme::Scheme;
pub use transmitter::{TX_RMS, Transmitter};

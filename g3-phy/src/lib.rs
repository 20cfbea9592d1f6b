//! G3-PLC (ITU-T G.9903) physical layer: OFDM transmitter and streaming receiver.
//!
//! | module | what it holds |
//! |---|---|
//! | [`band`] | band plans as values: carriers, preamble phases, timing in symbols |
//! | [`tone`] | tone mask and tone map |
//! | [`layout`] | PSDU octets to symbols and back |
//! | [`timing`] | airtimes and interframe spaces |
//! | [`options`] | readings of the standard that are open, each with its default |
//! | [`experimental`] | what no source tells: off by default, never conformant |
//! | [`header`] | the frame control header |
//! | [`pilots`] | pilots of a coherent payload |
//! | [`constellation`], [`interleaver`], [`encoder`] | bits to carrier phases |
//! | [`pre_emphasis`] | gain of groups of carriers |
//! | [`Transmitter`] | carrier phases to samples |
//! | [`Receiver`] | samples to frames |
//! | [`phase`] | phase detection counter and phase classes |
//! | [`adaptation`] | modulation, tone map and gain for a tone map response |
//! | [`phy`] | both behind the primitives |
//! | [`primitives`] | what the MAC asks and is told |
//!
//! "Digest" in comments is `spec/g3-phy.md`, the project's summary of the standard.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod adaptation;
pub mod band;
mod coding;
pub mod constellation;
pub mod encoder;
pub mod experimental;
pub mod header;
pub mod interleaver;
pub mod layout;
mod modulation;
pub mod options;
pub mod phase;
pub mod phy;
pub mod pilots;
pub mod pre_emphasis;
pub mod primitives;
mod receiver;
pub mod timing;
pub mod tone;
mod transmitter;

pub use band::BandPlan;
pub use modulation::{Modulation, Scheme};
pub use receiver::{
    Detection, FrameWorkspace, Memory, Mitigation, NoWorkspace, Optional, PreambleDetection, Receiver,
    ReceiverOptions, Statistics,
};
pub use tone::{ToneMap, ToneMask};
pub use transmitter::{TX_RMS, Transmitter};

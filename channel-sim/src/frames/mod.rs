//! The link fidelity: frames instead of samples, for networks of thousands and days of virtual time.
//!
//! | module | what it holds |
//! |---|---|
//! | [`network`] | runs: many nodes on many feeders, datagrams, counts and speed |
//! | [`domain`] | one medium: frames, carrier sense, interference, and the modems' code above |
//! | [`node`] | the modem's stack, unchanged, with a source and sink of datagrams |
//! | [`meter`] | the firmware's node runtime and the whole meter on frames |
//! | [`street`] | feeders where no file gives them |
//! | [`modem`] | what a calibration knows of a modem: carriers, stages, frames; where another one is added |
//! | [`tape`] | noise as a receiver meets it, by mains phase and at random |
//! | [`budget`], [`information`], [`windows`] | from per-carrier signal to noise to an effective ratio |
//! | [`table`], [`model`] | from an effective ratio to a probability of loss, stage by stage |
//! | [`calibrate`], [`waveform`], [`crossing`], [`journal`], [`port`], [`proof`], [`picture`] | the table by the waveform mode, and the proof |
//! | [`capture`], [`overlap`] | the same for frames that overlap |
//! | [`prime`] | model, table and proof of PRIME's frames |
//!
//! `docs/link-fidelity.md` is the chapter.

mod air;
pub mod budget;
pub mod calibrate;
pub mod capture;
mod counts;
pub mod crossing;
pub mod domain;
mod hearing;
pub mod information;
pub mod journal;
pub mod meter;
pub mod model;
pub mod modem;
pub mod network;
pub mod node;
pub mod overlap;
pub mod picture;
pub mod port;
pub mod prime;
pub mod proof;
mod queue;
mod quick;
pub mod street;
pub mod table;
pub mod tape;
pub mod waveform;
pub mod windows;

//! The meter: metering, COSEM objects and the node runtime, as a library for boards and simulators.
//!
//! | module | what it holds |
//! |---|---|
//! | [`Meter`] | a meter: all of the following with ten days of load profile |
//! | [`metering`] | energy registers, instantaneous values, load profile, clock, and what survives a power failure |
//! | [`objects`] | the COSEM objects and who may read them |
//! | [`application`] | DLMS wrapper datagrams in, the server's answers out |
//! | [`node`] | PHY, MAC and adaptation layer under any application, driven by blocks of samples |
//! | [`reader`] | the other end of the line: a COSEM client as an application |
//!
//! Samples, measured power, randomness and storage are the caller's: see [`node`] for the samples and
//! [`metering`] for the power. Nothing here reads a clock, allocates or panics. `docs/firmware.md` is the chapter.
#![no_std]

#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod application;
mod meter;
pub mod metering;
pub mod node;
pub mod objects;
pub mod reader;

pub use meter::{Meter, MeterConfig, MeterOf, PROFILE_ROWS};

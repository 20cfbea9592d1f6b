//! The meter: metering, COSEM objects and the node runtime, as a library for boards and simulators.
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

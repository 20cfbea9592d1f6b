//! The meter: metering, COSEM objects and the node runtime, as a library for boards and simulators.
#![no_std]

#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod metering;
pub mod objects;

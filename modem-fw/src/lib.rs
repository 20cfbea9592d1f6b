//! The meter: metering, COSEM objects and the node runtime, as a library for boards and simulators.
#![no_std]

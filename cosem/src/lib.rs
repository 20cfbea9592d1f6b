//! DLMS/COSEM application layer: object model, server and client (digest `dlms-dc.md` sections 1 and 2).
//!
//! | module | what it holds |
//! |---|---|
//! | [`wrapper`] | the header in front of APDUs on TCP and UDP |
//! | [`axdr`], [`obis`], [`datetime`] | values: A-XDR, logical names, times |
//! | [`acse`], [`xdlms`] | association and service APDUs, result codes |
//! | [`security`], [`counter`] | suite 0 and invocation counters |
//! | [`model`], [`classes`] | what the firmware implements: objects, profiles, values of common classes |
//! | [`server`] | APDU in, reply out |
//! | [`client`] | operations that give APDUs and take replies |
//!
//! Octets in, octets out: nothing here reads a clock, allocates (but for the feature `alloc`, which lets a client
//! collect values in a `Vec`) or panics on what comes from the line. `docs/cosem.md` says what is supported.
#![no_std]

#[cfg(any(test, feature = "alloc"))]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod acse;
pub mod axdr;
pub mod classes;
pub mod client;
pub mod counter;
pub mod datetime;
pub mod key_wrap;
pub mod model;
pub mod obis;
pub mod security;
pub mod server;
mod slices;
#[cfg(test)]
mod testing;
pub mod wrapper;
pub mod xdlms;

pub use axdr::{Data, DataBuffer, Encoder};
pub use client::{Client, ClientConfig, Progress, Query, Selection};
pub use datetime::{ClockStatus, DateTime};
pub use model::{Object, ObjectModel, Profile};
pub use obis::Obis;
pub use security::{Keys, SystemTitle};
pub use server::{Server, ServerConfig};

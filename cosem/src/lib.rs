//! DLMS/COSEM application layer: object model, server and client.
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
pub mod model;
pub mod obis;
pub mod security;
pub mod server;
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

//! G3-PLC (ITU-T G.9903) MAC and 6LoWPAN adaptation layer.
#![no_std]
#![allow(
    clippy::large_enum_variant,
    reason = "without an allocator, packets stand inside the values that carry them"
)]

#[cfg(test)]
extern crate std;

pub mod adaptation;
pub mod frame;
pub mod ipv6;
pub mod mac;
pub mod security;
mod stack;
mod status;
#[cfg(test)]
mod test_support;
pub mod udp;

pub use stack::{Stack, StackAction, StackConfig, StackEvent};

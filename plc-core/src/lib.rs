//! What every floor of Busbar speaks.
//!
//! | module | what it holds |
//! |---|---|
//! | [`time`] | instants and durations in ticks of 1/6 µs, which every sample clock of both standards divides |
//! | [`units`] | decibels |
//! | [`address`] | PAN identifiers, short addresses and EUI-64 |
//! | [`bytes`], [`bits`] | cursors over octets and bits that never panic |
//! | [`env`](mod@env) | what a protocol machine may ask of its surroundings: randomness and a store |
//! | [`receiver`] | how receivers detect and whose memory they use |
//! | [`sans_io`] | the contract between a protocol machine and whoever drives it |
//! | `testkit` | a driver and checks of that contract for tests (feature `testkit`) |
//!
//! Nothing here reads a clock, allocates or panics.
#![no_std]

#[cfg(any(test, feature = "testkit"))]
extern crate std;

pub mod address;
pub mod bits;
pub mod bytes;
pub mod env;
pub mod receiver;
pub mod sans_io;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;
pub mod time;
pub mod units;

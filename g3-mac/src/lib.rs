//! G3-PLC (ITU-T G.9903) MAC and 6LoWPAN adaptation layer.
//!
//! | module | what it holds |
//! |---|---|
//! | [`Stack`] | both layers as one machine between a PHY and whoever sends IPv6 packets |
//! | [`adaptation`] | ADPD-DATA: header compression, fragments, reassembly, next hop |
//! | [`mac`] | MCPS-DATA and MLME: contention, carrier state, segments, acknowledgements, duplicates |
//! | [`security`] | CCM*, replay table, the frame counter that survives restarts |
//! | [`frame`] | MAC frames as types |
//! | [`ipv6`], [`udp`] | link-local addresses and datagrams |
//!
//! "Digest" in comments is `spec/g3-mac-adp.md`, the project's summary of the standard. `docs/g3-mac.md` tells how
//! the layers work, which readings they take and what is not there.
//!
//! ```
//! use g3_mac::{Stack, StackAction, StackConfig, StackEvent};
//! use g3_mac::{adaptation::AdpdDataRequest, mac::Gmk, udp::{DLMS_PORT, Datagram}};
//! use g3_phy::primitives::Request;
//! use plc_core::address::{PanId, ShortAddress};
//! use plc_core::{sans_io::{Machine, Step}, time::Instant};
//! # use plc_core::testkit::TestEnvironment;
//! # let mut env = TestEnvironment::new(1);
//! let (pan_id, own, meter) = (PanId(0x781D), ShortAddress(0), ShortAddress(1));
//! let mut stack = Stack::new(StackConfig::cenelec_a(pan_id, own, Gmk([7; 16])))?;
//! let datagram = Datagram::link_local(pan_id, own, meter, DLMS_PORT, DLMS_PORT, b"hello").emit()?;
//! let mut now = Instant::from_ticks(0);
//! stack.handle(now, &mut env, StackEvent::Data(AdpdDataRequest::new(0, datagram)));
//! let frame = loop {
//!     match stack.poll(now, &mut env) {
//!         Step::Do(StackAction::Phy(Request::Data(frame))) => break frame,
//!         Step::Do(_) => {}
//!         Step::Idle(until) => now = until.ok_or("nothing to wait for")?,
//!     }
//! };
//! assert_eq!(frame.start, now, "after EIFS, the quiet time and a back-off");
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
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

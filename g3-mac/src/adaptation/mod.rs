//! Adaptation sublayer: IPv6 packets in MAC frames (digest 5).

mod primitives;

pub use primitives::{AdpStatus, AdpdDataConfirm, AdpdDataIndication, AdpdDataRequest};

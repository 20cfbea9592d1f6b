//! ADPD-DATA as plain data: IPv6 packets between the adaptation layer and whoever uses it (digest 5.9).

use crate::ipv6::Packet;
use crate::mac::{MacStatus, QualityOfService};
use plc_core::address::ShortAddress;
use thiserror::Error;

/// ADPD-DATA.request: send an IPv6 packet.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AdpdDataRequest {
    /// Comes back in the confirm.
    pub handle: u8,
    /// NSDU: the packet, at most 1280 octets.
    pub nsdu: Packet,
    /// Priority on the line.
    pub quality_of_service: QualityOfService,
}

impl AdpdDataRequest {
    /// A request with normal priority.
    pub const fn new(handle: u8, nsdu: Packet) -> Self {
        Self { handle, nsdu, quality_of_service: QualityOfService::Normal }
    }
}

/// ADPD-DATA.confirm: what became of a request. Each request has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AdpdDataConfirm {
    /// That of the request.
    pub handle: u8,
    /// Outcome: with success, the next hop has acknowledged all of the packet.
    pub status: AdpStatus,
}

/// ADPD-DATA.indication: an IPv6 packet was received for this node.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AdpdDataIndication {
    /// NSDU: the packet.
    pub nsdu: Packet,
    /// Originator in the mesh.
    pub source: ShortAddress,
    /// Link quality of the last hop, 4 (SNR/dB + 10), of the frame that completed the packet.
    pub lqi: u8,
}

/// What a request to the adaptation layer answers. Local: these never stand on the line (digest 5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum AdpStatus {
    /// Done.
    #[error("success")]
    Success,
    /// The NSDU is not an IPv6 packet.
    #[error("the packet is not IPv6, or its lengths contradict each other")]
    InvalidIpv6Frame,
    /// There is no next hop to the destination.
    #[error("no route to the destination")]
    RouteError,
    /// The queue is full: try again after the next confirm.
    #[error("no buffer is free")]
    NoBuffers,
    /// The MAC could not send it.
    #[error("MAC: {0}")]
    Mac(MacStatus),
}

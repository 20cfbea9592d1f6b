//! MCPS-DATA as plain data: what the adaptation layer asks of the MAC and what the MAC tells it (digest 4.3).

use crate::frame::{Endpoint, KeyIndex};
use crate::status::MacStatus;
use heapless::Vec;
use plc_core::address::{Address, PanId, ShortAddress};
use plc_core::time::Instant;

/// Octets in the largest MSDU (digest 1.7).
pub const MAX_MSDU: usize = 400;

/// MAC service data unit: what the adaptation layer gives to one MAC frame, or to a train of segments.
pub type Msdu = Vec<u8, MAX_MSDU>;

/// Priority of a frame on the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum QualityOfService {
    /// Normal priority contention window.
    #[default]
    Normal,
    /// High priority contention window, which comes before the normal one.
    High,
}

/// MCPS-DATA.request.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct McpsDataRequest {
    /// Comes back in the confirm.
    pub handle: u8,
    /// PAN of the destination.
    pub destination_pan: PanId,
    /// Destination; [`ShortAddress::BROADCAST`] is never acknowledged.
    pub destination: Address,
    /// What to carry.
    pub msdu: Msdu,
    /// Whether the destination is to acknowledge.
    pub ack_requested: bool,
    /// Security level 5 with this key, or level 0.
    pub security: Option<KeyIndex>,
    /// Priority.
    pub quality_of_service: QualityOfService,
}

/// MCPS-DATA.confirm: what became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct McpsDataConfirm {
    /// That of the request.
    pub handle: u8,
    /// Outcome.
    pub status: MacStatus,
    /// When the outcome was known.
    pub timestamp: Instant,
}

/// MCPS-DATA.indication: an MSDU was received for this node.
#[derive(Clone, Debug, PartialEq)]
pub struct McpsDataIndication {
    /// Sender of the last hop.
    pub source: Endpoint,
    /// Own address or the broadcast address.
    pub destination: Option<Endpoint>,
    /// What was carried.
    pub msdu: Msdu,
    /// Link quality of the last segment, 4 (SNR/dB + 10).
    pub lqi: u8,
    /// Sequence number (macDSN of the sender).
    pub sequence: u8,
    /// End of the last segment.
    pub timestamp: Instant,
    /// Key used at level 5, or none at level 0.
    pub security: Option<KeyIndex>,
    /// Priority.
    pub quality_of_service: QualityOfService,
}

impl McpsDataRequest {
    /// Whether the destination is the broadcast address.
    pub fn is_broadcast(&self) -> bool {
        self.destination == Address::Short(ShortAddress::BROADCAST)
    }
}

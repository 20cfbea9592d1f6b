//! MAC and adaptation layer as one machine between a PHY and whoever sends IPv6 packets.

use crate::adaptation::{AdpdDataConfirm, AdpdDataIndication, AdpdDataRequest};
use crate::mac::{Gmk, Pib};
use g3_phy::primitives::{Event, Request};
use g3_phy::{BandPlan, Modulation, ToneMap, ToneMask};
use plc_core::address::{PanId, ShortAddress};

/// What a node's stack is configured with.
///
/// ```
/// use g3_mac::{StackConfig, mac::Gmk};
/// use g3_phy::Modulation;
/// use plc_core::address::{PanId, ShortAddress};
/// let meter = StackConfig {
///     modulation: Modulation::Dqpsk,
///     ..StackConfig::cenelec_a(PanId(0x781D), ShortAddress(1), Gmk([7; 16]))
/// };
/// assert_eq!(meter.mac.max_frame_retries, 5);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StackConfig {
    /// Band.
    pub plan: BandPlan,
    /// Carriers that the network may use (macToneMask).
    pub mask: ToneMask,
    /// PAN (macPANId).
    pub pan_id: PanId,
    /// Own address (macShortAddress).
    pub short_address: ShortAddress,
    /// Group master key in slot 0, the active one.
    pub gmk: Gmk,
    /// Modulation of unicast frames to neighbours without settings of their own. Broadcasts are Robust.
    pub modulation: Modulation,
    /// Tone map of unicast frames to neighbours without settings of their own.
    pub tone_map: ToneMap,
    /// The MAC's further attributes.
    pub mac: Pib,
}

impl StackConfig {
    /// CENELEC-A with every carrier, Robust, and the standard's defaults.
    pub fn cenelec_a(pan_id: PanId, short_address: ShortAddress, gmk: Gmk) -> Self {
        let plan = BandPlan::CENELEC_A;
        Self {
            plan,
            mask: ToneMask::ALL,
            pan_id,
            short_address,
            gmk,
            modulation: Modulation::Robust,
            tone_map: plan.full_tone_map(),
            mac: Pib::default(),
        }
    }
}

/// What a [`Stack`] is told.
#[derive(Clone, Debug, PartialEq)]
pub enum StackEvent<'a> {
    /// The PHY tells.
    Phy(&'a Event),
    /// The user sends an IPv6 packet.
    Data(AdpdDataRequest),
}

/// What a [`Stack`] asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum StackAction {
    /// Of the PHY.
    Phy(Request),
    /// The user is told what became of a packet.
    DataConfirm(AdpdDataConfirm),
    /// The user is given a packet.
    DataIndication(AdpdDataIndication),
}

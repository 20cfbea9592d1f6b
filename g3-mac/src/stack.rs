//! MAC and adaptation layer as one machine between a PHY and whoever sends IPv6 packets.

use crate::adaptation::{
    Adaptation, AdaptationAction, AdaptationConfig, AdaptationEvent, AdpdDataConfirm, AdpdDataIndication,
    AdpdDataRequest, ContextTable,
};
use crate::frame::{KeyIndex, SecurityLevel};
use crate::mac::{
    Counters, Gmk, Mac, MacAction, MacConfig, MacEvent, MacStatus, Pib, PibId, PibValue, Readings,
    TransmitSettings,
};
use g3_phy::primitives::{Event, Request};
use g3_phy::{BandPlan, Modulation, ToneMap, ToneMask};
use plc_core::address::{PanId, ShortAddress};
use plc_core::env::Environment;
use plc_core::sans_io::{Machine, Step};
use plc_core::time::Instant;

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
    /// Which readings of the standard the network follows.
    pub readings: Readings,
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
            readings: Readings::default(),
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

/// MAC and adaptation layer of one node.
///
/// After [`Machine::handle`] it is to be polled until idle before it is told the next thing: the queues inside are
/// made for that. Its size is fixed and stated by a test (`stack_size`).
#[derive(Clone, Debug)]
pub struct Stack {
    mac: Mac,
    adaptation: Adaptation,
}

impl Stack {
    /// A stack that listens for EIFS before it sends.
    ///
    /// # Errors
    /// [`MacStatus::InvalidParameter`] where attributes are out of their range.
    pub fn new(config: StackConfig) -> Result<Self, MacStatus> {
        let StackConfig { plan, mask, pan_id, short_address, gmk, modulation, tone_map, mac, readings } =
            config;
        let mac = MacConfig {
            plan,
            mask,
            pan_id,
            short_address,
            keys: [Some(gmk), None],
            readings,
            settings: TransmitSettings { modulation, tone_map },
            pib: mac,
        };
        let adaptation = AdaptationConfig {
            pan_id,
            short_address,
            security_level: SecurityLevel::EncMic32,
            active_key_index: KeyIndex::Zero,
            contexts: ContextTable::default(),
        };
        Ok(Self { mac: Mac::new(mac)?, adaptation: Adaptation::new(adaptation) })
    }

    /// Own address.
    pub fn short_address(&self) -> ShortAddress {
        self.mac.short_address()
    }

    /// PAN.
    pub fn pan_id(&self) -> PanId {
        self.mac.pan_id()
    }

    /// [`Mac::mlme_get`].
    pub fn mlme_get(&self, id: PibId, index: u16) -> Result<PibValue, MacStatus> {
        self.mac.mlme_get(id, index)
    }

    /// [`Mac::mlme_set`]; the adaptation layer follows a new address.
    pub fn mlme_set(&mut self, id: PibId, index: u16, value: &PibValue) -> Result<(), MacStatus> {
        self.mac.mlme_set(id, index, value)?;
        self.adaptation.set_address(self.mac.pan_id(), self.mac.short_address());
        Ok(())
    }

    /// [`Mac::set_transmit_settings`].
    pub fn set_transmit_settings(
        &mut self,
        neighbour: ShortAddress,
        settings: Option<TransmitSettings>,
    ) -> Result<(), MacStatus> {
        self.mac.set_transmit_settings(neighbour, settings)
    }

    /// [`Mac::counters`].
    pub fn counters(&self) -> &Counters {
        self.mac.counters()
    }
}

impl Machine for Stack {
    type Event<'a> = StackEvent<'a>;
    type Action = StackAction;

    fn handle(&mut self, now: Instant, env: &mut dyn Environment, event: StackEvent<'_>) {
        match event {
            StackEvent::Phy(event) => self.mac.handle(now, env, MacEvent::Phy(event)),
            StackEvent::Data(request) => self.adaptation.handle(now, env, AdaptationEvent::Data(request)),
        }
    }

    fn poll(&mut self, now: Instant, env: &mut dyn Environment) -> Step<StackAction> {
        // What passes between the layers is finite: a step of one is an event of the other, and neither answers an
        // event with more than its queues hold.
        loop {
            match self.adaptation.poll(now, env) {
                Step::Do(AdaptationAction::Mcps(request)) => {
                    self.mac.handle(now, env, MacEvent::Data(request));
                    continue;
                }
                Step::Do(AdaptationAction::DataConfirm(confirm)) => {
                    return Step::Do(StackAction::DataConfirm(confirm));
                }
                Step::Do(AdaptationAction::DataIndication(indication)) => {
                    return Step::Do(StackAction::DataIndication(indication));
                }
                // The adaptation layer waits for nothing but events.
                Step::Idle(_) => {}
            }
            match self.mac.poll(now, env) {
                Step::Do(MacAction::Phy(request)) => return Step::Do(StackAction::Phy(request)),
                Step::Do(MacAction::DataConfirm(confirm)) => {
                    self.adaptation.handle(now, env, AdaptationEvent::McpsConfirm(&confirm));
                }
                Step::Do(MacAction::DataIndication(indication)) => {
                    self.adaptation.handle(now, env, AdaptationEvent::McpsIndication(&indication));
                }
                Step::Idle(until) => return Step::Idle(until),
            }
        }
    }
}

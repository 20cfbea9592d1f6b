//! Medium access control of G.9903 (digest 1, 2 and 4): MSDUs of up to 400 octets over a PHY that sends frames.
//!
//! ```text
//!        MCPS-DATA.request        MCPS-DATA.confirm        MCPS-DATA.indication
//!               |                        ^                          ^
//!           +---v---------- transmit ----+---+      +------------- receive --------------+
//!           | queue, CCM*, segments, retries |      | filter, reassembly, CCM*, doubles  |
//!           +---+----------- ^ --------- ^ --+      +-- | ----------------- ^ -----------+
//!               |            |           |              |                   |
//!               |        contention   carrier <---------|-------------------+
//!               v        (windows)   (line state)       v                   |
//!           PD-DATA.request                        PD-ACK.request      PHY events
//! ```
//!
//! [`Mac`] is a [`Machine`]. Its rooms for what is to come follow the data: a tone map response is a
//! [`FrameType::Command`](crate::frame::FrameType) that `receive` hands on and whose outcome `settings` keeps; an
//! active scan is a command and the beacons that answer it; frames from and to EUI-64 addresses belong to
//! bootstrapping.

mod carrier;
mod contention;
mod duplicates;
mod mlme;
mod pib;
mod primitives;
mod reassembly;
mod receive;
mod settings;
mod transmit;

pub use crate::security::{Gmk, NonceForm};
pub use crate::status::MacStatus;
pub use pib::{Counters, Pib, PibId, PibValue};
pub use primitives::{
    MAX_MSDU, McpsDataConfirm, McpsDataIndication, McpsDataRequest, Msdu, QualityOfService,
};
pub use settings::{NEIGHBOURS, TransmitSettings};

use crate::frame::KeyIndex;
use crate::security::{DeviceTable, FrameCounter};
use carrier::{Carrier, Spaces};
use contention::{ContentionWindow, period_slots};
use duplicates::Duplicates;
use g3_phy::primitives::{Ack, CarrierSense, Event, PdAckRequest, Request, TransmitConfirm, TransmitStatus};
use g3_phy::{BandPlan, ToneMask};
use heapless::{Deque, Vec};
use plc_core::address::{PanId, ShortAddress};
use plc_core::env::Environment;
use plc_core::sans_io::{Machine, Step};
use plc_core::time::{Duration, Instant, seconds};
use reassembly::Reassembly;
use receive::Heard;
use settings::Settings;
use transmit::Outgoing;

/// Requests that wait besides the one being sent.
pub const QUEUE: usize = 2;

/// Rules of which the evidence allows more than one reading (docs/decisions/0003).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Readings {
    /// Which nonce CCM* uses. All of a network must agree.
    pub nonce_form: NonceForm,
    /// What a frame during the back-off counts as. A node's own affair.
    pub preemption: Preemption,
}

/// What it counts as when another node's frame begins during the back-off and still holds the line at the slot drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Preemption {
    /// As a busy channel: the window adapts, and the fairness limit works.
    #[default]
    Busy,
    /// As nothing, where the frame's header was decoded: a new back-off is drawn after it, as one vendor does it.
    Rescheduled,
}

/// What a [`Mac`] is configured with.
#[derive(Clone, Debug, PartialEq)]
pub struct MacConfig {
    /// Band.
    pub plan: BandPlan,
    /// Carriers that the network may use (macToneMask).
    pub mask: ToneMask,
    /// PAN (macPANId).
    pub pan_id: PanId,
    /// Own address (macShortAddress).
    pub short_address: ShortAddress,
    /// Group master keys in slots 0 and 1 (macKeyTable).
    pub keys: [Option<Gmk>; 2],
    /// Which readings of the standard the network follows.
    pub readings: Readings,
    /// Modulation and tone map of unicast frames to neighbours without settings of their own.
    pub settings: TransmitSettings,
    /// Attributes that users may write.
    pub pib: Pib,
}

/// What a [`Mac`] is told.
#[derive(Clone, Debug, PartialEq)]
pub enum MacEvent<'a> {
    /// The PHY tells.
    Phy(&'a Event),
    /// The layer above sends.
    Data(McpsDataRequest),
}

/// What a [`Mac`] asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum MacAction {
    /// Of the PHY.
    Phy(Request),
    /// The layer above is told what became of a request.
    DataConfirm(McpsDataConfirm),
    /// The layer above is given an MSDU.
    DataIndication(McpsDataIndication),
}

/// The MAC of one node.
///
/// After [`Machine::handle`] it is to be polled until idle before it is told the next thing: the queues between are
/// made for that.
#[derive(Clone, Debug)]
pub struct Mac {
    plan: BandPlan,
    mask: ToneMask,
    pan_id: PanId,
    short_address: ShortAddress,
    keys: [Option<Gmk>; 2],
    readings: Readings,
    pib: Pib,
    counters: Counters,
    settings: Settings,

    carrier: Carrier,
    window: ContentionWindow,
    frame_counter: FrameCounter,
    /// macDSN; drawn when it is first needed.
    dsn: Option<u8>,
    queue: Vec<McpsDataRequest, QUEUE>,
    outgoing: Option<Outgoing>,

    devices: DeviceTable,
    reassembly: Reassembly,
    duplicates: Duplicates,

    attenuation_told: bool,
    /// The acknowledgement that the PHY is to be asked for.
    ack_request: Option<PdAckRequest>,
    /// The acknowledgement that is on its way, until the PHY confirms it.
    ack: Option<Ack>,
    confirms: Deque<McpsDataConfirm, { QUEUE + 2 }>,
    indications: Deque<McpsDataIndication, 2>,
}

impl Mac {
    /// A MAC that listens for EIFS before it sends.
    ///
    /// # Errors
    /// [`MacStatus::InvalidParameter`] where attributes are out of their range.
    pub fn new(config: MacConfig) -> Result<Self, MacStatus> {
        let MacConfig { plan, mask, pan_id, short_address, keys, readings, settings, pib } = config;
        pib.check()?;
        Ok(Self {
            plan,
            mask,
            pan_id,
            short_address,
            keys,
            readings,
            counters: Counters::default(),
            settings: Settings::new(settings),
            carrier: Carrier::new(Spaces::of(&plan, mask), period_slots(&pib)),
            window: ContentionWindow::new(&pib),
            frame_counter: FrameCounter::default(),
            dsn: None,
            queue: Vec::new(),
            outgoing: None,
            devices: DeviceTable::default(),
            reassembly: Reassembly::default(),
            duplicates: Duplicates::default(),
            attenuation_told: pib.transmit_attenuation_db == 0,
            ack_request: None,
            ack: None,
            confirms: Deque::new(),
            indications: Deque::new(),
            pib,
        })
    }

    /// Sets or, with `None`, removes how frames to a neighbour are modulated.
    ///
    /// # Errors
    /// [`MacStatus::TransactionOverflow`] where [`NEIGHBOURS`] have settings already.
    pub fn set_transmit_settings(
        &mut self,
        neighbour: ShortAddress,
        settings: Option<TransmitSettings>,
    ) -> Result<(), MacStatus> {
        if self.settings.set(neighbour, settings) { Ok(()) } else { Err(MacStatus::TransactionOverflow) }
    }

    /// macPANId.
    pub fn pan_id(&self) -> PanId {
        self.pan_id
    }

    /// macShortAddress.
    pub fn short_address(&self) -> ShortAddress {
        self.short_address
    }

    /// The counters 0x101 to 0x109 together.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn key(&self, index: KeyIndex) -> Option<Gmk> {
        let [zero, one] = self.keys;
        match index {
            KeyIndex::Zero => zero,
            KeyIndex::One => one,
        }
    }

    fn take_sequence(&mut self, env: &mut dyn Environment) -> u8 {
        let sequence = match self.dsn {
            Some(sequence) => sequence,
            None => env.rng().next_u32() as u8,
        };
        self.dsn = Some(sequence.wrapping_add(1));
        sequence
    }

    fn phy(&mut self, now: Instant, event: &Event) {
        let near = |at: Instant| near(now, at);
        match event {
            Event::TransmitConfirm(confirm) => {
                self.transmitted(now, &TransmitConfirm { end: near(confirm.end), ..*confirm });
            }
            Event::DataIndication(indication) => {
                let (start, end) = (near(indication.start), near(indication.end));
                self.carrier.decoded(end, indication.header.response_expected);
                self.receive(now, &Heard { indication, start, end });
            }
            Event::AckIndication(indication) => {
                let end = near(indication.end);
                self.carrier.acknowledgement(indication.ack, end);
                self.acknowledged(now, indication.ack, end);
            }
            Event::CarrierSense(sense) => match *sense {
                CarrierSense::Preamble(start) => self.carrier.preamble(near(start)),
                CarrierSense::Header { header, end } => {
                    self.carrier.frame(near(end), header.response_expected);
                    self.overheard(now);
                }
                CarrierSense::HeaderFailed { end } => self.carrier.unknown(near(end)),
                // The header was right: what follows the frame is known from it.
                CarrierSense::PayloadFailed { .. } => {}
                CarrierSense::Idle(at) => self.carrier.quiet(near(at)),
            },
        }
    }

    fn transmitted(&mut self, now: Instant, confirm: &TransmitConfirm) {
        match self.ack.take() {
            Some(ack) => {
                if confirm.status == TransmitStatus::Success {
                    self.carrier.acknowledgement(ack, confirm.end);
                }
            }
            None => self.segment_sent(now, confirm),
        }
    }
}

/// The instant of an event, brought near the one at which it is told: a PHY at the other end of a wire may say
/// anything, and an instant at the end of time would overflow what is computed from it.
fn near(now: Instant, at: Instant) -> Instant {
    let (now, slack) = (now.as_ticks(), LATEST.as_ticks());
    Instant::from_ticks(at.as_ticks().clamp(now.saturating_sub(slack), now.saturating_add(slack)))
}

/// How far from now an event can have happened, or a frame can end.
const LATEST: Duration = seconds(10);

impl Machine for Mac {
    type Event<'a> = MacEvent<'a>;
    type Action = MacAction;

    fn handle(&mut self, now: Instant, _env: &mut dyn Environment, event: MacEvent<'_>) {
        match event {
            MacEvent::Phy(event) => self.phy(now, event),
            MacEvent::Data(request) => {
                let handle = request.handle;
                if self.queue.push(request).is_err() {
                    self.confirm(handle, MacStatus::TransactionOverflow, now);
                }
            }
        }
    }

    fn poll(&mut self, now: Instant, env: &mut dyn Environment) -> Step<MacAction> {
        if !self.attenuation_told {
            self.attenuation_told = true;
            let attenuation = Request::SetTransmitAttenuation(self.pib.transmit_attenuation_db);
            return Step::Do(MacAction::Phy(attenuation));
        }
        if let Some(ack) = self.ack_request.take() {
            return Step::Do(MacAction::Phy(Request::Ack(ack)));
        }
        if let Some(indication) = self.indications.pop_front() {
            return Step::Do(MacAction::DataIndication(indication));
        }
        let step = self.poll_transmit(now, env);
        if let Step::Do(request) = step {
            return Step::Do(MacAction::Phy(Request::Data(request)));
        }
        match self.confirms.pop_front() {
            Some(confirm) => Step::Do(MacAction::DataConfirm(confirm)),
            None => step.map(|request| MacAction::Phy(Request::Data(request))),
        }
    }
}

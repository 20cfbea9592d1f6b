//! Transmitter and receiver behind the primitives: a half-duplex modem on two streams of samples.
//!
//! The driver calls [`Phy::transmit`] and then [`Phy::receive`] for block after block of the modem's own sample
//! clock, at lengths of its choosing, and polls the events after each. Sample n is at n sample periods; a frame
//! starts at exactly the sample asked for.
//!
//! While its own frame is on the air the receiver is off: samples given then are ignored and may be left out.
//!
//! ```
//! use g3_phy::phy::{Phy, PhyConfig};
//! use g3_phy::primitives::{Ack, Event, PdAckRequest, Request};
//! use plc_core::time::{Instant, millis};
//!
//! let (mut sender, mut receiver) = (Phy::new(PhyConfig::default()), Phy::new(PhyConfig::default()));
//! let ack = Ack { fcs: 0x31C3, positive: true, more_segments: false };
//! let start = Instant::from_ticks(0) + millis(1);
//! sender.request(Instant::from_ticks(0), Request::Ack(PdAckRequest { start, ack }));
//! let mut heard = None;
//! for block in 0..100 {
//!     let mut samples = [0.0; 100];
//!     sender.transmit(block * 100, &mut samples);
//!     receiver.receive(block * 100, &samples);
//!     while let Some(event) = receiver.poll() {
//!         if let Event::AckIndication(indication) = event {
//!             heard = Some(indication);
//!         }
//!     }
//! }
//! assert_eq!(heard.map(|heard| (heard.ack, heard.start)), Some((ack, start)));
//! ```

use crate::band::BandPlan;
use crate::encoder::{DataFrame, EncodeError, FrameEncoder};
use crate::options::Options;
use crate::pre_emphasis::PreEmphasis;
use crate::primitives::{Event, PdDataRequest, Request, TransmitConfirm, TransmitStatus};
use crate::receiver::{Memory, NoWorkspace, Receiver, ReceiverOptions};
use crate::tone::ToneMask;
use crate::transmitter::Transmitter;
use core::ops::Range;
use heapless::Deque;
use plc_core::time::Instant;

/// Greatest attenuation of the transmitter, in dB (macTransmitAtten).
pub const MAX_ATTENUATION_DB: u8 = 25;

/// Confirms that wait to be polled; the oldest goes where a driver never polls.
const MOST_CONFIRMS: usize = 4;

/// What a modem is set to for good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhyConfig {
    /// Band.
    pub plan: BandPlan,
    /// Carriers that the network may use.
    pub mask: ToneMask,
    /// Open readings of the standard.
    pub options: Options,
    /// What the receiver does beyond the standard one. All but the mitigation needs [`Phy::with_workspace`].
    pub receiver: ReceiverOptions,
}

impl Default for PhyConfig {
    /// CENELEC-A on all carriers with the standard receiver.
    fn default() -> Self {
        Self {
            plan: BandPlan::CENELEC_A,
            mask: ToneMask::ALL,
            options: Options::default(),
            receiver: ReceiverOptions::STANDARD,
        }
    }
}

/// A modem. With the memory of a workspace its receiver can do all that [`PhyConfig::receiver`] asks for.
///
/// ```
/// use g3_phy::phy::{Phy, PhyConfig};
/// use g3_phy::{FrameWorkspace, ReceiverOptions};
/// let config = PhyConfig { receiver: ReceiverOptions::BEST, ..PhyConfig::default() };
/// let phy = Phy::with_workspace(config, Box::new(FrameWorkspace::new()));
/// # let _ = phy;
/// ```
#[derive(Clone, Debug)]
pub struct Phy<W = NoWorkspace> {
    config: PhyConfig,
    attenuation_db: u8,
    transmitter: Transmitter,
    receiver: Receiver<W>,
    /// Samples of the frame that waits or is on the air, or of the last one.
    on_air: Range<u64>,
    /// First sample that `transmit` has not been asked for.
    transmit_position: u64,
    confirms: Deque<TransmitConfirm, MOST_CONFIRMS>,
}

impl Phy {
    /// A modem at sample 0, silent and listening.
    pub fn new(config: PhyConfig) -> Self {
        Self::with_workspace(config, NoWorkspace)
    }
}

impl<W: Memory> Phy<W> {
    /// A modem at sample 0, silent and listening, whose receiver has the memory of a workspace.
    pub fn with_workspace(config: PhyConfig, memory: W) -> Self {
        let PhyConfig { plan, mask, options, receiver } = &config;
        let receiver = Receiver::with_workspace(plan, *mask, options, receiver, memory);
        Self {
            config,
            attenuation_db: 0,
            transmitter: Transmitter::new(&config.plan, &config.options),
            receiver,
            on_air: 0..0,
            transmit_position: 0,
            confirms: Deque::new(),
        }
    }

    /// Takes a request. A transmission answers with [`Event::TransmitConfirm`], at once where it is refused: while
    /// another frame waits or is on the air, or where it does not fit.
    pub fn request(&mut self, now: Instant, request: Request) {
        let (start, frame) = match request {
            Request::SetTransmitAttenuation(db) => {
                self.attenuation_db = db.min(MAX_ATTENUATION_DB);
                return;
            }
            Request::Data(data) => (data.start, self.encode(&data)),
            Request::Ack(ack) => {
                let PhyConfig { plan, mask, options, .. } = &self.config;
                (ack.start, FrameEncoder::ack(plan, *mask, options, ack.ack))
            }
        };
        if self.transmitter.is_busy() {
            return self.confirm(TransmitConfirm { end: now, status: TransmitStatus::BusyTransmitting });
        }
        let Ok(frame) = frame else {
            return self.confirm(TransmitConfirm { end: now, status: TransmitStatus::InvalidParameter });
        };
        let start = self.config.plan.clock.samples_before(start).max(self.transmit_position);
        let samples = self.transmitter.load(frame, f32::from(self.attenuation_db));
        self.on_air = start..start + samples as u64;
    }

    /// PLME-SET.request for the pre-emphasis: from the next frame on.
    pub fn set_pre_emphasis(&mut self, emphasis: PreEmphasis) {
        self.transmitter.set_pre_emphasis(emphasis);
    }

    /// Writes the samples from index `from` on. False, with `out` untouched, where nothing of ours is on the air.
    pub fn transmit(&mut self, from: u64, out: &mut [f32]) -> bool {
        let block = from..from + out.len() as u64;
        self.transmit_position = block.end;
        if !self.transmitter.is_busy() {
            return false;
        }
        if self.on_air.start < from && !self.transmitter.has_started() {
            // The driver left samples out; the frame starts late rather than without its head.
            let samples = self.on_air.end - self.on_air.start;
            self.on_air = from..from + samples;
        }
        if self.on_air.start >= block.end {
            return false;
        }
        let before = usize::try_from(self.on_air.start.saturating_sub(from)).unwrap_or_default();
        let (silence, ours) = out.split_at_mut_checked(before).unwrap_or_default();
        silence.fill(0.0);
        let count = self.transmitter.pull(ours);
        ours.get_mut(count..).unwrap_or_default().fill(0.0);
        if !self.transmitter.is_busy() {
            let end = self.config.plan.clock.instant(self.on_air.end);
            self.confirm(TransmitConfirm { end, status: TransmitStatus::Success });
        }
        true
    }

    /// Takes the samples from index `from` on. Blocks come in order, each after the `transmit` of the same samples;
    /// what is left out between blocks is not heard.
    pub fn receive(&mut self, from: u64, samples: &[f32]) {
        let end = from + samples.len() as u64;
        let part = |range: Range<u64>| {
            let first = usize::try_from(range.start.clamp(from, end) - from).unwrap_or(usize::MAX);
            let last = usize::try_from(range.end.clamp(from, end) - from).unwrap_or(usize::MAX);
            (from + first as u64, samples.get(first..last).unwrap_or_default())
        };
        for (from, heard) in [part(from..self.on_air.start), part(self.on_air.end.max(from)..end)] {
            if !heard.is_empty() {
                self.receiver.push(from, heard);
            }
        }
    }

    /// The next event, if there is one.
    pub fn poll(&mut self) -> Option<Event> {
        let confirm = self.confirms.pop_front().map(Event::TransmitConfirm);
        confirm.or_else(|| self.receiver.poll())
    }

    /// Whether a frame of ours is on the air: from its first sample's block to its last sample's.
    pub fn transmitting(&self) -> bool {
        self.transmitter.has_started()
    }

    /// The receiver, for its measurements.
    pub fn receiver(&self) -> &Receiver<W> {
        &self.receiver
    }

    fn encode(&self, data: &PdDataRequest) -> Result<FrameEncoder, EncodeError> {
        let &PdDataRequest { ref psdu, modulation, tone_map, response_expected, .. } = data;
        // Without mains synchronisation any phase detection counter will do (digest 10.3).
        let frame = DataFrame { psdu, modulation, tone_map, response_expected, pdc: 0 };
        FrameEncoder::data(&self.config.plan, self.config.mask, &self.config.options, &frame)
    }

    fn confirm(&mut self, confirm: TransmitConfirm) {
        if self.confirms.is_full() {
            self.confirms.pop_front();
        }
        let _ = self.confirms.push_back(confirm);
    }
}

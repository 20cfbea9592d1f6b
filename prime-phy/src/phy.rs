//! Transmitter and receiver behind the primitives: a half-duplex modem on two streams of samples.
//!
//! The driver calls [`Phy::transmit`] and then [`Phy::receive`] for block after block of the modem's own sample
//! clock, at lengths of its choosing, and polls the events after each. Sample n is at n sample periods; a frame
//! starts at exactly the sample asked for.
//!
//! While its own frame is on the air the receiver is off: samples given then are ignored and may be left out.
//!
//! ```
//! use plc_core::time::{Instant, millis};
//! use prime_phy::phy::{Phy, PhyConfig};
//! use prime_phy::primitives::{Event, Mpdu, PhyDataRequest, Request};
//! use prime_phy::{FrameType, Scheme};
//!
//! let (mut sender, mut receiver) = (Phy::new(PhyConfig::default()), Phy::new(PhyConfig::default()));
//! let mpdu = Mpdu::from_slice(&[0x27; 18]).unwrap();
//! let time = Instant::from_ticks(0) + millis(1);
//! let request = PhyDataRequest {
//!     time,
//!     mpdu: mpdu.clone(),
//!     frame_type: FrameType::A,
//!     scheme: Scheme::DbpskC,
//!     level: 0,
//! };
//! sender.request(Instant::from_ticks(0), Request::Data(request));
//! let mut heard = None;
//! for block in 0..60 {
//!     let mut samples = [0.0; 100];
//!     sender.transmit(block * 100, &mut samples);
//!     receiver.receive(block * 100, &samples);
//!     while let Some(event) = receiver.poll() {
//!         if let Event::DataIndication(indication) = event {
//!             heard = Some(indication);
//!         }
//!     }
//! }
//! assert_eq!(heard.map(|heard| (heard.mpdu, heard.time)), Some((mpdu, time)));
//! ```

use crate::Channel;
use crate::encoder::{EncodeError, FrameEncoder};
use crate::options::Options;
use crate::pib::{Attribute, Statistics};
use crate::primitives::{Event, LOWEST_LEVEL, PhyDataConfirm, PhyDataRequest, Request, TransmitResult};
use crate::receiver::{MOST_EVENTS, Receiver};
use crate::transmitter::Transmitter;
use core::ops::Range;
use heapless::Deque;
use plc_core::time::{Duration, Instant};

/// Step of the output level, in dB.
const LEVEL_STEP_DB: f32 = 3.0;

/// Confirms that wait to be polled; the oldest goes where a driver never polls.
const MOST_CONFIRMS: usize = 4;

/// What a modem is set to for good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhyConfig {
    /// Channel.
    pub channel: Channel,
    /// Open readings of the standard.
    pub options: Options,
}

impl Default for PhyConfig {
    /// Channel 1.
    fn default() -> Self {
        Self { channel: Channel::ONE, options: Options::default() }
    }
}

/// A modem.
#[derive(Clone, Debug)]
pub struct Phy {
    config: PhyConfig,
    transmitter: Transmitter,
    receiver: Receiver,
    /// Samples of the frame that waits or is on the air, or of the last one.
    on_air: Range<u64>,
    /// First sample that `transmit` has not been asked for.
    transmit_position: u64,
    transmit_dropped: u32,
    zero_crossing: Option<Instant>,
    confirms: Deque<PhyDataConfirm, MOST_CONFIRMS>,
}

impl Phy {
    /// A modem at sample 0, silent and listening.
    pub fn new(config: PhyConfig) -> Self {
        Self {
            config,
            transmitter: Transmitter::new(&config.channel, &config.options),
            receiver: Receiver::new(&config.channel, &config.options),
            on_air: 0..0,
            transmit_position: 0,
            transmit_dropped: 0,
            zero_crossing: None,
            confirms: Deque::new(),
        }
    }

    /// Takes a request. A transmission answers with [`Event::DataConfirm`], at once where it is refused: while
    /// another frame waits or is on the air, or where it does not fit.
    pub fn request(&mut self, now: Instant, request: Request) {
        match request {
            Request::ZeroCrossing(at) => self.zero_crossing = Some(at),
            Request::Data(data) => {
                if let Err(result) = self.load(&data) {
                    self.transmit_dropped += 1;
                    self.confirm(PhyDataConfirm { end: now, result });
                }
            }
        }
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
            let end = self.config.channel.clock.instant(self.on_air.end);
            self.confirm(PhyDataConfirm { end, result: TransmitResult::Success });
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
        let confirm = self.confirms.pop_front().map(Event::DataConfirm);
        confirm.or_else(|| self.receiver.poll())
    }

    /// Whether a frame of ours is on the air: from its first sample's block to its last sample's.
    pub fn transmitting(&self) -> bool {
        self.transmitter.has_started()
    }

    /// PLME_GET: the value of an attribute.
    pub fn get(&self, attribute: Attribute) -> u32 {
        let statistics = self.statistics();
        match attribute {
            Attribute::CrcIncorrectCount => statistics.crc_incorrect,
            Attribute::CrcFailCount => statistics.crc_fail,
            Attribute::TxDropCount => statistics.transmit_dropped,
            Attribute::RxDropCount => statistics.receive_dropped,
            Attribute::RxTotalCount => statistics.received,
            Attribute::TxQueueLen => 1,
            Attribute::RxQueueLen => MOST_EVENTS as u32,
        }
    }

    /// Counters of frames, sent and received.
    pub fn statistics(&self) -> Statistics {
        Statistics { transmit_dropped: self.transmit_dropped, ..*self.receiver.statistics() }
    }

    /// PHY_ZCT.get: time since the mains last crossed zero, where the driver tells of it.
    pub fn since_zero_crossing(&self, now: Instant) -> Option<Duration> {
        now.checked_duration_since(self.zero_crossing?)
    }

    /// The receiver, for its measurements: PHY_CD, PHY_NL and PHY_SNR.
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    fn load(&mut self, data: &PhyDataRequest) -> Result<(), TransmitResult> {
        if self.transmitter.is_busy() {
            return Err(TransmitResult::TransmitterBusy);
        }
        let frame = FrameEncoder::of_type(&self.config.options, data.frame_type, data.scheme, &data.mpdu);
        let frame = frame.map_err(|error| match error {
            EncodeError::Scheme { .. } => TransmitResult::BadScheme,
            EncodeError::Mpdu { .. } | EncodeError::Header(_) => TransmitResult::BadLength,
        })?;
        let start = self.config.channel.clock.samples_before(data.time).max(self.transmit_position);
        let attenuation_db = LEVEL_STEP_DB * f32::from(data.level.min(LOWEST_LEVEL));
        let samples = self.transmitter.load(frame, attenuation_db);
        self.on_air = start..start + samples as u64;
        Ok(())
    }

    fn confirm(&mut self, confirm: PhyDataConfirm) {
        if self.confirms.is_full() {
            self.confirms.pop_front();
        }
        let _ = self.confirms.push_back(confirm);
    }
}

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
//!     senses: None,
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

mod control;
mod gain;

use crate::encoder::{EncodeError, FrameEncoder};
use crate::layout::{MAX_MPDU, PayloadLayout};
use crate::options::Options;
use crate::primitives::{
    Event, LOWEST_LEVEL, PhyDataConfirm, PhyDataRequest, Request, TestMode, TransmitResult,
};
use crate::receiver::{Memory, NoWorkspace, Receiver, ReceiverOptions};
use crate::transmitter::Transmitter;
use crate::{Channel, FrameType};
use core::ops::Range;
use dsp::scrambler::Scrambler;
pub use gain::FrontEnd;
use gain::Gain;
use heapless::Deque;
use plc_core::time::{Duration, Instant, millis};

/// Step of the output level, in dB.
const LEVEL_STEP_DB: f32 = 3.0;

/// Confirms that wait to be polled; the oldest goes where a driver never polls.
const MOST_CONFIRMS: usize = 8;

/// phyEmaSmoothing to begin with: an average over some eight frames.
const EVM_SMOOTHING: u8 = 3;

/// What a modem is set to for good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhyConfig {
    /// Channel.
    pub channel: Channel,
    /// Open readings of the standard.
    pub options: Options,
    /// What is between the samples and the line.
    pub front_end: FrontEnd,
    /// Whether frames of Types B and BC are listened for, which is half the work; without them a modem of v1.3.6.
    pub type_b: bool,
    /// The receiver's steps. Coherent detection needs [`Phy::with_workspace`].
    pub receiver: ReceiverOptions,
}

impl Default for PhyConfig {
    /// Channel 1 with the standard receiver.
    fn default() -> Self {
        Self {
            channel: Channel::ONE,
            options: Options::default(),
            front_end: FrontEnd::default(),
            type_b: true,
            receiver: ReceiverOptions::STANDARD,
        }
    }
}

/// A modem. With the memory of a workspace its receiver can do all that [`PhyConfig::receiver`] asks for.
///
/// ```
/// use prime_phy::phy::{Phy, PhyConfig};
/// use prime_phy::{FrameWorkspace, ReceiverOptions};
/// let config = PhyConfig { receiver: ReceiverOptions::BEST, ..PhyConfig::default() };
/// let phy = Phy::with_workspace(config, Box::new(FrameWorkspace::new()));
/// # let _ = phy;
/// ```
#[derive(Clone, Debug)]
pub struct Phy<W = NoWorkspace> {
    config: PhyConfig,
    mode: Mode,
    transmitter: Transmitter,
    receiver: Receiver<W>,
    /// Step of the gain while the last header was heard.
    signal_step: u8,
    gain: Gain,
    /// Samples of the frame that waits or is on the air, or of the last one.
    on_air: Range<u64>,
    /// What is left of listening before the frame that waits.
    senses: Option<Sensing>,
    /// First sample that `transmit` has not been asked for.
    transmit_position: u64,
    transmit_dropped: u32,
    /// Average error vector magnitude of the frames received, and how slowly it follows.
    evm: Option<f32>,
    evm_smoothing: u8,
    zero_crossing: Option<Instant>,
    answers: Deque<Event, MOST_CONFIRMS>,
}

/// What the management plane asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Awake,
    Asleep,
    Test(TestMode),
}

/// Listening before sending.
#[derive(Clone, Copy, Debug)]
struct Sensing {
    /// Sample of the next sense.
    next: u64,
    /// Samples from one to the next.
    delay: u64,
    /// How many are left.
    left: u8,
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
        let mut receiver =
            Receiver::with_workspace(&config.channel, &config.options, &config.receiver, memory);
        receiver.set_type_b(config.type_b);
        Self {
            config,
            mode: Mode::Awake,
            transmitter: Transmitter::new(&config.channel, &config.options),
            receiver,
            signal_step: 0,
            gain: Gain::new(),
            on_air: 0..0,
            senses: None,
            transmit_position: 0,
            transmit_dropped: 0,
            evm: None,
            evm_smoothing: EVM_SMOOTHING,
            zero_crossing: None,
            answers: Deque::new(),
        }
    }

    /// Takes a request. A transmission answers with [`Event::DataConfirm`], at once where it is refused: while
    /// another frame waits or is on the air, where it does not fit, and while the PHY sleeps or is in a test mode.
    /// Requests of the control and management planes are answered at once; eight answers wait to be polled.
    pub fn request(&mut self, now: Instant, request: Request) {
        match request {
            Request::ZeroCrossing(at) => self.zero_crossing = Some(at),
            Request::Control(request) => self.control(now, request),
            Request::Management(request) => self.manage(now, request),
            Request::Cancel if !matches!(self.mode, Mode::Test(_)) => self.cancel(now),
            Request::Cancel => {}
            Request::Data(data) => {
                let loaded = match self.mode {
                    Mode::Awake => self.load(&data),
                    Mode::Asleep | Mode::Test(_) => Err(TransmitResult::BadMode),
                };
                if let Err(result) = loaded {
                    self.transmit_dropped = self.transmit_dropped.wrapping_add(1);
                    self.confirm(now, result);
                }
            }
        }
    }

    /// Writes the samples from index `from` on. False, with `out` untouched, where nothing of ours is on the air.
    pub fn transmit(&mut self, from: u64, out: &mut [f32]) -> bool {
        let block = from..from + out.len() as u64;
        self.transmit_position = block.end;
        if let Mode::Test(test) = self.mode
            && !self.transmitter.is_busy()
        {
            self.load_test(test, from);
        }
        if !self.transmitter.is_busy() || self.line_is_taken(block.end) {
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
        let mut rest = ours.get_mut(count..).unwrap_or_default();
        rest.fill(0.0);
        // Frames of a test follow one another within a block too.
        while let (Mode::Test(test), false, false) = (self.mode, self.transmitter.is_busy(), rest.is_empty())
        {
            let ended = block.end - rest.len() as u64;
            self.load_test(test, ended);
            let silent = usize::try_from(self.on_air.start - ended).unwrap_or(usize::MAX);
            let Some((_, ours)) = rest.split_at_mut_checked(silent) else { break };
            let count = self.transmitter.pull(ours);
            rest = ours.get_mut(count..).unwrap_or_default();
            if count == 0 {
                break;
            }
        }
        if !self.transmitter.is_busy() && self.mode == Mode::Awake {
            let end = self.config.channel.clock.instant(self.on_air.end);
            self.confirm(end, TransmitResult::Success);
        }
        true
    }

    /// Takes the samples from index `from` on. Blocks come in order, each after the `transmit` of the same samples;
    /// what is left out between blocks is not heard.
    pub fn receive(&mut self, from: u64, samples: &[f32]) {
        if self.mode != Mode::Awake {
            return;
        }
        let end = from + samples.len() as u64;
        let part = |range: Range<u64>| {
            let first = usize::try_from(range.start.clamp(from, end) - from).unwrap_or(usize::MAX);
            let last = usize::try_from(range.end.clamp(from, end) - from).unwrap_or(usize::MAX);
            (from + first as u64, samples.get(first..last).unwrap_or_default())
        };
        for (from, heard) in [part(from..self.on_air.start), part(self.on_air.end.max(from)..end)] {
            if !heard.is_empty() {
                let (signal, step) = (self.receiver.channel().signal_power(), self.gain.step());
                self.receiver.push(from, heard);
                if self.receiver.channel().signal_power() != signal {
                    self.signal_step = step;
                }
                let (free, rate_hz) = (!self.receiver.is_busy(), self.config.channel.clock.rate_hz());
                self.gain.hear(&self.config.front_end, from, heard, free, rate_hz);
                self.follow_gain(step);
            }
        }
    }

    /// The next event, if there is one.
    pub fn poll(&mut self) -> Option<Event> {
        let event = self.answers.pop_front().or_else(|| self.receiver.poll())?;
        if let Event::DataIndication(data) = &event {
            self.average_evm(data.reception.evm);
        }
        Some(event)
    }

    /// Whether a frame of ours is on the air: from its first sample's block to its last sample's.
    pub fn transmitting(&self) -> bool {
        self.transmitter.has_started()
    }

    /// PHY_ZCT.get: time since the mains last crossed zero, where the driver tells of it.
    pub fn since_zero_crossing(&self, now: Instant) -> Option<Duration> {
        now.checked_duration_since(self.zero_crossing?)
    }

    /// The receiver, for its measurements: PHY_CD, PHY_NL and PHY_SNR.
    pub fn receiver(&self) -> &Receiver<W> {
        &self.receiver
    }

    fn load(&mut self, data: &PhyDataRequest) -> Result<(), TransmitResult> {
        if self.transmitter.is_busy() {
            return Err(TransmitResult::TransmitterBusy);
        }
        let PhyConfig { channel, options, .. } = &self.config;
        let frame = FrameEncoder::on(channel.channels(), options, data.frame_type, data.scheme, &data.mpdu);
        let frame = frame.map_err(|error| match error {
            EncodeError::Scheme { .. } => TransmitResult::BadScheme,
            EncodeError::Mpdu { .. } | EncodeError::Header(_) => TransmitResult::BadLength,
        })?;
        let clock = self.config.channel.clock;
        let first = clock.samples_before(data.time).max(self.transmit_position);
        self.senses = data.senses.filter(|senses| senses.count > 0).map(|senses| {
            let delay = clock.samples_before(Instant::from_ticks(0) + millis(senses.delay_ms.min(15).into()));
            Sensing { next: first, delay, left: senses.gaps() + 1 }
        });
        let listening = self.senses.map_or(0, |senses| senses.delay * u64::from(senses.left - 1));
        self.start(frame, first + listening, data.level);
        Ok(())
    }

    /// Loads the frame of a test, to start at sample `from` or, with pauses, a frame's length after the last.
    fn load_test(&mut self, test: TestMode, from: u64) {
        let channels = self.config.channel.channels();
        let octets = (1..=MAX_MPDU)
            .rev()
            .find(|&octets| PayloadLayout::on(channels, FrameType::A, test.scheme, octets).is_some());
        let mut mpdu = [0; MAX_MPDU];
        Scrambler::new().apply(&mut mpdu);
        mpdu[0] &= 0x3F;
        let mpdu = octets.and_then(|octets| mpdu.get(..octets)).unwrap_or_default();
        let pause = if test.half_duty { self.on_air.end - self.on_air.start } else { 0 };
        let start = from.max(self.on_air.end + pause);
        if let Ok(frame) = FrameEncoder::on(channels, &self.config.options, FrameType::A, test.scheme, mpdu) {
            self.start(frame, start, test.level);
        }
    }

    fn start(&mut self, frame: FrameEncoder, start: u64, level: u8) {
        let attenuation_db = LEVEL_STEP_DB * f32::from(level.min(LOWEST_LEVEL));
        let samples = self.transmitter.load(frame, attenuation_db);
        self.on_air = start..start + samples as u64;
    }

    /// Senses the line where that is due before sample `end`; a frame that finds it busy is dropped.
    fn line_is_taken(&mut self, end: u64) -> bool {
        let Some(mut senses) = self.senses else { return false };
        while senses.left > 0 && senses.next < end {
            if self.receiver.is_busy() {
                let at = self.config.channel.clock.instant(senses.next);
                self.senses = None;
                self.transmitter.cancel();
                self.on_air.end = self.on_air.start;
                self.transmit_dropped = self.transmit_dropped.wrapping_add(1);
                self.confirm(at, TransmitResult::ChannelBusy);
                return true;
            }
            senses.next += senses.delay;
            senses.left -= 1;
        }
        self.senses = (senses.left > 0).then_some(senses);
        false
    }

    fn confirm(&mut self, end: Instant, result: TransmitResult) {
        self.answer(Event::DataConfirm(PhyDataConfirm { end, result }));
    }

    fn answer(&mut self, event: Event) {
        if self.answers.is_full() {
            self.answers.pop_front();
        }
        let _ = self.answers.push_back(event);
    }
}

//! Samples to frames: the streaming differential receiver.
//!
//! ```text
//!              preamble found            sign flip                header right
//! Listening ------------------> Aligned -----------> Header -----------------------> Payload
//!     ^                            | lost               | header wrong, or an ACK       | last symbol
//!     +----------------------------+--------------------+-------------------------------+
//! ```
//!
//! Every state looks at windows of 256 samples one after another, so the receiver holds a single window of samples
//! whatever the blocks it is given: windows without gap while listening, whole preamble symbols once aligned, then
//! the middle of each symbol's range without interference from its neighbours.
//!
//! Carrier sense: a preamble is reported when it is found, after one window in a clear signal and up to seven in
//! noise; [`CarrierSense::Idle`] follows when it turns out to be none. After a header failed the receiver listens
//! at once and reports the next preamble, but [`CarrierSense::Idle`] only once the power on the carriers is closer to
//! the noise than to the frame, or the longest frame would be over.

mod carriers;
mod chains;
mod channel;
mod channel_tracker;
mod coherent;
mod detector;
mod events;
mod frame;
mod front_end;
mod half_cycle;
mod header_decoder;
mod listening;
mod matched;
mod noise_tracker;
mod options;
mod payload_decoder;
mod smoothing;
mod statistics;
mod synchroniser;
mod tones;
mod workspace;

pub use options::{Mitigation, PreambleDetection, ReceiverOptions};
pub use plc_core::receiver::{Detection, NoWorkspace, Optional};
pub use statistics::Statistics;
pub use workspace::{FrameWorkspace, Memory};

use crate::band::{BandPlan, FFT_SAMPLES, MAX_CARRIERS, OVERLAP_SAMPLES, PREFIX_SAMPLES};
use crate::layout::{MAX_RS_WORD, TAIL_BITS};
use crate::options::Options;
use crate::primitives::{Ack, CarrierSense, Event};
use crate::timing;
use crate::tone::ToneMask;
use carriers::{CarrierBank, Carriers, copy_sane};
use coherent::PreambleEstimate;
use detector::Detector;
use dsp::viterbi::Viterbi;
use events::Events;
use frame::Frame;
use front_end::FrontEnd;
use header_decoder::{HeaderDecoder, Link};
use noise_tracker::NullReference;
use payload_decoder::PayloadDecoder;
use plc_core::receiver::UnknownFrame;
use plc_core::time::Instant;
use synchroniser::Synchroniser;

/// Where in a symbol the window starts. From 8 (the edge shared with the symbol before) to 22 (the edge shared with
/// the one after) no neighbour interferes; the middle leaves 7 samples to either side for echoes and for a clock
/// that is 50 ppm off, which slips 3.5 samples in the longest frame.
const WINDOW_IN_SYMBOL: usize = (OVERLAP_SAMPLES + (PREFIX_SAMPLES - OVERLAP_SAMPLES)) / 2;

/// Stages of the Viterbi decoder for the longest word of one Reed-Solomon block.
const STAGES: usize = 8 * MAX_RS_WORD + TAIL_BITS;

/// Receives G3 frames from a continuous stream of samples at any level.
///
/// Without a workspace it is the standard differential receiver. With one it can do what [`ReceiverOptions`] say.
///
/// ```
/// use g3_phy::options::Options;
/// use g3_phy::{BandPlan, FrameWorkspace, Receiver, ReceiverOptions, ToneMask};
/// let (plan, options) = (BandPlan::CENELEC_A, Options::default());
/// let standard = Receiver::new(&plan, ToneMask::ALL, &options);
/// let memory = Box::new(FrameWorkspace::new());
/// let best = Receiver::with_workspace(&plan, ToneMask::ALL, &options, &ReceiverOptions::iterative(8), memory);
/// # let _ = (standard, best);
/// ```
#[derive(Clone, Debug)]
pub struct Receiver<W = NoWorkspace> {
    plan: BandPlan,
    mask: ToneMask,
    options: Options,
    beyond: ReceiverOptions,
    memory: W,
    /// Whether the matched detector is asked for and has its memory.
    is_matched: bool,
    preamble: Option<PreambleEstimate>,
    /// Until when a preamble that the standard detector reported may be confirmed by the matched one.
    sensed_until: Option<u64>,
    front_end: FrontEnd,
    bank: CarrierBank,
    detector: Detector,
    synchroniser: Option<Synchroniser>,
    header: HeaderDecoder,
    nulls: NullReference,
    payload: PayloadDecoder,
    viterbi: Viterbi<STAGES>,
    link: Link,

    state: State,
    /// Index of the next sample that is to come.
    position: u64,
    /// Index of the first sample of the window being filled.
    window_start: u64,
    window: [f32; FFT_SAMPLES],
    filled: usize,
    /// A frame whose header failed may still be on the line.
    unknown_frame: Option<UnknownFrame>,
    events: Events,
    statistics: Statistics,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Listening,
    Aligned,
    Header {
        start: u64,
    },
    /// Payload symbols, then the rest of the last one's edge.
    Payload {
        frame: Frame,
        symbols_left: u16,
    },
    /// Waits for the end of an acknowledgement.
    AckEnd {
        start: u64,
        end: u64,
        ack: Ack,
    },
}

impl Receiver {
    /// A standard receiver that listens from sample 0 on.
    pub fn new(plan: &BandPlan, mask: ToneMask, options: &Options) -> Self {
        Self::with_workspace(plan, mask, options, &ReceiverOptions::STANDARD, NoWorkspace)
    }
}

impl<W: Memory> Receiver<W> {
    /// A receiver that listens from sample 0 on and has the memory of a workspace: a reference or a box.
    pub fn with_workspace(
        plan: &BandPlan,
        mask: ToneMask,
        options: &Options,
        beyond: &ReceiverOptions,
        mut memory: W,
    ) -> Self {
        let bank = CarrierBank::new(plan, mask);
        let workspace = memory.workspace();
        let is_matched = beyond.preamble == PreambleDetection::Matched && workspace.is_some();
        if let Some(workspace) = workspace {
            workspace.matched.set_up(&bank);
        }
        Self {
            plan: *plan,
            mask,
            options: *options,
            beyond: *beyond,
            memory,
            is_matched,
            preamble: None,
            sensed_until: None,
            front_end: FrontEnd::new(beyond.mitigation),
            detector: Detector::new(bank.bins()),
            synchroniser: None,
            header: HeaderDecoder::new(&bank, plan.header, timing::fch_symbols(plan, mask)),
            nulls: NullReference::new(),
            payload: PayloadDecoder::new(),
            viterbi: Viterbi::new(),
            link: Link { signal: [0.0; MAX_CARRIERS], noise: [0.0; MAX_CARRIERS] },
            bank,
            state: State::Listening,
            position: 0,
            window_start: 0,
            window: [0.0; FFT_SAMPLES],
            filled: 0,
            unknown_frame: None,
            events: Events::new(),
            statistics: Statistics::default(),
        }
    }

    /// Takes the samples that follow those before; `from` is the index of the first. Where it is not the one
    /// expected, samples were left out: what was being received is lost and the receiver listens anew.
    ///
    /// Poll the events after each block. Of a block longer than two frames carrier sense events may be dropped,
    /// the oldest first ([`dropped_events`](Self::dropped_events)).
    pub fn push(&mut self, from: u64, samples: &[f32]) {
        if from != self.position {
            self.resume(from);
        }
        let mut rest = samples;
        while !rest.is_empty() {
            if self.filled == 0 && self.position < self.window_start {
                let skipped =
                    rest.len().min(usize::try_from(self.window_start - self.position).unwrap_or(usize::MAX));
                rest = rest.get(skipped..).unwrap_or_default();
                self.position += skipped as u64;
                continue;
            }
            if self.filled == 0 && self.finish_frame() {
                continue;
            }
            let count = rest.len().min(FFT_SAMPLES - self.filled);
            let (now, later) = rest.split_at_checked(count).unwrap_or_default();
            if let Some(room) = self.window.get_mut(self.filled..) {
                copy_sane(now, room);
            }
            rest = later;
            self.filled += count;
            self.position += count as u64;
            if self.filled == FFT_SAMPLES {
                self.filled = 0;
                self.step();
            }
        }
        if self.filled == 0 && self.position >= self.window_start {
            self.finish_frame();
        }
    }

    /// The next event, if there is one.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// Signal to noise power ratio of each unmasked carrier, the lowest first, from the FCH of the last frame whose
    /// header was right.
    pub fn carrier_snr(&self) -> impl Iterator<Item = f32> + '_ {
        // The mean of 1/noise is above 1/mean noise by the estimate's relative variance, 1.5 over the number of
        // differences between symbols.
        let unbiased = 1.0 / (1.0 + 1.5 / timing::fch_symbols(&self.plan, self.mask).max(2) as f32);
        let pairs = self.link.signal.iter().zip(&self.link.noise).take(self.bank.count());
        pairs.map(move |(signal, noise)| unbiased * signal / noise.max(f32::MIN_POSITIVE))
    }

    /// Whether a frame is on the line as far as the receiver knows.
    pub fn is_busy(&self) -> bool {
        !matches!(self.state, State::Listening) || self.unknown_frame.is_some() || self.sensed_until.is_some()
    }

    /// What was received and what was on the line since the receiver was made.
    pub fn statistics(&self) -> Statistics {
        Statistics { impulsive_windows: self.front_end.impulsive_windows(), ..self.statistics }
    }

    /// Events that were dropped because nobody polled.
    pub fn dropped_events(&self) -> u32 {
        self.events.dropped()
    }

    /// Listens anew from sample `from` on.
    fn resume(&mut self, from: u64) {
        if self.is_busy() {
            self.emit(CarrierSense::Idle(self.instant(from)));
        }
        self.unknown_frame = None;
        self.position = from;
        self.listen(from);
    }

    /// The carriers of the window that is full.
    fn transform(&mut self) -> Carriers {
        self.bank.transform(self.front_end.clean(&self.window, self.window_start))
    }

    /// The carriers of the window that is full, freed of SYNCP's phases. Where nothing is being received, tones are looked
    /// for in it.
    fn transform_against_syncp(&mut self) -> Carriers {
        let carriers =
            self.bank.transform_against_syncp(self.front_end.clean(&self.window, self.window_start));
        if matches!(self.state, State::Listening) {
            self.front_end.look_for_tones(self.bank.spectrum());
        }
        carriers
    }

    fn listen(&mut self, from: u64) {
        self.state = State::Listening;
        self.preamble = None;
        self.sensed_until = None;
        if let Some(workspace) = self.memory.workspace() {
            workspace.matched.clear();
            workspace.payload = None;
        }
        self.synchroniser = None;
        self.detector.clear();
        self.filled = 0;
        self.window_start = from;
    }

    /// Takes a whole window.
    fn step(&mut self) {
        let next = self.window_start + FFT_SAMPLES as u64;
        match self.state {
            State::Listening if self.is_matched => self.step_matched(next),
            State::Listening => self.step_listening(next),
            State::Aligned => self.step_aligned(next),
            State::Header { start } => self.step_header(start),
            State::Payload { frame, symbols_left } => self.step_payload(frame, symbols_left),
            State::AckEnd { end, .. } => self.window_start = end,
        }
    }

    fn instant(&self, sample: u64) -> Instant {
        self.plan.clock.instant(sample)
    }

    fn emit(&mut self, sense: CarrierSense) {
        self.events.push(Event::CarrierSense(sense));
    }
}

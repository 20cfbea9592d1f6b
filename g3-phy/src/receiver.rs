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
mod header_decoder;
mod matched;
mod noise_tracker;
mod options;
mod payload_decoder;
mod smoothing;
mod synchroniser;
mod workspace;

pub use options::{Detection, PreambleDetection, ReceiverOptions};
pub use workspace::{FrameWorkspace, Memory, NoWorkspace};

use crate::Modulation;
use crate::band::{
    BandPlan, FFT_SAMPLES, MAX_CARRIERS, OVERLAP_SAMPLES, PREAMBLE_SAMPLES, PREFIX_SAMPLES, SYMBOL_STRIDE,
};
use crate::header::FrameControl;
use crate::layout::{Blocks, MAX_RS_WORD, PayloadLayout, TAIL_BITS};
use crate::options::Options;
use crate::primitives::{Ack, CarrierSense, DataHeader, Event, PdAckIndication, PdDataIndication, Psdu};
use crate::timing;
use crate::tone::ToneMask;
use carriers::{CarrierBank, Carriers, copy_sane, power};
use coherent::{CoherentPayload, PreambleEstimate};
use detector::Detector;
use dsp::viterbi::Viterbi;
use header_decoder::{Header, HeaderDecoder, Link};
use heapless::Deque;
use noise_tracker::{NoiseTracker, NullReference};
use payload_decoder::{CoherentSymbols, PayloadDecoder};
use plc_core::time::Instant;
use plc_core::units::power_to_db;
use synchroniser::{Progress, Synchroniser};

/// Where in a symbol the window starts. From 8 (the edge shared with the symbol before) to 22 (the edge shared with
/// the one after) no neighbour interferes; the middle leaves 7 samples to either side for echoes and for a clock
/// that is 50 ppm off, which slips 3.5 samples in the longest frame.
const WINDOW_IN_SYMBOL: usize = (OVERLAP_SAMPLES + (PREFIX_SAMPLES - OVERLAP_SAMPLES)) / 2;

/// Events that wait for [`Receiver::poll`]; a frame makes at most four.
const MOST_EVENTS: usize = 8;

/// Windows below the threshold that end a frame whose header was not understood.
const QUIET_WINDOWS: u8 = 3;

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
    coherent: Option<CoherentPayload>,
    /// Until when a preamble that the standard detector reported may be confirmed by the matched one.
    sensed_until: Option<u64>,
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
    events: Deque<Event, MOST_EVENTS>,
    dropped_events: u32,
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

#[derive(Clone, Copy, Debug)]
struct Frame {
    header: DataHeader,
    start: u64,
    end: u64,
}

/// What is known of a frame whose header failed.
#[derive(Clone, Copy, Debug)]
struct UnknownFrame {
    /// End of the longest frame there is.
    latest_end: u64,
    /// Power on the carriers below which it is over.
    threshold: f32,
    quiet_windows: u8,
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
            coherent: None,
            sensed_until: None,
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
            events: Deque::new(),
            dropped_events: 0,
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
        self.events.pop_front()
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
        !matches!(self.state, State::Listening) || self.unknown_frame.is_some()
    }

    /// Events that were dropped because nobody polled.
    pub fn dropped_events(&self) -> u32 {
        self.dropped_events
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

    fn listen(&mut self, from: u64) {
        self.state = State::Listening;
        self.preamble = None;
        self.coherent = None;
        self.sensed_until = None;
        if let Some(workspace) = self.memory.workspace() {
            workspace.matched.clear();
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
            State::Payload { frame, symbols_left } => {
                let symbol = self.bank.transform(&self.window);
                self.payload.push(&symbol, &self.bank.null_powers());
                self.payload.end_block(&mut self.viterbi);
                if let (Some(coherent), Some(workspace), Some(payload)) =
                    (&mut self.coherent, self.memory.workspace(), self.payload.payload())
                {
                    coherent.push(&mut workspace.chains, &symbol, payload);
                }
                self.window_start += SYMBOL_STRIDE as u64;
                let symbols_left = symbols_left.saturating_sub(1);
                if symbols_left == 0 {
                    self.window_start = frame.end;
                }
                self.state = State::Payload { frame, symbols_left };
            }
            State::AckEnd { end, .. } => self.window_start = end,
        }
    }

    fn step_listening(&mut self, next: u64) {
        let window = self.bank.transform_against_syncp(&self.window);
        if let Some(found) = self.detector.push(&window) {
            self.align(&found, next);
            return;
        }
        self.window_start = next;
        self.watch_unknown_frame(power(&window), next);
    }

    /// Listens with the matched detector, and with the standard one for an early sign of a strong preamble.
    fn step_matched(&mut self, next: u64) {
        let window = self.bank.transform_against_syncp(&self.window);
        let found = self.memory.workspace().and_then(|workspace| workspace.matched.push(&window));
        if let Some(found) = found {
            let syncm = self.window_start.saturating_add_signed(i64::from(found.offset));
            let start = syncm - Synchroniser::SAMPLES_BEFORE_FLIP.min(syncm);
            if self.sensed_until.take().is_none() {
                self.emit(CarrierSense::Preamble(self.instant(start)));
            }
            let mut mean = found.mean;
            self.bank.advance(&mut mean, found.offset - (PREFIX_SAMPLES - WINDOW_IN_SYMBOL) as i32);
            let mut reference = mean;
            reference.iter_mut().zip(self.bank.syncp()).for_each(|(carrier, syncp)| *carrier *= syncp);
            self.preamble = Some(PreambleEstimate {
                mean,
                windows: matched::Found::WINDOWS as f32,
                noise: Some(found.noise),
            });
            self.start_header(start, reference);
            return;
        }
        if (next / matched::HOP as u64).is_multiple_of((FFT_SAMPLES / matched::HOP) as u64) {
            match self.detector.push(&window) {
                Some(found) if self.sensed_until.is_none() => {
                    let windows = self.detector.windows_like(&found).max(1) as u64;
                    let start = (next + found.delay as u64).saturating_sub(windows * FFT_SAMPLES as u64);
                    self.sensed_until = Some(next + PREAMBLE_SAMPLES as u64);
                    self.emit(CarrierSense::Preamble(self.instant(start)));
                }
                _ => {}
            }
            self.watch_unknown_frame(power(&window), next);
        }
        if self.sensed_until.is_some_and(|until| next >= until) {
            self.sensed_until = None;
            if self.unknown_frame.is_none() {
                self.emit(CarrierSense::Idle(self.instant(next)));
            }
        }
        // Windows overlap: only the first hop of this one is done with.
        self.window.copy_within(matched::HOP.., 0);
        self.filled = FFT_SAMPLES - matched::HOP;
        self.window_start += matched::HOP as u64;
    }

    /// A preamble was found: windows are aligned to its symbols from now on.
    fn align(&mut self, found: &detector::Detection, next: u64) {
        let windows = self.detector.windows_like(found).max(1) as u64;
        self.synchroniser = Some(Synchroniser::new(found, &self.bank));
        self.window_start = next + found.delay as u64;
        let start = self.window_start.saturating_sub(windows * FFT_SAMPLES as u64);
        self.emit(CarrierSense::Preamble(self.instant(start)));
        self.state = State::Aligned;
    }

    fn step_aligned(&mut self, next: u64) {
        let window = self.bank.transform_against_syncp(&self.window);
        let Some(synchroniser) = &mut self.synchroniser else { return self.listen(next) };
        match synchroniser.push(&window) {
            Progress::Preamble => self.window_start = next,
            Progress::Lost => {
                // Inside a frame whose header failed this was no preamble, and the frame goes on.
                if self.unknown_frame.is_none() {
                    self.emit(CarrierSense::Idle(self.instant(next)));
                }
                self.listen(next);
            }
            Progress::Flip => {
                let offset = synchroniser.offset(&mut self.detector);
                let start = (self.window_start - Synchroniser::SAMPLES_BEFORE_FLIP.min(self.window_start))
                    .saturating_add_signed(i64::from(offset));
                // From a preamble window's place in its symbol to the FCH window's.
                let advance = offset - (PREFIX_SAMPLES - WINDOW_IN_SYMBOL) as i32;
                let reference = synchroniser.header_reference(&self.bank, advance);
                let mut mean = reference;
                mean.iter_mut().zip(self.bank.syncp()).for_each(|(carrier, syncp)| *carrier *= syncp.conj());
                self.preamble = Some(PreambleEstimate { mean, windows: synchroniser.windows(), noise: None });
                self.start_header(start, reference);
            }
        }
    }

    /// The frame starts at sample `start`; `reference` is SYNCP as the first FCH symbol's window sees it.
    fn start_header(&mut self, start: u64, reference: Carriers) {
        self.nulls.clear();
        self.header.start(reference);
        self.filled = 0;
        self.window_start = start + first_window();
        self.state = State::Header { start };
    }

    fn step_header(&mut self, start: u64) {
        let symbol = self.bank.transform(&self.window);
        self.nulls.push(&self.bank.null_powers());
        self.window_start += SYMBOL_STRIDE as u64;
        if !self.header.push(&symbol) {
            return;
        }
        let end = start + self.samples_with(0);
        let readings = self.options.fch_modulations(&self.plan).iter();
        let order = self.options.fccs_order;
        let decoded = readings
            .copied()
            .find_map(|modulation| self.header.decode(&mut self.viterbi, &self.plan, order, modulation))
            .filter(|found| match (&self.preamble, self.beyond.detection) {
                (Some(preamble), Detection::Coherent { .. }) => {
                    coherent::fits_preamble(&self.header, found, preamble, &self.bank, &self.beyond)
                }
                _ => true,
            })
            .or_else(|| {
                let workspace = self.memory.workspace()?;
                let (bank, plan, preamble) = (&self.bank, &self.plan, self.preamble.as_ref()?);
                let chains = &mut workspace.chains;
                coherent::decode_header(chains, &self.header, preamble, bank, plan, order, &self.beyond)
            });
        let Some(decoded) = decoded else { return self.give_up_frame(end) };
        self.link = decoded.link;
        self.unknown_frame = None;
        match decoded.header {
            FrameControl::Ack(ack) => {
                self.window_start = end;
                self.state = State::AckEnd { start, end, ack };
            }
            FrameControl::Data(header) => {
                let end = start + self.samples_with(symbols_after_header(&header));
                self.start_payload(Frame { header, start, end }, &decoded);
            }
        }
    }

    /// The header failed: the line is busy, and the next frame may come at any time.
    fn give_up_frame(&mut self, end: u64) {
        let of_matched = self.preamble.and_then(|preamble| preamble.noise).map(|noise| noise.iter().sum());
        let noise = of_matched.or_else(|| self.synchroniser.as_ref().and_then(Synchroniser::noise_power));
        let frame = self.header.mean_power();
        let threshold = noise.map_or(0.5 * frame, |noise| 0.5 * (frame + noise.clamp(0.0, frame)));
        let longest = u64::from(self.plan.max_payload_symbols) * SYMBOL_STRIDE as u64;
        self.unknown_frame = Some(UnknownFrame { latest_end: end + longest, threshold, quiet_windows: 0 });
        self.emit(CarrierSense::HeaderFailed { end: self.instant(end) });
        self.listen(self.position);
    }

    fn watch_unknown_frame(&mut self, power: f32, next: u64) {
        let Some(frame) = &mut self.unknown_frame else { return };
        frame.quiet_windows = if power < frame.threshold { frame.quiet_windows + 1 } else { 0 };
        if frame.quiet_windows >= QUIET_WINDOWS || next >= frame.latest_end {
            self.unknown_frame = None;
            self.emit(CarrierSense::Idle(self.instant(next)));
        }
    }

    fn start_payload(&mut self, frame: Frame, found: &Header) {
        let DataHeader { modulation, tone_map, blocks, .. } = frame.header;
        self.emit(CarrierSense::Header { header: frame.header, end: self.instant(frame.end) });
        let coherent = modulation
            .is_coherent()
            .then(|| {
                CoherentSymbols::new(
                    (&self.plan, self.mask, tone_map),
                    &self.options,
                    modulation,
                    &self.bank,
                    (&self.header, found, self.preamble.as_ref()),
                )
            })
            .flatten();
        let layout = PayloadLayout::from_header(&self.plan, self.mask, &frame.header)
            .filter(|_| coherent.is_some() || !modulation.is_coherent());
        let active = self.plan.active(self.mask, tone_map);
        let (bins, first) = (self.bank.bins(), self.plan.first_carrier);
        let carries_data =
            |carrier: usize| bins.get(carrier).is_some_and(|&bin| active.contains(usize::from(bin - first)));
        self.coherent = match (&layout, self.memory.workspace(), &self.preamble) {
            (Some(layout), Some(workspace), Some(preamble))
                if self.beyond.detection != Detection::Differential
                    && !modulation.is_coherent()
                    && blocks == Blocks::One =>
            {
                CoherentPayload::start(
                    &mut workspace.chains,
                    &self.header,
                    found,
                    preamble,
                    &self.bank,
                    (layout, carries_data),
                    (self.plan.clock.rate_hz() as f32, &self.beyond),
                )
            }
            _ => None,
        };
        self.payload.start(
            layout,
            self.options.interleaving,
            carries_data,
            &self.link,
            Some(NoiseTracker::new(&self.link, &self.nulls)),
            self.header.last_symbol(),
        );
        if let Some(coherent) = coherent {
            self.payload.hold_against(coherent);
        }
        self.state = State::Payload { frame, symbols_left: symbols_after_header(&frame.header) };
    }

    /// Where a frame's end has been reached, reports the frame and listens; false where there is nothing to finish.
    fn finish_frame(&mut self) -> bool {
        let end = match self.state {
            State::AckEnd { start, end, ack } => {
                let (start, end) = (self.instant(start), self.instant(end));
                self.emit_event(Event::AckIndication(PdAckIndication { ack, start, end, lqi: self.lqi() }));
                end
            }
            State::Payload { frame, symbols_left: 0 } => {
                self.finish_payload(&frame);
                self.instant(frame.end)
            }
            _ => return false,
        };
        self.emit(CarrierSense::Idle(end));
        self.listen(self.position);
        true
    }

    fn finish_payload(&mut self, frame: &Frame) {
        let (start, end) = (self.instant(frame.start), self.instant(frame.end));
        match self.decode_payload(frame.header.modulation) {
            None => self.emit(CarrierSense::PayloadFailed { end }),
            Some((psdu, corrected_octets)) => self.emit_event(Event::DataIndication(PdDataIndication {
                psdu,
                header: frame.header,
                start,
                end,
                lqi: self.lqi(),
                corrected_octets,
            })),
        }
    }

    /// Differentially first, which is right wherever Reed-Solomon leaves no doubt, then coherently.
    fn decode_payload(&mut self, modulation: Modulation) -> Option<(Psdu, u8)> {
        let standard = self.payload.decode(&mut self.viterbi);
        if standard.as_ref().is_some_and(|(_, corrected)| coherent::is_certain(modulation, *corrected)) {
            return standard;
        }
        let coherent = match (&mut self.coherent, self.memory.workspace(), self.payload.payload()) {
            (Some(coherent), Some(workspace), Some((layout, _))) => {
                coherent.decode(&mut workspace.chains, layout, &self.beyond)
            }
            _ => None,
        };
        coherent.or(standard)
    }

    /// LQI of the mean over the carriers of signal to noise (digest 10.1).
    fn lqi(&self) -> u8 {
        let carriers = self.bank.count().max(1) as f32;
        let snr_db = power_to_db(self.carrier_snr().sum::<f32>() / carriers);
        // `as` saturates.
        libm::roundf(4.0 * (snr_db + 10.0)) as u8
    }

    /// Samples of a frame with so many symbols after the header.
    fn samples_with(&self, payload_symbols: u16) -> u64 {
        let symbols = timing::fch_symbols(&self.plan, self.mask) + usize::from(payload_symbols);
        (PREAMBLE_SAMPLES + symbols * SYMBOL_STRIDE) as u64
    }

    fn instant(&self, sample: u64) -> Instant {
        self.plan.clock.instant(sample)
    }

    fn emit(&mut self, sense: CarrierSense) {
        self.emit_event(Event::CarrierSense(sense));
    }

    /// Queues an event. Where the queue is full the oldest carrier sense goes, since only the newest one counts.
    fn emit_event(&mut self, event: Event) {
        if self.events.is_full() {
            let mut dropped = false;
            for _ in 0..self.events.len() {
                let Some(oldest) = self.events.pop_front() else { break };
                if !dropped && matches!(oldest, Event::CarrierSense(_)) {
                    dropped = true;
                } else {
                    let _ = self.events.push_back(oldest);
                }
            }
            if !dropped {
                self.events.pop_front();
            }
            self.dropped_events = self.dropped_events.saturating_add(1);
        }
        let _ = self.events.push_back(event);
    }
}

/// Reference and payload symbols.
fn symbols_after_header(header: &DataHeader) -> u16 {
    header.payload_symbols + timing::reference_symbols(header.modulation) as u16
}

/// Start of the first FCH symbol's window, in samples from the start of the frame.
const fn first_window() -> u64 {
    (PREAMBLE_SAMPLES - OVERLAP_SAMPLES + WINDOW_IN_SYMBOL) as u64
}

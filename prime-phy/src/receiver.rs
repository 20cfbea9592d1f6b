//! Samples to frames: the streaming differential receiver.
//!
//! ```text
//!              chirp found                header right
//! Listening ---------------> Header -----------------------> Payload
//!     ^                         | header wrong                  | last symbol
//!     +-------------------------+-------------------------------+
//! ```
//!
//! Every state looks at windows of 512 samples: every 256 while listening, one a symbol in a frame. The newest 2048
//! samples are kept, because a preamble is known only up to 512 samples after its end.
//!
//! Carrier detect: a preamble is reported when it is found. After a header failed the receiver listens at once, from the
//! preamble's end on, and [`CarrierDetect::Idle`] follows once the power on the carriers is closer to the noise than to the
//! frame, or the longest frame would be over.

mod carriers;
mod detector;
mod header_decoder;
mod noise_floor;
mod pairs;
mod payload_decoder;

use crate::Channel;
use crate::channel::{
    CARRIERS, FFT_SAMPLES, HEADER_SYMBOLS, MAX_PAYLOAD_SYMBOLS, PREAMBLE_SAMPLES, PREFIX_SAMPLES,
    SYMBOL_SAMPLES,
};
use crate::coding::STAGES;
use crate::header::{Header, HeaderError};
use crate::options::{Interleaving, Options};
use crate::pib::Statistics;
use crate::primitives::{CarrierDetect, Event, PhyDataIndication, Reception, quality_level};
use crate::timing::frame_samples;
use carriers::{CarrierBank, Carriers, mean_power, sane};
use detector::{Detector, HOP, Peak};
use dsp::viterbi::Viterbi;
use header_decoder::{HeaderDecoder, Link};
use heapless::Deque;
use noise_floor::NoiseFloor;
use pairs::{EARLY_SAMPLES, Pairs};
use payload_decoder::PayloadDecoder;
use plc_core::time::Instant;
use plc_core::units::power_to_db;

/// Samples that are kept, a power of two: a whole header is looked at again when it was none.
const RING: usize = 2048;

/// Events that wait for [`Receiver::poll`]; a frame makes at most four.
pub(crate) const MOST_EVENTS: usize = 8;

/// Windows below the threshold that end a frame whose header was not understood.
const QUIET_WINDOWS: u8 = 3;

/// Receives PRIME frames of Type A from a continuous stream of samples at any level.
#[derive(Clone, Debug)]
pub struct Receiver {
    channel: Channel,
    options: Options,
    bank: CarrierBank,
    detector: Detector,
    floor: NoiseFloor,
    pairs: Pairs,
    header: HeaderDecoder,
    payload: PayloadDecoder,
    viterbi: Viterbi<STAGES>,
    link: Link,
    /// Mean power of each carrier over the symbols of the last frame, and their number.
    powers: [f32; CARRIERS],
    symbols: f32,

    state: State,
    ring: [f32; RING],
    /// Index of the next sample that is to come.
    position: u64,
    /// Index of the first sample of the next window.
    window_start: u64,
    /// A frame whose header failed may still be on the line.
    unknown_frame: Option<UnknownFrame>,
    statistics: Statistics,
    events: Deque<Event, MOST_EVENTS>,
    dropped_events: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Listening,
    Header {
        start: u64,
    },
    /// Payload symbols, then the end of the frame.
    Payload {
        frame: Frame,
        symbols_left: u8,
    },
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    header: Header,
    interleaving: Interleaving,
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
    /// A receiver that listens from sample 0 on.
    pub fn new(channel: &Channel, options: &Options) -> Self {
        let floor = NoiseFloor::new();
        Self {
            channel: *channel,
            options: *options,
            bank: CarrierBank::new(channel),
            detector: Detector::new(channel),
            pairs: Pairs::new(&floor),
            floor,
            header: HeaderDecoder::new(),
            payload: PayloadDecoder::new(),
            viterbi: Viterbi::new(),
            link: Link::default(),
            powers: [0.0; CARRIERS],
            symbols: 0.0,
            state: State::Listening,
            ring: [0.0; RING],
            position: 0,
            window_start: 0,
            unknown_frame: None,
            statistics: Statistics::default(),
            events: Deque::new(),
            dropped_events: 0,
        }
    }

    /// Takes the samples that follow those before; `from` is the index of the first. Where it is not the one
    /// expected, samples were left out: what was being received is lost and the receiver listens anew.
    ///
    /// Poll the events after each block. Of a block longer than two frames carrier detect events may be dropped,
    /// the oldest first ([`dropped_events`](Self::dropped_events)).
    pub fn push(&mut self, from: u64, samples: &[f32]) {
        if from != self.position {
            self.resume(from);
        }
        let mut rest = samples;
        loop {
            // Windows that are complete, and the end of a frame, come before more samples.
            while self.window_start + FFT_SAMPLES as u64 <= self.position {
                self.step();
            }
            self.finish_frame();
            if rest.is_empty() {
                return;
            }
            let wanted = match self.state {
                State::Payload { frame, symbols_left: 0 } => frame.end,
                _ => self.window_start + FFT_SAMPLES as u64,
            };
            let count = usize::try_from(wanted.saturating_sub(self.position)).unwrap_or(rest.len());
            let (now, later) = rest.split_at_checked(count.max(1)).unwrap_or((rest, &[]));
            for &sample in now {
                let place = self.position as usize % RING;
                self.ring[place] = sane(sample);
                self.position += 1;
            }
            rest = later;
        }
    }

    /// The next event, if there is one.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether a frame is on the line as far as the receiver knows.
    pub fn is_busy(&self) -> bool {
        !matches!(self.state, State::Listening) || self.unknown_frame.is_some()
    }

    /// Whether a header is being received (PHY_CD.get).
    pub fn is_in_header(&self) -> bool {
        matches!(self.state, State::Header { .. })
    }

    /// Mean power of the noise on the carriers while nothing is heard, as a square of full scale (PHY_NL.get); once
    /// something was listened to.
    pub fn noise_power(&self) -> Option<f32> {
        self.floor.mean().map(sample_power)
    }

    /// Signal to noise power ratio of each carrier, the lowest first: the mean power over the symbols of the last frame
    /// against the noise before it. Nothing before the noise is known or a frame was received.
    pub fn carrier_snr(&self) -> impl Iterator<Item = f32> + '_ {
        let noise = self.floor.powers().filter(|_| self.symbols > 0.0);
        noise.into_iter().flat_map(|noise| {
            let pairs = self.powers.iter().zip(noise);
            pairs.map(|(power, noise)| ((power - noise) / noise.max(f32::MIN_POSITIVE)).max(0.0))
        })
    }

    /// Counters of frames.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Events that were dropped because nobody polled.
    pub fn dropped_events(&self) -> u32 {
        self.dropped_events
    }

    /// Listens anew from sample `from` on.
    fn resume(&mut self, from: u64) {
        if self.is_busy() {
            self.emit(CarrierDetect::Idle(self.instant(from)));
        }
        self.unknown_frame = None;
        self.position = from;
        self.listen(from);
    }

    fn listen(&mut self, from: u64) {
        self.state = State::Listening;
        self.detector.clear();
        self.window_start = from;
    }

    /// Takes a whole window.
    fn step(&mut self) {
        match self.state {
            State::Listening => self.step_listening(),
            State::Header { start } => self.step_header(start),
            State::Payload { symbols_left: 0, .. } => self.finish_frame(),
            State::Payload { frame, symbols_left } => {
                let symbol = self.symbol();
                self.payload.push(&symbol, &mut self.pairs);
                let symbols_left = symbols_left - 1;
                if symbols_left == 0 {
                    self.window_start = frame.end;
                }
                self.state = State::Payload { frame, symbols_left };
            }
        }
    }

    fn step_listening(&mut self) {
        let window = self.window();
        let carriers = self.bank.carriers(&window);
        let start = self.window_start;
        self.window_start += HOP as u64;
        if let Some(found) = self.detector.push(self.bank.last(), start) {
            return self.begin_frame(&found);
        }
        match self.unknown_frame {
            None if !self.detector.suspects() => self.floor.push(&carriers),
            None => {}
            Some(frame) => self.watch_unknown_frame(frame, mean_power(&carriers)),
        }
    }

    fn begin_frame(&mut self, found: &Peak) {
        self.emit(CarrierDetect::Preamble(self.instant(found.start)));
        self.unknown_frame = None;
        self.floor.forget_newest();
        self.pairs = Pairs::new(&self.floor);
        self.header.start();
        (self.powers, self.symbols) = ([0.0; CARRIERS], 0.0);
        self.window_start = found.start + FIRST_WINDOW;
        self.state = State::Header { start: found.start };
    }

    /// The carriers of the next symbol.
    fn symbol(&mut self) -> Carriers {
        let window = self.window();
        self.window_start += SYMBOL_SAMPLES as u64;
        let carriers = self.bank.carriers(&window);
        self.symbols += 1.0;
        for (mean, carrier) in self.powers.iter_mut().zip(&carriers) {
            *mean += (carrier.norm_sqr() - *mean) / self.symbols;
        }
        carriers
    }

    fn step_header(&mut self, start: u64) {
        let symbol = self.symbol();
        if !self.header.push(&symbol, &self.pairs) {
            return;
        }
        let set = self.options.interleaving;
        let mut interleaving = set;
        let mut decoded = self.header.decode(&mut self.viterbi, set);
        if decoded.is_err()
            && let Ok(header) = self.header.decode(&mut self.viterbi, set.other())
        {
            (decoded, interleaving) = (Ok(header), set.other());
        }
        match decoded {
            Err(error) => self.give_up_frame(start, error),
            Ok(header) => {
                self.link = self.header.link(&header, interleaving, &mut self.pairs, &self.floor);
                let end = start + frame_samples(header.symbols);
                self.emit(CarrierDetect::Header { header, end: self.instant(end) });
                self.payload.start(header.layout(), interleaving, &self.link);
                let frame = Frame { header, interleaving, start, end };
                self.state = State::Payload { frame, symbols_left: header.symbols };
                if header.symbols == 0 {
                    self.window_start = end;
                }
            }
        }
    }

    /// The header failed: the line is busy, and the next frame may come at any time.
    fn give_up_frame(&mut self, start: u64, error: HeaderError) {
        match error {
            HeaderError::Crc { .. } => self.statistics.crc_incorrect += 1,
            _ => self.statistics.crc_fail += 1,
        }
        let frame = self.header.power();
        let threshold = self.floor.mean().map_or(0.5 * frame, |noise| 0.5 * (frame + noise.min(frame)));
        let latest_end = start + frame_samples(MAX_PAYLOAD_SYMBOLS as u8);
        self.unknown_frame = Some(UnknownFrame { latest_end, threshold, quiet_windows: 0 });
        let end = start + frame_samples(0);
        self.emit(CarrierDetect::HeaderFailed { end: self.instant(end) });
        self.listen(start + PREAMBLE_SAMPLES as u64);
    }

    fn watch_unknown_frame(&mut self, mut frame: UnknownFrame, power: f32) {
        let next = self.window_start;
        frame.quiet_windows = if power < frame.threshold { frame.quiet_windows + 1 } else { 0 };
        if frame.quiet_windows >= QUIET_WINDOWS || next >= frame.latest_end {
            self.unknown_frame = None;
            return self.emit(CarrierDetect::Idle(self.instant(next)));
        }
        self.unknown_frame = Some(frame);
    }

    /// Where a frame's end has been reached, reports the frame and listens.
    fn finish_frame(&mut self) {
        let State::Payload { frame, symbols_left: 0 } = self.state else { return };
        if self.position < frame.end {
            return;
        }
        let (time, end) = (self.instant(frame.start), self.instant(frame.end));
        let decoded = self.payload.decode(&mut self.viterbi, &frame.header, self.options.scrambler);
        if let Some((mpdu, scrambler)) = decoded {
            let snr = self.link.signal / self.link.noise.max(f32::MIN_POSITIVE);
            let reception = Reception {
                power: sample_power(self.link.power),
                evm: libm::sqrtf(1.0 / snr.max(f32::MIN_POSITIVE)),
                quality: quality_level(power_to_db(snr)),
                interleaving: frame.interleaving,
                scrambler,
            };
            self.statistics.received += 1;
            let scheme = frame.header.scheme;
            self.emit_event(Event::DataIndication(PhyDataIndication { mpdu, scheme, time, end, reception }));
        }
        self.emit(CarrierDetect::Idle(end));
        self.listen(frame.end);
    }

    /// The samples of the next window.
    fn window(&self) -> [f32; FFT_SAMPLES] {
        let first = self.window_start as usize;
        core::array::from_fn(|n| self.ring[(first + n) % RING])
    }

    fn instant(&self, sample: u64) -> Instant {
        self.channel.clock.instant(sample)
    }

    fn emit(&mut self, change: CarrierDetect) {
        self.emit_event(Event::CarrierDetect(change));
    }

    fn emit_event(&mut self, event: Event) {
        if self.events.is_full() {
            self.drop_one();
        }
        let _ = self.events.push_back(event);
    }

    /// Makes room: the oldest carrier detect goes, or the oldest event if there are only frames.
    fn drop_one(&mut self) {
        self.dropped_events += 1;
        let oldest =
            self.events.iter().position(|event| matches!(event, Event::CarrierDetect(_))).unwrap_or(0);
        for index in 0..self.events.len() {
            let event = self.events.pop_front();
            match event {
                Some(Event::CarrierDetect(_)) | None if index == oldest => {}
                Some(_) if index == oldest => self.statistics.receive_dropped += 1,
                Some(event) => {
                    let _ = self.events.push_back(event);
                }
                None => {}
            }
        }
    }
}

/// From a frame's first sample to the window of its first symbol.
const FIRST_WINDOW: u64 = (PREAMBLE_SAMPLES + PREFIX_SAMPLES - EARLY_SAMPLES) as u64;

const _: () = assert!(RING.is_power_of_two() && RING >= HEADER_SYMBOLS * SYMBOL_SAMPLES + 2 * HOP);

/// Mean power of a sample with this mean power on each carrier's bin: half of a bin's power in each of two bins.
fn sample_power(carrier_power: f32) -> f32 {
    2.0 * CARRIERS as f32 * carrier_power / (FFT_SAMPLES * FFT_SAMPLES) as f32
}

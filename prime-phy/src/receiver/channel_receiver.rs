//! One channel: its preambles, headers, payloads and measurements.
//!
//! ```text
//!              chirp found                header right
//! Listening ---------------> Header A -----------------------> Payload
//!     ^ |                      | | header announces Type B      ^   | last symbol
//!     | |   four chirps        | +------------> Header B -------+   |
//!     | +---------------------------------------^ |                 |
//!     |                        | header wrong     | header wrong    |
//!     +------------------------+------------------+-----------------+
//! ```
//!
//! Carrier detect: a preamble is reported when it is found. After a header failed the receiver listens at once, from the
//! preamble on, and [`CarrierDetect::Idle`] follows once the power on the carriers is closer to the noise than to the
//! frame, or the longest frame would be over.

use super::Shared;
use super::analysis::Tap;
use super::carriers::{Band, Carriers, NO_CARRIERS, carriers, mean_power};
use super::coherent::Payload;
use super::detector::{Detector, HOP, Peak, Preamble};
use super::header_decoder::{Decoded, HeaderDecoder, Link, NOTHING};
use super::ladder::ReceiverOptions;
use super::noise_floor::NoiseFloor;
use super::pairs::{EARLY_SAMPLES, Pairs};
use super::payload_decoder::PayloadDecoder;
use super::stream::DEPTH;
use super::workspace::{FrameWorkspace, Memory};
use crate::channel::{
    CARRIERS, FFT_SAMPLES, HEADER_SYMBOLS, MAX_PAYLOAD_SYMBOLS, PREAMBLE_SAMPLES, PREFIX_SAMPLES,
    ROBUST_CHIRPS, SYMBOL_SAMPLES,
};
use crate::header::{Header, HeaderA, HeaderB, HeaderError};
use crate::options::{Continuity, Interleaving, Options, Polarity, Repetition, Sweep};
use crate::pib::Statistics;
use crate::primitives::{CarrierDetect, Event, Mpdu, PhyDataIndication, Reception, quality_level};
use crate::timing::frame_samples;
use crate::{Channel, FrameType, Scheme, chirp};
use dsp::fft::{ComplexFft, Size};
use heapless::Deque;
use plc_core::receiver::{Detection, NoWorkspace};
use plc_core::time::Instant;
use plc_core::units::power_to_db;

/// Events that wait for polling; a frame makes at most four.
pub(crate) const MOST_EVENTS: usize = 8;

/// Windows below the threshold that end a frame whose header was not understood.
const QUIET_WINDOWS: u8 = 3;

/// Windows before the present one in which a preamble of Type A was when it is found.
const WINDOWS_OF_A: usize = 5;

/// State and measurements of one channel of a receiver.
#[derive(Clone, Debug)]
pub struct ChannelReceiver<M = NoWorkspace> {
    channel: Channel,
    options: Options,
    beyond: ReceiverOptions,
    memory: M,
    /// Chirps up and down as a symbol's window would see them, for coherent detection.
    chirps: [Carriers; 2],
    type_b: bool,
    tap: Tap,
    detector: Detector,
    floor: NoiseFloor,
    pairs: Pairs,
    header: HeaderDecoder,
    payload: PayloadDecoder,
    link: Link,
    /// Mean power of each carrier over the symbols of the last frame, and their number.
    powers: [f32; CARRIERS],
    symbols: f32,

    state: State,
    /// Index of the first sample of the next window.
    window_start: u64,
    /// Samples before this are not listened to: they are of a frame.
    listen_from: u64,
    /// What was taken for a chirp of Type A here was none.
    no_chirp_at: Option<u64>,
    /// A frame whose header failed may still be on the line.
    unknown_frame: Option<UnknownFrame>,
    statistics: Statistics,
    events: Deque<Event, MOST_EVENTS>,
    dropped_events: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Listening,
    HeaderA {
        start: u64,
    },
    HeaderB {
        frame_type: FrameType,
        start: u64,
        sweep: Sweep,
        polarity: Polarity,
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
    mac: [u8; crate::header::MAC_HEADER_OCTETS],
    start: u64,
    end: u64,
    interleaving: Interleaving,
    repetition: Repetition,
    sweep: Sweep,
    polarity: Polarity,
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

impl ChannelReceiver {
    /// A standard receiver of a channel that listens from sample 0 on, for frames of all types.
    pub fn new(channel: &Channel, options: &Options) -> Self {
        Self::with_workspace(channel, options, &ReceiverOptions::STANDARD, NoWorkspace)
    }
}

impl<M: Memory> ChannelReceiver<M> {
    /// A receiver with the memory for coherent detection, or with [`NoWorkspace`].
    pub fn with_workspace(
        channel: &Channel,
        options: &Options,
        receiver_options: &ReceiverOptions,
        memory: M,
    ) -> Self {
        let (floor, tap) = (NoiseFloor::new(), Tap::new(channel));
        let chirps = match receiver_options.detection {
            Detection::Differential => [NO_CARRIERS; 2],
            Detection::Coherent { .. } => {
                let mut fft = ComplexFft::new(Size::N512);
                // A symbol's carrier of amplitude 1 has the bin 256; a cosine of the same power is as many carriers.
                let scale = libm::sqrtf(CARRIERS as f32) / FFT_SAMPLES as f32;
                [Sweep::Ascending, Sweep::Descending].map(|sweep| {
                    let band = tap.band_of(&mut fft, |n| chirp::sample(channel, sweep, n));
                    carriers(&band).map(|carrier| carrier * scale)
                })
            }
        };
        Self {
            channel: *channel,
            options: *options,
            beyond: *receiver_options,
            memory,
            chirps,
            type_b: true,
            detector: Detector::new(channel, &tap),
            tap,
            pairs: Pairs::new(&floor, receiver_options.carrier_weights),
            floor,
            header: HeaderDecoder::new(),
            payload: PayloadDecoder::new(receiver_options.symbol_weights),
            link: Link::default(),
            powers: [0.0; CARRIERS],
            symbols: 0.0,
            state: State::Listening,
            window_start: 0,
            listen_from: 0,
            no_chirp_at: None,
            unknown_frame: None,
            statistics: Statistics::default(),
            events: Deque::new(),
            dropped_events: 0,
        }
    }

    /// The channel.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Whether a frame is on the line as far as the receiver knows.
    pub fn is_busy(&self) -> bool {
        !matches!(self.state, State::Listening) || self.unknown_frame.is_some()
    }

    /// Whether a header is being received (PHY_CD.get).
    pub fn is_in_header(&self) -> bool {
        matches!(self.state, State::HeaderA { .. } | State::HeaderB { .. })
    }

    /// End of the frame on the line, where its header has told it (PHY_CD.get).
    pub fn busy_until(&self) -> Option<Instant> {
        match self.state {
            State::Payload { frame, .. } => Some(self.instant(frame.end)),
            _ => None,
        }
    }

    /// Mean power of a sample's signal and noise on the carriers during the last header, as a square of full scale
    /// (the RSSI of PHY_CD.get). 0 before a frame was heard.
    pub fn signal_power(&self) -> f32 {
        sample_power(self.link.power)
    }

    /// SNR quality level of the last frame, 0 to 7 (PHY_SNR.get). 0 before a frame was heard.
    pub fn quality(&self) -> u8 {
        if self.link.signal > 0.0 { quality_level(power_to_db(self.snr())) } else { 0 }
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

    /// Listens for frames of Type A alone, as v1.3.6 does, or of all types. Half the work is looking for preambles of
    /// Type B.
    pub fn set_type_b(&mut self, wanted: bool) {
        self.type_b = wanted;
        self.detector.set_type_b(wanted);
    }

    /// Goes on at another gain, whose power is `ratio` times as great: the noise is known at that level then.
    pub fn scale_noise(&mut self, ratio: f32) {
        self.floor.scale(ratio);
    }

    /// Begins anew, as if nothing had been received.
    pub(super) fn reset(&mut self) {
        self.floor = NoiseFloor::new();
        self.pairs = Pairs::new(&self.floor, self.beyond.carrier_weights);
        (self.link, self.powers, self.symbols) = (Link::default(), [0.0; CARRIERS], 0.0);
        (self.statistics, self.dropped_events, self.unknown_frame) = (Statistics::default(), 0, None);
        self.events.clear();
        self.listen(0, None);
    }

    pub(super) fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Listens anew from sample `from` on, after a gap.
    pub(super) fn resume(&mut self, from: u64) {
        if self.is_busy() {
            self.emit(CarrierDetect::Idle(self.instant(from)));
        }
        self.unknown_frame = None;
        self.listen(from, None);
    }

    /// First sample that is not needed for the next step.
    pub(super) fn wanted(&self) -> u64 {
        match self.state {
            State::Payload { frame, symbols_left: 0 } => frame.end,
            _ => self.window_end(),
        }
    }

    /// Does what can be done with the samples there are.
    pub(super) fn run(&mut self, shared: &mut Shared) {
        while self.window_end() <= shared.stream.position() {
            self.step(shared);
        }
        self.finish_frame(shared);
    }

    fn step(&mut self, shared: &mut Shared) {
        match self.state {
            State::Listening => self.step_listening(shared),
            State::HeaderA { start } => self.step_header_a(shared, start),
            State::HeaderB { frame_type, start, sweep, polarity } => {
                self.step_header_b(shared, frame_type, start, sweep, polarity);
            }
            State::Payload { symbols_left: 0, .. } => self.finish_frame(shared),
            State::Payload { frame, symbols_left } => {
                let symbol = self.symbol(shared);
                self.payload.push(&symbol, &mut self.pairs);
                let symbols_left = symbols_left - 1;
                if symbols_left == 0 {
                    self.window_start = frame.end;
                }
                self.state = State::Payload { frame, symbols_left };
            }
        }
    }

    /// Listens from sample `from` on. Windows lie on one grid, whatever came before, so that channels share them.
    fn listen(&mut self, from: u64, no_chirp_at: Option<u64>) {
        self.state = State::Listening;
        self.detector.clear();
        self.window_start = from - from % self.samples(HOP);
        (self.listen_from, self.no_chirp_at) = (from, no_chirp_at);
    }

    fn step_listening(&mut self, shared: &mut Shared) {
        let (start, whole) = (self.window_start, self.window_start >= self.listen_from);
        let band = self.band(shared, self.listen_from);
        self.window_start += self.samples(HOP);
        if let Some(found) = self.detector.push(&band, start, self.no_chirp_at) {
            return self.begin_frame(shared, &found);
        }
        match self.unknown_frame {
            None if whole && !self.detector.suspects() => self.floor.push(&carriers(&band)),
            Some(frame) if whole => self.watch_unknown_frame(frame, mean_power(&carriers(&band))),
            _ => {}
        }
    }

    fn begin_frame(&mut self, shared: &mut Shared, found: &Peak) {
        self.emit(CarrierDetect::Preamble(self.instant(found.start)));
        self.unknown_frame = None;
        (self.powers, self.symbols) = ([0.0; CARRIERS], 0.0);
        let start = found.start;
        self.begin_line();
        match found.preamble {
            Preamble::A => {
                self.take_chirp(shared, start, 1, Sweep::Ascending, false);
                self.floor.forget_newest(WINDOWS_OF_A);
                self.header.start_a();
                self.state = State::HeaderA { start };
                self.window_start = start + self.samples(PREAMBLE_SAMPLES) + self.first_window();
            }
            Preamble::B(sweep, polarity) => {
                self.floor.forget_newest(usize::MAX);
                self.begin_header_b(FrameType::B, start, start, sweep, polarity);
            }
        }
        self.pairs = Pairs::new(&self.floor, self.beyond.carrier_weights);
    }

    /// Goes on with the header of Type B behind the preamble that begins at `preamble`.
    fn begin_header_b(
        &mut self,
        frame_type: FrameType,
        start: u64,
        preamble: u64,
        sweep: Sweep,
        polarity: Polarity,
    ) {
        self.header.start_b();
        self.state = State::HeaderB { frame_type, start, sweep, polarity };
        self.window_start = preamble + self.samples(ROBUST_CHIRPS * PREAMBLE_SAMPLES) + self.first_window();
    }

    /// The bins of the next window.
    fn band(&self, shared: &mut Shared, silent_before: u64) -> Band {
        shared.analysis.transform(&shared.stream, self.window_start, silent_before);
        self.tap.band(&shared.analysis)
    }

    /// The carriers of the next symbol.
    fn symbol(&mut self, shared: &mut Shared) -> Carriers {
        let carriers = carriers(&self.band(shared, 0));
        self.window_start += self.samples(SYMBOL_SAMPLES);
        self.symbols += 1.0;
        for (mean, carrier) in self.powers.iter_mut().zip(&carriers) {
            *mean += (carrier.norm_sqr() - *mean) / self.symbols;
        }
        if let Some((_, workspace)) = self.coherent() {
            workspace.line.put_symbol(&carriers);
        }
        carriers
    }

    fn step_header_a(&mut self, shared: &mut Shared, start: u64) {
        let symbol = self.symbol(shared);
        if !self.header.push(&symbol, &self.pairs) {
            return;
        }
        let differential = self.header.decode_a(&mut shared.viterbi, &self.options);
        let decoded = match self.settle_header_a(differential) {
            Ok(decoded) => decoded,
            Err(error) => return self.give_up_frame(shared, FrameType::A, start, error),
        };
        self.link = self.header.link_a(&decoded, &mut self.pairs, &self.floor);
        let Options { repetition, robust_sweep: sweep, robust_polarity: polarity, .. } = self.options;
        if self.type_b && decoded.header.announces() {
            let preamble = start + self.samples(frame_samples(FrameType::A, 0));
            return self.begin_header_b(FrameType::Bc, start, preamble, sweep, polarity);
        }
        let header = decoded.header.header();
        let (mac, interleaving) = (decoded.header.mac, decoded.interleaving);
        self.begin_payload(Frame { header, mac, start, end: 0, interleaving, repetition, sweep, polarity });
    }

    fn step_header_b(
        &mut self,
        shared: &mut Shared,
        frame_type: FrameType,
        start: u64,
        sweep: Sweep,
        polarity: Polarity,
    ) {
        if self.header.is_empty() {
            self.begin_line();
            let preamble =
                self.window_start - self.first_window() - self.samples(ROBUST_CHIRPS * PREAMBLE_SAMPLES);
            for chirp in 0..ROBUST_CHIRPS {
                let at = preamble + self.samples(chirp * PREAMBLE_SAMPLES);
                if at >= shared.stream.oldest() {
                    self.take_chirp(shared, at, ROBUST_CHIRPS - chirp, sweep, polarity.negates(chirp));
                }
            }
        }
        let symbol = self.symbol(shared);
        if !self.header.push(&symbol, &self.pairs) {
            return;
        }
        let differential = self.header.decode_b(&mut shared.viterbi, &self.options);
        let decoded = match self.settle_header_b(differential) {
            Ok(decoded) => decoded,
            Err(error) => return self.give_up_frame(shared, frame_type, start, error),
        };
        let polynomial = self.options.crc12_polynomial;
        self.link = self.header.link_b(&decoded, polynomial, &mut self.pairs, &self.floor);
        let header = decoded.header.header(frame_type);
        let (interleaving, repetition) = (decoded.interleaving, decoded.repetition);
        self.begin_payload(Frame {
            header,
            mac: Default::default(),
            start,
            end: 0,
            interleaving,
            repetition,
            sweep,
            polarity,
        });
    }

    fn begin_payload(&mut self, mut frame: Frame) {
        let header = frame.header;
        frame.end = frame.start + self.samples(frame_samples(header.frame_type, header.symbols));
        self.emit(CarrierDetect::Header { header, end: self.instant(frame.end) });
        let scrambler = self.options.scrambler;
        self.payload.start(header.layout(), frame.interleaving, frame.repetition, scrambler, &self.link);
        self.state = State::Payload { frame, symbols_left: header.symbols };
        if header.symbols == 0 {
            self.window_start = frame.end;
        }
    }

    /// Passes of coherent detection and the memory for it.
    fn coherent(&mut self) -> Option<(u8, &mut FrameWorkspace)> {
        match self.beyond.detection {
            Detection::Differential => None,
            Detection::Coherent { passes } => Some((passes, self.memory.workspace()?)),
        }
    }

    /// Forgets what is known of the line.
    fn begin_line(&mut self) {
        let Self { channel, beyond, floor, memory, .. } = self;
        if let (Detection::Coherent { .. }, Some(workspace)) = (beyond.detection, memory.workspace()) {
            workspace.line.begin(channel, beyond, floor.powers());
        }
    }

    /// Lets coherent detection have a chirp, that many before the header.
    fn take_chirp(&mut self, shared: &mut Shared, at: u64, before: usize, sweep: Sweep, negated: bool) {
        let [ascending, descending] = self.chirps;
        let known = if sweep == Sweep::Ascending { ascending } else { descending };
        if self.coherent().is_none() {
            return;
        }
        shared.analysis.transform(&shared.stream, at, 0);
        let heard = carriers(&self.tap.band(&shared.analysis));
        if let Some((_, workspace)) = self.coherent() {
            workspace.line.put_chirp(&heard, &known, if negated { -1.0 } else { 1.0 }, before);
        }
    }

    /// What the differential decoder made of a header, or where it fits no chirp or is none, the coherent one.
    fn settle_header_a(
        &mut self,
        differential: Result<Decoded<HeaderA>, HeaderError>,
    ) -> Result<Decoded<HeaderA>, HeaderError> {
        let Self { options, memory, beyond, .. } = self;
        let (Detection::Coherent { passes }, Some(workspace)) = (beyond.detection, memory.workspace()) else {
            return differential;
        };
        let fits = differential.as_ref().is_ok_and(|decoded| workspace.fits_a(decoded));
        let coherent = if fits { None } else { workspace.decode_header_a(options, passes) };
        match (fits, coherent) {
            (true, _) => differential,
            (false, Some(decoded)) => Ok(decoded),
            (false, None) => Err(differential.err().unwrap_or(NOTHING)),
        }
    }

    fn settle_header_b(
        &mut self,
        differential: Result<Decoded<HeaderB>, HeaderError>,
    ) -> Result<Decoded<HeaderB>, HeaderError> {
        let Self { options, memory, beyond, .. } = self;
        let (Detection::Coherent { passes }, Some(workspace)) = (beyond.detection, memory.workspace()) else {
            return differential;
        };
        let fits =
            differential.as_ref().is_ok_and(|decoded| workspace.fits_b(decoded, options.crc12_polynomial));
        let coherent = if fits { None } else { workspace.decode_header_b(options, passes) };
        match (fits, coherent) {
            (true, _) => differential,
            (false, Some(decoded)) => Ok(decoded),
            (false, None) => Err(differential.err().unwrap_or(NOTHING)),
        }
    }

    /// Decodes a payload coherently, after the differential receiver has done what it can; otherwise what that found.
    fn settle_payload(
        &mut self,
        shared: &mut Shared,
        frame: &Frame,
        differential: Option<(Mpdu, Continuity)>,
    ) -> Option<(Mpdu, Continuity)> {
        let Self { options, memory, beyond, .. } = self;
        let (Detection::Coherent { passes }, Some(workspace)) = (beyond.detection, memory.workspace()) else {
            return differential;
        };
        let Some(layout) = frame.header.layout() else { return differential };
        let scrambler = differential.as_ref().map_or(options.scrambler, |(_, scrambler)| *scrambler);
        let Frame { interleaving, repetition, .. } = *frame;
        let payload = Payload { layout, interleaving, repetition, scrambler };
        let mac = frame.mac.get(..layout.frame_type.mac_octets()).unwrap_or_default();
        let before = differential.as_ref().and_then(|(mpdu, _)| mpdu.get(mac.len()..));
        let found = workspace.decode_payload(&payload, options, passes, &mut shared.octets, before);
        if found.is_none() {
            return differential;
        }
        let mut mpdu = Mpdu::from_slice(mac).ok()?;
        mpdu.extend_from_slice(shared.octets.get(..layout.data_octets())?).ok()?;
        Some((mpdu, scrambler))
    }

    /// The header failed: the line is busy, and the next frame may come at any time.
    fn give_up_frame(&mut self, shared: &Shared, frame_type: FrameType, start: u64, error: HeaderError) {
        match error {
            HeaderError::Crc { .. } => {
                self.statistics.crc_incorrect = self.statistics.crc_incorrect.wrapping_add(1)
            }
            _ => self.statistics.crc_fail = self.statistics.crc_fail.wrapping_add(1),
        }
        let frame = self.header.power();
        let threshold = self.floor.mean().map_or(0.5 * frame, |noise| 0.5 * (frame + noise.min(frame)));
        let longest = match frame_type {
            FrameType::A => MAX_PAYLOAD_SYMBOLS,
            FrameType::B | FrameType::Bc => Scheme::RobustDbpsk.most_symbols(),
        };
        let latest_end = start + self.samples(frame_samples(frame_type, longest as u8));
        self.unknown_frame = Some(UnknownFrame { latest_end, threshold, quiet_windows: 0 });
        let end = start + self.samples(frame_samples(frame_type, 0));
        self.emit(CarrierDetect::HeaderFailed { end: self.instant(end) });
        // What was taken for the chirp of Type A may be the first of Type B.
        let from = match frame_type {
            FrameType::A if self.type_b => start,
            FrameType::A => start + self.samples(PREAMBLE_SAMPLES),
            FrameType::B | FrameType::Bc => start + self.samples(ROBUST_CHIRPS * PREAMBLE_SAMPLES),
        };
        self.listen(from.max(shared.stream.oldest()), Some(start));
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
    fn finish_frame(&mut self, shared: &mut Shared) {
        let State::Payload { frame, symbols_left: 0 } = self.state else { return };
        if shared.stream.position() < frame.end {
            return;
        }
        let (time, end) = (self.instant(frame.start), self.instant(frame.end));
        let Header { frame_type, scheme, .. } = frame.header;
        let mac = frame.mac.get(..frame_type.mac_octets()).unwrap_or_default();
        let decoded =
            self.payload.decode(&mut shared.viterbi, &mut shared.octets, mac, self.options.scrambler);
        let decoded = self.settle_payload(shared, &frame, decoded);
        if let Some((mpdu, scrambler)) = decoded {
            let snr = self.snr();
            let reception = Reception {
                power: self.signal_power(),
                evm: libm::sqrtf(1.0 / snr.max(f32::MIN_POSITIVE)),
                payload_evm: self.payload.noise_to_signal().map(libm::sqrtf),
                quality: quality_level(power_to_db(snr)),
                frame_type,
                interleaving: frame.interleaving,
                scrambler,
                repetition: frame.repetition,
                robust_sweep: frame.sweep,
                robust_polarity: frame.polarity,
            };
            self.statistics.received = self.statistics.received.wrapping_add(1);
            self.emit_event(Event::DataIndication(PhyDataIndication { mpdu, scheme, time, end, reception }));
        }
        self.emit(CarrierDetect::Idle(end));
        self.listen(frame.end, None);
    }

    fn snr(&self) -> f32 {
        self.link.signal / self.link.noise.max(f32::MIN_POSITIVE)
    }

    fn window_end(&self) -> u64 {
        self.window_start + self.samples(FFT_SAMPLES)
    }

    /// From the start of a symbol to its window.
    fn first_window(&self) -> u64 {
        self.samples(PREFIX_SAMPLES - EARLY_SAMPLES)
    }

    fn samples(&self, samples: usize) -> u64 {
        self.channel.samples(samples) as u64
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
        self.dropped_events = self.dropped_events.wrapping_add(1);
        let oldest =
            self.events.iter().position(|event| matches!(event, Event::CarrierDetect(_))).unwrap_or(0);
        for index in 0..self.events.len() {
            let event = self.events.pop_front();
            match event {
                Some(Event::CarrierDetect(_)) | None if index == oldest => {}
                Some(_) if index == oldest => {
                    self.statistics.receive_dropped = self.statistics.receive_dropped.wrapping_add(1)
                }
                Some(event) => {
                    let _ = self.events.push_back(event);
                }
                None => {}
            }
        }
    }
}

const _: () = assert!(DEPTH >= PREAMBLE_SAMPLES + HEADER_SYMBOLS * SYMBOL_SAMPLES + HOP);

/// Mean power of a sample with this mean power on each carrier's bin: half of a bin's power in each of two bins.
fn sample_power(carrier_power: f32) -> f32 {
    2.0 * CARRIERS as f32 * carrier_power / (FFT_SAMPLES * FFT_SAMPLES) as f32
}

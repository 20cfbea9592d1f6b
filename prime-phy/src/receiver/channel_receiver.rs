//! One channel, or a bonded pair: its preambles, headers, payloads and measurements.
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
//!
//! [`frame`] goes from the preamble to the indication, [`beyond`] is what coherent detection adds to that, [`unknown_frame`]
//! watches the line after a header failed.

mod beyond;
mod frame;
mod unknown_frame;

use super::Shared;
use super::carriers::{BAND, Carriers, carriers, mean_power, sample_power};
use super::detector::{HOP, Peak};
use super::events::Events;
use super::header_decoder::HeaderDecoder;
use super::ladder::ReceiverOptions;
use super::pairs::EARLY_SAMPLES;
use super::part::{Part, Parts};
use super::payload_decoder::PayloadDecoder;
use super::stream::DEPTH;
use super::workspace::Memory;
use crate::Channel;
use crate::channel::{
    FFT_SAMPLES, HEADER_SYMBOLS, MOST_CHANNELS, PREAMBLE_SAMPLES, PREFIX_SAMPLES, SYMBOL_SAMPLES,
};
use crate::options::Options;
use crate::pib::Statistics;
use crate::primitives::{CarrierDetect, Event, quality_level};
use dsp::Complex;
use frame::State;
use plc_core::receiver::{NoWorkspace, UnknownFrame};
use plc_core::time::Instant;
use plc_core::units::power_to_db;

/// State and measurements of one channel of a receiver, or of a bonded pair, which is one channel to its caller.
#[derive(Clone, Debug)]
pub struct ChannelReceiver<M = NoWorkspace> {
    channel: Channel,
    options: Options,
    beyond: ReceiverOptions,
    memory: M,
    type_b: bool,
    parts: Parts,
    header: HeaderDecoder,
    payload: PayloadDecoder,
    /// Symbols of the last frame.
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
    events: Events,
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
        let coherent = receiver_options.needs_workspace();
        Self {
            channel: *channel,
            options: *options,
            beyond: *receiver_options,
            memory,
            type_b: true,
            parts: Part::all_of(channel, coherent),
            header: HeaderDecoder::new(),
            payload: PayloadDecoder::new(receiver_options.symbol_weights),
            symbols: 0.0,
            state: State::Listening,
            window_start: 0,
            listen_from: 0,
            no_chirp_at: None,
            unknown_frame: None,
            statistics: Statistics::default(),
            events: Events::new(),
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
        self.parts.iter().map(|part| sample_power(part.link.power)).sum()
    }

    /// SNR quality level of the last frame, 0 to 7 (PHY_SNR.get). 0 before a frame was heard.
    pub fn quality(&self) -> u8 {
        let heard = self.parts.iter().any(|part| part.link.signal > 0.0);
        if heard { quality_level(power_to_db(self.snr())) } else { 0 }
    }

    /// Mean power of the noise on the carriers while nothing is heard, as a square of full scale (PHY_NL.get); once
    /// something was listened to.
    pub fn noise_power(&self) -> Option<f32> {
        self.parts.iter().map(|part| part.floor.mean().map(sample_power)).sum()
    }

    /// Signal to noise power ratio of each carrier, the lowest first: the mean power over the symbols of the last frame
    /// against the noise before it. Nothing before the noise is known or a frame was received.
    pub fn carrier_snr(&self) -> impl Iterator<Item = f32> + '_ {
        let heard = self.parts.iter().filter(|_| self.symbols > 0.0);
        heard.flat_map(Part::carrier_snr)
    }

    /// Counters of frames.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Events that were dropped because nobody polled.
    pub fn dropped_events(&self) -> u32 {
        self.events.dropped()
    }

    /// Listens for frames of Type A alone, as v1.3.6 does, or of all types. Half the work is looking for preambles of
    /// Type B.
    pub fn set_type_b(&mut self, wanted: bool) {
        self.type_b = wanted;
        self.parts.iter_mut().for_each(|part| part.detector.set_type_b(wanted));
    }

    /// Goes on at another gain, whose power is `ratio` times as great: the noise is known at that level then.
    pub fn scale_noise(&mut self, ratio: f32) {
        self.parts.iter_mut().for_each(|part| part.floor.scale(ratio));
    }

    /// Begins anew, as if nothing had been received.
    pub(super) fn reset(&mut self) {
        self.parts.iter_mut().for_each(Part::reset);
        (self.statistics, self.symbols, self.unknown_frame) = (Statistics::default(), 0.0, None);
        self.events = Events::new();
        self.listen(0, None);
    }

    pub(super) fn poll(&mut self) -> Option<Event> {
        self.events.poll()
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
                let symbols = self.symbols(shared);
                self.payload.push(&symbols, &mut self.parts);
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
        self.parts.iter_mut().for_each(|part| part.detector.clear());
        self.window_start = from - from % self.samples(HOP);
        (self.listen_from, self.no_chirp_at) = (from, no_chirp_at);
    }

    fn step_listening(&mut self, shared: &mut Shared) {
        let (start, whole) = (self.window_start, self.window_start >= self.listen_from);
        shared.analysis.transform(&shared.stream, start, self.listen_from);
        let apart = self.samples(EARLY_SAMPLES);
        let Self { parts, no_chirp_at, .. } = self;
        let mut bands = [[Complex::default(); BAND]; MOST_CHANNELS];
        let mut found: Option<Peak> = None;
        for (part, band) in parts.iter_mut().zip(&mut bands) {
            *band = part.band(&shared.analysis);
            let other = part.detector.push(band, start, *no_chirp_at);
            found = [found, other].into_iter().flatten().reduce(|a, b| a.together(b, apart));
        }
        self.window_start += self.samples(HOP);
        if let Some(found) = found {
            return self.begin_frame(shared, &found);
        }
        let heard = || self.parts.iter().zip(&bands).map(|(_, band)| carriers(band));
        match self.unknown_frame {
            None if whole && !self.parts.iter().any(|part| part.detector.suspects()) => {
                for (part, band) in self.parts.iter_mut().zip(&bands) {
                    part.floor.push(&carriers(band));
                }
            }
            Some(frame) if whole => {
                let power = heard().map(|carriers| mean_power(&carriers)).sum::<f32>();
                self.watch_unknown_frame(frame, power / self.parts.len().max(1) as f32);
            }
            _ => {}
        }
    }

    /// The carriers of the next symbol on each channel.
    fn symbols(&mut self, shared: &mut Shared) -> heapless::Vec<Carriers, MOST_CHANNELS> {
        shared.analysis.transform(&shared.stream, self.window_start, 0);
        self.window_start += self.samples(SYMBOL_SAMPLES);
        self.symbols += 1.0;
        let symbols = self.symbols;
        let heard = self.parts.iter_mut().map(|part| {
            let carriers = carriers(&part.band(&shared.analysis));
            part.average(&carriers, symbols);
            carriers
        });
        let heard: heapless::Vec<_, _> = heard.collect();
        self.put_symbols(&heard);
        heard
    }

    fn snr(&self) -> f32 {
        let sum = |of: fn(&Part) -> f32| self.parts.iter().map(of).sum::<f32>();
        sum(|part| part.link.signal) / sum(|part| part.link.noise).max(f32::MIN_POSITIVE)
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
        if self.events.push(event) {
            self.statistics.receive_dropped = self.statistics.receive_dropped.wrapping_add(1);
        }
    }
}

const _: () = assert!(DEPTH >= PREAMBLE_SAMPLES + HEADER_SYMBOLS * SYMBOL_SAMPLES + HOP);

//! From the preamble to the indication.

use super::super::Shared;
use super::super::detector::{Peak, Preamble};
use super::super::pairs::Pairs;
use super::super::part::{Part, usual_noise};
use super::super::workspace::Memory;
use super::ChannelReceiver;
use crate::FrameType;
use crate::channel::{PREAMBLE_SAMPLES, ROBUST_CHIRPS};
use crate::header::{Header, MAC_HEADER_OCTETS};
use crate::options::{Interleaving, Options, Polarity, Repetition, Sweep};
use crate::primitives::{CarrierDetect, Event, PhyDataIndication, Reception, quality_level};
use crate::timing::frame_samples;
use plc_core::units::power_to_db;

/// Windows before the present one in which a preamble of Type A was when it is found.
const WINDOWS_OF_A: usize = 5;

#[derive(Clone, Copy, Debug)]
pub(super) enum State {
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
pub(super) struct Frame {
    pub(super) header: Header,
    pub(super) mac: [u8; MAC_HEADER_OCTETS],
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) interleaving: Interleaving,
    pub(super) repetition: Repetition,
    pub(super) sweep: Sweep,
    pub(super) polarity: Polarity,
}

impl<M: Memory> ChannelReceiver<M> {
    pub(super) fn begin_frame(&mut self, shared: &mut Shared, found: &Peak) {
        self.emit(CarrierDetect::Preamble(self.instant(found.start)));
        self.unknown_frame = None;
        self.symbols = 0.0;
        self.parts.iter_mut().for_each(Part::forget_powers);
        let start = found.start;
        self.begin_line();
        match found.preamble {
            Preamble::A => {
                self.take_chirp(shared, start, 1, Sweep::Ascending, false);
                self.parts.iter_mut().for_each(|part| part.floor.forget_newest(WINDOWS_OF_A));
                self.header.start_a(self.parts.len());
                self.state = State::HeaderA { start };
                self.window_start = start + self.samples(PREAMBLE_SAMPLES) + self.first_window();
            }
            Preamble::B(sweep, polarity) => {
                self.parts.iter_mut().for_each(|part| part.floor.forget_newest(usize::MAX));
                self.begin_header_b(FrameType::B, start, start, sweep, polarity);
            }
        }
        let usual = usual_noise(&self.parts).filter(|_| self.beyond.carrier_weights);
        self.parts.iter_mut().for_each(|part| part.pairs = Pairs::new(&part.floor, usual));
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
        self.header.start_b(self.parts.len());
        self.state = State::HeaderB { frame_type, start, sweep, polarity };
        self.window_start = preamble + self.samples(ROBUST_CHIRPS * PREAMBLE_SAMPLES) + self.first_window();
    }

    pub(super) fn step_header_a(&mut self, shared: &mut Shared, start: u64) {
        if !self.take_header_symbol(shared) {
            return;
        }
        let differential = self.header.decode_a(&mut shared.viterbi, &self.options);
        let decoded = match self.settle_header_a(differential) {
            Ok(decoded) => decoded,
            Err(error) => return self.give_up_frame(shared, FrameType::A, start, error),
        };
        self.header.link_a(&decoded, &mut self.parts);
        let Options { repetition, robust_sweep: sweep, robust_polarity: polarity, .. } = self.options;
        if self.type_b && decoded.header.announces() {
            let preamble = start + self.samples(frame_samples(FrameType::A, 0));
            return self.begin_header_b(FrameType::Bc, start, preamble, sweep, polarity);
        }
        let header = decoded.header.header(self.parts.len());
        let (mac, interleaving) = (decoded.header.mac, decoded.interleaving);
        self.begin_payload(Frame { header, mac, start, end: 0, interleaving, repetition, sweep, polarity });
    }

    pub(super) fn step_header_b(
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
        if !self.take_header_symbol(shared) {
            return;
        }
        let differential = self.header.decode_b(&mut shared.viterbi, &self.options);
        let decoded = match self.settle_header_b(differential) {
            Ok(decoded) => decoded,
            Err(error) => return self.give_up_frame(shared, frame_type, start, error),
        };
        let polynomial = self.options.crc12_polynomial;
        self.header.link_b(&decoded, polynomial, &mut self.parts);
        let header = decoded.header.header(frame_type, self.parts.len());
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

    /// Takes the header's next symbol on each channel; true after the last.
    fn take_header_symbol(&mut self, shared: &mut Shared) -> bool {
        let symbols = self.symbols(shared);
        let mut last = false;
        for (symbol, part) in symbols.iter().zip(&self.parts) {
            last = self.header.push(symbol, &part.pairs);
        }
        last
    }

    fn begin_payload(&mut self, mut frame: Frame) {
        let header = frame.header;
        frame.end = frame.start + self.samples(frame_samples(header.frame_type, header.symbols));
        self.emit(CarrierDetect::Header { header, end: self.instant(frame.end) });
        self.payload.start(header.layout(), frame.interleaving, frame.repetition, &self.options);
        self.state = State::Payload { frame, symbols_left: header.symbols };
        if header.symbols == 0 {
            self.window_start = frame.end;
        }
    }

    /// Where a frame's end has been reached, reports the frame and listens.
    pub(super) fn finish_frame(&mut self, shared: &mut Shared) {
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
}

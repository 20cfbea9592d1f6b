//! From a header's first symbol to the frame's end.

use super::carriers::Carriers;
use super::coherent::{self, CoherentPayload};
use super::header_decoder::Header;
use super::noise_tracker::{HeaderNoise, NoiseTracker};
use super::options::Mitigation;
use super::payload_decoder::Block;
use super::statistics::{ERASED, count};
use super::workspace::{FrameWorkspace, Memory};
use super::{Receiver, State, WINDOW_IN_SYMBOL};
use crate::band::{FFT_SAMPLES, OVERLAP_SAMPLES, PREAMBLE_SAMPLES, SYMBOL_STRIDE};
use crate::header::FrameControl;
use crate::layout::PayloadLayout;
use crate::primitives::{CarrierSense, DataHeader, Event, PdAckIndication, PdDataIndication, Psdu};
use crate::timing;
use plc_core::receiver::Detection;
use plc_core::units::power_to_db;

#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) header: DataHeader,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl<W: Memory> Receiver<W> {
    /// The frame starts at sample `start`; `reference` is SYNCP as the first FCH symbol's window sees it.
    pub(super) fn start_header(&mut self, start: u64, reference: Carriers) {
        self.nulls.clear();
        self.header.start(reference);
        let first = start + first_window();
        // A preamble that was found late: part of the first window is there.
        let passed =
            usize::try_from(self.position.saturating_sub(first)).unwrap_or_default().min(FFT_SAMPLES);
        self.window.copy_within(FFT_SAMPLES - passed.., 0);
        self.filled = passed;
        self.window_start = first;
        self.state = State::Header { start };
    }

    // Steps are functions of their own, lest one stack frame holds the locals of all.
    #[inline(never)]
    pub(super) fn step_header(&mut self, start: u64) {
        let symbol = self.transform();
        self.nulls.push(&self.bank.null_powers());
        self.window_start += SYMBOL_STRIDE as u64;
        if !self.header.push(&symbol) {
            return;
        }
        let noise = match self.beyond.mitigation.weigh_symbols {
            true => self.nulls.settle(),
            false => HeaderNoise::STEADY,
        };
        let end = start + self.samples_with(0);
        let readings = self.options.fch_modulations(&self.plan);
        let order = self.options.fccs_order;
        // Without the memory there would be nothing to make up for a header that is thrown away.
        let is_beyond = self.beyond.detection != Detection::Differential && self.memory.workspace().is_some();
        let decoded = readings
            .iter()
            .copied()
            .find_map(|modulation| {
                let plan = &self.plan;
                let mitigation = &self.beyond.mitigation;
                self.header.decode(&mut self.viterbi, plan, order, modulation, (mitigation, &noise))
            })
            .filter(|found| match &self.preamble {
                Some(preamble) if is_beyond => {
                    coherent::fits_preamble((&self.header, &noise), found, preamble, &self.bank, &self.beyond)
                }
                _ => true,
            })
            .or_else(|| {
                let workspace = self.memory.workspace()?;
                let (bank, plan, preamble) = (&self.bank, &self.plan, self.preamble.as_ref()?);
                let chains = &mut workspace.chains;
                readings.iter().copied().find_map(|modulation| {
                    let of = (&self.header, &noise);
                    coherent::decode_header(
                        chains,
                        of,
                        preamble,
                        bank,
                        plan,
                        (order, modulation),
                        &self.beyond,
                    )
                })
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
                self.start_payload(Frame { header, start, end }, &decoded, &noise);
            }
        }
    }

    #[inline(never)]
    pub(super) fn step_payload(&mut self, frame: Frame, symbols_left: u16) {
        let symbol = self.transform();
        let noise = self.payload.push(&symbol, &self.bank.null_powers());
        count(&mut self.statistics.payload_symbols, 1);
        count(&mut self.statistics.erased_symbols, u32::from(noise > ERASED));
        if let Some(FrameWorkspace { chains, payload: Some(coherent), .. }) = self.memory.workspace() {
            coherent.push(chains, &symbol, noise, &self.payload);
        }
        if self.payload.is_first_block() {
            let block = self.decode_block();
            self.payload.keep_first_block(block);
            self.start_second_block(&symbol, noise);
        }
        self.window_start += SYMBOL_STRIDE as u64;
        let symbols_left = symbols_left.saturating_sub(1);
        if symbols_left == 0 {
            self.window_start = frame.end;
        }
        self.state = State::Payload { frame, symbols_left };
    }

    #[inline(never)]
    fn start_payload(&mut self, frame: Frame, found: &Header, noise: &HeaderNoise) {
        let DataHeader { modulation, tone_map, .. } = frame.header;
        self.emit(CarrierSense::Header { header: frame.header, end: self.instant(frame.end) });
        let is_coherent = self.payload.coherent.start(
            (&self.plan, self.mask, tone_map),
            &self.options,
            modulation,
            &self.bank,
            (&self.header, noise, found, self.preamble.as_ref()),
        );
        let layout = PayloadLayout::from_header(&self.plan, self.mask, &frame.header)
            .filter(|_| is_coherent == modulation.is_coherent());
        let active = self.plan.active(self.mask, tone_map);
        let (bins, first) = (self.bank.bins(), self.plan.first_carrier);
        let carries_data =
            |carrier: usize| bins.get(carrier).is_some_and(|&bin| active.contains(usize::from(bin - first)));
        if let (Some(layout), Some(workspace), Some(preamble)) =
            (&layout, self.memory.workspace(), &self.preamble)
            && self.beyond.detection != Detection::Differential
        {
            workspace.payload = CoherentPayload::start(
                &mut workspace.chains,
                (&self.header, noise),
                found,
                preamble,
                &self.bank,
                (layout, carries_data),
                (self.plan.clock.rate_hz() as f32, &self.beyond),
            );
        }
        let Mitigation { weigh_carriers, weigh_symbols, .. } = self.beyond.mitigation;
        let link = if weigh_symbols { &found.quiet_link } else { &found.link };
        let noises = link.believed_noise(self.bank.count(), self.header.symbols());
        self.payload.start(
            layout,
            self.options.interleaving,
            carries_data,
            (link, &noises, weigh_carriers),
            weigh_symbols.then(|| NoiseTracker::new(link, noise)),
            self.header.last_symbol(),
        );
        self.state = State::Payload { frame, symbols_left: symbols_after_header(&frame.header) };
    }

    /// Where a frame's end has been reached, reports the frame and listens; false where there is nothing to finish.
    pub(super) fn finish_frame(&mut self) -> bool {
        let end = match self.state {
            State::AckEnd { start, end, ack } => {
                let (start, end) = (self.instant(start), self.instant(end));
                count(&mut self.statistics.acknowledgements, 1);
                self.events.push(Event::AckIndication(PdAckIndication { ack, start, end, lqi: self.lqi() }));
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
        match self.decode_payload() {
            None => {
                count(&mut self.statistics.payloads_failed, 1);
                self.emit(CarrierSense::PayloadFailed { end });
            }
            Some((psdu, corrected_octets)) => {
                count(&mut self.statistics.data_frames, 1);
                count(&mut self.statistics.corrected_octets, u32::from(corrected_octets));
                self.events.push(Event::DataIndication(PdDataIndication {
                    psdu,
                    header: frame.header,
                    start,
                    end,
                    lqi: self.lqi(),
                    corrected_octets,
                }));
            }
        }
    }

    fn decode_payload(&mut self) -> Option<(Psdu, u8)> {
        if self.payload.is_lost() {
            return None;
        }
        let last = self.decode_block()?;
        self.payload.psdu(&last)
    }

    /// As a standard receiver does first, which is right wherever Reed-Solomon leaves no doubt, then in passes.
    fn decode_block(&mut self) -> Option<Block> {
        let (layout, _) = self.payload.payload()?;
        let standard = self.payload.decode(&mut self.viterbi);
        if standard.as_ref().is_some_and(|(_, corrected)| coherent::is_certain(layout.modulation, *corrected))
        {
            return standard;
        }
        let coherent = match self.memory.workspace() {
            Some(FrameWorkspace { chains, payload: Some(payload), .. }) => {
                payload.decode(chains, layout, &self.beyond)
            }
            _ => None,
        };
        coherent.or(standard)
    }

    /// The first of two blocks is over with this symbol.
    fn start_second_block(&mut self, last: &Carriers, noise: f32) {
        let Some((layout, _)) = self.payload.payload() else { return };
        if let Some(FrameWorkspace { chains, payload, .. }) = self.memory.workspace() {
            let started =
                payload.as_mut().is_some_and(|payload| payload.start_second(chains, (last, noise), layout));
            if !started {
                *payload = None;
            }
        }
    }

    /// LQI of the mean over the carriers of signal to noise (digest 10.1).
    fn lqi(&self) -> u8 {
        let carriers = self.bank.count().max(1) as f32;
        let snr_db = power_to_db(self.carrier_snr().sum::<f32>() / carriers);
        // `as` saturates.
        libm::roundf(4.0 * (snr_db + 10.0)) as u8
    }

    /// Samples of a frame with so many symbols after the header.
    pub(super) fn samples_with(&self, payload_symbols: u16) -> u64 {
        let symbols = timing::fch_symbols(&self.plan, self.mask) + usize::from(payload_symbols);
        (PREAMBLE_SAMPLES + symbols * SYMBOL_STRIDE) as u64
    }
}

/// Reference and payload symbols.
fn symbols_after_header(header: &DataHeader) -> u16 {
    header.payload_symbols + timing::reference_symbols(header.modulation) as u16
}

/// Start of the first FCH symbol's window, in samples from the start of the frame.
pub(super) const fn first_window() -> u64 {
    (PREAMBLE_SAMPLES - OVERLAP_SAMPLES + WINDOW_IN_SYMBOL) as u64
}

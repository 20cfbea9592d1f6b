//! Header and payload against an estimate of the channel: what goes around [`FrameLine`] and the passes of [`dsp::joint`].

use super::header_decoder::Decoded;
use super::line::{Geometry, Known};
use super::workspace::FrameWorkspace;
use crate::channel::{
    CARRIERS, COPIES, HEADER_DATA_CARRIERS, HEADER_PILOT_SPACING, HEADER_SYMBOLS, MAX_PAYLOAD_SYMBOLS,
    PAYLOAD_DATA_CARRIERS, ROBUST_HEADER_SYMBOLS,
};
use crate::coding::{self, BitMap, CodedHeader};
use crate::encoder::Pilots;
use crate::header::{HEADER_BITS, HEADER_OCTETS, HeaderA, HeaderB, ROBUST_HEADER_BITS, ROBUST_HEADER_OCTETS};
use crate::layout::{MAX_MPDU, PayloadLayout};
use crate::options::{Bonding, Continuity, Interleaving, Options, Repetition};
use dsp::extrinsic::Exchange;
use dsp::joint::Place;

/// Passes through a header where a payload gets more than one.
const HEADER_PASSES: u8 = 12;
/// PRIME's interleavers span one symbol, which leaves short cycles.
const EXCHANGE: Exchange = Exchange { scale: 0.7, damping: 0.0 };
/// What a header's symbols must have in common with the chirps.
const LEAST_AGREEMENT: f32 = 0.4;
/// No bit of a word that is accepted before the last pass has a lower log-likelihood ratio.
const CERTAIN: f32 = 6.0;
/// A sequence of pilots that is not the one set must be this much likelier, as a log-likelihood ratio.
const CLEARLY: f32 = 4.0;

/// A header's symbols: their number, and how many in succession are copies of one another as a whole.
#[derive(Clone, Copy)]
struct HeaderForm {
    symbols: usize,
    copies: usize,
    info_bits: usize,
}

const FORM_A: HeaderForm = HeaderForm { symbols: HEADER_SYMBOLS, copies: 1, info_bits: HEADER_BITS };

const fn form_b(repetition: Repetition) -> HeaderForm {
    let copies = if matches!(repetition, Repetition::Symbols) { COPIES } else { 1 };
    HeaderForm { symbols: ROBUST_HEADER_SYMBOLS, copies, info_bits: ROBUST_HEADER_BITS }
}

/// What is decoded of a frame's payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload {
    pub(super) layout: PayloadLayout,
    pub(super) interleaving: Interleaving,
    pub(super) repetition: Repetition,
    pub(super) scrambler: Continuity,
}

impl FrameWorkspace {
    /// Decodes a header of Type A with both readings of the interleaver, the one set first. The first that is right and fits
    /// the chirps.
    pub(super) fn decode_header_a(&mut self, options: &Options, passes: u8) -> Option<Decoded<HeaderA>> {
        [options.interleaving, options.interleaving.other()].into_iter().find_map(|interleaving| {
            let mut octets = [0; HEADER_OCTETS];
            self.decode_header(FORM_A, &BitMap::header(interleaving), passes, &mut octets)?;
            let header = HeaderA::parse(&octets, self.line.channels()).ok()?;
            let decoded = Decoded { header, interleaving, repetition: options.repetition };
            self.fits_a(&decoded).then_some(decoded)
        })
    }

    /// Decodes a header of Type B with every reading of interleaver and repeater.
    pub(super) fn decode_header_b(&mut self, options: &Options, passes: u8) -> Option<Decoded<HeaderB>> {
        let others = Repetition::ALL.into_iter().filter(|&other| other != options.repetition);
        let repetitions = core::iter::once(options.repetition).chain(others);
        let interleavings = [options.interleaving, options.interleaving.other()];
        let mut readings =
            repetitions.flat_map(|repetition| interleavings.map(|interleaving| (repetition, interleaving)));
        readings.find_map(|(repetition, interleaving)| {
            let mut octets = [0; ROBUST_HEADER_OCTETS];
            let map = BitMap::robust_header(interleaving, repetition);
            self.decode_header(form_b(repetition), &map, passes, &mut octets)?;
            let header = HeaderB::parse(&octets, self.line.channels(), options.crc12_polynomial).ok()?;
            let decoded = Decoded { header, interleaving, repetition };
            self.fits_b(&decoded, options.crc12_polynomial).then_some(decoded)
        })
    }

    /// Whether a header of Type A fits the chirps: its own CRC passes one wrong header in 256. Its symbols are known then.
    pub(super) fn fits_a(&mut self, decoded: &Decoded<HeaderA>) -> bool {
        let coded = decoded.header.emit().map(|octets| coding::encode_header(&octets));
        coded.is_ok_and(|coded| self.fits(HEADER_SYMBOLS, &BitMap::header(decoded.interleaving), &coded))
    }

    /// The same of Type B.
    pub(super) fn fits_b(&mut self, decoded: &Decoded<HeaderB>, crc12_polynomial: u16) -> bool {
        let coded = decoded.header.emit(crc12_polynomial).map(|octets| coding::encode_robust_header(&octets));
        let map = BitMap::robust_header(decoded.interleaving, decoded.repetition);
        coded.is_ok_and(|coded| self.fits(ROBUST_HEADER_SYMBOLS, &map, &coded))
    }

    fn fits(&mut self, symbols: usize, map: &BitMap, coded: &CodedHeader) -> bool {
        // Pilots of a header are the same by all readings.
        let mut pilots = Pilots::new(Continuity::Continuous);
        for symbol in 0..symbols {
            let (mut known, mut negative, mut place) = (Known::default(), false, 0);
            for carrier in 0..CARRIERS {
                if carrier.is_multiple_of(HEADER_PILOT_SPACING) {
                    negative = pilots.header() != 0;
                } else {
                    let (bit, scrambled) = map.source(symbol, 0, place);
                    negative ^= coded.bit(bit) ^ coding::scrambling(scrambled) == 1;
                    place += 1;
                }
                known.set(carrier, negative);
            }
            self.line.know(symbol, known);
        }
        self.line.agreement(symbols) > LEAST_AGREEMENT
    }

    fn decode_header(&mut self, form: HeaderForm, map: &BitMap, passes: u8, octets: &mut [u8]) -> Option<()> {
        let channels = self.line.channels();
        let geometry = Geometry::header(channels, form.symbols, form.copies);
        self.decoder.start(geometry.shape(form.info_bits)).ok()?;
        let mut pilots = Pilots::new(Continuity::Continuous);
        for symbol in 0..form.symbols {
            let mut known = Known::default();
            for carrier in (0..CARRIERS).step_by(HEADER_PILOT_SPACING) {
                known.set(carrier, pilots.header() != 0);
            }
            self.line.know(symbol, known);
        }
        for block in 0..geometry.blocks {
            for place in 0..HEADER_DATA_CARRIERS {
                let (bit, scrambled) = map.source(block * form.copies, 0, place);
                let of = Place::of(bit).inverted(coding::scrambling(scrambled) == 1);
                for channel in 0..channels {
                    let (chain, step) = geometry.chain_of(channel, block, place);
                    self.decoder.place(chain, step, core::iter::once(of));
                }
            }
        }
        self.line.prepare(geometry);
        let passes = if passes > 1 { HEADER_PASSES } else { 1 };
        let Self { line, decoder, .. } = self;
        decoder.decode(line, passes, &EXCHANGE, octets, |_, pass| pass.last.then_some(()))
    }

    /// Decodes a payload, after the header's symbols are known, into octets. `before` is what the differential receiver made
    /// of it, where it made something. False where nothing is found, or nothing is tried: of the robust schemes only with whole
    /// symbols repeated.
    pub(super) fn decode_payload(
        &mut self,
        payload: &Payload,
        options: &Options,
        passes: u8,
        octets: &mut [u8; MAX_MPDU],
        before: Option<&[u8]>,
    ) -> Option<()> {
        let Payload { layout, interleaving, repetition, scrambler } = *payload;
        let scheme = layout.scheme;
        let copies = scheme.copies();
        if copies > 1 && repetition != Repetition::Symbols {
            return None;
        }
        let header =
            if layout.frame_type == crate::FrameType::A { HEADER_SYMBOLS } else { ROBUST_HEADER_SYMBOLS };
        let symbols = usize::from(layout.symbols);
        let bits = scheme.bits_per_carrier();
        // Copies in succession are on all channels where each has the interleaver's symbols for itself.
        let geometry = match (options.bonding, layout.channels) {
            (Bonding::Each, channels @ 2..) if copies > 1 => {
                Geometry::shared(header, symbols, copies / channels, bits)
            }
            (_, channels) => Geometry::payload(channels, header, symbols, copies, bits),
        };
        let data = layout.data_octets();
        let info_bits = if scheme.is_coded() { 8 * data } else { 0 };
        self.decoder.start(geometry.shape(info_bits)).ok()?;
        let coded_bits = if scheme.is_coded() { dsp::convolutional::coded_bits(info_bits) } else { 8 * data };
        let map = BitMap::payload(layout.channels, scheme, options.bonding, interleaving, repetition);
        let offset = coding::payload_offset(scrambler, layout.frame_type, repetition);
        let chains = (0..geometry.channels()).flat_map(|channel| {
            (0..geometry.blocks).flat_map(move |block| {
                (0..PAYLOAD_DATA_CARRIERS).map(move |carrier| (channel, block, carrier))
            })
        });
        for (channel, block, carrier) in chains {
            // The bit that is first on the air is the most significant of the step.
            let places = (0..bits).rev().map(|bit| {
                let (index, scrambled) = map.source(block * geometry.copies, channel, carrier * bits + bit);
                // Behind the data there are only zeros.
                let place = if index < coded_bits { Place::of(index) } else { Place::ZERO };
                place.inverted(coding::scrambling(offset + scrambled) == 1)
            });
            let (chain, step) = geometry.chain_of(channel, block, carrier);
            self.decoder.place(chain, step, places);
        }
        for symbol in 0..symbols {
            self.line.know(header + symbol, Known::default());
        }
        self.line.prepare(geometry);
        self.line.weigh_symbols();
        let mut room = [[0.0; 2]; COPIES * MAX_PAYLOAD_SYMBOLS];
        let signs = room.get_mut(..symbols)?;
        for (reading, continuity) in [options.pilots, options.pilots.other()].into_iter().enumerate() {
            let mut pilots = Pilots::new(continuity);
            (0..header * CARRIERS.div_ceil(HEADER_PILOT_SPACING)).for_each(|_| _ = pilots.header());
            signs
                .iter_mut()
                .for_each(|signs| signs[reading] = if pilots.payload() == 0 { 1.0 } else { -1.0 });
        }

        let Self { line, decoder, before: last_found } = self;
        line.search_clock(|line, group| line.blind(decoder.observe(line, group)));
        let [set, other] =
            [0, 1].map(|reading| line.pilot_likelihood(signs.iter().map(|signs| signs[reading])));
        let reading = usize::from(other > set + CLEARLY);
        for (symbol, signs) in signs.iter().enumerate() {
            let mut known = Known::default();
            known.set(0, signs[reading] < 0.0);
            line.know(header + symbol, known);
        }
        let output = octets.get_mut(..data)?;
        if !scheme.is_coded() {
            let ratios = decoder.detect(line, passes)?;
            for (ratios, octet) in ratios.chunks(8).zip(output) {
                *octet = ratios.iter().fold(0, |octet, &ratio| octet << 1 | u8::from(ratio < 0.0));
            }
            return Some(());
        }
        let last_found = last_found.get_mut(..data)?;
        let mut agreed = before.filter(|before| before.len() == data).is_some_and(|before| {
            last_found.copy_from_slice(before);
            true
        });
        decoder.decode(line, passes, &EXCHANGE, output, |octets, pass| {
            // There is no checksum: two findings in succession that are the same, without a doubtful bit, will have to do.
            if pass.last || agreed && pass.weakest > CERTAIN && octets == last_found {
                return Some(());
            }
            last_found.copy_from_slice(octets);
            agreed = true;
            None
        })
    }
}

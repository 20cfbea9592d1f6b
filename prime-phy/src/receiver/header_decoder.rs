//! Header symbols of either type to a header, and what they tell of the link.

use super::carriers::{Carriers, mean_power};
use super::pairs::Pairs;
use super::part::Part;
use crate::channel::{
    COPIES, HEADER_DATA_CARRIERS, HEADER_PILOT_SPACING, HEADER_SYMBOLS, MOST_CHANNELS, ROBUST_HEADER_SYMBOLS,
};
use crate::coding::{self, BitMap, CodedHeader, HEADER_CODED_BITS, ROBUST_HEADER_CODED_BITS};
use crate::header::{
    HEADER_BITS, HEADER_OCTETS, HeaderA, HeaderB, HeaderError, ROBUST_HEADER_BITS, ROBUST_HEADER_OCTETS,
};
use crate::options::{Interleaving, Options, Repetition};
use dsp::Complex;
use dsp::soft::quantise;
use dsp::viterbi::Viterbi;

/// Mean magnitude of the soft decisions that the Viterbi decoder gets.
pub(super) const SOFT_MEAN: f32 = 32.0;

/// Most bits of a header on the air.
const MOST_BITS: usize = MOST_CHANNELS * ROBUST_HEADER_SYMBOLS * HEADER_DATA_CARRIERS;

#[derive(Clone, Debug)]
pub(super) struct HeaderDecoder {
    /// Products of the data carriers in their order on the air, those of one time from channel to channel, and their weights.
    products: [(Complex, f32); MOST_BITS],
    /// Mean power of a carrier over the symbols of each channel.
    powers: [f32; MOST_CHANNELS],
    channels: usize,
    /// Symbols taken and symbols of the header, those of all channels counted.
    symbol: usize,
    symbols: usize,
}

/// A header and the readings of the standard with which it came out right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decoded<H> {
    pub(super) header: H,
    pub(super) interleaving: Interleaving,
    pub(super) repetition: Repetition,
}

/// What the header tells of the link.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Link {
    /// Mean power of a carrier, signal and noise.
    pub(super) power: f32,
    /// Mean signal power of a carrier.
    pub(super) signal: f32,
    /// Mean noise power of a carrier.
    pub(super) noise: f32,
    /// Factor from weighted products to soft decisions.
    pub(super) soft_scale: f32,
}

impl HeaderDecoder {
    pub(super) fn new() -> Self {
        let products = [(Complex::new(0.0, 0.0), 0.0); MOST_BITS];
        Self { products, powers: [0.0; MOST_CHANNELS], channels: 1, symbol: 0, symbols: 0 }
    }

    /// Starts a header of Type A.
    pub(super) fn start_a(&mut self, channels: usize) {
        self.start(channels, HEADER_SYMBOLS);
    }

    /// Starts a header of Type B.
    pub(super) fn start_b(&mut self, channels: usize) {
        self.start(channels, ROBUST_HEADER_SYMBOLS);
    }

    fn start(&mut self, channels: usize, symbols: usize) {
        self.channels = channels.clamp(1, MOST_CHANNELS);
        (self.symbol, self.symbols) = (0, self.channels * symbols);
        self.powers = [0.0; MOST_CHANNELS];
    }

    /// Whether no symbol has come yet.
    pub(super) fn is_empty(&self) -> bool {
        self.symbol == 0
    }

    /// Takes a symbol of the next channel; true after the last.
    pub(super) fn push(&mut self, symbol: &Carriers, pairs: &Pairs) -> bool {
        let data = (0..symbol.len()).filter(|carrier| !carrier.is_multiple_of(HEADER_PILOT_SPACING));
        let room = self.products.iter_mut().skip(self.symbol * HEADER_DATA_CARRIERS);
        for (place, carrier) in room.zip(data) {
            *place = (pairs.product(symbol, carrier), pairs.weight(carrier));
        }
        let of_channel = (self.symbols / self.channels).max(1);
        self.powers[self.symbol % self.channels] += mean_power(symbol) / of_channel as f32;
        self.symbol += 1;
        self.symbol >= self.symbols
    }

    /// Mean power of a carrier over the symbols of all channels.
    pub(super) fn power(&self) -> f32 {
        self.powers.iter().sum::<f32>() / self.channels as f32
    }

    /// Decodes a header of Type A with both readings of the interleaver; the one that fits the code best of those whose CRC
    /// is right, for of wrong ones every 256th is.
    pub(super) fn decode_a<const STAGES: usize>(
        &self,
        viterbi: &mut Viterbi<STAGES>,
        options: &Options,
    ) -> Result<Decoded<HeaderA>, HeaderError> {
        let mut best: Option<(u32, Decoded<HeaderA>)> = None;
        let mut refused = None;
        for interleaving in [options.interleaving, options.interleaving.other()] {
            let mut octets = [0; HEADER_OCTETS];
            let map = BitMap::header(interleaving);
            let cost = self.decode::<STAGES, HEADER_CODED_BITS>(viterbi, &map, HEADER_BITS, &mut octets);
            match cost.ok_or(NOTHING).and_then(|cost| Ok((cost, HeaderA::parse(&octets, self.channels)?))) {
                Ok((cost, header)) if best.as_ref().is_none_or(|(least, _)| cost < *least) => {
                    let repetition = options.repetition;
                    best = Some((cost, Decoded { header, interleaving, repetition }));
                }
                Ok(_) => {}
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        best.map(|(_, decoded)| decoded).ok_or(refused.unwrap_or(NOTHING))
    }

    /// Decodes a header of Type B with every reading of interleaver and repeater; the one that fits the code best of those
    /// whose CRC is right.
    pub(super) fn decode_b<const STAGES: usize>(
        &self,
        viterbi: &mut Viterbi<STAGES>,
        options: &Options,
    ) -> Result<Decoded<HeaderB>, HeaderError> {
        let mut best: Option<(u32, Decoded<HeaderB>)> = None;
        let mut refused = None;
        let others = Repetition::ALL.into_iter().filter(|&other| other != options.repetition);
        for repetition in core::iter::once(options.repetition).chain(others) {
            for interleaving in [options.interleaving, options.interleaving.other()] {
                let mut octets = [0; ROBUST_HEADER_OCTETS];
                let map = BitMap::robust_header(interleaving, repetition);
                let cost = self.decode::<STAGES, ROBUST_HEADER_CODED_BITS>(
                    viterbi,
                    &map,
                    ROBUST_HEADER_BITS,
                    &mut octets,
                );
                let polynomial = options.crc12_polynomial;
                let parsed = |_| HeaderB::parse(&octets, self.channels, polynomial);
                match cost.ok_or(NOTHING).and_then(parsed) {
                    Ok(header) => {
                        let cost = cost.unwrap_or(u32::MAX);
                        if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                            best = Some((cost, Decoded { header, interleaving, repetition }));
                        }
                    }
                    Err(error) => refused = refused.or(Some(error)),
                }
            }
        }
        best.map(|(_, decoded)| decoded).ok_or(refused.unwrap_or(NOTHING))
    }

    /// Decodes the bits with one reading; the cost of the path.
    fn decode<const STAGES: usize, const CODED: usize>(
        &self,
        viterbi: &mut Viterbi<STAGES>,
        map: &BitMap,
        bits: usize,
        octets: &mut [u8],
    ) -> Option<u32> {
        // Sums of copies have a greater mean, though not as many times one's.
        let copies = self.symbols * HEADER_DATA_CARRIERS / CODED;
        let scale = self.soft_scale() * if copies > 1 { SUM_OF_COPIES / copies as f32 } else { 1.0 };
        let mut sums = [0.0; CODED];
        for (index, (product, weight)) in self.used().enumerate() {
            let (coded, scrambled) = self.source(map, index);
            if let Some(sum) = sums.get_mut(coded) {
                let soft = product.re * weight;
                *sum += if coding::scrambling(scrambled) == 1 { -soft } else { soft };
            }
        }
        let soft = sums.map(|sum| quantise(sum, scale));
        // Silence would decode as zeros, which are a codeword with a right CRC.
        if soft.iter().filter(|&&soft| soft != 0).count() < bits {
            return None;
        }
        viterbi.decode(&soft, bits, octets).ok()
    }

    /// Learns from the symbols of a header of Type A, now that its bits are known, what each channel is like.
    pub(super) fn link_a(&self, decoded: &Decoded<HeaderA>, parts: &mut [Part]) {
        let bits = decoded.header.emit().map(|octets| coding::encode_header(&octets));
        self.link(bits.ok(), &BitMap::header(decoded.interleaving), parts);
    }

    /// The same of a header of Type B.
    pub(super) fn link_b(&self, decoded: &Decoded<HeaderB>, crc12_polynomial: u16, parts: &mut [Part]) {
        let bits = decoded.header.emit(crc12_polynomial).map(|octets| coding::encode_robust_header(&octets));
        self.link(bits.ok(), &BitMap::robust_header(decoded.interleaving, decoded.repetition), parts);
    }

    fn link(&self, bits: Option<CodedHeader>, map: &BitMap, parts: &mut [Part]) {
        for (channel, part) in parts.iter_mut().enumerate() {
            part.link = self.link_of(channel, bits.as_ref(), map, part);
        }
    }

    fn link_of(&self, channel: usize, bits: Option<&CodedHeader>, map: &BitMap, part: &mut Part) -> Link {
        let power = self.powers[channel];
        let mut link = Link { power, soft_scale: self.soft_scale(), ..Link::default() };
        let Some(bits) = bits else { return link };
        let count = (self.symbols / self.channels * HEADER_DATA_CARRIERS) as f32;
        let bare = |(index, (product, _)): (usize, &(Complex, f32))| {
            let (coded, scrambled) = self.source(map, index);
            match bits.bit(coded) ^ coding::scrambling(scrambled) {
                0 => *product,
                _ => -*product,
            }
        };
        let own = || {
            let of = move |(index, _): &(usize, _)| index / HEADER_DATA_CARRIERS % self.channels == channel;
            self.used().enumerate().filter(of)
        };
        for product in own() {
            part.pairs.learn(bare(product) * product.1.1);
        }
        part.pairs.settle(power);
        let (mut signal, mut quadrature) = (0.0, 0.0);
        let mean = own().map(bare).sum::<Complex>();
        let turn = mean.conj() / libm::sqrtf(mean.norm_sqr()).max(f32::MIN_POSITIVE);
        for product in own() {
            let product = bare(product) * turn;
            signal += product.re / count;
            quadrature += product.im * product.im / count;
        }
        link.signal = signal.max(f32::MIN_POSITIVE);
        link.noise = noise_of_products(link.signal, quadrature);
        if let Some(known) = part.floor.mean() {
            // Lines are not flat: unequal signals make the quadrature no worse, but an echo does. The floor is what
            // was there before.
            link.noise = link.noise.max(0.1 * known);
        }
        link
    }

    /// Which bit a product is: [`BitMap::source`].
    fn source(&self, map: &BitMap, index: usize) -> (usize, usize) {
        let symbol = index / HEADER_DATA_CARRIERS / self.channels;
        map.source(symbol, 0, index % HEADER_DATA_CARRIERS)
    }

    fn used(&self) -> impl Iterator<Item = &(Complex, f32)> {
        self.products.iter().take(self.symbols * HEADER_DATA_CARRIERS)
    }

    fn soft_scale(&self) -> f32 {
        let sum: f32 = self.used().map(|(product, weight)| (product.re * weight).abs()).sum();
        SOFT_MEAN * (self.symbols * HEADER_DATA_CARRIERS) as f32 / sum.max(f32::MIN_POSITIVE)
    }
}

/// Noise power of a carrier, from the signal power and the mean square of the quadrature part of products of two carriers
/// without their data: its variance is S N + N^2 / 2.
pub(super) fn noise_of_products(signal: f32, quadrature: f32) -> f32 {
    libm::sqrtf(signal * signal + 2.0 * quadrature) - signal
}

/// Soft decisions of the sum of copies, against their mean.
pub(super) const SUM_OF_COPIES: f32 = 2.0;
const _: () = assert!(COPIES == ROBUST_HEADER_SYMBOLS);

/// What there is where nothing was heard.
pub(super) const NOTHING: HeaderError = HeaderError::Crc { found: 0, computed: 0 };

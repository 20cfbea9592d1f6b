//! Two header symbols to a header, and what they tell of the link.

use super::carriers::{Carriers, mean_power};
use super::noise_floor::NoiseFloor;
use super::pairs::Pairs;
use crate::channel::{HEADER_DATA_CARRIERS, HEADER_PILOT_SPACING, HEADER_SYMBOLS};
use crate::coding::{self, HEADER_AIR_BITS};
use crate::header::{HEADER_BITS, HEADER_OCTETS, Header, HeaderError};
use crate::interleaver::Interleaver;
use crate::options::Interleaving;
use dsp::Complex;
use dsp::scrambler::Scrambler;
use dsp::soft::quantise;
use dsp::viterbi::Viterbi;

/// Mean magnitude of the soft decisions that the Viterbi decoder gets.
pub(super) const SOFT_MEAN: f32 = 32.0;

#[derive(Clone, Debug)]
pub(super) struct HeaderDecoder {
    /// Products of the data carriers in their order on the air, and their weights.
    products: [(Complex, f32); HEADER_AIR_BITS],
    power: f32,
    symbol: usize,
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
        Self { products: [(Complex::new(0.0, 0.0), 0.0); HEADER_AIR_BITS], power: 0.0, symbol: 0 }
    }

    pub(super) fn start(&mut self) {
        (self.power, self.symbol) = (0.0, 0);
    }

    /// Takes a symbol; true after the last.
    pub(super) fn push(&mut self, symbol: &Carriers, pairs: &Pairs) -> bool {
        let data = (0..symbol.len()).filter(|carrier| !carrier.is_multiple_of(HEADER_PILOT_SPACING));
        let room = self.products.iter_mut().skip(self.symbol * HEADER_DATA_CARRIERS);
        for (place, carrier) in room.zip(data) {
            *place = (pairs.product(symbol, carrier), pairs.weight(carrier));
        }
        self.power += mean_power(symbol) / HEADER_SYMBOLS as f32;
        self.symbol += 1;
        self.symbol >= HEADER_SYMBOLS
    }

    /// Mean power of a carrier.
    pub(super) fn power(&self) -> f32 {
        self.power
    }

    /// Decodes with one reading of the interleaver.
    pub(super) fn decode<const STAGES: usize>(
        &self,
        viterbi: &mut Viterbi<STAGES>,
        interleaving: Interleaving,
    ) -> Result<Header, HeaderError> {
        let scale = self.soft_scale();
        let interleaver = Interleaver::header(interleaving);
        let mut soft = [0; HEADER_AIR_BITS];
        for (place, (product, weight)) in self.products.iter().enumerate() {
            if let Some(soft) = soft.get_mut(coded_place(&interleaver, place)) {
                *soft = quantise(product.re * weight, scale);
            }
        }
        let mut scrambler = Scrambler::new();
        for soft in &mut soft {
            if scrambler.next_bit() == 1 {
                *soft = -*soft;
            }
        }
        let mut octets = [0; HEADER_OCTETS];
        // Silence would decode as zeros, which are a codeword with a right CRC.
        let silent = soft.iter().filter(|&&soft| soft != 0).count() < HEADER_BITS;
        if silent || viterbi.decode(&soft, HEADER_BITS, &mut octets).is_err() {
            return Err(HeaderError::Crc { found: 0, computed: 0 });
        }
        Header::parse(&octets)
    }

    /// Learns from the symbols, now that their bits are known.
    pub(super) fn link(
        &self,
        header: &Header,
        interleaving: Interleaving,
        pairs: &mut Pairs,
        floor: &NoiseFloor,
    ) -> Link {
        let mut link = Link { power: self.power, soft_scale: self.soft_scale(), ..Link::default() };
        let Ok(octets) = header.emit() else { return link };
        let air = coding::scrambled_header(&octets);
        let interleaver = Interleaver::header(interleaving);
        let bare = |(place, (product, _)): (usize, &(Complex, f32))| match air
            .bit(coded_place(&interleaver, place))
        {
            0 => *product,
            _ => -*product,
        };
        for product in self.products.iter().enumerate() {
            pairs.learn(bare(product) * product.1.1);
        }
        pairs.settle(self.power);
        let (mut signal, mut quadrature) = (0.0, 0.0);
        let mean = self.products.iter().enumerate().map(bare).sum::<Complex>();
        let turn = mean.conj() / libm::sqrtf(mean.norm_sqr()).max(f32::MIN_POSITIVE);
        for product in self.products.iter().enumerate() {
            let product = bare(product) * turn;
            signal += product.re / HEADER_AIR_BITS as f32;
            quadrature += product.im * product.im / HEADER_AIR_BITS as f32;
        }
        link.signal = signal.max(f32::MIN_POSITIVE);
        // The quadrature part of a product has the variance S N + N^2 / 2.
        link.noise = libm::sqrtf(link.signal * link.signal + 2.0 * quadrature) - link.signal;
        if let Some(known) = floor.mean() {
            // Lines are not flat: unequal signals make the quadrature no worse, but an echo does. The floor is what
            // was there before.
            link.noise = link.noise.max(0.1 * known);
        }
        link
    }

    fn soft_scale(&self) -> f32 {
        let sum: f32 = self.products.iter().map(|(product, weight)| (product.re * weight).abs()).sum();
        SOFT_MEAN * HEADER_AIR_BITS as f32 / sum.max(f32::MIN_POSITIVE)
    }
}

/// Which coded bit of the header is on the air at `place`.
fn coded_place(interleaver: &Interleaver, place: usize) -> usize {
    let first = place / HEADER_DATA_CARRIERS * HEADER_DATA_CARRIERS;
    first + interleaver.source(place - first)
}

//! Payload symbols to soft bits to octets: the standard differential receiver.
//!
//! A carrier's soft bits are the max-log metrics of y_k y*_(k-1), the product with the carrier below in the same symbol.
//! They go to their places before the interleaver as `i8`, still scrambled, so that no symbol is kept and both readings of
//! the scrambler can be tried. The copies of a robust scheme are added up; where each is scrambled differently there are
//! two sums, one for each reading.

use super::carriers::{Carriers, mean_power};
use super::header_decoder::{Link, SUM_OF_COPIES, noise_of_products};
use super::ladder::SymbolWeights;
use super::pairs::Pairs;
use super::part::Part;
use crate::coding::{self, BitMap, MAX_CODED_BITS, MAX_REPEATED_BITS, STAGES};
use crate::constellation::{PHASES, phase_step};
use crate::layout::{MAX_MPDU, PayloadLayout};
use crate::options::{Continuity, Interleaving, Options, Repetition};
use crate::primitives::Mpdu;
use dsp::differential::{EIGHTHS, max_log};
use dsp::soft::quantise;
use dsp::viterbi::Viterbi;

/// How many times the header's mean power a symbol must have to count as hit by an impulse, beyond chance.
const CHANCE_DEVIATIONS: f32 = 5.0;

/// Soft bits of a symbol that was hit against those of others, at least, where there are no copies.
const LEAST_SOFT: f32 = 0.25;

/// Soft bits: those of the longest payload, or both sums of the longest repeated one.
const SOFT_BITS: usize =
    if MAX_CODED_BITS > 2 * MAX_REPEATED_BITS { MAX_CODED_BITS } else { 2 * MAX_REPEATED_BITS };

#[derive(Clone, Debug)]
pub(super) struct PayloadDecoder {
    soft: [i8; SOFT_BITS],
    symbol_weights: SymbolWeights,
    payload: Option<Payload>,
    symbol: usize,
    /// Sums over the products without their data, as decided: real part and square of the imaginary part.
    sums: (f32, f32),
    products: usize,
}

#[derive(Clone, Debug)]
struct Payload {
    layout: PayloadLayout,
    map: BitMap,
    /// Where in the scrambler's sequence it begins by the reading that is set, and by the other.
    offsets: [usize; 2],
}

impl PayloadDecoder {
    pub(super) fn new(symbol_weights: SymbolWeights) -> Self {
        Self { soft: [0; SOFT_BITS], symbol_weights, payload: None, symbol: 0, sums: (0.0, 0.0), products: 0 }
    }

    /// Starts a payload.
    pub(super) fn start(
        &mut self,
        layout: Option<PayloadLayout>,
        interleaving: Interleaving,
        repetition: Repetition,
        options: &Options,
    ) {
        self.soft.fill(0);
        (self.symbol, self.sums, self.products) = (0, (0.0, 0.0), 0);
        let Options { scrambler, bonding, .. } = *options;
        self.payload = layout.map(|layout| Payload {
            layout,
            map: BitMap::payload(layout.channels, layout.scheme, bonding, interleaving, repetition),
            offsets: [scrambler, scrambler.other()]
                .map(|reading| coding::payload_offset(reading, layout.frame_type, repetition)),
        });
    }

    /// Takes a payload symbol of each channel.
    pub(super) fn push(&mut self, symbols: &[Carriers], parts: &mut [Part]) {
        for (channel, (symbol, part)) in symbols.iter().zip(parts).enumerate() {
            self.push_on(channel, symbol, &part.link, &mut part.pairs);
        }
        self.symbol += 1;
    }

    fn push_on(&mut self, channel: usize, symbol: &Carriers, link: &Link, pairs: &mut Pairs) {
        let Some(Payload { layout, map, offsets, .. }) = &self.payload else { return };
        let bits = layout.scheme.bits_per_carrier();
        // Metrics of the points of a denser circle are smaller; copies are added up.
        let scale = link.soft_scale
            * self.trust(symbol, link, layout.scheme.copies())
            * [1.0, 1.0, 1.5][(bits - 1).min(2)]
            * if layout.scheme.is_robust() { SUM_OF_COPIES / layout.scheme.copies() as f32 } else { 1.0 };
        let mut place = 0;
        for carrier in 1..symbol.len() {
            let product = pairs.product(symbol, carrier);
            let metrics = max_log(bits, product);
            let weight = pairs.weight(carrier);
            let mut value = 0;
            // Bit 0 of the metrics is the last on the air.
            for metric in metrics.iter().take(bits).rev() {
                value = value << 1 | u8::from(*metric < 0.0);
                let (coded, scrambled) = map.source(self.symbol, channel, place);
                let soft = match layout.scheme.is_coded() {
                    true => quantise(metric * weight, scale),
                    // Decided by its sign, however weak the carrier is.
                    false => hard(*metric),
                };
                if map.scrambles_copies() {
                    for (reading, offset) in offsets.iter().enumerate() {
                        let turned = coding::scrambling(offset + scrambled) == 1;
                        add(
                            &mut self.soft,
                            reading * MAX_REPEATED_BITS + coded,
                            if turned { -soft } else { soft },
                        );
                    }
                } else {
                    add(&mut self.soft, coded, soft);
                }
                place += 1;
            }
            let decided = EIGHTHS[usize::from(phase_step(bits, value) % PHASES)];
            let bare = product * decided.conj();
            self.sums.0 += bare.re;
            self.sums.1 += bare.im * bare.im;
            pairs.learn(bare * weight);
        }
        self.products += symbol.len() - 1;
        pairs.settle(link.power);
    }

    /// Ratio of noise to signal power on a carrier, by what was decided; `None` without a symbol.
    pub(super) fn noise_to_signal(&self) -> Option<f32> {
        let count = self.products as f32;
        let signal = self.sums.0 / count;
        (self.products > 0 && signal > 0.0).then(|| noise_of_products(signal, self.sums.1 / count) / signal)
    }

    /// Factor for the products of a symbol: inversely as their variance, 1 for the header's noise. A symbol hit by an
    /// impulse shows in its power.
    ///
    /// Where copies are added up, one that was hit must not outvote the others. Without copies a symbol's bits are decided by
    /// that symbol alone, and what is left of them must not vanish in the quantisation.
    fn trust(&self, symbol: &Carriers, link: &Link, copies: usize) -> f32 {
        if self.symbol_weights == SymbolWeights::Equal {
            return 1.0;
        }
        let signal = link.signal;
        let noise = (link.power - signal).max(link.noise);
        let power = mean_power(symbol);
        let deviation = libm::sqrtf(noise * (noise + 2.0 * signal) / symbol.len() as f32);
        // Half a decibel more for what the header did not tell exactly.
        if power <= 1.12 * (signal + noise) + CHANCE_DEVIATIONS * deviation {
            return 1.0;
        }
        if self.symbol_weights == SymbolWeights::Erased {
            return 0.0;
        }
        let now = power - signal;
        let trust = noise * (2.0 * signal + noise) / (now * (2.0 * signal + now)).max(f32::MIN_POSITIVE);
        if copies > 1 { trust } else { trust.max(LEAST_SOFT * link.power / power) }
    }

    /// Decodes the payload and puts it behind what the header has of the MPDU. Of a coded one both readings of the
    /// scrambler are tried where the code contradicts the first, and the better is told.
    pub(super) fn decode(
        &mut self,
        viterbi: &mut Viterbi<STAGES>,
        octets: &mut [u8; MAX_MPDU],
        mac: &[u8],
        scrambler: Continuity,
    ) -> Option<(Mpdu, Continuity)> {
        let layout = self.payload.as_ref()?.layout;
        let mut mpdu = Mpdu::from_slice(mac).ok()?;
        let data = layout.data_octets();
        let mut reading = scrambler;
        // Of silence decoders make zeros, which are a codeword.
        let told = self.soft.iter().filter(|&&soft| soft != 0).count();
        if told < if layout.scheme.is_coded() { 8 * data } else { 4 * data } {
            return None;
        }
        if layout.scheme.is_coded() {
            let cost = self.decode_coded(viterbi, octets, false)?;
            let soft = self.soft.iter().take(layout.coded_bits());
            let weight: u32 = soft.map(|&soft| u32::from(soft.unsigned_abs())).sum();
            if cost > weight / CONTRADICTED {
                if self.decode_coded(viterbi, octets, true)? < cost {
                    reading = reading.other();
                } else {
                    self.decode_coded(viterbi, octets, false)?;
                }
            }
        } else {
            let bits = self.soft.chunks(8).zip(octets.iter_mut()).take(data);
            for (soft, octet) in bits {
                *octet = soft.iter().fold(0, |octet, &soft| octet << 1 | u8::from(soft < 0));
            }
            let begin = self.payload.as_ref()?.offsets[0];
            for (index, octet) in octets.iter_mut().take(data).enumerate() {
                let sequence =
                    (0..8).fold(0, |octet, bit| octet << 1 | coding::scrambling(begin + 8 * index + bit));
                *octet ^= sequence;
            }
        }
        mpdu.extend_from_slice(octets.get(..data)?).ok()?;
        Some((mpdu, reading))
    }

    /// Decodes with the reading of the scrambler that is set, or with the other; the cost of the path.
    fn decode_coded(
        &mut self,
        viterbi: &mut Viterbi<STAGES>,
        octets: &mut [u8; MAX_MPDU],
        other: bool,
    ) -> Option<u32> {
        let Payload { layout, map, offsets, .. } = self.payload.as_ref()?;
        let (bits, reading) = (8 * layout.data_octets(), usize::from(other));
        // The encoder is back at zero six bits behind the data: flushing and padding tell nothing more.
        if map.scrambles_copies() {
            return viterbi.decode(self.soft.get(reading * MAX_REPEATED_BITS..)?, bits, octets).ok();
        }
        let (begin, count) = (offsets[reading], layout.coded_bits());
        scramble(&mut self.soft[..count], begin);
        let decoded = viterbi.decode(&self.soft, bits, octets);
        scramble(&mut self.soft[..count], begin);
        decoded.ok()
    }
}

/// Takes the scrambler off soft bits, or puts it on again.
fn scramble(soft: &mut [i8], begin: usize) {
    for (index, soft) in soft.iter_mut().enumerate() {
        if coding::scrambling(begin + index) == 1 {
            *soft = -*soft;
        }
    }
}

/// A decision without a weight; none of silence.
fn hard(metric: f32) -> i8 {
    i8::from(metric > 0.0) - i8::from(metric < 0.0)
}

fn add(soft: &mut [i8; SOFT_BITS], place: usize, more: i8) {
    if let Some(soft) = soft.get_mut(place) {
        *soft = soft.saturating_add(more).max(-dsp::soft::MOST_RELIABLE);
    }
}

/// A code path that contradicts more than one part in so many of the soft bits' weight makes the other reading of the
/// scrambler worth trying.
const CONTRADICTED: u32 = 20;

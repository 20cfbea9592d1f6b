//! Payload symbols to soft bits to octets: the standard differential receiver.
//!
//! A carrier's soft bits are the max-log metrics of y_k y*_(k-1), the product with the carrier below in the same symbol.
//! They go to their places before the interleaver as `i8`, still scrambled, so that no symbol is kept and both readings of
//! the scrambler can be tried.

use super::carriers::{Carriers, mean_power};
use super::header_decoder::Link;
use super::pairs::Pairs;
use crate::coding::{self, MAX_AIR_BITS, STAGES};
use crate::constellation::{PHASES, phase_step};
use crate::header::Header;
use crate::interleaver::Interleaver;
use crate::layout::{MAX_MPDU, PayloadLayout};
use crate::options::{Continuity, Interleaving};
use crate::primitives::Mpdu;
use crate::transmitter::PHASORS;
use dsp::differential::max_log;
use dsp::soft::quantise;
use dsp::viterbi::Viterbi;

/// How many times the header's mean power a symbol must have to count as hit by an impulse, beyond chance.
const CHANCE_DEVIATIONS: f32 = 5.0;

#[derive(Clone, Debug)]
pub(super) struct PayloadDecoder {
    soft: [i8; MAX_AIR_BITS],
    payload: Option<(PayloadLayout, Option<Interleaver>)>,
    symbol: usize,
    link: Link,
    /// The longest information, before it becomes an MPDU.
    octets: [u8; MAX_MPDU],
}

impl PayloadDecoder {
    pub(super) fn new() -> Self {
        Self {
            soft: [0; MAX_AIR_BITS],
            payload: None,
            symbol: 0,
            link: Link::default(),
            octets: [0; MAX_MPDU],
        }
    }

    /// Starts a payload.
    pub(super) fn start(&mut self, layout: Option<PayloadLayout>, interleaving: Interleaving, link: &Link) {
        self.soft.fill(0);
        self.symbol = 0;
        self.link = *link;
        self.payload = layout.map(|layout| (layout, Interleaver::payload(layout.scheme, interleaving)));
    }

    /// Takes a payload symbol.
    pub(super) fn push(&mut self, symbol: &Carriers, pairs: &mut Pairs) {
        let Some((layout, interleaver)) = &self.payload else { return };
        let (bits, per_symbol) = (layout.scheme.bits_per_carrier(), layout.scheme.bits_per_symbol());
        let first = self.symbol * per_symbol;
        // Metrics of the points of a denser circle are smaller.
        let scale = self.link.soft_scale * self.trust(symbol) * [1.0, 1.0, 1.5][(bits - 1).min(2)];
        let mut place = 0;
        for carrier in 1..symbol.len() {
            let product = pairs.product(symbol, carrier);
            let metrics = max_log(bits, product);
            let weight = pairs.weight(carrier);
            let mut value = 0;
            // Bit 0 of the metrics is the last on the air.
            for metric in metrics.iter().take(bits).rev() {
                value = value << 1 | u8::from(*metric < 0.0);
                let source = interleaver.map_or(place, |interleaver| interleaver.source(place));
                if let Some(soft) = self.soft.get_mut(first + source) {
                    *soft = quantise(metric * weight, scale);
                }
                place += 1;
            }
            let decided = PHASORS[usize::from(phase_step(bits, value) % PHASES)];
            pairs.learn(product * decided.conj() * weight);
        }
        pairs.settle(self.link.power);
        self.symbol += 1;
    }

    /// Factor for the products of a symbol: inversely as their variance, 1 for the header's noise. A symbol hit by an
    /// impulse shows in its power.
    fn trust(&self, symbol: &Carriers) -> f32 {
        let signal = self.link.signal;
        let noise = (self.link.power - signal).max(self.link.noise);
        let power = mean_power(symbol);
        let deviation = libm::sqrtf(noise * (noise + 2.0 * signal) / symbol.len() as f32);
        // Half a decibel more for what the header did not tell exactly.
        if power <= 1.12 * (signal + noise) + CHANCE_DEVIATIONS * deviation {
            return 1.0;
        }
        let now = power - signal;
        noise * (2.0 * signal + noise) / (now * (2.0 * signal + now)).max(f32::MIN_POSITIVE)
    }

    /// Decodes the payload into the MPDU. Of a coded one both readings of the scrambler are tried where the code
    /// contradicts the first, and the better is told.
    pub(super) fn decode(
        &mut self,
        viterbi: &mut Viterbi<STAGES>,
        header: &Header,
        scrambler: Continuity,
    ) -> Option<(Mpdu, Continuity)> {
        let (layout, _) = self.payload?;
        let mut mpdu = Mpdu::from_slice(&header.mac).ok()?;
        let data = layout.data_octets();
        let mut reading = scrambler;
        if layout.scheme.is_coded() {
            let cost = self.decode_coded(viterbi, &layout, reading)?;
            let weight: u32 = self.soft.iter().map(|&soft| u32::from(soft.unsigned_abs())).sum();
            if cost > weight / CONTRADICTED && self.decode_coded(viterbi, &layout, reading.other())? < cost {
                reading = reading.other();
            } else if cost > weight / CONTRADICTED {
                self.decode_coded(viterbi, &layout, reading)?;
            }
        } else {
            let bits = self.soft.chunks(8).zip(&mut self.octets).take(data);
            for (soft, octet) in bits {
                *octet = soft.iter().fold(0, |octet, &soft| octet << 1 | u8::from(soft < 0));
            }
            coding::payload_scrambler(reading).apply(self.octets.get_mut(..data)?);
        }
        mpdu.extend_from_slice(self.octets.get(..data)?).ok()?;
        Some((mpdu, reading))
    }

    /// Decodes with one reading of the scrambler; the cost of the path.
    fn decode_coded(
        &mut self,
        viterbi: &mut Viterbi<STAGES>,
        layout: &PayloadLayout,
        reading: Continuity,
    ) -> Option<u32> {
        self.scramble(layout, reading);
        // The encoder is back at zero six bits behind the data: flushing and padding tell nothing more.
        let decoded = viterbi.decode(&self.soft, 8 * layout.data_octets(), &mut self.octets);
        self.scramble(layout, reading);
        decoded.ok()
    }

    /// Takes the scrambler off the soft bits, or puts it on again.
    fn scramble(&mut self, layout: &PayloadLayout, reading: Continuity) {
        let mut scrambler = coding::payload_scrambler(reading);
        for soft in self.soft.iter_mut().take(layout.air_bits()) {
            if scrambler.next_bit() == 1 {
                *soft = -*soft;
            }
        }
    }
}

/// A code path that contradicts more than one part in so many of the soft bits' weight makes the other reading of the
/// scrambler worth trying.
const CONTRADICTED: u32 = 20;

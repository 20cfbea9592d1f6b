//! Payload symbols to soft bits to octets: the standard differential receiver.
//!
//! A carrier's soft bits are the max-log metrics of y_s y*_(s-1), the product with the symbol before, over the
//! phase points, divided by the carrier's noise power. They go straight to their places before the interleaver,
//! where Robust's four copies add up, so that no symbol is kept.

mod coherent_symbols;

use super::carriers::{Carriers, Figures, NullPowers};
use super::channel_tracker::Sent;
use super::header_decoder::Link;
use super::noise_tracker::NoiseTracker;
use crate::Modulation;
use crate::band::MAX_CARRIERS;
use crate::coding::{self, MAX_CODED_BITS};
use crate::interleaver::PayloadInterleaver;
use crate::layout::{Blocks, MAX_RS_WORD, PayloadLayout};
use crate::options::Interleaving;
use crate::primitives::Psdu;
use coherent_symbols::CoherentSymbols;
use dsp::Complex;
use dsp::differential::max_log;
use dsp::scrambler::Scrambler;
use dsp::soft::quantise;
use dsp::viterbi::Viterbi;

/// Mean magnitude of the soft decisions that the Viterbi decoder gets.
const SOFT_MEAN: f32 = 32.0;

#[derive(Clone, Debug)]
pub(super) struct PayloadDecoder {
    previous: Carriers,
    soft: [i8; MAX_CODED_BITS],
    /// Factor from the product of two symbols to a soft decision; zero for carriers without data.
    weight: Figures,
    payload: Option<(PayloadLayout, PayloadInterleaver)>,
    symbol: usize,
    /// `None` where every symbol counts the same.
    noise: Option<NoiseTracker>,
    /// Started before every payload: it tells which are coherent.
    pub(super) coherent: CoherentSymbols,
    /// The first of two blocks; `None` inside where it could not be decoded.
    first_block: Option<Option<Block>>,
}

/// A block's part of the PSDU, still scrambled, and how many octets were corrected.
pub(super) type Block = (heapless::Vec<u8, MAX_RS_WORD>, u8);

impl PayloadDecoder {
    pub(super) fn new() -> Self {
        Self {
            previous: super::carriers::NO_CARRIERS,
            soft: [0; MAX_CODED_BITS],
            weight: [0.0; MAX_CARRIERS],
            payload: None,
            symbol: 0,
            noise: None,
            coherent: CoherentSymbols::new(),
            first_block: None,
        }
    }

    /// Starts a payload with the last FCH symbol as its reference.
    pub(super) fn start(
        &mut self,
        layout: Option<PayloadLayout>,
        interleaving: Interleaving,
        active: impl Fn(usize) -> bool,
        (link, noises, weigh_carriers): (&Link, &Figures, bool),
        noise: Option<NoiseTracker>,
        reference: &Carriers,
    ) {
        self.first_block = None;
        self.previous = *reference;
        self.soft.fill(0);
        self.symbol = 0;
        self.payload = layout.map(|layout| (layout, PayloadInterleaver::new(&layout, interleaving)));
        let copies = layout.map_or(1, |layout| layout.modulation.repetition());
        self.weight = weights((link, noises), active, copies, weigh_carriers);
        self.noise = noise;
    }

    /// Takes a symbol after the header; returns its noise against a quiet one's.
    pub(super) fn push(&mut self, symbol: &Carriers, nulls: &NullPowers) -> f32 {
        let noise = self.noise.as_mut().map_or(1.0, |tracker| tracker.noise_of(symbol, nulls));
        if self.coherent.is_started() {
            self.push_coherent(symbol, 1.0 / noise);
        } else {
            self.push_differential(symbol, noise);
        }
        noise
    }

    fn push_differential(&mut self, symbol: &Carriers, noise: f32) {
        let Some((layout, interleaver)) = &self.payload else { return };
        let repetition = layout.modulation.repetition();
        let mut places = interleaver.symbol(self.symbol % layout.block_symbols().max(1));
        let trust = self.noise.as_mut().map_or(1.0, |tracker| tracker.trust(noise));
        for ((now, before), weight) in symbol.iter().zip(&self.previous).zip(&self.weight) {
            if *weight == 0.0 {
                continue;
            }
            let product = now * before.conj() * (*weight * trust);
            let (metrics, bits) = soft_bits(layout.modulation, product);
            for (metric, place) in metrics.iter().take(bits).zip(&mut places) {
                if let Some(soft) = self.soft.get_mut(place / repetition) {
                    *soft = soft.saturating_add(quantise(*metric, 1.0)).max(-i8::MAX);
                }
            }
        }
        self.previous = *symbol;
        self.symbol += 1;
    }

    /// The payload that is being received.
    pub(super) fn payload(&self) -> Option<&(PayloadLayout, PayloadInterleaver)> {
        self.payload.as_ref()
    }

    /// What each carrier of the symbol taken last carried, where the payload is coherent.
    pub(super) fn sent(&self) -> Option<&[Sent; MAX_CARRIERS]> {
        self.coherent.is_started().then(|| self.coherent.last_sent())
    }

    /// Whether the symbols of the first of two blocks are there, and nothing else yet.
    pub(super) fn is_first_block(&self) -> bool {
        self.payload.as_ref().is_some_and(|(layout, _)| {
            layout.blocks == Blocks::Two
                && self.symbol == layout.block_symbols()
                && self.first_block.is_none()
        })
    }

    /// Makes room for the second block.
    pub(super) fn keep_first_block(&mut self, block: Option<Block>) {
        self.first_block = Some(block);
        self.soft.fill(0);
    }

    /// Whether the first of two blocks was lost and with it the payload.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.first_block, Some(None))
    }

    /// The PSDU of the blocks, of which this is the last, and how many octets were corrected.
    pub(super) fn psdu(&self, last: &Block) -> Option<(Psdu, u8)> {
        let (layout, _) = self.payload.as_ref()?;
        let (mut psdu, mut corrected) = (Psdu::new(), last.1);
        if layout.blocks == Blocks::Two {
            let (first, of_first) = self.first_block.as_ref()?.as_ref()?;
            psdu.extend_from_slice(first).ok()?;
            corrected += of_first;
        }
        psdu.extend_from_slice(&last.0).ok()?;
        Scrambler::new().apply(&mut psdu);
        Some((psdu, corrected))
    }

    /// Decodes the block whose symbols are there. `None` where it cannot be.
    pub(super) fn decode<const STAGES: usize>(&self, viterbi: &mut Viterbi<STAGES>) -> Option<Block> {
        let (layout, _) = self.payload.as_ref()?;
        let mut room = [0; MAX_RS_WORD];
        let word = room.get_mut(..layout.word_octets())?;
        let soft = self.soft.get(..layout.coded_bits())?;
        // A code of rate 1/2 says nothing with fewer bits than it has information; silence would decode as zeros,
        // which are a codeword.
        if soft.iter().filter(|&&soft| soft != 0).count() < layout.info_bits() {
            return None;
        }
        viterbi.decode(soft, layout.info_bits(), word).ok()?;
        block_of(layout, word)
    }
}

/// The block of a Reed-Solomon word, which is corrected in place.
pub(super) fn block_of(layout: &PayloadLayout, word: &mut [u8]) -> Option<Block> {
    let corrected = coding::reed_solomon(layout.modulation).decode(word).ok()?;
    Some((heapless::Vec::from_slice(word.get(..layout.block_capacity())?).ok()?, corrected as u8))
}

/// Factors that bring every carrier to its noise and the mean soft decision to its place in an `i8`.
fn weights(
    (link, noises): (&Link, &Figures),
    active: impl Fn(usize) -> bool,
    copies: usize,
    weigh_carriers: bool,
) -> Figures {
    let count = (0..MAX_CARRIERS).filter(|&carrier| active(carrier)).count().max(1) as f32;
    let over_active = |of: &dyn Fn(usize) -> f32| {
        (0..MAX_CARRIERS).filter(|&carrier| active(carrier)).map(of).sum::<f32>() / count
    };
    let at = |figures: &Figures, carrier: usize| figures.get(carrier).copied().unwrap_or_default();
    let mean_noise = over_active(&|carrier| at(noises, carrier));
    let noise =
        |carrier: usize| if weigh_carriers { at(noises, carrier) } else { mean_noise }.max(f32::MIN_POSITIVE);
    let mean =
        over_active(&|carrier| (at(&link.signal, carrier) + at(&link.noise, carrier)) / noise(carrier));
    // Copies add up with the signal and half of them with the noise.
    let factor = SOFT_MEAN / (mean.max(f32::MIN_POSITIVE) * libm::sqrtf(copies as f32));
    core::array::from_fn(|carrier| match active(carrier) {
        true => (factor / noise(carrier)).clamp(f32::MIN_POSITIVE, f32::MAX),
        false => 0.0,
    })
}

/// Max-log metrics of a carrier's bits, in the order of time, and how many there are.
fn soft_bits(modulation: Modulation, product: Complex) -> ([f32; 3], usize) {
    let bits = match modulation {
        Modulation::Robust | Modulation::Dbpsk | Modulation::RobustCoherent | Modulation::Bpsk => 1,
        Modulation::Dqpsk | Modulation::Qpsk => 2,
        Modulation::D8psk | Modulation::Psk8 => 3,
        Modulation::Qam16 => return ([0.0; 3], 0),
    };
    (max_log(bits, product), bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constellation::phase_step;

    #[test]
    fn metrics_are_the_best_of_the_points_with_a_zero_less_the_best_with_a_one() {
        for modulation in Modulation::ALL {
            let bits = modulation.bits_per_carrier();
            for angle in 0..40 {
                let product = Complex::from_polar(1.5, angle as f32 * 0.157 + 0.01);
                let best = |bit: usize, wanted: u8| {
                    (0..1_u8 << bits)
                        .filter(|value| value >> bit & 1 == wanted)
                        .map(|value| {
                            let step = f32::from(phase_step(bits, value)) * core::f32::consts::FRAC_PI_8;
                            (product * Complex::from_polar(1.0, -step)).re
                        })
                        .fold(f32::MIN, f32::max)
                };
                let (metrics, count) = soft_bits(modulation, product);
                assert_eq!(count, bits);
                for (bit, metric) in metrics.iter().enumerate().take(bits) {
                    let expected = best(bit, 0) - best(bit, 1);
                    // For BPSK the difference of the maxima is twice the product.
                    let expected = if bits == 1 { expected / 2.0 } else { expected };
                    assert!(
                        (metric - expected).abs() < 1e-5,
                        "{modulation:?} bit {bit}: {metric} {expected}"
                    );
                }
            }
        }
    }
}

//! Differential phases and the convolutional code decoded together, again and again (docs/receiver.md).
//!
//! Each carrier is a chain of phases: the inner code. Its bits come from the convolutional code through the
//! interleaver: the outer code. Each pass decodes all chains with what the outer code said of their bits last, then
//! the outer code with what the chains say, and estimates the channel anew from the chains' mean phasors.
//!
//! ```text
//!          2 h* y / N0      extrinsic of bits, copies added
//! received ----------> chains ---------------------------> code --> octets --> accepted?
//!              ^        |  ^                                |
//!              |        |  +--- scale, damping <------------+ extrinsic, to each copy
//!              +--------+ phasors: h, N0, clocks
//! ```
//!
//! Both the payload and the header with its six copies go this way.

use super::channel::{Channel, Evidence, GROUPS, MAX_SYMBOLS};
use crate::band::MAX_CARRIERS;
use crate::coding::MAX_CODED_BITS;
use dsp::Complex;
use dsp::bcjr::Bcjr;
use dsp::extrinsic::Exchange;
use dsp::lanes::{LANES, Lanes};
use dsp::phase_trellis::{ComplexLanes, PhaseTrellis, blind_log_likelihood};

/// Rows of eight cells: symbols times groups of eight carriers. FCC's 228 symbols on 72 carriers are 2052.
const MAX_ROWS: usize = 2_560;
/// Phases of a chain's symbols together.
const MAX_CELLS: usize = 1_024;
/// Blocks of the convolutional decoder for the longest word.
const CODE_BLOCKS: usize = MAX_CODED_BITS.div_ceil(2 * dsp::bcjr::BLOCK);
/// A ratio beyond this is more than rounding. A code of rate 1/2 needs as many as it has information bits.
const SAYS_SOMETHING: f32 = 0.01;
/// Place of a bit that is in no codeword: padding, or a lane without a carrier.
const NOWHERE: u16 = u16::MAX;

/// Sizes of what is decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) symbols: usize,
    pub(super) carriers: usize,
    /// Bits of a carrier in a symbol.
    pub(super) bits: usize,
    /// How often each coded bit is sent.
    pub(super) repetition: usize,
    /// Bits into the convolutional code without its tail.
    pub(super) info_bits: usize,
}

impl Shape {
    fn groups(&self) -> usize {
        self.carriers.div_ceil(LANES)
    }

    fn coded_bits(&self) -> usize {
        dsp::convolutional::coded_bits(self.info_bits)
    }

    fn fits(&self) -> bool {
        let rows = self.symbols * self.groups();
        self.symbols <= MAX_SYMBOLS
            && self.carriers <= MAX_CARRIERS
            && rows * self.bits <= MAX_ROWS
            && self.symbols << self.bits <= MAX_CELLS
            && self.coded_bits() <= MAX_CODED_BITS
    }
}

/// How passes go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    pub(super) passes: u8,
    pub(super) exchange: Exchange,
    pub(super) track_clock: bool,
    /// Frequency of the mains where noise is to be followed.
    pub(super) mains_hz: Option<f32>,
}

#[derive(Clone, Debug)]
pub(super) struct Chains {
    shape: Shape,
    /// What was received, group by group and in a group symbol by symbol, turned so that each chain starts at 0.
    received: [ComplexLanes; MAX_ROWS],
    /// Coded bit of each bit on air, in the same order.
    places: [[u16; LANES]; MAX_ROWS],
    prior: [Lanes; MAX_ROWS],
    extrinsic: [Lanes; MAX_ROWS],
    observed: [ComplexLanes; MAX_SYMBOLS],
    phasors: [ComplexLanes; MAX_SYMBOLS],
    trellis: PhaseTrellis<MAX_CELLS>,
    code: Bcjr<CODE_BLOCKS>,
    /// What the chains say of each coded bit, all copies together, and what the code says beyond that.
    of_chains: [f32; MAX_CODED_BITS],
    of_code: [f32; MAX_CODED_BITS],
    evidence: Evidence,
}

impl Chains {
    pub(super) fn new() -> Self {
        Self {
            shape: Shape { symbols: 0, carriers: 0, bits: 1, repetition: 1, info_bits: 0 },
            received: [[Lanes::all(0.0); 2]; MAX_ROWS],
            places: [[NOWHERE; LANES]; MAX_ROWS],
            prior: [Lanes::all(0.0); MAX_ROWS],
            extrinsic: [Lanes::all(0.0); MAX_ROWS],
            observed: [[Lanes::all(0.0); 2]; MAX_SYMBOLS],
            phasors: [[Lanes::all(0.0); 2]; MAX_SYMBOLS],
            trellis: PhaseTrellis::new(),
            code: Bcjr::new(),
            of_chains: [0.0; MAX_CODED_BITS],
            of_code: [0.0; MAX_CODED_BITS],
            evidence: Evidence::new(),
        }
    }

    /// Starts a frame; false where it does not fit.
    pub(super) fn start(&mut self, shape: Shape) -> bool {
        let fits = shape.fits();
        self.shape = if fits { shape } else { Shape { symbols: 0, ..shape } };
        fits
    }

    /// Takes symbol `symbol`: its carriers, turned back by the phase that the chain starts from, and the places of
    /// their bits in the repeated stream of coded bits.
    pub(super) fn put(
        &mut self,
        symbol: usize,
        carriers: impl Iterator<Item = Complex>,
        mut inputs: impl Iterator<Item = usize>,
    ) {
        let Shape { symbols, bits, repetition, .. } = self.shape;
        if symbol >= symbols {
            return;
        }
        let coded_bits = self.shape.coded_bits();
        let mut carriers = carriers.take(self.shape.carriers);
        for group in 0..self.shape.groups() {
            let row = group * symbols + symbol;
            let rows = self.places.get_mut(row * bits..(row + 1) * bits).unwrap_or_default();
            rows.fill([NOWHERE; LANES]);
            let Some([re, im]) = self.received.get_mut(row) else { continue };
            [*re, *im] = [Lanes::all(0.0); 2];
            for lane in 0..LANES {
                let Some(carrier) = carriers.next() else { break };
                [re.0[lane], im.0[lane]] = [carrier.re, carrier.im];
                for places in rows.iter_mut() {
                    let place = inputs.next().unwrap_or(usize::MAX) / repetition;
                    places[lane] = if place < coded_bits { place as u16 } else { NOWHERE };
                }
            }
        }
    }

    /// Goes through the passes until `accept` takes the octets that they find. It is also told whether this is the
    /// last pass.
    pub(super) fn decode<T>(
        &mut self,
        channel: &mut Channel,
        schedule: &Schedule,
        output: &mut [u8],
        mut accept: impl FnMut(&mut [u8], bool) -> Option<T>,
    ) -> Option<T> {
        let Shape { symbols, bits, info_bits, .. } = self.shape;
        let (groups, coded_bits) = (self.shape.groups(), self.shape.coded_bits());
        if symbols == 0 {
            return None;
        }
        self.prior.fill(Lanes::all(0.0));
        for pass in 1..=schedule.passes.max(1) {
            let last = pass == schedule.passes.max(1);
            self.evidence.clear(symbols);
            self.of_chains.fill(0.0);
            for group in 0..groups {
                let rows = group * symbols..(group + 1) * symbols;
                let bit_rows = rows.start * bits..rows.end * bits;
                let received = self.received.get(rows)?;
                let extrinsic = self.extrinsic.get_mut(bit_rows.clone())?;
                channel.observe(group, received, &mut self.observed);
                self.trellis
                    .decode(
                        bits,
                        self.observed.get(..symbols)?,
                        self.prior.get(bit_rows.clone())?,
                        extrinsic,
                        &mut self.phasors,
                    )
                    .ok()?;
                if !last {
                    channel.compare(group, received, &self.phasors, &mut self.evidence);
                }
                for (places, extrinsic) in self.places.get(bit_rows)?.iter().zip(extrinsic) {
                    for (place, extrinsic) in places.iter().zip(extrinsic.0) {
                        if let Some(sum) = self.of_chains.get_mut(usize::from(*place)) {
                            *sum += extrinsic;
                        }
                    }
                }
            }
            self.code.decode(self.of_chains.get(..coded_bits)?, info_bits, &mut self.of_code, output).ok()?;
            // Of silence the decoder makes zeros, which are a codeword.
            let told = self.of_chains.iter().take(coded_bits).filter(|ratio| ratio.abs() > SAYS_SOMETHING);
            if told.count() < info_bits {
                return None;
            }
            if let Some(accepted) = accept(output, last) {
                return Some(accepted);
            }
            if !last {
                channel.learn(&self.evidence, schedule.track_clock, schedule.mains_hz);
                self.tell_chains(&schedule.exchange, groups * symbols * bits);
            }
        }
        None
    }

    /// What the code and a bit's other copies say becomes its prior.
    fn tell_chains(&mut self, exchange: &Exchange, rows: usize) {
        let rows = self.prior.iter_mut().zip(&self.extrinsic).zip(&self.places).take(rows);
        for ((prior, own), places) in rows {
            let mut told = Lanes::all(0.0);
            for ((told, own), place) in told.0.iter_mut().zip(own.0).zip(places) {
                let place = usize::from(*place);
                if let (Some(chains), Some(code)) = (self.of_chains.get(place), self.of_code.get(place)) {
                    *told = chains + code - own;
                }
            }
            *prior = exchange.next_lanes(*prior, told);
        }
    }

    /// The difference of the clocks under which the frame is likeliest, no bit being known.
    pub(super) fn search_clock(&mut self, channel: &mut Channel) {
        let (steps, step_ppm) = channel.search_grid(self.shape.symbols);
        let mut likelihoods = [0.0_f32; 2 * 64 + 1];
        let mut best = (0, f32::MIN);
        for index in 0..=2 * steps {
            let likelihood = self.likelihood(channel, (index - steps) as f32 * step_ppm);
            if let Some(room) = likelihoods.get_mut(index as usize) {
                *room = likelihood;
            }
            if likelihood > best.1 {
                best = (index, likelihood);
            }
        }
        // The peak of the parabola through the best and its neighbours.
        let at = |index: i32| usize::try_from(index).ok().and_then(|index| likelihoods.get(index)).copied();
        let mut peak = (best.0 - steps) as f32;
        if let (Some(before), Some(after)) = (at(best.0 - 1), at(best.0 + 1))
            && best.0 < 2 * steps
        {
            let bend = before + after - 2.0 * best.1;
            if bend < 0.0 {
                peak += (0.5 * (before - after) / bend).clamp(-0.5, 0.5);
            }
        }
        channel.set_ppm(peak * step_ppm);
    }

    fn likelihood(&mut self, channel: &mut Channel, ppm: f32) -> f32 {
        channel.set_ppm(ppm);
        let Shape { symbols, bits, .. } = self.shape;
        let mut sum = 0.0;
        for group in 0..self.shape.groups().min(GROUPS) {
            let Some(received) = self.received.get(group * symbols..(group + 1) * symbols) else { continue };
            channel.observe(group, received, &mut self.observed);
            for observed in self.observed.iter().take(symbols) {
                sum += blind_log_likelihood(bits, observed).sum();
            }
        }
        sum
    }
}

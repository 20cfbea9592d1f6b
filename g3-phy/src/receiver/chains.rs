//! A block's chains of phases, carrier by carrier, and the passes through them and the convolutional code
//! ([`dsp::joint`], docs/receiver.md). Both the payload and the header with its six copies go this way. In coherent
//! modulations each symbol has its phase for itself, and known ones are among them.

use super::channel::{Channel, Evidence, GROUPS, MAX_SYMBOLS};
use crate::band::MAX_CARRIERS;
use crate::coding::MAX_CODED_BITS;
use core::iter::repeat_n;
use dsp::extrinsic::Exchange;
use dsp::joint::{self, JointDecoder, Line, Place};
use dsp::lanes::{LANES, Lanes};
use dsp::phase_trellis::{ComplexLanes, blind_log_likelihood};
use dsp::{Complex, peak};

/// Rows of eight cells: symbols times groups of eight carriers. FCC's 228 symbols on 72 carriers are 2052.
const MAX_ROWS: usize = 2_560;
/// Phases of a chain's symbols together.
const MAX_CELLS: usize = 1_024;
/// Blocks of the convolutional decoder for the longest word.
const CODE_BLOCKS: usize = MAX_CODED_BITS.div_ceil(2 * dsp::bcjr::BLOCK);

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
    /// Whether phases refer to SYNCP and not to the symbol before.
    pub(super) coherent: bool,
}

/// What a carrier of a symbol is to a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It carries coded bits.
    Data,
    /// It was turned back by its phase, which is known.
    Known,
    /// Nothing is known of its phase: a symbol to which the next one's refers.
    Unknown,
}

impl Shape {
    fn chains(&self) -> joint::Shape {
        let Self { symbols, carriers, bits, info_bits, .. } = *self;
        joint::Shape { chains: carriers, length: symbols, bits, info_bits }
    }

    fn groups(&self) -> usize {
        self.chains().groups()
    }

    fn coded_bits(&self) -> usize {
        dsp::convolutional::coded_bits(self.info_bits)
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
    decoder: JointDecoder<MAX_ROWS, MAX_CELLS, MAX_SYMBOLS, MAX_CODED_BITS, CODE_BLOCKS>,
    evidence: Evidence,
}

impl Chains {
    pub(super) const fn new() -> Self {
        Self {
            shape: Shape { symbols: 0, carriers: 0, bits: 1, repetition: 1, info_bits: 0, coherent: false },
            received: [[Lanes::all(0.0); 2]; MAX_ROWS],
            decoder: JointDecoder::new(),
            evidence: Evidence::new(),
        }
    }

    /// Starts a frame; false where it does not fit.
    pub(super) fn start(&mut self, shape: Shape) -> bool {
        let started = match shape.coherent {
            true => self.decoder.start_points(shape.chains()),
            false => self.decoder.start(shape.chains()),
        };
        let fits = shape.carriers <= MAX_CARRIERS && started.is_ok();
        self.shape = if fits { shape } else { Shape { symbols: 0, ..shape } };
        fits
    }

    /// Takes symbol `symbol`: its carriers, turned back by the phase that the chain starts from, and the places of
    /// the bits of those with data in the repeated stream of coded bits.
    pub(super) fn put(
        &mut self,
        symbol: usize,
        carriers: impl Iterator<Item = (Complex, Role)>,
        mut inputs: impl Iterator<Item = usize>,
    ) {
        let Shape { symbols, bits, repetition, .. } = self.shape;
        if symbol >= symbols {
            return;
        }
        let coded_bits = self.shape.coded_bits();
        for group in 0..self.shape.groups() {
            if let Some(row) = self.received.get_mut(group * symbols + symbol) {
                *row = [Lanes::all(0.0); 2];
            }
        }
        for (place, (carrier, role)) in carriers.take(self.shape.carriers).enumerate() {
            let lane = place % LANES;
            if let Some([re, im]) = self.received.get_mut(place / LANES * symbols + symbol) {
                [re.0[lane], im.0[lane]] = [carrier.re, carrier.im];
            }
            let place_of = |input: usize| match input / repetition {
                bit if bit < coded_bits => Place::of(bit),
                _ => Place::NOWHERE,
            };
            match role {
                Role::Data => self.decoder.place(place, symbol, inputs.by_ref().take(bits).map(place_of)),
                Role::Known => self.decoder.place(place, symbol, repeat_n(Place::ZERO, bits)),
                Role::Unknown => {}
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
        let Self { shape, received, evidence, decoder } = self;
        evidence.clear(shape.symbols);
        let mut line = Followed { channel, received, evidence, symbols: shape.symbols, schedule };
        decoder.decode(&mut line, schedule.passes, &schedule.exchange, output, |octets, pass| {
            accept(octets, pass.last)
        })
    }

    /// The difference of the clocks under which the frame is likeliest, no bit being known.
    pub(super) fn search_clock(&mut self, channel: &mut Channel) {
        let (steps, step_ppm) = channel.search_grid(self.shape.symbols);
        let peak = peak::of_grid(steps, |step| self.likelihood(channel, step as f32 * step_ppm));
        channel.set_ppm(peak * step_ppm);
    }

    fn likelihood(&mut self, channel: &mut Channel, ppm: f32) -> f32 {
        channel.set_ppm(ppm);
        let Self { shape, received, evidence, decoder } = self;
        let line = Followed { channel, received, evidence, symbols: shape.symbols, schedule: &NO_SCHEDULE };
        let mut sum = 0.0;
        for group in 0..shape.groups().min(GROUPS) {
            for observed in decoder.observe(&line, group) {
                sum += blind_log_likelihood(shape.bits, observed).sum();
            }
        }
        sum
    }
}

/// Nothing is learnt.
const NO_SCHEDULE: Schedule =
    Schedule { passes: 0, exchange: Exchange::PLAIN, track_clock: false, mains_hz: None };

/// A channel with what was received through it.
struct Followed<'a> {
    channel: &'a mut Channel,
    received: &'a [ComplexLanes],
    evidence: &'a mut Evidence,
    symbols: usize,
    schedule: &'a Schedule,
}

impl Followed<'_> {
    fn of_group(&self, group: usize) -> &[ComplexLanes] {
        self.received.get(group * self.symbols..(group + 1) * self.symbols).unwrap_or_default()
    }
}

impl Line for Followed<'_> {
    fn observe(&self, group: usize, observed: &mut [ComplexLanes]) {
        self.channel.observe(group, self.of_group(group), observed);
    }

    fn compare(&mut self, group: usize, phasors: &[ComplexLanes]) {
        let received = self.received.get(group * self.symbols..(group + 1) * self.symbols);
        self.channel.compare(group, received.unwrap_or_default(), phasors, self.evidence);
    }

    fn learn(&mut self) {
        self.channel.learn(self.evidence, self.schedule.track_clock, self.schedule.mains_hz);
        self.evidence.clear(self.symbols);
    }
}

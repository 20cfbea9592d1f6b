//! Differential phases and the convolutional code decoded together, again and again.
//!
//! Differential phases are chains of steps: the inner code, [`phase_trellis`](crate::phase_trellis). Their bits come from
//! the convolutional code through an interleaver: the outer code, [`bcjr`](crate::bcjr). Each pass decodes all chains with
//! what the outer code said of their bits last, then the outer code with what the chains say, and has the line estimated
//! anew from the chains' mean phasors.
//!
//! ```text
//!          2 h* y / N0      extrinsic of bits, copies added
//! line ---------------> chains ---------------------------> code --> octets --> accepted?
//!   ^                    |  ^                                |
//!   |                    |  +--- scale, damping <------------+ extrinsic, to each copy
//!   +--------------------+ phasors: h, N0, clocks
//! ```
//!
//! [`JointDecoder::start_points`] is for phases that do not refer to one another: what is left of the passes then is that the line is
//! learnt from what the code says, and a point's bits from each other.
//!
//! A chain is a carrier's symbols in G3, whose phases step from symbol to symbol, and a symbol's carriers in PRIME, whose
//! phases step from carrier to carrier. What is received and what is known of the line is behind the trait [`Line`].

use crate::bcjr::Bcjr;
use crate::extrinsic::Exchange;
use crate::lanes::{LANES, Lanes};
use crate::phase_trellis::{ComplexLanes, PhaseTrellis};
use crate::{LengthError, convolutional, phase_points};

/// A ratio beyond this is more than rounding. A code of rate 1/2 needs as many as it has information bits.
const SAYS_SOMETHING: f32 = 0.01;
/// Log-likelihood ratio of a bit that is known.
const KNOWN: f32 = 20.0;

/// Sizes of what is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Chains, eight of which go side by side.
    pub chains: usize,
    /// Steps of each chain.
    pub length: usize,
    /// Bits of a step, 1 to 3.
    pub bits: usize,
    /// Bits into the convolutional code without its tail.
    pub info_bits: usize,
}

impl Shape {
    /// Groups of eight chains.
    pub const fn groups(&self) -> usize {
        self.chains.div_ceil(LANES)
    }

    const fn coded_bits(&self) -> usize {
        convolutional::coded_bits(self.info_bits)
    }
}

/// Which coded bit a bit of a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(u16);

impl Place {
    /// A bit of which nothing is known and to which no coded bit belongs, say of a lane without a chain.
    pub const NOWHERE: Self = Self(0x7FFF);
    /// A bit that is known to be 0.
    pub const ZERO: Self = Self(0x7FFE);
    /// Codewords are shorter than this.
    pub const MOST: usize = 0x7FFE;

    const INVERTED: u16 = 0x8000;

    /// Coded bit `index`, below [`Place::MOST`]; [`Place::NOWHERE`] beyond.
    pub const fn of(index: usize) -> Self {
        if index < Self::MOST { Self(index as u16) } else { Self::NOWHERE }
    }

    /// The same, sent inverted where `inverted` is true: a scrambler's doing.
    #[must_use]
    pub const fn inverted(self, inverted: bool) -> Self {
        if inverted { Self(self.0 ^ Self::INVERTED) } else { self }
    }

    #[inline(always)]
    const fn index(self) -> usize {
        (self.0 & !Self::INVERTED) as usize
    }

    #[inline(always)]
    const fn sign(self) -> f32 {
        if self.0 & Self::INVERTED == 0 { 1.0 } else { -1.0 }
    }

    const fn is_known(self) -> bool {
        self.index() == Self::ZERO.index()
    }
}

/// A pass that has found something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pass {
    /// Whether it is the last.
    pub last: bool,
    /// The least log-likelihood ratio of a coded bit, chains and code together: what a word without a checksum can be
    /// believed by.
    pub weakest: f32,
}

/// What was received, and what is known of the line that it came through.
pub trait Line {
    /// Writes what [`PhaseTrellis::decode`] takes of each step of a group of eight chains: 2 h* y / N0, turned so that
    /// each chain starts at phase 0.
    fn observe(&self, group: usize, observed: &mut [ComplexLanes]);

    /// Takes a group's mean phasors as soft decisions.
    fn compare(&mut self, group: usize, phasors: &[ComplexLanes]);

    /// Estimates everything anew from the soft decisions of all groups, which came in order from the first.
    fn learn(&mut self);
}

/// The workspace of a decoder for up to `ROWS` bits of all steps of all groups, chains of `CELLS` / 2^bits and of `LENGTH`
/// steps, and a code of `CODED` bits, for which `BLOCKS` are 32 of its stages each.
#[derive(Clone, Debug)]
pub struct JointDecoder<
    const ROWS: usize,
    const CELLS: usize,
    const LENGTH: usize,
    const CODED: usize,
    const BLOCKS: usize,
> {
    shape: Shape,
    /// Whether each step has its phase for itself.
    points: bool,
    /// Coded bit of each bit on air, group by group and in a group step by step.
    places: [[Place; LANES]; ROWS],
    prior: [Lanes; ROWS],
    extrinsic: [Lanes; ROWS],
    observed: [ComplexLanes; LENGTH],
    phasors: [ComplexLanes; LENGTH],
    trellis: PhaseTrellis<CELLS>,
    code: Bcjr<BLOCKS>,
    /// What the chains say of each coded bit, all copies together, and what the code says beyond that.
    of_chains: [f32; CODED],
    of_code: [f32; CODED],
}

impl<const ROWS: usize, const CELLS: usize, const LENGTH: usize, const CODED: usize, const BLOCKS: usize>
    JointDecoder<ROWS, CELLS, LENGTH, CODED, BLOCKS>
{
    /// An empty workspace.
    pub const fn new() -> Self {
        const { assert!(CODED <= Place::MOST) };
        Self {
            shape: Shape { chains: 0, length: 0, bits: 1, info_bits: 0 },
            points: false,
            places: [[Place::NOWHERE; LANES]; ROWS],
            prior: [Lanes::all(0.0); ROWS],
            extrinsic: [Lanes::all(0.0); ROWS],
            observed: [[Lanes::all(0.0); 2]; LENGTH],
            phasors: [[Lanes::all(0.0); 2]; LENGTH],
            trellis: PhaseTrellis::new(),
            code: Bcjr::new(),
            of_chains: [0.0; CODED],
            of_code: [0.0; CODED],
        }
    }

    /// Starts a frame, of which no bit has a place yet.
    ///
    /// # Errors
    /// The workspace is too small; then there is nothing to decode.
    pub fn start(&mut self, shape: Shape) -> Result<(), LengthError> {
        self.shape = Shape { chains: 0, ..shape };
        self.points = false;
        let steps = shape.groups().saturating_mul(shape.length);
        LengthError::at_most("bits of all steps", ROWS, steps.saturating_mul(shape.bits))?;
        LengthError::at_most("steps of a chain", LENGTH, shape.length)?;
        LengthError::at_most("phases of all steps", CELLS, shape.length << shape.bits.min(3))?;
        LengthError::at_most("coded bits", CODED, shape.coded_bits())?;
        self.shape = shape;
        self.places.iter_mut().take(steps * shape.bits).for_each(|places| *places = [Place::NOWHERE; LANES]);
        Ok(())
    }

    /// [`JointDecoder::start`] for steps that each have their phase for themselves.
    ///
    /// # Errors
    /// Those of `start`.
    pub fn start_points(&mut self, shape: Shape) -> Result<(), LengthError> {
        self.start(shape)?;
        self.points = true;
        Ok(())
    }

    /// Tells which coded bits the bits of a step are, bit 0 of its value first. Beyond the shape nothing happens.
    pub fn place(&mut self, chain: usize, step: usize, places: impl Iterator<Item = Place>) {
        let Shape { chains, length, bits, .. } = self.shape;
        if chain >= chains || step >= length {
            return;
        }
        let row = (chain / LANES * length + step) * bits;
        let rows = self.places.get_mut(row..row + bits).unwrap_or_default();
        for (row, place) in rows.iter_mut().zip(places) {
            row[chain % LANES] = place;
        }
    }

    /// Goes through the passes, at least one, until `accept` takes the octets that they find. The line learns after each pass but the last. `None` where nothing was accepted, or the chains
    /// say less than the code needs: of silence it would make zeros, which are a codeword.
    pub fn decode<T>(
        &mut self,
        line: &mut impl Line,
        passes: u8,
        exchange: &Exchange,
        output: &mut [u8],
        mut accept: impl FnMut(&mut [u8], Pass) -> Option<T>,
    ) -> Option<T> {
        let Shape { chains, info_bits, .. } = self.shape;
        let coded_bits = self.shape.coded_bits();
        if chains == 0 {
            return None;
        }
        self.forget();
        let passes = passes.max(1);
        for pass in 1..=passes {
            let last = pass == passes;
            self.walk(line, last)?;
            self.code.decode(self.of_chains.get(..coded_bits)?, info_bits, &mut self.of_code, output).ok()?;
            let told = self.of_chains.iter().take(coded_bits).filter(|ratio| ratio.abs() > SAYS_SOMETHING);
            if told.count() < info_bits {
                return None;
            }
            let ratios = self.of_chains.iter().zip(&self.of_code).take(coded_bits);
            let weakest = ratios.fold(f32::MAX, |least, (chains, code)| least.min((chains + code).abs()));
            if let Some(accepted) = accept(output, Pass { last, weakest }) {
                return Some(accepted);
            }
            if !last {
                line.learn();
                self.tell_chains(exchange);
            }
        }
        None
    }

    /// Detects bits that are not coded: the log-likelihood ratio of each place, the line being estimated anew after each
    /// pass but the last.
    pub fn detect(&mut self, line: &mut impl Line, passes: u8) -> Option<&[f32]> {
        if self.shape.chains == 0 {
            return None;
        }
        self.forget();
        let passes = passes.max(1);
        for pass in 1..=passes {
            self.walk(line, pass == passes)?;
            if pass < passes {
                line.learn();
            }
        }
        Some(&self.of_chains)
    }

    /// What was received of a group as the line has it now, for whoever searches the line's parameters.
    pub fn observe(&mut self, line: &impl Line, group: usize) -> &[ComplexLanes] {
        let observed = self.observed.get_mut(..self.shape.length).unwrap_or_default();
        if group < self.shape.groups() {
            line.observe(group, observed);
        }
        observed
    }

    /// Nothing is known of any bit but of those that are known from the start.
    fn forget(&mut self) {
        for (prior, places) in self.prior.iter_mut().zip(&self.places) {
            *prior = Lanes(places.map(|place| if place.is_known() { KNOWN * place.sign() } else { 0.0 }));
        }
    }

    /// Decodes all chains and adds up what they say of each coded bit.
    fn walk(&mut self, line: &mut impl Line, last: bool) -> Option<()> {
        let Shape { length, bits, .. } = self.shape;
        self.of_chains.fill(0.0);
        for group in 0..self.shape.groups() {
            let rows = group * length * bits..(group + 1) * length * bits;
            let extrinsic = self.extrinsic.get_mut(rows.clone())?;
            let observed = self.observed.get_mut(..length)?;
            line.observe(group, observed);
            let prior = self.prior.get(rows.clone())?;
            match self.points {
                true => phase_points::decode(bits, observed, prior, extrinsic, &mut self.phasors),
                false => self.trellis.decode(bits, observed, prior, extrinsic, &mut self.phasors),
            }
            .ok()?;
            if !last {
                line.compare(group, self.phasors.get(..length)?);
            }
            for (places, extrinsic) in self.places.get(rows)?.iter().zip(extrinsic) {
                for (place, extrinsic) in places.iter().zip(extrinsic.0) {
                    if let Some(sum) = self.of_chains.get_mut(place.index()) {
                        *sum += place.sign() * extrinsic;
                    }
                }
            }
        }
        Some(())
    }

    /// What the code and a bit's other copies say becomes its prior.
    fn tell_chains(&mut self, exchange: &Exchange) {
        let rows = self.shape.groups() * self.shape.length * self.shape.bits;
        let rows = self.prior.iter_mut().zip(&self.extrinsic).zip(&self.places).take(rows);
        for ((prior, own), places) in rows {
            let before = *prior;
            let mut told = Lanes::all(0.0);
            for ((told, own), place) in told.0.iter_mut().zip(own.0).zip(places) {
                let at = place.index();
                if let (Some(chains), Some(code)) = (self.of_chains.get(at), self.of_code.get(at)) {
                    *told = place.sign() * (chains + code) - own;
                }
            }
            *prior = exchange.next_lanes(before, told);
            for ((prior, before), place) in prior.0.iter_mut().zip(before.0).zip(places) {
                if place.is_known() {
                    *prior = before;
                }
            }
        }
    }
}

impl<const ROWS: usize, const CELLS: usize, const LENGTH: usize, const CODED: usize, const BLOCKS: usize>
    Default for JointDecoder<ROWS, CELLS, LENGTH, CODED, BLOCKS>
{
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Complex;
    use crate::differential::gray_point;
    use crate::testing::Noise;
    use core::f32::consts::TAU;
    use std::{vec, vec::Vec};

    const CHAINS: usize = 13;
    const LENGTH: usize = 20;

    type Decoder = JointDecoder<120, 160, LENGTH, 780, 13>;

    /// A line of gain 1 whose noise is known from the start, or learnt.
    struct Flat {
        received: Vec<Vec<Complex>>,
        scale: f32,
        passes: usize,
        certainty: f32,
    }

    impl Line for Flat {
        fn observe(&self, group: usize, observed: &mut [ComplexLanes]) {
            for (step, [re, im]) in observed.iter_mut().enumerate() {
                [*re, *im] = [Lanes::all(0.0); 2];
                for lane in 0..LANES {
                    let Some(chain) = self.received.get(group * LANES + lane) else { continue };
                    [re.0[lane], im.0[lane]] = [self.scale * chain[step].re, self.scale * chain[step].im];
                }
            }
        }

        fn compare(&mut self, group: usize, phasors: &[ComplexLanes]) {
            if group == 0 {
                self.certainty =
                    phasors.iter().map(|[re, im]| (re.0[0].powi(2) + im.0[0].powi(2)).sqrt()).sum();
            }
        }

        fn learn(&mut self) {
            self.passes += 1;
        }
    }

    /// Bits on air, a permutation of the coded bits with the scrambler's inversions, as noisy chains; and the decoder told
    /// of the places. Behind the codeword are zeros, known or not.
    fn scene(bits: usize, info: &[u8], info_bits: usize, snr_db: f32, known: bool) -> (Decoder, Flat) {
        let on_air = CHAINS * LENGTH * bits;
        let mut coded = vec![0; on_air.div_ceil(8)];
        let count = convolutional::encode(info, info_bits, &mut coded).unwrap();
        let source = |at: usize| at * 77 % on_air;
        let inverted = |at: usize| at % 3 == 1;
        let mut decoder = Decoder::new();
        decoder.start(Shape { chains: CHAINS, length: LENGTH, bits, info_bits }).unwrap();
        let mut noise = Noise::new(7);
        let deviation = (0.5 * 10_f64.powf(-f64::from(snr_db) / 10.0)).sqrt();
        let received = (0..CHAINS)
            .map(|chain| {
                let mut phase = 0;
                (0..LENGTH)
                    .map(|step| {
                        let at = |bit: usize| (chain * LENGTH + step) * bits + bit;
                        let mut value = 0;
                        for bit in 0..bits {
                            let index = source(at(bit));
                            let sent = coded[index / 8] >> (7 - index % 8) & 1 ^ u8::from(inverted(at(bit)));
                            value |= sent << bit;
                        }
                        decoder.place(
                            chain,
                            step,
                            (0..bits).map(|bit| {
                                let place = match source(at(bit)) {
                                    index if index < count => Place::of(index),
                                    _ if known => Place::ZERO,
                                    _ => Place::NOWHERE,
                                };
                                place.inverted(inverted(at(bit)))
                            }),
                        );
                        phase = (phase + gray_point(value)) % (1 << bits);
                        let sent = Complex::from_polar(1.0, TAU * f32::from(phase) / (1 << bits) as f32);
                        let noise = Complex::new(noise.gaussian() as f32, noise.gaussian() as f32);
                        sent + noise * deviation as f32
                    })
                    .collect()
            })
            .collect();
        let scale = 2.0 * 10_f32.powf(snr_db / 10.0);
        (decoder, Flat { received, scale, passes: 0, certainty: 0.0 })
    }

    /// How many of the bits are wrong after the last of so many passes.
    fn wrong(bits: usize, snr_db: f32, known: bool, passes: u8) -> u32 {
        let info_bits = CHAINS * LENGTH * bits / 2 - 6 - 50;
        let info: Vec<u8> = (0..info_bits.div_ceil(8)).map(|at| (at * 37 + 11) as u8).collect();
        let (mut decoder, mut line) = scene(bits, &info, info_bits, snr_db, known);
        let mut output = vec![0; info.len()];
        let found = decoder
            .decode(&mut line, passes, &Exchange::PLAIN, &mut output, |octets, pass| {
                pass.last.then(|| octets.to_vec())
            })
            .unwrap();
        assert_eq!(line.passes, usize::from(passes) - 1);
        let whole = info_bits / 8;
        found.iter().zip(&info).take(whole).map(|(one, other)| (one ^ other).count_ones()).sum()
    }

    #[test]
    fn passes_and_known_bits_repair_what_one_pass_leaves() {
        for (bits, snr_db) in [(1, -1.0), (2, 2.5), (3, 5.5)] {
            let [one, eight, known] =
                [(false, 1), (false, 8), (true, 8)].map(|(known, passes)| wrong(bits, snr_db, known, passes));
            assert!(one > 3, "{bits} bits: {one} wrong after one pass");
            assert!(eight == 0 && known == 0, "{bits} bits: {one}, {eight}, {known} wrong");
        }
    }

    #[test]
    fn detection_gives_each_place_its_ratio_with_the_scramblers_sign() {
        let (mut decoder, mut line) = scene(2, &[0xA5; 40], 200, 15.0, false);
        let mut coded = [0; 52];
        let count = convolutional::encode(&[0xA5; 40], 200, &mut coded).unwrap();
        let ratios = decoder.detect(&mut line, 3).unwrap();
        for (index, ratio) in ratios.iter().enumerate().take(count) {
            let bit = coded[index / 8] >> (7 - index % 8) & 1;
            assert!(if bit == 0 { *ratio > 1.0 } else { *ratio < -1.0 }, "{index}: {ratio}");
        }
        assert_eq!(line.passes, 2);
        assert!(line.certainty > 0.99 * LENGTH as f32, "{}", line.certainty);
    }

    #[test]
    fn silence_is_no_codeword_and_what_does_not_fit_is_named() {
        let mut decoder = Decoder::new();
        let mut silence = Flat { received: vec![], scale: 1.0, passes: 0, certainty: 0.0 };
        let mut output = [0; 25];
        let mut decode = |decoder: &mut Decoder| {
            decoder.decode(&mut silence, 4, &Exchange::PLAIN, &mut output, |_, _| Some(()))
        };
        assert_eq!(decode(&mut decoder), None, "nothing was started");
        let shape = Shape { chains: CHAINS, length: LENGTH, bits: 1, info_bits: 100 };
        decoder.start(shape).unwrap();
        assert_eq!(decode(&mut decoder), None);
        for shape in [
            Shape { chains: 49, ..shape },
            Shape { length: LENGTH + 1, ..shape },
            Shape { bits: 4, ..shape },
            Shape { info_bits: 385, ..shape },
        ] {
            assert!(decoder.start(shape).is_err(), "{shape:?}");
            assert_eq!(decode(&mut decoder), None);
        }
    }
}

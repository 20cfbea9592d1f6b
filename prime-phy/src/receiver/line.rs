//! What a coherent receiver knows of a frame's line: gain and noise of each carrier, the noise of each symbol and the clocks'
//! difference.
//!
//! A carrier known to be x, received as y, tells y x* of its gain. Known are the chirps, pilots and, for the payload, the
//! header; later the decoder's mean phasors count as well, each by how certain it is. That is one step of expectation and
//! maximisation (A. Dempster, N. Laird and D. Rubin, 1977) in each pass. One clock drives sampling and carriers, so a
//! difference between the modems' clocks is a delay that grows: it turns carrier k by an angle that grows with k and time.

use super::carriers::{Carriers, Figures, NO_CARRIERS, mean, phasor};
use super::ladder::{ReceiverOptions, SymbolWeights};
use super::pairs::EARLY_SAMPLES;
use crate::Channel;
use crate::channel::{
    CARRIERS, FFT_SAMPLES, HEADER_PILOT_SPACING, MAX_PAYLOAD_SYMBOLS, PAYLOAD_DATA_CARRIERS,
    ROBUST_HEADER_SYMBOLS, SYMBOL_SAMPLES,
};
use core::ops::Range;
use dsp::differential::EIGHTHS;
use dsp::echoes::{Delays, Echoes};
use dsp::joint::Line;
use dsp::lanes::LANES;
use dsp::phase_trellis::{ComplexLanes, blind_log_likelihood};
use dsp::{Complex, joint::Shape, peak};

/// Symbols of a frame from its header on.
const MAX_SYMBOLS: usize = ROBUST_HEADER_SYMBOLS + crate::channel::COPIES * MAX_PAYLOAD_SYMBOLS;
/// Echoes as a header's or payload's window sees them: it begins early, so that the strongest is late.
const DELAYS: Delays = Delays { first: -4, step: 4, points: FFT_SAMPLES as u16 };
const TAPS: usize = 15;
/// The residue of a fit of echoes in noise of known power, with some chance.
const FITTING_RESIDUE: f32 = 1.3;
/// A carrier's noise starts with that of the shape before the frame as if seen in this many symbols.
const MEAN_COUNTS: f32 = 10.0;
/// No symbol is quieter or louder than this part of the mean noise.
const QUIETEST: f32 = 0.05;
const LOUDEST: f32 = 1e4;
/// Noise of a symbol from which on an impulse hit it.
const HIT: f32 = 3.0;
/// Searched differences of the clocks, either way.
const MOST_PPM: f32 = 60.0;
/// Phase that a step of the search may turn the last symbol by.
const SEARCH_STEP_RADIANS: f32 = 0.3;
const MOST_STEPS: i32 = 64;
/// The middle of a chirp before that of the first header symbol's window, in symbols.
const CHIRP_TO_HEADER: f32 = (SYMBOL_SAMPLES - EARLY_SAMPLES) as f32 / SYMBOL_SAMPLES as f32;
/// How far the preamble's power may be from the header's.
const BOOSTS: [f32; 2] = [0.25, 6.0];

/// Where the chains of what is being decoded lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    /// First symbol, counted from the header's first.
    pub(super) first: usize,
    /// Symbols that are copies of one another, in succession.
    pub(super) copies: usize,
    /// Different symbols.
    pub(super) blocks: usize,
    /// Chains of a symbol.
    pub(super) segments: usize,
    /// Steps of a chain: the carriers behind a pilot.
    pub(super) length: usize,
    pub(super) bits: usize,
}

impl Geometry {
    const NONE: Self = Self { first: 0, copies: 0, blocks: 0, segments: 0, length: 0, bits: 0 };

    pub(super) fn header(symbols: usize, copies: usize) -> Self {
        let length = HEADER_PILOT_SPACING - 1;
        let segments = (CARRIERS - 1) / HEADER_PILOT_SPACING;
        Self { first: 0, copies, blocks: symbols / copies.max(1), segments, length, bits: 1 }
    }

    pub(super) fn payload(first: usize, symbols: usize, copies: usize, bits: usize) -> Self {
        let blocks = symbols / copies.max(1);
        Self { first, copies, blocks, segments: 1, length: PAYLOAD_DATA_CARRIERS, bits }
    }

    pub(super) fn shape(&self, info_bits: usize) -> Shape {
        Shape { chains: self.blocks * self.segments, length: self.length, bits: self.bits, info_bits }
    }

    fn symbols(&self) -> usize {
        self.blocks * self.copies
    }
}

#[derive(Clone, Debug)]
pub(super) struct FrameLine {
    /// The channel's lowest carrier.
    first_carrier: f32,
    /// Whether estimates are smoothed, and what becomes of symbols that were hit.
    smooths: bool,
    weighs: SymbolWeights,
    tracks_clock: bool,

    /// Sum of the chirps' carriers times their known ones, and how many symbols each is worth.
    chirp: Carriers,
    chirp_weight: Figures,
    /// The chirps' middle, in symbols after the first header symbol.
    chirp_at: f32,
    symbols: [Carriers; MAX_SYMBOLS],
    received: usize,
    /// Of each symbol, which carriers are known, and which of those are negative.
    known: [Known; MAX_SYMBOLS],

    geometry: Geometry,
    /// Noise of the carriers against one another before the frame; most have 1.
    shape: Figures,
    gain: Carriers,
    noise: Figures,
    /// 1 / (noise of each symbol against the carriers' noise).
    quiet: [f32; MAX_SYMBOLS],
    /// Where time is zero, in symbols after the first header symbol.
    origin: f32,
    ppm: f32,
    evidence: Evidence,
}

/// Carriers whose phase is known, one bit each, the lowest carrier the lowest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    pub(super) which: u128,
    pub(super) negative: u128,
}

/// Sums over the symbols of a frame in which known carriers and soft decisions meet what was received.
#[derive(Clone, Copy, Debug)]
struct Evidence {
    /// y x*, and the same times the symbol's time.
    product: Carriers,
    product_time: Carriers,
    /// |x|^2, the same times the time, and times its square.
    certainty: [Figures; 3],
    /// |y - h x|^2 on each carrier, weighted, and how many; and in each symbol, in units of the carrier's noise.
    by_carrier: Figures,
    counts: Figures,
    by_symbol: [f32; MAX_SYMBOLS],
    of_symbol: [f32; MAX_SYMBOLS],
}

const NOTHING: Evidence = Evidence {
    product: NO_CARRIERS,
    product_time: NO_CARRIERS,
    certainty: [[0.0; CARRIERS]; 3],
    by_carrier: [0.0; CARRIERS],
    counts: [0.0; CARRIERS],
    by_symbol: [0.0; MAX_SYMBOLS],
    of_symbol: [0.0; MAX_SYMBOLS],
};

impl FrameLine {
    pub(super) const fn new() -> Self {
        Self {
            first_carrier: 0.0,
            smooths: true,
            weighs: SymbolWeights::Noise,
            tracks_clock: true,
            chirp: NO_CARRIERS,
            chirp_weight: [0.0; CARRIERS],
            chirp_at: 0.0,
            symbols: [NO_CARRIERS; MAX_SYMBOLS],
            received: 0,
            known: [Known { which: 0, negative: 0 }; MAX_SYMBOLS],
            geometry: Geometry::NONE,
            shape: [1.0; CARRIERS],
            gain: NO_CARRIERS,
            noise: [1.0; CARRIERS],
            quiet: [1.0; MAX_SYMBOLS],
            origin: 0.0,
            ppm: 0.0,
            evidence: NOTHING,
        }
    }

    /// Starts a frame; `noise` is that of each carrier before it, where something is known of it.
    pub(super) fn begin(&mut self, channel: &Channel, beyond: &ReceiverOptions, noise: Option<&Figures>) {
        self.first_carrier = f32::from(channel.first_carrier);
        self.smooths = beyond.smooth_channel;
        (self.weighs, self.tracks_clock) = (beyond.symbol_weights, beyond.track_clock);
        self.shape = [1.0; CARRIERS];
        if let Some(noise) = noise.filter(|_| beyond.carrier_weights) {
            // The harmonic mean: a few loud carriers do not move it.
            let inverse = mean(&noise.map(|noise| 1.0 / noise.max(f32::MIN_POSITIVE)));
            // Part of the mean bounds what a chance quiet carrier can gain.
            self.shape = noise.map(|noise| (0.8 * noise * inverse + 0.2).min(1e6));
        }
        (self.chirp, self.chirp_weight) = (NO_CARRIERS, [0.0; CARRIERS]);
        (self.chirp_at, self.received) = (0.0, 0);
        self.known = [Known::default(); MAX_SYMBOLS];
    }

    /// Takes a chirp that begins `chirps` chirps before the header's first symbol: its carriers, and those of one without noise
    /// whose mean power is that of a symbol's carriers.
    pub(super) fn put_chirp(&mut self, chirp: &Carriers, known: &Carriers, sign: f32, chirps: usize) {
        let before = chirps.saturating_sub(1) * FFT_SAMPLES;
        let at = -CHIRP_TO_HEADER - before as f32 / SYMBOL_SAMPLES as f32;
        let weight: f32 = mean(&self.chirp_weight);
        self.chirp_at = (self.chirp_at * weight + at) / (weight + 1.0);
        // The window of a chirp begins with it, that of a symbol early in the prefix.
        for (carrier, (chirp, known)) in chirp.iter().zip(known).enumerate() {
            let turns = (self.first_carrier + carrier as f32) * EARLY_SAMPLES as f32 / FFT_SAMPLES as f32;
            self.chirp[carrier] += chirp * (known * phasor(turns - libm::floorf(turns))).conj() * sign;
            self.chirp_weight[carrier] += known.norm_sqr();
        }
    }

    /// Takes a symbol.
    pub(super) fn put_symbol(&mut self, symbol: &Carriers) {
        if let Some(room) = self.symbols.get_mut(self.received) {
            *room = *symbol;
            self.received += 1;
        }
    }

    /// Tells which carriers of a symbol are known.
    pub(super) fn know(&mut self, symbol: usize, known: Known) {
        if let Some(room) = self.known.get_mut(symbol) {
            *room = known;
        }
    }

    /// Estimates the line from what is known, before the first pass.
    pub(super) fn prepare(&mut self, geometry: Geometry) {
        self.geometry = geometry;
        (self.ppm, self.evidence) = (0.0, NOTHING);
        self.quiet = [1.0; MAX_SYMBOLS];
        let header = geometry.first.max(geometry.symbols().min(ROBUST_HEADER_SYMBOLS)).min(self.received);

        // The chirps' level against the header's, which has signal and noise: what echoes do not explain is noise.
        let (chirp, shape) = (self.chirp_gain(), self.shape);
        let weighed = |powers: &Figures| {
            let weights = shape.iter().map(|shape| 1.0 / shape);
            powers.iter().zip(weights).map(|(power, weight)| power * weight).sum::<f32>() / CARRIERS as f32
        };
        let (noise, fit) = self.fit_chirps(&chirp);
        // Fifteen delays take part of the noise with them.
        let left = fit.map_or(1.0, |fit| fit.residue) * noise / (1.0 - 12.0 / CARRIERS as f32);
        self.noise = shape.map(|shape| (left * shape).max(f32::MIN_POSITIVE));
        // 1 for noise of this shape whose level is 1.
        let powers = chirp.map(|gain| gain.norm_sqr());
        let of_chirp = weighed(&powers);
        let power: f32 = self
            .symbols
            .iter()
            .take(header)
            .map(|symbol| weighed(&symbol.map(|carrier| carrier.norm_sqr())) / header as f32)
            .sum();
        let of_signal = (power - left).max(0.1 * power).max(f32::MIN_POSITIVE);
        let of_chirp = (of_chirp - left / mean(&self.chirp_weight).max(1e-3)).max(0.05 * of_chirp);
        let [least, most] = BOOSTS;
        // Within what chance explains they are equal, as the standard has them.
        let boost = (of_chirp / of_signal).clamp(least, most);
        let boost = if (0.7..1.4).contains(&boost) { 1.0 } else { boost };
        if boost != 1.0 {
            let scale = libm::sqrtf(boost);
            self.chirp = self.chirp.map(|chirp| chirp * scale);
            self.chirp_weight = self.chirp_weight.map(|weight| weight * boost);
        }
        let known = self.known_weight(header);
        self.origin = (self.chirp_at * mean(&self.chirp_weight) + 0.5 * (header as f32 - 1.0) * known)
            / (mean(&self.chirp_weight) + known).max(f32::MIN_POSITIVE);
        self.meet_known();
        self.estimate_gain();
        if geometry.first > 0 {
            // The header, known, tells the noise of now: of its carriers the gain has taken a tenth or less.
            self.evidence = NOTHING;
            self.meet_known();
            let level = self.noise_level().max(1e-6 * of_signal) / 0.9;
            self.noise = shape.map(|shape| (level * shape).max(f32::MIN_POSITIVE));
            self.estimate_gain();
        }
        self.evidence = NOTHING;
    }

    /// Level of the evidence's noise against the carriers' shape.
    fn noise_level(&self) -> f32 {
        let Evidence { by_carrier, counts, .. } = &self.evidence;
        let errors = by_carrier.iter().zip(&self.shape).map(|(error, shape)| error.max(0.0) / shape);
        errors.sum::<f32>() / counts.iter().sum::<f32>().max(1.0)
    }

    /// The echoes that the chirps tell of, against noise of the carriers' shape at this level, half of what there is.
    fn fit_chirps(&self, chirp: &Carriers) -> (f32, Option<Echoes<TAPS>>) {
        let mut noise = self.shape;
        noise.iter_mut().zip(&self.chirp_weight).for_each(|(noise, weight)| *noise /= weight.max(1e-3));
        let over = chirp.iter().zip(&noise).map(|(gain, noise)| gain.norm_sqr() / noise);
        let level = (0.5 * over.sum::<f32>() / CARRIERS as f32).max(f32::MIN_POSITIVE);
        let noise = noise.map(|noise| noise * level);
        (level, Echoes::fit(&DELAYS, &self.bins(), chirp, &noise))
    }

    /// Looks at the payload's symbols with the gain that is known, before any bit is: which of them an impulse hit.
    pub(super) fn weigh_symbols(&mut self) {
        let Geometry { first, bits, .. } = self.geometry;
        for symbol in first..(first + self.geometry.symbols()).min(self.received) {
            let Some(carriers) = self.symbols.get(symbol) else { continue };
            let mut turned = *carriers;
            self.turn(symbol, &mut turned);
            let mut error = 0.0;
            for ((turned, gain), noise) in turned.iter().zip(&self.gain).zip(&self.noise) {
                let matched = turned * gain.conj();
                let nearest = EIGHTHS
                    .iter()
                    .step_by(EIGHTHS.len() >> bits.clamp(1, 3))
                    .map(|point| matched.re * point.re + matched.im * point.im)
                    .fold(f32::MIN, f32::max);
                error += (turned.norm_sqr() - 2.0 * nearest + gain.norm_sqr()) / noise;
            }
            self.evidence.by_symbol[symbol] = error;
            self.evidence.of_symbol[symbol] = CARRIERS as f32;
        }
        // The error to the nearest point is up to 1.5 dB less than the noise, but the payload's level has to be learnt here: an
        // impulse that hit the header makes that level anything.
        self.estimate_quiet();
        self.evidence = NOTHING;
    }

    /// The difference of the clocks under which the frame is likeliest, no bit being known.
    pub(super) fn search_clock(&mut self, mut observe: impl FnMut(&Self, usize) -> f32) {
        if !self.tracks_clock {
            return;
        }
        let radians = self.turn_of(CARRIERS - 1) * self.received as f32;
        let steps = (libm::ceilf(MOST_PPM * radians / SEARCH_STEP_RADIANS) as i32).clamp(1, MOST_STEPS);
        let step_ppm = MOST_PPM / steps as f32;
        let groups = (self.geometry.blocks * self.geometry.segments).div_ceil(LANES);
        let peak = peak::of_grid(steps, |step| {
            self.set_ppm(step as f32 * step_ppm);
            (0..groups).map(|group| observe(self, group)).sum()
        });
        self.set_ppm(peak * step_ppm);
    }

    /// What the header's symbols, known now, have in common with the chirps: 1 for the right header but for noise.
    pub(super) fn agreement(&self, header: usize) -> f32 {
        let mut gain = NO_CARRIERS;
        for (symbol, known) in self.symbols.iter().zip(&self.known).take(header) {
            for (carrier, (gain, received)) in gain.iter_mut().zip(symbol).enumerate() {
                if let Some(sign) = known.sign(carrier) {
                    *gain += received * sign;
                }
            }
        }
        let fit = self.fit_chirps(&self.chirp_gain()).1;
        let Some(fit) = fit else { return 0.0 };
        let (mut inner, mut powers) = (Complex::default(), [0.0_f32; 2]);
        for ((gain, bin), shape) in gain.iter().zip(self.bins()).zip(&self.shape) {
            let chirp = fit.gain(bin);
            inner += gain * chirp.conj() / shape;
            powers[0] += gain.norm_sqr() / shape;
            powers[1] += chirp.norm_sqr() / shape;
        }
        libm::sqrtf(inner.norm_sqr() / (powers[0] * powers[1]).max(f32::MIN_POSITIVE))
    }

    /// How well the pilots of the payload's symbols agree with signs: a log-likelihood ratio against their opposites. It tells
    /// one sequence from another.
    pub(super) fn pilot_likelihood(&self, signs: impl Iterator<Item = f32>) -> f32 {
        let Geometry { first, .. } = self.geometry;
        let pilots = signs.enumerate().map(|(index, sign)| {
            let Some(carriers) = self.symbols.get(first + index) else { return 0.0 };
            let [mut pilot, ..] = *carriers;
            pilot *= self.rotor(first + index).0;
            let quiet = self.quiet.get(first + index).copied().unwrap_or_default();
            let matched = (pilot * self.gain[0].conj()).re * 2.0 / self.noise[0];
            sign * quiet * matched
        });
        pilots.take(self.geometry.symbols()).sum()
    }

    /// Log-likelihood of a group's chains, no bit being known.
    pub(super) fn blind(&self, observed: &[ComplexLanes]) -> f32 {
        observed.iter().map(|observed| blind_log_likelihood(self.geometry.bits, observed).sum()).sum()
    }

    fn set_ppm(&mut self, ppm: f32) {
        self.ppm = ppm;
        self.evidence = NOTHING;
        self.meet_known();
        self.estimate_gain();
        self.evidence = NOTHING;
    }

    fn bins(&self) -> [u16; CARRIERS] {
        // Only differences of bins count, and only those modulo the transform.
        let first = self.first_carrier as u16 % FFT_SAMPLES as u16;
        core::array::from_fn(|carrier| first + carrier as u16)
    }

    fn chirp_gain(&self) -> Carriers {
        let mut gain = self.chirp;
        for (gain, weight) in gain.iter_mut().zip(&self.chirp_weight) {
            *gain *= 1.0 / weight.max(1e-3);
        }
        gain
    }

    /// Radians per symbol and ppm.
    fn turn_of(&self, carrier: usize) -> f32 {
        TURN_PER_CARRIER * (self.first_carrier + carrier as f32)
    }

    /// What turns the lowest carrier of a symbol back, and from each carrier to the next.
    fn rotor(&self, symbol: usize) -> (Complex, Complex) {
        self.rotor_at(symbol as f32)
    }

    fn rotor_at(&self, at: f32) -> (Complex, Complex) {
        let angle = -self.ppm * (at - self.origin) * TURN_PER_CARRIER;
        let of = |angle: f32| Complex::new(libm::cosf(angle), libm::sinf(angle));
        (of(angle * self.first_carrier), of(angle))
    }

    fn turn(&self, symbol: usize, carriers: &mut Carriers) {
        let (mut rotor, step) = self.rotor(symbol);
        for carrier in carriers {
            *carrier *= rotor;
            rotor *= step;
        }
    }

    /// Symbols' worth of known carriers in the header.
    fn known_weight(&self, header: usize) -> f32 {
        let known = self.known.iter().take(header);
        known.map(|known| known.which.count_ones() as f32).sum::<f32>() / CARRIERS as f32
    }

    /// Adds what is known to the evidence: chirps and known carriers.
    fn meet_known(&mut self) {
        let (mut rotor, step) = self.rotor_at(self.chirp_at);
        let time = self.chirp_at - self.origin;
        for carrier in 0..CARRIERS {
            let product = self.chirp[carrier] * rotor;
            rotor *= step;
            let weight = self.chirp_weight[carrier];
            self.evidence.product[carrier] += product;
            self.evidence.product_time[carrier] += product * time;
            self.evidence.certainty[0][carrier] += weight;
            self.evidence.certainty[1][carrier] += weight * time;
            self.evidence.certainty[2][carrier] += weight * time * time;
        }
        for symbol in 0..self.received {
            let known = self.known[symbol];
            if known.which == 0 {
                continue;
            }
            let mut turned = self.symbols[symbol];
            self.turn(symbol, &mut turned);
            for (carrier, turned) in turned.iter().enumerate() {
                if let Some(sign) = known.sign(carrier) {
                    self.meet(symbol, carrier, *turned, Complex::new(sign, 0.0));
                }
            }
        }
    }

    /// Adds a carrier that was x to the evidence.
    #[inline(always)]
    fn meet(&mut self, symbol: usize, carrier: usize, turned: Complex, x: Complex) {
        let quiet = self.quiet[symbol];
        let time = symbol as f32 - self.origin;
        let gain = self.gain[carrier];
        let product = turned * x.conj();
        let certain = x.norm_sqr() * quiet;
        let evidence = &mut self.evidence;
        evidence.product[carrier] += product * quiet;
        evidence.product_time[carrier] += product * (quiet * time);
        evidence.certainty[0][carrier] += certain;
        evidence.certainty[1][carrier] += certain * time;
        evidence.certainty[2][carrier] += certain * time * time;
        let error = turned.norm_sqr() - 2.0 * (gain.re * product.re + gain.im * product.im) + gain.norm_sqr();
        evidence.by_carrier[carrier] += error * quiet;
        evidence.counts[carrier] += 1.0;
        evidence.by_symbol[symbol] += error / self.noise[carrier];
        evidence.of_symbol[symbol] += 1.0;
    }

    /// One step of Newton's method on the clocks' difference, each carrier's phase being free.
    fn step_clock(&mut self) {
        let (mut slope, mut curvature) = (0.0, 0.0);
        let evidence = &self.evidence;
        for carrier in 0..CARRIERS {
            let gain = self.gain[carrier];
            let [c0, c1, c2] = [0, 1, 2].map(|power| evidence.certainty[power][carrier]);
            let across = |of: Complex| gain.re * of.im - gain.im * of.re;
            let mean_time = c1 / c0.max(f32::MIN_POSITIVE);
            let turn = self.turn_of(carrier);
            let weight = turn / self.noise[carrier];
            let (a, b) = (across(evidence.product[carrier]), across(evidence.product_time[carrier]));
            slope += (b - a * mean_time) * weight;
            curvature += gain.norm_sqr() * (c2 - c1 * mean_time) * turn * weight;
        }
        if curvature > 0.0 && slope.is_finite() {
            self.ppm = (self.ppm + slope / curvature).clamp(-1.5 * MOST_PPM, 1.5 * MOST_PPM);
        }
    }

    fn estimate_gain(&mut self) {
        let certainty = &self.evidence.certainty[0];
        for ((gain, product), weight) in self.gain.iter_mut().zip(&self.evidence.product).zip(certainty) {
            *gain = product * (1.0 / weight.max(1e-3));
        }
        if !self.smooths {
            return;
        }
        let mut noise = self.noise;
        noise.iter_mut().zip(certainty).for_each(|(noise, weight)| *noise /= weight.max(1e-3));
        let bins = self.bins();
        if let Some(fit) = Echoes::<TAPS>::fit(&DELAYS, &bins, &self.gain, &noise) {
            // Of what the echoes do not explain, noise explains a part.
            let own = (1.0 - FITTING_RESIDUE / fit.residue.max(FITTING_RESIDUE)).clamp(0.0, 1.0);
            for (gain, bin) in self.gain.iter_mut().zip(bins) {
                let smooth = fit.gain(bin);
                *gain = smooth + (*gain - smooth) * own;
            }
        }
    }

    fn estimate_noise(&mut self) {
        let level = self.noise_level();
        let carriers = self.evidence.by_carrier.iter().zip(&self.evidence.counts).zip(&self.shape);
        for (noise, ((error, count), shape)) in self.noise.iter_mut().zip(carriers) {
            let before = MEAN_COUNTS * level * shape;
            *noise = ((error.max(0.0) + before) / (count + MEAN_COUNTS)).max(f32::MIN_POSITIVE);
        }
    }

    /// The noise of each symbol, believed as far as their differences are more than chance.
    fn estimate_quiet(&mut self) {
        if self.weighs == SymbolWeights::Equal {
            return;
        }
        let (mut sum, mut squares, mut chance, mut count) = (0.0, 0.0, 0.0, 0.0_f32);
        let figures = || self.evidence.by_symbol.iter().zip(&self.evidence.of_symbol);
        for (error, of) in figures() {
            if *of > 0.5 * CARRIERS as f32 {
                let level = error.max(0.0) / of;
                sum += level;
                squares += level * level;
                chance += 1.0 / of;
                count += 1.0;
            }
        }
        if count < 2.0 {
            return;
        }
        let mean = (sum / count).max(f32::MIN_POSITIVE);
        let variance = (squares / count / (mean * mean) - 1.0).max(f32::MIN_POSITIVE);
        let believed = (1.0 - 1.5 * chance / count / variance).max(0.0);
        for ((quiet, error), of) in
            self.quiet.iter_mut().zip(&self.evidence.by_symbol).zip(&self.evidence.of_symbol)
        {
            if *of > 0.5 * CARRIERS as f32 {
                let level = error.max(0.0) / of;
                let noise = mean + believed * (level - mean);
                *quiet = match self.weighs {
                    SymbolWeights::Noise => 1.0 / noise.clamp(QUIETEST, LOUDEST),
                    _ if noise > HIT => 1.0 / LOUDEST,
                    _ => 1.0,
                };
            }
        }
    }
}

/// Radians by which a carrier spacing turns in a symbol for each ppm.
const TURN_PER_CARRIER: f32 = core::f32::consts::TAU * SYMBOL_SAMPLES as f32 / FFT_SAMPLES as f32 * 1e-6;

impl Known {
    /// Tells a carrier's sign.
    pub(super) fn set(&mut self, carrier: usize, negative: bool) {
        self.which |= 1 << carrier;
        self.negative |= u128::from(negative) << carrier;
    }

    /// The sign of a carrier that is known.
    #[inline(always)]
    pub(super) fn sign(&self, carrier: usize) -> Option<f32> {
        let bit = |of: u128| of >> carrier & 1 == 1;
        bit(self.which).then(|| if bit(self.negative) { -1.0 } else { 1.0 })
    }
}

impl FrameLine {
    /// The symbols received of a chain's copies, and the pilot that it starts from. `None` beyond the last chain.
    #[inline(always)]
    fn chain(&self, chain: usize) -> Option<(Range<usize>, usize)> {
        let Geometry { first, copies, blocks, segments, length, .. } = self.geometry;
        let (block, segment) = (chain / segments.max(1), chain % segments.max(1));
        let symbols = first + block * copies..(first + (block + 1) * copies).min(self.received);
        (block < blocks).then_some((symbols, segment * (length + 1)))
    }

    /// [`rotor`](Self::rotor) at the carrier after `pilot`, and its step to the next.
    #[inline(always)]
    fn rotor_after(&self, symbol: usize, pilot: usize) -> (Complex, Complex) {
        let (mut rotor, step) = self.rotor(symbol);
        (0..=pilot).for_each(|_| rotor *= step);
        (rotor, step)
    }
}

impl Line for FrameLine {
    fn observe(&self, group: usize, observed: &mut [ComplexLanes]) {
        observed.fill(Default::default());
        let length = self.geometry.length;
        for lane in 0..LANES {
            let Some((symbols, pilot)) = self.chain(group * LANES + lane) else { break };
            for symbol in symbols {
                let sign = self.known[symbol].sign(pilot).unwrap_or(1.0);
                let weight = 2.0 * sign * self.quiet[symbol];
                let (mut rotor, step) = self.rotor_after(symbol, pilot);
                rotor *= weight;
                let carriers = pilot + 1..(pilot + 1 + length).min(CARRIERS);
                for (carrier, [re, im]) in carriers.zip(observed.iter_mut()) {
                    let matched = self.symbols[symbol][carrier] * rotor * self.gain[carrier].conj()
                        / self.noise[carrier];
                    re.0[lane] += matched.re;
                    im.0[lane] += matched.im;
                    rotor *= step;
                }
            }
        }
    }

    fn compare(&mut self, group: usize, phasors: &[ComplexLanes]) {
        let length = self.geometry.length;
        for lane in 0..LANES {
            let Some((symbols, pilot)) = self.chain(group * LANES + lane) else { break };
            for symbol in symbols {
                let sign = self.known[symbol].sign(pilot).unwrap_or(1.0);
                let (mut rotor, step) = self.rotor_after(symbol, pilot);
                let carriers = pilot + 1..(pilot + 1 + length).min(CARRIERS);
                for (carrier, [re, im]) in carriers.zip(phasors) {
                    let x = Complex::new(re.0[lane], im.0[lane]) * sign;
                    let turned = self.symbols[symbol][carrier] * rotor;
                    self.meet(symbol, carrier, turned, x);
                    rotor *= step;
                }
            }
        }
    }

    fn learn(&mut self) {
        self.meet_known();
        if self.tracks_clock && self.geometry.first > 0 {
            self.step_clock();
        }
        self.estimate_gain();
        self.estimate_noise();
        self.estimate_quiet();
        self.evidence = NOTHING;
    }
}

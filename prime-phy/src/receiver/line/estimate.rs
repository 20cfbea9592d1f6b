//! Gain and noise of each carrier of one channel, the noise of each symbol, and the clocks' difference.

use super::chirps::Chirps;
use super::evidence::{Evidence, Meeting};
use super::geometry::Geometry;
use super::symbols::{MAX_SYMBOLS, OnChannel};
use crate::Channel;
use crate::channel::{CARRIERS, FFT_SAMPLES, ROBUST_HEADER_SYMBOLS, SYMBOL_SAMPLES};
use crate::receiver::carriers::{Carriers, Figures, NO_CARRIERS, mean};
use crate::receiver::ladder::{ReceiverOptions, SymbolWeights};
use dsp::Complex;
use dsp::differential::EIGHTHS;
use dsp::echoes::{Delays, Echoes};
use dsp::lanes::LANES;
use dsp::phase_trellis::ComplexLanes;

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
/// How far the preamble's power may be from the header's.
const BOOSTS: [f32; 2] = [0.25, 6.0];
/// Radians by which a carrier spacing turns in a symbol for each ppm.
const TURN_PER_CARRIER: f32 = core::f32::consts::TAU * SYMBOL_SAMPLES as f32 / FFT_SAMPLES as f32 * 1e-6;

/// What is known of one channel's line.
#[derive(Clone, Debug)]
pub(super) struct Estimate {
    /// The channel's lowest carrier.
    first_carrier: f32,
    /// Whether estimates are smoothed, and what becomes of symbols that were hit.
    smooths: bool,
    weighs: SymbolWeights,
    tracks_clock: bool,
    chirps: Chirps,
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

impl Estimate {
    pub(super) const fn new() -> Self {
        Self {
            first_carrier: 0.0,
            smooths: true,
            weighs: SymbolWeights::Noise,
            tracks_clock: true,
            chirps: Chirps::NONE,
            geometry: Geometry::NONE,
            shape: [1.0; CARRIERS],
            gain: NO_CARRIERS,
            noise: [1.0; CARRIERS],
            quiet: [1.0; MAX_SYMBOLS],
            origin: 0.0,
            ppm: 0.0,
            evidence: Evidence::NONE,
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
        self.chirps = Chirps::NONE;
    }

    /// Takes a chirp ([`Chirps::put`]).
    pub(super) fn put_chirp(&mut self, chirp: &Carriers, known: &Carriers, sign: f32, chirps: usize) {
        self.chirps.put(self.first_carrier, chirp, known, sign, chirps);
    }

    /// Estimates the line from what is known, before the first pass.
    pub(super) fn prepare(&mut self, heard: OnChannel<'_>, geometry: Geometry) {
        self.geometry = geometry;
        (self.ppm, self.evidence) = (0.0, Evidence::NONE);
        self.quiet = [1.0; MAX_SYMBOLS];
        let header = geometry.first.max(geometry.symbols().min(ROBUST_HEADER_SYMBOLS)).min(heard.received());

        // The chirps' level against the header's, which has signal and noise: what echoes do not explain is noise.
        let (chirp, shape) = (self.chirps.gain(), self.shape);
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
        let power: f32 = (0..header)
            .map(|symbol| weighed(&heard.carriers(symbol).map(|carrier| carrier.norm_sqr())) / header as f32)
            .sum();
        let of_signal = (power - left).max(0.1 * power).max(f32::MIN_POSITIVE);
        let of_chirp = (of_chirp - left / mean(&self.chirps.weight).max(1e-3)).max(0.05 * of_chirp);
        let [least, most] = BOOSTS;
        // Within what chance explains they are equal, as the standard has them.
        let boost = (of_chirp / of_signal).clamp(least, most);
        let boost = if (0.7..1.4).contains(&boost) { 1.0 } else { boost };
        if boost != 1.0 {
            self.chirps.level(boost);
        }
        let known =
            (0..header).map(|symbol| heard.known(symbol).count() as f32).sum::<f32>() / CARRIERS as f32;
        self.origin = (self.chirps.at * mean(&self.chirps.weight) + 0.5 * (header as f32 - 1.0) * known)
            / (mean(&self.chirps.weight) + known).max(f32::MIN_POSITIVE);
        self.meet_known(heard);
        self.estimate_gain();
        if geometry.first > 0 {
            // The header, known, tells the noise of now: of its carriers the gain has taken a tenth or less.
            self.evidence = Evidence::NONE;
            self.meet_known(heard);
            let level = self.evidence.noise_level(&self.shape).max(1e-6 * of_signal) / 0.9;
            self.noise = shape.map(|shape| (level * shape).max(f32::MIN_POSITIVE));
            self.estimate_gain();
        }
        self.evidence = Evidence::NONE;
    }

    /// Looks at the payload's symbols with the gain that is known, before any bit is: which of them an impulse hit.
    pub(super) fn weigh_symbols(&mut self, heard: OnChannel<'_>) {
        let Geometry { first, bits, .. } = self.geometry;
        for symbol in first..(first + self.geometry.symbols()).min(heard.received()) {
            let mut turned = *heard.carriers(symbol);
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
        self.evidence = Evidence::NONE;
    }

    /// Steps of the search for the clocks' difference either way, and their size in ppm. `None` where it is not searched.
    pub(super) fn clock_grid(&self, heard: OnChannel<'_>) -> Option<(i32, f32)> {
        let radians = self.turn_of(CARRIERS - 1) * heard.received() as f32;
        let steps = (libm::ceilf(MOST_PPM * radians / SEARCH_STEP_RADIANS) as i32).clamp(1, MOST_STEPS);
        self.tracks_clock.then_some((steps, MOST_PPM / steps as f32))
    }

    /// Takes the clocks' difference for this, and estimates the gain with it.
    pub(super) fn set_ppm(&mut self, heard: OnChannel<'_>, ppm: f32) {
        self.ppm = ppm;
        self.evidence = Evidence::NONE;
        self.meet_known(heard);
        self.estimate_gain();
        self.evidence = Evidence::NONE;
    }

    /// What the header's symbols, known now, have in common with the chirps: 1 for the right header but for noise.
    pub(super) fn agreement(&self, heard: OnChannel<'_>, header: usize) -> f32 {
        let mut gain = NO_CARRIERS;
        for symbol in 0..header {
            let known = heard.known(symbol);
            for (carrier, (gain, received)) in gain.iter_mut().zip(heard.carriers(symbol)).enumerate() {
                if let Some(sign) = known.sign(carrier) {
                    *gain += received * sign;
                }
            }
        }
        let fit = self.fit_chirps(&self.chirps.gain()).1;
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
    pub(super) fn pilot_likelihood(&self, heard: OnChannel<'_>, signs: impl Iterator<Item = f32>) -> f32 {
        let Geometry { first, .. } = self.geometry;
        let pilots = signs.enumerate().map(|(index, sign)| {
            let [mut pilot, ..] = *heard.carriers(first + index);
            pilot *= self.rotor(first + index).0;
            let quiet = self.quiet.get(first + index).copied().unwrap_or_default();
            let matched = (pilot * self.gain[0].conj()).re * 2.0 / self.noise[0];
            sign * quiet * matched
        });
        pilots.take(self.geometry.symbols()).sum()
    }

    /// [`Line::observe`](dsp::joint::Line::observe) of one of the channel's groups.
    pub(super) fn observe(&self, heard: OnChannel<'_>, group: usize, observed: &mut [ComplexLanes]) {
        let length = self.geometry.length;
        for lane in 0..LANES {
            let Some((symbols, pilot)) = self.geometry.chain(heard, group * LANES + lane) else { break };
            for symbol in symbols {
                let (received, known) = (heard.carriers(symbol), heard.known(symbol));
                let sign = known.sign(pilot).unwrap_or(1.0);
                let weight = 2.0 * sign * self.quiet[symbol];
                let (mut rotor, step) = self.rotor_after(symbol, pilot);
                rotor *= weight;
                let carriers = pilot + 1..(pilot + 1 + length).min(CARRIERS);
                for (carrier, [re, im]) in carriers.zip(observed.iter_mut()) {
                    let matched = received[carrier] * rotor * self.gain[carrier].conj() / self.noise[carrier];
                    re.0[lane] += matched.re;
                    im.0[lane] += matched.im;
                    rotor *= step;
                }
            }
        }
    }

    /// [`Line::compare`](dsp::joint::Line::compare) of one of the channel's groups.
    pub(super) fn compare(&mut self, heard: OnChannel<'_>, group: usize, phasors: &[ComplexLanes]) {
        let length = self.geometry.length;
        for lane in 0..LANES {
            let Some((symbols, pilot)) = self.geometry.chain(heard, group * LANES + lane) else { break };
            for symbol in symbols {
                let (received, known) = (heard.carriers(symbol), heard.known(symbol));
                let sign = known.sign(pilot).unwrap_or(1.0);
                let (mut rotor, step) = self.rotor_after(symbol, pilot);
                let carriers = pilot + 1..(pilot + 1 + length).min(CARRIERS);
                for (carrier, [re, im]) in carriers.zip(phasors) {
                    let x = Complex::new(re.0[lane], im.0[lane]) * sign;
                    let turned = received[carrier] * rotor;
                    self.meet(symbol, carrier, turned, x);
                    rotor *= step;
                }
            }
        }
    }

    /// [`Line::learn`](dsp::joint::Line::learn).
    pub(super) fn learn(&mut self, heard: OnChannel<'_>) {
        self.meet_known(heard);
        if self.tracks_clock && self.geometry.first > 0 {
            self.step_clock();
        }
        self.estimate_gain();
        self.estimate_noise();
        self.estimate_quiet();
        self.evidence = Evidence::NONE;
    }

    /// The echoes that the chirps tell of, against noise of the carriers' shape at this level, half of what there is.
    fn fit_chirps(&self, chirp: &Carriers) -> (f32, Option<Echoes<TAPS>>) {
        let mut noise = self.shape;
        noise.iter_mut().zip(&self.chirps.weight).for_each(|(noise, weight)| *noise /= weight.max(1e-3));
        let over = chirp.iter().zip(&noise).map(|(gain, noise)| gain.norm_sqr() / noise);
        let level = (0.5 * over.sum::<f32>() / CARRIERS as f32).max(f32::MIN_POSITIVE);
        let noise = noise.map(|noise| noise * level);
        (level, Echoes::fit(&DELAYS, &self.bins(), chirp, &noise))
    }

    fn bins(&self) -> [u16; CARRIERS] {
        // Only differences of bins count, and only those modulo the transform.
        let first = self.first_carrier as u16 % FFT_SAMPLES as u16;
        core::array::from_fn(|carrier| first + carrier as u16)
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

    /// [`rotor`](Self::rotor) at the carrier after `pilot`, and its step to the next.
    #[inline(always)]
    fn rotor_after(&self, symbol: usize, pilot: usize) -> (Complex, Complex) {
        let (mut rotor, step) = self.rotor(symbol);
        (0..=pilot).for_each(|_| rotor *= step);
        (rotor, step)
    }

    /// Adds what is known to the evidence: chirps and known carriers.
    fn meet_known(&mut self, heard: OnChannel<'_>) {
        let (mut rotor, step) = self.rotor_at(self.chirps.at);
        let time = self.chirps.at - self.origin;
        for carrier in 0..CARRIERS {
            let product = self.chirps.sum[carrier] * rotor;
            rotor *= step;
            self.evidence.chirp(carrier, product, self.chirps.weight[carrier], time);
        }
        for symbol in 0..heard.received() {
            let known = heard.known(symbol);
            if known.is_none() {
                continue;
            }
            let mut turned = *heard.carriers(symbol);
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
        self.evidence.meet(Meeting {
            symbol,
            carrier,
            time: symbol as f32 - self.origin,
            turned,
            x,
            gain: self.gain[carrier],
            noise: self.noise[carrier],
            quiet: self.quiet[symbol],
        });
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
        let level = self.evidence.noise_level(&self.shape);
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

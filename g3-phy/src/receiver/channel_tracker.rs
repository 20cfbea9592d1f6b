//! The channel of a payload in a coherent modulation, symbol by symbol.
//!
//! Its gain on each carrier starts with the mean of what is known of the frame: the preamble, the decoded FCH, S1 and
//! S2. Then every payload symbol adds to it: pilots and pseudo-noise fill with their known phases, data with the mean of
//! its points weighted by their likelihood. One clock drives sampling and carriers, so a difference between the modems'
//! clocks is a delay that grows: its rate is searched for before the first payload symbol and then followed, with the
//! delay, by a Kalman filter of two states.

use super::carriers::{CarrierBank, Carriers, Figures, NO_CARRIERS};
use crate::band::{FFT_SAMPLES, MAX_CARRIERS, SYMBOL_STRIDE};
use dsp::Complex;

/// Known symbols that are kept until the clock's rate is known: the preamble's mean, the FCH, S1 and S2. A longer FCH,
/// of a narrow band or mask, counts with its last symbols.
const MOST_KNOWN: usize = 24;
/// Symbols after which a carrier's gain has forgotten: long against the noise of one, and about a cycle of the mains in
/// CENELEC-A, so that a channel that swings with it is averaged and not followed.
const MEMORY_SYMBOLS: f32 = 32.0;
/// Standard deviation of the difference between two clocks before it is measured.
const CLOCKS_PPM: f32 = 25.0;
/// Searched differences: steps to either side and their width.
const SEARCH_STEPS: i32 = 12;
const SEARCH_STEP_PPM: f32 = 7.5;

/// A carrier in a payload symbol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sent {
    /// A known point: a pilot or fill.
    Known(Complex),
    /// One of the constellation's points.
    Data,
}

#[derive(Clone, Debug)]
pub(super) struct ChannelTracker {
    /// Phase by which a delay of one sample turns each carrier, and SYNCP's phase taken off it.
    turn: Figures,
    against_syncp: Carriers,
    carriers: usize,
    known: [Known; MOST_KNOWN],
    known_count: usize,
    noise: Figures,
    gain: Carriers,
    /// Symbols' worth of what each carrier's gain is the mean of.
    weight: Figures,
    delay: DelayFilter,
}

/// What a known symbol tells of the gain.
#[derive(Clone, Copy, Debug)]
struct Known {
    gain: Carriers,
    /// How many symbols at the FCH's level it is worth.
    weight: f32,
    /// In symbols from the first of the payload.
    time: f32,
}

impl ChannelTracker {
    pub(super) const fn new() -> Self {
        Self {
            turn: [0.0; MAX_CARRIERS],
            against_syncp: NO_CARRIERS,
            carriers: 0,
            known: [Known { gain: NO_CARRIERS, weight: 0.0, time: 0.0 }; MOST_KNOWN],
            known_count: 0,
            noise: [0.0; MAX_CARRIERS],
            gain: NO_CARRIERS,
            weight: [0.0; MAX_CARRIERS],
            delay: DelayFilter::UNKNOWN,
        }
    }

    /// Begins a payload of which each carrier's noise is known.
    pub(super) fn start(&mut self, bank: &CarrierBank, noise: &Figures) {
        for (turn, &bin) in self.turn.iter_mut().zip(bank.bins()) {
            *turn = core::f32::consts::TAU * f32::from(bin) / FFT_SAMPLES as f32;
        }
        self.against_syncp.iter_mut().zip(bank.syncp()).for_each(|(against, syncp)| *against = syncp.conj());
        (self.carriers, self.known_count) = (bank.count(), 0);
        self.noise = *noise;
        self.gain.fill(Complex::default());
        self.weight.fill(0.0);
        self.delay = DelayFilter::UNKNOWN;
    }

    /// Takes what a known symbol tells of the gain: its carriers without SYNCP's phases and its signs. It is `amplitude`
    /// times as strong as the payload and the mean of `symbols`; its time is counted from the first payload symbol.
    pub(super) fn know(
        &mut self,
        freed: impl Iterator<Item = Complex>,
        amplitude: f32,
        symbols: f32,
        time: f32,
    ) {
        let mut gain = NO_CARRIERS;
        gain.iter_mut().zip(freed).for_each(|(gain, freed)| *gain = freed * (1.0 / amplitude));
        if self.known_count == MOST_KNOWN {
            self.known.rotate_left(1);
            self.known_count -= 1;
        }
        if let Some(room) = self.known.get_mut(self.known_count) {
            *room = Known { gain, weight: symbols * amplitude * amplitude, time };
            self.known_count += 1;
        }
    }

    /// A symbol's carriers without SYNCP's phases.
    pub(super) fn freed(&self, symbol: &[Complex]) -> Carriers {
        let mut freed = NO_CARRIERS;
        let pairs = symbol.iter().zip(&self.against_syncp).take(self.carriers);
        freed.iter_mut().zip(pairs).for_each(|(freed, (carrier, against))| *freed = carrier * against);
        freed
    }

    /// Amplitude of a freed symbol against those known so far.
    pub(super) fn amplitude_of(&self, freed: &Carriers) -> f32 {
        let mean = self.mean_gain(0.0, 0.0);
        let product: f32 = freed.iter().zip(&mean).map(|(freed, gain)| (freed * gain.conj()).re).sum();
        let power: f32 = mean.iter().map(Complex::norm_sqr).sum();
        (product / power.max(f32::MIN_POSITIVE)).clamp(0.5, 2.5)
    }

    /// All known symbols are there: finds the clocks' difference and the gain.
    pub(super) fn settle(&mut self) {
        let weights = self.known().map(|known| known.weight);
        let whole = weights.sum::<f32>().max(f32::MIN_POSITIVE);
        let centre = self.known().map(|known| known.weight * known.time).sum::<f32>() / whole;
        let per_ppm = 1e-6 * SYMBOL_STRIDE as f32;
        let (mut rates, mut likelihoods) = ([0.0_f32; 2 * SEARCH_STEPS as usize + 1], [0.0_f32; 25]);
        for ((rate, likelihood), step) in rates.iter_mut().zip(&mut likelihoods).zip(-SEARCH_STEPS..) {
            let ppm = SEARCH_STEP_PPM * step as f32;
            *rate = ppm * per_ppm;
            let gain = self.mean_gain(*rate, centre);
            let fit = gain.iter().zip(&self.noise).take(self.carriers);
            *likelihood = fit.map(|(gain, noise)| gain.norm_sqr() / noise).sum::<f32>() * whole
                - 0.5 * (ppm / CLOCKS_PPM) * (ppm / CLOCKS_PPM);
        }
        let best = likelihoods.iter().copied().fold(f32::MIN, f32::max);
        let (mut sum, mut mean, mut square) = (0.0, 0.0, 0.0);
        for (rate, likelihood) in rates.iter().zip(&likelihoods) {
            let weight = libm::expf(likelihood - best);
            sum += weight;
            mean += weight * rate;
            square += weight * rate * rate;
        }
        let rate = mean / sum;
        let grid = SEARCH_STEP_PPM * per_ppm;
        let variance = (square / sum - rate * rate).max(0.0) + grid * grid / 12.0;
        self.gain = self.mean_gain(rate, centre);
        self.weight = [whole; MAX_CARRIERS];
        self.delay = DelayFilter::new(rate, variance, -centre);
    }

    /// The payload symbol with SYNCP's phases and the clocks' difference taken off, and the gain that it is to be held
    /// against; learns from it. `trust` is the symbol's mean noise against its own, `points` are the constellation's.
    pub(super) fn follow(
        &mut self,
        symbol: &Carriers,
        sent: &[Sent; MAX_CARRIERS],
        points: &[Complex],
        trust: f32,
    ) -> (Carriers, Carriers) {
        let delay = self.delay.predicted();
        let mut turned = self.turned_back(symbol, delay);
        let gain = self.gain;
        let mut means = [(Complex::default(), 0.0_f32); MAX_CARRIERS];
        let (mut slope, mut curvature) = (0.0_f32, 0.0_f32);
        for (carrier, mean) in means.iter_mut().enumerate().take(self.carriers) {
            let (received, gain) = (turned[carrier], gain[carrier]);
            let noise = self.noise[carrier] / trust;
            *mean = match sent[carrier] {
                Sent::Known(point) => (point, point.norm_sqr()),
                Sent::Data => mean_of(points, received, gain, noise),
            };
            let matched = received * gain.conj() * mean.0.conj();
            slope -= matched.im * self.turn[carrier] / noise;
            curvature +=
                gain.norm_sqr() * mean.0.norm_sqr() * self.turn[carrier] * self.turn[carrier] / noise;
        }
        let shift = self.delay.correct(slope, 2.0 * curvature);
        if shift != 0.0 {
            turned = self.turned_back(symbol, delay + shift);
        }
        for (carrier, (point, power)) in means.iter().enumerate().take(self.carriers) {
            let worth = trust.min(1.0);
            let weight = (self.weight[carrier] + worth * power).min(MEMORY_SYMBOLS);
            let error = turned[carrier] * point.conj() - self.gain[carrier] * *power;
            self.gain[carrier] += error * (worth / weight.max(1.0));
            self.weight[carrier] = weight;
        }
        (turned, gain)
    }

    fn known(&self) -> impl Iterator<Item = &Known> {
        self.known.iter().take(self.known_count)
    }

    /// Mean of the known gains if the delay grew by `rate` samples a symbol, at time `centre`.
    fn mean_gain(&self, rate: f32, centre: f32) -> Carriers {
        let (mut sum, mut whole) = (NO_CARRIERS, 0.0);
        for known in self.known() {
            whole += known.weight;
            let samples = rate * (known.time - centre);
            for ((sum, gain), turn) in sum.iter_mut().zip(&known.gain).zip(&self.turn).take(self.carriers) {
                *sum += gain * phasor(turn * samples) * known.weight;
            }
        }
        let inverse = 1.0 / whole.max(f32::MIN_POSITIVE);
        sum.map(|sum| sum * inverse)
    }

    /// A symbol without SYNCP's phases as it would be without this delay.
    fn turned_back(&self, symbol: &Carriers, delay: f32) -> Carriers {
        let mut turned = NO_CARRIERS;
        let parts = symbol.iter().zip(&self.against_syncp).zip(&self.turn).take(self.carriers);
        for (turned, ((received, against), turn)) in turned.iter_mut().zip(parts) {
            *turned = received * against * phasor(turn * delay);
        }
        turned
    }
}

/// Mean of the constellation's points weighted by their likelihood, and the mean of their power.
fn mean_of(points: &[Complex], received: Complex, gain: Complex, noise: f32) -> (Complex, f32) {
    let matched = received * gain.conj();
    let likelihood =
        |point: &Complex| (2.0 * (matched * point.conj()).re - gain.norm_sqr() * point.norm_sqr()) / noise;
    let best = points.iter().map(likelihood).fold(f32::MIN, f32::max);
    let (mut sum, mut mean, mut power) = (0.0, Complex::default(), 0.0);
    for point in points {
        let weight = libm::expf(likelihood(point) - best);
        sum += weight;
        mean += point * weight;
        power += point.norm_sqr() * weight;
    }
    let inverse = 1.0 / sum.max(f32::MIN_POSITIVE);
    (mean * inverse, power * inverse)
}

/// Delay in samples against the known symbols, and by how much it grows in a symbol.
#[derive(Clone, Copy, Debug)]
struct DelayFilter {
    delay: f32,
    rate: f32,
    /// Variances of delay and rate, and their covariance.
    of_delay: f32,
    of_rate: f32,
    shared: f32,
}

impl DelayFilter {
    const UNKNOWN: Self = Self { delay: 0.0, rate: 0.0, of_delay: 0.0, of_rate: 0.0, shared: 0.0 };

    /// At the first payload symbol, `symbols` after the instant at which the delay counts as zero.
    fn new(rate: f32, variance: f32, symbols: f32) -> Self {
        // One symbol earlier: the first prediction brings it there.
        let symbols = symbols - 1.0;
        Self {
            delay: rate * symbols,
            rate,
            of_delay: variance * symbols * symbols,
            of_rate: variance,
            shared: variance * symbols,
        }
    }

    /// Goes on to the next symbol.
    fn predicted(&mut self) -> f32 {
        self.delay += self.rate;
        self.of_delay += 2.0 * self.shared + self.of_rate;
        self.shared += self.of_rate;
        self.delay
    }

    /// Takes a measurement, the derivative of the symbol's likelihood by the delay (halved) and the inverse of its
    /// variance, and returns how much the delay moves.
    fn correct(&mut self, slope: f32, information: f32) -> f32 {
        if information <= 0.0 || !slope.is_finite() || !information.is_finite() {
            return 0.0;
        }
        let error = 2.0 * slope / information;
        let gain = 1.0 / (self.of_delay + 1.0 / information);
        let (to_delay, to_rate) = (self.of_delay * gain, self.shared * gain);
        self.delay += to_delay * error;
        self.rate += to_rate * error;
        self.of_rate -= to_rate * self.shared;
        self.shared -= to_delay * self.shared;
        self.of_delay -= to_delay * self.of_delay;
        to_delay * error
    }
}

fn phasor(angle: f32) -> Complex {
    Complex::new(libm::cosf(angle), libm::sinf(angle))
}

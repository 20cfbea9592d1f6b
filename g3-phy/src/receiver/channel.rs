//! What a coherent receiver knows of the line: gain and noise of each carrier, the clocks' difference, and how the
//! noise swings with the mains.
//!
//! A symbol known to be x, received as y, tells y x* of the gain. Known symbols (*pilots*) are the preamble's and,
//! for the payload, the header's; later the decoder's mean phasors count as well, each by how certain it is. That
//! is one step of expectation and maximisation (A. Dempster, N. Laird and D. Rubin, 1977) in each pass.

use super::carriers::NULL_TONES;
use super::half_cycle::Folded;
use super::noise_tracker::beyond_chance;
use crate::band::{FFT_SAMPLES, MAX_CARRIERS, SYMBOL_STRIDE};
use core::f32::consts::TAU;
use dsp::Complex;
use dsp::lanes::{LANES, Lanes};
use dsp::phase_trellis::ComplexLanes;

/// Groups of eight carriers.
pub(super) const GROUPS: usize = MAX_CARRIERS / LANES;
/// Most symbols of a frame that is decoded coherently.
pub(super) const MAX_SYMBOLS: usize = 512;
/// The carrier's noise starts with the mean of all carriers as if seen in this many symbols.
const MEAN_COUNTS: f32 = 10.0;
/// Nothing is quieter or louder than this part of the mean noise.
const QUIETEST: f32 = 0.02;
const LOUDEST: f32 = 50.0;
/// Searched differences of the clocks, either way.
pub(super) const MOST_PPM: f32 = 60.0;
/// Phase that a step of the search may turn the last symbol by.
const SEARCH_STEP_RADIANS: f32 = 0.3;

/// One figure for each carrier that is decoded.
pub(super) type Grouped<T> = [T; GROUPS];

pub(super) const NO_GAIN: Grouped<ComplexLanes> = [[Lanes::all(0.0); 2]; GROUPS];

/// Symbols known beforehand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pilot {
    /// Mean of y x*.
    pub(super) mean: Grouped<ComplexLanes>,
    /// How many symbols.
    pub(super) weight: f32,
    /// Their middle, in symbols after the first that is decoded.
    pub(super) at: f32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    pilots: [Pilot; 2],
    /// Where time is zero, in symbols after the first that is decoded: the middle of the pilots.
    origin: f32,
    pub(super) gain: Grouped<ComplexLanes>,
    /// Power of the noise on each carrier.
    pub(super) noise: Grouped<Lanes>,
    /// 1 / (noise of each symbol against the mean).
    pub(super) quiet: [f32; MAX_SYMBOLS],
    /// Noise of each symbol as the null tones told it beforehand.
    told: [f32; MAX_SYMBOLS],
    /// Radians per symbol and ppm.
    turn: Grouped<Lanes>,
    /// 1 where a lane holds a carrier, 0 elsewhere.
    used: Grouped<Lanes>,
    groups: usize,
    pub(super) carriers: f32,
    ppm: f32,
    symbol_seconds: f32,
}

/// Sums over the symbols of a frame in which soft decisions meet what was received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    /// y x*, and the same times the symbol's time.
    product: Grouped<ComplexLanes>,
    product_time: Grouped<ComplexLanes>,
    /// |x|^2, the same times the time, and times its square.
    certainty: Grouped<[Lanes; 3]>,
    /// |y - h x|^2 on each carrier, weighted, and in each symbol, in units of the carrier's noise.
    by_carrier: Grouped<Lanes>,
    by_symbol: [f32; MAX_SYMBOLS],
    symbols: usize,
}

impl Evidence {
    pub(super) const fn new() -> Self {
        Self {
            product: NO_GAIN,
            product_time: NO_GAIN,
            certainty: [[Lanes::all(0.0); 3]; GROUPS],
            by_carrier: [Lanes::all(0.0); GROUPS],
            by_symbol: [0.0; MAX_SYMBOLS],
            symbols: 0,
        }
    }

    pub(super) fn clear(&mut self, symbols: usize) {
        *self = Self { symbols, ..Self::new() };
    }
}

/// Turns with the clocks' difference from symbol to symbol.
#[derive(Clone, Copy)]
struct Rotor {
    now: ComplexLanes,
    step: ComplexLanes,
}

impl Rotor {
    /// e^(-j turn · ppm · symbols).
    fn new(turn: &Lanes, ppm: f32, from: f32) -> Self {
        let phasor = |symbols: f32| {
            let angle = *turn * (-ppm * symbols);
            [angle.map(libm::cosf), angle.map(libm::sinf)]
        };
        Self { now: phasor(from), step: phasor(1.0) }
    }

    #[inline(always)]
    fn next(&mut self) -> ComplexLanes {
        let now = self.now;
        self.now = times(&now, &self.step);
        now
    }
}

impl Channel {
    /// A line on which only pilots are known, of which there are one or two, and noise of each carrier. `bins` are
    /// those of the carriers.
    pub(super) fn new(bins: &[u16], rate_hz: f32, pilots: [Pilot; 2], noise: &[f32]) -> Self {
        let (mut turn, mut used) = ([Lanes::all(0.0); GROUPS], [Lanes::all(0.0); GROUPS]);
        let mut grouped_noise = [Lanes::all(1.0); GROUPS];
        for (place, (bin, noise)) in bins.iter().zip(noise).enumerate() {
            let (group, lane) = (place / LANES, place % LANES);
            let turns_per_symbol = f32::from(*bin) * SYMBOL_STRIDE as f32 / FFT_SAMPLES as f32;
            if let (Some(turn), Some(used), Some(grouped)) =
                (turn.get_mut(group), used.get_mut(group), grouped_noise.get_mut(group))
            {
                turn.0[lane] = TAU * turns_per_symbol * 1e-6;
                used.0[lane] = 1.0;
                grouped.0[lane] = noise.max(f32::MIN_POSITIVE);
            }
        }
        let weight: f32 = pilots.iter().map(|pilot| pilot.weight).sum();
        let moment: f32 = pilots.iter().map(|pilot| pilot.weight * pilot.at).sum();
        let mut channel = Self {
            pilots,
            origin: moment / weight.max(f32::MIN_POSITIVE),
            gain: NO_GAIN,
            noise: grouped_noise,
            quiet: [1.0; MAX_SYMBOLS],
            told: [1.0; MAX_SYMBOLS],
            turn,
            used,
            groups: bins.len().div_ceil(LANES),
            carriers: bins.len() as f32,
            ppm: 0.0,
            symbol_seconds: SYMBOL_STRIDE as f32 / rate_hz,
        };
        channel.estimate_gain(&Evidence::new());
        channel
    }

    /// The same line as what begins so many symbols later sees it.
    pub(super) fn after(&self, symbols: f32) -> Self {
        let pilots = self.pilots.map(|pilot| Pilot { at: pilot.at - symbols, ..pilot });
        let (quiet, told) = ([1.0; MAX_SYMBOLS], [1.0; MAX_SYMBOLS]);
        let mut later = Self { pilots, origin: self.origin - symbols, quiet, told, ..*self };
        later.estimate_gain(&Evidence::new());
        later
    }

    /// Sets the difference of the clocks.
    pub(super) fn set_ppm(&mut self, ppm: f32) {
        self.ppm = ppm;
        self.estimate_gain(&Evidence::new());
    }

    /// Sets what is known beforehand of a symbol's noise against the mean.
    pub(super) fn set_symbol_noise(&mut self, symbol: usize, noise: f32) {
        if let (Some(quiet), Some(told)) = (self.quiet.get_mut(symbol), self.told.get_mut(symbol)) {
            *quiet = 1.0 / noise.clamp(QUIETEST, LOUDEST);
            *told = noise;
        }
    }

    /// What the trellis of phases takes of a group's symbols: 2 h* y / N0.
    pub(super) fn observe(&self, group: usize, received: &[ComplexLanes], observed: &mut [ComplexLanes]) {
        let (Some(gain), Some(noise), Some(turn)) =
            (self.gain.get(group), self.noise.get(group), self.turn.get(group))
        else {
            return;
        };
        let mut rotor = Rotor::new(turn, self.ppm, -self.origin);
        let matched = [gain[0] * 2.0 / *noise, -(gain[1] * 2.0 / *noise)];
        for ((received, observed), quiet) in received.iter().zip(observed).zip(&self.quiet) {
            let turned = times(received, &rotor.next());
            let [re, im] = times(&turned, &matched);
            *observed = [re * *quiet, im * *quiet];
        }
    }

    /// Adds a group's symbols and the mean phasors found for them to the evidence.
    pub(super) fn compare(
        &self,
        group: usize,
        received: &[ComplexLanes],
        phasors: &[ComplexLanes],
        evidence: &mut Evidence,
    ) {
        let (Some(gain), Some(noise), Some(turn), Some(used)) =
            (self.gain.get(group), self.noise.get(group), self.turn.get(group), self.used.get(group))
        else {
            return;
        };
        let mut rotor = Rotor::new(turn, self.ppm, -self.origin);
        let gain_power = gain[0] * gain[0] + gain[1] * gain[1];
        let inverse_noise = *used / *noise;
        let (mut product, mut product_time) = ([Lanes::all(0.0); 2], [Lanes::all(0.0); 2]);
        let (mut certainty, mut by_carrier) = ([Lanes::all(0.0); 3], Lanes::all(0.0));
        let symbols = received.iter().zip(phasors).zip(&self.quiet).zip(&mut evidence.by_symbol);
        for (symbol, (((received, phasor), quiet), by_symbol)) in symbols.enumerate() {
            let time = symbol as f32 - self.origin;
            let turned = times(received, &rotor.next());
            let [re, im] = times(&turned, &[phasor[0], -phasor[1]]);
            let certain = (phasor[0] * phasor[0] + phasor[1] * phasor[1]) * *quiet;
            let weighted = [re * *quiet, im * *quiet];
            product = [product[0] + weighted[0], product[1] + weighted[1]];
            product_time = [product_time[0] + weighted[0] * time, product_time[1] + weighted[1] * time];
            certainty[0] += certain;
            certainty[1] += certain * time;
            certainty[2] += certain * (time * time);
            let power = received[0] * received[0] + received[1] * received[1];
            let error = power - (gain[0] * re + gain[1] * im) * 2.0 + gain_power;
            by_carrier += error * *quiet;
            *by_symbol += (error * inverse_noise).sum();
        }
        evidence.product[group] = product;
        evidence.product_time[group] = product_time;
        evidence.certainty[group] = certainty;
        evidence.by_carrier[group] = by_carrier;
    }

    /// Estimates everything anew.
    pub(super) fn learn(&mut self, evidence: &Evidence, track_clock: bool, mains_hz: Option<f32>) {
        if track_clock {
            self.step_clock(evidence);
        }
        self.estimate_gain(evidence);
        self.estimate_noise(evidence);
        if let Some(mains_hz) = mains_hz {
            self.estimate_symbol_noise(evidence, mains_hz);
        }
    }

    /// Pilots and soft decisions together.
    fn estimate_gain(&mut self, evidence: &Evidence) {
        for group in 0..self.groups {
            let Some(turn) = self.turn.get(group) else { continue };
            let [mut re, mut im] = evidence.product[group];
            let mut weight = evidence.certainty[group][0];
            for pilot in &self.pilots {
                let rotor = Rotor::new(turn, self.ppm, pilot.at - self.origin);
                let turned = times(&pilot.mean[group], &rotor.now);
                re += turned[0] * pilot.weight;
                im += turned[1] * pilot.weight;
                weight += Lanes::all(pilot.weight);
            }
            let weight = weight.map(|weight| 1.0 / weight.max(f32::MIN_POSITIVE));
            self.gain[group] = [re * weight, im * weight];
        }
    }

    /// One step of Newton's method on the clocks' difference, each carrier's phase being free.
    fn step_clock(&mut self, evidence: &Evidence) {
        let (mut slope, mut curvature) = (0.0, 0.0);
        for group in 0..self.groups {
            let [mut c0, mut c1, mut c2] = evidence.certainty[group];
            let [mut a, mut b] = [evidence.product[group], evidence.product_time[group]];
            let (gain, turn) = (&self.gain[group], &self.turn[group]);
            for pilot in &self.pilots {
                let time = pilot.at - self.origin;
                let turned = times(&pilot.mean[group], &Rotor::new(turn, self.ppm, time).now);
                for part in 0..2 {
                    a[part] += turned[part] * pilot.weight;
                    b[part] += turned[part] * (pilot.weight * time);
                }
                c0 += Lanes::all(pilot.weight);
                c1 += Lanes::all(pilot.weight * time);
                c2 += Lanes::all(pilot.weight * time * time);
            }
            let across = |of: &ComplexLanes| gain[0] * of[1] - gain[1] * of[0];
            let power = gain[0] * gain[0] + gain[1] * gain[1];
            let mean_time = c1 / c0.map(|c0| c0.max(f32::MIN_POSITIVE));
            let weight = self.used[group] / self.noise[group];
            slope += ((across(&b) - across(&a) * mean_time) * *turn * weight).sum();
            curvature += (power * (c2 - c1 * mean_time) * *turn * *turn * weight).sum();
        }
        if curvature > 0.0 {
            self.ppm = (self.ppm + slope / curvature).clamp(-1.5 * MOST_PPM, 1.5 * MOST_PPM);
        }
    }

    fn estimate_noise(&mut self, evidence: &Evidence) {
        let symbols = evidence.symbols as f32;
        let whole: f32 =
            evidence.by_carrier.iter().zip(&self.used).map(|(error, used)| (*error * *used).sum()).sum();
        let mean = (whole / (symbols * self.carriers).max(1.0)).max(f32::MIN_POSITIVE);
        for (noise, error) in self.noise.iter_mut().zip(&evidence.by_carrier) {
            *noise = error.map(|error| {
                ((error.max(0.0) + MEAN_COUNTS * mean) / (symbols + MEAN_COUNTS)).max(f32::MIN_POSITIVE)
            });
        }
    }

    /// Noise of each symbol: what the null tones told beforehand and what the carriers show together, folded over the mains
    /// half cycle, and what a symbol has beyond that. All as far as it is more than chance.
    fn estimate_symbol_noise(&mut self, evidence: &Evidence, mains_hz: f32) {
        let symbols = evidence.symbols.min(MAX_SYMBOLS);
        let nulls = NULL_TONES as f32;
        let told = self.told.get_mut(..symbols).unwrap_or_default();
        let quiet = self.quiet.get_mut(..symbols).unwrap_or_default();
        // Both witnesses by their own weighted means: they saw different carriers.
        let (mut of_told, mut of_error) = (0.0, 0.0);
        for ((told, error), quiet) in told.iter().zip(&evidence.by_symbol).zip(&*quiet) {
            of_told += told * quiet;
            of_error += error.max(0.0) * quiet;
        }
        let scale_told = symbols as f32 * nulls / of_told.max(f32::MIN_POSITIVE);
        let scale_error = symbols as f32 * self.carriers / of_error.max(f32::MIN_POSITIVE);
        let counts = nulls + self.carriers;
        let mut noise = [1.0_f32; MAX_SYMBOLS];
        for ((noise, told), error) in noise.iter_mut().zip(&*told).zip(&evidence.by_symbol) {
            *noise = ((scale_told * told + scale_error * error.max(0.0)) / counts).max(QUIETEST);
        }
        let noise = noise.get_mut(..symbols).unwrap_or_default();
        let folded = Folded::of(noise, counts, mains_hz, self.symbol_seconds);
        let mut beyond = [1.0_f32; MAX_SYMBOLS];
        let beyond = beyond.get_mut(..symbols).unwrap_or_default();
        for (symbol, (beyond, noise)) in beyond.iter_mut().zip(&*noise).enumerate() {
            *beyond = noise / folded.at(symbol);
        }
        beyond_chance(beyond, 1.0 / counts);
        let mut of_error_now = 0.0;
        for (symbol, ((quiet, beyond), error)) in
            quiet.iter_mut().zip(&*beyond).zip(&evidence.by_symbol).enumerate()
        {
            *quiet = 1.0 / (folded.at(symbol) * beyond).clamp(QUIETEST, LOUDEST);
            of_error_now += error.max(0.0) * *quiet;
        }
        // The carriers' noise was estimated under the weights before: these must mean the same.
        let same = of_error / of_error_now.max(f32::MIN_POSITIVE);
        quiet.iter_mut().for_each(|quiet| *quiet *= same);
    }

    /// Differences of the clocks to try for a frame of so many symbols: how many either way, and the step.
    pub(super) fn search_grid(&self, symbols: usize) -> (i32, f32) {
        let turn = self.turn.iter().flat_map(|turn| turn.0).fold(0.0, f32::max);
        let steps = libm::ceilf(MOST_PPM * turn * symbols as f32 / SEARCH_STEP_RADIANS).clamp(1.0, 64.0);
        (steps as i32, MOST_PPM / steps)
    }
}

/// Complex product in each lane.
#[inline(always)]
pub(super) fn times(one: &ComplexLanes, other: &ComplexLanes) -> ComplexLanes {
    [one[0] * other[0] - one[1] * other[1], one[0] * other[1] + one[1] * other[0]]
}

/// Carriers in groups of eight.
pub(super) fn grouped(carriers: impl Iterator<Item = Complex>) -> Grouped<ComplexLanes> {
    let mut groups = NO_GAIN;
    for (place, carrier) in carriers.enumerate() {
        if let Some([re, im]) = groups.get_mut(place / LANES) {
            re.0[place % LANES] = carrier.re;
            im.0[place % LANES] = carrier.im;
        }
    }
    groups
}

//! Clocks of modems that differ from the line's, by fractional resampling in both directions.
//!
//! Interpolation is by a windowed sinc, true to better than -70 dB for offsets up to 50 ppm, which tests check: the
//! narrow one up to 0.26 of the sample rate (CENELEC-A at 400 kHz), the wide one up to 0.41 (490 kHz at 1.2 MHz), the
//! sharp one, which sees further and is not for blocks that follow each other, up to 0.472 (PRIME's channel 8 at 1 MHz). They
//! expect nothing from one less that share on.

use crate::vector;
use dsp::cpu::Level;

/// Samples on each side of a point that interpolation looks at, at most, but for [`Interpolator::sharp`].
pub const REACH: usize = 16;
/// Samples over which coefficients glide from one set to another. At 50 ppm the position moves by 0.0064 samples in
/// that time, δ, and what is between the sets is wrong by (2πf δ)²/8: -89 dB at 0.41 of the sample rate.
const STRIDE: u64 = 128;
/// Taps of the narrow interpolator and shape of the Kaiser window.
const NARROW: Design = Design { beta: 8.5, fractions: 256 };
const NARROW_TAPS: usize = 16;
/// The same of the wide one.
const WIDE: Design = Design { beta: 8.8, fractions: 512 };
const WIDE_TAPS: usize = 32;
/// The same of the sharp one.
const SHARP: Design = Design { beta: 7.6, fractions: 512 };
const SHARP_TAPS: usize = 96;

/// Steps of the table beyond a whole sample: more than a stride's drift.
const BEYOND: usize = 8;

#[derive(Clone, Copy, Debug)]
struct Design {
    beta: f64,
    /// Fractions of a sample in the table; between them coefficients are interpolated linearly.
    fractions: usize,
}

/// Relation between the local samples of a modem and those of the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// Position on the line of local sample 0, in line samples.
    offset: f64,
    /// A local sample's length in line samples, less one.
    excess: f64,
}

impl Clock {
    /// A clock that is `ppm` faster than the line's and whose sample 0 is at line position `offset`.
    pub fn new(ppm: f64, offset: f64) -> Self {
        Self { offset, excess: 1.0 / (1.0 + ppm * 1e-6) - 1.0 }
    }

    /// Position of local sample `n` on the line: whole samples and a fraction.
    fn on_line(&self, n: u64) -> (i64, f64) {
        split(n, n as f64 * self.excess + self.offset)
    }

    /// Position of line sample `m` on the local clock: whole samples and a fraction.
    fn on_local(&self, m: u64) -> (i64, f64) {
        // (m - offset) / (1 + excess) = m - (m excess + offset) / (1 + excess)
        split(m, -(m as f64 * self.excess + self.offset) / (1.0 + self.excess))
    }

    /// How many local samples can be interpolated from line samples before `line_end`.
    pub fn local_before(&self, line_end: u64) -> u64 {
        // Local n needs line samples up to floor(position) + REACH. Drift within a stride is far below a sample.
        self.count(line_end, |n| self.on_line(n).0 + REACH as i64 + 1)
    }

    /// How many local samples interpolation of the line samples before `line_end` needs.
    pub fn local_for(&self, line_end: u64) -> u64 {
        let (whole, _) = self.on_local(line_end);
        (whole + REACH as i64 + 2).max(0) as u64
    }

    /// The greatest `n` with `need(n - 1) <= end`.
    fn count(&self, end: u64, need: impl Fn(u64) -> i64) -> u64 {
        let mut n = self.on_local(end).0.max(0) as u64;
        while n > 0 && need(n - 1) > end as i64 {
            n -= 1;
        }
        n
    }

    /// Line position of local sample `n`, rounded.
    pub fn nearest_line(&self, n: u64) -> i64 {
        let (whole, fraction) = self.on_line(n);
        whole + i64::from(fraction >= 0.5)
    }
}

fn split(n: u64, shift: f64) -> (i64, f64) {
    let whole = shift.floor();
    (n as i64 + whole as i64, shift - whole)
}

/// Samples with the index of the first.
#[derive(Clone, Copy, Debug)]
pub struct Stretch<'a> {
    /// Index of the first sample; samples before and after those given are zero.
    pub first: i64,
    /// The samples.
    pub samples: &'a [f32],
}

/// An interpolator; one serves every modem of its sample rate.
#[derive(Clone, Debug)]
pub struct Interpolator(Grade);

#[derive(Clone, Debug)]
enum Grade {
    Narrow(Table<NARROW_TAPS>),
    Wide(Table<WIDE_TAPS>),
    Sharp(Table<SHARP_TAPS>),
}

/// For each fraction, the taps for samples `floor - N/2 + 1 ..= floor + N/2`.
#[derive(Clone, Debug)]
struct Table<const N: usize> {
    level: Level,
    design: Design,
    /// From [`BEYOND`] steps below a fraction of 0 to as many above 1.
    rows: Vec<[f32; N]>,
}

impl Default for Interpolator {
    /// The wide one, which serves every band.
    fn default() -> Self {
        Self::wide()
    }
}

impl Interpolator {
    /// True up to 0.26 of the sample rate.
    pub fn narrow() -> Self {
        Self(Grade::Narrow(Table::new(NARROW)))
    }

    /// True up to 0.41 of the sample rate.
    pub fn wide() -> Self {
        Self(Grade::Wide(Table::new(WIDE)))
    }

    /// True up to 0.472 of the sample rate. It looks at 48 samples on each side, more than [`Clock::local_before`] and
    /// [`Clock::local_for`] count with: for signals that are there as a whole.
    pub fn sharp() -> Self {
        Self(Grade::Sharp(Table::new(SHARP)))
    }

    /// The cheapest one that is true up to `highest_hz` at a sample rate, the sharp one among them.
    pub fn sharp_enough(highest_hz: f64, rate_hz: f64) -> Self {
        if highest_hz <= 0.41 * rate_hz { Self::for_band(highest_hz, rate_hz) } else { Self::sharp() }
    }

    /// The cheaper one that is true up to `highest_hz` at a sample rate.
    pub fn for_band(highest_hz: f64, rate_hz: f64) -> Self {
        if highest_hz <= 0.2625 * rate_hz { Self::narrow() } else { Self::wide() }
    }

    /// Writes the local samples from `from` on, taken from the line.
    pub fn to_local(&self, clock: &Clock, line: Stretch<'_>, from: u64, out: &mut [f32]) {
        self.resample(|n| clock.on_line(n), line, from, out);
    }

    /// Writes the line samples from `from` on, taken from local samples.
    pub fn to_line(&self, clock: &Clock, local: Stretch<'_>, from: u64, out: &mut [f32]) {
        self.resample(|m| clock.on_local(m), local, from, out);
    }

    fn resample(&self, position: impl Fn(u64) -> (i64, f64), input: Stretch<'_>, from: u64, out: &mut [f32]) {
        match &self.0 {
            Grade::Narrow(table) => table.resample(position, input, from, out),
            Grade::Wide(table) => table.resample(position, input, from, out),
            Grade::Sharp(table) => table.resample(position, input, from, out),
        }
    }
}

impl<const N: usize> Table<N> {
    fn new(design: Design) -> Self {
        let half = (N / 2) as f64;
        let tap = |fraction: f64, k: usize| {
            let x = k as f64 - (half - 1.0) - fraction;
            // By `libm`, since campaigns are to be the same on every processor.
            let sinc = if x.abs() < 1e-12 {
                1.0
            } else {
                libm::sin(std::f64::consts::PI * x) / (std::f64::consts::PI * x)
            };
            let inside = 1.0 - (x / half).powi(2);
            let window = if inside <= 0.0 {
                0.0
            } else {
                bessel_i0(design.beta * inside.sqrt()) / bessel_i0(design.beta)
            };
            (sinc * window) as f32
        };
        let row = |step: usize| {
            let fraction = (step as f64 - BEYOND as f64) / design.fractions as f64;
            std::array::from_fn(|k| tap(fraction, k))
        };
        Self { level: Level::best(), design, rows: (0..=design.fractions + 2 * BEYOND).map(row).collect() }
    }

    fn resample(&self, position: impl Fn(u64) -> (i64, f64), input: Stretch<'_>, from: u64, out: &mut [f32]) {
        let mut at = from;
        let mut rest = out;
        while !rest.is_empty() {
            // Strides lie on multiples of their length, so that the blocks' lengths change nothing.
            let begin = at - at % STRIDE;
            let count = ((begin + STRIDE - at) as usize).min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            let (whole, fraction) = position(begin);
            let (end_whole, end_fraction) = position(begin + STRIDE);
            // The end's position with the beginning's whole samples: it may lie a little below 0 or above 1.
            let drift = (end_whole - whole - STRIDE as i64) as f64;
            let (first_taps, last_taps) = (self.taps(fraction), self.taps(end_fraction + drift));
            let taps: [[f32; 2]; N] = std::array::from_fn(|k| [first_taps[k], last_taps[k]]);
            let step = 1.0 / STRIDE as f32;
            let share = (at - begin) as f32 * step;
            let first = whole + (at - begin) as i64 - (N as i64 / 2 - 1) - input.first;
            self.convolve(&taps, input.samples, first, share, step, now);
            at += count as u64;
            rest = later;
        }
    }

    fn taps(&self, fraction: f64) -> [f32; N] {
        let scaled = fraction * self.design.fractions as f64 + BEYOND as f64;
        let step = (scaled.max(0.0) as usize).min(self.rows.len() - 2);
        let weight = (scaled - step as f64) as f32;
        let (a, b) = (&self.rows[step], &self.rows[step + 1]);
        std::array::from_fn(|k| a[k] * (1.0 - weight) + b[k] * weight)
    }

    /// The two filters' outputs, gliding from one to the other, of the samples from index `first` on, with zero
    /// outside.
    fn convolve(
        &self,
        taps: &[[f32; 2]; N],
        samples: &[f32],
        first: i64,
        share: f32,
        step: f32,
        out: &mut [f32],
    ) {
        let needed = out.len() + N - 1;
        let inside = usize::try_from(first).ok().and_then(|first| samples.get(first..first + needed));
        if let Some(input) = inside {
            vector::glide(self.level, taps, input, share, step, out);
            return;
        }
        let sample = |n: usize| -> f32 {
            usize::try_from(first + n as i64)
                .ok()
                .and_then(|index| samples.get(index))
                .copied()
                .unwrap_or(0.0)
        };
        let input: Vec<f32> = (0..needed).map(sample).collect();
        vector::glide(self.level, taps, &input, share, step, out);
    }
}

/// Modified Bessel function of the first kind, order 0.
fn bessel_i0(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..40 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// Worst error over a tone's samples after `to_local`, relative to its amplitude, in dB.
    fn error_db(interpolator: &Interpolator, ppm: f64, frequency: f64, start: u64) -> f64 {
        let clock = Clock::new(ppm, 0.37);
        let first = start as i64 - 60;
        let tone = |n: i64| (TAU * frequency * n as f64).cos();
        let line: Vec<f32> = (0..3_000).map(|i| tone(first + i) as f32).collect();
        let mut out = vec![0.0; 2_000];
        interpolator.to_local(&clock, Stretch { first, samples: &line }, start, &mut out);
        let worst = out.iter().enumerate().map(|(i, &found)| {
            let n = start + i as u64;
            let position = 0.37 + n as f64 / (1.0 + ppm * 1e-6);
            (f64::from(found) - (TAU * frequency * position).cos()).abs()
        });
        20.0 * worst.fold(0.0, f64::max).log10()
    }

    #[test]
    fn tones_in_the_band_survive_to_seventy_decibels() {
        let (narrow, wide, sharp) = (Interpolator::narrow(), Interpolator::wide(), Interpolator::sharp());
        for ppm in [-50.0, -25.0, 0.0, 25.0, 50.0] {
            for khz in [10.0, 30.0, 36.0, 63.0, 91.0, 105.0] {
                let error = error_db(&narrow, ppm, khz / 400.0, 0);
                assert!(error < -70.0, "{ppm} ppm, {khz} kHz: {error:.1} dB");
            }
            for khz in [10.0, 36.0, 154.0, 300.0, 403.0, 490.0] {
                let error = error_db(&wide, ppm, khz / 1_200.0, 0);
                assert!(error < -70.0, "{ppm} ppm, {khz} kHz at 1.2 MHz: {error:.1} dB");
            }
            for khz in [10.0, 42.0, 252.9, 362.3, 417.0, 424.8, 471.7] {
                let error = error_db(&sharp, ppm, khz / 1_000.0, 0);
                assert!(error < -70.0, "{ppm} ppm, {khz} kHz at 1 MHz: {error:.1} dB");
            }
        }
    }

    #[test]
    fn clocks_stay_exact_for_a_day() {
        // 25 ppm of a day at 400 kHz are 864 000 samples.
        let day = 24 * 3_600 * 400_000;
        let clock = Clock::new(25.0, 0.0);
        assert!((day as i64 - clock.on_line(day).0 - 863_978).abs() <= 1, "{}", clock.on_line(day).0);
        let (there, fraction) = clock.on_line(day);
        assert!((0.0..1.0).contains(&fraction));
        let back = clock.on_local(there as u64);
        assert!((back.0 - day as i64).abs() <= 1);
    }

    #[test]
    fn there_and_back_is_a_delay_of_nothing() {
        let clock = Clock::new(-20.0, 0.81);
        let interpolator = Interpolator::narrow();
        let tone = |n: i64| (TAU * 0.2 * n as f64).sin() as f32;
        let local: Vec<f32> = (0..4_000).map(tone).collect();
        let mut line = vec![0.0; 3_900];
        interpolator.to_line(&clock, Stretch { first: 0, samples: &local }, 20, &mut line);
        let mut back = vec![0.0; 3_000];
        interpolator.to_local(&clock, Stretch { first: 20, samples: &line }, 100, &mut back);
        for (i, &found) in back.iter().enumerate() {
            assert!((found - tone(100 + i as i64)).abs() < 7e-4, "{i}: {found}");
        }
    }

    #[test]
    fn blocks_join_without_a_seam() {
        let clock = Clock::new(17.0, 0.5);
        let interpolator = Interpolator::narrow();
        let line: Vec<f32> = (0..2_000).map(|n| (n as f32 * 1.1).sin()).collect();
        let stretch = Stretch { first: 0, samples: &line };
        let mut whole = vec![0.0; 1_900];
        interpolator.to_local(&clock, stretch, 40, &mut whole);
        let mut pieces = vec![0.0; 1_900];
        for (index, piece) in pieces.chunks_mut(57).enumerate() {
            interpolator.to_local(&clock, stretch, 40 + 57 * index as u64, piece);
        }
        assert_eq!(whole, pieces);
    }

    #[test]
    fn what_can_be_interpolated_is_counted_right() {
        for ppm in [-50.0, 0.0, 3.0, 50.0] {
            for offset in [0.0, 0.3, 0.999] {
                let clock = Clock::new(ppm, offset);
                for end in [0, 5, 256, 1_000_000, 400_000_000] {
                    let count = clock.local_before(end);
                    if count > 0 {
                        assert!(clock.on_line(count - 1).0 + (REACH as i64) < end as i64);
                    }
                    assert!(clock.on_line(count).0 + REACH as i64 + 1 >= end as i64);
                    let needed = clock.local_for(end);
                    assert!(end == 0 || clock.on_local(end - 1).0 + (REACH as i64) < needed as i64);
                }
            }
        }
    }
}

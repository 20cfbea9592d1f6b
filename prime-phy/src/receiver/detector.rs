//! Finds the chirp: a matched filter by Fourier transforms, whatever the level.
//!
//! Windows of 512 samples start every 256. A window is correlated with each half of the chirp: of the circular
//! correlation with 256 samples the first 256 delays are right. The first half found in one window and the second half
//! in the next at the same delay are the whole chirp, added in phase. All of a chirp lies within 109 bins, so a transform
//! of 256 points gives the correlation at every second sample, and loses at most 0.5 dB between two.
//!
//! The metric is |correlation|^2 over the product of both energies, 1 for the chirp alone. Of noise it exceeds r with
//! probability (1 - r)^(M - 1) in M = 97 dimensions: at the threshold that is e^-26, for some 50 000 independent trials a
//! second once in a thousand hours. A carrier above twice the mean magnitude is brought down to it first, so that a
//! disturber's tone neither hides the chirp nor makes up the energy alone.

use super::carriers::Spectrum;
use crate::channel::{CARRIERS, PREAMBLE_SAMPLES};
use crate::{Channel, chirp};
use dsp::Complex;
use dsp::fft::{ComplexFft, Size};

/// From one window to the next.
pub(super) const HOP: usize = PREAMBLE_SAMPLES / 2;

/// Points of the transform that gives the correlation.
const POINTS: usize = 256;
/// Delays looked at in a window: every second one of the right ones.
const DELAYS: usize = HOP / 2;
/// Bins beside the carriers that still hold some of half a chirp.
const MARGIN: usize = 6;
/// The metric of a preamble.
const THRESHOLD: f32 = 0.237;
/// A metric which no sidelobe and no other alignment can surpass: there is no need to wait for the next window.
const CLEAR: f32 = 0.5;
/// How far a bin may stand above the mean magnitude. A chirp half inside the window is at twice.
const ABOVE_MEAN: f32 = 2.0;

/// Where a preamble was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Peak {
    /// First sample of the chirp.
    pub(super) start: u64,
    metric: f32,
}

#[derive(Clone)]
pub(super) struct Detector {
    fft: ComplexFft,
    /// Bin of the transform's first point.
    first: usize,
    /// Conjugate spectra of the halves of the chirp.
    halves: [[Complex; POINTS]; 2],
    /// Energy of both over the points.
    energy: f32,
    /// Correlation of the window before with the first half, and its energy.
    before: Option<([Complex; DELAYS], f32)>,
    pending: Option<Peak>,
}

impl Detector {
    pub(super) fn new(channel: &Channel) -> Self {
        let first = usize::from(channel.first_carrier) + CARRIERS / 2 - POINTS / 2;
        let mut plan = ComplexFft::new(Size::N512);
        let mut energy = 0.0;
        let halves = core::array::from_fn(|half| {
            let mut samples = [Complex::default(); PREAMBLE_SAMPLES];
            let mut bins = samples;
            for (n, sample) in samples.iter_mut().take(HOP).enumerate() {
                *sample = chirp::sample(channel, half * HOP + n);
            }
            // Both lengths are the transform's.
            let _ = plan.forward(&samples, &mut bins);
            let mut points = [Complex::default(); POINTS];
            for (point, bin) in
                points.iter_mut().zip(bins.iter().skip(first)).skip(inside().start).take(inside().len())
            {
                *point = bin.conj();
                energy += bin.norm_sqr();
            }
            points
        });
        Self { fft: ComplexFft::new(Size::N256), first, halves, energy, before: None, pending: None }
    }

    /// Forgets what came before.
    pub(super) fn clear(&mut self) {
        (self.before, self.pending) = (None, None);
    }

    /// Takes the spectrum of the window that starts at `start`, 256 samples after the one before it. Tells of a preamble
    /// that began in the window before or in the one before that.
    pub(super) fn push(&mut self, spectrum: &Spectrum, start: u64) -> Option<Peak> {
        let mut points = [Complex::default(); POINTS];
        points.iter_mut().zip(spectrum.iter().skip(self.first)).for_each(|(point, bin)| *point = *bin);
        let energy = level(&mut points);
        let first = self.correlate(&points, 0);
        let second = self.correlate(&points, 1);
        let (before, energy_before) = self.before.replace((first, energy))?;
        let found =
            self.best(&before, &second, 0.5 * (energy + energy_before), start.saturating_sub(HOP as u64));
        match self.pending.take() {
            Some(pending) if pending.metric >= found.metric => Some(pending),
            Some(_) => Some(found),
            None if found.metric >= CLEAR => Some(found),
            None => {
                self.pending = (found.metric >= THRESHOLD).then_some(found);
                None
            }
        }
    }

    /// Whether a preamble may have begun.
    pub(super) fn suspects(&self) -> bool {
        self.pending.is_some()
    }

    /// Correlation with half 0 or 1 of the chirp.
    fn correlate(&mut self, points: &[Complex; POINTS], half: usize) -> [Complex; DELAYS] {
        let mut product = [Complex::default(); POINTS];
        for ((product, point), template) in product.iter_mut().zip(points).zip(&self.halves[half]) {
            *product = point * template;
        }
        let mut delays = [Complex::default(); POINTS];
        // Both lengths are the transform's.
        let _ = self.fft.inverse(&product, &mut delays);
        core::array::from_fn(|delay| delays[delay])
    }

    /// The best delay of the whole chirp against a window that starts at `start`.
    fn best(&self, first: &[Complex; DELAYS], second: &[Complex; DELAYS], energy: f32, start: u64) -> Peak {
        let powers: [f32; DELAYS] = core::array::from_fn(|delay| (first[delay] + second[delay]).norm_sqr());
        let (mut place, mut power) = (0, 0.0);
        for (delay, &candidate) in powers.iter().enumerate() {
            if candidate > power {
                (place, power) = (delay, candidate);
            }
        }
        let metric = power / (self.energy * energy).max(f32::MIN_POSITIVE);
        let around = place.checked_sub(1).and_then(|left| Some((powers.get(left)?, powers.get(place + 1)?)));
        // The top of the parabola through three points.
        let shift = around.map_or(0.0, |(&left, &right)| {
            (right - left) / (2.0 * (2.0 * power - left - right)).max(f32::MIN_POSITIVE)
        });
        let delay = 2.0 * (place as f32 + shift.clamp(-0.5, 0.5));
        Peak { start: start + (delay + 0.5).max(0.0) as u64, metric }
    }
}

/// Points that hold the chirp.
const fn inside() -> core::ops::Range<usize> {
    POINTS / 2 - CARRIERS / 2 - MARGIN..POINTS / 2 + CARRIERS / 2 + 1 + MARGIN
}

/// Brings down what stands far above the mean; the energy that is left.
fn level(points: &mut [Complex; POINTS]) -> f32 {
    let inside = points.get_mut(inside()).unwrap_or_default();
    let sum: f32 = inside.iter().map(|point| libm::sqrtf(point.norm_sqr())).sum();
    let limit = ABOVE_MEAN * sum / inside.len().max(1) as f32;
    let mut energy = 0.0;
    for point in inside {
        let power = point.norm_sqr();
        if power > limit * limit {
            *point *= limit / libm::sqrtf(power);
        }
        energy += power.min(limit * limit);
    }
    energy
}

impl core::fmt::Debug for Detector {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Detector").field("pending", &self.pending).finish_non_exhaustive()
    }
}

//! The unmasked carriers of a block of samples, and the little arithmetic on them that every stage shares.

use crate::band::{BandPlan, FFT_SAMPLES, MAX_CARRIERS};
use crate::tone::ToneMask;
use core::f32::consts::{FRAC_PI_8, TAU};
use dsp::Complex;
use dsp::fft::{RealFft, Size};

/// One value for each unmasked carrier, the lowest first; places beyond the last carrier stay zero.
pub(super) type Carriers = [Complex; MAX_CARRIERS];
/// One real figure for each unmasked carrier.
pub(super) type Figures = [f32; MAX_CARRIERS];

pub(super) const NO_CARRIERS: Carriers = [Complex::new(0.0, 0.0); MAX_CARRIERS];

/// Bins beside the band that carry nothing but noise: twelve below and twelve above, two bins away from the
/// carriers.
pub(super) const NULL_TONES: usize = 24;
/// Power of each null tone.
pub(super) type NullPowers = [f32; NULL_TONES];

/// Partial sums; the room for carriers is a multiple of it.
const LANES: usize = 8;
const _: () = assert!(MAX_CARRIERS.is_multiple_of(LANES));

/// Samples beyond this are taken for damage, not signal: full scale is 1.
const GREATEST_SAMPLE: f32 = 1e6;

/// How far a carrier may stand above the mean magnitude of all. Noise is cut there in one of six carriers.
pub(super) const ABOVE_MEAN: f32 = 1.5;

/// Transforms windows of 256 samples and picks the unmasked carriers.
#[derive(Clone, Debug)]
pub(super) struct CarrierBank {
    fft: RealFft,
    spectrum: [Complex; FFT_SAMPLES / 2 + 1],
    /// Bin of each unmasked carrier.
    bins: [u16; MAX_CARRIERS],
    count: usize,
    /// e^(j phase) of SYNCP.
    syncp: Carriers,
    null_bins: [u16; NULL_TONES],
}

impl CarrierBank {
    pub(super) fn new(plan: &BandPlan, mask: ToneMask) -> Self {
        let mut bank = Self {
            fft: RealFft::new(Size::N256),
            spectrum: [Complex::default(); FFT_SAMPLES / 2 + 1],
            bins: [0; MAX_CARRIERS],
            count: 0,
            syncp: NO_CARRIERS,
            null_bins: [0; NULL_TONES],
        };
        let (lowest, highest) = (plan.first_carrier, plan.first_carrier + plan.carriers() as u16 - 1);
        for (place, bin) in bank.null_bins.iter_mut().enumerate() {
            let away = 3 + (place / 2) as u16;
            *bin = if place % 2 == 0 { lowest.saturating_sub(away) } else { highest + away };
        }
        let unmasked = plan.unmasked(mask).offsets().zip(bank.bins.iter_mut().zip(&mut bank.syncp));
        for (offset, (bin, syncp)) in unmasked {
            let phase = plan.syncp_phases.get(offset).copied().unwrap_or_default();
            *bin = plan.first_carrier + offset as u16;
            *syncp = phasor(f32::from(phase) * FRAC_PI_8);
            bank.count += 1;
        }
        bank
    }

    /// How many carriers there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Bins of the carriers.
    pub(super) fn bins(&self) -> &[u16] {
        &self.bins[..self.count]
    }

    /// e^(j phase) of SYNCP on each carrier.
    pub(super) fn syncp(&self) -> &Carriers {
        &self.syncp
    }

    /// The carriers of one window.
    pub(super) fn transform(&mut self, window: &[f32; FFT_SAMPLES]) -> Carriers {
        // Both lengths are the transform's.
        let _ = self.fft.forward(window, &mut self.spectrum);
        let mut carriers = NO_CARRIERS;
        for (carrier, &bin) in carriers.iter_mut().zip(&self.bins[..self.count]) {
            *carrier = self.spectrum.get(usize::from(bin)).copied().unwrap_or_default();
        }
        carriers
    }

    /// All bins of the window transformed last.
    pub(super) fn spectrum(&self) -> &[Complex; FFT_SAMPLES / 2 + 1] {
        &self.spectrum
    }

    /// Power of the null tones in the window transformed last.
    pub(super) fn null_powers(&self) -> NullPowers {
        self.null_bins.map(|bin| self.spectrum.get(usize::from(bin)).map_or(0.0, Complex::norm_sqr))
    }

    /// The carriers of one window without the phases of SYNCP.
    pub(super) fn transform_against_syncp(&mut self, window: &[f32; FFT_SAMPLES]) -> Carriers {
        let mut carriers = self.transform(window);
        carriers.iter_mut().zip(&self.syncp).for_each(|(carrier, syncp)| *carrier *= syncp.conj());
        carriers
    }

    /// What the carriers would be in a window that starts `samples` later in a signal of period 256.
    pub(super) fn advance(&self, carriers: &mut Carriers, samples: i32) {
        for (carrier, &bin) in carriers.iter_mut().zip(&self.bins[..self.count]) {
            let turns = (i32::from(bin) * samples).rem_euclid(FFT_SAMPLES as i32);
            *carrier *= phasor(TAU * turns as f32 / FFT_SAMPLES as f32);
        }
    }
}

/// Copies samples; what is not a number or beyond all reason becomes silence.
pub(super) fn copy_sane(from: &[f32], to: &mut [f32]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = if from.abs() < GREATEST_SAMPLE { from } else { 0.0 };
    }
}

/// Sum of the squared magnitudes.
pub(super) fn power(carriers: &Carriers) -> f32 {
    sum_of(carriers, carriers, |carrier, _| carrier.norm_sqr())
}

/// Real part of the inner product: positive where two windows agree.
pub(super) fn agreement(one: &Carriers, other: &Carriers) -> f32 {
    sum_of(one, other, |one, other| one.re * other.re + one.im * other.im)
}

/// Sum over the carriers, in eight lanes: a plain sum of floats waits for each addition.
pub(super) fn sum_of<A, B>(
    one: &[A; MAX_CARRIERS],
    other: &[B; MAX_CARRIERS],
    of: impl Fn(&A, &B) -> f32,
) -> f32 {
    let mut lanes = [0.0; LANES];
    for (one, other) in one.as_chunks::<LANES>().0.iter().zip(other.as_chunks::<LANES>().0) {
        for ((lane, one), other) in lanes.iter_mut().zip(one).zip(other) {
            *lane += of(one, other);
        }
    }
    lanes.iter().sum()
}

/// The carriers with the sum of their powers brought to 1 and none far above the mean magnitude, so that neither a
/// loud window nor a disturber's carrier outweighs the others.
pub(super) fn levelled(carriers: &Carriers, count: usize) -> Carriers {
    let inverse = carriers.map(|carrier| inverse_sqrt(carrier.norm_sqr()));
    let magnitudes = sum_of(carriers, &inverse, |carrier, inverse| carrier.norm_sqr() * inverse);
    let limit = ABOVE_MEAN * magnitudes / count.max(1) as f32;
    let mut levelled = *carriers;
    for (carrier, inverse) in levelled.iter_mut().zip(&inverse) {
        *carrier *= (limit * inverse).min(1.0);
    }
    let unit = inverse_sqrt(power(&levelled));
    levelled.iter_mut().for_each(|carrier| *carrier *= unit);
    levelled
}

pub(super) fn scale(carriers: &mut Carriers, factor: f32) {
    carriers.iter_mut().for_each(|carrier| *carrier *= factor);
}

pub(super) fn add(to: &mut Carriers, more: &Carriers, factor: f32) {
    to.iter_mut().zip(more).for_each(|(to, more)| *to += more * factor);
}

/// Noise of carriers that a dozen symbols tell only roughly, the variance of an estimate being `chance` in units of its square:
/// where the carriers differ by more than that, half way to the mean of all, which costs little in white noise and still mutes
/// a carrier with a disturber.
pub(super) fn towards_mean(noise: &Figures, carriers: usize, chance: f32) -> Figures {
    let count = carriers.max(1) as f32;
    let mean = noise.iter().take(carriers).sum::<f32>() / count;
    let spread = |noise: &f32| (noise - mean) * (noise - mean);
    let variance = noise.iter().take(carriers).map(spread).sum::<f32>() / count;
    let believed = (1.0 - chance * mean * mean / variance.max(f32::MIN_POSITIVE)).clamp(0.0, 0.5);
    noise.map(|noise| (mean + believed * (noise - mean)).max(f32::MIN_POSITIVE))
}

/// 1/sqrt(value) to 5e-6; large but finite for zero. Vectorises, which a call of `libm` does not.
pub(super) fn inverse_sqrt(value: f32) -> f32 {
    let value = value.max(f32::MIN_POSITIVE);
    let mut root = f32::from_bits(0x5F37_59DF - (value.to_bits() >> 1));
    let half = 0.5 * value;
    root *= 1.5 - half * root * root;
    root * (1.5 - half * root * root)
}

fn phasor(angle: f32) -> Complex {
    Complex::new(libm::cosf(angle), libm::sinf(angle))
}

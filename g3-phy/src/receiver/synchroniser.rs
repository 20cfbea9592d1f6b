//! Follows a preamble that was found to the sign flip from SYNCP to SYNCM, which tells where the frame lies.
//!
//! Windows are aligned to symbols now: each is a whole SYNCP or SYNCM, so its agreement with the windows before it
//! is close to +1 or -1 times what noise leaves of it.

use super::carriers::{CarrierBank, Carriers, Figures, add, agreement, inverse_sqrt, levelled, power, scale};
use super::detector::{Detection, Detector};
use crate::band::{FFT_SAMPLES, MAX_CARRIERS, SYNCP_SYMBOLS};

/// Agreement from which a window counts: a standard deviation of what noise alone gives, 1/sqrt(72). Higher bounds
/// throw away the noisy half of mains-synchronous noise (docs/decisions/0002).
const CLEAR: f32 = 0.12;
/// Windows that may be unclear, by an impulse say, before the preamble is given up.
const MOST_LOST: usize = 3;

/// A window so many times as loud as the ones before holds a burst, whatever it agrees with. Mains-synchronous noise that swings
/// by 13 dB stays below that.
const LOUD: f32 = 10.0;
/// A flip that follows an unclear window and agrees less than this part of what the windows before did is the half symbol
/// after SYNCM: the unclear one was SYNCM.
const HALF: f32 = 0.7;

/// What an aligned window showed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Progress {
    /// Another SYNCP, or an unclear window.
    Preamble,
    /// SYNCM.
    Flip,
    /// The window before was SYNCM.
    FlipBefore,
    /// This is no preamble.
    Lost,
}

#[derive(Clone, Debug)]
pub(super) struct Synchroniser {
    /// Sum of the windows, each of unit power, SYNCM with its sign turned.
    reference: Carriers,
    weight: f32,
    carriers: usize,
    /// The same of the aligned windows at their own level, and their power on each carrier.
    sum: Carriers,
    power: Figures,
    aligned: usize,
    seen: usize,
    lost: usize,
    /// Whether the window before was unclear, and sum of the agreements of those that were not.
    was_unclear: bool,
    agreements: f32,
}

impl Synchroniser {
    /// Takes over from the detector; aligned windows start `delay` + 256 samples after the detector's newest.
    pub(super) fn new(found: &Detection, bank: &CarrierBank) -> Self {
        let mut reference = found.sum;
        bank.advance(&mut reference, found.delay as i32);
        Self {
            reference,
            weight: found.windows as f32,
            carriers: bank.count(),
            sum: super::carriers::NO_CARRIERS,
            power: [0.0; MAX_CARRIERS],
            aligned: 0,
            seen: 0,
            lost: 0,
            was_unclear: false,
            agreements: 0.0,
        }
    }

    /// Takes the next aligned window, freed of SYNCP's phases.
    pub(super) fn push(&mut self, window: &Carriers) -> Progress {
        let unit = levelled(window, self.carriers);
        let agreement = agreement(&unit, &self.reference) * inverse_sqrt(power(&self.reference));
        self.seen += 1;
        let usual = self.power.iter().sum::<f32>();
        let is_loud = self.aligned > 0 && power(window) * self.aligned as f32 > LOUD * usual;
        let was_unclear = core::mem::replace(&mut self.was_unclear, is_loud || agreement.abs() < CLEAR);
        if self.was_unclear {
            self.lost += usize::from(!is_loud);
        } else {
            let sign = agreement.signum();
            if sign < 0.0
                && was_unclear
                && self.aligned > 0
                && -agreement < HALF * self.agreements / self.aligned as f32
            {
                return Progress::FlipBefore;
            }
            self.agreements += agreement.abs();
            add(&mut self.reference, &unit, sign);
            self.weight += 1.0;
            add(&mut self.sum, window, sign);
            self.aligned += 1;
            self.power.iter_mut().zip(window).for_each(|(power, carrier)| *power += carrier.norm_sqr());
            if sign < 0.0 {
                return Progress::Flip;
            }
        }
        if self.lost > MOST_LOST || self.seen > SYNCP_SYMBOLS { Progress::Lost } else { Progress::Preamble }
    }

    /// How many samples later than supposed the symbol boundaries are.
    pub(super) fn offset(&self, detector: &mut Detector) -> i32 {
        detector.refine(&self.reference)
    }

    /// The first FCH symbol's reference: SYNCP as a window would see it that starts `advance` samples after the
    /// boundary of an aligned one, at the preamble's level.
    pub(super) fn header_reference(&self, bank: &CarrierBank, advance: i32) -> Carriers {
        let mut reference = self.reference;
        bank.advance(&mut reference, advance);
        let level = libm::sqrtf(self.power.iter().sum::<f32>() / self.aligned.max(1) as f32);
        scale(&mut reference, level / self.weight);
        reference.iter_mut().zip(bank.syncp()).for_each(|(carrier, syncp)| *carrier *= syncp);
        reference
    }

    /// How many windows the first FCH symbol's reference is of.
    pub(super) fn windows(&self) -> f32 {
        self.weight
    }

    /// Power of the noise on all carriers together, where enough windows were aligned to tell.
    pub(super) fn noise_power(&self) -> Option<f32> {
        let windows = self.aligned as f32;
        let signal = power(&self.sum) / windows;
        (self.aligned >= 2).then(|| (self.power.iter().sum::<f32>() - signal) / (windows - 1.0))
    }

    /// Samples that the preamble has before the symbol of the flip.
    pub(super) const SAMPLES_BEFORE_FLIP: u64 = (SYNCP_SYMBOLS * FFT_SAMPLES) as u64;
}

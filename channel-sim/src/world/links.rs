//! What the line model says of the links between the coordinator and its meters.

use super::modem::Attachment;
use crate::line::Line;
use crate::noise::{Conditions, NoisePlan};
use g3_phy::band::FFT_SAMPLES;
use g3_phy::{BandPlan, ToneMask};
use num_complex::Complex64;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Points of the receiver's transform.
const POINTS: usize = FFT_SAMPLES;
/// Signal to noise at which Robust loses one frame in ten (g3-phy digest 11.3).
pub const ROBUST_DB: f32 = -2.0;
/// What a link must have in addition to be in reach.
pub const REACH_MARGIN_DB: f32 = 3.0;

/// One meter's links with the coordinator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkReport {
    /// Index into the scenario's meters.
    pub meter: usize,
    /// From the coordinator to the meter.
    pub down: Direction,
    /// From the meter to the coordinator.
    pub up: Direction,
    /// Whether both directions have at least 3 dB more than the Robust modulation needs.
    pub in_reach: bool,
}

/// One direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Direction {
    /// Effective signal to noise over the carriers, in dB: the signal to noise of a flat channel with the same
    /// mean of exp(-Es/N0). For coded DBPSK with interleaving this is what decides (the pairwise error
    /// probability of d bits is a product of d such terms).
    pub snr_db: f32,
    /// Signal to noise of the worst carrier, in dB.
    pub worst_carrier_db: f32,
    /// Mean loss over the carriers, from the transmitter's source to the receiver's port, in dB.
    pub loss_db: f32,
}

impl LinkReport {
    /// From both directions.
    pub fn new(meter: usize, down: Direction, up: Direction) -> Self {
        let enough = |direction: Direction| direction.snr_db >= ROBUST_DB + REACH_MARGIN_DB;
        Self { meter, down, up, in_reach: enough(down) && enough(up) }
    }
}

/// The carriers of a band, and what surrounds its receivers.
#[derive(Clone, Debug, PartialEq)]
pub struct Carriers {
    bins: Vec<usize>,
    /// Sample rate, band and coupler.
    pub conditions: Conditions,
}

impl Carriers {
    /// All that a band uses.
    pub fn of(plan: &BandPlan) -> Self {
        let first = usize::from(plan.first_carrier);
        let bins: Vec<usize> = plan.unmasked(ToneMask::ALL).offsets().map(|offset| first + offset).collect();
        let attachment = Attachment::of(plan);
        let [stop, pass, ..] = attachment.coupler_hz;
        let mut carriers = Self {
            bins,
            conditions: Conditions {
                rate_hz: attachment.rate_hz,
                coupler_hz: Some([stop, pass]),
                ..Conditions::CENELEC_A
            },
        };
        let hz = carriers.hz();
        if let (Some(low), Some(high)) = (hz.first(), hz.last()) {
            carriers.conditions.band_hz = [*low, *high];
        }
        carriers
    }

    /// Their frequencies.
    pub fn hz(&self) -> Vec<f64> {
        self.bins.iter().map(|&bin| bin as f64 * self.conditions.rate_hz / POINTS as f64).collect()
    }

    /// What noise has in their bins, as a rectangular 256-point transform finds it, averaged over the mains period.
    pub fn noise(&self, noise: &NoisePlan) -> Vec<f64> {
        self.bins.iter().map(|&bin| noise.bin_power(POINTS, bin)).collect()
    }
}

/// Mains phases over which the links of a line are averaged that follows the mains.
const MAINS_BINS: usize = 8;

/// Mean power gains at a band's carriers: for each carrier the entries of `transfer`, a function of frequency and of
/// L1's phase in turns, averaged over that phase where the line follows the mains.
pub fn mean_gains(
    line: &Line,
    carriers: &Carriers,
    transfer: impl Fn(f64, f64) -> Vec<Complex64> + Sync,
) -> Vec<Vec<f64>> {
    let bins = if line.follows_mains() { MAINS_BINS } else { 1 };
    let of_carrier = |hz: f64| {
        let mut sum: Vec<f64> = Vec::new();
        for bin in 0..bins {
            let turns = 0.5 * bin as f64 / bins as f64;
            let powers = transfer(hz, turns).into_iter().map(|value| value.norm_sqr() / bins as f64);
            match sum.is_empty() {
                true => sum.extend(powers),
                false => sum.iter_mut().zip(powers).for_each(|(sum, power)| *sum += power),
            }
        }
        sum
    };
    carriers.hz().into_par_iter().map(of_carrier).collect()
}

/// The link whose power gains at a band's carriers are given to a port with `noise` at them. All carriers are
/// sent with equal power, together `source_volts` rms.
pub fn direction(gains: impl IntoIterator<Item = f64>, source_volts: f64, noise: &[f64]) -> Direction {
    let carriers = noise.len() as f64;
    let (mut decay, mut loss, mut worst) = (0.0, 0.0, f64::INFINITY);
    for (gain, noise) in gains.into_iter().zip(noise) {
        // A carrier of power P has |X|² = P N² / 2 in the transform.
        let signal = source_volts.powi(2) / carriers * gain * (POINTS * POINTS) as f64 / 2.0;
        let snr = signal / noise.max(f64::MIN_POSITIVE);
        decay += libm::exp(-snr) / carriers;
        loss -= 10.0 * libm::log10(gain.max(1e-30)) / carriers;
        worst = worst.min(snr);
    }
    // Where every term has vanished the worst carrier is what is left to say.
    let effective = if decay > 0.0 { -libm::log(decay) } else { worst };
    Direction {
        snr_db: (10.0 * libm::log10(effective.max(1e-12))) as f32,
        worst_carrier_db: (10.0 * libm::log10(worst.max(1e-12))) as f32,
        loss_db: loss as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers_are_the_bands() {
        let cenelec = Carriers::of(&BandPlan::CENELEC_A);
        assert_eq!(cenelec.conditions, Conditions::CENELEC_A);
        assert_eq!((cenelec.hz().len(), cenelec.hz()[0], cenelec.hz()[35]), (36, 35_937.5, 90_625.0));
        let fcc = Carriers::of(&BandPlan::FCC_1_B);
        assert_eq!((fcc.hz().len(), fcc.hz()[0], fcc.hz()[39]), (40, 304_687.5, 487_500.0));
    }
}

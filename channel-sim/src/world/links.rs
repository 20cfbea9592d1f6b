//! What the line model says of the links between the coordinator and its meters.

use crate::noise::NoisePlan;
use serde::{Deserialize, Serialize};

/// FFT bins of CENELEC-A's carriers (g3-phy digest 1.1).
const CARRIERS: std::ops::RangeInclusive<usize> = 23..=58;
/// Points of the receiver's transform.
const POINTS: usize = 256;
/// Its sample rate.
const RATE_HZ: f64 = 400_000.0;
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

/// Frequencies of CENELEC-A's carriers.
pub fn carriers_hz() -> Vec<f64> {
    CARRIERS.map(|bin| bin as f64 * RATE_HZ / POINTS as f64).collect()
}

/// What noise has in the bins of CENELEC-A's carriers, as a rectangular 256-point transform finds it at 400 kHz,
/// averaged over the mains period.
pub fn carrier_noise(noise: &NoisePlan) -> Vec<f64> {
    CARRIERS.map(|bin| noise.bin_power(POINTS, bin)).collect()
}

/// The link whose power gains at the carriers of CENELEC-A are given to a port with `noise` at them. All carriers are
/// sent with equal power, together `source_volts` rms.
pub fn direction(gains: impl IntoIterator<Item = f64>, source_volts: f64, noise: &[f64]) -> Direction {
    let carriers = CARRIERS.count() as f64;
    let (mut decay, mut loss, mut worst) = (0.0, 0.0, f64::INFINITY);
    for (gain, noise) in gains.into_iter().zip(noise) {
        // A carrier of power P has |X|² = P N² / 2 in the transform.
        let signal = source_volts.powi(2) / carriers * gain * (POINTS * POINTS) as f64 / 2.0;
        let snr = signal / noise.max(f64::MIN_POSITIVE);
        decay += (-snr).exp() / carriers;
        loss -= 10.0 * gain.max(1e-30).log10() / carriers;
        worst = worst.min(snr);
    }
    // Where every term has vanished the worst carrier is what is left to say.
    let effective = if decay > 0.0 { -decay.ln() } else { worst };
    Direction {
        snr_db: (10.0 * effective.max(1e-12).log10()) as f32,
        worst_carrier_db: (10.0 * worst.max(1e-12).log10()) as f32,
        loss_db: loss as f32,
    }
}

//! The digests' own simulations in white Gaussian noise, ideal synchronisation (g3-phy 11.3, receiver 2, prime 9.5).

use super::System;
use super::campaign::Task;
use crate::reference::tables;
use g3_phy::{Detection, Modulation};
use prime_phy::Scheme;

/// Es/N0 per carrier at which a share of the frames is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Awgn {
    /// One in ten.
    pub fer_10_percent_db: f64,
    /// One in a hundred, where the digest has it.
    pub fer_1_percent_db: Option<f64>,
}

/// The figures for a point: those of its system, where they are of its noise, channel and frames' size.
pub(super) fn at(task: &Task) -> Option<Awgn> {
    let octets = match task.system {
        System::G3 { .. } => 100,
        System::Prime { .. } => 140,
        System::Reference { .. } => tables::OCTETS,
    };
    let same_size = task.system.filled_octets(octets) == Some(task.octets);
    awgn(&task.system).filter(|_| same_size && task.is_plain())
}

/// The figures for a system; `None` where the digests have none. G3's are of 100 octets filled up to what the symbols
/// of CENELEC-A carry and good for the other bands, PRIME's of 140, the reference chain's of 133.
pub fn awgn(system: &System) -> Option<Awgn> {
    let of = |ten, one| Awgn { fer_10_percent_db: ten, fer_1_percent_db: one };
    match system {
        System::G3 { modulation, variant, .. } => {
            if let Some(&(_, (ten, one))) = COHERENT.iter().find(|row| row.0 == *modulation) {
                return Some(of(ten, Some(one)));
            }
            let passes = match variant.g3_receiver().detection {
                Detection::Differential => 0,
                Detection::Coherent { passes } => passes,
            };
            let (_, row) = RECEIVERS.iter().find(|row| row.0 == passes)?;
            let mode = Modulation::ALL.iter().position(|of| of == modulation)?;
            row.get(mode).map(|&(ten, one)| of(ten, Some(one)))
        }
        System::Prime { variant, .. } if variant.prime_receiver().detection != Detection::Differential => {
            None
        }
        System::Prime { scheme, .. } => Some(match scheme {
            Scheme::DbpskC => of(3.0, None),
            Scheme::DqpskC => of(6.0, None),
            Scheme::D8pskC => of(9.7, None),
            Scheme::Dbpsk => of(9.2, None),
            Scheme::Dqpsk => of(13.7, None),
            Scheme::D8psk => of(19.5, None),
            Scheme::RobustDbpsk => of(-1.2, None),
            Scheme::RobustDqpsk => of(1.0, None),
        }),
        System::Reference { scheme } => tables::fer(*scheme).map(|(ten, one)| of(ten, Some(one))),
    }
}

/// Coherent modulations with a known channel (g3-phy 11.3).
const COHERENT: [(Modulation, (f64, f64)); 4] = [
    (Modulation::RobustCoherent, (-7.05, -6.5)),
    (Modulation::Bpsk, (-1.4, -0.9)),
    (Modulation::Qpsk, (1.6, 2.05)),
    (Modulation::Psk8, (4.8, 5.3)),
];

/// Passes, 0 for the differential receiver, and its figures in Robust, DBPSK, DQPSK and D8PSK (g3-phy 11.3 and receiver 2).
#[rustfmt::skip]
#[allow(clippy::approx_constant, reason = "3.14 dB")]
const RECEIVERS: [(u8, [(f64, f64); 4]); 6] = [
    (0,  [(-2.0,  -1.65), ( 1.8,   2.2),  (4.7,  5.2),  (8.05, 8.55)]),
    (1,  [(-2.85, -2.48), ( 0.89,  1.30), (3.85, 4.23), (7.52, 8.05)]),
    (2,  [(-4.23, -3.98), ( 0.12,  0.45), (2.86, 3.14), (6.12, 6.51)]),
    (4,  [(-5.22, -4.96), (-0.43, -0.13), (2.30, 2.54), (5.39, 5.72)]),
    (8,  [(-6.02, -5.76), (-0.85, -0.49), (2.03, 2.27), (5.04, 5.35)]),
    (16, [(-6.49, -6.24), (-1.11, -0.79), (1.91, 2.15), (4.89, 5.21)]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_receivers_have_lower_figures_in_every_mode() {
        let figures = |mode: &str, receiver: &str| {
            let system: System = format!("g3/cenelec-a/{mode}/{receiver}").parse().unwrap();
            awgn(&system).unwrap()
        };
        for mode in ["robust", "dbpsk", "dqpsk", "d8psk"] {
            let ladder = ["default", "receiver=coherent", "receiver=iterative-2", "receiver=iterative-8"];
            let ladder = ladder.map(|receiver| figures(mode, receiver));
            assert!(
                ladder.windows(2).all(|pair| pair[1].fer_10_percent_db < pair[0].fer_10_percent_db - 0.5)
            );
            assert!(ladder.iter().all(|of| of.fer_1_percent_db > Some(of.fer_10_percent_db)));
            assert_eq!(figures(mode, "receiver=matched"), figures(mode, "default"));
        }
        let robust = figures("robust", "receiver=iterative-8");
        assert_eq!((robust.fer_10_percent_db, robust.fer_1_percent_db), (-6.02, Some(-5.76)));
    }
}

//! The digests' own simulations in white Gaussian noise, ideal synchronisation (g3-phy 11.3, prime 9.5).

use super::System;
use super::campaign::Task;
use super::system::filled_octets;
use crate::reference::tables;
use g3_phy::Modulation;
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
    let same_size = filled_octets(&task.system, octets) == Some(task.octets);
    awgn(&task.system).filter(|_| same_size && task.is_plain())
}

/// The figures for a system; `None` where the digests have none. G3's are of 100 octets filled up to what the symbols
/// of CENELEC-A carry and good for the other bands, PRIME's of 140, the reference chain's of 133.
pub fn awgn(system: &System) -> Option<Awgn> {
    let of = |ten, one| Awgn { fer_10_percent_db: ten, fer_1_percent_db: one };
    match system {
        System::G3 { modulation, .. } => {
            // A modulation that the table does not have has no figure.
            #[allow(unreachable_patterns, reason = "g3-phy may have more modulations than the digest")]
            match modulation {
                Modulation::Robust => Some(of(-2.0, Some(-1.65))),
                Modulation::Dbpsk => Some(of(1.8, Some(2.2))),
                Modulation::Dqpsk => Some(of(4.7, Some(5.2))),
                Modulation::D8psk => Some(of(8.05, Some(8.55))),
                _ => None,
            }
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

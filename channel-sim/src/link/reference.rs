//! The digest's own simulation in white Gaussian noise (g3-phy 11.3).

use g3_phy::Modulation;

/// Es/N0 per carrier at which a modulation loses frames of 100 octets, ideal synchronisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Awgn {
    /// One in ten.
    pub fer_10_percent_db: f64,
    /// One in a hundred.
    pub fer_1_percent_db: f64,
}

/// Table 11.3, the differential modulations.
pub fn awgn(modulation: Modulation) -> Awgn {
    let (fer_10_percent_db, fer_1_percent_db) = match modulation {
        Modulation::Robust => (-2.0, -1.65),
        Modulation::Dbpsk => (1.8, 2.2),
        Modulation::Dqpsk => (4.7, 5.2),
        Modulation::D8psk => (8.05, 8.55),
    };
    Awgn { fer_10_percent_db, fer_1_percent_db }
}

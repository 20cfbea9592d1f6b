//! How the interleaver spreads a payload over the carriers, and what a poor spread costs.
//!
//! A Viterbi decoder sees some thirty coded bits at a time. Where the interleaver puts neighbours on the same few
//! carriers (with 36 symbols of DBPSK, 36 bits in a row stand on two of them), a frequency-selective link has
//! stretches of code on bad carriers alone, and a mean over all carriers promises too much. So the effective ratio
//! is formed window by window of coded bits, each gives a share of wrong octets, and the mean of these shares, which
//! is what Reed and Solomon's code has to mend, is turned back into a ratio.

use super::crossing::{inverse_tail, tail};
use std::collections::BTreeMap;

/// Coded bits of a window.
pub const WINDOW_BITS: usize = 32;
/// Coded bits between windows.
const STEP_BITS: usize = 16;
/// From one standard deviation of a window's octet errors to the next, in dB of its effective ratio.
pub const WINDOW_SPREAD_DB: f64 = 1.2;
/// Share of wrong octets at which a frame is lost.
const MENDABLE: f64 = 0.1;

/// The carriers of each window of coded bits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Windows {
    /// Share of each carrier in each window.
    shares: Vec<Vec<(u8, f32)>>,
    /// Carriers of the copies of each coded bit.
    copies: Vec<Vec<u8>>,
}

impl Windows {
    /// The windows of a payload, for each coded bit of which it is given on which carriers its copies stand.
    pub fn new(carriers_of: Vec<Vec<u8>>) -> Self {
        let shares = (0..carriers_of.len().saturating_sub(WINDOW_BITS) + 1)
            .step_by(STEP_BITS)
            .map(|from| {
                let mut count: BTreeMap<u8, u32> = BTreeMap::new();
                let window = carriers_of.get(from..from + WINDOW_BITS).unwrap_or_default();
                window.iter().flatten().for_each(|&carrier| *count.entry(carrier).or_default() += 1);
                let all = count.values().sum::<u32>().max(1) as f32;
                count.into_iter().map(|(carrier, count)| (carrier, count as f32 / all)).collect()
            })
            .collect();
        Self { shares, copies: carriers_of }
    }

    /// Mean of a figure over the carriers of each window.
    pub fn means<'a>(&'a self, of: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        self.shares
            .iter()
            .map(|window| window.iter().map(|&(carrier, share)| share * of[usize::from(carrier)]).sum())
    }

    /// Carriers of the copies of each coded bit.
    pub fn copies(&self) -> &[Vec<u8>] {
        &self.copies
    }

    /// Mean of a figure over the bits of each window.
    pub fn of_bits(&self, of: impl Fn(usize) -> f32) -> Vec<f32> {
        let bits: Vec<f32> = (0..self.copies.len()).map(of).collect();
        let starts = (0..bits.len().saturating_sub(WINDOW_BITS) + 1).step_by(STEP_BITS);
        starts
            .filter_map(|from| bits.get(from..from + WINDOW_BITS))
            .map(|window| window.iter().sum::<f32>() / WINDOW_BITS as f32)
            .collect()
    }
}

/// One effective ratio for windows of these, where `need_db` is what a flat link needs.
pub fn combine(windows_db: impl Iterator<Item = f64>, need_db: f64) -> f64 {
    let z = inverse_tail(MENDABLE);
    let (mut wrong, mut count) = (0.0, 0u32);
    for db in windows_db {
        wrong += tail((db - need_db) / WINDOW_SPREAD_DB + z);
        count += 1;
    }
    let share = (wrong / f64::from(count.max(1))).clamp(1e-12, 1.0 - 1e-12);
    need_db + WINDOW_SPREAD_DB * (inverse_tail(share) - z)
}

#[cfg(test)]
mod tests {
    use super::super::modem::{Modem, Stage};
    use super::*;

    #[test]
    fn thirty_six_symbols_of_dbpsk_put_neighbours_on_two_carriers() {
        let windows = Modem::cenelec_a().windows(Stage::Dbpsk, 36);
        assert!(windows.shares.iter().all(|window| window.len() <= 4), "{:?}", windows.shares[0]);
        let windows = Modem::cenelec_a().windows(Stage::Dbpsk, 40);
        assert!(windows.shares.iter().any(|window| window.len() > 8));
    }

    #[test]
    fn pilots_move_and_leave_no_carrier_without_bits() {
        let windows = Modem::cenelec_a().windows(Stage::Qpsk, 40);
        let on = |carrier: u8| windows.copies.iter().flatten().filter(|&&at| at == carrier).count();
        let counts: Vec<usize> = (0..36).map(on).collect();
        assert!(counts.iter().all(|&count| count > 50), "{counts:?}");
    }

    #[test]
    fn equal_windows_are_as_good_as_one_and_unequal_ones_are_worse_than_their_mean() {
        for db in [-3.0, 0.0, 4.0] {
            assert!((combine([db; 5].into_iter(), 1.0) - db).abs() < 0.01);
        }
        let unequal = combine([0.0, 4.0].into_iter(), 1.0);
        assert!(unequal < 1.5 && unequal > 0.0, "{unequal}");
    }
}

//! Pilots of a coherent payload: which of the active carriers carry known phases in which symbol (digest 9.3).

use crate::Modulation;
use crate::band::BandPlan;
use crate::tone::CarrierSet;

/// Pseudo-noise bits of a pilot: it is a point of QPSK whatever the payload (digest 9.3).
pub const BITS: usize = 2;

/// How many of `active` carriers are pilots in every symbol of a payload; none in a differential one.
pub const fn count(plan: &BandPlan, modulation: Modulation, active: usize) -> usize {
    if modulation.is_coherent() && plan.pilots.spacing > 0 {
        active.div_ceil(plan.pilots.spacing as usize)
    } else {
        0
    }
}

/// Pilots of payload symbol `symbol`: among the active carriers numbered from 0, those with the numbers
/// (offset + spacing i + 2 symbol) mod active.
pub fn in_symbol(
    plan: &BandPlan,
    modulation: Modulation,
    offset: u8,
    active: CarrierSet,
    symbol: usize,
) -> CarrierSet {
    let carriers = active.len();
    let mut pilots = 0_u128;
    for index in 0..count(plan, modulation, carriers) {
        let number = usize::from(offset) + usize::from(plan.pilots.spacing) * index + 2 * symbol;
        let carrier = active.offsets().nth(number % carriers);
        pilots |= carrier.map_or(0, |carrier| 1 << carrier);
    }
    CarrierSet(pilots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{ToneMap, ToneMask};
    use std::vec::Vec;

    #[test]
    fn cenelec_a_has_three_pilots_that_move_by_two_carriers_a_symbol() {
        let plan = BandPlan::CENELEC_A;
        let active = plan.unmasked(ToneMask::ALL);
        let at = |symbol| -> Vec<usize> {
            in_symbol(&plan, Modulation::Bpsk, 6, active, symbol).offsets().collect()
        };
        assert_eq!((at(0), at(1), at(4)), ([6, 18, 30].into(), [8, 20, 32].into(), [2, 14, 26].into()));
        assert!(in_symbol(&plan, Modulation::Dbpsk, 6, active, 0).is_empty());
    }

    #[test]
    fn a_symbol_has_as_many_pilots_as_the_layout_counts_whatever_the_tone_map() {
        for plan in &BandPlan::ALL {
            for map in [1, 3, 0b101, 0b11_0101, plan.full_tone_map().0] {
                let active = plan.active(ToneMask::ALL, ToneMap(map));
                for symbol in 0..50 {
                    let pilots = in_symbol(plan, Modulation::Qpsk, 6, active, symbol);
                    assert_eq!(
                        pilots.len(),
                        count(plan, Modulation::Qpsk, active.len()),
                        "{} {map:#x}",
                        plan.name
                    );
                    assert_eq!(pilots.intersection(active), pilots);
                }
            }
        }
    }
}

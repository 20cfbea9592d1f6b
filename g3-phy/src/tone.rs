//! Which carriers are on: the static tone mask and a frame's tone map (digest 1.6).

use crate::band::BandPlan;
use core::ops::RangeInclusive;

/// Active groups of carriers: bit g is group g, the lowest frequencies first (digest 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ToneMap(pub u32);

/// Carriers that a network may use at all (macToneMask): bit c is the c-th carrier of the band from the lowest, set
/// where it may be used. Masked carriers are left out of every symbol, the preamble too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ToneMask(pub u128);

impl ToneMask {
    /// Nothing masked.
    pub const ALL: Self = Self(u128::MAX);

    /// Masks the carriers with these indices of the standard as well; those outside the band are ignored.
    ///
    /// ```
    /// use g3_phy::{BandPlan, ToneMask};
    /// let plan = BandPlan::CENELEC_A;
    /// let beside_s_fsk = ToneMask::ALL.without(&plan, 39..=49);
    /// assert_eq!(plan.unmasked(beside_s_fsk).len(), 25);
    /// ```
    pub fn without(self, plan: &BandPlan, carriers: RangeInclusive<u16>) -> Self {
        let offsets = carriers.filter_map(|carrier| carrier.checked_sub(plan.first_carrier));
        Self(offsets.take_while(|&offset| offset < 128).fold(self.0, |mask, offset| mask & !(1 << offset)))
    }
}

/// A set of carriers of one band: bit c is the c-th carrier from the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CarrierSet(pub u128);

impl CarrierSet {
    /// No carrier.
    pub const NONE: Self = Self(0);
    /// Every carrier.
    pub const ALL: Self = Self(u128::MAX);

    /// The lowest `count` carriers.
    pub const fn first(count: usize) -> Self {
        if count >= 128 { Self::ALL } else { Self((1 << count) - 1) }
    }

    /// How many there are.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the c-th carrier is in it.
    pub const fn contains(self, offset: usize) -> bool {
        offset < 128 && self.0 >> offset & 1 == 1
    }

    /// `count` carriers from the one with offset `lowest` on.
    pub const fn run(lowest: usize, count: usize) -> Self {
        if lowest >= 128 { Self(0) } else { Self(Self::first(count).0 << lowest) }
    }

    /// What is in both.
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Offsets from the lowest carrier of the band, ascending.
    pub fn offsets(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            let offset = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (offset < 128).then_some(offset)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn offsets_come_in_ascending_order() {
        assert_eq!(CarrierSet(1 << 127 | 0b1010).offsets().collect::<Vec<_>>(), [1, 3, 127]);
        assert_eq!(CarrierSet(0).offsets().count(), 0);
        assert_eq!((CarrierSet::first(128).len(), CarrierSet::first(36).len()), (128, 36));
    }

    #[test]
    fn a_mask_ignores_carriers_outside_the_band() {
        let plan = BandPlan::CENELEC_A;
        assert_eq!(plan.unmasked(ToneMask::ALL.without(&plan, 0..=22)).len(), 36);
        assert_eq!(plan.unmasked(ToneMask::ALL.without(&plan, 59..=u16::MAX)).len(), 36);
    }
}

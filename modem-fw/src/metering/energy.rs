//! Energy registers: integer watt-hours with the remainder kept, so that no energy is lost or invented however the
//! measurement is cut into spans (digest 8.4).

use plc_core::time::{Duration, TICKS_PER_SECOND};

/// Milliwatt-ticks in a watt-hour: the unit of the remainder.
pub const MILLIWATT_TICKS_PER_WH: u64 = 1_000 * 3_600 * TICKS_PER_SECOND;

/// An energy register that only counts up.
///
/// ```
/// use modem_fw::metering::EnergyRegister;
/// use plc_core::time::seconds;
/// let mut import = EnergyRegister::default();
/// import.add(2_000_000, seconds(45));
/// assert_eq!(import.wh(), 25, "2 kW for 45 s");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnergyRegister {
    wh: u64,
    /// Less than [`MILLIWATT_TICKS_PER_WH`].
    remainder: u64,
}

impl EnergyRegister {
    /// A register that begins at `wh`, as one that was carried over from another meter does.
    pub const fn starting_at(wh: u64) -> Self {
        Self { wh, remainder: 0 }
    }

    /// A register as it was saved; `None` where the remainder, in milliwatt-ticks, is a whole watt-hour or more.
    pub const fn from_parts(wh: u64, remainder: u64) -> Option<Self> {
        if remainder < MILLIWATT_TICKS_PER_WH { Some(Self { wh, remainder }) } else { None }
    }

    /// Whole watt-hours so far.
    pub const fn wh(self) -> u64 {
        self.wh
    }

    /// What exceeds the whole watt-hours, in milliwatt-ticks.
    pub const fn remainder(self) -> u64 {
        self.remainder
    }

    /// The watt-hours as a double-long-unsigned shows them: like a mechanical counter it begins again after the
    /// largest value, 4.29 GWh.
    pub const fn displayed_wh(self) -> u32 {
        self.wh as u32
    }

    /// Adds `power_mw` milliwatts for `span`.
    pub fn add(&mut self, power_mw: u32, span: Duration) {
        // 64 bits hold a megawatt for a month; the wide division is for spans that no board measures in one piece.
        let narrow = span
            .as_ticks()
            .checked_mul(u64::from(power_mw))
            .and_then(|energy| energy.checked_add(self.remainder));
        let (whole, remainder) = match narrow {
            Some(energy) => (energy / MILLIWATT_TICKS_PER_WH, energy % MILLIWATT_TICKS_PER_WH),
            None => {
                let energy = u128::from(span.as_ticks()) * u128::from(power_mw) + u128::from(self.remainder);
                let unit = u128::from(MILLIWATT_TICKS_PER_WH);
                ((energy / unit) as u64, (energy % unit) as u64)
            }
        };
        self.wh = self.wh.saturating_add(whole);
        self.remainder = remainder;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plc_core::time::seconds;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        /// The exact sum of the products, as one fraction, is what the register must hold.
        #[test]
        fn a_day_of_minutes_is_the_exact_integral(powers in proptest::collection::vec(any::<u32>(), 1440)) {
            let mut register = EnergyRegister::default();
            for &power in &powers {
                register.add(power, seconds(60));
            }
            let exact: u128 = powers.iter().map(|&power| u128::from(power) * 60 * u128::from(TICKS_PER_SECOND)).sum();
            let held = u128::from(register.wh) * u128::from(MILLIWATT_TICKS_PER_WH) + u128::from(register.remainder);
            prop_assert_eq!(held, exact);
            prop_assert!(register.remainder < MILLIWATT_TICKS_PER_WH);
        }

        #[test]
        fn how_a_span_is_cut_does_not_matter(
            power: u32,
            cuts in proptest::collection::vec(0_u64..1 << 45, 1..20),
        ) {
            let mut cut = EnergyRegister::default();
            for &ticks in &cuts {
                cut.add(power, Duration::from_ticks(ticks));
            }
            let mut whole = EnergyRegister::default();
            whole.add(power, Duration::from_ticks(cuts.iter().sum()));
            prop_assert_eq!(cut, whole);
        }
    }

    #[test]
    fn spans_beyond_64_bits_are_exact_too() {
        let mut register = EnergyRegister::default();
        let years: Vec<_> = (0..3).map(|_| seconds(365 * 86_400)).collect();
        for year in years {
            register.add(u32::MAX, year);
        }
        let exact = u128::from(u32::MAX) * 3 * 365 * 86_400 * u128::from(TICKS_PER_SECOND);
        assert_eq!(u128::from(register.wh()), exact / u128::from(MILLIWATT_TICKS_PER_WH));
        assert_eq!(u128::from(register.remainder()), exact % u128::from(MILLIWATT_TICKS_PER_WH));
    }

    #[test]
    fn a_saved_remainder_is_checked() {
        assert_eq!(EnergyRegister::from_parts(7, MILLIWATT_TICKS_PER_WH), None);
        let register = EnergyRegister::from_parts(7, MILLIWATT_TICKS_PER_WH - 1).unwrap();
        assert_eq!((register.wh(), register.remainder()), (7, MILLIWATT_TICKS_PER_WH - 1));
    }

    #[test]
    fn the_display_rolls_over_like_a_counter() {
        assert_eq!(EnergyRegister::starting_at((1 << 32) + 5).displayed_wh(), 5);
    }
}

//! Gain of the whole signal and of groups of carriers, as a receiver asks for it with TXRES, TXGAIN and TXCOEF of a tone
//! map response (digest 10.2).

use crate::band::BandPlan;
use plc_core::units::db_to_amplitude;

/// Groups of the widest band.
pub const MAX_GROUPS: usize = 24;

/// TXRES: what a step is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Resolution {
    /// 0.
    SixDb,
    /// 1.
    #[default]
    ThreeDb,
}

impl Resolution {
    /// A step in dB.
    pub const fn step_db(self) -> f32 {
        match self {
            Self::SixDb => 6.0,
            Self::ThreeDb => 3.0,
        }
    }
}

/// Pre-emphasis of a transmitter. It shapes every symbol, preamble and FCH too, so that a receiver sees one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PreEmphasis {
    /// TXRES.
    pub resolution: Resolution,
    /// TXGAIN in steps, -7 to 7; positive raises.
    pub gain: i8,
    /// TXCOEF of each group of the tone map in steps, the lowest group first; positive raises. -7 to 7 in the CENELEC
    /// bands, -1 to 1 in the others.
    pub coefficients: [i8; MAX_GROUPS],
}

impl PreEmphasis {
    /// Gain of a group in dB.
    pub fn group_db(&self, group: usize) -> f32 {
        let coefficient = self.coefficients.get(group).copied().unwrap_or_default();
        (f32::from(self.gain) + f32::from(coefficient)) * self.resolution.step_db()
    }

    /// Amplitude of the band's carrier with offset `offset`.
    pub(crate) fn amplitude(&self, plan: &BandPlan, offset: usize) -> f32 {
        if *self == Self::default() {
            return 1.0;
        }
        db_to_amplitude(self.group_db(offset / usize::from(plan.carriers_per_group).max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gain_and_coefficients_add_up_in_steps() {
        let mut emphasis = PreEmphasis { resolution: Resolution::SixDb, gain: -1, ..PreEmphasis::default() };
        emphasis.coefficients[2] = 3;
        assert_eq!((emphasis.group_db(2), emphasis.group_db(0)), (12.0, -6.0));
        let plan = BandPlan::CENELEC_A;
        assert!((emphasis.amplitude(&plan, 12) / db_to_amplitude(12.0) - 1.0).abs() < 1e-6, "carrier 35");
        assert!((emphasis.amplitude(&plan, 11) / db_to_amplitude(-6.0) - 1.0).abs() < 1e-6, "carrier 34");
    }
}

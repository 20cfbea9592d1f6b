//! Notches: carriers that a G3 network may not use at all (digest 1.6).

use g3_phy::{BandPlan, ToneMask};
use std::fmt;
use std::str::FromStr;

/// Carriers that the tone mask takes out of every symbol, the preamble too.
///
/// ```
/// use channel_sim::link::Notch;
/// use g3_phy::BandPlan;
/// let notch: Notch = "s-fsk".parse()?;
/// let plan = BandPlan::CENELEC_A;
/// assert_eq!(plan.unmasked(notch.tone_mask(&plan)).len(), 25);
/// assert_eq!("60.9-76.6".parse::<Notch>()?.tone_mask(&plan), notch.tone_mask(&plan));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Notch {
    /// Beside S-FSK meters in CENELEC-A: carriers 39 to 49 (digest 1.6).
    SFsk,
    /// The carriers from one frequency to another, both in kHz and inside.
    Khz {
        /// Lower edge.
        low: f64,
        /// Upper edge.
        high: f64,
    },
}

/// The S-FSK mask's name, and its carriers.
const S_FSK: &str = "s-fsk";
const S_FSK_CARRIERS: std::ops::RangeInclusive<u16> = 39..=49;
/// Within what frequencies lie.
const MOST_KHZ: f64 = 1_000.0;

impl Notch {
    /// The mask in a band.
    pub fn tone_mask(&self, plan: &BandPlan) -> ToneMask {
        match *self {
            Self::SFsk => ToneMask::ALL.without(plan, S_FSK_CARRIERS),
            Self::Khz { low, high } => {
                let inside = |offset: &usize| {
                    let khz = f64::from(plan.carrier_hz(*offset)) / 1e3;
                    (low..=high).contains(&khz)
                };
                let masked = plan.unmasked(ToneMask::ALL).offsets().filter(inside);
                ToneMask(masked.fold(ToneMask::ALL.0, |mask, offset| mask & !(1 << offset)))
            }
        }
    }

    /// Whether a band has carriers there, and others.
    pub(super) fn check(&self, plan: &BandPlan) -> Result<(), String> {
        if *self == Self::SFsk && plan.name != BandPlan::CENELEC_A.name {
            return Err(format!("the notch {S_FSK} is of CENELEC-A, not {}; use LOW-HIGH in kHz", plan.name));
        }
        let all = plan.unmasked(ToneMask::ALL);
        let left = plan.unmasked(self.tone_mask(plan)).len();
        if left == 0 || left == all.len() {
            let khz = |offset: Option<usize>| offset.map_or(0.0, |offset| plan.carrier_hz(offset) / 1e3);
            let what = if left == 0 { "leaves no carrier" } else { "holds no carrier" };
            return Err(format!(
                "the notch {self} {what} of {}, whose carriers lie from {:.1} to {:.1} kHz",
                plan.name,
                khz(all.offsets().next()),
                khz(all.offsets().last())
            ));
        }
        Ok(())
    }
}

impl FromStr for Notch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == S_FSK {
            return Ok(Self::SFsk);
        }
        let number = |text: &str| text.parse().ok().filter(|khz| (0.0..=MOST_KHZ).contains(khz));
        let edges = text.split_once('-').and_then(|(low, high)| Some((number(low)?, number(high)?)));
        match edges {
            Some((low, high)) if low <= high => Ok(Self::Khz { low, high }),
            _ => Err(format!("{text:?} is no notch; use LOW-HIGH in kHz, say 60-77, or {S_FSK}")),
        }
    }
}

impl fmt::Display for Notch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SFsk => f.write_str(S_FSK),
            Self::Khz { low, high } => write!(f, "{low}-{high}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notch_takes_the_carriers_between_its_edges_and_no_other() {
        let notch: Notch = "200-250.5".parse().unwrap();
        for plan in [BandPlan::FCC_1, BandPlan::FCC_1_A, BandPlan::ARIB] {
            let (all, left) = (plan.unmasked(ToneMask::ALL), plan.unmasked(notch.tone_mask(&plan)));
            for offset in all.offsets() {
                let inside = (200_000.0..=250_500.0).contains(&plan.carrier_hz(offset));
                assert_eq!(left.contains(offset), !inside, "{} {offset}", plan.name);
            }
            assert!(notch.check(&plan).is_ok());
        }
        // FCC-1.b begins at 304.7 kHz.
        let error = notch.check(&BandPlan::FCC_1_B).unwrap_err();
        assert!(error.contains("304.7"), "{error}");
        let error = "0-500".parse::<Notch>().unwrap().check(&BandPlan::CENELEC_A).unwrap_err();
        assert!(error.contains("leaves no carrier"), "{error}");
        assert!(Notch::SFsk.check(&BandPlan::ARIB).is_err_and(|error| error.contains("CENELEC-A")));
    }

    #[test]
    fn nonsense_is_named() {
        for text in ["", "60", "77-60", "a-b", "-5-60", "nan-60", "60-1e9"] {
            let error = text.parse::<Notch>().unwrap_err();
            assert!(error.contains(&format!("{text:?}")) && error.contains("s-fsk"), "{error}");
        }
    }
}

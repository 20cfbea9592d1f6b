//! How frames to each neighbour are modulated.
//!
//! Today these are configured. A tone map response will write the same table, which is then macNeighbourTable.

use g3_phy::{BandPlan, Modulation, ToneMap};
use heapless::LinearMap;
use plc_core::address::{Address, ShortAddress};

/// Neighbours that may have settings of their own.
pub const NEIGHBOURS: usize = 64;

/// Modulation and tone map of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TransmitSettings {
    /// Payload modulation.
    pub modulation: Modulation,
    /// Active groups of carriers.
    pub tone_map: ToneMap,
}

/// The settings of unicast frames: common ones, and those of single neighbours.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) common: TransmitSettings,
    single: LinearMap<ShortAddress, TransmitSettings, NEIGHBOURS>,
}

impl Settings {
    pub(super) fn new(common: TransmitSettings) -> Self {
        Self { common, single: LinearMap::new() }
    }

    /// Sets or, with `None`, removes a neighbour's settings. `false` where there is no room.
    pub(super) fn set(&mut self, neighbour: ShortAddress, settings: Option<TransmitSettings>) -> bool {
        match settings {
            Some(settings) => self.single.insert(neighbour, settings).is_ok(),
            None => {
                self.single.remove(&neighbour);
                true
            }
        }
    }

    /// The settings of unicast frames to `destination`.
    pub(super) fn of(&self, destination: Address) -> TransmitSettings {
        match destination {
            Address::Short(short) => self.single.get(&short).copied().unwrap_or(self.common),
            Address::Extended(_) => self.common,
        }
    }
}

impl TransmitSettings {
    /// Robust on every carrier: broadcasts, and the last retries.
    pub fn robust(plan: &BandPlan) -> Self {
        Self { modulation: Modulation::Robust, tone_map: plan.full_tone_map() }
    }

    /// Sturdier settings for a retry after which `left` more are possible (digest 2.5).
    pub(super) fn for_retry(self, left: u8, plan: &BandPlan) -> Self {
        let most = match left {
            0 | 1 => return Self::robust(plan),
            2 => Modulation::Dbpsk,
            3 => Modulation::Dqpsk,
            _ => Modulation::D8psk,
        };
        let modulation = if self.modulation.code() > most.code() { most } else { self.modulation };
        Self { modulation, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_fall_back_step_by_step() {
        let plan = BandPlan::CENELEC_A;
        let fast = TransmitSettings { modulation: Modulation::D8psk, tone_map: ToneMap(0b111) };
        let modulations = [5, 4, 3, 2].map(|left| fast.for_retry(left, &plan).modulation);
        assert_eq!(modulations, [Modulation::D8psk, Modulation::D8psk, Modulation::Dqpsk, Modulation::Dbpsk]);
        assert_eq!(fast.for_retry(1, &plan), TransmitSettings::robust(&plan));
        let sturdy = TransmitSettings { modulation: Modulation::Robust, ..fast };
        assert_eq!(sturdy.for_retry(4, &plan), sturdy, "never faster than before");
    }

    #[test]
    fn neighbours_have_their_own_settings_until_they_are_removed() {
        let plan = BandPlan::CENELEC_A;
        let common = TransmitSettings::robust(&plan);
        let fast = TransmitSettings { modulation: Modulation::Dqpsk, ..common };
        let mut settings = Settings::new(common);
        let node = |short| Address::Short(ShortAddress(short));
        assert!(settings.set(ShortAddress(1), Some(fast)));
        assert_eq!((settings.of(node(1)), settings.of(node(2))), (fast, common));
        assert!(settings.set(ShortAddress(1), None));
        assert_eq!(settings.of(node(1)), common);
        for short in 0..NEIGHBOURS as u16 {
            assert!(settings.set(ShortAddress(short), Some(fast)));
        }
        assert!(!settings.set(ShortAddress(999), Some(fast)));
    }
}

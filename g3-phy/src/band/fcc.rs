//! FCC-1 and its sub-bands (digest 1.1, 1.5 and 2.1).
//!
//! A sub-band is FCC-1 with the other carriers left out: phases, groups of the tone map and the fill of the others
//! keep their places.

use super::{BandPlan, Pilots};
use crate::header::HeaderFormat;
use crate::options::FchModulation;
use crate::tone::CarrierSet;
use plc_core::time::SampleClock;

pub(super) const PLAN: BandPlan = BandPlan {
    name: "FCC-1",
    clock: SampleClock::KHZ_1200,
    first_carrier: 33,
    used: CarrierSet::ALL,
    groups: 24,
    carriers_per_group: 3,
    syncp_phases: &SYNCP_PHASES,
    pilots: Pilots { spacing: 12, offset: Some(36) },
    frame_length_unit: 1,
    max_payload_symbols: 511,
    header: HeaderFormat::Fcc,
    // Legacy mode, the default; the other mode is differential.
    fch_modulation: FchModulation::Coherent,
    slot_symbols: 2,
    cifs_symbols: 10,
    rifs_symbols: 8,
    idle_symbols: 8,
    experimental: false,
};

/// Carriers 33 to 56.
pub(super) const PLAN_A: BandPlan = BandPlan { name: "FCC-1.a", used: CarrierSet::first(24), ..PLAN };

/// Carriers 65 to 104.
pub(super) const PLAN_B: BandPlan = BandPlan { name: "FCC-1.b", used: CarrierSet::run(32, 40), ..PLAN };

#[rustfmt::skip]
const SYNCP_PHASES: [u8; 72] = [
    2, 1, 1, 0, 0, 15, 14, 12, 11, 9, 7, 4,     // 33
    1, 15, 12, 9, 5, 1, 14, 10, 5, 0, 12, 6,    // 45
    1, 12, 6, 0, 10, 3, 13, 6, 15, 7, 0, 8,     // 57
    0, 8, 15, 6, 14, 4, 11, 2, 8, 14, 3, 9,     // 69
    15, 3, 8, 13, 1, 5, 9, 13, 1, 4, 7, 10,     // 81
    13, 15, 1, 3, 4, 5, 7, 7, 8, 9, 10, 10,     // 93
];

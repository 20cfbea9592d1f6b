//! CENELEC-A (digest 1.1, 1.5 and 2.1).

use super::{BandPlan, Pilots};
use crate::header::HeaderFormat;
use crate::options::FchModulation;
use crate::tone::CarrierSet;
use plc_core::time::SampleClock;

pub(super) const PLAN: BandPlan = BandPlan {
    name: "CENELEC-A",
    clock: SampleClock::KHZ_400,
    first_carrier: 23,
    used: CarrierSet::ALL,
    groups: 6,
    carriers_per_group: 6,
    syncp_phases: &SYNCP_PHASES,
    pilots: Pilots { spacing: 12, offset: Some(6) },
    frame_length_unit: 4,
    max_payload_symbols: 252,
    header: HeaderFormat::Cenelec,
    fch_modulation: FchModulation::Differential,
    slot_symbols: 2,
    cifs_symbols: 8,
    rifs_symbols: 8,
    idle_symbols: 8,
    experimental: false,
};

#[rustfmt::skip]
const SYNCP_PHASES: [u8; 36] = [
    2, 1, 0, 15, 14, 12, 10, 7, 3, 15, 11, 6,    // 23
    1, 11, 5, 14, 7, 15, 7, 15, 6, 13, 2, 8,     // 35
    13, 2, 6, 10, 13, 0, 2, 3, 5, 6, 7, 7,       // 47
];

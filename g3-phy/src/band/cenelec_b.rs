//! CENELEC-B (digest 1.1 and 1.5), experimental.
//!
//! Carrier indices are remembered, not read; no source has the preamble's phases. Those here are the curve of the
//! other bands' tables scaled to sixteen carriers.

use super::{BandPlan, Pilots, cenelec_a};

pub(super) const PLAN: BandPlan = BandPlan {
    name: "CENELEC-B (experimental)",
    first_carrier: 63,
    groups: 4,
    carriers_per_group: 4,
    syncp_phases: &SYNCP_PHASES,
    pilots: Pilots { spacing: 8, offset: None },
    experimental: true,
    ..cenelec_a::PLAN
};

const SYNCP_PHASES: [u8; 16] = [2, 1, 0, 13, 9, 4, 14, 7, 15, 6, 11, 0, 4, 7, 9, 10];

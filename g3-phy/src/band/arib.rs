//! ARIB (digest 1.1, 1.5 and 2.1).

use super::{BandPlan, fcc};
use crate::header::HeaderFormat;
use crate::options::FchModulation;

/// One of CIFS and RIFS is 108 symbols and readings differ: a pause after a transmission fits CIFS. A network that
/// reads it the other way takes `BandPlan { cifs_symbols: 10, rifs_symbols: 108, ..BandPlan::ARIB }`.
pub(super) const PLAN: BandPlan = BandPlan {
    name: "ARIB",
    groups: 18,
    syncp_phases: &SYNCP_PHASES,
    header: HeaderFormat::Arib,
    // One vendor's; a book has BPSK.
    fch_modulation: FchModulation::Differential,
    cifs_symbols: 108,
    rifs_symbols: 10,
    ..fcc::PLAN
};

#[rustfmt::skip]
const SYNCP_PHASES: [u8; 54] = [
    2, 1, 1, 0, 15, 14, 13, 11, 9, 6, 3, 0,      // 33
    12, 9, 4, 0, 12, 6, 1, 12, 6, 15, 9, 2,      // 45
    11, 4, 12, 4, 12, 3, 10, 1, 7, 14, 3, 9,     // 57
    15, 3, 8, 13, 1, 4, 8, 11, 14, 1, 3, 4,      // 69
    6, 7, 8, 9, 10, 10,                          // 81
];

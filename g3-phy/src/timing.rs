//! Airtimes and interframe spaces (digest 1.2 and 2.1).

use crate::Modulation;
use crate::band::{BandPlan, PREAMBLE_SAMPLES, SYMBOL_STRIDE};
use crate::layout::TAIL_BITS;
use crate::tone::ToneMask;
use plc_core::time::Duration;

/// How often each coded bit of the FCH is sent (digest 3.5).
pub const FCH_REPETITION: usize = 6;

/// Symbols of the FCH: 13 in CENELEC-A with nothing masked (digest 3.5). 0 where the mask leaves no carrier.
pub fn fch_symbols(plan: &BandPlan, mask: ToneMask) -> usize {
    let bits = 2 * FCH_REPETITION * (plan.header.bits() + TAIL_BITS);
    match plan.unmasked(mask).len() {
        0 => 0,
        carriers => bits.div_ceil(carriers),
    }
}

/// The time `count` FCH or payload symbols take: 695 µs each in CENELEC-A.
pub fn symbols(plan: &BandPlan, count: usize) -> Duration {
    plan.clock.span((count * SYMBOL_STRIDE) as u64)
}

/// The preamble: 6.08 ms in CENELEC-A.
pub fn preamble(plan: &BandPlan) -> Duration {
    plan.clock.span(PREAMBLE_SAMPLES as u64)
}

/// Reference symbols S1 and S2 between the FCH and a payload (digest 2).
pub const fn reference_symbols(modulation: Modulation) -> usize {
    if modulation.is_coherent() { 2 } else { 0 }
}

/// A data frame with `payload_symbols` of this modulation, from the first preamble sample to the end of the last
/// symbol's edge.
pub fn data_airtime(
    plan: &BandPlan,
    mask: ToneMask,
    modulation: Modulation,
    payload_symbols: u16,
) -> Duration {
    frame_airtime(plan, mask, payload_symbols) + symbols(plan, reference_symbols(modulation))
}

/// A differential data frame with `payload_symbols`, from the first preamble sample to the end of the last symbol's edge.
pub fn frame_airtime(plan: &BandPlan, mask: ToneMask, payload_symbols: u16) -> Duration {
    preamble(plan) + symbols(plan, fch_symbols(plan, mask) + usize::from(payload_symbols))
}

/// An acknowledgement: preamble and FCH.
pub fn ack_airtime(plan: &BandPlan, mask: ToneMask) -> Duration {
    frame_airtime(plan, mask, 0)
}

/// Contention slot.
pub fn slot(plan: &BandPlan) -> Duration {
    symbols(plan, usize::from(plan.slot_symbols))
}

/// Contention interframe space.
pub fn cifs(plan: &BandPlan) -> Duration {
    symbols(plan, usize::from(plan.cifs_symbols))
}

/// Response interframe space: from the end of a frame to its acknowledgement.
pub fn rifs(plan: &BandPlan) -> Duration {
    symbols(plan, usize::from(plan.rifs_symbols))
}

/// Quiet time before a back-off that starts on an idle channel.
pub fn idle_spacing(plan: &BandPlan) -> Duration {
    symbols(plan, usize::from(plan.idle_symbols))
}

/// How long a sender waits for an acknowledgement after the end of its frame.
pub fn ack_wait(plan: &BandPlan, mask: ToneMask) -> Duration {
    rifs(plan) + ack_airtime(plan, mask) + cifs(plan)
}

/// Extended interframe space after a frame whose length is unknown: the longest one with its FCH and the two
/// reference symbols of a coherent one, its acknowledgement and the spaces around it (digest 2.1).
pub fn eifs(plan: &BandPlan, mask: ToneMask) -> Duration {
    let longest = fch_symbols(plan, mask) + 2 + usize::from(plan.max_payload_symbols);
    symbols(plan, longest) + ack_wait(plan, mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plc_core::time::micros;

    #[test]
    fn cenelec_a_times_are_those_of_the_digests() {
        let plan = BandPlan::CENELEC_A;
        let sfsk = ToneMask::ALL.without(&plan, 39..=49);
        assert_eq!(fch_symbols(&plan, ToneMask::ALL), 13);
        assert_eq!(fch_symbols(&plan, sfsk), 19);
        assert_eq!(fch_symbols(&plan, ToneMask(0)), 0);
        assert_eq!(preamble(&plan), micros(6_080));
        assert_eq!(slot(&plan), micros(1_390));
        assert_eq!((cifs(&plan), rifs(&plan)), (micros(5_560), micros(5_560)));
        assert_eq!(ack_airtime(&plan, ToneMask::ALL), micros(15_115));
        assert_eq!(frame_airtime(&plan, ToneMask::ALL, 252), micros(190_255));
        assert_eq!(ack_wait(&plan, ToneMask::ALL), micros(26_235));
        assert_eq!(eifs(&plan, ToneMask::ALL), micros(211_800), "211.8 ms of the MAC digest 2.1");
    }

    /// Digest 1.2, 2.1 and 3.5: FCH symbols, and sample periods of preamble and symbol at 1.2 MHz.
    #[test]
    fn other_bands_times_are_those_of_the_digest() {
        let plans = [
            (BandPlan::CENELEC_B_EXPERIMENTAL, 30),
            (BandPlan::FCC_1, 12),
            (BandPlan::FCC_1_A, 36),
            (BandPlan::FCC_1_B, 22),
            (BandPlan::ARIB, 16),
        ];
        for (plan, fch) in plans {
            assert_eq!(fch_symbols(&plan, ToneMask::ALL), fch, "{}", plan.name);
        }
        let (fcc, arib) = (BandPlan::FCC_1, BandPlan::ARIB);
        assert_eq!(preamble(&fcc).as_ticks(), 9 * 1_280 + 640, "2.02667 ms");
        assert_eq!(symbols(&fcc, 1).as_ticks(), 1_390, "231.667 us");
        assert_eq!((cifs(&fcc), rifs(&fcc)), (symbols(&fcc, 10), symbols(&fcc, 8)));
        assert_eq!((cifs(&arib), rifs(&arib)), (symbols(&arib, 108), symbols(&arib, 10)));
        assert_eq!(symbols(&arib, 108).as_millis(), 25);
    }
}

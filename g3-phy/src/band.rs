//! Band plans: the numerology of a band as a value (digest 1).
//!
//! One module a band holds its table. Every band has the same symbol in samples (digest 1.2); they differ in sample
//! rate, carriers and header.

mod arib;
mod cenelec_a;
mod cenelec_b;
mod fcc;

use crate::header::HeaderFormat;
use crate::options::FchModulation;
use crate::tone::{CarrierSet, ToneMap, ToneMask};
use plc_core::time::SampleClock;

/// Samples of the Fourier transform (digest 1.1).
pub const FFT_SAMPLES: usize = 256;
/// Samples of the cyclic prefix (digest 1.1, NCP).
pub const PREFIX_SAMPLES: usize = 30;
/// Samples in which two symbols overlap (digest 1.1, NO).
pub const OVERLAP_SAMPLES: usize = 8;
/// Samples of an FCH or payload symbol with prefix and both edges (digest 1.2).
pub const SYMBOL_SAMPLES: usize = FFT_SAMPLES + PREFIX_SAMPLES;
/// Samples from one FCH or payload symbol to the next (digest 1.2).
pub const SYMBOL_STRIDE: usize = SYMBOL_SAMPLES - OVERLAP_SAMPLES;
/// Whole SYNCP symbols of the preamble (digest 1.4).
pub const SYNCP_SYMBOLS: usize = 8;
/// Samples of the preamble: 8 SYNCP and 1.5 SYNCM (digest 1.4).
pub const PREAMBLE_SAMPLES: usize = SYNCP_SYMBOLS * FFT_SAMPLES + FFT_SAMPLES + FFT_SAMPLES / 2;
/// Carriers of the widest band (FCC).
pub const MAX_CARRIERS: usize = 72;

/// A band of G3-PLC: carriers, preamble, header size and timing in symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BandPlan {
    /// Name in the standard.
    pub name: &'static str,
    /// Sample clock.
    pub clock: SampleClock,
    /// Index of the lowest carrier, in tone spacings from 0 Hz.
    pub first_carrier: u16,
    /// Carriers that the band uses of those in its table: all, but in a sub-band.
    pub used: CarrierSet,
    /// Groups of carriers in the tone map.
    pub groups: u8,
    /// Carriers in a group.
    pub carriers_per_group: u8,
    /// Phase of each carrier in SYNCP, in units of pi/8, the lowest carrier first (digest 1.5).
    pub syncp_phases: &'static [u8],
    /// Pilots of a coherent payload.
    pub pilots: Pilots,
    /// Payload symbols that one step of the FCH's FL field stands for.
    pub frame_length_unit: u16,
    /// Most payload symbols of a frame (aMaxFrameSize).
    pub max_payload_symbols: u16,
    /// Fields of the FCH.
    pub header: HeaderFormat,
    /// Modulation of the FCH where the options do not say otherwise.
    pub fch_modulation: FchModulation,
    /// Contention slot in symbols (aSlotTime).
    pub slot_symbols: u16,
    /// Contention interframe space in symbols (aCIFS).
    pub cifs_symbols: u16,
    /// Response interframe space in symbols (aRIFS).
    pub rifs_symbols: u16,
    /// Quiet symbols before a back-off that starts on an idle channel.
    pub idle_symbols: u16,
    /// Whether parts of the plan are guesses, so that it cannot claim conformance.
    pub experimental: bool,
}

/// Where a coherent payload has its pilots (digest 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pilots {
    /// Active carriers from one pilot to the next of the same symbol.
    pub spacing: u8,
    /// Place of the first pilot of the first symbol; `None` where no source tells it.
    pub offset: Option<u8>,
}

impl BandPlan {
    /// CENELEC-A: 36 carriers from 35.9 to 90.6 kHz.
    pub const CENELEC_A: Self = cenelec_a::PLAN;
    /// CENELEC-B: 16 carriers from 98.4 to 121.9 kHz, with preamble phases that nobody published: extrapolated, good
    /// between two modems of this crate.
    pub const CENELEC_B_EXPERIMENTAL: Self = cenelec_b::PLAN;
    /// FCC-1: 72 carriers from 154.7 to 487.5 kHz.
    pub const FCC_1: Self = fcc::PLAN;
    /// FCC-1.a: the 24 carriers of FCC-1 up to 262.5 kHz.
    pub const FCC_1_A: Self = fcc::PLAN_A;
    /// FCC-1.b: the 40 carriers of FCC-1 from 304.7 kHz up.
    pub const FCC_1_B: Self = fcc::PLAN_B;
    /// ARIB: 54 carriers from 154.7 to 403.1 kHz.
    pub const ARIB: Self = arib::PLAN;
    /// Every plan, the experimental one too.
    pub const ALL: [Self; 6] = [
        Self::CENELEC_A,
        Self::CENELEC_B_EXPERIMENTAL,
        Self::FCC_1,
        Self::FCC_1_A,
        Self::FCC_1_B,
        Self::ARIB,
    ];

    /// Whether two modems that follow the standard would understand each other on this plan, as far as the digest
    /// tells.
    pub const fn is_conformant(&self) -> bool {
        !self.experimental
    }

    /// Carriers in the band's table, used or not.
    pub const fn carriers(&self) -> usize {
        self.groups as usize * self.carriers_per_group as usize
    }

    /// Carriers that the tone mask leaves: those of preamble and FCH.
    pub const fn unmasked(&self, mask: ToneMask) -> CarrierSet {
        CarrierSet::first(self.carriers()).intersection(self.used).intersection(CarrierSet(mask.0))
    }

    /// Carriers that both tone mask and tone map leave: those that carry payload.
    pub fn active(&self, mask: ToneMask, tone_map: ToneMap) -> CarrierSet {
        let mapped = (0..self.groups).filter(|&index| tone_map.0 >> index & 1 == 1);
        let mapped = mapped.fold(0, |carriers, index| carriers | self.group(index).0);
        self.unmasked(mask).intersection(CarrierSet(mapped))
    }

    /// The tone map with every group that has a carrier in the band.
    pub const fn full_tone_map(&self) -> ToneMap {
        let (mut map, mut index) = (0, 0);
        while index < self.groups {
            if !self.group(index).intersection(self.used).is_empty() {
                map |= 1 << index;
            }
            index += 1;
        }
        ToneMap(map)
    }

    const fn group(&self, index: u8) -> CarrierSet {
        let lowest = CarrierSet::first(self.carriers_per_group as usize).0;
        CarrierSet(lowest << (index * self.carriers_per_group))
    }

    /// Frequency of the carrier with offset `offset` from the lowest, in Hz.
    pub fn carrier_hz(&self, offset: usize) -> f32 {
        let spacing_hz = self.clock.rate_hz() as f32 / FFT_SAMPLES as f32;
        (usize::from(self.first_carrier) + offset) as f32 * spacing_hz
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn preamble_tables_have_the_digests_checksums() {
        for plan in &BandPlan::ALL {
            assert_eq!(plan.syncp_phases.len(), plan.carriers(), "{}", plan.name);
        }
        let sum = |plan: BandPlan| plan.syncp_phases.iter().map(|&phase| u32::from(phase)).sum::<u32>();
        assert_eq!([sum(BandPlan::CENELEC_A), sum(BandPlan::FCC_1), sum(BandPlan::ARIB)], [274, 522, 388]);
    }

    #[test]
    fn carriers_lie_where_digest_1_1_puts_them() {
        let edges = BandPlan::ALL.map(|plan| {
            let offsets: Vec<_> = plan.unmasked(ToneMask::ALL).offsets().collect();
            let hz = |offset: Option<&usize>| plan.carrier_hz(*offset.unwrap());
            (offsets.len(), hz(offsets.first()), hz(offsets.last()))
        });
        assert_eq!(
            edges,
            [
                (36, 35_937.5, 90_625.0),
                (16, 98_437.5, 121_875.0),
                (72, 154_687.5, 487_500.0),
                (24, 154_687.5, 262_500.0),
                (40, 304_687.5, 487_500.0),
                (54, 154_687.5, 403_125.0),
            ]
        );
    }

    #[test]
    fn full_tone_maps_are_the_defaults_of_digest_10_2_and_the_groups_of_a_sub_band() {
        let maps = BandPlan::ALL.map(|plan| plan.full_tone_map().0);
        assert_eq!(maps, [0x3F, 0x0F, 0xFF_FFFF, 0xFF, 0xFF_FC00, 0x3_FFFF]);
        // Carrier 65, the lowest of FCC-1.b, is the highest of its group.
        assert_eq!(BandPlan::FCC_1_B.active(ToneMask::ALL, ToneMap(1 << 10)).len(), 1);
        for plan in &BandPlan::ALL {
            assert_eq!(plan.active(ToneMask::ALL, plan.full_tone_map()), plan.unmasked(ToneMask::ALL));
        }
    }

    #[test]
    fn only_the_extrapolated_plan_is_not_conformant() {
        let not: Vec<_> =
            BandPlan::ALL.iter().filter(|plan| !plan.is_conformant()).map(|plan| plan.name).collect();
        assert_eq!(not, ["CENELEC-B (experimental)"]);
    }

    #[test]
    fn a_group_of_the_tone_map_is_six_carriers_from_the_lowest() {
        let plan = BandPlan::CENELEC_A;
        assert_eq!(plan.active(ToneMask::ALL, ToneMap(0b10)).0, 0b1111_1100_0000);
        let masked = ToneMask::ALL.without(&plan, 39..=49);
        assert_eq!(plan.unmasked(masked).len(), 25, "S-FSK mask of digest 1.6");
        assert_eq!(plan.active(masked, ToneMap(0b100)).len(), 4, "carriers 35..40 without 39 and 40");
        assert_eq!(BandPlan::FCC_1.active(ToneMask::ALL, ToneMap(0b10)).0, 0b11_1000);
    }
}

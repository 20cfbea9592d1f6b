//! Band plans: the numerology of a band as a value (digest 1).
//!
//! One module a band holds its table; CENELEC-A is there, the others take the same shape. Every band has the same
//! symbol in samples (digest 1.2); they differ in sample rate, carriers and header size.

mod cenelec_a;

use crate::header::HeaderFormat;
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
    /// Groups of carriers in the tone map.
    pub groups: u8,
    /// Carriers in a group.
    pub carriers_per_group: u8,
    /// Phase of each carrier in SYNCP, in units of pi/8, the lowest carrier first (digest 1.5).
    pub syncp_phases: &'static [u8],
    /// Payload symbols that one step of the FCH's FL field stands for.
    pub frame_length_unit: u16,
    /// Most payload symbols of a frame (aMaxFrameSize).
    pub max_payload_symbols: u16,
    /// Fields of the FCH.
    pub header: HeaderFormat,
    /// Contention slot in symbols (aSlotTime).
    pub slot_symbols: u16,
    /// Contention interframe space in symbols (aCIFS).
    pub cifs_symbols: u16,
    /// Response interframe space in symbols (aRIFS).
    pub rifs_symbols: u16,
    /// Quiet symbols before a back-off that starts on an idle channel.
    pub idle_symbols: u16,
}

impl BandPlan {
    /// CENELEC-A: 36 carriers from 35.9 to 90.6 kHz.
    pub const CENELEC_A: Self = cenelec_a::PLAN;

    /// Carriers of the band.
    pub const fn carriers(&self) -> usize {
        self.groups as usize * self.carriers_per_group as usize
    }

    /// Carriers that the tone mask leaves: those of preamble and FCH.
    pub const fn unmasked(&self, mask: ToneMask) -> CarrierSet {
        CarrierSet::first(self.carriers()).intersection(CarrierSet(mask.0))
    }

    /// Carriers that both tone mask and tone map leave: those that carry payload.
    pub fn active(&self, mask: ToneMask, tone_map: ToneMap) -> CarrierSet {
        let group = CarrierSet::first(usize::from(self.carriers_per_group)).0;
        let mut mapped = 0;
        for index in 0..u32::from(self.groups) {
            if tone_map.0 >> index & 1 == 1 {
                mapped |= group << (index * u32::from(self.carriers_per_group));
            }
        }
        self.unmasked(mask).intersection(CarrierSet(mapped))
    }

    /// The tone map with every group of the band.
    pub const fn full_tone_map(&self) -> ToneMap {
        ToneMap((1 << self.groups) - 1)
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

    #[test]
    fn preamble_tables_have_the_digests_checksums() {
        let plan = BandPlan::CENELEC_A;
        assert_eq!(plan.syncp_phases.len(), plan.carriers());
        assert_eq!(plan.syncp_phases.iter().map(|&phase| u32::from(phase)).sum::<u32>(), 274);
        assert_eq!((plan.carrier_hz(0), plan.carrier_hz(35)), (35_937.5, 90_625.0));
    }

    #[test]
    fn a_group_of_the_tone_map_is_six_carriers_from_the_lowest() {
        let plan = BandPlan::CENELEC_A;
        assert_eq!(plan.active(ToneMask::ALL, ToneMap(0b10)).0, 0b1111_1100_0000);
        assert_eq!(plan.active(ToneMask::ALL, plan.full_tone_map()), plan.unmasked(ToneMask::ALL));
        let masked = ToneMask::ALL.without(&plan, 39..=49);
        assert_eq!(plan.unmasked(masked).len(), 25, "S-FSK mask of digest 1.6");
        assert_eq!(plan.active(masked, ToneMap(0b100)).len(), 4, "carriers 35..40 without 39 and 40");
    }
}

//! The frame control header of the CENELEC bands: 33 bits (digest 3.1 to 3.4).
//!
//! ```
//! use g3_phy::{BandPlan, Modulation, ToneMap, header::FrameControl, options::FccsOrder, primitives::DataHeader};
//! let header = FrameControl::Data(DataHeader {
//!     pdc: 0x55,
//!     modulation: Modulation::Dbpsk,
//!     tone_map: ToneMap(0x3F),
//!     payload_symbols: 12,
//!     response_expected: true,
//! });
//! let octets = header.emit(&BandPlan::CENELEC_A, FccsOrder::LowNibbleFirst)?;
//! assert_eq!(octets, [0x55, 0x43, 0x3F, 0x12, 0x80]);
//! assert_eq!(FrameControl::parse(&octets, &BandPlan::CENELEC_A, FccsOrder::LowNibbleFirst), Ok(header));
//! # Ok::<(), g3_phy::header::HeaderError>(())
//! ```

use crate::band::BandPlan;
use crate::options::FccsOrder;
use crate::primitives::{Ack, DataHeader};
use crate::{Modulation, ToneMap};
use dsp::crc::CRC5_FCH;
use thiserror::Error;

/// Octets that hold the 33 bits.
pub const HEADER_OCTETS: usize = 5;
/// Information bits of the header, checksum and all.
pub const HEADER_BITS: usize = 33;

/// What a frame control header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameControl {
    /// A data frame: delimiter type 0 or 1.
    Data(DataHeader),
    /// An acknowledgement: delimiter type 2 or 3. Nothing follows the header.
    Ack(Ack),
}

/// Why a header is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// The checksum is wrong.
    #[error("FCCS is {found:#04x}, the header's bits make {computed:#04x}")]
    Checksum {
        /// What the header carries.
        found: u8,
        /// What its bits make.
        computed: u8,
    },
    /// Reserved delimiter type.
    #[error("delimiter type {0} is reserved")]
    DelimiterType(u8),
    /// Coherent payload, which this modem does not receive.
    #[error("coherent modulation is not supported")]
    Coherent,
    /// The frame length is zero, or not one that the field can say.
    #[error("{0} payload symbols cannot be announced or sent")]
    FrameLength(u16),
    /// No carrier group of the band is on.
    #[error("tone map {0:#x} has no carrier of the band")]
    ToneMap(u32),
}

/// Bits over which the checksum runs.
const CHECKED_BITS: usize = 28;

impl FrameControl {
    /// The header's bits, most significant first, with its checksum; the last octet has one bit.
    ///
    /// # Errors
    /// Where a field cannot say what it should: frame length or tone map.
    pub fn emit(&self, plan: &BandPlan, order: FccsOrder) -> Result<[u8; HEADER_OCTETS], HeaderError> {
        let mut octets = match self {
            Self::Data(header) => emit_data(header, plan)?,
            Self::Ack(ack) => emit_ack(*ack),
        };
        let crc = CRC5_FCH.of_bits(&octets, CHECKED_BITS) as u8;
        let (first, last) = match order {
            FccsOrder::LowNibbleFirst => (crc & 0x0F, crc >> 4),
            FccsOrder::MostSignificantFirst => (crc >> 1, crc & 1),
        };
        octets[3] |= first;
        octets[4] = last << 7;
        Ok(octets)
    }

    /// Reads a header. Reserved bits are ignored.
    ///
    /// # Errors
    /// A wrong checksum or a frame that this modem cannot receive.
    pub fn parse(
        octets: &[u8; HEADER_OCTETS],
        plan: &BandPlan,
        order: FccsOrder,
    ) -> Result<Self, HeaderError> {
        let (first, last) = (octets[3] & 0x0F, octets[4] >> 7);
        let found = match order {
            FccsOrder::LowNibbleFirst => first | last << 4,
            FccsOrder::MostSignificantFirst => first << 1 | last,
        };
        let computed = CRC5_FCH.of_bits(octets, CHECKED_BITS) as u8;
        if found != computed {
            return Err(HeaderError::Checksum { found, computed });
        }
        match octets[3] >> 4 & 7 {
            delimiter @ (0 | 1) => parse_data(octets, plan, delimiter == 1).map(Self::Data),
            delimiter @ (2 | 3) => Ok(Self::Ack(Ack {
                fcs: u16::from_le_bytes([octets[0], octets[2]]),
                positive: delimiter == 2,
                more_segments: octets[1] >> 7 == 1,
            })),
            reserved => Err(HeaderError::DelimiterType(reserved)),
        }
    }
}

fn emit_data(header: &DataHeader, plan: &BandPlan) -> Result<[u8; HEADER_OCTETS], HeaderError> {
    let unit = plan.frame_length_unit.max(1);
    let length = header.payload_symbols / unit;
    if length == 0
        || !header.payload_symbols.is_multiple_of(unit)
        || header.payload_symbols > plan.max_payload_symbols
        || length > 0x3F
    {
        return Err(HeaderError::FrameLength(header.payload_symbols));
    }
    if header.tone_map.0 & !plan.full_tone_map().0 != 0 || header.tone_map.0 == 0 {
        return Err(HeaderError::ToneMap(header.tone_map.0));
    }
    let modulation_and_length = header.modulation.code() << 6 | length as u8;
    let delimiter = u8::from(header.response_expected);
    Ok([header.pdc, modulation_and_length, header.tone_map.0 as u8, delimiter << 4, 0])
}

fn parse_data(
    octets: &[u8; HEADER_OCTETS],
    plan: &BandPlan,
    response_expected: bool,
) -> Result<DataHeader, HeaderError> {
    if octets[3] >> 7 == 1 {
        return Err(HeaderError::Coherent);
    }
    let payload_symbols = u16::from(octets[1] & 0x3F) * plan.frame_length_unit;
    if payload_symbols == 0 || payload_symbols > plan.max_payload_symbols {
        return Err(HeaderError::FrameLength(payload_symbols));
    }
    let tone_map = ToneMap(u32::from(octets[2] & 0x3F) & plan.full_tone_map().0);
    if tone_map.0 == 0 {
        return Err(HeaderError::ToneMap(u32::from(octets[2])));
    }
    let modulation = match octets[1] >> 6 {
        0 => Modulation::Robust,
        1 => Modulation::Dbpsk,
        2 => Modulation::Dqpsk,
        _ => Modulation::D8psk,
    };
    Ok(DataHeader { pdc: octets[0], modulation, tone_map, payload_symbols, response_expected })
}

fn emit_ack(ack: Ack) -> [u8; HEADER_OCTETS] {
    let [low, high] = ack.fcs.to_le_bytes();
    let delimiter = if ack.positive { 2 } else { 3 };
    [low, u8::from(ack.more_segments) << 7, high, delimiter << 4, 0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAN: BandPlan = BandPlan::CENELEC_A;

    fn data(pdc: u8, modulation: Modulation, units: u16, tone_map: u32, response: bool) -> FrameControl {
        FrameControl::Data(DataHeader {
            pdc,
            modulation,
            tone_map: ToneMap(tone_map),
            payload_symbols: units * 4,
            response_expected: response,
        })
    }

    #[test]
    fn headers_are_those_of_digest_3_6_and_12_3() {
        for (header, octets) in [
            (data(0x00, Modulation::Robust, 5, 0x3F, false), [0x00, 0x05, 0x3F, 0x07, 0x00]),
            (data(0x55, Modulation::Dbpsk, 3, 0x3F, true), [0x55, 0x43, 0x3F, 0x12, 0x80]),
            (data(0xA7, Modulation::Dqpsk, 14, 0x2B, false), [0xA7, 0x8E, 0x2B, 0x0B, 0x00]),
            (data(0x00, Modulation::Dbpsk, 3, 0x3F, false), [0x00, 0x43, 0x3F, 0x0D, 0x00]),
            (data(0x00, Modulation::Dqpsk, 2, 0x3F, false), [0x00, 0x82, 0x3F, 0x0F, 0x00]),
            (data(0x00, Modulation::D8psk, 1, 0x3F, false), [0x00, 0xC1, 0x3F, 0x00, 0x80]),
            (data(0x00, Modulation::Robust, 9, 0x3F, false), [0x00, 0x09, 0x3F, 0x0D, 0x00]),
        ] {
            assert_eq!(header.emit(&PLAN, FccsOrder::LowNibbleFirst), Ok(octets));
            assert_eq!(FrameControl::parse(&octets, &PLAN, FccsOrder::LowNibbleFirst), Ok(header));
        }
    }

    #[test]
    fn an_acknowledgement_carries_fcs_and_segment_flag_where_digest_3_4_says() {
        let nack = FrameControl::Ack(Ack { fcs: 0xBEEF, positive: false, more_segments: true });
        let Ok(octets) = nack.emit(&PLAN, FccsOrder::LowNibbleFirst) else { panic!("no header") };
        assert_eq!((octets[0], octets[1], octets[2], octets[3] & 0xF0), (0xEF, 0x80, 0xBE, 0x30));
    }

    #[test]
    fn what_cannot_be_said_or_received_is_named() {
        let order = FccsOrder::LowNibbleFirst;
        let length = data(0, Modulation::Dbpsk, 64, 0x3F, false).emit(&PLAN, order);
        assert_eq!(length, Err(HeaderError::FrameLength(256)));
        assert_eq!(data(0, Modulation::Dbpsk, 3, 0, false).emit(&PLAN, order), Err(HeaderError::ToneMap(0)));
        let with_checksum = |mut octets: [u8; 5]| {
            let crc = CRC5_FCH.of_bits(&octets, 28) as u8;
            octets[3] |= crc & 0x0F;
            octets[4] = crc >> 4 << 7;
            octets
        };
        for (octets, error) in [
            ([0, 3, 0x3F, 0x80, 0], HeaderError::Coherent),
            ([0, 0, 0x3F, 0x00, 0], HeaderError::FrameLength(0)),
            ([0, 3, 0xC0, 0x00, 0], HeaderError::ToneMap(0xC0)),
            ([0, 3, 0x3F, 0x50, 0], HeaderError::DelimiterType(5)),
        ] {
            assert_eq!(FrameControl::parse(&with_checksum(octets), &PLAN, order), Err(error));
        }
        assert!(matches!(FrameControl::parse(&[0; 5], &PLAN, order), Err(HeaderError::Checksum { .. })));
    }

    fn any_frame_control() -> impl Strategy<Value = FrameControl> {
        let modulation = proptest::sample::select(&Modulation::ALL[..]);
        prop_oneof![
            (any::<u8>(), modulation, 1_u16..=63, 1_u32..=0x3F, any::<bool>())
                .prop_map(|(pdc, modulation, units, map, reply)| data(pdc, modulation, units, map, reply)),
            (any::<u16>(), any::<bool>(), any::<bool>()).prop_map(|(fcs, positive, more_segments)| {
                FrameControl::Ack(Ack { fcs, positive, more_segments })
            }),
        ]
    }

    proptest! {
        #[test]
        fn every_header_comes_back(header in any_frame_control(), straight: bool) {
            let order = if straight { FccsOrder::MostSignificantFirst } else { FccsOrder::LowNibbleFirst };
            let octets = header.emit(&PLAN, order)?;
            prop_assert_eq!(FrameControl::parse(&octets, &PLAN, order), Ok(header));
        }

        #[test]
        fn one_or_two_wrong_bits_are_always_found(header in any_frame_control(), a in 0_usize..33, b in 0_usize..33) {
            let mut octets = header.emit(&PLAN, FccsOrder::LowNibbleFirst)?;
            octets[a / 8] ^= 0x80 >> (a % 8);
            if a != b {
                octets[b / 8] ^= 0x80 >> (b % 8);
            }
            let parsed = FrameControl::parse(&octets, &PLAN, FccsOrder::LowNibbleFirst);
            // Period 31 of the generator: two errors 31 apart in the codeword escape.
            if parsed.is_ok() {
                prop_assert!(a.abs_diff(b) >= 28, "bits {} and {}", a, b);
            }
        }

        #[test]
        fn any_octets_parse_or_are_named(octets: [u8; 5]) {
            if let Ok(header) = FrameControl::parse(&octets, &PLAN, FccsOrder::LowNibbleFirst) {
                prop_assert!(header.emit(&PLAN, FccsOrder::LowNibbleFirst).is_ok());
            }
        }
    }
}

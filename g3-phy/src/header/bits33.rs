//! The header of the CENELEC bands (digest 3.1).

use super::{FrameControl, HeaderError, compare, read};
use crate::band::BandPlan;
use crate::layout::Blocks;
use crate::options::FccsOrder;
use crate::primitives::DataHeader;
use crate::{Modulation, Scheme, ToneMap};
use dsp::crc::CRC5_FCH;

/// Bits over which the checksum runs.
const CHECKED_BITS: usize = 28;
/// Octet 3: payload is coherent.
const COHERENT: u8 = 0x80;

pub(super) fn emit(header: &FrameControl, plan: &BandPlan, order: FccsOrder) -> [u8; 5] {
    let [first, second, third] = match header {
        FrameControl::Data(data) => {
            let length = data.payload_symbols / plan.frame_length_unit.max(1);
            [data.pdc, data.modulation.code() << 6 | length as u8 & 0x3F, data.tone_map.0 as u8]
        }
        FrameControl::Ack(ack) => {
            let [low, high] = ack.fcs.to_le_bytes();
            [low, u8::from(ack.more_segments) << 7, high]
        }
    };
    let mut octets = [first, second, third, header.delimiter() << 4, 0];
    if header.is_coherent() {
        octets[3] |= COHERENT;
    }
    let crc = CRC5_FCH.of_bits(&octets, CHECKED_BITS) as u8;
    let (nibble, last) = match order {
        FccsOrder::LowNibbleFirst => (crc & 0x0F, crc >> 4),
        FccsOrder::MostSignificantFirst => (crc >> 1, crc & 1),
    };
    octets[3] |= nibble;
    octets[4] = last << 7;
    octets
}

pub(super) fn parse(
    octets: &[u8; 5],
    plan: &BandPlan,
    order: FccsOrder,
) -> Result<FrameControl, HeaderError> {
    let (nibble, last) = (octets[3] & 0x0F, octets[4] >> 7);
    let found = match order {
        FccsOrder::LowNibbleFirst => nibble | last << 4,
        FccsOrder::MostSignificantFirst => nibble << 1 | last,
    };
    let computed = CRC5_FCH.of_bits(octets, CHECKED_BITS) as u8;
    compare(found, computed)?;
    read(octets[3] >> 4, [octets[0], octets[2]], octets[1], |response_expected| {
        parse_data(octets, plan, response_expected)
    })
}

fn parse_data(octets: &[u8; 5], plan: &BandPlan, response_expected: bool) -> Result<DataHeader, HeaderError> {
    let scheme = if octets[3] & COHERENT == 0 { Scheme::Differential } else { Scheme::Coherent };
    let code = octets[1] >> 6;
    let modulation = Modulation::from_code(code, scheme).ok_or(HeaderError::Modulation(code))?;
    let tone_map = ToneMap(u32::from(octets[2]) & plan.full_tone_map().0);
    if tone_map.0 == 0 {
        return Err(HeaderError::ToneMap(octets[2].into()));
    }
    let payload_symbols = u16::from(octets[1] & 0x3F) * plan.frame_length_unit;
    Ok(DataHeader {
        pdc: octets[0],
        modulation,
        tone_map,
        payload_symbols,
        blocks: Blocks::One,
        response_expected,
    })
}

//! The header of FCC and ARIB (digest 3.2).

use super::{FrameControl, HeaderError, HeaderFormat, compare, read};
use crate::band::BandPlan;
use crate::layout::Blocks;
use crate::primitives::DataHeader;
use crate::{Modulation, Scheme, ToneMap};
use dsp::crc::CRC8_FCH;

/// Bits over which the checksum runs.
const CHECKED_BITS: usize = 58;
/// Octet 1: payload is coherent.
const COHERENT: u8 = 0x10;
/// Octet 6: one Reed-Solomon block. What the digest's source observed; the polarity is not certain.
const ONE_BLOCK: u8 = 0x10;

pub(super) fn emit(header: &FrameControl, plan: &BandPlan) -> [u8; 9] {
    let mut octets = [0; 9];
    octets[1] = header.delimiter() << 1;
    if header.is_coherent() {
        octets[1] |= COHERENT;
    }
    match header {
        FrameControl::Data(data) => {
            let [length_high, length_low] = data.payload_symbols.to_be_bytes();
            octets[0] = data.pdc;
            octets[1] |= data.modulation.code() << 5 | length_high & 1;
            octets[2] = length_low;
            [octets[3], octets[4], octets[5], _] = data.tone_map.0.to_le_bytes();
            if plan.header == HeaderFormat::Fcc && data.blocks == Blocks::One {
                octets[6] = ONE_BLOCK;
            }
        }
        FrameControl::Ack(ack) => {
            [octets[0], octets[3]] = ack.fcs.to_le_bytes();
            octets[1] |= u8::from(ack.more_segments) << 7;
        }
    }
    let crc = CRC8_FCH.of_bits(&octets, CHECKED_BITS) as u8;
    octets[7] |= crc >> 2;
    octets[8] = crc << 6;
    octets
}

pub(super) fn parse(octets: &[u8; 9], plan: &BandPlan) -> Result<FrameControl, HeaderError> {
    let found = octets[7] << 2 | octets[8] >> 6;
    let computed = CRC8_FCH.of_bits(octets, CHECKED_BITS) as u8;
    compare(found, computed)?;
    read(octets[1] >> 1, [octets[0], octets[3]], octets[1], |response_expected| {
        parse_data(octets, plan, response_expected)
    })
}

fn parse_data(octets: &[u8; 9], plan: &BandPlan, response_expected: bool) -> Result<DataHeader, HeaderError> {
    let scheme = if octets[1] & COHERENT == 0 { Scheme::Differential } else { Scheme::Coherent };
    let two = plan.header == HeaderFormat::Fcc && octets[6] & ONE_BLOCK == 0;
    let blocks = if two { Blocks::Two } else { Blocks::One };
    let code = octets[1] >> 5;
    let modulation = Modulation::from_code(code, scheme).ok_or(HeaderError::Modulation(code))?;
    let sent = u32::from_le_bytes([octets[3], octets[4], octets[5], 0]);
    let tone_map = ToneMap(sent & plan.full_tone_map().0);
    if tone_map.0 == 0 {
        return Err(HeaderError::ToneMap(sent));
    }
    let payload_symbols = u16::from_be_bytes([octets[1] & 1, octets[2]]);
    Ok(DataHeader { pdc: octets[0], modulation, tone_map, payload_symbols, blocks, response_expected })
}

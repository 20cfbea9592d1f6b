//! The frame control header: 33 bits in the CENELEC bands, 66 in FCC and ARIB (digest 3.1 to 3.4).
//!
//! ```
//! use g3_phy::layout::Blocks;
//! use g3_phy::{BandPlan, Modulation, ToneMap, header::FrameControl, options::FccsOrder, primitives::DataHeader};
//! let header = FrameControl::Data(DataHeader {
//!     pdc: 0x55,
//!     modulation: Modulation::Dbpsk,
//!     tone_map: ToneMap(0x3F),
//!     payload_symbols: 12,
//!     blocks: Blocks::One,
//!     response_expected: true,
//! });
//! let octets = header.emit(&BandPlan::CENELEC_A, FccsOrder::LowNibbleFirst)?;
//! assert_eq!(octets, [0x55, 0x43, 0x3F, 0x12, 0x80]);
//! assert_eq!(FrameControl::parse(&octets, &BandPlan::CENELEC_A, FccsOrder::LowNibbleFirst), Ok(header));
//! # Ok::<(), g3_phy::header::HeaderError>(())
//! ```

mod bits33;
mod bits66;

use crate::Modulation;
use crate::band::BandPlan;
use crate::layout::Blocks;
use crate::options::FccsOrder;
use crate::primitives::{Ack, DataHeader};
use thiserror::Error;

/// Octets that hold the bits of the longest header.
pub const MAX_HEADER_OCTETS: usize = 9;
/// Information bits of the longest header, checksum and all.
pub const MAX_HEADER_BITS: usize = 66;

/// A header's bits, most significant first; unused bits of the last octet are zero.
pub type HeaderOctets = heapless::Vec<u8, MAX_HEADER_OCTETS>;

/// Which fields a band's header has, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFormat {
    /// 33 bits with a CRC5 (digest 3.1).
    Cenelec,
    /// 66 bits with a CRC8; a bit tells one Reed-Solomon block from two (digest 3.2).
    Fcc,
    /// As FCC's without that bit.
    Arib,
}

impl HeaderFormat {
    /// Information bits, checksum and all.
    pub const fn bits(self) -> usize {
        match self {
            Self::Cenelec => 33,
            Self::Fcc | Self::Arib => MAX_HEADER_BITS,
        }
    }

    /// Octets that hold them.
    pub const fn octets(self) -> usize {
        self.bits().div_ceil(8)
    }
}

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
    /// Not as many octets as the band's header has.
    #[error("a header of {found} octets where the band's has {expected}")]
    Length {
        /// Octets given.
        found: usize,
        /// Octets of the band's header.
        expected: usize,
    },
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
    /// Reserved modulation, or one that the band's header cannot say.
    #[error("modulation {0} is reserved or not one of the band")]
    Modulation(u8),
    /// The band has no payloads of two Reed-Solomon blocks.
    #[error("the band has no payloads of two Reed-Solomon blocks")]
    TwoBlocks,
    /// The frame length is zero, or not one that the field can say.
    #[error("{0} payload symbols cannot be announced or sent")]
    FrameLength(u16),
    /// No carrier group of the band is on.
    #[error("tone map {0:#x} has no carrier of the band")]
    ToneMap(u32),
}

impl FrameControl {
    /// The header's bits with their checksum. `order` is that of the CRC5; the CRC8 of the longer header has one.
    ///
    /// # Errors
    /// Where a field cannot say what it should: frame length or tone map.
    pub fn emit(&self, plan: &BandPlan, order: FccsOrder) -> Result<HeaderOctets, HeaderError> {
        if let Self::Data(header) = self {
            check(header, plan)?;
        }
        Ok(match plan.header {
            HeaderFormat::Cenelec => bits33::emit(self, plan, order).into(),
            HeaderFormat::Fcc | HeaderFormat::Arib => bits66::emit(self, plan).into(),
        })
    }

    /// Reads a header. Reserved bits are ignored.
    ///
    /// # Errors
    /// A wrong length or checksum, or a frame that this modem cannot receive.
    pub fn parse(octets: &[u8], plan: &BandPlan, order: FccsOrder) -> Result<Self, HeaderError> {
        let length = HeaderError::Length { found: octets.len(), expected: plan.header.octets() };
        let header = match plan.header {
            HeaderFormat::Cenelec => bits33::parse(octets.try_into().map_err(|_| length)?, plan, order)?,
            HeaderFormat::Fcc | HeaderFormat::Arib => {
                bits66::parse(octets.try_into().map_err(|_| length)?, plan)?
            }
        };
        if let Self::Data(data) = &header {
            check(data, plan)?;
        }
        Ok(header)
    }

    /// Whether it announces a coherent payload.
    fn is_coherent(&self) -> bool {
        matches!(self, Self::Data(header) if header.modulation.is_coherent())
    }

    /// Delimiter type (digest 3.3).
    const fn delimiter(&self) -> u8 {
        match self {
            Self::Data(header) => header.response_expected as u8,
            Self::Ack(ack) => 3 - ack.positive as u8,
        }
    }
}

fn compare(found: u8, computed: u8) -> Result<(), HeaderError> {
    if found == computed { Ok(()) } else { Err(HeaderError::Checksum { found, computed }) }
}

/// What the fields common to both formats say: delimiter type, FCS and the octet that begins with SSCA (digest 3.3
/// and 3.4).
fn read(
    delimiter: u8,
    fcs: [u8; 2],
    segments: u8,
    data: impl FnOnce(bool) -> Result<DataHeader, HeaderError>,
) -> Result<FrameControl, HeaderError> {
    match delimiter & 7 {
        delimiter @ (0 | 1) => data(delimiter == 1).map(FrameControl::Data),
        delimiter @ (2 | 3) => Ok(FrameControl::Ack(Ack {
            fcs: u16::from_le_bytes(fcs),
            positive: delimiter == 2,
            more_segments: segments >> 7 == 1,
        })),
        reserved => Err(HeaderError::DelimiterType(reserved)),
    }
}

/// Whether the band has frames of this length and tone map.
fn check(header: &DataHeader, plan: &BandPlan) -> Result<(), HeaderError> {
    let symbols = header.payload_symbols;
    if symbols == 0
        || symbols > plan.max_payload_symbols
        || !symbols.is_multiple_of(plan.frame_length_unit.max(1) * header.blocks.count() as u16)
    {
        return Err(HeaderError::FrameLength(symbols));
    }
    if header.blocks == Blocks::Two && plan.header != HeaderFormat::Fcc {
        return Err(HeaderError::TwoBlocks);
    }
    if header.modulation == Modulation::Qam16 && plan.header == HeaderFormat::Cenelec {
        return Err(HeaderError::Modulation(header.modulation.code()));
    }
    if header.tone_map.0 == 0 || header.tone_map.0 & !plan.full_tone_map().0 != 0 {
        return Err(HeaderError::ToneMap(header.tone_map.0));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

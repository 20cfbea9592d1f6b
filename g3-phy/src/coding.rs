//! Forward error correction of header and payload, up to the interleaver (digest 3.5, 4, 5, 6).

use crate::Modulation;
use crate::header::{HeaderFormat, HeaderOctets, MAX_HEADER_BITS};
use crate::layout::{MAX_RS_WORD, PayloadLayout, TAIL_BITS};
use dsp::convolutional;
use dsp::reed_solomon::ReedSolomon;
use dsp::scrambler::Scrambler;

/// Coded bits of the longest header, before repetition.
pub(crate) const MAX_HEADER_CODED_BITS: usize = 2 * (MAX_HEADER_BITS + TAIL_BITS);
/// Coded bits of the longest payload of one block, before repetition.
pub(crate) const MAX_CODED_BITS: usize = 2 * (8 * MAX_RS_WORD + TAIL_BITS);

static PARITY_16: ReedSolomon = ReedSolomon::new(1, 16);
static PARITY_8: ReedSolomon = ReedSolomon::new(1, 8);

/// The Reed-Solomon code of a modulation.
pub(crate) fn reed_solomon(modulation: Modulation) -> &'static ReedSolomon {
    match modulation {
        Modulation::Robust | Modulation::RobustCoherent => &PARITY_8,
        _ => &PARITY_16,
    }
}

/// Convolutionally coded bits, packed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CodedBits<const OCTETS: usize>([u8; OCTETS]);

impl<const OCTETS: usize> CodedBits<OCTETS> {
    /// Coded bit `index`; bits beyond the end are the interleaver's padding, zero (digest 7).
    pub(crate) fn bit(&self, index: usize) -> u8 {
        self.0.get(index / 8).map_or(0, |octet| octet >> (7 - index % 8) & 1)
    }
}

/// Coded bits of a header.
pub(crate) type CodedHeader = CodedBits<{ MAX_HEADER_CODED_BITS.div_ceil(8) }>;
/// Coded bits of a block of a payload.
pub(crate) type CodedBlock = CodedBits<{ MAX_CODED_BITS.div_ceil(8) }>;
/// Coded bits of the one or two blocks of a payload, in the order of time.
pub(crate) type CodedPayload = heapless::Vec<CodedBlock, 2>;

/// Coded bits of a header, before repetition.
pub(crate) const fn header_coded_bits(format: HeaderFormat) -> usize {
    2 * (format.bits() + TAIL_BITS)
}

/// Encodes a header.
pub(crate) fn encode_header(header: &HeaderOctets, format: HeaderFormat) -> CodedHeader {
    let mut coded = [0; MAX_HEADER_CODED_BITS.div_ceil(8)];
    // The sizes are the format's and fit, as the tests show.
    let fits = convolutional::encode(header, format.bits(), &mut coded);
    debug_assert!(fits.is_ok());
    CodedBits(coded)
}

/// Scrambles `psdu`, padded with zeros to the layout's capacity, and encodes its blocks. `None` where it does not fit.
///
/// The scrambler runs on from the first block into the second (digest 5).
pub(crate) fn encode_payload(layout: &PayloadLayout, psdu: &[u8]) -> Option<CodedPayload> {
    let mut scrambler = Scrambler::new();
    let (mut left, capacity) = (psdu, layout.block_capacity());
    let mut blocks = CodedPayload::new();
    for _ in 0..layout.blocks.count() {
        let mut word = [0; MAX_RS_WORD];
        let octets;
        (octets, left) = left.split_at_checked(left.len().min(capacity))?;
        word.get_mut(..octets.len())?.copy_from_slice(octets);
        let (data, parity) = word.split_at_mut_checked(capacity)?;
        scrambler.apply(data);
        reed_solomon(layout.modulation).encode(data, parity).ok()?;
        let mut coded = [0; MAX_CODED_BITS.div_ceil(8)];
        convolutional::encode(&word, layout.info_bits(), &mut coded).ok()?;
        blocks.push(CodedBits(coded)).ok()?;
    }
    left.is_empty().then_some(blocks)
}

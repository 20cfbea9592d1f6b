//! Convolutional code and scrambler of header and payload, up to the interleaver (digest 3.3 to 3.5).

use crate::Scheme;
use crate::channel::{HEADER_DATA_CARRIERS, HEADER_SYMBOLS, MAX_PAYLOAD_SYMBOLS};
use crate::header::{HEADER_BITS, HEADER_OCTETS, MAC_HEADER_OCTETS};
use crate::layout::PayloadLayout;
use crate::options::Continuity;
use dsp::convolutional::{self, TAIL_BITS};
use dsp::scrambler::Scrambler;

/// Coded bits of the header.
pub(crate) const HEADER_AIR_BITS: usize = HEADER_SYMBOLS * HEADER_DATA_CARRIERS;
/// Bits on the air of the longest payload.
pub(crate) const MAX_AIR_BITS: usize = MAX_PAYLOAD_SYMBOLS * Scheme::D8psk.bits_per_symbol();
/// Stages of the Viterbi decoder for the longest coded payload.
pub(crate) const STAGES: usize = MAX_AIR_BITS / 2;

const HEADER_AIR_OCTETS: usize = HEADER_AIR_BITS / 8;
const MAX_AIR_OCTETS: usize = MAX_AIR_BITS / 8;
const _: () = assert!(2 * (HEADER_BITS + TAIL_BITS) == HEADER_AIR_BITS);

/// Bits that are to be interleaved, packed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AirBits<const OCTETS: usize>([u8; OCTETS]);

impl<const OCTETS: usize> AirBits<OCTETS> {
    /// Bit `index`.
    pub(crate) fn bit(&self, index: usize) -> u8 {
        self.0.get(index / 8).map_or(0, |octet| octet >> (7 - index % 8) & 1)
    }
}

/// Bits of a header.
pub(crate) type AirHeader = AirBits<HEADER_AIR_OCTETS>;
/// Bits of a payload.
pub(crate) type AirPayload = AirBits<MAX_AIR_OCTETS>;

/// The scrambler at the first bit of the payload.
pub(crate) fn payload_scrambler(continuity: Continuity) -> Scrambler {
    let mut scrambler = Scrambler::new();
    if continuity == Continuity::Continuous {
        scrambler.apply(&mut [0; HEADER_AIR_OCTETS]);
    }
    scrambler
}

/// Encodes a header, before the scrambler.
pub(crate) fn encode_header(header: &[u8; HEADER_OCTETS]) -> AirHeader {
    let mut coded = [0; HEADER_AIR_OCTETS];
    // The sizes are constants that fit, as the assertion above says.
    let fits = convolutional::encode(header, HEADER_BITS, &mut coded);
    debug_assert!(fits.is_ok());
    AirBits(coded)
}

/// Encodes a header and scrambles it.
pub(crate) fn scrambled_header(header: &[u8; HEADER_OCTETS]) -> AirHeader {
    let mut bits = encode_header(header);
    Scrambler::new().apply(&mut bits.0);
    bits
}

/// Encodes the payload of an MPDU and scrambles it. `None` where it does not fit the layout.
pub(crate) fn scrambled_payload(
    layout: &PayloadLayout,
    mpdu: &[u8],
    continuity: Continuity,
) -> Option<AirPayload> {
    let data = mpdu.get(MAC_HEADER_OCTETS..)?;
    let mut bits = AirBits([0; MAX_AIR_OCTETS]);
    let air = bits.0.get_mut(..layout.air_bits() / 8)?;
    if layout.scheme.is_coded() {
        // Behind the data there are only zeros: the encoder's tail, the rest of FLUSHING_P and PAD. With its register
        // at zero the encoder gives zeros for them, which are there already.
        convolutional::encode(data, 8 * data.len(), air).ok()?;
    } else {
        air.get_mut(..data.len())?.copy_from_slice(data);
    }
    payload_scrambler(continuity).apply(air);
    Some(bits)
}

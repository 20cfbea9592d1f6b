//! Convolutional code, scrambler and repeater of header and payload, up to the carriers (digest 3.3 to 3.6, 4.2, 4.3).

use crate::channel::{HEADER_DATA_CARRIERS, HEADER_SYMBOLS, MAX_PAYLOAD_SYMBOLS, MOST_CHANNELS};
use crate::header::{HEADER_BITS, HEADER_OCTETS, ROBUST_HEADER_BITS, ROBUST_HEADER_OCTETS};
use crate::interleaver::Interleaver;
use crate::layout::PayloadLayout;
use crate::options::{Bonding, Continuity, Interleaving, Repetition};
use crate::{FrameType, Scheme};
use dsp::convolutional::{self, TAIL_BITS};
use dsp::scrambler::Scrambler;

/// Coded bits of the header of Type A.
pub(crate) const HEADER_CODED_BITS: usize = HEADER_SYMBOLS * HEADER_DATA_CARRIERS;
/// Coded bits of the header of Type B, each of which is sent four times.
pub(crate) const ROBUST_HEADER_CODED_BITS: usize = HEADER_DATA_CARRIERS;
/// Coded bits of the longest payload.
pub(crate) const MAX_CODED_BITS: usize = MAX_PAYLOAD_SYMBOLS * MAX_SYMBOL_BITS;
/// Coded bits of the longest payload that is repeated.
pub(crate) const MAX_REPEATED_BITS: usize = MAX_PAYLOAD_SYMBOLS * Scheme::RobustDqpsk.bits_per_symbol();
/// Stages of the Viterbi decoder for the longest coded payload.
pub(crate) const STAGES: usize = MAX_CODED_BITS / 2;

/// Most bits of a symbol.
const MAX_SYMBOL_BITS: usize = Scheme::D8psk.bits_per_symbol();
const _: () = assert!(2 * (HEADER_BITS + TAIL_BITS) == HEADER_CODED_BITS);
const _: () = assert!(2 * (ROBUST_HEADER_BITS + TAIL_BITS) == ROBUST_HEADER_CODED_BITS);

/// Bits before scrambler, repeater and interleaver, packed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CodedBits<const OCTETS: usize>([u8; OCTETS]);

impl<const OCTETS: usize> CodedBits<OCTETS> {
    /// Bit `index`.
    pub(crate) fn bit(&self, index: usize) -> u8 {
        self.0.get(index / 8).map_or(0, |octet| octet >> (7 - index % 8) & 1)
    }

    /// Encodes the first `bits` bits of `octets`.
    fn encode(octets: &[u8], bits: usize) -> Self {
        let mut coded = [0; OCTETS];
        // Callers know that it fits.
        let fits = convolutional::encode(octets, bits, &mut coded);
        debug_assert!(fits.is_ok());
        Self(coded)
    }
}

/// Coded bits of a header of either type.
pub(crate) type CodedHeader = CodedBits<{ HEADER_CODED_BITS.div_ceil(8) }>;
/// Bits of a payload before the scrambler.
pub(crate) type CodedPayload = CodedBits<{ MAX_CODED_BITS / 8 }>;

/// Encodes a header of Type A.
pub(crate) fn encode_header(header: &[u8; HEADER_OCTETS]) -> CodedHeader {
    CodedBits::encode(header, HEADER_BITS)
}

/// Encodes a header of Type B.
pub(crate) fn encode_robust_header(header: &[u8; ROBUST_HEADER_OCTETS]) -> CodedHeader {
    CodedBits::encode(header, ROBUST_HEADER_BITS)
}

/// Encodes the payload of an MPDU. `None` where it does not fit the layout.
pub(crate) fn encode_payload(layout: &PayloadLayout, mpdu: &[u8]) -> Option<CodedPayload> {
    let data = mpdu.get(layout.frame_type.mac_octets()..)?;
    let mut bits = CodedBits([0; MAX_CODED_BITS / 8]);
    let room = bits.0.get_mut(..layout.coded_bits() / 8)?;
    if layout.scheme.is_coded() {
        // Behind the data there are only zeros: the encoder's tail, the rest of FLUSHING_P and PAD. With its register
        // at zero the encoder gives zeros for them, which are there already.
        convolutional::encode(data, 8 * data.len(), room).ok()?;
    } else {
        room.get_mut(..data.len())?.copy_from_slice(data);
    }
    Some(bits)
}

/// Bit `index` of the scrambler's sequence.
pub(crate) fn scrambling(index: usize) -> u8 {
    SEQUENCE[index % Scrambler::PERIOD]
}

const SEQUENCE: [u8; Scrambler::PERIOD] = {
    let (mut sequence, mut scrambler, mut at) = ([0; Scrambler::PERIOD], Scrambler::new(), 0);
    while at < Scrambler::PERIOD {
        sequence[at] = scrambler.next_bit();
        at += 1;
    }
    sequence
};

/// Where in the scrambler's sequence a payload begins.
pub(crate) fn payload_offset(continuity: Continuity, frame_type: FrameType, repetition: Repetition) -> usize {
    match (continuity, frame_type, repetition) {
        (Continuity::Restarted, ..) => 0,
        (Continuity::Continuous, FrameType::A, _) => HEADER_CODED_BITS,
        // Repeated bits are scrambled, or scrambled bits repeated.
        (Continuity::Continuous, _, Repetition::Bits) => {
            Scheme::RobustDbpsk.copies() * ROBUST_HEADER_CODED_BITS
        }
        (Continuity::Continuous, ..) => ROBUST_HEADER_CODED_BITS,
    }
}

/// Which bit is where on the air: interleaver, repeater and, of a bonded pair, its channels.
#[derive(Clone, Debug)]
pub(crate) struct BitMap {
    /// For each place of an interleaver's symbol the bit before it.
    sources: [u16; MOST_CHANNELS * MAX_SYMBOL_BITS],
    /// Bits of an interleaver's symbol, and of a symbol of one channel.
    bits: usize,
    of_channel: usize,
    /// Symbols of the interleaver side by side.
    side_by_side: usize,
    repetition: Option<Repetition>,
}

impl BitMap {
    /// That of a header of Type A. All channels have the same header.
    pub(crate) fn header(interleaving: Interleaving) -> Self {
        Self::new(Some(Interleaver::header(interleaving)), HEADER_DATA_CARRIERS, None)
    }

    /// That of a header of Type B. All channels have the same header.
    pub(crate) fn robust_header(interleaving: Interleaving, repetition: Repetition) -> Self {
        Self::new(Some(Interleaver::header(interleaving)), HEADER_DATA_CARRIERS, Some(repetition))
    }

    /// That of a payload on so many channels.
    pub(crate) fn payload(
        channels: usize,
        scheme: Scheme,
        bonding: Bonding,
        interleaving: Interleaving,
        repetition: Repetition,
    ) -> Self {
        let repetition = scheme.is_robust().then_some(repetition);
        let bits = scheme.bits_per_symbol();
        match bonding {
            Bonding::Joint if channels > 1 => {
                let interleaver = Interleaver::over(channels, scheme, interleaving);
                Self { of_channel: bits, ..Self::new(interleaver, channels * bits, repetition) }
            }
            _ => {
                let interleaver = Interleaver::payload(scheme, interleaving);
                Self { side_by_side: channels, ..Self::new(interleaver, bits, repetition) }
            }
        }
    }

    /// Symbols of one channel; all channels have the same.
    fn new(interleaver: Option<Interleaver>, bits: usize, repetition: Option<Repetition>) -> Self {
        let source = |place| interleaver.map_or(place, |interleaver: Interleaver| interleaver.source(place));
        let sources = core::array::from_fn(|place| source(place) as u16);
        Self { sources, bits, of_channel: 0, side_by_side: 1, repetition }
    }

    /// Whether the copies of a bit are scrambled differently.
    pub(crate) fn scrambles_copies(&self) -> bool {
        self.repetition == Some(Repetition::Bits)
    }

    /// Of the bit at `place` of symbol `symbol` on channel `channel`, counted from 0: which coded bit it is, and which bit of
    /// the scrambler's sequence, counted from where header or payload begins, is added to it.
    #[inline]
    pub(crate) fn source(&self, symbol: usize, channel: usize, place: usize) -> (usize, usize) {
        let bits = self.bits;
        let place = channel * self.of_channel + place;
        // The interleaver's symbols are on the air in succession: of those side by side the lower channel's first.
        let symbol = match self.side_by_side {
            1 => symbol,
            channels => symbol * channels + channel,
        };
        let source = |place: usize| self.sources.get(place).map_or(place, |&source| usize::from(source));
        let Some(repetition) = self.repetition else {
            let index = bits * symbol + source(place);
            return (index, index);
        };
        let (block, copy) = (symbol / COPIES, symbol % COPIES);
        match repetition {
            Repetition::Symbols => {
                let index = bits * block + source(place);
                (index, index)
            }
            Repetition::ShiftedSymbols => {
                let moved = place + bits - copy * (bits / COPIES);
                let index = bits * block + source(if moved >= bits { moved - bits } else { moved });
                (index, index)
            }
            Repetition::Bits => {
                let index = bits * symbol + source(place);
                (index / COPIES, index)
            }
        }
    }
}

const COPIES: usize = crate::channel::COPIES;

#[cfg(test)]
mod tests {
    use super::*;
    use std::{vec, vec::Vec};

    #[test]
    fn the_sequence_is_that_of_the_scrambler() {
        let mut scrambler = Scrambler::new();
        assert!((0..300).all(|index| scrambling(index) == scrambler.next_bit()));
    }

    #[test]
    fn every_coded_bit_is_sent_as_often_as_the_scheme_says() {
        for repetition in Repetition::ALL {
            for scheme in Scheme::ALL {
                let map = BitMap::payload(1, scheme, Bonding::Each, Interleaving::Direct, repetition);
                let (copies, bits) = (scheme.copies(), scheme.bits_per_symbol());
                let mut places = vec![Vec::new(); 3 * bits];
                for symbol in 0..3 * copies {
                    (0..bits).for_each(|place| places[map.source(symbol, 0, place).0].push((symbol, place)));
                }
                assert!(places.iter().all(|places| places.len() == copies), "{scheme:?} {repetition:?}");
                for bonding in [Bonding::Each, Bonding::Joint] {
                    let map = BitMap::payload(2, scheme, bonding, Interleaving::Direct, repetition);
                    let mut copies_of = vec![0; 3 * 2 * bits];
                    for (symbol, channel, place) in (0..3 * copies)
                        .flat_map(|symbol| [(symbol, 0), (symbol, 1)])
                        .flat_map(|(symbol, channel)| (0..bits).map(move |place| (symbol, channel, place)))
                    {
                        copies_of[map.source(symbol, channel, place).0] += 1;
                    }
                    assert!(
                        copies_of.iter().all(|&of| of == copies),
                        "{scheme:?} {repetition:?} {bonding:?}"
                    );
                }
                if scheme.is_robust() {
                    let symbols = |places: &Vec<(usize, usize)>| {
                        let mut symbols: Vec<_> = places.iter().map(|place| place.0).collect();
                        symbols.dedup();
                        symbols.len()
                    };
                    let carriers = |places: &Vec<(usize, usize)>| {
                        let carrier = |place: &(usize, usize)| place.1 / scheme.bits_per_carrier();
                        let mut carriers: Vec<_> = places.iter().map(carrier).collect();
                        carriers.sort_unstable();
                        carriers.dedup();
                        carriers.len()
                    };
                    let spread: (usize, usize) = match repetition {
                        Repetition::Symbols => (4, 1),
                        Repetition::ShiftedSymbols => (4, 4),
                        Repetition::Bits => (1, 4),
                    };
                    assert!(places.iter().all(|of| (symbols(of), carriers(of)) == spread), "{repetition:?}");
                }
            }
        }
    }

    #[test]
    fn a_pair_s_channels_have_neighbouring_symbols_or_halves_of_one() {
        let map = |bonding| {
            BitMap::payload(2, Scheme::DqpskC, bonding, Interleaving::Direct, Repetition::default())
        };
        let single =
            BitMap::payload(1, Scheme::DqpskC, Bonding::Each, Interleaving::Direct, Repetition::default());
        for (symbol, place) in [(0, 0), (0, 100), (3, 191)] {
            for channel in [0, 1] {
                let of = map(Bonding::Each).source(symbol, channel, place);
                assert_eq!(of, single.source(2 * symbol + channel, 0, place));
                let joint = Interleaver::over(2, Scheme::DqpskC, Interleaving::Direct).unwrap();
                let index = 384 * symbol + joint.source(192 * channel + place);
                assert_eq!(map(Bonding::Joint).source(symbol, channel, place), (index, index));
            }
        }
    }
}

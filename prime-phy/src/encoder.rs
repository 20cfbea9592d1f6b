//! A frame as chirps and carrier phases, piece by piece: everything between the primitives and the waveform (digest 3.2
//! to 3.8, 4.1 to 4.4).

use crate::channel::{
    CARRIERS, HEADER_PILOT_SPACING, HEADER_SYMBOLS, MOST_CHANNELS, ROBUST_CHIRPS, ROBUST_HEADER_SYMBOLS,
};
use crate::coding::{self, BitMap, CodedHeader, CodedPayload};
use crate::constellation::{PHASES, phase_step};
use crate::header::{HeaderA, HeaderB, HeaderError};
use crate::layout::PayloadLayout;
use crate::options::{Continuity, Options, Sweep};
use crate::{FrameType, Scheme, timing};
use dsp::scrambler::Scrambler;
use thiserror::Error;

/// Why a frame cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// The MPDU is shorter than the part in the header, or longer than the most symbols there are.
    #[error("an MPDU of {octets} octets does not fit {scheme:?}")]
    Mpdu {
        /// Octets of the MPDU.
        octets: usize,
        /// Scheme asked for.
        scheme: Scheme,
    },
    /// Robust schemes need a frame of Type B or BC.
    #[error("a frame of type {frame_type:?} does not carry {scheme:?}")]
    Scheme {
        /// Kind of frame asked for.
        frame_type: FrameType,
        /// Scheme asked for.
        scheme: Scheme,
    },
    /// The header cannot say it.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// A piece of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Piece<'a> {
    /// A chirp without prefix.
    Chirp {
        /// Its direction.
        sweep: Sweep,
        /// Whether its sign is turned.
        negated: bool,
    },
    /// A symbol: of each channel the phases of its carriers, the lowest first, in units of pi/4.
    Symbol(&'a [[u8; CARRIERS]]),
}

/// Yields the phases of one frame's header and payload symbols.
///
/// ```
/// use prime_phy::{Scheme, encoder::FrameEncoder, options::Options};
/// let mut encoder = FrameEncoder::new(&Options::default(), Scheme::DbpskC, &[0; 21])?;
/// let mut symbols = 0;
/// while let Some([phases]) = encoder.next_symbol() {
///     assert_eq!(phases.len(), 97);
///     symbols += 1;
/// }
/// assert_eq!(symbols, 5);
/// # Ok::<(), prime_phy::encoder::EncodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FrameEncoder {
    options: Options,
    layout: PayloadLayout,
    phases: [[u8; CARRIERS]; MOST_CHANNELS],
    next: usize,
    pilots: Pilots,
    /// Header of Type A, for Types A and BC.
    header_a: Option<(CodedHeader, BitMap)>,
    /// Header of Type B, for Types B and BC.
    header_b: Option<(CodedHeader, BitMap)>,
    payload: CodedPayload,
    payload_map: BitMap,
    payload_offset: usize,
}

/// Where in the frame a piece is.
#[derive(Clone, Copy, Debug)]
enum Place {
    ChirpA,
    HeaderA(usize),
    ChirpB(usize),
    HeaderB(usize),
    Payload(usize),
}

impl FrameEncoder {
    /// Starts the frame of an MPDU, of the plainest type that carries the scheme: Type A, or B for a robust scheme.
    ///
    /// # Errors
    /// The MPDU does not fit, or its first two bits are not zero.
    pub fn new(options: &Options, scheme: Scheme, mpdu: &[u8]) -> Result<Self, EncodeError> {
        Self::of_type(options, FrameType::plainest(scheme), scheme, mpdu)
    }

    /// Starts the frame of an MPDU on a single channel.
    ///
    /// # Errors
    /// The frame cannot carry the scheme, the MPDU does not fit, or, in Type A, its first two bits are not zero.
    pub fn of_type(
        options: &Options,
        frame_type: FrameType,
        scheme: Scheme,
        mpdu: &[u8],
    ) -> Result<Self, EncodeError> {
        Self::on(1, options, frame_type, scheme, mpdu)
    }

    /// Starts the frame of an MPDU on so many channels: [`Channel::channels`](crate::Channel::channels).
    ///
    /// # Errors
    /// The same; on a pair also where D8PSK in Type A needs more padding than its header can tell, 63 octets.
    pub fn on(
        channels: usize,
        options: &Options,
        frame_type: FrameType,
        scheme: Scheme,
        mpdu: &[u8],
    ) -> Result<Self, EncodeError> {
        if !frame_type.carries(scheme) {
            return Err(EncodeError::Scheme { frame_type, scheme });
        }
        let misfit = EncodeError::Mpdu { octets: mpdu.len(), scheme };
        let layout = PayloadLayout::on(channels, frame_type, scheme, mpdu.len());
        let layout = layout.filter(|_| channels <= MOST_CHANNELS).ok_or(misfit)?;
        let PayloadLayout { symbols, pad_octets, .. } = layout;
        let header_a = match frame_type {
            FrameType::A => {
                let mac = *mpdu.first_chunk().ok_or(misfit)?;
                Some(HeaderA { scheme, symbols, pad_octets: pad_octets as u8, mac })
            }
            FrameType::B => None,
            FrameType::Bc => Some(HeaderA::announcing(symbols)),
        };
        let header_a = header_a.map(|header| header.emit()).transpose()?;
        let header_b = (frame_type != FrameType::A).then_some(HeaderB { scheme, symbols, pad_octets });
        let header_b = header_b.map(|header| header.emit(options.crc12_polynomial)).transpose()?;
        let Options { interleaving, repetition, bonding, .. } = *options;
        Ok(Self {
            options: *options,
            layout,
            phases: [[0; CARRIERS]; MOST_CHANNELS],
            next: 0,
            pilots: Pilots::new(options.pilots),
            header_a: header_a.map(|header| (coding::encode_header(&header), BitMap::header(interleaving))),
            header_b: header_b.map(|header| {
                (coding::encode_robust_header(&header), BitMap::robust_header(interleaving, repetition))
            }),
            payload: coding::encode_payload(&layout, mpdu).ok_or(misfit)?,
            payload_map: BitMap::payload(channels, scheme, bonding, interleaving, repetition),
            payload_offset: coding::payload_offset(options.scrambler, frame_type, repetition),
        })
    }

    /// Header and payload symbols of the frame.
    pub fn symbols(&self) -> usize {
        let a = if self.header_a.is_some() { HEADER_SYMBOLS } else { 0 };
        let b = if self.header_b.is_some() { ROBUST_HEADER_SYMBOLS } else { 0 };
        a + b + usize::from(self.layout.symbols)
    }

    /// Samples of the frame at 250 kHz.
    pub fn samples(&self) -> usize {
        timing::frame_samples(self.layout.frame_type, self.layout.symbols)
    }

    /// The sizes of the payload.
    pub fn layout(&self) -> &PayloadLayout {
        &self.layout
    }

    /// The next piece; `None` after the last.
    pub fn next_piece(&mut self) -> Option<Piece<'_>> {
        let place = self.place(self.next)?;
        self.next += 1;
        match place {
            Place::ChirpA => return Some(Piece::Chirp { sweep: Sweep::Ascending, negated: false }),
            Place::ChirpB(index) => {
                // The sequences begin anew with the PPDU of Type B.
                self.pilots = Pilots::new(self.options.pilots);
                let negated = self.options.robust_polarity.negates(index);
                return Some(Piece::Chirp { sweep: self.options.robust_sweep, negated });
            }
            Place::HeaderA(symbol) => header(&mut self.phases, &mut self.pilots, &self.header_a, symbol),
            Place::HeaderB(symbol) => header(&mut self.phases, &mut self.pilots, &self.header_b, symbol),
            Place::Payload(symbol) => self.payload(symbol),
        }
        Some(Piece::Symbol(self.phases.get(..self.layout.channels)?))
    }

    /// The phases of the next symbol on each channel, chirps left out. `None` after the last symbol.
    pub fn next_symbol(&mut self) -> Option<&[[u8; CARRIERS]]> {
        while matches!(self.place(self.next)?, Place::ChirpA | Place::ChirpB(_)) {
            self.next_piece();
        }
        match self.next_piece()? {
            Piece::Symbol(phases) => Some(phases),
            Piece::Chirp { .. } => None,
        }
    }

    fn place(&self, index: usize) -> Option<Place> {
        let mut index = index;
        if self.header_a.is_some() {
            match index {
                0 => return Some(Place::ChirpA),
                1..=HEADER_SYMBOLS => return Some(Place::HeaderA(index - 1)),
                _ => index -= 1 + HEADER_SYMBOLS,
            }
        }
        if self.header_b.is_some() {
            match index.checked_sub(ROBUST_CHIRPS) {
                None => return Some(Place::ChirpB(index)),
                Some(symbol) if symbol < ROBUST_HEADER_SYMBOLS => return Some(Place::HeaderB(symbol)),
                Some(symbol) => index = symbol - ROBUST_HEADER_SYMBOLS,
            }
        }
        (index < usize::from(self.layout.symbols)).then_some(Place::Payload(index))
    }

    fn payload(&mut self, symbol: usize) {
        let bits = self.layout.scheme.bits_per_carrier();
        // The pilots of each channel are those of a frame on it alone.
        let reference = self.pilots.payload();
        for (channel, phases) in self.phases.iter_mut().take(self.layout.channels).enumerate() {
            let [pilot, data @ ..] = phases;
            let (mut phase, mut place) = (reference, 0);
            *pilot = phase;
            for out in data {
                let mut value = 0;
                for _ in 0..bits {
                    let (coded, scrambled) = self.payload_map.source(symbol, channel, place);
                    let bit = self.payload.bit(coded) ^ coding::scrambling(self.payload_offset + scrambled);
                    value = value << 1 | bit;
                    place += 1;
                }
                phase = (phase + phase_step(bits, value)) % PHASES;
                *out = phase;
            }
        }
    }
}

/// The phases of a header symbol of either type, the same on every channel: whoever listens on one of a pair alone hears the
/// header of a frame as long.
fn header(
    phases: &mut [[u8; CARRIERS]; MOST_CHANNELS],
    pilots: &mut Pilots,
    header: &Option<(CodedHeader, BitMap)>,
    symbol: usize,
) {
    let Some((bits, map)) = header else { return };
    let (mut phase, mut place) = (0, 0);
    let [first, others @ ..] = phases;
    for (carrier, out) in first.iter_mut().enumerate() {
        if carrier.is_multiple_of(HEADER_PILOT_SPACING) {
            phase = pilots.header();
        } else {
            let (coded, scrambled) = map.source(symbol, 0, place);
            phase = (phase + phase_step(1, bits.bit(coded) ^ coding::scrambling(scrambled))) % PHASES;
            place += 1;
        }
        *out = phase;
    }
    others.fill(*first);
}

/// The phases of the pilots, in units of pi/4 (digest 3.8).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pilots {
    header: Scrambler,
    payload: Option<Scrambler>,
}

impl Pilots {
    pub(crate) fn new(continuity: Continuity) -> Self {
        let payload = (continuity == Continuity::Restarted).then(Scrambler::new);
        Self { header: Scrambler::new(), payload }
    }

    pub(crate) fn header(&mut self) -> u8 {
        self.header.next_bit() * (PHASES / 2)
    }

    pub(crate) fn payload(&mut self) -> u8 {
        self.payload.as_mut().unwrap_or(&mut self.header).next_bit() * (PHASES / 2)
    }
}

#[cfg(test)]
mod tests;

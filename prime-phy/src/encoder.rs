//! A frame as carrier phases, symbol by symbol: everything between the primitives and the waveform (digest 3.2 to 3.8).

use crate::Scheme;
use crate::channel::{CARRIERS, HEADER_PILOT_SPACING, HEADER_SYMBOLS};
use crate::coding::{self, AirHeader, AirPayload};
use crate::constellation::{PHASES, phase_step};
use crate::header::{Header, HeaderError, MAC_HEADER_OCTETS};
use crate::interleaver::Interleaver;
use crate::layout::PayloadLayout;
use crate::options::{Continuity, Options};
use dsp::scrambler::Scrambler;
use thiserror::Error;

/// Why a frame cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// The MPDU is shorter than the part in the header, or longer than 63 symbols.
    #[error("an MPDU of {octets} octets does not fit {scheme:?}")]
    Mpdu {
        /// Octets of the MPDU.
        octets: usize,
        /// Scheme asked for.
        scheme: Scheme,
    },
    /// The header cannot say it.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// Yields the phases of one frame's header and payload symbols.
///
/// ```
/// use prime_phy::{Scheme, encoder::FrameEncoder, options::Options};
/// let mut encoder = FrameEncoder::new(&Options::default(), Scheme::DbpskC, &[0; 21])?;
/// let mut symbols = 0;
/// while let Some(phases) = encoder.next_symbol() {
///     assert_eq!(phases.len(), 97);
///     symbols += 1;
/// }
/// assert_eq!(symbols, 5);
/// # Ok::<(), prime_phy::encoder::EncodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FrameEncoder {
    phases: [u8; CARRIERS],
    symbol: usize,
    header: AirHeader,
    header_interleaver: Interleaver,
    layout: PayloadLayout,
    payload: AirPayload,
    payload_interleaver: Option<Interleaver>,
    pilots: Pilots,
}

impl FrameEncoder {
    /// Starts the frame of an MPDU.
    ///
    /// # Errors
    /// The MPDU does not fit, or its first two bits are not zero.
    pub fn new(options: &Options, scheme: Scheme, mpdu: &[u8]) -> Result<Self, EncodeError> {
        let misfit = EncodeError::Mpdu { octets: mpdu.len(), scheme };
        let layout = PayloadLayout::for_mpdu(scheme, mpdu.len()).ok_or(misfit)?;
        let mac: [u8; MAC_HEADER_OCTETS] = *mpdu.first_chunk().ok_or(misfit)?;
        let header = Header { scheme, symbols: layout.symbols, pad_octets: layout.pad_octets, mac };
        Ok(Self {
            phases: [0; CARRIERS],
            symbol: 0,
            header: coding::scrambled_header(&header.emit()?),
            header_interleaver: Interleaver::header(options.interleaving),
            layout,
            payload: coding::scrambled_payload(&layout, mpdu, options.scrambler).ok_or(misfit)?,
            payload_interleaver: Interleaver::payload(scheme, options.interleaving),
            pilots: Pilots::new(options.pilots),
        })
    }

    /// Header and payload symbols of the frame.
    pub fn symbols(&self) -> usize {
        HEADER_SYMBOLS + usize::from(self.layout.symbols)
    }

    /// The sizes of the payload.
    pub fn layout(&self) -> &PayloadLayout {
        &self.layout
    }

    /// The phases of the next symbol, a carrier each from the lowest of the channel, in units of pi/4. `None` after the
    /// last symbol.
    pub fn next_symbol(&mut self) -> Option<&[u8; CARRIERS]> {
        if self.symbol >= self.symbols() {
            return None;
        }
        match self.symbol.checked_sub(HEADER_SYMBOLS) {
            None => self.step_header(self.symbol),
            Some(symbol) => self.step_payload(symbol),
        }
        self.symbol += 1;
        Some(&self.phases)
    }

    fn step_header(&mut self, symbol: usize) {
        let (mut phase, mut place) = (0, 0);
        let first = symbol * crate::channel::HEADER_DATA_CARRIERS;
        for (carrier, out) in self.phases.iter_mut().enumerate() {
            if carrier.is_multiple_of(HEADER_PILOT_SPACING) {
                phase = self.pilots.header();
            } else {
                let bit = self.header.bit(first + self.header_interleaver.source(place));
                phase = (phase + phase_step(1, bit)) % PHASES;
                place += 1;
            }
            *out = phase;
        }
    }

    fn step_payload(&mut self, symbol: usize) {
        let scheme = self.layout.scheme;
        let first = symbol * scheme.bits_per_symbol();
        let mut phase = self.pilots.payload();
        let [pilot, data @ ..] = &mut self.phases;
        *pilot = phase;
        let mut place = 0;
        for out in data {
            let mut value = 0;
            for _ in 0..scheme.bits_per_carrier() {
                let source = self.payload_interleaver.map_or(place, |interleaver| interleaver.source(place));
                value = value << 1 | self.payload.bit(first + source);
                place += 1;
            }
            phase = (phase + phase_step(scheme.bits_per_carrier(), value)) % PHASES;
            *out = phase;
        }
    }
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

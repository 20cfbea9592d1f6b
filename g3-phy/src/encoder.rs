//! A frame as carrier phases, symbol by symbol: everything between the primitives and the waveform.
//!
//! Header and payload go through the error-correcting codes and the interleaver into differential phase steps; carriers that
//! the tone map leaves out are filled from the pseudo-noise sequence (digest 9.4).

use crate::Modulation;
use crate::band::{BandPlan, MAX_CARRIERS};
use crate::coding::{self, CodedHeader, CodedPayload};
use crate::constellation::{PHASES, phase_step};
use crate::header::{FrameControl, HeaderError};
use crate::interleaver::{Interleaver, PayloadInterleaver};
use crate::layout::PayloadLayout;
use crate::options::{FchModulation, Options};
use crate::primitives::DataHeader;
use crate::timing::{self, FCH_REPETITION};
use crate::tone::{CarrierSet, ToneMap, ToneMask};
use dsp::scrambler::Scrambler;
use thiserror::Error;

/// Why a frame cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// The PSDU is empty or does not fit modulation, tone map and tone mask.
    #[error("a PSDU of {octets} octets does not fit {modulation:?} on tone map {:#x}", tone_map.0)]
    Psdu {
        /// Octets of the PSDU.
        octets: usize,
        /// Modulation asked for.
        modulation: Modulation,
        /// Tone map asked for.
        tone_map: ToneMap,
    },
    /// The header cannot say it.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The tone mask leaves no carrier.
    #[error("the tone mask leaves no carrier")]
    NoCarrier,
}

/// What goes into a data frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataFrame<'a> {
    /// The PSDU; shorter than the symbols carry, it is padded with zeros at its end.
    pub psdu: &'a [u8],
    /// Payload modulation.
    pub modulation: Modulation,
    /// Active groups of carriers.
    pub tone_map: ToneMap,
    /// Whether an acknowledgement is wanted.
    pub response_expected: bool,
    /// Phase detection counter; any value where the mains' phase is not known (digest 10.3).
    pub pdc: u8,
}

/// Yields the phases of one frame's FCH and payload symbols.
///
/// ```
/// use g3_phy::{BandPlan, ToneMask, encoder::FrameEncoder, header::FrameControl, options::Options, primitives::Ack};
/// let ack = Ack { fcs: 0x31C3, positive: true, more_segments: false };
/// let mut encoder = FrameEncoder::ack(&BandPlan::CENELEC_A, ToneMask::ALL, &Options::default(), ack)?;
/// let mut symbols = 0;
/// while let Some(phases) = encoder.next_symbol() {
///     assert_eq!(phases.len(), 36);
///     symbols += 1;
/// }
/// assert_eq!(symbols, 13);
/// # Ok::<(), g3_phy::encoder::EncodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FrameEncoder {
    phases: [u8; MAX_CARRIERS],
    carriers: usize,
    unmasked: CarrierSet,
    symbol: usize,
    header_symbols: usize,
    header: CodedHeader,
    header_interleaver: Interleaver,
    header_modulation: FchModulation,
    syncp_phases: &'static [u8],
    payload: Option<Payload>,
}

#[derive(Clone, Debug)]
struct Payload {
    layout: PayloadLayout,
    coded: CodedPayload,
    interleaver: PayloadInterleaver,
    active: CarrierSet,
    fill: Scrambler,
}

impl FrameEncoder {
    /// Starts a data frame.
    ///
    /// # Errors
    /// Where the PSDU does not fit, or the tone map is not one of the band.
    pub fn data(
        plan: &BandPlan,
        mask: ToneMask,
        options: &Options,
        frame: &DataFrame<'_>,
    ) -> Result<Self, EncodeError> {
        let DataFrame { psdu, modulation, tone_map, response_expected, pdc } = *frame;
        let misfit = EncodeError::Psdu { octets: psdu.len(), modulation, tone_map };
        let layout = PayloadLayout::for_psdu(plan, mask, tone_map, modulation, psdu.len()).ok_or(misfit)?;
        let payload_symbols = layout.symbols;
        let header =
            FrameControl::Data(DataHeader { pdc, modulation, tone_map, payload_symbols, response_expected });
        let mut encoder = Self::header_only(plan, mask, options, header)?;
        encoder.payload = Some(Payload {
            layout,
            coded: coding::encode_payload(&layout, psdu).ok_or(misfit)?,
            interleaver: PayloadInterleaver::new(&layout, options.interleaving),
            active: plan.active(mask, tone_map),
            fill: fill_after_header(plan, mask),
        });
        Ok(encoder)
    }

    /// Starts an acknowledgement.
    ///
    /// # Errors
    /// Where the tone mask leaves no carrier.
    pub fn ack(
        plan: &BandPlan,
        mask: ToneMask,
        options: &Options,
        ack: crate::primitives::Ack,
    ) -> Result<Self, EncodeError> {
        Self::header_only(plan, mask, options, FrameControl::Ack(ack))
    }

    fn header_only(
        plan: &BandPlan,
        mask: ToneMask,
        options: &Options,
        header: FrameControl,
    ) -> Result<Self, EncodeError> {
        let octets = header.emit(plan, options.fccs_order)?;
        let header_symbols = timing::fch_symbols(plan, mask);
        if header_symbols == 0 {
            return Err(EncodeError::NoCarrier);
        }
        let unmasked = plan.unmasked(mask);
        Ok(Self {
            phases: preamble_phases(plan.syncp_phases),
            carriers: plan.carriers(),
            unmasked,
            symbol: 0,
            header_symbols,
            header: coding::encode_header(&octets, plan.header),
            header_interleaver: Interleaver::new(unmasked.len(), header_symbols, true),
            header_modulation: options.fch_modulation(plan),
            syncp_phases: plan.syncp_phases,
            payload: None,
        })
    }

    /// FCH and payload symbols of the frame.
    pub fn symbols(&self) -> usize {
        self.header_symbols + self.payload.as_ref().map_or(0, |payload| usize::from(payload.layout.symbols))
    }

    /// Carriers that the tone mask leaves.
    pub fn unmasked(&self) -> CarrierSet {
        self.unmasked
    }

    /// The phases of the next symbol, a carrier each from the lowest of the band, in units of pi/8; those of masked
    /// carriers mean nothing. `None` after the last symbol.
    pub fn next_symbol(&mut self) -> Option<&[u8]> {
        if self.symbol >= self.symbols() {
            return None;
        }
        match self.symbol.checked_sub(self.header_symbols) {
            None => self.step_header(),
            Some(symbol) => self.step_payload(symbol),
        }
        self.symbol += 1;
        self.phases.get(..self.carriers)
    }

    fn step_header(&mut self) {
        if self.header_modulation == FchModulation::Coherent {
            self.phases = preamble_phases(self.syncp_phases);
        }
        let bits = self.header_interleaver.row(self.symbol);
        for (carrier, input) in self.unmasked.offsets().zip(bits) {
            let bit = self.header.bit(input / FCH_REPETITION);
            turn(&mut self.phases, carrier, phase_step(1, bit));
        }
    }

    fn step_payload(&mut self, symbol: usize) {
        let Some(Payload { layout, coded, interleaver, active, fill }) = &mut self.payload else { return };
        let bits = layout.modulation.bits_per_carrier();
        let repetition = layout.modulation.repetition();
        let mut inputs = interleaver.symbol(symbol);
        for carrier in 0..self.carriers {
            let data = active.contains(carrier);
            let mut value = 0;
            for place in 0..bits {
                let bit = match data {
                    true => inputs.next().map_or(0, |input| coded.bit(input / repetition)),
                    false => fill.next_bit(),
                };
                value |= bit << place;
            }
            turn(&mut self.phases, carrier, phase_step(bits, value));
        }
    }
}

/// The phases of SYNCP: what the first FCH symbol refers to (digest 3.5).
fn preamble_phases(syncp: &[u8]) -> [u8; MAX_CARRIERS] {
    let mut phases = [0; MAX_CARRIERS];
    phases.iter_mut().zip(syncp).for_each(|(phase, &syncp)| *phase = syncp);
    phases
}

fn turn(phases: &mut [u8; MAX_CARRIERS], carrier: usize, step: u8) {
    if let Some(phase) = phases.get_mut(carrier) {
        *phase = (*phase + step) % PHASES;
    }
}

/// The pseudo-noise sequence at the first payload symbol: masked carriers have consumed a bit each per FCH symbol.
fn fill_after_header(plan: &BandPlan, mask: ToneMask) -> Scrambler {
    let masked = plan.carriers() - plan.unmasked(mask).len();
    let mut fill = Scrambler::new();
    for _ in 0..masked * timing::fch_symbols(plan, mask) % Scrambler::PERIOD {
        fill.next_bit();
    }
    fill
}

#[cfg(test)]
mod tests;

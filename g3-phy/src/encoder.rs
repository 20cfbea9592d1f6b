//! A frame as carrier phases, symbol by symbol: everything between the primitives and the waveform.
//!
//! Header and payload go through the error-correcting codes and the interleaver into phase steps against the symbol before,
//! or in a coherent payload against SYNCP; carriers that the tone map leaves out and pilots are filled from the pseudo-noise
//! sequence (digest 9.4).

use crate::band::{BandPlan, MAX_CARRIERS};
use crate::coding::{self, CodedHeader, CodedPayload};
use crate::constellation::{PHASES, phase_step};
use crate::experimental::Qam16Bits;
use crate::header::{FrameControl, HeaderError};
use crate::interleaver::{Interleaver, PayloadInterleaver};
use crate::layout::PayloadLayout;
use crate::options::{FchModulation, Options};
use crate::primitives::DataHeader;
use crate::timing::{self, FCH_REPETITION};
use crate::tone::{CarrierSet, ToneMap, ToneMask};
use crate::{Modulation, Scheme, pilots};
use dsp::Complex;
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
    /// The standard's rule for it is not known, and the experimental option that guesses it is off.
    #[error("{modulation:?} in this band is known to no source: it needs an experimental option")]
    Experimental {
        /// Modulation asked for.
        modulation: Modulation,
    },
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

/// One symbol: a carrier each from the lowest of the band; what stands for masked carriers means nothing.
#[derive(Clone, Copy, Debug)]
pub struct Symbol<'a> {
    /// Phases in units of pi/8.
    pub phases: &'a [u8],
    /// Values of the carriers that carry a point of 16-QAM on top of their phase, [`NO_POINT`](Self::NO_POINT) for the
    /// others.
    points: Option<(Qam16Bits, &'a [u8])>,
    /// S1 and S2 are sent at the preamble's level, as far as one source tells (digest 1.4).
    pub at_preamble_level: bool,
}

impl Symbol<'_> {
    const NO_POINT: u8 = 0xFF;

    /// The factor of a carrier beside its phase: 1, or a point of 16-QAM.
    pub fn factor(&self, carrier: usize) -> Complex {
        let value = |(bits, points): (Qam16Bits, &[u8])| Some((bits, *points.get(carrier)?));
        match self.points.and_then(value) {
            Some((bits, value)) if value != Self::NO_POINT => bits.point(value),
            _ => Complex::new(1.0, 0.0),
        }
    }
}

/// Yields the phases of one frame's FCH, reference and payload symbols.
///
/// ```
/// use g3_phy::{BandPlan, ToneMask, encoder::FrameEncoder, header::FrameControl, options::Options, primitives::Ack};
/// let ack = Ack { fcs: 0x31C3, positive: true, more_segments: false };
/// let mut encoder = FrameEncoder::ack(&BandPlan::CENELEC_A, ToneMask::ALL, &Options::default(), ack)?;
/// let mut symbols = 0;
/// while let Some(symbol) = encoder.next_symbol() {
///     assert_eq!(symbol.phases.len(), 36);
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
    pilots: Option<PilotPlaces>,
    /// 16-QAM's values of the carriers.
    points: Option<(Qam16Bits, [u8; MAX_CARRIERS])>,
}

/// What places the pilots of a coherent payload.
#[derive(Clone, Copy, Debug)]
struct PilotPlaces {
    plan: BandPlan,
    offset: u8,
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
        let unknown = EncodeError::Experimental { modulation };
        let pilots = match modulation.scheme() {
            Scheme::Differential => None,
            Scheme::Coherent => {
                let offset = options.pilot_offset(plan).ok_or(unknown)?;
                Some(PilotPlaces { plan: *plan, offset })
            }
        };
        let points = match modulation {
            Modulation::Qam16 => Some((options.experimental.qam16.ok_or(unknown)?, [0; MAX_CARRIERS])),
            _ => None,
        };
        let layout = PayloadLayout::for_psdu(plan, mask, tone_map, modulation, psdu.len()).ok_or(misfit)?;
        let header = FrameControl::Data(DataHeader {
            pdc,
            modulation,
            tone_map,
            payload_symbols: layout.symbols,
            blocks: layout.blocks,
            response_expected,
        });
        let mut encoder = Self::header_only(plan, mask, options, header)?;
        encoder.payload = Some(Payload {
            layout,
            coded: coding::encode_payload(&layout, psdu).ok_or(misfit)?,
            interleaver: PayloadInterleaver::new(&layout, options.interleaving),
            active: plan.active(mask, tone_map),
            fill: fill_after_header(plan, mask),
            pilots,
            points,
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

    /// FCH, reference and payload symbols of the frame.
    pub fn symbols(&self) -> usize {
        let of_payload = |payload: &Payload| {
            timing::reference_symbols(payload.layout.modulation) + usize::from(payload.layout.symbols)
        };
        self.header_symbols + self.payload.as_ref().map_or(0, of_payload)
    }

    /// Carriers that the tone mask leaves.
    pub fn unmasked(&self) -> CarrierSet {
        self.unmasked
    }

    /// The next symbol; `None` after the last.
    pub fn next_symbol(&mut self) -> Option<Symbol<'_>> {
        if self.symbol >= self.symbols() {
            return None;
        }
        let references =
            self.payload.as_ref().map_or(0, |payload| timing::reference_symbols(payload.layout.modulation));
        let mut at_preamble_level = false;
        let mut is_payload = false;
        match self.symbol.checked_sub(self.header_symbols) {
            None => self.step_header(),
            Some(reference) if reference < references => {
                at_preamble_level = true;
                self.step_reference(reference);
            }
            Some(symbol) => {
                is_payload = true;
                self.step_payload(symbol - references);
            }
        }
        self.symbol += 1;
        let points = self.payload.as_ref().filter(|_| is_payload).and_then(|payload| payload.points.as_ref());
        Some(Symbol {
            phases: self.phases.get(..self.carriers)?,
            points: points.map(|(bits, points)| (*bits, &points[..])),
            at_preamble_level,
        })
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

    /// S1 is SYNCM, S2 is SYNCP (digest 2).
    fn step_reference(&mut self, reference: usize) {
        self.phases = preamble_phases(self.syncp_phases);
        if reference == 0 {
            (0..self.carriers).for_each(|carrier| turn(&mut self.phases, carrier, PHASES / 2));
        }
    }

    fn step_payload(&mut self, symbol: usize) {
        let Some(payload) = &mut self.payload else { return };
        let Payload { layout, coded, interleaver, active, fill, pilots, points } = payload;
        let bits = layout.modulation.bits_per_carrier();
        let repetition = layout.modulation.repetition();
        let block_symbols = layout.block_symbols().max(1);
        let Some(block) = coded.get(symbol / block_symbols) else { return };
        let mut inputs = interleaver.symbol(symbol % block_symbols);
        let pilots = pilots.map_or(CarrierSet::NONE, |PilotPlaces { plan, offset }| {
            pilots::in_symbol(&plan, layout.modulation, offset, *active, symbol)
        });
        if layout.modulation.is_coherent() {
            self.phases = preamble_phases(self.syncp_phases);
        }
        for carrier in 0..self.carriers {
            let pilot = pilots.contains(carrier);
            let data = active.contains(carrier) && !pilot;
            let mut value = 0;
            let count = if pilot { pilots::BITS } else { bits };
            for place in 0..count {
                let bit = match data {
                    true => inputs.next().map_or(0, |input| block.bit(input / repetition)),
                    false => fill.next_bit(),
                };
                value |= bit << place;
            }
            let point = points.as_mut().and_then(|(_, points)| points.get_mut(carrier));
            match point {
                Some(point) if !pilot => *point = value,
                point => {
                    if let Some(point) = point {
                        *point = Symbol::NO_POINT;
                    }
                    turn(&mut self.phases, carrier, phase_step(count, value));
                }
            }
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
pub(crate) fn fill_after_header(plan: &BandPlan, mask: ToneMask) -> Scrambler {
    let masked = plan.carriers() - plan.unmasked(mask).len();
    let mut fill = Scrambler::new();
    for _ in 0..masked * timing::fch_symbols(plan, mask) % Scrambler::PERIOD {
        fill.next_bit();
    }
    fill
}

#[cfg(test)]
mod tests;

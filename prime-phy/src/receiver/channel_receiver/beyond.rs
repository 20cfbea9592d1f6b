//! What coherent detection adds: it sees chirps and symbols too, and tries where the differential decoders fail or may be wrong.

use super::super::Shared;
use super::super::carriers::{Carriers, carriers};
use super::super::coherent::Payload;
use super::super::header_decoder::{Decoded, NOTHING};
use super::super::workspace::Memory;
use super::ChannelReceiver;
use super::frame::Frame;
use crate::header::{HeaderA, HeaderB, HeaderError};
use crate::options::{Continuity, Sweep};
use crate::primitives::Mpdu;
use plc_core::receiver::Detection;

impl<M: Memory> ChannelReceiver<M> {
    /// Forgets what is known of the line.
    pub(super) fn begin_line(&mut self) {
        let Self { parts, beyond, memory, .. } = self;
        if let (Detection::Coherent { .. }, Some(workspace)) = (beyond.detection, memory.workspace()) {
            let channels = parts.iter().map(|part| (part.channel, part.floor.powers()));
            workspace.line.begin(beyond, channels);
        }
    }

    /// Lets coherent detection have a chirp, that many before the header.
    pub(super) fn take_chirp(
        &mut self,
        shared: &mut Shared,
        at: u64,
        before: usize,
        sweep: Sweep,
        negated: bool,
    ) {
        let Self { parts, beyond, memory, .. } = self;
        let (Detection::Coherent { .. }, Some(workspace)) = (beyond.detection, memory.workspace()) else {
            return;
        };
        shared.analysis.transform(&shared.stream, at, 0);
        let sign = if negated { -1.0 } else { 1.0 };
        for (channel, part) in parts.iter().enumerate() {
            let heard = carriers(&part.band(&shared.analysis));
            workspace.line.put_chirp(channel, &heard, part.chirp(sweep), sign, before);
        }
    }

    /// Lets coherent detection have a symbol of each channel.
    pub(super) fn put_symbols(&mut self, symbols: &[Carriers]) {
        let Self { beyond, memory, .. } = self;
        if let (Detection::Coherent { .. }, Some(workspace)) = (beyond.detection, memory.workspace()) {
            symbols.iter().for_each(|symbol| workspace.line.put_symbol(symbol));
        }
    }

    /// What the differential decoder made of a header, or where it fits no chirp or is none, the coherent one.
    pub(super) fn settle_header_a(
        &mut self,
        differential: Result<Decoded<HeaderA>, HeaderError>,
    ) -> Result<Decoded<HeaderA>, HeaderError> {
        let Self { options, memory, beyond, .. } = self;
        let (Detection::Coherent { passes }, Some(workspace)) = (beyond.detection, memory.workspace()) else {
            return differential;
        };
        let fits = differential.as_ref().is_ok_and(|decoded| workspace.fits_a(decoded));
        let coherent = if fits { None } else { workspace.decode_header_a(options, passes) };
        match (fits, coherent) {
            (true, _) => differential,
            (false, Some(decoded)) => Ok(decoded),
            (false, None) => Err(differential.err().unwrap_or(NOTHING)),
        }
    }

    pub(super) fn settle_header_b(
        &mut self,
        differential: Result<Decoded<HeaderB>, HeaderError>,
    ) -> Result<Decoded<HeaderB>, HeaderError> {
        let Self { options, memory, beyond, .. } = self;
        let (Detection::Coherent { passes }, Some(workspace)) = (beyond.detection, memory.workspace()) else {
            return differential;
        };
        let fits =
            differential.as_ref().is_ok_and(|decoded| workspace.fits_b(decoded, options.crc12_polynomial));
        let coherent = if fits { None } else { workspace.decode_header_b(options, passes) };
        match (fits, coherent) {
            (true, _) => differential,
            (false, Some(decoded)) => Ok(decoded),
            (false, None) => Err(differential.err().unwrap_or(NOTHING)),
        }
    }

    /// Decodes a payload coherently, after the differential receiver has done what it can; otherwise what that found.
    pub(super) fn settle_payload(
        &mut self,
        shared: &mut Shared,
        frame: &Frame,
        differential: Option<(Mpdu, Continuity)>,
    ) -> Option<(Mpdu, Continuity)> {
        let Self { options, memory, beyond, .. } = self;
        let (Detection::Coherent { passes }, Some(workspace)) = (beyond.detection, memory.workspace()) else {
            return differential;
        };
        let Some(layout) = frame.header.layout() else { return differential };
        let scrambler = differential.as_ref().map_or(options.scrambler, |(_, scrambler)| *scrambler);
        let Frame { interleaving, repetition, .. } = *frame;
        let payload = Payload { layout, interleaving, repetition, scrambler };
        let mac = frame.mac.get(..layout.frame_type.mac_octets()).unwrap_or_default();
        let before = differential.as_ref().and_then(|(mpdu, _)| mpdu.get(mac.len()..));
        let found = workspace.decode_payload(&payload, options, passes, &mut shared.octets, before);
        if found.is_none() {
            return differential;
        }
        let mut mpdu = Mpdu::from_slice(mac).ok()?;
        mpdu.extend_from_slice(shared.octets.get(..layout.data_octets())?).ok()?;
        Some((mpdu, scrambler))
    }
}

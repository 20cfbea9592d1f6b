//! What the MAC asks of the PHY and what the PHY tells it: the primitives of G.9903 as plain data.
//!
//! Three parties speak this: the soft modem of this crate ([`crate::phy`]), the link fidelity of `channel-sim`,
//! and a modem chip behind a UART. Because it is data, it can be recorded, sent through a socket and replayed.
//!
//! Instants are those of the modem's own sample clock. A modem that works in blocks reports an event a little
//! after it happened; the instants inside tell when that was.

#![allow(clippy::large_enum_variant, reason = "without an allocator the PSDU is held in place")]

use crate::layout::Blocks;
use crate::{Modulation, ToneMap};
use plc_core::time::Instant;

/// Octets in the largest PSDU of any band: two Reed-Solomon blocks of 247 (digest 7.2).
pub const MAX_PSDU: usize = 494;

/// PHY service data unit: the MAC frame with its padding and FCS.
pub type Psdu = heapless::Vec<u8, MAX_PSDU>;

/// What the MAC asks of the PHY.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Request {
    /// PD-DATA.request: send a data frame.
    Data(PdDataRequest),
    /// PD-ACK.request: send an acknowledgement, which is a preamble and an FCH.
    Ack(PdAckRequest),
    /// PLME-SET.request for the transmit level: attenuation in dB, 0 to 25 (macTransmitAtten).
    SetTransmitAttenuation(u8),
}

/// PD-DATA.request.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PdDataRequest {
    /// Instant of the first preamble sample. One that has passed means at once.
    pub start: Instant,
    /// The MAC frame: segment control to FCS, already padded to what the symbols carry.
    pub psdu: Psdu,
    /// Payload modulation.
    pub modulation: Modulation,
    /// Active groups of carriers.
    pub tone_map: ToneMap,
    /// Whether the frame wants an acknowledgement (delimiter type 1 instead of 0).
    pub response_expected: bool,
}

/// PD-ACK.request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PdAckRequest {
    /// Instant of the first preamble sample. One that has passed means at once.
    pub start: Instant,
    /// What the acknowledgement says.
    pub ack: Ack,
}

/// Contents of an acknowledgement's FCH (digest 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Ack {
    /// FCS of the frame acknowledged, as its number (low octet was first on the line).
    pub fcs: u16,
    /// ACK (delimiter type 2) or NACK (3).
    pub positive: bool,
    /// SSCA: more segments of this MSDU are expected.
    pub more_segments: bool,
}

/// What the PHY tells the MAC.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Event {
    /// PD-DATA.confirm or PD-ACK.confirm: the transmission has ended, or was refused.
    TransmitConfirm(TransmitConfirm),
    /// PD-DATA.indication: a data frame whose Reed-Solomon word was decoded. Its FCS is not checked.
    DataIndication(PdDataIndication),
    /// PD-ACK.indication: an acknowledgement was heard.
    AckIndication(PdAckIndication),
    /// PLME-CS: the carrier sense changed.
    CarrierSense(CarrierSense),
}

/// PD-DATA.confirm and PD-ACK.confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TransmitConfirm {
    /// End of the last sample sent; the instant of refusal otherwise.
    pub end: Instant,
    /// Whether the frame went out.
    pub status: TransmitStatus,
}

/// How a transmission ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum TransmitStatus {
    /// All of it is on the line.
    Success,
    /// The transmitter was busy with another frame.
    BusyTransmitting,
    /// The frame does not fit the modulation and tone map, or is empty.
    InvalidParameter,
}

/// PD-DATA.indication.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PdDataIndication {
    /// The octets of the Reed-Solomon word: MAC frame with padding and FCS.
    pub psdu: Psdu,
    /// What the FCH said.
    pub header: DataHeader,
    /// First preamble sample.
    pub start: Instant,
    /// End of the last payload symbol: interframe spaces count from here.
    pub end: Instant,
    /// Link quality, 4 (SNR/dB + 10), 0 to 255 (digest 10.1).
    pub lqi: u8,
    /// Octets that the Reed-Solomon decoder corrected.
    pub corrected_octets: u8,
}

/// What the FCH of a data frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DataHeader {
    /// Phase detection counter of the sender.
    pub pdc: u8,
    /// Payload modulation.
    pub modulation: Modulation,
    /// Active groups of carriers.
    pub tone_map: ToneMap,
    /// Payload symbols.
    pub payload_symbols: u16,
    /// Reed-Solomon blocks.
    pub blocks: Blocks,
    /// Delimiter type 1: an acknowledgement follows.
    pub response_expected: bool,
}

/// PD-ACK.indication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PdAckIndication {
    /// What the acknowledgement says.
    pub ack: Ack,
    /// First preamble sample.
    pub start: Instant,
    /// End of the FCH: interframe spaces count from here.
    pub end: Instant,
    /// Link quality, 4 (SNR/dB + 10), 0 to 255 (digest 10.1).
    pub lqi: u8,
}

/// PLME-CS: physical carrier sense. A frame goes through `Preamble`, then `Header` or `HeaderFailed`, then, for a
/// data frame, its indication or `PayloadFailed`, then `Idle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum CarrierSense {
    /// A preamble was found: busy. The instant is that of its first sample.
    Preamble(Instant),
    /// The FCH of a data frame is right: busy until `end` of its payload.
    Header {
        /// What it said.
        header: DataHeader,
        /// End of the last payload symbol.
        end: Instant,
    },
    /// The FCH's checksum is wrong. The line stays busy for the rest of a frame of unknown length.
    HeaderFailed {
        /// End of the FCH.
        end: Instant,
    },
    /// The payload could not be decoded.
    PayloadFailed {
        /// End of the last payload symbol.
        end: Instant,
    },
    /// Nothing is heard any more.
    Idle(Instant),
}

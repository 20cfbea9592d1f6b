//! What the MAC asks of the PHY and what the PHY tells it: the primitives of G.9904 as plain data (digest 5).
//!
//! Because it is data, it can be recorded, sent through a socket and replayed. Instants are those of the modem's own
//! sample clock. A modem that works in blocks reports an event a little after it happened; the instants inside tell when
//! that was.

#![allow(clippy::large_enum_variant, reason = "without an allocator the MPDU is held in place")]

mod control;

use crate::header::Header;
use crate::layout::MAX_MPDU;
use crate::options::{Continuity, Interleaving, Polarity, Repetition, Sweep};
use crate::{FrameType, Scheme};
use plc_core::time::Instant;

pub use control::{
    Agc, ControlConfirm, ControlRequest, LineState, ManagementConfirm, ManagementRequest, Senses, TestMode,
};

/// MAC protocol data unit, from the two unused bits to the CRC.
pub type Mpdu = heapless::Vec<u8, MAX_MPDU>;

/// Lowest output level: 7 steps of 3 dB below the highest.
pub const LOWEST_LEVEL: u8 = 7;

/// What the MAC asks of the PHY.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Request {
    /// PHY_DATA.request: send a frame.
    Data(PhyDataRequest),
    /// Drop the frame that waits or is on the air.
    Cancel,
    /// The control plane.
    Control(ControlRequest),
    /// The management plane.
    Management(ManagementRequest),
    /// What PHY_ZCT.get answers from: the driver saw the mains cross zero.
    ZeroCrossing(Instant),
}

/// PHY_DATA.request.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PhyDataRequest {
    /// Instant of the first preamble sample. One that has passed means at once.
    pub time: Instant,
    /// The MAC frame.
    pub mpdu: Mpdu,
    /// Kind of frame.
    pub frame_type: FrameType,
    /// Payload scheme.
    pub scheme: Scheme,
    /// Output level: 0 is the highest, each step 3 dB less, up to 7.
    pub level: u8,
    /// Listen before sending.
    pub senses: Option<Senses>,
}

/// What the PHY tells the MAC.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Event {
    /// PHY_DATA.confirm: the transmission has ended, or was refused.
    DataConfirm(PhyDataConfirm),
    /// PHY_DATA.indication: a frame with a right header. The MAC's CRC is not checked.
    DataIndication(PhyDataIndication),
    /// The carrier detect of PHY_CD.get changed.
    CarrierDetect(CarrierDetect),
    /// Answer to a request of the control plane.
    ControlConfirm(ControlConfirm),
    /// Answer to a request of the management plane.
    ManagementConfirm(ManagementConfirm),
}

/// PHY_DATA.confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PhyDataConfirm {
    /// End of the last sample sent; the instant of refusal otherwise.
    pub end: Instant,
    /// Whether the frame went out.
    pub result: TransmitResult,
}

/// How a transmission ended; the numbers are those of modem chips (digest 5). Those that a soft modem has no use for are
/// here for drivers of chips that speak the same primitives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum TransmitResult {
    /// Not ended. Chips alone.
    InProcess = 0,
    /// All of it is on the line.
    Success = 1,
    /// The MPDU does not fit the scheme, or its first two bits are not zero in Type A.
    BadLength = 2,
    /// The line was not free when it was sensed.
    ChannelBusy = 3,
    /// The transmitter is busy with another frame.
    TransmitterBusy = 4,
    /// The receiver is busy. Chips alone.
    ReceiverBusy = 5,
    /// A frame of this type does not carry the scheme.
    BadScheme = 6,
    /// It did not end in time. Chips alone.
    Timeout = 7,
    /// The buffer is not one. Chips alone.
    BadBuffer = 8,
    /// The PHY sleeps or is in a test mode.
    BadMode = 9,
    /// The way of starting is not known. Chips alone.
    BadTransmitMode = 10,
    /// The MAC cancelled or reset it.
    Cancelled = 11,
}

impl TransmitResult {
    /// Its number.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// PHY_DATA.indication.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PhyDataIndication {
    /// The MAC frame.
    pub mpdu: Mpdu,
    /// Payload scheme.
    pub scheme: Scheme,
    /// First preamble sample.
    pub time: Instant,
    /// End of the last symbol.
    pub end: Instant,
    /// How well it was received.
    pub reception: Reception,
}

/// Measurements of one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Reception {
    /// Mean power of a sample's signal and noise on the carriers, as a square of full scale, from the header.
    pub power: f32,
    /// Error vector magnitude of the header: the root of noise over signal power.
    pub evm: f32,
    /// Error vector magnitude of the payload, by what was decided: too small where many decisions are wrong. None without
    /// payload symbols.
    pub payload_evm: Option<f32>,
    /// SNR quality level, 0 to 7 (PHY_SNR.get).
    pub quality: u8,
    /// Kind of frame. One of Type BC whose header of Type A was not understood counts as B.
    pub frame_type: FrameType,
    /// The reading of the interleaver with which the header's CRC is right.
    pub interleaving: Interleaving,
    /// The reading of the scrambler that fits the code of the payload; without coding, the one set.
    pub scrambler: Continuity,
    /// The reading of the repeater with which the header's CRC is right; in Type A, the one set.
    pub repetition: Repetition,
    /// Direction of the chirps of Type B as found; in Types A and BC, the one set.
    pub robust_sweep: Sweep,
    /// Signs of the chirps of Type B as found; in Types A and BC, the one set.
    pub robust_polarity: Polarity,
}

/// SNR quality level, 0 to 7, of a signal to noise ratio in dB: up to 0 dB, 3, 6 and so on, above 18 (digest 3.9).
///
/// ```
/// use prime_phy::primitives::quality_level;
/// assert_eq!([-2.0, 0.0, 0.1, 9.0, 17.0, 18.1, 40.0].map(quality_level), [0, 0, 1, 3, 6, 7, 7]);
/// ```
pub fn quality_level(snr_db: f32) -> u8 {
    libm::ceilf(snr_db / 3.0).clamp(0.0, 7.0) as u8
}

/// Changes of the carrier detect. A frame goes through `Preamble`, then `Header` or `HeaderFailed`, then its
/// indication, then `Idle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum CarrierDetect {
    /// A preamble was found: busy. The instant is that of its first sample.
    Preamble(Instant),
    /// The header is right: busy until `end` of the payload.
    Header {
        /// What it says.
        header: Header,
        /// End of the last payload symbol.
        end: Instant,
    },
    /// The header is wrong. The line stays busy for the rest of a frame of unknown length.
    HeaderFailed {
        /// End of the header.
        end: Instant,
    },
    /// Nothing is heard any more.
    Idle(Instant),
}

//! The control and management planes of the PHY as plain data (digest 5).

use super::PhyDataRequest;
use crate::Scheme;
use crate::pib::{Attribute, AttributeError};
use plc_core::time::{Duration, Instant};

/// PHY_AGC, PHY_TIMER, PHY_CD, PHY_NL, PHY_SNR and PHY_ZCT requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ControlRequest {
    /// PHY_AGC.get.
    AgcGet,
    /// PHY_AGC.set.
    AgcSet(Agc),
    /// PHY_TIMER.get.
    Timer,
    /// PHY_CD.get.
    CarrierDetect,
    /// PHY_NL.get.
    NoiseLevel,
    /// PHY_SNR.get.
    Snr,
    /// PHY_ZCT.get.
    ZeroCrossingTime,
}

/// Their confirms.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ControlConfirm {
    /// The gain in force.
    Agc {
        /// Who chooses it.
        agc: Agc,
        /// Step of the front end, from 0.
        step: u8,
    },
    /// The PHY's timer in units of 10 us; it wraps.
    Timer(u32),
    /// The line's state.
    CarrierDetect(LineState),
    /// Level of the noise on the carriers, in dBuV; `None` before anything was listened to.
    NoiseLevel(Option<f32>),
    /// SNR quality level of the last frame, 0 to 7.
    Snr(u8),
    /// Time since the mains last crossed zero; `None` where the driver does not tell of crossings.
    ZeroCrossingTime(Option<Duration>),
}

/// Who chooses the gain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Agc {
    /// The PHY, by the level of what it hears.
    #[default]
    Automatic,
    /// The MAC: this step, or the highest there is.
    Manual(u8),
}

/// What PHY_CD.get tells.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LineState {
    /// Whether a frame is on the line.
    pub busy: bool,
    /// Level of signal and noise on the carriers in the last header, in dBuV; `None` before a frame was heard.
    pub rssi_dbuv: Option<f32>,
    /// End of the frame on the line, where its header has told it.
    pub end: Option<Instant>,
    /// Whether a header is being received.
    pub in_header: bool,
}

/// PLME requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ManagementRequest {
    /// PLME_RESET: what waits or is on the air is cancelled, counters begin at zero, the receiver listens anew.
    Reset,
    /// PLME_SLEEP: neither send nor receive.
    Sleep,
    /// PLME_RESUME.
    Resume,
    /// PLME_TESTMODE: on, or off.
    TestMode(Option<TestMode>),
    /// PLME_GET of the attribute with an id.
    Get(u16),
    /// PLME_SET of the attribute with an id.
    Set(u16, u32),
}

/// Their confirms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ManagementConfirm {
    /// PLME_RESET.
    Reset,
    /// PLME_SLEEP.
    Sleep,
    /// PLME_RESUME.
    Resume,
    /// PLME_TESTMODE; whether it could be entered or left: not while asleep.
    TestMode(bool),
    /// PLME_GET.
    Get(Result<(Attribute, u32), AttributeError>),
    /// PLME_SET.
    Set(Result<Attribute, AttributeError>),
}

/// What a test sends: the longest frames of Type A, their octets the scrambler's sequence. Two modes are recalled from
/// the standard, not read in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TestMode {
    /// Payload scheme, one of Type A.
    pub scheme: Scheme,
    /// Output level.
    pub level: u8,
    /// Silence of a frame's length after each frame, instead of one behind the other.
    pub half_duty: bool,
}

/// Listening before sending, which a modem does for the MAC's CSMA: three bits of senses, four of milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Senses {
    /// How often the line must be found free, up to 7. The first is at the instant of the request; the frame starts at
    /// the last.
    pub count: u8,
    /// From one to the next in milliseconds, up to 15.
    pub delay_ms: u8,
}

impl PhyDataRequest {
    /// When the frame starts if nothing is heard.
    pub fn start(&self) -> Instant {
        let gaps = self.senses.map_or(0, |senses| senses.gaps());
        let delay_ms = self.senses.map_or(0, |senses| senses.delay_ms.min(15));
        self.time + plc_core::time::millis(u64::from(gaps) * u64::from(delay_ms))
    }
}

impl Senses {
    /// Delays between the senses.
    pub(crate) fn gaps(&self) -> u8 {
        self.count.min(7).saturating_sub(1)
    }
}

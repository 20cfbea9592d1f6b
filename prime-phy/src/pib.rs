//! PHY information base: counters and parameters by the standard's ids (digest 5).

use thiserror::Error;

/// Counters of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Statistics {
    /// Headers whose CRC was wrong.
    pub crc_incorrect: u32,
    /// Headers whose CRC was right and whose fields no version defines.
    pub crc_fail: u32,
    /// Frames refused for sending.
    pub transmit_dropped: u32,
    /// Received frames dropped because nobody polled.
    pub receive_dropped: u32,
    /// Frames received.
    pub received: u32,
}

/// An attribute of the PHY information base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Attribute {
    /// phyStatsCRCIncorrectCount.
    CrcIncorrectCount = 0x00A0,
    /// phyStatsCRCFailCount: the CRC was right and PROTOCOL or a length invalid.
    CrcFailCount = 0x00A1,
    /// phyStatsTxDropCount.
    TxDropCount = 0x00A2,
    /// phyStatsRxDropCount.
    RxDropCount = 0x00A3,
    /// phyStatsRxTotalCount.
    RxTotalCount = 0x00A4,
    /// phyStatsBlkAvgEvm: error vector magnitude of the frames received, averaged exponentially. Its unit is not known;
    /// here it is a thousandth of the signal.
    BlkAvgEvm = 0x00A5,
    /// phyEmaSmoothing: a frame counts as one part in 2^n of that average. The only attribute that can be set.
    EmaSmoothing = 0x00A8,
    /// phyTxQueueLen: frames that can wait to be sent.
    TxQueueLen = 0x00B0,
    /// phyRxQueueLen: events that can wait to be polled.
    RxQueueLen = 0x00B1,
    /// phyTxProcessingDelay, in microseconds.
    TxProcessingDelay = 0x00B2,
    /// phyRxProcessingDelay, in microseconds.
    RxProcessingDelay = 0x00B3,
    /// phyAgcMinGain, in dB: the gain of step 0.
    AgcMinGain = 0x00B4,
    /// phyAgcStepValue, in dB.
    AgcStepValue = 0x00B5,
    /// phyAgcStepNumber: steps of gain there are.
    AgcStepNumber = 0x00B6,
}

/// Why an attribute cannot be read or set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum AttributeError {
    /// No attribute has this id.
    #[error("the PHY has no attribute {0:#06x}")]
    Unknown(u16),
    /// It can only be read.
    #[error("attribute {0:#06x} can only be read")]
    ReadOnly(u16),
    /// It does not take this value.
    #[error("attribute {id:#06x} cannot be {value}")]
    Value {
        /// Id.
        id: u16,
        /// What it was to be.
        value: u32,
    },
}

impl Attribute {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::CrcIncorrectCount,
        Self::CrcFailCount,
        Self::TxDropCount,
        Self::RxDropCount,
        Self::RxTotalCount,
        Self::BlkAvgEvm,
        Self::EmaSmoothing,
        Self::TxQueueLen,
        Self::RxQueueLen,
        Self::TxProcessingDelay,
        Self::RxProcessingDelay,
        Self::AgcMinGain,
        Self::AgcStepValue,
        Self::AgcStepNumber,
    ];

    /// Its id.
    pub const fn id(self) -> u16 {
        self as u16
    }

    /// Bits of its value; counters wrap. The sizes of 0x00A0 to 0x00A3 and 0x00A5 are assumed.
    pub const fn bits(self) -> u32 {
        match self {
            Self::RxTotalCount | Self::TxProcessingDelay | Self::RxProcessingDelay => 32,
            Self::EmaSmoothing | Self::AgcMinGain | Self::AgcStepValue | Self::AgcStepNumber => 8,
            _ => 16,
        }
    }
}

impl TryFrom<u16> for Attribute {
    type Error = AttributeError;

    fn try_from(id: u16) -> Result<Self, AttributeError> {
        Self::ALL.into_iter().find(|attribute| attribute.id() == id).ok_or(AttributeError::Unknown(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_to_their_attributes_and_others_to_an_error() {
        for id in 0..=u16::MAX {
            let known = matches!(id, 0x00A0..=0x00A5 | 0x00A8 | 0x00B0..=0x00B6);
            let found = Attribute::try_from(id).map(Attribute::id);
            assert_eq!(found, if known { Ok(id) } else { Err(AttributeError::Unknown(id)) });
        }
    }

    #[test]
    fn sizes_are_those_of_the_digest() {
        let of = |bits| Attribute::ALL.into_iter().filter(move |attribute| attribute.bits() == bits);
        assert!(of(32).map(Attribute::id).eq([0xA4, 0xB2, 0xB3]));
        assert!(of(8).map(Attribute::id).eq([0xA8, 0xB4, 0xB5, 0xB6]));
        assert_eq!(of(16).count(), 7);
    }
}

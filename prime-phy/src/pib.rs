//! PHY information base: counters and parameters by the standard's ids (digest 5).

use thiserror::Error;

/// Counters of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Statistics {
    /// Headers whose CRC was wrong.
    pub crc_incorrect: u32,
    /// Headers whose CRC was right and whose fields are not of v1.3.6.
    pub crc_fail: u32,
    /// Frames refused for sending.
    pub transmit_dropped: u32,
    /// Received frames dropped because nobody polled.
    pub receive_dropped: u32,
    /// Frames received.
    pub received: u32,
}

/// An attribute of the PHY information base that a soft modem has. Gain control and processing delays (0x00B2 to 0x00B6)
/// belong to hardware that is not here.
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
    /// phyTxQueueLen: frames that can wait to be sent.
    TxQueueLen = 0x00B0,
    /// phyRxQueueLen: events that can wait to be polled.
    RxQueueLen = 0x00B1,
}

/// An id that is no attribute here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the PHY has no attribute {0:#06x}")]
pub struct UnknownAttribute(pub u16);

impl Attribute {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::CrcIncorrectCount,
        Self::CrcFailCount,
        Self::TxDropCount,
        Self::RxDropCount,
        Self::RxTotalCount,
        Self::TxQueueLen,
        Self::RxQueueLen,
    ];

    /// Its id.
    pub const fn id(self) -> u16 {
        self as u16
    }
}

impl TryFrom<u16> for Attribute {
    type Error = UnknownAttribute;

    fn try_from(id: u16) -> Result<Self, UnknownAttribute> {
        Self::ALL.into_iter().find(|attribute| attribute.id() == id).ok_or(UnknownAttribute(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_to_their_attributes_and_others_to_an_error() {
        for id in 0..=u16::MAX {
            let known = matches!(id, 0x00A0..=0x00A4 | 0x00B0 | 0x00B1);
            let found = Attribute::try_from(id).map(Attribute::id);
            assert_eq!(found, if known { Ok(id) } else { Err(UnknownAttribute(id)) });
        }
    }
}

//! MAC status codes (digest 4.2): those of IEEE 802.15.4 that this MAC gives.

use thiserror::Error;

/// What a MAC primitive answers; the numbers are those of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum MacStatus {
    /// Done.
    #[error("success")]
    Success = 0x00,
    /// The frame counter cannot be used: exhausted, or its store failed.
    #[error("frame counter not available")]
    CounterError = 0xDB,
    /// The channel stayed busy for macMaxCSMABackoffs attempts.
    #[error("channel access failure")]
    ChannelAccessFailure = 0xE1,
    /// The MSDU is larger than 400 octets, or needs more segments than a count can number.
    #[error("frame too long")]
    FrameTooLong = 0xE5,
    /// A parameter is out of range.
    #[error("invalid parameter")]
    InvalidParameter = 0xE8,
    /// No acknowledgement after macMaxFrameRetries retries.
    #[error("no acknowledgement")]
    NoAck = 0xE9,
    /// The queue is full.
    #[error("transaction overflow")]
    TransactionOverflow = 0xF1,
    /// The key slot is empty.
    #[error("unavailable key")]
    UnavailableKey = 0xF3,
    /// The attribute does not exist here.
    #[error("unsupported attribute")]
    UnsupportedAttribute = 0xF4,
    /// The attribute has no such index.
    #[error("invalid index")]
    InvalidIndex = 0xF9,
    /// The attribute cannot be written.
    #[error("read only")]
    ReadOnly = 0xFB,
}

impl MacStatus {
    /// The number of the standard.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

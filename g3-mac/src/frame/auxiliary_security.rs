//! Auxiliary security header, in the first segment of a secured MSDU (digest 1.4).

use super::FrameError;
use plc_core::bytes::{Full, Reader, Writer};

/// Octets of the header on the line.
pub const LEN: usize = 6;

/// Security level of a frame, by its number in IEEE 802.15.4; G3 uses two of the eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SecurityLevel {
    /// 0: sent as it is.
    None,
    /// 5, ENC-MIC-32: enciphered, with a message integrity code of four octets.
    EncMic32,
}

/// Which of the two group master keys: GMK slot 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum KeyIndex {
    /// Slot 0.
    Zero,
    /// Slot 1.
    One,
}

/// Auxiliary security header at level 5 with key identifier mode 1, the only combination of G3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuxiliarySecurity {
    /// Frame counter of the sender.
    pub frame_counter: u32,
    /// Key used.
    pub key_index: KeyIndex,
}

impl KeyIndex {
    /// The slot's number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Zero => 0,
            Self::One => 1,
        }
    }

    /// The slot of a number, where there is one.
    pub const fn of(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Zero),
            1 => Some(Self::One),
            _ => None,
        }
    }
}

impl AuxiliarySecurity {
    /// Level 5, key identifier mode 1.
    const CONTROL: u8 = 0x0D;

    /// Reads the header. Any other level, mode or key index is an error.
    pub fn parse(reader: &mut Reader<'_>) -> Result<Self, FrameError> {
        let control = reader.u8()?;
        if control != Self::CONTROL {
            return Err(FrameError::SecurityControl(control));
        }
        let frame_counter = reader.u32_le()?;
        let number = reader.u8()?;
        let key_index = KeyIndex::of(number).ok_or(FrameError::KeyIndex(number))?;
        Ok(Self { frame_counter, key_index })
    }

    /// Writes the header.
    pub fn emit(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        writer.u8(Self::CONTROL)?;
        writer.u32_le(self.frame_counter)?;
        writer.u8(self.key_index.number())
    }
}

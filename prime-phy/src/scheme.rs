//! PHY schemes: what the PROTOCOL field of the header names (digest 2.3).

use crate::channel::{COPIES, MAX_PAYLOAD_SYMBOLS, PAYLOAD_DATA_CARRIERS};

/// Payload modulation and coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Scheme {
    /// One bit a carrier.
    Dbpsk,
    /// Two bits a carrier.
    Dqpsk,
    /// Three bits a carrier.
    D8psk,
    /// One bit a carrier, convolutional code.
    DbpskC,
    /// Two bits a carrier, convolutional code.
    DqpskC,
    /// Three bits a carrier, convolutional code.
    D8pskC,
    /// One bit a carrier, convolutional code, sent four times (R_DBPSK of v1.4).
    RobustDbpsk,
    /// Two bits a carrier, convolutional code, sent four times (R_DQPSK of v1.4).
    RobustDqpsk,
}

impl Scheme {
    /// All of them, by code.
    pub const ALL: [Self; 8] = [
        Self::Dbpsk,
        Self::Dqpsk,
        Self::D8psk,
        Self::DbpskC,
        Self::DqpskC,
        Self::D8pskC,
        Self::RobustDbpsk,
        Self::RobustDqpsk,
    ];

    /// Those of v1.3.6, which frames of Type A carry.
    pub const TYPE_A: [Self; 6] =
        [Self::Dbpsk, Self::Dqpsk, Self::D8psk, Self::DbpskC, Self::DqpskC, Self::D8pskC];

    /// PROTOCOL code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Dbpsk => 0,
            Self::Dqpsk => 1,
            Self::D8psk => 2,
            Self::DbpskC => 4,
            Self::DqpskC => 5,
            Self::D8pskC => 6,
            Self::RobustDbpsk => 0xC,
            Self::RobustDqpsk => 0xD,
        }
    }

    /// The scheme of a PROTOCOL code; `None` where it is reserved.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.code() == code)
    }

    /// Whether the payload is convolutionally coded and interleaved.
    pub const fn is_coded(self) -> bool {
        self.code() & 0x4 != 0
    }

    /// Whether each coded bit is sent four times; only frames of Type B can.
    pub const fn is_robust(self) -> bool {
        self.code() & 0x8 != 0
    }

    /// How often each coded bit is sent.
    pub const fn copies(self) -> usize {
        if self.is_robust() { COPIES } else { 1 }
    }

    /// Most payload symbols of a frame, copies counted.
    pub const fn most_symbols(self) -> usize {
        MAX_PAYLOAD_SYMBOLS * self.copies()
    }

    /// Bits on the air of each data carrier.
    pub const fn bits_per_carrier(self) -> usize {
        (self.code() & 0x3) as usize + 1
    }

    /// Bits on the air of a payload symbol.
    pub const fn bits_per_symbol(self) -> usize {
        self.bits_per_carrier() * PAYLOAD_DATA_CARRIERS
    }

    /// Octets, before coding, that a payload symbol carries, or four of a robust scheme.
    pub const fn octets_per_symbol(self) -> usize {
        self.bits_per_symbol() / if self.is_coded() { 16 } else { 8 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_capacities_are_those_of_the_table() {
        let table = [(0x0, 12), (0x1, 24), (0x2, 36), (0x4, 6), (0x5, 12), (0x6, 18), (0xC, 6), (0xD, 12)];
        for code in 0..=u8::MAX {
            let row = table.iter().find(|row| row.0 == code);
            assert_eq!(
                Scheme::from_code(code).map(Scheme::octets_per_symbol),
                row.map(|row| row.1),
                "{code:#x}"
            );
            assert!(Scheme::from_code(code).is_none_or(|scheme| scheme.code() == code));
        }
    }
}

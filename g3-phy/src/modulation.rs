//! Payload modulations (digest 5, 7 and 9).

/// Payload modulation, differential (FCH field MOD, digest 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Modulation {
    /// DBPSK with every bit sent four times.
    Robust,
    /// One bit a carrier and symbol.
    Dbpsk,
    /// Two bits a carrier and symbol.
    Dqpsk,
    /// Three bits a carrier and symbol.
    D8psk,
}

impl Modulation {
    /// All of them, the sturdiest first.
    pub const ALL: [Self; 4] = [Self::Robust, Self::Dbpsk, Self::Dqpsk, Self::D8psk];

    /// Bits a carrier and symbol.
    pub const fn bits_per_carrier(self) -> usize {
        match self {
            Self::Robust | Self::Dbpsk => 1,
            Self::Dqpsk => 2,
            Self::D8psk => 3,
        }
    }

    /// How often each coded bit is sent.
    pub const fn repetition(self) -> usize {
        match self {
            Self::Robust => 4,
            Self::Dbpsk | Self::Dqpsk | Self::D8psk => 1,
        }
    }

    /// Parity octets of the Reed-Solomon code (digest 5).
    pub const fn parity_octets(self) -> usize {
        match self {
            Self::Robust => 8,
            Self::Dbpsk | Self::Dqpsk | Self::D8psk => 16,
        }
    }

    /// MOD field of the FCH.
    pub const fn code(self) -> u8 {
        match self {
            Self::Robust => 0,
            Self::Dbpsk => 1,
            Self::Dqpsk => 2,
            Self::D8psk => 3,
        }
    }

    /// The modulation that the FCH's MOD field names; 4 (16-QAM) and above are not supported.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Robust),
            1 => Some(Self::Dbpsk),
            2 => Some(Self::Dqpsk),
            3 => Some(Self::D8psk),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_name_their_modulation() {
        for modulation in Modulation::ALL {
            assert_eq!(Modulation::from_code(modulation.code()), Some(modulation));
        }
        assert_eq!(Modulation::from_code(4), None);
    }
}

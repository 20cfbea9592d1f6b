//! Payload modulations (digest 5, 7 and 9).

/// What the phase of a payload's carrier refers to (FCH field "scheme", digest 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// The same carrier in the symbol before (digest 9.2).
    Differential,
    /// The carrier's phase in SYNCP; two reference symbols and pilots tell the channel (digest 9.3).
    Coherent,
}

/// Payload modulation: the FCH's fields MOD and scheme (digest 3.1 and 3.2).
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
    /// Coherent BPSK with every bit sent four times.
    RobustCoherent,
    /// Coherent, one bit a carrier and symbol.
    Bpsk,
    /// Coherent, two bits a carrier and symbol.
    Qpsk,
    /// Coherent, three bits a carrier and symbol.
    Psk8,
    /// Coherent, four bits a carrier and symbol, FCC and ARIB only. Which bits choose which axis no source tells
    /// ([`Experimental::qam16`](crate::experimental::Experimental::qam16)).
    Qam16,
}

impl Modulation {
    /// The differential ones, which every modem has, the sturdiest first.
    pub const ALL: [Self; 4] = [Self::Robust, Self::Dbpsk, Self::Dqpsk, Self::D8psk];

    /// The coherent ones but 16-QAM, the sturdiest first.
    pub const COHERENT: [Self; 4] = [Self::RobustCoherent, Self::Bpsk, Self::Qpsk, Self::Psk8];

    /// What phases refer to.
    pub const fn scheme(self) -> Scheme {
        match self {
            Self::Robust | Self::Dbpsk | Self::Dqpsk | Self::D8psk => Scheme::Differential,
            Self::RobustCoherent | Self::Bpsk | Self::Qpsk | Self::Psk8 | Self::Qam16 => Scheme::Coherent,
        }
    }

    /// Whether phases refer to SYNCP.
    pub const fn is_coherent(self) -> bool {
        matches!(self.scheme(), Scheme::Coherent)
    }

    /// Bits a carrier and symbol.
    pub const fn bits_per_carrier(self) -> usize {
        match self {
            Self::Robust | Self::Dbpsk | Self::RobustCoherent | Self::Bpsk => 1,
            Self::Dqpsk | Self::Qpsk => 2,
            Self::D8psk | Self::Psk8 => 3,
            Self::Qam16 => 4,
        }
    }

    /// How often each coded bit is sent.
    pub const fn repetition(self) -> usize {
        match self {
            Self::Robust | Self::RobustCoherent => 4,
            _ => 1,
        }
    }

    /// Parity octets of the Reed-Solomon code (digest 5).
    pub const fn parity_octets(self) -> usize {
        match self {
            Self::Robust | Self::RobustCoherent => 8,
            _ => 16,
        }
    }

    /// MOD field of the FCH.
    pub const fn code(self) -> u8 {
        match self {
            Self::Robust | Self::RobustCoherent => 0,
            Self::Dbpsk | Self::Bpsk => 1,
            Self::Dqpsk | Self::Qpsk => 2,
            Self::D8psk | Self::Psk8 => 3,
            Self::Qam16 => 4,
        }
    }

    /// The modulation that the FCH's fields MOD and scheme name; `None` for reserved ones.
    pub const fn from_code(code: u8, scheme: Scheme) -> Option<Self> {
        match (scheme, code) {
            (Scheme::Differential, 0) => Some(Self::Robust),
            (Scheme::Differential, 1) => Some(Self::Dbpsk),
            (Scheme::Differential, 2) => Some(Self::Dqpsk),
            (Scheme::Differential, 3) => Some(Self::D8psk),
            (Scheme::Coherent, 0) => Some(Self::RobustCoherent),
            (Scheme::Coherent, 1) => Some(Self::Bpsk),
            (Scheme::Coherent, 2) => Some(Self::Qpsk),
            (Scheme::Coherent, 3) => Some(Self::Psk8),
            (Scheme::Coherent, 4) => Some(Self::Qam16),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_schemes_name_their_modulation() {
        for modulation in Modulation::ALL.into_iter().chain(Modulation::COHERENT).chain([Modulation::Qam16]) {
            assert_eq!(Modulation::from_code(modulation.code(), modulation.scheme()), Some(modulation));
        }
        assert_eq!(Modulation::from_code(4, Scheme::Differential), None);
        assert_eq!(Modulation::from_code(5, Scheme::Coherent), None);
    }

    #[test]
    fn a_coherent_modulation_differs_from_its_differential_twin_in_the_scheme_alone() {
        for (differential, coherent) in Modulation::ALL.into_iter().zip(Modulation::COHERENT) {
            let of = |of: Modulation| (of.code(), of.bits_per_carrier(), of.repetition(), of.parity_octets());
            assert_eq!(of(differential), of(coherent));
            assert!(coherent.is_coherent() && !differential.is_coherent());
        }
    }
}

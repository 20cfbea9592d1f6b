//! Stages of a frame's reception, by name.

use g3_phy::Modulation;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A stage of a frame's reception, of any modem. Which of them a modem has it says itself ([`super::Modem::stages`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The preamble is found and followed to its end.
    Preamble,
    /// The header (G3: FCH) is right.
    Header,
    /// A payload in G3's Robust.
    Robust,
    /// A payload in DBPSK.
    Dbpsk,
    /// A payload in DQPSK.
    Dqpsk,
    /// A payload in D8PSK.
    D8psk,
    /// A payload in coherent BPSK.
    Bpsk,
    /// A payload in coherent QPSK.
    Qpsk,
    /// A payload in coherent 8PSK.
    #[serde(rename = "8psk")]
    Psk8,
    /// A payload in G3's coherent Robust.
    #[serde(rename = "robust-coherent")]
    RobustCoherent,
    /// A payload in 16-QAM, whose bits' places no source tells.
    #[serde(rename = "16qam-experimental")]
    Qam16,
}

impl Stage {
    /// All stages.
    pub const ALL: [Self; 11] = [
        Self::Preamble,
        Self::Header,
        Self::Robust,
        Self::Dbpsk,
        Self::Dqpsk,
        Self::D8psk,
        Self::Bpsk,
        Self::Qpsk,
        Self::Psk8,
        Self::RobustCoherent,
        Self::Qam16,
    ];

    /// The stage of a payload of G3's.
    pub fn payload(modulation: Modulation) -> Self {
        match modulation {
            Modulation::Robust => Self::Robust,
            Modulation::Dbpsk => Self::Dbpsk,
            Modulation::Dqpsk => Self::Dqpsk,
            Modulation::D8psk => Self::D8psk,
            Modulation::RobustCoherent => Self::RobustCoherent,
            Modulation::Bpsk => Self::Bpsk,
            Modulation::Qpsk => Self::Qpsk,
            Modulation::Psk8 => Self::Psk8,
            Modulation::Qam16 => Self::Qam16,
        }
    }

    /// What a stage is judged as where its modem was not calibrated for it: coherent Robust as Robust, which is too hard on it,
    /// and 16-QAM as D8PSK.
    pub fn stand_in(self) -> Option<Self> {
        match self {
            Self::RobustCoherent => Some(Self::Robust),
            Self::Qam16 => Some(Self::D8psk),
            _ => None,
        }
    }

    /// Whether it is one of preambles.
    pub fn is_preamble(self) -> bool {
        matches!(self, Self::Preamble)
    }

    /// Whether it is one of headers.
    pub fn is_header(self) -> bool {
        matches!(self, Self::Header)
    }

    /// Whether it is one of payloads.
    pub fn is_payload(self) -> bool {
        !self.is_preamble() && !self.is_header()
    }

    /// Tells what is drawn for one payload from what is drawn for another: G3's by their place in [`Modulation`].
    pub(in crate::frames) fn number(self) -> u64 {
        match self {
            Self::Preamble | Self::Header | Self::Robust => 0,
            Self::Dbpsk => 1,
            Self::Dqpsk => 2,
            Self::D8psk => 3,
            Self::RobustCoherent => 4,
            Self::Bpsk => 5,
            Self::Qpsk => 6,
            Self::Psk8 => 7,
            Self::Qam16 => 8,
        }
    }

    /// As files and commands spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preamble => "preamble",
            Self::Header => "header",
            Self::Robust => "robust",
            Self::Dbpsk => "dbpsk",
            Self::Dqpsk => "dqpsk",
            Self::D8psk => "d8psk",
            Self::Bpsk => "bpsk",
            Self::Qpsk => "qpsk",
            Self::Psk8 => "8psk",
            Self::RobustCoherent => "robust-coherent",
            Self::Qam16 => "16qam-experimental",
        }
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_lowercase();
        Self::ALL.into_iter().find(|stage| stage.name() == lower).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|stage| stage.name()).collect();
            format!("unknown stage {text:?}; use {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_commands_spell_a_stage_alike_and_its_place_in_the_list_is_its_number() {
        for (place, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::to_string(&stage).unwrap(), format!("{:?}", stage.name()));
            assert_eq!((stage.name().parse(), stage as usize), (Ok(stage), place));
        }
    }
}

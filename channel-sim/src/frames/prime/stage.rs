//! Stages of a frame's reception, by name.

use crate::link::scheme_name;
use prime_phy::{FrameType, Scheme};
use serde::{Deserialize, Serialize};

/// A stage of a frame's reception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Stage {
    /// The preamble of a frame of Type A or B is found.
    Preamble(FrameType),
    /// Its header is right.
    Header(FrameType),
    /// A payload is right.
    Payload(Scheme),
}

impl Stage {
    /// What comes before payloads.
    pub const HEADS: [Self; 4] = [
        Self::Preamble(FrameType::A),
        Self::Header(FrameType::A),
        Self::Preamble(FrameType::B),
        Self::Header(FrameType::B),
    ];

    /// All stages.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::HEADS.into_iter().chain(Scheme::ALL.map(Self::Payload))
    }

    /// Whether it is one of payloads.
    pub fn is_payload(self) -> bool {
        matches!(self, Self::Payload(_))
    }

    /// The scheme by whose frames it is calibrated: of preambles and headers a short one in the plainest frame.
    pub fn scheme(self) -> Scheme {
        match self {
            Self::Payload(scheme) => scheme,
            Self::Preamble(FrameType::A) | Self::Header(FrameType::A) => Scheme::D8pskC,
            Self::Preamble(_) | Self::Header(_) => Scheme::RobustDqpsk,
        }
    }

    /// As files spell it.
    pub fn name(self) -> String {
        let of_type = |what: &str, frame_type: FrameType| format!("{what}-{frame_type:?}").to_lowercase();
        match self {
            Self::Preamble(frame_type) => of_type("preamble", frame_type),
            Self::Header(frame_type) => of_type("header", frame_type),
            Self::Payload(scheme) => scheme_name(scheme),
        }
    }
}

impl TryFrom<String> for Stage {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let known = || Self::all().map(Self::name).collect::<Vec<_>>().join(", ");
        Self::all()
            .find(|stage| stage.name() == name)
            .ok_or_else(|| format!("unknown stage {name:?} of PRIME; use {}", known()))
    }
}

impl From<Stage> for String {
    fn from(stage: Stage) -> Self {
        stage.name()
    }
}

/// A scheme by its name.
///
/// # Errors
/// Where there is none of that name.
pub fn scheme(name: &str) -> Result<Scheme, String> {
    let known = || Scheme::ALL.map(scheme_name).join(", ");
    let lower = name.to_lowercase();
    let found = Scheme::ALL.into_iter().find(|&scheme| scheme_name(scheme) == lower);
    found.ok_or_else(|| format!("unknown scheme {name:?} of PRIME; use {}", known()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for stage in Stage::all() {
            assert_eq!(Stage::try_from(stage.name()), Ok(stage));
        }
        assert_eq!(Stage::Header(FrameType::B).name(), "header-b");
        assert!(scheme("robust").unwrap_err().contains("robust-dbpsk"));
    }
}

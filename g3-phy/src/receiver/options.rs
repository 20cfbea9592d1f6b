//! What a receiver does beyond the standard differential one, each step with its price (docs/receiver.md).

use plc_core::receiver::{Detection, named, names};

/// How preambles are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PreambleDetection {
    /// By the phases of one, three and seven windows over frequency: one transform each 256 samples.
    #[default]
    Standard,
    /// Also matched to all of 8 SYNCP and SYNCM, coherent within groups of six carriers: four transforms each 256
    /// samples, and a frame's start is known only with its last preamble symbol.
    Matched,
}

/// What a receiver does about noise that is not white and steady. None of it needs a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Mitigation {
    /// Carriers count by their noise, measured on the header's symbols. Costs next to nothing.
    pub weigh_carriers: bool,
    /// Symbols count by their noise, measured on null tones beside the band and on the carriers. Costs next to nothing.
    pub weigh_symbols: bool,
    /// Samples far above the level of the others in their window are left out: impulses. Costs a median of each window's
    /// 256 magnitudes. A burst that fills more than a third of a window is left to the weights.
    pub blanking: bool,
    /// Tones that hold most of the power received are found, followed and taken out of each window, the preamble's as
    /// well. Costs a sum over 129 powers for each window and, for each tone, 1500 multiplications.
    pub notch: bool,
}

impl Mitigation {
    /// All symbols and carriers count the same.
    pub const OFF: Self = Self { weigh_carriers: false, weigh_symbols: false, blanking: false, notch: false };
    /// The weights, which cost next to nothing.
    pub const WEIGHTS: Self = Self { weigh_carriers: true, weigh_symbols: true, ..Self::OFF };
    /// Everything.
    pub const ALL: Self = Self { blanking: true, notch: true, ..Self::WEIGHTS };
}

impl Default for Mitigation {
    fn default() -> Self {
        Self::WEIGHTS
    }
}

/// What a receiver does beyond the standard one, much of it with the memory of a
/// [`FrameWorkspace`](super::FrameWorkspace): without one only [`mitigation`](Self::mitigation) has an effect.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReceiverOptions {
    /// How preambles are found.
    pub preamble: PreambleDetection,
    /// How header and payload are detected.
    pub detection: Detection,
    /// Whether the first channel estimate of coherent detection is smoothed over the carriers, as echoes within the prefix allow. Where
    /// the carriers do not agree with that it is left as it is.
    pub smooth_channel: bool,
    /// Whether coherent detection of differential phases searches the difference of the clocks, up to 60 ppm, and followed.
    pub track_clock: bool,
    /// Whether iterations follow noise through the mains half cycle and from symbol to symbol.
    pub track_noise: bool,
    /// Frequency of the mains, of which noise follows every half cycle; taken to be within 40 and 70 Hz.
    pub mains_hz: f32,
    /// What is done about impulses, bursts and tones.
    pub mitigation: Mitigation,
}

impl ReceiverOptions {
    /// The standard differential receiver.
    pub const STANDARD: Self = Self {
        preamble: PreambleDetection::Standard,
        detection: Detection::Differential,
        smooth_channel: true,
        track_clock: true,
        track_noise: true,
        mains_hz: 50.0,
        mitigation: Mitigation::WEIGHTS,
    };
    /// Coherent detection of the differential phases without iterations.
    pub const COHERENT: Self = Self::iterative(1);

    /// All there is: eight passes and every mitigation.
    pub const BEST: Self = Self { mitigation: Mitigation::ALL, ..Self::iterative(8) };

    /// Whether it needs a [`FrameWorkspace`](super::FrameWorkspace).
    pub fn needs_workspace(&self) -> bool {
        self.preamble != PreambleDetection::Standard || self.detection != Detection::Differential
    }

    /// Names of the receivers that programs offer, the plainest first.
    pub const NAMES: [&'static str; RECEIVERS.len()] = names(&RECEIVERS);

    /// The receiver with one of the [`NAMES`](Self::NAMES).
    ///
    /// ```
    /// use g3_phy::ReceiverOptions;
    /// assert_eq!(ReceiverOptions::named("best"), Some(ReceiverOptions::BEST));
    /// assert!(ReceiverOptions::NAMES.iter().all(|name| ReceiverOptions::named(name).is_some()));
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        named(&RECEIVERS, name)
    }

    /// Everything against white noise on, with this many passes: 8 is a good choice, 2 for a microcontroller that can pay for them.
    pub const fn iterative(passes: u8) -> Self {
        Self {
            preamble: PreambleDetection::Matched,
            detection: Detection::Coherent { passes },
            ..Self::STANDARD
        }
    }
}

/// The receivers by name.
const RECEIVERS: [(&str, ReceiverOptions); 8] = [
    ("standard", ReceiverOptions::STANDARD),
    ("matched", ReceiverOptions { preamble: PreambleDetection::Matched, ..ReceiverOptions::STANDARD }),
    ("coherent", ReceiverOptions::COHERENT),
    ("iterative-2", ReceiverOptions::iterative(2)),
    ("iterative-4", ReceiverOptions::iterative(4)),
    ("iterative-8", ReceiverOptions::iterative(8)),
    ("iterative-16", ReceiverOptions::iterative(16)),
    ("best", ReceiverOptions::BEST),
];

impl Default for ReceiverOptions {
    fn default() -> Self {
        Self::STANDARD
    }
}

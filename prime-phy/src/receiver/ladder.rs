//! What a receiver does beyond, or short of, the standard differential one (docs/prime-receiver.md).

use plc_core::receiver::{Detection, named, names};

/// What becomes of a payload symbol that an impulse hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SymbolWeights {
    /// It counts as any other.
    Equal,
    /// It does not count at all.
    Erased,
    /// It counts as its noise allows.
    #[default]
    Noise,
}

/// The steps of a receiver. Coherent detection needs a [`FrameWorkspace`](super::FrameWorkspace); without one a receiver is
/// differential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReceiverOptions {
    /// How header and payload are detected.
    pub detection: Detection,
    /// Whether carriers count as their noise allows, or all the same.
    pub carrier_weights: bool,
    /// What becomes of symbols that an impulse hit.
    pub symbol_weights: SymbolWeights,
    /// Whether channel estimates are smoothed over the carriers, as echoes within the prefix allow. Where the carriers do not
    /// agree with that they are left more or less as they are.
    pub smooth_channel: bool,
    /// Whether the difference of the clocks is searched, up to 60 ppm, and followed.
    pub track_clock: bool,
}

impl ReceiverOptions {
    /// The standard differential receiver.
    pub const STANDARD: Self = Self {
        detection: Detection::Differential,
        carrier_weights: true,
        symbol_weights: SymbolWeights::Noise,
        smooth_channel: true,
        track_clock: true,
    };
    /// Coherent detection of the differential phases without iterations.
    pub const COHERENT: Self = Self::iterative(1);

    /// All there is: eight passes. Sixteen are 0.1 dB better and twice as dear.
    pub const BEST: Self = Self::iterative(8);

    /// Everything on, with this many passes: 8 is a good choice.
    pub const fn iterative(passes: u8) -> Self {
        Self { detection: Detection::Coherent { passes }, ..Self::STANDARD }
    }

    /// Names of the ladder's steps in their order, for programs that let one be chosen.
    pub const NAMES: [&'static str; LADDER.len()] = names(&LADDER);

    /// The step with one of the [`NAMES`](Self::NAMES).
    ///
    /// ```
    /// use prime_phy::ReceiverOptions;
    /// assert_eq!(ReceiverOptions::named("iterative-8"), Some(ReceiverOptions::iterative(8)));
    /// assert!(ReceiverOptions::NAMES.iter().all(|name| ReceiverOptions::named(name).is_some()));
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        named(&LADDER, name)
    }

    /// Whether it needs a [`FrameWorkspace`](super::FrameWorkspace).
    pub fn needs_workspace(&self) -> bool {
        self.detection != Detection::Differential
    }
}

/// The ladder: each step has what those before it have, but that `erased` and `standard` are two ways to do the same.
const LADDER: [(&str, ReceiverOptions); 10] = {
    const EQUAL: ReceiverOptions = ReceiverOptions {
        carrier_weights: false,
        symbol_weights: SymbolWeights::Equal,
        ..ReceiverOptions::STANDARD
    };
    [
        ("equal", EQUAL),
        ("carriers", ReceiverOptions { carrier_weights: true, ..EQUAL }),
        ("erased", ReceiverOptions { symbol_weights: SymbolWeights::Erased, ..ReceiverOptions::STANDARD }),
        ("standard", ReceiverOptions::STANDARD),
        ("coherent", ReceiverOptions::COHERENT),
        ("iterative-2", ReceiverOptions::iterative(2)),
        ("iterative-4", ReceiverOptions::iterative(4)),
        ("iterative-8", ReceiverOptions::iterative(8)),
        ("iterative-16", ReceiverOptions::iterative(16)),
        ("best", ReceiverOptions::BEST),
    ]
};

impl Default for ReceiverOptions {
    fn default() -> Self {
        Self::STANDARD
    }
}

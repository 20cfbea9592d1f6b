//! What the receivers of both standards have in common: the words in which they are asked for, whose memory they use, and how
//! long the line counts as busy after a header that was not understood.

use core::ops::DerefMut;

/// How header and payload are detected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Detection {
    /// Each phase against the one that its step was added to.
    #[default]
    Differential,
    /// Differential first; then, where that fails or nothing tells whether it did, against an estimate of the channel, by the
    /// trellis of phases.
    Coherent {
        /// Passes through the trellis of phases and that of the convolutional code, at least one. From the second on
        /// they tell each other what they know and the channel is estimated anew.
        passes: u8,
    },
}

/// Where a receiver's workspace `W` is, if it has one: [`NoWorkspace`], a reference to one, a box of one.
pub trait Memory<W> {
    /// The workspace.
    fn workspace(&mut self) -> Option<&mut W>;
}

/// No workspace: the standard receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoWorkspace;

impl<W> Memory<W> for NoWorkspace {
    fn workspace(&mut self) -> Option<&mut W> {
        None
    }
}

/// A workspace where one was asked for: lets it be chosen when a program runs whether a receiver has one.
///
/// ```
/// use plc_core::receiver::{Memory, Optional};
/// let mut memory = Optional(Some(Box::new(7)));
/// assert_eq!(memory.workspace().copied(), Some(7));
/// assert_eq!(Optional::<Box<u8>>(None).workspace(), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Optional<M>(pub Option<M>);

impl<W, M: Memory<W>> Memory<W> for Optional<M> {
    fn workspace(&mut self) -> Option<&mut W> {
        self.0.as_mut()?.workspace()
    }
}

impl<W, T: DerefMut<Target = W>> Memory<W> for T {
    fn workspace(&mut self) -> Option<&mut W> {
        Some(self)
    }
}

/// The names of a table of values by name.
pub const fn names<T, const N: usize>(table: &[(&'static str, T); N]) -> [&'static str; N] {
    let (mut names, mut at) = ([""; N], 0);
    while at < N {
        names[at] = table[at].0;
        at += 1;
    }
    names
}

/// The value of a name in a table, if it is there.
///
/// ```
/// use plc_core::receiver::{named, names};
/// const TABLE: [(&str, u8); 2] = [("one", 1), ("two", 2)];
/// assert_eq!((names(&TABLE), named(&TABLE, "two"), named(&TABLE, "three")), (["one", "two"], Some(2), None));
/// ```
pub fn named<T: Copy>(table: &[(&'static str, T)], name: &str) -> Option<T> {
    table.iter().find(|row| row.0 == name).map(|row| row.1)
}

/// Windows below the threshold that end a frame whose header was not understood.
const QUIET_WINDOWS: u8 = 3;

/// A frame whose header was not understood: the line is busy until the power on it says otherwise, or the longest frame
/// there is would be over.
///
/// ```
/// use plc_core::receiver::UnknownFrame;
/// let mut frame = UnknownFrame::new(1.0, Some(0.1), 10_000);
/// assert!(!frame.is_over(0.9, 256));
/// assert!(!frame.is_over(0.2, 512) && !frame.is_over(0.2, 768) && frame.is_over(0.2, 1_024));
/// assert!(UnknownFrame::new(1.0, None, 10_000).is_over(0.9, 10_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnknownFrame {
    latest_end: u64,
    threshold: f32,
    quiet_windows: u8,
}

impl UnknownFrame {
    /// From the power of the header's symbols and that of the noise, where it is known, both on the same scale; `latest_end` is
    /// the sample at which the longest frame ends. The frame is over below the mean of both powers.
    pub fn new(frame: f32, noise: Option<f32>, latest_end: u64) -> Self {
        let threshold = 0.5 * (frame + noise.map_or(0.0, |noise| noise.max(0.0).min(frame)));
        Self { latest_end, threshold, quiet_windows: 0 }
    }

    /// Takes the power of a window and the index of the sample behind it: whether the frame is over.
    pub fn is_over(&mut self, power: f32, next: u64) -> bool {
        self.quiet_windows = if power < self.threshold { self.quiet_windows + 1 } else { 0 };
        self.quiet_windows >= QUIET_WINDOWS || next >= self.latest_end
    }
}

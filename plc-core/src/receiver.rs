//! What the receivers of both standards are asked for in the same words: how they detect, and whose memory they use.

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

//! The memory that a receiver option needs and a standard receiver does not: its caller brings it.

use super::chains::Chains;
use super::coherent::CoherentPayload;
use super::matched::MatchedDetector;
use core::ops::DerefMut;

/// Room for one frame and for the decoders that go through it more than once: 0.6 MB, for the longest frame of one
/// Reed-Solomon block on all carriers of any band. A frame that does not fit is received by the standard receiver alone.
///
/// A program without a heap keeps it in a static:
///
/// ```
/// use g3_phy::FrameWorkspace;
/// use std::sync::Mutex;
/// static MEMORY: Mutex<FrameWorkspace> = Mutex::new(FrameWorkspace::new());
/// ```
#[derive(Clone, Debug)]
pub struct FrameWorkspace {
    pub(super) chains: Chains,
    pub(super) matched: MatchedDetector,
    /// The payload that is being received.
    pub(super) payload: Option<CoherentPayload>,
}

impl FrameWorkspace {
    /// An empty workspace.
    pub const fn new() -> Self {
        Self { chains: Chains::new(), matched: MatchedDetector::new(), payload: None }
    }
}

impl Default for FrameWorkspace {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a receiver's workspace is, if it has one: [`NoWorkspace`], a reference to one, a box of one.
pub trait Memory {
    /// The workspace.
    fn workspace(&mut self) -> Option<&mut FrameWorkspace>;
}

/// No workspace: the standard receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoWorkspace;

impl Memory for NoWorkspace {
    fn workspace(&mut self) -> Option<&mut FrameWorkspace> {
        None
    }
}

/// A workspace where one was asked for: lets it be chosen when a program runs whether a receiver has one.
#[derive(Clone, Debug, Default)]
pub struct Optional<M>(pub Option<M>);

impl<M: Memory> Memory for Optional<M> {
    fn workspace(&mut self) -> Option<&mut FrameWorkspace> {
        self.0.as_mut()?.workspace()
    }
}

impl<T: DerefMut<Target = FrameWorkspace>> Memory for T {
    fn workspace(&mut self) -> Option<&mut FrameWorkspace> {
        Some(self)
    }
}

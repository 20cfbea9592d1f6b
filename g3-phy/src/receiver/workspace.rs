//! The memory that a receiver option needs and a standard receiver does not: its caller brings it.

use super::chains::Chains;
use super::matched::MatchedDetector;
use core::ops::DerefMut;

/// Room for one frame and for the decoders that go through it more than once: 0.6 MB, for the longest frame of one
/// Reed-Solomon block in any band. A frame that does not fit is received by the standard receiver alone.
#[derive(Clone, Debug)]
pub struct FrameWorkspace {
    pub(super) chains: Chains,
    pub(super) matched: MatchedDetector,
}

impl FrameWorkspace {
    /// An empty workspace.
    pub fn new() -> Self {
        Self { chains: Chains::new(), matched: MatchedDetector::new() }
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

impl<T: DerefMut<Target = FrameWorkspace>> Memory for T {
    fn workspace(&mut self) -> Option<&mut FrameWorkspace> {
        Some(self)
    }
}

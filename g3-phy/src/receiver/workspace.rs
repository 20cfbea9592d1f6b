//! The memory that a receiver option needs and a standard receiver does not: its caller brings it.

use super::chains::Chains;
use super::coherent::CoherentPayload;
use super::matched::MatchedDetector;

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

/// Where a receiver's [`FrameWorkspace`] is, if it has one ([`plc_core::receiver::Memory`]).
pub trait Memory: plc_core::receiver::Memory<FrameWorkspace> {}

impl<M: plc_core::receiver::Memory<FrameWorkspace>> Memory for M {}

//! The memory that coherent detection needs and a standard receiver does not: its caller brings it.

use super::line::FrameLine;
use crate::channel::{MAX_PAYLOAD_SYMBOLS, PAYLOAD_DATA_CARRIERS};
use crate::coding::MAX_CODED_BITS;
use crate::layout::MAX_MPDU;
use dsp::joint::JointDecoder;

/// Bits of all steps of the longest payload, in rows of eight symbols.
const ROWS: usize = MAX_PAYLOAD_SYMBOLS.div_ceil(8) * PAYLOAD_DATA_CARRIERS * 3;
/// Phases of a symbol's steps.
const CELLS: usize = PAYLOAD_DATA_CARRIERS << 3;
/// Blocks of the convolutional decoder.
const BLOCKS: usize = MAX_CODED_BITS.div_ceil(2 * dsp::bcjr::BLOCK);

pub(super) type Decoder = JointDecoder<ROWS, CELLS, PAYLOAD_DATA_CARRIERS, MAX_CODED_BITS, BLOCKS>;

/// Room for one frame and for the decoders that go through it more than once: 0.6 MB.
///
/// A program without a heap keeps it in a static:
///
/// ```
/// use prime_phy::FrameWorkspace;
/// use std::sync::Mutex;
/// static MEMORY: Mutex<FrameWorkspace> = Mutex::new(FrameWorkspace::new());
/// ```
#[derive(Clone, Debug)]
pub struct FrameWorkspace {
    pub(super) line: FrameLine,
    pub(super) decoder: Decoder,
    /// What the pass before found.
    pub(super) before: [u8; MAX_MPDU],
}

impl FrameWorkspace {
    /// An empty workspace.
    pub const fn new() -> Self {
        Self { line: FrameLine::new(), decoder: Decoder::new(), before: [0; MAX_MPDU] }
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

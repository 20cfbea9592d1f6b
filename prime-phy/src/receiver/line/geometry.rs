//! Where the chains of what is being decoded lie.

use super::symbols::OnChannel;
use crate::channel::{CARRIERS, HEADER_PILOT_SPACING, PAYLOAD_DATA_CARRIERS};
use core::ops::Range;
use dsp::joint::Shape;
use dsp::lanes::LANES;

/// The chains of one channel, which are like those of the others: a block's segments one after the other. The channels' chains
/// follow one another, each channel's in groups of its own; where all channels have copies of the same symbols, a chain is of
/// them all.
#[derive(Clone, Copy, Debug)]
pub(in crate::receiver) struct Geometry {
    /// First symbol, counted from the header's first.
    pub(super) first: usize,
    /// Symbols that are copies of one another, in succession.
    pub(in crate::receiver) copies: usize,
    /// Different symbols.
    pub(in crate::receiver) blocks: usize,
    /// Chains of a symbol.
    segments: usize,
    /// Steps of a chain: the carriers behind a pilot.
    pub(in crate::receiver) length: usize,
    pub(super) bits: usize,
    /// Channels that have chains of their own: one where all have the same.
    channels: usize,
}

impl Geometry {
    pub(super) const NONE: Self =
        Self { first: 0, copies: 0, blocks: 0, segments: 0, length: 0, bits: 0, channels: 1 };

    pub(in crate::receiver) fn header(channels: usize, symbols: usize, copies: usize) -> Self {
        let length = HEADER_PILOT_SPACING - 1;
        let segments = (CARRIERS - 1) / HEADER_PILOT_SPACING;
        Self { first: 0, copies, blocks: symbols / copies.max(1), segments, length, bits: 1, channels }
    }

    pub(in crate::receiver) fn payload(
        channels: usize,
        first: usize,
        symbols: usize,
        copies: usize,
        bits: usize,
    ) -> Self {
        let blocks = symbols / copies.max(1);
        Self { first, copies, blocks, segments: 1, length: PAYLOAD_DATA_CARRIERS, bits, channels }
    }

    /// That of a payload whose symbols have copies on all channels, `copies` of them on each.
    pub(in crate::receiver) fn shared(first: usize, symbols: usize, copies: usize, bits: usize) -> Self {
        Self::payload(1, first, symbols, copies, bits)
    }

    /// How many channels have chains of their own.
    pub(in crate::receiver) fn channels(&self) -> usize {
        self.channels
    }

    pub(in crate::receiver) fn shape(&self, info_bits: usize) -> Shape {
        let chains = match self.channels {
            1 => self.blocks * self.segments,
            channels => channels * self.groups() * LANES,
        };
        Shape { chains, length: self.length, bits: self.bits, info_bits }
    }

    /// Chain and step of data carrier `place` of a block on a channel.
    pub(in crate::receiver) fn chain_of(&self, channel: usize, block: usize, place: usize) -> (usize, usize) {
        let chain = block * self.segments + place / self.length;
        (channel * self.groups() * LANES + chain, place % self.length)
    }

    /// Groups of eight chains of one channel.
    pub(super) fn groups(&self) -> usize {
        (self.blocks * self.segments).div_ceil(LANES)
    }

    /// A group's channels of so many, and which of their groups it is.
    pub(super) fn channels_of(&self, group: usize, channels: usize) -> (Range<usize>, usize) {
        if self.channels < channels {
            return (0..channels, group);
        }
        let groups = self.groups().max(1);
        (group / groups..group / groups + 1, group % groups)
    }

    /// The group of all that is a channel's `group`-th.
    pub(super) fn group_of(&self, channel: usize, group: usize) -> usize {
        if self.channels == 1 { group } else { channel * self.groups() + group }
    }

    pub(super) fn symbols(&self) -> usize {
        self.blocks * self.copies
    }

    /// The symbols received of a chain's copies, and the pilot that it starts from. `None` beyond the last chain.
    #[inline(always)]
    pub(super) fn chain(&self, heard: OnChannel<'_>, chain: usize) -> Option<(Range<usize>, usize)> {
        let Self { first, copies, blocks, segments, length, .. } = *self;
        let (block, segment) = (chain / segments.max(1), chain % segments.max(1));
        let symbols = first + block * copies..(first + (block + 1) * copies).min(heard.received());
        (block < blocks).then_some((symbols, segment * (length + 1)))
    }
}

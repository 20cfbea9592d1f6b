//! What was received of a frame from its header on, and which of it is known.

use crate::channel::{COPIES, MAX_PAYLOAD_SYMBOLS, ROBUST_HEADER_SYMBOLS};
use crate::receiver::carriers::{Carriers, NO_CARRIERS};

/// Symbols of a frame from its header on. A bonded pair's longest frame has half as many on each channel.
pub(super) const MAX_SYMBOLS: usize = ROBUST_HEADER_SYMBOLS + COPIES * MAX_PAYLOAD_SYMBOLS;

/// Carriers whose phase is known, one bit each, the lowest carrier the lowest.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::receiver) struct Known {
    which: u128,
    negative: u128,
}

const UNKNOWN: Known = Known { which: 0, negative: 0 };

impl Known {
    /// Tells a carrier's sign.
    pub(in crate::receiver) fn set(&mut self, carrier: usize, negative: bool) {
        self.which |= 1 << carrier;
        self.negative |= u128::from(negative) << carrier;
    }

    /// The sign of a carrier that is known.
    #[inline(always)]
    pub(super) fn sign(&self, carrier: usize) -> Option<f32> {
        let bit = |of: u128| of >> carrier & 1 == 1;
        bit(self.which).then(|| if bit(self.negative) { -1.0 } else { 1.0 })
    }

    pub(super) fn is_none(&self) -> bool {
        self.which == 0
    }

    /// How many are known.
    pub(super) fn count(&self) -> u32 {
        self.which.count_ones()
    }
}

/// The symbols of all channels.
#[derive(Clone, Debug)]
pub(super) struct Symbols {
    /// Those of one time together, the lower channel's first.
    carriers: [Carriers; MAX_SYMBOLS],
    received: usize,
    channels: usize,
    /// Of each symbol, which carriers are known on every channel, and which of those are negative.
    known: [Known; MAX_SYMBOLS],
}

/// Those of one channel.
#[derive(Clone, Copy)]
pub(super) struct OnChannel<'a> {
    symbols: &'a Symbols,
    channel: usize,
}

impl Symbols {
    pub(super) const fn new() -> Self {
        Self { carriers: [NO_CARRIERS; MAX_SYMBOLS], received: 0, channels: 1, known: [UNKNOWN; MAX_SYMBOLS] }
    }

    pub(super) fn begin(&mut self, channels: usize) {
        (self.received, self.channels) = (0, channels.max(1));
        self.known = [UNKNOWN; MAX_SYMBOLS];
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Takes a symbol; those of one time come from channel to channel.
    pub(super) fn put(&mut self, symbol: &Carriers) {
        if let Some(room) = self.carriers.get_mut(self.received) {
            *room = *symbol;
            self.received += 1;
        }
    }

    /// Tells which carriers of a symbol are known.
    pub(super) fn know(&mut self, symbol: usize, known: Known) {
        if let Some(room) = self.known.get_mut(symbol) {
            *room = known;
        }
    }

    pub(super) fn on(&self, channel: usize) -> OnChannel<'_> {
        OnChannel { symbols: self, channel }
    }
}

impl<'a> OnChannel<'a> {
    /// Symbols that have been received on all channels.
    pub(super) fn received(&self) -> usize {
        self.symbols.received / self.symbols.channels
    }

    #[inline(always)]
    pub(super) fn carriers(&self, symbol: usize) -> &'a Carriers {
        const NONE: &Carriers = &NO_CARRIERS;
        self.symbols.carriers.get(symbol * self.symbols.channels + self.channel).unwrap_or(NONE)
    }

    #[inline(always)]
    pub(super) fn known(&self, symbol: usize) -> Known {
        self.symbols.known.get(symbol).copied().unwrap_or_default()
    }
}

//! adpContextInformationTable: prefixes that both ends know (RFC 6282, digest 5.5).

use core::net::Ipv6Addr;

/// Contexts that a header can name.
pub const CONTEXTS: usize = 16;

/// A prefix of 1 to 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Context {
    prefix: Ipv6Addr,
    length: u8,
    /// The C flag: whether headers may be compressed with it, or only restored.
    pub compress: bool,
}

/// The contexts by their identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContextTable {
    entries: [Option<Context>; CONTEXTS],
}

impl Context {
    /// A context for compression and restoring. `None` where the length is not in 1..=128. Bits of `prefix` beyond
    /// its length do not count.
    pub fn new(prefix: Ipv6Addr, length: u8) -> Option<Self> {
        (1..=128).contains(&length).then_some(Self { prefix, length, compress: true })
    }

    /// Bits of the prefix.
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// The address of an interface identifier: the prefix covers what it covers.
    pub fn address(&self, iid: [u8; 8]) -> Ipv6Addr {
        let mask = u128::MAX << (128 - u32::from(self.length)).min(127);
        let below = u128::from(address_of([0; 8], iid));
        Ipv6Addr::from(u128::from(self.prefix) & mask | below & !mask)
    }
}

impl ContextTable {
    /// Sets or, with `None`, removes a context. `false` where the identifier is above 15.
    pub fn set(&mut self, identifier: u8, context: Option<Context>) -> bool {
        match self.entries.get_mut(usize::from(identifier)) {
            Some(entry) => {
                *entry = context;
                true
            }
            None => false,
        }
    }

    pub(super) fn get(&self, identifier: u8) -> Option<Context> {
        self.entries.get(usize::from(identifier)).copied().flatten()
    }

    /// How an address may be compressed: without context, then with each by its identifier.
    pub(super) fn choices(&self) -> impl Iterator<Item = (bool, u8)> {
        let usable = |(identifier, entry): (usize, &Option<Context>)| {
            entry.filter(|context| context.compress).map(|_| (true, identifier as u8))
        };
        core::iter::once((false, 0)).chain(self.entries.iter().enumerate().filter_map(usable))
    }
}

/// An address of its two halves.
pub(super) fn address_of(prefix: [u8; 8], iid: [u8; 8]) -> Ipv6Addr {
    Ipv6Addr::from(u128::from(u64::from_be_bytes(prefix)) << 64 | u128::from(u64::from_be_bytes(iid)))
}

//! Invocation counters (digest 1.8): a number is never used twice with a key, whatever crashes.

use plc_core::env::{RecordKey, Store, StoreError};
use thiserror::Error;

/// Numbers that one write to the store reserves.
pub const RESERVATION: u32 = 0x100;

/// Why there is no further invocation counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CounterError {
    /// The store has failed: a number that could repeat after a restart is not used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The record is not one of this counter.
    #[error("the record of the invocation counter has {0} octets instead of 4")]
    Record(usize),
    /// All 32 bits are used up: the key has to be changed.
    #[error("the invocation counter is exhausted")]
    Exhausted,
}

/// The counter of what is sent under a key.
///
/// The store has the first number that is not reserved; a restart continues there, so numbers get lost rather than used
/// twice.
#[derive(Clone, Debug)]
pub struct SendCounter {
    key: RecordKey,
    next: u32,
    /// First number not reserved; `None` until the store was asked.
    reserved: Option<u32>,
}

impl SendCounter {
    /// The counter kept in a record; a new one starts at 1.
    pub const fn new(key: RecordKey) -> Self {
        Self { key, next: 1, reserved: None }
    }

    /// The next number.
    pub fn next(&mut self, store: &mut dyn Store) -> Result<u32, CounterError> {
        let reserved = match self.reserved {
            Some(reserved) => reserved,
            None => {
                self.next = self.next.max(load(store, self.key)?.unwrap_or(1));
                self.next
            }
        };
        let number = self.next;
        if number >= reserved {
            let reserved = number.saturating_add(RESERVATION);
            if number == u32::MAX {
                return Err(CounterError::Exhausted);
            }
            store.save(self.key, &reserved.to_be_bytes())?;
            self.reserved = Some(reserved);
        } else {
            self.reserved = Some(reserved);
        }
        self.next = number + 1;
        Ok(number)
    }

    /// The number used last; 0 before the first.
    pub const fn last(&self) -> u32 {
        self.next.saturating_sub(1)
    }

    /// Continues at `number` at least: after a peer has seen higher ones. Never goes back.
    pub fn raise_to(&mut self, number: u32) {
        self.next = self.next.max(number);
    }

    /// Continues at `number` where that is at most `most` ahead: what an unsigned message may do to the counter.
    pub fn raise_at_most(&mut self, number: u32, most: u32) {
        if number.saturating_sub(self.next) <= most {
            self.raise_to(number);
        }
    }
}

/// The highest counter accepted from a peer.
///
/// It is written at each association and once in [`RESERVATION`] numbers. After a restart [`ReceiveCounter::floor`] is
/// what was written; replaying a request that came later than that fails all the same, because no association is open
/// and a new one needs a fresh challenge answered. [`ReceiveCounter::ceiling`] is what no counter used so far exceeds.
#[derive(Clone, Debug)]
pub struct ReceiveCounter {
    key: RecordKey,
    floor: u32,
    saved: Option<u32>,
}

impl ReceiveCounter {
    /// The counter kept in a record; before any was accepted it is 0.
    pub const fn new(key: RecordKey) -> Self {
        Self { key, floor: 0, saved: None }
    }

    /// The highest number accepted; the next has to be greater.
    pub fn floor(&mut self, store: &mut dyn Store) -> Result<u32, CounterError> {
        if self.saved.is_none() {
            let stored = load(store, self.key)?;
            self.floor = self.floor.max(stored.unwrap_or(0));
            self.saved = Some(stored.unwrap_or(0));
        }
        Ok(self.floor)
    }

    /// A number not less than any that was accepted, also before a restart: what a client that forgot its counter has
    /// to go beyond.
    pub fn ceiling(&mut self, store: &mut dyn Store) -> Result<u32, CounterError> {
        let floor = self.floor(store)?;
        let saved = self.saved.unwrap_or(0);
        Ok(if saved == 0 { floor } else { floor.max(saved.saturating_add(RESERVATION)) })
    }

    /// Accepts a number whose message was genuine and has to be greater than [`ReceiveCounter::floor`]. `now` writes it
    /// to the store at once.
    pub fn accept(&mut self, number: u32, now: bool, store: &mut dyn Store) -> Result<(), CounterError> {
        let floor = self.floor(store)?;
        self.floor = floor.max(number);
        let saved = self.saved.unwrap_or(0);
        if self.floor > saved && (now || self.floor - saved >= RESERVATION) {
            store.save(self.key, &self.floor.to_be_bytes())?;
            self.saved = Some(self.floor);
        }
        Ok(())
    }
}

fn load(store: &mut dyn Store, key: RecordKey) -> Result<Option<u32>, CounterError> {
    let mut record = [0; 4];
    match store.load(key, &mut record)? {
        None => Ok(None),
        Some(4) => Ok(Some(u32::from_be_bytes(record))),
        Some(length) => Err(CounterError::Record(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plc_core::testkit::MemoryStore;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const KEY: RecordKey = RecordKey(1);

    proptest! {
        #[test]
        fn no_number_is_sent_twice_over_crashes(runs in proptest::collection::vec(0_usize..700, 1..8)) {
            let mut store = MemoryStore::default();
            let mut used = BTreeSet::new();
            for sends in runs {
                let mut counter = SendCounter::new(KEY);
                for _ in 0..sends {
                    let number = counter.next(&mut store)?;
                    prop_assert!(used.last().is_none_or(|&last| last < number));
                    used.insert(number);
                }
            }
        }

        #[test]
        fn a_failing_store_stops_the_counter_before_it_can_repeat(good in 0_u32..600) {
            let mut store = MemoryStore::default();
            let mut counter = SendCounter::new(KEY);
            for _ in 0..good {
                counter.next(&mut store)?;
            }
            store.failing = true;
            let mut last = None;
            while let Ok(number) = counter.next(&mut store) {
                last = Some(number);
            }
            store.failing = false;
            let restarted = SendCounter::new(KEY).next(&mut store)?;
            prop_assert!(last.is_none_or(|last| last < restarted));
        }

        #[test]
        fn the_ceiling_covers_all_that_was_accepted(numbers in proptest::collection::vec(1_u32..2000, 1..40), now: bool) {
            let mut store = MemoryStore::default();
            let mut counter = ReceiveCounter::new(KEY);
            counter.accept(1, true, &mut store)?;
            let mut highest = 1;
            for number in numbers {
                counter.accept(number, now, &mut store)?;
                highest = highest.max(number);
                prop_assert_eq!(counter.floor(&mut store)?, highest);
                let mut restarted = ReceiveCounter::new(KEY);
                prop_assert!(restarted.ceiling(&mut store)? >= highest);
                prop_assert!(restarted.floor(&mut store)? <= highest);
            }
        }
    }

    #[test]
    fn the_end_of_the_numbers_is_an_error() {
        let mut store = MemoryStore::default();
        let mut counter = SendCounter::new(KEY);
        counter.raise_to(u32::MAX - 1);
        assert_eq!(counter.next(&mut store), Ok(u32::MAX - 1));
        assert_eq!(counter.next(&mut store), Err(CounterError::Exhausted));
    }
}

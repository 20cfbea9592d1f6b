//! The outgoing frame counter, which never repeats a value under one key, whatever happens to the power.
//!
//! Values are reserved in blocks: the store's record is the first value that may not be used yet. It is moved ahead
//! *before* the first value of a block is used, so a restart continues behind everything that may have been on
//! the line. A store that fails costs the frame, not the guarantee.

use plc_core::env::{RecordKey, Store, StoreError};
use thiserror::Error;

/// The record of [`FrameCounter`]: four octets, least significant first.
pub const FRAME_COUNTER_RECORD: RecordKey = RecordKey(0x0301);
/// Values reserved at a time; what a restart skips at most (digest 1.4).
pub const RESERVATION: u32 = 0x400;

/// macFrameCounter.
#[derive(Clone, Debug, Default)]
pub struct FrameCounter {
    /// Unknown until the store was asked.
    state: Option<Reserved>,
}

#[derive(Clone, Debug)]
struct Reserved {
    next: u32,
    /// First value not reserved.
    end: u32,
}

/// Why there is no value to send with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CounterError {
    /// The store failed.
    #[error("frame counter: {0}")]
    Store(#[from] StoreError),
    /// The record is not a frame counter. To start from zero would repeat values.
    #[error("the record of the frame counter has {0} octets instead of 4")]
    Record(usize),
    /// All 2^32 - 1 values are used: the key must change.
    #[error("the frame counter is exhausted")]
    Exhausted,
}

impl FrameCounter {
    /// A value that was never used before.
    pub fn take(&mut self, store: &mut dyn Store) -> Result<u32, CounterError> {
        let state = match &mut self.state {
            Some(state) => state,
            unknown => {
                let next = load(store)?;
                unknown.insert(Reserved { next, end: next })
            }
        };
        if state.next == u32::MAX {
            return Err(CounterError::Exhausted);
        }
        if state.next == state.end {
            let end = state.end.saturating_add(RESERVATION);
            store.save(FRAME_COUNTER_RECORD, &end.to_le_bytes())?;
            state.end = end;
        }
        let value = state.next;
        state.next += 1;
        Ok(value)
    }

    /// The value that the next frame will carry, where that is known yet.
    pub fn next(&self) -> Option<u32> {
        self.state.as_ref().map(|state| state.next)
    }
}

fn load(store: &mut dyn Store) -> Result<u32, CounterError> {
    let mut record = [0; 4];
    match store.load(FRAME_COUNTER_RECORD, &mut record)? {
        None => Ok(0),
        Some(4) => Ok(u32::from_le_bytes(record)),
        Some(length) => Err(CounterError::Record(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plc_core::testkit::{MemoryStore, SplitMix64};
    use rand_core::Rng;
    use std::collections::BTreeSet;

    #[test]
    fn no_value_is_used_twice_across_a_thousand_crashes() {
        let mut rng = SplitMix64(7);
        let mut store = MemoryStore::default();
        let mut seen = BTreeSet::new();
        for _ in 0..1000 {
            let mut counter = FrameCounter::default();
            let frames = rng.next_u32() % (2 * RESERVATION);
            for _ in 0..frames {
                // A store may fail at any time; the machine may crash between the save and the use.
                store.failing = rng.next_u32().is_multiple_of(50);
                if let Ok(value) = counter.take(&mut store)
                    && !rng.next_u32().is_multiple_of(100)
                {
                    assert!(seen.insert(value), "{value} again");
                }
            }
            store.failing = false;
        }
        assert!(seen.len() > 100_000);
    }

    #[test]
    fn the_block_is_saved_before_its_first_value_is_used() {
        let mut store = MemoryStore::default();
        let mut counter = FrameCounter::default();
        store.failing = true;
        assert_eq!(counter.take(&mut store), Err(StoreError::Medium(FRAME_COUNTER_RECORD).into()));
        store.failing = false;
        assert_eq!(counter.take(&mut store), Ok(0));
        assert_eq!(store.records[&FRAME_COUNTER_RECORD], RESERVATION.to_le_bytes());
        store.failing = true;
        for value in 1..RESERVATION {
            assert_eq!(counter.take(&mut store), Ok(value), "the block needs no store");
        }
        assert!(counter.take(&mut store).is_err(), "the next block does");
    }

    #[test]
    fn the_last_value_is_not_passed() {
        let mut store = MemoryStore::default();
        store.save(FRAME_COUNTER_RECORD, &(u32::MAX - 2).to_le_bytes()).unwrap();
        let mut counter = FrameCounter::default();
        assert_eq!(counter.take(&mut store), Ok(u32::MAX - 2));
        assert_eq!(counter.take(&mut store), Ok(u32::MAX - 1));
        assert_eq!(counter.take(&mut store), Err(CounterError::Exhausted));
        assert_eq!(
            FrameCounter::default().take(&mut store),
            Err(CounterError::Exhausted),
            "nor after a restart"
        );
    }

    #[test]
    fn a_damaged_record_stops_the_counter() {
        let mut store = MemoryStore::default();
        store.save(FRAME_COUNTER_RECORD, &[1, 2]).unwrap();
        assert_eq!(FrameCounter::default().take(&mut store), Err(CounterError::Record(2)));
        store.save(FRAME_COUNTER_RECORD, &[0; 9]).unwrap();
        assert!(matches!(FrameCounter::default().take(&mut store), Err(CounterError::Store(_))));
    }
}

//! What this board gives the machines: a generator and a store, both in RAM.
//!
//! The board that QEMU emulates has neither an entropy source nor a flash that survives. A board for the field must
//! have both: the store keeps the counters that make ciphering safe.

use heapless::Vec;
use plc_core::env::{Environment, RecordKey, Store, StoreError};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

const RECORD_LEN: usize = 64;

/// A generator, and a store of `RECORDS` records.
pub(crate) struct Board<const RECORDS: usize> {
    rng: ChaCha8Rng,
    store: RamStore<RECORDS>,
}

impl<const RECORDS: usize> Board<RECORDS> {
    /// An empty store; demonstration randomness started from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), store: RamStore { records: Vec::new() } }
    }
}

impl<const RECORDS: usize> Environment for Board<RECORDS> {
    fn rng(&mut self) -> &mut dyn Rng {
        &mut self.rng
    }

    fn store(&mut self) -> &mut dyn Store {
        &mut self.store
    }
}

struct RamStore<const RECORDS: usize> {
    records: Vec<(RecordKey, Vec<u8, RECORD_LEN>), RECORDS>,
}

impl<const RECORDS: usize> Store for RamStore<RECORDS> {
    fn load(&mut self, key: RecordKey, into: &mut [u8]) -> Result<Option<usize>, StoreError> {
        let Some((_, record)) = self.records.iter().find(|(known, _)| *known == key) else { return Ok(None) };
        let too_large = StoreError::TooLarge { key, stored: record.len(), room: into.len() };
        into.get_mut(..record.len()).ok_or(too_large)?.copy_from_slice(record);
        Ok(Some(record.len()))
    }

    fn save(&mut self, key: RecordKey, record: &[u8]) -> Result<(), StoreError> {
        let record = Vec::from_slice(record).map_err(|_| StoreError::Medium(key))?;
        match self.records.iter_mut().find(|(known, _)| *known == key) {
            Some((_, place)) => *place = record,
            None => self.records.push((key, record)).map_err(|_| StoreError::Medium(key))?,
        }
        Ok(())
    }
}

//! What this board gives the machines: a generator and a store, both in RAM.
//!
//! The board that QEMU emulates has neither an entropy source nor a flash that survives. A board for the field must
//! have both: the store keeps the counters that make ciphering safe.

use core::convert::Infallible;
use heapless::Vec;
use plc_core::env::{Environment, RecordKey, Store, StoreError};
use rand_core::{Rng, TryRng};

const RECORD_LEN: usize = 64;

/// A generator, and a store of `RECORDS` records.
pub(crate) struct Board<const RECORDS: usize> {
    rng: SplitMix64,
    store: RamStore<RECORDS>,
}

impl<const RECORDS: usize> Board<RECORDS> {
    /// An empty store; demonstration randomness started from `seed`.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { rng: SplitMix64(seed), store: RamStore { records: Vec::new() } }
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

/// SplitMix64 (Steele, Lea, Flood 2014). Not for keys or challenges in the field.
struct SplitMix64(u64);

impl TryRng for SplitMix64 {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|word| (word >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Ok(z ^ (z >> 31))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        for chunk in into.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            for (octet, random) in chunk.iter_mut().zip(word) {
                *octet = random;
            }
        }
        Ok(())
    }
}

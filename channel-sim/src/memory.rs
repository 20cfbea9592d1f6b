//! A modem's non-volatile records, in memory: simulated modems keep them for as long as they run.

use plc_core::env::{RecordKey, Store, StoreError};
use std::collections::BTreeMap;

/// Records by their keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryStore(BTreeMap<RecordKey, Vec<u8>>);

impl MemoryStore {
    /// Octets on the heap, the map's own apart.
    pub(crate) fn heap(&self) -> usize {
        self.0.values().map(|record| size_of::<(RecordKey, Vec<u8>)>() + record.capacity()).sum()
    }
}

impl Store for MemoryStore {
    fn load(&mut self, key: RecordKey, into: &mut [u8]) -> Result<Option<usize>, StoreError> {
        let Some(record) = self.0.get(&key) else { return Ok(None) };
        let room = into.len();
        let target =
            into.get_mut(..record.len()).ok_or(StoreError::TooLarge { key, stored: record.len(), room })?;
        target.copy_from_slice(record);
        Ok(Some(record.len()))
    }

    fn save(&mut self, key: RecordKey, record: &[u8]) -> Result<(), StoreError> {
        let place = self.0.entry(key).or_default();
        place.clear();
        place.extend_from_slice(record);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_what_was_saved_last_and_room_that_is_too_small_is_named() {
        let (mut store, key) = (MemoryStore::default(), RecordKey(7));
        let mut room = [0; 4];
        assert_eq!(store.load(key, &mut room), Ok(None));
        store.save(key, &[1, 2, 3, 4]).unwrap();
        store.save(key, &[5, 6, 7]).unwrap();
        assert_eq!(store.load(key, &mut room), Ok(Some(3)));
        assert_eq!(room, [5, 6, 7, 0]);
        let error = store.load(key, &mut room[..2]);
        assert_eq!(error, Err(StoreError::TooLarge { key, stored: 3, room: 2 }));
        assert!(store.heap() >= 3);
    }
}

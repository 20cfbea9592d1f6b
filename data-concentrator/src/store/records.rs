//! Records of the protocol machines, on SQLite.

use super::{MeterId, Store};
use plc_core::env::{RecordKey, Store as RecordStore, StoreError};
use rusqlite::{OptionalExtension, params};

/// The database as the machines see it: records that are safe once [`save`](RecordStore::save) has returned.
#[derive(Debug)]
pub struct Records<'a> {
    store: &'a mut Store,
    /// A meter's row, or 0 for the concentrator's own stack.
    owner: i64,
}

impl<'a> Records<'a> {
    /// Those of the concentrator's own stack, such as its frame counter.
    pub fn own(store: &'a mut Store) -> Self {
        Self { store, owner: 0 }
    }

    /// Those of the client that reads a meter, such as the invocation counter under that meter's key.
    pub fn of_meter(store: &'a mut Store, meter: MeterId) -> Self {
        Self { store, owner: meter.0 }
    }
}

impl RecordStore for Records<'_> {
    fn load(&mut self, key: RecordKey, into: &mut [u8]) -> Result<Option<usize>, StoreError> {
        let record: Option<Vec<u8>> = self
            .store
            .connection
            .prepare_cached("SELECT value FROM record WHERE owner = ?1 AND key = ?2")
            .and_then(|mut query| query.query_row(params![self.owner, key.0], |row| row.get(0)).optional())
            .map_err(|_| StoreError::Medium(key))?;
        let Some(record) = record else { return Ok(None) };
        let too_large = StoreError::TooLarge { key, stored: record.len(), room: into.len() };
        into.get_mut(..record.len()).ok_or(too_large)?.copy_from_slice(&record);
        Ok(Some(record.len()))
    }

    fn save(&mut self, key: RecordKey, record: &[u8]) -> Result<(), StoreError> {
        self.store
            .connection
            .prepare_cached(
                "INSERT INTO record VALUES (?1, ?2, ?3) ON CONFLICT (owner, key) DO UPDATE SET value = ?3",
            )
            .and_then(|mut insert| insert.execute(params![self.owner, key.0, record]))
            .map(|_| ())
            .map_err(|_| StoreError::Medium(key))
    }
}

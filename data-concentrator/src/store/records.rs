//! Records of the protocol machines, on SQLite.

use super::Store;
use plc_core::env::{RecordKey, Store as RecordStore, StoreError};
use rusqlite::{OptionalExtension, params};

/// The database as the machines see it: records that are safe once [`save`](RecordStore::save) has returned.
#[derive(Debug)]
pub struct Records<'a>(pub &'a mut Store);

impl RecordStore for Records<'_> {
    fn load(&mut self, key: RecordKey, into: &mut [u8]) -> Result<Option<usize>, StoreError> {
        let record: Option<Vec<u8>> = self
            .0
            .connection
            .prepare_cached("SELECT value FROM record WHERE key = ?1")
            .and_then(|mut query| query.query_row([key.0], |row| row.get(0)).optional())
            .map_err(|_| StoreError::Medium(key))?;
        let Some(record) = record else { return Ok(None) };
        let too_large = StoreError::TooLarge { key, stored: record.len(), room: into.len() };
        into.get_mut(..record.len()).ok_or(too_large)?.copy_from_slice(&record);
        Ok(Some(record.len()))
    }

    fn save(&mut self, key: RecordKey, record: &[u8]) -> Result<(), StoreError> {
        self.0
            .connection
            .prepare_cached("INSERT INTO record VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")
            .and_then(|mut insert| insert.execute(params![key.0, record]))
            .map(|_| ())
            .map_err(|_| StoreError::Medium(key))
    }
}

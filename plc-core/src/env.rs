//! What a protocol machine may ask of its surroundings: randomness and a store. Time is a parameter.

use rand_core::Rng;
use thiserror::Error;

/// What surrounds a machine: a board, a simulated node, a test.
pub trait Environment {
    /// The source of randomness, such as back-off slots and initial sequence numbers.
    fn rng(&mut self) -> &mut dyn Rng;
    /// Where records outlive a restart.
    fn store(&mut self) -> &mut dyn Store;
}

/// Names a record in a [`Store`]. Each crate that keeps records declares its keys as constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey(pub u16);

/// Small records that outlive a restart: counters, tables, keys.
///
/// A record is replaced as a whole: after a crash it holds what was saved last or before last, never a mixture.
/// What [`Store::save`] has accepted survives from then on.
pub trait Store {
    /// Copies the record into `into` and returns its length, or `None` where there is none.
    fn load(&mut self, key: RecordKey, into: &mut [u8]) -> Result<Option<usize>, StoreError>;
    /// Replaces the record.
    fn save(&mut self, key: RecordKey, record: &[u8]) -> Result<(), StoreError>;
}

/// Why a record could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The record is larger than the room given for it.
    #[error("record {key:?} has {stored} octets, room was for {room}")]
    TooLarge {
        /// The record.
        key: RecordKey,
        /// Its size.
        stored: usize,
        /// The room there was.
        room: usize,
    },
    /// The medium failed or is full.
    #[error("the medium of record {0:?} failed")]
    Medium(RecordKey),
}

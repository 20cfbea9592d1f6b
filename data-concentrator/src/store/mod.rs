//! The database: one SQLite file with the readings, the cycles they came in, and the records that must outlive a
//! crash (frame counters, invocation counters).
//!
//! Everything that belongs together is written in one transaction, and every insert is idempotent: a reading is
//! known by its meter, object, profile and capture time. So the process may be killed at any moment, and a cycle
//! that is repeated afterwards neither loses nor doubles a reading.

mod gaps;
mod migrations;
mod query;
mod records;
mod write;

pub use gaps::{GAP_WINDOW_MS, Gap};
pub use query::{CycleMeterRow, CycleRow, MeterRow, Page, ProfileRow, Range, ReadingRow, StoredValue};
pub use records::Records;
pub use write::{CycleId, Kept, MeterId, MeterOutcome, MeterResult, NetworkId, ObjectFacts};

use rusqlite::{Connection, OpenFlags};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// Name of the database file in the data folder.
pub const FILE_NAME: &str = "busbar.sqlite";

/// Name of the file whose lock says that a concentrator works on the data folder.
pub const LOCK_NAME: &str = "lock";

/// How long a statement waits for another connection's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the database could not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The data folder cannot be made.
    #[error("cannot make the data folder {path}: {error}; choose another with --data DIR")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Another concentrator works on the data folder.
    #[error(
        "another concentrator works on the data folder {path}, and two would use the same frame counters; end it, or choose another folder with --data DIR"
    )]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// The lock of the data folder cannot be had for another reason.
    #[error("cannot lock {path}: {error}; choose another folder with --data DIR")]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file cannot be opened as a database.
    #[error("cannot open the database {path}: {error}; choose another folder with --data DIR")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        error: rusqlite::Error,
    },
    /// The file was written by a newer program.
    #[error(
        "the database has schema version {found}, this program knows up to {known}: use the newer program, or another folder with --data DIR"
    )]
    TooNew {
        /// Version in the file.
        found: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// The file is a database of something else.
    #[error("{path} is a database, but none of this program's; choose another folder with --data DIR")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// SQLite failed.
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Something in the file is not what the schema allows.
    #[error("the database holds {what} `{value}`, which is none")]
    Corrupt {
        /// What it should be.
        what: &'static str,
        /// What it is.
        value: String,
    },
}

/// An open database.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    /// Held, never read: the system lets go of it when the process ends, however it ends.
    _lock: Option<File>,
}

impl Store {
    /// Opens the database as [`Store::open`] does, and keeps other concentrators out of `folder` as long as the store
    /// lives: two of them would use the same counters.
    ///
    /// # Errors
    /// [`StoreError::Taken`] while another store opened so is alive, in this process or another.
    pub fn open_alone(folder: &Path) -> Result<Self, StoreError> {
        let lock = lock(folder)?;
        Ok(Self { _lock: Some(lock), ..Self::open(folder)? })
    }

    /// Opens the database in `folder`, makes both where they are missing, and brings the schema up to date.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        make(folder)?;
        let path = folder.join(FILE_NAME);
        let opened = Connection::open(&path).and_then(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            if migrations::is_foreign(&connection)? {
                return Ok(None);
            }
            // WAL lets the API read while a cycle writes; FULL makes a commit survive a power failure.
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            Ok(Some(connection))
        });
        let connection = match opened {
            Ok(Some(connection)) => connection,
            Ok(None) => return Err(StoreError::Foreign { path }),
            Err(error) => return Err(StoreError::Open { path, error }),
        };
        let mut store = Self { connection, _lock: None };
        migrations::migrate(&mut store.connection)?;
        Ok(store)
    }

    /// Opens a second, read-only connection to a database that [`Store::open`] has made.
    pub fn open_reader(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE_NAME);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(&path, flags).and_then(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            Ok(connection)
        });
        Ok(Self { connection: opened.map_err(|error| StoreError::Open { path, error })?, _lock: None })
    }

    /// Version of the schema in the file.
    pub fn schema_version(&self) -> Result<i64, StoreError> {
        migrations::version(&self.connection)
    }
}

fn make(folder: &Path) -> Result<(), StoreError> {
    std::fs::create_dir_all(folder).map_err(|error| StoreError::Folder { path: folder.to_owned(), error })
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    make(folder)?;
    let path = folder.join(LOCK_NAME);
    let opened = File::options().create(true).write(true).truncate(false).open(&path);
    let file = opened.map_err(|error| StoreError::Lock { path: path.clone(), error })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Taken { path: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(StoreError::Lock { path, error }),
    }
}

#[cfg(test)]
mod tests;

//! The schema and its history. A version, once released, is never edited: a change is a new step at the end.

use super::StoreError;
use rusqlite::{Connection, TransactionBehavior};

/// Step i brings version i to version i + 1.
pub(super) const STEPS: &[&str] = &[
    // 1: networks, meters, cycles, readings, records.
    "CREATE TABLE network (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL
    ) STRICT;
    CREATE TABLE meter (
        id INTEGER PRIMARY KEY,
        network_id INTEGER NOT NULL REFERENCES network(id),
        serial TEXT NOT NULL,
        name TEXT NOT NULL,
        bus TEXT NOT NULL,
        phase INTEGER NOT NULL,
        short_address INTEGER NOT NULL,
        UNIQUE (network_id, serial)
    ) STRICT;
    CREATE TABLE cycle (
        id INTEGER PRIMARY KEY,
        network_id INTEGER NOT NULL REFERENCES network(id),
        state TEXT NOT NULL CHECK (state IN ('running', 'complete', 'interrupted')),
        started_utc_ms INTEGER NOT NULL,
        ended_utc_ms INTEGER
    ) STRICT;
    CREATE INDEX cycle_by_network ON cycle (network_id, id);
    CREATE TABLE cycle_meter (
        cycle_id INTEGER NOT NULL REFERENCES cycle(id),
        meter_id INTEGER NOT NULL REFERENCES meter(id),
        result TEXT NOT NULL,
        detail TEXT,
        attempts INTEGER NOT NULL,
        ended_utc_ms INTEGER NOT NULL,
        duration_ms INTEGER NOT NULL,
        PRIMARY KEY (cycle_id, meter_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE reading (
        meter_id INTEGER NOT NULL REFERENCES meter(id),
        profile TEXT NOT NULL,
        object TEXT NOT NULL,
        utc_ms INTEGER NOT NULL,
        raw INTEGER NOT NULL,
        scaler INTEGER NOT NULL,
        unit INTEGER NOT NULL,
        offset_minutes INTEGER NOT NULL,
        clock_status INTEGER NOT NULL,
        meter_time BLOB NOT NULL,
        quality TEXT NOT NULL,
        cycle_id INTEGER NOT NULL REFERENCES cycle(id),
        last_cycle_id INTEGER NOT NULL REFERENCES cycle(id),
        PRIMARY KEY (meter_id, profile, object, utc_ms)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE object_facts (
        meter_id INTEGER PRIMARY KEY REFERENCES meter(id),
        facts TEXT NOT NULL
    ) STRICT;
    CREATE TABLE record (
        owner INTEGER NOT NULL,
        key INTEGER NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (owner, key)
    ) STRICT, WITHOUT ROWID;",
    // 2: what the line was like while a meter was read; readings across objects in the order of time.
    "ALTER TABLE cycle_meter ADD COLUMN snr_db REAL;
    ALTER TABLE cycle_meter ADD COLUMN hops INTEGER;
    CREATE INDEX cycle_meter_by_meter ON cycle_meter (meter_id, cycle_id);
    CREATE INDEX reading_by_time ON reading (meter_id, profile, utc_ms, object);
    CREATE INDEX reading_by_cycle ON reading (meter_id, profile, object, last_cycle_id, utc_ms);",
    // 3: where a meter has profile rows that could not be read.
    "CREATE TABLE profile_gap (
        meter_id INTEGER NOT NULL REFERENCES meter(id),
        profile TEXT NOT NULL,
        from_utc_ms INTEGER NOT NULL,
        to_utc_ms INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        why TEXT NOT NULL,
        PRIMARY KEY (meter_id, profile, from_utc_ms)
    ) STRICT, WITHOUT ROWID;",
];

/// Brings the schema to the newest version, one transaction for each step.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_to(connection, STEPS.len())
}

fn migrate_to(connection: &mut Connection, newest: usize) -> Result<(), StoreError> {
    loop {
        // Two processes may open a new file at the same time: the version is read inside the transaction.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = version(&transaction)?;
        let step = match usize::try_from(found) {
            Ok(found) if found <= STEPS.len() => STEPS.get(found),
            _ => return Err(StoreError::TooNew { found, known: STEPS.len() as i64 }),
        };
        let Some(step) = step.filter(|_| found < newest as i64) else { return Ok(()) };
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", found + 1)?;
        transaction.commit()?;
    }
}

/// Whether the file was made by another program: it has tables, and not those of the first version. One from the future
/// is not foreign, whatever is in it.
pub(super) fn is_foreign(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let reading = connection.unchecked_transaction()?;
    let version: i64 = reading.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let count = |named: &str| -> Result<i64, rusqlite::Error> {
        let tables = format!("SELECT count(*) FROM sqlite_master WHERE type = 'table' {named}");
        reading.query_row(&tables, [], |row| row.get(0))
    };
    let own = count("AND name IN ('network', 'meter', 'cycle', 'cycle_meter', 'reading', 'record')")?;
    Ok(match version {
        0 => count("")? > 0,
        _ => version <= STEPS.len() as i64 && own < 6,
    })
}

/// The version in the file; 0 for a new one.
pub(super) fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a program of version 1 left behind.
    const CONTENTS_OF_VERSION_1: &str = "
        INSERT INTO network VALUES (1, 'village', 'Village');
        INSERT INTO meter VALUES (1, 1, 'BSB0000001', 'house 1', 'b1', 1, 1);
        INSERT INTO cycle VALUES (1, 1, 'complete', 1000, 2000);
        INSERT INTO cycle_meter VALUES (1, 1, 'read', NULL, 1, 1500, 500);
        INSERT INTO reading VALUES (1, '', '1.0.1.8.0.255', 1400, 77, 0, 30, 60, 0, x'', 'valid', 1, 1);
        INSERT INTO record VALUES (0, 3, x'0102');";

    #[test]
    fn every_older_version_comes_up_to_date_with_its_contents() {
        for old in 1..STEPS.len() {
            let mut connection = Connection::open_in_memory().unwrap();
            migrate_to(&mut connection, old).unwrap();
            assert_eq!(version(&connection).unwrap(), old as i64);
            if old == 1 {
                connection.execute_batch(CONTENTS_OF_VERSION_1).unwrap();
            }
            migrate(&mut connection).unwrap();
            assert_eq!(version(&connection).unwrap(), STEPS.len() as i64);
            if old == 1 {
                let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
                assert_eq!(count("SELECT raw FROM reading JOIN meter ON meter.id = meter_id"), 77);
                assert_eq!(count("SELECT count(*) FROM cycle_meter WHERE snr_db IS NULL"), 1);
                assert_eq!(count("SELECT length(value) FROM record WHERE key = 3"), 2);
            }
        }
    }

    #[test]
    fn migrating_twice_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        assert_eq!(version(&connection).unwrap(), STEPS.len() as i64);
    }

    #[test]
    fn a_database_from_the_future_is_refused_untouched() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let refused = migrate(&mut connection);
        assert!(matches!(refused, Err(StoreError::TooNew { found: 99, .. })), "{refused:?}");
        assert_eq!(version(&connection).unwrap(), 99);
    }
}

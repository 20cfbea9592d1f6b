//! What the metering keeps in the [`Store`], and in which octets.
//!
//! | record | octets | saved |
//! |---|---|---|
//! | [`REGISTERS`] | 50 | every persist period, at every capture, when the clock is set, on a power failure that is announced |
//! | [`first row`](ROWS_FROM) + slot | 20 | when that row is captured |
//!
//! A row is saved before the registers. Where a power failure comes between the two, the row shows more energy than
//! the registers, and the registers take the row's value when the meter starts again: energy never goes backwards.

use super::energy::EnergyRegister;
use super::profile::{LoadProfile, Row, RowStatus};
use plc_core::bytes::{Full, Reader, Truncated, Writer};
use plc_core::env::{RecordKey, Store, StoreError};
use thiserror::Error;

/// Registers and clock.
pub const REGISTERS: RecordKey = RecordKey(0x3000);
/// The row in slot 0 of the load profile; slot n follows n keys later, up to [`MAX_ROWS`].
pub const ROWS_FROM: RecordKey = RecordKey(0x4000);
/// Rows of a profile that there are keys for: 42 days of quarter hours.
pub const MAX_ROWS: usize = 0x1000;

const VERSION: u8 = 1;
const REGISTERS_LEN: usize = 50;
const ROW_LEN: usize = 20;

/// Why a saved record could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// The store failed, or the record is longer than any version of it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The record is too short.
    #[error("record {key:?}: {source}")]
    Truncated {
        /// The record.
        key: RecordKey,
        /// Where it ended.
        source: Truncated,
    },
    /// A newer program saved it, or the medium lies.
    #[error("record {key:?} has version {version}, this program knows version 1")]
    Version {
        /// The record.
        key: RecordKey,
        /// Its version.
        version: u8,
    },
    /// A row's time has no room in its record.
    #[error("a row of {unix_s} s after 1970-01-01: a record holds times up to 2106-02-07 06:28:15 UTC")]
    Time {
        /// Seconds after 1970-01-01.
        unix_s: i64,
    },
    /// A register's remainder is a watt-hour or more.
    #[error(
        "record {key:?}: the remainder of a register is {remainder} milliwatt-ticks, more than a watt-hour"
    )]
    Remainder {
        /// The record.
        key: RecordKey,
        /// What it says.
        remainder: u64,
    },
}

/// The record [`REGISTERS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Registers {
    pub(super) import: EnergyRegister,
    pub(super) export: EnergyRegister,
    pub(super) utc_ticks: u64,
    pub(super) clock_valid: bool,
    pub(super) deviation_min: i16,
    pub(super) power_failures: u32,
    /// Flags of the capture period that is running.
    pub(super) pending: RowStatus,
}

impl Registers {
    pub(super) fn save(&self, store: &mut dyn Store) -> Result<(), StoreError> {
        let mut room = [0; REGISTERS_LEN];
        // The room is made to measure, so that writing cannot fail; a failing medium is the nearest name for it.
        self.emit(&mut room).map_err(|_| StoreError::Medium(REGISTERS))?;
        store.save(REGISTERS, &room)
    }

    pub(super) fn load(store: &mut dyn Store) -> Result<Option<Self>, RecordError> {
        let mut room = [0; REGISTERS_LEN];
        let Some(len) = store.load(REGISTERS, &mut room)? else { return Ok(None) };
        Self::parse(room.get(..len).unwrap_or_default()).map(Some)
    }

    fn emit(&self, room: &mut [u8]) -> Result<(), Full> {
        let mut writer = Writer::new(room);
        writer.u8(VERSION)?;
        for number in [
            self.import.wh(),
            self.import.remainder(),
            self.export.wh(),
            self.export.remainder(),
            self.utc_ticks,
        ] {
            writer.put(&number.to_be_bytes())?;
        }
        writer.u8(u8::from(self.clock_valid))?;
        writer.put(&self.deviation_min.to_be_bytes())?;
        writer.u32_be(self.power_failures)?;
        writer.u8(self.pending.0)?;
        writer.u8(0)
    }

    fn parse(record: &[u8]) -> Result<Self, RecordError> {
        let key = REGISTERS;
        let truncated = |source| RecordError::Truncated { key, source };
        let mut reader = Reader::new(record);
        check_version(key, &mut reader)?;
        let [import_wh, import_rest, export_wh, export_rest, utc_ticks] = {
            let mut numbers = [0; 5];
            for number in &mut numbers {
                *number = u64::from_be_bytes(reader.array().map_err(truncated)?);
            }
            numbers
        };
        let register = |wh, remainder| {
            EnergyRegister::from_parts(wh, remainder).ok_or(RecordError::Remainder { key, remainder })
        };
        Ok(Self {
            import: register(import_wh, import_rest)?,
            export: register(export_wh, export_rest)?,
            utc_ticks,
            clock_valid: reader.u8().map_err(truncated)? != 0,
            deviation_min: i16::from_be_bytes(reader.array().map_err(truncated)?),
            power_failures: reader.u32_be().map_err(truncated)?,
            pending: RowStatus(reader.u8().map_err(truncated)?),
        })
    }
}

/// Saves the row with this sequence number.
pub(super) fn save_row<const ROWS: usize>(
    store: &mut dyn Store,
    sequence: u32,
    row: Row,
) -> Result<(), StoreError> {
    let key = row_key::<ROWS>(sequence);
    let mut room = [0; ROW_LEN];
    emit_row(sequence, row, &mut room).map_err(|_| StoreError::Medium(key))?;
    store.save(key, &room)
}

/// Puts back what was saved of the profile: the longest unbroken run of rows that ends with the newest. The error is
/// the first one met; the rows that can be read are there all the same.
pub(super) fn load_profile<const ROWS: usize>(
    store: &mut dyn Store,
    profile: &mut LoadProfile<ROWS>,
) -> Result<(), RecordError> {
    let mut result = Ok(());
    let mut newest = None;
    for slot in 0..ROWS as u32 {
        match load_row::<ROWS>(store, slot) {
            Ok(Some((sequence, _))) => newest = newest.max(Some(sequence)),
            Ok(None) => {}
            Err(error) => result = result.and(Err(error)),
        }
    }
    let Some(newest) = newest else { return result };
    for sequence in newest.saturating_sub(ROWS as u32 - 1)..=newest {
        // A slot whose row is gone or older than it should be leaves a gap, and the profile starts after it.
        match load_row::<ROWS>(store, sequence) {
            Ok(Some((saved, row))) if saved == sequence => profile.put_back(sequence, row),
            _ => profile.clear(),
        }
    }
    result
}

fn load_row<const ROWS: usize>(
    store: &mut dyn Store,
    sequence: u32,
) -> Result<Option<(u32, Row)>, RecordError> {
    let key = row_key::<ROWS>(sequence);
    let mut room = [0; ROW_LEN];
    let Some(len) = store.load(key, &mut room)? else { return Ok(None) };
    parse_row(key, room.get(..len).unwrap_or_default()).map(Some)
}

fn row_key<const ROWS: usize>(sequence: u32) -> RecordKey {
    const { assert!(ROWS > 0 && ROWS <= MAX_ROWS, "there are record keys for at most MAX_ROWS rows") };
    RecordKey(ROWS_FROM.0 + (sequence as usize % ROWS) as u16)
}

fn emit_row(sequence: u32, row: Row, room: &mut [u8]) -> Result<(), Full> {
    let mut writer = Writer::new(room);
    writer.u8(VERSION)?;
    writer.u8(row.status.0)?;
    writer.put(&row.deviation_min.to_be_bytes())?;
    for number in [sequence, row.unix_s, row.import_wh, row.export_wh] {
        writer.u32_be(number)?;
    }
    Ok(())
}

fn parse_row(key: RecordKey, record: &[u8]) -> Result<(u32, Row), RecordError> {
    let truncated = |source| RecordError::Truncated { key, source };
    let mut reader = Reader::new(record);
    check_version(key, &mut reader)?;
    let status = RowStatus(reader.u8().map_err(truncated)?);
    let deviation_min = i16::from_be_bytes(reader.array().map_err(truncated)?);
    let sequence = reader.u32_be().map_err(truncated)?;
    let unix_s = reader.u32_be().map_err(truncated)?;
    let import_wh = reader.u32_be().map_err(truncated)?;
    let export_wh = reader.u32_be().map_err(truncated)?;
    Ok((sequence, Row { unix_s, import_wh, export_wh, deviation_min, status }))
}

fn check_version(key: RecordKey, reader: &mut Reader<'_>) -> Result<(), RecordError> {
    match reader.u8().map_err(|source| RecordError::Truncated { key, source })? {
        VERSION => Ok(()),
        version => Err(RecordError::Version { key, version }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plc_core::testkit::MemoryStore;
    use proptest::prelude::*;

    prop_compose! {
        fn any_row()(unix_s: u32, import_wh: u32, export_wh: u32, deviation_min: i16, status: u8) -> Row {
            Row { unix_s, import_wh, export_wh, deviation_min, status: RowStatus(status) }
        }
    }

    proptest! {
        #[test]
        fn registers_come_back(
            wh: [u64; 2], rest in proptest::array::uniform2(0..super::super::energy::MILLIWATT_TICKS_PER_WH),
            utc_ticks: u64, clock_valid: bool, deviation_min: i16, power_failures: u32, pending: u8,
        ) {
            let registers = Registers {
                import: EnergyRegister::from_parts(wh[0], rest[0]).unwrap(),
                export: EnergyRegister::from_parts(wh[1], rest[1]).unwrap(),
                utc_ticks, clock_valid, deviation_min, power_failures, pending: RowStatus(pending),
            };
            let mut store = MemoryStore::default();
            registers.save(&mut store).unwrap();
            prop_assert_eq!(Registers::load(&mut store), Ok(Some(registers)));
        }

        #[test]
        fn the_profile_comes_back(rows in proptest::collection::vec(any_row(), 0..20)) {
            let mut store = MemoryStore::default();
            let mut profile = LoadProfile::<6>::default();
            for row in rows {
                save_row::<6>(&mut store, profile.next_sequence(), row).unwrap();
                profile.push(row);
            }
            let mut loaded = LoadProfile::<6>::default();
            load_profile(&mut store, &mut loaded).unwrap();
            prop_assert_eq!(loaded.len(), profile.len());
            for index in 0..profile.len() {
                prop_assert_eq!(loaded.get(index), profile.get(index));
            }
            prop_assert_eq!(loaded.next_sequence(), profile.next_sequence());
        }

        #[test]
        fn octets_of_any_kind_are_refused_or_read(record in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Registers::parse(&record);
            let _ = parse_row(ROWS_FROM, &record);
        }
    }

    #[test]
    fn a_lost_row_starts_the_profile_after_it() {
        let mut store = MemoryStore::default();
        for sequence in 0..5 {
            save_row::<8>(&mut store, sequence, Row { unix_s: sequence, ..Row::default() }).unwrap();
        }
        store.records.remove(&RecordKey(ROWS_FROM.0 + 2));
        let mut profile = LoadProfile::<8>::default();
        load_profile(&mut store, &mut profile).unwrap();
        assert_eq!(profile.get(0).unwrap().unix_s, 3);
        assert_eq!((profile.len(), profile.next_sequence()), (2, 5));
    }

    #[test]
    fn a_newer_record_is_named() {
        let error = Registers::parse(&[9; REGISTERS_LEN]).unwrap_err();
        assert_eq!(error, RecordError::Version { key: REGISTERS, version: 9 });
    }
}

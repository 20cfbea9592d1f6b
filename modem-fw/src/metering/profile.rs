//! Load profile 1: a ring of register snapshots (class 7, OBIS 1.0.99.1.0.255).
//!
//! A row holds the registers at the end of a capture period, not the period's energy: a lost row then costs
//! resolution and no energy, differences of rows add up to the register exactly, and a clock that is set does not
//! falsify a sum. The companion profiles IDIS and DSMR do the same.

use cosem::{ClockStatus, DateTime};

/// Flags of a row (the AMR profile status of IDIS and DSMR, one octet; quoted from memory).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowStatus(pub u8);

impl RowStatus {
    /// A serious fault such as a failing store.
    pub const CRITICAL_ERROR: u8 = 0x01;
    /// The clock may be wrong: it has not been set since a power failure.
    pub const CLOCK_INVALID: u8 = 0x02;
    /// The period's value is not to be used for billing.
    pub const DATA_NOT_VALID: u8 = 0x04;
    /// Daylight saving was active.
    pub const DAYLIGHT_SAVING: u8 = 0x08;
    /// The clock was set by more than the limit in this period.
    pub const CLOCK_ADJUSTED: u8 = 0x20;
    /// The meter was without power in this period.
    pub const POWER_DOWN: u8 = 0x80;

    /// Raises a flag.
    pub fn raise(&mut self, flag: u8) {
        self.0 |= flag;
    }

    /// Whether a flag is up.
    pub const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }
}

/// A row of the profile: the registers at the end of a capture period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// End of the period, seconds after 1970-01-01 UTC.
    pub unix_s: u32,
    /// 1.8.0 then, Wh as displayed.
    pub import_wh: u32,
    /// 2.8.0 then, Wh as displayed.
    pub export_wh: u32,
    /// Minutes to add to local time to get UTC, then.
    pub deviation_min: i16,
    /// What happened in the period.
    pub status: RowStatus,
}

impl Row {
    /// The latest time that a row can hold, seconds after 1970-01-01 UTC: 2106-02-07 06:28:15.
    pub const LATEST_UNIX_S: i64 = u32::MAX as i64;

    /// The end of the period as the meter's clock showed it.
    pub fn date_time(&self) -> DateTime {
        let status = if self.status.has(RowStatus::CLOCK_INVALID) { ClockStatus::INVALID } else { 0 };
        let time = DateTime::from_unix(self.unix_s.into(), self.deviation_min, false);
        DateTime { status: ClockStatus(status), ..time }
    }
}

/// The newest `ROWS` rows. Each has a sequence number that is never used again.
#[derive(Clone, Debug)]
pub struct LoadProfile<const ROWS: usize> {
    rows: [Row; ROWS],
    /// Rows in use.
    used: usize,
    /// Sequence number of the next row; it lives in slot `next % ROWS`.
    next: u32,
}

impl<const ROWS: usize> Default for LoadProfile<ROWS> {
    fn default() -> Self {
        const { assert!(ROWS > 0, "a profile without a row") };
        Self { rows: [Row::default(); ROWS], used: 0, next: 0 }
    }
}

impl<const ROWS: usize> LoadProfile<ROWS> {
    /// Rows there are.
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Whether there is no row.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Rows there can be.
    pub const fn capacity(&self) -> usize {
        ROWS
    }

    /// The row at `index`, the oldest is 0.
    pub fn get(&self, index: usize) -> Option<Row> {
        (index < self.used).then(|| self.rows.get(self.slot(index)).copied()).flatten()
    }

    /// The newest row.
    pub fn newest(&self) -> Option<Row> {
        self.get(self.used.checked_sub(1)?)
    }

    /// Sequence number the next row gets.
    pub const fn next_sequence(&self) -> u32 {
        self.next
    }

    /// Appends a row, over the oldest when the ring is full; returns its sequence number.
    pub fn push(&mut self, row: Row) -> u32 {
        let sequence = self.next;
        self.put(sequence, row);
        sequence
    }

    /// Puts back a saved row. Rows come in the order of their sequence numbers; a gap forgets what was before it.
    pub fn put_back(&mut self, sequence: u32, row: Row) {
        if sequence != self.next {
            self.used = 0;
        }
        self.put(sequence, row);
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.used = 0;
    }

    fn put(&mut self, sequence: u32, row: Row) {
        if let Some(place) = self.rows.get_mut(sequence as usize % ROWS) {
            *place = row;
            self.used = (self.used + 1).min(ROWS);
            self.next = sequence.wrapping_add(1);
        }
    }

    fn slot(&self, index: usize) -> usize {
        let behind = (self.used - index) as u32;
        self.next.wrapping_sub(behind) as usize % ROWS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn row(unix_s: u32) -> Row {
        Row { unix_s, import_wh: unix_s, ..Row::default() }
    }

    fn times<const ROWS: usize>(profile: &LoadProfile<ROWS>) -> Vec<u32> {
        (0..profile.len()).filter_map(|index| profile.get(index)).map(|row| row.unix_s).collect()
    }

    proptest! {
        #[test]
        fn the_ring_keeps_the_newest_rows_in_order(times_in in proptest::collection::vec(any::<u32>(), 0..30)) {
            let mut profile = LoadProfile::<7>::default();
            for &time in &times_in {
                profile.push(row(time));
            }
            let newest: Vec<_> = times_in.iter().copied().skip(times_in.len().saturating_sub(7)).collect();
            prop_assert_eq!(times(&profile), newest);
            prop_assert_eq!(profile.get(profile.len()), None);
        }
    }

    #[test]
    fn rows_put_back_are_the_ring_again() {
        let mut profile = LoadProfile::<3>::default();
        for (sequence, time) in [(4, 40), (5, 50), (6, 60), (7, 70)] {
            profile.put_back(sequence, row(time));
        }
        assert_eq!(times(&profile), [50, 60, 70]);
        assert_eq!(profile.next_sequence(), 8);
        profile.put_back(10, row(100));
        assert_eq!(times(&profile), [100], "what was before a gap is forgotten");
    }
}

//! Selective access to the buffer of a profile (class 7): by range of the clock and by entry.

use crate::axdr::Data;
use crate::classes;
use crate::datetime::DateTime;
use crate::model::{CaptureObject, MAX_COLUMNS, Profile};
use crate::xdlms::{DataAccessError, SelectiveAccess};
use core::ops::Range;

/// Selector of range_descriptor.
pub const BY_RANGE: u8 = 1;
/// Selector of entry_descriptor.
pub const BY_ENTRY: u8 = 2;

/// Rows and columns of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selected {
    /// Numbers of the rows.
    pub(super) rows: Range<u64>,
    /// Columns, the first is bit 0.
    pub(super) columns: u32,
}

/// Chooses the part of a buffer that a client asks for; all of it without an access.
pub(super) fn select(
    profile: &dyn Profile,
    access: Option<&SelectiveAccess<'_>>,
) -> Result<Selected, DataAccessError> {
    let columns = profile.columns().len();
    if columns == 0 || columns > MAX_COLUMNS {
        return Err(DataAccessError::OtherReason);
    }
    let all = Selected { rows: profile.rows(), columns: u32::MAX >> (MAX_COLUMNS - columns) };
    match access {
        None => Ok(all),
        Some(SelectiveAccess { selector: BY_RANGE, parameters }) => {
            by_range(profile, parameters, all.columns)
        }
        Some(SelectiveAccess { selector: BY_ENTRY, parameters }) => by_entry(all, parameters),
        Some(_) => Err(DataAccessError::ScopeOfAccessViolated),
    }
}

fn by_range(
    profile: &dyn Profile,
    parameters: &Data<'_>,
    all_columns: u32,
) -> Result<Selected, DataAccessError> {
    let [restricting, from, to, selected] = parameters.fields().ok_or(DataAccessError::TypeUnmatched)?;
    let restricting = CaptureObject::decode(&restricting).ok_or(DataAccessError::TypeUnmatched)?;
    // Rows are ordered by the clock alone; nothing else can restrict them.
    if restricting.class_id != classes::CLOCK || restricting.attribute != 2 {
        return Err(DataAccessError::ScopeOfAccessViolated);
    }
    let deviation = profile.deviation_min();
    let bound = |data: &Data<'_>| data.as_date_time().ok_or(DataAccessError::TypeUnmatched);
    let from = bound(&from)?;
    let to = bound(&to)?;
    let first = match open_end(&from) {
        true => i64::MIN,
        false => from.earliest_unix(deviation).ok_or(DataAccessError::TypeUnmatched)?,
    };
    let last = match open_end(&to) {
        true => i64::MAX,
        false => to.latest_unix(deviation).ok_or(DataAccessError::TypeUnmatched)?,
    };
    let rows = captured_from_to(profile, first, last);
    let columns = selected.elements().ok_or(DataAccessError::TypeUnmatched)?;
    let mut chosen = 0;
    for column in columns {
        let column = CaptureObject::decode(&column).ok_or(DataAccessError::TypeUnmatched)?;
        let place = profile.columns().iter().position(|known| *known == column);
        chosen |= 1 << place.ok_or(DataAccessError::ScopeOfAccessViolated)?;
    }
    let columns = if chosen == 0 { all_columns } else { chosen };
    Ok(Selected { rows, columns })
}

/// A time without year bounds nothing.
fn open_end(time: &DateTime) -> bool {
    time.year == 0xFFFF
}

/// The rows from the first to the last that was captured from `first` to `last`. Where a clock that was set back ran
/// over a stretch of time twice, those between go along whatever their time says: none is withheld.
fn captured_from_to(profile: &dyn Profile, first: i64, last: i64) -> Range<u64> {
    let all = profile.rows();
    let asked = |row: &u64| profile.captured_unix(*row).is_some_and(|at| (first..=last).contains(&at));
    match all.clone().find(asked) {
        Some(start) => start..all.rev().find(asked).unwrap_or(start) + 1,
        None => all.end..all.end,
    }
}

/// Entries and columns count from 1, oldest first; 0 as the last one is the end.
fn by_entry(all: Selected, parameters: &Data<'_>) -> Result<Selected, DataAccessError> {
    let fields: [Data<'_>; 4] = parameters.fields().ok_or(DataAccessError::TypeUnmatched)?;
    let mut numbers = [0_u64; 4];
    for (number, field) in numbers.iter_mut().zip(fields) {
        let value = field.as_i64().ok_or(DataAccessError::TypeUnmatched)?;
        *number = u64::try_from(value).map_err(|_| DataAccessError::TypeUnmatched)?;
    }
    let [from, to, from_column, to_column] = numbers;
    let rows = one_based(from, to, all.rows.end.saturating_sub(all.rows.start))?;
    let columns = one_based(from_column, to_column, u64::from(all.columns.count_ones()))?;
    let columns = (columns.start..columns.end).fold(0, |bits, column| bits | 1_u32 << column);
    if columns == 0 {
        return Err(DataAccessError::ScopeOfAccessViolated);
    }
    Ok(Selected { rows: all.rows.start + rows.start..all.rows.start + rows.end, columns })
}

fn one_based(from: u64, to: u64, count: u64) -> Result<Range<u64>, DataAccessError> {
    let first = from.checked_sub(1).ok_or(DataAccessError::ScopeOfAccessViolated)?;
    let end = if to == 0 { count } else { to.min(count) };
    let first = first.min(end);
    Ok(first..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axdr::Encoder;
    use crate::obis::Obis;
    use proptest::prelude::*;

    const CLOCK: CaptureObject = CaptureObject::new(8, Obis::new(0, 0, 1, 0, 0, 255), 2);
    const ENERGY: CaptureObject = CaptureObject::new(3, Obis::new(1, 0, 1, 8, 0, 255), 2);
    const COLUMNS: [CaptureObject; 2] = [CLOCK, ENERGY];
    /// 2026-01-15 00:00 local time at UTC+1.
    const MIDNIGHT: i64 = 1_768_431_600;

    /// Rows 10 to 105, every 15 minutes from midnight on.
    struct Day;

    impl Profile for Day {
        fn columns(&self) -> &[CaptureObject] {
            &COLUMNS
        }

        fn rows(&self) -> Range<u64> {
            10..106
        }

        fn captured_unix(&self, row: u64) -> Option<i64> {
            Some(MIDNIGHT + (row as i64 - 10) * 900)
        }

        fn deviation_min(&self) -> i16 {
            -60
        }

        fn cell(&self, _row: u64, _column: usize, out: &mut Encoder<'_>) -> Result<(), DataAccessError> {
            Ok(out.null()?)
        }
    }

    fn range(
        restricting: CaptureObject,
        from: DateTime,
        to: DateTime,
        columns: &[CaptureObject],
        typed: bool,
    ) -> Result<Selected, DataAccessError> {
        let mut room = [0; 200];
        let mut out = Encoder::new(&mut room);
        out.structure(4).unwrap();
        restricting.encode(&mut out).unwrap();
        for time in [from, to] {
            match typed {
                true => out.data(&Data::DateTime(time)).unwrap(),
                false => out.date_time(time).unwrap(),
            }
        }
        out.array(columns.len()).unwrap();
        columns.iter().for_each(|column| column.encode(&mut out).unwrap());
        let parameters = Data::parse(out.written()).unwrap();
        select(&Day, Some(&SelectiveAccess { selector: BY_RANGE, parameters }))
    }

    fn entries(numbers: [u32; 4]) -> Result<Selected, DataAccessError> {
        let mut room = [0; 40];
        let mut out = Encoder::new(&mut room);
        out.structure(4).unwrap();
        numbers.iter().for_each(|&number| out.u32(number).unwrap());
        let parameters = Data::parse(out.written()).unwrap();
        select(&Day, Some(&SelectiveAccess { selector: BY_ENTRY, parameters }))
    }

    #[test]
    fn a_range_includes_both_ends() {
        let at = |minutes: i64| DateTime::from_unix(MIDNIGHT + minutes * 60, -60, false);
        let selected = range(CLOCK, at(60), at(120), &[], false).unwrap();
        assert_eq!(selected, Selected { rows: 14..19, columns: 0b11 });
        assert_eq!(range(CLOCK, at(60), at(120), &[], true), Ok(selected));
        assert_eq!(
            range(CLOCK, at(61), at(119), &[ENERGY], false),
            Ok(Selected { rows: 15..18, columns: 0b10 })
        );
        assert!(range(CLOCK, at(120), at(60), &[], false).unwrap().rows.is_empty());
    }

    #[test]
    fn times_without_deviation_or_seconds_are_local() {
        let at =
            |hour, minute| DateTime { year: 2026, month: 1, day: 15, hour, minute, ..DateTime::UNSPECIFIED };
        assert_eq!(range(CLOCK, at(1, 0), at(2, 0), &[], false).unwrap().rows, 14..19);
        let day = DateTime { year: 2026, month: 1, day: 15, ..DateTime::UNSPECIFIED };
        assert_eq!(range(CLOCK, day, day, &[], false).unwrap().rows, 10..106);
        assert_eq!(range(CLOCK, DateTime::UNSPECIFIED, at(0, 30), &[], false).unwrap().rows, 10..13);
    }

    /// Rows of quarter hours whose clock was set back by two after the third.
    struct SetBack;

    impl Profile for SetBack {
        fn columns(&self) -> &[CaptureObject] {
            &COLUMNS
        }

        fn rows(&self) -> Range<u64> {
            0..6
        }

        fn captured_unix(&self, row: u64) -> Option<i64> {
            [900, 1_800, 2_700, 1_800, 2_700, 3_600].get(usize::try_from(row).ok()?).copied()
        }

        fn deviation_min(&self) -> i16 {
            0
        }

        fn cell(&self, _row: u64, _column: usize, out: &mut Encoder<'_>) -> Result<(), DataAccessError> {
            Ok(out.null()?)
        }
    }

    #[test]
    fn a_clock_set_back_withholds_no_row() {
        assert_eq!(captured_from_to(&SetBack, 1_800, 1_800), 1..4);
        assert_eq!(captured_from_to(&SetBack, 2_000, 3_000), 2..5);
        assert_eq!(captured_from_to(&SetBack, i64::MIN, 900), 0..1);
        assert!(captured_from_to(&SetBack, 3_000, 3_500).is_empty());
    }

    #[test]
    fn what_cannot_restrict_is_refused() {
        let any = DateTime::UNSPECIFIED;
        assert_eq!(range(ENERGY, any, any, &[], false), Err(DataAccessError::ScopeOfAccessViolated));
        let unknown = CaptureObject { index: 1, ..ENERGY };
        assert_eq!(range(CLOCK, any, any, &[unknown], false), Err(DataAccessError::ScopeOfAccessViolated));
        let no_date = DateTime { year: 2026, month: 2, day: 30, ..any };
        assert_eq!(range(CLOCK, no_date, any, &[], false), Err(DataAccessError::TypeUnmatched));
    }

    #[test]
    fn entries_count_from_one() {
        assert_eq!(entries([1, 0, 1, 0]), Ok(Selected { rows: 10..106, columns: 0b11 }));
        assert_eq!(entries([2, 3, 2, 2]), Ok(Selected { rows: 11..13, columns: 0b10 }));
        assert_eq!(entries([96, 500, 1, 1]), Ok(Selected { rows: 105..106, columns: 0b01 }));
        assert_eq!(entries([97, 500, 1, 0]).unwrap().rows, 106..106);
        assert_eq!(entries([0, 3, 1, 0]), Err(DataAccessError::ScopeOfAccessViolated));
        assert_eq!(entries([1, 3, 3, 3]), Err(DataAccessError::ScopeOfAccessViolated));
    }

    proptest! {
        #[test]
        fn any_parameters_are_a_selection_or_an_error(octets in proptest::collection::vec(any::<u8>(), 0..60), selector in 0_u8..4) {
            let parameters = Data::parse(&octets).ok();
            let access = parameters.map(|parameters| SelectiveAccess { selector, parameters });
            if let Some(Ok(selected)) = access.map(|access| select(&Day, Some(&access))) {
                prop_assert!(selected.rows.start >= 10 && selected.rows.end <= 106);
            }
        }
    }
}

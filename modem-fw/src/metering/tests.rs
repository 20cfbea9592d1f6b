use super::*;
use plc_core::testkit::MemoryStore;
use plc_core::time::{TICKS_PER_SECOND, millis};
use proptest::prelude::*;
use std::vec::Vec;

/// 2026-01-15 00:00 in Central Europe.
const MIDNIGHT: i64 = 1_768_431_600;
const QUARTER_S: i64 = 900;

type TestMetering = Metering<960>;

fn config() -> MeteringConfig {
    MeteringConfig { time: Utc::from_unix_s(MIDNIGHT), deviation_min: -60, ..MeteringConfig::default() }
}

fn power(active_power_mw: i32) -> Measurement {
    Measurement { active_power_mw, voltage_mv: 230_000, current_ma: 4_000, frequency_mhz: 50_000 }
}

fn rows<const ROWS: usize>(metering: &Metering<ROWS>) -> Vec<Row> {
    (0..metering.profile().len()).filter_map(|index| metering.profile().get(index)).collect()
}

fn wh(power_mw_seconds: i128) -> u32 {
    (power_mw_seconds / 3_600_000) as u32
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The household job: one-minute powers of a day; every row must be the exact integral up to its end.
    #[test]
    fn registers_and_profile_of_a_day_are_the_exact_integrals(
        powers in proptest::collection::vec(-15_000_000_i32..15_000_000, 1440),
    ) {
        let mut store = MemoryStore::default();
        let mut metering = TestMetering::new(&config(), &mut store);
        for &minute in &powers {
            metering.measure(&mut store, power(minute), seconds(60));
        }
        let exact = |minutes: usize, sign: i128| {
            wh(powers[..minutes].iter().map(|&mw| (i128::from(mw) * sign).max(0) * 60).sum())
        };
        prop_assert_eq!(metering.import().displayed_wh(), exact(1440, 1));
        prop_assert_eq!(metering.export().displayed_wh(), exact(1440, -1));
        let rows = rows(&metering);
        prop_assert_eq!(rows.len(), 97, "midnight itself and 96 quarters");
        for (quarter, row) in rows.iter().enumerate() {
            prop_assert_eq!(i64::from(row.unix_s), MIDNIGHT + quarter as i64 * QUARTER_S);
            prop_assert_eq!((row.import_wh, row.export_wh), (exact(quarter * 15, 1), exact(quarter * 15, -1)));
            prop_assert_eq!((row.status, row.deviation_min), (RowStatus(0), -60));
        }
    }

    /// However the caller cuts time, the meter shows the same.
    #[test]
    fn spans_of_any_length_give_the_same_rows(cuts in proptest::collection::vec(1_u64..40_000_000_000, 1..40)) {
        let mut store = MemoryStore::default();
        let mut cut = TestMetering::new(&config(), &mut store);
        for &ticks in &cuts {
            cut.measure(&mut store, power(3_210_987), Duration::from_ticks(ticks));
        }
        let mut whole = TestMetering::new(&config(), &mut MemoryStore::default());
        whole.measure(&mut MemoryStore::default(), power(3_210_987), Duration::from_ticks(cuts.iter().sum()));
        prop_assert_eq!(rows(&cut), rows(&whole));
        prop_assert_eq!(cut.import(), whole.import());
        prop_assert_eq!(cut.clock(), whole.clock());
    }
}

#[test]
fn the_sign_of_the_power_chooses_the_register() {
    let mut store = MemoryStore::default();
    let mut metering = TestMetering::new(&config(), &mut store);
    metering.measure(&mut store, power(1_000_000), seconds(3_600));
    metering.measure(&mut store, power(-2_000_000), seconds(3_600));
    assert_eq!((metering.import().wh(), metering.export().wh()), (1_000, 2_000));
    assert_eq!(metering.latest().active_power_mw, -2_000_000);
}

#[test]
fn an_announced_power_failure_loses_nothing() {
    let mut store = MemoryStore::default();
    let mut before = TestMetering::new(&config(), &mut store);
    before.measure(&mut store, power(1_234_567), seconds(5_000) + millis(123));
    before.power_failing(&mut store);
    let time = before.clock().now().plus(seconds(100));
    let after = TestMetering::new(&MeteringConfig { time: Some(time), ..config() }, &mut store);
    assert_eq!((after.import(), after.export()), (before.import(), before.export()));
    assert_eq!(rows(&after), rows(&before));
    assert_eq!((after.clock().now(), after.clock().is_valid()), (time, true));
    assert_eq!(after.power_failures(), 1);
    assert!(after.pending_status().has(RowStatus::POWER_DOWN));
}

#[test]
fn a_sudden_power_failure_costs_at_most_the_persist_period() {
    let mut store = MemoryStore::default();
    let mut before = TestMetering::new(&config(), &mut store);
    for second in 1..=4_000 {
        before.measure(&mut store, power(3_600_000), seconds(1));
        let after = TestMetering::new(&MeteringConfig { time: None, ..config() }, &mut store.clone());
        let lost = before.import().wh() - after.import().wh();
        assert!(lost < 60, "{lost} Wh lost after {second} s at 1 Wh a second");
        assert!(!after.clock().is_valid(), "the outage was of unknown length");
    }
}

#[test]
fn energy_never_goes_back_when_the_power_fails_between_row_and_registers() {
    let mut store = MemoryStore::default();
    let mut before = TestMetering::new(&config(), &mut store);
    before.measure(&mut store, power(1_000_000), seconds(890));
    let registers_before_capture = store.records[&persist::REGISTERS].clone();
    before.measure(&mut store, power(1_000_000), seconds(10));
    store.records.insert(persist::REGISTERS, registers_before_capture);
    let after = TestMetering::new(&config(), &mut store);
    assert_eq!(after.import().wh(), 250);
    assert_eq!(rows(&after).last().unwrap().import_wh, 250);
}

#[test]
fn the_row_after_a_power_failure_says_so_and_only_that_row() {
    let mut store = MemoryStore::default();
    TestMetering::new(&config(), &mut store).measure(&mut store, power(1_000), seconds(1_000));
    let restart = Utc::from_unix_s(MIDNIGHT + 4_000);
    let mut metering = TestMetering::new(&MeteringConfig { time: restart, ..config() }, &mut store);
    metering.measure(&mut store, power(1_000), seconds(2_000));
    let seen: Vec<_> =
        rows(&metering).iter().map(|row| (i64::from(row.unix_s) - MIDNIGHT, row.status.0)).collect();
    assert_eq!(seen, [(0, 0), (900, 0), (4_500, RowStatus::POWER_DOWN), (5_400, 0)]);
}

#[test]
fn setting_the_clock_forward_closes_the_running_period() {
    let mut store = MemoryStore::default();
    let mut metering = TestMetering::new(&config(), &mut store);
    metering.measure(&mut store, power(3_600_000), seconds(898));
    metering.set_time(&mut store, Utc::from_unix_s(MIDNIGHT + 901).unwrap());
    metering.measure(&mut store, power(3_600_000), seconds(899));
    let seen: Vec<_> = rows(&metering).iter().map(|row| (row.unix_s, row.import_wh, row.status.0)).collect();
    let at = |s: i64| (MIDNIGHT + s) as u32;
    assert_eq!(
        seen,
        [(at(0), 0, 0), (at(900), 898, 0), (at(1_800), 898 + 899, 0)],
        "a small shift is no mark"
    );

    metering.set_time(&mut store, Utc::from_unix_s(MIDNIGHT + 10_000).unwrap());
    let last = *rows(&metering).last().unwrap();
    assert_eq!((last.unix_s, last.import_wh), (at(9_900), 898 + 899));
    assert!(last.status.has(RowStatus::CLOCK_ADJUSTED));
}

#[test]
fn a_clock_set_back_a_little_captures_no_period_twice() {
    let mut store = MemoryStore::default();
    let mut metering = TestMetering::new(&config(), &mut store);
    metering.measure(&mut store, power(3_600_000), seconds(902));
    metering.set_time(&mut store, Utc::from_unix_s(MIDNIGHT + 897).unwrap());
    metering.measure(&mut store, power(3_600_000), seconds(903));
    let seen: Vec<_> =
        rows(&metering).iter().map(|row| (i64::from(row.unix_s) - MIDNIGHT, row.import_wh)).collect();
    assert_eq!(seen, [(0, 0), (900, 900), (1_800, 902 + 903)]);
}

#[test]
fn a_clock_set_far_back_marks_the_row_after_it_and_keeps_the_old_ones() {
    let mut store = MemoryStore::default();
    let mut metering = TestMetering::new(&config(), &mut store);
    metering.measure(&mut store, power(3_600_000), seconds(1_900));
    metering.set_time(&mut store, Utc::from_unix_s(MIDNIGHT + 800).unwrap());
    metering.measure(&mut store, power(3_600_000), seconds(1_100));
    let seen: Vec<_> = rows(&metering)
        .iter()
        .map(|row| (i64::from(row.unix_s) - MIDNIGHT, row.import_wh, row.status.0))
        .collect();
    let adjusted = RowStatus::CLOCK_ADJUSTED;
    assert_eq!(
        seen,
        [(0, 0, 0), (900, 900, 0), (1_800, 1_800, 0), (900, 2_000, adjusted), (1_800, 2_900, 0)],
        "snapshots still add up: no joule is in two rows"
    );
}

#[test]
fn a_failing_store_is_shown_and_metering_goes_on() {
    let mut store = MemoryStore { failing: true, ..MemoryStore::default() };
    let mut metering = TestMetering::new(&config(), &mut store);
    metering.measure(&mut store, power(3_600_000), seconds(900));
    assert!(metering.store_failed());
    assert_eq!(metering.import().wh(), 900);
    assert!(rows(&metering).last().unwrap().status.has(RowStatus::CRITICAL_ERROR));
}

#[test]
fn without_any_time_the_clock_is_invalid_and_energy_is_counted() {
    let mut store = MemoryStore::default();
    let mut metering = TestMetering::new(&MeteringConfig { time: None, ..config() }, &mut store);
    metering.measure(&mut store, power(3_600_000), seconds(10));
    assert_eq!(metering.import().wh(), 10);
    assert!(!metering.clock().is_valid());
    assert_eq!(metering.clock().now().as_ticks(), 10 * TICKS_PER_SECOND);
    metering.set_time(&mut store, Utc::from_unix_s(MIDNIGHT).unwrap());
    assert!(metering.clock().is_valid());
}

#[test]
fn the_oldest_rows_make_room() {
    let mut store = MemoryStore::default();
    let mut metering = Metering::<10>::new(&config(), &mut store);
    metering.measure(&mut store, power(1_000_000), seconds(900 * 50));
    let rows = rows(&metering);
    assert_eq!(rows.len(), 10);
    assert_eq!(i64::from(rows[0].unix_s), MIDNIGHT + 41 * QUARTER_S);
    let again =
        Metering::<10>::new(&MeteringConfig { time: Some(metering.clock().now()), ..config() }, &mut store);
    assert_eq!(self::rows(&again), rows, "and they come back from the store");
}

#[test]
fn a_time_that_no_row_can_hold_is_a_fault_and_not_another_time() {
    let mut store = MemoryStore::default();
    let latest = Utc::from_unix_s(Row::LATEST_UNIX_S);
    let mut metering = TestMetering::new(&MeteringConfig { time: latest, ..config() }, &mut store);
    metering.measure(&mut store, power(4_000_000), seconds(3_600));
    assert!(metering.profile().is_empty() && metering.store_failed());
    assert_eq!(metering.import().displayed_wh(), 4_000, "the registers go on");
    metering.set_time(&mut store, Utc::from_unix_s(MIDNIGHT).unwrap());
    metering.measure(&mut store, power(0), seconds(900));
    let [row] = rows(&metering)[..] else { panic!("{:?}", rows(&metering)) };
    assert_eq!(i64::from(row.unix_s), MIDNIGHT + 900);
    assert_eq!(row.status.0, RowStatus::CRITICAL_ERROR | RowStatus::CLOCK_ADJUSTED);
}

use super::*;
use crate::network::Network;
use crate::reading::{MeterTime, Quality, Reading};
use crate::testkit;
use plc_core::env::{RecordKey, Store as _};

const ENERGY: &str = "1.0.1.8.0.255";
const PROFILE: &str = "1.0.99.1.0.255";

fn reading(object: &str, profile: Option<&str>, utc_ms: i64, raw: i64) -> Reading {
    Reading {
        object: object.into(),
        profile: profile.map(Into::into),
        raw,
        scaler: 0,
        unit: 30,
        time: MeterTime { utc_ms, offset_minutes: 60, clock_status: 0, raw: vec![7; 12] },
        quality: Quality::Valid,
    }
}

fn outcome(readings: Vec<Reading>) -> MeterOutcome {
    MeterOutcome {
        result: MeterResult::Read,
        detail: None,
        attempts: 1,
        readings,
        gaps: Vec::new(),
        ended_utc_ms: 5000,
        duration_ms: 700,
        snr_db: Some(21.5),
        hops: Some(1),
    }
}

struct Fixture {
    folder: tempfile::TempDir,
    store: Store,
    network: Network,
    id: NetworkId,
    meters: Vec<MeterId>,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let network = testkit::network(3);
    let (id, meters) = store.open_network(&network).unwrap();
    Fixture { folder, store, network, id, meters }
}

#[test]
fn a_reading_is_kept_once_however_often_it_is_read() {
    let Fixture { mut store, id, meters, .. } = fixture();
    let cycle = store.begin_cycle(id, 1000).unwrap();
    let readings = vec![reading(ENERGY, None, 4000, 77), reading(ENERGY, Some(PROFILE), 3000, 70)];
    let first = store.keep(cycle, meters[0], &outcome(readings.clone())).unwrap().stored;
    assert_eq!((first.new, first.known, first.contradicted), (2, 0, 0));
    let again = store.begin_cycle(id, 6000).unwrap();
    let second = store.keep(again, meters[0], &outcome(readings.clone())).unwrap().stored;
    assert_eq!((second.new, second.known, second.contradicted), (0, 2, 0));
    let kept = store.readings(meters[0], None, Range::ALL, None, 10).unwrap();
    assert_eq!(kept.items.len(), 1, "the profile's row is not a reading by itself");
    assert_eq!(kept.items[0].reading, readings[0]);
    assert_eq!(kept.items[0].cycle, cycle.number(), "the first to bring it");
    assert_eq!(store.newest_profile_row(meters[0], PROFILE, i64::MAX).unwrap(), Some(3000));
    assert!(store.newest_profile_row(meters[0], PROFILE, 2999).unwrap() < Some(3000));
    assert_eq!(store.newest_profile_row(meters[1], PROFILE, i64::MAX).unwrap(), None);
}

#[test]
fn a_meter_that_rewrites_its_past_is_noticed_and_not_believed() {
    let Fixture { mut store, id, meters, .. } = fixture();
    let cycle = store.begin_cycle(id, 1000).unwrap();
    store.keep(cycle, meters[0], &outcome(vec![reading(ENERGY, None, 4000, 77)])).unwrap();
    let stored =
        store.keep(cycle, meters[0], &outcome(vec![reading(ENERGY, None, 4000, 78)])).unwrap().stored;
    assert_eq!((stored.new, stored.known, stored.contradicted), (0, 0, 1));
    let detail = store.turn(cycle, meters[0]).unwrap().unwrap().detail.unwrap();
    assert!(detail.starts_with("1 reading differs"), "{detail}");
    let partial = MeterOutcome {
        detail: Some("no profile".into()),
        ..outcome(vec![reading(ENERGY, None, 4000, 79), reading(ENERGY, None, 4000, 80)])
    };
    store.keep(cycle, meters[0], &partial).unwrap();
    let detail = store.turn(cycle, meters[0]).unwrap().unwrap().detail.unwrap();
    assert!(detail.starts_with("no profile; 2 readings differ"), "{detail}");
    assert_eq!(store.latest_of(meters[0], ENERGY).unwrap().unwrap().reading.raw, 77);
}

#[test]
fn what_was_kept_is_there_after_the_file_is_opened_again() {
    let Fixture { folder, mut store, network, id, meters } = fixture();
    let cycle = store.begin_cycle(id, 1000).unwrap();
    store.keep(cycle, meters[2], &outcome(vec![reading(ENERGY, None, 4000, 77)])).unwrap();
    Records::own(&mut store).save(RecordKey(9), &[1, 2, 3]).unwrap();
    // A killed process closes nothing.
    std::mem::forget(store);
    let mut store = Store::open(folder.path()).unwrap();
    let (id_again, meters_again) = store.open_network(&network).unwrap();
    assert_eq!((id_again, &meters_again), (id, &meters));
    assert_eq!(store.latest(meters[2]).unwrap().len(), 1);
    let (cycle, turns) = store.cycle(id, cycle.number()).unwrap().unwrap();
    assert_eq!(cycle.state, "interrupted");
    assert_eq!((turns.len(), turns[0].snr_db), (1, Some(21.5)));
    let mut room = [0; 8];
    assert_eq!(Records::own(&mut store).load(RecordKey(9), &mut room), Ok(Some(3)));
    assert_eq!(room[..3], [1, 2, 3]);
}

#[test]
fn a_record_that_does_not_fit_is_named() {
    let Fixture { mut store, meters, .. } = fixture();
    Records::of_meter(&mut store, meters[0]).save(RecordKey(2), &[5]).unwrap();
    let mut records = Records::own(&mut store);
    records.save(RecordKey(1), &[0; 5]).unwrap();
    records.save(RecordKey(1), &[1; 4]).unwrap();
    assert_eq!(
        records.load(RecordKey(1), &mut [0; 3]),
        Err(plc_core::env::StoreError::TooLarge { key: RecordKey(1), stored: 4, room: 3 })
    );
    assert_eq!(records.load(RecordKey(2), &mut [0; 3]), Ok(None), "that one belongs to a meter");
}

#[test]
fn the_newest_of_each_object_is_found() {
    let Fixture { mut store, id, meters, .. } = fixture();
    // A simulated line starts at the same hour again: what came last counts, not what bears the latest time.
    let earlier = store.begin_cycle(id, 1000).unwrap();
    store.keep(earlier, meters[1], &outcome(vec![reading("1.0.1.8.0.255", None, 9_000_000, 99)])).unwrap();
    let cycle = store.begin_cycle(id, 1000).unwrap();
    let readings = [("1.0.1.8.0.255", 1), ("1.0.2.8.0.255", 2), ("1.0.32.7.0.255", 3)]
        .into_iter()
        .flat_map(|(object, raw)| (0..4).map(move |t| reading(object, None, t * 1000, raw * 10 + t)))
        .collect();
    store.keep(cycle, meters[1], &outcome(readings)).unwrap();
    let latest = store.latest(meters[1]).unwrap();
    let values: Vec<_> = latest.iter().map(|row| row.reading.raw).collect();
    assert_eq!(values, [13, 23, 33]);
    assert!(store.latest(meters[0]).unwrap().is_empty());
}

#[test]
fn pages_cover_everything_once() {
    let Fixture { mut store, id, meters, .. } = fixture();
    let cycle = store.begin_cycle(id, 1000).unwrap();
    let readings: Vec<_> = (0..7)
        .flat_map(|t| {
            [None, Some(PROFILE)].into_iter().flat_map(move |profile| {
                ["1.0.1.8.0.255", "1.0.2.8.0.255"].map(|object| reading(object, profile, t * 900_000, t))
            })
        })
        .collect();
    store.keep(cycle, meters[0], &outcome(readings)).unwrap();

    let mut seen = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let cursor =
            after.as_deref().and_then(|key| key.split_once('/')).map(|(t, o)| (t.parse().unwrap(), o));
        let page = store.readings(meters[0], None, Range::ALL, cursor, 3).unwrap();
        seen.extend(page.items.iter().map(|row| (row.reading.time.utc_ms, row.reading.object.clone())));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 14);
    assert!(seen.is_sorted());

    let first = store.profile(meters[0], PROFILE, Range::ALL, None, 5).unwrap();
    assert_eq!(first.items.len(), 5);
    assert_eq!(first.items[4].values.len(), 2);
    let after = first.next.unwrap().parse().ok();
    let rest = store.profile(meters[0], PROFILE, Range::ALL, after, 5).unwrap();
    assert_eq!((rest.items.len(), rest.next), (2, None));
    let range = Range { from_utc_ms: 900_000, to_utc_ms: 2_700_000 };
    let part = store.profile(meters[0], PROFILE, range, None, 10).unwrap();
    let times: Vec<_> = part.items.iter().map(|row| row.time.utc_ms).collect();
    assert_eq!(times, [900_000, 1_800_000], "from is inclusive, to is exclusive");
}

#[test]
fn cycles_count_their_meters_newest_first() {
    let Fixture { mut store, id, meters, .. } = fixture();
    for start in [1000, 2000, 3000] {
        let cycle = store.begin_cycle(id, start).unwrap();
        store.keep(cycle, meters[0], &outcome(Vec::new())).unwrap();
        let silent = MeterOutcome {
            result: MeterResult::NoAnswer,
            detail: Some("no answer in 3 attempts".into()),
            ..outcome(Vec::new())
        };
        store.keep(cycle, meters[1], &silent).unwrap();
        let far = MeterOutcome { result: MeterResult::OutOfReach, ..outcome(Vec::new()) };
        store.keep(cycle, meters[2], &far).unwrap();
        store.end_cycle(cycle, start + 500).unwrap();
    }
    let page = store.cycles(id, None, 2).unwrap();
    assert_eq!(page.items.iter().map(|c| c.started_utc_ms).collect::<Vec<_>>(), [3000, 2000]);
    assert_eq!((page.items[0].asked, page.items[0].read), (2, 1));
    let rest = store.cycles(id, page.next.unwrap().parse().ok(), 2).unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    let row = store.meter(id, "BSB00000002").unwrap().unwrap();
    assert_eq!(row.last.unwrap().result, MeterResult::NoAnswer);
    assert_eq!(row.last_read_utc_ms, None);
    assert_eq!(store.meter(id, "nobody").unwrap(), None);
}

#[test]
fn facts_about_objects_are_kept() {
    let Fixture { mut store, meters, .. } = fixture();
    assert_eq!(store.object_facts(meters[0]).unwrap(), None);
    let facts = ObjectFacts {
        scaler_units: [(ENERGY.to_owned(), (0, 30))].into(),
        profile_columns: vec![(8, "0.0.1.0.0.255".into(), 2), (3, ENERGY.into(), 2)],
        capture_period_s: 900,
    };
    store.keep_object_facts(meters[0], &facts).unwrap();
    store.keep_object_facts(meters[0], &facts).unwrap();
    assert_eq!(store.object_facts(meters[0]).unwrap(), Some(facts));
}

#[test]
fn a_reader_sees_what_was_committed_and_cannot_write() {
    let Fixture { folder, mut store, id, meters, .. } = fixture();
    let mut reader = Store::open_reader(folder.path()).unwrap();
    let cycle = store.begin_cycle(id, 1000).unwrap();
    store.keep(cycle, meters[0], &outcome(vec![reading(ENERGY, None, 4000, 77)])).unwrap();
    assert_eq!(reader.latest(meters[0]).unwrap().len(), 1);
    assert!(reader.begin_cycle(id, 2000).is_err());
}

#[test]
fn a_file_that_is_no_database_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE_NAME), "x".repeat(4096)).unwrap();
    let told = Store::open(folder.path()).unwrap_err().to_string();
    assert!(told.contains(FILE_NAME) && told.contains("--data DIR"), "{told}");
}

#[test]
fn a_database_of_another_program_is_named_and_left_alone() {
    for (version, table) in [(0, "network"), (1, "songs"), (2, "meter")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let foreign = Connection::open(&path).unwrap();
        foreign
            .execute_batch(&format!("CREATE TABLE {table} (id); PRAGMA user_version = {version}"))
            .unwrap();
        drop(foreign);
        let before = std::fs::read(&path).unwrap();
        let refused = Store::open(folder.path()).unwrap_err();
        let told = refused.to_string();
        assert!(matches!(refused, StoreError::Foreign { .. }), "{told}");
        assert!(told.contains(&path.display().to_string()) && told.contains("--data DIR"), "{told}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_gap_is_open_until_its_rows_are_kept() {
    let Fixture { mut store, id, meters, .. } = fixture();
    let gap = |from_utc_ms, to_utc_ms, rows| Gap {
        profile: PROFILE.into(),
        from_utc_ms,
        to_utc_ms,
        rows,
        why: "a row without a time".into(),
    };
    let cycle = store.begin_cycle(id, 1000).unwrap();
    let flawed = |readings, gaps| MeterOutcome { gaps, ..outcome(readings) };
    let row = |utc_ms| reading(ENERGY, Some(PROFILE), utc_ms, utc_ms);
    let kept = store.keep(cycle, meters[0], &flawed(vec![row(1000)], vec![gap(2000, 5000, 2)])).unwrap();
    assert_eq!(kept.result, MeterResult::Partial);
    assert!(kept.detail.unwrap().contains("between 1970-01-01T00:00:02.000Z and"));
    // The meter shows fewer rows of the same stretch: the other one is not forgotten.
    let kept = store.keep(cycle, meters[0], &flawed(vec![row(3000)], vec![gap(2000, 5000, 1)])).unwrap();
    assert_eq!(kept.result, MeterResult::Partial);
    assert_eq!(store.open_gaps(meters[0], 5000).unwrap(), [gap(2000, 5000, 2)]);
    assert_eq!(store.open_gaps(meters[1], 5000).unwrap(), []);
    assert_eq!(store.open_gaps(meters[0], 5001 + GAP_WINDOW_MS).unwrap(), [], "no meter has it any more");
    assert_eq!(store.open_gaps(meters[0], 1999).unwrap(), [], "it belongs to a run with another date");
    // Behind it there is a good row now, so that the stretch is shorter and has one row.
    store.keep(cycle, meters[0], &flawed(vec![row(5000)], vec![gap(2000, 2999, 1)])).unwrap();
    assert_eq!(store.open_gaps(meters[0], 5000).unwrap(), [gap(2000, 2999, 1)]);
    let kept = store.keep(cycle, meters[0], &outcome(vec![row(2000)])).unwrap();
    assert_eq!((kept.result, kept.detail), (MeterResult::Read, None));
}

#[test]
fn a_folder_has_one_concentrator_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = Store::open_alone(folder.path()).unwrap();
    let refused = Store::open_alone(folder.path()).unwrap_err();
    let told = refused.to_string();
    assert!(matches!(refused, StoreError::Taken { .. }), "{told}");
    assert!(told.contains(&folder.path().display().to_string()) && told.contains("--data DIR"), "{told}");
    assert!(Store::open_reader(folder.path()).is_ok(), "who only reads is not kept out");
    drop(first);
    assert!(Store::open_alone(folder.path()).is_ok());
}

#[test]
fn what_a_cycle_brought_is_told_from_what_earlier_ones_did() {
    let Fixture { mut store, id, meters, .. } = fixture();
    let earlier = store.begin_cycle(id, 1000).unwrap();
    store.keep(earlier, meters[0], &outcome(vec![reading(ENERGY, None, 4000, 77)])).unwrap();
    let cycle = store.begin_cycle(id, 9000).unwrap();
    assert_eq!(store.told_in(meters[0], cycle).unwrap(), []);
    // The same once more is news of this cycle, and the newest of two counts.
    let readings = vec![reading(ENERGY, None, 4000, 77), reading(ENERGY, None, 8000, 79)];
    store.keep(cycle, meters[0], &outcome(readings.clone())).unwrap();
    let told = store.told_in(meters[0], cycle).unwrap();
    assert_eq!(told.into_iter().map(|row| row.reading).collect::<Vec<_>>(), readings[1..]);
}

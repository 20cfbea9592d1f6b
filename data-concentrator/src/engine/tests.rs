//! Cycles against real meters' servers, over a link that loses what the test wants it to lose.

mod bench;
mod fake_line;
mod fake_meter;

use super::surroundings::Surroundings;
use crate::reading::Quality;
use crate::store::{MeterOutcome, MeterResult, Range, Store};
use crate::testkit::MIDNIGHT_UTC_MS;
use bench::{Bench, bench, sessions};
use cosem::{Client, ClientConfig, Data, SystemTitle};
use fake_line::{FakeLine, Fault};
use fake_meter::{ENERGY_COLUMN, FakeMeter, Flaw, NONSENSE, TIME_COLUMN, keys};
use plc_core::testkit::{SplitMix64, TestEnvironment};
use plc_core::time::{Instant, seconds};
use proptest::prelude::*;
use rand_core::Rng;

const ENERGY: &str = "1.0.1.8.0.255";
const PROFILE: &str = "1.0.99.1.0.255";
/// 18:00 after midnight.
const START_MS: i64 = MIDNIGHT_UTC_MS + 18 * 3_600_000;

#[test]
fn a_cycle_reads_registers_and_the_day_so_far_of_every_meter_in_reach() {
    let mut bench = bench();
    let cycle = bench.cycle();
    assert_eq!(bench.turn(cycle, 0), (MeterResult::Read, None));
    assert_eq!(bench.turn(cycle, 1), (MeterResult::Read, None));
    assert_eq!(bench.turn(cycle, 2).0, MeterResult::OutOfReach);
    for meter in [0, 1] {
        assert_eq!(bench.rows(meter), bench.truth(meter, START_MS));
        let latest = bench.store().latest(bench.ids[meter]).unwrap();
        assert_eq!(latest.len(), 6);
        let energy = &latest.iter().find(|row| row.reading.object == ENERGY).unwrap().reading;
        // The meter's own time tells which energy is right: n kW since midnight.
        let since_ms = energy.time.utc_ms - MIDNIGHT_UTC_MS;
        let truth = since_ms as f64 / 3_600_000.0 * 1000.0 * (meter + 1) as f64;
        assert!((energy.raw as f64 - truth).abs() <= 1.0, "{} Wh instead of {truth}", energy.raw);
        assert_eq!((energy.unit, energy.scaler, energy.time.offset_minutes), (30, 0, 60));
        assert_eq!(energy.quality, Quality::Valid);
        let voltage = latest.iter().find(|row| row.reading.object == "1.0.32.7.0.255").unwrap();
        assert_eq!((voltage.reading.raw, voltage.reading.scaler, voltage.reading.unit), (2300, -1, 35));
    }
    assert!(bench.rows(2).is_empty());
}

#[test]
fn the_next_cycle_asks_for_what_is_new_only() {
    let mut bench = bench();
    bench.cycle();
    let octets = |bench: &Bench| bench.line.asked.iter().map(|(_, apdu)| apdu.len()).sum::<usize>();
    let (first, first_octets) = (bench.line.asked.len(), octets(&bench));
    bench.line.pass_time(seconds(1800));
    bench.cycle();
    assert!(bench.line.asked.len() < first, "no further blocks for two rows");
    assert!(octets(&bench) < first_octets, "scalers and columns are known");
    assert_eq!(bench.rows(0), bench.truth(0, START_MS + 1_800_000));
    let qualities: Vec<_> =
        bench.store().profile(bench.ids[0], PROFILE, Range::ALL, None, 1000).unwrap().items;
    assert!(qualities.iter().all(|row| row.quality == Quality::Valid));
}

#[test]
fn rows_that_an_earlier_cycle_should_have_brought_are_late() {
    let mut bench = bench();
    bench.line.faults = Box::new(|meter| if meter == 1 { Fault::RequestLost } else { Fault::None });
    let missed = bench.cycle();
    let (result, detail) = bench.turn(missed, 1);
    assert_eq!(result, MeterResult::NoAnswer);
    assert!(detail.unwrap().contains("no answer"));
    assert_eq!(
        bench.line.turns.iter().filter(|turn| turn.0 == 1).count(),
        1,
        "told once, after three attempts"
    );
    bench.line.faults = Box::new(|_| Fault::None);
    bench.line.pass_time(seconds(900));
    bench.cycle();
    let rows = bench.store().profile(bench.ids[1], PROFILE, Range::ALL, None, 1000).unwrap().items;
    let late = rows.iter().filter(|row| row.quality == Quality::Late).count();
    assert_eq!((rows.len(), late), (74, 73));
}

#[test]
fn a_head_end_that_used_higher_counters_does_not_lock_the_concentrator_out_up_to_what_is_believed() {
    // The second is further than an unsigned exception may push the counter, the third than the meter is believed.
    for used in [40_000, 2_000_000, 40_000_000] {
        let mut bench = bench();
        bench.cycle();
        let mut env = TestEnvironment::new(9);
        let mut client: Client = Client::new(ClientConfig::management(SystemTitle(*b"HES00001"), keys(1)));
        client.raise_counter(used);
        let mut room = Vec::new();
        let mut request = client.associate(&mut env).unwrap().to_vec();
        while !client.is_associated() {
            let reply = bench.line.meters[0].answer(1, &request);
            client.handle(&reply, &mut room, &mut env).unwrap();
            request = client.request().to_vec();
        }
        let cycle = bench.cycle();
        let (result, detail) = bench.turn(cycle, 0);
        if used < 1 << 24 {
            assert_eq!((result, detail), (MeterResult::Read, None), "after {used}");
        } else {
            assert_eq!(result, MeterResult::Refused);
            assert!(detail.unwrap().contains("new keys"));
        }
    }
}

#[test]
fn a_turn_that_misses_something_is_partial() {
    let mut bench = bench();
    let strange = "1.0.3.8.0.255";
    let facts = crate::store::ObjectFacts {
        scaler_units: super::plan::REGISTERS.map(|object| (object.to_string(), (0, 30))).into(),
        profile_columns: vec![(8, "0.0.1.0.0.255".into(), 2), (3, strange.into(), 2)],
        capture_period_s: 900,
    };
    bench.line.surroundings.store.keep_object_facts(bench.ids[0], &facts).unwrap();
    let cycle = bench.cycle();
    let (result, detail) = bench.turn(cycle, 0);
    assert_eq!(result, MeterResult::Partial);
    assert!(detail.unwrap().contains(strange));
    assert!(bench.rows(0).is_empty(), "nothing without a scaler is kept");
    assert_eq!(bench.turn(cycle, 1), (MeterResult::Read, None));
}

/// UTC of the row with this number, in milliseconds: midnight is the first.
const fn row_utc_ms(row: u64) -> i64 {
    MIDNIGHT_UTC_MS + row as i64 * 900_000
}

#[test]
fn a_row_that_cannot_be_read_is_asked_for_until_it_is_there_and_blocks_no_other() {
    for (flaws, told) in [
        // A value: the row's time is known.
        (vec![(40, ENERGY_COLUMN, NONSENSE)], "number for 1.0.1.8.0.255 at 2026-01-15T09:00:00.000Z"),
        // A time: the stretch between its neighbours is.
        (
            vec![(40, TIME_COLUMN, NONSENSE)],
            "without a time between 2026-01-15T08:45:01.000Z and 2026-01-15T09:14:59.000Z",
        ),
        // Null in the first row stands for nothing, and what comes after it leans on it.
        (
            vec![(0, ENERGY_COLUMN, Data::Null), (1, ENERGY_COLUMN, Data::Null)],
            "number for 1.0.1.8.0.255 at 2026-01-14T23:00:00.000Z",
        ),
        // The last one, several in a row, and several apart: more than a request has room for.
        (vec![(72, TIME_COLUMN, NONSENSE)], "without a time between 2026-01-15T16:45:01.000Z and"),
        ((30..36).map(|row| (row, TIME_COLUMN, NONSENSE)).collect(), "without a time between"),
        ((10..60).step_by(7).map(|row| (row, ENERGY_COLUMN, NONSENSE)).collect(), "and 5 more"),
    ] {
        let mut bench = bench();
        let flaw = |&(row, column, instead): &(u64, usize, Data<'static>)| Flaw { row, column, instead };
        bench.line.meters[0].flaws = flaws.iter().map(flaw).collect();
        let without = |rows: Vec<(i64, i64)>| -> Vec<_> {
            let flawed = |utc_ms| flaws.iter().any(|&(row, ..)| row_utc_ms(row) == utc_ms);
            rows.into_iter().filter(|&(utc_ms, _)| !flawed(utc_ms)).collect()
        };
        // For as long as it cannot be read, later rows come in and every cycle says what is missing.
        for quarters in 0..3 {
            let cycle = bench.cycle();
            let (result, detail) = bench.turn(cycle, 0);
            let detail = detail.unwrap_or_default();
            assert_eq!(result, MeterResult::Partial, "{told}: {detail}");
            assert!(detail.contains(told), "{told}: {detail}");
            assert!(bench.line.turns.contains(&(0, MeterResult::Partial, 3)), "{:?}", bench.line.turns);
            assert_eq!(bench.rows(0), without(bench.truth(0, START_MS + quarters * 900_000)), "{told}");
            assert_eq!(bench.turn(cycle, 1), (MeterResult::Read, None));
            bench.line.pass_time(seconds(900));
        }
        bench.line.meters[0].flaws.clear();
        let cycle = bench.cycle();
        assert_eq!(bench.turn(cycle, 0), (MeterResult::Read, None), "{told}");
        assert_eq!(bench.rows(0), bench.truth(0, START_MS + 3 * 900_000), "{told}");
    }
}

#[test]
fn what_the_second_attempt_brings_makes_the_turn_whole() {
    let mut bench = bench();
    bench.line.meters[0].flaws = vec![
        Flaw { row: 40, column: TIME_COLUMN, instead: NONSENSE },
        Flaw { row: 72, column: 3, instead: NONSENSE },
    ];
    bench.line.meters[0].flawed_until = 1;
    let cycle = bench.cycle();
    assert_eq!(bench.turn(cycle, 0), (MeterResult::Read, None));
    assert!(bench.line.turns.contains(&(0, MeterResult::Read, 2)), "{:?}", bench.line.turns);
    assert_eq!(bench.rows(0), bench.truth(0, START_MS));
}

#[test]
fn a_part_stays_a_part_when_the_meter_falls_silent_after_it() {
    let mut bench = bench();
    bench.line.meters[0].flaws = vec![Flaw { row: 40, column: ENERGY_COLUMN, instead: NONSENSE }];
    bench.line.meters[0].silent_from = 2;
    let cycle = bench.cycle();
    let (result, detail) = bench.turn(cycle, 0);
    let detail = detail.unwrap();
    assert_eq!(result, MeterResult::Partial, "{detail}");
    assert!(detail.contains(ENERGY) && detail.ends_with("then: no answer to 3 requests"), "{detail}");
    assert_eq!(bench.rows(0).len(), 72);
    assert!(bench.line.turns.contains(&(0, MeterResult::Partial, 3)), "{:?}", bench.line.turns);
}

#[test]
fn a_row_that_no_meter_keeps_any_more_is_not_asked_for_for_ever() {
    let mut bench = bench();
    bench.line.meters[0].flaws = vec![Flaw { row: 40, column: TIME_COLUMN, instead: NONSENSE }];
    let cycle = bench.cycle();
    assert_eq!(bench.turn(cycle, 0).0, MeterResult::Partial);
    (0..11 * 24).for_each(|_| bench.line.pass_time(seconds(3600)));
    // The cycle that brings what the meter still has, then one like any other.
    bench.cycle();
    bench.line.pass_time(seconds(900));
    let cycle = bench.cycle();
    assert_eq!(bench.turn(cycle, 0), (MeterResult::Read, None));
}

#[test]
fn the_states_of_interval_become_qualities() {
    let mut bench = bench();
    let states = [(10, 0x01), (11, 0x02), (12, 0x04), (13, 0x20), (14, 0x80), (15, 0x08), (16, 0x81)];
    let flaw = |(row, state)| Flaw { row, column: 1, instead: Data::Unsigned(state) };
    bench.line.meters[0].flaws = states.map(flaw).to_vec();
    bench.cycle();
    let rows = bench.store().profile(bench.ids[0], PROFILE, Range::ALL, None, 1000).unwrap().items;
    let qualities: Vec<_> = rows[10..=16].iter().map(|row| row.quality).collect();
    use Quality::{ClockInvalid, Incomplete, MeterFault, Valid};
    let expected = [MeterFault, ClockInvalid, Incomplete, Incomplete, Incomplete, Valid, MeterFault];
    assert_eq!(qualities, expected);
}

#[test]
fn a_run_with_an_earlier_date_in_the_same_folder_makes_nothing_late() {
    let mut bench = bench();
    let later = START_MS + 30 * 86_400_000;
    let store = &mut bench.line.surroundings.store;
    let cycle = store.begin_cycle(bench.id, later).unwrap();
    store.end_cycle(cycle, later + 60_000).unwrap();
    bench.cycle();
    let rows = bench.store().profile(bench.ids[0], PROFILE, Range::ALL, None, 1000).unwrap().items;
    assert_eq!(rows.len(), 73);
    assert!(rows.iter().all(|row| row.quality == Quality::Valid));
}

#[test]
fn who_is_out_of_reach_is_told_with_the_links_figures() {
    let mut bench = bench();
    let cycle = bench.cycle();
    let told = bench.turn(cycle, 2).1.unwrap();
    for figure in ["37.0 dB at the meter", "35.0 dB at the concentrator", "4.0 dB are needed"] {
        assert!(told.contains(figure), "{told}");
    }
}

#[test]
fn a_row_from_the_future_does_not_hide_those_to_come() {
    let mut bench = bench();
    bench.cycle();
    let id = bench.ids[0];
    let latest = bench.store().latest(id).unwrap();
    let energy = latest.into_iter().find(|row| row.reading.object == ENERGY).unwrap().reading;
    let mut future = crate::reading::Reading { profile: Some(PROFILE.into()), ..energy };
    future.time.utc_ms = START_MS + 365 * 86_400_000;
    let utc_ms = bench.network.calendar.utc_ms(bench.line.now);
    let outcome = MeterOutcome {
        result: MeterResult::Read,
        detail: None,
        attempts: 1,
        readings: vec![future],
        gaps: Vec::new(),
        ended_utc_ms: utc_ms,
        duration_ms: 0,
        snr_db: None,
        hops: None,
    };
    let store = &mut bench.line.surroundings.store;
    let cycle = store.begin_cycle(bench.id, utc_ms).unwrap();
    store.keep(cycle, id, &outcome).unwrap();
    bench.line.pass_time(seconds(1800));
    bench.cycle();
    let rows = bench.rows(0);
    assert_eq!(rows[..rows.len() - 1], bench.truth(0, START_MS + 1_800_000));
}

#[test]
fn a_meter_that_is_silent_on_the_first_day_loses_nothing_of_it() {
    let mut bench = bench();
    bench.line.faults = Box::new(|meter| if meter == 1 { Fault::RequestLost } else { Fault::None });
    bench.cycle();
    bench.line.faults = Box::new(|_| Fault::None);
    (0..8).for_each(|_| bench.line.pass_time(seconds(3600)));
    bench.cycle();
    assert_eq!(bench.rows(1), bench.truth(1, START_MS + 8 * 3_600_000));
}

#[test]
fn a_wrong_key_is_told_as_such() {
    let mut bench = bench();
    bench.line.meters[0] = FakeMeter::new(1, keys(50));
    let cycle = bench.cycle();
    let (result, detail) = bench.turn(cycle, 0);
    assert_eq!(result, MeterResult::Refused, "{detail:?}");
    assert!(detail.is_some());
    assert_eq!(bench.turn(cycle, 1).0, MeterResult::Read);
}

#[test]
fn a_meter_that_a_head_end_has_is_read_after_it() {
    let mut bench = bench();
    bench.line.taken_until = Some(Instant::from_ticks(0) + seconds(30));
    let cycle = bench.cycle();
    assert_eq!(bench.turn(cycle, 0), (MeterResult::Read, None));
    assert!(bench.line.now >= Instant::from_ticks(0) + seconds(30));
    assert_eq!(bench.line.turns.iter().map(|turn| turn.0).collect::<Vec<_>>(), [2, 1, 0]);
}

#[test]
fn a_restart_continues_where_the_process_was_killed() {
    let mut bench = bench();
    // Killed after the first meter: the second one's association is open, the first one's readings are kept.
    bench.line.faults = Box::new(|meter| if meter == 1 { Fault::ReplyLost } else { Fault::None });
    bench.cycle();
    bench.line.pass_time(seconds(900));
    let Bench { line, network, id, folder, .. } = bench;
    let FakeLine { meters, now, .. } = line;
    let mut store = Store::open(folder.path()).unwrap();
    let (id_again, ids) = store.open_network(&network).unwrap();
    assert_eq!(id_again, id);
    let line = FakeLine {
        surroundings: Surroundings::new(store, 1).unwrap(),
        meters,
        now,
        faults: Box::new(|_| Fault::None),
        asked: Vec::new(),
        taken_until: None,
        kept_free: None,
        turns: Vec::new(),
    };
    let mut bench = Bench { sessions: sessions(&ids), line, network, id, ids, folder };
    bench.cycle();
    for meter in [0, 1] {
        assert_eq!(bench.rows(meter), bench.truth(meter, START_MS + 900_000));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever is lost, damaged or repeated: what is kept is right, and in the end all of it is there.
    #[test]
    fn an_unkind_line_costs_time_and_no_reading(seed: u64, per_mille in 0_u32..400) {
        let mut bench = bench();
        let mut rng = SplitMix64(seed);
        bench.line.faults = Box::new(move |_| match rng.next_u32() % 1000 {
            n if n < per_mille => {
                [Fault::RequestLost, Fault::ReplyLost, Fault::ReplyDamaged, Fault::ReplyTwice][(n % 4) as usize]
            }
            _ => Fault::None,
        });
        let cycle = bench.cycle();
        for meter in [0, 1] {
            if bench.turn(cycle, meter).0 == MeterResult::Read {
                prop_assert_eq!(bench.rows(meter), bench.truth(meter, START_MS));
            }
        }
        bench.line.faults = Box::new(|_| Fault::None);
        bench.cycle();
        let now_ms = bench.network.calendar.utc_ms(bench.line.now);
        for meter in [0, 1] {
            prop_assert_eq!(bench.rows(meter), bench.truth(meter, now_ms));
        }
    }

    #[test]
    fn any_octets_are_an_answer_or_an_error(octets in proptest::collection::vec(any::<u8>(), 0..200), known: bool) {
        let facts = crate::store::ObjectFacts {
            profile_columns: vec![(8, "0.0.1.0.0.255".into(), 2), (3, ENERGY.into(), 2)],
            capture_period_s: 900,
            ..Default::default()
        };
        let plan = super::plan::Plan {
            facts: known.then_some(facts),
            profile_from_utc_ms: MIDNIGHT_UTC_MS,
            now_utc_ms: START_MS,
            offset_minutes: 60,
            late_before_utc_ms: None,
            gaps: vec![(MIDNIGHT_UTC_MS - 900_000, MIDNIGHT_UTC_MS - 1)],
        };
        let _ = plan.understand(&octets);
        let mut counted = vec![u8::try_from(plan.queries().len()).unwrap()];
        counted.extend(octets);
        let _ = plan.understand(&counted);
    }
}

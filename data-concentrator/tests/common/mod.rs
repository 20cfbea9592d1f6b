//! What the tests of the whole program share.
#![allow(dead_code, reason = "every test uses a part of it")]

use channel_sim::scenario::Scenario;
use data_concentrator::reading::Quality;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

pub(crate) const ENERGY: &str = "1.0.1.8.0.255";
pub(crate) const PROFILE: &str = "1.0.99.1.0.255";
/// 2026-01-15 00:00 at UTC+1, where the scenario begins to count energy.
pub(crate) const MIDNIGHT_UTC_MS: i64 = 1_768_431_600_000;

/// The program under test, with its data in `data`.
pub(crate) fn concentrator(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_data-concentrator"));
    command.arg("--data").arg(data).stdin(Stdio::null());
    command
}

/// A program that serves until it is dropped.
pub(crate) struct Served {
    pub(crate) child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Served {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stderr(Stdio::inherit());
        Self::start_quiet(command)
    }

    /// Leaves standard error as the command has it.
    pub(crate) fn start_quiet(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// The next JSON document on its standard output.
    pub(crate) fn document(&mut self) -> Value {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            assert!(self.stdout.read_line(&mut line).unwrap() > 0, "no document, but: {text}");
            text.push_str(&line);
            if let Ok(document) = serde_json::from_str(&text) {
                return document;
            }
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The database of a concentrator, to look into.
pub(crate) fn database(data: &Path) -> Connection {
    let path = data.join(data_concentrator::store::FILE_NAME);
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// Milliseconds of the scenario's day, and watt-hours.
pub(crate) type Energies = Vec<(i64, i64)>;

/// A meter's readings of its energy, by themselves or out of its load profile, oldest first.
pub(crate) fn energies(database: &Connection, serial: &str, profile: &str) -> Energies {
    let mut query = database
        .prepare(
            "SELECT utc_ms, raw, scaler, unit FROM reading JOIN meter ON meter.id = meter_id
             WHERE serial = ?1 AND profile = ?2 AND object = ?3 ORDER BY utc_ms",
        )
        .unwrap();
    let rows = query.query_map([serial, profile, ENERGY], |row| {
        assert_eq!((row.get::<_, i64>(2)?, row.get::<_, i64>(3)?), (0, 30), "watt-hours");
        Ok((row.get::<_, i64>(0)? - MIDNIGHT_UTC_MS, row.get(1)?))
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// Watt-hours that the household has used from midnight to a moment of the day.
pub(crate) fn truth_wh(scenario: &Scenario, load: usize, since_midnight_ms: i64) -> f64 {
    let ticks = u64::try_from(since_midnight_ms.max(0)).unwrap() * 6_000;
    scenario.energy_between(load, 0, ticks).wh()
}

/// Whether the register showed the household's energy in whole watt-hours at that moment of the meter's clock.
///
/// The number is the truth's own, at a moment that is known as well as a meter knows it: its clock shows hundredths
/// and runs 25 ppm wrong at most, and the simulated front end hands over what it has measured every 80 ms.
fn is_true(scenario: &Scenario, load: usize, at_ms: i64, wh: i64) -> bool {
    let since_start_ms = (at_ms - i64::try_from(scenario.ticks_since_midnight() / 6_000).unwrap()).max(0);
    let clock_ms = 10 + since_start_ms * 25 / 1_000_000 + 1;
    let earliest = truth_wh(scenario, load, at_ms - 80 - clock_ms).floor() as i64;
    let latest = truth_wh(scenario, load, at_ms + clock_ms).floor() as i64;
    (earliest..=latest).contains(&wh)
}

/// Holds everything in the database against the load shapes: each reading of 1.8.0 at the meter's own time, and the
/// load profile, without a gap or a doubled row, to the shape's sums of 15 minutes.
pub(crate) fn check_against_shapes(database: &Connection, scenario: &Scenario, serials: &[String]) {
    let meters = scenario.meters();
    for serial in serials {
        let load = meters.iter().position(|meter| meter.serial == *serial).unwrap();
        let registers = energies(database, serial, "");
        assert!(!registers.is_empty(), "{serial} has no energy");
        for &(at_ms, wh) in &registers {
            let truth = truth_wh(scenario, load, at_ms);
            assert!(is_true(scenario, load, at_ms, wh), "{serial} at {at_ms}: {wh} Wh instead of {truth}");
        }
        let rows = energies(database, serial, PROFILE);
        let newest_ms = registers.last().unwrap().0;
        let times: Vec<_> = rows.iter().map(|row| row.0).collect();
        let quarters: Vec<_> = (0..=newest_ms / 900_000).map(|quarter| quarter * 900_000).collect();
        assert_eq!(times, quarters, "{serial}: every quarter of an hour once");
        for (at_ms, wh) in rows {
            let truth = truth_wh(scenario, load, at_ms);
            assert!(is_true(scenario, load, at_ms, wh), "{serial} at {at_ms}: {wh} Wh instead of {truth}");
        }
    }
    let flawed: Vec<String> = database
        .prepare("SELECT DISTINCT quality FROM reading WHERE quality NOT IN (?1, ?2)")
        .unwrap()
        .query_map([Quality::Valid.name(), Quality::Late.name()], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(flawed.is_empty(), "{flawed:?}");
}

/// Serial numbers of the meters in a document of which `wanted` holds.
pub(crate) fn serials(document: &Value, wanted: impl Fn(&Value) -> bool) -> Vec<String> {
    let meters = document["meters"].as_array().unwrap().iter();
    meters.filter(|meter| wanted(meter)).map(|meter| meter["serial"].as_str().unwrap().to_owned()).collect()
}

//! `channel-sim reference`: the reference chain against formulas and the digest's tables.

use super::campaign::{Outputs, Running, measure};
use super::print_json;
use channel_sim::link::statistics::Estimate;
use channel_sim::link::{
    Campaign, Measure, Results, Row, Shard, SnrOf, Stop, System, Task, cross, curves, row_tasks,
};
use channel_sim::reference::{Scheme, tables, theory};
use clap::Args;
use serde::Serialize;
use std::fmt::Write;

/// Examples.
pub(super) const EXAMPLES: &str = "\
Examples:
  channel-sim reference --csv reference.csv --svg reference.svg
  channel-sim reference --only dbpsk,dbpsk-exact --precision 0.05
  channel-sim reference --only dbpsk-uncoded --json";

/// How far the chain may be from a formula or a figure, in dB.
const TOLERANCE_DB: f64 = 0.1;
/// Schemes of the formulas without code (channel digest 5.1).
const UNCODED: [&str; 5] =
    ["bpsk-uncoded", "qpsk-uncoded", "dbpsk-uncoded", "dqpsk-uncoded", "d8psk-uncoded"];
/// Schemes whose union bound is held against the chain at a bit error rate of 1e-5.
const BOUNDED: [&str; 4] = ["bpsk", "qpsk", "dbpsk", "dbpsk-x4"];

/// Arguments of `channel-sim reference`.
#[derive(Debug, Args)]
pub(crate) struct ReferenceArguments {
    /// Only these schemes; by default those of the tables
    #[arg(long, value_delimiter = ',')]
    only: Vec<Scheme>,
    /// A point ends when half the 95 % intervals of its bit and frame error rates are below this share of them
    #[arg(long, default_value_t = 0.1)]
    precision: f64,
    /// A point ends after this many frames of 133 octets
    #[arg(long, default_value_t = 400_000, value_parser = clap::value_parser!(u64).range(1..))]
    frames: u64,
    /// Determines bits, interleavers and noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    running: Running,
    #[command(flatten)]
    outputs: Outputs,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Comparison {
    scheme: String,
    /// Bit or frame error rate.
    of: &'static str,
    rate: f64,
    /// Es/N0 in dB.
    found_db: Option<Estimate>,
    expected_db: f64,
    expected_from: &'static str,
    difference_db: Option<f64>,
    agrees: bool,
}

pub(super) fn run(arguments: &ReferenceArguments) -> Result<(), String> {
    let wanted = |name: &str| {
        let scheme = name.parse::<Scheme>();
        arguments.only.is_empty() || scheme.is_ok_and(|scheme| arguments.only.contains(&scheme))
    };
    let rows: Vec<_> = tables::ROWS.into_iter().filter(|row| wanted(row.scheme)).collect();
    let uncoded: Vec<Scheme> =
        UNCODED.into_iter().filter(|name| wanted(name)).filter_map(|name| name.parse().ok()).collect();
    if rows.is_empty() && uncoded.is_empty() {
        let known = UNCODED.into_iter().chain(tables::ROWS.iter().map(|row| row.scheme)).collect::<Vec<_>>();
        return Err(format!("--only: no such scheme in the tables; there are {}", known.join(", ")));
    }
    let mut tasks = Vec::new();
    for scheme in &uncoded {
        tasks.extend(uncoded_tasks(*scheme));
    }
    for row in &rows {
        tasks.extend(row_tasks(row)?);
    }
    let campaign = Campaign {
        tasks,
        seed: arguments.seed,
        stop: Stop {
            max_frames: arguments.frames,
            max_lost: u64::MAX,
            precision: arguments.precision,
            measure: Measure::Ber,
        },
        snr_of: SnrOf::Mean,
        exact: dsp::cpu::is_exact(),
    };
    let journal = measure(campaign, Shard::WHOLE, &arguments.running, &arguments.outputs)?;
    let results = Results::of(&journal);
    arguments.outputs.write_files(&results)?;
    let comparisons = compare(&results, &rows);
    if arguments.outputs.json {
        print_json(&comparisons)?;
    } else {
        print!("{}", table(&comparisons));
    }
    match comparisons.iter().filter(|comparison| !comparison.agrees).count() {
        0 => Ok(()),
        apart => {
            Err(format!("{apart} of {} comparisons differ by more than {TOLERANCE_DB} dB", comparisons.len()))
        }
    }
}

/// Points around the ratios at which the formula has bit error rates of 1e-3 and 1e-5.
fn uncoded_tasks(scheme: Scheme) -> Vec<Task> {
    let task = |snr_db: f64| Task::reference(scheme, (snr_db * 1e4).round() / 1e4, tables::OCTETS);
    let around = |level: f64| {
        let centre = theory::ratio_db(level, |gamma| theory::uncoded(scheme, gamma));
        [centre - 0.25, centre + 0.25]
    };
    [1e-3, 1e-5].into_iter().flat_map(around).map(task).collect()
}

fn compare(results: &Results, rows: &[tables::Row]) -> Vec<Comparison> {
    let mut comparisons = Vec::new();
    for curve in curves(&results.points) {
        let Some(System::Reference { scheme }) = curve.first().map(|row| row.task.system) else { continue };
        let name = scheme.to_string();
        let mut add = |of: &'static str, rate: f64, expected_db: f64, expected_from: &'static str| {
            let found_db = match of {
                "BER" => cross(&curve, rate, |row: &Row| row.ber),
                _ => cross(&curve, rate, |row: &Row| Some(row.fer)),
            };
            let difference_db = found_db.map(|found| found.value - expected_db);
            comparisons.push(Comparison {
                scheme: name.clone(),
                of,
                rate,
                found_db,
                expected_db,
                expected_from,
                difference_db,
                agrees: difference_db.is_some_and(|difference| difference.abs() <= TOLERANCE_DB),
            });
        };
        if !scheme.coded {
            for level in [1e-3, 1e-5] {
                let expected = theory::ratio_db(level, |gamma| theory::uncoded(scheme, gamma));
                add("BER", level, expected, "formula");
            }
        }
        if BOUNDED.contains(&name.as_str()) {
            let bound = |gamma| theory::bit_error_bound(scheme, gamma).unwrap_or(0.0);
            add("BER", 1e-5, theory::ratio_db(1e-5, bound), "union bound");
        }
        for row in rows.iter().filter(|row| row.scheme == name) {
            for (rate, db) in tables::BER.into_iter().zip(row.ber_db.into_iter().flatten()) {
                add("BER", rate, db, "digest 5.3");
            }
            for (rate, db) in tables::FER.into_iter().zip(row.fer_db) {
                add("FER", rate, db, "digest 5.3");
            }
        }
    }
    comparisons
}

fn table(comparisons: &[Comparison]) -> String {
    let mut text = String::from(
        "scheme          rate       Es/N0 dB (95 % interval)     expected                 difference\n",
    );
    // Writing to a string cannot fail.
    for comparison in comparisons {
        let Comparison { scheme, of, rate, expected_db, expected_from, .. } = comparison;
        let found = comparison.found_db.map_or_else(
            || "not crossed".to_string(),
            |found| format!("{:6.3} ({:6.3} to {:6.3})", found.value, found.low, found.high),
        );
        let difference =
            comparison.difference_db.map_or_else(String::new, |difference| format!("{difference:+.3} dB"));
        let verdict = if comparison.agrees { "" } else { "  apart" };
        let _ = writeln!(
            text,
            "{scheme:15} {of} {rate:5.0e}  {found:27}  {expected_db:6.2} {expected_from:15}  {difference}{verdict}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use channel_sim::link::{Ended, Journal, Outcome, Point};

    /// Results of the uncoded chain as if all ratios had been lower by so many dB.
    fn results(shift_db: f64) -> Results {
        let scheme: Scheme = "dbpsk-uncoded".parse().unwrap();
        let stop = Stop { max_frames: 1, max_lost: 1, precision: 0.1, measure: Measure::Ber };
        let tasks = uncoded_tasks(scheme);
        let campaign = Campaign { tasks, seed: 1, stop, snr_of: SnrOf::Mean, exact: false };
        let mut journal = Journal::new(campaign, Shard::WHOLE);
        for (task, point) in journal.campaign.tasks.iter().zip(&mut journal.points) {
            let bits = 1_000_000_000;
            let rate = theory::uncoded(scheme, 10f64.powf((task.snr_db - shift_db) / 10.0));
            let bit_errors = (rate * bits as f64) as u64;
            let outcome = Outcome {
                frames: 1_000_000,
                right: 1_000_000,
                bits,
                bit_errors,
                squared_bit_errors: bit_errors,
                ..Outcome::default()
            };
            *point = Point { streams: 1, outcome, ended: Some(Ended::Precision) };
        }
        Results::of(&journal)
    }

    #[test]
    fn what_is_a_fifth_of_a_decibel_off_does_not_agree() {
        for (shift_db, agrees) in [(0.0, true), (0.05, true), (0.2, false), (-0.2, false)] {
            let comparisons = compare(&results(shift_db), &[]);
            assert_eq!(comparisons.len(), 2);
            for comparison in comparisons {
                let difference = comparison.difference_db.unwrap();
                assert!((difference - shift_db).abs() < 0.01, "{comparison:?}");
                assert_eq!(comparison.agrees, agrees, "{comparison:?}");
            }
        }
    }

    #[test]
    fn what_is_not_crossed_does_not_agree() {
        let comparisons = compare(&results(6.0), &[]);
        assert!(
            comparisons.iter().all(|comparison| !comparison.agrees && comparison.difference_db.is_none())
        );
        assert!(table(&comparisons).contains("not crossed"));
    }
}

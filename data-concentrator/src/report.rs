//! What the terminal shows: progress on standard error, the table or the JSON document on standard output.

use crate::api::model::MeterDetail;
use crate::network::{LinkFigures, Meter, Network};
use crate::reading::{scaled, unit_symbol};
use crate::store::{CycleMeterRow, MeterResult, ReadingRow};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Standard error: lines, and on a terminal a progress bar below them.
#[derive(Clone, Debug)]
pub struct Console {
    terminal: bool,
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

impl Default for Console {
    fn default() -> Self {
        Self { terminal: io::stderr().is_terminal(), bar: Arc::default() }
    }
}

impl Console {
    /// Prints a line.
    pub fn note(&self, text: &str) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match bar.as_ref() {
            Some(bar) => bar.println(text),
            None => line(text),
        }
    }

    /// Something begins that takes a while.
    pub fn begin(&self, text: &str) {
        if !self.terminal {
            return line(text);
        }
        let bar = ProgressBar::new_spinner().with_message(text.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        self.put(Some(bar));
    }

    /// `of` meters are about to be read.
    pub fn count(&self, of: usize) {
        if !self.terminal {
            return line(&format!("reading {of} meters"));
        }
        let bar = ProgressBar::new(of as u64);
        let style =
            ProgressStyle::with_template("{spinner} reading the meters [{bar:24}] {pos}/{len} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        bar.enable_steady_tick(Duration::from_millis(120));
        self.put(Some(bar));
    }

    /// One meter is done.
    pub fn tick(&self, text: &str) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match bar.as_ref() {
            Some(bar) => {
                bar.set_message(text.to_owned());
                bar.inc(1);
            }
            None => line(text),
        }
    }

    /// What was going on is over.
    pub fn end(&self) {
        self.put(None);
    }

    fn put(&self, new: Option<ProgressBar>) {
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = std::mem::replace(&mut *bar, new) {
            old.finish_and_clear();
        }
    }
}

/// A closed standard error is no reason to stop reading meters.
fn line(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints a document or table. A closed pipe is the reader's wish.
pub fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{}", text.trim_end());
}

/// One line of the table.
#[derive(Debug)]
pub struct Line<'a> {
    /// The meter.
    pub meter: &'a Meter,
    /// How its turn ended.
    pub turn: Option<CycleMeterRow>,
    /// The newest reading of its energy.
    pub energy: Option<ReadingRow>,
}

/// The table of a cycle.
pub fn table(network: &Network, lines: &[Line<'_>]) -> String {
    let mut out = String::new();
    let name_width = lines.iter().map(|line| line.meter.name.chars().count()).max().unwrap_or(0).max(5);
    let _ = writeln!(
        out,
        "{:<10} {:<name_width$} {:>7} {:>5} {:>4} {:>7} {:>12}  result",
        "meter", "house", "address", "wPort", "hops", "SNR/dB", "energy/kWh"
    );
    for Line { meter, turn, energy } in lines.iter().filter(|line| line.meter.link.in_reach) {
        let hops = turn.as_ref().and_then(|turn| turn.hops).map_or("-".into(), |hops| hops.to_string());
        let snr = turn.as_ref().and_then(|turn| turn.snr_db).map_or("-".into(), |snr| format!("{snr:.1}"));
        let result = turn.as_ref().map_or("not asked".into(), |turn| match &turn.detail {
            Some(detail) => format!("{}: {detail}", turn.result),
            None => turn.result.to_string(),
        });
        let _ = writeln!(
            out,
            "{:<10} {:<name_width$} {:>7} {:>5} {hops:>4} {snr:>7} {:>12}  {result}",
            meter.serial,
            meter.name,
            format!("{:04x}", meter.short_address),
            meter.w_port(),
            energy.as_ref().map_or("-".into(), kilowatt_hours),
        );
    }
    let _ = writeln!(out, "SNR/dB: measured by the concentrator's receiver, the mean over the carriers");
    let far: Vec<_> = lines.iter().map(|line| line.meter).filter(|meter| !meter.link.in_reach).collect();
    if !far.is_empty() {
        let _ = writeln!(out, "\nout of reach by the line model, not asked; effective signal to noise:");
        for meter in far {
            let LinkFigures { snr_at_meter_db, snr_at_concentrator_db, needed_db, .. } = meter.link;
            let _ = writeln!(
                out,
                "{:<10} {:<name_width$} {:>7}  {snr_at_meter_db:.1} dB at the meter, {snr_at_concentrator_db:.1} dB \
                 at the concentrator, {needed_db:.1} dB needed",
                meter.serial,
                meter.name,
                format!("{:04x}", meter.short_address),
            );
        }
    }
    let in_reach = lines.iter().filter(|line| line.meter.link.in_reach).count();
    let read = lines.iter().filter(|line| is_read(line)).count();
    let _ = writeln!(
        out,
        "\n{}: {read} of {in_reach} meters in reach were read, {} of {} are out of reach",
        network.name,
        lines.len() - in_reach,
        lines.len()
    );
    out
}

/// How long a cycle took, on the line and on the wall clock, in seconds.
pub fn took(line_time_s: f64, wall_time_s: f64) -> String {
    format!("the cycle took {line_time_s:.0} s on the line, {wall_time_s:.0} s here")
}

fn is_read(line: &Line<'_>) -> bool {
    line.turn.as_ref().is_some_and(|turn| turn.result == MeterResult::Read)
}

fn kilowatt_hours(row: &ReadingRow) -> String {
    let value = scaled(row.reading.raw, row.reading.scaler);
    match unit_symbol(row.reading.unit) {
        Some("Wh") => format!("{:.3}", value / 1000.0),
        unit => format!("{value} {}", unit.unwrap_or_default()),
    }
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Document {
    /// The network.
    pub network: String,
    /// PAN identifier.
    pub pan_id: String,
    /// The cycle's number.
    pub cycle: i64,
    /// When it began, UTC.
    pub started: String,
    /// When it ended, UTC.
    pub ended: String,
    /// How long it took on the line, in seconds.
    pub line_time_s: f64,
    /// How long it took on the wall clock, in seconds.
    pub wall_time_s: f64,
    /// Meters in reach.
    pub in_reach: usize,
    /// Meters read.
    pub read: usize,
    /// All meters, those out of reach too.
    pub meters: Vec<MeterDetail>,
    /// Statements of the feeder's files that could not be used.
    pub feeder_notes: Vec<String>,
    /// Where the page is served; absent with `--once`.
    pub page: Option<String>,
    /// Where head-ends connect; absent with `--once`.
    pub dlms_address: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{MeterTime, Quality, Reading};
    use crate::testkit;

    #[test]
    fn the_table_lists_every_meter_and_why_some_were_not_read() {
        let network = testkit::network(3);
        let turn = |meter: &Meter, result, detail: Option<&str>, snr_db, hops| CycleMeterRow {
            cycle: 1,
            serial: meter.serial.clone(),
            result,
            detail: detail.map(Into::into),
            attempts: 1,
            ended_utc_ms: 0,
            duration_ms: 0,
            snr_db,
            hops,
        };
        let energy = Reading {
            object: "1.0.1.8.0.255".into(),
            profile: None,
            raw: 12_345,
            scaler: 0,
            unit: 30,
            time: MeterTime { utc_ms: 0, offset_minutes: 0, clock_status: 0, raw: Vec::new() },
            quality: Quality::Valid,
        };
        let [first, second, third] = [0, 1, 2].map(|n| &network.meters[n]);
        let lines = [
            Line {
                meter: first,
                turn: Some(turn(first, MeterResult::Read, None, Some(21.46), Some(1))),
                energy: Some(ReadingRow { reading: energy, cycle: 1 }),
            },
            Line {
                meter: second,
                turn: Some(turn(second, MeterResult::NoAnswer, Some("no answer to 3 requests"), None, None)),
                energy: None,
            },
            Line { meter: third, turn: None, energy: None },
        ];
        let expected = "\
meter      house   address wPort hops  SNR/dB   energy/kWh  result
BSB00000001 house 1    0001  1001    1    21.5       12.345  read
BSB00000002 house 2    0002  1002    -       -            -  no-answer: no answer to 3 requests
SNR/dB: measured by the concentrator's receiver, the mean over the carriers

out of reach by the line model, not asked; effective signal to noise:
BSB00000003 house 3    0003  37.0 dB at the meter, 35.0 dB at the concentrator, 4.0 dB needed

Test street: 1 of 2 meters in reach were read, 1 of 3 are out of reach
";
        assert_eq!(table(&network, &lines), expected);
        assert_eq!(took(411.6, 240.2), "the cycle took 412 s on the line, 240 s here");
    }
}

//! A campaign's results as a table for people, CSV and Parquet.

use super::Channel;
use super::results::{Ideal, Results, Row};
use super::statistics::Estimate;
use std::fmt::Write;

/// A column of a results file.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) cells: Cells,
}

/// A column's values.
pub(super) enum Cells {
    Text(Vec<String>),
    Integer(Vec<u64>),
    /// `None` where the point has no such value.
    Real(Vec<Option<f64>>),
}

impl Results {
    /// The columns of the results' files.
    pub(super) fn columns(&self) -> Vec<Column> {
        let text = |name, of: &dyn Fn(&Row) -> String| Column {
            name,
            cells: Cells::Text(self.points.iter().map(of).collect()),
        };
        let integer = |name, of: &dyn Fn(&Row) -> u64| Column {
            name,
            cells: Cells::Integer(self.points.iter().map(of).collect()),
        };
        let real = |name, of: &dyn Fn(&Row) -> Option<f64>| Column {
            name,
            cells: Cells::Real(self.points.iter().map(of).collect()),
        };
        let counted = |row: &Row, count: u64| (row.outcome().octets > 0).then_some(count as f64);
        vec![
            text("standard", &|row| row.task.system.standard().name().to_string()),
            text("band", &|row| row.task.system.band()),
            text("mode", &|row| row.task.system.mode()),
            text("options", &|row| row.task.system.variant().to_string()),
            text("channel", &|row| row.task.channel.to_string()),
            text("noise", &|row| row.task.noise.clone()),
            integer("mains_hz", &|row| u64::from(row.task.mains_hz)),
            real("snr_db", &|row| Some(row.task.snr_db)),
            integer("octets", &|row| row.task.octets as u64),
            integer("frames", &|row| row.outcome().frames),
            integer("lost", &|row| row.outcome().lost()),
            real("fer", &|row| Some(row.fer.value)),
            real("fer_low_95", &|row| Some(row.fer.low)),
            real("fer_high_95", &|row| Some(row.fer.high)),
            integer("unheard", &|row| row.outcome().unheard),
            integer("header_failed", &|row| row.outcome().header_failed),
            integer("payload_failed", &|row| row.outcome().payload_failed),
            real("ber", &|row| row.ber.map(|ber| ber.value)),
            real("ber_low_95", &|row| row.ber.map(|ber| ber.low)),
            real("ber_high_95", &|row| row.ber.map(|ber| ber.high)),
            real("octet_error_rate", &|row| {
                let outcome = row.outcome();
                counted(row, outcome.octet_errors).map(|errors| errors / outcome.octets as f64)
            }),
            text("ended_by", &|row| row.point.ended.map_or("", |ended| ended.name()).to_string()),
            integer("seed", &|_| self.campaign.seed),
        ]
    }

    /// Comma-separated values with a header line; rates have six digits.
    ///
    /// # Errors
    /// None in practice: it is written to memory.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let columns = self.columns();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(columns.iter().map(|column| column.name))?;
        for row in 0..self.points.len() {
            writer.write_record(columns.iter().map(|column| match &column.cells {
                Cells::Text(values) => values.get(row).cloned().unwrap_or_default(),
                Cells::Integer(values) => values.get(row).map(u64::to_string).unwrap_or_default(),
                Cells::Real(values) => values.get(row).copied().flatten().map(six_digits).unwrap_or_default(),
            }))?;
        }
        writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
    }

    /// Where each curve loses one frame in ten, as comma-separated values: its ratio, that of the reference chain with the same
    /// codes and octets, and how far they are apart, each with its 95 % interval; empty where there is none.
    ///
    /// # Errors
    /// None in practice: it is written to memory.
    pub fn crossings_csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([
            "standard",
            "band",
            "mode",
            "options",
            "channel",
            "noise",
            "carriers",
            "octets",
            "fer",
            "snr_db",
            "snr_low_95",
            "snr_high_95",
            "reference",
            "reference_words",
            "reference_octets",
            "reference_db",
            "reference_low_95",
            "reference_high_95",
            "difference_db",
            "difference_low_95",
            "difference_high_95",
            "digest_db",
            "frames",
            "seed",
        ])?;
        let number = |value: f64| six_digits((value * 1e4).round() / 1e4);
        let all = |estimate: Option<Estimate>| -> [String; 3] {
            let of = |pick: fn(&Estimate) -> f64| {
                estimate.as_ref().map(pick).filter(|value| value.is_finite()).map(number).unwrap_or_default()
            };
            [of(|it| it.value), of(|it| it.low), of(|it| it.high)]
        };
        for crossing in &self.crossings {
            let of = |row: &&Row| {
                let task = &row.task;
                (task.system, &task.channel, &task.noise)
                    == (crossing.system, &crossing.channel, &crossing.noise)
            };
            let rows: Vec<&Row> = self.points.iter().filter(of).collect();
            let octets = rows.first().map_or(0, |row| row.task.octets);
            let frames: u64 = rows.iter().map(|row| row.outcome().frames).sum();
            let system = &crossing.system;
            let ideal = crossing.ideal.as_ref();
            let [snr, snr_low, snr_high] = all(crossing.snr_db);
            let [reference, reference_low, reference_high] = all(ideal.map(|ideal| ideal.snr_db));
            let [difference, difference_low, difference_high] = all(ideal.map(|ideal| ideal.difference_db));
            writer.write_record([
                system.standard().name().to_string(),
                system.band(),
                system.mode(),
                system.variant().to_string(),
                crossing.channel.to_string(),
                crossing.noise.clone(),
                system.carriers().map(|carriers| carriers.to_string()).unwrap_or_default(),
                octets.to_string(),
                crossing.fer.to_string(),
                snr,
                snr_low,
                snr_high,
                ideal.map(|ideal| ideal.system.mode()).unwrap_or_default(),
                ideal.map(|ideal| ideal.words.to_string()).unwrap_or_default(),
                ideal.map(|ideal| ideal.octets.to_string()).unwrap_or_default(),
                reference,
                reference_low,
                reference_high,
                difference,
                difference_low,
                difference_high,
                crossing.digest_db.map(number).unwrap_or_default(),
                frames.to_string(),
                self.campaign.seed.to_string(),
            ])?;
        }
        writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
    }

    /// Points and crossings for people.
    pub fn table(&self) -> String {
        let names: Vec<String> = self.points.iter().map(|row| self.short_name(row)).collect();
        let width = names.iter().map(String::len).max().unwrap_or_default().max(6);
        // Writing to a string cannot fail.
        let mut text = String::new();
        let _ = writeln!(text, "{:width$}  Es/N0 dB   frames     lost       FER   95 % interval", "system");
        for (row, name) in self.points.iter().zip(&names) {
            let _ = writeln!(
                text,
                "{name:width$}  {:8.2}  {:7}  {:7}  {:8.5}   {:.5} to {:.5}",
                row.task.snr_db,
                row.outcome().frames,
                row.outcome().lost(),
                row.fer.value,
                row.fer.low,
                row.fer.high
            );
        }
        for crossing in &self.crossings {
            let mut name = format!("{} in {}", crossing.system, crossing.noise);
            if crossing.channel != Channel::Flat {
                let _ = write!(name, " over {}", crossing.channel);
            }
            let percent = crossing.fer * 100.0;
            let _ = match crossing.snr_db {
                Some(at) => {
                    let digest = crossing.digest_db.map_or_else(String::new, |digest| {
                        format!("; the digest with ideal synchronisation: {digest:.2} dB")
                    });
                    let ideal = crossing.ideal.as_ref().map_or_else(String::new, |ideal| {
                        let Ideal { system, snr_db, difference_db: by, .. } = ideal;
                        let two = if ideal.words > 1 { "two words of " } else { "" };
                        format!(
                            "; {two}{} {:.2} dB: {:+.2} ({:+.2} to {:+.2})",
                            system.mode(),
                            snr_db.value,
                            by.value,
                            by.low,
                            by.high
                        )
                    });
                    writeln!(
                        text,
                        "{name}: {percent:.0} % of frames lost at {:.2} dB ({:.2} to {:.2}){digest}{ideal}",
                        at.value, at.low, at.high
                    )
                }
                None => writeln!(
                    text,
                    "{name}: no two points lie around {percent:.0} % of frames lost; widen --snr"
                ),
            };
        }
        text
    }

    /// A system's name without what all points have in common.
    fn short_name(&self, row: &Row) -> String {
        let system = &row.task.system;
        let mut parts = vec![system.standard().name().to_string(), system.band(), system.mode()];
        let variant = system.variant().to_string();
        if variant != "default" {
            parts.push(variant);
        }
        if row.task.noise != super::campaign::WHITE {
            parts.push(row.task.noise.clone());
        }
        if row.task.channel != Channel::Flat {
            parts.push(row.task.channel.to_string());
        }
        parts.join(" ")
    }
}

/// A number rounded to six significant digits, without an exponent.
fn six_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    // Through text, so that it is the nearest number that has these digits.
    format!("{value:.5e}").parse::<f64>().unwrap_or(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_six_digits() {
        for (value, text) in [
            (0.1234567, "0.123457"),
            (1.23456789e-6, "0.00000123457"),
            (0.0, "0"),
            (-2.75, "-2.75"),
            (1e6, "1000000"),
        ] {
            assert_eq!(six_digits(value), text);
        }
    }
}

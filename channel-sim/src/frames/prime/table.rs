//! What each stage of PRIME's receiver needs.

use super::stage::Stage;
use crate::frames::crossing::tail;
use crate::frames::table::{SELECTIVITY, along, family, straightened};
use prime_phy::Scheme;
use serde::{Deserialize, Serialize};

/// One row: a stage's need in white noise, or a preset's offset to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Noise preset as commands spell it; white noise is `n0`. Rows of shapes have [`SELECTIVITY`].
    pub preset: String,
    /// Stage.
    pub stage: Stage,
    /// Octets of the MPDU; 0 where they make no difference.
    pub octets: u32,
    /// Effective ratio at which half of the frames fail, in dB. In rows of presets other than white noise empty.
    pub middle_db: Option<f64>,
    /// Decibels from one standard deviation to the next.
    pub spread_db: Option<f64>,
    /// What a preset adds to the effective ratio, in dB.
    pub offset_db: f64,
    /// How far signal to noise rises from the lowest carrier to the highest, in dB, where the offset holds.
    pub tilt_db: Option<f64>,
    /// Half the 95 % interval of `middle_db` or `offset_db`.
    pub uncertainty_db: f64,
}

/// The calibration.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    rows: Vec<Row>,
}

/// A stage's need under a set of presets.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// (ln octets, middle, spread), in ascending order.
    points: Vec<(f64, f64, f64)>,
    /// (tilt, offset) of each preset, in ascending order.
    offsets: Vec<Vec<(f64, f64)>>,
}

impl Need {
    /// What the presets add to the effective ratio of a link of this tilt, both in dB.
    pub fn offset_db(&self, tilt_db: f64) -> f64 {
        self.offsets.iter().map(|points| along(points, tilt_db)).sum()
    }

    /// Probability that a frame of `octets` fails all of whose symbols have one effective ratio, its offset included.
    pub fn failure(&self, octets: usize, effective_db: f64) -> f64 {
        let x = libm::log(octets.max(1) as f64);
        let of = |figure: fn(&(f64, f64, f64)) -> f64| {
            along(&self.points.iter().map(|point| (point.0, figure(point))).collect::<Vec<_>>(), x)
        };
        tail((effective_db - of(|point| point.1)) / of(|point| point.2).max(1e-3))
    }
}

/// The table in the repository.
const BUILT_IN: &str = include_str!("../../../results/fidelity-prime-table.csv");

impl Table {
    /// The calibration that comes with the program.
    pub fn built_in() -> Self {
        // A test reads it.
        Self::parse(BUILT_IN).unwrap_or(Self { rows: Vec::new() })
    }

    /// A table of rows.
    pub fn new(rows: Vec<Row>) -> Self {
        Self { rows }
    }

    /// Its rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The same with more rows.
    pub fn with(&self, more: impl IntoIterator<Item = Row>) -> Self {
        Self { rows: self.rows.iter().cloned().chain(more).collect() }
    }

    /// Reads comma-separated values.
    ///
    /// # Errors
    /// A sentence that names what is missing or wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
        let rows: Vec<Row> = reader.deserialize().collect::<Result<_, _>>().map_err(|error| {
            format!(
                "calibration table of PRIME: {error}; make one with channel-sim calibrate --standard prime"
            )
        })?;
        for row in &rows {
            let figures = [row.middle_db, row.spread_db, row.tilt_db, Some(row.offset_db)];
            if !figures.into_iter().flatten().all(f64::is_finite) || row.spread_db.is_some_and(|db| db <= 0.0)
            {
                let (preset, stage) = (&row.preset, row.stage.name());
                return Err(format!(
                    "calibration table of PRIME: row {preset},{stage},{} has a figure that is none, or a spread that is \
                     not above 0",
                    row.octets
                ));
            }
        }
        let table = Self { rows };
        match Stage::all().find(|&stage| table.white(stage).is_empty()) {
            None => Ok(table),
            Some(stage) => Err(format!(
                "calibration table of PRIME: no row n0,{} with middle_db and spread_db; make one with channel-sim \
                 calibrate --standard prime",
                stage.name()
            )),
        }
    }

    /// A stage's need in the noise of `presets`: the offset of the set if it was calibrated as one, else the sum of those
    /// of its parts. Presets without a row have none.
    pub fn need(&self, stage: Stage, presets: &[String]) -> Need {
        let offsets = |name: &str| {
            let rows = self.rows.iter().filter(|row| row.preset == name && row.stage == stage);
            let mut points: Vec<(f64, f64)> = rows
                .filter(|row| row.middle_db.is_none())
                .map(|row| (row.tilt_db.unwrap_or_default(), row.offset_db))
                .collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            if stage.is_payload() { straightened(&points) } else { points }
        };
        let together = offsets(&presets.iter().map(|preset| family(preset)).collect::<Vec<_>>().join("+"));
        let offsets = match together.is_empty() {
            true => presets.iter().map(|preset| offsets(&family(preset))).collect(),
            false => vec![together],
        };
        Need { points: self.white(stage), offsets }
    }

    /// How much a scheme suffers from unequal carriers: its ratios are divided by this before averaging.
    pub fn shape_db(&self, scheme: Scheme) -> f32 {
        let stage = Stage::Payload(scheme);
        let row = self.rows.iter().find(|row| row.preset == SELECTIVITY && row.stage == stage);
        row.map_or(0.0, |row| row.offset_db as f32)
    }

    fn white(&self, stage: Stage) -> Vec<(f64, f64, f64)> {
        let rows = self.rows.iter().filter(|row| row.preset == "n0" && row.stage == stage);
        let mut points: Vec<(f64, f64, f64)> = rows
            .filter_map(|row| Some((libm::log(f64::from(row.octets.max(1))), row.middle_db?, row.spread_db?)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_is_read_and_written_alike() {
        let table = Table::parse(BUILT_IN).unwrap();
        let written = crate::frames::proof::csv(table.rows()).unwrap();
        assert_eq!(Table::parse(&String::from_utf8(written).unwrap()).unwrap(), table);
        // prime.md 9.5 and docs/prime-phy.md: frames of 133 octets of DBPSK_C, one in ten lost at 3.07 dB.
        let need = table.need(Stage::Payload(Scheme::DbpskC), &["n0=-90".into()]);
        let share = need.failure(140, 3.07);
        assert!((0.05..0.2).contains(&share), "{share}");
        assert!(need.failure(20, 3.07) < share);
    }

    #[test]
    fn rows_that_are_none_are_refused() {
        let rows = Table::built_in().rows().to_vec();
        let text = |rows: Vec<Row>| String::from_utf8(crate::frames::proof::csv(&rows).unwrap()).unwrap();
        let mut wrong = rows.clone();
        wrong[0].spread_db = Some(-1.0);
        assert!(Table::parse(&text(wrong)).unwrap_err().contains("spread"));
        assert!(Table::parse(&text(rows[1..].to_vec())).unwrap_err().contains("preamble-a"));
    }
}

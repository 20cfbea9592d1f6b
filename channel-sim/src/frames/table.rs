//! The calibration: how much effective signal to noise each stage of the receiver needs.
//!
//! A stage fails with probability Q((e + offset - middle) / spread), where e is the effective signal to noise over
//! the stage's time, in dB. Middles and spreads are those of white noise; a noise preset shifts them by an offset,
//! which holds what the effective ratio does not say of the receiver in that noise (clipping of soft bits, estimates
//! that lag). `channel-sim calibrate` writes the table and `docs/link-fidelity.md` shows it.

use super::crossing::tail;
use super::modem::Modem;
pub use super::modem::Stage;
use super::overlap::Overlap;
use serde::{Deserialize, Serialize};

/// One row of the table: a stage's need in white noise, or a preset's offset to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Noise preset as commands spell it; white noise is `n0`.
    pub preset: String,
    /// Stage.
    pub stage: Stage,
    /// Octets of the PSDU; 0 where there is none.
    pub octets: u32,
    /// Effective ratio at which half of the frames fail, in dB. In rows of presets other than white noise empty.
    pub middle_db: Option<f64>,
    /// Decibels from one standard deviation to the next.
    pub spread_db: Option<f64>,
    /// What a preset adds to the effective ratio, in dB.
    pub offset_db: f64,
    /// The link's tilt at which the offset holds ([`tilt_db`](super::budget::Budget::tilt_db)), in dB; empty: at any.
    #[serde(default)]
    pub tilt_db: Option<f64>,
    /// Half the 95 % interval of `middle_db` or `offset_db`.
    pub uncertainty_db: f64,
    /// Share of the stage that another frame covers, in rows of [`INTERFERENCE`](super::overlap::INTERFERENCE) and
    /// [`TOGETHER`](super::overlap::TOGETHER).
    #[serde(default)]
    pub share: Option<f64>,
    /// In the same rows how far the other frame's ratio to the noise rises from the lowest to the highest carrier, in dB.
    #[serde(default)]
    pub other_tilt_db: Option<f64>,
}

impl Row {
    fn is_sound(&self) -> bool {
        let figures = [self.middle_db, self.spread_db, self.tilt_db, self.share, self.other_tilt_db];
        let figures = figures.into_iter().chain([Some(self.offset_db), Some(self.uncertainty_db)]);
        figures.flatten().all(f64::is_finite) && self.spread_db.is_none_or(|db| db > 0.0)
    }
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
    /// Half-failure point and spread for a PSDU of `octets`.
    pub fn of(&self, octets: usize) -> (f64, f64) {
        let x = libm::log(octets.max(1) as f64);
        let at = |index: usize| self.points.get(index).copied().unwrap_or((0.0, 0.0, 1.0));
        let last = self.points.len().saturating_sub(1);
        let upper = self.points.iter().position(|point| point.0 >= x).unwrap_or(last).max(1).min(last);
        let (a, b) = (at(upper.saturating_sub(1)), at(upper));
        let share = if b.0 > a.0 { ((x - a.0) / (b.0 - a.0)).clamp(-0.5, 1.5) } else { 0.0 };
        (a.1 + share * (b.1 - a.1), a.2 + share.clamp(0.0, 1.0) * (b.2 - a.2))
    }

    /// What the presets add to the effective ratio of a link of this tilt, both in dB: for a payload on the straight line of
    /// least squares through all tilts that were calibrated, for preamble and FCH on lines from one to the next, and beyond
    /// them as at the last.
    pub fn offset_db(&self, tilt_db: f64) -> f64 {
        self.offsets.iter().map(|points| along(points, tilt_db)).sum()
    }

    /// Effective ratio, its offset included, at which one frame in ten fails.
    pub fn tenth_db(&self, octets: usize) -> f64 {
        let (middle, spread) = self.of(octets);
        middle + 1.281_552 * spread
    }

    /// Probability of failure at an effective ratio, its offset included.
    pub fn failure(&self, octets: usize, effective_db: f64) -> f64 {
        let (middle, spread) = self.of(octets);
        tail((effective_db - middle) / spread)
    }
}

/// What rows have in place of a preset that tell how much a mode suffers from unequal carriers ([`Table::shape_db`]).
pub const SELECTIVITY: &str = "selectivity";

/// The table in the repository.
const BUILT_IN: &str = include_str!("../../results/fidelity-table.csv");

impl Table {
    /// The calibration that comes with the program.
    pub fn built_in() -> Self {
        // A test reads it.
        Self::parse(BUILT_IN, &Modem::cenelec_a()).unwrap_or(Self { rows: Vec::new() })
    }

    /// A table of rows.
    pub fn new(rows: Vec<Row>) -> Self {
        Self { rows }
    }

    /// Its rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Reads comma-separated values: the table of a modem, with what each of its stages needs.
    ///
    /// # Errors
    /// Where they are none, a figure is none, or a stage is missing.
    pub fn parse(text: &str, modem: &Modem) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
        let rows: Vec<Row> = reader
            .deserialize()
            .collect::<Result<_, _>>()
            .map_err(|error| format!("calibration table: {error}; make one with channel-sim calibrate"))?;
        let table = Self { rows };
        if let Some(row) = table.rows.iter().find(|row| !row.is_sound()) {
            let (preset, stage) = (&row.preset, row.stage.name());
            return Err(format!(
                "calibration table: row {preset},{stage},{} has a figure that is none, or a spread that is not above 0",
                row.octets
            ));
        }
        for stage in modem.stages().iter().map(|reception| reception.stage) {
            if table.white(stage).is_empty() {
                let name = stage.name();
                return Err(format!(
                    "calibration table: no row n0,{name} with middle_db and spread_db, which {} needs; make one with \
                     channel-sim calibrate",
                    modem.name()
                ));
            }
        }
        Ok(table)
    }

    /// Comma-separated values.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in &self.rows {
            writer.serialize(row)?;
        }
        writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
    }

    /// A stage's need in the noise of `presets`: the offset of the set if it was calibrated as one, else the sum of
    /// those of its parts. Presets without a row have none.
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

    /// How much a payload suffers from unequal carriers, in dB.
    pub fn shape_db(&self, stage: Stage) -> f32 {
        let row = self.rows.iter().find(|row| row.preset == SELECTIVITY && row.stage == stage);
        row.map_or(0.0, |row| row.offset_db as f32)
    }

    /// What other frames add to a stage's effective ratio.
    pub fn overlap(&self, stage: Stage) -> Overlap {
        Overlap::new(&self.rows, stage)
    }

    /// Presets among `presets` that were never calibrated.
    pub fn unknown(&self, presets: &[String]) -> Vec<String> {
        let known = |preset: &String| self.rows.iter().any(|row| row.preset == family(preset));
        presets.iter().filter(|preset| !known(preset)).cloned().collect()
    }

    fn white(&self, stage: Stage) -> Vec<(f64, f64, f64)> {
        let mut points: Vec<(f64, f64, f64)> = self
            .rows
            .iter()
            .filter(|row| row.preset == "n0" && row.stage == stage)
            .filter_map(|row| Some((libm::log(f64::from(row.octets.max(1))), row.middle_db?, row.spread_db?)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    }
}

/// The ends of the straight line of least squares through points in ascending order. Few reference paths tell a trend; what
/// each has beside it is its own, by how its carriers meet the interleaver, and no other link's.
pub(super) fn straightened(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let count = points.len() as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(&|point| point.0), mean(&|point| point.1));
    let square = mean(&|point| (point.0 - x) * (point.0 - x));
    let slope = if square > 0.0 { mean(&|point| (point.0 - x) * (point.1 - y)) / square } else { 0.0 };
    [first.0, last.0].map(|tilt| (tilt, y + slope * (tilt - x))).to_vec()
}

/// The value of straight lines between points in ascending order; 0 where there are none.
pub(super) fn along(points: &[(f64, f64)], x: f64) -> f64 {
    let Some(last) = points.last() else { return 0.0 };
    let above = points.iter().position(|point| point.0 >= x);
    match above.map(|index| (index.checked_sub(1).and_then(|below| points.get(below)), points.get(index))) {
        Some((Some(a), Some(b))) => a.1 + (x - a.0) / (b.0 - a.0) * (b.1 - a.1),
        Some((None, Some(first))) => first.1,
        _ => last.1,
    }
}

/// The preset without its level: a level changes the signal to noise and nothing else.
pub fn family(preset: &str) -> String {
    let lower = preset.trim().to_lowercase();
    let (head, parameters) = lower.split_at(lower.find(':').unwrap_or(lower.len()));
    let level = head.find(['=', '+', '-']).unwrap_or(head.len());
    format!("{}{parameters}", &head[..level])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Table, String> {
        Table::parse(text, &Modem::cenelec_a())
    }

    #[test]
    fn the_built_in_table_is_read_and_written_alike() {
        let table = parse(BUILT_IN).unwrap();
        assert_eq!(parse(&String::from_utf8(table.csv().unwrap()).unwrap()).unwrap(), table);
        let robust = table.need(Stage::Robust, &["n0=-90".into()]);
        // Channel digest 5.3 and g3-phy digest 11.3: Robust loses one frame in ten of 100 octets at -2.0 dB.
        let share = robust.failure(100, -2.0);
        assert!((0.005..0.6).contains(&share), "{share}");
        assert!(robust.failure(100, 2.0) < 1e-4 && robust.failure(100, -5.0) > 0.999);
    }

    #[test]
    fn longer_frames_need_more() {
        let need = Table::built_in().need(Stage::Dbpsk, &[]);
        assert!(need.of(133).0 > need.of(20).0);
    }

    #[test]
    fn an_offset_lies_on_lines_between_the_tilts_it_was_found_at() {
        let row = |tilt_db: Option<f64>, offset_db: f64, preset: &str| Row {
            tilt_db,
            ..super::super::calibrate::row(preset, Stage::Dbpsk, offset_db, 0.0)
        };
        let rows = vec![row(Some(4.0), 1.0, "n1"), row(Some(-6.0), -1.0, "n1"), row(None, 0.25, "n3a")];
        let need = |presets: &[&str]| {
            let presets: Vec<String> = presets.iter().map(ToString::to_string).collect();
            Table::new(rows.clone()).need(Stage::Dbpsk, &presets)
        };
        assert_eq!(
            [-20.0, -6.0, -1.0, 4.0, 20.0].map(|x| need(&["n1"]).offset_db(x)),
            [-1.0, -1.0, 0.0, 1.0, 1.0]
        );
        assert_eq!(need(&["n1", "n3a"]).offset_db(4.0), 1.25);
        assert_eq!(need(&["n2"]).offset_db(0.0), 0.0);
    }

    #[test]
    fn a_payloads_offset_is_the_trend_over_the_tilts_and_no_single_paths() {
        let line = straightened(&[(0.0, 1.0), (1.0, 3.0), (2.0, 1.0), (3.0, 3.0)]);
        assert_eq!(line.iter().map(|point| point.0).collect::<Vec<_>>(), [0.0, 3.0]);
        // By hand: means 1.5 and 2, covariance 0.5, variance 1.25.
        assert!((line[0].1 - 1.4).abs() < 1e-12 && (line[1].1 - 2.6).abs() < 1e-12, "{line:?}");
        assert_eq!(straightened(&[(4.0, 1.0)]), [(4.0, 1.0), (4.0, 1.0)]);
    }

    #[test]
    fn presets_are_known_by_their_family() {
        assert_eq!(
            ["N0=-90", "n1+5", "n1-5", "N3a", "n5a=-80:db=20"].map(family),
            ["n0", "n1", "n1", "n3a", "n5a:db=20"]
        );
    }

    #[test]
    fn a_spread_that_turns_the_curve_over_is_refused() {
        for wrong in [-0.393, 0.0, f64::NAN] {
            let mut rows = Table::built_in().rows().to_vec();
            rows[2].spread_db = Some(wrong);
            let text = String::from_utf8(Table::new(rows).csv().unwrap()).unwrap();
            assert!(parse(&text).is_err_and(|error| error.contains("spread")), "{wrong}");
        }
    }

    #[test]
    fn a_figure_that_is_no_number_is_refused_in_every_column() {
        for wrong in [f64::NAN, f64::INFINITY] {
            let broken: [fn(&mut Row, f64); 7] = [
                |row, figure| row.middle_db = Some(figure),
                |row, figure| row.spread_db = Some(figure),
                |row, figure| row.offset_db = figure,
                |row, figure| row.tilt_db = Some(figure),
                |row, figure| row.uncertainty_db = figure,
                |row, figure| row.share = Some(figure),
                |row, figure| row.other_tilt_db = Some(figure),
            ];
            for (column, broken) in broken.into_iter().enumerate() {
                let mut rows = Table::built_in().rows().to_vec();
                broken(&mut rows[2], wrong);
                let text = String::from_utf8(Table::new(rows).csv().unwrap()).unwrap();
                let refused = parse(&text).is_err_and(|error| error.contains("figure that is none"));
                assert!(refused, "{column}: {wrong}");
            }
        }
    }

    #[test]
    fn a_table_without_a_stage_is_refused() {
        let error = parse("preset,stage,octets,middle_db,spread_db,offset_db,uncertainty_db\n").unwrap_err();
        assert!(error.contains("preamble") && error.contains("calibrate"), "{error}");
    }
}

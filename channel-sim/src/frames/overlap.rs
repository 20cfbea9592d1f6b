//! What a frame that overlaps another adds to its effective ratio: by the share that it covers, by whether the FCH knew of it,
//! and by how unequal the two are over the carriers.
//!
//! It holds what the ratio does not say of the receiver: how it weights symbols by their power, which swings with the product
//! of both frames, that it rounds what it muted, and that a code stands erasures better than noise. Found by [`super::capture`].

use super::modem::Stage;
use super::table::{Row, along};

/// What rows have in place of a preset that tell what a frame over the end of another's payload adds to its effective
/// ratio. Their tilt is that of the ratio of the two frames' powers.
pub const INTERFERENCE: &str = "interference";
/// The same for frames that begin together, so that the FCH knows the other one for noise.
pub const TOGETHER: &str = "together";
/// What other frames add to an effective ratio, by the share that they cover.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlap {
    /// By ascending share.
    late: Vec<(f64, Tilts)>,
    together: Vec<(f64, Tilts)>,
}

/// How two frames meet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Meeting {
    /// Share of the stage that the other frame covers.
    pub share: f64,
    /// Share of the FCH that it covered: what the receiver knows of it.
    pub known: f64,
    /// How far the ratio of the frames' powers rises from the lowest to the highest carrier, in dB.
    pub tilt_db: f64,
    /// The same of the ratio of the other's power to the noise.
    pub other_tilt_db: f64,
}

impl Overlap {
    /// From the rows of a table.
    pub fn new(rows: &[Row], stage: Stage) -> Self {
        let of = |preset: &str| {
            let mut shares: Vec<(f64, Vec<&Row>)> = Vec::new();
            for row in rows.iter().filter(|row| row.preset == preset && row.stage == stage) {
                let Some(share) = row.share else { continue };
                match shares.iter_mut().find(|known| known.0 == share) {
                    Some(known) => known.1.push(row),
                    None => shares.push((share, vec![row])),
                }
            }
            shares.sort_by(|a, b| a.0.total_cmp(&b.0));
            shares.into_iter().map(|(share, rows)| (share, Tilts::of(&rows))).collect()
        };
        Self { late: of(INTERFERENCE), together: of(TOGETHER) }
    }

    /// In dB. Straight lines between the shares that were calibrated; a share of nothing adds nothing.
    pub fn offset_db(&self, meeting: &Meeting) -> f64 {
        let of = |shares: &[(f64, Tilts)]| {
            let points = shares
                .iter()
                .map(|(share, tilts)| (*share, tilts.at(meeting.tilt_db, meeting.other_tilt_db)));
            along(&[(0.0, 0.0)].into_iter().chain(points).collect::<Vec<_>>(), meeting.share)
        };
        let known = if self.together.is_empty() { 0.0 } else { meeting.known.clamp(0.0, 1.0) };
        (1.0 - known) * of(&self.late) + if known > 0.0 { known * of(&self.together) } else { 0.0 }
    }
}

/// An offset that changes with both tilts: with the amount of the other's, and with the ratio's as it rises or falls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tilts {
    level_db: f64,
    /// Decibels a decibel of tilt, and up to where it is known.
    other: (f64, f64),
    rising: (f64, f64),
    falling: (f64, f64),
}

impl Tilts {
    /// From rows of one share: one without tilts, and one for each of the three others.
    fn of(rows: &[&Row]) -> Self {
        const NONE_DB: f64 = 3.0;
        let tilt = |row: &Row| row.tilt_db.unwrap_or_default();
        let other = |row: &Row| row.other_tilt_db.unwrap_or_default().abs();
        let find = |wanted: &dyn Fn(f64, f64) -> bool| rows.iter().find(|row| wanted(tilt(row), other(row)));
        let mut tilts = Self::default();
        if let Some(row) = find(&|tilt, other| tilt.abs() < NONE_DB && other < NONE_DB) {
            tilts.level_db = row.offset_db;
        }
        if let Some(row) = find(&|tilt, other| tilt.abs() < NONE_DB && other >= NONE_DB) {
            tilts.other = ((row.offset_db - tilts.level_db) / other(row), other(row));
        }
        let slope = |row: &Row| {
            let beside = tilts.at(0.0, other(row));
            ((row.offset_db - beside) / tilt(row).abs(), tilt(row).abs())
        };
        let (rising, falling) = (find(&|tilt, _| tilt >= NONE_DB), find(&|tilt, _| tilt <= -NONE_DB));
        let (rising, falling) = (rising.map(|row| slope(row)), falling.map(|row| slope(row)));
        Self { rising: rising.unwrap_or_default(), falling: falling.unwrap_or_default(), ..tilts }
    }

    fn at(&self, tilt_db: f64, other_tilt_db: f64) -> f64 {
        let along = |(slope, most): (f64, f64), tilt: f64| slope * tilt.abs().min(most);
        let side = if tilt_db < 0.0 { self.falling } else { self.rising };
        self.level_db + along(self.other, other_tilt_db) + along(side, tilt_db)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_lies_between_the_shares_and_tilts_it_was_found_at() {
        let row = |preset: &str, share: f64, tilts: [f64; 2], offset_db: f64| Row {
            tilt_db: Some(tilts[0]),
            share: Some(share),
            other_tilt_db: Some(tilts[1]),
            ..super::super::calibrate::row(preset, Stage::Dbpsk, offset_db, 0.0)
        };
        let rows = [
            row(INTERFERENCE, 1.0, [0.0, 0.0], -2.0),
            row(INTERFERENCE, 1.0, [10.0, -10.0], -4.0),
            row(INTERFERENCE, 1.0, [-10.0, 0.0], -1.0),
            row(INTERFERENCE, 1.0, [0.0, -16.0], -6.0),
            row(INTERFERENCE, 0.5, [0.0, 0.0], 1.0),
            row(TOGETHER, 1.0, [0.0, 0.0], 3.0),
        ];
        let overlap = Overlap::new(&rows, Stage::Dbpsk);
        let at = |share: f64, known: f64, [tilt_db, other_tilt_db]: [f64; 2]| {
            overlap.offset_db(&Meeting { share, known, tilt_db, other_tilt_db })
        };
        for row in &rows {
            let known = f64::from(u8::from(row.preset == TOGETHER));
            let found = at(row.share.unwrap(), known, [row.tilt_db.unwrap(), row.other_tilt_db.unwrap()]);
            assert!((found - row.offset_db).abs() < 1e-12, "{row:?}: {found}");
        }
        assert_eq!([0.0, 0.25, 0.75].map(|share| at(share, 0.0, [0.0; 2])), [0.0, 0.5, -0.5]);
        assert_eq!([at(1.0, 0.0, [0.0, 8.0]), at(1.0, 0.0, [-5.0, 0.0])], [-4.0, -1.5]);
        assert_eq!([at(1.0, 0.0, [-99.0, 0.0]), at(1.0, 0.5, [0.0; 2])], [-1.0, 0.5]);
        let meeting = Meeting { share: 0.7, known: 1.0, tilt_db: 3.0, other_tilt_db: 1.0 };
        assert_eq!(Overlap::default().offset_db(&meeting), 0.0);
    }
}

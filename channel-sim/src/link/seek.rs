//! Where a curve loses one frame in ten, when nobody knows: found by few frames, before points are laid around it.

use super::campaign::{Campaign, Measure, Point, Stop, Task};
use super::crew::run;
use super::figures;
use super::statistics::{Estimate, interpolate};
use std::sync::atomic::{AtomicBool, Ordering};

/// Frames of a look: one round of streams.
const FRAMES: u64 = 128;
/// The level looked for.
const LEVEL: f64 = 0.1;
/// First step away from the first guess; it doubles.
const STEP_DB: f64 = 2.0;
/// Looks end when the level lies between two that are so far apart.
const CLOSE_DB: f64 = 0.5;
/// Nothing is looked for beyond these.
const RANGE_DB: [f64; 2] = [-30.0, 50.0];
/// Sets the frames that are looked with apart from those that count.
const SEED: u64 = 0x5EEC_0000_0000_0000;

/// Where points lie around what was found, in dB: close together in white noise over a flat channel, where curves are steep.
const STEEP: [f64; 5] = [-0.5, -0.25, 0.0, 0.25, 0.5];
const SLOW: [f64; 5] = [-2.0, -1.0, 0.0, 1.0, 2.0];

/// A curve's level between two looks, then points around it.
struct Search {
    task: Task,
    next_db: Option<f64>,
    /// The highest look that lost more, and the lowest that lost less.
    above: Option<(f64, f64)>,
    below: Option<(f64, f64)>,
    step_db: f64,
    /// Points in order, once the level lies between two looks.
    points: Vec<f64>,
    /// What the next point beyond the first and the last is away from it; `None` where these lie beyond the level for sure.
    beyond: [Option<f64>; 2],
}

impl Search {
    fn new(task: Task) -> Self {
        let guess = figures::awgn(&task.system).map_or(0.0, |figure| figure.fer_10_percent_db);
        let next_db = Some((2.0 * guess).round() / 2.0);
        let (points, beyond) = (Vec::new(), [None, None]);
        Self { task, next_db, above: None, below: None, step_db: STEP_DB, points, beyond }
    }

    /// Where to look next: for the level, or at the ends of the points.
    fn next(&self) -> Vec<f64> {
        match self.next_db {
            Some(next_db) => vec![next_db],
            None => self.open_ends().map(|(_, at_db)| at_db).collect(),
        }
    }

    fn open_ends(&self) -> impl Iterator<Item = (usize, f64)> {
        let ends = [self.points.first(), self.points.last()].into_iter().enumerate();
        ends.filter_map(|(end, at_db)| self.beyond[end].and(Some((end, *at_db?))))
    }

    fn looked(&mut self, at_db: f64, rate: Estimate) {
        if self.next_db.is_some() {
            self.looked_for_level(at_db, rate.value);
            if self.next_db.is_none() {
                self.lay_points();
            }
            return;
        }
        let Some((end, _)) = self.open_ends().find(|(_, end_db)| *end_db == at_db) else { return };
        let is_beyond = if end == 0 { rate.low > LEVEL } else { rate.high < LEVEL };
        let step = self.beyond[end].take().filter(|_| !is_beyond).unwrap_or_default();
        let further = twentieths(if end == 0 { at_db - step } else { at_db + step });
        if step > 0.0 && (RANGE_DB[0]..=RANGE_DB[1]).contains(&further) {
            let place = if end == 0 { 0 } else { self.points.len() };
            self.points.insert(place, further);
            self.beyond[end] = Some(2.0 * step);
        }
    }

    fn looked_for_level(&mut self, at_db: f64, rate: f64) {
        if rate >= LEVEL {
            self.above = Some((at_db, rate));
        } else {
            self.below = Some((at_db, rate));
        }
        let next_db = match (self.above, self.below) {
            (Some((low, _)), Some((high, _))) if high - low <= CLOSE_DB => None,
            // Half decibels, so that the same looks are at the same places.
            (Some((low, _)), Some((high, _))) => Some((low + high).round() / 2.0),
            (above, _) => {
                let step = if above.is_some() { self.step_db } else { -self.step_db };
                self.step_db *= 2.0;
                Some(at_db + step)
            }
        };
        self.next_db = next_db.filter(|next| (RANGE_DB[0]..=RANGE_DB[1]).contains(next));
    }

    /// The points around the level. Where there is none in the range, around its nearer end.
    fn lay_points(&mut self) {
        let around: Vec<(f64, f64)> = [self.above, self.below].into_iter().flatten().collect();
        let ends = || around.first().map_or(0.0, |look| look.0);
        let centre = interpolate(&around, LEVEL);
        let places = if self.task.is_plain() { STEEP } else { SLOW };
        let step = places[4] - places[2];
        self.beyond = [centre.and(Some(step)); 2];
        let centre = centre.unwrap_or_else(ends);
        self.points = places.map(|place| twentieths(centre + place)).to_vec();
    }

    fn points(self) -> Vec<Task> {
        let task = |snr_db: f64| Task { snr_db, ..self.task.clone() };
        self.points.iter().copied().map(task).collect()
    }
}

/// Points are at twentieths of a decibel.
fn twentieths(db: f64) -> f64 {
    (db * 20.0).round() / 20.0 + 0.0
}

/// The points of a campaign around the ratio at which each curve loses one frame in ten. `curves` are a point each of the
/// curves, at any ratio. What is found depends on the curves and on the campaign's seed alone.
///
/// # Errors
/// The first sentence of a stream, or that `stop` was set.
pub fn seek(campaign: &Campaign, threads: usize, stop: &AtomicBool) -> Result<Vec<Task>, String> {
    let mut searches: Vec<Search> = campaign.tasks.iter().cloned().map(Search::new).collect();
    loop {
        let (indices, tasks): (Vec<usize>, Vec<Task>) = searches
            .iter()
            .enumerate()
            .flat_map(|(index, search)| {
                let task = |snr_db: f64| (index, Task { snr_db, ..search.task.clone() });
                search.next().into_iter().map(task).collect::<Vec<_>>()
            })
            .unzip();
        if tasks.is_empty() {
            return Ok(searches.into_iter().flat_map(Search::points).collect());
        }
        let look = Campaign {
            tasks,
            seed: campaign.seed ^ SEED,
            stop: Stop { max_frames: FRAMES, max_lost: u64::MAX, precision: 0.0, measure: Measure::Fer },
            ..campaign.clone()
        };
        let mut points = vec![Point::default(); look.tasks.len()];
        run(&look, &mut points, |_| true, threads, stop, |_| Ok(()))?;
        if stop.load(Ordering::Relaxed) {
            return Err("stopped while looking for the ratios; nothing is kept of that".to_string());
        }
        for ((index, task), point) in indices.into_iter().zip(&look.tasks).zip(&points) {
            if let Some(search) = searches.get_mut(index) {
                search.looked(task.snr_db, point.outcome.fer());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Grid, SnrOf, WHITE};

    /// What looks at a curve find, to the end; how many there were.
    fn searched(rate: impl Fn(f64) -> f64) -> (Search, usize) {
        let mut search = Search::new(Task::reference("dqpsk-x2".parse().unwrap(), 0.0, 100));
        let mut looks = 0;
        loop {
            let next = search.next();
            if next.is_empty() {
                return (search, looks);
            }
            for at_db in next {
                let lost = (rate(at_db) * FRAMES as f64).round() as u64;
                search.looked(at_db, Estimate::of_share(lost, FRAMES));
                looks += 1;
            }
        }
    }

    #[test]
    fn a_level_is_found_from_afar_and_points_lie_around_it() {
        for true_db in [-19.3, -3.0, 0.1, 17.7] {
            let (search, looks) = searched(|at_db| 1.0 / (1.0 + 9.0 * (8.0 * (at_db - true_db)).exp()));
            let points: Vec<f64> = search.points().iter().map(|task| task.snr_db).collect();
            assert!(points[1] < true_db && true_db < points[3], "{true_db}: {points:?}");
            assert!(points.len() == 5 && looks < 16, "{true_db}: {points:?} {looks}");
        }
    }

    #[test]
    fn points_go_on_until_the_level_lies_between_them_for_sure() {
        // Steep, then a plateau just below the level that ends three decibels later.
        let (search, looks) = searched(|at_db| match at_db {
            ..-1.0 => 0.9,
            ..2.0 => 0.09,
            _ => 0.0,
        });
        let points: Vec<f64> = search.points().iter().map(|task| task.snr_db).collect();
        assert!(points[0] < -1.0 && points[points.len() - 1] >= 2.0 && looks < 16, "{points:?} {looks}");
        assert!(points.is_sorted() && points.windows(2).all(|pair| pair[0] < pair[1]), "{points:?}");
        // One that never ends.
        let (search, looks) = searched(|at_db| if at_db < -1.0 { 0.9 } else { 0.09 });
        assert!(looks < 20, "{looks}");
        assert!(search.points().iter().all(|task| (RANGE_DB[0]..=RANGE_DB[1]).contains(&task.snr_db)));
    }

    #[test]
    fn a_curve_that_never_gets_there_ends_the_search() {
        let (search, looks) = searched(|_| 0.5);
        assert!(looks < 10 && search.points().len() == 5);
    }

    #[test]
    fn chains_without_a_figure_are_found_by_their_frames() {
        let grid = Grid {
            systems: vec!["reference/none/dbpsk-x2/default".parse().unwrap()],
            noises: vec![WHITE.to_string()],
            snr_db: Some(vec![0.0]),
            octets: 100,
            ..Grid::default()
        };
        let campaign = Campaign {
            tasks: grid.tasks().unwrap(),
            seed: 1,
            stop: Stop { max_frames: 1, max_lost: 1, precision: 0.1, measure: Measure::Fer },
            snr_of: SnrOf::Mean,
            exact: false,
        };
        let never = AtomicBool::new(false);
        let found = seek(&campaign, 2, &never).unwrap();
        assert_eq!(found, seek(&campaign, 1, &never).unwrap());
        // Two copies are between one (2.67 dB) and four (-1.45 dB).
        assert!(found.len() >= 5 && (-0.2..1.2).contains(&found[2].snr_db), "{found:?}");
    }
}

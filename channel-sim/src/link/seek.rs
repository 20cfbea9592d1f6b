//! Where a curve loses one frame in ten, when nobody knows: found by few frames, before points are laid around it.

use super::campaign::{Campaign, Measure, Point, Stop, Task};
use super::crew::run;
use super::figures;
use super::statistics::interpolate;
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

/// A curve's level between two looks.
struct Search {
    task: Task,
    next_db: Option<f64>,
    /// The highest look that lost more, and the lowest that lost less.
    above: Option<(f64, f64)>,
    below: Option<(f64, f64)>,
    step_db: f64,
}

impl Search {
    fn new(task: Task) -> Self {
        let guess = figures::awgn(&task.system).map_or(0.0, |figure| figure.fer_10_percent_db);
        let next_db = Some((2.0 * guess).round() / 2.0);
        Self { task, next_db, above: None, below: None, step_db: STEP_DB }
    }

    fn looked(&mut self, at_db: f64, rate: f64) {
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
    fn points(self) -> Vec<Task> {
        let around: Vec<(f64, f64)> = [self.above, self.below].into_iter().flatten().collect();
        let ends = || around.first().map_or(0.0, |look| look.0);
        let centre = interpolate(&around, LEVEL).unwrap_or_else(ends);
        let places = if self.task.is_plain() { STEEP } else { SLOW };
        let task = |place: f64| {
            // Of twentieths of a decibel.
            let snr_db = ((centre + place) * 20.0).round() / 20.0 + 0.0;
            Task { snr_db, ..self.task.clone() }
        };
        places.map(task).to_vec()
    }
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
            .filter_map(|(index, search)| {
                Some((index, Task { snr_db: search.next_db?, ..search.task.clone() }))
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
                search.looked(task.snr_db, point.outcome.fer().value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Grid, SnrOf, WHITE};

    #[test]
    fn a_level_is_found_from_afar_and_points_lie_around_it() {
        for true_db in [-19.3, -3.0, 0.1, 17.7] {
            let task = Task::reference("dqpsk-x2".parse().unwrap(), 0.0, 100);
            let mut search = Search::new(task);
            let mut looks = 0;
            while let Some(at_db) = search.next_db {
                search.looked(at_db, 1.0 / (1.0 + 9.0 * (4.0 * (at_db - true_db)).exp()));
                looks += 1;
            }
            let points: Vec<f64> = search.points().iter().map(|task| task.snr_db).collect();
            assert!(
                points[1] < true_db && true_db < points[3] && looks < 14,
                "{true_db}: {points:?} {looks}"
            );
        }
    }

    #[test]
    fn a_curve_that_never_gets_there_ends_the_search() {
        let mut search = Search::new(Task::reference("dqpsk-x2".parse().unwrap(), 0.0, 100));
        let mut looks = 0;
        while let Some(at_db) = search.next_db {
            search.looked(at_db, 0.5);
            looks += 1;
        }
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
        assert!(found.len() == 5 && (-0.2..1.2).contains(&found[2].snr_db), "{found:?}");
    }
}

//! Many threads on one campaign, with results that do not depend on how many.
//!
//! A point is measured in rounds of streams; a stream is determined by seed, point and number alone, and the decision
//! to end a point is taken between rounds only. Rounds grow with what is done, so that large machines are busy to the
//! end. Threads take streams of the earliest point that has some left; while a point waits for the last streams of a
//! round, they go on with the next.

use super::campaign::{Campaign, Point, Task};
use super::channel::Responses;
use super::{Outcome, stream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Streams of the first rounds, and the most of one.
const FEWEST_STREAMS: u64 = 16;
const MOST_STREAMS: u64 = 1_024;
/// How often the watcher is told.
const WATCH: Duration = Duration::from_millis(200);

/// Measures the points whose index `mine` holds and that have not ended, until they all have or `stop` is set.
///
/// `watch` is told now and then, and at the end, how far all points are; what it returns as an error ends the run.
/// Rounds that are under way when it ends are forgotten, so that a later run goes on as if nothing had happened.
///
/// # Errors
/// The first sentence of a stream or of `watch`.
pub fn run(
    campaign: &Campaign,
    points: &mut [Point],
    mine: impl Fn(usize) -> bool,
    threads: usize,
    stop: &AtomicBool,
    watch: impl FnMut(&[Point]) -> Result<(), String>,
) -> Result<(), String> {
    let responses = Responses::new(&campaign.tasks, &mine)?;
    let stream = |index, task: &Task, number| stream::run(campaign, task, responses.of(index), number);
    run_streams(campaign, points, mine, Workers { threads, stop, stream }, watch)
}

/// Who does the work.
struct Workers<'a, S> {
    threads: usize,
    stop: &'a AtomicBool,
    /// Runs a point's stream: the point's index and task, and the stream's number.
    stream: S,
}

fn run_streams(
    campaign: &Campaign,
    points: &mut [Point],
    mine: impl Fn(usize) -> bool,
    workers: Workers<'_, impl Fn(usize, &Task, u64) -> Result<Outcome, String> + Sync>,
    mut watch: impl FnMut(&[Point]) -> Result<(), String>,
) -> Result<(), String> {
    let Workers { threads, stop, stream } = workers;
    let waiting =
        (0..points.len().min(campaign.tasks.len())).filter(|&index| mine(index)).rev().collect::<Vec<_>>();
    let board = Board {
        state: Mutex::new(State {
            waiting: waiting.into_iter().filter(|&index| points[index].ended.is_none()).collect(),
            points: points.to_vec(),
            rounds: Vec::new(),
            error: None,
            workers: threads.max(1),
        }),
        changed: Condvar::new(),
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let _leave = Leave(&board);
                while let Some((index, number)) = board.take(stop) {
                    let outcome = match campaign.tasks.get(index) {
                        Some(task) => caught(task, number, || stream(index, task, number)),
                        None => Ok(Outcome::default()),
                    };
                    board.put(campaign, index, outcome);
                }
            });
        }
        let mut state = board.lock();
        loop {
            let seen = state.points.clone();
            let done = state.workers == 0;
            drop(state);
            if let Err(error) = watch(&seen) {
                board.lock().error.get_or_insert(error);
            }
            if done {
                break;
            }
            state = board.lock();
            if state.workers > 0 {
                let waited = board.changed.wait_timeout_while(state, WATCH, |state| state.workers > 0);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    });
    let state = board.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    points.copy_from_slice(&state.points);
    state.error.map_or(Ok(()), Err)
}

/// A stream's outcome. A panic becomes a sentence, so that nobody waits for the stream's round and what is done is kept.
fn caught(
    task: &Task,
    number: u64,
    run: impl FnOnce() -> Result<Outcome, String>,
) -> Result<Outcome, String> {
    // Nothing of a stream outlives it but caches, which are replaced whole.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(ToString::to_string);
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(format!("stream {number} of {task} panicked, an error of this program: {said}"))
    })
}

struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    points: Vec<Point>,
    /// Points that nobody has begun with in this run, the next one last.
    waiting: Vec<usize>,
    /// Rounds under way, the earliest point first.
    rounds: Vec<Round>,
    error: Option<String>,
    workers: usize,
}

struct Round {
    index: usize,
    next: u64,
    end: u64,
    under_way: u64,
    outcome: Outcome,
}

impl Round {
    fn new(index: usize, point: &Point) -> Self {
        let streams = (point.streams / 4).clamp(FEWEST_STREAMS, MOST_STREAMS);
        Self {
            index,
            next: point.streams,
            end: point.streams + streams,
            under_way: 0,
            outcome: Outcome::default(),
        }
    }
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next stream: point and number; waits where all are taken. `None` where there is nothing more to do.
    fn take(&self, stop: &AtomicBool) -> Option<(usize, u64)> {
        let mut state = self.lock();
        loop {
            if stop.load(Ordering::Relaxed) || state.error.is_some() {
                return None;
            }
            if let Some(round) = state.rounds.iter_mut().find(|round| round.next < round.end) {
                round.next += 1;
                round.under_way += 1;
                return Some((round.index, round.next - 1));
            }
            if let Some(index) = state.waiting.pop() {
                let round = Round::new(index, &state.points[index]);
                state.rounds.push(round);
            } else if state.rounds.is_empty() {
                return None;
            } else {
                let waited = self.changed.wait_timeout(state, WATCH);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    /// Takes a stream's outcome and, with the last one of a round, decides whether the point ends.
    fn put(&self, campaign: &Campaign, index: usize, outcome: Result<Outcome, String>) {
        let mut state = self.lock();
        let state = &mut *state;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                state.error.get_or_insert(error);
                self.changed.notify_all();
                return;
            }
        };
        let Some(place) = state.rounds.iter().position(|round| round.index == index) else { return };
        let round = &mut state.rounds[place];
        round.under_way -= 1;
        round.outcome = round.outcome + outcome;
        if round.next < round.end || round.under_way > 0 {
            return;
        }
        let point = &mut state.points[index];
        point.outcome = point.outcome + round.outcome;
        point.streams = round.end;
        point.ended = campaign.stop.ends(&point.outcome);
        match point.ended {
            Some(_) => drop(state.rounds.remove(place)),
            None => state.rounds[place] = Round::new(index, point),
        }
        self.changed.notify_all();
    }
}

/// Takes a worker off the board, however it ends.
struct Leave<'a>(&'a Board);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.lock().workers -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::super::campaign::{Grid, Measure, SnrOf, Stop, WHITE};
    use super::*;

    #[test]
    fn a_stream_that_panics_ends_the_campaign_with_a_sentence() {
        let grid = Grid {
            systems: vec!["reference/none/dbpsk/default".parse().unwrap()],
            noises: vec![WHITE.to_string()],
            snr_db: Some(vec![1.0, 2.0]),
            octets: 20,
            ..Grid::default()
        };
        let campaign = Campaign {
            tasks: grid.tasks().unwrap(),
            seed: 1,
            stop: Stop { max_frames: 10_000, max_lost: 10_000, precision: 0.0, measure: Measure::Fer },
            snr_of: SnrOf::Mean,
            exact: false,
        };
        let stream = |index, task: &Task, number| match (index, number) {
            (0, 7) => panic!("a surprise"),
            _ => stream::run(&campaign, task, None, number),
        };
        let stop = AtomicBool::new(false);
        let mut points = vec![Point::default(); 2];
        let workers = Workers { threads: 3, stop: &stop, stream };
        let error = run_streams(&campaign, &mut points, |_| true, workers, |_| Ok(())).unwrap_err();
        assert!(error.contains("stream 7") && error.contains("a surprise"), "{error}");
        // The round it was of is forgotten.
        assert_eq!(points[0], Point::default());
    }
}

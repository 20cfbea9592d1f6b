//! Many threads on one campaign, with results that do not depend on how many.
//!
//! A point is measured in rounds of streams; a stream is determined by seed, point and number alone, and the decision
//! to end a point is taken between rounds only. Rounds grow with what is done, so that large machines are busy to the
//! end. Threads take streams of the earliest point that has some left; while a point waits for the last streams of a
//! round, they go on with the next.

use super::campaign::{Campaign, Point};
use super::{Outcome, stream};
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
    mut watch: impl FnMut(&[Point]) -> Result<(), String>,
) -> Result<(), String> {
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
                // Leaves the board even where a stream panics, so that nobody waits for this thread.
                let _leave = Leave(&board);
                while let Some((index, number)) = board.take(stop) {
                    let outcome = match campaign.tasks.get(index) {
                        Some(task) => stream::run(campaign, task, number),
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

struct Leave<'a>(&'a Board);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.lock().workers -= 1;
        self.0.changed.notify_all();
    }
}

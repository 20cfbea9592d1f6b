//! What is going on right now: written by the engine, read by the API and the progress display.

use serde::Serialize;
use std::sync::{Arc, PoisonError, RwLock};
use utoipa::ToSchema;

/// What the concentrator is busy with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    /// The line is being computed and the stack started.
    #[default]
    Starting,
    /// A reading cycle is running.
    Reading,
    /// Between two cycles.
    Waiting,
    /// The line is gone, or the program is ending.
    Stopped,
}

/// A snapshot of what is going on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// What the concentrator is busy with.
    pub activity: Activity,
    /// Virtual time, UTC in milliseconds.
    pub utc_ms: i64,
    /// The cycle that is running, or ran last.
    pub cycle: Option<CycleProgress>,
    /// When the next cycle is due.
    pub next_cycle_utc_ms: Option<i64>,
    /// How far virtual time is behind the wall clock it follows, in milliseconds; `None` while it runs freely.
    pub lag_ms: Option<i64>,
    /// Why the line stopped.
    pub stopped_because: Option<String>,
}

/// How far a cycle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CycleProgress {
    /// Its number in the database.
    pub number: i64,
    /// Meters that have had their turn.
    pub done: usize,
    /// Meters in reach.
    pub of: usize,
    /// Meters that were read.
    pub read: usize,
}

/// The snapshot, shared between threads.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<RwLock<Snapshot>>);

impl Live {
    /// A copy of the snapshot.
    pub fn snapshot(&self) -> Snapshot {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the snapshot.
    pub fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

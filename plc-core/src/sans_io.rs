//! The contract between a protocol machine and whoever drives it.
//!
//! A machine reads no clock, no socket and no global. Its driver does two things:
//!
//! 1. [`Machine::handle`] tells it what happened, and the time.
//! 2. [`Machine::poll`], again and again, asks for one thing at a time until the answer is [`Step::Idle`]. With
//!    `Idle(Some(t))` the driver polls again at `t` or after the next event, whichever is first.
//!
//! Polling early is harmless: the answer is the same `Idle`. Polling late is allowed and the machine copes. Each
//! call does a bounded amount of work. `testkit::check_contract` checks this of any machine.
//!
//! An event that carries its own instants (the end of a frame on the line, say) may be handled a little later
//! than it happened, as a receiver that works in blocks does: `now` is when the machine learns it.

use crate::env::Environment;
use crate::time::Instant;

/// A protocol layer that is told what happened and asked what to do.
pub trait Machine {
    /// What the machine is told: an indication from below or a request from above.
    type Event<'a>;
    /// What the machine asks for: a request to below or a confirm or an indication to above.
    type Action;

    /// Tells the machine what happened at or before `now`.
    fn handle(&mut self, now: Instant, env: &mut dyn Environment, event: Self::Event<'_>);

    /// Asks for the next thing to do at `now`.
    fn poll(&mut self, now: Instant, env: &mut dyn Environment) -> Step<Self::Action>;
}

/// One answer of [`Machine::poll`].
#[derive(Clone, Debug, PartialEq)]
pub enum Step<A> {
    /// Do this, then poll again.
    Do(A),
    /// Nothing until the instant given, or until the next event where there is none.
    Idle(Option<Instant>),
}

impl<A> Step<A> {
    /// The action, where there is one.
    pub fn action(self) -> Option<A> {
        match self {
            Self::Do(action) => Some(action),
            Self::Idle(_) => None,
        }
    }

    /// Wraps the action of a lower layer into the upper one's, and keeps the deadline.
    pub fn map<B>(self, wrap: impl FnOnce(A) -> B) -> Step<B> {
        match self {
            Self::Do(action) => Step::Do(wrap(action)),
            Self::Idle(until) => Step::Idle(until),
        }
    }
}

/// The earlier of two deadlines, where `None` is never.
///
/// ```
/// use plc_core::{sans_io::earlier, time::Instant};
/// let soon = Some(Instant::from_ticks(5));
/// assert_eq!(earlier(soon, None), soon);
/// assert_eq!(earlier(soon, Some(Instant::from_ticks(9))), soon);
/// ```
pub fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

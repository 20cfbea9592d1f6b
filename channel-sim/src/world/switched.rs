//! The filters of a line whose appliances go on and off while it runs.

use crate::line::Line;
use crate::line::filter::{FilterPlan, Filters};
use std::ops::Range;

/// The line at the time of the run, and its filters. They are made anew for the block in which something is switched:
/// within it what is heard fades from the old to the new ones.
pub(super) struct SwitchedFilters {
    line: Line,
    plan: FilterPlan,
    couplers: Vec<[f64; 4]>,
    /// Whether households inject noise.
    noise: bool,
    now: Filters,
    /// Those at the end of the block, where something is switched in it.
    then: Option<Filters>,
    next_switch_s: f64,
}

impl SwitchedFilters {
    pub(super) fn new(line: Line, plan: FilterPlan, couplers: Vec<[f64; 4]>, noise: bool) -> Self {
        let now = Filters::with_couplers(&line, plan, &couplers, noise);
        let next_switch_s = line.next_switch_s();
        Self { line, plan, couplers, noise, now, then: None, next_switch_s }
    }

    /// Makes the filters of a block that ends at a time of the day.
    pub(super) fn begin_block(&mut self, end_s: f64) {
        if self.next_switch_s > end_s {
            return;
        }
        while self.next_switch_s <= end_s {
            self.line.set_time(self.next_switch_s);
            self.next_switch_s = self.line.next_switch_s();
        }
        self.then = Some(Filters::with_couplers(&self.line, self.plan, &self.couplers, self.noise));
    }

    /// Ends the block.
    pub(super) fn end_block(&mut self) {
        if let Some(then) = self.then.take() {
            self.now = then;
        }
    }

    /// Filters at the beginning and at the end of the block.
    pub(super) fn ends(&self) -> [&Filters; 2] {
        [&self.now, self.then.as_ref().unwrap_or(&self.now)]
    }

    /// The frequencies for which they have values.
    pub(super) fn kept(&self) -> Range<usize> {
        self.now.kept()
    }

    /// Whether the line changes within the block.
    pub(super) fn varies(&self) -> bool {
        self.now.mains_phases() > 1 || self.then.is_some()
    }

    /// The line as it is at the beginning of the block.
    pub(super) fn line(&self) -> &Line {
        &self.line
    }
}

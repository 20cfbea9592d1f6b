//! Candidates that take turns, and the table of their times.

use std::time::Instant;

const ROUNDS: usize = 61;
/// Length of a candidate's turn.
const TURN_SECONDS: f64 = 1e-3;

pub(crate) struct Candidate {
    pub(crate) name: String,
    /// Units of work in a call.
    pub(crate) units: f64,
    /// Does the work once.
    pub(crate) work: Box<dyn FnMut()>,
}

/// What one of our candidates must reach.
pub(crate) enum Goal {
    /// Against a peer: the peer's time of a unit over ours.
    Ratio { ours: &'static str, peer: &'static str, least: f64 },
    /// Units a microsecond by itself, or told only; and as a multiple of what is needed.
    Rate { ours: &'static str, least: Option<f64>, real_time: f64 },
}

pub(crate) struct Group {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) goals: Vec<Goal>,
    /// Units of work in a call where a candidate does not say otherwise, and their name with its factor: rates are units
    /// a microsecond.
    pub(crate) units: f64,
    pub(crate) unit: &'static str,
}

impl Group {
    pub(crate) fn new(units: f64, unit: &'static str) -> Self {
        Self { candidates: Vec::new(), goals: Vec::new(), units, unit }
    }

    /// Adds a candidate that does the group's work once.
    pub(crate) fn add(&mut self, name: impl Into<String>, work: impl FnMut() + 'static) {
        self.add_of(name, self.units, work);
    }

    /// Adds a candidate whose calls do another number of units.
    pub(crate) fn add_of(&mut self, name: impl Into<String>, units: f64, work: impl FnMut() + 'static) {
        self.candidates.push(Candidate { name: name.into(), units, work: Box::new(work) });
    }

    pub(crate) fn goal(&mut self, ours: &'static str, peer: &'static str, least: f64) {
        self.goals.push(Goal::Ratio { ours, peer, least });
    }

    pub(crate) fn goal_rate(&mut self, ours: &'static str, least: Option<f64>, real_time: f64) {
        self.goals.push(Goal::Rate { ours, least, real_time });
    }

    pub(crate) fn run(mut self, title: &str) {
        let calls: Vec<u32> = self.candidates.iter_mut().map(calls_per_turn).collect();
        let mut times = vec![Vec::with_capacity(ROUNDS); self.candidates.len()];
        for _ in 0..ROUNDS {
            for ((candidate, &calls), times) in self.candidates.iter_mut().zip(&calls).zip(&mut times) {
                times.push(turn(candidate, calls));
            }
        }
        let figures: Vec<[f64; 2]> = times
            .iter_mut()
            .map(|times| {
                times.sort_by(f64::total_cmp);
                [times[ROUNDS / 10], times[ROUNDS / 2]]
            })
            .collect();

        let names = self.candidates.iter().map(|candidate| candidate.name.len());
        let width = names.max().unwrap_or_default().max(title.len());
        println!("{title:width$}   quiet ns  typical ns  {:>12}", self.unit);
        for (candidate, [quiet, typical]) in self.candidates.iter().zip(&figures) {
            let rate = candidate.units * 1e3 / quiet;
            println!("{:width$}  {quiet:9.1}  {typical:10.1}  {rate:12.1}", candidate.name);
        }
        let rates = |name: &str| {
            let at = self.candidates.iter().position(|candidate| candidate.name == name)?;
            Some(figures[at].map(|time| self.candidates[at].units * 1e3 / time))
        };
        let verdict = |reached: f64, least: f64| if reached >= least { "reached" } else { "MISSED" };
        for goal in &self.goals {
            match *goal {
                Goal::Ratio { ours, peer, least } => match (rates(ours), rates(peer)) {
                    (Some(mine), Some(theirs)) => {
                        let [quiet, typical] = [mine[0] / theirs[0], mine[1] / theirs[1]];
                        let verdict = verdict(quiet, least);
                        println!(
                            "  {ours} / {peer}: {quiet:.2} (typical {typical:.2}), goal {least}: {verdict}"
                        );
                    }
                    _ => println!("  {ours} / {peer}: not measured, the library is absent"),
                },
                Goal::Rate { ours, least, real_time } => {
                    let Some([quiet, typical]) = rates(ours) else { continue };
                    let goal = least.map_or_else(String::new, |least| {
                        format!(", goal {least}: {}", verdict(quiet, least))
                    });
                    println!(
                        "  {ours}: {quiet:.0} {} (typical {typical:.0}), {:.0} times real time{goal}",
                        self.unit,
                        quiet / real_time,
                    );
                }
            }
        }
    }
}

fn calls_per_turn(candidate: &mut Candidate) -> u32 {
    turn(candidate, 20);
    let once = turn(candidate, 20) * 1e-9;
    (TURN_SECONDS / once).clamp(1.0, 1e6) as u32
}

/// Nanoseconds of a call.
fn turn(candidate: &mut Candidate, calls: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        (candidate.work)();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

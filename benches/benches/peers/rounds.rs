//! Candidates that take turns, and the table of their times.

use std::time::Instant;

const ROUNDS: usize = 61;
/// Length of a candidate's turn.
const TURN_SECONDS: f64 = 1e-3;

pub(crate) struct Candidate {
    pub(crate) name: String,
    /// Does the work once.
    pub(crate) work: Box<dyn FnMut()>,
}

/// What one of our candidates must reach against a peer: the peer's time over ours.
pub(crate) struct Goal {
    pub(crate) ours: &'static str,
    pub(crate) peer: &'static str,
    pub(crate) least: f64,
}

pub(crate) struct Group {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) goals: Vec<Goal>,
    /// Units of work in a call, and their name with its factor: rates are units a microsecond.
    pub(crate) units: f64,
    pub(crate) unit: &'static str,
}

impl Group {
    pub(crate) fn new(units: f64, unit: &'static str) -> Self {
        Self { candidates: Vec::new(), goals: Vec::new(), units, unit }
    }

    /// Adds a candidate that does `calls` units of the group's work at once.
    pub(crate) fn add(&mut self, name: impl Into<String>, work: impl FnMut() + 'static) {
        self.candidates.push(Candidate { name: name.into(), work: Box::new(work) });
    }

    pub(crate) fn goal(&mut self, ours: &'static str, peer: &'static str, least: f64) {
        self.goals.push(Goal { ours, peer, least });
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
            let rate = self.units * 1e3 / quiet;
            println!("{:width$}  {quiet:9.1}  {typical:10.1}  {rate:12.1}", candidate.name);
        }
        for Goal { ours, peer, least } in self.goals {
            let of = |name: &str| {
                self.candidates.iter().position(|candidate| candidate.name == name).map(|at| figures[at])
            };
            match (of(ours), of(peer)) {
                (Some(mine), Some(theirs)) => {
                    let [quiet, typical] = [theirs[0] / mine[0], theirs[1] / mine[1]];
                    let verdict = if quiet >= least { "reached" } else { "MISSED" };
                    println!("  {ours} / {peer}: {quiet:.2} (typical {typical:.2}), goal {least}: {verdict}");
                }
                _ => println!("  {ours} / {peer}: not measured, the library is absent"),
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

//! A reading cycle: every meter in reach, and once more those that did not answer.

use super::association::associate;
use super::line::{Heard, LineError};
use super::plan::{Answer, LOAD_PROFILE, Plan};
use super::session::{Collected, Link, Session, SessionError};
use crate::calendar::Calendar;
use crate::network::{LinkFigures, Network};
use crate::reading::CLOCK_TOLERANCE_S;
use crate::store::{CycleId, Gap, MeterId, MeterOutcome, MeterResult, NetworkId, StoreError};
use thiserror::Error;

/// How often a meter is asked from the start in one cycle.
pub const ATTEMPTS: u32 = 3;

/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;

/// Why a cycle ended early.
#[derive(Debug, Error)]
pub enum CycleError {
    /// The line is gone.
    #[error(transparent)]
    Line(LineError),
    /// The database is gone.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody wanted it.
    #[error("stopped")]
    Stopped,
}

impl From<LineError> for CycleError {
    fn from(error: LineError) -> Self {
        match error {
            LineError::Stopped => Self::Stopped,
            error => Self::Line(error),
        }
    }
}

/// What a cycle needs of whoever runs it.
pub trait Host: Link {
    /// Forgets what was heard.
    fn listen_anew(&mut self);
    /// What was heard since.
    fn heard(&self) -> Heard;
    /// Whether a head-end has the meter's management client to itself.
    fn taken(&self, meter: usize) -> bool;
    /// Keeps head-ends off the management client of the meter that is talked to now; `None`: of no meter any more.
    fn keep_free(&mut self, meter: Option<usize>) -> Result<(), CycleError>;
    /// Waits a little for what is taken. `false`: it was long enough.
    fn wait(&mut self) -> Result<bool, CycleError>;
    /// Tells people how a meter's turn ended.
    fn turn(&mut self, meter: usize, outcome: &MeterOutcome);
    /// Whether to stop.
    fn stopped(&self) -> bool;
}

/// The network as a cycle walks through it.
#[derive(Debug)]
pub struct Roster<'a> {
    /// The network.
    pub network: &'a Network,
    /// Its row.
    pub network_id: NetworkId,
    /// Its meters' rows, in its order.
    pub meter_ids: &'a [MeterId],
    /// A session with each meter, in the same order.
    pub sessions: &'a mut [Session],
}

/// Reads every meter in reach, with as many attempts as it takes up to [`ATTEMPTS`]; keeps each meter's readings as
/// soon as it has spoken.
pub fn run(host: &mut impl Host, roster: &mut Roster<'_>, cycle: CycleId) -> Result<(), CycleError> {
    let network = roster.network;
    let began_utc_ms = network.calendar.utc_ms(host.now());
    let late_before = host.surroundings().store.cycle_before(roster.network_id, cycle, began_utc_ms)?;
    let (mut pending, far): (Vec<usize>, Vec<usize>) = (0..network.meters.len())
        .partition(|&meter| network.meters.get(meter).is_some_and(|m| m.link.in_reach));
    // Whoever waited longest is first: a process that does not live long still reads everybody in the end.
    let mut waited = Vec::with_capacity(pending.len());
    for meter in pending.drain(..) {
        let last = roster.meter_ids.get(meter).map(|&id| host.surroundings().store.last_heard_in(id));
        waited.push((last.transpose()?.flatten(), meter));
    }
    waited.sort_unstable();
    pending.extend(waited.into_iter().map(|(_, meter)| meter));
    for meter in far {
        let ended_utc_ms = network.calendar.utc_ms(host.now());
        let detail = network.meters.get(meter).map_or_else(String::new, |meter| out_of_reach(&meter.link));
        let mut outcome = MeterOutcome::unasked(MeterResult::OutOfReach, detail, ended_utc_ms);
        keep(host, roster, cycle, meter, &mut outcome)?;
        host.turn(meter, &outcome);
    }
    for attempt in 1..=ATTEMPTS {
        let mut failed = Vec::new();
        for meter in std::mem::take(&mut pending) {
            if host.stopped() {
                return Err(CycleError::Stopped);
            }
            if host.taken(meter) && (attempt < ATTEMPTS || !wait_for(host, meter)?) {
                failed.push(meter);
                continue;
            }
            let Some(mut outcome) = read(host, roster, meter, attempt, late_before)? else { continue };
            let last = attempt == ATTEMPTS;
            // What was said is safe before the meter is asked for the rest.
            if last || matches!(outcome.result, MeterResult::Read | MeterResult::Partial) {
                keep(host, roster, cycle, meter, &mut outcome)?;
            }
            if last || outcome.result == MeterResult::Read {
                host.turn(meter, &outcome);
            } else {
                failed.push(meter);
            }
        }
        pending = failed;
    }
    for meter in pending {
        let detail = "a head-end had the meter to itself for the whole cycle".to_owned();
        let ended_utc_ms = network.calendar.utc_ms(host.now());
        let mut outcome = MeterOutcome::unasked(MeterResult::NoAnswer, detail, ended_utc_ms);
        keep(host, roster, cycle, meter, &mut outcome)?;
        host.turn(meter, &outcome);
    }
    let ended = network.calendar.utc_ms(host.now());
    host.surroundings().store.end_cycle(cycle, ended)?;
    Ok(())
}

fn wait_for(host: &mut impl Host, meter: usize) -> Result<bool, CycleError> {
    while host.taken(meter) {
        if !host.wait()? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Keeps what a meter said; the outcome then says what the turn came to, with all its attempts.
fn keep(
    host: &mut impl Host,
    roster: &Roster<'_>,
    cycle: CycleId,
    meter: usize,
    outcome: &mut MeterOutcome,
) -> Result<(), CycleError> {
    let Some(&id) = roster.meter_ids.get(meter) else { return Ok(()) };
    let kept = host.surroundings().store.keep(cycle, id, outcome)?;
    (outcome.result, outcome.detail) = (kept.result, kept.detail);
    Ok(())
}

/// Why a meter is not asked.
fn out_of_reach(link: &LinkFigures) -> String {
    format!(
        "the line model gives an effective signal to noise of {:.1} dB at the meter and {:.1} dB at the concentrator; \
         {:.1} dB are needed, 3 dB more than Robust frames do",
        link.snr_at_meter_db, link.snr_at_concentrator_db, link.needed_db
    )
}

/// The stretches to ask for once more, before the rows from `until_utc_ms` on that are asked for anyway.
fn stretches(gaps: &[Gap], until_utc_ms: i64) -> Vec<(i64, i64)> {
    /// More would not fit into a request beside everything that a first contact asks for.
    const MOST: usize = 3;
    let mut stretches: Vec<(i64, i64)> = Vec::new();
    for gap in gaps.iter().filter(|gap| gap.from_utc_ms < until_utc_ms) {
        let to_utc_ms = gap.to_utc_ms.min(until_utc_ms - 1);
        match stretches.last_mut() {
            Some(last) if gap.from_utc_ms <= last.1 => last.1 = last.1.max(to_utc_ms),
            _ => stretches.push((gap.from_utc_ms, to_utc_ms)),
        }
    }
    let end = stretches.last().map(|last| last.1);
    stretches.truncate(MOST);
    // The rows between the gaps beyond are asked for with them.
    if let (Some(last), Some(end)) = (stretches.last_mut(), end) {
        last.1 = end;
    }
    stretches
}

/// One attempt at one meter.
fn read(
    host: &mut impl Host,
    roster: &mut Roster<'_>,
    meter: usize,
    attempt: u32,
    late_before: Option<i64>,
) -> Result<Option<MeterOutcome>, CycleError> {
    let calendar = roster.network.calendar;
    let (Some(session), Some(&id)) = (roster.sessions.get_mut(meter), roster.meter_ids.get(meter)) else {
        return Ok(None);
    };
    let started = calendar.utc_ms(host.now());
    let store = &host.surroundings().store;
    let facts = store.object_facts(id)?.filter(Plan::complete);
    // A row from the future, captured while the meter's clock was wrong, must not hide those that are to come.
    let newest =
        store.newest_profile_row(id, &LOAD_PROFILE.to_string(), started + CLOCK_TOLERANCE_S * 1000)?;
    // A meter that was silent at first has measured as long as the others.
    let first = store.first_cycle(roster.network_id)?.map_or(started, |first| first.min(started));
    // One more than the newest: rows lie on whole seconds.
    let profile_from_utc_ms = newest.map_or_else(|| midnight(calendar, first), |utc_ms| utc_ms + 1000);
    let gaps = store.open_gaps(id, started)?;
    let mut plan = Plan {
        facts,
        profile_from_utc_ms,
        now_utc_ms: started,
        offset_minutes: calendar.offset_minutes,
        late_before_utc_ms: late_before,
        gaps: stretches(&gaps, profile_from_utc_ms),
    };
    host.listen_anew();
    host.keep_free(Some(meter))?;
    let said = converse(host, session, &mut plan, calendar);
    let (ended_utc_ms, snr_db) = (calendar.utc_ms(host.now()), host.heard().snr_db());
    host.keep_free(None)?;
    let mut outcome = MeterOutcome {
        result: MeterResult::Read,
        detail: None,
        attempts: attempt,
        readings: Vec::new(),
        gaps: Vec::new(),
        ended_utc_ms,
        duration_ms: ended_utc_ms - started,
        snr_db,
        // Every meter is a neighbour: the stack has no routes yet.
        hops: Some(1),
    };
    match said {
        Ok(answer) => {
            if plan.facts.as_ref() != Some(&answer.facts) && Plan::complete(&answer.facts) {
                host.surroundings().store.keep_object_facts(id, &answer.facts)?;
            }
            if !answer.missing.is_empty() {
                outcome.detail = Some(answer.missing.join("; "));
                outcome.result = MeterResult::Partial;
            }
            (outcome.readings, outcome.gaps) = (answer.readings, answer.gaps);
        }
        Err(SessionError::Line(fatal @ (LineError::Port(_) | LineError::Stopped))) => {
            return Err(fatal.into());
        }
        Err(error) => {
            let silent = matches!(error, SessionError::Line(_));
            outcome.result = if silent { MeterResult::NoAnswer } else { MeterResult::Refused };
            if silent {
                outcome.hops = None;
            }
            outcome.detail = Some(error.to_string());
        }
    }
    Ok(Some(outcome))
}

/// Association, one GET with list, release.
fn converse(
    host: &mut impl Host,
    session: &mut Session,
    plan: &mut Plan,
    calendar: Calendar,
) -> Result<Answer, SessionError> {
    let mut collected = Collected::default();
    associate(host, session, &mut collected)?;
    plan.now_utc_ms = calendar.utc_ms(host.now());
    let queries = plan.queries();
    session.run(host, &mut collected, |client, around| client.get_with_list(&queries, around).map(|_| ()))?;
    let answer = plan.understand(collected.octets())?;
    // The values are here; a release that gets lost costs nothing but the meter's patience.
    let released = session.run(host, &mut collected, |client, _| client.release().map(|_| ()));
    if let Err(SessionError::Line(fatal @ LineError::Port(_))) = released {
        return Err(fatal.into());
    }
    Ok(answer)
}

/// Local midnight before `utc_ms`.
fn midnight(calendar: Calendar, utc_ms: i64) -> i64 {
    let offset_ms = i64::from(calendar.offset_minutes) * 60_000;
    (utc_ms + offset_ms).div_euclid(DAY_MS) * DAY_MS - offset_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_begins_at_local_midnight() {
        let calendar = Calendar { start_utc_ms: 0, offset_minutes: 60 };
        let midnight_utc_ms = crate::testkit::MIDNIGHT_UTC_MS;
        assert_eq!(midnight(calendar, midnight_utc_ms), midnight_utc_ms);
        assert_eq!(midnight(calendar, midnight_utc_ms + DAY_MS - 1), midnight_utc_ms);
        assert_eq!(midnight(calendar, midnight_utc_ms - 1), midnight_utc_ms - DAY_MS);
    }

    #[test]
    fn gaps_become_a_few_stretches_that_cover_all_of_them() {
        let gap = |&(from_utc_ms, to_utc_ms): &(i64, i64)| Gap {
            profile: LOAD_PROFILE.to_string(),
            from_utc_ms,
            to_utc_ms,
            rows: 1,
            why: String::new(),
        };
        let asked = |gaps: &[(i64, i64)]| stretches(&gaps.iter().map(gap).collect::<Vec<_>>(), 100);
        assert_eq!(asked(&[]), []);
        assert_eq!(asked(&[(1, 5), (3, 9), (20, 20)]), [(1, 9), (20, 20)], "what overlaps is one");
        assert_eq!(asked(&[(90, 120), (100, 130)]), [(90, 99)], "the rest is asked for anyway");
        assert_eq!(asked(&[(1, 1), (3, 3), (5, 5), (7, 7), (9, 9)]), [(1, 1), (3, 3), (5, 9)]);
    }
}

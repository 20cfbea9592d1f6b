//! What is known of the line: physical and virtual carrier sense of one node (digest 2.4).
//!
//! ```text
//!                 preamble                       header            end, no answer due
//!   any state ----------------> Preamble ----------------> Frame ----------------------> Spaced (CIFS, then the
//!                                  |                         | end, answer due             |      contention period)
//!                  header wrong,   |                         v                             |
//!                  or gone again   |          +--------- Response ---- answer, last -------^
//!                                  v          | nothing      | answer, more segments to come
//!                                Eifs <-------+ came         v
//!                                  |                        Eifs
//!                                  +---- EIFS over ---> Idle <---- contention period over -- Spaced
//! ```
//!
//! The instants are those of the line, which the node may learn a little later.

use g3_phy::primitives::Ack;
use g3_phy::{BandPlan, ToneMask, timing};
use plc_core::time::{Duration, Instant};

/// Interframe spaces of a band under a tone mask (digest 2.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Spaces {
    pub(super) slot: Duration,
    pub(super) cifs: Duration,
    pub(super) rifs: Duration,
    pub(super) idle: Duration,
    pub(super) ack_wait: Duration,
    pub(super) eifs: Duration,
    /// From the first preamble sample to the end of the longest frame.
    pub(super) longest_frame: Duration,
}

impl Spaces {
    pub(super) fn of(plan: &BandPlan, mask: ToneMask) -> Self {
        Self {
            slot: timing::slot(plan),
            cifs: timing::cifs(plan),
            rifs: timing::rifs(plan),
            idle: timing::idle_spacing(plan),
            ack_wait: timing::ack_wait(plan, mask),
            eifs: timing::eifs(plan, mask),
            longest_frame: timing::frame_airtime(plan, mask, plan.max_payload_symbols),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was asked yet: EIFS begins with the first question.
    PowerUp,
    /// A frame has begun of which nothing is known.
    Preamble { start: Instant },
    /// A frame is on the line until `end`.
    Frame { end: Instant, response_expected: bool },
    /// An acknowledgement is due after a frame that ended at `from`. The table calls this state RIFS.
    Response { from: Instant },
    /// Something may be on the line that this node does not hear.
    Eifs { from: Instant },
    /// A transmission ended at `from`; CIFS and the contention period follow.
    Spaced { from: Instant },
    /// Nothing is known to be on the line.
    Idle,
}

/// Where a back-off counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opportunity {
    /// A contention period that begins at this instant.
    Contention(Instant),
    /// An idle channel from this instant on.
    Idle(Instant),
}

/// The carrier state of one node.
#[derive(Clone, Debug)]
pub(super) struct Carrier {
    spaces: Spaces,
    /// Slots of a contention period.
    period_slots: u32,
    state: State,
    /// Changes with everything that is heard or sent: a back-off counts for one value only.
    epoch: u32,
}

impl Carrier {
    /// At power-up anything may be on the line: EIFS.
    pub(super) fn new(spaces: Spaces, period_slots: u32) -> Self {
        Self { spaces, period_slots, state: State::PowerUp, epoch: 0 }
    }

    pub(super) fn spaces(&self) -> &Spaces {
        &self.spaces
    }

    pub(super) fn set_period_slots(&mut self, period_slots: u32) {
        self.period_slots = period_slots;
    }

    pub(super) fn preamble(&mut self, start: Instant) {
        self.become_state(State::Preamble { start });
    }

    /// A frame's header is known, or the own frame has been sent.
    pub(super) fn frame(&mut self, end: Instant, response_expected: bool) {
        self.become_state(State::Frame { end, response_expected });
    }

    /// A frame was decoded: its header is known, in case it was not told.
    pub(super) fn decoded(&mut self, end: Instant, response_expected: bool) {
        if matches!(self.state, State::Preamble { .. } | State::Frame { .. }) {
            self.frame(end, response_expected);
        }
    }

    /// An acknowledgement was heard or sent.
    pub(super) fn acknowledgement(&mut self, ack: Ack, end: Instant) {
        self.become_state(if ack.more_segments {
            State::Eifs { from: end }
        } else {
            State::Spaced { from: end }
        });
    }

    /// A header that cannot be read, or an answer that answers something else.
    pub(super) fn unknown(&mut self, from: Instant) {
        self.become_state(State::Eifs { from });
    }

    /// The line is quiet again.
    pub(super) fn quiet(&mut self, at: Instant) {
        if matches!(self.state, State::Preamble { .. }) {
            self.unknown(at);
        }
    }

    /// Stays the same while nothing is heard or sent.
    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether a transmission may begin.
    pub(super) fn is_clear(&mut self, now: Instant) -> bool {
        self.settle(now);
        match self.state {
            State::Idle => true,
            State::Spaced { from } => now >= from + self.spaces.cifs,
            _ => false,
        }
    }

    /// Where a back-off counts from, once that is known.
    pub(super) fn opportunity(&mut self, now: Instant) -> Option<Opportunity> {
        self.settle(now);
        match self.state {
            State::Idle => Some(Opportunity::Idle(now)),
            State::Eifs { from } => Some(Opportunity::Idle(from + self.spaces.eifs)),
            State::Spaced { from } => Some(Opportunity::Contention(from + self.spaces.cifs)),
            State::PowerUp | State::Preamble { .. } | State::Frame { .. } | State::Response { .. } => None,
        }
    }

    /// When an opportunity that is not known yet will be, if nothing else happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Preamble { start } => Some(start + self.spaces.longest_frame),
            State::Frame { end, .. } => Some(end),
            State::Response { from } => Some(from + self.spaces.ack_wait),
            State::PowerUp | State::Eifs { .. } | State::Spaced { .. } | State::Idle => None,
        }
    }

    fn become_state(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// Makes the transitions that time alone makes.
    fn settle(&mut self, now: Instant) {
        loop {
            let spaces = self.spaces;
            let (due, next) = match self.state {
                State::PowerUp => (now, State::Eifs { from: now }),
                State::Preamble { start } => {
                    let end = start + spaces.longest_frame;
                    (end, State::Eifs { from: end })
                }
                State::Frame { end, response_expected: true } => (end, State::Response { from: end }),
                State::Frame { end, response_expected: false } => (end, State::Spaced { from: end }),
                State::Response { from } => {
                    let end = from + spaces.ack_wait;
                    (end, State::Eifs { from: end })
                }
                State::Eifs { from } => (from + spaces.eifs, State::Idle),
                State::Spaced { from } => (from + spaces.cifs + spaces.slot * self.period_slots, State::Idle),
                State::Idle => return,
            };
            if now < due {
                return;
            }
            self.state = next;
        }
    }
}

/// When to send after a back-off of `slots` in a class that may use the contention period from `first_slot` on.
pub(super) fn slot_instant(
    opportunity: Opportunity,
    now: Instant,
    spaces: &Spaces,
    first_slot: u32,
    slots: u32,
) -> Instant {
    match opportunity {
        Opportunity::Idle(from) => from.max(now) + spaces.idle + spaces.slot * slots,
        Opportunity::Contention(start) => {
            let first = start + spaces.slot * first_slot;
            let late = now.checked_duration_since(first).unwrap_or(Duration::from_ticks(0));
            let passed = late.as_ticks().div_ceil(spaces.slot.as_ticks().max(1)) as u32;
            first + spaces.slot * (passed + slots)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plc_core::time::{micros, millis};

    const PERIOD: u32 = 264;

    fn spaces() -> Spaces {
        Spaces::of(&BandPlan::CENELEC_A, ToneMask::ALL)
    }

    fn at(us: u64) -> Instant {
        Instant::from_ticks(0) + micros(us)
    }

    fn idle_carrier() -> Carrier {
        let mut carrier = Carrier::new(spaces(), PERIOD);
        assert!(!carrier.is_clear(at(0)));
        assert!(!carrier.is_clear(at(211_799)), "EIFS of 211.8 ms from power-up");
        assert!(carrier.is_clear(at(211_800)));
        carrier
    }

    #[test]
    fn a_frame_without_response_is_followed_by_cifs_and_the_contention_period() {
        let mut carrier = idle_carrier();
        carrier.preamble(at(500_000));
        assert_eq!(carrier.opportunity(at(501_000)), None);
        carrier.frame(at(600_000), false);
        assert!(!carrier.is_clear(at(605_559)));
        assert_eq!(carrier.opportunity(at(600_000)), Some(Opportunity::Contention(at(605_560))));
        assert!(carrier.is_clear(at(605_560)));
        let period_end = 605_560 + 264 * 1_390;
        assert_eq!(carrier.opportunity(at(period_end - 1)), Some(Opportunity::Contention(at(605_560))));
        assert_eq!(carrier.opportunity(at(period_end)), Some(Opportunity::Idle(at(period_end))));
    }

    #[test]
    fn a_missing_acknowledgement_is_followed_by_eifs() {
        let mut carrier = idle_carrier();
        carrier.frame(at(600_000), true);
        assert_eq!(carrier.opportunity(at(610_000)), None, "an acknowledgement may be on its way");
        assert_eq!(carrier.deadline(), Some(at(626_235)));
        let until = 626_235 + 211_800;
        assert_eq!(carrier.opportunity(at(626_235)), Some(Opportunity::Idle(at(until))));
        assert!(!carrier.is_clear(at(until - 1)));
        assert!(carrier.is_clear(at(until)));
    }

    #[test]
    fn an_acknowledgement_ends_the_exchange_unless_segments_follow() {
        let ack = Ack { fcs: 0, positive: true, more_segments: false };
        let mut carrier = idle_carrier();
        carrier.frame(at(600_000), true);
        carrier.preamble(at(605_560));
        carrier.acknowledgement(ack, at(620_675));
        assert_eq!(carrier.opportunity(at(620_675)), Some(Opportunity::Contention(at(626_235))));
        carrier.acknowledgement(Ack { more_segments: true, ..ack }, at(620_675));
        assert_eq!(carrier.opportunity(at(620_675)), Some(Opportunity::Idle(at(620_675 + 211_800))));
    }

    #[test]
    fn a_preamble_that_leads_to_nothing_is_followed_by_eifs() {
        let mut carrier = idle_carrier();
        carrier.preamble(at(600_000));
        carrier.quiet(at(610_000));
        assert_eq!(carrier.opportunity(at(610_000)), Some(Opportunity::Idle(at(610_000 + 211_800))));
        carrier.preamble(at(900_000));
        carrier.unknown(at(915_115));
        assert_eq!(carrier.opportunity(at(915_115)), Some(Opportunity::Idle(at(915_115 + 211_800))));
        // A PHY that never says more does not block the node for ever.
        carrier.preamble(at(1_200_000));
        let end = 1_200_000 + 190_255;
        assert_eq!(carrier.opportunity(at(end)), Some(Opportunity::Idle(at(end + 211_800))));
    }

    #[test]
    fn slots_count_from_the_contention_period_or_the_idle_channel() {
        let spaces = spaces();
        let contention = Opportunity::Contention(at(10_000));
        let slot = |n: u64| at(10_000 + n * 1_390);
        assert_eq!(slot_instant(contention, at(0), &spaces, 8, 3), slot(11));
        assert_eq!(slot_instant(contention, slot(8), &spaces, 8, 0), slot(8));
        assert_eq!(slot_instant(contention, slot(20) + micros(1), &spaces, 8, 2), slot(23), "slots are kept");
        let idle = Opportunity::Idle(at(5_000));
        assert_eq!(slot_instant(idle, at(7_000), &spaces, 8, 2), at(7_000 + 5_560 + 2 * 1_390));
        assert_eq!(slot_instant(idle, at(4_000), &spaces, 8, 0), at(5_000) + micros(5_560));
        assert!(spaces.eifs > millis(211));
    }
}

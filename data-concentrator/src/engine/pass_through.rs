//! Who has an association with which meter, so that a head-end and the reading cycle do not end each other's.
//!
//! A meter has one association for each client address. Whoever opens one under an address has that address of that
//! meter until it is released, the connection ends, or nothing was heard of it for [`HOLD`].

use plc_core::time::{Duration, Instant, seconds};
use std::collections::HashMap;

/// How long an association is kept for a connection that says nothing.
pub(super) const HOLD: Duration = seconds(60);

/// First octet of the APDU that opens an association.
const AARQ: u8 = 0x60;
/// First octet of the answer that closes one.
const RLRE: u8 = 0x63;

/// Associations that head-ends hold.
#[derive(Debug, Default)]
pub(super) struct Holds(HashMap<(usize, u16), Hold>);

#[derive(Clone, Copy, Debug)]
struct Hold {
    connection: u64,
    until: Instant,
}

impl Holds {
    /// Whether a head-end has `client` of the meter at `now`.
    pub(super) fn held(&self, meter: usize, client: u16, now: Instant) -> bool {
        self.holder(meter, client, now).is_some()
    }

    /// Whether `connection` may use `client` of the meter now.
    pub(super) fn admits(&self, connection: u64, meter: usize, client: u16, now: Instant) -> bool {
        self.holder(meter, client, now).is_none_or(|holder| holder == connection)
    }

    /// A request of `connection` goes to the meter.
    pub(super) fn asked(&mut self, connection: u64, meter: usize, client: u16, apdu: &[u8], now: Instant) {
        if apdu.first() == Some(&AARQ) || self.holder(meter, client, now) == Some(connection) {
            self.0.insert((meter, client), Hold { connection, until: now + HOLD });
        }
    }

    /// The meter has answered `connection`.
    pub(super) fn answered(&mut self, connection: u64, meter: usize, client: u16, apdu: &[u8], now: Instant) {
        if self.holder(meter, client, now) == Some(connection) {
            if apdu.first() == Some(&RLRE) {
                self.0.remove(&(meter, client));
            } else {
                self.0.insert((meter, client), Hold { connection, until: now + HOLD });
            }
        }
    }

    /// The connection is gone.
    pub(super) fn closed(&mut self, connection: u64) {
        self.0.retain(|_, hold| hold.connection != connection);
    }

    fn holder(&self, meter: usize, client: u16, now: Instant) -> Option<u64> {
        self.0.get(&(meter, client)).filter(|hold| now < hold.until).map(|hold| hold.connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_ticks(0);

    #[test]
    fn an_association_belongs_to_who_opened_it_until_it_is_released() {
        let mut holds = Holds::default();
        holds.asked(7, 3, 1, &[0xC0], START);
        assert!(!holds.held(3, 1, START), "a request without association holds nothing");
        holds.asked(7, 3, 1, &[AARQ], START);
        assert!(holds.admits(7, 3, 1, START) && !holds.admits(8, 3, 1, START));
        assert!(holds.admits(8, 3, 16, START) && holds.admits(8, 4, 1, START));
        holds.answered(8, 3, 1, &[RLRE], START);
        assert!(holds.held(3, 1, START), "a stranger releases nothing");
        holds.answered(7, 3, 1, &[RLRE], START);
        assert!(!holds.held(3, 1, START));
    }

    #[test]
    fn a_silent_or_lost_connection_holds_nothing() {
        let mut holds = Holds::default();
        holds.asked(7, 3, 1, &[AARQ], START);
        let later = START + HOLD;
        assert!(!holds.held(3, 1, later));
        assert!(holds.held(3, 1, later - seconds(1)));
        holds.asked(7, 3, 1, &[0xC8], later - seconds(1));
        assert!(holds.held(3, 1, later), "every request prolongs it");
        holds.closed(7);
        assert!(!holds.held(3, 1, later));
    }
}

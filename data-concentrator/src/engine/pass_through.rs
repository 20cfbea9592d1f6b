//! Head-ends' requests on their way to the meters, and who has an association with which meter, so that a head-end and
//! the reading cycle do not end each other's.
//!
//! A meter has one association for each client address. Whoever opens one under an address has that address of that
//! meter until it is released, the connection ends, or nothing was heard of it for [`HOLD`].

use super::commands::{Command, Commands, Pass, Passed, QUEUE};
use super::line::{LineError, Peer};
use super::session::Link;
use super::{MANAGEMENT_CLIENT, MANAGEMENT_DEVICE};
use plc_core::address::ShortAddress;
use plc_core::time::{Duration, Instant, seconds};
use std::collections::HashMap;

/// How long an association is kept for a connection that says nothing.
pub(super) const HOLD: Duration = seconds(60);

/// First octet of the APDU that opens an association.
const AARQ: u8 = 0x60;
/// First octet of the answer that closes one.
const RLRE: u8 = 0x63;

/// First UDP port of head-ends' requests. Those up to 0xF0BF are compressed to four bits (digest 1.1).
const FIRST_PORT: u16 = 0xF0B0;
/// How many ports there are.
const PORTS: u16 = 16;

/// The counter that head-ends' requests go over.
pub(super) struct PassThrough {
    commands: Commands,
    addresses: Vec<ShortAddress>,
    holds: Holds,
    next_port: u16,
    /// The meter that the reading cycle talks to.
    own: Option<usize>,
    /// Requests that would end the cycle's association with it. A connection has one on its way, so they are few.
    deferred: Vec<Pass>,
}

impl PassThrough {
    /// Takes what `commands` brings to the meters at `addresses`.
    pub(super) fn new(commands: Commands, addresses: Vec<ShortAddress>) -> Self {
        Self { commands, addresses, holds: Holds::default(), next_port: 0, own: None, deferred: Vec::new() }
    }

    /// Whether a head-end has `client` of the meter at `now`.
    pub(super) fn held(&self, meter: usize, client: u16, now: Instant) -> bool {
        self.holds.held(meter, client, now)
    }

    /// From here on the reading cycle has its client of this meter, or of none, to itself.
    pub(super) fn keep_free(&mut self, meter: Option<usize>) {
        self.own = meter;
    }

    /// Passes through what waits, in the order in which it came. What comes meanwhile waits for the next time: however
    /// fast head-ends ask, the cycle has its turn between their requests.
    pub(super) fn serve(&mut self, link: &mut impl Link) -> Result<(), LineError> {
        let mut waiting: Vec<_> = self.deferred.drain(..).map(Command::Pass).collect();
        waiting.extend(self.commands.try_iter().take(QUEUE));
        for command in waiting {
            match command {
                Command::Closed { connection } => self.holds.closed(connection),
                // Any request under the cycle's client address may end its association, and one that is ciphered moves
                // the invocation counter.
                Command::Pass(pass) if pass.client == MANAGEMENT_CLIENT && self.own == Some(pass.meter) => {
                    if !pass.reply.is_closed() {
                        self.deferred.push(pass);
                    }
                }
                Command::Pass(pass) => self.pass(link, pass)?,
            }
        }
        Ok(())
    }

    fn pass(&mut self, link: &mut impl Link, pass: Pass) -> Result<(), LineError> {
        let Pass { connection, meter, client, apdu, reply } = pass;
        if reply.is_closed() {
            return Ok(());
        }
        let Some(&address) = self.addresses.get(meter) else { return Ok(()) };
        if !self.holds.admits(connection, meter, client, link.now()) {
            // Where the other end has gone meanwhile, there is nobody to tell.
            let _ = reply.send(Passed::Busy);
            return Ok(());
        }
        self.holds.asked(connection, meter, client, &apdu, link.now());
        // A port of its own for each request: an answer that was lost, repeated and late is not that of the next one,
        // and one that says the same as the last one is.
        let port = FIRST_PORT + self.next_port;
        self.next_port = (self.next_port + 1) % PORTS;
        let peer = Peer { meter: address, port, client, server: MANAGEMENT_DEVICE };
        let mut answer = Vec::new();
        let asked = link.ask(peer, &apdu, &mut |_, octets| {
            answer = octets.to_vec();
            true
        });
        let passed = match asked {
            Err(fatal @ (LineError::Port(_) | LineError::Stopped)) => return Err(fatal),
            Err(error) => Passed::Silent(error.to_string()),
            Ok(()) => {
                self.holds.answered(connection, meter, client, &answer, link.now());
                Passed::Answer(answer)
            }
        };
        let _ = reply.send(passed);
        Ok(())
    }
}

/// Associations that head-ends hold.
#[derive(Debug, Default)]
struct Holds(HashMap<(usize, u16), Hold>);

#[derive(Clone, Copy, Debug)]
struct Hold {
    connection: u64,
    until: Instant,
}

impl Holds {
    /// Whether a head-end has `client` of the meter at `now`.
    fn held(&self, meter: usize, client: u16, now: Instant) -> bool {
        self.holder(meter, client, now).is_some()
    }

    /// Whether `connection` may use `client` of the meter now.
    fn admits(&self, connection: u64, meter: usize, client: u16, now: Instant) -> bool {
        self.holder(meter, client, now).is_none_or(|holder| holder == connection)
    }

    /// A request of `connection` goes to the meter.
    fn asked(&mut self, connection: u64, meter: usize, client: u16, apdu: &[u8], now: Instant) {
        if apdu.first() == Some(&AARQ) || self.holder(meter, client, now) == Some(connection) {
            self.0.insert((meter, client), Hold { connection, until: now + HOLD });
        }
    }

    /// The meter has answered `connection`.
    fn answered(&mut self, connection: u64, meter: usize, client: u16, apdu: &[u8], now: Instant) {
        if self.holder(meter, client, now) == Some(connection) {
            if apdu.first() == Some(&RLRE) {
                self.0.remove(&(meter, client));
            } else {
                self.0.insert((meter, client), Hold { connection, until: now + HOLD });
            }
        }
    }

    /// The connection is gone.
    fn closed(&mut self, connection: u64) {
        self.0.retain(|_, hold| hold.connection != connection);
    }

    fn holder(&self, meter: usize, client: u16, now: Instant) -> Option<u64> {
        self.0.get(&(meter, client)).filter(|hold| now < hold.until).map(|hold| hold.connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::super::commands::{Commander, queue};
    use super::super::line::Accept;
    use super::super::surroundings::Surroundings;
    use crate::store::Store;
    use tokio::sync::oneshot;

    const START: Instant = Instant::from_ticks(0);
    const GET: [u8; 3] = [0xC0, 1, 0xC1];

    /// A line to meters that answer every request alike, and whose last answer always comes once more.
    struct Monotonous {
        surroundings: Surroundings,
        asked: Vec<(Peer, Vec<u8>)>,
        late: Option<(u16, Vec<u8>)>,
        /// What happens during every request.
        meanwhile: Option<Box<dyn FnMut()>>,
        _folder: tempfile::TempDir,
    }

    impl Link for Monotonous {
        fn now(&self) -> Instant {
            START
        }

        fn surroundings(&mut self) -> &mut Surroundings {
            &mut self.surroundings
        }

        fn ask(&mut self, peer: Peer, apdu: &[u8], accept: Accept<'_>) -> Result<(), LineError> {
            self.asked.push((peer, apdu.to_vec()));
            if let Some(meanwhile) = &mut self.meanwhile {
                meanwhile();
            }
            let answer = vec![0xC4, 1, 0xC1];
            let late = self.late.replace((peer.port, answer.clone()));
            for (port, octets) in late.into_iter().chain([(peer.port, answer)]) {
                // As `Line` does: what comes to another port answers something else.
                if port == peer.port && accept(&mut self.surroundings, &octets) {
                    return Ok(());
                }
            }
            Err(LineError::NoAnswer { tries: 1 })
        }
    }

    fn bench() -> (PassThrough, Commander, Monotonous) {
        let (commander, commands) = queue();
        let folder = tempfile::tempdir().unwrap();
        let surroundings = Surroundings::new(Store::open(folder.path()).unwrap(), 1).unwrap();
        let link =
            Monotonous { surroundings, asked: Vec::new(), late: None, meanwhile: None, _folder: folder };
        (PassThrough::new(commands, vec![ShortAddress(1), ShortAddress(2)]), commander, link)
    }

    fn send(
        commander: &Commander,
        connection: u64,
        meter: usize,
        client: u16,
        apdu: &[u8],
    ) -> oneshot::Receiver<Passed> {
        let (reply, answer) = oneshot::channel();
        let pass = Pass { connection, meter, client, apdu: apdu.to_vec(), reply };
        commander.try_send(Command::Pass(pass)).unwrap();
        answer
    }

    #[test]
    fn the_same_request_twice_has_two_answers() {
        let (mut pass_through, commander, mut link) = bench();
        for _ in 0..40 {
            let mut answer = send(&commander, 7, 0, 16, &GET);
            pass_through.serve(&mut link).unwrap();
            assert_eq!(answer.try_recv().unwrap(), Passed::Answer(vec![0xC4, 1, 0xC1]));
        }
        let ports: Vec<_> = link.asked.iter().map(|(peer, _)| peer.port).collect();
        assert!(ports.iter().all(|port| (0xF0B0..=0xF0BF).contains(port)));
        assert!(ports.windows(2).all(|pair| pair[0] != pair[1]), "a late answer finds nobody");
    }

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

    #[test]
    fn requests_that_come_while_others_are_served_wait_for_the_next_time() {
        let (mut pass_through, commander, mut link) = bench();
        let _answers = [send(&commander, 7, 0, 16, &GET), send(&commander, 8, 1, 16, &GET)];
        let (keen, mut kept) = (commander.clone(), Vec::new());
        link.meanwhile = Some(Box::new(move || kept.push(send(&keen, 9, 0, 16, &GET))));
        pass_through.serve(&mut link).unwrap();
        assert_eq!(link.asked.len(), 2, "the cycle has its turn");
    }

    #[test]
    fn an_association_with_the_meter_that_the_cycle_talks_to_waits() {
        let (mut pass_through, commander, mut link) = bench();
        pass_through.keep_free(Some(0));
        let [mut aarq, mut other_client, mut other_meter] = [(7, 0, 1), (8, 0, 16), (9, 1, 1)]
            .map(|(connection, meter, client)| send(&commander, connection, meter, client, &[AARQ]));
        for _ in 0..2 {
            pass_through.serve(&mut link).unwrap();
        }
        assert!(aarq.try_recv().is_err() && !pass_through.held(0, 1, START));
        assert!(other_client.try_recv().is_ok() && other_meter.try_recv().is_ok());
        let mut given_up = send(&commander, 10, 0, 1, &[AARQ]);
        pass_through.serve(&mut link).unwrap();
        given_up.close();
        pass_through.keep_free(None);
        pass_through.serve(&mut link).unwrap();
        assert!(matches!(aarq.try_recv(), Ok(Passed::Answer(_))));
        assert!(pass_through.held(0, 1, START), "now it is the head-end's");
        assert_eq!(link.asked.len(), 3, "nobody waits for the fourth");
    }
}

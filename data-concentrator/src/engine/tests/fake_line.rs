//! A link to the fake meters that loses, damages or doubles what a test wants it to.

use super::fake_meter::FakeMeter;
use crate::engine::cycle::{CycleError, Host};
use crate::engine::line::{Accept, Heard, LineError, Peer};
use crate::engine::session::Link;
use crate::engine::surroundings::Surroundings;
use crate::store::{MeterOutcome, MeterResult};
use plc_core::time::{Duration, Instant, millis, seconds};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    None,
    RequestLost,
    ReplyLost,
    ReplyDamaged,
    ReplyTwice,
}

pub(super) struct FakeLine {
    pub(super) surroundings: Surroundings,
    pub(super) meters: Vec<FakeMeter>,
    pub(super) now: Instant,
    pub(super) faults: Box<dyn FnMut(usize) -> Fault>,
    /// APDUs sent.
    pub(super) asked: Vec<(usize, Vec<u8>)>,
    pub(super) taken_until: Option<Instant>,
    pub(super) kept_free: Option<usize>,
    pub(super) turns: Vec<(usize, MeterResult, u32)>,
}

impl FakeLine {
    pub(super) fn pass_time(&mut self, span: Duration) {
        self.now += span;
        self.meters.iter_mut().for_each(|meter| meter.measure(span));
    }
}

impl Link for FakeLine {
    fn now(&self) -> Instant {
        self.now
    }

    fn surroundings(&mut self) -> &mut Surroundings {
        &mut self.surroundings
    }

    fn ask(&mut self, peer: Peer, apdu: &[u8], accept: Accept<'_>) -> Result<(), LineError> {
        let meter = usize::from(peer.meter.0) - 1;
        assert_eq!(self.kept_free, Some(meter), "a head-end could end the association");
        for _ in 0..3 {
            self.asked.push((meter, apdu.to_vec()));
            let fault = (self.faults)(meter);
            self.pass_time(millis(400));
            if fault == Fault::RequestLost || self.meters[meter].is_silent(apdu) {
                continue;
            }
            let mut reply = self.meters[meter].answer(peer.client, apdu);
            self.pass_time(millis(400));
            match fault {
                Fault::ReplyLost => continue,
                Fault::ReplyDamaged => {
                    let middle = reply.len() / 2;
                    reply[middle] ^= 0x10;
                }
                _ => {}
            }
            let copies = if fault == Fault::ReplyTwice { 2 } else { 1 };
            if (0..copies).any(|_| accept(&mut self.surroundings, &reply)) {
                return Ok(());
            }
        }
        Err(LineError::NoAnswer { tries: 3 })
    }
}

impl Host for FakeLine {
    fn listen_anew(&mut self) {}

    fn heard(&self) -> Heard {
        Heard::default()
    }

    fn taken(&self, meter: usize) -> bool {
        meter == 0 && self.taken_until.is_some_and(|until| self.now < until)
    }

    fn keep_free(&mut self, meter: Option<usize>) -> Result<(), CycleError> {
        self.kept_free = meter;
        Ok(())
    }

    fn wait(&mut self) -> Result<bool, CycleError> {
        self.pass_time(seconds(1));
        Ok(true)
    }

    fn turn(&mut self, meter: usize, outcome: &MeterOutcome) {
        self.turns.push((meter, outcome.result, outcome.attempts));
    }

    fn stopped(&self) -> bool {
        false
    }
}

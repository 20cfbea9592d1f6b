//! One operation of a COSEM client with its meter, over whatever carries the APDUs.

use super::line::{Accept, LineError, Peer};
use super::plan::AnswerError;
use super::surroundings::{Around, Surroundings};
use crate::store::MeterId;
use cosem::client::{ClientError, Collect};
use cosem::{Client, Progress};
use plc_core::bytes::Full;
use plc_core::time::Instant;
use thiserror::Error;

/// What carries APDUs to meters and back.
pub trait Link {
    /// The line's time.
    fn now(&self) -> Instant;
    /// Database and randomness.
    fn surroundings(&mut self) -> &mut Surroundings;
    /// Sends an APDU until an answer is accepted or all tries are used up.
    fn ask(&mut self, peer: Peer, apdu: &[u8], accept: Accept<'_>) -> Result<(), LineError>;
}

/// Why an operation did not succeed.
#[derive(Debug, Error)]
pub enum SessionError {
    /// Nothing came back.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The meter or our own client refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What the meter answered cannot be used.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

/// Most octets of one value: several months of a load profile.
pub const LONGEST_VALUE: usize = 256 * 1024;

/// A value as its blocks arrive, up to [`LONGEST_VALUE`]: a meter that never sends its last block is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected(Vec<u8>);

impl Collected {
    /// The octets so far.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl Collect for Collected {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn extend(&mut self, octets: &[u8]) -> Result<(), Full> {
        let (at, needed) = (self.0.len(), octets.len());
        let left = LONGEST_VALUE.saturating_sub(at);
        if needed > left {
            return Err(Full { at, needed, left });
        }
        self.0.extend_from_slice(octets);
        Ok(())
    }
}

/// A client and the meter it talks to.
#[derive(Debug)]
pub struct Session {
    /// The client.
    pub client: Client,
    /// Its address and the meter's.
    pub peer: Peer,
    /// Whose counters it uses.
    pub meter: MeterId,
}

impl Session {
    /// Begins an operation with `begin` and goes through with it. Its value is in `into`.
    pub fn run(
        &mut self,
        link: &mut impl Link,
        into: &mut Collected,
        begin: impl FnOnce(&mut Client, &mut Around<'_>) -> Result<(), ClientError>,
    ) -> Result<Progress, SessionError> {
        let (client, meter) = (&mut self.client, self.meter);
        begin(client, &mut link.surroundings().of_meter(meter))?;
        loop {
            let request = client.request().to_vec();
            let mut outcome = Ok(Progress::Ignored);
            let asked = link.ask(self.peer, &request, &mut |surroundings, apdu| {
                outcome = client.handle(apdu, into, &mut surroundings.of_meter(meter));
                match outcome {
                    Ok(Progress::Ignored) => false,
                    Ok(_) => true,
                    // Damaged or foreign octets do not end what still waits for its reply.
                    Err(_) => !client.is_waiting(),
                }
            });
            match (asked, outcome) {
                (Ok(()), Ok(Progress::Send)) => {}
                (Ok(()), outcome) => return Ok(outcome?),
                (Err(error), outcome) => {
                    client.reset();
                    outcome?;
                    return Err(error.into());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_without_end_is_refused_and_a_new_one_begins_at_nought() {
        let mut collected = Collected::default();
        let blocks = (0..).take_while(|_| collected.extend(&[7; 1000]).is_ok()).count();
        assert_eq!((blocks, collected.octets().len()), (262, 262_000));
        let full = collected.extend(&[7; 1000]).unwrap_err();
        assert_eq!(full, Full { at: 262_000, needed: 1000, left: 144 });
        assert_eq!(collected.extend(&[7; 144]), Ok(()));
        collected.clear();
        assert_eq!(collected.extend(&[7; 1000]), Ok(()));
    }
}

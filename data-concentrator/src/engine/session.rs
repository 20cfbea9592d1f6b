//! One operation of a COSEM client with its meter, over whatever carries the APDUs.

use super::line::{Accept, LineError, Peer};
use super::plan::AnswerError;
use super::surroundings::{Around, Surroundings};
use crate::store::MeterId;
use cosem::client::ClientError;
use cosem::{Client, Progress};
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
        into: &mut Vec<u8>,
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

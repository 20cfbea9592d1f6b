//! Opens the association that a turn happens in, also with a meter that has seen higher invocation counters than ours.

use super::PUBLIC_CLIENT;
use super::line::Peer;
use super::plan::AnswerError;
use super::session::{Collected, Link, Session, SessionError};
use cosem::classes::DATA;
use cosem::client::ClientError;
use cosem::server::INVOCATION_COUNTER;
use cosem::xdlms::ServiceException;
use cosem::{Client, ClientConfig, Data, Query};

/// How far the meter's own word may push the counter up: years of an eager head-end.
const MAX_CATCH_UP: u32 = 1 << 24;

/// Opens the association of `session`.
///
/// A meter that has seen higher numbers from this client, from a head-end with the same keys or before our database
/// was lost, refuses ours. Its exception names the number it expects, and nobody has signed that: it moves the counter
/// by no more than [`MAX_COUNTER_JUMP`](cosem::client::MAX_COUNTER_JUMP). Where that was not enough the meter's
/// object 0.0.43.1.0.255 is asked for it through the public client, as the Blue Book means it. That answer is not
/// signed either, so it moves the counter by no more than [`MAX_CATCH_UP`]: a forger would have to be believed 256
/// times before the key has no numbers left.
///
/// # Errors
/// What the meter or the line said last; [`AnswerError::CounterTooFar`] where the number is not believed.
pub(super) fn associate(
    link: &mut impl Link,
    session: &mut Session,
    room: &mut Collected,
) -> Result<(), SessionError> {
    match open(link, session, room) {
        Err(error) if is_about_counter(&error) => {}
        outcome => return outcome,
    }
    match open(link, session, room) {
        Err(error) if is_about_counter(&error) => {}
        outcome => return outcome,
    }
    let (ours, meter) = (session.client.counter(), counter(link, session, room)?);
    if meter.saturating_sub(ours) > MAX_CATCH_UP {
        return Err(AnswerError::CounterTooFar { ours, meter }.into());
    }
    session.client.raise_counter(meter.saturating_add(1));
    open(link, session, room)
}

fn open(link: &mut impl Link, session: &mut Session, room: &mut Collected) -> Result<(), SessionError> {
    session.client.reset();
    session.run(link, room, |client, around| client.associate(around).map(|_| ())).map(|_| ())
}

fn is_about_counter(error: &SessionError) -> bool {
    matches!(error, SessionError::Client(ClientError::Exception(ServiceException::InvocationCounter(_))))
}

/// The highest invocation counter that the meter has seen from the management client, by its own word.
fn counter(link: &mut impl Link, session: &Session, room: &mut Collected) -> Result<u32, SessionError> {
    let mut public = Session {
        client: Client::new(ClientConfig::public()),
        peer: Peer { client: PUBLIC_CLIENT, ..session.peer },
        meter: session.meter,
    };
    open(link, &mut public, room)?;
    let query = Query::new(DATA, INVOCATION_COUNTER, 2);
    public.run(link, room, |client, around| client.get(&query, around).map(|_| ()))?;
    let number = Data::parse(room.octets()).ok().and_then(|data| u32::try_from(data.as_i64()?).ok());
    // The number is here; the release that gets lost costs nothing but the meter's patience.
    let _ = public.run(link, room, |client, _| client.release().map(|_| ()));
    number.ok_or_else(|| AnswerError::Counter.into())
}

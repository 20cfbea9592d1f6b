//! The server's end: a world whose coordinator's PHY one client at a time may drive.

use super::{ClientMessage, FrameError, PROTOCOL_VERSION, Provision, ServerMessage, read_frame, write_frame};
use crate::world::World;
use g3_phy::primitives::Request;
use plc_core::time::{Duration, Instant, as_seconds_f64, millis, seconds};
use std::io::{self, BufReader, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::time::Instant as WallInstant;

/// Virtual time between two looks for a client while none is connected.
const FREE_RUN_SLICE: Duration = millis(10);
/// Virtual time that one message may take; the client asks again.
const LONGEST_EXCHANGE: Duration = seconds(1);
/// A frame that is to start later than this cannot be meant: no MAC knows so far ahead.
const FARTHEST_START: Duration = seconds(10);
/// A client that says nothing for so long, by the wall clock, is taken for gone: one that vanished without a word must
/// not hold the line for ever. A concentrator that is alive asks many times a second.
pub const LONGEST_SILENCE: std::time::Duration = std::time::Duration::from_secs(60);
/// Between two looks for a message, and whether to keep going.
const LOOK: std::time::Duration = std::time::Duration::from_millis(200);
/// A world that falls further behind the wall clock than this gives the lag up.
const LARGEST_LAG_S: f64 = 1.0;

/// What happened, for whoever runs the server.
#[derive(Debug)]
pub enum ServerEvent {
    /// A client has come.
    Connected(String),
    /// A client is gone; why, where it did not say goodbye.
    Gone(Option<FrameError>),
}

/// Serves `world` to one client after the other, for ever or until `keep_going` says no. While no client is
/// connected, virtual time follows the wall clock; while one is, it moves only as the client asks, until it is silent
/// for [`LONGEST_SILENCE`].
pub fn serve(
    world: &mut World,
    listener: &TcpListener,
    tell: impl FnMut(ServerEvent),
    keep_going: impl Fn() -> bool,
) -> io::Result<()> {
    serve_patiently(world, listener, LONGEST_SILENCE, tell, keep_going)
}

/// [`serve`] with another longest silence.
pub fn serve_patiently(
    world: &mut World,
    listener: &TcpListener,
    longest_silence: std::time::Duration,
    mut tell: impl FnMut(ServerEvent),
    keep_going: impl Fn() -> bool,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    while keep_going() {
        let Some((stream, peer)) = free_run(world, listener, &keep_going)? else { continue };
        tell(ServerEvent::Connected(peer));
        world.drop_events();
        let gone = serve_client(world, stream, longest_silence, &keep_going);
        tell(ServerEvent::Gone(match gone {
            Ok(()) | Err(FrameError::Closed) => None,
            Err(error) => Some(error),
        }));
    }
    Ok(())
}

/// Lets virtual time follow the wall clock until a client comes.
fn free_run(
    world: &mut World,
    listener: &TcpListener,
    keep_going: impl Fn() -> bool,
) -> io::Result<Option<(TcpStream, String)>> {
    let mut wall_start = WallInstant::now();
    let mut start = world.now();
    while keep_going() {
        match listener.accept() {
            Ok((stream, peer)) => return Ok(Some((stream, peer.to_string()))),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // A client that vanished before it was accepted is no reason to end.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        let now = world.now();
        world.exchange(Vec::new(), now + FREE_RUN_SLICE);
        world.drop_events();
        let ahead_s = as_seconds_f64(world.now() - start) - wall_start.elapsed().as_secs_f64();
        if ahead_s > 0.0 {
            std::thread::sleep(std::time::Duration::from_secs_f64(ahead_s));
        } else if ahead_s < -LARGEST_LAG_S {
            (wall_start, start) = (WallInstant::now(), world.now());
        }
    }
    Ok(None)
}

/// Answers one client until it goes.
fn serve_client(
    world: &mut World,
    stream: TcpStream,
    longest_silence: std::time::Duration,
    keep_going: impl Fn() -> bool,
) -> Result<(), FrameError> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(longest_silence))?;
    let mut from = BufReader::new(stream.try_clone()?);
    let mut to = &stream;
    let mut greeted = false;
    loop {
        // A client that sends ahead is asked about too: recordings are written meanwhile.
        if !keep_going() || from.buffer().is_empty() && !await_message(&stream, longest_silence, &keep_going)?
        {
            return Ok(());
        }
        stream.set_read_timeout(Some(longest_silence))?;
        let message: ClientMessage = match read_frame(&mut from) {
            Ok(message) => message,
            Err(FrameError::Io(error)) if is_time_out(&error) => {
                return Err(FrameError::Silent(longest_silence));
            }
            Err(error @ (FrameError::Content(_) | FrameError::TooLong(_))) => {
                // Say why before hanging up; the client may be gone already.
                let _ = write_frame(&mut to, &ServerMessage::Refused(error.to_string()));
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        let answer = match message {
            ClientMessage::Hello { version } if version == PROTOCOL_VERSION => {
                greeted = true;
                ServerMessage::Welcome(Box::new(Provision::new(world.scenario(), world.now())))
            }
            ClientMessage::Hello { version } => ServerMessage::Refused(format!(
                "version {version} of the port's messages; this line speaks {PROTOCOL_VERSION}"
            )),
            _ if !greeted => ServerMessage::Refused("the first message must be Hello".to_string()),
            ClientMessage::Exchange { requests, until } => match too_far_ahead(world.now(), &requests) {
                Some(start) => ServerMessage::Refused(format!(
                    "a frame to start at tick {}, where the line's clock shows {}: no more than {} s ahead",
                    start.as_ticks(),
                    world.now().as_ticks(),
                    as_seconds_f64(FARTHEST_START),
                )),
                None => {
                    let latest = world.now() + LONGEST_EXCHANGE;
                    ServerMessage::Exchange(world.exchange(requests, until.min(latest)))
                }
            },
            ClientMessage::Links => ServerMessage::Links(world.links()),
        };
        let refused = matches!(answer, ServerMessage::Refused(_));
        write_frame(&mut to, &answer)?;
        if refused {
            return Ok(());
        }
    }
}

/// The start of a frame that would keep the port busy for all who come after.
fn too_far_ahead(now: Instant, requests: &[Request]) -> Option<Instant> {
    let start = |request: &Request| match request {
        Request::Data(data) => Some(data.start),
        Request::Ack(ack) => Some(ack.start),
        _ => None,
    };
    requests.iter().filter_map(start).find(|start| *start > now + FARTHEST_START)
}

/// Waits for octets of the client; false where there is no reason to wait any longer.
fn await_message(
    stream: &TcpStream,
    longest_silence: std::time::Duration,
    keep_going: impl Fn() -> bool,
) -> Result<bool, FrameError> {
    let since = WallInstant::now();
    stream.set_read_timeout(Some(LOOK.min(longest_silence)))?;
    while keep_going() {
        match stream.peek(&mut [0]) {
            // Octets, or the end, which reading will tell.
            Ok(_) => return Ok(true),
            Err(error) if is_time_out(&error) => {}
            Err(error) => return Err(error.into()),
        }
        if since.elapsed() >= longest_silence {
            let error = FrameError::Silent(longest_silence);
            // It may be alive after all.
            let _ = write_frame(&mut &*stream, &ServerMessage::Refused(error.to_string()));
            return Err(error);
        }
    }
    Ok(false)
}

fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

//! The line's end: places that processes outside may take.

use super::message::{MAX_SAMPLES, Message, MessageError, VERSION, read_message, write_message};
use crate::line::source_volts;
use crate::record::epoch;
use crate::replay::describe::hex;
use crate::scenario::Scenario;
use crate::world::Modem;
use g3_phy::{BandPlan, TX_RMS};
use std::io::{self, BufReader, BufWriter, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the line waits for those outside, by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a place to be taken the first time, before time begins to run.
    pub join: Duration,
    /// For an answer to a step. An emulator may be slow.
    pub answer: Duration,
}

impl Default for Patience {
    /// An hour to be started by hand, and half a minute for a block of 0.64 ms.
    fn default() -> Self {
        Self { join: Duration::from_secs(3_600), answer: Duration::from_secs(30) }
    }
}

/// How long a client may take for its first message.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Clients that may be about to join at a time.
const MOST_HANDSHAKES: usize = 16;
/// Between two looks for clients.
const ACCEPT_PAUSE: Duration = Duration::from_millis(5);

/// What happened at the door, for whoever runs the line.
#[derive(Debug)]
pub enum DoorEvent {
    /// A process has taken a place.
    Joined {
        /// The place.
        name: String,
        /// From where.
        peer: String,
    },
    /// A place is empty again, and why.
    Left {
        /// The place.
        name: String,
        /// Why.
        error: MessageError,
    },
    /// A client was turned away, and why.
    TurnedAway {
        /// From where.
        peer: String,
        /// Why.
        reason: String,
    },
}

/// A place on the line.
#[derive(Debug)]
struct Seat {
    /// Names that it goes by.
    names: [String; 2],
    about: String,
    waiting: Mutex<Waiting>,
    arrival: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    /// A client that has joined and is not yet being served.
    stream: Option<TcpStream>,
    /// Whether one is being served.
    taken: bool,
}

/// Accepts processes that join. Dropping it ends its thread.
#[derive(Debug)]
pub struct Door {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    events: Receiver<DoorEvent>,
}

/// A modem outside this process.
#[derive(Debug)]
pub struct Outside {
    seat: Arc<Seat>,
    patience: Patience,
    connection: Option<(BufReader<TcpStream>, BufWriter<TcpStream>)>,
    /// Whether the place was ever taken, or waited for in vain.
    begun: bool,
    heard: Option<(u64, Vec<f32>)>,
    measured: Vec<Message>,
    events: Sender<DoorEvent>,
}

impl Door {
    /// Opens the door at `listener` for the scenario's meters with these indices, and gives the modems that stand for
    /// them, in the same order.
    pub fn open(
        listener: TcpListener,
        scenario: &Scenario,
        meters: &[usize],
        patience: Patience,
    ) -> io::Result<(Self, Vec<Outside>)> {
        listener.set_nonblocking(true)?;
        let (sender, events) = channel();
        let specs = scenario.meters();
        let seats: Vec<Arc<Seat>> = meters
            .iter()
            .filter_map(|&index| {
                let spec = specs.get(index)?;
                let about = serde_json::json!({
                    "version": VERSION,
                    "point": spec.name,
                    "modem": index + 1,
                    "rate_hz": BandPlan::CENELEC_A.clock.rate_hz(),
                    "volts_per_unit": source_volts(scenario.level_dbuv) / f64::from(TX_RMS),
                    "start": epoch(scenario).to_string(),
                    "pan_id": scenario.pan_id.0,
                    "short_address": spec.short_address.0,
                    "group_master_key": hex(&scenario.group_master_key()),
                });
                Some(Arc::new(Seat {
                    names: [format!("meter-{}", index + 1), spec.name.clone()],
                    about: about.to_string(),
                    waiting: Mutex::default(),
                    arrival: Condvar::new(),
                }))
            })
            .collect();
        let outside = |seat: &Arc<Seat>| Outside {
            seat: Arc::clone(seat),
            patience,
            connection: None,
            begun: false,
            heard: None,
            measured: Vec::new(),
            events: sender.clone(),
        };
        let modems = seats.iter().map(outside).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || accept(&listener, &seats, &sender, &stopped));
        Ok((Self { stop, thread: Some(thread), events }, modems))
    }

    /// What has happened since the last call.
    pub fn events(&self) -> Vec<DoorEvent> {
        self.events.try_iter().collect()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, seats: &[Arc<Seat>], events: &Sender<DoorEvent>, stop: &AtomicBool) {
    let under_way = Arc::new(AtomicUsize::new(0));
    while !stop.load(Ordering::Relaxed) {
        let Ok((stream, peer)) = listener.accept() else {
            std::thread::sleep(ACCEPT_PAUSE);
            continue;
        };
        if under_way.load(Ordering::Relaxed) >= MOST_HANDSHAKES {
            // Dropping the stream turns it away.
            continue;
        }
        under_way.fetch_add(1, Ordering::Relaxed);
        let (seats, events, under_way) = (seats.to_vec(), events.clone(), Arc::clone(&under_way));
        // A client that says nothing keeps only itself waiting.
        std::thread::spawn(move || {
            let peer = peer.to_string();
            // Nobody may be listening to events any more.
            let _ = events.send(match greet(stream, &seats) {
                Ok(name) => DoorEvent::Joined { name, peer },
                Err(reason) => DoorEvent::TurnedAway { peer, reason },
            });
            under_way.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Reads a client's first message and gives it its place.
fn greet(mut stream: TcpStream, seats: &[Arc<Seat>]) -> Result<String, String> {
    let text = |error: io::Error| error.to_string();
    stream.set_nonblocking(false).map_err(text)?;
    stream.set_nodelay(true).map_err(text)?;
    stream.set_read_timeout(Some(HANDSHAKE)).map_err(text)?;
    stream.set_write_timeout(Some(HANDSHAKE)).map_err(text)?;
    let outcome = match read_message(&mut stream) {
        Ok(Message::Join { version: VERSION, name }) => find(seats, &name),
        Ok(Message::Join { version, .. }) => {
            Err(format!("version {version} of the messages; this line speaks {VERSION}"))
        }
        Ok(other) => Err(format!("the first message must be JOIN, this is {other:?}")),
        Err(error) => Err(error.to_string()),
    };
    let seat = match outcome {
        Ok(seat) => seat,
        Err(reason) => {
            let _ = write_message(&mut stream, &Message::Refused(reason.clone()));
            return Err(reason);
        }
    };
    let mut waiting = seat.waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let name = seat.names.join(" ");
    if waiting.taken || waiting.stream.is_some() {
        let reason = format!("{name} is taken by another process");
        let _ = write_message(&mut stream, &Message::Refused(reason.clone()));
        return Err(reason);
    }
    write_message(&mut stream, &Message::Joined(seat.about.clone())).map_err(|error| error.to_string())?;
    waiting.stream = Some(stream);
    seat.arrival.notify_all();
    Ok(name)
}

fn find<'a>(seats: &'a [Arc<Seat>], name: &str) -> Result<&'a Arc<Seat>, String> {
    seats.iter().find(|seat| seat.names.iter().any(|own| own == name)).ok_or_else(|| {
        let names: Vec<String> = seats.iter().map(|seat| seat.names.join(" or ")).collect();
        format!("no place {name:?} is free for modems outside; there are {}", names.join(", "))
    })
}

impl Outside {
    /// Serves whoever has joined; waits the first time.
    fn take_seat(&mut self) {
        if self.connection.is_some() {
            return;
        }
        let seat = Arc::clone(&self.seat);
        let mut waiting = seat.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.begun {
            self.begun = true;
            let deadline = Instant::now() + self.patience.join;
            while waiting.stream.is_none() {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let woken = seat.arrival.wait_timeout(waiting, left);
                waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        let Some(stream) = waiting.stream.take() else { return };
        let ready = || -> io::Result<_> {
            stream.set_read_timeout(Some(self.patience.answer))?;
            stream.set_write_timeout(Some(self.patience.answer))?;
            Ok((BufReader::new(stream.try_clone()?), BufWriter::new(stream)))
        };
        self.connection = ready().ok();
        waiting.taken = self.connection.is_some();
    }

    /// Tells the client of the block and takes what it sends. Empty where it is silent.
    fn step(&mut self, from: u64, count: usize) -> Result<Vec<f32>, MessageError> {
        let Some((reader, writer)) = &mut self.connection else { return Ok(Vec::new()) };
        for measured in self.measured.drain(..) {
            io::Write::write_all(writer, &measured.octets())?;
        }
        let (heard_from, heard) = self.heard.take().unwrap_or((0, Vec::new()));
        let step = Message::Step { heard_from, heard, send_from: from, send_count: count as u32 };
        write_message(writer, &step)?;
        match read_message(reader)? {
            Message::Sent { from: begin, count: number, samples }
                if begin == from
                    && number as usize == count
                    && (samples.is_empty() || samples.len() == count) =>
            {
                Ok(samples)
            }
            other => {
                let (name, length) = match &other {
                    Message::Sent { from, count, samples } => {
                        (format!("SENT from {from}, {count} samples"), samples.len())
                    }
                    _ => ("another message than SENT".to_string(), 0),
                };
                let reason = format!(
                    "{name} ({length} there) where SENT from {from}, {count} samples or none, was wanted"
                );
                let _ = write_message(writer, &Message::Refused(reason.clone()));
                Err(MessageError::Io(io::Error::new(ErrorKind::InvalidData, reason)))
            }
        }
    }
}

impl Modem for Outside {
    fn transmit(&mut self, from: u64, out: &mut [f32]) -> bool {
        self.take_seat();
        if out.len() > MAX_SAMPLES {
            return false;
        }
        match self.step(from, out.len()) {
            Ok(samples) if samples.len() == out.len() && !samples.is_empty() => {
                out.copy_from_slice(&samples);
                true
            }
            Ok(_) => false,
            Err(error) => {
                self.connection = None;
                self.measured.clear();
                self.seat.waiting.lock().unwrap_or_else(PoisonError::into_inner).taken = false;
                // Nobody may be listening to events any more.
                let _ = self.events.send(DoorEvent::Left { name: self.seat.names.join(" "), error });
                false
            }
        }
    }

    fn receive(&mut self, from: u64, samples: &[f32]) {
        if self.connection.is_none() {
            return;
        }
        match &mut self.heard {
            Some((_, heard)) => heard.extend_from_slice(samples),
            None => self.heard = Some((from, samples.to_vec())),
        }
    }

    fn measure(&mut self, power_mw: i64, ticks: u64) {
        // A day in steps of a minute comes before the place is taken.
        if self.connection.is_some() || !self.begun {
            self.measured.push(Message::Measured { power_mw, ticks });
        }
    }
}

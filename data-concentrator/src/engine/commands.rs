//! What other threads ask of the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::sync::oneshot;

/// Requests of head-ends that may wait for the line at once.
pub const QUEUE: usize = 64;

/// What a head-end's connection asks for.
#[derive(Debug)]
pub enum Command {
    /// Pass an APDU to a meter.
    Pass(Pass),
    /// The connection is gone, and with it the associations it held.
    Closed {
        /// The connection.
        connection: u64,
    },
}

/// An APDU on its way from a head-end to a meter.
#[derive(Debug)]
pub struct Pass {
    /// Which connection it came in on.
    pub connection: u64,
    /// Place of the meter in the network.
    pub meter: usize,
    /// wPort of the head-end's client.
    pub client: u16,
    /// The APDU, as it came.
    pub apdu: Vec<u8>,
    /// Where the answer goes; dropped where the connection has given up.
    pub reply: oneshot::Sender<Passed>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    /// The meter's answer, as it came.
    Answer(Vec<u8>),
    /// The meter is busy with somebody else under this client address.
    Busy,
    /// No answer.
    Silent(String),
}

/// The engine's end of the queue.
pub type Commands = Receiver<Command>;
/// The other end.
pub type Commander = SyncSender<Command>;

/// A queue to the engine.
pub fn queue() -> (Commander, Commands) {
    sync_channel(QUEUE)
}

/// Tells the engine to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks the engine to stop at the next opportunity.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has asked.
    pub fn stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

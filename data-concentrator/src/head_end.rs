//! TCP port for head-ends: DLMS wrapper frames pass through to the meter that the destination wPort names.
//!
//! wPort 1000 + short address is a meter's management logical device. What a frame carries is not looked into beyond
//! its first octet, which tells when an association begins and ends: security is between head-end and meter. A
//! connection has one request on its way at a time; what it sends meanwhile waits in its socket.

use crate::engine::commands::{Command, Commander, Pass, Passed};
use crate::engine::line::MAX_APDU;
use crate::network::Network;
use crate::report::Console;
use cosem::wrapper::{HEADER_LEN, Header, Reassembler, WrapperError, emit};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::TrySendError;
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};

/// Connections at a time; more wait until one ends.
pub const MAX_CONNECTIONS: usize = 64;
/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(600);
/// How long a request may wait for the line and its answer.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long to wait where the queue to the line is full.
const QUEUE_FULL: Duration = Duration::from_millis(50);

/// exception-response "service not allowed, operation not possible": no such meter, or it is taken.
const NOT_POSSIBLE: [u8; 3] = [0xD8, 1, 1];
/// exception-response "service not allowed, other reason": the meter does not answer.
const OTHER_REASON: [u8; 3] = [0xD8, 1, 3];

/// Why a connection ended.
#[derive(Debug, Error)]
enum Ended {
    /// The stream is none of wrapper frames.
    #[error("{0}")]
    Wrapper(#[from] WrapperError),
    /// The socket failed.
    #[error("{0}")]
    Socket(#[from] io::Error),
    /// Nothing was sent for too long.
    #[error("silent for {} minutes", IDLE.as_secs() / 60)]
    Idle,
    /// The engine is gone.
    #[error("the line has stopped")]
    Stopped,
}

/// Serves head-ends for as long as it is polled.
pub struct HeadEnd {
    /// Place of each meter by its wPort.
    meters: Arc<BTreeMap<u16, usize>>,
    commander: Commander,
    console: Console,
    next: AtomicU64,
}

impl HeadEnd {
    /// A port to the meters of `network`.
    pub fn new(network: &Network, commander: Commander, console: Console) -> Self {
        let meters =
            network.meters.iter().enumerate().map(|(index, meter)| (meter.w_port(), index)).collect();
        Self { meters: Arc::new(meters), commander, console, next: AtomicU64::new(0) }
    }

    /// Takes connections.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let (stream, from) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file handles, say: it passes, and until then there is nothing to do.
                    self.console.note(&format!("port for head-ends: {error}"));
                    tokio::time::sleep(QUEUE_FULL).await;
                    continue;
                }
            };
            let head_end = Arc::clone(&self);
            tokio::spawn(async move {
                head_end.connection(stream, from).await;
                drop(place);
            });
        }
    }

    async fn connection(&self, mut stream: TcpStream, from: SocketAddr) {
        let connection = self.next.fetch_add(1, Ordering::Relaxed);
        let ended = self.converse(&mut stream, connection).await;
        if let Err(reason) = ended {
            self.console.note(&format!("head-end {from}: closed, {reason}"));
        }
        // The engine frees what the connection held; a full queue passes.
        let mut closed = Command::Closed { connection };
        while let Err(TrySendError::Full(again)) = self.commander.try_send(closed) {
            closed = again;
            tokio::time::sleep(QUEUE_FULL).await;
        }
    }

    async fn converse(&self, stream: &mut TcpStream, connection: u64) -> Result<(), Ended> {
        stream.set_nodelay(true)?;
        let mut reassembler = Reassembler::<{ HEADER_LEN + MAX_APDU }>::new();
        let mut room = [0; 2048];
        loop {
            let read =
                tokio::time::timeout(IDLE, stream.read(&mut room)).await.map_err(|_| Ended::Idle)??;
            if read == 0 {
                return Ok(());
            }
            let mut octets = room.get(..read).unwrap_or_default();
            while let Some((header, apdu)) = reassembler.push(&mut octets)? {
                let answer = self.pass(connection, header, apdu.to_vec()).await?;
                let mut out = vec![0; HEADER_LEN + answer.len()];
                let length = emit(header.destination, header.source, &answer, &mut out)?;
                stream.write_all(out.get(..length).unwrap_or_default()).await?;
            }
        }
    }

    /// The answer to a frame: the meter's, or an exception that says why there is none.
    async fn pass(&self, connection: u64, header: Header, apdu: Vec<u8>) -> Result<Vec<u8>, Ended> {
        let Some(&meter) = self.meters.get(&header.destination) else { return Ok(NOT_POSSIBLE.to_vec()) };
        let (reply, answer) = oneshot::channel();
        let pass = Pass { connection, meter, client: header.source, apdu, reply };
        let mut command = Command::Pass(pass);
        let wait = async {
            loop {
                match self.commander.try_send(command) {
                    Ok(()) => return answer.await.map_err(|_| Ended::Stopped),
                    Err(TrySendError::Disconnected(_)) => return Err(Ended::Stopped),
                    Err(TrySendError::Full(again)) => command = again,
                }
                tokio::time::sleep(QUEUE_FULL).await;
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(Ok(Passed::Answer(apdu))) => Ok(apdu),
            Ok(Ok(Passed::Busy)) => Ok(NOT_POSSIBLE.to_vec()),
            Ok(Ok(Passed::Silent(reason))) => {
                self.console.note(&format!("meter behind wPort {}: {reason}", header.destination));
                Ok(OTHER_REASON.to_vec())
            }
            Ok(Err(ended)) => Err(ended),
            Err(_) => Ok(OTHER_REASON.to_vec()),
        }
    }
}

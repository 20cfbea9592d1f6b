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
/// How long a connection may take to accept an answer.
const ACCEPT: Duration = Duration::from_secs(30);
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
    /// It does not fetch its answer.
    #[error("takes no octets for {} seconds", ACCEPT.as_secs())]
    Deaf,
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
                let written = stream.write_all(out.get(..length).unwrap_or_default());
                tokio::time::timeout(ACCEPT, written).await.map_err(|_| Ended::Deaf)??;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::commands::{Commands, queue};
    use crate::testkit;
    use proptest::prelude::*;

    /// A port in front of an engine that answers every APDU with its octets reversed, and meter 1 (the second) never.
    async fn port() -> (SocketAddr, std::sync::mpsc::Receiver<u64>) {
        let (commander, commands) = queue();
        let (tell, closed) = std::sync::mpsc::channel();
        std::thread::spawn(move || answer(&commands, &tell));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let head_end = HeadEnd::new(&testkit::network(3), commander, Console::default());
        tokio::spawn(Arc::new(head_end).serve(listener));
        (address, closed)
    }

    fn answer(commands: &Commands, closed: &std::sync::mpsc::Sender<u64>) {
        for command in commands {
            match command {
                // A test that does not care has dropped the other end.
                Command::Closed { connection } => drop(closed.send(connection)),
                Command::Pass(pass) => {
                    let passed = match pass.meter {
                        1 => Passed::Silent("no answer".into()),
                        2 => Passed::Busy,
                        _ => Passed::Answer(pass.apdu.into_iter().rev().collect()),
                    };
                    drop(pass.reply.send(passed));
                }
            }
        }
    }

    async fn exchange(stream: &mut TcpStream, destination: u16, apdu: &[u8]) -> (u16, u16, Vec<u8>) {
        let mut frame = vec![0; HEADER_LEN + apdu.len()];
        emit(16, destination, apdu, &mut frame).unwrap();
        stream.write_all(&frame).await.unwrap();
        let mut header = [0; HEADER_LEN];
        stream.read_exact(&mut header).await.unwrap();
        let header = Header::parse(&mut plc_core::bytes::Reader::new(&header)).unwrap();
        let mut apdu = vec![0; header.length.into()];
        stream.read_exact(&mut apdu).await.unwrap();
        (header.source, header.destination, apdu)
    }

    #[tokio::test]
    async fn an_answer_comes_back_from_where_it_was_addressed() {
        let (address, _) = port().await;
        let mut connections = Vec::new();
        for n in 0..8_u8 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            assert_eq!(exchange(&mut stream, 1001, &[n, 1]).await, (1001, 16, vec![1, n]));
            connections.push(stream);
        }
        for (n, stream) in (0..).zip(&mut connections) {
            assert_eq!(exchange(stream, 1001, &[n, 2, 3]).await.2, [3, 2, n]);
        }
    }

    #[tokio::test]
    async fn where_there_is_no_answer_an_exception_says_why() {
        let (address, _) = port().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(exchange(&mut stream, 1, &[0xC0]).await.2, NOT_POSSIBLE, "no meter is wPort 1");
        assert_eq!(exchange(&mut stream, 1002, &[0xC0]).await.2, OTHER_REASON, "silent");
        assert_eq!(exchange(&mut stream, 1003, &[0xC0]).await.2, NOT_POSSIBLE, "taken");
        assert_eq!(exchange(&mut stream, 1001, &[0xC0]).await.2, [0xC0], "the connection goes on");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_stream_of_something_else_is_closed_and_the_others_go_on() {
        let (address, closed) = port().await;
        let mut good = TcpStream::connect(address).await.unwrap();
        exchange(&mut good, 1001, &[1]).await;
        let too_long = [0, 1, 0, 16, 3, 0xE9, 0xFF, 0xFF];
        for octets in [b"GET / HTTP/1.1\r\n".as_slice(), &too_long] {
            let mut bad = TcpStream::connect(address).await.unwrap();
            bad.write_all(octets).await.unwrap();
            let mut rest = Vec::new();
            // A reset is as good as an end.
            let _ = bad.read_to_end(&mut rest).await;
            assert!(rest.is_empty());
        }
        assert_eq!(exchange(&mut good, 1001, &[1, 2]).await.2, [2, 1]);
        drop(good);
        let mut gone = [(); 3].map(|()| closed.recv_timeout(Duration::from_secs(20)).unwrap());
        gone.sort_unstable();
        assert_eq!(gone, [0, 1, 2], "the engine is told of each");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn any_octets_close_a_connection_or_are_answered(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            runtime.block_on(async {
                let (address, _closed) = port().await;
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(&octets).await.unwrap();
                stream.shutdown().await.unwrap();
                let _ = stream.read_to_end(&mut Vec::new()).await;
                let mut other = TcpStream::connect(address).await.unwrap();
                assert_eq!(exchange(&mut other, 1001, &[5, 6]).await.2, [6, 5]);
            });
        }
    }
}

//! A line behind a TCP port: it answers as the world in this process does, and survives its clients.

#![allow(clippy::unwrap_used, reason = "a test: helpers may fail")]

use channel_sim::port::{
    ClientMessage, PROTOCOL_VERSION, RemoteWorld, ServerEvent, ServerMessage, read_frame, serve,
    serve_patiently, write_frame,
};
use channel_sim::scenario::Scenario;
use channel_sim::world::World;
use g3_phy::primitives::{Event, PdDataRequest, Psdu, Request, TransmitStatus};
use g3_phy::{BandPlan, Modulation};
use plc_core::time::{Instant, millis};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A line on a free port; dropping it ends its thread.
struct Line {
    address: SocketAddr,
    running: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Line {
    fn start(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let running = Arc::new(AtomicBool::new(true));
        let keep_going = running.clone();
        let thread = std::thread::spawn(move || {
            let mut world = World::new(Scenario::village(seed)).unwrap();
            serve(&mut world, &listener, |_| {}, || keep_going.load(Ordering::Relaxed)).unwrap();
        });
        Self { address, running, thread: Some(thread) }
    }

    fn connect(&self) -> RemoteWorld {
        RemoteWorld::connect(&self.address.to_string()).unwrap()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.running.store(false, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// A frame that fills 28 DQPSK symbols.
fn frame(start: Instant) -> Request {
    Request::Data(PdDataRequest {
        start,
        psdu: Psdu::from_slice(&[7; 109]).unwrap(),
        modulation: Modulation::Dqpsk,
        tone_map: BandPlan::CENELEC_A.full_tone_map(),
        response_expected: false,
    })
}

#[test]
fn a_client_drives_the_line_in_lock_step() {
    let line = Line::start(1);
    let mut remote = line.connect();
    let provision = remote.provision().clone();
    assert_eq!(provision.meters, Scenario::village(1).meters());
    assert_eq!(remote.links().unwrap(), World::new(Scenario::village(1)).unwrap().links());

    let until = provision.now + millis(1_500);
    let first = remote.exchange(vec![frame(provision.now)], until).unwrap();
    assert_eq!(first.events.len(), 1, "the frame's confirm: {first:?}");
    let second = remote.exchange(Vec::new(), first.now + millis(1_700)).unwrap();
    assert!(second.now >= first.now + millis(1_700), "over the server's own limit: {second:?}");
    assert!(second.now < first.now + millis(1_702));
}

#[test]
fn clients_that_die_at_any_moment_do_not_disturb_the_line() {
    let line = Line::start(2);
    let mut last = Instant::from_ticks(0);
    for way in 0..6 {
        let mut remote = line.connect();
        let now = remote.provision().now;
        assert!(now >= last, "time does not run back");
        last = now;
        match way {
            // Gone after a request whose frame is on the air for a while.
            0 => drop(remote.exchange(vec![frame(now)], now + millis(1)).unwrap()),
            1 => drop(remote),
            // Without a word.
            2 => drop(TcpStream::connect(line.address).unwrap()),
            // In the middle of a message.
            3 => {
                drop(remote);
                let mut stream = TcpStream::connect(line.address).unwrap();
                stream.write_all(&[200, 0, 0, 0, 1, 2, 3]).unwrap();
            }
            // With the answer not read.
            4 => {
                drop(remote);
                let mut stream = TcpStream::connect(line.address).unwrap();
                write_frame(&mut stream, &ClientMessage::Hello { version: PROTOCOL_VERSION }).unwrap();
                let until = last + millis(900);
                let message = ClientMessage::Exchange { requests: vec![frame(last)], until };
                write_frame(&mut stream, &message).unwrap();
            }
            // With garbage.
            _ => {
                drop(remote);
                let mut stream = TcpStream::connect(line.address).unwrap();
                stream.write_all(&[0xFF; 64]).unwrap();
            }
        }
    }
    let mut remote = line.connect();
    let now = remote.provision().now;
    // An exchange ends early at an event, and what a client sent before it died may still be told.
    let reached = (0..16).map(|_| remote.exchange(Vec::new(), now + millis(5)).unwrap().now).max().unwrap();
    assert!(reached >= now + millis(5));
}

#[test]
fn strangers_are_refused_with_a_reason() {
    let line = Line::start(3);
    for (message, reason) in [
        (ClientMessage::Links, "the first message must be Hello"),
        (ClientMessage::Hello { version: 999 }, "version 999"),
    ] {
        let mut stream = TcpStream::connect(line.address).unwrap();
        write_frame(&mut stream, &message).unwrap();
        match read_frame(&mut stream).unwrap() {
            ServerMessage::Refused(text) => assert!(text.contains(reason), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_frame_for_the_far_future_is_refused_and_the_next_client_can_send() {
    let line = Line::start(4);
    let mut first = line.connect();
    let now = first.provision().now;
    let refused = first.exchange(vec![frame(Instant::from_ticks(u64::MAX))], now + millis(10)).unwrap_err();
    assert!(refused.to_string().contains("no more than 10 s ahead"), "{refused}");
    drop(first);
    let mut next = line.connect();
    let now = next.provision().now;
    let exchange = next.exchange(vec![frame(now)], now + millis(900)).unwrap();
    assert!(
        matches!(exchange.events[..], [Event::TransmitConfirm(confirm)] if confirm.status == TransmitStatus::Success),
        "{:?}",
        exchange.events
    );
}

#[test]
fn a_missing_line_is_named_with_its_remedy() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = RemoteWorld::connect(&free.to_string()).unwrap_err().to_string();
    assert!(error.contains("channel-sim line --listen"), "{error}");
}

#[test]
fn a_client_that_is_silent_for_too_long_is_taken_for_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let running = Arc::new(AtomicBool::new(true));
    let keep_going = running.clone();
    let (sender, told) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut world = World::new(Scenario::village(1)).unwrap();
        let silence = std::time::Duration::from_millis(300);
        let tell = |event: ServerEvent| sender.send(format!("{event:?}")).unwrap();
        serve_patiently(&mut world, &listener, silence, tell, || keep_going.load(Ordering::Relaxed)).unwrap();
    });
    // The first says hello and nothing more, the second not even that, the third stops inside a message.
    let mut first = RemoteWorld::connect(&address.to_string()).unwrap();
    let next = || told.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    assert!(next().starts_with("Connected"));
    assert!(next().contains("Silent"));
    let error = first.links().unwrap_err().to_string();
    assert!(error.contains("silent") || error.contains("connection"), "{error}");
    let _second = TcpStream::connect(address).unwrap();
    assert!(next().starts_with("Connected") && next().contains("Silent"));
    let mut third = TcpStream::connect(address).unwrap();
    third.write_all(&[200, 0, 0]).unwrap();
    assert!(next().starts_with("Connected") && next().contains("Silent"));
    // The line is there for the next.
    drop(RemoteWorld::connect(&address.to_string()).unwrap());
    running.store(false, Ordering::Relaxed);
    thread.join().unwrap();
}

//! The concentrator is killed again and again while the line and the meters live on in another process: no reading is
//! lost or doubled, no frame counter and no invocation counter is used twice. Every single turn that the concentrator told
//! of, by cycle and serial number, must be in the database.
//!
//! `BUSBAR_KILLS=200 cargo test --release -p data-concentrator --test kill -- --nocapture` does it 200 times; 20 without.
//!
//! Between concentrator and line stands the test, which passes their messages on and keeps every PSDU. Kills come
//! a random number of messages after the start and a random few milliseconds after that message, so that the moment does
//! not depend on how fast the machine is and falls on everything: PSDUs half sent, transactions half written. Every
//! third kill falls anywhere in a cycle, the others in its first sixth, where counters are reserved, associations
//! opened and the first readings kept.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod common;

use channel_sim::port::{ClientMessage, Provision, ServerMessage, read_frame, write_frame};
use channel_sim::scenario::Scenario;
use common::{Served, check_against_shapes, concentrator, database, serials};
use cosem::acse::Aarq;
use cosem::axdr::read_length;
use cosem::wrapper::parse_datagram;
use g3_mac::adaptation::{AdpdDataIndication, AdpdDataRequest};
use g3_mac::frame::{Frame, check_fcs};
use g3_mac::mac::Gmk;
use g3_mac::udp::Datagram;
use g3_mac::{Stack, StackAction, StackConfig, StackEvent};
use g3_phy::primitives::{
    DataHeader, Event, PdDataIndication, PdDataRequest, Request, TransmitConfirm, TransmitStatus,
};
use plc_core::address::{PanId, ShortAddress};
use plc_core::bytes::Reader;
use plc_core::sans_io::{Machine, Step};
use plc_core::testkit::{SplitMix64, TestEnvironment};
use plc_core::time::millis;
use rand_core::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SEED: u64 = 11;
const KILLS: u64 = 20;

/// Stands between concentrator and line.
#[derive(Clone)]
struct Wire {
    line: String,
    /// What the concentrator sent, each with the connection it came in on: a process has one.
    sent: Arc<Mutex<Vec<(usize, PdDataRequest)>>>,
    connections: Arc<AtomicUsize>,
    provision: Arc<Mutex<Option<Provision>>>,
    /// Messages since the concentrator was started, and the one after which it is to be killed.
    messages: Arc<AtomicU64>,
    deadly: Arc<AtomicU64>,
    fire: Sender<()>,
}

impl Wire {
    /// Passes on until one end is gone. What the concentrator did not send completely was never sent.
    fn pass(&self, mut concentrator: TcpStream) {
        let process = self.connections.fetch_add(1, Ordering::SeqCst);
        let Ok(mut line) = TcpStream::connect(&self.line) else { return };
        let _ = (concentrator.set_nodelay(true), line.set_nodelay(true));
        while let Ok(message) = read_frame::<ClientMessage>(&mut concentrator) {
            if let ClientMessage::Exchange { requests, .. } = &message {
                let data = requests.iter().filter_map(|request| match request {
                    Request::Data(data) => Some((process, data.clone())),
                    _ => None,
                });
                self.sent.lock().unwrap().extend(data);
            }
            if self.messages.fetch_add(1, Ordering::SeqCst) + 1 == self.deadly.load(Ordering::SeqCst) {
                let _ = self.fire.send(());
            }
            let Ok(()) = write_frame(&mut line, &message) else { return };
            let Ok(answer) = read_frame::<ServerMessage>(&mut line) else { return };
            if let ServerMessage::Welcome(provision) = &answer {
                *self.provision.lock().unwrap() = Some((**provision).clone());
            }
            let Ok(()) = write_frame(&mut concentrator, &answer) else { return };
        }
    }
}

/// The line in its own process, with what stands in front of it.
fn line_and_wire() -> (Served, Wire, String, Receiver<()>) {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", "channel-sim", "--bin", "channel-sim"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    assert!(build.status().unwrap().success(), "channel-sim does not build");
    let beside = PathBuf::from(env!("CARGO_BIN_EXE_data-concentrator"));
    let mut command =
        Command::new(beside.with_file_name(format!("channel-sim{}", std::env::consts::EXE_SUFFIX)));
    command
        .args(["line", "--json", "--listen", "127.0.0.1:0", "--seed", &SEED.to_string()])
        .stderr(Stdio::null());
    let mut line = Served::start_quiet(command);
    let address = line.document()["listening"].as_str().unwrap().to_owned();
    let (fire, fired) = channel();
    let wire = Wire {
        line: address,
        sent: Arc::default(),
        connections: Arc::default(),
        provision: Arc::default(),
        messages: Arc::default(),
        deadly: Arc::default(),
        fire,
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let front = listener.local_addr().unwrap().to_string();
    let passing = wire.clone();
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| passing.pass(stream)));
    (line, wire, front, fired)
}

#[test]
fn a_killed_concentrator_loses_no_reading_and_repeats_no_counter() {
    let kills = std::env::var("BUSBAR_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let (_line, wire, front, fired) = line_and_wire();
    let data = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = concentrator(data.path());
        command.args(["--once", "--json", "--line", &front, "--seed", &SEED.to_string()]);
        command
    };
    // A whole cycle first: how many messages it takes tells where to kill.
    let first = start().output().unwrap();
    assert!(first.status.success());
    let mut told: BTreeSet<Turn> =
        String::from_utf8_lossy(&first.stderr).lines().filter_map(turn_read).collect();
    assert_eq!(told.len(), 12, "{}", String::from_utf8_lossy(&first.stderr));
    let whole = wire.messages.load(Ordering::SeqCst);

    let mut rng = SplitMix64(SEED);
    let (mut killed, mut runs) = (0, 0);
    while killed < kills {
        runs += 1;
        assert!(runs <= 2 * kills, "{killed} of {runs} runs could be killed");
        wire.messages.store(0, Ordering::SeqCst);
        let range = if runs % 3 == 0 { whole } else { whole / 6 };
        wire.deadly.store(1 + rng.next_u64() % range, Ordering::SeqCst);
        let mut child = start().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        let listening = std::thread::spawn(move || lines.lines().map_while(Result::ok).collect::<Vec<_>>());
        while fired.recv_timeout(Duration::from_millis(50)).is_err() && child.try_wait().unwrap().is_none() {}
        std::thread::sleep(Duration::from_micros(rng.next_u64() % 15_000));
        let alive = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        killed += u64::from(alive);
        told.extend(listening.join().unwrap().iter().filter_map(|line| turn_read(line)));
    }
    let last = start().output().unwrap();
    assert_eq!(last.status.code(), Some(0), "{}", String::from_utf8_lossy(&last.stderr));
    told.extend(String::from_utf8_lossy(&last.stderr).lines().filter_map(turn_read));
    let document: serde_json::Value = serde_json::from_slice(&last.stdout).unwrap();
    let all = serials(&document, |_| true);
    assert_eq!(all.len(), 12);

    let sent = wire.sent.lock().unwrap();
    let frames = check_frame_counters(&sent);
    let provision = wire.provision.lock().unwrap().clone().unwrap();
    let (apdus, invocations) = check_invocation_counters(&sent, &provision);

    let database = database(data.path());
    check_against_shapes(&database, &Scenario::village(SEED), &all);
    let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    assert_eq!(count("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    let kept = turns_kept(&database);
    let lost: Vec<_> = told.difference(&kept).collect();
    assert!(lost.is_empty(), "told of and not there: {lost:?}");
    let torn = count(
        "SELECT count(*) FROM cycle_meter WHERE result = 'read' AND (SELECT count(*) FROM reading
         WHERE reading.cycle_id = cycle_meter.cycle_id AND reading.meter_id = cycle_meter.meter_id AND profile = '') <> 6",
    );
    assert_eq!(torn, 0, "a turn is kept with all its registers or not at all");

    let rows = count("SELECT count(*) FROM reading");
    let (turns, told) = (kept.len(), told.len());
    println!(
        "{killed} kills in {runs} runs: {turns} turns, {told} of them told of before the kill, and {rows} readings kept, {} frames with {frames} frame counters, \
         {apdus} APDUs with {invocations} invocation counters; nothing lost, doubled or used twice",
        sent.len()
    );
    assert!(frames > 10 * usize::try_from(kills).unwrap() && invocations > usize::try_from(kills).unwrap());
}

/// Cycle and serial number of a turn.
type Turn = (i64, String);

/// The turn that a line on standard error says went well: `cycle 7: 26000001 read`.
fn turn_read(line: &str) -> Option<Turn> {
    let (cycle, serial) = line.strip_prefix("cycle ")?.strip_suffix(" read")?.split_once(": ")?;
    Some((cycle.parse().unwrap(), serial.to_owned()))
}

/// The turns that are kept as read.
fn turns_kept(database: &rusqlite::Connection) -> BTreeSet<Turn> {
    let mut query = database
        .prepare(
            "SELECT cycle_id, serial FROM cycle_meter JOIN meter ON meter.id = meter_id WHERE result = 'read'",
        )
        .unwrap();
    let turns = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    turns.collect::<Result<_, _>>().unwrap()
}

/// No two frames under one counter, but the repetition of one and the same by one and the same process: what went out
/// before a restart must not go out after it, be it the same octets. Returns how many counters were used.
fn check_frame_counters(sent: &[(usize, PdDataRequest)]) -> usize {
    let mut used: BTreeMap<u32, (usize, &[u8])> = BTreeMap::new();
    let mut newest = None;
    for (process, request) in sent {
        let (body, _) = check_fcs(&request.psdu).unwrap();
        let Some(security) = Frame::parse(body).unwrap().security else { continue };
        let counter = security.frame_counter;
        let before = used.insert(counter, (*process, body));
        assert!(
            before.is_none_or(|before| before == (*process, body)),
            "frame counter {counter} used for two frames or in two processes"
        );
        assert!(before.is_some() || Some(counter) > newest, "frame counter {counter} after {newest:?}");
        newest = newest.max(Some(counter));
    }
    used.len()
}

/// Listens with each meter's own stack, and follows the invocation counter under each meter's key: an APDU may be
/// repeated by the process that sent it, and by no other. Returns the APDUs sent and the counters used.
fn check_invocation_counters(sent: &[(usize, PdDataRequest)], provision: &Provision) -> (usize, usize) {
    let (mut apdus, mut used) = (0, 0);
    for meter in &provision.meters {
        let mut newest = 0;
        let mut before = (0, Vec::new());
        for (process, apdu) in overheard(sent, provision, meter.short_address) {
            apdus += 1;
            let Some(counter) = invocation_counter(&apdu) else { continue };
            if (process, &apdu) == (before.0, &before.1) {
                continue;
            }
            // The answer to a challenge inside a ciphered ACTION takes the number before the ACTION's own.
            let inner = u32::from(apdu[0] == 0xCB);
            assert!(
                counter > newest + inner,
                "{}: invocation counter {counter} after {newest}",
                meter.serial
            );
            newest = counter;
            before = (process, apdu);
            used += 1 + inner as usize;
        }
        assert!(newest > 0, "{} was never asked", meter.serial);
    }
    (apdus, used)
}

/// The APDUs that a meter at `address` would have got, had it heard everything, each with the process that sent it.
fn overheard(
    sent: &[(usize, PdDataRequest)],
    provision: &Provision,
    address: ShortAddress,
) -> Vec<(usize, Vec<u8>)> {
    let gmk = Gmk(provision.group_master_key);
    let mut stack = Stack::new(StackConfig::cenelec_a(provision.pan_id, address, gmk)).unwrap();
    let mut env = TestEnvironment::new(1);
    let mut apdus = Vec::new();
    for (process, request) in sent {
        let end = request.start + millis(300);
        let header = DataHeader {
            pdc: 0,
            modulation: request.modulation,
            tone_map: request.tone_map,
            payload_symbols: 0,
            blocks: g3_phy::layout::Blocks::One,
            response_expected: request.response_expected,
        };
        let heard = Event::DataIndication(PdDataIndication {
            psdu: request.psdu.clone(),
            header,
            start: request.start,
            end,
            lqi: 100,
            corrected_octets: 0,
        });
        stack.handle(end, &mut env, StackEvent::Phy(&heard));
        // Time goes on until the acknowledgement is away.
        let mut now = end;
        for _ in 0..16 {
            match stack.poll(now, &mut env) {
                Step::Idle(Some(until)) if until <= end + millis(100) => now = until,
                Step::Idle(_) => break,
                Step::Do(StackAction::DataIndication(indication)) => {
                    apdus.extend(apdu(&indication).map(|apdu| (*process, apdu)));
                }
                Step::Do(StackAction::Phy(_)) => {
                    now += millis(20);
                    let confirm = TransmitConfirm { end: now, status: TransmitStatus::Success };
                    stack.handle(now, &mut env, StackEvent::Phy(&Event::TransmitConfirm(confirm)));
                }
                Step::Do(StackAction::DataConfirm(_)) => {}
            }
        }
    }
    apdus
}

fn apdu(indication: &AdpdDataIndication) -> Option<Vec<u8>> {
    let datagram = Datagram::parse(&indication.nsdu).ok()?;
    parse_datagram(datagram.payload).ok().map(|(_, apdu)| apdu.to_vec())
}

/// The counter in the clear of a ciphered APDU, or of the ciphered part of an AARQ.
fn invocation_counter(apdu: &[u8]) -> Option<u32> {
    let ciphered = match apdu.first()? {
        0x60 => Aarq::parse(apdu).unwrap().user_information.unwrap().to_vec(),
        0x62 => return None,
        _ => apdu.to_vec(),
    };
    let mut reader = Reader::new(&ciphered);
    assert!(matches!(reader.u8().unwrap(), 0x21 | 0xC8 | 0xC9 | 0xCB), "{ciphered:02x?} is not ciphered");
    read_length(&mut reader).unwrap();
    assert_eq!(reader.u8().unwrap(), 0x30, "authenticated and encrypted, suite 0");
    Some(reader.u32_be().unwrap())
}

/// A check that cannot fail is none: what a restarted process must not send again is found, though it is the same octets.
#[test]
#[should_panic(expected = "in two processes")]
fn a_frame_repeated_after_a_restart_is_found() {
    let psdu = {
        let gmk = Gmk([7; 16]);
        let mut stack =
            Stack::new(StackConfig::cenelec_a(PanId(0x781D), ShortAddress::COORDINATOR, gmk)).unwrap();
        let mut env = TestEnvironment::new(1);
        let packet = Datagram::link_local(PanId(0x781D), ShortAddress(0), ShortAddress(1), 4059, 4059, &[1])
            .emit()
            .unwrap();
        let mut now = plc_core::time::Instant::from_ticks(0);
        stack.handle(now, &mut env, StackEvent::Data(AdpdDataRequest::new(1, packet)));
        loop {
            match stack.poll(now, &mut env) {
                Step::Do(StackAction::Phy(Request::Data(request))) => break request,
                Step::Do(_) => {}
                Step::Idle(until) => now = until.unwrap(),
            }
        }
    };
    assert_eq!(check_frame_counters(&[(0, psdu.clone()), (0, psdu.clone())]), 1);
    check_frame_counters(&[(0, psdu.clone()), (1, psdu)]);
}

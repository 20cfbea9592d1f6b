//! Modems in other processes: they join with blocks of samples, and the line survives whatever they do.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test: helpers may fail")]

mod tools;

use channel_sim::port::samples::{
    Door, DoorEvent, Message, Patience, SampleClient, VERSION, read_message, write_message,
};
use channel_sim::record::ClockReader;
use channel_sim::scenario::Scenario;
use channel_sim::world::{Modem, Tap, TapPoint, World, meters};
use g3_phy::encoder::FrameEncoder;
use g3_phy::options::Options;
use g3_phy::primitives::{Ack, Event};
use g3_phy::{BandPlan, Modulation, ToneMask, Transmitter};
use plc_core::time::{Instant, millis};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SEED: u64 = 4;

fn patience(answer_ms: u64) -> Patience {
    Patience { join: Duration::from_secs(60), answer: Duration::from_millis(answer_ms) }
}

/// Modems that take the place of meters.
type Replaced = Vec<(usize, Box<dyn Modem>)>;

/// A door for the meter with this index, and the address to join at.
fn door(meter: usize, patience: Patience) -> (Door, Replaced, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (door, outside) = Door::open(listener, &Scenario::village(SEED), &[meter], patience).unwrap();
    let outside = outside.into_iter().map(|modem| (meter, Box::new(modem) as Box<dyn Modem>)).collect();
    (door, outside, address)
}

/// Samples that the coordinator's port hears.
struct Ear(Arc<Mutex<Vec<f32>>>);

impl Tap for Ear {
    fn sent(&mut self, _from: u64, _samples: &[f32]) {}

    fn heard(&mut self, _from: u64, volts: &[f32]) {
        self.0.lock().unwrap().extend_from_slice(volts);
    }
}

/// What the coordinator hears while it reads clocks for a second, and how many it read.
fn second_of_clocks(mut world: World) -> (Vec<f32>, u64) {
    let heard: Arc<Mutex<Vec<f32>>> = Arc::default();
    world.tap(0, |_: &TapPoint| Box::new(Ear(Arc::clone(&heard))));
    let mut reader = ClockReader::new(&world, Modulation::Dqpsk).unwrap();
    let answers = reader.run(&mut world, Instant::from_ticks(0) + millis(1_000));
    let heard = heard.lock().unwrap().clone();
    (heard, answers)
}

#[test]
fn a_meter_in_another_process_is_the_same_meter_to_the_bit() {
    let inside = second_of_clocks(World::new(Scenario::village(SEED)).unwrap());
    assert!(inside.1 >= 1);
    let (door, outside, address) = door(0, patience(20_000));
    let client = std::thread::spawn(move || {
        let mut meter = meters(&Scenario::village(SEED)).unwrap().swap_remove(0);
        let mut client = SampleClient::join(&address, "meter-1").unwrap();
        let about = client.about().to_string();
        client.run(meter.as_mut()).unwrap();
        about
    });
    let found = second_of_clocks(World::with_replaced(Scenario::village(SEED), outside).unwrap());
    let about: serde_json::Value = serde_json::from_str(&client.join().unwrap()).unwrap();
    assert_eq!((&about["short_address"], &about["rate_hz"]), (&1.into(), &400_000.into()));
    assert!(matches!(door.events()[..], [DoorEvent::Joined { .. }]));
    assert!(inside == found, "the coordinator hears the same");
}

/// An acknowledgement frame's samples.
fn ack_frame(ack: Ack) -> Vec<f32> {
    let (plan, options) = (BandPlan::CENELEC_A, Options::default());
    let mut transmitter = Transmitter::new(&plan, &options);
    let frame = FrameEncoder::ack(&plan, ToneMask::ALL, &options, ack).unwrap();
    let mut samples = vec![0.0; transmitter.load(frame, 0.0)];
    transmitter.pull(&mut samples);
    samples
}

#[test]
fn a_process_in_python_joins_as_a_modem_with_nothing_but_sockets() {
    if !tools::have("python3", &["--version"], "apt-get install python3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let ack = Ack { fcs: 0xBEEF, positive: true, more_segments: false };
    let samples = ack_frame(ack);
    let path = folder.path().join("frame.f32");
    let octets: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    std::fs::write(&path, octets).unwrap();
    let (_door, outside, address) = door(2, patience(20_000));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/modem.py");
    let start = 20_000_u64;
    let python = std::process::Command::new("python3")
        .args([script, &address, "meter-3"])
        .arg(&path)
        .arg(start.to_string())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut world = World::with_replaced(Scenario::village(SEED), outside).unwrap();
    let mut acks = Vec::new();
    let end = Instant::from_ticks(0) + millis(120);
    while world.now() < end {
        for event in world.exchange(Vec::new(), end).events {
            if let Event::AckIndication(indication) = event {
                acks.push(indication);
            }
        }
    }
    drop(world);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(acks.len(), 1);
    assert_eq!(acks[0].ack, ack);
    // The clocks are within 25 ppm and a sample of each other; the line delays by some tens of samples.
    let delay = acks[0].start.as_ticks() / 15 - start;
    assert!((40..80).contains(&delay), "{delay}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["about"]["point"], Scenario::village(SEED).feeder.loads[2].name.as_str());
    assert!(report["gaps"] == 0 && report["heard"].as_u64().unwrap() > 47_000, "{report}");
    assert!(report["rms_volts"].as_f64().unwrap() > 1e-6, "{report}");
    assert!(report["measured"].as_u64().unwrap() > 1_000, "the day so far: {report}");
}

/// Joins, and gives the stream.
fn join(address: &str, name: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write_message(&mut stream, &Message::Join { version: VERSION, name: name.to_string() }).unwrap();
    assert!(matches!(read_message(&mut stream).unwrap(), Message::Joined(_)));
    stream
}

#[test]
fn whatever_a_process_does_the_line_goes_on_and_it_may_join_again() {
    let (door, outside, address) = door(1, patience(300));
    let first = join(&address, "meter-2");
    let mut world = World::with_replaced(Scenario::village(SEED), outside).unwrap();
    // It never answers: the constructor has waited its patience out.
    assert!(door.events().iter().any(|event| matches!(event, DoorEvent::Left { .. })));
    drop(first);
    for way in 0..4 {
        let mut stream = join(&address, "meter-2");
        let garbage: &[u8] = match way {
            0 => &[0xFF; 64],
            1 => &[5, 0, 0, 0, 2],
            2 => &[],
            _ => &Message::Sent { from: 1, count: 2, samples: vec![0.0; 2] }.octets(),
        };
        stream.write_all(garbage).unwrap();
        if way == 2 {
            drop(stream);
        } else if way == 1 {
            std::mem::forget(stream);
        }
        let before = world.line_now();
        world.run_blocks(4);
        assert!(world.line_now() > before);
        let events = door.events();
        assert!(events.iter().any(|event| matches!(event, DoorEvent::Left { .. })), "{way}: {events:?}");
    }
}

#[test]
fn strangers_are_turned_away_with_a_reason() {
    let (_door, _outside, address) = door(1, patience(300));
    let first = join(&address, "meter-2");
    let join = |version, name: &str| Message::Join { version, name: name.to_string() };
    for (message, reason) in [
        (join(99, "meter-2"), "version 99"),
        (join(VERSION, "meter-7"), "no place \"meter-7\""),
        (join(VERSION, "meter-2"), "taken"),
        (Message::Refused("what".to_string()), "first message must be JOIN"),
    ] {
        let mut stream = TcpStream::connect(&address).unwrap();
        write_message(&mut stream, &message).unwrap();
        match read_message(&mut stream).unwrap() {
            Message::Refused(text) => assert!(text.contains(reason), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    drop(first);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = SampleClient::join(&free.to_string(), "meter-2").unwrap_err().to_string();
    assert!(error.contains("--outside meter-2"), "{error}");
}

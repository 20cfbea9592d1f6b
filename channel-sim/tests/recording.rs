//! What is recorded of a line is what stood on it: foreign programs read our files.
//!
//! Without the programs the tests say so and pass, unless BUSBAR_REQUIRE_TOOLS=1.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test: helpers may fail"
)]

mod tools;
#[path = "tools/tshark.rs"]
mod tshark;
#[path = "../../cosem/tests/gurux/venv.rs"]
mod venv;

use channel_sim::record::about::SampleFormat;
use channel_sim::record::{ClockReader, Plan, Recorder};
use channel_sim::replay::load;
use channel_sim::replay::report::{Replay, Settings, replay};
use channel_sim::scenario::Scenario;
use channel_sim::world::World;
use g3_mac::adaptation::AdpdDataRequest;
use g3_mac::mac::Gmk;
use g3_mac::udp::Datagram;
use g3_mac::{Stack, StackAction, StackConfig, StackEvent};
use g3_phy::options::Options;
use g3_phy::primitives::{Event, Request};
use g3_phy::{BandPlan, Modulation, ReceiverOptions, ToneMask};
use plc_core::address::ShortAddress;
use plc_core::sans_io::{Machine, Step};
use plc_core::testkit::TestEnvironment;
use plc_core::time::{Instant, TICKS_PER_SECOND, millis, seconds};
use std::path::Path;

/// A PSDU on the line as the coordinator's MAC knows it.
#[derive(Debug)]
struct Known {
    start: Instant,
    outbound: bool,
    psdu: Vec<u8>,
}

/// Sends datagrams from the coordinator and returns every PSDU that its MAC gave or got.
fn send(world: &mut World, datagrams: &[Datagram<'_>], recorder: &mut Recorder) -> Vec<Known> {
    let scenario = world.scenario();
    let config = StackConfig {
        modulation: Modulation::Dqpsk,
        ..StackConfig::cenelec_a(scenario.pan_id, ShortAddress(0), Gmk(scenario.group_master_key()))
    };
    let mut stack = Stack::new(config).unwrap();
    let mut env = TestEnvironment::new(5);
    let (mut known, mut requests, mut confirmed) = (Vec::new(), Vec::new(), 0);
    for (handle, datagram) in datagrams.iter().enumerate() {
        let request = AdpdDataRequest::new(handle as u8, datagram.emit().unwrap());
        stack.handle(world.now(), &mut env, StackEvent::Data(request));
        let end = world.now() + seconds(10);
        while confirmed <= handle {
            let now = world.now();
            assert!(now < end, "datagram {handle} is not confirmed");
            let until = loop {
                match stack.poll(now, &mut env) {
                    Step::Do(StackAction::Phy(request)) => {
                        if let Request::Data(data) = &request {
                            let psdu = data.psdu.to_vec();
                            known.push(Known { start: data.start, outbound: true, psdu });
                        }
                        requests.push(request);
                    }
                    Step::Do(StackAction::DataConfirm(_)) => confirmed += 1,
                    Step::Do(StackAction::DataIndication(_)) => {}
                    Step::Idle(until) => break until.unwrap_or(end).max(now),
                }
            };
            let exchange = world.exchange(std::mem::take(&mut requests), until.min(end));
            for event in &exchange.events {
                if let Event::DataIndication(data) = event {
                    let psdu = data.psdu.to_vec();
                    known.push(Known { start: data.start, outbound: false, psdu });
                }
                stack.handle(exchange.now, &mut env, StackEvent::Phy(event));
            }
            recorder.drain().unwrap();
        }
    }
    known
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn tshark_shows_the_frames_of_every_modem_with_the_fields_that_were_sent() {
    if !tshark::have() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("line.pcapng");
    let mut world = World::new(Scenario::village(3)).unwrap();
    let plan = Plan {
        points: vec!["coordinator".to_string(), "meter-3".to_string()],
        pcapng: Some(path.clone()),
        ..Plan::default()
    };
    let mut recorder = Recorder::attach(&mut world, &plan).unwrap();
    let pan_id = world.scenario().pan_id;
    let long: Vec<u8> = (0..600_u32).map(|at| (at * 7 % 251) as u8).collect();
    let datagram = |port: u16, payload| {
        Datagram::link_local(pan_id, ShortAddress(0), ShortAddress(3), port, 0xF0B1, payload)
    };
    let datagrams = [datagram(0xF0BF, b"hello"), datagram(4059, &long[..300]), datagram(0x1234, &long)];
    let known = send(&mut world, &datagrams, &mut recorder);
    let offset = world.scenario().clock_ppm(0) * 1e-6;
    let name = world.scenario().feeder.loads[2].name.clone();
    let summary = recorder.finish(&mut world).unwrap();
    assert_eq!(summary.points.len(), 2);
    assert!(summary.points.iter().all(|point| point.samples == 0), "only frames were asked for");

    // Raw PSDUs of the coordinator, with directions and virtual time: 2026-01-15 18:00 at UTC+1.
    let filter = "frame.interface_name == \"coordinator\"";
    let raw =
        tshark::fields(&path, filter, &["frame.time_epoch", "frame.packet_flags_direction", "data.data"]);
    assert_eq!(raw.len(), known.len());
    let mut known = known;
    known.sort_by_key(|known| known.start);
    for (found, known) in raw.iter().zip(&known) {
        assert_eq!(found[2], hex(&known.psdu));
        assert_eq!(found[1].contains('2'), known.outbound, "{found:?}");
        let unix_s: f64 = found[0].parse().unwrap();
        let ticks = known.start.as_ticks() as f64 / TICKS_PER_SECOND as f64;
        let late_s = unix_s - 1_768_496_400.0 - ticks / (1.0 + offset);
        // The modem sends from the next block on.
        let most = if known.outbound { 1.3e-3 } else { 10e-6 };
        assert!((-10e-6..most).contains(&late_s), "{late_s}");
    }

    // The same, deciphered, at both ends: 802.15.4, 6LoWPAN, UDP.
    let fields = [
        "wpan.dst_pan",
        "wpan.src16",
        "wpan.dst16",
        "ipv6.src",
        "ipv6.dst",
        "udp.srcport",
        "udp.dstport",
        "udp.checksum.status",
        "udp.payload",
    ];
    let expected: Vec<Vec<String>> = datagrams
        .iter()
        .map(|datagram| {
            let text = [
                "0x781d",
                "0x0000",
                "0x0003",
                &datagram.source.to_string(),
                &datagram.destination.to_string(),
                &datagram.source_port.to_string(),
                &datagram.destination_port.to_string(),
                "1",
                &hex(datagram.payload),
            ];
            text.map(str::to_string).to_vec()
        })
        .collect();
    for interface in ["coordinator".to_string(), format!("meter-3 ({name})")] {
        // tshark would put fragments together across interfaces, and the two modems have the same ones.
        let only = folder.path().join("only.pcapng");
        let filter = format!("frame.interface_name == \"{interface} deciphered\"");
        let mut command = std::process::Command::new("tshark");
        command.arg("-r").arg(&path).args(["-Y", &filter, "-w"]).arg(&only);
        assert!(command.output().unwrap().status.success());
        assert_eq!(tshark::fields(&only, "udp", &fields), expected, "{interface}");
    }
    let comments = tshark::fields(&path, "frame.comment contains \"DQPSK\"", &["frame.comment"]);
    assert!(comments.len() > 8 && comments.iter().all(|comment| comment[0].contains("LQI")));
}

/// The village's coordinator and a meter in both formats of samples, and how many clocks were read.
fn recorded(folder: &Path, format: SampleFormat) -> u64 {
    let mut world = World::new(Scenario::village(1)).unwrap();
    let mut traffic = ClockReader::new(&world, Modulation::Dqpsk).unwrap();
    let plan = Plan {
        points: vec!["coordinator".to_string(), "meter-2".to_string()],
        sigmf: Some(folder.join("line")),
        wav: Some(folder.join("line.wav")),
        pcapng: None,
        format: Some(format),
        full_scale_volts: None,
    };
    let mut recorder = Recorder::attach(&mut world, &plan).unwrap();
    let mut answers = 0;
    for step in 1..=4 {
        answers = traffic.run(&mut world, Instant::from_ticks(0) + millis(400 * step));
        recorder.drain().unwrap();
    }
    let summary = recorder.finish(&mut world).unwrap();
    for point in &summary.points {
        assert!(point.sent + point.heard >= 4, "{point:?}");
        assert_eq!(point.clipped, 0);
        assert!((point.seconds - 1.6).abs() < 0.01, "{point:?}");
    }
    answers
}

fn replayed(path: &Path) -> Replay {
    let key = Gmk(Scenario::village(1).group_master_key());
    let (plan, mask, options) = (BandPlan::CENELEC_A, ToneMask::ALL, Options::default());
    replay(
        load(path).unwrap(),
        &Settings { plan, mask, options, receiver: ReceiverOptions::STANDARD, key: Some(key) },
    )
    .unwrap()
}

#[test]
fn recordings_replay_to_the_same_frames_whatever_their_format() {
    let folder = tempfile::tempdir().unwrap();
    let answers = recorded(folder.path(), SampleFormat::F32);
    assert!(answers >= 1, "no clock was read");
    let sigmf = replayed(&folder.path().join("line-coordinator.sigmf-meta"));
    let wav = replayed(&folder.path().join("line-coordinator.wav"));
    let figures = |found: &Replay| -> Vec<_> {
        found.frames.iter().map(|frame| (frame.kind.clone(), frame.sample, frame.psdu.clone())).collect()
    };
    assert_eq!(figures(&sigmf), figures(&wav));
    assert_eq!(sigmf.frames[0].time.as_deref().map(|time| &time[..19]), Some("2026-01-15T17:00:00"));
    let apdus: Vec<&str> = sigmf
        .frames
        .iter()
        .filter_map(|frame| Some(frame.mac.as_ref()?.network.as_ref()?.dlms.as_ref()?.apdu.as_str()))
        .collect();
    assert_eq!(apdus[..5], ["AARQ", "AARE", "get-request", "get-response", "RLRQ"]);
    assert!(sigmf.frames.iter().any(|frame| frame.ack.is_some()));
    let failed: Vec<_> = sigmf.frames.iter().filter(|frame| !frame.is_understood()).collect();
    assert!(failed.len() <= 1, "at most the last is cut short: {} failed", failed.len());
    for frame in sigmf.frames.iter().filter(|frame| frame.mac.is_some()) {
        assert!(frame.evm_db.is_some_and(|evm| evm < -8.0), "{:?}", frame.evm_db);
        assert_eq!(frame.carriers.len(), 36);
        // The carriers' signal to noise is what the LQI is made of.
        let ratios = frame.carriers.iter().map(|carrier| 10f32.powf(carrier.snr_db / 10.0));
        let mean_db = 10.0 * (ratios.sum::<f32>() / 36.0).log10();
        let lqi_db = frame.snr_db.unwrap() as f32;
        // The LQI saturates at 53.75 dB.
        assert!((mean_db - lqi_db).abs() < 0.2 || lqi_db > 53.0, "{mean_db} {lqi_db}");
    }
    let meter = replayed(&folder.path().join("line-meter-2.wav".replace("meter-2", &name_of_meter(2))));
    assert!(meter.frames.iter().any(|frame| frame.is_understood()));
}

fn name_of_meter(number: usize) -> String {
    Scenario::village(1).feeder.loads[number - 1].name.clone()
}

#[test]
fn the_reference_package_validates_our_sigmf_and_reads_the_same_samples() {
    let Some(python) = venv::environment("sigmf-venv", "sigmf", "sigmf==1.14.0") else { return };
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path(), SampleFormat::I16);
    let path = folder.path().join("line-coordinator.sigmf-meta");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/sigmf_check.py");
    let output = std::process::Command::new(python).arg(script).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let ours = load(&path).unwrap();
    assert_eq!(found["count"], ours.volts.len());
    assert_eq!(found["rate"], 400_000.0);
    let datetime = found["datetime"].as_str().unwrap();
    assert_eq!(datetime.parse::<jiff::Timestamp>().unwrap(), ours.about.start.unwrap());
    assert_eq!(found["mains_turns"].as_f64(), ours.about.mains_turns);
    let volts_per_unit = found["volts_per_unit"].as_f64().unwrap();
    let energy: f64 = ours.volts.iter().map(|volt| f64::from(*volt).powi(2)).sum();
    let theirs = found["energy"].as_f64().unwrap() * volts_per_unit.powi(2);
    assert!((energy / theirs - 1.0).abs() < 1e-5, "{energy} {theirs}");
    let labels: Vec<&str> = found["labels"].as_array().unwrap().iter().filter_map(|it| it.as_str()).collect();
    assert!(labels.contains(&"sent data DQPSK") && labels.contains(&"heard ACK"), "{labels:?}");
}

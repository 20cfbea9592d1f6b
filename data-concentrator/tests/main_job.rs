//! The main job as a user runs it: a process, its table or document, its exit code, and what it leaves behind.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod common;
#[path = "../../channel-sim/tests/tools/mod.rs"]
mod tools;
#[path = "../../channel-sim/tests/tools/tshark.rs"]
mod tshark;

use channel_sim::scenario::Scenario;
use common::{PROFILE, check_against_shapes, concentrator, database, energies, serials};
use rusqlite::Connection;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

const FEEDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/ieee-eu-lv-feeder/Master.dss");

#[test]
fn the_village_is_read_and_its_energy_is_that_of_the_load_shapes() {
    let data = tempfile::tempdir().unwrap();
    let frames = data.path().join("frames.pcapng");
    let output = concentrator(data.path())
        .args(["--once", "--json", "--seed", "3", "--pcapng"])
        .arg(&frames)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&document["in_reach"], &document["read"]), (&12.into(), &12.into()));
    for meter in document["meters"].as_array().unwrap() {
        assert_eq!(meter["last_turn"]["result"], "read", "{meter}");
        assert_eq!(meter["last_turn"]["hops"], 1);
        assert!(meter["last_turn"]["snr_db"].as_f64().unwrap() > 0.0);
        assert_eq!(
            meter["w_port"].as_u64().unwrap() - 1000,
            u64::from_str_radix(meter["address"].as_str().unwrap(), 16).unwrap()
        );
    }
    let all = serials(&document, |_| true);
    check_against_shapes(&database(data.path()), &Scenario::village(3), &all);
    if tshark::have() {
        check_capture(&frames);
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let data = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let lane = concat!(env!("CARGO_MANIFEST_DIR"), "/../channel-sim/feeders/lane.toml");
    let output = concentrator(data.path())
        .args(["--once", "--feeder", lane])
        .stdout(writer)
        .stderr(std::process::Stdio::piped())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(0) && !told.contains("panicked"), "{told}");
    let kept: i64 =
        database(data.path()).query_row("SELECT COUNT(*) FROM reading", [], |row| row.get(0)).unwrap();
    assert!(kept > 0, "{told}");
}

/// What the concentrator wrote for Wireshark: every PSDU raw, and every MSDU deciphered down to UDP, of every meter.
fn check_capture(path: &Path) {
    let tshark = |filter: &str, fields: &[&str]| tshark::fields(path, filter, fields);
    let raw = tshark("frame.encap_type == 45", &["data.data", "frame.packet_flags_direction"]);
    assert!(raw.len() > 200 && raw.iter().all(|packet| packet[0].len() > 20), "{} raw PSDUs", raw.len());
    let both = ["1", "2"].map(|way| raw.iter().filter(|packet| packet[1].contains(way)).count());
    assert!(both.iter().all(|count| *count > 80), "{both:?} heard and sent");
    let udp = tshark(
        "wpan && udp",
        &["wpan.src16", "wpan.dst16", "ipv6.src", "udp.checksum.status", "udp.dstport"],
    );
    for meter in 1..=12 {
        let address = format!("0x{meter:04x}");
        let mut asked = udp.iter().filter(|packet| packet[0] == "0x0000" && packet[1] == address);
        let mut told = udp.iter().filter(|packet| packet[0] == address && packet[1] == "0x0000");
        assert!(asked.next().is_some() && told.next().is_some(), "{address} in {} datagrams", udp.len());
    }
    for packet in &udp {
        assert!(packet[2].starts_with("fe80::") && packet[3] == "1" && packet[4] == "4059", "{packet:?}");
    }
}

/// Takes minutes: `cargo test --release -p data-concentrator --test main_job -- --ignored ieee`.
#[test]
#[ignore = "takes minutes; needs ../shared/data"]
fn ieee_feeder_is_read_and_its_energy_is_that_of_the_load_shapes() {
    let require = std::env::var_os("BUSBAR_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    if !Path::new(FEEDER).exists() {
        assert!(!require, "BUSBAR_REQUIRE_TOOLS=1, but there is no {FEEDER}");
        eprintln!("skipped: there is no {FEEDER}");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let output = concentrator(data.path()).args(["--once", "--json", "--feeder", FEEDER]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("Monitors.txt: no such file"), "{told}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["meters"].as_array().unwrap().len(), 55, "who is out of reach is listed too");
    let in_reach = serials(&document, |meter| meter["link"]["in_reach"] == true);
    assert!(in_reach.len() >= 40, "{} in reach", in_reach.len());
    assert_eq!(document["read"], document["in_reach"]);
    let (scenario, _) = Scenario::open_dss(Path::new(FEEDER), 1).unwrap();
    check_against_shapes(&database(data.path()), &scenario, &in_reach);
    check_against_files(&database(data.path()), &document, &in_reach);
    let (line_s, wall_s) = (&document["line_time_s"], &document["wall_time_s"]);
    eprintln!(
        "{} of 55 in reach, all read, {line_s} s on the line, {wall_s} s on the wall clock",
        in_reach.len()
    );
}

/// Holds registers and load profiles against what another program finds in the feeder's files.
fn check_against_files(database: &Connection, document: &Value, serials: &[String]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/feeder_energy.py");
    let output = Command::new("python3").args([script, FEEDER]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let loads: BTreeMap<String, Vec<f64>> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let mut words = line.split(' ');
            (words.next().unwrap().to_owned(), words.map(|word| word.parse().unwrap()).collect())
        })
        .collect();
    assert_eq!(loads.len(), 55);
    for serial in serials {
        let meters = document["meters"].as_array().unwrap();
        let meter = meters.iter().find(|meter| meter["serial"] == serial.as_str()).unwrap();
        let load = &loads[&meter["name"].as_str().unwrap().to_lowercase()];
        for profile in ["", PROFILE] {
            for (at_ms, wh) in energies(database, serial, profile) {
                let (minute, part) = ((at_ms / 60_000) as usize, (at_ms % 60_000) as f64 / 60_000.0);
                let truth = load[minute] + part * (load[minute + 1] - load[minute]);
                assert!((wh as f64 - truth).abs() <= 1.0, "{serial} at {at_ms}: {wh} Wh instead of {truth}");
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_cleanly_after_it_has_served_the_page() {
    use std::io::{Read, Write};
    let data = tempfile::tempdir().unwrap();
    let mut command = concentrator(data.path());
    command.args(["--json", "--port", "0", "--dlms-port", "0"]);
    let mut served = common::Served::start(command);
    let document = served.document();
    let address = document["page"].as_str().unwrap().trim_start_matches("http://").trim_end_matches('/');
    let mut page = std::net::TcpStream::connect(address).unwrap();
    page.write_all(b"GET / HTTP/1.1\r\nHost: busbar\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    page.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let pid = served.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(served.child.wait().unwrap().code(), Some(0), "every meter was read");
}

#[test]
fn a_port_that_is_taken_is_named_with_its_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (arguments, remedy) in [
        (["--port", &port, "--dlms-port", "0"], "--port"),
        (["--port", "0", "--dlms-port", &port], "--dlms-port"),
    ] {
        let data = tempfile::tempdir().unwrap();
        let output = concentrator(data.path()).args(arguments).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(&port) && told.contains(remedy), "{told}");
    }
}

#[test]
fn a_feeder_that_cannot_be_read_is_the_users_error() {
    let data = tempfile::tempdir().unwrap();
    let output =
        concentrator(data.path()).args(["--once", "--feeder", "/no/such/Master.dss"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/no/such/Master.dss"));
    let output = concentrator(data.path()).args(["--at", "25:00"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_line_that_is_not_there_is_named_with_its_remedy() {
    let data = tempfile::tempdir().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let output = concentrator(data.path()).args(["--once", "--line", &closed]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&closed) && told.contains("channel-sim line"), "{told}");
}

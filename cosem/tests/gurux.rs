//! A foreign client, gurux-dlms in a process of its own, reads our server over TCP.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod common;
#[path = "gurux/venv.rs"]
mod venv;

use common::meter::Load;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::process::{Command, Output};

const KEYS: [&str; 5] = [
    "--hls5",
    "--encryption-key",
    "000102030405060708090A0B0C0D0E0F",
    "--authentication-key",
    "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF",
];

/// Starts a server and reads it; `None` where there is no gurux-dlms.
fn run_gurux(arguments: &[&str]) -> Option<Output> {
    let python = venv::python()?;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    std::thread::spawn(move || common::tcp::serve(&listener));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gurux/read_meter.py");
    let range = ["--from", "2026-01-15T01:00:00+01:00", "--to", "2026-01-15T03:00:00+01:00"];
    let output = Command::new(python)
        .arg(script)
        .args(["--port", &port, "--timeout", "30"])
        .args(range)
        .args(arguments)
        .output()
        .unwrap();
    Some(output)
}

fn read_all(arguments: &[&str], longest: u64) {
    let Some(output) = run_gurux(arguments) else { return };
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = |row: u64| {
        let (hour, minute) = (row / 4, row % 4 * 15);
        json!([format!("2026-01-15T{hour:02}:{minute:02}:00+01:00"), Load::energy_wh(row), 0])
    };
    let rows = |rows: std::ops::Range<u64>| Value::Array(rows.map(row).collect());
    let names: Vec<_> = read["objects"].as_array().unwrap().iter().map(|object| &object["name"]).collect();
    for name in ["0.0.40.0.0.255", "0.0.41.0.0.255", "0.0.1.0.0.255", "1.0.1.8.0.255", "1.0.99.1.0.255"] {
        assert!(names.contains(&&json!(name)), "{name} is not in the object list");
    }
    let secured = arguments.contains(&"--hls5");
    assert_eq!(names.contains(&&json!("0.0.43.0.0.255")), secured, "the security setup is management's");
    assert_eq!(read["clock"], json!("2026-01-15T18:00:00+01:00"));
    assert_eq!(read["register"], json!({"value": 1_234_567, "scaler": 1.0, "unit": 30}));
    assert_eq!(read["serial"], json!("42534230303030303030303030303037"));
    assert_eq!(read["entries_in_use"], json!(96));
    assert_eq!(read["profile"], rows(0..96));
    assert_eq!(read["range"], rows(4..13));
    assert_eq!(read["entries_2_to_4"], rows(1..4));
    assert_eq!(read["list"], json!([1_234_567, "42534230303030303030303030303037"]));
    assert!(read["longest_reply"].as_u64().unwrap() <= longest, "{}", read["longest_reply"]);
}

#[test]
fn gurux_reads_the_meter_without_security() {
    read_all(&["--max-pdu", "65535"], 1024);
    read_all(&["--max-pdu", "100"], 100);
}

#[test]
fn gurux_reads_the_meter_with_hls5() {
    let with = |more: &[&'static str]| [&KEYS[..], more].concat();
    read_all(&with(&["--max-pdu", "65535"]), 1024);
    // The AARE is longer than the 100 octets it agrees on.
    read_all(&with(&["--max-pdu", "128"]), 128);
    read_all(&with(&["--max-pdu", "512", "--no-general-protection"]), 512);
}

#[test]
fn gurux_with_a_wrong_key_is_rejected() {
    let mut keys = KEYS;
    keys[2] = "000102030405060708090A0B0C0D0E00";
    let Some(output) = run_gurux(&keys) else { return };
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
}

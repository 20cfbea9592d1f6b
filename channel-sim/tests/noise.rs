//! `channel-sim noise` as its users meet it.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Exit code, standard output and standard error of `channel-sim noise` in a folder.
fn noise(folder: &Path, arguments: &str) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_channel-sim"))
        .arg("noise")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn json(folder: &Path, arguments: &str) -> Value {
    let (code, out, error) = noise(folder, arguments);
    assert_eq!(code, 0, "{arguments}: {error}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn the_list_has_every_preset() {
    let folder = tempfile::tempdir().unwrap();
    let list = json(folder.path(), "list --json");
    let ids: Vec<&str> = list.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    for number in 0..=12 {
        let id = format!("n{number}");
        assert!(ids.iter().any(|found| found.trim_end_matches(char::is_alphabetic) == id), "{id}");
    }
}

#[test]
fn a_preset_is_shown_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let report = json(folder.path(), "show n4-3 --mains 60 --seconds 2 --svg n4.svg --json");
    assert_eq!(report["preset"], "n4-3");
    assert_eq!(report["mains_hz"], 60.0);
    assert!(report["power_error_db"].as_f64().unwrap().abs() < 0.5);
    assert!(report["kolmogorov"].as_f64().unwrap() < 1.3);
    let svg = std::fs::read_to_string(folder.path().join("n4.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("dBm/Hz in third octaves"));
}

#[test]
fn a_trace_is_written_fitted_and_played_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let written = json(folder, "write n4 --seconds 3 --mains-channel --out trace.wav --json");
    assert_eq!((&written["samples"], &written["channels"]), (&Value::from(1_200_000), &Value::from(2)));
    let fit = json(folder, "fit trace.wav --out bank.json --json");
    assert_eq!(fit["phase_known"], true);
    assert!((fit["mains_hz"].as_f64().unwrap() - 50.0).abs() < 0.05);
    let ends: Vec<f64> =
        fit["bank"]["regions"].as_array().unwrap().iter().map(|r| r["to_deg"].as_f64().unwrap()).collect();
    assert_eq!(ends.len(), 3, "{ends:?}");
    assert!((ends[0] - 108.0).abs() <= 3.0 && (ends[1] - 162.0).abs() <= 3.0, "{ends:?}");
    // Both the bank and the trace are presets.
    for preset in ["n4@bank.json", "n12@trace.wav"] {
        let report = json(folder, &format!("show {preset} --band 3000:170000 --seconds 1 --json"));
        let level = report["mean_dbm_per_hz"].as_f64().unwrap();
        assert!((level + 80.6).abs() < 1.0, "{preset}: {level}");
    }
}

#[test]
fn raw_traces_repeat_by_their_seed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (seed, name) in [(7, "a.f32"), (7, "b.f32"), (8, "c.f32")] {
        let (code, out, _) = noise(folder, &format!("write n1,n6a --seconds 0.1 --seed {seed} --out {name}"));
        assert_eq!(code, 0);
        assert!(out.contains("40000 samples of n1,n6a at 400000 samples/s, 1 channel, raw"), "{out}");
    }
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert_eq!(read("a.f32").len(), 4 * 40_000);
    assert_eq!(read("a.f32"), read("b.f32"));
    assert_ne!(read("a.f32"), read("c.f32"));
}

#[test]
fn errors_name_file_value_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("no.wav"), "text").unwrap();
    for (arguments, code, message) in [
        ("show n99", 2, "unknown noise preset \"n99\"; there are n0,"),
        ("show n6a:p=3", 2, "preset n6a: \"p=3\": p is a number from"),
        ("show n3a --mains 16.7", 1, "50 or 60 Hz within 1 Hz, not 16.7 Hz; set one of these"),
        ("show n2 --rate 400010", 1, "take a multiple of 20 samples/s"),
        ("show n1 --band 3000:300000", 1, "take at least 600000 samples/s"),
        ("fit none.wav", 1, "none.wav: "),
        ("fit no.wav", 1, "no.wav: the file begins with \"text\", not with RIFF and WAVE"),
        ("write n1 --out no/such/trace.wav --seconds 0.1", 1, "no/such/trace.wav: "),
        ("write n1 --out a.wav --seconds 0", 2, "no time from 0.1 to 600 s"),
    ] {
        let (found, _, error) = noise(folder, arguments);
        assert_eq!(found, code, "{arguments}: {error}");
        assert!(error.contains(message), "{arguments}: {error}");
    }
}

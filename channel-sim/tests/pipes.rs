//! A reader that closes the pipe early, as `head` does, ends no command with a failure or a panic.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::{Command, Stdio};

/// Runs the program with outputs whose reader is gone before it begins.
fn into_closed_pipes(words: &str) -> (bool, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_channel-sim"))
        .args(words.split(' '))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_closed_pipe_is_no_failure() {
    for words in [
        "--help",
        "noise list",
        "noise list --json",
        "feeder channel-sim/feeders/lane.toml --links",
        "link --mode dbpsk --snr 20 --frames 8 --lost 8",
        "link --mode dbpsk --snr 20 --frames 8 --lost 8 --json",
        "compare --mode dbpsk,dbpsk-c --power 20,30 --frames 8 --options default",
        "replay captures/village-clock.sigmf-meta --key-of-seed 1",
        "replay captures/prime-v13-frames.sigmf-meta --standard prime",
    ] {
        let (is_success, told) = into_closed_pipes(words);
        assert!(is_success && told.is_empty(), "{words}: {told}");
    }
}

#[test]
fn what_nobody_reads_on_standard_error_is_no_panic() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_channel-sim"))
        .args(["replay", "none.wav"])
        .stdout(Stdio::null())
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_channel-sim"))
        .args(["noise", "list"])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && told.contains("output cannot be written"), "{told}");
}

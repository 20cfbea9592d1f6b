//! `--exact`: what every command that computes says is the same to the last bit, here, on the processor that the
//! numbers below were made on, and on others.
//!
//! The others are qemu-user's: the same program on processors without the vector instructions (and, of the C library's
//! versions, the fused multiplication) that this one has, and the program built for aarch64, which
//! `cargo xtask aarch64` brings and names in BUSBAR_AARCH64. What is missing the test names, and passes, unless it is
//! qemu-user and BUSBAR_REQUIRE_TOOLS=1.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a test")]

mod tools;

use sha2::{Digest, Sha256};
use std::path::Path;
use std::process::Command;

/// A command, the file it writes that counts, if not what it prints, and the hash of that.
struct Case {
    words: &'static str,
    file: Option<&'static str>,
    sha256: &'static str,
    /// Takes a minute where the processor is emulated.
    slow: bool,
}

const fn case(words: &'static str, file: Option<&'static str>, sha256: &'static str) -> Case {
    Case { words, file, sha256, slow: false }
}

const fn slow(words: &'static str, file: Option<&'static str>, sha256: &'static str) -> Case {
    Case { words, file, sha256, slow: true }
}

/// Small runs, each of which needs those before or the capture of the village.
const CASES: [Case; 11] = [
    case("link --mode dbpsk,d8psk --snr 2,8 --frames 24 --lost 24 --json", None, "2e0324350e0f6881"),
    case("reference --only dbpsk-uncoded --precision 0.5 --frames 400 --json", None, "47920a82957a649c"),
    case("network --meters 24 --streets 2 --seconds 20 --json", None, "c03f4476dd3c2fd1"),
    slow(
        "calibrate --noise n0 --links 1 --modulation dbpsk --frames 12 --precision 5 --json",
        None,
        "6da0fc3174ef9cdc",
    ),
    case("feeder --json", None, "b8bf5c9c50ae1e18"),
    slow("feeder --json --phases coupled --loads appliances --band fcc-1", None, "a322c2a075a3101d"),
    slow(
        "record --seconds 0.3 --inject n9 --loads appliances --wav line.wav --json",
        Some("line.wav"),
        "4108d45e2ea00ae8",
    ),
    case("replay village-clock.sigmf-meta --key-of-seed 1 --json", None, "532a8bae48ce5a9b"),
    slow("emission --seconds 1 --octets 60 --json", None, "20ab4a6ec85e0cea"),
    case(
        "noise write n1,n3a,n6a --seconds 0.5 --mains-channel --out noise.wav --json",
        Some("noise.wav"),
        "4bbb21cc79e73a76",
    ),
    case("noise fit noise.wav --regions 2 --out bank.json --json", Some("bank.json"), "0723fa03f7da7b8f"),
];

/// Members of the network's report that tell of this machine.
const OF_THE_MACHINE: [&str; 8] = [
    "modem_octets",
    "setup_s",
    "wall_s",
    "cpu_s",
    "times_real_time",
    "events_per_second",
    "resident_octets_per_node",
    "octets_per_node",
];

/// The program for this processor.
const NATIVE: &str = env!("CARGO_BIN_EXE_channel-sim");

/// Runs a command of the program, with an emulator before it where one is needed, and hashes what it made.
fn hash(program: &[&str], case: &Case, folder: &Path) -> String {
    let mut all: Vec<&str> = program.to_vec();
    all.push("--exact");
    all.extend(case.words.split_whitespace());
    let output = Command::new(all[0]).args(&all[1..]).current_dir(folder).output().unwrap();
    let made = match case.file {
        Some(file) => std::fs::read(folder.join(file)).unwrap_or_default(),
        None => output.stdout,
    };
    // What is measured may be against the command, but it must have measured.
    assert!(!made.is_empty(), "{all:?}: {}", String::from_utf8_lossy(&output.stderr));
    let made = match case.words.starts_with("network") {
        true => {
            let mut report: serde_json::Value = serde_json::from_slice(&made).unwrap();
            OF_THE_MACHINE.iter().for_each(|name| drop(report.as_object_mut().unwrap().remove(*name)));
            report.to_string().into_bytes()
        }
        false => made,
    };
    Sha256::digest(&made).iter().map(|octet| format!("{octet:02x}")).collect::<String>()[..16].to_string()
}

/// Hashes of all that the program's commands make, or of what is soon made.
fn hashes(program: &[&str], slow: bool) -> Vec<(&'static str, String)> {
    let folder = tempfile::tempdir().unwrap();
    for end in ["meta", "data"] {
        let name = format!("village-clock.sigmf-{end}");
        let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures").join(&name);
        std::fs::copy(capture, folder.path().join(name)).unwrap();
    }
    let chosen = CASES.iter().filter(|case| slow || !case.slow);
    chosen.map(|case| (case.words, hash(program, case, folder.path()))).collect()
}

#[test]
fn every_command_says_what_it_said_when_the_numbers_were_made() {
    let expected: Vec<_> = CASES.iter().map(|case| (case.words, case.sha256.to_string())).collect();
    assert_eq!(
        hashes(&[NATIVE], true),
        expected,
        "where a model was changed on purpose, these are the new numbers"
    );
}

#[test]
fn commands_say_the_same_on_a_processor_without_vectors_and_fused_multiplication() {
    on_nehalem(false);
}

/// `cargo test --release -p channel-sim --test exact -- --ignored`.
#[test]
#[ignore = "takes minutes"]
fn every_command_says_the_same_on_a_processor_without_vectors_and_fused_multiplication() {
    on_nehalem(true);
}

/// x86-64 as of 2008: no AVX, no FMA.
fn on_nehalem(slow: bool) {
    if tools::have("qemu-x86_64", &["--version"], "apt-get install qemu-user") {
        assert_eq!(hashes(&["qemu-x86_64", "-cpu", "Nehalem", NATIVE], slow), hashes(&[NATIVE], slow));
    }
}

#[test]
fn commands_say_the_same_on_aarch64() {
    on_aarch64(false);
}

/// `BUSBAR_AARCH64=target/aarch64-unknown-linux-gnu/debug/channel-sim cargo test -p channel-sim --test exact -- --ignored`.
#[test]
#[ignore = "takes minutes"]
fn every_command_says_the_same_on_aarch64() {
    on_aarch64(true);
}

fn on_aarch64(slow: bool) {
    let Ok(program) = std::env::var("BUSBAR_AARCH64") else {
        eprintln!("skipped: `cargo xtask aarch64` builds the program and names it in BUSBAR_AARCH64");
        return;
    };
    let program =
        std::fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(program)).unwrap();
    let emulated = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", program.to_str().unwrap()];
    assert_eq!(hashes(&emulated, slow), hashes(&[NATIVE], slow));
}

//! The chores of the workspace, one command each. `cargo xtask help` lists them.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its user")]

mod chores;
mod shell;
mod tools;

use std::process::ExitCode;

const HELP: &str = "\
Chores of the Busbar workspace.

  cargo xtask test        every test: setup, workspace tests, the main job, NEON, no_std builds and firmware under emulation
  cargo xtask setup       install what the tests need, or name what is missing
  cargo xtask lint        format, clippy and documentation with warnings denied, licences and advisories
  cargo xtask main-job    run the main job: the built-in village, then the IEEE European feeder of ../shared
  cargo xtask aarch64     tests of dsp and the modems with NEON, and of --exact, in qemu-aarch64
  cargo xtask no-std      build the no_std crates for thumbv7em-none-eabihf
  cargo xtask firmware    build the board image and run it under qemu-system-arm
  cargo xtask fuzz [N]    run every fuzz target for N seconds (default 30), without a nightly compiler
  cargo xtask kills [N]   kill the concentrator N times (default 200) while the line lives on; a quarter of an hour
  cargo xtask ci          all of the above but for the 200 kills (20 are among the tests), as .ci/run does

On Debian, as root, `setup` installs packages with apt-get; elsewhere it names them and fails.
Exit codes: 0 all passed, 1 something failed, 2 the command line is wrong.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test"] => chores::test(),
        ["setup"] => tools::setup(),
        ["lint"] => chores::lint(),
        ["main-job"] => chores::main_job(),
        ["aarch64"] => chores::aarch64(),
        ["no-std"] => chores::no_std(),
        ["firmware"] => chores::firmware(),
        ["fuzz"] => chores::fuzz("30"),
        ["fuzz", seconds] if seconds.parse::<u32>().is_ok() => chores::fuzz(seconds),
        ["kills"] => chores::kills("200"),
        ["kills", count] if count.parse::<u32>().is_ok() => chores::kills(count),
        ["ci"] => chores::ci(),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        [] => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
        other => {
            eprintln!("xtask: there is no chore '{}'; `cargo xtask help` lists them", other.join(" "));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("\nxtask: {reason}");
            ExitCode::FAILURE
        }
    }
}

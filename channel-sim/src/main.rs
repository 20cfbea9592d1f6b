//! `channel-sim`: link campaigns, a line that others connect to, and what a feeder holds.
//!
//! Exit codes: 0 done, 1 failed (a message says what and how to mend it), 2 wrong usage; `emission` has two more.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to its user")]

mod cli;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cli::Failure { code, message }) => {
            eprintln!("channel-sim: {message}");
            ExitCode::from(code)
        }
    }
}

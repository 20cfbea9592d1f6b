//! `channel-sim`: link campaigns, a line that others connect to, and what a feeder holds.
//!
//! Exit codes: 0 done, 1 failed (a message says what and how to mend it), 2 wrong usage; `emission` has two more.

// Its macros stand for those of the standard library in all that follows.
#[macro_use]
mod output;
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

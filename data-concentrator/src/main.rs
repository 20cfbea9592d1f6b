//! The server at the substation: forms the network, reads the meters, keeps the readings.

use clap::Parser;
use data_concentrator::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    data_concentrator::run::run(&Cli::parse())
}

//! The server at the substation: forms the network, reads the meters, keeps the readings.

use clap::Parser;
use data_concentrator::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.exact {
        channel_sim::exact::be_exact();
    }
    data_concentrator::run::run(&cli)
}

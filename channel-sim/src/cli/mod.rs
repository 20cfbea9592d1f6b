//! The commands.

mod feeder;
mod line;
mod link;
mod scenario;

use clap::{Parser, Subcommand};

/// The power line: link campaigns, a line in a process of its own, feeders.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures frame error rates of the real transmitter and receiver in white Gaussian noise.
    #[command(after_help = "Example: channel-sim link --modulation dbpsk,dqpsk --snr 0:6:0.5 --frames 2000 \
                            --csv fer.csv --svg fer.svg")]
    Link(link::LinkArguments),
    /// Runs a line with meters in this process and serves the coordinator's PHY port over TCP.
    #[command(after_help = "Example: channel-sim line --listen 127.0.0.1:7400 --feeder \
                            ../shared/data/ieee-eu-lv-feeder/Master.dss --seed 1")]
    Line(line::LineArguments),
    /// Says what a feeder holds, what of its files was not used, and which meters are in reach.
    #[command(after_help = "Example: channel-sim feeder ../shared/data/ieee-eu-lv-feeder/Master.dss --links")]
    Feeder(feeder::FeederArguments),
}

/// Runs a command; an error is a sentence for the user.
pub(crate) fn run(cli: Cli) -> Result<(), String> {
    match cli.command {
        Command::Link(arguments) => link::run(&arguments),
        Command::Line(arguments) => line::run(&arguments),
        Command::Feeder(arguments) => feeder::run(&arguments),
    }
}

/// Prints a value as one line of JSON.
fn print_json(value: &impl serde::Serialize) -> Result<(), String> {
    let text =
        serde_json::to_string(value).map_err(|error| format!("the result cannot be written: {error}"))?;
    println!("{text}");
    Ok(())
}

//! The commands.

mod calibrate;
mod calibrate_prime;
mod campaign;
mod compare;
mod emission;
mod feeder;
mod line;
mod line_model;
mod link;
mod network;
mod noise;
mod record;
mod reference;
mod replay;
mod scenario;

use clap::{Parser, Subcommand};

/// The power line: link campaigns, a line in a process of its own, feeders.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage; `emission` has two more.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
pub(crate) struct Cli {
    /// Results that are the same bits on every kind of processor: plain Fourier transforms instead of the fastest
    #[arg(long, global = true)]
    exact: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures frame error rates of real transmitters and receivers over standard, band, mode, options, noise and
    /// signal to noise.
    #[command(after_help = link::EXAMPLES)]
    Link(link::LinkArguments),
    /// Brings the shards of a campaign together.
    #[command(after_help = link::MERGE_EXAMPLES)]
    Merge(link::MergeArguments),
    /// Compares standards: what arrives of their frames over the power received, in the same noise.
    #[command(after_help = compare::EXAMPLES)]
    Compare(compare::CompareArguments),
    /// Holds codes and metrics alone against formulas and the digest's tables.
    #[command(after_help = reference::EXAMPLES)]
    Reference(reference::ReferenceArguments),
    /// Runs networks of thousands of nodes in frames instead of samples, with the modems' own code.
    #[command(
        after_help = "Example: channel-sim network --meters 1000 --streets 11 --seconds 600\n         \
                            channel-sim network --copies 19 ../shared/data/ieee-eu-lv-feeder/Master.dss"
    )]
    Network(network::NetworkArguments),
    /// Calibrates the frame model by samples and proves that it reproduces them.
    #[command(
        after_help = "Example: channel-sim calibrate --feeder ../shared/data/ieee-eu-lv-feeder/Master.dss \
                            --table fidelity-table.csv --csv fidelity-proof.csv --svg fidelity-proof.svg"
    )]
    Calibrate(calibrate::CalibrateArguments),
    /// Runs a line with meters in this process and serves the coordinator's PHY port over TCP.
    #[command(after_help = "Example: channel-sim line --listen 127.0.0.1:7400 --feeder \
                            ../shared/data/ieee-eu-lv-feeder/Master.dss --seed 1")]
    Line(line::LineArguments),
    /// Runs a line with some traffic and records any of its points: samples as SigMF or WAV, frames as pcapng.
    #[command(
        after_help = "Example: channel-sim record --seconds 5 --point coordinator --point meter-3 --sigmf \
                            out --pcapng out.pcapng"
    )]
    Record(record::RecordArguments),
    /// Finds the frames in a recording and explains them, layer by layer.
    #[command(
        after_help = "Examples:\n  channel-sim replay captures/village-clock.sigmf-meta --key-of-seed 1 --svg \
                            frames.svg\n  channel-sim replay captures/prime-v13-frames.sigmf-meta --standard prime --options receiver=best\n  \
                            channel-sim replay --simulate dqpsk --snr 12 --noise n3a --svg frame.svg\n  channel-sim replay \
                            --simulate robust-dqpsk --standard prime --band channel-8 --snr 3"
    )]
    Replay(replay::ReplayArguments),
    /// Measures what a transmitter, or a recording, puts on an artificial mains network against limits: exit code 3 where
    /// one is exceeded.
    #[command(after_help = emission::EXAMPLES)]
    Emission(emission::EmissionArguments),
    /// Says what a feeder holds, what of its files was not used, which meters are in reach, which hours are worst and
    /// where a repeater or a second concentrator helps.
    #[command(
        after_help = "Example: channel-sim feeder channel-sim/feeders/lane.toml --links --map lane.svg\n         channel-sim feeder Master.dss --between coordinator LOAD7 --at 19:30 --phases coupled\n         channel-sim feeder cigre_lv.json --transformer \"Trafo C0-C1\" --json"
    )]
    Feeder(feeder::FeederArguments),
    /// Lists noise presets, draws one, writes traces, fits a filter bank to a recording.
    #[command(after_help = noise::EXAMPLES)]
    Noise(noise::NoiseArguments),
    /// Shows the line's models: figures by the code that a run uses, and pictures of them.
    #[command(after_help = line_model::EXAMPLES)]
    LineModel(line_model::LineModelArguments),
}

/// Why a command did not do what it was to: a sentence for the user, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self { code: 1, message }
    }
}

/// Runs a command.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    if cli.exact {
        // Before anything is planned.
        channel_sim::exact::be_exact();
    }
    match cli.command {
        Command::Link(arguments) => link::run(&arguments)?,
        Command::Merge(arguments) => link::merge(&arguments)?,
        Command::Compare(arguments) => compare::run(&arguments)?,
        Command::Reference(arguments) => reference::run(&arguments)?,
        Command::Network(arguments) => network::run(&arguments)?,
        Command::Calibrate(arguments) => calibrate::run(&arguments)?,
        Command::Line(arguments) => line::run(&arguments)?,
        Command::Record(arguments) => record::run(&arguments)?,
        Command::Replay(arguments) => replay::run(&arguments)?,
        Command::Emission(arguments) => emission::run(&arguments)?,
        Command::Feeder(arguments) => feeder::run(&arguments)?,
        Command::Noise(arguments) => noise::run(&arguments)?,
        Command::LineModel(arguments) => line_model::run(&arguments)?,
    }
    Ok(())
}

/// Prints a value as one line of JSON.
fn print_json(value: &impl serde::Serialize) -> Result<(), String> {
    let text =
        serde_json::to_string(value).map_err(|error| format!("the result cannot be written: {error}"))?;
    println!("{text}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn options_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    /// Commands that do something, with their names from the program's on.
    fn leaves(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
        let path = format!("{path}{}", command.get_name());
        if command.get_subcommands().next().is_none() {
            found.push((path.clone(), command.clone()));
        }
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            leaves(inner, &format!("{path} "), found);
        }
    }

    #[test]
    fn every_command_has_an_example_that_parses_json_and_exact() {
        let mut whole = Cli::command();
        whole.build();
        let mut found = Vec::new();
        leaves(&whole, "", &mut found);
        assert!(found.len() >= 14, "{}", found.len());
        for (path, command) in found {
            let has = |id: &str| command.get_arguments().any(|argument| argument.get_id() == id);
            assert!(has("json") && has("exact"), "{path}: --json {}, --exact {}", has("json"), has("exact"));
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path}: {} has no help", argument.get_id());
            }
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Example"), "{path}");
            let own: Vec<&str> = after.split("channel-sim").skip(1).collect();
            let mut examples = 0;
            for example in own {
                let line = example.lines().next().unwrap_or_default();
                let line = line.split(['#', '&', '`']).next().unwrap_or_default();
                let line = line.split(", then").next().unwrap_or_default();
                let mut words: Vec<String> = vec!["channel-sim".into()];
                words.extend(
                    line.replace('"', "")
                        .replace("Trafo C0-C1", "Trafo_C0-C1")
                        .split_whitespace()
                        .map(str::to_string),
                );
                if format!("{} ", words.join(" ")).starts_with(&format!("{path} ")) {
                    examples += 1;
                    if let Err(error) = Cli::try_parse_from(&words) {
                        // Files need not exist to parse, but presets of files do.
                        assert!(error.to_string().contains("@"), "{words:?}: {error}");
                    }
                }
            }
            assert!(examples > 0, "{path}: no example of its own");
        }
    }
}

//! The command line.

use crate::calendar::{parse_date, parse_time_of_day};
use clap::Parser;
use g3_phy::ReceiverOptions;
use jiff::civil::Date;
use std::net::IpAddr;
use std::path::PathBuf;

/// Where SQLite and its records go, where nobody says.
pub const DEFAULT_DATA: &str = "data";

const EXAMPLES: &str = "\
Examples:
  data-concentrator                        read the built-in village, then serve page and API
  data-concentrator --once                 read every meter once, print the table, end
  data-concentrator --once --json          the same for programs: one JSON document on standard output
  data-concentrator --feeder Master.dss    the households of an OpenDSS feeder instead of the village
  data-concentrator --at 06:30 --seed 7    another hour, another draw of noise and household loads
  data-concentrator --line 127.0.0.1:7400  the line of `channel-sim line --listen 127.0.0.1:7400`
  data-concentrator --port 0 --dlms-port 0 let the system choose free ports; they are printed

While it runs:
  the page     http://127.0.0.1:8080/
  the API      http://127.0.0.1:8080/api/v1/meters, described in /api/v1/openapi.json
  head-ends    TCP 127.0.0.1:4059, DLMS wrapper frames, destination wPort = 1000 + short address

Exit codes:
  0  every meter in reach was read in the last cycle
  1  a meter in reach was not read, Ctrl-C came before the first cycle was over, or something failed while running
  2  the command line or an input file is wrong";

/// Reads electricity meters over a (simulated) G3-PLC power line and serves what they say.
///
/// Without an argument: a built-in village of a dozen households, whose meters have measured since midnight. The
/// network comes up, every meter is read, a table is printed, and page, API and head-end port are served until
/// Ctrl-C, while virtual time follows the wall clock.
#[derive(Clone, Debug, Parser)]
#[command(name = "data-concentrator", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    /// Feeder to read instead of the village: an OpenDSS master file (.dss), a pandapower network (.json) or a
    /// file of our own (.toml).
    #[arg(long, value_name = "FILE", conflicts_with = "line")]
    pub feeder: Option<PathBuf>,
    /// Which transformer's network to read, where the feeder's file has several; the first without.
    #[arg(long, value_name = "NAME", requires = "feeder")]
    pub transformer: Option<String>,
    /// Receiver of every modem: as a small microcontroller has it (standard), or with all that is there against noise (best).
    #[arg(long, value_name = "KIND", default_value = "standard", value_parser = parse_receiver, conflicts_with = "line")]
    pub receiver: ReceiverOptions,
    /// Local time at which the run begins.
    #[arg(long, value_name = "HH:MM", default_value = "18:00", value_parser = parse_time_of_day, conflicts_with = "line")]
    pub at: u32,
    /// Local date on which the run begins.
    #[arg(long, value_name = "YYYY-MM-DD", default_value = "2026-01-15", value_parser = parse_date, conflicts_with = "line")]
    pub date: Date,
    /// Determines noise, household loads, clocks and keys.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// End after the first reading cycle instead of serving.
    #[arg(long)]
    pub once: bool,
    /// Print one JSON document instead of the table.
    #[arg(long)]
    pub json: bool,
    /// Results that are the same bits on every kind of processor: plain Fourier transforms instead of the fastest.
    #[arg(long, conflicts_with = "line")]
    pub exact: bool,
    /// Folder of the database.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA)]
    pub data: PathBuf,
    /// Address to listen on. Others than this machine's own open the meters to the network: there is no password.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    pub listen: IpAddr,
    /// Port of page and API; 0 lets the system choose.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// Port for head-ends' DLMS wrapper frames; 0 lets the system choose.
    #[arg(long, value_name = "PORT", default_value_t = cosem::wrapper::PORT)]
    pub dlms_port: u16,
    /// Minutes of virtual time between two reading cycles.
    #[arg(long, value_name = "MINUTES", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1440))]
    pub every: u32,
    /// How fast virtual time may run while page and head-ends are served: 1 follows the wall clock, 0 is as fast as
    /// this machine can; 0.01 to 1000.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = parse_speed)]
    pub speed: f64,
    /// Use the line of a running `channel-sim line` instead of simulating one here.
    #[arg(long, value_name = "ADDR:PORT")]
    pub line: Option<String>,
    /// Write every frame that is sent and heard, raw and deciphered, for Wireshark.
    #[arg(long, value_name = "FILE")]
    pub pcapng: Option<PathBuf>,
}

fn parse_speed(text: &str) -> Result<f64, String> {
    let speed: Option<f64> = text.parse().ok();
    speed
        .filter(|speed| *speed == 0.0 || (0.01..=1000.0).contains(speed))
        .ok_or_else(|| format!("`{text}` is neither 0 nor between 0.01 and 1000"))
}

fn parse_receiver(text: &str) -> Result<ReceiverOptions, String> {
    let none = || format!("{text:?} is none of {}", ReceiverOptions::NAMES.join(", "));
    ReceiverOptions::named(text).ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_arguments_the_village_is_read_on_this_machine_only() {
        let cli = Cli::parse_from(["data-concentrator"]);
        assert_eq!((cli.feeder, cli.line, cli.at), (None, None, 64_800));
        assert!(cli.listen.is_loopback() && cli.dlms_port == 4059);
        assert_eq!(cli.data, PathBuf::from("data"));
    }

    #[test]
    fn usage_errors_are_told_with_their_value() {
        for (arguments, told) in [
            (vec!["--at", "25:00"], "25:00"),
            (vec!["--date", "2026-02-30"], "2026-02-30"),
            (vec!["--port", "65536"], "65536"),
            (vec!["--every", "0"], "0"),
            (vec!["--speed", "NaN"], "NaN"),
            (vec!["--speed", "1e-9"], "between 0.01 and 1000"),
            (vec!["--speed=-1"], "neither 0"),
            (vec!["--listen", "everywhere"], "everywhere"),
            (vec!["--line", "127.0.0.1:1", "--feeder", "x.dss"], "--feeder"),
        ] {
            let mut all = vec!["data-concentrator"];
            all.extend(arguments);
            let error = Cli::try_parse_from(all).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(told), "{error}");
        }
    }

    #[test]
    fn speeds_from_a_hundredth_and_none_at_all_are_taken() {
        for (text, speed) in [("0", 0.0), ("0.01", 0.01), ("1000", 1000.0)] {
            assert_eq!(Cli::parse_from(["data-concentrator", "--speed", text]).speed, speed);
        }
    }

    #[test]
    fn the_help_teaches_examples_and_exit_codes() {
        let help = Cli::command().render_long_help().to_string();
        for part in
            ["--exact", "--json", "Examples:", "Exit codes:", "--feeder Master.dss", "1000 + short address"]
        {
            assert!(help.contains(part), "{part}");
        }
    }
}

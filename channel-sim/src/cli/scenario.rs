//! Options that determine a scenario, for all commands that need one.

use channel_sim::feeder::{ReadOptions, Report};
use channel_sim::line::filter::FilterPlan;
use channel_sim::noise::{Conditions as Noise, Mains, Preset};
use channel_sim::scenario::{Busbar, ClockError, Loads, PhaseModel, Scenario};
use clap::Args;
use g3_phy::ReceiverOptions;
use jiff::civil::{Date, Time};
use std::path::{Path, PathBuf};

/// What determines the line.
#[derive(Debug, Args)]
pub(crate) struct ScenarioArguments {
    /// Feeder: an OpenDSS master file (.dss), a pandapower network (.json) or a file of our own (.toml); without
    /// it the built-in village
    #[arg(long, value_name = "FILE")]
    feeder: Option<PathBuf>,
    #[command(flatten)]
    conditions: Conditions,
    /// Receiver of every modem: as a small microcontroller has it (standard), or with all that is there against noise
    /// (best): 0.6 MB and some milliseconds of computing a frame
    #[arg(long, default_value = "standard", value_parser = receiver)]
    receiver: ReceiverOptions,
}

/// Everything but the feeder and the modems' receiver.
#[derive(Debug, Args)]
pub(crate) struct Conditions {
    /// Which transformer's network to read, where the feeder's file has several; the first without
    #[arg(long, value_name = "NAME")]
    transformer: Option<String>,
    /// Determines every random draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Local date at the start
    #[arg(long, default_value = "2026-01-15")]
    date: Date,
    /// Local time at the start
    #[arg(long, default_value = "18:00", value_parser = clock_time)]
    at: Time,
    /// Noise presets, added up: n0=DBM_PER_HZ, n1, n1+5, n3a ...; `channel-sim noise list` has all
    #[arg(long, value_delimiter = ',', default_value = "n1,n3a", value_parser = Preset::parse)]
    noise: Vec<Preset>,
    /// Noise presets that every household injects; it reaches the modems through the line
    #[arg(long, value_delimiter = ',', value_parser = Preset::parse)]
    inject: Vec<Preset>,
    /// Mean mains frequency: 50 or 60 Hz
    #[arg(long, default_value = "50", value_parser = mains_hz)]
    mains: f64,
    /// The mains frequency swings by plus and minus this many Hz within a minute: 0.05 is typical, 0.5 stress
    #[arg(long, value_name = "HZ", default_value_t = Mains::EUROPE.wander_hz, value_parser = wander)]
    wander: f64,
    /// Level of the wanted signal at the ports, dBuV: what signal to interference ratios of presets (N10) refer to
    #[arg(long, value_name = "DBUV", default_value_t = Noise::CENELEC_A.signal_dbuv, value_parser = finite)]
    signal: f64,
    /// Sample rate of the line in kHz: 400 (CENELEC-A alone), 1200, or 2400 where standards mix
    #[arg(long, default_value = "1200", value_parser = plan)]
    rate: FilterPlan,
    /// Median magnitude of the households' impedances, ohm
    #[arg(long, default_value_t = 10.0, allow_negative_numbers = true, value_parser = ohm)]
    load_median: f64,
    /// What households have switched on: drawn impedances (drawn), the same by their power (power), or drawn
    /// appliances of which some follow the mains (appliances)
    #[arg(long, default_value = "drawn", value_parser = loads)]
    loads: Loads,
    /// How the phases belong together: each alone with 12 dB to the others (scalar), or coupled along the cables
    /// (coupled)
    #[arg(long, default_value = "scalar", value_parser = phase_model)]
    phases: PhaseModel,
    /// What terminates the busbar: the transformer, or the measured median of access impedances (measured)
    #[arg(long, default_value = "transformer", value_parser = busbar)]
    busbar: Busbar,
    /// Transmit level, dBuV
    #[arg(long, default_value_t = 120.0, value_parser = finite)]
    level: f64,
    /// Clock offsets are drawn within plus and minus this many ppm
    #[arg(long, default_value_t = 25.0, value_parser = ppm)]
    ppm: f64,
}

impl ScenarioArguments {
    pub(crate) fn scenario(&self) -> Result<(Scenario, Report), String> {
        let (mut scenario, report) = self.conditions.scenario(self.feeder.as_deref())?;
        scenario.receiver = ReceiverOptions { mains_hz: scenario.mains.hz as f32, ..self.receiver };
        Ok((scenario, report))
    }
}

impl Conditions {
    pub(crate) fn scenario(&self, feeder: Option<&Path>) -> Result<(Scenario, Report), String> {
        let (mut scenario, report) = match feeder {
            Some(path) => {
                let options = ReadOptions { transformer: self.transformer.clone() };
                Scenario::from_file(path, &options, self.seed).map_err(|error| error.to_string())?
            }
            None => match &self.transformer {
                Some(name) => {
                    return Err(format!(
                        "--transformer {name}: the built-in village has one without a name; leave it out"
                    ));
                }
                None => (Scenario::village(self.seed), Report::default()),
            },
        };
        scenario.start = self.date.to_datetime(self.at);
        scenario.noise.clone_from(&self.noise);
        scenario.load_median_ohm = self.load_median;
        scenario.level_dbuv = self.level;
        scenario.injected.clone_from(&self.inject);
        scenario.mains = Mains { hz: self.mains, wander_hz: self.wander, ..Mains::EUROPE };
        scenario.signal_dbuv = self.signal;
        scenario.plan = self.rate;
        scenario.loads = self.loads;
        scenario.phase_model = self.phases;
        scenario.busbar = self.busbar;
        scenario.clock_error = ClockError::Drawn { limit_ppm: self.ppm };
        Ok((scenario, report))
    }
}

fn receiver(text: &str) -> Result<ReceiverOptions, String> {
    let names = || format!("{text:?} is none of {}", ReceiverOptions::NAMES.join(", "));
    ReceiverOptions::named(text).ok_or_else(names)
}

fn plan(text: &str) -> Result<FilterPlan, String> {
    let plans = [("400", FilterPlan::CENELEC_A), ("1200", FilterPlan::WIDE), ("2400", FilterPlan::MIXED)];
    choice(text, &plans)
}

fn loads(text: &str) -> Result<Loads, String> {
    choice(text, &[("drawn", Loads::Drawn), ("power", Loads::FollowPower), ("appliances", Loads::Appliances)])
}

fn phase_model(text: &str) -> Result<PhaseModel, String> {
    let scalar = PhaseModel::Scalar { cross_phase_db: 12.0 };
    choice(text, &[("scalar", scalar), ("coupled", PhaseModel::Coupled)])
}

fn busbar(text: &str) -> Result<Busbar, String> {
    choice(text, &[("transformer", Busbar::Transformer), ("measured", Busbar::UrbanMedian)])
}

fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    found.ok_or_else(|| format!("{text:?} is none of {}", names.join(", ")))
}

fn clock_time(text: &str) -> Result<Time, String> {
    text.parse().map_err(|_| format!("{text:?} is no time of day; use HH:MM or HH:MM:SS"))
}

/// Seconds that are recorded.
pub(super) fn recorded(text: &str) -> Result<f64, String> {
    number(text, "a time from 0.001 to 86400 s", |value| (0.001..=86_400.0).contains(&value))
}

/// Seconds that pass before.
pub(super) fn before(text: &str) -> Result<f64, String> {
    number(text, "a time from 0 to 86400 s", |value| (0.0..=86_400.0).contains(&value))
}

/// Seconds that are measured.
pub(super) fn measured(text: &str) -> Result<f64, String> {
    number(text, "a time from 1 to 600 s", |value| (1.0..=600.0).contains(&value))
}

/// Milliseconds between frames.
pub(super) fn pause(text: &str) -> Result<f64, String> {
    number(text, "a pause from 0 to 10000 ms", |value| (0.0..=10_000.0).contains(&value))
}

/// Volts that are full scale.
pub(super) fn volts(text: &str) -> Result<f64, String> {
    number(text, "a voltage from 1e-6 to 1e6 V", |value| (1e-6..=1e6).contains(&value))
}

/// A resistance or impedance.
pub(super) fn ohm(text: &str) -> Result<f64, String> {
    number(text, "a value from 1e-3 to 1e6 ohm", |value| (1e-3..=1e6).contains(&value))
}

/// Seconds of the wall clock.
pub(super) fn patience(text: &str) -> Result<f64, String> {
    number(text, "a time from 0.001 to 86400 s", |value| (0.001..=86_400.0).contains(&value))
}

fn number(text: &str, wanted: &str, good: impl Fn(f64) -> bool) -> Result<f64, String> {
    let value: Option<f64> = text.parse().ok();
    value.filter(|value| value.is_finite() && good(*value)).ok_or_else(|| format!("{text:?} is not {wanted}"))
}

pub(super) fn finite(text: &str) -> Result<f64, String> {
    number(text, "a level from 0 to 140 dBuV", |value| (0.0..=140.0).contains(&value))
}

fn mains_hz(text: &str) -> Result<f64, String> {
    number(text, "50 or 60 Hz within 1 Hz", |value| (value - 50.0).abs().min((value - 60.0).abs()) <= 1.0)
}

fn wander(text: &str) -> Result<f64, String> {
    number(text, "a swing from 0 to 0.5 Hz", |value| (0.0..=0.5).contains(&value))
}

fn ppm(text: &str) -> Result<f64, String> {
    number(text, "an offset from 0 to 100 ppm", |value| (0.0..=100.0).contains(&value))
}

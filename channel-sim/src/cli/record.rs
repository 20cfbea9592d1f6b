//! `channel-sim record`: a line with its meters, recorded.

use super::print_json;
use super::scenario::ScenarioArguments;
use channel_sim::record::about::SampleFormat;
use channel_sim::record::{ClockReader, Plan, Recorder, Summary};
use channel_sim::replay::describe::modulation_named;
use channel_sim::scenario::{PROBE, Scenario};
use channel_sim::world::World;
use clap::{Args, ValueEnum};
use g3_phy::Modulation;
use plc_core::time::{Duration, TICKS_PER_SECOND, millis};
use std::path::PathBuf;

/// Where to record, and as what. Also of `channel-sim line`.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    /// Point to record: coordinator, meter-N (from 1), a load's name, or bus:NAME.PHASE, where a port that only listens
    /// is put (bus:NAME.PHASE@1200 at 1.2 MHz; 250, 400 and 1000 kHz as well); may be given several times
    #[arg(long = "point", value_name = "POINT", default_value = "coordinator")]
    points: Vec<String>,
    /// Samples as SigMF: writes STEM.sigmf-meta and STEM.sigmf-data; of several points STEM-POINT
    #[arg(long, value_name = "STEM")]
    sigmf: Option<PathBuf>,
    /// Samples as WAV; of several points FILE-POINT.wav
    #[arg(long, value_name = "FILE.wav")]
    wav: Option<PathBuf>,
    /// Frames as pcapng: two interfaces a point, raw and deciphered
    #[arg(long, value_name = "FILE")]
    pcapng: Option<PathBuf>,
    /// How samples are kept
    #[arg(long, value_enum, default_value_t = Format::F32)]
    format: Format,
    /// Volts that i16 samples, and WAV samples of any format, count as full scale
    #[arg(long, default_value_t = 10.0, allow_negative_numbers = true, value_parser = super::scenario::volts, value_name = "VOLTS")]
    full_scale: f64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// 32-bit floats
    F32,
    /// 16-bit integers
    I16,
}

impl PlanArguments {
    /// Puts a port at each bus that is to be recorded.
    pub(crate) fn add_probes(&self, scenario: &mut Scenario) -> Result<(), String> {
        self.points
            .iter()
            .filter(|point| point.starts_with(PROBE))
            .try_for_each(|point| scenario.add_probe(point))
    }

    /// The plan, where any file is asked for.
    pub(crate) fn plan(&self) -> Option<Plan> {
        (self.sigmf.is_some() || self.wav.is_some() || self.pcapng.is_some()).then(|| Plan {
            points: self.points.clone(),
            sigmf: self.sigmf.clone(),
            wav: self.wav.clone(),
            pcapng: self.pcapng.clone(),
            format: Some(match self.format {
                Format::F32 => SampleFormat::F32,
                Format::I16 => SampleFormat::I16,
            }),
            full_scale_volts: Some(self.full_scale),
        })
    }
}

/// Arguments of `channel-sim record`.
#[derive(Debug, Args)]
pub(crate) struct RecordArguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    #[command(flatten)]
    plan: PlanArguments,
    /// Seconds of virtual time to record
    #[arg(long, default_value_t = 5.0, allow_negative_numbers = true, value_parser = super::scenario::recorded)]
    seconds: f64,
    /// Seconds of virtual time that pass before
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true, value_parser = super::scenario::before)]
    after: f64,
    /// What is on the line
    #[arg(long, value_enum, default_value_t = Traffic::Clocks)]
    traffic: Traffic,
    /// How the coordinator's frames are modulated: robust, dbpsk, dqpsk or d8psk
    #[arg(long, default_value = "dqpsk", value_parser = modulation_named)]
    modulation: Modulation,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Traffic {
    /// A coordinator asks one meter after the other for its clock, as public client
    Clocks,
    /// Nothing but noise
    None,
}

pub(super) fn run(arguments: &RecordArguments) -> Result<(), String> {
    let plan = arguments.plan.plan().ok_or(channel_sim::record::RecordError::Nothing);
    let plan = plan.map_err(|error| error.to_string())?;
    let (mut scenario, report) = arguments.scenario.scenario()?;
    arguments.plan.add_probes(&mut scenario)?;
    for unused in &report.unused {
        eprintln!("not used: {unused}");
    }
    let mut world = World::new(scenario).map_err(|error| error.to_string())?;
    let mut traffic = match arguments.traffic {
        Traffic::None => None,
        Traffic::Clocks => {
            let reader = ClockReader::new(&world, arguments.modulation);
            Some(reader.map_err(|error| format!("the coordinator cannot start: {error}"))?)
        }
    };
    pass(&mut world, traffic.as_mut(), span(arguments.after), || Ok(()))?;
    let mut recorder = Recorder::attach(&mut world, &plan).map_err(|error| error.to_string())?;
    let answers = pass(&mut world, traffic.as_mut(), span(arguments.seconds), || {
        recorder.drain().map_err(|error| error.to_string())
    })?;
    let summary = recorder.finish(&mut world).map_err(|error| error.to_string())?;
    if arguments.json {
        return print_json(&serde_json::json!({ "summary": summary, "clocks_read": answers }));
    }
    if arguments.traffic == Traffic::Clocks {
        println!("{answers} clocks read");
    }
    print_summary(&summary);
    Ok(())
}

/// Says what was recorded.
pub(super) fn print_summary(summary: &Summary) {
    for point in &summary.points {
        println!(
            "{}: {} frames heard, {} sent{}",
            point.point,
            point.heard,
            point.sent,
            match point.samples {
                0 => String::new(),
                samples => format!("; {samples} samples, {:.3} s", point.seconds),
            }
        );
        for file in [&point.sigmf, &point.wav].into_iter().flatten() {
            println!("  {}", file.display());
        }
        if point.clipped > 0 {
            println!("  {} samples are beyond full scale; give a larger --full-scale", point.clipped);
        }
        if point.unannotated > 0 {
            println!("  {} frames more than the annotations hold", point.unannotated);
        }
    }
    if let Some(path) = &summary.pcapng {
        println!("{}: {} packets, raw and deciphered", path.display(), summary.packets);
    }
}

/// Lets time pass, and calls `now_and_then` about twice a second. Returns the clocks read so far.
fn pass(
    world: &mut World,
    mut traffic: Option<&mut ClockReader>,
    span: Duration,
    mut now_and_then: impl FnMut() -> Result<(), String>,
) -> Result<u64, String> {
    let end = world.now() + span;
    let mut answers = 0;
    while world.now() < end {
        let until = end.min(world.now() + millis(500));
        match &mut traffic {
            Some(reader) => answers = reader.run(world, until),
            None => {
                while world.now() < until {
                    world.exchange(Vec::new(), until);
                }
            }
        }
        now_and_then()?;
    }
    Ok(answers)
}

fn span(seconds: f64) -> Duration {
    Duration::from_ticks((seconds * TICKS_PER_SECOND as f64) as u64)
}

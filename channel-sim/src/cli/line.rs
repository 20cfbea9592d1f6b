//! `channel-sim line`: a line in a process of its own.

use super::print_json;
use super::record::{PlanArguments, print_summary};
use super::scenario::ScenarioArguments;
use channel_sim::port::samples::{Door, DoorEvent, Outside, Patience};
use channel_sim::port::{ServerEvent, serve};
use channel_sim::record::{Recorder, find_point};
use channel_sim::scenario::Scenario;
use channel_sim::world::{Modem, World};
use clap::Args;
use std::cell::RefCell;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Arguments of `channel-sim line`.
#[derive(Debug, Args)]
pub(crate) struct LineArguments {
    /// Where to serve the port; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:7400")]
    listen: SocketAddr,
    #[command(flatten)]
    scenario: ScenarioArguments,
    /// Where modems in other processes join with blocks of samples
    #[arg(long, value_name = "ADDRESS", requires = "outside")]
    samples: Option<SocketAddr>,
    /// Meter whose modem is in another process: meter-N (from 1) or the load's name; may be given several times
    #[arg(long, value_name = "METER", requires = "samples")]
    outside: Vec<String>,
    /// Seconds that the line waits for such a modem's answer before it goes on without
    #[arg(long, default_value_t = 30.0, value_parser = super::scenario::patience)]
    patience: f64,
    #[command(flatten)]
    record: PlanArguments,
    /// JSON lines instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &LineArguments) -> Result<(), String> {
    let (mut scenario, report) = arguments.scenario.scenario()?;
    arguments.record.add_probes(&mut scenario)?;
    for unused in &report.unused {
        eprintln!("not used: {unused}");
    }
    let meters = scenario.households().len();
    let listener = listen(arguments.listen, "--listen")?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let (door, outside) = match arguments.samples {
        None => (None, Vec::new()),
        Some(at) => {
            let (door, outside) = open_door(at, &scenario, arguments)?;
            (Some(door), outside)
        }
    };
    let mut world = World::with_replaced(scenario, outside).map_err(|error| error.to_string())?;
    let recorder = match arguments.record.plan() {
        None => None,
        Some(plan) => Some(Recorder::attach(&mut world, &plan).map_err(|error| error.to_string())?),
    };
    if arguments.json {
        print_json(&serde_json::json!({ "listening": address.to_string(), "meters": meters }))?;
    } else {
        println!("listening on {address}, {meters} meters; Ctrl-C ends");
    }
    let running = Arc::new(AtomicBool::new(true));
    let stop = Arc::clone(&running);
    ctrlc::set_handler(move || stop.store(false, Ordering::Relaxed))
        .map_err(|error| format!("Ctrl-C cannot be listened to: {error}"))?;
    let recorder = RefCell::new(recorder);
    let failure = RefCell::new(None);
    // Asked after every message and every slice of time, so also the place to write what was recorded.
    let keep_going = || {
        door.iter().flat_map(Door::events).for_each(tell_door);
        if let Some(Err(error)) = recorder.borrow_mut().as_mut().map(Recorder::drain) {
            *failure.borrow_mut() = Some(error.to_string());
            return false;
        }
        running.load(Ordering::Relaxed)
    };
    let tell = |event: ServerEvent| match event {
        ServerEvent::Connected(peer) => eprintln!("a concentrator connected from {peer}"),
        ServerEvent::Gone(None) => eprintln!("the concentrator is gone; time follows the wall clock"),
        ServerEvent::Gone(Some(error)) => {
            eprintln!("the concentrator is gone ({error}); time follows the wall clock");
        }
    };
    let served =
        serve(&mut world, &listener, tell, keep_going).map_err(|error| format!("{address}: {error}"));
    if let Some(recorder) = recorder.into_inner() {
        // Also where something failed: the other files are to be whole.
        let finished = recorder.finish(&mut world);
        served?;
        if let Some(failure) = failure.into_inner() {
            return Err(failure);
        }
        let summary = finished.map_err(|error| error.to_string())?;
        match arguments.json {
            true => print_json(&serde_json::json!({ "summary": summary }))?,
            false => print_summary(&summary),
        }
        return Ok(());
    }
    served
}

fn listen(at: SocketAddr, option: &str) -> Result<TcpListener, String> {
    TcpListener::bind(at).map_err(|error| {
        format!("{at}: {error}; give another address with {option}, port 0 takes any free port")
    })
}

/// Modems that take the place of meters with these indices.
type Replaced = Vec<(usize, Box<dyn Modem>)>;

/// Opens the door for modems outside, and gives those that stand for them with their meters' indices.
fn open_door(
    at: SocketAddr,
    scenario: &Scenario,
    arguments: &LineArguments,
) -> Result<(Door, Replaced), String> {
    let find = |name: &String| match find_point(scenario, name) {
        Ok(0) => {
            Err("the coordinator's port is where the concentrator connects (--listen); name a meter"
                .to_string())
        }
        Ok(modem) => Ok(modem - 1),
        Err(error) => Err(error.to_string()),
    };
    let meters: Vec<usize> = arguments.outside.iter().map(find).collect::<Result<_, _>>()?;
    let listener = listen(at, "--samples")?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let answer = Duration::try_from_secs_f64(arguments.patience)
        .map_err(|error| format!("--patience {}: {error}", arguments.patience))?;
    let patience = Patience { answer, ..Patience::default() };
    let opened = Door::open(listener, scenario, &meters, patience);
    let (door, outside) = opened.map_err(|error| format!("{address}: {error}"))?;
    match arguments.json {
        true => {
            print_json(&serde_json::json!({ "samples": address.to_string(), "outside": arguments.outside }))?
        }
        false => println!("waiting on {address} for {}", arguments.outside.join(", ")),
    }
    let boxed = |(meter, modem): (usize, Outside)| (meter, Box::new(modem) as Box<dyn Modem>);
    Ok((door, meters.into_iter().zip(outside).map(boxed).collect()))
}

fn tell_door(event: DoorEvent) {
    match event {
        DoorEvent::Joined { name, peer } => eprintln!("{name} joined from {peer}"),
        DoorEvent::Left { name, error } => eprintln!("{name} left ({error}); it may join again"),
        DoorEvent::TurnedAway { peer, reason } => eprintln!("{peer} was turned away: {reason}"),
    }
}

//! `channel-sim line`: a line in a process of its own.

use super::print_json;
use super::scenario::ScenarioArguments;
use channel_sim::port::{ServerEvent, serve};
use channel_sim::world::World;
use clap::Args;
use std::net::{SocketAddr, TcpListener};

/// Arguments of `channel-sim line`.
#[derive(Debug, Args)]
pub(crate) struct LineArguments {
    /// Where to serve the port; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:7400")]
    listen: SocketAddr,
    #[command(flatten)]
    scenario: ScenarioArguments,
    /// JSON lines instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &LineArguments) -> Result<(), String> {
    let (scenario, report) = arguments.scenario.scenario()?;
    for unused in &report.unused {
        eprintln!("not used: {unused}");
    }
    let meters = scenario.feeder.loads.len();
    let listener = TcpListener::bind(arguments.listen).map_err(|error| {
        format!(
            "{}: {error}; give another address with --listen, port 0 takes any free port",
            arguments.listen
        )
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let mut world = World::new(scenario).map_err(|error| error.to_string())?;
    if arguments.json {
        print_json(&serde_json::json!({ "listening": address.to_string(), "meters": meters }))?;
    } else {
        println!("listening on {address}, {meters} meters; Ctrl-C ends");
    }
    let tell = |event: ServerEvent| match event {
        ServerEvent::Connected(peer) => eprintln!("a concentrator connected from {peer}"),
        ServerEvent::Gone(None) => eprintln!("the concentrator is gone; time follows the wall clock"),
        ServerEvent::Gone(Some(error)) => {
            eprintln!("the concentrator is gone ({error}); time follows the wall clock");
        }
    };
    serve(&mut world, &listener, tell, || true).map_err(|error| format!("{address}: {error}"))
}

//! Puts the parts together: line, engine, database, HTTP, head-end port.

use crate::api::Api;
use crate::api::model::{ENERGY_IMPORT, MeterDetail, MeterSummary};
use crate::calendar::rfc3339_utc;
use crate::cli::Cli;
use crate::engine::commands::{Stop, queue};
use crate::engine::cycle::CycleError;
use crate::engine::line::Timing;
use crate::engine::port::{PhyPort, RecordedPort};
use crate::engine::{CycleSummary, Engine, EngineConfig, EngineError};
use crate::head_end::HeadEnd;
use crate::live::{Activity, Live};
use crate::network::Network;
use crate::provision;
use crate::report::{self, Console, Document, Line};
use crate::store::{FILE_NAME, NetworkId, Store, StoreError};
use channel_sim::feeder::{FeederError, ReadOptions};
use channel_sim::port::{PortError, Provision, RemoteWorld};
use channel_sim::record::{PrimitiveRecorder, RecordError};
use channel_sim::scenario::Scenario;
use channel_sim::world::{World, WorldError};
use g3_mac::mac::Gmk;
use jiff::civil::Time;
use plc_core::time::seconds;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// Every meter in reach was read.
pub const EXIT_READ: u8 = 0;
/// A meter in reach was not read, or something failed while running.
pub const EXIT_FAILED: u8 = 1;
/// The command line or an input file is wrong.
pub const EXIT_USAGE: u8 = 2;

/// Nothing was read, and not because a meter failed.
const NOBODY_IN_REACH: &str = "error: no meter is in reach by the line model, so none was read; look at the links' figures in the table, \
    and at the feeder's cable lengths and transformer";

/// Why the program ends early.
#[derive(Debug, Error)]
enum Failure {
    #[error("{0}")]
    Feeder(#[from] FeederError),
    #[error("{0}")]
    World(#[from] WorldError),
    #[error("{0}")]
    Port(#[from] PortError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Engine(#[from] EngineError),
    #[error("{0}")]
    Cycle(#[from] CycleError),
    #[error(
        "{what} cannot listen on {address}: {error}; choose another with {option} PORT ({option} 0: any that is free)"
    )]
    Listen { what: &'static str, address: SocketAddr, error: std::io::Error, option: &'static str },
    #[error("{0}")]
    Record(#[from] RecordError),
    #[error("cannot start: {0}")]
    Runtime(#[from] std::io::Error),
    #[error("the engine has died")]
    Engineless,
}

impl Failure {
    const fn exit(&self) -> u8 {
        match self {
            Self::Feeder(_) | Self::World(_) => EXIT_USAGE,
            _ => EXIT_FAILED,
        }
    }
}

/// Does what the command line asks for.
pub fn run(cli: &Cli) -> ExitCode {
    let console = Console::default();
    let outcome = prepare(cli, &console);
    console.end();
    match outcome {
        Ok(exit) => ExitCode::from(exit),
        Err(failure) => {
            console.note(&format!("error: {failure}"));
            ExitCode::from(failure.exit())
        }
    }
}

/// The ports, taken before anything that takes long.
struct Sockets {
    http: TcpListener,
    dlms: TcpListener,
}

impl Sockets {
    async fn bind(cli: &Cli) -> Result<Self, Failure> {
        let http = listen("the page", SocketAddr::new(cli.listen, cli.port), "--port").await?;
        let dlms =
            listen("the port for head-ends", SocketAddr::new(cli.listen, cli.dlms_port), "--dlms-port")
                .await?;
        Ok(Self { http, dlms })
    }
}

async fn listen(
    what: &'static str,
    address: SocketAddr,
    option: &'static str,
) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| Failure::Listen { what, address, error, option })
}

/// What to say of an address that others can reach.
fn open_to_the_network(cli: &Cli) -> Option<String> {
    (!cli.once && !cli.listen.is_loopback()).then(|| {
        format!(
            "warning: page, API and head-ends' port listen on {} without a password: whoever reaches this machine reads \
             the meters; without --listen they are for this machine alone",
            cli.listen
        )
    })
}

fn prepare(cli: &Cli, console: &Console) -> Result<u8, Failure> {
    let runtime = Runtime::new()?;
    if let Some(warning) = open_to_the_network(cli) {
        console.note(&warning);
    }
    let sockets = if cli.once { None } else { Some(runtime.block_on(Sockets::bind(cli))?) };
    let store = Store::open_alone(&cli.data)?;
    console.note(&format!("data: {}", cli.data.join(FILE_NAME).display()));
    let stop = Stop::default();
    runtime.spawn(stop_on_signal(stop.clone(), console.clone()));

    console.begin("computing the line");
    let began = Instant::now();
    let (mut port, feeder_notes) = open_line(cli)?;
    if let Some(path) = &cli.pcapng {
        let Provision { start, utc_offset_minutes, group_master_key, .. } = port.provision();
        let key = Some(Gmk(group_master_key));
        let recorder = PrimitiveRecorder::create(path, "coordinator", start, utc_offset_minutes, key)?;
        let complainer = console.clone();
        port = Box::new(RecordedPort::new(port, recorder, move |text| complainer.note(text)));
    }
    let network = Arc::new(provision::network(&port.provision(), &port.links()?));
    let in_reach = network.meters.iter().filter(|meter| meter.link.in_reach).count();
    console.end();
    for note in &feeder_notes {
        console.note(&format!("not used: {note}"));
    }
    console.note(&format!(
        "{}: {} meters, {in_reach} in reach by the line model; line computed in {:.1} s",
        network.name,
        network.meters.len(),
        began.elapsed().as_secs_f64()
    ));

    let live = Live::default();
    let start_utc_ms = network.calendar.utc_ms(port.provision().now);
    live.update(|snapshot| snapshot.utc_ms = start_utc_ms);
    let (commander, commands) = queue();
    let (ticker, names, counter) = (console.clone(), Arc::clone(&network), live.clone());
    let mut engine = Engine::new(EngineConfig {
        port,
        store,
        network: Arc::clone(&network),
        seed: cli.seed,
        timing: Timing::default(),
        live: live.clone(),
        stop: stop.clone(),
        commands,
        on_turn: Box::new(move |meter, outcome| {
            if let Some(meter) = names.meters.get(meter).filter(|meter| meter.link.in_reach) {
                let cycle = counter.snapshot().cycle.map_or(0, |cycle| cycle.number);
                ticker.tick(&format!("cycle {cycle}: {} {}", meter.serial, outcome.result));
            }
        }),
    })?;
    let shown = Shown { cli, network: Arc::clone(&network), id: engine.network_id(), feeder_notes };

    let (addresses, server) = match sockets {
        None => ((None, None), None),
        Some(Sockets { http, dlms }) => {
            let addresses = (http.local_addr().ok(), dlms.local_addr().ok());
            let reader = Store::open_reader(&cli.data)?;
            let api = Api::new(Arc::clone(&network), shown.id, live.clone(), reader, addresses.1);
            let head_end = Arc::new(HeadEnd::new(&network, commander, console.clone()));
            let (end, ended) = oneshot::channel::<()>();
            runtime.spawn(head_end.serve(dlms));
            let http =
                axum::serve(http, api.router()).with_graceful_shutdown(async { ended.await.unwrap_or(()) });
            runtime.spawn(async move { http.await });
            console
                .note(&format!("page: http://{}/", addresses.0.map_or_else(String::new, |a| a.to_string())));
            (addresses, Some(end))
        }
    };

    console.count(in_reach);
    let began = Instant::now();
    let every = seconds(u64::from(cli.every) * 60);
    let (first, first_done) = std::sync::mpsc::channel();
    let (once, speed, pacer) = (cli.once, cli.speed, live.clone());
    let worker = std::thread::spawn(move || {
        let outcome = engine.cycle();
        let again = outcome.is_ok() && !once;
        // Where nobody waits for it any more, it is not missed.
        let _ = first.send(outcome);
        let ended = if again { engine.serve(every, speed).err() } else { None };
        pacer.update(|snapshot| {
            snapshot.activity = Activity::Stopped;
            snapshot.stopped_because = ended.as_ref().map(CycleError::to_string);
        });
        ended
    });
    let outcome = first_done.recv().map_err(|_| Failure::Engineless)?;
    console.end();
    let mut exit = match outcome {
        Ok(summary) => {
            shown.show(&summary, began.elapsed().as_secs_f64(), addresses)?;
            if summary.asked == 0 {
                console.note(NOBODY_IN_REACH);
            }
            verdict(summary.read, summary.asked)
        }
        Err(CycleError::Stopped) => {
            console.note("stopped before every meter had its turn");
            EXIT_FAILED
        }
        Err(error) => return Err(error.into()),
    };
    if let ((Some(http), Some(dlms)), true) = (addresses, !stop.stopped()) {
        console.note(&format!("page http://{http}/ and head-ends' port {dlms} are served; Ctrl-C ends"));
    }
    let ended = worker.join().map_err(|_| Failure::Engineless)?;
    drop(server);
    match ended {
        None | Some(CycleError::Stopped) => {
            if let Some(cycle) = live.snapshot().cycle.filter(|cycle| cycle.done == cycle.of) {
                exit = verdict(cycle.read, cycle.of);
            }
        }
        Some(error) => return Err(error.into()),
    }
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    Ok(exit)
}

const fn verdict(read: usize, asked: usize) -> u8 {
    if asked > 0 && read == asked { EXIT_READ } else { EXIT_FAILED }
}

/// The line that the command line names, and what of its feeder's files could not be used.
fn open_line(cli: &Cli) -> Result<(Box<dyn PhyPort>, Vec<String>), Failure> {
    if let Some(address) = &cli.line {
        return Ok((Box::new(RemoteWorld::connect(address)?), Vec::new()));
    }
    let (mut scenario, notes) = match &cli.feeder {
        None => (Scenario::village(cli.seed), Vec::new()),
        Some(path) => {
            let (scenario, report) =
                Scenario::from_file(path, &ReadOptions { transformer: cli.transformer.clone() }, cli.seed)?;
            (scenario, report.unused.iter().map(ToString::to_string).collect())
        }
    };
    let [hour, minute, second] = [cli.at / 3600, cli.at / 60 % 60, cli.at % 60].map(|part| part as i8);
    scenario.start = cli.date.to_datetime(Time::new(hour, minute, second, 0).unwrap_or(Time::midnight()));
    scenario.receiver = cli.receiver;
    Ok((Box::new(World::new(scenario)?), notes))
}

/// What is printed after the first cycle.
struct Shown<'a> {
    cli: &'a Cli,
    network: Arc<Network>,
    id: NetworkId,
    feeder_notes: Vec<String>,
}

impl Shown<'_> {
    fn show(
        &self,
        summary: &CycleSummary,
        wall_time_s: f64,
        addresses: (Option<SocketAddr>, Option<SocketAddr>),
    ) -> Result<(), Failure> {
        let reader = Store::open_reader(&self.cli.data)?;
        let mut lines = Vec::new();
        let mut details = Vec::new();
        for meter in &self.network.meters {
            let row = reader.meter(self.id, &meter.serial)?;
            let turn = row.as_ref().map(|row| reader.turn(summary.cycle, row.id)).transpose()?.flatten();
            // A meter that failed has nothing to show, whatever it said in earlier cycles.
            let told = row.as_ref().map(|row| reader.told_in(row.id, summary.cycle));
            let latest = told.transpose()?.unwrap_or_default();
            let energy = latest.iter().find(|row| row.reading.object == ENERGY_IMPORT).cloned();
            if self.cli.json {
                let last_read = row.as_ref().and_then(|row| row.last_read_utc_ms);
                let summary =
                    MeterSummary::new(meter, turn.clone().map(Into::into), last_read, energy.clone());
                details.push(MeterDetail { summary, latest: latest.into_iter().map(Into::into).collect() });
            }
            lines.push(Line { meter, turn, energy });
        }
        let line_time_s = plc_core::time::as_seconds_f64(summary.line_time);
        if !self.cli.json {
            report::print(&report::table(&self.network, &lines));
            report::print(&report::took(line_time_s, wall_time_s));
            return Ok(());
        }
        let cycle = reader.cycle(self.id, summary.cycle.number())?.map(|(cycle, _)| cycle);
        let document = Document {
            network: self.network.name.clone(),
            pan_id: format!("{:04x}", self.network.pan_id),
            cycle: summary.cycle.number(),
            started: cycle.as_ref().map_or_else(String::new, |cycle| rfc3339_utc(cycle.started_utc_ms)),
            ended: cycle.and_then(|cycle| cycle.ended_utc_ms).map_or_else(String::new, rfc3339_utc),
            line_time_s,
            wall_time_s,
            in_reach: summary.asked,
            read: summary.read,
            meters: details,
            feeder_notes: self.feeder_notes.clone(),
            page: addresses.0.map(|address| format!("http://{address}/")),
            dlms_address: addresses.1.map(|address| address.to_string()),
        };
        report::print(&serde_json::to_string_pretty(&document).unwrap_or_default());
        Ok(())
    }
}

/// The first signal asks to end, the second one insists.
async fn stop_on_signal(stop: Stop, console: Console) {
    wait_for_signal().await;
    console.note("ending; once more to end at once");
    stop.stop();
    wait_for_signal().await;
    std::process::exit(i32::from(EXIT_FAILED));
}

#[cfg(unix)]
async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn wait_for_signal() {
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_reach_is_warned_of() {
        use clap::Parser;
        let warning = |arguments: &[&str]| {
            open_to_the_network(&Cli::parse_from([&["data-concentrator"], arguments].concat()))
        };
        for address in ["0.0.0.0", "::", "192.0.2.7"] {
            let told = warning(&["--listen", address]).unwrap();
            assert!(told.contains(address) && told.contains("without a password"), "{told}");
        }
        for harmless in
            [&[][..], &["--listen", "127.0.0.7"], &["--listen", "::1"], &["--once", "--listen", "::"]]
        {
            assert_eq!(warning(harmless), None, "{harmless:?}");
        }
    }

    #[test]
    fn a_cycle_is_good_where_somebody_was_asked_and_everybody_read() {
        assert_eq!(verdict(12, 12), EXIT_READ);
        assert_eq!(verdict(11, 12), EXIT_FAILED);
        assert_eq!(verdict(0, 0), EXIT_FAILED, "nobody in reach");
    }
}

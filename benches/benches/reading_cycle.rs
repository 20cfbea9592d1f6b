//! One reading cycle of the main job: virtual time against wall-clock time, and where the processor's time goes.
//!
//! `cargo bench -p benches --bench reading_cycle` reads the 55 households of the IEEE European feeder (seed 1) where
//! `../shared/data` holds it, the built-in village otherwise, on all cores, into a database in a temporary folder.
//! Then it runs the same line again with modems that send the same samples at the same times and hear nothing:
//! channel, filters and noise alone. That takes some 400 MB of memory.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measurement for people")]

use channel_sim::port::{PortError, Provision};
use channel_sim::scenario::Scenario;
use channel_sim::world::{
    Attachment, CoordinatorPort, Exchange, LinkReport, Modem, PhyPort as LinePort, Profile, World, meters,
};
use data_concentrator::engine::commands::{Stop, queue};
use data_concentrator::engine::line::Timing;
use data_concentrator::engine::port::PhyPort;
use data_concentrator::engine::{Engine, EngineConfig};
use data_concentrator::live::Live;
use data_concentrator::provision;
use data_concentrator::store::Store;
use g3_phy::phy::PhyConfig;
use g3_phy::primitives::{Event, Request};
use plc_core::time::{Instant, as_seconds_f64};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// The world, with its profile where it can be read after the engine has taken it.
struct Watched {
    world: World,
    profile: Arc<Mutex<Profile>>,
}

impl PhyPort for Watched {
    fn provision(&self) -> Provision {
        PhyPort::provision(&self.world)
    }

    fn exchange(&mut self, requests: Vec<Request>, until: Instant) -> Result<Exchange, PortError> {
        let exchange = PhyPort::exchange(&mut self.world, requests, until);
        *self.profile.lock().expect("nobody panics with it") = self.world.profile();
        exchange
    }

    fn links(&mut self) -> Result<Vec<LinkReport>, PortError> {
        PhyPort::links(&mut self.world)
    }
}

/// What a modem sent: the first sample's index and the samples, block after block.
type Log = Arc<Mutex<Vec<(u64, Vec<f32>)>>>;

/// A modem that notes down what it sends.
struct Noted<M: ?Sized> {
    log: Log,
    modem: Box<M>,
}

impl<M: Modem + ?Sized> Modem for Noted<M> {
    fn attachment(&self) -> Attachment {
        self.modem.attachment()
    }

    fn transmit(&mut self, from: u64, out: &mut [f32]) -> bool {
        let sends = self.modem.transmit(from, out);
        if sends {
            self.log.lock().expect("nobody panics with it").push((from, out.to_vec()));
        }
        sends
    }

    fn receive(&mut self, from: u64, samples: &[f32]) {
        self.modem.receive(from, samples);
    }

    fn measure(&mut self, power_mw: i64, ticks: u64) {
        self.modem.measure(power_mw, ticks);
    }
}

impl<M: LinePort + ?Sized> LinePort for Noted<M> {
    fn request(&mut self, now: Instant, request: Request) {
        self.modem.request(now, request);
    }

    fn poll(&mut self) -> Option<Event> {
        self.modem.poll()
    }
}

/// A modem that sends what another sent, and hears nothing.
struct Again {
    attachment: Attachment,
    sent: std::vec::IntoIter<(u64, Vec<f32>)>,
}

impl Modem for Again {
    fn attachment(&self) -> Attachment {
        self.attachment
    }

    fn transmit(&mut self, from: u64, out: &mut [f32]) -> bool {
        if self.sent.as_slice().first().is_none_or(|(at, _)| *at != from) {
            return false;
        }
        let (_, samples) = self.sent.next().expect("it was just looked at");
        out.copy_from_slice(&samples);
        true
    }

    fn receive(&mut self, _from: u64, _samples: &[f32]) {}
}

impl LinePort for Again {
    fn request(&mut self, _now: Instant, _request: Request) {}

    fn poll(&mut self) -> Option<Event> {
        None
    }
}

/// Time that the processors spent on this process, in seconds.
fn processor_s() -> f64 {
    // Fields 14 and 15, user and system time in hundredths of a second; the name before them may hold blanks.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let ticks = behind.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

fn main() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/ieee-eu-lv-feeder/Master.dss");
    let scenario = if path.exists() {
        Scenario::open_dss(&path, 1).expect("the feeder is readable").0
    } else {
        println!("{} is not there: the village instead", path.display());
        Scenario::village(1)
    };
    let profile = Arc::new(Mutex::new(Profile::default()));
    let coordinator = Box::new(CoordinatorPort::new(PhyConfig::default()));
    let households = meters(&scenario).expect("the scenario has meters");
    let logs: Vec<Log> = (0..=households.len()).map(|_| Log::default()).collect();
    let attachments: Vec<Attachment> = std::iter::once(coordinator.attachment())
        .chain(households.iter().map(|meter| meter.attachment()))
        .collect();
    let coordinator = Box::new(Noted { log: Arc::clone(&logs[0]), modem: coordinator });
    let noted = |(meter, log): (Box<dyn Modem>, &Log)| -> Box<dyn Modem> {
        Box::new(Noted { log: Arc::clone(log), modem: meter })
    };
    let households = households.into_iter().zip(&logs[1..]).map(noted).collect();
    let world =
        World::with_modems(scenario.clone(), coordinator, households).expect("the scenario is a world");
    let mut port: Box<dyn PhyPort> = Box::new(Watched { world, profile: Arc::clone(&profile) });
    let network = Arc::new(provision::network(&port.provision(), &port.links().expect("the world answers")));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_commander, commands) = queue();
    let mut engine = Engine::new(EngineConfig {
        port,
        store: Store::open(folder.path()).expect("a new database"),
        network,
        seed: 1,
        timing: Timing::default(),
        live: Live::default(),
        stop: Stop::default(),
        commands,
        on_turn: Box::new(|_, _| {}),
    })
    .expect("a new engine");
    let (began, before_s) = (std::time::Instant::now(), processor_s());
    let cycle = engine.cycle().expect("the line and the database work");
    let (wall_s, spent_s) = (began.elapsed().as_secs_f64(), processor_s() - before_s);
    let line_s = as_seconds_f64(cycle.line_time);
    let profile = *profile.lock().expect("nobody panics with it");
    println!("meters:    {} read of {} in reach", cycle.read, cycle.asked);
    println!("threads:   {}", rayon::current_num_threads());
    println!("time:      {line_s:.1} s on the line in {wall_s:.1} s, {:.2} times real time", line_s / wall_s);
    println!("processor: {spent_s:.1} s");
    println!("world:     {profile}");
    println!("the rest:  {:.2} s (coordinator's stack, DLMS client, database)", wall_s - profile.wall_s);
    drop(engine);

    let again = |(log, attachment): (&Log, Attachment)| {
        let sent = std::mem::take(&mut *log.lock().expect("nobody panics with it"));
        Again { attachment, sent: sent.into_iter() }
    };
    let mut players = logs.iter().zip(attachments).map(again);
    let coordinator = Box::new(players.next().expect("there is a coordinator"));
    let players: Vec<Box<dyn Modem>> = players.map(|player| -> Box<dyn Modem> { Box::new(player) }).collect();
    let mut world = World::with_modems(scenario, coordinator, players).expect("the scenario is a world");
    let before_s = processor_s();
    world.run_blocks((line_s / 0.64e-3) as u64);
    println!("line alone: {}", world.profile());
    println!("processor: {:.1} s", processor_s() - before_s);
}

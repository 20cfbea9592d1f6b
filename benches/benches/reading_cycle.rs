//! One reading cycle of the main job: virtual time against wall-clock time, and where the processor's time goes.
//!
//! `cargo bench -p benches --bench reading_cycle` reads the 55 households of the IEEE European feeder (seed 1) where
//! `../shared/data` holds it, the built-in village otherwise, on all cores, into a database in a temporary folder.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measurement for people")]

use channel_sim::port::{PortError, Provision};
use channel_sim::scenario::Scenario;
use channel_sim::world::{Exchange, LinkReport, Profile, World};
use data_concentrator::engine::commands::{Stop, queue};
use data_concentrator::engine::line::Timing;
use data_concentrator::engine::port::PhyPort;
use data_concentrator::engine::{Engine, EngineConfig};
use data_concentrator::live::Live;
use data_concentrator::provision;
use data_concentrator::store::Store;
use g3_phy::primitives::Request;
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

fn main() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/ieee-eu-lv-feeder/Master.dss");
    let scenario = if path.exists() {
        Scenario::open_dss(&path, 1).expect("the feeder is readable").0
    } else {
        println!("{} is not there: the village instead", path.display());
        Scenario::village(1)
    };
    let profile = Arc::new(Mutex::new(Profile::default()));
    let world = World::new(scenario).expect("the scenario is a world");
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
    let began = std::time::Instant::now();
    let cycle = engine.cycle().expect("the line and the database work");
    let wall_s = began.elapsed().as_secs_f64();
    let line_s = as_seconds_f64(cycle.line_time);
    let profile = *profile.lock().expect("nobody panics with it");
    println!("meters:    {} read of {} in reach", cycle.read, cycle.asked);
    println!("threads:   {}", rayon::current_num_threads());
    println!("time:      {line_s:.1} s on the line in {wall_s:.1} s, {:.2} times real time", line_s / wall_s);
    println!("world:     {profile}");
    println!("the rest:  {:.2} s (coordinator's stack, DLMS client, database)", wall_s - profile.wall_s);
}

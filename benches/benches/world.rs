//! The line with all its modems: virtual time against wall-clock time, and where the processor's time goes.
//!
//! `cargo bench -p benches --bench world [-- SECONDS]` runs the IEEE European feeder (56 modems) where
//! `../shared/data` holds it, the built-in village (13) otherwise, first silent and then with the coordinator
//! sending Robust frames without a pause, which every meter decodes.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measurement for people")]

use channel_sim::scenario::Scenario;
use channel_sim::world::World;
use g3_phy::layout::PayloadLayout;
use g3_phy::primitives::{PdDataRequest, Psdu, Request};
use g3_phy::{BandPlan, Modulation, ToneMask};
use plc_core::time::{Instant, millis};
use std::path::Path;

fn main() {
    let seconds = std::env::args().skip(1).find_map(|word| word.parse::<u64>().ok()).unwrap_or(10);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/ieee-eu-lv-feeder/Master.dss");
    let scenario = if path.exists() {
        Scenario::open_dss(&path, 1).expect("the feeder is readable").0
    } else {
        println!("{} is not there: the village instead", path.display());
        Scenario::village(1)
    };
    let began = std::time::Instant::now();
    let mut world = World::new(scenario).expect("the scenario is a world");
    println!(
        "{} modems on {} threads; built in {:.2} s",
        world.scenario().feeder.loads.len() + 1,
        rayon::current_num_threads(),
        began.elapsed().as_secs_f64()
    );
    run(&mut world, seconds, false);
    println!("silent: {}", world.profile());
    world.reset_profile();
    run(&mut world, seconds, true);
    println!("busy:   {}", world.profile());
}

fn run(world: &mut World, seconds: u64, busy: bool) {
    let end = world.now() + millis(1_000 * seconds);
    while world.now() < end {
        let requests = if busy { vec![frame(world.now())] } else { Vec::new() };
        // Until the transmission is confirmed, then the next at once.
        world.exchange(requests, end);
    }
}

fn frame(start: Instant) -> Request {
    let plan = BandPlan::CENELEC_A;
    let tone_map = plan.full_tone_map();
    let layout = PayloadLayout::for_psdu(&plan, ToneMask::ALL, tone_map, Modulation::Robust, 100);
    let mut psdu = Psdu::new();
    let octets = usize::from(layout.expect("fits").psdu_capacity);
    psdu.resize(octets, 0x5A).expect("fits");
    Request::Data(PdDataRequest {
        start,
        psdu,
        modulation: Modulation::Robust,
        tone_map,
        response_expected: false,
    })
}

//! The line in virtual time with every modem on it.
//!
//! Time advances in blocks of 0.64 ms. In each, every modem first says what it sends; then
//! everyone hears the sum of what all others sent, through the filter of each pair, and noise of its own. Modems
//! live on their own clocks. Nodes are worked on in parallel; the result does not depend on how many threads
//! there are. See `docs/world.md`.

mod injection;
mod links;
mod meter;
mod modem;
mod node;
mod profile;
mod switched;
mod tap;
mod transform;

pub use injection::{LineNoise, port_noise, port_noise_at};
pub use links::{Carriers, Direction, LinkReport, REACH_MARGIN_DB, ROBUST_DB, direction, mean_gains};
pub(crate) use meter::Surroundings;
pub use meter::WorldError;
pub use modem::{Attachment, CoordinatorPort, Modem, PhyPort};
pub use profile::Profile;
pub use tap::{Tap, TapPoint};

use crate::clock::Clock;
use crate::feeder::Phase;
use crate::line::filter::FilterPlan;
use crate::line::{Line, source_volts};
use crate::noise::{Conditions, Mains, MainsPhase, NoisePlan, Port};
use crate::random::{Purpose, stream, uniform};
use crate::scenario::Scenario;
use dsp::Complex;
use g3_phy::primitives::{Event, Request};
use g3_phy::{BandPlan, TX_RMS};
use injection::Injection;
use node::{Common, Node, Sent, Source};
use plc_core::time::{Instant, SampleClock, TICKS_PER_SECOND};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use switched::SwitchedFilters;

/// Line blocks between two measurements of the meters: 80 ms, in which 10 kW are 0.2 Wh. A minute has 750.
const BLOCKS_PER_MEASUREMENT: u64 = 125;
/// Meters that one thread takes at a time.
const MIN_SHARE: usize = 4;

/// Turns that L1, L2 and L3 are ahead of L1.
const PHASE_SHIFTS: [f64; 3] = [0.0, -1.0 / 3.0, 1.0 / 3.0];
/// Name of the coordinator's port.
pub const COORDINATOR: &str = "coordinator";

/// What [`World::exchange`] brings back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// The coordinator's time.
    pub now: Instant,
    /// What the coordinator's PHY told.
    pub events: Vec<Event>,
}

/// A whole meter for each of the scenario's households, in order, at local midnight: as [`World::new`] has them.
pub fn meters(scenario: &Scenario) -> Result<Vec<Box<dyn Modem>>, WorldError> {
    meter::build(scenario)
}

/// Line, meters and the coordinator's PHY port in virtual time.
pub struct World {
    scenario: Scenario,
    plan: FilterPlan,
    filters: SwitchedFilters,
    coordinator: Node<dyn PhyPort>,
    meters: Vec<Node<dyn Modem>>,
    mains: Mains,
    /// What every modem's noise has at the carriers.
    port_noise: Vec<Vec<f64>>,
    /// What is on the air in the block to come.
    on_air: Vec<Sent>,
    /// For each meter, what it sends in the block after.
    next: Vec<Next>,
    /// Blocks that have passed.
    blocks: u64,
    events: Vec<Event>,
    wall: std::time::Duration,
    blocks_profiled: u64,
}

/// What a meter and its household send in the block to come; none where that is nothing.
#[derive(Default)]
struct Next {
    sends: bool,
    spectrum: Vec<Complex>,
    injects: bool,
    noise: Vec<Complex>,
}

impl World {
    /// The line at the scenario's start: a coordinator's PHY and a whole meter at each household.
    pub fn new(scenario: Scenario) -> Result<Self, WorldError> {
        let coordinator = Box::new(CoordinatorPort::new(scenario.phy()));
        let meters = meters(&scenario)?;
        Self::with_modems(scenario, coordinator, meters)
    }

    /// As [`World::new`], but meters with these indices are modems of the caller's.
    pub fn with_replaced(
        scenario: Scenario,
        replaced: Vec<(usize, Box<dyn Modem>)>,
    ) -> Result<Self, WorldError> {
        let mut meters = meters(&scenario)?;
        for (index, modem) in replaced {
            if let Some(place) = meters.get_mut(index) {
                *place = modem;
            }
        }
        let coordinator = Box::new(CoordinatorPort::new(scenario.phy()));
        Self::with_modems(scenario, coordinator, meters)
    }

    /// A world with modems of the caller's: the coordinator's and one for each of the scenario's meters, in order.
    /// Meters that are missing are not on the line, and more than there are households are ignored.
    pub fn with_modems(
        scenario: Scenario,
        coordinator: Box<dyn PhyPort>,
        meters: Vec<Box<dyn Modem>>,
    ) -> Result<Self, WorldError> {
        let plan = scenario.plan;
        let mains = scenario.mains;
        let line = Line::new(&scenario);
        let port_noise = port_noise(&scenario, &line)?;
        let volts_per_unit = (source_volts(scenario.level_dbuv) / f64::from(TX_RMS)) as f32;
        let clock = |index: usize| {
            let offset = uniform(&mut stream(scenario.seed, Purpose::Clock, 1 << 32 | index as u64));
            Clock::new(scenario.clock_ppm(index), offset)
        };
        // One plan for each way of being attached, of which there are few.
        let mut attached: Vec<Attached> = Vec::new();
        let coordinator_attachment = attach(&mut attached, &scenario, mains, coordinator.attachment())?;
        let mut attachments = vec![coordinator.attachment()];
        let mut meter_attachments = Vec::new();
        for modem in &meters {
            attachments.push(modem.attachment());
            meter_attachments.push(attach(&mut attached, &scenario, mains, modem.attachment())?);
        }
        let noise = |attachment: usize, index: usize, port: Port| {
            attached[attachment].noise.source(port, &mut stream(scenario.seed, Purpose::Noise, index as u64))
        };
        let noise_there = noise(coordinator_attachment, 0, Port::ThreePhase);
        let block = attached[coordinator_attachment].block;
        let coordinator = Node::new(0, clock(0), noise_there, volts_per_unit, block, coordinator);
        let amplitudes = injection::amplitudes(&scenario);
        let injected = injection::plan(&scenario)?;
        let meters: Vec<Node<dyn Modem>> = meters
            .into_iter()
            .zip(line.households())
            .enumerate()
            .map(|(meter, (modem, household))| {
                let index = meter + 1;
                let port = match household.phase {
                    Phase::L1 => Port::L1,
                    Phase::L2 => Port::L2,
                    Phase::L3 => Port::L3,
                };
                let attachment = meter_attachments[meter];
                let there = noise(attachment, index, port);
                let block = attached[attachment].block;
                let mut node = Node::new(index, clock(index), there, volts_per_unit, block, modem);
                node.injection = injected.as_ref().map(|noise| {
                    let rng = &mut stream(scenario.seed, Purpose::InjectedNoise, meter as u64);
                    Injection::new(noise.scaled(amplitudes[meter]).source(port, rng), plan.block)
                });
                node
            })
            .collect();
        let couplers: Vec<[f64; 4]> = attachments.iter().map(|attachment| attachment.coupler_hz).collect();
        let mut world = Self {
            filters: SwitchedFilters::new(line, plan, couplers, !scenario.injected.is_empty()),
            scenario,
            plan,
            coordinator,
            next: meters.iter().map(|_| Next::default()).collect(),
            meters,
            mains,
            port_noise,
            on_air: Vec::new(),
            blocks: 0,
            events: Vec::new(),
            wall: std::time::Duration::ZERO,
            blocks_profiled: 0,
        };
        let past = world.scenario.ticks_since_midnight();
        let phase = mains.phase(0.0, plan.block, plan.rate_hz);
        for (index, node) in world.meters.iter_mut().enumerate() {
            measure_past(&world.scenario, index, past, node.modem.as_mut());
            send(node, &mut world.next[index], world.filters.kept(), 0, phase);
        }
        Ok(world)
    }

    /// What determines it.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The coordinator's time: the end of what its PHY has heard.
    pub fn now(&self) -> Instant {
        let ticks = TICKS_PER_SECOND as f64 / self.coordinator.rate_hz;
        Instant::from_ticks((self.coordinator.received as f64 * ticks).round() as u64)
    }

    /// The line's time, which the scenario's truth is a function of.
    pub fn line_now(&self) -> Instant {
        Instant::from_ticks(
            self.blocks * self.plan.block as u64 * TICKS_PER_SECOND / self.plan.rate_hz as u64,
        )
    }

    /// Hands `requests` to the coordinator's PHY and lets time run until the PHY has something to tell or its
    /// clock reaches `until`. Times are the coordinator's own.
    pub fn exchange(&mut self, requests: Vec<Request>, until: Instant) -> Exchange {
        let now = self.now();
        for request in requests {
            self.coordinator.modem.request(now, request);
        }
        self.collect();
        // Within the threads' pool, where handing out a block's work wakes nobody who is awake.
        rayon::scope(|_| {
            while self.events.is_empty() && self.now() < until {
                self.step();
                self.collect();
            }
        });
        Exchange { now: self.now(), events: std::mem::take(&mut self.events) }
    }

    /// Lets the given number of blocks pass.
    pub fn run_blocks(&mut self, blocks: u64) {
        rayon::scope(|_| {
            for _ in 0..blocks {
                self.step();
                self.collect();
            }
        });
    }

    /// Forgets what the coordinator's PHY has told since the last exchange.
    pub fn drop_events(&mut self) {
        self.collect();
        self.events.clear();
    }

    /// The links of all meters with the coordinator, by the line model as its appliances are switched now; a line that
    /// follows the mains averaged over their phase.
    pub fn links(&self) -> Vec<LinkReport> {
        let volts = source_volts(self.scenario.level_dbuv);
        let line = self.filters.line();
        let carriers = Carriers::of(&BandPlan::CENELEC_A);
        let gains = mean_gains(line, &carriers, |hz, turns| line.transfer_at(hz, turns));
        let modems = line.modems();
        let between = |from: usize, to: usize| {
            let gains = gains.iter().map(|gains| gains[from * modems + to]);
            direction(gains, volts, &self.port_noise[to])
        };
        let link = |meter: usize| LinkReport::new(meter, between(0, meter + 1), between(meter + 1, 0));
        (0..self.scenario.households().len()).map(link).collect()
    }

    /// The nominal clock of a modem: 0 is the coordinator, `i` meter `i - 1`.
    pub fn sample_clock(&self, modem: usize) -> Option<SampleClock> {
        match modem.checked_sub(1) {
            None => sample_clock(self.coordinator.rate_hz),
            Some(meter) => sample_clock(self.meters.get(meter)?.rate_hz),
        }
    }

    /// Puts a tap at a modem's port, in the place of one before it: modem 0 is the coordinator's, modem `i` that of
    /// meter `i - 1`. It is told everything from the next block on. `None` where there is no such modem.
    pub fn tap(&mut self, modem: usize, tap: impl FnOnce(&TapPoint) -> Box<dyn Tap>) -> Option<TapPoint> {
        let load = modem.checked_sub(1).and_then(|meter| self.scenario.feeder.loads.get(meter));
        let figures = match modem.checked_sub(1) {
            None => tap_figures(&self.coordinator),
            Some(meter) => tap_figures(self.meters.get(meter)?),
        };
        let point = TapPoint {
            name: load.map_or_else(|| COORDINATOR.to_string(), |load| load.name.clone()),
            modem,
            samples: sample_clock(figures.rate_hz)?,
            first: figures.first,
            clock: figures.clock,
            clock_ppm: self.scenario.clock_ppm(modem),
            nominal_hz: figures.rate_hz,
            volts_per_unit: figures.volts_per_unit,
            mains: self.mains,
            phase_turns: load.map(|load| PHASE_SHIFTS[load.phase.index()]),
        };
        let tap = Some(tap(&point));
        match modem.checked_sub(1) {
            None => self.coordinator.tap = tap,
            Some(meter) => self.meters.get_mut(meter)?.tap = tap,
        }
        Some(point)
    }

    /// Takes every tap away.
    pub fn untap(&mut self) {
        self.coordinator.tap = None;
        for node in &mut self.meters {
            node.tap = None;
        }
    }

    /// Where the processor's time went since the start or [`World::reset_profile`].
    pub fn profile(&self) -> Profile {
        let sum = |of: fn(&profile::Spent) -> std::time::Duration| {
            let meters: std::time::Duration = self.meters.iter().map(|node| of(&node.spent)).sum();
            (meters + of(&self.coordinator.spent)).as_secs_f64()
        };
        let (channel_s, noise_s, modems_s) =
            (sum(|spent| spent.channel), sum(|spent| spent.noise), sum(|spent| spent.modem));
        let wall_s = self.wall.as_secs_f64();
        let threads = rayon::current_num_threads() as f64;
        let blocks = (self.blocks - self.blocks_profiled) as f64;
        Profile {
            virtual_s: blocks * self.plan.block as f64 / self.plan.rate_hz,
            wall_s,
            channel_s,
            noise_s,
            modems_s,
            rest_s: (wall_s - (channel_s + noise_s + modems_s) / threads).max(0.0),
        }
    }

    /// Starts the profile anew.
    pub fn reset_profile(&mut self) {
        self.coordinator.spent = profile::Spent::default();
        for node in &mut self.meters {
            node.spent = profile::Spent::default();
        }
        self.wall = std::time::Duration::ZERO;
        self.blocks_profiled = self.blocks;
    }

    fn collect(&mut self) {
        while let Some(event) = self.coordinator.modem.poll() {
            self.events.push(event);
        }
    }

    /// One block: the meters have said already what they send in it.
    fn step(&mut self) {
        let started = std::time::Instant::now();
        let block = self.plan.block as u64;
        let block_start = self.blocks * block;
        let following = block_start + block;
        self.put_on_air();
        let scenario = &self.scenario;
        let end = scenario.ticks_since_midnight() + following * TICKS_PER_SECOND / self.plan.rate_hz as u64;
        self.filters.begin_block(end as f64 / TICKS_PER_SECOND as f64);
        let phase = |first: u64| self.mains.phase(first as f64, self.plan.block, self.plan.rate_hz);
        let (kept, next_phase) = (self.filters.kept(), phase(following));
        let common = Common {
            filters: self.filters.ends(),
            varies: self.filters.varies(),
            on_air: &self.on_air,
            block: self.blocks,
            mains: phase(block_start),
            line_block: self.plan.block,
        };
        let measures = (self.blocks + 1).is_multiple_of(BLOCKS_PER_MEASUREMENT);
        let ticks = BLOCKS_PER_MEASUREMENT * block * TICKS_PER_SECOND / self.plan.rate_hz as u64;
        let following_block = self.blocks + 1;
        let pass = |(node, next): (&mut Node<dyn Modem>, &mut Next)| {
            node.receive(&common);
            if measures {
                measure(scenario, node.index - 1, end - ticks, end, node.modem.as_mut());
            }
            send(node, next, kept.clone(), following_block, next_phase);
        };
        let coordinator = &mut self.coordinator;
        let meters = self.meters.par_iter_mut().zip(self.next.par_iter_mut()).with_min_len(MIN_SHARE);
        rayon::join(|| coordinator.receive(&common), || meters.for_each(pass));
        self.filters.end_block();
        self.blocks += 1;
        self.wall += started.elapsed();
    }

    /// Gathers what is sent in the block to come.
    fn put_on_air(&mut self) {
        // The spectra's memory goes round: from the list on the air back to the meters.
        let mut spare: Vec<Vec<Complex>> = self.on_air.drain(..).map(|sent| sent.spectrum).collect();
        let mut spectrum = spare.pop().unwrap_or_default();
        if self.coordinator.transmit(self.blocks, self.filters.kept(), &mut spectrum) {
            self.on_air.push(Sent { from: Source::Modem(0), spectrum });
        }
        let mut take = |on_air: &mut Vec<Sent>, from: Source, spectrum: &mut Vec<Complex>| {
            let fresh = spare.pop().unwrap_or_default();
            on_air.push(Sent { from, spectrum: std::mem::replace(spectrum, fresh) });
        };
        for (node, next) in self.meters.iter().zip(&mut self.next) {
            if next.sends {
                take(&mut self.on_air, Source::Modem(node.index), &mut next.spectrum);
            }
            if next.injects {
                take(&mut self.on_air, Source::Household(node.index - 1), &mut next.noise);
            }
        }
    }
}

/// Noise and block of the modems that are attached in one way.
struct Attached {
    attachment: Attachment,
    noise: NoisePlan,
    block: usize,
}

/// Index of what belongs to an attachment, which is prepared the first time.
fn attach(
    attached: &mut Vec<Attached>,
    scenario: &Scenario,
    mains: Mains,
    attachment: Attachment,
) -> Result<usize, WorldError> {
    if let Some(known) = attached.iter().position(|known| known.attachment == attachment) {
        return Ok(known);
    }
    let Attachment { rate_hz, coupler_hz: [stop, low, high, _] } = attachment;
    let block = scenario.plan.block_at(rate_hz).ok_or(WorldError::SampleRate {
        modem_hz: rate_hz.round() as u64,
        line_hz: scenario.plan.rate_hz.round() as u64,
    })?;
    let conditions = Conditions {
        rate_hz,
        mains_hz: mains.hz,
        band_hz: [low, high],
        coupler_hz: Some([stop, low]),
        signal_dbuv: scenario.signal_dbuv,
    };
    attached.push(Attached { attachment, noise: NoisePlan::new(&scenario.noise, &conditions)?, block });
    Ok(attached.len() - 1)
}

/// Lets a meter and its household say what they send in a block.
fn send(node: &mut Node<dyn Modem>, next: &mut Next, kept: Range<usize>, block: u64, phase: MainsPhase) {
    next.sends = node.transmit(block, kept.clone(), &mut next.spectrum);
    next.injects = node.inject(block, phase, kept, &mut next.noise);
}

/// The clock of a nominal rate: all that modems have.
fn sample_clock(rate_hz: f64) -> Option<SampleClock> {
    let clocks = [SampleClock::KHZ_250, SampleClock::KHZ_400, SampleClock::MHZ_1, SampleClock::KHZ_1200];
    clocks.into_iter().find(|clock| f64::from(clock.rate_hz()) == rate_hz)
}

/// What of a node a tap is told.
struct TapFigures {
    clock: Clock,
    first: u64,
    volts_per_unit: f32,
    rate_hz: f64,
}

fn tap_figures<M: Modem + ?Sized>(node: &Node<M>) -> TapFigures {
    TapFigures {
        clock: node.clock,
        first: node.received,
        volts_per_unit: node.volts_per_unit,
        rate_hz: node.rate_hz,
    }
}

/// Tells a meter what its household drew between two points in ticks after midnight.
fn measure(scenario: &Scenario, index: usize, from: u64, to: u64, modem: &mut (impl Modem + ?Sized)) {
    let span = i128::from(to - from).max(1);
    let mean = scenario.energy_between(index, from, to).milliwatt_ticks / span;
    modem.measure(mean as i64, to - from);
}

/// Tells a meter the day so far: everything since local midnight, in steps of a minute.
fn measure_past(scenario: &Scenario, index: usize, end: u64, modem: &mut (impl Modem + ?Sized)) {
    const MINUTE: u64 = 60 * TICKS_PER_SECOND;
    let mut at = 0;
    while at < end {
        let next = ((at / MINUTE + 1) * MINUTE).min(end);
        measure(scenario, index, at, next, modem);
        at = next;
    }
}

//! Network runs: many nodes on many feeders, datagrams between meters and coordinators, counts and speed.

use super::domain::{Counts, Domain, FrameNode};
use super::hearing::Hearing;
use super::modem::{Modem, Stage};
use super::node::{Source, Tally, TrafficNode};
use super::table::Table;
use super::tape::{NoiseTape, PLACES};
use super::waveform::signal_power;
use crate::feeder::Phase;
use crate::line::Line;
use crate::noise::{Port, Preset};
use crate::scenario::Scenario;
use g3_mac::mac::Gmk;
use g3_mac::{Stack, StackAction, StackConfig};
use g3_phy::layout::PayloadLayout;
use g3_phy::primitives::Request;
use g3_phy::{BandPlan, Modulation, ToneMask, timing};
use plc_core::address::{PanId, ShortAddress};
use plc_core::sans_io::{Machine, Step};
use plc_core::time::{Duration, Instant, as_seconds_f64, seconds};
use rayon::prelude::*;
use serde::Serialize;
use std::sync::Arc;

/// After the sources have stopped, this is enough for what is under way.
const DRAIN: Duration = seconds(20);
/// Virtual time that one network runs before the next one does: its nodes stay in the processor's caches.
const CHUNK: Duration = seconds(20);
/// Ticks of mains from phase to phase, in places of the tape.
const PHASE_PLACES: u64 = (PLACES as u64 + 1) / 3;
/// Signal to noise of neighbours on a chain.
const CHAIN_SNR_DB: f32 = 20.0;
/// Median of the mean contention slots before a first attempt: the smallest window's middle.
const MEAN_BACKOFF_SLOTS: f64 = 3.5;
/// What a link must have above one lost frame in ten to be used.
const REACH_MARGIN_DB: f32 = 3.0;
/// Slots of a contention period before the normal window.
const SLOTS_BEFORE: f64 = 8.0;

/// Nodes of a network: short addresses below the reserved ones.
const MOST_IN_NETWORK: usize = 0xFFF0;
/// Nodes on a feeder: 36 transfer functions between any two of them are in memory while it is solved.
const MOST_ON_FEEDER: usize = 4_000;

/// Who sends to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pattern {
    /// Meters to the coordinator.
    Up,
    /// The coordinator to meters.
    Down,
    /// Half of the datagrams each.
    Both,
}

/// What a network run is determined by, besides the line.
#[derive(Clone, Debug)]
pub struct NetworkPlan {
    /// Modulation of unicast frames.
    pub modulation: Modulation,
    /// Octets of a datagram.
    pub octets: usize,
    /// Share of what the channel carries that is offered.
    pub load: f64,
    /// Who sends to whom.
    pub pattern: Pattern,
    /// Determines every draw.
    pub seed: u64,
    /// Calibration.
    pub table: Table,
}

/// Networks that do not hear one another, each with its own medium.
pub struct Network {
    domains: Vec<Domain<TrafficNode>>,
    tapes: Arc<[NoiseTape]>,
    now: Instant,
    /// Meters that take part.
    in_reach: usize,
    setup_s: f64,
}

/// What a run gives.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkReport {
    /// Nodes, coordinators included.
    pub nodes: usize,
    /// Networks.
    pub networks: usize,
    /// Meters with 3 dB or more above one lost frame in ten, both ways, to and from their coordinator; on a chain
    /// all nodes. The others neither send nor are sent to: there is no routing through meters yet.
    pub in_reach: usize,
    /// Wall-clock time that solving lines and links took.
    pub setup_s: f64,
    /// Listeners of a node: mean and most.
    pub hearing_mean: f64,
    /// The most.
    pub hearing_most: usize,
    /// Datagrams a second that one network would carry without a collision.
    pub carried_per_second: f64,
    /// Virtual time measured, in seconds.
    pub virtual_s: f64,
    /// Wall-clock time.
    pub wall_s: f64,
    /// Processor time of the thread, where the system tells.
    pub cpu_s: Option<f64>,
    /// Virtual over processor time; over wall-clock time where the former is unknown; none where too little passed to tell.
    pub times_real_time: Option<f64>,
    /// Events with node code, per second of the same.
    pub events_per_second: Option<f64>,
    /// Wake-ups and delivered frames.
    pub events: u64,
    /// Datagrams.
    pub tally: Tally,
    /// Offered and not delivered.
    pub lost: u64,
    /// Frames.
    #[serde(flatten)]
    pub frames: FrameCounts,
    /// Octets of the simulator for a node, beyond the modem's own.
    pub octets_per_node: usize,
    /// Octets of the modem's stack.
    pub modem_octets: usize,
    /// Octets of a node by the growth of the process, where the system tells; the modem included.
    pub resident_octets_per_node: Option<usize>,
}

/// Frames on the air and at listeners.
#[derive(Clone, Debug, Serialize)]
pub struct FrameCounts {
    /// Data frames sent.
    pub data_frames: u64,
    /// Acknowledgements sent.
    pub acknowledgements: u64,
    /// Frames that node code was given.
    pub frames_handled: u64,
    /// Preambles that a free receiver did not find.
    pub unheard: u64,
    /// Wrong FCHs.
    pub headers_failed: u64,
    /// Wrong payloads.
    pub payloads_failed: u64,
    /// Stages of receptions that another frame disturbed.
    pub disturbed: u64,
    /// Frames left out of interference, since a receiver was aware of as many others.
    pub overlooked: u64,
}

/// How long an exchange of one datagram takes on a free channel, in seconds: back-off, frame, answer and spaces.
///
/// # Errors
/// Where the datagram does not fit.
pub fn exchange_s(modulation: Modulation, octets: usize) -> Result<f64, String> {
    let frame = first_frame(modulation, octets)?;
    let (plan, mask) = (BandPlan::CENELEC_A, ToneMask::ALL);
    let layout = PayloadLayout::for_psdu(&plan, mask, frame.tone_map, frame.modulation, frame.psdu.len())
        .ok_or("the frame does not fit its modulation")?;
    let slots = SLOTS_BEFORE + MEAN_BACKOFF_SLOTS;
    let fixed = timing::data_airtime(&plan, mask, frame.modulation, layout.symbols)
        + timing::rifs(&plan)
        + timing::ack_airtime(&plan, mask)
        + timing::cifs(&plan);
    Ok(as_seconds_f64(fixed) + slots * as_seconds_f64(timing::slot(&plan)))
}

/// The frame that the stack makes of a datagram.
fn first_frame(modulation: Modulation, octets: usize) -> Result<g3_phy::primitives::PdDataRequest, String> {
    let too_long = || format!("a datagram of {octets} octets does not fit one frame; take fewer than 100");
    let config =
        StackConfig { modulation, ..StackConfig::cenelec_a(PanId(1), ShortAddress(1), Gmk([0; 16])) };
    let source = Source { per_second: 0.0, to: Vec::new(), octets };
    let mut node = TrafficNode::new(config, source, 1).map_err(|error| error.to_string())?;
    let (stack, environment) = node.send_to(ShortAddress(0)).ok_or_else(too_long)?;
    let mut now = Instant::from_ticks(0);
    for _ in 0..1_000 {
        match stack.poll(now, environment) {
            Step::Do(StackAction::Phy(Request::Data(frame))) => return Ok(frame),
            Step::Do(_) => {}
            Step::Idle(until) => now = until.ok_or_else(too_long)?,
        }
    }
    Err(too_long())
}

impl Network {
    /// One network on each scenario's feeder: a coordinator at the busbar and a meter at each household, with the
    /// noise of the first scenario.
    ///
    /// # Errors
    /// Where there is no scenario, the noise is not valid, or a datagram does not fit.
    pub fn on_feeders(scenarios: &[Scenario], plan: &NetworkPlan) -> Result<Self, String> {
        let first = scenarios.first().ok_or("no feeder: give at least one")?;
        for scenario in scenarios {
            within(scenario.feeder.loads.len() + 1, MOST_ON_FEEDER)?;
        }
        let tapes = tapes(&first.noise, plan.seed)?;
        let names: Vec<String> = first.noise.iter().map(ToString::to_string).collect();
        let started = std::time::Instant::now();
        let exchange_s = exchange_s(plan.modulation, plan.octets)?;
        let frame = first_frame(plan.modulation, plan.octets)?;
        let networks: Vec<(Domain<TrafficNode>, usize)> = scenarios
            .par_iter()
            .enumerate()
            .map(|(number, scenario)| {
                let (mut hearing, phase_places) = on_line(scenario, &tapes, plan, &names);
                let nodes = phase_places.len();
                let pan_id = PanId(scenario.pan_id.0.wrapping_add(number as u16));
                prepare(&mut hearing, &frame);
                let margin = |from: usize, to: usize| {
                    hearing
                        .margin_db(from as u32, to as u32, Stage::payload(plan.modulation), frame.psdu.len())
                        .unwrap_or(f32::MIN)
                };
                let near = |meter: &usize| margin(0, *meter).min(margin(*meter, 0)) >= REACH_MARGIN_DB;
                let meters: Vec<usize> = (1..nodes).filter(near).collect();
                let sources = feeder_sources(nodes, &meters, plan, exchange_s);
                let domain = domain(number, pan_id, sources, hearing, plan, |node| phase_places[node])?;
                Ok((domain, meters.len()))
            })
            .collect::<Result<_, String>>()?;
        let in_reach = networks.iter().map(|network| network.1).sum();
        let domains = networks.into_iter().map(|network| network.0).collect();
        let setup_s = started.elapsed().as_secs_f64();
        Ok(Self { domains, tapes, now: Instant::from_ticks(0), in_reach, setup_s })
    }

    /// One network of `nodes` in a row, of which each hears the `hearing` nearest and sends to its neighbours. For
    /// measuring what a node costs that is not in hearing.
    ///
    /// # Errors
    /// Where the noise is not valid or a datagram does not fit.
    pub fn chain(nodes: usize, hearing: usize, noise: &[Preset], plan: &NetworkPlan) -> Result<Self, String> {
        within(nodes, MOST_IN_NETWORK)?;
        let tapes = tapes(noise, plan.seed)?;
        let names: Vec<String> = noise.iter().map(ToString::to_string).collect();
        let started = std::time::Instant::now();
        let exchange_s = exchange_s(plan.modulation, plan.octets)?;
        let mut links = self::hearing(&tapes, vec![0; nodes], plan, &names);
        let above = libm::powf(10.0, CHAIN_SNR_DB / 10.0);
        let signal: Vec<f32> = tapes[0].mean().iter().map(|power| power * above).collect();
        let reach = hearing / 2;
        for from in 0..nodes {
            let near = from.saturating_sub(reach)..(from + reach + 1).min(nodes);
            links.add_sender(near.filter(|&to| to != from).map(|to| (to as u32, signal.clone())));
        }
        prepare(&mut links, &first_frame(plan.modulation, plan.octets)?);
        // As much in each stretch of a hearing's length as a network would have.
        let per_second = plan.load / exchange_s / hearing.max(1) as f64;
        let sources = (0..nodes)
            .map(|node| {
                let to = if node + 1 < nodes { node + 1 } else { node.saturating_sub(1) };
                Source { per_second, to: vec![ShortAddress(to as u16)], octets: plan.octets }
            })
            .collect();
        let domain = domain(0, PanId(0x781D), sources, links, plan, |node| node as u64 % 3 * PHASE_PLACES)?;
        let setup_s = started.elapsed().as_secs_f64();
        Ok(Self { domains: vec![domain], tapes, now: Instant::from_ticks(0), in_reach: nodes, setup_s })
    }

    /// Runs for a span of virtual time, one network after the other, and tells `progress` the share that is done.
    pub fn run(&mut self, span: Duration, mut progress: impl FnMut(f64)) {
        let (start, end) = (self.now, self.now + span);
        while self.now < end {
            self.now = (self.now + CHUNK).min(end);
            for domain in &mut self.domains {
                domain.run_until(self.now);
            }
            progress((self.now - start).as_ticks() as f64 / span.as_ticks().max(1) as f64);
        }
    }

    /// Stops the sources and waits for what is under way.
    pub fn drain(&mut self) {
        for domain in &mut self.domains {
            domain.nodes_mut().iter_mut().for_each(TrafficNode::stop);
        }
        self.run(DRAIN, |_| {});
    }

    /// Nodes.
    pub fn nodes(&self) -> usize {
        self.domains.iter().map(|domain| domain.nodes().len()).sum()
    }

    /// The networks.
    pub fn domains(&self) -> &[Domain<TrafficNode>] {
        &self.domains
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        self.domains.iter().for_each(|domain| sum.add(domain.counts()));
        sum
    }

    /// What became of datagrams so far.
    pub fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        self.domains.iter().flat_map(Domain::nodes).for_each(|node| sum.add(node.tally()));
        sum
    }

    /// Octets of the simulator's own, beyond the modems'.
    pub fn size(&self) -> usize {
        let of_nodes = |node: &TrafficNode| node.heap() + size_of::<TrafficNode>() - size_of::<Stack>();
        self.domains
            .iter()
            .map(|domain| domain.size() + domain.nodes().iter().map(of_nodes).sum::<usize>())
            .sum::<usize>()
            + self.tapes.iter().map(NoiseTape::size).sum::<usize>()
    }

    /// Runs for `span` and measures, then drains: the report.
    ///
    /// # Errors
    /// Where the datagrams do not fit.
    pub fn measure(
        &mut self,
        span: Duration,
        plan: &NetworkPlan,
        resident_before: Option<usize>,
        progress: impl FnMut(f64),
    ) -> Result<NetworkReport, String> {
        let (wall, cpu) = (std::time::Instant::now(), cpu_s());
        self.run(span, progress);
        let wall_s = wall.elapsed().as_secs_f64();
        let cpu_s = cpu.zip(cpu_s()).map(|(before, now)| now - before);
        let counts = self.counts();
        self.drain();
        let tally = self.tally();
        let spent = Some(cpu_s.unwrap_or(wall_s)).filter(|spent| *spent >= LEAST_TOLD_S);
        let listeners: Vec<usize> = self.domains.iter().flat_map(Domain::listeners).collect();
        let nodes = self.nodes().max(1);
        let resident =
            resident_before.zip(resident()).map(|(before, now)| now.saturating_sub(before) / nodes);
        Ok(NetworkReport {
            nodes: self.nodes(),
            networks: self.domains.len(),
            in_reach: self.in_reach,
            setup_s: self.setup_s,
            hearing_mean: listeners.iter().sum::<usize>() as f64 / nodes as f64,
            hearing_most: listeners.into_iter().max().unwrap_or(0),
            carried_per_second: 1.0 / exchange_s(plan.modulation, plan.octets)?,
            virtual_s: as_seconds_f64(span),
            wall_s,
            cpu_s,
            times_real_time: spent.map(|spent| as_seconds_f64(span) / spent),
            events_per_second: spent.map(|spent| counts.events() as f64 / spent),
            events: counts.events(),
            tally,
            lost: tally.offered - tally.delivered.min(tally.offered),
            frames: FrameCounts {
                data_frames: counts.data_sent,
                acknowledgements: counts.acks_sent,
                frames_handled: counts.frames_handled,
                unheard: counts.unheard,
                headers_failed: counts.header_failed,
                payloads_failed: counts.payload_failed,
                disturbed: counts.disturbed,
                overlooked: counts.overlooked,
            },
            octets_per_node: self.size() / nodes,
            modem_octets: size_of::<Stack>(),
            resident_octets_per_node: resident,
        })
    }
}

/// Refuses more nodes than a network can have.
fn within(nodes: usize, most: usize) -> Result<(), String> {
    match nodes <= most {
        true => Ok(()),
        false => Err(format!("{nodes} nodes in one network: at most {most}; give more streets or feeders")),
    }
}

/// Noise at a port between a phase and neutral, and at one that couples to all three phases.
fn tapes(noise: &[Preset], seed: u64) -> Result<Arc<[NoiseTape]>, String> {
    let modem = Modem::cenelec_a();
    let noise = modem.noise(noise).map_err(|error| error.to_string())?;
    Ok([Port::L1, Port::ThreePhase].map(|port| NoiseTape::listen(&noise, port, seed, modem.grid())).into())
}

fn hearing(tapes: &Arc<[NoiseTape]>, tape_of: Vec<u8>, plan: &NetworkPlan, names: &[String]) -> Hearing {
    // What is sent to all is in Robust.
    let payloads = [Stage::Robust, Stage::payload(plan.modulation)];
    Hearing::new(&Arc::new(Modem::cenelec_a()), tapes.clone(), tape_of, &plan.table, names, &payloads)
}

/// The medium of one scenario's feeder under nodes of the caller's: the coordinator's and each meter's, in order.
/// Nodes run from time 0 on.
///
/// # Errors
/// Where the noise is not valid.
pub fn medium<N: FrameNode>(
    scenario: &Scenario,
    nodes: Vec<N>,
    plan: &NetworkPlan,
) -> Result<Domain<N>, String> {
    let tapes = tapes(&scenario.noise, plan.seed)?;
    let names: Vec<String> = scenario.noise.iter().map(ToString::to_string).collect();
    let (hearing, places) = on_line(scenario, &tapes, plan, &names);
    Ok(Domain::new(nodes, hearing, &places, plan.seed))
}

/// Who hears whom on a scenario's line, and each modem's mains phase in places of the tape.
fn on_line(
    scenario: &Scenario,
    tapes: &Arc<[NoiseTape]>,
    plan: &NetworkPlan,
    names: &[String],
) -> (Hearing, Vec<u64>) {
    let line = Line::new(scenario);
    let nodes = line.modems();
    let modem = Modem::cenelec_a();
    let grid = modem.grid();
    let frequencies: Vec<f64> = (0..grid.carriers).map(|carrier| grid.hz(carrier)).collect();
    let transfers = line.transfers(&frequencies, 0.0);
    let mut tape_of = vec![0; nodes];
    tape_of[0] = 1;
    let mut hearing = hearing(tapes, tape_of, plan, names);
    for from in 0..nodes {
        hearing.add_sender((0..nodes).filter(|&to| to != from).map(|to| {
            let gains: Vec<f64> = transfers.iter().map(|all| all[from * nodes + to].norm_sqr()).collect();
            (to as u32, signal_power(&gains, scenario.level_dbuv, grid))
        }));
    }
    // L2 and L3 lag.
    let place = |phase: Phase| (3 - phase.index() as u64) % 3 * PHASE_PLACES;
    let places = [0].into_iter().chain(line.households().iter().map(|household| place(household.phase)));
    (hearing, places.collect())
}

/// Traffic of a coordinator and its meters.
fn feeder_sources(nodes: usize, meters: &[usize], plan: &NetworkPlan, exchange_s: f64) -> Vec<Source> {
    let all = plan.load / exchange_s;
    let (up, down) = match plan.pattern {
        Pattern::Up => (all, 0.0),
        Pattern::Down => (0.0, all),
        Pattern::Both => (0.5 * all, 0.5 * all),
    };
    let (octets, share) = (plan.octets, up / meters.len().max(1) as f64);
    (0..nodes)
        .map(|node| match node {
            0 => {
                let to = meters.iter().map(|&meter| ShortAddress(meter as u16)).collect();
                Source { per_second: down, to, octets }
            }
            _ if meters.contains(&node) => Source { per_second: share, to: vec![ShortAddress(0)], octets },
            _ => Source { per_second: 0.0, to: Vec::new(), octets },
        })
        .collect()
}

/// Judges the layout of the run's datagrams on all links.
fn prepare(hearing: &mut Hearing, frame: &g3_phy::primitives::PdDataRequest) {
    let plan = BandPlan::CENELEC_A;
    let octets = frame.psdu.len();
    let layout = PayloadLayout::for_psdu(&plan, ToneMask::ALL, frame.tone_map, frame.modulation, octets);
    if let Some(layout) = layout {
        hearing.prepare(Stage::payload(frame.modulation), layout.symbols, octets);
    }
}

fn domain(
    number: usize,
    pan_id: PanId,
    sources: Vec<Source>,
    hearing: Hearing,
    plan: &NetworkPlan,
    phase_places: impl Fn(usize) -> u64,
) -> Result<Domain<TrafficNode>, String> {
    let seed = plan.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (number as u64) << 32;
    let places: Vec<u64> = (0..sources.len())
        .map(|node| {
            // Whole periods of their own: what is not synchronous with the mains is not the same everywhere.
            let periods = (seed ^ node as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 40;
            periods * PLACES as u64 + phase_places(node)
        })
        .collect();
    let nodes = sources
        .into_iter()
        .enumerate()
        .map(|(node, source)| {
            let config = StackConfig {
                modulation: plan.modulation,
                ..StackConfig::cenelec_a(pan_id, ShortAddress(node as u16), Gmk([0x5A; 16]))
            };
            TrafficNode::new(config, source, seed ^ (node as u64 + 1).wrapping_mul(0xBF58_476D_1CE4_E5B9))
                .map_err(|error| format!("node {node}: {error}"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Domain::new(nodes, hearing, &places, seed))
}

/// The system counts a thread's time when its turn ends, every few milliseconds: below this a ratio says nothing.
const LEAST_TOLD_S: f64 = 0.05;

/// Processor time of this thread so far, in seconds.
fn cpu_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse::<f64>().ok().map(|ns| ns * 1e-9)
}

/// Resident memory of the process, in octets.
pub fn resident() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split_whitespace().nth(1)?.parse::<usize>().ok().map(|pages| pages * 4_096)
}

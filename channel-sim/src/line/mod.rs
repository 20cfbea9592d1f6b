//! The feeder as transmission lines: from cables, loads and modems to one filter for each ordered pair of modems.
//!
//! See `docs/line.md` for the model and its choices.

pub mod access;
pub mod cable;
pub mod coupled;
pub mod filter;
pub mod load;
pub mod models;
pub mod network;
mod solved;

use crate::exact;
use crate::feeder::{Feeder, Load, Phase, PhaseSet};
use crate::random::{Purpose, normal, stream, uniform};
use crate::scenario::{Busbar, Loads, PhaseModel, Scenario};
use access::urban_median;
use cable::cable_of;
use load::{Appliance, Moment, drawn_household};
use network::{Branch, Tree};
use num_complex::Complex64;
use rayon::prelude::*;
use solved::{Ports, Solved};
use std::f64::consts::TAU;

/// Output impedance of a transmitting modem: the digest's concentrator has below 1 Ω, its example 2 Ω (3.3, 3.4).
pub const TRANSMIT_OHM: f64 = 1.0;
/// Input impedance of a modem that listens (3.3: above 1 kΩ; 3.5e: an open meter has 500 Ω to 1 kΩ).
pub const RECEIVE_OHM: f64 = 1_000.0;
/// Spread of the households' impedances: standard deviation of ln |Z| (3.6).
pub const LOAD_SIGMA: f64 = 0.8;
/// Their angle is uniform within plus and minus this (3.6).
pub const LOAD_ANGLE_DEG: f64 = 46.0;
/// High-frequency share of the transformer's leakage inductance at mains frequency (3.3: 0.3 to 0.7).
const TRANSFORMER_HF_SHARE: f64 = 0.5;
/// Resistance in series with it: loss of iron and windings, a tenth of its reactance at 60 kHz.
const TRANSFORMER_R_SHARE: f64 = 0.1;
/// Households that draw more or less than their mean have less or more impedance, within these factors: the digest's
/// medians (3.6) go from 5 Ω in the evening to 100 Ω at night.
const POWER_FACTORS: std::ops::RangeInclusive<f64> = 0.5..=10.0;
/// Turns of the mains by which L1, L2 and L3 are ahead of L1.
pub const PHASE_TURNS: [f64; 3] = [0.0, -1.0 / 3.0, 1.0 / 3.0];
/// Capacitance of the transformer's low-voltage winding (3.3: 1 to 10 nF).
const TRANSFORMER_FARAD: f64 = 3e-9;

/// The line of a scenario: its tree with the households' impedances.
#[derive(Clone, Debug)]
pub struct Line {
    tree: Tree,
    /// Node of each bus, where it has one.
    node_of_bus: Vec<Option<usize>>,
    /// Phases that reach a node.
    phases: Vec<PhaseSet>,
    households: Vec<Household>,
    transformer: TransformerShunt,
    busbar: Busbar,
    model: PhaseModel,
    day_s: f64,
}

/// A household on the line.
#[derive(Clone, Debug, PartialEq)]
pub struct Household {
    /// Node of the tree.
    pub node: usize,
    /// Phase.
    pub phase: Phase,
    /// What is switched on.
    pub load: HouseholdLoad,
    /// Tells its appliances apart from others'.
    identity: (u64, u64),
}

/// A place where a modem is, or could be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terminal {
    /// Node of the tree.
    pub node: usize,
    /// One phase, or all of them: driven alike, and heard as their sum over the root of their number.
    pub phases: PhaseSet,
    /// Whether a modem of the line listens there, whose impedance goes while it sends.
    pub listens: bool,
}

/// What a household presents to the line.
#[derive(Clone, Debug, PartialEq)]
pub enum HouseholdLoad {
    /// One impedance at all frequencies (3.6).
    Impedance(Complex64),
    /// Appliances side by side (3.5).
    Appliances(Vec<Appliance>),
}

impl Household {
    /// Admittance at a frequency; `turns` is the mains phase of L1.
    pub fn admittance(&self, frequency_hz: f64, turns: f64, day_s: f64) -> Complex64 {
        match &self.load {
            HouseholdLoad::Impedance(impedance) => impedance.inv(),
            HouseholdLoad::Appliances(appliances) => {
                let mains_turns = turns + PHASE_TURNS[self.phase.index()];
                let of = |(index, appliance): (usize, &Appliance)| {
                    appliance.admittance(frequency_hz, Moment { mains_turns, day_s }, self.identity_of(index))
                };
                appliances.iter().enumerate().map(of).sum()
            }
        }
    }

    /// When one of its appliances is next switched after a local time of the day; infinity where none ever is.
    pub fn next_switch_s(&self, day_s: f64) -> f64 {
        match &self.load {
            HouseholdLoad::Impedance(_) => f64::INFINITY,
            HouseholdLoad::Appliances(appliances) => {
                let of = |(index, appliance): (usize, &Appliance)| {
                    appliance.next_switch_s(day_s, self.identity_of(index))
                };
                appliances.iter().enumerate().map(of).fold(f64::INFINITY, f64::min)
            }
        }
    }

    fn identity_of(&self, appliance: usize) -> (u64, u64) {
        let (seed, number) = self.identity;
        (seed, number << 16 | appliance as u64)
    }
}

/// The transformer as the busbar sees it, per phase: (R + jωL) parallel to C.
#[derive(Clone, Copy, Debug, PartialEq)]
struct TransformerShunt {
    r_ohm: f64,
    l_henry: f64,
}

impl TransformerShunt {
    fn of(feeder: &Feeder) -> Self {
        let rating = feeder.transformer;
        let reactance = rating.reactance_percent / 100.0 * rating.secondary_v.powi(2) / (rating.kva * 1e3);
        let l_henry = TRANSFORMER_HF_SHARE * reactance / (TAU * rating.mains_hz);
        Self { r_ohm: TRANSFORMER_R_SHARE * TAU * 60e3 * l_henry, l_henry }
    }

    fn admittance(&self, frequency_hz: f64) -> Complex64 {
        let omega = TAU * frequency_hz;
        Complex64::new(self.r_ohm, omega * self.l_henry).inv()
            + Complex64::new(0.0, omega * TRANSFORMER_FARAD)
    }
}

/// Transfer functions between all modems at one frequency: modem 0 is the coordinator, modem `i` meter `i - 1`.
/// Entry `from * modems + to` is the voltage at the receiver's port over the transmitter's source voltage.
pub type Transfer = Vec<Complex64>;

impl Line {
    /// The line of a scenario. What its households have switched on is drawn from the scenario's seed.
    pub fn new(scenario: &Scenario) -> Self {
        let feeder = &scenario.feeder;
        let mut node_of_bus = vec![None; feeder.buses.len()];
        node_of_bus[feeder.busbar] = Some(0);
        let mut phases = vec![PhaseSet::ALL];
        let mut branches = Vec::with_capacity(feeder.sections.len());
        for section in &feeder.sections {
            let parent = node_of_bus[section.from].unwrap_or(0);
            node_of_bus[section.to] = Some(branches.len() + 1);
            let through = Phase::ALL
                .into_iter()
                .filter(|&phase| phases[parent].contains(phase) && section.phases.contains(phase));
            phases.push(through.fold(PhaseSet::NONE, PhaseSet::with));
            branches.push(Branch { parent, cable: section.line_code, length_m: section.length_m });
        }
        let cables = feeder.line_codes.iter().map(cable_of).collect();
        let household = |(index, load): (usize, &Load)| Household {
            node: node_of_bus[load.bus].unwrap_or(0),
            phase: load.phase,
            load: household_load(scenario, index, load),
            identity: (scenario.seed, index as u64),
        };
        Self {
            households: feeder.loads.iter().enumerate().map(household).collect(),
            tree: Tree::new(branches, cables),
            node_of_bus,
            phases,
            transformer: TransformerShunt::of(feeder),
            busbar: scenario.busbar,
            model: scenario.phase_model,
            day_s: (scenario.ticks_since_midnight() / plc_core::time::TICKS_PER_SECOND) as f64,
        }
    }

    /// Modems on the line: the coordinator and one for each household.
    pub fn modems(&self) -> usize {
        self.households.len() + 1
    }

    /// The households.
    pub fn households(&self) -> &[Household] {
        &self.households
    }

    /// Node of the solved tree that a bus is, where merging left it one.
    pub fn node_of_bus(&self, bus: usize) -> Option<usize> {
        self.node_of_bus.get(bus).copied().flatten()
    }

    /// The tree that all phases share.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Phases that reach each node.
    pub fn phases(&self) -> &[PhaseSet] {
        &self.phases
    }

    /// Whether transfer functions change within a period of the mains.
    pub fn follows_mains(&self) -> bool {
        self.households.iter().any(|household| match &household.load {
            HouseholdLoad::Impedance(_) => false,
            HouseholdLoad::Appliances(appliances) => appliances.iter().any(Appliance::follows_mains),
        })
    }

    /// When a household's appliance is next switched after the line's time, in seconds of the day; infinity where none
    /// ever is.
    pub fn next_switch_s(&self) -> f64 {
        let next = self.households.iter().map(|household| household.next_switch_s(self.day_s));
        next.fold(f64::INFINITY, f64::min)
    }

    /// Moves the line to another time of the day, in seconds: what goes on and off is as it is then.
    pub fn set_time(&mut self, day_s: f64) {
        self.day_s = day_s;
    }

    /// Shunt admittances of one phase without transformer and modems: the households alone.
    pub fn household_shunts(&self, phase: Phase, frequency_hz: f64) -> Vec<Complex64> {
        let mut shunts = vec![Complex64::ZERO; self.tree.nodes()];
        for household in self.households.iter().filter(|household| household.phase == phase) {
            shunts[household.node] += household.admittance(frequency_hz, 0.0, self.day_s);
        }
        shunts
    }

    /// Transfer functions between all modems at `frequency_hz`, at a rising zero crossing of L1.
    ///
    /// A transmitter is a source of voltage behind [`TRANSMIT_OHM`]; every other modem loads its phase with
    /// [`RECEIVE_OHM`]. The coordinator drives all three phases alike, and hears the sum of their voltages over
    /// √3, so that noise of one density on each of the three gives that density at its port.
    pub fn transfer(&self, frequency_hz: f64) -> Transfer {
        self.transfer_at(frequency_hz, 0.0)
    }

    /// [`Line::transfer`] at a phase of L1's mains, in turns.
    pub fn transfer_at(&self, frequency_hz: f64, turns: f64) -> Transfer {
        let terminals: Vec<Terminal> = (0..self.modems()).map(|modem| self.terminal(modem)).collect();
        let mut transfer = self.between(&terminals, &terminals, frequency_hz, turns);
        for own in transfer.iter_mut().step_by(terminals.len() + 1) {
            *own = Complex64::ZERO;
        }
        transfer
    }

    /// Transfer functions from each of `from` to each of `to`: entry `from * to.len() + to`.
    pub fn between(&self, from: &[Terminal], to: &[Terminal], frequency_hz: f64, turns: f64) -> Transfer {
        let ports = Ports::new(self, frequency_hz);
        let solved = self.solved(&ports, frequency_hz, turns);
        let transmit = Complex64::new(1.0 / TRANSMIT_OHM, 0.0);
        let receive = Complex64::new(1.0 / RECEIVE_OHM, 0.0);
        let mut transfer = Vec::with_capacity(from.len() * to.len());
        for from in from {
            // A transmitter's own receive impedance is off.
            let own = if from.listens { receive } else { Complex64::ZERO };
            let heard = solved.fed(from.node, from.phases, transmit, transmit - own);
            transfer.extend(to.iter().map(|to| heard.at(to.node, to.phases)));
        }
        transfer
    }

    /// Transfer functions of the noise that households inject, at a phase of L1's mains in turns. Entry
    /// `household * modems + to` is the voltage at the port of modem `to` over the voltage that the household's
    /// noise has on the artificial mains network, where emissions are measured: behind its impedance Z it is
    /// (Z + Z_AMN) / Z_AMN times that.
    pub fn noise_transfer_at(&self, frequency_hz: f64, turns: f64) -> Transfer {
        let modems: Vec<Terminal> = (0..self.modems()).map(|modem| self.terminal(modem)).collect();
        self.noise_at(&modems, frequency_hz, turns)
    }

    /// [`Line::noise_transfer_at`] to any places: entry `household * to.len() + to`.
    pub fn noise_at(&self, to: &[Terminal], frequency_hz: f64, turns: f64) -> Transfer {
        let ports = Ports::new(self, frequency_hz);
        let solved = self.solved(&ports, frequency_hz, turns);
        let network = artificial_network(frequency_hz);
        let mut transfer = Vec::with_capacity(self.households.len() * to.len());
        for household in &self.households {
            let own = household.admittance(frequency_hz, turns, self.day_s);
            // The source's current into a short circuit, (Z + Z_AMN) / (Z Z_AMN).
            let current = own + network.inv();
            let heard =
                solved.fed(household.node, PhaseSet::NONE.with(household.phase), current, Complex64::ZERO);
            transfer.extend(to.iter().map(|to| heard.at(to.node, to.phases)));
        }
        transfer
    }

    /// [`Line::transfer`] at many frequencies, on all cores.
    pub fn transfers(&self, frequencies_hz: &[f64], turns: f64) -> Vec<Transfer> {
        frequencies_hz.par_iter().map(|&frequency| self.transfer_at(frequency, turns)).collect()
    }

    /// [`Line::noise_transfer_at`] at many frequencies, on all cores.
    pub fn noise_transfers(&self, frequencies_hz: &[f64], turns: f64) -> Vec<Transfer> {
        frequencies_hz.par_iter().map(|&frequency| self.noise_transfer_at(frequency, turns)).collect()
    }

    /// What a transmitter sees of the line: the impedance at its terminals, several phases side by side.
    pub fn access_impedance(&self, at: Terminal, frequency_hz: f64) -> Complex64 {
        let ports = Ports::new(self, frequency_hz);
        let solved = self.solved(&ports, frequency_hz, 0.0);
        let own = if at.listens { -1.0 / RECEIVE_OHM } else { 0.0 };
        let heard = solved.fed(at.node, at.phases, Complex64::ONE, Complex64::new(own, 0.0));
        // One ampere into each phase.
        let count = at.phases.len().max(1) as f64;
        let inside = Phase::ALL.into_iter().filter(|phase| at.phases.contains(*phase));
        inside.map(|phase| heard.nodes[at.node][phase.index()]).sum::<Complex64>() / (count * count)
    }

    /// One phase alone and without transformer and modems, as digest 3.6 has it: the input impedance at the busbar,
    /// and each of the phase's meters' voltage over the busbar's.
    pub fn phase_alone(&self, phase: Phase, frequency_hz: f64) -> (Complex64, Vec<Complex64>) {
        let ports = self.tree.two_ports(frequency_hz);
        let solution = self.tree.solve(&ports, &self.household_shunts(phase, frequency_hz));
        let voltages = solution.voltages(0);
        let meters = self.households.iter().filter(|household| household.phase == phase);
        (solution.admittance(0).inv(), meters.map(|household| voltages[household.node]).collect())
    }

    /// Where a modem is connected.
    pub fn terminal(&self, modem: usize) -> Terminal {
        match modem.checked_sub(1).and_then(|meter| self.households.get(meter)) {
            Some(household) => {
                let phases = PhaseSet::NONE.with(household.phase);
                Terminal { node: household.node, phases, listens: true }
            }
            None => Terminal { node: 0, phases: PhaseSet::ALL, listens: true },
        }
    }

    /// What is connected at the busbar beside the feeder, phase by phase.
    ///
    /// A measured access impedance is that of everything at its place, the feeder included. Where the median stands
    /// at the busbar, transformer and other feeders are therefore what this feeder leaves of the median's admittance,
    /// and at least not a source of power. The feeder is the uncoupled one at the mains' zero crossing.
    fn station(&self, frequency_hz: f64) -> [Complex64; 3] {
        match self.busbar {
            Busbar::Transformer => [self.transformer.admittance(frequency_hz); 3],
            Busbar::UrbanMedian => {
                let ports = self.tree.two_ports(frequency_hz);
                Phase::ALL.map(|phase| {
                    let shunts = self.household_shunts(phase, frequency_hz);
                    let feeder = self.tree.solve(&ports, &shunts).admittance(0);
                    let left = urban_median(frequency_hz).inv() - feeder;
                    Complex64::new(left.re.max(0.0), left.im)
                })
            }
        }
    }

    /// Impedance between a phase of the busbar and neutral: the station and the feeder, as a measurement there
    /// finds it, without modems (digest 3.4).
    pub fn busbar_impedance(&self, phase: Phase, frequency_hz: f64) -> Complex64 {
        let (feeder, _) = self.phase_alone(phase, frequency_hz);
        (self.station(frequency_hz)[phase.index()] + feeder.inv()).inv()
    }

    fn solved<'s>(&'s self, ports: &'s Ports, frequency_hz: f64, turns: f64) -> Solved<'s> {
        let receive = Complex64::new(1.0 / RECEIVE_OHM, 0.0);
        let mut shunts = vec![[Complex64::ZERO; 3]; self.tree.nodes()];
        shunts[0] = self.station(frequency_hz).map(|station| station + receive);
        for household in &self.households {
            let own = household.admittance(frequency_hz, turns, self.day_s);
            shunts[household.node][household.phase.index()] += own + receive;
        }
        Solved::new(self, ports, &shunts)
    }
}

/// What a household of a scenario presents to the line.
fn household_load(scenario: &Scenario, index: usize, load: &Load) -> HouseholdLoad {
    if !load.appliances.is_empty() {
        return HouseholdLoad::Appliances(load.appliances.clone());
    }
    if scenario.loads == Loads::Appliances {
        return HouseholdLoad::Appliances(drawn_household(scenario.seed, index as u64));
    }
    let rng = &mut stream(scenario.seed, Purpose::Impedance, index as u64);
    let magnitude = scenario.load_median_ohm * libm::exp(LOAD_SIGMA * normal(rng));
    let angle = (2.0 * uniform(rng) - 1.0) * LOAD_ANGLE_DEG.to_radians();
    let factor = match scenario.loads {
        Loads::FollowPower => power_factor(scenario, load),
        Loads::Drawn | Loads::Appliances => 1.0,
    };
    HouseholdLoad::Impedance(exact::polar(magnitude * factor, angle))
}

/// Mean power of a load's day over that around the scenario's start (a quarter of an hour).
fn power_factor(scenario: &Scenario, load: &Load) -> f64 {
    const MINUTE: u64 = 60;
    const DAY: u64 = 86_400;
    let start = scenario.ticks_since_midnight() / plc_core::time::TICKS_PER_SECOND;
    let mean = |from: u64, minutes: u64| -> f64 {
        let power = |minute| scenario.feeder.load_power_mw(load, (from + minute * MINUTE) % DAY) as f64;
        (0..minutes).map(power).sum::<f64>() / minutes as f64
    };
    let (day, now) = (mean(0, DAY / MINUTE), mean(start, 15));
    match day > 0.0 && now > 0.0 {
        true => (day / now).clamp(*POWER_FACTORS.start(), *POWER_FACTORS.end()),
        false => *POWER_FACTORS.end(),
    }
}

/// The artificial mains network of digest 3.9: 50 Ω ‖ (50 µH + 5 Ω).
fn artificial_network(frequency_hz: f64) -> Complex64 {
    (Complex64::new(5.0, TAU * frequency_hz * 50e-6).inv() + 1.0 / 50.0).inv()
}

/// Source voltage (rms) of a transmitter whose level on the artificial mains network is `level_dbuv` at the middle of
/// CENELEC-A.
pub fn source_volts(level_dbuv: f64) -> f64 {
    let network = artificial_network(63e3);
    libm::pow(10.0, (level_dbuv - 120.0) / 20.0) * exact::norm((network + TRANSMIT_OHM) / network)
}

//! The feeder as transmission lines: from cables, loads and modems to one filter for each ordered pair of modems.
//!
//! See `docs/line.md` for the model and its choices.

pub mod cable;
pub mod filter;
pub mod network;

use crate::feeder::{Feeder, Phase, PhaseSet};
use crate::random::{Purpose, normal, stream, uniform};
use crate::scenario::Scenario;
use cable::cable_of;
use network::{Branch, Tree};
use num_complex::Complex64;
use rayon::prelude::*;
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
/// Capacitance of the transformer's low-voltage winding (3.3: 1 to 10 nF).
const TRANSFORMER_FARAD: f64 = 3e-9;

/// The line of a scenario: three trees with the households' impedances.
#[derive(Clone, Debug)]
pub struct Line {
    tree: Tree,
    /// Node of each bus, where it has one.
    node_of_bus: Vec<Option<usize>>,
    /// Phases that reach a node.
    phases: Vec<PhaseSet>,
    households: Vec<Household>,
    transformer: TransformerShunt,
    cross_phase: f64,
}

/// A household on the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Household {
    /// Node of the tree.
    pub node: usize,
    /// Phase.
    pub phase: Phase,
    /// Impedance of what is switched on, the same at all frequencies (3.6).
    pub impedance: Complex64,
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
    /// The line of a scenario. Its households' impedances are drawn from the scenario's seed.
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
        let household = |(index, load): (usize, &crate::feeder::Load)| {
            let rng = &mut stream(scenario.seed, Purpose::Impedance, index as u64);
            let magnitude = scenario.load_median_ohm * (LOAD_SIGMA * normal(rng)).exp();
            let angle = (2.0 * uniform(rng) - 1.0) * LOAD_ANGLE_DEG.to_radians();
            Household {
                node: node_of_bus[load.bus].unwrap_or(0),
                phase: load.phase,
                impedance: Complex64::from_polar(magnitude, angle),
            }
        };
        Self {
            households: feeder.loads.iter().enumerate().map(household).collect(),
            tree: Tree::new(branches, cables),
            node_of_bus,
            phases,
            transformer: TransformerShunt::of(feeder),
            cross_phase: 10f64.powf(-scenario.cross_phase_db / 20.0),
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

    /// Shunt admittances of one phase without transformer and modems: the households alone.
    pub fn household_shunts(&self, phase: Phase) -> Vec<Complex64> {
        let mut shunts = vec![Complex64::ZERO; self.tree.nodes()];
        for household in self.households.iter().filter(|household| household.phase == phase) {
            shunts[household.node] += household.impedance.inv();
        }
        shunts
    }

    /// Transfer functions between all modems at `frequency_hz`.
    ///
    /// A transmitter is a source of voltage behind [`TRANSMIT_OHM`]; every other modem loads its phase with
    /// [`RECEIVE_OHM`]. The coordinator drives all three phases alike, and hears the sum of their voltages over
    /// √3, so that noise of one density on each of the three gives that density at its port.
    pub fn transfer(&self, frequency_hz: f64) -> Transfer {
        let modems = self.modems();
        let ports = self.tree.two_ports(frequency_hz);
        let receive = Complex64::new(1.0 / RECEIVE_OHM, 0.0);
        let transmit = Complex64::new(1.0 / TRANSMIT_OHM, 0.0);
        let mut transfer = vec![Complex64::ZERO; modems * modems];
        for phase in Phase::ALL {
            let mut shunts = self.household_shunts(phase);
            shunts[0] += self.transformer.admittance(frequency_hz) + receive;
            for household in self.households.iter().filter(|household| household.phase == phase) {
                shunts[household.node] += receive;
            }
            let solution = self.tree.solve(&ports, &shunts);
            // Voltages with 1 V behind the output impedance at `node`, whose own receive impedance is off.
            let driven = |node: usize| {
                let rest = solution.admittance(node) - receive;
                let at_terminals = transmit / (transmit + rest);
                solution.voltages(node).into_iter().map(move |voltage| voltage * at_terminals)
            };
            let from_busbar: Vec<Complex64> = driven(0).collect();
            for (index, household) in self.households.iter().enumerate() {
                if household.phase != phase {
                    continue;
                }
                let modem = index + 1;
                transfer[modem] = from_busbar[household.node];
                let voltages: Vec<Complex64> = driven(household.node).collect();
                transfer[modem * modems] = voltages[0] / 3f64.sqrt();
                for (other, listener) in self.households.iter().enumerate() {
                    if other == index || !self.phases[listener.node].contains(phase) {
                        continue;
                    }
                    let same = listener.phase == phase;
                    let coupling = if same { 1.0 } else { self.cross_phase };
                    transfer[modem * modems + other + 1] = voltages[listener.node] * coupling;
                }
            }
        }
        transfer
    }

    /// [`Line::transfer`] at many frequencies, on all cores.
    pub fn transfers(&self, frequencies_hz: &[f64]) -> Vec<Transfer> {
        frequencies_hz.par_iter().map(|&frequency| self.transfer(frequency)).collect()
    }
}

/// Source voltage (rms) of a transmitter whose level on the artificial mains network of digest 3.9, 50 Ω ‖ (50 µH
/// + 5 Ω), is `level_dbuv` at the middle of CENELEC-A.
pub fn source_volts(level_dbuv: f64) -> f64 {
    let inductor = Complex64::new(5.0, TAU * 63e3 * 50e-6);
    let network = (inductor.inv() + 1.0 / 50.0).inv();
    10f64.powf((level_dbuv - 120.0) / 20.0) * ((network + TRANSMIT_OHM) / network).norm()
}

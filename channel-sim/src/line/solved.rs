//! A line solved at one frequency, by either model of its phases.

use super::Line;
use super::cable::Matrix3;
use super::coupled::{CoupledPorts, CoupledSolution};
use super::network::{Solution, TwoPorts};
use crate::feeder::{Phase, PhaseSet};
use crate::scenario::PhaseModel;
use num_complex::Complex64;

/// Two-ports of a line's sections at one frequency.
pub(super) enum Ports {
    Scalar(TwoPorts),
    Coupled(CoupledPorts),
}

impl Ports {
    pub(super) fn new(line: &Line, frequency_hz: f64) -> Self {
        match line.model {
            PhaseModel::Scalar { .. } => Self::Scalar(line.tree.two_ports(frequency_hz)),
            PhaseModel::Coupled => Self::Coupled(CoupledPorts::new(&line.tree, &line.phases, frequency_hz)),
        }
    }
}

/// Admittances everywhere.
pub(super) enum Solved<'s> {
    Scalar { line: &'s Line, phases: Vec<Solution<'s>>, cross: f64 },
    Coupled(CoupledSolution<'s>),
}

/// What a source causes.
pub(super) struct Heard {
    /// Voltages of every node's phases.
    pub(super) nodes: Vec<[Complex64; 3]>,
    /// Phases that a port on all three sums up: those that are driven, where the others hear by a rule alone.
    summed: PhaseSet,
}

impl Heard {
    /// Voltage at the port of a modem on the phases given of a node: their sum over the root of their number.
    pub(super) fn at(&self, node: usize, phases: PhaseSet) -> Complex64 {
        let voltages = self.nodes.get(node).copied().unwrap_or_default();
        match phases.len() {
            1 => phases.first().map_or(Complex64::ZERO, |phase| voltages[phase.index()]),
            several => {
                let summed = |phase: &Phase| phases.contains(*phase) && self.summed.contains(*phase);
                let sum: Complex64 =
                    Phase::ALL.into_iter().filter(summed).map(|phase| voltages[phase.index()]).sum();
                sum / (several.max(1) as f64).sqrt()
            }
        }
    }
}

impl<'s> Solved<'s> {
    /// With `shunts` from every node's phases to neutral.
    pub(super) fn new(line: &'s Line, ports: &'s Ports, shunts: &[[Complex64; 3]]) -> Self {
        match ports {
            Ports::Scalar(ports) => {
                let of = |phase: Phase| {
                    let own: Vec<Complex64> = shunts.iter().map(|shunts| shunts[phase.index()]).collect();
                    line.tree.solve(ports, &own)
                };
                let cross = match line.model {
                    PhaseModel::Scalar { cross_phase_db } => libm::pow(10.0, -cross_phase_db / 20.0),
                    PhaseModel::Coupled => 1.0,
                };
                Self::Scalar { line, phases: Phase::ALL.map(of).into(), cross }
            }
            Ports::Coupled(ports) => {
                let matrices: Vec<Matrix3> = shunts.iter().map(|shunts| Matrix3::diagonal(*shunts)).collect();
                Self::Coupled(CoupledSolution::new(&line.tree, &line.phases, ports, &matrices))
            }
        }
    }

    /// What a source causes that feeds `current` into each of a node's `phases`, and adds the admittance `more` to
    /// each of them.
    pub(super) fn fed(&self, node: usize, phases: PhaseSet, current: Complex64, more: Complex64) -> Heard {
        match self {
            Self::Scalar { line, phases: solutions, cross } => {
                let nodes = vec![[Complex64::ZERO; 3]; line.tree.nodes()];
                let mut heard = Heard { nodes, summed: phases };
                let direct = |phase: Phase| phases.contains(phase);
                for phase in Phase::ALL.into_iter().filter(|&phase| direct(phase)) {
                    let solution = &solutions[phase.index()];
                    let at_source = current / (solution.admittance(node) + more);
                    for (index, voltage) in solution.voltages(node).into_iter().enumerate() {
                        if !line.phases[index].contains(phase) {
                            continue;
                        }
                        // A phase that is not driven hears a driven one as if it were on it, less the coupling.
                        for to in Phase::ALL.into_iter().filter(|&to| to == phase || !direct(to)) {
                            let coupling = if to == phase { 1.0 } else { *cross };
                            heard.nodes[index][to.index()] += at_source * voltage * coupling;
                        }
                    }
                }
                heard
            }
            Self::Coupled(solution) => {
                let each = |value: Complex64| {
                    Phase::ALL.map(|phase| if phases.contains(phase) { value } else { Complex64::ZERO })
                };
                let at_source = solution.fed(node, Matrix3::diagonal(each(more)), each(current));
                Heard { nodes: solution.voltages(node, at_source), summed: PhaseSet::ALL }
            }
        }
    }
}

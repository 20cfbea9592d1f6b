//! Three coupled phases of a radial network at one frequency: voltages anywhere for a source anywhere (channel
//! digest 3.8).
//!
//! As in [`network`](super::network), with matrices over the phases in place of numbers: a section is a two-port with
//! A = cosh Γl, B, C and D = Aᵀ, found by Taylor's series of a short piece and doubling, which needs no modes. Every
//! pass is linear in the number of sections. Phases that a section lacks are open at both its ends.

use super::cable::{Cable, Matrix3};
use super::network::Tree;
use crate::feeder::{Phase, PhaseSet};
use num_complex::Complex64;

/// Voltages of the three phases.
pub type Voltages = [Complex64; 3];

/// Largest |ZY| l² of the piece whose series is summed: the first term left out is below 1e-11.
const SERIES_LIMIT: f64 = 0.02;

/// Two-ports of all branches at one frequency.
#[derive(Clone, Debug)]
pub struct CoupledPorts {
    /// A, B and C of each branch.
    abc: Vec<[Matrix3; 3]>,
}

/// Admittances of a tree with its shunts at one frequency.
#[derive(Clone, Debug)]
pub struct CoupledSolution<'t> {
    tree: &'t Tree,
    phases: &'t [PhaseSet],
    /// For every node, everything connected there.
    total: Vec<Matrix3>,
    /// For every node but the root, its voltages over its parent's when the source is not in its subtree.
    downward: Vec<Matrix3>,
    /// For every node but the root, its parent's voltages over its own when the source is in its subtree.
    upward: Vec<Matrix3>,
}

impl CoupledPorts {
    /// The two-ports of a tree's branches, whose phases are `phases[node]`, at `frequency_hz`.
    pub fn new(tree: &Tree, phases: &[PhaseSet], frequency_hz: f64) -> Self {
        let of_cable: Vec<(Matrix3, Matrix3)> = tree
            .cables()
            .iter()
            .map(|cable: &Cable| cable.matrices(frequency_hz))
            .map(|matrices| (matrices.series, matrices.shunt))
            .collect();
        let abc = |(index, branch): (usize, &super::network::Branch)| {
            let (series, shunt) = of_cable[branch.cable];
            let set = phases.get(index + 1).copied().unwrap_or(PhaseSet::ALL);
            // Cores that are not connected carry no current and no charge.
            let (series, shunt) = match set == PhaseSet::ALL {
                true => (series, shunt),
                false => (masked(series, set), inverse_within(masked(shunt.inverse(), set), set)),
            };
            two_port(series, shunt, branch.length_m)
        };
        Self { abc: tree.branches().iter().enumerate().map(abc).collect() }
    }
}

/// A, B and C of a uniform piece.
fn two_port(series: Matrix3, shunt: Matrix3, length_m: f64) -> [Matrix3; 3] {
    let real = |value: f64| Complex64::new(value, 0.0);
    let size = series.norm() * shunt.norm() * length_m * length_m;
    // Each halving of the length is a quarter of the product.
    let halvings = (0..40).find(|&n| size * 0.25f64.powi(n) <= SERIES_LIMIT).unwrap_or(40);
    let piece_m = length_m * 0.5f64.powi(halvings);
    let p = (series * shunt).scaled(real(piece_m * piece_m));
    let (p2, p3) = (p * p, p * p * p);
    let sum = |a: f64, b: f64, c: f64| {
        Matrix3::ONE + p.scaled(real(1.0 / a)) + p2.scaled(real(1.0 / b)) + p3.scaled(real(1.0 / c))
    };
    let mut a = sum(2.0, 24.0, 720.0);
    let s = sum(6.0, 120.0, 5_040.0);
    let mut b = s * series.scaled(real(piece_m));
    let mut c = shunt.scaled(real(piece_m)) * s;
    for _ in 0..halvings {
        (a, b, c) =
            ((a * a).scaled(real(2.0)) - Matrix3::ONE, (a * b).scaled(real(2.0)), (c * a).scaled(real(2.0)));
    }
    [a, b, c]
}

/// A matrix with the rows and columns of a set's phases only.
fn masked(matrix: Matrix3, set: PhaseSet) -> Matrix3 {
    let inside = Phase::ALL.map(|phase| set.contains(phase));
    Matrix3(std::array::from_fn(|row| {
        std::array::from_fn(|column| match inside[row] && inside[column] {
            true => matrix.0[row][column],
            false => Complex64::ZERO,
        })
    }))
}

/// One for each phase that a set lacks.
fn ones_outside(set: PhaseSet) -> Matrix3 {
    Matrix3::diagonal(
        Phase::ALL.map(|phase| if set.contains(phase) { Complex64::ZERO } else { Complex64::ONE }),
    )
}

/// Inverse over a set's phases of a matrix that is zero elsewhere.
fn inverse_within(matrix: Matrix3, set: PhaseSet) -> Matrix3 {
    masked((matrix + ones_outside(set)).inverse(), set)
}

/// What an admittance presents to `set` when the other phases are left open, and all phases' voltages over those of
/// the set.
fn reduced(admittance: Matrix3, set: PhaseSet) -> (Matrix3, Matrix3) {
    let within = masked(Matrix3::ONE, set);
    if set == PhaseSet::ALL {
        return (admittance, within);
    }
    // Open phases to which nothing is connected keep zero voltage.
    let connected = Phase::ALL
        .into_iter()
        .filter(|phase| {
            !set.contains(*phase) && admittance.0[phase.index()][phase.index()] != Complex64::ZERO
        })
        .fold(PhaseSet::NONE, PhaseSet::with);
    let open = inverse_within(masked(admittance, connected), connected);
    // V_open = -Y_oo⁻¹ Y_os V_set
    let induced = (open * admittance * within).scaled(-Complex64::ONE);
    let voltages = within + induced;
    (masked(admittance * voltages, set), voltages)
}

impl<'t> CoupledSolution<'t> {
    /// Solves the tree with `shunts`, the admittances from every node's phases to neutral.
    pub fn new(tree: &'t Tree, phases: &'t [PhaseSet], ports: &CoupledPorts, shunts: &[Matrix3]) -> Self {
        let nodes = tree.nodes();
        let set = |node: usize| phases.get(node).copied().unwrap_or(PhaseSet::ALL);
        let parent = |node: usize| tree.branches()[node - 1].parent;
        let mut down = shunts.to_vec();
        down.resize(nodes, Matrix3::ZERO);
        let mut seen_down = vec![Matrix3::ZERO; nodes];
        let mut downward = vec![Matrix3::ONE; nodes];
        for node in (1..nodes).rev() {
            let [a, b, c] = ports.abc[node - 1];
            let load = masked(down[node], set(node));
            let through = (a + b * load).inverse();
            let within = masked(Matrix3::ONE, set(node));
            downward[node] = within * through * within;
            seen_down[node] = masked((c + a.transposed() * load) * through, set(node));
            down[parent(node)] += seen_down[node];
        }
        let mut total = down;
        let mut upward = vec![Matrix3::ONE; nodes];
        for node in 1..nodes {
            let [a, b, c] = ports.abc[node - 1];
            let (beside, voltages) = reduced(total[parent(node)] - seen_down[node], set(node));
            let through = (a + b * beside).inverse();
            upward[node] = voltages * through * masked(Matrix3::ONE, set(node));
            total[node] += masked((c + a.transposed() * beside) * through, set(node));
        }
        Self { tree, phases, total, downward, upward }
    }

    /// Everything connected at `node`: its shunts and all branches.
    pub fn admittance(&self, node: usize) -> Matrix3 {
        self.total[node]
    }

    /// Voltages at `node` for currents fed into its phases, with `more` connected to it.
    pub fn fed(&self, node: usize, more: Matrix3, currents: Voltages) -> Voltages {
        let set = self.phases.get(node).copied().unwrap_or(PhaseSet::ALL);
        inverse_within(masked(self.total[node] + more, set), set).apply(currents)
    }

    /// Voltages of all nodes when those of `source` are given and nothing else feeds the network.
    pub fn voltages(&self, source: usize, at_source: Voltages) -> Vec<Voltages> {
        let nodes = self.tree.nodes();
        let mut voltages = vec![None; nodes];
        voltages[source] = Some(at_source);
        let (mut node, mut here) = (source, at_source);
        while node != 0 {
            here = self.upward[node].apply(here);
            node = self.tree.branches()[node - 1].parent;
            voltages[node] = Some(here);
        }
        let mut all = vec![[Complex64::ZERO; 3]; nodes];
        for node in 0..nodes {
            all[node] = match voltages[node] {
                Some(voltages) => voltages,
                None => self.downward[node].apply(all[self.tree.branches()[node - 1].parent]),
            };
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::super::cable::named;
    use super::super::network::Branch;
    use super::*;

    const F: f64 = 150e3;

    fn branch(parent: usize, cable: usize, length_m: f64) -> Branch {
        Branch { parent, cable, length_m }
    }

    fn cables() -> Vec<Cable> {
        ["NAYY 4x150", "NFA2X 4x70", "48-AL1/8-ST1A"].map(|name| named(name).unwrap()).to_vec()
    }

    /// A tree of seven nodes with unequal loads on all phases, one branch of a single phase.
    fn sample() -> (Tree, Vec<PhaseSet>, Vec<Matrix3>) {
        let branches = vec![
            branch(0, 0, 60.0),
            branch(1, 1, 425.0),
            branch(1, 0, 80.0),
            branch(3, 2, 1_300.0),
            branch(3, 0, 45.0),
            branch(0, 1, 40.0),
        ];
        let mut phases = vec![PhaseSet::ALL; 7];
        phases[5] = PhaseSet::NONE.with(Phase::L2);
        phases[6] = PhaseSet::NONE.with(Phase::L1).with(Phase::L3);
        let shunts = (0..7)
            .map(|node| {
                let entry = |phase: Phase| match phases[node].contains(phase) {
                    true => {
                        let i = (3 * node + phase.index()) as f64;
                        Complex64::from_polar(0.01 + 0.013 * (i * 1.7).sin().abs(), 0.4 * (i * 2.3).cos())
                    }
                    false => Complex64::ZERO,
                };
                Matrix3::diagonal(Phase::ALL.map(entry))
            })
            .collect();
        (Tree::new(branches, cables()), phases, shunts)
    }

    #[test]
    fn doubling_is_the_closed_form_of_a_homogeneous_cable() {
        // A sector cable's Γ is a number: A = cosh γl, B = sinh γl Z0 K⁻¹.
        let cable = named("NAYY 4x150").unwrap();
        let (matrices, scalar) = (cable.matrices(F), cable.constants(F));
        for length_m in [0.034, 35.0, 900.0, 20_000.0] {
            let [a, b, c] = two_port(matrices.series, matrices.shunt, length_m);
            let (cosh, sinh) = ((scalar.gamma() * length_m).cosh(), (scalar.gamma() * length_m).sinh());
            let series = matrices.series.scaled(sinh / scalar.gamma());
            let shunt = matrices.shunt.scaled(sinh / scalar.gamma());
            assert!((a - Matrix3::ONE.scaled(cosh)).norm() < 1e-8 * cosh.norm(), "{length_m}");
            assert!((b - series).norm() < 1e-8 * series.norm(), "{length_m}");
            assert!((c - shunt).norm() < 1e-8 * shunt.norm(), "{length_m}");
        }
    }

    #[test]
    fn phases_without_coupling_are_three_networks_of_one_phase() {
        let coaxial = Cable::Coaxial {
            area_mm2: 50.0,
            conductor: super::super::cable::Conductor::Copper,
            insulation_mm: 2.0,
        };
        let branches = vec![branch(0, 0, 60.0), branch(1, 0, 25.0), branch(1, 0, 480.0), branch(0, 0, 30.0)];
        let tree = Tree::new(branches, vec![coaxial]);
        let load =
            |node: usize, phase: usize| Complex64::from_polar(0.02 * (1 + node) as f64, 0.2 * phase as f64);
        let shunts: Vec<Matrix3> =
            (0..5).map(|node| Matrix3::diagonal([load(node, 0), load(node, 1), load(node, 2)])).collect();
        let phases = vec![PhaseSet::ALL; 5];
        let coupled_ports = CoupledPorts::new(&tree, &phases, F);
        let coupled = CoupledSolution::new(&tree, &phases, &coupled_ports, &shunts);
        let ports = tree.two_ports(F);
        for phase in 0..3 {
            let own: Vec<Complex64> = (0..5).map(|node| load(node, phase)).collect();
            let single = tree.solve(&ports, &own);
            for source in 0..5 {
                let total = coupled.admittance(source).0[phase][phase];
                assert!((total - single.admittance(source)).norm() < 1e-9 * total.norm());
                let mut at_source = [Complex64::ZERO; 3];
                at_source[phase] = Complex64::ONE;
                let expected = single.voltages(source);
                for (found, expected) in coupled.voltages(source, at_source).iter().zip(expected) {
                    assert!((found[phase] - expected).norm() < 1e-9, "{source} {phase}");
                    assert!(found[(phase + 1) % 3].norm() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn a_balanced_mode_of_a_symmetric_cable_is_a_network_of_one_phase() {
        // Driving L1 and L3 of a ring against one another: with equal loads L2 and the neutral stay quiet, and the
        // pair is a line whose constants are those of the ring's mode (1, 0, -1).
        let (tree, _, _) = sample();
        let tree = Tree::new(tree.branches().iter().map(|b| Branch { cable: 0, ..*b }).collect(), cables());
        let phases = vec![PhaseSet::ALL; 7];
        let load = |node: usize| Complex64::from_polar(0.01 * (1 + node) as f64, 0.3);
        let shunts: Vec<Matrix3> = (0..7).map(|node| Matrix3::ONE.scaled(load(node))).collect();
        let ports = CoupledPorts::new(&tree, &phases, F);
        let coupled = CoupledSolution::new(&tree, &phases, &ports, &shunts);
        // RING · (1, 0, -1) = (1, 0, -1): the mode has Dostert's own constants.
        let single_ports = tree.two_ports(F);
        let own: Vec<Complex64> = (0..7).map(load).collect();
        let single = tree.solve(&single_ports, &own);
        for source in [0, 2, 4] {
            let expected = single.voltages(source);
            let found = coupled.voltages(source, [Complex64::ONE, Complex64::ZERO, -Complex64::ONE]);
            for (found, expected) in found.iter().zip(expected) {
                assert!((found[0] - expected).norm() < 1e-9, "{source}: {found:?} {expected}");
                assert!((found[2] + expected).norm() < 1e-9);
                assert!(found[1].norm() < 1e-9);
            }
        }
    }

    #[test]
    fn transfer_impedances_are_reciprocal_between_all_phases() {
        let (tree, phases, shunts) = sample();
        let ports = CoupledPorts::new(&tree, &phases, F);
        let solution = CoupledSolution::new(&tree, &phases, &ports, &shunts);
        let terminals: Vec<(usize, usize)> = (0..7)
            .flat_map(|node| Phase::ALL.map(|phase| (node, phase)))
            .filter(|(node, phase)| phases[*node].contains(*phase))
            .map(|(node, phase)| (node, phase.index()))
            .collect();
        let impedance = |(from, phase): (usize, usize), (to, at): (usize, usize)| {
            let mut currents = [Complex64::ZERO; 3];
            currents[phase] = Complex64::ONE;
            solution.voltages(from, solution.fed(from, Matrix3::ZERO, currents))[to][at]
        };
        for &a in &terminals {
            for &b in &terminals {
                let (ab, ba) = (impedance(a, b), impedance(b, a));
                assert!((ab - ba).norm() < 1e-8 * impedance(a, a).norm(), "{a:?} {b:?}: {ab} {ba}");
            }
        }
    }

    #[test]
    fn energy_is_conserved() {
        // What a source feeds in, the loads and the cables take: with lossless cables the loads take it all.
        let (tree, phases, shunts) = sample();
        let fed_and_taken = |ports: &CoupledPorts| {
            let solution = CoupledSolution::new(&tree, &phases, ports, &shunts);
            let currents = [Complex64::ZERO, Complex64::ONE, Complex64::ZERO];
            let at_source = solution.fed(5, Matrix3::ZERO, currents);
            let power =
                |v: Voltages, i: Voltages| -> f64 { v.iter().zip(i).map(|(v, i)| (v * i.conj()).re).sum() };
            let taken: f64 = solution
                .voltages(5, at_source)
                .into_iter()
                .zip(&shunts)
                .map(|(v, shunt)| power(v, shunt.apply(v)))
                .sum();
            (power(at_source, currents), taken)
        };
        let (fed, taken) = fed_and_taken(&CoupledPorts::new(&tree, &phases, F));
        assert!(taken < fed && taken > 0.3 * fed, "{fed} W fed, {taken} W taken");
        // The same without resistance and conductance.
        let lossless = |(index, branch): (usize, &Branch)| {
            let matrices = cables()[branch.cable].matrices(F);
            let imaginary =
                |m: Matrix3| Matrix3(m.0.map(|row| row.map(|entry| Complex64::new(0.0, entry.im))));
            let set = phases[index + 1];
            let series = masked(imaginary(matrices.series), set);
            let shunt = inverse_within(masked(imaginary(matrices.shunt).inverse(), set), set);
            two_port(series, shunt, branch.length_m)
        };
        let ports = CoupledPorts { abc: tree.branches().iter().enumerate().map(lossless).collect() };
        let (fed, taken) = fed_and_taken(&ports);
        assert!((fed - taken).abs() < 1e-8 * fed, "{fed} W fed, {taken} W taken");
    }
}

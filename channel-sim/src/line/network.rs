//! One phase of a radial network at one frequency: voltages anywhere for a source anywhere.
//!
//! Every section is a two-port (channel digest 3.1). A pass from the leaves to the root gives the admittance of
//! every subtree, a pass back that of everything else; with both known, the voltages a source causes are products
//! of ratios along the tree. All passes are linear in the number of sections.

use super::cable::Cable;
use crate::exact;
use num_complex::Complex64;

/// The sections of a tree, parents before children.
#[derive(Clone, Debug)]
pub struct Tree {
    /// For every node but the root (node 0): its parent, cable index and length, in an order where parents come
    /// first. Node `i + 1` is entry `i`.
    branches: Vec<Branch>,
    cables: Vec<Cable>,
}

/// What joins a node to its parent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Branch {
    /// The node nearer to the root; smaller than the node itself.
    pub parent: usize,
    /// Index of the cable.
    pub cable: usize,
    /// Its length.
    pub length_m: f64,
}

/// Two-ports of all branches at one frequency.
#[derive(Clone, Debug)]
pub struct TwoPorts {
    /// A = D, B and C of each branch.
    abc: Vec<[Complex64; 3]>,
}

/// Admittances of a tree with its shunts at one frequency.
#[derive(Clone, Debug)]
pub struct Solution<'t> {
    tree: &'t Tree,
    ports: &'t TwoPorts,
    /// For every node, what its subtree with its own shunt presents.
    down: Vec<Complex64>,
    /// For every node but the root, what is seen at its parent without the node's own branch.
    beside: Vec<Complex64>,
    /// For every node, everything connected there.
    total: Vec<Complex64>,
}

impl Tree {
    /// A tree; branches whose parent does not come before the node are a programming error and ignored.
    pub fn new(branches: Vec<Branch>, cables: Vec<Cable>) -> Self {
        debug_assert!(branches.iter().enumerate().all(|(i, b)| b.parent <= i && b.cable < cables.len()));
        Self { branches, cables }
    }

    /// What joins each node to its parent: entry `i` is node `i + 1`'s.
    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// The cables that branches refer to.
    pub fn cables(&self) -> &[Cable] {
        &self.cables
    }

    /// Number of nodes, the root included.
    pub fn nodes(&self) -> usize {
        self.branches.len() + 1
    }

    /// The two-ports at `frequency_hz`.
    pub fn two_ports(&self, frequency_hz: f64) -> TwoPorts {
        let lines: Vec<(Complex64, Complex64)> = self
            .cables
            .iter()
            .map(|cable| cable.constants(frequency_hz))
            .map(|constants| (constants.gamma(), constants.z0()))
            .collect();
        let abc = |branch: &Branch| {
            let (gamma, z0) = lines[branch.cable];
            let (cosh, sinh) = exact::cosh_sinh(gamma * branch.length_m);
            [cosh, z0 * sinh, sinh / z0]
        };
        TwoPorts { abc: self.branches.iter().map(abc).collect() }
    }

    /// Solves the tree with `shunts`, the admittance from every node to neutral.
    pub fn solve<'t>(&'t self, ports: &'t TwoPorts, shunts: &[Complex64]) -> Solution<'t> {
        let nodes = self.nodes();
        let mut down = shunts.to_vec();
        down.resize(nodes, Complex64::ZERO);
        let mut seen_down = vec![Complex64::ZERO; nodes];
        for node in (1..nodes).rev() {
            seen_down[node] = ports.input(node, down[node]);
            let parent = self.branches[node - 1].parent;
            let seen = seen_down[node];
            down[parent] += seen;
        }
        let mut total = down.clone();
        let mut beside = vec![Complex64::ZERO; nodes];
        for node in 1..nodes {
            beside[node] = total[self.branches[node - 1].parent] - seen_down[node];
            total[node] += ports.input(node, beside[node]);
        }
        Solution { tree: self, ports, down, beside, total }
    }
}

impl TwoPorts {
    /// Admittance into the branch of `node` from one end when `load` is at the other.
    fn input(&self, node: usize, load: Complex64) -> Complex64 {
        let [a, b, c] = self.abc[node - 1];
        (c + a * load) / (a + b * load)
    }

    /// Voltage at the loaded end of `node`'s branch over that at the driven end.
    fn ratio(&self, node: usize, load: Complex64) -> Complex64 {
        let [a, b, _] = self.abc[node - 1];
        (a + b * load).inv()
    }
}

impl Solution<'_> {
    /// Everything connected at `node`: its shunt and all branches.
    pub fn admittance(&self, node: usize) -> Complex64 {
        self.total[node]
    }

    /// Voltages of all nodes when `source` is held at 1 V.
    pub fn voltages(&self, source: usize) -> Vec<Complex64> {
        let nodes = self.tree.nodes();
        let mut voltages = vec![None; nodes];
        voltages[source] = Some(Complex64::ONE);
        // Up to the root: at each parent, everything beside the way is the load.
        let (mut node, mut voltage) = (source, Complex64::ONE);
        while node != 0 {
            voltage *= self.ports.ratio(node, self.beside[node]);
            node = self.tree.branches[node - 1].parent;
            voltages[node] = Some(voltage);
        }
        // Down everywhere else: parents come first.
        let mut all = vec![Complex64::ZERO; nodes];
        for node in 0..nodes {
            all[node] = match voltages[node] {
                Some(voltage) => voltage,
                None => all[self.tree.branches[node - 1].parent] * self.ports.ratio(node, self.down[node]),
            };
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::super::cable::Conductor;
    use super::*;

    const F: f64 = 75e3;

    fn cables() -> Vec<Cable> {
        vec![Cable::of_section(150.0, Conductor::Aluminium), Cable::of_section(50.0, Conductor::Aluminium)]
    }

    fn close(a: Complex64, b: Complex64) -> bool {
        (a - b).norm() <= 1e-9 * b.norm().max(1e-12)
    }

    #[test]
    fn a_single_line_is_the_closed_form() {
        let tree = Tree::new(vec![Branch { parent: 0, cable: 0, length_m: 280.0 }], cables());
        let ports = tree.two_ports(F);
        let load = Complex64::new(10.0, 4.0);
        let solution = tree.solve(&ports, &[Complex64::ZERO, load.inv()]);
        let line = cables()[0].constants(F);
        let (gamma_l, z0) = (line.gamma() * 280.0, line.z0());
        // Digest 3.1's stable forms, which use exp and tanh instead.
        let e = (-gamma_l).exp();
        let ratio = 2.0 * load * e / ((load + z0) + (load - z0) * e * e);
        let z_in = z0 * (load + z0 * gamma_l.tanh()) / (z0 + load * gamma_l.tanh());
        assert!(close(solution.voltages(0)[1], ratio));
        assert!(close(solution.admittance(0), z_in.inv()));
        // From the far end, the near end is open.
        assert!(close(solution.voltages(1)[0], gamma_l.cosh().inv()));
    }

    #[test]
    fn cutting_a_line_in_two_changes_nothing() {
        let whole = Tree::new(vec![Branch { parent: 0, cable: 1, length_m: 100.0 }], cables());
        let cut = Tree::new(
            vec![
                Branch { parent: 0, cable: 1, length_m: 33.0 },
                Branch { parent: 1, cable: 1, length_m: 67.0 },
            ],
            cables(),
        );
        let load = Complex64::new(0.1, -0.05);
        let (pa, pb) = (whole.two_ports(F), cut.two_ports(F));
        let a = whole.solve(&pa, &[Complex64::ZERO, load]);
        let b = cut.solve(&pb, &[Complex64::ZERO, Complex64::ZERO, load]);
        assert!(close(a.voltages(0)[1], b.voltages(0)[2]));
        assert!(close(a.admittance(0), b.admittance(0)));
    }

    /// A tree of seven nodes with loads everywhere.
    fn sample() -> (Tree, Vec<Complex64>) {
        let branch = |parent, cable, length_m| Branch { parent, cable, length_m };
        let branches = vec![
            branch(0, 0, 60.0),
            branch(1, 1, 25.0),
            branch(1, 0, 80.0),
            branch(3, 1, 30.0),
            branch(3, 0, 45.0),
            branch(0, 1, 40.0),
        ];
        let shunts = (0..7)
            .map(|i| Complex64::from_polar(0.02 + 0.02 * f64::from(i), 0.3 - 0.1 * f64::from(i)))
            .collect();
        (Tree::new(branches, cables()), shunts)
    }

    #[test]
    fn voltages_satisfy_kirchhoff_and_ohm_at_every_node() {
        let (tree, shunts) = sample();
        let ports = tree.two_ports(F);
        let solution = tree.solve(&ports, &shunts);
        for source in 0..7 {
            let v = solution.voltages(source);
            for node in 0..7 {
                // Current into the branch at one end: (D V_here - V_there) / B with A = D and AD - BC = 1.
                let mut current = v[node] * shunts[node];
                for (index, branch) in tree.branches.iter().enumerate() {
                    let [a, b, _] = ports.abc[index];
                    if branch.parent == node {
                        current += (a * v[node] - v[index + 1]) / b;
                    }
                    if index + 1 == node {
                        current += (a * v[node] - v[branch.parent]) / b;
                    }
                }
                let expected = if node == source { solution.admittance(node) } else { Complex64::ZERO };
                assert!((current - expected).norm() < 1e-9, "source {source} node {node}: {current}");
            }
        }
    }

    #[test]
    fn transfer_impedances_are_reciprocal() {
        let (tree, shunts) = sample();
        let ports = tree.two_ports(F);
        let solution = tree.solve(&ports, &shunts);
        for a in 0..7 {
            for b in 0..7 {
                let ab = solution.voltages(a)[b] / solution.admittance(a);
                let ba = solution.voltages(b)[a] / solution.admittance(b);
                assert!(close(ab, ba), "{a} {b}: {ab} {ba}");
            }
        }
    }
}

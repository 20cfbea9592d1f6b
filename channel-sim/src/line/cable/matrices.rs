//! Three phases and neutral as coupled conductors: series impedance and shunt admittance per metre as matrices, with
//! the neutral as the reference (channel digest 3.8).
//!
//! The conductors lie in one homogeneous insulation, in which L C = μ ε. A ring of four sectors with one gap between
//! neighbours has C = c [2 -1 0; -1 2 -1; 0 -1 2] with c half of Dostert's C', and Z goes with its inverse: the ring
//! with one core against the three others is Dostert's cable. Round wires have L from the logarithms of their
//! distances, scaled so that L1 against neutral has the scalar model's inductance.

use super::{Cable, wire_radius};
use crate::exact;
use num_complex::Complex64;
use std::ops::{Add, AddAssign, Mul, Sub};

/// A matrix over the three phases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matrix3(pub [[Complex64; 3]; 3]);

/// Series impedance (Ω/m) and shunt admittance (S/m) of a line's three phases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineMatrices {
    /// Impedance.
    pub series: Matrix3,
    /// Admittance.
    pub shunt: Matrix3,
}

impl Matrix3 {
    /// All zero.
    pub const ZERO: Self = Self([[Complex64::ZERO; 3]; 3]);
    /// One on the diagonal.
    pub const ONE: Self = Self::diagonal([Complex64::ONE; 3]);

    /// A diagonal matrix.
    pub const fn diagonal([a, b, c]: [Complex64; 3]) -> Self {
        let zero = Complex64::ZERO;
        Self([[a, zero, zero], [zero, b, zero], [zero, zero, c]])
    }

    /// From real entries.
    pub fn real(entries: [[f64; 3]; 3]) -> Self {
        Self(entries.map(|row| row.map(|value| Complex64::new(value, 0.0))))
    }

    /// Every entry times a number.
    #[must_use]
    pub fn scaled(self, factor: Complex64) -> Self {
        Self(self.0.map(|row| row.map(|value| value * factor)))
    }

    /// Rows for columns.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self(std::array::from_fn(|row| std::array::from_fn(|column| self.0[column][row])))
    }

    /// The inverse, by cofactors. Of a singular matrix it is not finite.
    #[must_use]
    pub fn inverse(self) -> Self {
        let m = &self.0;
        let cofactor = |row: usize, column: usize| {
            let (r1, r2, c1, c2) = ((row + 1) % 3, (row + 2) % 3, (column + 1) % 3, (column + 2) % 3);
            m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
        };
        let determinant: Complex64 = (0..3).map(|column| m[0][column] * cofactor(0, column)).sum();
        let scale = determinant.inv();
        Self(std::array::from_fn(|row| std::array::from_fn(|column| cofactor(column, row) * scale)))
    }

    /// Times a vector.
    pub fn apply(&self, vector: [Complex64; 3]) -> [Complex64; 3] {
        self.0.map(|row| row.iter().zip(vector).map(|(&entry, value)| entry * value).sum())
    }

    /// Sum of the entries' magnitudes in the largest row.
    pub fn norm(&self) -> f64 {
        self.0.iter().map(|row| row.iter().map(|entry| exact::norm(*entry)).sum::<f64>()).fold(0.0, f64::max)
    }
}

impl Add for Matrix3 {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|row| {
            std::array::from_fn(|column| self.0[row][column] + other.0[row][column])
        }))
    }
}

impl AddAssign for Matrix3 {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Matrix3 {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|row| {
            std::array::from_fn(|column| self.0[row][column] - other.0[row][column])
        }))
    }
}

impl Mul for Matrix3 {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self(std::array::from_fn(|row| {
            std::array::from_fn(|column| (0..3).map(|k| self.0[row][k] * other.0[k][column]).sum())
        }))
    }
}

/// Capacitances of a ring of four sectors, L1 L2 L3 N, in units of two gaps (Dostert's C').
const RING: [[f64; 3]; 3] = [[1.0, -0.5, 0.0], [-0.5, 1.0, -0.5], [0.0, -0.5, 1.0]];

impl Cable {
    /// Matrices of the three phases at `frequency_hz`.
    pub fn matrices(&self, frequency_hz: f64) -> LineMatrices {
        let scalar = self.constants(frequency_hz);
        let (z, y) = (scalar.series(), scalar.shunt());
        match *self {
            Self::Sector { .. } => {
                let ring = Matrix3::real(RING);
                LineMatrices { series: ring.inverse().scaled(z), shunt: ring.scaled(y) }
            }
            Self::Bundle { area_mm2, insulation_mm, .. } => {
                let side = 2.0 * (wire_radius(area_mm2) + insulation_mm * 1e-3);
                let diagonal = side * 2f64.sqrt();
                // L1, L2, L3 and N around a square.
                let between = |a: usize, b: usize| if a.abs_diff(b) == 2 { diagonal } else { side };
                of_wires(wire_radius(area_mm2), between, z, y)
            }
            Self::Overhead { area_mm2, spacing_m, .. } => {
                // N below L1 below L2 below L3: the scalar pair is L1 and N.
                let height = |conductor: usize| if conductor == 3 { 0.0 } else { conductor as f64 + 1.0 };
                let between = |a: usize, b: usize| (height(a) - height(b)).abs() * spacing_m;
                of_wires(wire_radius(area_mm2), between, z, y)
            }
            Self::Coaxial { .. } => {
                LineMatrices { series: Matrix3::ONE.scaled(z), shunt: Matrix3::ONE.scaled(y) }
            }
        }
    }
}

/// Four wires of a radius, the last the neutral, whose pair L1 and N has the series impedance and shunt admittance
/// given: partial inductances are ln(D_iN D_jN / (D_ij r)).
fn of_wires(
    radius: f64,
    between: impl Fn(usize, usize) -> f64,
    series: Complex64,
    shunt: Complex64,
) -> LineMatrices {
    let distance = |a: usize, b: usize| if a == b { radius } else { between(a, b) };
    let log = |a: usize, b: usize| libm::log(distance(a, 3) * distance(b, 3) / (distance(a, b) * radius));
    let shape: [[f64; 3]; 3] = std::array::from_fn(|a| std::array::from_fn(|b| log(a, b) / log(0, 0)));
    let inductances = Matrix3::real(shape);
    // Resistance: each wire half of the pair's, the neutral's in common.
    let resistances: [[f64; 3]; 3] =
        std::array::from_fn(|a| std::array::from_fn(|b| if a == b { 1.0 } else { 0.5 }));
    let inductive = inductances.scaled(Complex64::new(0.0, series.im));
    let resistive = Matrix3::real(resistances).scaled(Complex64::new(series.re, 0.0));
    LineMatrices { series: inductive + resistive, shunt: inductances.inverse().scaled(shunt) }
}

#[cfg(test)]
mod tests {
    use super::super::{Conductor, named};
    use super::*;

    #[test]
    fn an_inverse_is_one() {
        let matrix = Matrix3(std::array::from_fn(|row| {
            std::array::from_fn(|column| {
                Complex64::new((row * 3 + column) as f64 % 5.0, row as f64 - column as f64)
            })
        }));
        assert!((matrix * matrix.inverse() - Matrix3::ONE).norm() < 1e-12);
        assert!((matrix.inverse() * matrix - Matrix3::ONE).norm() < 1e-12);
    }

    /// Digest 3.2: FEM of a four-core NAYY of the 4x95 class, 50 Hz, Ω/km: self 0.766, adjacent mutual 0.702,
    /// opposite mutual 0.678. The loops' ratios hold at high frequencies too.
    #[test]
    fn a_sector_cables_coupling_is_that_of_the_finite_elements() {
        let (own, adjacent, opposite) = (0.766, 0.702, 0.678);
        // L1 and L3 lie beside N, L2 opposite.
        let loop_adjacent = 2.0 * (own - adjacent);
        let loop_opposite = 2.0 * (own - opposite);
        let mutual_12 = own + adjacent - adjacent - opposite;
        let mutual_13 = own + opposite - 2.0 * adjacent;
        let l = named("NAYY 4x95").unwrap().matrices(100e3).series;
        let ratio = |row: usize, column: usize| l.0[row][column].im / l.0[0][0].im;
        for (found, fem) in [
            (ratio(1, 1), loop_opposite / loop_adjacent),
            (ratio(0, 1), mutual_12 / loop_adjacent),
            (ratio(0, 2), mutual_13 / loop_adjacent),
        ] {
            assert!((found / fem - 1.0).abs() < 0.08, "{found:.3} for {fem:.3}");
        }
    }

    #[test]
    fn one_core_against_the_rest_is_the_scalar_cable() {
        // V on L1 alone, L2 and L3 at the neutral's potential.
        let cable = named("NAYY 4x150").unwrap();
        let (matrices, scalar) = (cable.matrices(91e3), cable.constants(91e3));
        assert!((matrices.shunt.0[0][0] - scalar.shunt()).norm() < 1e-12 * scalar.shunt().norm());
        let admittance = matrices.series.inverse();
        assert!((admittance.0[0][0] * scalar.series() - 1.0).norm() < 1e-12);
        // All three against the neutral: two gaps again.
        let common: Complex64 = matrices.shunt.0.iter().flatten().sum();
        assert!((common - scalar.shunt()).norm() < 1e-12 * scalar.shunt().norm());
    }

    #[test]
    fn matrices_are_symmetric_passive_and_of_one_speed() {
        for name in ["NAYY 4x150", "NFA2X 4x70", "48-AL1/8-ST1A"] {
            let cable = named(name).unwrap();
            let (matrices, scalar) = (cable.matrices(150e3), cable.constants(150e3));
            for matrix in [matrices.series, matrices.shunt] {
                assert!((matrix - matrix.transposed()).norm() < 1e-12 * matrix.norm(), "{name}");
                // The real parts are positive definite: their leading minors are positive.
                let m = matrix.0.map(|row| row.map(|entry| entry.re));
                let two = m[0][0] * m[1][1] - m[0][1] * m[1][0];
                assert!(m[0][0] >= 0.0 && two >= 0.0, "{name}: {matrix:?}");
            }
            // L C = μ ε: the imaginary parts of the product of reactances are a multiple of one.
            let reactance = Matrix3(matrices.series.0.map(|row| row.map(|z| Complex64::new(z.im, 0.0))));
            let susceptance = Matrix3(matrices.shunt.0.map(|row| row.map(|y| Complex64::new(y.im, 0.0))));
            let product = reactance * susceptance;
            let expected = scalar.series().im * scalar.shunt().im;
            let one = product.scaled(Complex64::new(1.0 / expected, 0.0)) - Matrix3::ONE;
            assert!(one.norm() < 1e-9, "{name}: {one:?}");
        }
        let coaxial = Cable::Coaxial { area_mm2: 50.0, conductor: Conductor::Copper, insulation_mm: 2.0 };
        assert_eq!(coaxial.matrices(1e5).series.0[0][1], Complex64::ZERO);
    }
}

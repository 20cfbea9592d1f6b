//! Cables and overhead lines as transmission lines, from their geometry (channel digest 3.2).
//!
//! | kind | scalar constants | conductors of the coupled model |
//! |---|---|---|
//! | sector cable | Dostert's: C' = 2 ε r/θ, L' = μ0 θ/(2r) | four sectors in a ring: L1, L2, L3, N |
//! | bundle | a pair of insulated wires that touch | four wires in a square: L1, L2, L3, N |
//! | overhead | a pair of bare wires | four wires above one another: L1, L2, L3, N |
//! | coaxial | core and screen | one core a phase; no coupling |
//!
//! Scalar constants are those of one phase against neutral as if alone. Of a sector cable they are one core against
//! the three others, where Dostert's formula has two gaps of width r and thickness θ = 2d side by side.

mod library;
mod matrices;

pub use library::{NAMED, cable_of, named};
pub use matrices::{LineMatrices, Matrix3};

use crate::exact;
use num_complex::Complex64;
use std::f64::consts::{PI, TAU};

const MU_0: f64 = 4e-7 * PI;
const EPSILON_0: f64 = 8.854_187_8e-12;
/// Mean permittivity between the wires of a bundle: polyethylene (2.3) and air. The digest's bundle has 60 pF/m.
const BUNDLE_EPSILON_R: f64 = 1.83;
/// Loss factor of polyethylene.
const POLYETHYLENE_TAN_DELTA: f64 = 5e-4;
/// Permittivity of polyethylene.
const POLYETHYLENE_EPSILON_R: f64 = 2.3;
/// What an overhead line loses beside its conductors' resistance (ground return, insulators, radiation) at 100 kHz,
/// growing with the square root of the frequency. The digest's range is 0.5 to 2.
pub const OVERHEAD_EXCESS_DB_PER_KM: f64 = 1.0;

/// A cable or an overhead line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cable {
    /// Four cores of sector shape in one sheath: NAYY, NYY, NAY2Y.
    Sector {
        /// Section of a core.
        area_mm2: f64,
        /// Metal of the cores.
        conductor: Conductor,
        /// Thickness of a core's insulation.
        insulation_mm: f64,
        /// What it is of.
        insulation: Insulation,
    },
    /// Insulated wires twisted together, on poles or walls: NFA2X, ABC.
    Bundle {
        /// Section of a wire.
        area_mm2: f64,
        /// Metal of the wires.
        conductor: Conductor,
        /// Thickness of a wire's insulation.
        insulation_mm: f64,
    },
    /// Bare wires on poles.
    Overhead {
        /// Section of a wire.
        area_mm2: f64,
        /// Metal of the wires.
        conductor: Conductor,
        /// Distance of one wire to the next.
        spacing_m: f64,
    },
    /// A core in a screen, one for each phase.
    Coaxial {
        /// Section of the core.
        area_mm2: f64,
        /// Metal of the core and the screen.
        conductor: Conductor,
        /// Thickness of the insulation.
        insulation_mm: f64,
    },
}

/// Metal of a cable's cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conductor {
    /// Aluminium, 2.82e-8 Ωm.
    Aluminium,
    /// Copper, 1.72e-8 Ωm.
    Copper,
}

impl Conductor {
    fn resistivity_ohm_m(self) -> f64 {
        match self {
            Self::Aluminium => 2.82e-8,
            Self::Copper => 1.72e-8,
        }
    }

    /// Resistance of a square of the metal's surface: skin effect.
    fn surface_ohm(self, frequency_hz: f64) -> f64 {
        (PI * frequency_hz * MU_0 * self.resistivity_ohm_m()).sqrt()
    }
}

/// Insulation of a sector cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insulation {
    /// εr = 7.95 - 0.6918 log10 f, tan δ = 0.2345 - 0.03074 log10 f.
    Pvc,
    /// εr = 2.3, tan δ = 5e-4.
    Polyethylene,
}

impl Insulation {
    /// Permittivity and loss factor.
    fn at(self, frequency_hz: f64) -> (f64, f64) {
        let log_f = libm::log10(frequency_hz.max(1.0));
        match self {
            Self::Pvc => (7.95 - 0.6918 * log_f, 0.2345 - 0.03074 * log_f),
            Self::Polyethylene => (POLYETHYLENE_EPSILON_R, POLYETHYLENE_TAN_DELTA),
        }
    }
}

/// Constants of a line at one frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineConstants {
    /// Resistance per metre.
    pub r_ohm: f64,
    /// Inductance per metre.
    pub l_henry: f64,
    /// Capacitance per metre.
    pub c_farad: f64,
    /// Conductance per metre.
    pub g_siemens: f64,
    frequency_hz: f64,
}

impl Cable {
    /// A sector cable in PVC of the usual insulation thickness for its section.
    pub fn of_section(area_mm2: f64, conductor: Conductor) -> Self {
        let insulation_mm = library::insulation_mm(area_mm2);
        Self::Sector { area_mm2, conductor, insulation_mm, insulation: Insulation::Pvc }
    }

    /// Section of a core or wire.
    pub fn area_mm2(&self) -> f64 {
        match *self {
            Self::Sector { area_mm2, .. }
            | Self::Bundle { area_mm2, .. }
            | Self::Overhead { area_mm2, .. }
            | Self::Coaxial { area_mm2, .. } => area_mm2,
        }
    }

    /// Constants of one phase against neutral at `frequency_hz`.
    pub fn constants(&self, frequency_hz: f64) -> LineConstants {
        let omega = TAU * frequency_hz;
        match *self {
            Self::Sector { area_mm2, conductor, insulation_mm, insulation } => {
                let r = (4.0 * area_mm2 * 1e-6 / PI).sqrt();
                let theta = 2.0 * insulation_mm * 1e-3;
                let (epsilon_r, tan_delta) = insulation.at(frequency_hz);
                let c_farad = 2.0 * EPSILON_0 * epsilon_r * r / theta;
                LineConstants {
                    r_ohm: conductor.surface_ohm(frequency_hz) / r,
                    l_henry: MU_0 * theta / (2.0 * r),
                    c_farad,
                    g_siemens: omega * c_farad * tan_delta,
                    frequency_hz,
                }
            }
            Self::Bundle { area_mm2, conductor, insulation_mm } => {
                let radius = wire_radius(area_mm2);
                let distance = 2.0 * (radius + insulation_mm * 1e-3);
                wires(conductor, radius, distance, BUNDLE_EPSILON_R, POLYETHYLENE_TAN_DELTA, frequency_hz)
            }
            Self::Overhead { area_mm2, conductor, spacing_m } => {
                let bare = wires(conductor, wire_radius(area_mm2), spacing_m, 1.0, 0.0, frequency_hz);
                // Loss of a matched line is R / (2 Z0).
                let excess_db = OVERHEAD_EXCESS_DB_PER_KM * (frequency_hz / 100e3).sqrt();
                let excess = excess_db * std::f64::consts::LN_10 / 20.0 / 1_000.0;
                LineConstants { r_ohm: bare.r_ohm + 2.0 * excess * bare.z0().re, ..bare }
            }
            Self::Coaxial { area_mm2, conductor, insulation_mm } => {
                let inner = wire_radius(area_mm2);
                let outer = inner + insulation_mm * 1e-3;
                let log = libm::log(outer / inner);
                let (epsilon_r, tan_delta) = Insulation::Pvc.at(frequency_hz);
                let c_farad = TAU * EPSILON_0 * epsilon_r / log;
                LineConstants {
                    r_ohm: conductor.surface_ohm(frequency_hz) / TAU * (1.0 / inner + 1.0 / outer),
                    l_henry: MU_0 / TAU * log,
                    c_farad,
                    g_siemens: omega * c_farad * tan_delta,
                    frequency_hz,
                }
            }
        }
    }
}

fn wire_radius(area_mm2: f64) -> f64 {
    (area_mm2 * 1e-6 / PI).sqrt()
}

/// A pair of round wires whose currents crowd to the near sides.
fn wires(
    conductor: Conductor,
    radius: f64,
    distance: f64,
    epsilon_r: f64,
    tan_delta: f64,
    frequency_hz: f64,
) -> LineConstants {
    let ratio = distance / (2.0 * radius);
    let acosh = libm::acosh(ratio);
    let crowding = ratio / (ratio * ratio - 1.0).sqrt();
    let c_farad = PI * EPSILON_0 * epsilon_r / acosh;
    LineConstants {
        r_ohm: 2.0 * conductor.surface_ohm(frequency_hz) / (TAU * radius) * crowding,
        l_henry: MU_0 / PI * acosh,
        c_farad,
        g_siemens: TAU * frequency_hz * c_farad * tan_delta,
        frequency_hz,
    }
}

impl LineConstants {
    fn series(&self) -> Complex64 {
        Complex64::new(self.r_ohm, TAU * self.frequency_hz * self.l_henry)
    }

    fn shunt(&self) -> Complex64 {
        Complex64::new(self.g_siemens, TAU * self.frequency_hz * self.c_farad)
    }

    /// Propagation constant per metre.
    pub fn gamma(&self) -> Complex64 {
        exact::sqrt(self.series() * self.shunt())
    }

    /// Characteristic impedance.
    pub fn z0(&self) -> Complex64 {
        exact::sqrt(self.series() / self.shunt())
    }

    /// What a matched line loses.
    pub fn loss_db_per_km(&self) -> f64 {
        self.gamma().re * 1_000.0 * 20.0 / std::f64::consts::LN_10
    }
}

#[cfg(test)]
mod tests;

//! Cables as transmission lines: the four-sector low-voltage cable of the channel digest, 3.2.
//!
//! Excitation between two cores, after Dostert: with the core's section A, r = sqrt(4A/π), insulation thickness d
//! and θ = 2d, C' = 2 ε0 εr r/θ, L' = μ0 θ/(2r), R' = sqrt(ρ π f μ0)/r, G' = ω C' tan δ. The insulation is PVC.

use crate::feeder::LineCode;
use num_complex::Complex64;
use std::f64::consts::{PI, TAU};

const MU_0: f64 = 4e-7 * PI;
const EPSILON_0: f64 = 8.854_187_8e-12;

/// A four-core sector cable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cable {
    /// Section of a core.
    pub area_mm2: f64,
    /// Metal of the cores.
    pub conductor: Conductor,
    /// Thickness of a core's insulation.
    pub insulation_mm: f64,
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
    /// A cable of the usual insulation thickness for its section.
    pub fn of_section(area_mm2: f64, conductor: Conductor) -> Self {
        Self { area_mm2, conductor, insulation_mm: insulation_mm(area_mm2) }
    }

    /// Constants at `frequency_hz`.
    pub fn constants(&self, frequency_hz: f64) -> LineConstants {
        let r = (4.0 * self.area_mm2 * 1e-6 / PI).sqrt();
        let theta = 2.0 * self.insulation_mm * 1e-3;
        let log_f = frequency_hz.max(1.0).log10();
        let epsilon_r = 7.95 - 0.6918 * log_f;
        let tan_delta = 0.2345 - 0.03074 * log_f;
        let c_farad = 2.0 * EPSILON_0 * epsilon_r * r / theta;
        LineConstants {
            r_ohm: (self.conductor.resistivity_ohm_m() * PI * frequency_hz * MU_0).sqrt() / r,
            l_henry: MU_0 * theta / (2.0 * r),
            c_farad,
            g_siemens: TAU * frequency_hz * c_farad * tan_delta,
            frequency_hz,
        }
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
        (self.series() * self.shunt()).sqrt()
    }

    /// Characteristic impedance.
    pub fn z0(&self) -> Complex64 {
        (self.series() / self.shunt()).sqrt()
    }
}

/// Line codes of the IEEE European low-voltage feeder and of the built-in village, and the cables they stand for.
///
/// Names with a point give the section in square inches (.1 is 64.5 mm²), the others in square millimetres.
/// The metal follows from the line code's resistance at mains frequency, given as the last number.
const CABLES: [(&str, f64, Conductor, f64); 12] = [
    ("2c_.007", 4.5, Conductor::Copper, 3.97),
    ("2c_.0225", 14.5, Conductor::Copper, 1.257),
    ("2c_16", 16.0, Conductor::Copper, 1.15),
    ("35_sac_xsc", 35.0, Conductor::Aluminium, 0.868),
    ("4c_.06", 38.7, Conductor::Copper, 0.469),
    ("4c_.1", 64.5, Conductor::Copper, 0.274),
    ("4c_.35", 225.8, Conductor::Copper, 0.089),
    ("4c_185", 185.0, Conductor::Aluminium, 0.166),
    ("4c_70", 70.0, Conductor::Aluminium, 0.446),
    ("4c_95_sac_xc", 95.0, Conductor::Aluminium, 0.322),
    ("nayy 4x150", 150.0, Conductor::Aluminium, 0.206),
    ("nayy 4x50", 50.0, Conductor::Aluminium, 0.641),
];

/// The cable a line code stands for: by its name where the table has it, else an aluminium cable of the section
/// that its mains resistance means, else NAYY 4x50.
pub fn cable_of(line_code: &LineCode) -> Cable {
    let name = line_code.name.to_lowercase();
    if let Some((_, area, conductor, _)) = CABLES.iter().find(|(known, ..)| *known == name) {
        return Cable::of_section(*area, *conductor);
    }
    let area = match line_code.r1_ohm_per_m {
        Some(r1) if r1 > 0.0 => (Conductor::Aluminium.resistivity_ohm_m() / r1 * 1e6).clamp(1.5, 400.0),
        _ => 50.0,
    };
    Cable::of_section(area, Conductor::Aluminium)
}

/// Insulation thickness of PVC cables by section (DIN VDE 0276-603; the digest gives 16, 35, 50 and 150 mm²).
const INSULATION_MM: [(f64, f64); 12] = [
    (4.0, 1.0),
    (16.0, 1.0),
    (25.0, 1.2),
    (35.0, 1.2),
    (50.0, 1.4),
    (70.0, 1.4),
    (95.0, 1.6),
    (120.0, 1.6),
    (150.0, 1.8),
    (185.0, 2.0),
    (240.0, 2.2),
    (400.0, 2.6),
];

fn insulation_mm(area_mm2: f64) -> f64 {
    let nearest = INSULATION_MM.iter().min_by(|a, b| {
        let distance = |entry: &(f64, f64)| (entry.0 / area_mm2).ln().abs();
        distance(a).total_cmp(&distance(b))
    });
    nearest.map_or(1.4, |entry| entry.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss_db_per_km(cable: Cable, frequency_hz: f64) -> f64 {
        cable.constants(frequency_hz).gamma().re * 1_000.0 * 20.0 / std::f64::consts::LN_10
    }

    #[test]
    fn matched_attenuation_is_the_digests() {
        // Digest 3.2, dB/km at 36, 91, 150 and 487.5 kHz.
        let nayy_150 = Cable::of_section(150.0, Conductor::Aluminium);
        let nayy_50 = Cable::of_section(50.0, Conductor::Aluminium);
        let nyy_35 = Cable::of_section(35.0, Conductor::Copper);
        let nyy_16 = Cable::of_section(16.0, Conductor::Copper);
        for (cable, expected) in [
            (nayy_150, [1.57, 2.81, 3.88, 8.29]),
            (nayy_50, [1.82, 3.21, 4.38, 9.15]),
            (nyy_35, [1.72, 3.05, 4.18, 8.80]),
            (nyy_16, [1.92, 3.37, 4.58, 9.50]),
        ] {
            for (frequency, expected) in [36e3, 91e3, 150e3, 487.5e3].into_iter().zip(expected) {
                let loss = loss_db_per_km(cable, frequency);
                assert!(
                    (loss - expected).abs() < 0.02 * expected,
                    "{cable:?} {frequency}: {loss} {expected}"
                );
            }
        }
    }

    #[test]
    fn constants_are_the_digests() {
        let line = Cable::of_section(150.0, Conductor::Aluminium).constants(91e3);
        assert!((line.r_ohm * 1e3 - 7.28).abs() < 0.02, "{line:?}");
        assert!((line.g_siemens * 1e6 - 14.4).abs() < 0.1, "{line:?}");
        assert!((line.l_henry * 1e6 - 0.164).abs() < 0.001, "{line:?}");
        assert!((line.z0().norm() - 23.0).abs() < 1.5, "{}", line.z0());
    }

    #[test]
    fn the_tables_metals_agree_with_the_line_codes_resistances() {
        for (name, area, conductor, r1_ohm_per_km) in CABLES {
            let expected = conductor.resistivity_ohm_m() / (area * 1e-6) * 1e3;
            let ratio = r1_ohm_per_km / expected;
            assert!((0.9..1.25).contains(&ratio), "{name}: {r1_ohm_per_km} against {expected:.3} ohm/km");
        }
    }

    #[test]
    fn unknown_line_codes_become_cables_by_resistance() {
        let cable = |r1| cable_of(&LineCode { name: "x".into(), r1_ohm_per_m: r1 });
        assert!((cable(Some(0.000_188)).area_mm2 - 150.0).abs() < 1.0);
        assert_eq!(cable(Some(0.000_188)).insulation_mm, 1.8);
        assert_eq!(cable(None).area_mm2, 50.0);
    }
}

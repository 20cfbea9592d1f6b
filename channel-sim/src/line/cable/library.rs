//! Cables by name: the documented table of line codes, the usual designations, and what resistance means where
//! neither helps.

use super::{Cable, Conductor, Insulation};
use crate::feeder::LineCode;

/// Line codes of the IEEE European low-voltage feeder and the cables they stand for.
///
/// Names with a point give the section in square inches (.1 is 64.5 mm²), the others in square millimetres.
/// pandapower's copy of the feeder drops the point. The metal follows from the line code's resistance at mains
/// frequency, given as the last number.
pub const NAMED: [(&str, f64, Conductor, f64); 10] = [
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
];

/// Designations and what they begin: the longer ones first.
const DESIGNATIONS: [(&str, Kind); 8] = [
    ("nay2y", Kind::Sector(Conductor::Aluminium, Insulation::Polyethylene)),
    ("na2xy", Kind::Sector(Conductor::Aluminium, Insulation::Polyethylene)),
    ("n2xy", Kind::Sector(Conductor::Copper, Insulation::Polyethylene)),
    ("nayy", Kind::Sector(Conductor::Aluminium, Insulation::Pvc)),
    ("nyy", Kind::Sector(Conductor::Copper, Insulation::Pvc)),
    ("nfa2x", Kind::Bundle),
    ("abc", Kind::Bundle),
    ("nfyy", Kind::Bundle),
];

#[derive(Clone, Copy)]
enum Kind {
    Sector(Conductor, Insulation),
    Bundle,
}

/// Sections that a name may state.
const SECTIONS_MM2: std::ops::RangeInclusive<f64> = 1.0..=1_000.0;
/// Insulation of a bundle's wires (NFA2X: polyethylene of 1.3 to 1.8 mm).
const BUNDLE_INSULATION_MM: f64 = 1.8;
/// Distance between the wires of an overhead line.
const OVERHEAD_SPACING_M: f64 = 0.4;

/// The cable of a name: a line code of the table, or a designation with the section of a core such as `NAYY 4x150`,
/// `NYY-J 4x35`, `NFA2X 4x70` or, for overhead lines, `48-AL1/8-ST1A`.
pub fn named(name: &str) -> Option<Cable> {
    let name = name.trim().to_lowercase();
    let without_point = name.replace('.', "");
    if let Some((_, area, conductor, _)) =
        NAMED.iter().find(|(known, ..)| known.replace('.', "") == without_point)
    {
        return Some(Cable::of_section(*area, *conductor));
    }
    if let Some((section, rest)) = name.split_once("-al")
        && rest.starts_with(|c: char| c.is_ascii_digit())
    {
        return Some(overhead(section_of(section)?));
    }
    let (_, kind) = DESIGNATIONS.iter().find(|(designation, _)| name.starts_with(designation))?;
    // The section is the number after the last x that a number follows: 4x150, 3x70+54.6.
    let area_mm2 = name.rsplit('x').next().and_then(section_of)?;
    Some(match *kind {
        Kind::Sector(conductor, insulation) => {
            let insulation_mm = insulation_mm(area_mm2);
            Cable::Sector { area_mm2, conductor, insulation_mm, insulation }
        }
        Kind::Bundle => {
            let (conductor, insulation_mm) = (Conductor::Aluminium, BUNDLE_INSULATION_MM);
            Cable::Bundle { area_mm2, conductor, insulation_mm }
        }
    })
}

/// The number that a text begins with, as a section.
fn section_of(text: &str) -> Option<f64> {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    text.get(..end)?.parse().ok().filter(|area| SECTIONS_MM2.contains(area))
}

fn overhead(area_mm2: f64) -> Cable {
    Cable::Overhead { area_mm2, conductor: Conductor::Aluminium, spacing_m: OVERHEAD_SPACING_M }
}

/// The cable a line code stands for: its own where the source has it, else by its name, else the aluminium of the
/// section that its mains resistance means (wires on poles where the source says so), else NAYY 4x50.
pub fn cable_of(line_code: &LineCode) -> Cable {
    if let Some(cable) = line_code.cable.or_else(|| named(&line_code.name)) {
        return cable;
    }
    let aluminium = Conductor::Aluminium;
    let area = match line_code.r1_ohm_per_m {
        Some(r1) if r1 > 0.0 => (aluminium.resistivity_ohm_m() / r1 * 1e6).clamp(1.5, 400.0),
        _ => 50.0,
    };
    if line_code.overhead { overhead(area) } else { Cable::of_section(area, aluminium) }
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

pub(super) fn insulation_mm(area_mm2: f64) -> f64 {
    let nearest = INSULATION_MM.iter().min_by(|a, b| {
        let distance = |entry: &(f64, f64)| libm::log(entry.0 / area_mm2).abs();
        distance(a).total_cmp(&distance(b))
    });
    nearest.map_or(1.4, |entry| entry.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_metals_agree_with_the_line_codes_resistances() {
        for (name, area, conductor, r1_ohm_per_km) in NAMED {
            let expected = conductor.resistivity_ohm_m() / (area * 1e-6) * 1e3;
            let ratio = r1_ohm_per_km / expected;
            assert!((0.9..1.25).contains(&ratio), "{name}: {r1_ohm_per_km} against {expected:.3} ohm/km");
        }
    }
}

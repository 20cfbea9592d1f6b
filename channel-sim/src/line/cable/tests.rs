use super::*;
use crate::feeder::LineCode;

fn loss_db_per_km(cable: Cable, frequency_hz: f64) -> f64 {
    cable.constants(frequency_hz).loss_db_per_km()
}

#[test]
fn matched_attenuation_is_the_digests() {
    // Digest 3.2, dB/km at 36, 91, 150 and 487.5 kHz.
    for (name, expected) in [
        ("NAYY 4x150", [1.57, 2.81, 3.88, 8.29]),
        ("NAYY 4x50", [1.82, 3.21, 4.38, 9.15]),
        ("NYY 4x35", [1.72, 3.05, 4.18, 8.80]),
        ("NYY 4x16", [1.92, 3.37, 4.58, 9.50]),
    ] {
        let cable = named(name).unwrap();
        for (frequency, expected) in [36e3, 91e3, 150e3, 487.5e3].into_iter().zip(expected) {
            let loss = loss_db_per_km(cable, frequency);
            assert!((loss - expected).abs() < 0.02 * expected, "{cable:?} {frequency}: {loss} {expected}");
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
fn overhead_lines_and_bundles_are_the_digests() {
    // Digest 3.2: open pair, D 0.4 m, r 4.6 mm: 1.79 µH/m, 6.2 pF/m, 535 Ω, conductors alone 0.04 to 0.13 dB/km.
    let radius_mm = 4.6;
    let overhead = Cable::Overhead {
        area_mm2: PI * radius_mm * radius_mm,
        conductor: Conductor::Aluminium,
        spacing_m: 0.4,
    };
    let line = overhead.constants(100e3);
    assert!((line.l_henry * 1e6 - 1.79).abs() < 0.01, "{line:?}");
    assert!((line.c_farad * 1e12 - 6.2).abs() < 0.05, "{line:?}");
    assert!((line.z0().norm() - 535.0).abs() < 3.0, "{}", line.z0());
    for (frequency, conductors) in [(36e3, 0.04), (487.5e3, 0.13)] {
        let excess = OVERHEAD_EXCESS_DB_PER_KM * (frequency / 100e3f64).sqrt();
        let found = loss_db_per_km(overhead, frequency) - excess;
        assert!((found - conductors).abs() < 0.015, "{frequency}: {found} dB/km");
    }
    // Twisted bundle of 70 mm²: 0.33 µH/m, 60 pF/m, about 74 Ω, 0.3 to 1.1 dB/km.
    let bundle = named("NFA2X 4x70").unwrap();
    let line = bundle.constants(100e3);
    assert!((line.l_henry * 1e6 - 0.33).abs() < 0.015, "{line:?}");
    assert!((line.c_farad * 1e12 - 60.0).abs() < 2.0, "{line:?}");
    assert!((line.z0().norm() - 74.0).abs() < 2.0, "{}", line.z0());
    assert!((loss_db_per_km(bundle, 36e3) - 0.3).abs() < 0.1, "{}", loss_db_per_km(bundle, 36e3));
    assert!((loss_db_per_km(bundle, 487.5e3) - 1.1).abs() < 0.3, "{}", loss_db_per_km(bundle, 487.5e3));
}

#[test]
fn a_coaxial_cable_is_the_closed_form() {
    // Digest 3.2: R' = ½ sqrt(f μ0/(π κ)) (1/r_a + 1/r_i), L' = μ0/2π ln(r_a/r_i), C' = 2π ε/ln(r_a/r_i).
    let cable = Cable::Coaxial { area_mm2: 50.0, conductor: Conductor::Copper, insulation_mm: 2.0 };
    let (inner, outer) = ((50e-6 / PI).sqrt(), (50e-6 / PI).sqrt() + 2e-3);
    let line = cable.constants(100e3);
    let expected = 0.5 * (100e3 * MU_0 * 1.72e-8 / PI).sqrt() * (1.0 / inner + 1.0 / outer);
    assert!((line.r_ohm / expected - 1.0).abs() < 1e-12);
    let speed = 1.0 / (line.l_henry * line.c_farad).sqrt();
    assert!((speed * 4.49f64.sqrt() / 299_792_458.0 - 1.0).abs() < 2e-3, "{speed}");
}

#[test]
fn names_of_cables_are_understood() {
    let sector = |area_mm2, conductor| Cable::of_section(area_mm2, conductor);
    for (name, expected) in [
        ("NAYY 4x150 SE", Some(sector(150.0, Conductor::Aluminium))),
        ("nayy-j 4 x 50", Some(sector(50.0, Conductor::Aluminium))),
        ("NYY 4x35", Some(sector(35.0, Conductor::Copper))),
        ("4c_.06", Some(sector(38.7, Conductor::Copper))),
        ("4c_06", Some(sector(38.7, Conductor::Copper))),
        ("something", None),
        ("NAYY 4x", None),
        ("NAYY 4x0", None),
        ("NAYY 4x1000000000", None),
        ("", None),
    ] {
        assert_eq!(named(name), expected, "{name}");
    }
    assert!(matches!(named("NAY2Y 4x150"), Some(Cable::Sector { insulation: Insulation::Polyethylene, .. })));
    assert!(matches!(named("NFA2X 4x70"), Some(Cable::Bundle { area_mm2: 70.0, .. })));
    assert!(matches!(named("48-AL1/8-ST1A 0.4"), Some(Cable::Overhead { area_mm2: 48.0, .. })));
}

#[test]
fn unknown_line_codes_become_cables_by_resistance() {
    let code = |r1| LineCode { name: "x".into(), r1_ohm_per_m: r1, ..LineCode::default() };
    let Cable::Sector { area_mm2, insulation_mm, .. } = cable_of(&code(Some(0.000_188))) else {
        unreachable!("a sector cable")
    };
    assert!((area_mm2 - 150.0).abs() < 1.0);
    assert_eq!(insulation_mm, 1.8);
    assert_eq!(cable_of(&code(None)).area_mm2(), 50.0);
    let overhead = LineCode { overhead: true, ..code(Some(0.000_491_7)) };
    assert!(matches!(cable_of(&overhead), Cable::Overhead { area_mm2, .. } if (area_mm2 - 57.4).abs() < 0.1));
    let own = Cable::Coaxial { area_mm2: 5.0, conductor: Conductor::Copper, insulation_mm: 1.0 };
    assert_eq!(cable_of(&LineCode { cable: Some(own), ..code(Some(1.0)) }), own);
}

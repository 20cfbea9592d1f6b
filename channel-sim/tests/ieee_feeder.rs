//! The IEEE European low-voltage feeder, where `../shared/data` holds it.
#![allow(clippy::print_stderr, reason = "a test that cannot run says so")]

use channel_sim::feeder::{Phase, opendss};
use channel_sim::line::Line;
use channel_sim::scenario::Scenario;
use channel_sim::world::World;
use std::path::PathBuf;

/// Path of the feeder, or a clear word that the test could not run.
fn master() -> Option<PathBuf> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/ieee-eu-lv-feeder/Master.dss");
    if !path.exists() {
        let required = std::env::var_os("BUSBAR_REQUIRE_TOOLS").is_some_and(|value| value == "1");
        assert!(!required, "BUSBAR_REQUIRE_TOOLS=1, but there is no {}", path.display());
        eprintln!("SKIPPED: {} is not there; this test needs the IEEE feeder's files", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn the_feeder_is_read_whole() {
    let Some(path) = master() else { return };
    let reading = opendss::read(&path).unwrap();
    let feeder = &reading.feeder;
    assert_eq!((feeder.line_count, feeder.buses.len()), (905, 906));
    assert_eq!(feeder.loads.len(), 55);
    assert_eq!(feeder.loads_per_phase(), [21, 19, 15]);
    assert_eq!(feeder.line_codes.len(), 10);
    assert_eq!(feeder.shapes.len(), 55);
    assert_eq!(feeder.sections.len(), 205, "the digest's count (channel.md 3.9)");
    let total: f64 = feeder.sections.iter().map(|section| section.length_m).sum();
    assert!((1_400.0..1_460.0).contains(&total), "{total} m of line");
    assert_eq!(feeder.transformer.kva, 800.0);
    assert!(feeder.buses.iter().all(|bus| bus.position.is_some()));
    let unused: Vec<String> = reading.report.unused.iter().map(ToString::to_string).collect();
    assert_eq!(unused.len(), 6, "{unused:#?}");
    assert!(unused.contains(&"Master.dss:13: Redirect Monitors.txt: no such file".to_string()));
    assert!(unused.contains(&"Master.dss:22: solve: statement not used".to_string()));
}

/// The `p`-quantile of sorted values.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * p).round() as usize]
}

/// Digest 3.6: phase-1 loads of 10 Ω median only, no transformer, 40 draws.
#[test]
fn feeder_loss_and_input_impedance_are_the_digests() {
    let Some(path) = master() else { return };
    let (mut scenario, _) = Scenario::open_dss(&path, 0).unwrap();
    // Frequency, p5, median and p95 of the loss in dB, input impedance where the digest has it.
    let reference = [
        (42e3, [-33.0, -24.0, -3.0], Some(2.8)),
        (75e3, [-44.0, -30.0, -5.0], None),
        (90e3, [-47.0, -34.0, -4.0], Some(5.0)),
    ];
    for (frequency, expected, input) in reference {
        let mut loss_db = Vec::new();
        let mut input_ohm = Vec::new();
        for seed in 0..40 {
            scenario.seed = seed;
            let line = Line::new(&scenario);
            let ports = line.tree().two_ports(frequency);
            let solution = line.tree().solve(&ports, &line.household_shunts(Phase::L1));
            let voltages = solution.voltages(0);
            let loads = line.households().iter().filter(|household| household.phase == Phase::L1);
            loss_db.extend(loads.map(|household| 20.0 * voltages[household.node].norm().log10()));
            input_ohm.push(1.0 / solution.admittance(0).norm());
        }
        loss_db.sort_by(f64::total_cmp);
        input_ohm.sort_by(f64::total_cmp);
        let found = [0.05, 0.5, 0.95].map(|p| quantile(&loss_db, p));
        let input_found = quantile(&input_ohm, 0.5);
        eprintln!(
            "{frequency}: {found:.1?} dB against {expected:?}; input {input_found:.2} ohm against {input:?}"
        );
        for ((found, expected), tolerance) in found.into_iter().zip(expected).zip([3.0, 3.0, 3.0]) {
            assert!(
                (found - expected).abs() <= tolerance,
                "{frequency} Hz: {found:.1} dB, digest {expected}"
            );
        }
        if let Some(expected) = input {
            let factor = (input_found / expected).max(expected / input_found);
            assert!(factor <= 1.2, "{frequency} Hz: input {input_found:.2} ohm, digest {expected}");
        }
    }
}

#[test]
fn at_least_forty_of_the_meters_are_in_reach_under_the_default_conditions() {
    let Some(path) = master() else { return };
    for seed in 1..=3 {
        let (scenario, _) = Scenario::open_dss(&path, seed).unwrap();
        let meters = scenario.meters();
        let links = World::new(scenario).unwrap().links();
        assert_eq!(links.len(), 55);
        let in_reach = links.iter().filter(|link| link.in_reach).count();
        let mut up: Vec<f64> = links.iter().map(|link| f64::from(link.up.snr_db)).collect();
        let mut down: Vec<f64> = links.iter().map(|link| f64::from(link.down.snr_db)).collect();
        up.sort_by(f64::total_cmp);
        down.sort_by(f64::total_cmp);
        let quantiles = |sorted: &[f64]| [0.0, 0.05, 0.5, 0.95].map(|p| quantile(sorted, p));
        eprintln!(
            "seed {seed}: {in_reach} in reach; down {:.1?} up {:.1?} dB",
            quantiles(&down),
            quantiles(&up)
        );
        for (link, meter) in links.iter().zip(&meters).filter(|(link, _)| !link.in_reach) {
            eprintln!("  out: {} {} {:.0} m: {:?}", meter.name, meter.phase, meter.distance_m, link);
        }
        assert!(in_reach >= 40, "seed {seed}: {in_reach} in reach");
    }
}

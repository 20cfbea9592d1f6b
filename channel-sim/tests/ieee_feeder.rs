//! The IEEE European low-voltage feeder, where `../shared/data` holds it.
#![allow(clippy::print_stderr, reason = "a test that cannot run says so")]

use channel_sim::feeder::{Phase, ReadOptions, read};
use channel_sim::line::Line;
use channel_sim::line::access::{URBAN_MEDIAN, urban_median};
use channel_sim::scenario::{Busbar, Scenario};
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
    let reading = read(&path, &ReadOptions::default()).unwrap();
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

/// Digest 3.6: median of the loads' magnitudes in Ω; p5, median and p95 of the loss in dB at six frequencies; input
/// impedance of the feeder at 42, 90 and 450 kHz. Phase-1 loads alone, no transformer, 40 draws.
type Reference = (f64, [[f64; 3]; 6], [f64; 3]);
const REFERENCE: [Reference; 4] = [
    (
        5.0,
        [
            [-48.0, -34.0, -5.0],
            [-58.0, -41.0, -7.0],
            [-65.0, -45.0, -8.0],
            [-71.0, -53.0, -12.0],
            [-72.0, -55.0, -16.0],
            [-65.0, -45.0, -17.0],
        ],
        [2.4, 4.3, 20.0],
    ),
    (
        10.0,
        [
            [-33.0, -24.0, -3.0],
            [-44.0, -30.0, -5.0],
            [-47.0, -34.0, -4.0],
            [-55.0, -40.0, -7.0],
            [-61.0, -45.0, -12.0],
            [-59.0, -42.0, -12.0],
        ],
        [2.8, 5.0, 21.0],
    ),
    (
        30.0,
        [
            [-19.0, -12.0, -2.0],
            [-23.0, -17.0, -2.0],
            [-27.0, -18.0, -3.0],
            [-33.0, -22.0, -3.0],
            [-37.0, -27.0, -5.0],
            [-47.0, -32.0, -5.0],
        ],
        [4.7, 7.1, 22.0],
    ),
    (
        100.0,
        [
            [-7.0, -3.0, -1.0],
            [-11.0, -7.0, -2.0],
            [-13.0, -8.0, -2.0],
            [-17.0, -10.0, -1.0],
            [-25.0, -16.0, -3.0],
            [-35.0, -21.0, -1.0],
        ],
        [6.1, 10.0, 27.0],
    ),
];
const REFERENCE_HZ: [f64; 6] = [42e3, 75e3, 90e3, 150e3, 300e3, 450e3];
/// Input impedance is given for these of them.
const INPUT_AT: [usize; 3] = [0, 2, 5];

/// Losses in dB, sorted, and the median input impedance, of phase 1 alone.
fn phase_one(scenario: &mut Scenario, frequency_hz: f64) -> (Vec<f64>, f64) {
    let (mut loss_db, mut input_ohm) = (Vec::new(), Vec::new());
    for seed in 0..40 {
        scenario.seed = seed;
        let line = Line::new(scenario);
        let ports = line.tree().two_ports(frequency_hz);
        let shunts = line.household_shunts(Phase::L1, frequency_hz);
        let solution = line.tree().solve(&ports, &shunts);
        let voltages = solution.voltages(0);
        let loads = line.households().iter().filter(|household| household.phase == Phase::L1);
        loss_db.extend(loads.map(|household| 20.0 * voltages[household.node].norm().log10()));
        input_ohm.push(1.0 / solution.admittance(0).norm());
    }
    loss_db.sort_by(f64::total_cmp);
    input_ohm.sort_by(f64::total_cmp);
    (loss_db, quantile(&input_ohm, 0.5))
}

#[test]
fn feeder_loss_and_input_impedance_are_the_digests() {
    let Some(path) = master() else { return };
    let (mut scenario, _) = Scenario::open_dss(&path, 0).unwrap();
    let mut faults = Vec::new();
    for (median_ohm, losses, inputs) in REFERENCE {
        scenario.load_median_ohm = median_ohm;
        for (index, (frequency, expected)) in REFERENCE_HZ.into_iter().zip(losses).enumerate() {
            let (loss_db, input_ohm) = phase_one(&mut scenario, frequency);
            let found = [0.05, 0.5, 0.95].map(|p| quantile(&loss_db, p));
            let wanted = INPUT_AT.iter().position(|at| *at == index).map(|at| inputs[at]);
            let said = format!(
                "{median_ohm} ohm, {} kHz: {found:.1?} dB for {expected:?}; input {input_ohm:.2} for {wanted:?}",
                frequency / 1e3
            );
            eprintln!("{said}");
            let apart = |at: usize| (found[at] - expected[at]).abs();
            let factor = wanted.map_or(1.0, |wanted| (input_ohm / wanted).max(wanted / input_ohm));
            if apart(1) > 3.0 || apart(0) > 8.0 || apart(2) > 8.0 || factor > 1.5 {
                faults.push(said);
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Median over 40 draws of what a measurement finds at phase 1 of the busbar.
fn busbar_ohm(scenario: &mut Scenario, frequency_hz: f64) -> f64 {
    let of = |seed| {
        scenario.seed = seed;
        Line::new(scenario).busbar_impedance(Phase::L1, frequency_hz).norm()
    };
    let mut found: Vec<f64> = (0..40).map(of).collect();
    found.sort_by(f64::total_cmp);
    quantile(&found, 0.5)
}

/// Where an impedance is off the measured median by more than a factor of 1.5.
fn off_the_median(name: &str, frequencies: &[f64], mut ohm: impl FnMut(f64) -> f64) -> Vec<String> {
    let mut faults = Vec::new();
    for &frequency in frequencies {
        let (found, measured) = (ohm(frequency), urban_median(frequency).norm());
        let said = format!("{name}, {} kHz: {found:.2} ohm, measured {measured:.2}", frequency / 1e3);
        eprintln!("{said}: {:.2}", found / measured);
        if (found / measured).max(measured / found) > 1.5 {
            faults.push(said);
        }
    }
    faults
}

/// Digest 3.4 and 3.6: the feeder alone, as 3.6 has it, with loads of 5 Ω.
#[test]
fn input_impedance_is_the_measured_medians() {
    let Some(path) = master() else { return };
    let (mut scenario, _) = Scenario::open_dss(&path, 0).unwrap();
    scenario.load_median_ohm = 5.0;
    let feeder_alone = |hz| phase_one(&mut scenario, hz).1;
    let faults = off_the_median("feeder alone, 5 ohm", &[42e3, 50e3, 75e3, 90e3, 110e3, 150e3], feeder_alone);
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The measured median is of everything at its place: transformer and feeder together, with the digest's evening
/// loads of 5 and of 10 Ω, at the median's frequencies from 20 to 400 kHz.
#[test]
fn transformer_and_feeder_together_are_the_measured_median() {
    let Some(path) = master() else { return };
    let (mut scenario, _) = Scenario::open_dss(&path, 0).unwrap();
    let mut faults = Vec::new();
    let frequencies: Vec<f64> =
        URBAN_MEDIAN.iter().map(|row| row.0 * 1e3).filter(|hz| (20e3..=400e3).contains(hz)).collect();
    for median_ohm in [5.0, 10.0] {
        scenario.load_median_ohm = median_ohm;
        let name = format!("transformer and feeder, {median_ohm} ohm");
        faults.extend(off_the_median(&name, &frequencies, |hz| busbar_ohm(&mut scenario, hz)));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The preset: with the median at the busbar, a measurement there finds it at all of its frequencies.
#[test]
fn the_median_as_a_preset_is_what_the_busbar_has() {
    let Some(path) = master() else { return };
    let (mut scenario, _) = Scenario::open_dss(&path, 0).unwrap();
    scenario.busbar = Busbar::UrbanMedian;
    let mut faults = Vec::new();
    let frequencies = URBAN_MEDIAN.map(|row| row.0 * 1e3);
    for median_ohm in [5.0, 10.0, 30.0, 100.0] {
        scenario.load_median_ohm = median_ohm;
        let name = format!("median at the busbar, {median_ohm} ohm");
        faults.extend(off_the_median(&name, &frequencies, |hz| busbar_ohm(&mut scenario, hz)));
    }
    assert!(faults.is_empty(), "{faults:#?}");
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

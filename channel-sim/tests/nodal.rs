//! The solver with coupled phases against nodal analysis by numpy, in a process of its own.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test: helpers may fail")]
#![allow(clippy::print_stdout, reason = "a test that cannot run says so")]

#[path = "../../cosem/tests/gurux/venv.rs"]
mod venv;

use channel_sim::feeder::{Phase, ReadOptions};
use channel_sim::line::Line;
use channel_sim::line::cable::{Cable, Conductor};
use channel_sim::scenario::{PhaseModel, Scenario};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn cable(cable: &Cable) -> Value {
    let metal = |conductor: Conductor| match conductor {
        Conductor::Aluminium => "aluminium",
        Conductor::Copper => "copper",
    };
    match *cable {
        Cable::Sector { area_mm2, conductor, insulation_mm, .. } => json!({
            "kind": "sector", "section_mm2": area_mm2, "conductor": metal(conductor), "insulation_mm": insulation_mm,
        }),
        Cable::Overhead { area_mm2, conductor, spacing_m } => json!({
            "kind": "overhead", "section_mm2": area_mm2, "conductor": metal(conductor), "spacing_m": spacing_m,
        }),
        other => panic!("{other:?}"),
    }
}

fn description(scenario: &Scenario, line: &Line, frequency_hz: f64) -> Value {
    let phases: Vec<Vec<usize>> = line
        .phases()
        .iter()
        .map(|set| Phase::ALL.into_iter().filter(|phase| set.contains(*phase)).map(Phase::index).collect())
        .collect();
    let branches: Vec<Value> = line
        .tree()
        .branches()
        .iter()
        .map(|branch| {
            let cable = cable(&line.tree().cables()[branch.cable]);
            json!({ "parent": branch.parent, "length_m": branch.length_m, "cable": cable })
        })
        .collect();
    let day_s = (scenario.ticks_since_midnight() / 6_000_000) as f64;
    let households: Vec<Value> = line
        .households()
        .iter()
        .map(|household| {
            let y = household.admittance(frequency_hz, 0.0, day_s);
            json!({ "node": household.node, "phase": household.phase.index(), "admittance": [y.re, y.im] })
        })
        .collect();
    let rating = scenario.feeder.transformer;
    json!({
        "frequency_hz": frequency_hz,
        "phases": phases,
        "branches": branches,
        "households": households,
        "transformer": {
            "kva": rating.kva, "volts": rating.secondary_v, "reactance_percent": rating.reactance_percent,
            "mains_hz": rating.mains_hz,
        },
    })
}

/// Transfer functions between modems, and from households' noise to modems.
fn by_numpy(python: &Path, description: &Value) -> [Vec<(f64, f64)>; 2] {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/nodal.py");
    let mut child =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(description.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn numpys_nodal_analysis_finds_the_same_transfer_functions() {
    let Some(python) = venv::environment("pandapower-venv", "pandapower", "pandapower==3.5.6") else {
        return;
    };
    let lane = Path::new(env!("CARGO_MANIFEST_DIR")).join("feeders/lane.toml");
    let lane = Scenario::from_file(&lane, &ReadOptions::default(), 3).unwrap().0;
    for (name, mut scenario) in [("lane", lane), ("village", Scenario::village(3))] {
        scenario.phase_model = PhaseModel::Coupled;
        let line = Line::new(&scenario);
        for frequency_hz in [9e3, 60e3, 150e3, 487.5e3] {
            let expected = by_numpy(&python, &description(&scenario, &line, frequency_hz));
            let found = [line.transfer(frequency_hz), line.noise_transfer_at(frequency_hz, 0.0)];
            for (what, (found, expected)) in ["signals", "noise"].iter().zip(found.iter().zip(expected)) {
                assert_eq!(found.len(), expected.len());
                let mut worst = 0f64;
                for (found, (re, im)) in found.iter().zip(expected) {
                    let scale = re.hypot(im).max(1e-9);
                    worst = worst.max((found.re - re).hypot(found.im - im) / scale);
                }
                println!("{name} at {frequency_hz} Hz, {what}: largest relative difference {worst:.1e}");
                assert!(worst < 1e-6, "{name} at {frequency_hz} Hz, {what}: {worst:.1e}");
            }
        }
    }
}

//! Streets of any number of households: feeders for network runs where no file gives them.
//!
//! A 630 kVA transformer feeds trunks of NAYY 4x150, one for every 25 households, with a joint every 12 to 30 m; every
//! seventh joint or so begins a side street of NAYY 4x150. Two or three households hang on each joint by service cables of NAYY 4x50. Lengths,
//! branches and phases are drawn from the seed.

use crate::feeder::village::buried_cables;
use crate::feeder::{Bus, Feeder, Load, Phase, PhaseSet, Segment, Transformer, merge};
use crate::random::{Purpose, stream, uniform};

const TRUNK: usize = 0;
const SERVICE: usize = 1;
/// Households of a trunk.
const PER_TRUNK: usize = 25;
/// Joints of a side street, at most.
const SIDE_JOINTS: usize = 5;

/// A street with `households`, drawn from `seed`.
pub fn feeder(households: usize, seed: u64) -> Feeder {
    let rng = &mut stream(seed, Purpose::Street, 0);
    let mut buses = vec![Bus { name: "busbar".into(), position: None }];
    let mut segments = Vec::new();
    let mut loads = Vec::new();
    let (mut trunk, mut side, mut side_left, mut trunks) = (0, 0, 0, 0);
    let join = |buses: &mut Vec<Bus>,
                segments: &mut Vec<Segment>,
                from: usize,
                name: String,
                length_m: f64,
                line_code| {
        buses.push(Bus { name, position: None });
        let to = buses.len() - 1;
        segments.push(Segment { buses: [from, to], length_m, line_code, phases: PhaseSet::ALL });
        to
    };
    while loads.len() < households {
        if loads.len() / PER_TRUNK >= trunks {
            (trunk, side_left, trunks) = (0, 0, trunks + 1);
        }
        if side_left == 0 && uniform(rng) < 0.15 {
            (side, side_left) = (trunk, 1 + (uniform(rng) * SIDE_JOINTS as f64) as usize);
        }
        let from = if side_left > 0 { side } else { trunk };
        let (number, length_m) = (buses.len(), 12.0 + 18.0 * uniform(rng));
        let joint = join(&mut buses, &mut segments, from, format!("joint-{number}"), length_m, TRUNK);
        if side_left > 0 {
            (side, side_left) = (joint, side_left - 1);
        } else {
            trunk = joint;
        }
        for _ in 0..2 + usize::from(uniform(rng) < 0.5) {
            if loads.len() == households {
                break;
            }
            let name = format!("house-{}", loads.len() + 1);
            let length_m = 8.0 + 14.0 * uniform(rng);
            let bus = join(&mut buses, &mut segments, joint, name.clone(), length_m, SERVICE);
            let phase = Phase::ALL[(uniform(rng) * 3.0) as usize % 3];
            loads.push(Load { name, bus, phase, rated_mw: 1_000_000, shape: None, appliances: Vec::new() });
        }
    }
    let houses: Vec<usize> = loads.iter().map(|load| load.bus).collect();
    // The buses form a tree by construction, which a test checks.
    let merged = merge(buses.len(), &segments, 0, |bus| houses.contains(&bus));
    let sections = merged.map(|merged| merged.sections).unwrap_or_default();
    Feeder {
        name: format!("street of {households}"),
        busbar: 0,
        buses,
        line_codes: buried_cables(),
        sections,
        transformer: Transformer { kva: 630.0, secondary_v: 400.0, reactance_percent: 4.0, mains_hz: 50.0 },
        loads,
        shapes: Vec::new(),
        line_count: segments.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_street_is_a_tree_with_all_its_households_that_the_seed_determines() {
        for households in [1, 12, 99] {
            let street = feeder(households, 7);
            assert_eq!(street.loads.len(), households);
            assert!(street.sections.len() >= households);
            assert_eq!(street, feeder(households, 7));
        }
        assert_ne!(feeder(20, 1), feeder(20, 2));
        assert!(feeder(99, 1).loads_per_phase().iter().all(|&loads| loads > 15));
    }
}

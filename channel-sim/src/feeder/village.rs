//! The built-in feeder: a village street with a dozen households, for a first run without any file.
//!
//! A 400 kVA transformer stands at the west end of a street of 190 m (NAYY 4x150); a lane of 75 m (NAYY 4x50)
//! leaves it to the north. Every household hangs on its own service cable of NAYY 4x50. What the households draw
//! is synthetic: a base load, a refrigerator's cycle, morning and evening activity, cooking and a boiler, drawn
//! from the seed in steps of a minute.

use super::{Bus, Feeder, LineCode, Load, LoadShape, Phase, PhaseSet, Position, Segment, Transformer, merge};
use crate::random::{Purpose, normal, stream, uniform};

const STREET: usize = 0;
const SERVICE: usize = 1;

/// Joints of the street and the lane: name, the joint before, cable, length and place.
const JOINTS: [(&str, usize, usize, f64, [f64; 2]); 8] = [
    ("busbar", 0, STREET, 0.0, [0.0, 0.0]),
    ("street-1", 0, STREET, 35.0, [34.0, 0.0]),
    ("street-2", 1, STREET, 40.0, [73.0, 2.0]),
    ("street-3", 2, STREET, 35.0, [107.0, 5.0]),
    ("street-4", 3, STREET, 45.0, [151.0, 6.0]),
    ("street-5", 4, STREET, 35.0, [185.0, 4.0]),
    ("lane-1", 3, SERVICE, 40.0, [110.0, 44.0]),
    ("lane-2", 6, SERVICE, 35.0, [114.0, 78.0]),
];

/// Households: joint, phase, length of the service cable, and where the house stands from the joint.
const HOUSES: [(usize, Phase, f64, [f64; 2]); 12] = [
    (1, Phase::L1, 14.0, [2.0, 12.0]),
    (1, Phase::L2, 18.0, [-3.0, -16.0]),
    (2, Phase::L3, 12.0, [1.0, 11.0]),
    (2, Phase::L1, 22.0, [6.0, -19.0]),
    (3, Phase::L2, 16.0, [5.0, -14.0]),
    (4, Phase::L3, 13.0, [-4.0, 11.0]),
    (4, Phase::L1, 20.0, [3.0, -18.0]),
    (5, Phase::L2, 17.0, [11.0, 11.0]),
    (5, Phase::L3, 24.0, [18.0, -13.0]),
    (6, Phase::L1, 15.0, [13.0, 3.0]),
    (7, Phase::L2, 19.0, [-16.0, 6.0]),
    (7, Phase::L3, 21.0, [9.0, 17.0]),
];

/// The village, with load shapes drawn from `seed`.
pub fn feeder(seed: u64) -> Feeder {
    let at = |[x_m, y_m]: [f64; 2]| Some(Position { x_m, y_m });
    let mut buses: Vec<Bus> =
        JOINTS.iter().map(|&(name, .., place)| Bus { name: name.into(), position: at(place) }).collect();
    let mut segments: Vec<Segment> = JOINTS
        .iter()
        .enumerate()
        .skip(1)
        .map(|(index, &(_, before, line_code, length_m, _))| Segment {
            buses: [before, index],
            length_m,
            line_code,
            phases: PhaseSet::ALL,
        })
        .collect();
    let mut loads = Vec::new();
    let mut shapes = Vec::new();
    for (index, &(joint, phase, length_m, [dx, dy])) in HOUSES.iter().enumerate() {
        let number = index + 1;
        let [x, y] = JOINTS[joint].4;
        let bus = buses.len();
        buses.push(Bus { name: format!("house-{number}"), position: at([x + dx, y + dy]) });
        segments.push(Segment { buses: [joint, bus], length_m, line_code: SERVICE, phases: PhaseSet::ALL });
        loads.push(Load {
            name: format!("house-{number}"),
            bus,
            phase,
            rated_mw: 1_000_000,
            shape: Some(index),
            appliances: Vec::new(),
        });
        shapes.push(LoadShape {
            name: format!("household-{number}"),
            interval_s: 60,
            values_micro: household(seed, index as u64),
            use_actual: false,
        });
    }
    let is_house = |bus: usize| bus >= JOINTS.len();
    // The tables above form a tree by construction, which a test checks.
    let sections =
        merge(buses.len(), &segments, 0, is_house).map(|merged| merged.sections).unwrap_or_default();
    Feeder {
        name: "village".into(),
        busbar: 0,
        buses,
        line_codes: buried_cables(),
        sections,
        transformer: Transformer { kva: 400.0, secondary_v: 400.0, reactance_percent: 4.0, mains_hz: 50.0 },
        loads,
        shapes,
        line_count: segments.len(),
    }
}

/// Cables of built-in feeders: that of streets, then that of services.
pub(crate) fn buried_cables() -> Vec<LineCode> {
    ["NAYY 4x150", "NAYY 4x50"].map(|name| LineCode { name: name.into(), ..LineCode::default() }).to_vec()
}

/// One household's day: 1440 values in millionths of a kilowatt, whole watts.
fn household(seed: u64, index: u64) -> Vec<i64> {
    let rng = &mut stream(seed, Purpose::LoadShape, index);
    let base = 60.0 + 120.0 * uniform(rng);
    let fridge_period = 38.0 + 20.0 * uniform(rng);
    let fridge_phase = fridge_period * uniform(rng);
    let evening = 18.5 + 0.7 * normal(rng);
    let morning = 7.0 + 0.6 * normal(rng);
    let mut watts: Vec<f64> = (0..1440)
        .map(|minute| {
            let hour = f64::from(minute) / 60.0;
            let bump = |centre: f64, width: f64| libm::exp(-((hour - centre) / width).powi(2));
            let fridge = (f64::from(minute) + fridge_phase) % fridge_period < 0.35 * fridge_period;
            base + if fridge { 90.0 } else { 0.0 } + 180.0 * bump(morning, 0.9) + 420.0 * bump(evening, 2.3)
        })
        .collect();
    // Kettle, cooker, washing machine and boiler: when, how long and how much.
    let mut run = |hour: f64, minutes: f64, power: f64| {
        let from = (hour.rem_euclid(24.0) * 60.0) as usize;
        for value in watts.iter_mut().skip(from).take(minutes as usize) {
            *value += power;
        }
    };
    for centre in [morning, 10.5, 15.5, evening + 2.0] {
        run(centre + 0.5 * normal(rng), 2.0 + 3.0 * uniform(rng), 1_900.0);
    }
    run(evening + 0.4 * normal(rng), 25.0 + 30.0 * uniform(rng), 1_200.0 + 1_300.0 * uniform(rng));
    if uniform(rng) < 0.6 {
        run(9.0 + 9.0 * uniform(rng), 55.0 + 40.0 * uniform(rng), 650.0);
    }
    if uniform(rng) < 0.4 {
        run(0.5 + 4.0 * uniform(rng), 70.0 + 60.0 * uniform(rng), 2_000.0);
    }
    for value in &mut watts {
        *value = (*value * (1.0 + 0.04 * normal(rng))).max(20.0);
    }
    watts.iter().map(|&value| value.round() as i64 * 1_000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_village_is_a_tree_of_a_dozen_households_on_three_phases() {
        let feeder = feeder(1);
        assert_eq!(feeder.loads.len(), 12);
        assert_eq!(feeder.loads_per_phase(), [4, 4, 4]);
        assert_eq!(feeder.line_count, 7 + 12);
        // street-1 and -2 have houses, all joints are forks: nothing merges.
        assert_eq!(feeder.sections.len(), 19);
        assert!(feeder.buses.iter().all(|bus| bus.position.is_some()));
    }

    #[test]
    fn cables_are_at_least_as_long_as_the_way() {
        let feeder = feeder(1);
        for section in &feeder.sections {
            let [a, b] = [section.from, section.to].map(|bus| feeder.buses[bus].position.unwrap());
            let way = (a.x_m - b.x_m).hypot(a.y_m - b.y_m);
            assert!(section.length_m >= way * 0.98, "{} m of cable for {way} m", section.length_m);
        }
    }

    #[test]
    fn households_draw_a_plausible_day_that_the_seed_determines() {
        let day_kwh = |seed| -> Vec<f64> {
            let feeder = feeder(seed);
            (0..12).map(|i| feeder.shapes[i].values_micro.iter().sum::<i64>() as f64 / 1e6 / 60.0).collect()
        };
        let day = day_kwh(1);
        assert!(day.iter().all(|&kwh| (3.0..20.0).contains(&kwh)), "{day:?}");
        assert_eq!(day, day_kwh(1));
        assert_ne!(day, day_kwh(2));
    }
}

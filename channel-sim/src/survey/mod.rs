//! What a planner asks of a feeder: which links work and how well, who needs a repeater, where a second concentrator
//! would stand, and which hours are worst. All from the solved line and the noise's densities, without samples.

mod helpers;
mod hours;
mod map;

pub use helpers::{Repeater, Station};
pub use hours::{Hour, hours};
pub use map::map;

use crate::feeder::{Feeder, Phase, PhaseSet};
use crate::line::{Line, Terminal, source_volts};
use crate::noise::NoiseError;
use crate::scenario::{MeterSpec, Scenario};
use crate::world::{Carriers, Direction, LineNoise, REACH_MARGIN_DB, ROBUST_DB, direction, mean_gains};
use g3_phy::{BandPlan, Modulation};
use serde::Serialize;
use thiserror::Error;

/// Signal to noise at which a modulation loses one frame in ten (g3-phy digest 11.3), slowest first.
pub const THRESHOLDS_DB: [(Modulation, f32); 4] = [
    (Modulation::Robust, ROBUST_DB),
    (Modulation::Dbpsk, 1.8),
    (Modulation::Dqpsk, 4.7),
    (Modulation::D8psk, 8.05),
];

/// Meters of one survey: every link between two of them is found, at 36 carriers.
pub const MOST_METERS: usize = 1_500;

/// Why a scenario cannot be surveyed.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SurveyError {
    /// The noise is not valid on this line.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// More meters than links are found for.
    #[error("{0} meters: links are found between at most {MOST_METERS}; take the network of one transformer")]
    TooManyMeters(usize),
}

/// The links of a scenario's modems.
pub struct Survey<'s> {
    scenario: &'s Scenario,
    line: Line,
    carriers: Carriers,
    meters: Vec<MeterSpec>,
    noise: LineNoise,
    volts: f64,
    modems: usize,
    /// `from * modems + to`.
    directions: Vec<Direction>,
}

/// A link both ways.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Link {
    /// One way.
    pub there: Direction,
    /// The other.
    pub back: Direction,
    /// The fastest modulation that both ways carry with 3 dB to spare; none where not even Robust is.
    #[serde(serialize_with = "by_name")]
    pub modulation: Option<Modulation>,
}

fn by_name<S: serde::Serializer>(modulation: &Option<Modulation>, serializer: S) -> Result<S::Ok, S::Error> {
    modulation.map(name_of).serialize(serializer)
}

/// Name of a modulation, as commands take it.
pub fn name_of(modulation: Modulation) -> String {
    format!("{modulation:?}").to_lowercase()
}

/// How a meter is reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reach {
    /// Links on the way: 1 for a meter that the coordinator reaches itself.
    pub hops: usize,
    /// The modem before it on the way.
    pub parent: usize,
    /// The slowest modulation on the way.
    #[serde(serialize_with = "by_name")]
    pub modulation: Option<Modulation>,
}

/// Makes buses that [`terminal`] is to find nodes of the line: where nothing happens at one, the section through it is cut
/// there. Names of anything else are left to [`terminal`].
pub fn cut_at(feeder: &mut Feeder, names: &[&str]) {
    for name in names {
        if let Some((bus, _)) = bus_of(feeder, name) {
            feeder.cut_at(bus);
        }
    }
}

/// The bus that a name begins with, and what follows its dot; the whole name's bus comes first.
fn bus_of<'n>(feeder: &Feeder, name: &'n str) -> Option<(usize, Option<&'n str>)> {
    let named = |name: &str| feeder.buses.iter().position(|bus| bus.name.eq_ignore_ascii_case(name));
    let with_phase = || name.rsplit_once('.').and_then(|(bus, phase)| Some((named(bus)?, Some(phase))));
    named(name).map(|bus| (bus, None)).or_else(with_phase)
}

/// The point of a feeder that a name stands for: `coordinator`, a meter, or a bus with a phase (`34.2`; all three
/// phases without). Buses have to be nodes of the line ([`cut_at`]).
pub fn terminal(scenario: &Scenario, line: &Line, name: &str) -> Result<Terminal, String> {
    if name.eq_ignore_ascii_case(crate::world::COORDINATOR) {
        return Ok(line.terminal(0));
    }
    let feeder = &scenario.feeder;
    if let Some(meter) = feeder.loads.iter().position(|load| load.name.eq_ignore_ascii_case(name)) {
        return Ok(line.terminal(meter + 1));
    }
    let (bus, phase) = bus_of(feeder, name)
        .ok_or_else(|| format!("{name:?} is no meter and no bus of the feeder; --links lists the meters"))?;
    let phases = match phase {
        None => PhaseSet::ALL,
        Some(phase) => {
            let phase = phase.parse().ok().and_then(Phase::from_node);
            PhaseSet::NONE.with(phase.ok_or_else(|| format!("{name:?}: the phase of a bus is 1, 2 or 3"))?)
        }
    };
    let node = line.node_of_bus(bus).ok_or_else(|| {
        format!(
            "{name:?}: no line joins this bus to the transformer's low-voltage bus {:?}",
            feeder.buses[feeder.busbar].name
        )
    })?;
    let there = line.phases().get(node).copied().unwrap_or(PhaseSet::ALL);
    if phases != PhaseSet::ALL && !phases.first().is_some_and(|phase| there.contains(phase)) {
        return Err(format!("{name:?}: this phase does not reach the bus"));
    }
    let phases = if phases == PhaseSet::ALL { there } else { phases };
    Ok(Terminal { node, phases, listens: false })
}

impl<'s> Survey<'s> {
    /// Solves the line of a scenario for CENELEC-A.
    pub fn new(scenario: &'s Scenario) -> Result<Self, SurveyError> {
        Self::of_band(scenario, &BandPlan::CENELEC_A)
    }

    /// Solves the line of a scenario, which has at most [`MOST_METERS`], for a band.
    pub fn of_band(scenario: &'s Scenario, plan: &BandPlan) -> Result<Self, SurveyError> {
        let meters = scenario.feeder.loads.len();
        if meters > MOST_METERS {
            return Err(SurveyError::TooManyMeters(meters));
        }
        let line = Line::new(scenario);
        let carriers = Carriers::of(plan);
        let noise = LineNoise::new(scenario, &carriers)?;
        let terminals: Vec<Terminal> = (0..line.modems()).map(|modem| line.terminal(modem)).collect();
        let heard = noise.at(&line, &carriers, &terminals);
        let volts = source_volts(scenario.level_dbuv);
        let modems = line.modems();
        let gains = mean_gains(&line, &carriers, |hz, turns| line.transfer_at(hz, turns));
        let directions = (0..modems * modems)
            .map(|pair| direction(gains.iter().map(|gains| gains[pair]), volts, &heard[pair % modems]))
            .collect();
        Ok(Self { scenario, line, carriers, meters: scenario.meters(), noise, volts, modems, directions })
    }

    /// The line.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// The meters.
    pub fn meters(&self) -> &[MeterSpec] {
        &self.meters
    }

    /// The link between two modems; modem 0 is the coordinator, modem `i` meter `i - 1`.
    pub fn link(&self, a: usize, b: usize) -> Link {
        link(self.directions[a * self.modems + b], self.directions[b * self.modems + a])
    }

    /// The link between two points of the line, each with the noise that a port there has.
    pub fn between(&self, a: Terminal, b: Terminal) -> Link {
        let ends = [a, b];
        let gains =
            mean_gains(&self.line, &self.carriers, |hz, turns| self.line.between(&ends, &ends, hz, turns));
        let noise = self.noise.at(&self.line, &self.carriers, &ends);
        let way =
            |pair: usize, to: usize| direction(gains.iter().map(|gains| gains[pair]), self.volts, &noise[to]);
        link(way(1, 1), way(2, 0))
    }

    /// How each meter is reached with meters as repeaters, by the fewest hops and of these the best link; `None`
    /// where it is not.
    pub fn reach(&self) -> Vec<Option<Reach>> {
        let mut reach: Vec<Option<Reach>> = vec![None; self.modems];
        let mut ring = vec![0];
        let mut hops = 0;
        while !ring.is_empty() {
            hops += 1;
            let mut next = Vec::new();
            for modem in (1..self.modems).filter(|&modem| reach[modem].is_none()) {
                let worst = |parent: usize| {
                    let link = self.link(parent, modem);
                    link.there.snr_db.min(link.back.snr_db)
                };
                let parents =
                    ring.iter().copied().filter(|&parent| self.link(parent, modem).modulation.is_some());
                if let Some(parent) = parents.max_by(|&a, &b| worst(a).total_cmp(&worst(b))) {
                    let own = self.link(parent, modem).modulation;
                    let before = reach[parent].and_then(|reach| reach.modulation);
                    next.push((modem, Reach { hops, parent, modulation: slower(own, before) }));
                }
            }
            ring = next.iter().map(|(modem, _)| *modem).collect();
            for (modem, found) in next {
                reach[modem] = Some(found);
            }
        }
        reach.into_iter().skip(1).collect()
    }
}

/// The slower of a modulation and, where there is one, that before it.
fn slower(own: Option<Modulation>, before: Option<Modulation>) -> Option<Modulation> {
    let rank = |of: Modulation| THRESHOLDS_DB.iter().position(|(modulation, _)| *modulation == of);
    match (own, before) {
        (Some(a), Some(b)) => Some(if rank(a) <= rank(b) { a } else { b }),
        (own, _) => own,
    }
}

fn link(there: Direction, back: Direction) -> Link {
    let least = there.snr_db.min(back.snr_db);
    let carried = THRESHOLDS_DB.iter().rev().find(|(_, threshold)| least >= threshold + REACH_MARGIN_DB);
    Link { there, back, modulation: carried.map(|(modulation, _)| *modulation) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeder::{Memory, ReadOptions, parse};
    use crate::scenario::{Loads, PhaseModel};
    use crate::world::World;

    #[test]
    fn links_with_the_coordinator_are_the_worlds() {
        let scenario = Scenario::village(2);
        let survey = Survey::new(&scenario).unwrap();
        for (index, world) in World::new(scenario.clone()).unwrap().links().iter().enumerate() {
            let link = survey.link(0, index + 1);
            assert!((link.there.snr_db - world.down.snr_db).abs() < 0.1, "{link:?} {world:?}");
            assert!((link.back.snr_db - world.up.snr_db).abs() < 0.1, "{link:?} {world:?}");
            assert_eq!(link.modulation.is_some(), world.in_reach);
        }
    }

    #[test]
    fn points_are_found_by_name() {
        let scenario = Scenario::village(1);
        let line = Line::new(&scenario);
        let survey = Survey::new(&scenario).unwrap();
        let at = |name: &str| terminal(&scenario, &line, name);
        assert_eq!(at("coordinator"), Ok(line.terminal(0)));
        assert_eq!(at("House-3"), Ok(line.terminal(3)));
        assert_eq!(at("house-3.3").unwrap().phases.first(), Some(Phase::L3));
        assert_eq!(at("street-4").unwrap().phases, PhaseSet::ALL);
        for (name, expected) in
            [("nowhere", "no meter"), ("street-4.5", "1, 2 or 3"), ("nowhere.1", "no meter")]
        {
            assert!(at(name).unwrap_err().contains(expected), "{name}");
        }
        let (a, b) = (at("coordinator").unwrap(), at("house-3").unwrap());
        assert_eq!(survey.between(a, b), survey.link(0, 3));
    }

    #[test]
    fn a_bus_inside_a_section_is_a_point_of_the_line_too_and_changes_nothing_else() {
        let files = |length_m: [f64; 2]| {
            let text = format!(
                "transformer = {{ bus = 's', kva = 400 }}\n\
                 [[line]]\nfrom = 's'\nto = 'm'\ncable = 'NAYY 4x50'\nlength_m = {}\n\
                 [[line]]\nfrom = 'm'\nto = 'b'\ncable = 'NAYY 4x50'\nlength_m = {}\n\
                 [[load]]\nbus = 'b'\nphase = 1\nappliances = [{{ kind = 'fixed', ohm = 30 }}]\n",
                length_m[0], length_m[1]
            );
            let files = Memory::default().with("f.toml", &text);
            Scenario::new(parse(&files, "f.toml", &ReadOptions::default()).unwrap().feeder, 1)
        };
        let mut cut = files([170.0, 230.0]);
        let whole = Line::new(&cut).transfer(90e3);
        assert_eq!(cut.feeder.sections.len(), 1);
        cut_at(&mut cut.feeder, &["m.1", "coordinator", "nowhere"]);
        let sections: Vec<_> = cut.feeder.sections.iter().map(|s| (s.from, s.to, s.length_m)).collect();
        assert_eq!(sections.iter().map(|section| section.2).collect::<Vec<_>>(), [170.0, 230.0]);
        assert!(sections[0].1 == sections[1].0 && sections[0].0 == cut.feeder.busbar);
        let line = Line::new(&cut);
        for (a, b) in whole.iter().zip(line.transfer(90e3)) {
            assert!((a - b).norm() <= 1e-9 * a.norm(), "{a} {b}");
        }
        // From the middle the far end is heard as over 230 m of cable alone with what the near side loads it with: nearer
        // than from the busbar, as far as from the middle to the end.
        let at = |name: &str| terminal(&cut, &line, name).unwrap();
        let gain = |from: &str| line.between(&[at(from)], &[at("b.1")], 90e3, 0.0)[0].norm();
        assert!(gain("m.1") > gain("coordinator"), "{} {}", gain("m.1"), gain("coordinator"));
        assert!(terminal(&cut, &line, "m.4").unwrap_err().contains("1, 2 or 3"));
    }

    #[test]
    fn the_bus_of_a_meter_hears_the_noise_that_the_meter_hears() {
        let mut scenario = Scenario::village(1);
        (scenario.noise, scenario.injected) = (vec!["n0=-110".parse().unwrap()], vec!["n1".parse().unwrap()]);
        let survey = Survey::new(&scenario).unwrap();
        for meter in [3, 9] {
            let own = survey.line().terminal(meter);
            let bus = Terminal { listens: false, ..own };
            let (of_meter, of_bus) = (survey.link(0, meter), survey.between(survey.line().terminal(0), bus));
            assert!((of_meter.there.snr_db - of_bus.there.snr_db).abs() < 0.1, "{of_meter:?} {of_bus:?}");
            assert!((of_meter.there.snr_db - of_meter.back.snr_db).abs() > 0.5, "{of_meter:?}");
        }
    }

    /// Two houses on one long overhead line: the far one hears only the near one.
    fn far_away() -> Scenario {
        let text = "transformer = { bus = 's', kva = 400 }\n\
            [[line]]\nfrom = 's'\nto = 'a'\ncable = 'NAYY 4x50'\nlength_m = 900\n\
            [[line]]\nfrom = 'a'\nto = 'b'\ncable = 'NAYY 4x50'\nlength_m = 900\n\
            [[load]]\nbus = 'a'\nphase = 1\nappliances = [{ kind = 'fixed', ohm = 30 }]\n\
            [[load]]\nbus = 'b'\nphase = 1\nappliances = [{ kind = 'fixed', ohm = 30 }]\n";
        let files = Memory::default().with("f.toml", text);
        let reading = parse(&files, "f.toml", &ReadOptions::default()).unwrap();
        Scenario::new(reading.feeder, 1)
    }

    #[test]
    fn every_band_has_links_of_its_own_and_higher_frequencies_are_lost_more() {
        let scenario = Scenario::village(1);
        let loss = |plan: &BandPlan| {
            let survey = Survey::of_band(&scenario, plan).unwrap();
            (1..survey.modems).map(|modem| survey.link(0, modem).there.loss_db).sum::<f32>()
        };
        let losses = BandPlan::ALL.map(|plan| (plan.name, loss(&plan)));
        let named = |plan: BandPlan| losses.iter().find(|(name, _)| *name == plan.name).unwrap().1;
        assert!(named(BandPlan::FCC_1_B) > named(BandPlan::FCC_1_A), "{losses:?}");
        assert!(named(BandPlan::FCC_1) > named(BandPlan::CENELEC_A), "{losses:?}");
    }

    #[test]
    fn a_repeater_and_a_second_station_reach_who_is_out_of_reach() {
        let mut scenario = far_away();
        // So weak that one hop carries and two do not.
        scenario.level_dbuv = (60..130)
            .map(f64::from)
            .find(|&level| {
                scenario.level_dbuv = level;
                Survey::new(&scenario).unwrap().link(0, 1).modulation.is_some()
            })
            .unwrap();
        let survey = Survey::new(&scenario).unwrap();
        assert!(survey.link(0, 2).modulation.is_none(), "{:?}", survey.link(0, 2));
        assert!(survey.link(1, 2).modulation.is_some(), "{:?}", survey.link(1, 2));
        let reach = survey.reach();
        assert_eq!(reach[0].map(|reach| (reach.hops, reach.parent)), Some((1, 0)));
        assert_eq!(reach[1].map(|reach| (reach.hops, reach.parent)), Some((2, 1)));
        let repeaters = survey.repeaters();
        assert_eq!(repeaters.iter().map(|r| (r.modem, r.more.clone())).collect::<Vec<_>>(), [(1, vec![2])]);
        let station = &survey.stations()[0];
        assert_eq!((station.bus.as_str(), station.in_reach), ("b", 2));
    }

    #[test]
    fn hours_of_heavy_load_are_worse() {
        let scenario = Scenario::village(1);
        let hours = hours(&scenario, &BandPlan::CENELEC_A).unwrap();
        assert_eq!(hours.len(), 24);
        // The village's households draw most in the evening.
        let at = |hour: usize| hours[hour].median_loss_db;
        assert!(at(19) > at(3) + 2.0, "{} dB at 19:00, {} dB at 3:00", at(19), at(3));
        let mut fixed = far_away();
        assert!(
            super::hours(&fixed, &BandPlan::CENELEC_A).unwrap().is_empty(),
            "nothing changes over the day"
        );
        fixed.loads = Loads::Appliances;
        assert!(
            super::hours(&fixed, &BandPlan::CENELEC_A).unwrap().is_empty(),
            "the file says what is switched on"
        );
    }

    #[test]
    fn maps_draw_every_meter_once() {
        let scenario = Scenario::village(1);
        let survey = Survey::new(&scenario).unwrap();
        let svg = map(&survey);
        assert_eq!(svg.matches("class=\"meter\"").count(), 12);
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        // Without coordinates the tree is laid out by distances.
        let mut unplaced = scenario.clone();
        unplaced.feeder.buses.iter_mut().for_each(|bus| bus.position = None);
        unplaced.feeder.loads[0].name = "<&>".into();
        let survey = Survey::new(&unplaced).unwrap();
        let svg = map(&survey);
        assert_eq!(svg.matches("class=\"meter\"").count(), 12);
        assert!(svg.contains("&lt;&amp;&gt;") && !svg.contains("<&>"));
    }

    #[test]
    fn names_on_maps_do_not_overlap() {
        let mut scenario = Scenario::village(1);
        // Names longer than the room there is.
        for load in &mut scenario.feeder.loads {
            load.name = format!("a home with a long name, {}", load.name);
        }
        let svg = map(&Survey::new(&scenario).unwrap());
        let number = |line: &str, key: &str| -> f64 {
            line.split(&format!("{key}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
        };
        let names: Vec<(f64, f64, f64)> = svg
            .lines()
            .filter(|line| line.contains("class=\"name\""))
            .map(|line| {
                let letters = line.split('>').nth(1).unwrap().split('<').next().unwrap().len();
                (number(line, "x"), number(line, "y"), 5.0 * letters as f64)
            })
            .collect();
        assert!(names.len() >= 4, "{svg}");
        for (index, a) in names.iter().enumerate() {
            for b in &names[..index] {
                let apart = (a.1 - b.1).abs() >= 9.0 || a.0 + a.2 < b.0 || b.0 + b.2 < a.0;
                assert!(apart, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn coupled_phases_and_appliances_are_surveyed_too() {
        let mut scenario = Scenario::village(1);
        scenario.phase_model = PhaseModel::Coupled;
        scenario.loads = Loads::Appliances;
        let survey = Survey::new(&scenario).unwrap();
        assert!(survey.reach().iter().all(Option::is_some));
    }
}

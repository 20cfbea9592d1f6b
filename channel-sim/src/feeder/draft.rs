//! What all readers have in common: buses by name, lines, loads and where they came from, and the last step from
//! these to a radial [`Feeder`](super::Feeder).

use super::{
    Bus, Feeder, FeederError, LineCode, Load, LoadShape, Phase, PhaseSet, Place, Reading, Report, Segment,
    TopologyError, Transformer, Unused, merge,
};
use std::collections::{BTreeMap, HashMap};

/// Something that a file describes, with where it does and what it calls it.
pub(super) struct Placed<T> {
    pub(super) item: T,
    pub(super) place: Place,
    /// Class and name.
    pub(super) object: String,
}

/// A feeder in the making.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) report: Report,
    pub(super) buses: Vec<Bus>,
    /// By name in lower case.
    pub(super) bus_index: HashMap<String, usize>,
    pub(super) line_codes: Vec<LineCode>,
    pub(super) lines: Vec<Placed<Segment>>,
    pub(super) shapes: Vec<LoadShape>,
    pub(super) loads: Vec<Placed<Load>>,
}

impl Draft {
    /// Notes something that is not used.
    pub(super) fn unused(&mut self, place: &Place, what: String, why: impl Into<String>) {
        self.report.unused.push(Unused { place: place.clone(), what, why: why.into() });
    }

    /// The bus of a name, new where there was none.
    pub(super) fn bus(&mut self, name: &str) -> usize {
        let next = self.buses.len();
        let index = *self.bus_index.entry(name.to_lowercase()).or_insert(next);
        if index == next {
            self.buses.push(Bus { name: name.to_string(), position: None });
        }
        index
    }

    /// The bus of a name, where there is one.
    pub(super) fn find_bus(&self, name: &str) -> Option<usize> {
        self.bus_index.get(&name.to_lowercase()).copied()
    }

    /// The radial feeder at the transformer's low-voltage bus.
    pub(super) fn finish(
        mut self,
        main: &str,
        name: String,
        transformer: Transformer,
        busbar: usize,
    ) -> Result<Reading, FeederError> {
        if self.loads.is_empty() {
            return Err(FeederError::NoLoads { file: main.to_string() });
        }
        for (quantity, value, [least, most], expected) in [
            ("kVA", transformer.kva, [1e-3, 1e7], "a rating from 0.001 to 1e7 kVA"),
            ("V", transformer.secondary_v, [1.0, 1e6], "a voltage from 1 V to 1 MV"),
            ("% reactance", transformer.reactance_percent, [1e-3, 100.0], "a reactance from 0.001 to 100 %"),
            ("Hz", transformer.mains_hz, [1.0, 1e3], "a mains frequency from 1 to 1000 Hz"),
        ] {
            if !(least..=most).contains(&value) {
                return Err(FeederError::Rating { file: main.to_string(), quantity, value, expected });
            }
        }
        let segments: Vec<Segment> = self.lines.iter().map(|line| line.item).collect();
        let mut keep = vec![false; self.buses.len()];
        for load in &self.loads {
            if let Some(flag) = keep.get_mut(load.item.bus) {
                *flag = true;
            }
        }
        let bus_name = |bus: usize| self.buses.get(bus).map_or(String::new(), |bus| bus.name.clone());
        let merged = merge(self.buses.len(), &segments, busbar, |bus| keep.get(bus).copied().unwrap_or(true));
        let merged = merged.map_err(|error| {
            let (TopologyError::Loop { segment } | TopologyError::UnknownBus { segment, .. }) = error;
            match self.lines.get(segment) {
                Some(line) => FeederError::Loop {
                    place: line.place.clone(),
                    object: line.object.clone(),
                    buses: line.item.buses.map(bus_name).join(" to "),
                },
                None => FeederError::NoTransformer { file: main.to_string() },
            }
        })?;
        // The phases that reach each bus, from the transformer on.
        let mut phases: BTreeMap<usize, PhaseSet> = BTreeMap::from([(busbar, PhaseSet::ALL)]);
        for section in &merged.sections {
            let before = phases.get(&section.from).copied().unwrap_or(PhaseSet::NONE);
            let through = Phase::ALL
                .into_iter()
                .filter(|phase| before.contains(*phase) && section.phases.contains(*phase))
                .fold(PhaseSet::NONE, PhaseSet::with);
            phases.insert(section.to, through);
        }
        for load in &self.loads {
            if !phases.get(&load.item.bus).is_some_and(|set| set.contains(load.item.phase)) {
                return Err(FeederError::Unconnected {
                    place: load.place.clone(),
                    object: load.object.clone(),
                    bus: bus_name(load.item.bus),
                    busbar: bus_name(busbar),
                });
            }
        }
        for &segment in &merged.unconnected {
            if let Some(line) = self.lines.get(segment) {
                self.report.unused.push(Unused {
                    place: line.place.clone(),
                    what: line.object.clone(),
                    why: "not connected to the transformer's low-voltage bus".to_string(),
                });
            }
        }
        let feeder = Feeder {
            name,
            busbar,
            buses: self.buses,
            line_codes: self.line_codes,
            sections: merged.sections,
            transformer,
            loads: self.loads.into_iter().map(|load| load.item).collect(),
            shapes: self.shapes,
            line_count: segments.len(),
        };
        Ok(Reading { feeder, report: self.report })
    }
}

//! From objects with properties to a [`Feeder`].

use super::interpreter::{Class, Interpreted, Object, Property, file_reason, resolve};
use super::lexer::{elements, pairs, statements};
use super::{FeederError, Files, Place, Reading, Report, Unused};
use crate::feeder::{
    Bus, Feeder, LineCode, Load, LoadShape, Phase, PhaseSet, Position, Segment, TopologyError, Transformer,
    merge,
};
use std::collections::{BTreeMap, HashMap};

/// Values in one load shape: a year of minutes and a little.
const MAX_SHAPE_VALUES: usize = 600_000;

/// Builds the feeder from what the statements said.
pub(super) fn build(files: &dyn Files, main: &str, from: Interpreted) -> Result<Reading, FeederError> {
    let mains_hz = match &from.base_frequency_hz {
        Some((text, place)) => positive(text, || value_error(place, "Set", "DefaultBaseFrequency", text))?,
        None => 60.0, // OpenDSS's own default
    };
    let mut builder = Builder {
        files,
        main,
        report: from.report,
        buses: Vec::new(),
        bus_index: HashMap::new(),
        line_codes: Vec::new(),
        line_code_units: Vec::new(),
    };
    let objects = from.objects;
    let of = |class: Class| objects.iter().filter(move |object| object.class == class);
    let (transformer, busbar) = builder.transformer(of(Class::Transformer), mains_hz)?;
    for object in of(Class::LineCode) {
        builder.line_code(object)?;
    }
    let lines = builder.lines(of(Class::Line))?;
    let (shapes, shape_index) = builder.shapes(of(Class::LoadShape))?;
    let loads = builder.loads(of(Class::Load), &shape_index)?;
    if loads.is_empty() {
        return Err(FeederError::NoLoads { file: main.to_string() });
    }
    for (name, place) in &from.coordinates {
        builder.coordinates(name, place);
    }
    builder.finish(from.circuit, transformer, busbar, lines, shapes, loads)
}

struct Builder<'a> {
    files: &'a dyn Files,
    main: &'a str,
    report: Report,
    buses: Vec<Bus>,
    /// By name in lower case.
    bus_index: HashMap<String, usize>,
    line_codes: Vec<LineCode>,
    line_code_units: Vec<Option<f64>>,
}

/// Something built and the object it was built from.
struct From<'o, T> {
    item: T,
    object: &'o Object,
}

impl Builder<'_> {
    fn unused(&mut self, place: &Place, what: String, why: impl Into<String>) {
        self.report.unused.push(Unused { place: place.clone(), what, why: why.into() });
    }

    fn bus(&mut self, name: &str) -> usize {
        let next = self.buses.len();
        let index = *self.bus_index.entry(name.to_lowercase()).or_insert(next);
        if index == next {
            self.buses.push(Bus { name: name.to_string(), position: None });
        }
        index
    }

    /// A bus name with its nodes: `34.1` is phase 1 of bus 34; without nodes, `phases` from 1 on.
    fn bus_and_phases(
        &mut self,
        object: &Object,
        property: &str,
        text: &str,
        phases: u32,
    ) -> Result<(usize, PhaseSet), FeederError> {
        let mut parts = text.split('.');
        let name = parts.next().unwrap_or_default().trim();
        let bad = || property_error(object, property, text, "bus or bus.node with nodes 0 to 4");
        if name.is_empty() {
            return Err(bad());
        }
        let mut set = PhaseSet::NONE;
        let mut any = false;
        for node in parts {
            let node: u32 = node.trim().parse().map_err(|_| bad())?;
            any = true;
            match (Phase::from_node(node), node) {
                (Some(phase), _) => set = set.with(phase),
                (None, 0 | 4) => {} // the neutral
                _ => return Err(bad()),
            }
        }
        if !any {
            set = Phase::ALL.into_iter().take(phases as usize).fold(set, PhaseSet::with);
        }
        if set.is_empty() {
            return Err(bad());
        }
        Ok((self.bus(name), set))
    }

    fn transformer<'o>(
        &mut self,
        objects: impl Iterator<Item = &'o Object>,
        mains_hz: f64,
    ) -> Result<(Transformer, usize), FeederError> {
        let mut found: Option<(Transformer, usize)> = None;
        for object in objects.filter(|object| enabled(object)) {
            if found.is_some() {
                self.unused(&object.place, object.display.clone(), "only the first transformer is used");
                continue;
            }
            // Windings by `buses=[..]` or by `wdg=2 bus=..`: the last value of winding 2 stands.
            let mut winding = 1;
            let (mut bus, mut kv, mut kva) = (None, None, None);
            for (name, property) in &object.sequence {
                let text = property.value.as_str();
                let second = || elements(text).into_iter().nth(1);
                match name.as_str() {
                    "wdg" => winding = number(object, name, property)? as usize,
                    "buses" => bus = second(),
                    "kvs" => kv = second().map(|text| (name.clone(), text)),
                    "kvas" => kva = second().map(|text| (name.clone(), text)),
                    "bus" if winding == 2 => bus = Some(text.to_string()),
                    "kv" if winding == 2 => kv = Some((name.clone(), text.to_string())),
                    "kva" if winding == 2 => kva = Some((name.clone(), text.to_string())),
                    _ => {}
                }
            }
            let missing = |property| FeederError::MissingProperty {
                place: object.place.clone(),
                object: object.display.clone(),
                property,
            };
            let rating = |given: Option<(String, String)>, property| {
                let (name, text) = given.ok_or_else(|| missing(property))?;
                positive(&text, || property_error(object, &name, &text, "a positive number"))
            };
            let bus = bus.ok_or_else(|| missing("buses (second winding)"))?;
            let (bus, _) = self.bus_and_phases(object, "buses", &bus, 3)?;
            let reactance = match object.property("xhl").or(object.property("x12")) {
                Some(property) => positive_number(object, "xhl", property)?,
                None => 7.0, // OpenDSS's own default
            };
            let transformer = Transformer {
                kva: rating(kva, "kvas (second winding)")?,
                secondary_v: rating(kv, "kvs (second winding)")? * 1_000.0,
                reactance_percent: reactance,
                mains_hz,
            };
            found = Some((transformer, bus));
        }
        found.ok_or_else(|| FeederError::NoTransformer { file: self.main.to_string() })
    }

    fn line_code(&mut self, object: &Object) -> Result<(), FeederError> {
        let units = units(object)?;
        let r1 = match object.property("r1") {
            Some(property) => Some(positive_number(object, "r1", property)? / units.unwrap_or(1.0)),
            None => None,
        };
        self.line_codes.push(LineCode { name: object.name.clone(), r1_ohm_per_m: r1 });
        self.line_code_units.push(units);
        Ok(())
    }

    fn lines<'o>(
        &mut self,
        objects: impl Iterator<Item = &'o Object>,
    ) -> Result<Vec<From<'o, Segment>>, FeederError> {
        let codes: HashMap<String, usize> =
            self.line_codes.iter().enumerate().map(|(index, code)| (code.name.clone(), index)).collect();
        let mut lines = Vec::new();
        for object in objects {
            if !enabled(object) {
                self.unused(&object.place, object.display.clone(), "not enabled");
                continue;
            }
            let phases = phase_count(object, 3)?;
            let [a, b] = ["bus1", "bus2"].map(|property| {
                let text = required(object, property)?;
                self.bus_and_phases(object, property, &text.value, phases)
            });
            let ((a, phases), (b, _)) = (a?, b?);
            let (line_code, code_units) = match object.property("linecode") {
                Some(property) => {
                    let found = codes.get(&property.value.to_lowercase()).copied();
                    let index = found.ok_or_else(|| FeederError::UnknownName {
                        place: property.place.clone(),
                        object: object.display.clone(),
                        property: "linecode".into(),
                        value: property.value.clone(),
                    })?;
                    (index, self.line_code_units.get(index).copied().flatten())
                }
                // A line with its own resistance is a cable of its own.
                None => {
                    let r1 = required(object, "r1")?;
                    let per_m = positive_number(object, "r1", r1)? / units(object)?.unwrap_or(1.0);
                    self.line_codes.push(LineCode { name: object.name.clone(), r1_ohm_per_m: Some(per_m) });
                    self.line_code_units.push(None);
                    (self.line_codes.len() - 1, None)
                }
            };
            let metres = match units(object)?.or(code_units) {
                Some(metres) => metres,
                None => {
                    self.unused(&object.place, object.display.clone(), "no units given, taken as metres");
                    1.0
                }
            };
            let length_m = match object.property("length") {
                Some(property) => number(object, "length", property)? * metres,
                None => metres, // OpenDSS's own default is 1
            };
            if !(0.0..=100_000.0).contains(&length_m) {
                let property = object.property("length");
                let text = property.map_or(String::new(), |property| property.value.clone());
                return Err(property_error(object, "length", &text, "a length from 0 to 100 km"));
            }
            lines.push(From { item: Segment { buses: [a, b], length_m, line_code, phases }, object });
        }
        Ok(lines)
    }

    fn shapes<'o>(
        &mut self,
        objects: impl Iterator<Item = &'o Object>,
    ) -> Result<(Vec<LoadShape>, HashMap<String, usize>), FeederError> {
        let mut shapes = Vec::new();
        let mut index = HashMap::new();
        for object in objects {
            if let Some(shape) = self.shape(object)? {
                index.insert(object.name.clone(), shapes.len());
                shapes.push(shape);
            }
        }
        Ok((shapes, index))
    }

    /// A load shape, or `None` and a report where its values are not there.
    fn shape(&mut self, object: &Object) -> Result<Option<LoadShape>, FeederError> {
        let mut interval_s = 3_600.0;
        for (name, seconds) in [("interval", 3_600.0), ("minterval", 60.0), ("sinterval", 1.0)] {
            if let Some(property) = object.property(name) {
                interval_s = number(object, name, property)? * seconds;
                let whole = interval_s.fract() == 0.0 && (1.0..=86_400.0).contains(&interval_s);
                if !whole {
                    return Err(property_error(object, name, &property.value, "whole seconds, 1 s to 24 h"));
                }
            }
        }
        let source =
            ["mult", "pmult", "csvfile"].into_iter().find_map(|name| Some((name, object.property(name)?)));
        let Some((name, property)) = source else {
            self.unused(&object.place, object.display.clone(), "no values: loads draw their rated power");
            return Ok(None);
        };
        let Some(mut values_micro) = self.shape_values(object, name, property)? else { return Ok(None) };
        if let Some(property) = object.property("npts") {
            let points =
                whole_number(&property.value, || property_error(object, "npts", &property.value, COUNT))?;
            if values_micro.len() < points {
                let why = format!(
                    "{} values where npts is {points}; they repeat after the last",
                    values_micro.len()
                );
                self.unused(&object.place, object.display.clone(), why);
            }
            values_micro.truncate(points);
        }
        let use_actual = object.property("useactual").is_some_and(|property| is_yes(&property.value));
        Ok(Some(LoadShape {
            name: object.name.clone(),
            interval_s: interval_s as u32,
            values_micro,
            use_actual,
        }))
    }

    fn shape_values(
        &mut self,
        object: &Object,
        name: &str,
        property: &Property,
    ) -> Result<Option<Vec<i64>>, FeederError> {
        let named = pairs(&property.place, &property.value);
        let option = |key: &str| named.iter().find(|pair| pair.name.as_deref() == Some(key));
        let file = match (name, option("file").or(option("csvfile"))) {
            ("csvfile", None) => Some(property.value.clone()),
            (_, Some(pair)) => Some(pair.value.clone()),
            (_, None) => None,
        };
        let Some(file) = file else {
            let words = elements(&property.value);
            let values = words
                .iter()
                .map(|word| micro(word).ok_or_else(|| property_error(object, name, word, "a number")));
            let values = values.take(MAX_SHAPE_VALUES).collect::<Result<Vec<i64>, _>>()?;
            return Ok((!values.is_empty()).then_some(values));
        };
        let column = match option("col") {
            Some(pair) => whole_number(&pair.value, || property_error(object, "col", &pair.value, COUNT))?,
            None => 1,
        };
        let skip = usize::from(option("header").is_some_and(|pair| is_yes(&pair.value)));
        let path = resolve(&property.folder, &file);
        let content = match self.files.read(&path) {
            Ok(content) => content,
            Err(error) => {
                let why = format!("{}: loads draw their rated power", file_reason(&error));
                self.unused(&property.place, format!("{} {name}=(file={file})", object.display), why);
                return Ok(None);
            }
        };
        let text = String::from_utf8_lossy(&content);
        let mut values = Vec::new();
        for (index, line) in text.lines().enumerate().skip(skip) {
            if line.trim().is_empty() {
                continue;
            }
            let word = elements(line).into_iter().nth(column - 1).unwrap_or_default();
            let value = micro(&word).ok_or_else(|| FeederError::Value {
                place: Place { file: path.as_str().into(), line: index + 1 },
                object: object.display.clone(),
                property: name.to_string(),
                value: word.chars().take(40).collect(),
                expected: "a number",
            })?;
            if values.len() >= MAX_SHAPE_VALUES {
                let place = Place { file: path.as_str().into(), line: index + 1 };
                return Err(FeederError::TooMany {
                    place,
                    what: "load shape values",
                    limit: MAX_SHAPE_VALUES,
                });
            }
            values.push(value);
        }
        if values.is_empty() {
            self.unused(
                &property.place,
                format!("{} {name}=(file={file})", object.display),
                "the file holds no values: loads draw their rated power",
            );
            return Ok(None);
        }
        Ok(Some(values))
    }

    fn loads<'o>(
        &mut self,
        objects: impl Iterator<Item = &'o Object>,
        shapes: &HashMap<String, usize>,
    ) -> Result<Vec<From<'o, Load>>, FeederError> {
        let mut loads = Vec::new();
        for object in objects {
            if !enabled(object) {
                self.unused(&object.place, object.display.clone(), "not enabled");
                continue;
            }
            let bus = required(object, "bus1")?;
            let (bus_index, phases) =
                self.bus_and_phases(object, "bus1", &bus.value, phase_count(object, 3)?)?;
            if phases.len() > 1 {
                let why = "several phases: its meter's modem and its impedance are on the first";
                self.unused(&object.place, object.display.clone(), why);
            }
            let kw = match object.property("kw") {
                Some(property) => (number(object, "kw", property)?, property.value.clone()),
                None => (10.0, String::new()), // OpenDSS's own default
            };
            if kw.0.abs() > 1e6 {
                return Err(property_error(object, "kw", &kw.1, "a power of at most 1e6 kW"));
            }
            let shape = ["yearly", "daily", "duty"].into_iter().find_map(|name| object.property(name));
            let shape_index = shape.and_then(|property| shapes.get(&property.value.to_lowercase()).copied());
            if let (Some(property), None) = (shape, shape_index) {
                let what = format!("{} load shape {}", object.display, property.value);
                self.unused(&property.place, what, "not there: the load draws its rated power");
            }
            let Some(phase) = phases.first() else { continue };
            let load = Load {
                name: object.name.clone(),
                bus: bus_index,
                phase,
                rated_mw: (kw.0 * 1e6).round() as i64,
                shape: shape_index,
            };
            loads.push(From { item: load, object });
        }
        Ok(loads)
    }

    fn coordinates(&mut self, name: &str, place: &Place) {
        let content = match self.files.read(name) {
            Ok(content) => content,
            Err(error) => {
                self.unused(place, format!("bus coordinates {name}"), file_reason(&error));
                return;
            }
        };
        // Each line is `bus, x, y`; the lexer knows comments, quotes and separators.
        for line in statements(&name.into(), &content) {
            let number = |index: usize| -> Option<f64> {
                let value: f64 = line.parameters.get(index)?.value.parse().ok()?;
                value.is_finite().then_some(value)
            };
            match (self.bus_index.get(&line.verb.to_lowercase()), number(0), number(1)) {
                (Some(&bus), Some(x_m), Some(y_m)) => {
                    if let Some(bus) = self.buses.get_mut(bus) {
                        bus.position = Some(Position { x_m, y_m });
                    }
                }
                (None, Some(_), Some(_)) => self.unused(&line.place, line.text.clone(), "no such bus"),
                _ => self.unused(&line.place, line.text.clone(), "not a bus name and two coordinates"),
            }
        }
    }

    fn finish(
        mut self,
        circuit: String,
        transformer: Transformer,
        busbar: usize,
        lines: Vec<From<'_, Segment>>,
        shapes: Vec<LoadShape>,
        loads: Vec<From<'_, Load>>,
    ) -> Result<Reading, FeederError> {
        let segments: Vec<Segment> = lines.iter().map(|line| line.item).collect();
        let mut keep = vec![false; self.buses.len()];
        for load in &loads {
            if let Some(flag) = keep.get_mut(load.item.bus) {
                *flag = true;
            }
        }
        let bus_name = |bus: usize| self.buses.get(bus).map_or(String::new(), |bus| bus.name.clone());
        let merged = merge(self.buses.len(), &segments, busbar, |bus| keep.get(bus).copied().unwrap_or(true));
        let merged = merged.map_err(|error| {
            let (TopologyError::Loop { segment } | TopologyError::UnknownBus { segment, .. }) = error;
            match lines.get(segment) {
                Some(line) => FeederError::Loop {
                    place: line.object.place.clone(),
                    object: line.object.display.clone(),
                    buses: line.item.buses.map(bus_name).join(" to "),
                },
                None => FeederError::NoTransformer { file: self.main.to_string() },
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
        for load in &loads {
            if !phases.get(&load.item.bus).is_some_and(|set| set.contains(load.item.phase)) {
                return Err(FeederError::Unconnected {
                    place: load.object.place.clone(),
                    object: load.object.display.clone(),
                    bus: bus_name(load.item.bus),
                    busbar: bus_name(busbar),
                });
            }
        }
        for &segment in &merged.unconnected {
            if let Some(line) = lines.get(segment) {
                let why = "not connected to the transformer's low-voltage bus";
                self.report.unused.push(Unused {
                    place: line.object.place.clone(),
                    what: line.object.display.clone(),
                    why: why.to_string(),
                });
            }
        }
        let feeder = Feeder {
            name: circuit,
            busbar,
            buses: self.buses,
            line_codes: self.line_codes,
            sections: merged.sections,
            transformer,
            loads: loads.into_iter().map(|load| load.item).collect(),
            shapes,
            line_count: segments.len(),
        };
        Ok(Reading { feeder, report: self.report })
    }
}

/// What `npts` and `col` take.
const COUNT: &str = "a whole number from 1";

fn value_error(place: &Place, object: &str, property: &str, value: &str) -> FeederError {
    FeederError::Value {
        place: place.clone(),
        object: object.to_string(),
        property: property.to_string(),
        value: value.to_string(),
        expected: "a positive number",
    }
}

fn property_error(object: &Object, property: &str, value: &str, expected: &'static str) -> FeederError {
    let place = object.property(property).map_or(&object.place, |property| &property.place);
    FeederError::Value {
        place: place.clone(),
        object: object.display.clone(),
        property: property.to_string(),
        value: value.to_string(),
        expected,
    }
}

fn required<'o>(object: &'o Object, property: &'static str) -> Result<&'o Property, FeederError> {
    object.property(property).ok_or_else(|| FeederError::MissingProperty {
        place: object.place.clone(),
        object: object.display.clone(),
        property,
    })
}

fn number(object: &Object, name: &str, property: &Property) -> Result<f64, FeederError> {
    let parsed: Option<f64> = property.value.trim().parse().ok();
    parsed
        .filter(|value| value.is_finite())
        .ok_or_else(|| property_error(object, name, &property.value, "a number"))
}

fn positive_number(object: &Object, name: &str, property: &Property) -> Result<f64, FeederError> {
    positive(&property.value, || property_error(object, name, &property.value, "a positive number"))
}

fn positive(text: &str, error: impl FnOnce() -> FeederError) -> Result<f64, FeederError> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err(error()),
    }
}

fn whole_number(text: &str, error: impl FnOnce() -> FeederError) -> Result<usize, FeederError> {
    text.trim().parse::<std::num::NonZeroUsize>().map(Into::into).map_err(|_| error())
}

fn phase_count(object: &Object, default: u32) -> Result<u32, FeederError> {
    let Some(property) = object.property("phases") else { return Ok(default) };
    match property.value.trim().parse::<u32>() {
        Ok(count @ 1..=3) => Ok(count),
        _ => Err(property_error(object, "phases", &property.value, "1, 2 or 3 phases")),
    }
}

fn enabled(object: &Object) -> bool {
    object.property("enabled").is_none_or(|property| is_yes(&property.value))
}

fn is_yes(text: &str) -> bool {
    matches!(text.trim().to_lowercase().chars().next(), Some('y' | 't'))
}

/// A decimal number in millionths.
fn micro(text: &str) -> Option<i64> {
    let value: f64 = text.trim().parse().ok()?;
    (value.abs() < 1e9).then(|| (value * 1e6).round() as i64)
}

/// Metres in the object's unit; `None` where it has none.
fn units(object: &Object) -> Result<Option<f64>, FeederError> {
    let Some(property) = object.property("units") else { return Ok(None) };
    Ok(Some(match property.value.trim().to_lowercase().as_str() {
        "none" => return Ok(None),
        "mi" => 1_609.344,
        "kft" => 304.8,
        "km" => 1_000.0,
        "m" | "me" => 1.0,
        "ft" => 0.3048,
        "in" => 0.0254,
        "cm" => 0.01,
        "mm" => 0.001,
        other => {
            return Err(property_error(object, "units", other, "one of none mi kft km m ft in cm mm"));
        }
    }))
}

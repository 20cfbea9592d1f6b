//! From objects with properties to a [`Feeder`](crate::feeder::Feeder).

use super::interpreter::{Class, Interpreted, Object, file_reason};
use super::lexer::{elements, statements};
use super::values::{
    enabled, number, option, phase_count, positive, positive_number, property_error, required, resistance,
    units, value_error,
};
use super::{FeederError, Files, Place, ReadOptions, Reading};
use crate::feeder::draft::{Draft, Placed};
use crate::feeder::{LineCode, Load, Phase, PhaseSet, Position, Segment, Transformer};
use crate::line::cable::named;
use std::collections::HashMap;

/// Builds the feeder from what the statements said.
pub(super) fn build(
    files: &dyn Files,
    main: &str,
    options: &ReadOptions,
    from: Interpreted,
) -> Result<Reading, FeederError> {
    let mains_hz = match &from.base_frequency_hz {
        Some((text, place)) => positive(text, || value_error(place, "Set", "DefaultBaseFrequency", text))?,
        None => 60.0, // OpenDSS's own default
    };
    let draft = Draft { report: from.report, ..Draft::default() };
    let mut builder = Builder { files, main, draft, line_code_units: Vec::new() };
    let objects = from.objects;
    let of = |class: Class| objects.iter().filter(move |object| object.class == class);
    let (transformer, busbar) = builder.transformer(of(Class::Transformer), options, mains_hz)?;
    for object in of(Class::LineCode) {
        builder.line_code(object)?;
    }
    builder.lines(of(Class::Line))?;
    let shape_index = builder.shapes(of(Class::LoadShape))?;
    builder.loads(of(Class::Load), &shape_index)?;
    for (name, place) in &from.coordinates {
        builder.coordinates(name, place);
    }
    builder.draft.finish(main, from.circuit, transformer, busbar)
}

/// Active power of a load: `kw`, or `kva` times the power factor, whichever was given last.
fn rated_kw(object: &Object) -> Result<f64, FeederError> {
    // OpenDSS's own defaults.
    let (mut kw, mut kva, mut factor) = (10.0, None, 0.88);
    for (name, property) in &object.sequence {
        match name.as_str() {
            "kw" => (kw, kva) = (number(object, name, property)?, None),
            "kva" => kva = Some(number(object, name, property)?),
            "pf" => factor = number(object, name, property)?,
            _ => continue,
        }
        if property.value.is_empty()
            || kw.abs().max(kva.unwrap_or(0.0)) > 1e6
            || kva.is_some_and(|kva| kva < 0.0)
        {
            return Err(property_error(object, name, &property.value, "a power of at most 1e6 kW"));
        }
        if factor.abs() > 1.0 {
            return Err(property_error(object, name, &property.value, "a power factor from -1 to 1"));
        }
    }
    // A negative power factor means that active and reactive power have opposite signs.
    Ok(kva.map_or(kw, |kva: f64| kva * factor.abs()))
}

pub(super) struct Builder<'a> {
    pub(super) files: &'a dyn Files,
    main: &'a str,
    pub(super) draft: Draft,
    line_code_units: Vec<Option<f64>>,
}

impl Builder<'_> {
    pub(super) fn unused(&mut self, place: &Place, what: String, why: impl Into<String>) {
        self.draft.unused(place, what, why);
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
        Ok((self.draft.bus(name), set))
    }

    fn transformer<'o>(
        &mut self,
        objects: impl Iterator<Item = &'o Object>,
        options: &ReadOptions,
        mains_hz: f64,
    ) -> Result<(Transformer, usize), FeederError> {
        let mut found: Option<(Transformer, usize)> = None;
        let mut there = Vec::new();
        for object in objects.filter(|object| enabled(object)) {
            there.push(object.name.clone());
            let wanted =
                options.transformer.as_deref().is_none_or(|name| object.name.eq_ignore_ascii_case(name));
            if found.is_some() || !wanted {
                self.unused(&object.place, object.display.clone(), "only one transformer is used");
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
        found.ok_or_else(|| match &options.transformer {
            Some(wanted) if !there.is_empty() => {
                FeederError::UnknownTransformer { file: self.main.to_string(), wanted: wanted.clone(), there }
            }
            _ => FeederError::NoTransformer { file: self.main.to_string() },
        })
    }

    fn line_code(&mut self, object: &Object) -> Result<(), FeederError> {
        let units = units(object)?;
        let r1 = resistance(object)?.map(|r1| r1 / units.unwrap_or(1.0));
        if r1.is_none() && named(&object.name).is_none() {
            self.unused(
                &object.place,
                object.display.clone(),
                "no r1, no rmatrix, no known name: taken as NAYY 4x50",
            );
        }
        self.draft.line_codes.push(LineCode {
            name: object.name.clone(),
            r1_ohm_per_m: r1,
            ..LineCode::default()
        });
        self.line_code_units.push(units);
        Ok(())
    }

    fn lines<'o>(&mut self, objects: impl Iterator<Item = &'o Object>) -> Result<(), FeederError> {
        let codes: HashMap<String, usize> = self
            .draft
            .line_codes
            .iter()
            .enumerate()
            .map(|(index, code)| (code.name.clone(), index))
            .collect();
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
                    let r1 = resistance(object)?.ok_or_else(|| FeederError::MissingProperty {
                        place: object.place.clone(),
                        object: object.display.clone(),
                        property: "r1 (or rmatrix, or linecode)",
                    })?;
                    let per_m = r1 / units(object)?.unwrap_or(1.0);
                    self.draft.line_codes.push(LineCode {
                        name: object.name.clone(),
                        r1_ohm_per_m: Some(per_m),
                        ..LineCode::default()
                    });
                    self.line_code_units.push(None);
                    (self.draft.line_codes.len() - 1, None)
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
            self.draft.lines.push(Placed {
                item: Segment { buses: [a, b], length_m, line_code, phases },
                place: object.place.clone(),
                object: object.display.clone(),
            });
        }
        Ok(())
    }

    fn loads<'o>(
        &mut self,
        objects: impl Iterator<Item = &'o Object>,
        shapes: &HashMap<String, usize>,
    ) -> Result<(), FeederError> {
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
            let kw = rated_kw(object)?;
            let shape = ["yearly", "daily", "duty"].into_iter().find_map(|name| object.property(name));
            let shape_index = shape.and_then(|property| shapes.get(&property.value.to_lowercase()).copied());
            if let (Some(property), None) = (shape, shape_index) {
                let what = format!("{} load shape {}", object.display, property.value);
                self.unused(&property.place, what, "not there: the load draws its rated power");
            }
            // No curve applies to a fixed load. An exempt one is free of the global multiplier alone, which is not used.
            let status = object.property("status");
            let said = status.map(|property| option(&property.value, &["variable", "fixed", "exempt"]));
            if let (Some(property), Some(None)) = (status, said) {
                let what = format!("{} status={}", object.display, property.value);
                self.unused(&property.place, what, "not variable, fixed or exempt: taken as variable");
            }
            let is_fixed = said.flatten() == Some("fixed");
            let Some(phase) = phases.first() else { continue };
            let load = Load {
                name: object.name.clone(),
                bus: bus_index,
                phase,
                rated_mw: (kw * 1e6).round() as i64,
                shape: shape_index.filter(|_| !is_fixed),
                appliances: Vec::new(),
            };
            self.draft.loads.push(Placed {
                item: load,
                place: object.place.clone(),
                object: object.display.clone(),
            });
        }
        Ok(())
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
            match (self.draft.find_bus(&line.verb), number(0), number(1)) {
                (Some(bus), Some(x_m), Some(y_m)) => {
                    if let Some(bus) = self.draft.buses.get_mut(bus) {
                        bus.position = Some(Position { x_m, y_m });
                    }
                }
                (None, Some(_), Some(_)) => self.unused(&line.place, line.text.clone(), "no such bus"),
                _ => self.unused(&line.place, line.text.clone(), "not a bus name and two coordinates"),
            }
        }
    }
}

//! Reads a feeder from a TOML file of our own, for feeders made by hand. `docs/line.md` describes it, and
//! `channel-sim/feeders/` has an example.
//!
//! ```
//! use channel_sim::feeder::{Memory, parse};
//! let files = Memory::default().with("lane.toml", r#"
//!     name = "Lane"
//!     transformer = { bus = "station", kva = 250 }
//!     [[line]]
//!     from = "station"
//!     to = "house"
//!     cable = "NAYY 4x50"
//!     length_m = 80
//!     [[load]]
//!     bus = "house"
//!     phase = 2
//! "#);
//! let feeder = parse(&files, "lane.toml", &Default::default())?.feeder;
//! assert_eq!(feeder.sections[0].length_m, 80.0);
//! # Ok::<(), channel_sim::feeder::FeederError>(())
//! ```

use super::draft::{Draft, Placed};
use super::{
    FeederError, Files, LineCode, Load, Phase, PhaseSet, Place, Position, ReadOptions, Reading, Segment,
    Transformer,
};
use crate::line::cable::{Cable, Conductor, Insulation, named};
use crate::line::load::Appliance;
use ::toml::Spanned;
use serde::Deserialize;
use std::collections::HashMap;
use std::rc::Rc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    name: String,
    transformer: Option<TransformerEntry>,
    #[serde(default)]
    cable: Vec<Spanned<CableEntry>>,
    #[serde(default)]
    bus: Vec<Spanned<BusEntry>>,
    #[serde(default)]
    line: Vec<Spanned<LineEntry>>,
    #[serde(default)]
    load: Vec<Spanned<LoadEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransformerEntry {
    bus: String,
    kva: Spanned<f64>,
    #[serde(default)]
    volts: Option<Spanned<f64>>,
    #[serde(default)]
    reactance_percent: Option<Spanned<f64>>,
    #[serde(default)]
    mains_hz: Option<Spanned<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CableEntry {
    name: Spanned<String>,
    kind: CableKind,
    section_mm2: Spanned<f64>,
    #[serde(default)]
    conductor: Metal,
    #[serde(default)]
    insulation: InsulationKind,
    #[serde(default)]
    insulation_mm: Option<Spanned<f64>>,
    #[serde(default)]
    spacing_m: Option<Spanned<f64>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum CableKind {
    Sector,
    Bundle,
    Overhead,
    Coaxial,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Metal {
    #[default]
    Aluminium,
    Copper,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum InsulationKind {
    #[default]
    Pvc,
    Polyethylene,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BusEntry {
    name: Spanned<String>,
    x_m: Spanned<f64>,
    y_m: Spanned<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineEntry {
    from: String,
    to: String,
    cable: Spanned<String>,
    length_m: Spanned<f64>,
    #[serde(default)]
    phases: Option<Spanned<Vec<u32>>>,
}

/// A phase by number or name.
#[derive(Deserialize)]
#[serde(untagged)]
enum PhaseEntry {
    Number(i64),
    Name(String),
}

impl PhaseEntry {
    fn phase(&self) -> Option<Phase> {
        match self {
            Self::Number(number) => Phase::from_node(u32::try_from(*number).ok()?),
            Self::Name(name) => Phase::from_node(name.to_uppercase().strip_prefix('L')?.parse().ok()?),
        }
    }
}

impl std::fmt::Display for PhaseEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadEntry {
    #[serde(default)]
    name: Option<String>,
    bus: String,
    phase: Spanned<PhaseEntry>,
    #[serde(default)]
    kw: Option<Spanned<f64>>,
    #[serde(default)]
    appliances: Option<Spanned<Vec<Appliance>>>,
}

/// Reads the feeder in the file `main`. It has one transformer, without a name.
pub fn parse(files: &dyn Files, main: &str, options: &ReadOptions) -> Result<Reading, FeederError> {
    let content = files.read(main).map_err(|error| FeederError::Main { name: main.to_string(), error })?;
    let source = Source { file: main.into(), text: &String::from_utf8_lossy(&content) };
    let file: File = ::toml::from_str(source.text).map_err(|error| FeederError::Syntax {
        place: source.place(error.span().map_or(0, |span| span.start)),
        reason: error.message().to_string(),
    })?;
    let mut draft = Draft::default();
    let Some(entry) = &file.transformer else {
        return Err(FeederError::NoTransformer { file: main.to_string() });
    };
    if let Some(wanted) = &options.transformer {
        let (file, wanted) = (main.to_string(), wanted.clone());
        return Err(FeederError::UnknownTransformer { file, wanted, there: Vec::new() });
    }
    let busbar = draft.bus(&entry.bus);
    let positive =
        |property, value: &Spanned<f64>| source.within("transformer", property, value, 1e-6, 1e9, POSITIVE);
    let or = |property, value: &Option<Spanned<f64>>, default| match value {
        Some(value) => positive(property, value),
        None => Ok(default),
    };
    let transformer = Transformer {
        kva: positive("kva", &entry.kva)?,
        secondary_v: or("volts", &entry.volts, 400.0)?,
        reactance_percent: or("reactance_percent", &entry.reactance_percent, 4.0)?,
        mains_hz: or("mains_hz", &entry.mains_hz, 50.0)?,
    };
    let mut cables = HashMap::new();
    for entry in &file.cable {
        let cable = source.cable(entry.get_ref())?;
        let name = entry.get_ref().name.get_ref();
        if cables.insert(name.clone(), cable).is_some() {
            return Err(source.wrong(
                "cable",
                "name",
                &entry.get_ref().name,
                name,
                "a name that no other cable has",
            ));
        }
    }
    source.lines(&file.line, &cables, &mut draft)?;
    source.loads(&file.load, &mut draft)?;
    for entry in &file.bus {
        let BusEntry { name, x_m, y_m } = entry.get_ref();
        let object = format!("bus {}", name.get_ref());
        let Some(bus) = draft.find_bus(name.get_ref()) else {
            return Err(source.wrong(&object, "name", name, name.get_ref(), "a bus that a line joins"));
        };
        let x_m = source.within(&object, "x_m", x_m, -1e8, 1e8, METRES)?;
        let y_m = source.within(&object, "y_m", y_m, -1e8, 1e8, METRES)?;
        if let Some(bus) = draft.buses.get_mut(bus) {
            bus.position = Some(Position { x_m, y_m });
        }
    }
    let name = if file.name.is_empty() { main.trim_end_matches(".toml").to_string() } else { file.name };
    draft.finish(main, name, transformer, busbar)
}

const POSITIVE: &str = "a number above 0";
const METRES: &str = "metres";

struct Source<'t> {
    file: Rc<str>,
    text: &'t str,
}

impl Source<'_> {
    fn place(&self, offset: usize) -> Place {
        let before = self.text.as_bytes().get(..offset.min(self.text.len())).unwrap_or_default();
        Place { file: self.file.clone(), line: 1 + before.iter().filter(|octet| **octet == b'\n').count() }
    }

    fn wrong<T>(
        &self,
        object: &str,
        property: &str,
        at: &Spanned<T>,
        value: impl std::fmt::Display,
        expected: &'static str,
    ) -> FeederError {
        FeederError::Value {
            place: self.place(at.span().start),
            object: object.to_string(),
            property: property.to_string(),
            value: value.to_string().chars().take(60).collect(),
            expected,
        }
    }

    fn within(
        &self,
        object: &str,
        property: &str,
        value: &Spanned<f64>,
        least: f64,
        most: f64,
        expected: &'static str,
    ) -> Result<f64, FeederError> {
        match *value.get_ref() {
            number if (least..=most).contains(&number) => Ok(number),
            number => Err(self.wrong(object, property, value, number, expected)),
        }
    }

    fn cable(&self, entry: &CableEntry) -> Result<Cable, FeederError> {
        let object = format!("cable {}", entry.name.get_ref());
        let area_mm2 =
            self.within(&object, "section_mm2", &entry.section_mm2, 1.0, 1_000.0, "1 to 1000 mm²")?;
        let conductor = match entry.conductor {
            Metal::Aluminium => Conductor::Aluminium,
            Metal::Copper => Conductor::Copper,
        };
        let usual_mm = match Cable::of_section(area_mm2, conductor) {
            Cable::Sector { insulation_mm, .. } => insulation_mm,
            _ => 1.4,
        };
        let insulation_mm = match &entry.insulation_mm {
            Some(value) => self.within(&object, "insulation_mm", value, 0.1, 20.0, "0.1 to 20 mm")?,
            None => usual_mm,
        };
        let spacing_m = match &entry.spacing_m {
            // Wires that touch are no overhead line: 1000 mm² are 36 mm across.
            Some(value) => self.within(&object, "spacing_m", value, 0.1, 5.0, "0.1 to 5 m")?,
            None => 0.4,
        };
        Ok(match entry.kind {
            CableKind::Sector => {
                let insulation = match entry.insulation {
                    InsulationKind::Pvc => Insulation::Pvc,
                    InsulationKind::Polyethylene => Insulation::Polyethylene,
                };
                Cable::Sector { area_mm2, conductor, insulation_mm, insulation }
            }
            CableKind::Bundle => Cable::Bundle { area_mm2, conductor, insulation_mm },
            CableKind::Overhead => Cable::Overhead { area_mm2, conductor, spacing_m },
            CableKind::Coaxial => Cable::Coaxial { area_mm2, conductor, insulation_mm },
        })
    }

    fn lines(
        &self,
        entries: &[Spanned<LineEntry>],
        cables: &HashMap<String, Cable>,
        draft: &mut Draft,
    ) -> Result<(), FeederError> {
        let mut codes: HashMap<String, usize> = HashMap::new();
        for spanned in entries {
            let entry = spanned.get_ref();
            let object = format!("line {} to {}", entry.from, entry.to);
            let name = entry.cable.get_ref();
            let Some(cable) = cables.get(name).copied().or_else(|| named(name)) else {
                let expected = "a [[cable]] of the file or a designation such as NAYY 4x150";
                return Err(self.wrong(&object, "cable", &entry.cable, name, expected));
            };
            let length_m =
                self.within(&object, "length_m", &entry.length_m, 0.0, 100_000.0, "0 to 100000 m")?;
            let phases = match &entry.phases {
                Some(list) => {
                    let phase = |set: Option<PhaseSet>, node: &u32| Some(set?.with(Phase::from_node(*node)?));
                    let set = list.get_ref().iter().fold(Some(PhaseSet::NONE), phase);
                    set.filter(|set| !set.is_empty()).ok_or_else(|| {
                        let value = format!("{:?}", list.get_ref());
                        self.wrong(&object, "phases", list, value, "some of 1, 2 and 3")
                    })?
                }
                None => PhaseSet::ALL,
            };
            let next = draft.line_codes.len();
            let line_code = *codes.entry(name.clone()).or_insert(next);
            if line_code == next {
                let cable = Some(cable);
                draft.line_codes.push(LineCode { name: name.clone(), cable, ..LineCode::default() });
            }
            let buses = [draft.bus(&entry.from), draft.bus(&entry.to)];
            draft.lines.push(Placed {
                item: Segment { buses, length_m, line_code, phases },
                place: self.place(spanned.span().start),
                object,
            });
        }
        Ok(())
    }

    fn loads(&self, entries: &[Spanned<LoadEntry>], draft: &mut Draft) -> Result<(), FeederError> {
        for spanned in entries {
            let entry = spanned.get_ref();
            let name = entry.name.clone().unwrap_or_else(|| entry.bus.clone());
            let object = format!("load {name}");
            let Some(phase) = entry.phase.get_ref().phase() else {
                return Err(self.wrong(
                    &object,
                    "phase",
                    &entry.phase,
                    entry.phase.get_ref(),
                    "1, 2, 3 or \"L1\", \"L2\", \"L3\"",
                ));
            };
            let kw = match &entry.kw {
                Some(kw) => self.within(&object, "kw", kw, -1e6, 1e6, "a power of at most 1e6 kW")?,
                None => 1.0,
            };
            let mut appliances = Vec::new();
            if let Some(list) = &entry.appliances {
                for appliance in list.get_ref() {
                    if let Some((property, value, expected)) = appliance.fault() {
                        return Err(self.wrong(&object, property, list, value, expected));
                    }
                    appliances.push(appliance.clone());
                }
            }
            let load = Load {
                name,
                bus: draft.bus(&entry.bus),
                phase,
                rated_mw: (kw * 1e6).round() as i64,
                shape: None,
                appliances,
            };
            let place = self.place(spanned.span().start);
            draft.loads.push(Placed { item: load, place, object });
        }
        Ok(())
    }
}

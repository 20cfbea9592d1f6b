//! Reads a feeder from a network that pandapower has written as JSON (`pandapower.to_json`).
//!
//! Taken are one transformer's low-voltage side: buses with their coordinates, lines, closed switches between
//! buses, balanced and unbalanced loads. An unbalanced load is a household on each phase that it draws from; a
//! balanced one has a single-phase modem and impedance on one phase, L1, L2 and L3 in turn. Coordinates that are
//! not metres are scaled so that the median line is as long as its cable.
//!
//! pandapower keeps each table on one line of its file, as text within text: errors name that line, and the row and
//! column of the value.

mod frame;

use super::draft::{Draft, Placed};
use super::{
    Bus, FeederError, Files, LineCode, Load, Phase, PhaseSet, Position, ReadOptions, Reading, Segment,
    Transformer,
};
use frame::{Network, Row};
use std::collections::{BTreeMap, HashMap};

/// A line is at most this long.
const MAX_LENGTH_KM: f64 = 100.0;
/// A load draws at most this much, in either direction.
const MAX_LOAD_MW: f64 = 1_000.0;
/// Lines that coordinates are compared with cover at least this.
const LEAST_WAY: f64 = 1e-6;

/// Reads the network in the file `main`.
pub fn parse(files: &dyn Files, main: &str, options: &ReadOptions) -> Result<Reading, FeederError> {
    let content = files.read(main).map_err(|error| FeederError::Main { name: main.to_string(), error })?;
    let text = String::from_utf8_lossy(&content);
    let network = Network::parse(main, &text)?;
    let mut builder =
        Builder { main, buses: buses(&network)?, draft: Draft::default(), line_codes: HashMap::new() };
    builder.join_buses(&network)?;
    let lines = builder.lines(&network)?;
    let (transformer, lv_bus, others) = builder.transformer(&network, options)?;
    let islands = Islands::of(&builder.buses, &lines, lv_bus, &others);
    builder.take_buses(&islands);
    builder.take_lines(lines, &islands);
    builder.take_loads(&network, &islands)?;
    builder.scale_coordinates();
    builder.note_others(&islands, &others);
    let busbar = builder.index_of(lv_bus).unwrap_or(0);
    let name = match network.name() {
        name if name.is_empty() => main.trim_end_matches(".json").to_string(),
        name => name,
    };
    builder.draft.finish(main, name, transformer, busbar)
}

/// A bus of the network.
struct NetworkBus {
    name: String,
    position: Option<Position>,
    in_service: bool,
    /// The bus that closed switches make it one with: itself, or one of a smaller number in the list.
    same_as: usize,
    /// Index in the feeder.
    taken: Option<usize>,
}

/// A line between buses of the network's list.
struct NetworkLine {
    item: Segment,
    place: super::Place,
    object: String,
}

/// Which transformer's island each bus is on: 0 is the one that is read, `i + 1` the others' in their order.
struct Islands(Vec<Option<usize>>);

struct Builder<'a> {
    main: &'a str,
    buses: Buses,
    draft: Draft,
    line_codes: HashMap<(String, u64, bool), usize>,
}

struct Buses {
    list: Vec<NetworkBus>,
    by_id: HashMap<i64, usize>,
}

impl Buses {
    /// The electrical node that the bus of an identifier is.
    fn node(&self, row: &Row<'_>, column: &'static str) -> Result<usize, FeederError> {
        let id = row.integer(column)?;
        let index = self.by_id.get(&id).copied();
        index.map(|index| self.root(index)).ok_or_else(|| row.unknown(column, id))
    }

    fn root(&self, mut index: usize) -> usize {
        while let Some(bus) = self.list.get(index).filter(|bus| bus.same_as != index) {
            index = bus.same_as;
        }
        index
    }
}

fn buses(network: &Network<'_>) -> Result<Buses, FeederError> {
    let mut buses = Buses { list: Vec::new(), by_id: HashMap::new() };
    let table = network.table("bus")?.ok_or_else(|| network.no_transformer())?;
    // Before version 3 of pandapower coordinates were in a table of their own.
    let mut places = HashMap::new();
    if let Some(table) = network.table("bus_geodata")? {
        for row in table.rows() {
            if let (Some(x), Some(y)) = (row.optional_number("x")?, row.optional_number("y")?) {
                places.insert(row.id()?, Position { x_m: x, y_m: y });
            }
        }
    }
    for row in table.rows() {
        let id = row.id()?;
        let index = buses.list.len();
        let position = row.text("geo").as_deref().and_then(point).or(places.get(&id).copied());
        let name = row.text("name").filter(|name| !name.is_empty()).unwrap_or_else(|| format!("bus {id}"));
        let in_service = row.flag("in_service");
        buses.list.push(NetworkBus { name, position, in_service, same_as: index, taken: None });
        if buses.by_id.insert(id, index).is_some() {
            return Err(row.syntax(format!("index {id} occurs twice")));
        }
    }
    Ok(buses)
}

/// The point of a GeoJSON text.
fn point(text: &str) -> Option<Position> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let coordinates = value.get("coordinates")?.as_array()?;
    let number = |index: usize| coordinates.get(index)?.as_f64().filter(|value| value.is_finite());
    Some(Position { x_m: number(0)?, y_m: number(1)? })
}

/// Another transformer of the network: its name and the node of its low-voltage bus.
struct Other {
    name: String,
    node: usize,
    place: super::Place,
}

impl Builder<'_> {
    /// Makes buses one that a closed switch joins.
    fn join_buses(&mut self, network: &Network<'_>) -> Result<(), FeederError> {
        let Some(table) = network.table("switch")? else { return Ok(()) };
        for row in table.rows().filter(|row| row.flag("closed")) {
            if row.text("et").as_deref() != Some("b") {
                continue;
            }
            let (a, b) = (self.buses.node(&row, "bus")?, self.buses.node(&row, "element")?);
            if let Some(bus) = self.buses.list.get_mut(a.max(b)) {
                bus.same_as = a.min(b);
            }
        }
        Ok(())
    }

    /// Elements of a kind that an open switch takes off the network.
    fn open(network: &Network<'_>, kind: &str) -> Result<Vec<i64>, FeederError> {
        let Some(table) = network.table("switch")? else { return Ok(Vec::new()) };
        let rows = table.rows().filter(|row| !row.flag("closed") && row.text("et").as_deref() == Some(kind));
        rows.map(|row| row.integer("element")).collect()
    }

    /// The lines that are in service.
    fn lines(&mut self, network: &Network<'_>) -> Result<Vec<NetworkLine>, FeederError> {
        let open = Self::open(network, "l")?;
        let mut lines = Vec::new();
        let Some(table) = network.table("line")? else { return Ok(lines) };
        for row in table.rows() {
            let buses = [self.buses.node(&row, "from_bus")?, self.buses.node(&row, "to_bus")?];
            let length_km = row.number("length_km")?;
            if !(0.0..=MAX_LENGTH_KM).contains(&length_km) {
                return Err(row.wrong("length_km", "a length from 0 to 100 km"));
            }
            if !row.flag("in_service") || open.contains(&row.id()?) {
                self.draft.unused(&row.place(), row.object(), "out of service");
                continue;
            }
            if row.optional_number("parallel")?.is_some_and(|count| count != 1.0) {
                self.draft.unused(&row.place(), format!("{} parallel", row.object()), "taken as one cable");
            }
            let item = Segment {
                buses,
                length_m: length_km * 1_000.0,
                line_code: self.line_code(&row)?,
                phases: PhaseSet::ALL,
            };
            lines.push(NetworkLine { item, place: row.place(), object: row.object() });
        }
        Ok(lines)
    }

    /// Index of the line code that a row's standard type, resistance and kind make.
    fn line_code(&mut self, row: &Row<'_>) -> Result<usize, FeederError> {
        let r_ohm_per_km = row.number("r_ohm_per_km")?;
        if !(r_ohm_per_km > 0.0 && r_ohm_per_km < 1e6) {
            return Err(row.wrong("r_ohm_per_km", "a resistance above 0 and below 1e6"));
        }
        let overhead = row.text("type").as_deref() == Some("ol");
        let name = row
            .text("std_type")
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| format!("{r_ohm_per_km} ohm/km"));
        // Values that went through 32-bit floats differ in digits that mean nothing.
        let key = (name.clone(), (r_ohm_per_km * 1e5).round() as u64, overhead);
        let next = self.draft.line_codes.len();
        let index = *self.line_codes.entry(key).or_insert(next);
        if index == next {
            let r1_ohm_per_m = Some(r_ohm_per_km / 1_000.0);
            self.draft.line_codes.push(LineCode { name, r1_ohm_per_m, overhead, cable: None });
        }
        Ok(index)
    }

    /// The transformer to read, the node of its low-voltage bus, and the others that are in service.
    fn transformer(
        &mut self,
        network: &Network<'_>,
        options: &ReadOptions,
    ) -> Result<(Transformer, usize, Vec<Other>), FeederError> {
        let open = Self::open(network, "t")?;
        let mains_hz = network.mains_hz()?;
        let (mut found, mut others) = (None, Vec::new());
        let table = network.table("trafo")?.ok_or_else(|| network.no_transformer())?;
        for row in table.rows() {
            let name = row.text("name").unwrap_or_else(|| row.object());
            if !row.flag("in_service") || open.contains(&row.id()?) {
                self.draft.unused(&row.place(), row.object(), "out of service");
                continue;
            }
            let node = self.buses.node(&row, "lv_bus")?;
            let wanted = options.transformer.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&name));
            if found.is_some() || !wanted {
                others.push(Other { name, node, place: row.place() });
                continue;
            }
            let short_circuit = row.positive("vk_percent")?;
            let resistance = row.optional_number("vkr_percent")?.unwrap_or(0.0);
            if !(0.0..=short_circuit).contains(&resistance) {
                return Err(row.wrong("vkr_percent", "a number from 0 to vk_percent"));
            }
            let transformer = Transformer {
                kva: row.positive("sn_mva")? * 1_000.0,
                secondary_v: row.positive("vn_lv_kv")? * 1_000.0,
                reactance_percent: (short_circuit.powi(2) - resistance.powi(2)).sqrt().max(0.01),
                mains_hz,
            };
            found = Some((transformer, node));
        }
        let (transformer, node) = found.ok_or_else(|| match &options.transformer {
            Some(name) => table.unknown_name("trafo", "name", name),
            None => network.no_transformer(),
        })?;
        Ok((transformer, node, others))
    }

    /// Takes the buses of the island into the feeder.
    fn take_buses(&mut self, islands: &Islands) {
        for index in 0..self.buses.list.len() {
            if self.buses.root(index) != index || islands.of_node(index) != Some(0) {
                continue;
            }
            if let Some(bus) = self.buses.list.get_mut(index) {
                bus.taken = Some(self.draft.buses.len());
                self.draft.buses.push(Bus { name: bus.name.clone(), position: bus.position });
            }
        }
    }

    fn index_of(&self, node: usize) -> Option<usize> {
        self.buses.list.get(node)?.taken
    }

    fn take_lines(&mut self, lines: Vec<NetworkLine>, islands: &Islands) {
        for line in lines {
            match line.item.buses.map(|node| self.index_of(node)) {
                [Some(a), Some(b)] => self.draft.lines.push(Placed {
                    item: Segment { buses: [a, b], ..line.item },
                    place: line.place,
                    object: line.object,
                }),
                _ if islands.of_node(line.item.buses[0]).is_some() => {}
                _ => self.draft.unused(
                    &line.place,
                    line.object,
                    "no low-voltage bus of a transformer feeds it",
                ),
            }
        }
    }

    fn take_loads(&mut self, network: &Network<'_>, islands: &Islands) -> Result<(), FeederError> {
        let mut turn = Phase::ALL.into_iter().cycle();
        if let Some(table) = network.table("load")? {
            let mut balanced = 0;
            for row in table.rows() {
                let Some((bus, scaling)) = self.load_bus(&row, islands)? else { continue };
                let rated_mw = power(&row, "p_mw", scaling)?;
                let phase = turn.next().unwrap_or(Phase::L1);
                self.take_load(&row, "", bus, phase, rated_mw);
                balanced += 1;
            }
            if balanced > 0 {
                let why = "the modem and the impedance of each are on one phase, L1, L2 and L3 in turn";
                self.draft.unused(&table.place(), format!("{balanced} balanced loads' other phases"), why);
            }
        }
        if let Some(table) = network.table("asymmetric_load")? {
            for row in table.rows() {
                let Some((bus, scaling)) = self.load_bus(&row, islands)? else { continue };
                let mut powers = Vec::new();
                for (phase, column) in Phase::ALL.into_iter().zip(["p_a_mw", "p_b_mw", "p_c_mw"]) {
                    let rated_mw = power(&row, column, scaling)?;
                    if rated_mw != 0 {
                        powers.push((phase, rated_mw));
                    }
                }
                if powers.is_empty() {
                    self.draft.unused(&row.place(), row.object(), "draws nothing on any phase");
                }
                let several = powers.len() > 1;
                for (phase, rated_mw) in powers {
                    let suffix = if several { format!("-{phase}") } else { String::new() };
                    self.take_load(&row, &suffix, bus, phase, rated_mw);
                }
            }
        }
        Ok(())
    }

    /// Bus and scaling of a load that is to be taken.
    fn load_bus(&mut self, row: &Row<'_>, islands: &Islands) -> Result<Option<(usize, f64)>, FeederError> {
        let node = self.buses.node(row, "bus")?;
        let scaling = row.optional_number("scaling")?.unwrap_or(1.0);
        if !row.flag("in_service") || !self.buses.list.get(node).is_some_and(|bus| bus.in_service) {
            self.draft.unused(&row.place(), row.object(), "out of service");
            return Ok(None);
        }
        match (self.index_of(node), islands.of_node(node)) {
            (Some(bus), _) => Ok(Some((bus, scaling))),
            (None, Some(_)) => Ok(None),
            (None, None) => Err(FeederError::Unconnected {
                place: row.place(),
                object: row.object(),
                bus: self.buses.list.get(node).map_or(String::new(), |bus| bus.name.clone()),
                busbar: "any transformer's low-voltage bus".to_string(),
            }),
        }
    }

    fn take_load(&mut self, row: &Row<'_>, suffix: &str, bus: usize, phase: Phase, rated_mw: i64) {
        let name = row.text("name").filter(|name| !name.is_empty());
        let name = name.or_else(|| self.draft.buses.get(bus).map(|bus| bus.name.clone()));
        let name = format!("{}{suffix}", name.unwrap_or_else(|| row.object()));
        let load = Load { name, bus, phase, rated_mw, shape: None, appliances: Vec::new() };
        self.draft.loads.push(Placed { item: load, place: row.place(), object: row.object() });
    }

    /// Coordinates in other units than metres are made metres by the lengths of the lines.
    fn scale_coordinates(&mut self) {
        let way = |line: &Placed<Segment>| {
            let [a, b] = line.item.buses.map(|bus| self.draft.buses.get(bus).and_then(|bus| bus.position));
            let (a, b) = (a?, b?);
            let way = libm::hypot(a.x_m - b.x_m, a.y_m - b.y_m);
            (way > LEAST_WAY && line.item.length_m > 0.0).then(|| line.item.length_m / way)
        };
        let mut ratios: Vec<f64> = self.draft.lines.iter().filter_map(way).collect();
        ratios.sort_by(f64::total_cmp);
        let Some(&median) = ratios.get(ratios.len() / 2) else { return };
        if (0.5..2.0).contains(&median) {
            return;
        }
        for position in self.draft.buses.iter_mut().filter_map(|bus| bus.position.as_mut()) {
            position.x_m *= median;
            position.y_m *= median;
        }
    }

    /// Says which networks of the file were not read.
    fn note_others(&mut self, islands: &Islands, others: &[Other]) {
        for (index, other) in others.iter().enumerate() {
            let buses = islands.0.iter().filter(|island| **island == Some(index + 1)).count();
            let what = format!("trafo {} and its {buses} buses in {}", other.name, self.main);
            let why = "one transformer's network is read at a time; --transformer chooses it";
            self.draft.unused(&other.place, what, why);
        }
    }
}

fn power(row: &Row<'_>, column: &'static str, scaling: f64) -> Result<i64, FeederError> {
    let megawatts = row.number(column)? * scaling;
    if !(-MAX_LOAD_MW..=MAX_LOAD_MW).contains(&megawatts) {
        return Err(row.wrong(column, "a power of at most 1000 MW"));
    }
    Ok((megawatts * 1e9).round() as i64)
}

impl Islands {
    fn of(buses: &Buses, lines: &[NetworkLine], lv_bus: usize, others: &[Other]) -> Self {
        let mut at: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for line in lines {
            let [a, b] = line.item.buses;
            at.entry(a).or_default().push(b);
            at.entry(b).or_default().push(a);
        }
        let mut island = vec![None; buses.list.len()];
        for (number, start) in
            std::iter::once(lv_bus).chain(others.iter().map(|other| other.node)).enumerate()
        {
            let mut open = vec![start];
            while let Some(node) = open.pop() {
                match island.get_mut(node) {
                    Some(slot @ None) => *slot = Some(number),
                    _ => continue,
                }
                open.extend(at.get(&node).into_iter().flatten());
            }
        }
        Self(island)
    }

    fn of_node(&self, node: usize) -> Option<usize> {
        self.0.get(node).copied().flatten()
    }
}

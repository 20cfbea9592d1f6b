//! Runs the statements: collects objects with their properties, follows redirects, reports the rest.

use super::lexer::{Parameter, Statement, statements};
use super::{FeederError, FileError, Files, Place, Report, Unused};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Files read in one run, so that files that redirect to each other twice end.
const MAX_FILES: usize = 1_000;
/// Objects in one run.
const MAX_OBJECTS: usize = 1_000_000;

/// What the statements say.
pub(super) struct Interpreted {
    pub(super) circuit: String,
    pub(super) base_frequency_hz: Option<(String, Place)>,
    pub(super) objects: Vec<Object>,
    /// Files with bus coordinates.
    pub(super) coordinates: Vec<(String, Place)>,
    pub(super) report: Report,
}

/// An object of a class that is used.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) class: Class,
    /// In lower case.
    pub(super) name: String,
    pub(super) display: String,
    pub(super) place: Place,
    properties: BTreeMap<String, Property>,
    /// Properties in order, for `wdg=` of transformers, for `kw` and `kva` of loads, of which the last counts, and for
    /// `action=` of load shapes, which changes what came before it.
    pub(super) sequence: Vec<(String, Property)>,
}

/// A property's value and where it was given.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Property {
    pub(super) value: String,
    pub(super) place: Place,
    pub(super) folder: Rc<str>,
}

impl Object {
    pub(super) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.get(name)
    }

    fn set(&mut self, name: &str, property: Property) {
        if matches!(self.class, Class::Transformer | Class::Load | Class::LoadShape) {
            self.sequence.push((name.to_string(), property.clone()));
        }
        self.properties.insert(name.to_string(), property);
    }
}

/// The classes that matter at power-line carrier frequencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    LineCode,
    Line,
    Transformer,
    Load,
    LoadShape,
}

impl Class {
    pub(super) const ALL: [Self; 5] =
        [Self::LineCode, Self::Line, Self::Transformer, Self::Load, Self::LoadShape];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::LineCode => "linecode",
            Self::Line => "line",
            Self::Transformer => "transformer",
            Self::Load => "load",
            Self::LoadShape => "loadshape",
        }
    }

    fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// Properties by position, as OpenDSS orders them, as far as they are used.
    fn positional(self) -> &'static [&'static str] {
        match self {
            Self::LineCode => &["nphases", "r1", "x1", "r0", "x0", "c1", "c0", "units"],
            Self::Line => &["bus1", "bus2", "linecode", "length", "phases"],
            Self::Transformer => &["phases", "windings", "wdg", "bus", "conn", "kv", "kva", "tap", "%r"],
            Self::Load => &["phases", "bus1", "kv", "kw", "pf", "model", "yearly", "daily", "duty"],
            Self::LoadShape => &["npts", "interval", "mult"],
        }
    }

    /// Properties that are used here.
    fn used(self) -> &'static [&'static str] {
        match self {
            Self::LineCode => &["r1", "rmatrix", "units", "nphases"],
            Self::Line => &[
                "bus1", "bus2", "linecode", "length", "phases", "units", "r1", "rmatrix", "enabled", "switch",
            ],
            Self::Transformer => {
                &["buses", "wdg", "bus", "kvs", "kv", "kvas", "kva", "xhl", "x12", "enabled", "basefreq"]
            }
            Self::Load => {
                &["bus1", "phases", "kw", "kva", "pf", "yearly", "daily", "duty", "enabled", "status"]
            }
            Self::LoadShape => &[
                "npts",
                "interval",
                "minterval",
                "sinterval",
                "mult",
                "pmult",
                "csvfile",
                "useactual",
                "action",
                "pbase",
            ],
        }
    }

    /// Properties that say nothing about the line at carrier frequencies or about active power: no report.
    fn irrelevant(self) -> &'static [&'static str] {
        match self {
            Self::LineCode => &[
                "x1",
                "r0",
                "x0",
                "c1",
                "c0",
                "b1",
                "b0",
                "xmatrix",
                "cmatrix",
                "basefreq",
                "normamps",
                "emergamps",
                "neutral",
            ],
            Self::Line => &[
                "x1",
                "r0",
                "x0",
                "c1",
                "c0",
                "b1",
                "b0",
                "xmatrix",
                "cmatrix",
                "normamps",
                "emergamps",
                "basefreq",
            ],
            Self::Transformer => {
                &["phases", "windings", "conns", "conn", "tap", "taps", "%r", "%rs", "sub", "subname"]
            }
            Self::Load => &["kv", "kvar", "model", "conn", "class", "vminpu", "vmaxpu", "basefreq"],
            Self::LoadShape => &["qmult", "mean", "stddev"],
        }
    }
}

/// Runs `main` and what it redirects to.
pub(super) fn run(files: &dyn Files, main: &str) -> Result<Interpreted, FeederError> {
    let content = files.read(main).map_err(|error| FeederError::Main { name: main.to_string(), error })?;
    let mut run = Run {
        files,
        state: Interpreted {
            circuit: String::new(),
            base_frequency_hz: None,
            objects: Vec::new(),
            coordinates: Vec::new(),
            report: Report::default(),
        },
        index: BTreeMap::new(),
        open: Vec::new(),
        files_read: 0,
    };
    run.file(main, &content)?;
    Ok(run.state)
}

/// `name` as seen from a file in `folder`, with `\` as `/` and `.` and `..` resolved.
pub(super) fn resolve(folder: &str, name: &str) -> String {
    let name = name.replace('\\', "/");
    let absolute = name.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    let folder_parts = if absolute { "" } else { folder };
    for part in folder_parts.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if absolute || folder.starts_with('/') { format!("/{joined}") } else { joined }
}

struct Run<'a> {
    files: &'a dyn Files,
    state: Interpreted,
    index: BTreeMap<(Class, String), usize>,
    /// Files being read, outermost first.
    open: Vec<String>,
    files_read: usize,
}

impl Run<'_> {
    fn file(&mut self, name: &str, content: &[u8]) -> Result<(), FeederError> {
        let file: Rc<str> = name.into();
        let folder: Rc<str> = name.rsplit_once('/').map_or("", |(folder, _)| folder).into();
        self.open.push(name.to_string());
        for statement in statements(&file, content) {
            self.statement(statement, &folder)?;
        }
        self.open.pop();
        Ok(())
    }

    fn unused(&mut self, statement: &Statement, why: impl Into<String>) {
        self.state.report.unused.push(Unused {
            place: statement.place.clone(),
            what: statement.text.clone(),
            why: why.into(),
        });
    }

    fn statement(&mut self, statement: Statement, folder: &Rc<str>) -> Result<(), FeederError> {
        let verb = statement.verb.to_lowercase();
        match verb.as_str() {
            "clear" | "clearall" => {
                self.state.objects.clear();
                self.index.clear();
                self.state.coordinates.clear();
            }
            "new" => self.object(statement, folder, true)?,
            "edit" => self.object(statement, folder, false)?,
            "batchedit" => self.batch_edit(statement, folder),
            "redirect" | "compile" => self.redirect(statement, folder)?,
            "set" => {
                for parameter in &statement.parameters {
                    if parameter.name.as_deref() == Some("defaultbasefrequency") {
                        self.state.base_frequency_hz =
                            Some((parameter.value.clone(), parameter.place.clone()));
                    } else {
                        self.unused(&statement, "option not used");
                    }
                }
            }
            "buscoords" | "latlongcoords" => match statement.parameters.first() {
                Some(parameter) => {
                    let name = resolve(folder, &parameter.value);
                    self.state.coordinates.push((name, statement.place.clone()));
                }
                None => self.unused(&statement, "no file named"),
            },
            // `Line.LINE1.length=5`
            _ if verb.ends_with('=') => {
                let target = verb.trim_end_matches('=').to_string();
                let value = statement.parameters.first().map(|p| p.value.clone()).unwrap_or_default();
                match target.rsplit_once('.') {
                    Some((object, property)) if object.contains('.') => {
                        let named = |name: Option<&str>, value: &str| Parameter {
                            place: statement.place.clone(),
                            name: name.map(str::to_string),
                            value: value.to_string(),
                        };
                        let parameters = vec![named(None, object), named(Some(property), &value)];
                        self.object(Statement { parameters, ..statement }, folder, false)?;
                    }
                    _ => self.unused(&statement, "statement not used"),
                }
            }
            _ => self.unused(&statement, "statement not used"),
        }
        Ok(())
    }

    fn redirect(&mut self, statement: Statement, folder: &str) -> Result<(), FeederError> {
        let Some(parameter) = statement.parameters.first() else {
            self.unused(&statement, "no file named");
            return Ok(());
        };
        let name = resolve(folder, &parameter.value);
        if self.open.contains(&name) {
            return Err(FeederError::RedirectLoop { place: statement.place, name });
        }
        self.files_read += 1;
        if self.files_read > MAX_FILES {
            return Err(FeederError::TooMany { place: statement.place, what: "redirects", limit: MAX_FILES });
        }
        match self.files.read(&name) {
            Ok(content) => self.file(&name, &content),
            Err(error) => {
                self.unused(&statement, file_reason(&error));
                Ok(())
            }
        }
    }

    fn object(&mut self, statement: Statement, folder: &Rc<str>, new: bool) -> Result<(), FeederError> {
        let Some((target, rest)) = statement.parameters.split_first() else {
            self.unused(&statement, "no object named");
            return Ok(());
        };
        let Some((class, name)) = target.value.split_once('.') else {
            self.unused(&statement, "no class and name");
            return Ok(());
        };
        let class_name = class.to_lowercase();
        if new && class_name == "circuit" {
            self.state.circuit = name.to_string();
            if !rest.is_empty() {
                self.unused(&statement, "the circuit's source is not used");
            }
            return Ok(());
        }
        let Some(class) = Class::find(&class_name) else {
            self.unused(&statement, format!("class {class} is not used"));
            return Ok(());
        };
        let key = (class, name.to_lowercase());
        let index = match (self.index.get(&key), new) {
            (Some(_), true) => {
                self.unused(&statement, "defined already, the first definition stands");
                return Ok(());
            }
            (Some(&index), false) => index,
            (None, false) => {
                self.unused(&statement, "there is no such object");
                return Ok(());
            }
            (None, true) => {
                let index = self.state.objects.len();
                if index >= MAX_OBJECTS {
                    let place = statement.place;
                    return Err(FeederError::TooMany { place, what: "objects", limit: MAX_OBJECTS });
                }
                self.state.objects.push(Object {
                    class,
                    name: key.1.clone(),
                    display: target.value.clone(),
                    place: statement.place.clone(),
                    properties: BTreeMap::new(),
                    sequence: Vec::new(),
                });
                self.index.insert(key, index);
                index
            }
        };
        self.apply(index, rest, folder);
        Ok(())
    }

    /// Sets properties of an object, named or by position.
    fn apply(&mut self, index: usize, parameters: &[Parameter], folder: &Rc<str>) {
        let Some(class) = self.state.objects.get(index).map(|object| object.class) else { return };
        let mut position = 0;
        for parameter in parameters {
            let name = match &parameter.name {
                Some(name) => name.clone(),
                None => class.positional().get(position).map_or(String::new(), |name| name.to_string()),
            };
            position = class.positional().iter().position(|known| *known == name).unwrap_or(position) + 1;
            if name == "like" {
                let source = self.index.get(&(class, parameter.value.to_lowercase())).copied();
                let copied = source.and_then(|source| self.state.objects.get(source)).cloned();
                if let (Some(copied), Some(object)) = (copied, self.state.objects.get_mut(index)) {
                    object.properties = copied.properties;
                    object.sequence = copied.sequence;
                } else {
                    self.unused_property(class, parameter, "like", "there is none of that name");
                }
            } else if class.used().contains(&name.as_str()) {
                let property = Property {
                    value: parameter.value.clone(),
                    place: parameter.place.clone(),
                    folder: folder.clone(),
                };
                if let Some(object) = self.state.objects.get_mut(index) {
                    object.set(&name, property);
                }
            } else if !class.irrelevant().contains(&name.as_str()) {
                self.unused_property(class, parameter, &name, "property not used");
            }
        }
    }

    fn unused_property(&mut self, class: Class, parameter: &Parameter, name: &str, why: &str) {
        self.state.report.unused.push(Unused {
            place: parameter.place.clone(),
            what: format!("{} {name}={}", class.name(), parameter.value),
            why: why.to_string(),
        });
    }

    /// `batchedit class.pattern property=value ...`, where the pattern is `.*` or a name's beginning and `.*`.
    fn batch_edit(&mut self, statement: Statement, folder: &Rc<str>) {
        let Some((target, rest)) = statement.parameters.split_first() else {
            self.unused(&statement, "no objects named");
            return;
        };
        let found = target.value.split_once('.').and_then(|(class, pattern)| {
            let class = Class::find(&class.to_lowercase())?;
            let prefix = pattern.strip_suffix(".*")?.to_lowercase();
            let plain = prefix.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
            plain.then_some((class, prefix))
        });
        let Some((class, prefix)) = found else {
            self.unused(&statement, "only class.* and class.prefix.* of a class in use can be edited");
            return;
        };
        let matching: Vec<usize> = self
            .index
            .iter()
            .filter(|((of, name), _)| *of == class && name.starts_with(&prefix))
            .map(|(_, &index)| index)
            .collect();
        for index in matching {
            self.apply(index, rest, folder);
        }
    }
}

pub(super) fn file_reason(error: &FileError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn names_are_relative_to_the_file_that_holds_them() {
        assert_eq!(resolve("", "Lines.txt"), "Lines.txt");
        assert_eq!(resolve("a/b", "..\\c\\d.txt"), "a/c/d.txt");
        assert_eq!(resolve("a", "./x/../y"), "a/y");
        assert_eq!(resolve("", "../y"), "../y");
        assert_eq!(resolve("a", "/etc/x"), "/etc/x");
        assert_eq!(resolve("../q", "../y"), "../y");
    }
}

//! What reading a feeder gives, whatever its format: the feeder and what could not be used, or an error with file,
//! line and value.

use super::{Disk, Feeder, FileError, Files, opendss, pandapower, toml};
use std::path::Path;
use std::rc::Rc;
use thiserror::Error;

/// A feeder and what its files held besides.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The feeder.
    pub feeder: Feeder,
    /// What could not be used.
    pub report: Report,
}

/// What a reading could not use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// In the order of the files.
    pub unused: Vec<Unused>,
}

/// A statement, property or file that was not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Where.
    pub place: Place,
    /// The statement or property.
    pub what: String,
    /// Why.
    pub why: String,
}

impl std::fmt::Display for Unused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.what, self.why)
    }
}

/// Why files are no feeder.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum FeederError {
    /// The main file cannot be read.
    #[error(
        "{name}: {error}; give the path of a feeder: an OpenDSS master file (.dss), a pandapower network (.json) or a feeder of our own (.toml)"
    )]
    Main {
        /// Its name.
        name: String,
        /// Why.
        error: FileError,
    },
    /// A value cannot be understood.
    #[error("{place}: {object}: {property}={value}: {expected} expected")]
    Value {
        /// Where.
        place: Place,
        /// Class and name.
        object: String,
        /// The property.
        property: String,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A property is missing that has no default.
    #[error("{place}: {object}: property {property} is missing")]
    MissingProperty {
        /// Where the object begins.
        place: Place,
        /// Class and name.
        object: String,
        /// The property.
        property: &'static str,
    },
    /// A name refers to nothing.
    #[error("{place}: {object}: {property}={value}: there is none of that name")]
    UnknownName {
        /// Where.
        place: Place,
        /// Class and name.
        object: String,
        /// The property.
        property: String,
        /// The name.
        value: String,
    },
    /// A line joins two buses that are joined already.
    #[error("{place}: {object} ({buses}) closes a loop: only radial feeders can be read")]
    Loop {
        /// Where.
        place: Place,
        /// Class and name.
        object: String,
        /// Its buses.
        buses: String,
    },
    /// A load hangs on no line.
    #[error("{place}: {object}: no line joins {bus} to the transformer's bus {busbar} on that phase")]
    Unconnected {
        /// Where.
        place: Place,
        /// Class and name.
        object: String,
        /// Its bus.
        bus: String,
        /// The transformer's.
        busbar: String,
    },
    /// The name's extension belongs to no format.
    #[error(
        "{name}: the extension says the format: .dss for OpenDSS, .json for pandapower, .toml for our own"
    )]
    Format {
        /// The file.
        name: String,
    },
    /// The text is not what its format asks for.
    #[error("{place}: {reason}")]
    Syntax {
        /// Where.
        place: Place,
        /// What is wrong.
        reason: String,
    },
    /// The transformer's rating is none.
    #[error("{file}: transformer: {quantity} {value}: {expected} expected")]
    Rating {
        /// The main file.
        file: String,
        /// What of it.
        quantity: &'static str,
        /// Its value.
        value: f64,
        /// What it should be.
        expected: &'static str,
    },
    /// There is no transformer.
    #[error(
        "{file}: no transformer with a low-voltage bus, in it or what it redirects to; the feeder begins at one"
    )]
    NoTransformer {
        /// The main file.
        file: String,
    },
    /// There is none of the name asked for.
    #[error("{file}: no transformer {wanted:?}; there {}", names(there))]
    UnknownTransformer {
        /// The main file.
        file: String,
        /// The name.
        wanted: String,
        /// Those that there are.
        there: Vec<String>,
    },
    /// There is no load.
    #[error("{file}: no load, in it or what it redirects to; meters are where loads are")]
    NoLoads {
        /// The main file.
        file: String,
    },
    /// Files redirect in a circle.
    #[error("{place}: redirect to {name}, which is being read already")]
    RedirectLoop {
        /// Where.
        place: Place,
        /// The file.
        name: String,
    },
    /// An error that may follow from what was not used before it.
    #[error("{error}; not used before: {}", list(unused))]
    After {
        /// What is wrong.
        error: Box<FeederError>,
        /// What was not used.
        unused: Vec<Unused>,
    },
    /// Too much of something.
    #[error("{place}: more than {limit} {what}")]
    TooMany {
        /// Where.
        place: Place,
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

/// The first of the names that could be taken.
fn names(there: &[String]) -> String {
    match there {
        [] => "is one without a name: ask for none".to_string(),
        [one] => format!("is {one:?}"),
        several => format!("are {:?}", several.iter().take(MOST_NAMES).collect::<Vec<_>>()),
    }
}

/// Names that an error lists.
const MOST_NAMES: usize = 12;

/// The first of what was not used, and how many more there are.
fn list(unused: &[Unused]) -> String {
    const SHOWN: usize = 4;
    let mut text = unused.iter().take(SHOWN).map(Unused::to_string).collect::<Vec<_>>().join("; ");
    if unused.len() > SHOWN {
        text += &format!("; and {} more", unused.len() - SHOWN);
    }
    text
}

/// What a reader is told besides the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Which transformer's network to read, where a file has several; the first without.
    pub transformer: Option<String>,
}

/// Reads the feeder from a file on disk; the extension says the format.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Reading, FeederError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    parse(&Disk::new(folder), &name, options).map_err(|error| match error {
        FeederError::Main { error, .. } => FeederError::Main { name: path.display().to_string(), error },
        FeederError::Format { .. } => FeederError::Format { name: path.display().to_string() },
        other => other,
    })
}

/// Reads the feeder whose main file is `main` in `files`; the extension says the format.
pub fn parse(files: &dyn Files, main: &str, options: &ReadOptions) -> Result<Reading, FeederError> {
    match main.rsplit_once('.').map(|(_, extension)| extension.to_lowercase()).as_deref() {
        Some("dss") => opendss::parse(files, main, options),
        Some("json") => pandapower::parse(files, main, options),
        Some("toml") => toml::parse(files, main, options),
        _ => Err(FeederError::Format { name: main.to_string() }),
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name, from the root.
    pub file: Rc<str>,
    /// Line number, from 1.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

//! Reads a feeder from OpenDSS scripts.
//!
//! What a power line at 3 to 500 kHz needs is taken: lines, line codes, the transformer, loads, load shapes and
//! bus coordinates, with `New`, `Edit`, `~`, `Redirect`, `BatchEdit`, `Set` and `like=`. Every other statement,
//! property and file is named in the [`Report`] with its file and line, and is not fatal. What makes the network
//! wrong (a value that is no number, a line code that does not exist, a loop, a load that no line reaches) is a
//! [`FeederError`] with file, line and value.
//!
//! ```
//! use channel_sim::feeder::opendss::{Memory, parse};
//! let files = Memory::default().with("m.dss", "
//!     New Circuit.Street
//!     New LineCode.main R1=0.2 Units=km
//!     New Transformer.T Buses=[mv lv] kVs=[11 0.4] kVAs=[400 400] XHL=4
//!     New Line.a Bus1=lv Bus2=house LineCode=main Length=80 Units=m
//!     New Load.one Bus1=house.2 Phases=1 kW=1
//!     Redirect Monitors.txt");
//! let reading = parse(&files, "m.dss")?;
//! assert_eq!(reading.feeder.sections[0].length_m, 80.0);
//! assert_eq!(reading.report.unused[0].to_string(), "m.dss:7: Redirect Monitors.txt: no such file");
//! # Ok::<(), channel_sim::feeder::opendss::FeederError>(())
//! ```

mod build;
mod files;
mod interpreter;
mod lexer;

use super::Feeder;
pub use files::{Disk, FileError, Files, MAX_OCTETS, Memory};
pub use lexer::Place;
use std::path::Path;
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
    #[error("{name}: {error}; give the path of an OpenDSS master file")]
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
    /// There is no transformer.
    #[error("{file} and what it redirects to hold no transformer with a low-voltage bus")]
    NoTransformer {
        /// The main file.
        file: String,
    },
    /// There is no load.
    #[error("{file} and what it redirects to hold no load")]
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

/// Reads the feeder whose main file is `main` in `files`.
pub fn parse(files: &dyn Files, main: &str) -> Result<Reading, FeederError> {
    let interpreted = interpreter::run(files, main)?;
    build::build(files, main, interpreted)
}

/// Reads the feeder from a file on disk.
pub fn read(path: &Path) -> Result<Reading, FeederError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    parse(&Disk::new(folder), &name).map_err(|error| match error {
        FeederError::Main { error, .. } => FeederError::Main { name: path.display().to_string(), error },
        other => other,
    })
}

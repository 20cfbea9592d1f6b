//! Reads a feeder from OpenDSS scripts.
//!
//! What a power line at 3 to 500 kHz needs is taken: lines, line codes, the transformer, loads, load shapes and
//! bus coordinates, with `New`, `Edit`, `~`, `Redirect`, `BatchEdit`, `Set` and `like=`. Every other statement,
//! property and file is named in the [`Report`] with its file and line, and is not fatal. What makes the network
//! wrong (a value that is no number, a line code that does not exist, a loop, a load that no line reaches) is a
//! [`FeederError`] with file, line and value.
//!
//! ```
//! use channel_sim::feeder::{Memory, parse};
//! let files = Memory::default().with("m.dss", "
//!     New Circuit.Street
//!     New LineCode.main R1=0.2 Units=km
//!     New Transformer.T Buses=[mv lv] kVs=[11 0.4] kVAs=[400 400] XHL=4
//!     New Line.a Bus1=lv Bus2=house LineCode=main Length=80 Units=m
//!     New Load.one Bus1=house.2 Phases=1 kW=1
//!     Redirect Monitors.txt");
//! let reading = parse(&files, "m.dss", &Default::default())?;
//! assert_eq!(reading.feeder.sections[0].length_m, 80.0);
//! assert_eq!(reading.report.unused[0].to_string(), "m.dss:7: Redirect Monitors.txt: no such file");
//! # Ok::<(), channel_sim::feeder::FeederError>(())
//! ```

mod build;
mod interpreter;
mod lexer;
mod shapes;
mod values;

pub use super::{FeederError, FileError, Files, Memory, Place, ReadOptions, Reading, Report, Unused};

/// Reads the feeder whose main file is `main` in `files`.
pub fn parse(files: &dyn Files, main: &str, options: &ReadOptions) -> Result<Reading, FeederError> {
    let interpreted = interpreter::run(files, main)?;
    let unused = interpreted.report.unused.clone();
    build::build(files, main, options, interpreted).map_err(|error| match unused.is_empty() {
        true => error,
        // A line or a whole file that was not understood may be why.
        false => FeederError::After { error: Box::new(error), unused },
    })
}

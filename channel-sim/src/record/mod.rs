//! Recording what stands at any modem's port: samples as SigMF or WAV, frames as pcapng.
//!
//! | module | what it holds |
//! |---|---|
//! | [`Recorder`] | taps in a world, and the files they fill |
//! | [`about`] | what every recording of samples says of itself |
//! | [`sigmf`], [`wav`] | recordings of samples, both ways |
//! | [`pcapng`] | captures of frames |
//! | [`FrameFile`] | G3 frames in such a capture: raw, and deciphered |
//! | [`PrimitiveRecorder`] | frames where primitives pass, without samples |
//! | [`ClockReader`] | traffic where no concentrator is |
//!
//! See `docs/recordings.md`.

pub mod about;
mod frames;
pub mod pcapng;
mod port;
mod primitives;
mod recorder;
pub mod sigmf;
mod traffic;
pub mod wav;

pub use frames::{FrameFile, FramePort};
pub use primitives::PrimitiveRecorder;
pub(crate) use recorder::epoch;
pub use recorder::{Plan, PointSummary, Recorder, Summary, find_point};
pub use traffic::ClockReader;

use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a recording cannot be made or read.
#[derive(Debug, Error)]
pub enum RecordError {
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A file's content cannot be used.
    #[error("{}: {problem}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong, where, and what would be right.
        problem: String,
    },
    /// There is no such point on the line.
    #[error(
        "no point {name:?} on the line; there are coordinator, meter-1 to meter-{meters}, the loads' names, such as {example:?}, and buses with their \
         phase, such as bus:34.2"
    )]
    Point {
        /// What was asked for.
        name: String,
        /// How many meters there are.
        meters: usize,
        /// The first load's name.
        example: String,
    },
    /// A plan without files.
    #[error("nothing to record: give at least one of --sigmf, --wav and --pcapng")]
    Nothing,
}

impl RecordError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |error| Self::File { path: path.to_path_buf(), error }
    }

    pub(crate) fn content(path: &Path, problem: impl Into<String>) -> Self {
        Self::Content { path: path.to_path_buf(), problem: problem.into() }
    }
}

//! The power line: feeders, cables, loads, noise and many modems on one line in virtual time.
//!
//! | module | what it holds |
//! |---|---|
//! | [`scenario`] | what a run is determined by, and the truth about its meters |
//! | [`feeder`] | feeders: readers of OpenDSS, pandapower and our own TOML, and the built-in village |
//! | [`line`](mod@line) | cables and loads to one filter for each pair of modems |
//! | [`noise`] | noise presets |
//! | [`mod@exact`] | arithmetic that is the same on every processor |
//! | [`clock`] | clocks that differ from the line's |
//! | [`link`] | frame error rates of the real transmitter and receiver |
//! | [`world`] | line, meters and the coordinator's PHY port in virtual time |
//! | [`port`] | that port over TCP, both ends |
//! | [`reference`](mod@reference) | codes and metrics alone, for comparison with theory |
//! | [`survey`] | a feeder's links without samples: coverage, repeaters, hours, a map |
//! | [`record`] | samples and frames of any modem's port into files |
//! | [`regulatory`] | emissions against limits, weighted as CISPR 16 does |
//! | [`replay`] | recordings, explained frame by frame |
//! | [`wav`] | WAV files |
//! | [`random`] | independent streams of randomness from one seed |

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod clock;
pub mod exact;
pub mod feeder;
pub mod frames;
pub mod line;
pub mod link;
mod memory;
pub mod noise;
mod palette;
pub mod port;
pub mod random;
pub mod record;
pub mod reference;
pub mod regulatory;
pub mod replay;
pub mod scenario;
pub mod survey;
mod vector;
pub mod wav;
pub mod world;

//! Noise at a modem's port: presets of the channel digest's table 1.8 as seeded generators.
//!
//! A [`Preset`] is named by a string such as `n1+5` and holds a [`Model`], the formula. A [`NoisePlan`] puts presets
//! together for a sample rate, a band and a mains frequency, refuses what is not valid there, scales, and says what a
//! receiver's transform finds. It starts a [`NoiseSource`] for each port; those of one scenario are independent.
//! Levels are power spectral densities of volts at 50 Ω. What is synchronous with the mains follows [`Mains`],
//! shifted by a third of a turn from phase to phase. All arithmetic is plain Rust and `libm`, so samples are the same
//! bits on every processor. See `docs/noise.md`.
//!
//! ```
//! use channel_sim::noise::{Conditions, Mains, NoisePlan, Port, Preset, Reference};
//! use channel_sim::random::{Purpose, stream};
//!
//! let presets = [Preset::parse("n1")?, Preset::parse("n3a-3")?];
//! let conditions = Conditions::CENELEC_A;
//! let plan = NoisePlan::new(&presets, &conditions)?.scaled_to(-85.0, Reference::Mean)?;
//! let mut source = plan.source(Port::L1, &mut stream(1, Purpose::Noise, 0));
//! let mut volts = vec![0.0; 256];
//! source.add(Mains::EUROPE.phase(0.0, volts.len(), conditions.rate_hz), &mut volts);
//! # Ok::<(), channel_sim::noise::NoiseError>(())
//! ```

pub mod awgn;
pub mod bernoulli;
pub mod bursts;
pub mod class_a;
pub mod converter;
pub mod converter_table;
pub mod error;
pub mod filter;
pub mod filter_bank;
pub mod fingerprint;
pub mod fit;
pub mod gaussian;
pub mod hooijen;
pub mod household;
mod impulses;
pub mod katayama;
mod kernels;
pub mod mains;
pub mod markov;
mod measure;
pub mod model;
mod oscillator;
pub mod plan;
pub mod playback;
pub mod plot;
pub mod preset;
pub mod recording;
pub mod report;
mod shaped;
pub mod spectrum;
pub mod tones;
pub mod track;
pub mod zimmermann;

pub use error::NoiseError;
pub use mains::{Mains, MainsPhase};
pub use model::{Conditions, Model};
pub use plan::{NoisePlan, NoiseSource, Port, Reference};
pub use preset::{CATALOGUE, Entry, Preset};
pub use spectrum::{dbm_per_hz, volts2_per_hz};

#[cfg(test)]
mod tests;

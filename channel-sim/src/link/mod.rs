//! Link campaigns: frame error rates of real transmitters and receivers, synchronisation included, and of the
//! [reference chain](crate::reference).
//!
//! | module | what it holds |
//! |---|---|
//! | [`System`], [`Variant`] | standard, band, mode and options, by name |
//! | [`Channel`] | what frames pass: nothing, or a link of a feeder |
//! | [`Grid`], [`Campaign`], [`Task`] | what to measure, and when a point ends |
//! | [`run`] | all cores on one campaign; results do not depend on how many |
//! | [`example`] | the samples of a point, to look at |
//! | [`Journal`], [`Shard`], [`Lock`] | the state in a file: going on after an interruption, spreading over machines |
//! | [`Results`] | rates with intervals, crossings; as a table, CSV, Parquet |
//! | [`plot`] | the same as a plot with theory |
//! | [`statistics`] | intervals |
//!
//! See `docs/campaigns.md`.

mod campaign;
mod channel;
mod crew;
mod figures;
mod g3;
mod journal;
mod lock;
mod noise;
mod outcome;
mod output;
mod parquet;
pub mod plot;
mod prime;
mod results;
pub mod statistics;
mod stream;
mod system;

pub use campaign::{Campaign, Ended, Grid, MOST_DB, Measure, Point, SnrOf, Stop, Task, WHITE, row_tasks};
pub use channel::{Channel, FeederLink, VILLAGE};
pub use crew::run;
pub use figures::{Awgn, awgn};
pub use journal::{Journal, RESULTS, Shard, fingerprint};
pub use lock::Lock;
pub use outcome::Outcome;
pub use parquet::CAMPAIGN_KEY;
pub use results::{Crossing, Results, Row, cross, curves};
pub use stream::example;
pub use system::{Standard, System, Variant, bands, channel_name, modes, scheme_name};

//! Link campaigns: frame error rates of real transmitters and receivers, synchronisation included, and of the
//! [reference chain](crate::reference).
//!
//! | module | what it holds |
//! |---|---|
//! | [`System`], [`Variant`], [`Notch`] | standard, band, mode and options, by name |
//! | [`Channel`] | what frames pass: nothing, or a link of a feeder |
//! | [`Grid`], [`Campaign`], [`Task`] | what to measure, and when a point ends |
//! | [`seek`] | where to lay points, when nobody knows |
//! | [`run`] | all cores on one campaign; results do not depend on how many |
//! | [`example`] | the samples of a point, to look at |
//! | [`Journal`], [`Shard`], [`Lock`] | the state in a file: going on after an interruption, spreading over machines |
//! | [`Results`] | rates with intervals, crossings; as a table, CSV, Parquet |
//! | [`plot`] | the same as a plot with theory |
//! | [`Comparison`] | standards side by side: what arrives over the power received |
//! | [`statistics`] | intervals |
//!
//! See `docs/campaigns.md`.

mod campaign;
mod channel;
mod compare;
mod compare_plot;
mod crew;
mod crossings;
mod figures;
mod g3;
mod journal;
mod lock;
mod noise;
mod notch;
mod outcome;
mod output;
mod parquet;
pub mod plot;
mod prime;
mod results;
mod seek;
pub mod statistics;
mod stream;
mod system;
mod variant;

pub use campaign::{Campaign, Ended, Grid, MOST_DB, Measure, Point, SnrOf, Stop, Task, WHITE, row_tasks};
pub use channel::{Channel, FeederLink, VILLAGE};
pub use compare::{Best, Compared, Comparison, Goodput, GoodputPoint};
pub use compare_plot::compare_svg;
pub use crew::run;
pub use crossings::crossings_svg;
pub use figures::{Awgn, awgn};
pub use journal::{Journal, RESULTS, Shard, fingerprint};
pub use lock::Lock;
pub use notch::Notch;
pub use outcome::Outcome;
pub use parquet::CAMPAIGN_KEY;
pub use results::{Crossing, Ideal, Results, Row, cross, curves};
pub use seek::seek;
pub use stream::example;
pub(crate) use stream::{Heard, Modem as Ends, ends};
pub use system::{Standard, System, bands, channel_name, modes, scheme_name, usual_modes};
pub use variant::Variant;

//! The server at the substation: forms the network, reads the meters, keeps the readings, serves them.
//!
//! | module | what it does |
//! |---|---|
//! | [`cli`], [`run`] | the command line, and what puts the parts together |
//! | [`engine`] | one thread that owns the line: reading cycles, head-ends' requests |
//! | [`store`] | SQLite: readings, cycles, and the counters that no crash may turn back |
//! | [`api`] | `/api/v1`, its OpenAPI description, and the page |
//! | [`head_end`] | TCP port 4059: DLMS wrapper frames through to a meter |
//! | [`provision`], [`network`] | which meters there are and where they hang |
//! | [`reading`], [`calendar`] | values, quality codes and time |
//! | [`live`], [`report`] | what is going on, for the API and the terminal |

pub mod api;
pub mod calendar;
pub mod cli;
pub mod engine;
pub mod head_end;
pub mod live;
pub mod network;
pub mod provision;
pub mod reading;
pub mod report;
pub mod run;
pub mod store;
#[cfg(test)]
mod testkit;

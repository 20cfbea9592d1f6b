//! The server at the substation: forms the network, reads the meters, keeps the readings, serves them.

pub mod api;
pub mod calendar;
pub mod live;
pub mod network;
pub mod reading;
pub mod store;
#[cfg(test)]
mod testkit;

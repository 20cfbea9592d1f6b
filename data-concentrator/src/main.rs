//! The server at the substation: forms the network, reads the meters, keeps the readings.

fn main() {}

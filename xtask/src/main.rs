//! The chores of the workspace: tests, no_std builds, firmware under emulation, fuzzing.

fn main() {}

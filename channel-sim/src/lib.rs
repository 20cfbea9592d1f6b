//! The power line: feeders, cables, loads, noise and many modems on one line in virtual time.

//! Where the processor's time goes.

use std::time::{Duration, Instant};

/// Processor time by purpose, and virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Profile {
    /// Virtual time since the start or the last reset.
    pub virtual_s: f64,
    /// Wall-clock time spent in the world since then.
    pub wall_s: f64,
    /// Convolution and resampling, over all threads.
    pub channel_s: f64,
    /// Noise, over all threads.
    pub noise_s: f64,
    /// The modems: receivers, transmitters and what stands on them, over all threads.
    pub modems_s: f64,
    /// What is left of the wall-clock time on one thread: waiting and book-keeping.
    pub rest_s: f64,
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.2} s virtual in {:.2} s wall ({:.2} times real time); processor: channel {:.2} s, noise {:.2} s, \
             modems {:.2} s, rest {:.2} s",
            self.virtual_s,
            self.wall_s,
            self.virtual_s / self.wall_s.max(1e-9),
            self.channel_s,
            self.noise_s,
            self.modems_s,
            self.rest_s
        )
    }
}

/// Time of one node by purpose.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    pub(super) channel: Duration,
    pub(super) noise: Duration,
    pub(super) modem: Duration,
}

/// A stopwatch that charges each lap to a purpose.
pub(super) struct Lap(Instant);

impl Lap {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn charge(&mut self, to: &mut Duration) {
        let now = Instant::now();
        *to += now - self.0;
        self.0 = now;
    }
}

//! Where the processor's time goes.

use std::time::{Duration, Instant};

/// Processor time by purpose, from one block in sixteen of every node, and virtual time.
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

/// Blocks of which one is measured: reading the clock five times for each node and block would take a tenth of
/// what there is to measure. Nodes take turns.
const SAMPLED: u64 = 16;

/// A stopwatch that charges each lap to a purpose, for as many blocks as the one measured stands for.
pub(super) struct Lap(Option<Instant>);

impl Lap {
    pub(super) fn start(block: u64, node: usize) -> Self {
        let measured = (block + node as u64).is_multiple_of(SAMPLED);
        Self(measured.then(Instant::now))
    }

    pub(super) fn charge(&mut self, to: &mut Duration) {
        let Some(began) = &mut self.0 else { return };
        let now = Instant::now();
        *to += (now - *began) * SAMPLED as u32;
        *began = now;
    }
}

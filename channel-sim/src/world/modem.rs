//! What the world expects of a modem, and the coordinator's.

use g3_phy::phy::{Phy, PhyConfig};
use g3_phy::primitives::{Event, Request};
use plc_core::time::Instant;

/// A modem: samples in, samples out, on its own clock. Sample `n` is at instant `15 n` ticks at 400 kHz.
///
/// For every block the world calls `transmit` first and `receive` for the same samples later, when it knows what
/// the others sent. `transmit` runs some samples ahead.
pub trait Modem: Send {
    /// Writes what the modem sends in the samples from `from` on. False, with `out` untouched, when it is silent.
    fn transmit(&mut self, from: u64, out: &mut [f32]) -> bool;

    /// Takes what the modem hears in the samples from `from` on: what others send, and noise, in volts.
    fn receive(&mut self, from: u64, samples: &[f32]);

    /// Takes in what its household drew over the `ticks` that have just passed, in mW.
    fn measure(&mut self, _power_mw: i64, _ticks: u64) {}
}

/// A modem whose MAC is elsewhere: the port of the coordinator.
pub trait PhyPort: Modem {
    /// Takes a request of the MAC.
    fn request(&mut self, now: Instant, request: Request);

    /// The next event for the MAC.
    fn poll(&mut self) -> Option<Event>;
}

/// The coordinator's modem: a PHY alone.
#[derive(Debug)]
pub struct CoordinatorPort {
    phy: Phy,
}

impl CoordinatorPort {
    /// A PHY with this configuration.
    pub fn new(config: PhyConfig) -> Self {
        Self { phy: Phy::new(config) }
    }
}

impl Modem for CoordinatorPort {
    fn transmit(&mut self, from: u64, out: &mut [f32]) -> bool {
        self.phy.transmit(from, out)
    }

    fn receive(&mut self, from: u64, samples: &[f32]) {
        self.phy.receive(from, samples);
    }
}

impl PhyPort for CoordinatorPort {
    fn request(&mut self, now: Instant, request: Request) {
        self.phy.request(now, request);
    }

    fn poll(&mut self) -> Option<Event> {
        self.phy.poll()
    }
}

//! What the world expects of a modem, and the coordinator's.

use crate::line::filter::FilterPlan;
use g3_phy::phy::{Phy, PhyConfig};
use g3_phy::primitives::{Event, Request};
use g3_phy::{BandPlan, FrameWorkspace, Optional};
use plc_core::time::{Instant, SampleClock};

/// How a modem is attached to the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attachment {
    /// Its nominal sample rate: a block of the line has a whole number of its samples.
    pub rate_hz: f64,
    /// Its coupler: below the first frequency and above the last nothing passes, between the middle two everything.
    pub coupler_hz: [f64; 4],
}

impl Attachment {
    /// CENELEC-A at 400 kHz.
    pub const CENELEC_A: Self = Self { rate_hz: 400_000.0, coupler_hz: FilterPlan::CENELEC_A.band_hz };
    /// The FCC and ARIB bands of G3 at 1.2 MHz: 154 to 488 kHz.
    pub const FCC: Self =
        Self { rate_hz: 1_200_000.0, coupler_hz: [95_000.0, 140_000.0, 500_000.0, 590_000.0] };
    /// CENELEC-B at 400 kHz: 98 to 122 kHz.
    pub const CENELEC_B: Self =
        Self { rate_hz: 400_000.0, coupler_hz: [60_000.0, 90_000.0, 125_000.0, 150_000.0] };
    /// PRIME 1.3.6 at 250 kHz.
    pub const PRIME: Self =
        Self { rate_hz: 250_000.0, coupler_hz: [10_000.0, 31_000.0, 92_000.0, 120_000.0] };

    /// That of an instrument: all that its sample rate shows, from CENELEC-A's lower edge on.
    pub fn of_instrument(clock: SampleClock) -> Self {
        match clock {
            SampleClock::KHZ_250 => Self::PRIME,
            SampleClock::KHZ_400 => Self::CENELEC_A,
            SampleClock::MHZ_1 => {
                Self { rate_hz: 1_000_000.0, coupler_hz: [10_000.0, 31_000.0, 473_000.0, 498_000.0] }
            }
            _ => Self { rate_hz: 1_200_000.0, coupler_hz: FilterPlan::WIDE.band_hz },
        }
    }

    /// That of a G3 modem of a band.
    pub fn of(plan: &BandPlan) -> Self {
        match (plan.clock == SampleClock::KHZ_400, *plan == BandPlan::CENELEC_B_EXPERIMENTAL) {
            (true, false) => Self::CENELEC_A,
            (true, true) => Self::CENELEC_B,
            (false, _) => Self::FCC,
        }
    }
}

/// A modem: samples in, samples out, on its own clock. Sample `n` is at instant `15 n` ticks at 400 kHz.
///
/// For every block the world calls `transmit` first and `receive` for the same samples later, when it knows what
/// the others sent. `transmit` runs some samples ahead.
pub trait Modem: Send {
    /// Sample rate and coupler.
    fn attachment(&self) -> Attachment {
        Attachment::CENELEC_A
    }

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

/// A PHY with the memory that its receiver asks for.
pub(super) type SoftModem = Phy<Optional<Box<FrameWorkspace>>>;

pub(super) fn soft_modem(config: PhyConfig) -> SoftModem {
    let memory = config.receiver.needs_workspace().then(|| Box::new(FrameWorkspace::new()));
    Phy::with_workspace(config, Optional(memory))
}

/// The coordinator's modem: a PHY alone.
#[derive(Debug)]
pub struct CoordinatorPort {
    attachment: Attachment,
    phy: SoftModem,
}

impl CoordinatorPort {
    /// A PHY with this configuration.
    pub fn new(config: PhyConfig) -> Self {
        Self { attachment: Attachment::of(&config.plan), phy: soft_modem(config) }
    }
}

impl Modem for CoordinatorPort {
    fn attachment(&self) -> Attachment {
        self.attachment
    }

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

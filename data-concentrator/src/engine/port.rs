//! The coordinator's PHY: a line in this process or in another one.

use channel_sim::port::{PortError, Provision, RemoteWorld};
use channel_sim::world::{Exchange, LinkReport, World};
use g3_phy::primitives::Request;
use plc_core::time::Instant;

/// A modem on the line, in the line's own time.
pub trait PhyPort: Send {
    /// The network behind the port, as it was when the port was opened.
    fn provision(&self) -> Provision;
    /// Hands `requests` to the modem and lets time run until it has something to tell or its clock shows `until`.
    fn exchange(&mut self, requests: Vec<Request>, until: Instant) -> Result<Exchange, PortError>;
    /// What the line model says of the links.
    fn links(&mut self) -> Result<Vec<LinkReport>, PortError>;
}

impl PhyPort for World {
    fn provision(&self) -> Provision {
        Provision::new(self.scenario(), self.now())
    }

    fn exchange(&mut self, requests: Vec<Request>, until: Instant) -> Result<Exchange, PortError> {
        Ok(Self::exchange(self, requests, until))
    }

    fn links(&mut self) -> Result<Vec<LinkReport>, PortError> {
        Ok(Self::links(self))
    }
}

impl PhyPort for RemoteWorld {
    fn provision(&self) -> Provision {
        Self::provision(self).clone()
    }

    fn exchange(&mut self, requests: Vec<Request>, until: Instant) -> Result<Exchange, PortError> {
        Self::exchange(self, requests, until)
    }

    fn links(&mut self) -> Result<Vec<LinkReport>, PortError> {
        Self::links(self)
    }
}

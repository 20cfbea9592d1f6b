//! The coordinator's PHY: a line in this process or in another one.

use channel_sim::port::{PortError, Provision, RemoteWorld};
use channel_sim::record::PrimitiveRecorder;
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

/// A port whose frames are written to a file. A file that cannot be written any more ends the recording, not the run.
pub struct RecordedPort {
    port: Box<dyn PhyPort>,
    recorder: Option<PrimitiveRecorder>,
    now: Instant,
    complain: Box<dyn Fn(&str) + Send>,
}

impl RecordedPort {
    /// Records what passes through `port`; `complain` is told, once, where that fails.
    pub fn new(
        port: Box<dyn PhyPort>,
        recorder: PrimitiveRecorder,
        complain: impl Fn(&str) + Send + 'static,
    ) -> Self {
        let now = port.provision().now;
        Self { port, recorder: Some(recorder), now, complain: Box::new(complain) }
    }
}

impl PhyPort for RecordedPort {
    fn provision(&self) -> Provision {
        self.port.provision()
    }

    fn exchange(&mut self, requests: Vec<Request>, until: Instant) -> Result<Exchange, PortError> {
        let asked = requests.clone();
        let exchange = self.port.exchange(requests, until)?;
        let noted = self.recorder.as_mut().map(|it| it.note(self.now, &asked, &exchange.events));
        if let Some(Err(error)) = noted {
            (self.complain)(&format!("{error}; no more frames are recorded"));
            self.recorder = None;
        }
        self.now = exchange.now;
        Ok(exchange)
    }

    fn links(&mut self) -> Result<Vec<LinkReport>, PortError> {
        self.port.links()
    }
}

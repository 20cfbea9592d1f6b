//! The meter: a node whose application is metering behind a COSEM server.

use crate::application::{ApplicationCounters, MeterApplication};
use crate::metering::{Measurement, Metering, MeteringConfig, Utc};
use crate::node::{LinkStatistics, Node, NodePhy};
use crate::objects::{Identity, PublicAccess};
use cosem::security::{Keys, SystemTitle};
use cosem::server::{Server, ServerConfig};
use g3_mac::StackConfig;
use g3_mac::ipv6::LinkLocal;
use g3_mac::mac::MacStatus;
use g3_phy::Memory;
use g3_phy::phy::{Phy, PhyConfig};
use plc_core::env::Environment;
use plc_core::time::{Duration, Instant};

/// Rows of the load profile of a [`Meter`]: ten days of quarter hours.
pub const PROFILE_ROWS: usize = 960;

/// A meter with ten days of load profile.
pub type Meter<E> = MeterOf<E, PROFILE_ROWS>;

/// What a meter is made of.
#[derive(Clone, Debug)]
pub struct MeterConfig {
    /// Network: addresses, group key, modulation.
    pub stack: StackConfig,
    /// Clock and registers.
    pub metering: MeteringConfig,
    /// Names.
    pub identity: Identity,
    /// What the public client may read.
    pub public: PublicAccess,
    /// System title: the nonce of everything the meter ciphers, so no two meters may share one.
    pub system_title: SystemTitle,
    /// Keys of the management client.
    pub keys: Keys,
    /// UDP port of the COSEM server: [`g3_mac::udp::DLMS_PORT`].
    pub port: u16,
}

/// A meter with `ROWS` rows of load profile in the surroundings `E`.
pub struct MeterOf<E, const ROWS: usize, P = Phy> {
    node: Node<MeterApplication<ROWS>, E, P>,
}

impl<E: Environment, const ROWS: usize> MeterOf<E, ROWS> {
    /// A meter that carries on from what the environment's store holds.
    ///
    /// # Errors
    /// Where the stack does not accept its configuration.
    pub fn new(config: MeterConfig, environment: E) -> Result<Self, MacStatus> {
        let phy = PhyConfig { plan: config.stack.plan, mask: config.stack.mask, ..PhyConfig::default() };
        Self::with_phy(config, Phy::new(phy), environment)
    }
}

impl<E: Environment, const ROWS: usize, W: Memory> MeterOf<E, ROWS, Phy<W>> {
    /// What the meter sends in the block that begins at sample `from`; see [`Node::transmit`].
    pub fn transmit(&mut self, from: u64, out: &mut [f32]) -> bool {
        self.node.transmit(from, out)
    }

    /// What the meter hears in the block that begins at sample `from`; see [`Node::receive`].
    pub fn receive(&mut self, from: u64, samples: &[f32]) {
        self.node.receive(from, samples);
    }

    /// Whether the meter is on the air.
    pub fn transmitting(&self) -> bool {
        self.node.transmitting()
    }
}

impl<E: Environment, const ROWS: usize, P: NodePhy> MeterOf<E, ROWS, P> {
    /// A meter on a PHY of the caller's that carries on from what the environment's store holds.
    ///
    /// # Errors
    /// Where the stack does not accept its configuration.
    pub fn with_phy(config: MeterConfig, phy: P, mut environment: E) -> Result<Self, MacStatus> {
        let metering = Metering::new(&config.metering, environment.store());
        let name = config.identity.logical_device_name.as_bytes();
        let server = Server::new(ServerConfig::new(config.system_title, name, config.keys));
        let address = LinkLocal::of(config.stack.pan_id, config.stack.short_address);
        let application =
            MeterApplication::new(metering, server, config.identity, config.public, address, config.port);
        Ok(Self { node: Node::with_phy(config.stack, phy, application, environment)? })
    }

    /// Lets time come to `now`; see [`Node::run`].
    pub fn run(&mut self, now: Instant) -> Option<Instant> {
        self.node.run(now)
    }

    /// The PHY.
    pub const fn phy_mut(&mut self) -> &mut P {
        self.node.phy_mut()
    }

    /// Takes in what was measured over the `span` that has just passed.
    ///
    /// The calendar clock shows the end of that span at the sample the node has run to, and is carried on by the
    /// sample clock from there. Spans measured before the first sample are the meter's past.
    pub fn measure(&mut self, measurement: Measurement, span: Duration) {
        let now = self.node.now();
        let (application, environment) = self.node.parts_mut();
        application.measure(now, environment, measurement, span);
    }

    /// Saves what has to survive: the power is about to fail.
    pub fn power_failing(&mut self) {
        let (application, environment) = self.node.parts_mut();
        application.power_failing(environment);
    }

    /// The time up to which the meter has run, on its own sample clock.
    pub const fn now(&self) -> Instant {
        self.node.now()
    }

    /// What the calendar clock shows.
    pub fn time(&self) -> Utc {
        self.node.application().time(self.node.now())
    }

    /// Registers, load profile and clock.
    pub const fn metering(&self) -> &Metering<ROWS> {
        self.node.application().metering()
    }

    /// Requests and what became of them.
    pub const fn requests(&self) -> &ApplicationCounters {
        self.node.application().counters()
    }

    /// What happened on the line.
    pub const fn statistics(&self) -> &LinkStatistics {
        self.node.statistics()
    }

    /// The environment: what was stored, for one.
    pub const fn environment(&self) -> &E {
        self.node.environment()
    }
}

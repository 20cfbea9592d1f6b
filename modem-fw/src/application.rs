//! What the meter does with the packets it gets: DLMS wrapper datagrams in, answers to their senders out
//! (IEC 62056-8-5 over UDP; digest 1.1).

use crate::metering::{Measurement, Metering, Utc};
use crate::node::AdaptationEvent;
use crate::objects::{Identity, Objects, PublicAccess};
use cosem::server::{DEFAULT_PDU, Server};
use cosem::wrapper;
use g3_mac::adaptation::AdpdDataRequest;
use g3_mac::ipv6::{LinkLocal, Packet};
use g3_mac::udp::Datagram;
use plc_core::env::Environment;
use plc_core::sans_io::{Machine, Step};
use plc_core::time::{Duration, Instant};

/// Requests and what became of them, since the meter was made; they wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApplicationCounters {
    /// Requests answered.
    pub answered: u32,
    /// Packets that are no DLMS datagram for this meter.
    pub ignored: u32,
    /// Requests the server could not answer, because the store failed or there was no room for the reply.
    pub failed: u32,
    /// Answers that the lower layers could not deliver to the next hop.
    pub undelivered: u32,
}

/// The meter as an application: metering, objects and COSEM server.
pub struct MeterApplication<const ROWS: usize> {
    metering: Metering<ROWS>,
    /// The node's time at the end of the last measured span, or when the node began, where that is later.
    measured_at: Option<Instant>,
    server: Server,
    identity: Identity,
    public: PublicAccess,
    address: LinkLocal,
    port: u16,
    reply: Option<AdpdDataRequest>,
    next_handle: u8,
    counters: ApplicationCounters,
}

impl<const ROWS: usize> MeterApplication<ROWS> {
    pub(crate) fn new(
        metering: Metering<ROWS>,
        server: Server,
        identity: Identity,
        public: PublicAccess,
        address: LinkLocal,
        port: u16,
    ) -> Self {
        Self {
            metering,
            measured_at: None,
            server,
            identity,
            public,
            address,
            port,
            reply: None,
            next_handle: 0,
            counters: ApplicationCounters::default(),
        }
    }

    /// Registers, load profile and clock.
    pub const fn metering(&self) -> &Metering<ROWS> {
        &self.metering
    }

    /// Requests and what became of them.
    pub const fn counters(&self) -> &ApplicationCounters {
        &self.counters
    }

    /// What the calendar clock shows at `now`: the end of the last measured span, and what the sample clock has
    /// counted since.
    pub fn time(&self, now: Instant) -> Utc {
        let measured_at = self.measured_at.unwrap_or(now);
        let since = now.as_ticks().saturating_sub(measured_at.as_ticks());
        self.metering.clock().now().plus(Duration::from_ticks(since))
    }

    pub(crate) fn measure(
        &mut self,
        now: Instant,
        env: &mut dyn Environment,
        measurement: Measurement,
        span: Duration,
    ) {
        self.metering.measure(env.store(), measurement, span);
        // What is measured before the node begins is its past, whatever its sample clock will begin with.
        self.measured_at = self.measured_at.and(Some(now));
    }

    pub(crate) fn power_failing(&mut self, env: &mut dyn Environment) {
        self.metering.power_failing(env.store());
    }

    /// Answers a packet; `None` where it is not for us or the server has no answer.
    fn answer(&mut self, now: Instant, env: &mut dyn Environment, packet: &[u8]) -> Option<Packet> {
        let request = Datagram::parse(packet).ok().filter(|request| {
            request.destination_port == self.port && request.destination == self.address.address()
        });
        let wrapped = request.and_then(|request| {
            let (header, apdu) = wrapper::parse_datagram(request.payload).ok()?;
            (header.destination == self.server.config().server_sap).then_some((request, header, apdu))
        });
        let Some((request, header, apdu)) = wrapped else {
            self.counters.ignored = self.counters.ignored.wrapping_add(1);
            return None;
        };
        let reply = self.serve(now, env, header.source, apdu).and_then(|(reply, length)| {
            let mut payload = [0; wrapper::HEADER_LEN + DEFAULT_PDU];
            let length =
                wrapper::emit(header.destination, header.source, reply.get(..length)?, &mut payload).ok()?;
            let reply = Datagram {
                source: request.destination,
                destination: request.source,
                hop_limit: g3_mac::ipv6::DEFAULT_HOP_LIMIT,
                source_port: request.destination_port,
                destination_port: request.source_port,
                payload: payload.get(..length)?,
            };
            reply.emit().ok()
        });
        let counter = if reply.is_some() { &mut self.counters.answered } else { &mut self.counters.failed };
        *counter = counter.wrapping_add(1);
        reply
    }

    /// The server's reply to an APDU and its length.
    fn serve(
        &mut self,
        now: Instant,
        env: &mut dyn Environment,
        client: u16,
        apdu: &[u8],
    ) -> Option<([u8; DEFAULT_PDU], usize)> {
        let shown = self.time(now);
        let mut reply = [0; DEFAULT_PDU];
        let mut objects = Objects::new(&self.metering, &self.identity, self.public, shown);
        let length = self.server.handle(client, apdu, &mut objects, env, &mut reply).ok()?;
        if let Some(time) = objects.new_time() {
            self.set_time(env, shown, time);
        }
        Some((reply, length))
    }

    /// The metering's clock stands at the end of the last measured span; it is moved by as much as what was `shown`
    /// to the client has to be.
    fn set_time(&mut self, env: &mut dyn Environment, shown: Utc, wanted: Utc) {
        let since = shown.as_ticks().saturating_sub(self.metering.clock().now().as_ticks());
        let time = Utc::from_ticks(wanted.as_ticks().saturating_sub(since));
        self.metering.set_time(env.store(), time);
    }
}

impl<const ROWS: usize> Machine for MeterApplication<ROWS> {
    type Event<'a> = AdaptationEvent<'a>;
    type Action = AdpdDataRequest;

    fn handle(&mut self, now: Instant, env: &mut dyn Environment, event: AdaptationEvent<'_>) {
        match event {
            AdaptationEvent::Indication(indication) => {
                if let Some(packet) = self.answer(now, env, &indication.nsdu) {
                    // One still waiting here was never taken by the stack; its client will ask again.
                    self.reply = Some(AdpdDataRequest::new(self.next_handle, packet));
                    self.next_handle = self.next_handle.wrapping_add(1);
                }
            }
            AdaptationEvent::Confirm(confirm) => {
                if confirm.status != g3_mac::adaptation::AdpStatus::Success {
                    self.counters.undelivered = self.counters.undelivered.wrapping_add(1);
                }
            }
        }
    }

    fn poll(&mut self, now: Instant, _env: &mut dyn Environment) -> Step<AdpdDataRequest> {
        self.measured_at.get_or_insert(now);
        match self.reply.take() {
            Some(reply) => Step::Do(reply),
            None => Step::Idle(None),
        }
    }
}

#[cfg(test)]
mod tests;

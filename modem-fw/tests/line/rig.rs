//! A meter and a reader on one line, joined sample by sample.

use cosem::client::{Client, ClientConfig, ClientError, Progress, Query};
use cosem::security::{Keys, SystemTitle};
use g3_mac::StackConfig;
use g3_mac::ipv6::LinkLocal;
use g3_mac::mac::Gmk;
use g3_phy::Modulation;
use modem_fw::metering::{Measurement, MeteringConfig, Utc};
use modem_fw::node::Node;
use modem_fw::objects::{Identity, PublicAccess};
use modem_fw::reader::{ReadError, Reader, ReaderConfig};
use modem_fw::{Meter, MeterConfig};
use plc_core::address::{PanId, ShortAddress};
use plc_core::env::Environment;
use plc_core::testkit::{SplitMix64, TestEnvironment};
use plc_core::time::{SampleClock, seconds};
use rand_core::Rng;

/// 2026-01-15 00:00 in Central Europe.
pub(crate) const MIDNIGHT: i64 = 1_768_431_600;
pub(crate) const PAN: PanId = PanId(0x781D);
pub(crate) const METER: ShortAddress = ShortAddress(1);
pub(crate) const SERIAL: &str = "26000001";

/// Samples of a block: 1.28 ms, less than a contention slot.
const BLOCK: usize = 512;
const CLOCK: SampleClock = SampleClock::KHZ_400;

pub(crate) fn keys() -> Keys {
    Keys { encryption: [0x11; 16], authentication: [0x22; 16] }
}

pub(crate) fn stack(short_address: ShortAddress, modulation: Modulation) -> StackConfig {
    StackConfig { modulation, ..StackConfig::cenelec_a(PAN, short_address, Gmk([0x33; 16])) }
}

pub(crate) fn meter_config(modulation: Modulation, time: Option<i64>) -> MeterConfig {
    MeterConfig {
        stack: stack(METER, modulation),
        metering: MeteringConfig {
            time: time.and_then(Utc::from_unix_s),
            deviation_min: -60,
            ..MeteringConfig::default()
        },
        identity: Identity {
            serial_number: SERIAL.try_into().unwrap(),
            logical_device_name: "BSB0000026000001".try_into().unwrap(),
        },
        public: PublicAccess::Identity,
        system_title: SystemTitle(*b"BSB\0\0\0\0\x01"),
        keys: keys(),
        port: g3_mac::udp::DLMS_PORT,
    }
}

pub(crate) fn management() -> ClientConfig {
    ClientConfig::management(SystemTitle(*b"BSBDC\0\0\x01"), keys())
}

/// What the line does to every sample, both ways.
#[derive(Clone, Copy)]
pub(crate) struct Channel {
    pub(crate) gain: f32,
    /// Rms of the noise at each receiver.
    pub(crate) noise: f32,
}

pub(crate) struct Line {
    pub(crate) meter: Meter<TestEnvironment>,
    pub(crate) reader: Node<Reader<20_000>, TestEnvironment>,
    pub(crate) channel: Channel,
    /// What the household draws.
    pub(crate) load: Measurement,
    noise: SplitMix64,
    at: u64,
}

impl Line {
    pub(crate) fn new(
        meter: Meter<TestEnvironment>,
        client: ClientConfig,
        channel: Channel,
        modulation: Modulation,
    ) -> Self {
        let coordinator = ShortAddress::COORDINATOR;
        let config = ReaderConfig::new(LinkLocal::of(PAN, coordinator), LinkLocal::of(PAN, METER), client);
        let reader =
            Node::new(stack(coordinator, modulation), Reader::new(config), TestEnvironment::new(99)).unwrap();
        let load = Measurement::default();
        Self { meter, reader, channel, load, noise: SplitMix64(5), at: 0 }
    }

    /// Seconds of virtual time so far.
    pub(crate) fn elapsed_s(&self) -> f64 {
        self.at as f64 / f64::from(CLOCK.rate_hz())
    }

    /// One block: both transmit, and who does not listens.
    pub(crate) fn step(&mut self) {
        let (mut of_meter, mut of_reader) = ([0.0; BLOCK], [0.0; BLOCK]);
        let meter_on_air = self.meter.transmit(self.at, &mut of_meter);
        let reader_on_air = self.reader.transmit(self.at, &mut of_reader);
        if !meter_on_air {
            self.disturb(&mut of_reader);
            self.meter.receive(self.at, &of_reader);
        }
        if !reader_on_air {
            self.disturb(&mut of_meter);
            self.reader.receive(self.at, &of_meter);
        }
        self.at += BLOCK as u64;
        self.meter.measure(self.load, CLOCK.span(BLOCK as u64));
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, seconds: f64) {
        let end_s = self.elapsed_s() + seconds;
        while self.elapsed_s() < end_s {
            self.step();
        }
    }

    /// Runs an operation of the client to its end.
    pub(crate) fn operate(
        &mut self,
        begin: impl FnOnce(&mut Client, &mut dyn Environment) -> Result<(), ClientError>,
    ) -> Result<Progress, ReadError> {
        let (reader, environment) = self.reader.application_mut();
        reader.start(environment, begin);
        let begun = self.elapsed_s();
        loop {
            let (reader, _) = self.reader.application_mut();
            if let Some(outcome) = reader.take_outcome() {
                return outcome;
            }
            assert!(self.elapsed_s() < begun + 120.0, "the operation does not end");
            for _ in 0..16 {
                self.step();
            }
        }
    }

    pub(crate) fn associate(&mut self) -> Result<Progress, ReadError> {
        self.operate(|client, environment| client.associate(environment).map(|_| ()))
    }

    /// Reads an attribute; the encoded value.
    pub(crate) fn get(&mut self, query: &Query) -> Result<Vec<u8>, ReadError> {
        self.operate(|client, environment| client.get(query, environment).map(|_| ()))?;
        Ok(self.reader.application().value().to_vec())
    }

    /// The power of the meter fails without warning, and comes back: a meter that starts from what its store held.
    pub(crate) fn restart_meter(&mut self, config: MeterConfig) {
        let mut environment = TestEnvironment::new(77);
        environment.store = self.meter.environment().store.clone();
        self.meter = Meter::new(config, environment).unwrap();
    }

    fn disturb(&mut self, samples: &mut [f32]) {
        for sample in samples {
            // The sum of twelve uniform numbers is near enough to Gaussian for a test of the layers above.
            let sum: f32 = (0..12).map(|_| self.noise.next_u32() as f32 / u32::MAX as f32).sum();
            *sample = *sample * self.channel.gain + (sum - 6.0) * self.channel.noise;
        }
    }
}

/// A meter that has drawn `power_mw` since midnight for `hours`, and shows `18:00`-like local time accordingly.
pub(crate) fn meter_since_midnight(config: MeterConfig, power_mw: i32, hours: u64) -> Meter<TestEnvironment> {
    let mut meter = Meter::new(config, TestEnvironment::new(1)).unwrap();
    for _ in 0..hours * 60 {
        meter.measure(Measurement { active_power_mw: power_mw, ..Measurement::default() }, seconds(60));
    }
    meter
}

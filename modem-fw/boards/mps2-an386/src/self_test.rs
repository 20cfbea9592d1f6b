//! The reading over the line, and what has to come out of it.

use crate::environment::Board;
use crate::memory;
use core::mem::size_of;
use cortex_m_semihosting::hprintln;
use cosem::client::{Client, ClientConfig, ClientError, Progress, Query};
use cosem::security::{Keys, SystemTitle};
use cosem::server::Server;
use cosem::{Data, classes};
use g3_mac::ipv6::LinkLocal;
use g3_mac::mac::{Gmk, MacStatus};
use g3_mac::{Stack, StackConfig};
use g3_phy::Modulation;
use g3_phy::phy::Phy;
use modem_fw::metering::{LoadProfile, Measurement, MeteringConfig, Utc};
use modem_fw::node::Node;
use modem_fw::objects::{CLOCK_NAME, IMPORTED_ENERGY, Identity, PublicAccess, SERIAL_NUMBER};
use modem_fw::reader::{ReadError, Reader, ReaderConfig};
use modem_fw::{Meter, MeterConfig, PROFILE_ROWS};
use plc_core::address::{PanId, ShortAddress};
use plc_core::env::Environment;
use plc_core::time::{SampleClock, seconds};
use thiserror::Error;

/// What went wrong.
#[derive(Clone, Copy, Debug, Error)]
pub(crate) enum Failure {
    /// The reader has no result.
    #[error("{what}: {error}")]
    Read { what: &'static str, error: ReadError },
    /// An operation takes longer than its repetitions do.
    #[error("{0} does not end")]
    Endless(&'static str),
    /// A value is another one than the meter has, or no value at all.
    #[error("{0} is wrong")]
    Value(&'static str),
    /// The stack does not accept its configuration.
    #[error("configuration: {0}")]
    Configuration(#[from] MacStatus),
    /// Meter and reader were there already.
    #[error("the self-test runs once")]
    Again,
    /// The serial number is longer than the meter has room for.
    #[error("the serial number is too long")]
    SerialNumber,
}

/// Boots meter and reader, reads the meter and checks what comes.
pub(crate) fn run() -> Result<(), Failure> {
    hprintln!(
        "Meter {} B: Phy {} B, Stack {} B, Server {} B, load profile {} B; Node with Reader {} B",
        size_of::<Meter<()>>(),
        size_of::<Phy>(),
        size_of::<Stack>(),
        size_of::<Server>(),
        size_of::<LoadProfile<PROFILE_ROWS>>(),
        size_of::<Node<TestReader, ()>>()
    );
    memory::paint_stack();
    let bench = boot()?;
    hprintln!("deepest stack while booting {} B", memory::deepest_stack());
    memory::paint_stack();
    let outcome = read(bench);
    hprintln!("deepest stack while running {} B", memory::deepest_stack());
    outcome
}

/// Makes meter and reader, in a frame of its own so that their copies do not stay on the stack.
#[inline(never)]
fn boot() -> Result<&'static mut Bench, Failure> {
    let bench = Bench::new()?;
    cortex_m::singleton!(: Bench = bench).ok_or(Failure::Again)
}

fn read(bench: &mut Bench) -> Result<(), Failure> {
    bench.operate("association", |client, env| client.associate(env).map(|_| ()))?;

    bench.wait(3);

    let serial = bench.get("serial number", &Query::new(classes::DATA, SERIAL_NUMBER, 2))?;
    let text = serial.as_octets().ok_or(Failure::Value("serial number"))?;
    hprintln!("serial number {}", core::str::from_utf8(text).unwrap_or("?"));
    check("serial number", text == SERIAL.as_bytes())?;

    let clock = bench.get("clock", &Query::new(classes::CLOCK, CLOCK_NAME, 2))?;
    let time = clock.as_date_time().ok_or(Failure::Value("clock"))?;
    hprintln!("clock {}", time);
    let since = time.to_unix(0).ok_or(Failure::Value("clock"))? - SIX_PM;
    check("clock", (3..=bench.elapsed_s()).contains(&since))?;

    let began_s = bench.elapsed_s();
    let energy = bench.get("1.8.0", &Query::new(classes::REGISTER, IMPORTED_ENERGY, 2))?;
    let wh = energy.as_i64().ok_or(Failure::Value("1.8.0"))?;
    hprintln!("1.8.0 {} Wh after {} s on the line", wh, bench.elapsed_s());
    // 1.5 kW for 18 hours, and a watt-hour a second since.
    check("1.8.0", (27_000 + began_s..=27_000 + bench.elapsed_s()).contains(&wh))?;

    let statistics = bench.meter.statistics();
    hprintln!(
        "meter: {} frames sent, {} data frames heard, {} acknowledgements, LQI {}",
        statistics.sent,
        statistics.data_frames,
        statistics.acknowledgements,
        statistics.last_lqi.unwrap_or(0)
    );
    Ok(())
}

const SERIAL: &str = "26000001";
/// 2026-01-15 18:00 in Central Europe.
const SIX_PM: i64 = 1_768_496_400;
const PAN: PanId = PanId(0x781D);
const METER: ShortAddress = ShortAddress(1);
const CLOCK: SampleClock = SampleClock::KHZ_400;
/// 1.28 ms, less than a contention slot.
const BLOCK: usize = 512;
/// 30 dB of attenuation, and noise 20 dB below what arrives.
const GAIN: f32 = 0.03;
const NOISE: f32 = GAIN * g3_phy::TX_RMS * 0.1;
/// Virtual time after which an operation is given up: longer than the reader's own repetitions.
const PATIENCE_S: i64 = 120;

type TestReader = Reader<1024>;
/// Room for every row of the load profile.
type MeterBoard = Board<1024>;
type ReaderBoard = Board<8>;

struct Bench {
    meter: Meter<MeterBoard>,
    reader: Node<TestReader, ReaderBoard>,
    noise: ReaderBoard,
    at: u64,
}

impl Bench {
    fn new() -> Result<Self, Failure> {
        // Demonstration keys: a meter in the field has its own.
        let keys = Keys { encryption: [0x11; 16], authentication: [0x22; 16] };
        let config = MeterConfig {
            stack: stack(METER),
            metering: MeteringConfig {
                time: Utc::from_unix_s(SIX_PM - 18 * 3_600),
                deviation_min: -60,
                ..MeteringConfig::default()
            },
            identity: Identity {
                serial_number: SERIAL.try_into().map_err(|_| Failure::SerialNumber)?,
                logical_device_name: "BSB0000026000001".try_into().map_err(|_| Failure::SerialNumber)?,
            },
            public: PublicAccess::Identity,
            system_title: SystemTitle(*b"BSB\0\0\0\0\x01"),
            keys: keys.clone(),
            port: g3_mac::udp::DLMS_PORT,
        };
        let mut meter = Meter::new(config, Board::new(1))?;
        meter.measure(load(1_500_000), seconds(18 * 3_600));

        let coordinator = LinkLocal::of(PAN, ShortAddress::COORDINATOR);
        let client = ClientConfig::management(SystemTitle(*b"BSBDC\0\0\x01"), keys);
        let reader = Reader::new(ReaderConfig::new(coordinator, LinkLocal::of(PAN, METER), client));
        let reader = Node::new(stack(ShortAddress::COORDINATOR), reader, Board::new(2))?;
        Ok(Self { meter, reader, noise: Board::new(3), at: 0 })
    }

    fn elapsed_s(&self) -> i64 {
        (self.at / u64::from(CLOCK.rate_hz())) as i64
    }

    fn wait(&mut self, seconds: i64) {
        let end_s = self.elapsed_s() + seconds;
        while self.elapsed_s() < end_s {
            self.step();
        }
    }

    fn get(&mut self, what: &'static str, query: &Query) -> Result<Data<'_>, Failure> {
        self.operate(what, |client, env| client.get(query, env).map(|_| ()))?;
        Data::parse(self.reader.application().value()).map_err(|_| Failure::Value(what))
    }

    fn operate(
        &mut self,
        what: &'static str,
        begin: impl FnOnce(&mut Client, &mut dyn Environment) -> Result<(), ClientError>,
    ) -> Result<Progress, Failure> {
        let (reader, environment) = self.reader.application_mut();
        reader.start(environment, begin);
        let give_up_s = self.elapsed_s() + PATIENCE_S;
        while self.elapsed_s() < give_up_s {
            self.step();
            if let Some(outcome) = self.reader.application_mut().0.take_outcome() {
                return outcome.map_err(|error| Failure::Read { what, error });
            }
        }
        Err(Failure::Endless(what))
    }

    /// One block: both transmit, and who does not listens.
    fn step(&mut self) {
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
        self.meter.measure(load(3_600_000), CLOCK.span(BLOCK as u64));
    }

    fn disturb(&mut self, samples: &mut [f32]) {
        let rng = self.noise.rng();
        for sample in samples {
            // Four uniform numbers add up to something near enough to Gaussian for a self-test.
            let word = rng.next_u64();
            let sum: i64 = (0..4).map(|part| (word >> (16 * part) & 0xFFFF) as i64 - 0x8000).sum();
            // The sum's standard deviation is 65536 / sqrt(3).
            *sample = *sample * GAIN + sum as f32 * (NOISE * 1.732 / 65_536.0);
        }
    }
}

fn stack(short_address: ShortAddress) -> StackConfig {
    StackConfig {
        modulation: Modulation::Dqpsk,
        ..StackConfig::cenelec_a(PAN, short_address, Gmk([0x33; 16]))
    }
}

fn load(active_power_mw: i32) -> Measurement {
    Measurement { active_power_mw, voltage_mv: 230_000, current_ma: 15_652, frequency_mhz: 50_000 }
}

fn check(what: &'static str, right: bool) -> Result<(), Failure> {
    if right { Ok(()) } else { Err(Failure::Value(what)) }
}

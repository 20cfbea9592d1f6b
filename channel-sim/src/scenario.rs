//! What a run is determined by: feeder, seed, start, noise, loads, transmit level and clocks.

use crate::feeder::{Feeder, FeederError, Load, Phase, Position, ReadOptions, Report, read, village};
use crate::line::Line;
use crate::line::filter::FilterPlan;
use crate::line::load::Appliance;
use crate::noise::{Conditions, Mains, Preset};
use crate::random::{Purpose, stream, uniform};
use crate::survey::{cut_at, terminal};
use g3_phy::ReceiverOptions;
use g3_phy::phy::PhyConfig;
use jiff::civil::DateTime;
use plc_core::address::{PanId, ShortAddress};
use plc_core::time::{Instant, SampleClock, TICKS_PER_SECOND};
use rand_core::Rng;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Ticks of a minute.
const TICKS_PER_MINUTE: u64 = 60 * TICKS_PER_SECOND;
/// What the name of a point that is a bus begins with.
pub const PROBE: &str = "bus:";
/// Sample rates of instruments: those of all modems.
const INSTRUMENT_CLOCKS: [SampleClock; 4] =
    [SampleClock::KHZ_250, SampleClock::KHZ_400, SampleClock::MHZ_1, SampleClock::KHZ_1200];
/// Milliwatt-ticks in a watt-hour.
const MW_TICKS_PER_WH: i128 = 1_000 * 3_600 * TICKS_PER_SECOND as i128;

/// Everything that determines a run. Two worlds of equal scenarios are bit-identical.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Cables, transformer and households.
    pub feeder: Feeder,
    /// Determines every random draw.
    pub seed: u64,
    /// Local time at the first line sample.
    pub start: DateTime,
    /// Local time minus UTC.
    pub utc_offset_minutes: i16,
    /// Noise at every modem's port.
    pub noise: Vec<Preset>,
    /// Noise that every household injects, at the level it has on the artificial mains network and with a spread of
    /// 5 dB between households; it reaches the ports through the line.
    pub injected: Vec<Preset>,
    /// The mains, whose phase all synchronous noise and loads follow.
    pub mains: Mains,
    /// Level of the wanted signal at a port to which noise presets with a signal to interference ratio (N10) refer.
    pub signal_dbuv: f64,
    /// Sample rate and band of the line.
    pub plan: FilterPlan,
    /// Median magnitude of the households' impedances (digest 3.6).
    pub load_median_ohm: f64,
    /// Transmit level of every modem, on the artificial mains network (digest 4).
    pub level_dbuv: f64,
    /// How far the modems' sample clocks are off.
    pub clock_error: ClockError,
    /// How the three phases of the line belong together.
    pub phase_model: PhaseModel,
    /// What the households have switched on, where the feeder does not say.
    pub loads: Loads,
    /// What the busbar is terminated with.
    pub busbar: Busbar,
    /// Receiver of every modem, the coordinator's too.
    pub receiver: ReceiverOptions,
    /// PAN identifier of the network.
    pub pan_id: PanId,
    /// The last of the feeder's loads are no households but places where an instrument listens: its sample rate.
    pub probes: Vec<SampleClock>,
}

/// How the three phases of the line belong together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PhaseModel {
    /// Each phase against neutral is a network of its own; a meter on another phase than the sender's hears it as
    /// if it were on the same, less this.
    Scalar {
        /// Attenuation from one phase to another (digest 3.8: 5 to 20 dB in CENELEC-A).
        cross_phase_db: f64,
    },
    /// The conductors couple along the cables.
    Coupled,
}

/// What the households have switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loads {
    /// One impedance each, drawn, at all frequencies and times (digest 3.6).
    Drawn,
    /// The same, the larger the less the household draws around the start, by its load shape.
    FollowPower,
    /// Drawn appliances, some of which change with the mains and with the time of the day (digest 3.5).
    Appliances,
}

/// What the busbar is terminated with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busbar {
    /// The transformer.
    Transformer,
    /// The measured median of urban access impedances (digest 3.4): transformer and other feeders.
    UrbanMedian,
}

/// How far the modems' sample clocks are off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClockError {
    /// Each modem's offset is drawn uniformly within plus and minus this many parts per million.
    Drawn {
        /// Largest offset; the standard allows 25 (g3-phy digest 10.6).
        limit_ppm: f64,
    },
    /// Every modem's clock is faster than the line's by this many parts per million.
    Fixed {
        /// The offset.
        ppm: f64,
    },
}

/// One meter of the scenario: where it hangs, its addresses and its demonstration keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeterSpec {
    /// Name of the load in the feeder.
    pub name: String,
    /// Serial number, eight digits.
    pub serial: String,
    /// Logical device name: BSB and the serial number, sixteen characters.
    pub logical_device_name: String,
    /// System title: BSB and the serial number as five octets.
    pub system_title: [u8; 8],
    /// Name of its bus.
    pub bus: String,
    /// Its phase.
    pub phase: Phase,
    /// Place on the map, in metres.
    pub position: Option<Position>,
    /// Distance from the busbar along the cables.
    pub distance_m: f64,
    /// Short address in the PAN.
    pub short_address: ShortAddress,
    /// Keys of its management client.
    pub keys: MeterKeys,
}

/// Keys of a meter for HLS mechanism 5, suite 0. For demonstration only: anyone who knows the seed knows them.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterKeys {
    /// Global unicast encryption key.
    pub encryption: [u8; 16],
    /// Authentication key.
    pub authentication: [u8; 16],
}

impl std::fmt::Debug for MeterKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MeterKeys(..)")
    }
}

impl Scenario {
    /// What the modems of [`World`](crate::world::World) are set to.
    pub(crate) fn phy(&self) -> PhyConfig {
        PhyConfig { receiver: self.receiver, ..PhyConfig::default() }
    }

    /// A scenario with the default conditions: loads of 10 Ω median, noise presets N1 and N3a, 120 dBµV, clocks
    /// within ±25 ppm, 2026-01-15 18:00 at UTC+1.
    pub fn new(feeder: Feeder, seed: u64) -> Self {
        Self {
            feeder,
            seed,
            start: DateTime::constant(2026, 1, 15, 18, 0, 0, 0),
            utc_offset_minutes: 60,
            noise: vec![Preset::hooijen(), Preset::katayama()],
            injected: Vec::new(),
            mains: Mains::EUROPE,
            signal_dbuv: Conditions::CENELEC_A.signal_dbuv,
            plan: FilterPlan::WIDE,
            load_median_ohm: 10.0,
            level_dbuv: 120.0,
            clock_error: ClockError::Drawn { limit_ppm: 25.0 },
            phase_model: PhaseModel::Scalar { cross_phase_db: 12.0 },
            loads: Loads::Drawn,
            busbar: Busbar::Transformer,
            receiver: ReceiverOptions::STANDARD,
            pan_id: PanId(0x781D),
            probes: Vec::new(),
        }
    }

    /// The built-in village.
    pub fn village(seed: u64) -> Self {
        Self::new(village::feeder(seed), seed)
    }

    /// A feeder from a file (OpenDSS, pandapower or our own TOML, by its extension), and what of it could not be
    /// used.
    pub fn from_file(path: &Path, options: &ReadOptions, seed: u64) -> Result<(Self, Report), FeederError> {
        let reading = read(path, options)?;
        Ok((Self::new(reading.feeder, seed), reading.report))
    }

    /// [`Scenario::from_file`] for a file with one transformer.
    pub fn open_dss(path: &Path, seed: u64) -> Result<(Self, Report), FeederError> {
        Self::from_file(path, &ReadOptions::default(), seed)
    }

    /// Puts an instrument at a bus: a port that listens with 1 kΩ and has nothing else. `point` is `bus:` and the bus
    /// with its phase, such as `bus:34.2`, and becomes the port's name. Its sample rate in kHz may follow behind an `@`
    /// (250, 400, 1000 or 1200; without it 400): `bus:34.2@1200`.
    ///
    /// # Errors
    /// Where there is no such place or rate, with what would be one.
    pub fn add_probe(&mut self, point: &str) -> Result<(), String> {
        if self.feeder.loads.iter().any(|load| load.name == point) {
            return Ok(());
        }
        let name = point.strip_prefix(PROBE).unwrap_or(point);
        let (name, clock) = match name.rsplit_once('@') {
            None => (name, SampleClock::KHZ_400),
            Some((name, khz)) => {
                let clock =
                    INSTRUMENT_CLOCKS.into_iter().find(|clock| khz == (clock.rate_hz() / 1000).to_string());
                let clock = clock.ok_or_else(|| {
                    format!("{point:?}: an instrument samples at 250, 400, 1000 or 1200 kHz, not at {khz}")
                })?;
                (name, clock)
            }
        };
        cut_at(&mut self.feeder, &[name]);
        let line = Line::new(self);
        let place = terminal(self, &line, name)?;
        let bus = (0..self.feeder.buses.len()).find(|&bus| line.node_of_bus(bus) == Some(place.node));
        let (1, Some(phase), Some(bus)) = (place.phases.len(), place.phases.first(), bus) else {
            return Err(format!(
                "{point:?}: an instrument listens on one phase; name it, as in {PROBE}{name}.1"
            ));
        };
        // Nothing is switched on there.
        let open = Appliance::Fixed { ohm: 1e9, degrees: 0.0 };
        self.feeder.loads.push(Load {
            name: point.to_string(),
            bus,
            phase,
            rated_mw: 0,
            shape: None,
            appliances: vec![open],
        });
        self.probes.push(clock);
        Ok(())
    }

    /// The feeder's loads that are households.
    pub fn households(&self) -> &[Load] {
        let loads = &self.feeder.loads;
        loads.get(..loads.len().saturating_sub(self.probes.len())).unwrap_or_default()
    }

    /// The meters, in the order of the feeder's loads: meter `i` has short address `i + 1`.
    pub fn meters(&self) -> Vec<MeterSpec> {
        let mut distance_m = vec![0.0; self.feeder.buses.len()];
        for section in &self.feeder.sections {
            distance_m[section.to] = distance_m[section.from] + section.length_m;
        }
        let meter = |(index, load): (usize, &Load)| {
            let bus = &self.feeder.buses[load.bus];
            let number = index + 1;
            let serial = 26_000_000 + number as u64;
            let mut system_title = serial.to_be_bytes();
            system_title[..3].copy_from_slice(b"BSB");
            MeterSpec {
                name: load.name.clone(),
                serial: format!("{serial:08}"),
                logical_device_name: format!("BSB{serial:013}"),
                system_title,
                bus: bus.name.clone(),
                phase: load.phase,
                position: bus.position,
                distance_m: distance_m[load.bus],
                short_address: ShortAddress(number as u16),
                keys: MeterKeys {
                    encryption: self.demonstration_key(2 * number as u64),
                    authentication: self.demonstration_key(2 * number as u64 + 1),
                },
            }
        };
        self.households().iter().enumerate().map(meter).collect()
    }

    /// The group master key of the PAN. For demonstration only, like the meters' keys.
    pub fn group_master_key(&self) -> [u8; 16] {
        self.demonstration_key(0)
    }

    /// Key `number`: the first 16 octets of the seed's stream for keys with that number.
    fn demonstration_key(&self, number: u64) -> [u8; 16] {
        let mut key = [0; 16];
        stream(self.seed, Purpose::Keys, number).fill_bytes(&mut key);
        key
    }

    /// Clock offset of modem `index` (0 is the coordinator) in parts per million, positive when it is fast.
    pub fn clock_ppm(&self, index: usize) -> f64 {
        match self.clock_error {
            ClockError::Fixed { ppm } => ppm,
            ClockError::Drawn { limit_ppm } => {
                limit_ppm * (2.0 * uniform(&mut stream(self.seed, Purpose::Clock, index as u64)) - 1.0)
            }
        }
    }

    /// Ticks from local midnight to the first line sample.
    pub fn ticks_since_midnight(&self) -> u64 {
        let time = self.start.time();
        let seconds = u64::from(time.hour() as u8) * 3_600
            + u64::from(time.minute() as u8) * 60
            + u64::from(time.second() as u8);
        seconds * TICKS_PER_SECOND + time.subsec_nanosecond() as u64 * 6 / 1_000
    }

    /// Active power of a load, in mW, at `ticks` after the local midnight before the start.
    pub fn power_mw(&self, load: usize, ticks: u64) -> i64 {
        let load = self.feeder.loads.get(load);
        load.map_or(0, |load| self.feeder.load_power_mw(load, ticks / TICKS_PER_SECOND))
    }

    /// The truth for tests: energy of a load from local midnight to `at`, exactly.
    pub fn energy(&self, load: usize, at: Instant) -> Energy {
        let end = self.ticks_since_midnight() + at.as_ticks();
        self.energy_between(load, 0, end)
    }

    /// The truth for tests: energy in whole intervals of 15 minutes from local midnight, of those that have
    /// ended at `at`.
    pub fn quarter_hours(&self, load: usize, at: Instant) -> Vec<Energy> {
        let end = self.ticks_since_midnight() + at.as_ticks();
        let quarter = 15 * TICKS_PER_MINUTE;
        (0..end / quarter).map(|i| self.energy_between(load, i * quarter, (i + 1) * quarter)).collect()
    }

    /// Energy of a load between two points in ticks after midnight.
    pub fn energy_between(&self, load: usize, from: u64, to: u64) -> Energy {
        let step_s = self
            .feeder
            .loads
            .get(load)
            .and_then(|load| self.feeder.shapes.get(load.shape?))
            .map_or(60, |shape| u64::from(shape.interval_s.max(1)));
        let step = step_s * TICKS_PER_SECOND;
        let mut sum = 0i128;
        let mut at = from;
        while at < to {
            let next = ((at / step + 1) * step).min(to);
            sum += i128::from(self.power_mw(load, at)) * i128::from(next - at);
            at = next;
        }
        Energy { milliwatt_ticks: sum }
    }
}

/// An exact amount of energy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Energy {
    /// In milliwatts times ticks of 1/6 µs.
    pub milliwatt_ticks: i128,
}

impl Energy {
    /// Whole watt-hours, rounded towards zero, as a register counts them.
    pub fn whole_wh(self) -> i64 {
        (self.milliwatt_ticks / MW_TICKS_PER_WH) as i64
    }

    /// Watt-hours.
    pub fn wh(self) -> f64 {
        self.milliwatt_ticks as f64 / MW_TICKS_PER_WH as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plc_core::time::seconds;

    #[test]
    fn meters_have_addresses_and_keys_of_their_own_that_the_seed_determines() {
        let meters = Scenario::village(7).meters();
        assert_eq!(meters.len(), 12);
        assert_eq!(meters[11].short_address, ShortAddress(12));
        assert_eq!(meters[0].serial, "26000001");
        assert_eq!(meters[0].logical_device_name, "BSB0000026000001");
        assert_eq!(meters[0].system_title, *b"BSB\x00\x01\x8c\xba\x81");
        assert!((meters[0].distance_m - 49.0).abs() < 1e-9);
        let mut keys: Vec<[u8; 16]> =
            meters.iter().flat_map(|meter| [meter.keys.encryption, meter.keys.authentication]).collect();
        keys.push(Scenario::village(7).group_master_key());
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 25);
        assert_eq!(meters, Scenario::village(7).meters());
        assert_ne!(meters[0].keys, Scenario::village(8).meters()[0].keys);
    }

    #[test]
    fn instruments_listen_at_any_bus_and_are_no_meters() {
        let mut scenario = Scenario::village(1);
        scenario.add_probe("bus:street-4.2").unwrap();
        scenario.add_probe("bus:street-4.2").unwrap();
        assert_eq!(
            (scenario.feeder.loads.len(), scenario.households().len(), scenario.probes.len()),
            (13, 12, 1)
        );
        assert_eq!(scenario.meters(), Scenario::village(1).meters());
        scenario.add_probe("bus:street-4.2@1200").unwrap();
        assert_eq!(scenario.probes, [SampleClock::KHZ_400, SampleClock::KHZ_1200]);
        for (point, reason) in [
            ("bus:street-4", "bus:street-4.1"),
            ("bus:nowhere.1", "no bus"),
            ("bus:street-4.7", "1, 2 or 3"),
            ("bus:street-4.2@44", "1000 or 1200 kHz, not at 44"),
        ] {
            let refused = scenario.add_probe(point).unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
    }

    #[test]
    fn energy_is_the_integral_of_the_shape() {
        let mut scenario = Scenario::village(1);
        scenario.start = DateTime::constant(2026, 1, 15, 0, 10, 30, 0);
        scenario.feeder.shapes[0].values_micro = (0..1440).map(|minute| minute * 1_000).collect();
        // Ten minutes of 0 to 9 W and half a minute of 10 W, then 15 s more.
        let at = Instant::from_ticks(0) + seconds(15);
        let expected_mw_s = (0..10).map(|minute| minute * 1_000 * 60).sum::<i128>() + 10_000 * 45;
        let expected = Energy { milliwatt_ticks: expected_mw_s * i128::from(TICKS_PER_SECOND) };
        assert_eq!(scenario.energy(0, at), expected);
        assert!(scenario.quarter_hours(0, at).is_empty());
        let later = Instant::from_ticks(0) + seconds(5 * 60);
        let quarter: i64 = (0..15).map(|minute| minute * 60).sum();
        assert_eq!(
            scenario.quarter_hours(0, later),
            [Energy { milliwatt_ticks: i128::from(quarter * 1_000) * 6_000_000 }]
        );
        let whole = scenario.energy(0, later);
        assert_eq!(whole.whole_wh(), whole.wh() as i64);
    }

    #[test]
    fn clocks_are_within_their_limits() {
        let mut scenario = Scenario::village(3);
        let drawn: Vec<f64> = (0..100).map(|index| scenario.clock_ppm(index)).collect();
        assert!(drawn.iter().all(|ppm| ppm.abs() <= 25.0));
        assert!(drawn.iter().any(|ppm| *ppm > 15.0) && drawn.iter().any(|ppm| *ppm < -15.0));
        scenario.clock_error = ClockError::Fixed { ppm: 50.0 };
        assert_eq!(scenario.clock_ppm(4), 50.0);
    }
}

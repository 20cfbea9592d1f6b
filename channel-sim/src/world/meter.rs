//! The meters of a scenario: `modem-fw`'s meter with its keys, its past and its surroundings.

use super::modem::{Attachment, Modem, SoftModem, soft_modem};
use crate::memory::MemoryStore;
use crate::noise::NoiseError;
use crate::random::{Purpose, stream};
use crate::scenario::{MeterSpec, Scenario};
use cosem::security::{Keys, SystemTitle};
use g3_mac::StackConfig;
use g3_mac::mac::Gmk;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use modem_fw::metering::{Measurement, MeteringConfig, Utc};
use modem_fw::objects::{Identity, PublicAccess};
use modem_fw::{MeterConfig, MeterOf, PROFILE_ROWS};
use plc_core::env::{Environment, Store};
use plc_core::time::Duration;
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use thiserror::Error;

/// Voltage at every meter: the model of the line is for carrier frequencies, not for the mains.
const VOLTAGE_MV: u32 = 230_000;
/// Mains frequency that the meters show.
const FREQUENCY_MHZ: u32 = 50_000;

/// Why a scenario is no world.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum WorldError {
    /// The start lies outside of what a meter's clock and the rows of its load profile can hold.
    #[error(
        "start {start}: a date from {FIRST_DATE} to {LAST_DATE} is needed, the meters' load profile holds no other"
    )]
    Start {
        /// The scenario's start.
        start: String,
    },
    /// A meter cannot be built.
    #[error("meter {name}: {reason}")]
    Meter {
        /// Its name.
        name: String,
        /// What its firmware says.
        reason: String,
    },
    /// A household draws more than a meter counts.
    #[error("load {name} draws up to {kilowatts} kW: its meter counts from -2147 to 2147 kW")]
    Power {
        /// Its name.
        name: String,
        /// Its highest power or, below 0, its lowest.
        kilowatts: i64,
    },
    /// The noise is not valid on this line.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// A modem's sample rate does not fit the line's.
    #[error(
        "a modem of {modem_hz} samples per second on a line of {line_hz}: a block of 0.64 ms must hold whole samples \
         of both, and the line's rate be the higher"
    )]
    SampleRate {
        /// The modem's.
        modem_hz: u64,
        /// The line's.
        line_hz: u64,
    },
    /// More meters than this fidelity keeps filters for.
    #[error(
        "{0} households: the waveform fidelity keeps a filter for every pair of at most {MAX_HOUSEHOLDS}"
    )]
    TooManyMeters(usize),
}

/// The first day that began after 1970-01-01 00:00 UTC in every zone.
const FIRST_DATE: Date = date(1970, 1, 2);
/// The last day that ends in every zone before the latest time of a load profile's row, 2106-02-07 06:28:15 UTC.
const LAST_DATE: Date = date(2106, 2, 5);

/// Households of one world: a filter is about 2 kB, and there is one for every ordered pair of modems.
const MAX_HOUSEHOLDS: usize = 400;

const DAY_S: u64 = 86_400;

/// The meters of a scenario, in order, at local midnight.
pub(super) fn build(scenario: &Scenario) -> Result<Vec<Box<dyn Modem>>, WorldError> {
    let households = scenario.feeder.loads.len();
    if households > MAX_HOUSEHOLDS {
        return Err(WorldError::TooManyMeters(households));
    }
    for load in &scenario.feeder.loads {
        let powers = (0..DAY_S).step_by(60).map(|second| scenario.feeder.load_power_mw(load, second));
        let most = powers.max_by_key(|power| power.unsigned_abs()).unwrap_or(0);
        if i32::try_from(most).is_err() {
            return Err(WorldError::Power { name: load.name.clone(), kilowatts: most / 1_000_000 });
        }
    }
    let midnight = midnight(scenario).ok_or(WorldError::Start { start: scenario.start.to_string() })?;
    let meter = |(index, spec): (usize, &MeterSpec)| -> Result<Box<dyn Modem>, WorldError> {
        let fault = |reason: String| WorldError::Meter { name: spec.name.clone(), reason };
        let text = |text: &str| text.try_into().map_err(|_| fault(format!("name {text:?} is too long")));
        let config = MeterConfig {
            stack: StackConfig::cenelec_a(
                scenario.pan_id,
                spec.short_address,
                Gmk(scenario.group_master_key()),
            ),
            metering: MeteringConfig {
                time: Some(midnight),
                // DLMS counts from local time to UTC.
                deviation_min: -scenario.utc_offset_minutes,
                ..MeteringConfig::default()
            },
            identity: Identity {
                serial_number: text(&spec.serial)?,
                logical_device_name: text(&spec.logical_device_name)?,
            },
            // The demonstration's public client may read all.
            public: PublicAccess::Measurements,
            system_title: SystemTitle(spec.system_title),
            keys: Keys { encryption: spec.keys.encryption, authentication: spec.keys.authentication },
            port: g3_mac::udp::DLMS_PORT,
        };
        let surroundings = Surroundings::new(stream(scenario.seed, Purpose::Modem, index as u64 + 1));
        let phy = soft_modem(scenario.phy());
        let meter = MeterOf::with_phy(config, phy, surroundings).map_err(|error| fault(error.to_string()))?;
        Ok(Box::new(HouseholdMeter { meter }))
    };
    let mut modems: Vec<Box<dyn Modem>> =
        scenario.meters().iter().enumerate().map(meter).collect::<Result<_, _>>()?;
    let listener = |&clock| Box::new(Listener(Attachment::of_instrument(clock))) as Box<dyn Modem>;
    modems.extend(scenario.probes.iter().map(listener));
    Ok(modems)
}

/// UTC of the local midnight before the start, where the meters can hold that day.
fn midnight(scenario: &Scenario) -> Option<Utc> {
    if !(FIRST_DATE..=LAST_DATE).contains(&scenario.start.date()) {
        return None;
    }
    let local = scenario.start.date().to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    Utc::from_unix_s(local - i64::from(scenario.utc_offset_minutes) * 60)
}

/// An instrument's port: never sends, and a tap takes what it hears.
struct Listener(Attachment);

impl Modem for Listener {
    fn attachment(&self) -> Attachment {
        self.0
    }

    fn transmit(&mut self, _from: u64, _out: &mut [f32]) -> bool {
        false
    }

    fn receive(&mut self, _from: u64, _samples: &[f32]) {}
}

struct HouseholdMeter {
    meter: MeterOf<Surroundings, PROFILE_ROWS, SoftModem>,
}

impl Modem for HouseholdMeter {
    fn transmit(&mut self, from: u64, out: &mut [f32]) -> bool {
        self.meter.transmit(from, out)
    }

    fn receive(&mut self, from: u64, samples: &[f32]) {
        self.meter.receive(from, samples);
    }

    fn measure(&mut self, power_mw: i64, ticks: u64) {
        // Within what `build` lets pass.
        let active_power_mw = power_mw.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        // mW over mV is A; with a power factor of one.
        let current_ma = u64::from(active_power_mw.unsigned_abs()) * 1_000 / u64::from(VOLTAGE_MV);
        let measurement = Measurement {
            voltage_mv: VOLTAGE_MV,
            current_ma: current_ma as u32,
            active_power_mw,
            frequency_mhz: FREQUENCY_MHZ,
        };
        self.meter.measure(measurement, Duration::from_ticks(ticks));
    }
}

/// What surrounds a simulated modem: its own stream of randomness, and a store in memory.
pub(crate) struct Surroundings {
    rng: ChaCha8Rng,
    store: MemoryStore,
}

impl Surroundings {
    pub(crate) fn new(rng: ChaCha8Rng) -> Self {
        Self { rng, store: MemoryStore::default() }
    }
}

impl Environment for Surroundings {
    fn rng(&mut self) -> &mut dyn Rng {
        &mut self.rng
    }

    fn store(&mut self) -> &mut dyn Store {
        &mut self.store
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use modem_fw::metering::Row;

    #[test]
    fn midnight_is_the_local_one() {
        let scenario = Scenario::village(1);
        assert_eq!(midnight(&scenario).unwrap().unix_s(), 1_768_431_600, "2026-01-14 23:00 UTC");
    }

    #[test]
    fn a_day_that_no_row_of_the_load_profile_can_hold_is_refused() {
        let start = |date: Date, offset| {
            let mut scenario = Scenario::village(1);
            (scenario.start, scenario.utc_offset_minutes) = (date.at(18, 0, 0, 0), offset);
            midnight(&scenario).map(|utc| utc.unix_s())
        };
        for offset in [-12 * 60, 0, 14 * 60] {
            assert!(start(FIRST_DATE, offset).unwrap() >= 0);
            assert!(start(LAST_DATE, offset).unwrap() + 86_400 <= Row::LATEST_UNIX_S);
        }
        assert_eq!(start(date(1970, 1, 1), 60), None);
        assert_eq!(start(date(2106, 2, 6), 60), None);
        assert_eq!(start(date(2200, 1, 1), 60), None);
        let told = WorldError::Start { start: "2200-01-01T18:00:00".into() }.to_string();
        assert!(told.contains("1970-01-02 to 2106-02-05"), "{told}");
    }

    #[test]
    fn a_household_that_draws_more_than_a_meter_counts_is_refused() {
        let mut scenario = Scenario::village(1);
        let load = &mut scenario.feeder.loads[3];
        (load.shape, load.rated_mw) = (None, 2_147_000_000);
        assert!(build(&scenario).is_ok());
        scenario.feeder.loads[3].rated_mw = -3_000_000_000;
        let told = build(&scenario).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.ends_with("draws up to -3000 kW: its meter counts from -2147 to 2147 kW"), "{told}");
    }

    #[test]
    fn every_household_gets_a_meter() {
        assert_eq!(build(&Scenario::village(1)).unwrap().len(), 12);
    }
}

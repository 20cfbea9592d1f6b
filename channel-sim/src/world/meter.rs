//! The meters of a scenario: `modem-fw`'s meter with its keys, its past and its surroundings.

use super::modem::Modem;
use crate::noise::NoiseError;
use crate::random::{Purpose, stream};
use crate::scenario::{MeterSpec, Scenario};
use cosem::security::{Keys, SystemTitle};
use g3_mac::StackConfig;
use g3_mac::mac::Gmk;
use jiff::tz::TimeZone;
use modem_fw::metering::{Measurement, MeteringConfig, Utc};
use modem_fw::objects::{Identity, PublicAccess};
use modem_fw::{Meter, MeterConfig};
use plc_core::env::{Environment, RecordKey, Store, StoreError};
use plc_core::time::Duration;
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use std::collections::BTreeMap;
use thiserror::Error;

/// Voltage at every meter: the model of the line is for carrier frequencies, not for the mains.
const VOLTAGE_MV: u32 = 230_000;
/// Mains frequency that the meters show.
const FREQUENCY_MHZ: u32 = 50_000;

/// Why a scenario is no world.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum WorldError {
    /// The start lies before 1970 or beyond the calendar.
    #[error("start {start}: a date from 1970 to 9999 is needed")]
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
    /// The noise is not valid on this line.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// More meters than this fidelity keeps filters for.
    #[error(
        "{0} households: the waveform fidelity keeps a filter for every pair of at most {MAX_HOUSEHOLDS}"
    )]
    TooManyMeters(usize),
}

/// Households of one world: a filter is about 2 kB, and there is one for every ordered pair of modems.
const MAX_HOUSEHOLDS: usize = 400;

/// The meters of a scenario, in order, at local midnight.
pub(super) fn build(scenario: &Scenario) -> Result<Vec<Box<dyn Modem>>, WorldError> {
    let households = scenario.feeder.loads.len();
    if households > MAX_HOUSEHOLDS {
        return Err(WorldError::TooManyMeters(households));
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
        let surroundings = Surroundings {
            rng: stream(scenario.seed, Purpose::Modem, index as u64 + 1),
            store: MemoryStore::default(),
        };
        let meter = Meter::new(config, surroundings).map_err(|error| fault(error.to_string()))?;
        Ok(Box::new(HouseholdMeter { meter }))
    };
    scenario.meters().iter().enumerate().map(meter).collect()
}

/// UTC of the local midnight before the start.
fn midnight(scenario: &Scenario) -> Option<Utc> {
    let local = scenario.start.date().to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    Utc::from_unix_s(local - i64::from(scenario.utc_offset_minutes) * 60)
}

struct HouseholdMeter {
    meter: Meter<Surroundings>,
}

impl Modem for HouseholdMeter {
    fn transmit(&mut self, from: u64, out: &mut [f32]) -> bool {
        self.meter.transmit(from, out)
    }

    fn receive(&mut self, from: u64, samples: &[f32]) {
        self.meter.receive(from, samples);
    }

    fn measure(&mut self, power_mw: i64, ticks: u64) {
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

/// What surrounds a simulated meter: its own stream of randomness, and a store in memory.
struct Surroundings {
    rng: ChaCha8Rng,
    store: MemoryStore,
}

impl Environment for Surroundings {
    fn rng(&mut self) -> &mut dyn Rng {
        &mut self.rng
    }

    fn store(&mut self) -> &mut dyn Store {
        &mut self.store
    }
}

#[derive(Default)]
struct MemoryStore(BTreeMap<RecordKey, Vec<u8>>);

impl Store for MemoryStore {
    fn load(&mut self, key: RecordKey, into: &mut [u8]) -> Result<Option<usize>, StoreError> {
        let Some(record) = self.0.get(&key) else { return Ok(None) };
        let room = into.len();
        let target =
            into.get_mut(..record.len()).ok_or(StoreError::TooLarge { key, stored: record.len(), room })?;
        target.copy_from_slice(record);
        Ok(Some(record.len()))
    }

    fn save(&mut self, key: RecordKey, record: &[u8]) -> Result<(), StoreError> {
        let place = self.0.entry(key).or_default();
        place.clear();
        place.extend_from_slice(record);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_is_the_local_one() {
        let scenario = Scenario::village(1);
        assert_eq!(midnight(&scenario).unwrap().unix_s(), 1_768_431_600, "2026-01-14 23:00 UTC");
    }

    #[test]
    fn every_household_gets_a_meter() {
        assert_eq!(build(&Scenario::village(1)).unwrap().len(), 12);
    }
}

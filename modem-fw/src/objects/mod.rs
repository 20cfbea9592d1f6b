//! The meter's COSEM objects: the values behind `cosem`'s server.
//!
//! [`Objects`] is made for one request, of references: nothing is copied, and the load profile's rows are written
//! straight from the ring. A time that a client sets comes out of [`Objects::new_time`]; the owner sets the clock when
//! the request is answered.

mod table;

pub use table::{
    CLOCK_NAME, EXPORTED_ENERGY, IMPORTED_ENERGY, LOAD_PROFILE, LOAD_PROFILE_COLUMNS, LOGICAL_DEVICE_NAME,
    PROFILE_STATUS, SERIAL_NUMBER,
};

use crate::metering::{LoadProfile, Metering, Row, Utc};
use core::ops::Range;
use cosem::classes::{Clock, Number, ProfileGeneric, Register, Unit};
use cosem::model::{CaptureObject, Object, ObjectModel, Profile};
use cosem::xdlms::DataAccessError;
use cosem::{Data, DateTime, Encoder};
use plc_core::time::TICKS_PER_SECOND;
use table::{Content, ENTRIES, Quantity};

/// What the public client, which proves nothing, may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicAccess {
    /// Identity and clock: what a client needs before it can authenticate (digest 1.9, number 9).
    Identity,
    /// Registers and load profile too: for demonstrations and laboratories.
    Measurements,
}

/// Octets of a logical device name, at most (class 1, digest 2.2).
pub const LOGICAL_DEVICE_NAME_LEN: usize = 16;

/// Who the meter is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Serial number, device ID 1.
    pub serial_number: heapless::String<LOGICAL_DEVICE_NAME_LEN>,
    /// Logical device name: the manufacturer's three letters first.
    pub logical_device_name: heapless::String<LOGICAL_DEVICE_NAME_LEN>,
}

/// The objects of a meter at a moment.
pub struct Objects<'a, const ROWS: usize> {
    metering: &'a Metering<ROWS>,
    identity: &'a Identity,
    public: PublicAccess,
    now: Utc,
    profile: ProfileView<'a, ROWS>,
    new_time: Option<Utc>,
}

impl<'a, const ROWS: usize> Objects<'a, ROWS> {
    /// The objects, when the calendar clock shows `now`.
    pub fn new(metering: &'a Metering<ROWS>, identity: &'a Identity, public: PublicAccess, now: Utc) -> Self {
        let profile =
            ProfileView { profile: metering.profile(), deviation_min: metering.clock().deviation_min() };
        Self { metering, identity, public, now, profile, new_time: None }
    }

    /// What the client wants the clock to show, where it has set it.
    pub const fn new_time(&self) -> Option<Utc> {
        self.new_time
    }

    fn register(&self, quantity: Quantity) -> Register {
        let latest = self.metering.latest();
        let power_w = watts(latest.active_power_mw);
        let (value, scaler, unit) = match quantity {
            Quantity::ImportedEnergy => {
                (Number::U32(self.metering.import().displayed_wh()), 0, Unit::WATT_HOUR)
            }
            Quantity::ExportedEnergy => {
                (Number::U32(self.metering.export().displayed_wh()), 0, Unit::WATT_HOUR)
            }
            Quantity::ImportPower => (Number::U32(power_w.max(0).unsigned_abs()), 0, Unit::WATT),
            Quantity::ExportPower => (Number::U32(power_w.min(0).unsigned_abs()), 0, Unit::WATT),
            Quantity::NetPower => (Number::I32(power_w), 0, Unit::WATT),
            Quantity::Voltage => (rounded(latest.voltage_mv, 100), -1, Unit::VOLT),
            Quantity::Current => (rounded(latest.current_ma, 10), -2, Unit::AMPERE),
            Quantity::Frequency => (rounded(latest.frequency_mhz, 1), -3, Unit::HERTZ),
        };
        Register { value, scaler, unit }
    }

    fn clock(&self) -> Clock {
        let clock = self.metering.clock();
        Clock {
            time: clock.date_time(self.now),
            time_zone_min: clock.deviation_min(),
            // Daylight saving is off: the zone is the deviation alone.
            daylight_saving_begin: DateTime::UNSPECIFIED,
            daylight_saving_end: DateTime::UNSPECIFIED,
            daylight_saving_deviation_min: 0,
            daylight_saving_enabled: false,
            base: CLOCK_BASE_INTERNAL_CRYSTAL,
        }
    }

    fn load_profile(&self) -> ProfileGeneric<'_> {
        ProfileGeneric {
            profile: &self.profile,
            capture_period_s: self.metering.capture_period_s(),
            capacity: self.metering.profile().capacity() as u32,
        }
    }

    fn set_time(&mut self, value: &Data<'_>) -> Result<(), DataAccessError> {
        let whole = Utc::from_unix_s(self.clock().time_to_set(value)?);
        let whole = whole.ok_or(DataAccessError::ScopeOfAccessViolated)?;
        let hundredths = value.as_date_time().map_or(0, |time| time.hundredths);
        let ticks = if hundredths < 100 { u64::from(hundredths) * TICKS_PER_SECOND / 100 } else { 0 };
        self.new_time = Some(Utc::from_ticks(whole.as_ticks().saturating_add(ticks)));
        Ok(())
    }

    fn shift_time(&mut self, parameter: Option<Data<'_>>) -> Result<(), DataAccessError> {
        let shift = i64::from(Clock::shift_s(parameter)?) * TICKS_PER_SECOND as i64;
        let shifted = self.now.as_ticks().checked_add_signed(shift);
        self.new_time = Some(Utc::from_ticks(shifted.ok_or(DataAccessError::ScopeOfAccessViolated)?));
        Ok(())
    }
}

impl<const ROWS: usize> ObjectModel for Objects<'_, ROWS> {
    fn object(&self, index: usize) -> Option<Object> {
        ENTRIES.get(index).map(|entry| entry.object(self.public))
    }

    fn get(&self, object: &Object, attribute: i8, out: &mut Encoder<'_>) -> Result<(), DataAccessError> {
        let content = content_of(object)?;
        match content {
            Content::Clock => return self.clock().get(attribute, out),
            Content::LoadProfile => return self.load_profile().get(attribute, out),
            Content::Register(quantity) => return self.register(quantity).get(attribute, out),
            _ if attribute != 2 => return Err(DataAccessError::ObjectUndefined),
            Content::LogicalDeviceName => out.octets(self.identity.logical_device_name.as_bytes())?,
            Content::SerialNumber => out.octets(self.identity.serial_number.as_bytes())?,
            Content::FirmwareIdentifier => out.octets(FIRMWARE_IDENTIFIER.as_bytes())?,
            Content::RecordingInterval => out.u32(self.metering.capture_period_s())?,
            Content::ProfileStatus => out.u8(self.metering.pending_status().0)?,
            Content::PowerFailures => out.u32(self.metering.power_failures())?,
        }
        Ok(())
    }

    fn set(&mut self, object: &Object, attribute: i8, value: Data<'_>) -> Result<(), DataAccessError> {
        match (content_of(object)?, attribute) {
            (Content::Clock, 2) => self.set_time(&value),
            _ => Err(DataAccessError::ReadWriteDenied),
        }
    }

    fn action(
        &mut self,
        object: &Object,
        method: i8,
        parameter: Option<Data<'_>>,
        _out: &mut Encoder<'_>,
    ) -> Result<(), DataAccessError> {
        match (content_of(object)?, method) {
            (Content::Clock, Clock::SHIFT_TIME) => self.shift_time(parameter),
            _ => Err(DataAccessError::ReadWriteDenied),
        }
    }

    fn profile(&self, object: &Object) -> Option<&dyn Profile> {
        (content_of(object) == Ok(Content::LoadProfile)).then_some(&self.profile)
    }
}

/// The load profile as rows for the server.
struct ProfileView<'a, const ROWS: usize> {
    profile: &'a LoadProfile<ROWS>,
    deviation_min: i16,
}

impl<const ROWS: usize> ProfileView<'_, ROWS> {
    fn row(&self, number: u64) -> Option<Row> {
        let index = number.checked_sub(self.rows().start)?;
        self.profile.get(usize::try_from(index).ok()?)
    }
}

impl<const ROWS: usize> Profile for ProfileView<'_, ROWS> {
    fn columns(&self) -> &[CaptureObject] {
        &LOAD_PROFILE_COLUMNS
    }

    fn rows(&self) -> Range<u64> {
        let end = u64::from(self.profile.next_sequence());
        end.saturating_sub(self.profile.len() as u64)..end
    }

    fn captured_unix(&self, row: u64) -> Option<i64> {
        self.row(row).map(|row| row.unix_s.into())
    }

    fn deviation_min(&self) -> i16 {
        self.deviation_min
    }

    fn cell(&self, row: u64, column: usize, out: &mut Encoder<'_>) -> Result<(), DataAccessError> {
        let row = self.row(row).ok_or(DataAccessError::DataBlockUnavailable)?;
        match column {
            0 => out.date_time(row.date_time())?,
            1 => out.u8(row.status.0)?,
            2 => out.u32(row.import_wh)?,
            3 => out.u32(row.export_wh)?,
            _ => return Err(DataAccessError::ObjectUndefined),
        }
        Ok(())
    }
}

fn content_of(object: &Object) -> Result<Content, DataAccessError> {
    let entry = ENTRIES.iter().find(|entry| entry.is(object)).ok_or(DataAccessError::ObjectUndefined)?;
    Ok(entry.content)
}

/// Milliwatts as watts, to the nearest.
fn watts(mw: i32) -> i32 {
    let half = if mw < 0 { -500 } else { 500 };
    ((i64::from(mw) + half) / 1_000) as i32
}

/// `value` in units of `unit`, to the nearest; beyond 16 bits the largest.
fn rounded(value: u32, unit: u32) -> Number {
    let units = (u64::from(value) + u64::from(unit / 2)) / u64::from(unit);
    Number::U16(u16::try_from(units).unwrap_or(u16::MAX))
}

const FIRMWARE_IDENTIFIER: &str = concat!("busbar ", env!("CARGO_PKG_VERSION"));
const CLOCK_BASE_INTERNAL_CRYSTAL: u8 = 1;

#[cfg(test)]
mod tests;

//! A meter with a clock, an energy register, a serial number and a load profile of a day.

use cosem::axdr::{Data, Encoder};
use cosem::classes::{self, Clock, DATA_ATTRIBUTES, Number, ProfileGeneric, Register, Unit};
use cosem::model::{Attribute, CaptureObject, Method, Object, ObjectModel, Profile, Rights};
use cosem::xdlms::DataAccessError;
use cosem::{DateTime, Obis};
use std::ops::Range;

pub const CLOCK: Obis = Obis::new(0, 0, 1, 0, 0, 255);
pub const SERIAL: Obis = Obis::new(0, 0, 96, 1, 0, 255);
pub const ENERGY: Obis = Obis::new(1, 0, 1, 8, 0, 255);
pub const LOAD_PROFILE: Obis = Obis::new(1, 0, 99, 1, 0, 255);
/// A text that management can write.
pub const LABEL: Obis = Obis::new(0, 0, 96, 1, 1, 255);

pub const MINUTES_PER_ROW: i64 = 15;
/// 2026-01-15 00:00 at UTC+1.
pub const MIDNIGHT: i64 = 1_768_431_600;

const LABEL_ATTRIBUTES: [Attribute; 2] =
    [Attribute::new(1, Rights::READ), Attribute::new(2, Rights::MANAGEMENT_WRITE)];

const OBJECTS: [Object; 5] = [
    object(classes::CLOCK, 0, CLOCK, &Clock::ATTRIBUTES, &Clock::METHODS),
    object(classes::DATA, 0, SERIAL, &DATA_ATTRIBUTES, &[]),
    object(classes::REGISTER, 0, ENERGY, &Register::ATTRIBUTES, &[]),
    object(classes::PROFILE_GENERIC, 1, LOAD_PROFILE, &ProfileGeneric::ATTRIBUTES, &[]),
    object(classes::DATA, 0, LABEL, &LABEL_ATTRIBUTES, &[]),
];

const fn object(
    class_id: u16,
    version: u8,
    name: Obis,
    attributes: &'static [Attribute],
    methods: &'static [Method],
) -> Object {
    Object { class_id, version, name, attributes, methods }
}

pub struct Meter {
    pub now: i64,
    pub energy_wh: u32,
    pub label: Vec<u8>,
    pub load: Load,
}

pub struct Load {
    pub rows: Range<u64>,
}

impl Meter {
    pub fn new() -> Self {
        Self {
            now: MIDNIGHT + 18 * 3600,
            energy_wh: 1_234_567,
            label: b"kitchen".to_vec(),
            load: Load { rows: 0..96 },
        }
    }

    fn clock(&self) -> Clock {
        Clock {
            time: DateTime::from_unix(self.now, -60, false),
            time_zone_min: -60,
            daylight_saving_begin: DateTime::UNSPECIFIED,
            daylight_saving_end: DateTime::UNSPECIFIED,
            daylight_saving_deviation_min: 60,
            daylight_saving_enabled: false,
            base: 1,
        }
    }
}

impl ObjectModel for Meter {
    fn object(&self, index: usize) -> Option<Object> {
        OBJECTS.get(index).copied()
    }

    fn get(&self, object: &Object, attribute: i8, out: &mut Encoder<'_>) -> Result<(), DataAccessError> {
        match object.name {
            CLOCK => self.clock().get(attribute, out),
            SERIAL => Ok(out.octets(b"BSB0000000000007")?),
            ENERGY => Register { value: Number::U32(self.energy_wh), scaler: 0, unit: Unit::WATT_HOUR }
                .get(attribute, out),
            LOAD_PROFILE => ProfileGeneric { profile: &self.load, capture_period_s: 900, capacity: 2976 }
                .get(attribute, out),
            LABEL => Ok(out.octets(&self.label)?),
            _ => Err(DataAccessError::ObjectUndefined),
        }
    }

    fn set(&mut self, object: &Object, _attribute: i8, value: Data<'_>) -> Result<(), DataAccessError> {
        match object.name {
            CLOCK => self.now = self.clock().time_to_set(&value)?,
            LABEL => self.label = value.as_octets().ok_or(DataAccessError::TypeUnmatched)?.to_vec(),
            _ => return Err(DataAccessError::ReadWriteDenied),
        }
        Ok(())
    }

    fn action(
        &mut self,
        object: &Object,
        method: i8,
        parameter: Option<Data<'_>>,
        _out: &mut Encoder<'_>,
    ) -> Result<(), DataAccessError> {
        match (object.name, method) {
            (CLOCK, Clock::SHIFT_TIME) => {
                self.now += i64::from(Clock::shift_s(parameter)?);
                Ok(())
            }
            _ => Err(DataAccessError::ObjectUndefined),
        }
    }

    fn profile(&self, object: &Object) -> Option<&dyn Profile> {
        (object.name == LOAD_PROFILE).then_some(&self.load)
    }
}

impl Load {
    /// Energy of a row, Wh.
    pub fn energy_wh(row: u64) -> u32 {
        1_000_000 + row as u32 * 17
    }
}

impl Profile for Load {
    fn columns(&self) -> &[CaptureObject] {
        const COLUMNS: [CaptureObject; 3] = [
            CaptureObject::new(classes::CLOCK, CLOCK, 2),
            CaptureObject::new(classes::REGISTER, ENERGY, 2),
            CaptureObject::new(classes::DATA, Obis::new(0, 0, 96, 10, 1, 255), 2),
        ];
        &COLUMNS
    }

    fn rows(&self) -> Range<u64> {
        self.rows.clone()
    }

    fn captured_unix(&self, row: u64) -> Option<i64> {
        Some(MIDNIGHT + row as i64 * MINUTES_PER_ROW * 60)
    }

    fn deviation_min(&self) -> i16 {
        -60
    }

    fn cell(&self, row: u64, column: usize, out: &mut Encoder<'_>) -> Result<(), DataAccessError> {
        match column {
            0 => out.date_time(DateTime::from_unix(
                self.captured_unix(row).ok_or(DataAccessError::OtherReason)?,
                -60,
                false,
            ))?,
            1 => out.u32(Self::energy_wh(row))?,
            _ => out.u8(0)?,
        }
        Ok(())
    }
}

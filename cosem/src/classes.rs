//! Interface classes (digest 2.1): their numbers, and the values of those that many objects share.
//!
//! Each value type has the attributes of its class from 2 on and writes the one asked for; an attribute the class does
//! not have is "object undefined". Logical names and access rights are the server's.

use crate::axdr::{Data, Encoder};
use crate::datetime::DateTime;
use crate::model::{Attribute, CaptureObject, Method, Profile, Rights};
use crate::server::{SELECT_BY_ENTRY, SELECT_BY_RANGE};
use crate::xdlms::DataAccessError;
use plc_core::bytes::Full;

/// Data.
pub const DATA: u16 = 1;
/// Register.
pub const REGISTER: u16 = 3;
/// Profile generic.
pub const PROFILE_GENERIC: u16 = 7;
/// Clock.
pub const CLOCK: u16 = 8;
/// Association LN.
pub const ASSOCIATION_LN: u16 = 15;
/// SAP assignment.
pub const SAP_ASSIGNMENT: u16 = 17;
/// Security setup.
pub const SECURITY_SETUP: u16 = 64;

/// A physical unit (digest 1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unit(pub u8);

impl Unit {
    /// Second.
    pub const SECOND: Self = Self(7);
    /// Watt.
    pub const WATT: Self = Self(27);
    /// Volt-ampere.
    pub const VOLT_AMPERE: Self = Self(28);
    /// Var.
    pub const VAR: Self = Self(29);
    /// Watt-hour.
    pub const WATT_HOUR: Self = Self(30);
    /// Volt-ampere-hour.
    pub const VOLT_AMPERE_HOUR: Self = Self(31);
    /// Var-hour.
    pub const VAR_HOUR: Self = Self(32);
    /// Ampere.
    pub const AMPERE: Self = Self(33);
    /// Volt.
    pub const VOLT: Self = Self(35);
    /// Hertz.
    pub const HERTZ: Self = Self(44);
    /// Percent.
    pub const PERCENT: Self = Self(56);
    /// A number without unit.
    pub const NONE: Self = Self(255);
}

/// A number as a register has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// double-long.
    I32(i32),
    /// double-long-unsigned.
    U32(u32),
    /// long-unsigned.
    U16(u16),
    /// long64-unsigned.
    U64(u64),
}

impl Number {
    /// Writes it with its type.
    pub fn encode(self, out: &mut Encoder<'_>) -> Result<(), Full> {
        match self {
            Self::I32(value) => out.i32(value),
            Self::U32(value) => out.u32(value),
            Self::U16(value) => out.u16(value),
            Self::U64(value) => out.u64(value),
        }
    }
}

/// Register (class 3, version 0): value times ten to the `scaler`, in `unit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Attribute 2.
    pub value: Number,
    /// Power of ten.
    pub scaler: i8,
    /// Unit.
    pub unit: Unit,
}

impl Register {
    /// Attributes that everybody reads.
    pub const ATTRIBUTES: [Attribute; 3] =
        [Attribute::new(1, Rights::READ), Attribute::new(2, Rights::READ), Attribute::new(3, Rights::READ)];
    /// Attributes that only management reads.
    pub const MANAGEMENT_ATTRIBUTES: [Attribute; 3] = [
        Attribute::new(1, Rights::MANAGEMENT_READ),
        Attribute::new(2, Rights::MANAGEMENT_READ),
        Attribute::new(3, Rights::MANAGEMENT_READ),
    ];

    /// Writes an attribute.
    pub fn get(&self, attribute: i8, out: &mut Encoder<'_>) -> Result<(), DataAccessError> {
        match attribute {
            2 => self.value.encode(out)?,
            3 => {
                out.structure(2)?;
                out.i8(self.scaler)?;
                out.enumeration(self.unit.0)?;
            }
            _ => return Err(DataAccessError::ObjectUndefined),
        }
        Ok(())
    }
}

/// Data (class 1, version 0): attributes that everybody reads.
pub const DATA_ATTRIBUTES: [Attribute; 2] =
    [Attribute::new(1, Rights::READ), Attribute::new(2, Rights::READ)];

/// Clock (class 8, version 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Attribute 2, and the status that is attribute 4.
    pub time: DateTime,
    /// Attribute 3: minutes to add to local normal time to get UTC.
    pub time_zone_min: i16,
    /// Attribute 5.
    pub daylight_saving_begin: DateTime,
    /// Attribute 6.
    pub daylight_saving_end: DateTime,
    /// Attribute 7: minutes that the clock is put forward.
    pub daylight_saving_deviation_min: i8,
    /// Attribute 8.
    pub daylight_saving_enabled: bool,
    /// Attribute 9: 1 is a crystal, 2 and 3 the mains.
    pub base: u8,
}

impl Clock {
    /// Everybody reads, management sets the time.
    pub const ATTRIBUTES: [Attribute; 9] = [
        Attribute::new(1, Rights::READ),
        Attribute::new(2, Rights::MANAGEMENT_WRITE),
        Attribute::new(3, Rights::READ),
        Attribute::new(4, Rights::READ),
        Attribute::new(5, Rights::READ),
        Attribute::new(6, Rights::READ),
        Attribute::new(7, Rights::READ),
        Attribute::new(8, Rights::READ),
        Attribute::new(9, Rights::READ),
    ];
    /// Method 6, shift_time by seconds, for management.
    pub const METHODS: [Method; 1] = [Method { id: Self::SHIFT_TIME, rights: Rights::MANAGEMENT_CALL }];
    /// Method 6.
    pub const SHIFT_TIME: i8 = 6;

    /// Writes an attribute.
    pub fn get(&self, attribute: i8, out: &mut Encoder<'_>) -> Result<(), DataAccessError> {
        match attribute {
            2 => out.date_time(self.time)?,
            3 => out.i16(self.time_zone_min)?,
            4 => out.u8(self.time.status.0)?,
            5 => out.date_time(self.daylight_saving_begin)?,
            6 => out.date_time(self.daylight_saving_end)?,
            7 => out.i8(self.daylight_saving_deviation_min)?,
            8 => out.bool(self.daylight_saving_enabled)?,
            9 => out.enumeration(self.base)?,
            _ => return Err(DataAccessError::ObjectUndefined),
        }
        Ok(())
    }

    /// Seconds after 1970-01-01 UTC that a new value of attribute 2 means.
    pub fn time_to_set(&self, value: &Data<'_>) -> Result<i64, DataAccessError> {
        let time = value.as_date_time().ok_or(DataAccessError::TypeUnmatched)?;
        time.to_unix(self.time.deviation_min).ok_or(DataAccessError::TypeUnmatched)
    }

    /// Seconds of the parameter of method 6.
    pub fn shift_s(parameter: Option<Data<'_>>) -> Result<i16, DataAccessError> {
        match parameter {
            Some(Data::Long(seconds @ -900..=900)) => Ok(seconds),
            Some(Data::Long(_)) => Err(DataAccessError::ScopeOfAccessViolated),
            _ => Err(DataAccessError::TypeUnmatched),
        }
    }
}

/// Profile generic (class 7, version 1) without its buffer, which is a [`Profile`]. Rows are kept in the order of their
/// capture.
#[derive(Clone, Copy)]
pub struct ProfileGeneric<'a> {
    /// Columns and rows.
    pub profile: &'a dyn Profile,
    /// Attribute 4, seconds; 0 is "when told".
    pub capture_period_s: u32,
    /// Attribute 8: rows there is room for.
    pub capacity: u32,
}

impl ProfileGeneric<'_> {
    /// Everybody reads all of it, with selective access by range and by entry.
    pub const ATTRIBUTES: [Attribute; 8] = [
        Attribute::new(1, Rights::READ),
        Attribute { id: 2, rights: Rights::READ, selectors: &[SELECT_BY_RANGE, SELECT_BY_ENTRY] },
        Attribute::new(3, Rights::READ),
        Attribute::new(4, Rights::READ),
        Attribute::new(5, Rights::READ),
        Attribute::new(6, Rights::READ),
        Attribute::new(7, Rights::READ),
        Attribute::new(8, Rights::READ),
    ];

    /// Writes an attribute, but not the buffer.
    pub fn get(&self, attribute: i8, out: &mut Encoder<'_>) -> Result<(), DataAccessError> {
        match attribute {
            3 => {
                let columns = self.profile.columns();
                out.array(columns.len())?;
                columns.iter().try_for_each(|column| column.encode(out))?;
            }
            4 => out.u32(self.capture_period_s)?,
            // 1: first in, first out.
            5 => out.enumeration(1)?,
            // No sort object.
            6 => CaptureObject::new(0, crate::Obis::new(0, 0, 0, 0, 0, 0), 0).encode(out)?,
            7 => {
                let rows = self.profile.rows();
                out.u32(u32::try_from(rows.end.saturating_sub(rows.start)).unwrap_or(u32::MAX))?;
            }
            8 => out.u32(self.capacity)?,
            _ => return Err(DataAccessError::ObjectUndefined),
        }
        Ok(())
    }
}

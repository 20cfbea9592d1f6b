//! The meter's objects with their rights: the object list of digest 2.4, as far as this meter has it.
//!
//! The associations, SAP assignment, security setups and invocation counters belong to the server and are listed by
//! it.

use super::PublicAccess;
use cosem::Obis;
use cosem::classes::{
    CLOCK, Clock, DATA, DATA_ATTRIBUTES, PROFILE_GENERIC, ProfileGeneric, REGISTER, Register,
};
use cosem::model::{Attribute, CaptureObject, Method, Object, Rights};

/// What an object of the table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Clock,
    LogicalDeviceName,
    SerialNumber,
    FirmwareIdentifier,
    RecordingInterval,
    ProfileStatus,
    PowerFailures,
    Register(Quantity),
    LoadProfile,
}

/// What a register shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    ImportedEnergy,
    ExportedEnergy,
    ImportPower,
    ExportPower,
    NetPower,
    Voltage,
    Current,
    Frequency,
}

/// Logical name of the clock.
pub const CLOCK_NAME: Obis = Obis::new(0, 0, 1, 0, 0, 255);
/// Logical name of the logical device name.
pub const LOGICAL_DEVICE_NAME: Obis = Obis::new(0, 0, 42, 0, 0, 255);
/// Logical name of the serial number (device ID 1).
pub const SERIAL_NUMBER: Obis = Obis::new(0, 0, 96, 1, 0, 255);
/// Logical name of the flags of the running capture period (AMR profile status).
pub const PROFILE_STATUS: Obis = Obis::new(0, 0, 96, 10, 1, 255);
/// Logical name of active energy import, total.
pub const IMPORTED_ENERGY: Obis = Obis::new(1, 0, 1, 8, 0, 255);
/// Logical name of active energy export, total.
pub const EXPORTED_ENERGY: Obis = Obis::new(1, 0, 2, 8, 0, 255);
/// Logical name of load profile 1.
pub const LOAD_PROFILE: Obis = Obis::new(1, 0, 99, 1, 0, 255);

/// Columns of the load profile.
pub const LOAD_PROFILE_COLUMNS: [CaptureObject; 4] = [
    CaptureObject::new(CLOCK, CLOCK_NAME, 2),
    CaptureObject::new(DATA, PROFILE_STATUS, 2),
    CaptureObject::new(REGISTER, IMPORTED_ENERGY, 2),
    CaptureObject::new(REGISTER, EXPORTED_ENERGY, 2),
];

pub(super) struct Entry {
    pub(super) content: Content,
    class_id: u16,
    version: u8,
    name: Obis,
    /// Identity and clock are everybody's; the rest is the public client's only where the owner says so.
    measured: bool,
}

impl Entry {
    pub(super) fn object(&self, public: PublicAccess) -> Object {
        let open = !self.measured || public == PublicAccess::Measurements;
        let (attributes, methods): (&'static [Attribute], &'static [Method]) = match self.class_id {
            CLOCK => (&Clock::ATTRIBUTES, &Clock::METHODS),
            REGISTER => (if open { &Register::ATTRIBUTES } else { &Register::MANAGEMENT_ATTRIBUTES }, &[]),
            PROFILE_GENERIC => (if open { &ProfileGeneric::ATTRIBUTES } else { &MANAGEMENT_PROFILE }, &[]),
            _ => (if open { &DATA_ATTRIBUTES } else { &MANAGEMENT_DATA }, &[]),
        };
        Object { class_id: self.class_id, version: self.version, name: self.name, attributes, methods }
    }

    pub(super) fn is(&self, object: &Object) -> bool {
        self.name == object.name && self.class_id == object.class_id
    }
}

pub(super) const ENTRIES: [Entry; 16] = [
    entry(Content::Clock, CLOCK, CLOCK_NAME, false),
    entry(Content::LogicalDeviceName, DATA, LOGICAL_DEVICE_NAME, false),
    entry(Content::SerialNumber, DATA, SERIAL_NUMBER, false),
    entry(Content::FirmwareIdentifier, DATA, Obis::new(1, 0, 0, 2, 0, 255), false),
    entry(Content::RecordingInterval, DATA, Obis::new(1, 0, 0, 8, 4, 255), true),
    entry(Content::ProfileStatus, DATA, PROFILE_STATUS, true),
    entry(Content::PowerFailures, DATA, Obis::new(0, 0, 96, 7, 21, 255), true),
    register(Quantity::ImportedEnergy, IMPORTED_ENERGY),
    register(Quantity::ExportedEnergy, EXPORTED_ENERGY),
    register(Quantity::ImportPower, Obis::new(1, 0, 1, 7, 0, 255)),
    register(Quantity::ExportPower, Obis::new(1, 0, 2, 7, 0, 255)),
    register(Quantity::NetPower, Obis::new(1, 0, 36, 7, 0, 255)),
    register(Quantity::Voltage, Obis::new(1, 0, 32, 7, 0, 255)),
    register(Quantity::Current, Obis::new(1, 0, 31, 7, 0, 255)),
    register(Quantity::Frequency, Obis::new(1, 0, 14, 7, 0, 255)),
    Entry { version: 1, ..entry(Content::LoadProfile, PROFILE_GENERIC, LOAD_PROFILE, true) },
];

const fn entry(content: Content, class_id: u16, name: Obis, measured: bool) -> Entry {
    Entry { content, class_id, version: 0, name, measured }
}

const fn register(quantity: Quantity, name: Obis) -> Entry {
    entry(Content::Register(quantity), REGISTER, name, true)
}

const MANAGEMENT_DATA: [Attribute; 2] = for_management(DATA_ATTRIBUTES);
const MANAGEMENT_PROFILE: [Attribute; 8] = for_management(ProfileGeneric::ATTRIBUTES);

/// The same attributes, for the management client only.
const fn for_management<const N: usize>(mut attributes: [Attribute; N]) -> [Attribute; N] {
    let mut index = 0;
    while index < N {
        attributes[index].rights = Rights::MANAGEMENT_READ;
        index += 1;
    }
    attributes
}

//! What the API sends: the shapes that `/api/v1/openapi.json` describes.

use crate::calendar::{rfc3339_local, rfc3339_utc};
use crate::live::Activity;
use crate::network::{LinkFigures, Meter, Point};
use crate::reading::{MeterTime, Quality, scaled, unit_symbol};
use crate::store::{CycleMeterRow, CycleRow, MeterResult, ProfileRow, ReadingRow, StoredValue};
use serde::Serialize;
use utoipa::ToSchema;

/// Logical name of the energy taken from the grid.
pub const ENERGY_IMPORT: &str = "1.0.1.8.0.255";
/// Logical name of the load profile.
pub const LOAD_PROFILE: &str = "1.0.99.1.0.255";

/// What there is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Index {
    /// Version of the program.
    pub version: &'static str,
    /// Where everything below is described.
    pub description: &'static str,
    /// The paths, with names in braces where something is to be filled in.
    pub paths: Vec<String>,
}

/// Something that went wrong, and what to do about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Code for programs: `not-found`, `bad-request`, `method-not-allowed`, `internal`.
    pub code: &'static str,
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// What the concentrator is doing.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    /// Version of the program.
    pub version: &'static str,
    /// The network.
    pub network: String,
    /// PAN identifier, four hexadecimal digits.
    pub pan_id: String,
    /// What it is busy with.
    pub activity: Activity,
    /// Time on the line, UTC.
    #[schema(example = "2026-01-15T17:00:00.000Z")]
    pub time: String,
    /// The same moment in the network's local time.
    #[schema(example = "2026-01-15T18:00:00.000+01:00")]
    pub local_time: String,
    /// How far the line's time is behind the wall clock it follows, in seconds; null while it runs freely.
    pub lag_s: Option<f64>,
    /// When the next cycle is due, UTC; null while one is running.
    pub next_cycle: Option<String>,
    /// The cycle that is running, or ran last.
    pub cycle: Option<Progress>,
    /// All meters of the network.
    pub meters: usize,
    /// Meters that the line model puts in reach.
    pub meters_in_reach: usize,
    /// Where head-ends reach the meters with DLMS wrapper frames, `127.0.0.1:4059`.
    pub dlms_address: Option<String>,
    /// Why the line stopped, if it did.
    pub stopped_because: Option<String>,
}

/// How far a cycle is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Progress {
    /// Its number.
    pub number: i64,
    /// Meters that have had their turn.
    pub done: usize,
    /// Meters in reach.
    pub of: usize,
    /// Meters that were read.
    pub read: usize,
}

/// A meter.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeterSummary {
    /// Serial number.
    pub serial: String,
    /// Name in the feeder's file.
    pub name: String,
    /// Bus it is connected to.
    pub bus: String,
    /// Phase, 1 to 3.
    pub phase: u8,
    /// Short address in the PAN, four hexadecimal digits.
    #[schema(example = "0007")]
    pub address: String,
    /// Destination wPort for head-ends: 1000 + short address.
    #[schema(example = 1007)]
    pub w_port: u16,
    /// Place on the map, in metres.
    pub position: Option<Point>,
    /// What the line model says of the link.
    pub link: LinkFigures,
    /// How its last turn in a cycle ended.
    pub last_turn: Option<Turn>,
    /// When it was last read, UTC.
    pub last_read: Option<String>,
    /// The newest reading of the energy taken from the grid.
    pub energy_import: Option<ReadingModel>,
}

/// A meter and its newest readings.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeterDetail {
    /// The meter.
    #[serde(flatten)]
    pub summary: MeterSummary,
    /// The newest reading of each of its objects.
    pub latest: Vec<ReadingModel>,
}

/// A meter's turn in a cycle.
#[derive(Debug, Serialize, ToSchema)]
pub struct Turn {
    /// The cycle's number.
    pub cycle: i64,
    /// Serial number of the meter.
    pub serial: String,
    /// How it ended.
    pub result: MeterResult,
    /// What to tell people where it did not end well.
    pub detail: Option<String>,
    /// How often the meter was asked from the start.
    pub attempts: u32,
    /// When it was done with, UTC.
    pub ended: String,
    /// How long it took, in seconds of the line's time.
    pub duration_s: f64,
    /// Signal to noise that the concentrator's receiver measured, in dB: the arithmetic mean over the carriers of each
    /// data frame (its LQI), averaged over the frames heard in the turn. Not the effective figure of `link`, which is
    /// lower. Null where nothing was heard.
    pub snr_db: Option<f64>,
    /// Hops to the meter; 1 is a neighbour.
    pub hops: Option<u8>,
}

/// One value of one COSEM object.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadingModel {
    /// Logical name.
    #[schema(example = "1.0.1.8.0.255")]
    pub object: String,
    /// What the logical name means.
    #[schema(example = "energy imported")]
    pub name: Option<&'static str>,
    /// The value in its unit.
    pub value: f64,
    /// Unit.
    #[schema(example = "Wh")]
    pub unit: Option<&'static str>,
    /// The number as the meter sent it.
    pub raw: i64,
    /// Power of ten that the raw number is multiplied with.
    pub scaler: i8,
    /// COSEM unit code.
    pub unit_code: u8,
    /// When it was true.
    #[serde(flatten)]
    pub time: TimeModel,
    /// How far it may be trusted.
    pub quality: Quality,
    /// The cycle it came in.
    pub cycle: i64,
}

/// A moment: in UTC, and as the meter told it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimeModel {
    /// UTC.
    #[schema(example = "2026-01-15T17:00:00.000Z")]
    pub utc: String,
    /// The same moment with the meter's own offset.
    #[schema(example = "2026-01-15T18:00:00.000+01:00")]
    pub local: String,
    /// What the meter's local time adds to UTC, in minutes.
    pub offset_minutes: i16,
    /// Clock status octet of the COSEM date-time.
    pub clock_status: u8,
    /// The COSEM date-time as it came, in hexadecimal digits.
    pub meter_time: String,
}

/// A part of a list of readings.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadingPage {
    /// The readings, oldest first.
    pub items: Vec<ReadingModel>,
    /// Give this as `after` for the next part; null at the end.
    pub next: Option<String>,
}

/// A part of a load profile.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfilePage {
    /// Logical name of the profile.
    pub profile: &'static str,
    /// The rows, oldest first.
    pub items: Vec<ProfileRowModel>,
    /// Give this as `after` for the next part; null at the end.
    pub next: Option<String>,
}

/// A row of a load profile.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfileRowModel {
    /// When the meter captured it: the end of its period.
    #[serde(flatten)]
    pub time: TimeModel,
    /// How far it may be trusted.
    pub quality: Quality,
    /// The cycle it came in.
    pub cycle: i64,
    /// Its values.
    pub values: Vec<ProfileValue>,
}

/// A value in a load profile.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfileValue {
    /// Logical name.
    pub object: String,
    /// What the logical name means.
    pub name: Option<&'static str>,
    /// The value in its unit.
    pub value: f64,
    /// Unit.
    pub unit: Option<&'static str>,
    /// The number as the meter sent it.
    pub raw: i64,
    /// Power of ten.
    pub scaler: i8,
}

/// A reading cycle.
#[derive(Debug, Serialize, ToSchema)]
pub struct CycleModel {
    /// Its number.
    pub number: i64,
    /// `running`, `complete` or `interrupted`.
    pub state: String,
    /// When it began, UTC.
    pub started: String,
    /// When it ended, UTC.
    pub ended: Option<String>,
    /// Meters that had their turn and were asked.
    pub asked: i64,
    /// Meters that were read.
    pub read: i64,
}

/// A part of the list of cycles.
#[derive(Debug, Serialize, ToSchema)]
pub struct CyclePage {
    /// The cycles, newest first.
    pub items: Vec<CycleModel>,
    /// Give this as `before` for the next part; null at the end.
    pub next: Option<String>,
}

/// A cycle and its meters.
#[derive(Debug, Serialize, ToSchema)]
pub struct CycleDetail {
    /// The cycle.
    #[serde(flatten)]
    pub cycle: CycleModel,
    /// The meters' turns, by serial number.
    pub meters: Vec<Turn>,
}

/// What a logical name means, for the objects that the concentrator reads.
pub fn object_name(object: &str) -> Option<&'static str> {
    Some(match object {
        "1.0.1.8.0.255" => "energy imported",
        "1.0.2.8.0.255" => "energy exported",
        "1.0.1.29.0.255" => "energy imported in the interval",
        "1.0.2.29.0.255" => "energy exported in the interval",
        "1.0.1.7.0.255" => "power imported",
        "1.0.2.7.0.255" => "power exported",
        "1.0.16.7.0.255" | "1.0.36.7.0.255" => "power",
        "1.0.12.7.0.255" | "1.0.32.7.0.255" => "voltage",
        "1.0.11.7.0.255" | "1.0.31.7.0.255" => "current",
        "1.0.14.7.0.255" => "frequency",
        "0.0.96.10.1.255" => "status of the interval",
        _ => return None,
    })
}

impl From<&MeterTime> for TimeModel {
    fn from(time: &MeterTime) -> Self {
        Self {
            utc: rfc3339_utc(time.utc_ms),
            local: rfc3339_local(time.utc_ms, time.offset_minutes),
            offset_minutes: time.offset_minutes,
            clock_status: time.clock_status,
            meter_time: time.raw.iter().map(|octet| format!("{octet:02x}")).collect(),
        }
    }
}

impl From<ReadingRow> for ReadingModel {
    fn from(row: ReadingRow) -> Self {
        let reading = row.reading;
        Self {
            name: object_name(&reading.object),
            value: scaled(reading.raw, reading.scaler),
            unit: unit_symbol(reading.unit),
            raw: reading.raw,
            scaler: reading.scaler,
            unit_code: reading.unit,
            time: (&reading.time).into(),
            quality: reading.quality,
            cycle: row.cycle,
            object: reading.object,
        }
    }
}

impl From<StoredValue> for ProfileValue {
    fn from(value: StoredValue) -> Self {
        Self {
            name: object_name(&value.object),
            value: scaled(value.raw, value.scaler),
            unit: unit_symbol(value.unit),
            raw: value.raw,
            scaler: value.scaler,
            object: value.object,
        }
    }
}

impl From<ProfileRow> for ProfileRowModel {
    fn from(row: ProfileRow) -> Self {
        Self {
            time: (&row.time).into(),
            quality: row.quality,
            cycle: row.cycle,
            values: row.values.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<CycleMeterRow> for Turn {
    fn from(row: CycleMeterRow) -> Self {
        Self {
            cycle: row.cycle,
            serial: row.serial,
            result: row.result,
            detail: row.detail,
            attempts: row.attempts,
            ended: rfc3339_utc(row.ended_utc_ms),
            duration_s: row.duration_ms as f64 / 1000.0,
            snr_db: row.snr_db,
            hops: row.hops,
        }
    }
}

impl From<CycleRow> for CycleModel {
    fn from(row: CycleRow) -> Self {
        Self {
            number: row.id,
            state: row.state,
            started: rfc3339_utc(row.started_utc_ms),
            ended: row.ended_utc_ms.map(rfc3339_utc),
            asked: row.asked,
            read: row.read,
        }
    }
}

impl MeterSummary {
    /// Puts together what is known of `meter`.
    pub fn new(
        meter: &Meter,
        last_turn: Option<Turn>,
        last_read_utc_ms: Option<i64>,
        energy: Option<ReadingRow>,
    ) -> Self {
        Self {
            serial: meter.serial.clone(),
            name: meter.name.clone(),
            bus: meter.bus.clone(),
            phase: meter.phase,
            address: format!("{:04x}", meter.short_address),
            w_port: meter.w_port(),
            position: meter.position,
            link: meter.link,
            last_turn,
            last_read: last_read_utc_ms.map(rfc3339_utc),
            energy_import: energy.map(Into::into),
        }
    }
}

//! The network as the concentrator knows it: the meters it has to read, and the feeder they hang on.

use crate::calendar::Calendar;
use serde::Serialize;
use utoipa::ToSchema;

/// What is added to a meter's short address to get its wPort on the head-end's side.
///
/// Decimal on purpose: meter 7 is wPort 1007. Server address 1 stays free for the concentrator itself, and the
/// meters keep clear of the public client's 16 and of the lower layers' "all stations" 127.
pub const FIRST_METER_W_PORT: u16 = 1000;

/// A PLC network: a coordinator and its meters.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Tells this network from others in the same database.
    pub key: String,
    /// What people call it.
    pub name: String,
    /// PAN identifier.
    pub pan_id: u16,
    /// What the coordinator's clock means.
    pub calendar: Calendar,
    /// The meters, in the order in which they are read.
    pub meters: Vec<Meter>,
    /// Where the cables lie.
    pub map: FeederMap,
}

/// A meter as the concentrator knows it before it has spoken.
#[derive(Clone, Debug, PartialEq)]
pub struct Meter {
    /// Serial number.
    pub serial: String,
    /// Name in the feeder's file.
    pub name: String,
    /// Bus it is connected to.
    pub bus: String,
    /// Phase, 1 to 3.
    pub phase: u8,
    /// Short address in the PAN.
    pub short_address: u16,
    /// Place on the map, in metres.
    pub position: Option<Point>,
    /// What the line model says of the link.
    pub link: LinkFigures,
}

impl Meter {
    /// The wPort under which a head-end reaches this meter.
    pub const fn w_port(&self) -> u16 {
        FIRST_METER_W_PORT.saturating_add(self.short_address)
    }
}

/// What the line model says of a link, before anything was sent over it: the effective signal to noise, which is that of a
/// flat channel with the same mean of exp(−Es/N0) over the carriers. Weak carriers count most in it, as in a decoder, so it
/// is lower than the mean that a receiver measures (`snr_db` of a turn); the two are not to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct LinkFigures {
    /// Effective signal to noise at the meter when the concentrator sends, in dB; −100 where nothing is heard.
    pub snr_at_meter_db: f64,
    /// Effective signal to noise at the concentrator when the meter sends, in dB; −100 where nothing is heard.
    pub snr_at_concentrator_db: f64,
    /// Effective signal to noise that both must reach, in dB: 3 dB more than Robust frames need.
    pub needed_db: f64,
    /// Whether both do.
    pub in_reach: bool,
}

/// A place on the map, in metres.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Point {
    /// East.
    pub x: f64,
    /// North.
    pub y: f64,
}

/// Where the cables of the feeder lie.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct FeederMap {
    /// Cable sections.
    pub sections: Vec<Section>,
    /// The transformer, where the concentrator is.
    pub transformer: Option<Point>,
}

/// A straight piece of cable on the map.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Section {
    /// One end.
    pub from: Point,
    /// The other.
    pub to: Point,
}

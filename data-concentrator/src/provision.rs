//! The network as its line describes it: what a utility would know of it before it speaks.

use crate::calendar::{Calendar, utc_from_local};
use crate::network::{FeederMap, LinkFigures, Meter, Network, Point, Section};
use channel_sim::feeder::{Phase, Position};
use channel_sim::port::Provision;
use channel_sim::world::LinkReport;

/// Signal to noise at which Robust loses one frame in ten, and 3 dB (g3-phy digest 11.3).
const NEEDED_DB: f64 = -2.0 + 3.0;

/// The network behind a port, with the line model's word on its links.
pub fn network(provision: &Provision, links: &[LinkReport]) -> Network {
    let start = provision.start;
    let (date, time) = (start.date(), start.time());
    let start_utc_ms = utc_from_local(
        (date.year(), date.month(), date.day()),
        (time.hour(), time.minute(), time.second()),
        time.subsec_nanosecond() / 1_000_000,
        provision.utc_offset_minutes,
    );
    let calendar =
        Calendar { start_utc_ms: start_utc_ms.unwrap_or(0), offset_minutes: provision.utc_offset_minutes };
    let meters = provision.meters.iter().enumerate().map(|(index, meter)| Meter {
        serial: meter.serial.clone(),
        name: meter.name.clone(),
        bus: meter.bus.clone(),
        phase: phase(meter.phase),
        short_address: meter.short_address.0,
        position: meter.position.map(point),
        link: figures(links.iter().find(|link| link.meter == index)),
    });
    let section = |&(from, to): &(Position, Position)| Section { from: point(from), to: point(to) };
    Network {
        key: format!("{}/{:016x}", provision.feeder, fingerprint(&provision.group_master_key)),
        name: provision.feeder.clone(),
        pan_id: provision.pan_id.0,
        calendar,
        meters: meters.collect(),
        map: FeederMap {
            sections: provision.cables.iter().map(section).collect(),
            transformer: provision.busbar.map(point),
        },
    }
}

/// FNV-1a, 64 bits: tells networks apart whose feeders have the same name. The key itself stays out of the database.
fn fingerprint(key: &[u8]) -> u64 {
    key.iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, &octet| (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01B3))
}

const fn phase(phase: Phase) -> u8 {
    match phase {
        Phase::L1 => 1,
        Phase::L2 => 2,
        Phase::L3 => 3,
    }
}

const fn point(position: Position) -> Point {
    Point { x: position.x_m, y: position.y_m }
}

fn figures(link: Option<&LinkReport>) -> LinkFigures {
    LinkFigures {
        snr_at_meter_db: link.map_or(f64::NEG_INFINITY, |link| link.down.snr_db.into()),
        snr_at_concentrator_db: link.map_or(f64::NEG_INFINITY, |link| link.up.snr_db.into()),
        needed_db: NEEDED_DB,
        in_reach: link.is_some_and(|link| link.in_reach),
    }
}

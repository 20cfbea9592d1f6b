//! What tests of this crate share: a small network that needs no line.

use crate::calendar::Calendar;
use crate::network::{FeederMap, LinkFigures, Meter, Network, Point, Section};

/// Midnight of 2026-01-15 in UTC+1.
pub(crate) const MIDNIGHT_UTC_MS: i64 = 1_768_431_600_000;

/// A street of `count` houses; the last one is out of reach.
pub(crate) fn network(count: u16) -> Network {
    let place = |n: u16| Point { x: f64::from(n) * 30.0, y: if n.is_multiple_of(2) { 12.0 } else { -12.0 } };
    let street = |n: u16| Point { x: f64::from(n) * 30.0, y: 0.0 };
    let meters = (1..=count).map(|n| Meter {
        serial: format!("BSB{n:08}"),
        name: format!("house {n}"),
        bus: format!("bus{n}"),
        phase: (n % 3 + 1) as u8,
        short_address: n,
        position: Some(place(n)),
        link: LinkFigures {
            snr_at_meter_db: 40.0 - f64::from(n),
            snr_at_concentrator_db: 38.0 - f64::from(n),
            needed_db: 4.0,
            in_reach: n < count,
        },
    });
    let sections = (1..=count).flat_map(|n| {
        [Section { from: street(n - 1), to: street(n) }, Section { from: street(n), to: place(n) }]
    });
    Network {
        key: "test".into(),
        name: "Test street".into(),
        pan_id: 0x781D,
        calendar: Calendar { start_utc_ms: MIDNIGHT_UTC_MS + 18 * 3_600_000, offset_minutes: 60 },
        meters: meters.collect(),
        map: FeederMap { sections: sections.collect(), transformer: Some(street(0)) },
    }
}

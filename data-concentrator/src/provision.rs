//! The network as its line describes it: what a utility would know of it before it speaks.

use crate::calendar::{Calendar, utc_from_local};
use crate::network::{FeederMap, LinkFigures, Meter, Network, Point, Section};
use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use channel_sim::feeder::{Phase, Position};
use channel_sim::port::Provision;
use channel_sim::world::{Direction, LinkReport, REACH_MARGIN_DB, ROBUST_DB};

/// Stands for a link over which nothing is heard: JSON has no number for minus infinity.
const FLOOR_DB: f64 = -100.0;

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
        key: format!("{}/{:032x}", provision.feeder, fingerprint(&provision.group_master_key)),
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

/// Tells networks apart whose feeders have the same name: a fixed block under the group key, from which the key cannot
/// be computed. The key itself stays out of the database.
fn fingerprint(group_master_key: &[u8; 16]) -> u128 {
    let mut block = (*b"busbar's network").into();
    Aes128::new(group_master_key.into()).encrypt_block(&mut block);
    u128::from_be_bytes(block.into())
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
        snr_at_meter_db: decibels(link.map(|link| link.down)),
        snr_at_concentrator_db: decibels(link.map(|link| link.up)),
        needed_db: f64::from(ROBUST_DB + REACH_MARGIN_DB),
        in_reach: link.is_some_and(|link| link.in_reach),
    }
}

fn decibels(direction: Option<Direction>) -> f64 {
    direction.map_or(FLOOR_DB, |direction| f64::from(direction.snr_db).max(FLOOR_DB))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_the_keys_own_and_not_the_key() {
        // openssl enc -aes-128-ecb -nopad -K 000102030405060708090a0b0c0d0e0f
        let key: [u8; 16] = std::array::from_fn(|i| i as u8);
        assert_eq!(format!("{:032x}", fingerprint(&key)), "e586906dbedf1542eb6cea24851025cd");
        assert_ne!(fingerprint(&key), fingerprint(&[0; 16]));
    }

    #[test]
    fn a_link_over_which_nothing_is_heard_has_figures_too() {
        let with = |snr_db| Direction { snr_db, worst_carrier_db: snr_db, loss_db: 90.0 };
        let dead =
            LinkReport { meter: 0, down: with(f32::NEG_INFINITY), up: with(f32::NAN), in_reach: false };
        for link in [Some(&dead), None] {
            let figures = figures(link);
            assert_eq!((figures.snr_at_meter_db, figures.snr_at_concentrator_db), (FLOOR_DB, FLOOR_DB));
            assert!(!figures.in_reach);
        }
        let good = LinkReport { meter: 0, down: with(12.5), up: with(-3.5), in_reach: true };
        assert_eq!((figures(Some(&good)).snr_at_meter_db, figures(Some(&good)).needed_db), (12.5, 1.0));
    }
}

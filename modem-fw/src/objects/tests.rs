use super::*;
use crate::metering::{Measurement, MeteringConfig};
use cosem::model::{Access, Role};
use plc_core::testkit::MemoryStore;
use plc_core::time::seconds;
use std::collections::BTreeSet;
use std::format;
use std::string::ToString;
use std::vec::Vec;

/// 2026-01-15 00:00 in Central Europe.
const MIDNIGHT: i64 = 1_768_431_600;
const ROWS: usize = 20;

fn metering() -> Metering<ROWS> {
    let mut store = MemoryStore::default();
    let config =
        MeteringConfig { time: Utc::from_unix_s(MIDNIGHT), deviation_min: -60, ..MeteringConfig::default() };
    let mut metering = Metering::new(&config, &mut store);
    let measurement = Measurement {
        voltage_mv: 231_450,
        current_ma: 5_186,
        active_power_mw: 1_200_600,
        frequency_mhz: 49_987,
    };
    metering.measure(&mut store, measurement, seconds(3_600));
    metering.measure(&mut store, Measurement { active_power_mw: -2_400_400, ..measurement }, seconds(1_800));
    metering
}

fn identity() -> Identity {
    Identity {
        serial_number: "00000042".try_into().unwrap(),
        logical_device_name: "BSB0000000000042".try_into().unwrap(),
    }
}

/// Runs `look` on the objects of [`metering`].
fn with_objects<R>(public: PublicAccess, look: impl FnOnce(&mut Objects<'_, ROWS>) -> R) -> R {
    let (metering, identity) = (metering(), identity());
    let now = metering.clock().now();
    look(&mut Objects::new(&metering, &identity, public, now))
}

fn named(objects: &Objects<'_, ROWS>, name: &str) -> Object {
    let name = name.parse().unwrap();
    (0..).map_while(|index| objects.object(index)).find(|object| object.name == name).unwrap()
}

/// The value of an attribute as text of its decoded data.
fn value(objects: &Objects<'_, ROWS>, name: &str, attribute: i8) -> std::string::String {
    let mut room = [0; 256];
    let mut out = Encoder::new(&mut room);
    objects.get(&named(objects, name), attribute, &mut out).unwrap();
    let written = out.written().to_vec();
    let data = Data::parse(&written).unwrap();
    match data.as_date_time() {
        Some(time) => time.to_string(),
        None => format!("{data:?}"),
    }
}

#[test]
fn registers_show_what_was_measured_in_their_units() {
    with_objects(PublicAccess::Identity, |objects| {
        for (name, shown, scaler_unit) in [
            ("1.0.1.8.0.255", "DoubleLongUnsigned(1200)", (0, 30)),
            ("1.0.2.8.0.255", "DoubleLongUnsigned(1200)", (0, 30)),
            ("1.0.1.7.0.255", "DoubleLongUnsigned(0)", (0, 27)),
            ("1.0.2.7.0.255", "DoubleLongUnsigned(2400)", (0, 27)),
            ("1.0.36.7.0.255", "DoubleLong(-2400)", (0, 27)),
            ("1.0.32.7.0.255", "LongUnsigned(2315)", (-1, 35)),
            ("1.0.31.7.0.255", "LongUnsigned(519)", (-2, 33)),
            ("1.0.14.7.0.255", "LongUnsigned(49987)", (-3, 44)),
        ] {
            assert_eq!(value(objects, name, 2), shown, "{name}");
            let mut room = [0; 16];
            let mut out = Encoder::new(&mut room);
            objects.get(&named(objects, name), 3, &mut out).unwrap();
            let (scaler, unit) = scaler_unit;
            assert_eq!(out.written(), [2, 2, 15, scaler as u8, 22, unit], "{name}");
        }
    });
}

#[test]
fn the_clock_shows_local_time_and_its_deviation() {
    with_objects(PublicAccess::Identity, |objects| {
        assert_eq!(value(objects, "0.0.1.0.0.255", 2), "2026-01-15 01:30:00+01:00");
        assert_eq!(value(objects, "0.0.1.0.0.255", 3), "Long(-60)");
    });
}

#[test]
fn names_are_octet_strings() {
    with_objects(PublicAccess::Identity, |objects| {
        assert_eq!(value(objects, "0.0.96.1.0.255", 2), format!("{:?}", Data::OctetString(b"00000042")));
        let name = format!("{:?}", Data::OctetString(b"BSB0000000000042"));
        assert_eq!(value(objects, "0.0.42.0.0.255", 2), name);
    });
}

#[test]
fn every_attribute_of_the_list_can_be_read() {
    with_objects(PublicAccess::Identity, |objects| {
        let list: Vec<_> = (0..).map_while(|index| objects.object(index)).collect();
        let names: BTreeSet<_> = list.iter().map(|object| object.name).collect();
        assert_eq!(names.len(), list.len(), "a logical name stands for one object");
        for object in &list {
            assert_eq!(object.attributes.first().map(|first| first.id), Some(1), "{}", object.name);
            for attribute in object.attributes.iter().filter(|attribute| attribute.id > 1) {
                if objects.profile(object).is_some() && attribute.id == 2 {
                    continue;
                }
                let mut room = [0; cosem::model::MAX_ELEMENT];
                let mut out = Encoder::new(&mut room);
                assert_eq!(
                    objects.get(object, attribute.id, &mut out),
                    Ok(()),
                    "{} {}",
                    object.name,
                    attribute.id
                );
                assert!(Data::parse(out.written()).is_ok(), "{} {}", object.name, attribute.id);
            }
        }
    });
}

#[test]
fn the_public_client_reads_measurements_only_where_the_owner_says_so() {
    for (public, energy) in
        [(PublicAccess::Identity, Access::None), (PublicAccess::Measurements, Access::Read)]
    {
        with_objects(public, |objects| {
            for name in ["1.0.1.8.0.255", "1.0.99.1.0.255", "1.0.32.7.0.255"] {
                let object = named(objects, name);
                assert_eq!(object.access(Role::Public, 2), energy, "{name}");
                assert_eq!(object.access(Role::Management, 2), Access::Read, "{name}");
            }
            let clock = named(objects, "0.0.1.0.0.255");
            assert_eq!(clock.access(Role::Public, 2), Access::Read);
            assert_eq!(clock.access(Role::Management, 2), Access::Full);
            assert_eq!(clock.method_access(Role::Public, 6), Access::None);
            assert_eq!(named(objects, "0.0.96.1.0.255").access(Role::Public, 2), Access::Read);
        });
    }
}

#[test]
fn the_profile_has_a_row_for_every_quarter_hour() {
    with_objects(PublicAccess::Identity, |objects| {
        let object = named(objects, "1.0.99.1.0.255");
        let profile = objects.profile(&object).unwrap();
        let shown: Vec<_> = profile
            .rows()
            .map(|row| {
                let mut room = [0; 64];
                let mut out = Encoder::new(&mut room);
                for column in 0..profile.columns().len() {
                    profile.cell(row, column, &mut out).unwrap();
                }
                let mut reader = plc_core::bytes::Reader::new(out.written());
                let time = Data::read(&mut reader).unwrap().as_date_time().unwrap().to_string();
                let mut number = || Data::read(&mut reader).unwrap().as_i64().unwrap();
                (time, number(), number(), number())
            })
            .collect();
        let at = |time: &str| format!("2026-01-15 {time}+01:00");
        assert_eq!(
            shown,
            [
                (at("00:00:00"), 0, 0, 0),
                (at("00:15:00"), 0, 300, 0),
                (at("00:30:00"), 0, 600, 0),
                (at("00:45:00"), 0, 900, 0),
                (at("01:00:00"), 0, 1200, 0),
                (at("01:15:00"), 0, 1200, 600),
                (at("01:30:00"), 0, 1200, 1200),
            ]
        );
        assert_eq!(profile.captured_unix(2), Some(MIDNIGHT + 1_800));
        assert_eq!(profile.captured_unix(7), None);
        assert_eq!(value(objects, "1.0.99.1.0.255", 7), "DoubleLongUnsigned(7)");
    });
}

#[test]
fn rows_keep_their_numbers_when_the_ring_forgets() {
    let mut store = MemoryStore::default();
    let config = MeteringConfig { time: Utc::from_unix_s(MIDNIGHT), ..MeteringConfig::default() };
    let mut metering = Metering::<ROWS>::new(&config, &mut store);
    metering.measure(&mut store, Measurement::default(), seconds(900 * 30));
    let identity = identity();
    let objects = Objects::new(&metering, &identity, PublicAccess::Identity, metering.clock().now());
    let profile = objects.profile(&named(&objects, "1.0.99.1.0.255")).unwrap();
    assert_eq!(profile.rows(), 11..31);
    assert_eq!(profile.captured_unix(11), Some(MIDNIGHT + 11 * 900));
    assert_eq!(profile.captured_unix(10), None);
}

#[test]
fn the_time_a_client_sets_comes_out() {
    with_objects(PublicAccess::Identity, |objects| {
        let clock = named(objects, "0.0.1.0.0.255");
        let wanted = MIDNIGHT + 5_402;
        let half_past = Utc::from_ticks(Utc::from_unix_s(wanted).unwrap().as_ticks() + TICKS_PER_SECOND / 2);
        let time = DateTime { hundredths: 50, ..DateTime::from_unix(wanted, -60, false) };
        let local = DateTime { deviation_min: DateTime::UNSPECIFIED_DEVIATION, ..time };
        for value in [Data::OctetString(&time.to_bytes()), Data::DateTime(time), Data::DateTime(local)] {
            objects.new_time = None;
            assert_eq!(objects.set(&clock, 2, value), Ok(()));
            assert_eq!(objects.new_time(), Some(half_past));
        }
    });
}

#[test]
fn a_time_that_is_none_is_refused() {
    with_objects(PublicAccess::Identity, |objects| {
        let clock = named(objects, "0.0.1.0.0.255");
        let refused = objects.set(&clock, 2, Data::DateTime(DateTime::UNSPECIFIED));
        assert_eq!(refused, Err(DataAccessError::TypeUnmatched));
        assert_eq!(objects.set(&clock, 2, Data::Boolean(true)), Err(DataAccessError::TypeUnmatched));
        assert_eq!(objects.set(&clock, 4, Data::Unsigned(0)), Err(DataAccessError::ReadWriteDenied));
        assert_eq!(objects.new_time(), None);
    });
}

#[test]
fn shift_time_moves_the_clock() {
    with_objects(PublicAccess::Identity, |objects| {
        let clock = named(objects, "0.0.1.0.0.255");
        let mut room = [0; 16];
        let mut out = Encoder::new(&mut room);
        assert_eq!(objects.action(&clock, 6, Some(Data::Long(-100)), &mut out), Ok(()));
        assert_eq!(objects.new_time(), Utc::from_unix_s(MIDNIGHT + 5_400 - 100));
        let too_far = objects.action(&clock, 6, Some(Data::Long(901)), &mut out);
        assert_eq!(too_far, Err(DataAccessError::ScopeOfAccessViolated));
    });
}

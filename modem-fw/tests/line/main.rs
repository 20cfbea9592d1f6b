//! A meter is read over the line: bits to samples and back, with attenuation and noise.

#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod rig;

use cosem::client::{ClientConfig, ClientError, Progress, Query, Selection, results};
use cosem::xdlms::{AttributeDescriptor, DataAccessError};
use cosem::{Data, DateTime, classes};
use g3_phy::Modulation;
use modem_fw::metering::Measurement;
use modem_fw::objects::{CLOCK_NAME, IMPORTED_ENERGY, LOAD_PROFILE, PublicAccess, SERIAL_NUMBER};
use modem_fw::reader::ReadError;
use rig::{Channel, Line, MIDNIGHT, SERIAL, management, meter_config, meter_since_midnight};

/// 30 dB below the transmitter, and noise 20 dB below what arrives.
const CHANNEL: Channel = Channel { gain: 0.03, noise: 0.03 * g3_phy::TX_RMS * 0.1 };

const SERIAL_QUERY: Query = Query::new(classes::DATA, SERIAL_NUMBER, 2);
const CLOCK_QUERY: Query = Query::new(classes::CLOCK, CLOCK_NAME, 2);
const ENERGY_QUERY: Query = Query::new(classes::REGISTER, IMPORTED_ENERGY, 2);
const PROFILE_QUERY: Query = Query::new(classes::PROFILE_GENERIC, LOAD_PROFILE, 2);

fn time(encoded: &[u8]) -> DateTime {
    Data::parse(encoded).unwrap().as_date_time().unwrap()
}

fn number(encoded: &[u8]) -> i64 {
    Data::parse(encoded).unwrap().as_i64().unwrap()
}

#[test]
fn the_management_client_reads_identity_clock_energy_and_profile_with_hls5() {
    let meter = meter_since_midnight(meter_config(Modulation::Dqpsk, Some(MIDNIGHT)), 2_500_000, 18);
    let mut line = Line::new(meter, management(), CHANNEL, Modulation::Dqpsk);
    line.load = Measurement { active_power_mw: 3_600_000, ..Measurement::default() };
    assert_eq!(line.associate(), Ok(Progress::Associated));

    let serial = line.get(&SERIAL_QUERY).unwrap();
    assert_eq!(Data::parse(&serial).unwrap().as_octets(), Some(SERIAL.as_bytes()));

    line.wait(3.0);
    // Clock and energy at the same moment: 1 Wh a second since the line began at 18:00.
    line.operate(|client, env| client.get_with_list(&[CLOCK_QUERY, ENERGY_QUERY], env).map(|_| ())).unwrap();
    let values: Vec<_> =
        results(line.reader.application().value()).unwrap().map(|v| v.unwrap().unwrap()).collect();
    let shown = values[0].as_date_time().unwrap();
    let since = shown.to_unix(0).unwrap() - (MIDNIGHT + 18 * 3_600);
    assert!(since >= 3 && (since as f64) <= line.elapsed_s(), "{shown} after {} s", line.elapsed_s());
    assert_eq!(values[1].as_i64(), Some(45_000 + since), "2.5 kW for 18 h, and 3.6 kW since");

    let profile = line.get(&PROFILE_QUERY).unwrap();
    let rows: Vec<_> = Data::parse(&profile).unwrap().elements().unwrap().iter().collect();
    assert_eq!(rows.len(), 73, "midnight and 72 quarters");
    for (quarter, row) in rows.iter().enumerate() {
        let [at, status, import, export] = row.fields().unwrap();
        assert_eq!(at.as_date_time().unwrap().to_unix(0), Some(MIDNIGHT + 900 * quarter as i64));
        assert_eq!((status.as_i64(), export.as_i64()), (Some(0), Some(0)));
        assert_eq!(import.as_i64(), Some(625 * quarter as i64), "2.5 kW for {quarter} quarters");
    }
    assert_eq!(line.meter.requests().failed, 0);
}

#[test]
fn a_part_of_the_profile_is_selected_by_time_and_by_entry() {
    let meter = meter_since_midnight(meter_config(Modulation::D8psk, Some(MIDNIGHT)), 1_000_000, 6);
    let mut line = Line::new(meter, management(), CHANNEL, Modulation::D8psk);
    line.associate().unwrap();
    let at = |s| DateTime::from_unix(MIDNIGHT + s, -60, false);
    for (selection, expected) in [
        (
            Selection::Range { from: at(3_600), to: at(2 * 3_600) },
            [1_000, 1_250, 1_500, 1_750, 2_000].as_slice(),
        ),
        (Selection::Entries { first: 24, last: 25 }, &[5_750, 6_000]),
        (Selection::Entries { first: 24, last: 0 }, &[5_750, 6_000]),
    ] {
        let rows = line.get(&PROFILE_QUERY.selecting(selection)).unwrap();
        let energies: Vec<_> = Data::parse(&rows)
            .unwrap()
            .elements()
            .unwrap()
            .iter()
            .map(|row| row.fields::<4>().unwrap()[2].as_i64().unwrap())
            .collect();
        assert_eq!(energies, expected, "{selection:?}");
    }
}

#[test]
fn the_public_client_reads_the_identity_and_is_refused_the_energy() {
    let meter = meter_since_midnight(meter_config(Modulation::D8psk, Some(MIDNIGHT)), 1_000_000, 1);
    let mut line = Line::new(meter, ClientConfig::public(), CHANNEL, Modulation::D8psk);
    line.associate().unwrap();
    assert_eq!(Data::parse(&line.get(&SERIAL_QUERY).unwrap()).unwrap().as_octets(), Some(SERIAL.as_bytes()));
    let refused = ReadError::Client(ClientError::DataAccess(DataAccessError::ReadWriteDenied));
    assert_eq!(line.get(&ENERGY_QUERY), Err(refused));
}

#[test]
fn the_owner_can_open_the_measurements_to_the_public_client() {
    let config = meter_config(Modulation::D8psk, Some(MIDNIGHT));
    let config = modem_fw::MeterConfig { public: PublicAccess::Measurements, ..config };
    let mut line = Line::new(
        meter_since_midnight(config, 1_000_000, 1),
        ClientConfig::public(),
        CHANNEL,
        Modulation::D8psk,
    );
    line.associate().unwrap();
    assert_eq!(number(&line.get(&ENERGY_QUERY).unwrap()), 1_000);
}

#[test]
fn a_client_with_the_wrong_key_gets_nothing() {
    let meter = meter_since_midnight(meter_config(Modulation::D8psk, Some(MIDNIGHT)), 1_000_000, 1);
    let mut client = management();
    if let Some(security) = &mut client.security {
        security.keys.encryption[0] ^= 1;
    }
    let mut line = Line::new(meter, client, CHANNEL, Modulation::D8psk);
    assert!(line.associate().is_err());
    assert!(line.get(&SERIAL_QUERY).is_err());
}

#[test]
fn robust_mode_carries_a_reading_through_noise_as_strong_as_the_signal() {
    // The same power in 200 kHz of noise and in 36 carriers of 1.56 kHz: 5.5 dB on a carrier. D8PSK would need 10 more.
    let noisy = Channel { gain: 0.03, noise: 0.03 * g3_phy::TX_RMS };
    let meter = meter_since_midnight(meter_config(Modulation::Robust, Some(MIDNIGHT)), 1_000_000, 1);
    let mut line = Line::new(meter, management(), noisy, Modulation::Robust);
    line.associate().unwrap();
    assert_eq!(number(&line.get(&ENERGY_QUERY).unwrap()), 1_000);
    let snr_db = f32::from(line.meter.statistics().last_lqi.unwrap()) / 4.0 - 10.0;
    assert!((3.0..8.0).contains(&snr_db), "{snr_db} dB");
}

#[test]
fn the_clock_is_set_over_the_line() {
    let meter = meter_since_midnight(meter_config(Modulation::D8psk, Some(MIDNIGHT)), 1_000_000, 1);
    let mut line = Line::new(meter, management(), CHANNEL, Modulation::D8psk);
    line.associate().unwrap();
    let wanted = MIDNIGHT + 5_000;
    let new_time = DateTime::from_unix(wanted, -60, false).to_bytes();
    let attribute = AttributeDescriptor::new(classes::CLOCK, CLOCK_NAME, 2);
    let set =
        line.operate(|client, env| client.set(&attribute, &Data::OctetString(&new_time), env).map(|_| ()));
    assert_eq!(set, Ok(Progress::Written));
    let begun = line.elapsed_s();
    let shown = time(&line.get(&CLOCK_QUERY).unwrap()).to_unix(0).unwrap();
    let since = shown - wanted;
    assert!(
        (0..=(line.elapsed_s() - begun) as i64 + 2).contains(&since),
        "{since} s after the time that was set"
    );
    let last = line.meter.metering().profile().newest().unwrap();
    assert_eq!(i64::from(last.unix_s), MIDNIGHT + 4_500, "the quarter that was skipped over is closed");
}

#[test]
fn a_restart_repeats_no_counter_and_keeps_the_energy() {
    let meter = meter_since_midnight(meter_config(Modulation::D8psk, Some(MIDNIGHT)), 1_000_000, 1);
    let mut line = Line::new(meter, management(), CHANNEL, Modulation::D8psk);
    line.associate().unwrap();
    let before = number(&line.get(&ENERGY_QUERY).unwrap());

    let config = meter_config(Modulation::D8psk, Some(MIDNIGHT + 3_700));
    line.restart_meter(config);
    // The old association is gone; the client opens a new one. Reader and meter both refuse counters they have seen,
    // so a reading that succeeds shows that none was used again.
    line.associate().unwrap();
    assert_eq!(number(&line.get(&ENERGY_QUERY).unwrap()), before);
    assert_eq!(line.meter.metering().power_failures(), 1);
}

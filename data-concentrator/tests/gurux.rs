//! A head-end's own client: gurux-dlms, in a process of its own, reads a meter of the running village through the
//! port for head-ends, without security and with HLS 5 end to end.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod common;
#[path = "../../cosem/tests/gurux/venv.rs"]
mod venv;

use channel_sim::scenario::Scenario;
use common::{MIDNIGHT_UTC_MS, Served, concentrator, truth_wh};
use serde_json::{Value, json};
use std::process::Command;

const SEED: u64 = 5;
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cosem/tests/gurux/read_meter.py");

#[test]
fn gurux_reads_a_meter_through_the_concentrator_without_and_with_hls5() {
    let Some(python) = venv::python() else { return };
    let data = tempfile::tempdir().unwrap();
    let mut command = concentrator(data.path());
    command.args(["--json", "--port", "0", "--dlms-port", "0", "--speed", "0", "--seed", &SEED.to_string()]);
    let mut served = Served::start(command);
    let document = served.document();
    let address = document["dlms_address"].as_str().unwrap();
    let port = address.rsplit_once(':').unwrap().1;

    let scenario = Scenario::village(SEED);
    let meter = &scenario.meters()[4];
    let w_port = (1000 + meter.short_address.0).to_string();
    let [encryption, authentication] = [meter.keys.encryption, meter.keys.authentication].map(hex);
    let hls5 = ["--hls5", "--encryption-key", &encryption, "--authentication-key", &authentication]
        .map(ToOwned::to_owned);
    for security in [&[][..], &hls5[..]] {
        let output = Command::new(&python)
            .arg(SCRIPT)
            .args(["--port", port, "--server-wport", &w_port, "--timeout", "300", "--skip-whole-profile"])
            .args(["--from", "2026-01-15T00:00:00+01:00", "--to", "2026-01-15T18:00:00+01:00"])
            .args(security)
            .output()
            .unwrap();
        assert!(output.status.success(), "{security:?}: {}", String::from_utf8_lossy(&output.stderr));
        let read: Value = serde_json::from_slice(&output.stdout).unwrap();
        let names: Vec<_> =
            read["objects"].as_array().unwrap().iter().map(|object| &object["name"]).collect();
        for name in ["0.0.1.0.0.255", "1.0.1.8.0.255", "1.0.99.1.0.255"] {
            assert!(names.contains(&&json!(name)), "{name} is not in the object list");
        }
        // The meter's clock was read before the register and after it.
        let [before_wh, after_wh] = ["clock", "clock_after"].map(|clock| {
            let utc_ms = data_concentrator::calendar::parse_rfc3339(read[clock].as_str().unwrap()).unwrap();
            truth_wh(&scenario, 4, utc_ms - MIDNIGHT_UTC_MS)
        });
        let energy = read["register"]["value"].as_f64().unwrap();
        assert!(
            (before_wh - 1.0..=after_wh + 1.0).contains(&energy),
            "{energy} Wh instead of {before_wh} to {after_wh}"
        );
        assert!(after_wh - before_wh < 200.0, "less than a minute at 12 kW passed");
        let rows = read["range"].as_array().unwrap();
        assert_eq!(rows.len(), 73, "midnight to 18:00");
        for (quarter, row) in (0..).zip(rows) {
            let time = row[0].as_str().unwrap();
            assert!(
                time.starts_with(&format!("2026-01-15T{:02}:{:02}:00", quarter / 4, quarter % 4 * 15)),
                "{time}"
            );
            let truth = truth_wh(&scenario, 4, quarter * 900_000);
            assert!((row[2].as_f64().unwrap() - truth).abs() <= 1.0, "{row} instead of {truth}");
        }
    }
}

fn hex(octets: [u8; 16]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

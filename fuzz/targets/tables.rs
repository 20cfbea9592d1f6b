//! Small texts and tables that commands take: the link fidelity's calibration tables, and names of systems, channels and
//! shards. What is read is written as it was.
#![no_main]

use channel_sim::frames::modem::{Modem, Stage};
use channel_sim::frames::table::Table;
use channel_sim::link::{Channel, Shard, System};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static MODEM: LazyLock<Modem> = LazyLock::new(Modem::cenelec_a);

fuzz_target!(|octets: &[u8]| {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    match Table::parse(text, &MODEM) {
        Ok(table) => {
            // A line that begins so is a comment.
            if !table.rows().iter().any(|row| row.preset.starts_with('#')) {
                let written = String::from_utf8(table.csv().unwrap_or_default()).unwrap_or_default();
                let again = Table::parse(&written, &MODEM);
                assert!(again.is_ok_and(|again| again.rows() == table.rows()), "it comes back");
            }
            let presets: Vec<String> = table.rows().iter().take(4).map(|row| row.preset.clone()).collect();
            for stage in Stage::ALL {
                table.need(stage, &presets);
                table.shape_db(stage);
            }
        }
        Err(error) => assert!(!error.is_empty()),
    }
    match channel_sim::frames::prime::table::Table::parse(text) {
        Ok(table) => {
            for scheme in prime_phy::Scheme::ALL {
                table.shape_db(scheme);
            }
        }
        Err(error) => assert!(!error.is_empty()),
    }
    if let Ok(system) = text.parse::<System>() {
        assert_eq!(system.to_string().parse().as_ref(), Ok(&system), "it comes back");
    }
    if let Ok(channel) = text.parse::<Channel>() {
        assert_eq!(channel.to_string().parse().as_ref(), Ok(&channel), "it comes back");
    }
    if let Err(error) = text.parse::<Shard>() {
        assert!(!error.is_empty());
    }
});

//! States of campaigns, which a cluster sends about: any octets are a state whose results can be written, or an error.
#![no_main]

use channel_sim::link::{Journal, MOST_DB, Results, plot};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| match Journal::parse(octets) {
    Ok(journal) => {
        let text = serde_json::to_vec(&journal).unwrap_or_default();
        assert_eq!(Journal::parse(&text).as_ref(), Ok(&journal), "it comes back");
        let results = Results::of(&journal);
        for row in &results.points {
            assert!((0.0..=1.0).contains(&row.fer.value) && row.task.snr_db.abs() <= MOST_DB);
        }
        assert!(results.csv().is_ok() && results.parquet().is_ok() && !results.table().is_empty());
        // Theory takes a while; a few curves do.
        if (1..8).contains(&results.points.len())
            && results.points.iter().all(|row| row.task.snr_db.abs() < 20.0)
        {
            assert!(plot::svg(&results).is_ok());
        }
    }
    Err(error) => assert!(!error.is_empty()),
});

//! Preamble detection and header on lines that are not still, small: the campaign is `examples/acquisition.rs`.

mod common;

use common::lines::{Line, acquire};
use g3_phy::{Mitigation, ReceiverOptions};

#[test]
fn three_decibels_above_the_ten_percent_point_clocks_tilts_echoes_and_steps_lose_no_preamble_or_header() {
    let mitigated = ReceiverOptions { mitigation: Mitigation::ALL, ..ReceiverOptions::STANDARD };
    for (name, line) in Line::ALL {
        assert_eq!(acquire(line, &mitigated, 1.03, 12, 7).acquisition, 0, "standard receiver, {name}");
        // With seed 7 the detector placed the first and the fifth frame of the tilted line a symbol early.
        assert_eq!(acquire(line, &ReceiverOptions::BEST, -3.06, 6, 7).acquisition, 0, "best, {name}");
    }
}

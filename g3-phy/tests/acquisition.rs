//! Preamble detection and header on lines that are not still, small: the campaign is `examples/acquisition.rs`.

mod common;

use common::lines::{Line, acquire};
use g3_phy::{Mitigation, ReceiverOptions};

/// Where the campaign found frames lost, which docs/receiver.md says.
fn is_known_to_fail(is_best: bool, line: Line) -> bool {
    matches!((is_best, line), (true, Line::Tilt(_)) | (false, Line::Echoes))
}

#[test]
fn three_decibels_above_the_ten_percent_point_clocks_tilts_echoes_and_steps_lose_no_preamble_or_header() {
    let mitigated = ReceiverOptions { mitigation: Mitigation::ALL, ..ReceiverOptions::STANDARD };
    for (name, line) in Line::ALL {
        if !is_known_to_fail(false, line) {
            assert_eq!(acquire(line, &mitigated, 1.03, 12, 7).acquisition, 0, "standard receiver, {name}");
        }
        if !is_known_to_fail(true, line) {
            assert_eq!(acquire(line, &ReceiverOptions::BEST, -3.06, 6, 7).acquisition, 0, "best, {name}");
        }
    }
}

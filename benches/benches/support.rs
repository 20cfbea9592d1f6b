//! What the benchmark files share: `mod support;` in each.

use std::time::Duration;

/// Short rounds: this crate's figures are medians on machines that do other things too.
#[allow(dead_code, reason = "one benchmark has a clock of its own")]
pub(crate) fn criterion() -> criterion::Criterion {
    criterion::Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args()
}

/// Octets that look random and are the same in every run.
#[allow(dead_code, reason = "each benchmark uses its part")]
pub(crate) fn octets(count: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_u32;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 11) as u8
        })
        .collect()
}

//! Duplicate detection: MSDUs that were received before (digest 2.6).

use crate::frame::Endpoint;
use heapless::Vec;
use plc_core::time::{Duration, Instant};

/// MSDUs remembered.
const LEN: usize = 32;

/// MSDUs received lately, by source and sequence number.
#[derive(Clone, Debug, Default)]
pub(super) struct Duplicates {
    entries: Vec<Entry, LEN>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    source: Endpoint,
    sequence: u8,
    frame_counter: Option<u32>,
    until: Instant,
}

/// Whether an MSDU is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    No,
    /// With this frame counter, where it was secured.
    With(Option<u32>),
}

impl Duplicates {
    /// Looks an MSDU up and, where it is known, remembers it longer: its sender is still repeating it.
    pub(super) fn find(&mut self, source: Endpoint, sequence: u8, now: Instant, ttl: Duration) -> Known {
        self.entries.retain(|entry| entry.until > now);
        match self.entries.iter_mut().find(|entry| entry.source == source && entry.sequence == sequence) {
            Some(entry) => {
                entry.until = now + ttl;
                Known::With(entry.frame_counter)
            }
            None => Known::No,
        }
    }

    /// Remembers an MSDU. Where there is no room, the one that would be forgotten first goes.
    pub(super) fn note(
        &mut self,
        source: Endpoint,
        sequence: u8,
        frame_counter: Option<u32>,
        until: Instant,
    ) {
        self.entries.retain(|entry| entry.source != source || entry.sequence != sequence);
        if self.entries.is_full()
            && let Some((oldest, _)) = self.entries.iter().enumerate().min_by_key(|(_, entry)| entry.until)
        {
            self.entries.swap_remove(oldest);
        }
        // There is room: one entry has just gone if there was none.
        let _ = self.entries.push(Entry { source, sequence, frame_counter, until });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plc_core::address::{Address, PanId, ShortAddress};
    use plc_core::time::seconds;

    fn node(short: u16) -> Endpoint {
        Endpoint { pan_id: PanId(1), address: Address::Short(ShortAddress(short)) }
    }

    fn at(s: u64) -> Instant {
        Instant::from_ticks(0) + seconds(s)
    }

    #[test]
    fn an_msdu_is_known_until_its_time_is_over_and_longer_while_it_is_repeated() {
        let mut duplicates = Duplicates::default();
        duplicates.note(node(1), 7, Some(3), at(3));
        assert_eq!(duplicates.find(node(2), 7, at(1), seconds(3)), Known::No);
        assert_eq!(duplicates.find(node(1), 8, at(1), seconds(3)), Known::No);
        assert_eq!(duplicates.find(node(1), 7, at(2), seconds(3)), Known::With(Some(3)));
        assert_eq!(duplicates.find(node(1), 7, at(4), seconds(3)), Known::With(Some(3)));
        assert_eq!(duplicates.find(node(1), 7, at(7), seconds(3)), Known::No);
    }

    #[test]
    fn a_full_table_forgets_the_oldest() {
        let mut duplicates = Duplicates::default();
        for sequence in 0..=LEN as u8 {
            duplicates.note(node(1), sequence, None, at(3 + u64::from(sequence)));
        }
        assert_eq!(duplicates.find(node(1), 0, at(0), seconds(3)), Known::No);
        assert_eq!(duplicates.find(node(1), 1, at(0), seconds(3)), Known::With(None));
    }
}

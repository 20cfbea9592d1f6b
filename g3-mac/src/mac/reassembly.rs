//! Segments of one hop put together again (digest 2.6).

use super::primitives::MAX_MSDU;
use crate::frame::{Endpoint, Frame};
use crate::security::MIC_LEN;
use heapless::Vec;
use plc_core::time::{Duration, Instant};

/// An MSDU as it stands in frames: with its integrity code where it is secured.
pub(super) type SecuredMsdu = Vec<u8, { MAX_MSDU + MIC_LEN }>;

/// Trains of segments that may be under way to this node at a time.
const TRAINS: usize = 2;

/// Trains under way, by source and sequence number.
#[derive(Clone, Debug, Default)]
pub(super) struct Reassembly {
    trains: [Option<Train>; TRAINS],
}

#[derive(Clone, Debug)]
struct Train {
    source: Endpoint,
    sequence: u8,
    /// Count of the segment that comes next.
    next: u8,
    /// End of the segment that came last.
    last_end: Instant,
    /// Auxiliary security header of the first segment.
    security: Option<crate::frame::AuxiliarySecurity>,
    msdu: SecuredMsdu,
}

/// What became of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Out of order, too late or too long: as if it had not been received.
    Refused,
    /// More segments are to come.
    Partly,
    /// This was the last one.
    Whole { security: Option<crate::frame::AuxiliarySecurity>, msdu: SecuredMsdu },
}

impl Reassembly {
    /// Takes a segment that stood on the line from `start` to `end`. The next segment must begin within `patience`
    /// of the end of the last one.
    pub(super) fn take(
        &mut self,
        source: Endpoint,
        frame: &Frame<'_>,
        start: Instant,
        end: Instant,
        patience: Duration,
    ) -> Taken {
        for slot in &mut self.trains {
            if slot.as_ref().is_some_and(|train| start > train.last_end + patience) {
                *slot = None;
            }
        }
        let sequence = frame.header.sequence;
        let index = if frame.segment.count == 0 {
            self.free_slot(source)
        } else {
            match self.find(source, sequence) {
                Some(index) => index,
                None => return Taken::Refused,
            }
        };
        let Some(slot) = self.trains.get_mut(index) else { return Taken::Refused };
        if frame.segment.count == 0 {
            *slot = Some(Train {
                source,
                sequence,
                next: 0,
                last_end: end,
                security: frame.security,
                msdu: Vec::new(),
            });
        }
        let Some(train) = slot else { return Taken::Refused };
        if train.next != frame.segment.count {
            // A segment that was taken before is one whose acknowledgement was lost; its sender begins anew.
            return Taken::Refused;
        }
        if train.msdu.extend_from_slice(frame.payload).is_err() {
            *slot = None;
            return Taken::Refused;
        }
        if frame.segment.last {
            let Some(train) = slot.take() else { return Taken::Refused };
            return Taken::Whole { security: train.security, msdu: train.msdu };
        }
        train.next = train.next.saturating_add(1);
        train.last_end = end;
        Taken::Partly
    }

    /// Whether a train with this source and sequence number is under way.
    pub(super) fn knows(&self, source: Endpoint, sequence: u8) -> bool {
        self.find(source, sequence).is_some()
    }

    fn find(&self, source: Endpoint, sequence: u8) -> Option<usize> {
        self.trains.iter().position(|slot| {
            slot.as_ref().is_some_and(|train| train.source == source && train.sequence == sequence)
        })
    }

    /// The slot for a new train: that of an earlier one of the same source, an empty one, or the stalest.
    fn free_slot(&self, source: Endpoint) -> usize {
        let same = |slot: &Option<Train>| slot.as_ref().is_some_and(|train| train.source == source);
        let same_source = self.trains.iter().position(same);
        same_source.or_else(|| self.trains.iter().position(Option::is_none)).unwrap_or_else(|| {
            let stalest = |(_, slot): &(usize, &Option<Train>)| slot.as_ref().map(|train| train.last_end);
            self.trains.iter().enumerate().min_by_key(stalest).map_or(0, |(index, _)| index)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{FrameType, Header, SegmentControl, Source};
    use plc_core::address::{Address, PanId, ShortAddress};
    use plc_core::time::millis;

    const PATIENCE: Duration = millis(200);

    fn node(short: u16) -> Endpoint {
        Endpoint { pan_id: PanId(1), address: Address::Short(ShortAddress(short)) }
    }

    fn at(ms: u64) -> Instant {
        Instant::from_ticks(0) + millis(ms)
    }

    fn take(reassembly: &mut Reassembly, from: u16, sequence: u8, count: u8, last: bool, ms: u64) -> Taken {
        let payload = [count; 10];
        let segment = SegmentControl { count, last, ..SegmentControl::only(10) };
        let header = Header {
            frame_type: FrameType::Data,
            secured: false,
            ack_request: true,
            sequence,
            destination: Some(node(0)),
            source: Source::Full(node(from)),
        };
        let frame = Frame { segment, header, security: None, payload: &payload };
        reassembly.take(node(from), &frame, at(ms), at(ms + 50), PATIENCE)
    }

    fn octets(taken: Taken) -> std::vec::Vec<u8> {
        match taken {
            Taken::Whole { msdu, .. } => msdu.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn segments_in_order_make_the_msdu() {
        let mut reassembly = Reassembly::default();
        assert_eq!(take(&mut reassembly, 1, 7, 0, false, 0), Taken::Partly);
        assert_eq!(take(&mut reassembly, 2, 7, 0, false, 60), Taken::Partly, "another source's train");
        assert_eq!(take(&mut reassembly, 1, 7, 1, false, 120), Taken::Partly);
        assert_eq!(octets(take(&mut reassembly, 1, 7, 2, true, 180)), [[0; 10], [1; 10], [2; 10]].concat());
        assert_eq!(octets(take(&mut reassembly, 2, 7, 1, true, 240)), [[0; 10], [1; 10]].concat());
        assert_eq!(octets(take(&mut reassembly, 3, 1, 0, true, 300)), [0; 10]);
    }

    #[test]
    fn a_gap_a_stranger_or_a_pause_is_refused() {
        let mut reassembly = Reassembly::default();
        assert_eq!(take(&mut reassembly, 1, 7, 1, true, 0), Taken::Refused);
        assert_eq!(take(&mut reassembly, 1, 7, 0, false, 0), Taken::Partly);
        assert_eq!(take(&mut reassembly, 1, 7, 2, true, 60), Taken::Refused);
        assert_eq!(take(&mut reassembly, 1, 8, 1, true, 60), Taken::Refused);
        assert_eq!(take(&mut reassembly, 1, 7, 1, false, 250), Taken::Partly, "200 ms after the end at 50");
        assert_eq!(take(&mut reassembly, 1, 7, 2, true, 501), Taken::Refused, "201 ms after the end at 300");
    }

    #[test]
    fn the_first_segment_begins_anew() {
        let mut reassembly = Reassembly::default();
        assert_eq!(take(&mut reassembly, 1, 7, 0, false, 0), Taken::Partly);
        assert_eq!(take(&mut reassembly, 1, 7, 1, false, 60), Taken::Partly);
        assert_eq!(take(&mut reassembly, 1, 7, 0, false, 120), Taken::Partly);
        assert_eq!(octets(take(&mut reassembly, 1, 7, 1, true, 180)).len(), 20);
    }

    #[test]
    fn an_msdu_beyond_its_size_is_refused() {
        let mut reassembly = Reassembly::default();
        assert_eq!(take(&mut reassembly, 1, 7, 0, false, 0), Taken::Partly);
        for count in 1..40 {
            assert_eq!(take(&mut reassembly, 1, 7, count, false, 60), Taken::Partly);
        }
        assert_eq!(take(&mut reassembly, 1, 7, 40, true, 60), Taken::Refused, "410 octets");
        assert!(!reassembly.knows(node(1), 7));
    }

    #[test]
    fn a_third_train_takes_the_place_of_the_stalest() {
        let mut reassembly = Reassembly::default();
        take(&mut reassembly, 1, 7, 0, false, 0);
        take(&mut reassembly, 2, 7, 0, false, 60);
        take(&mut reassembly, 3, 7, 0, false, 120);
        assert!(
            !reassembly.knows(node(1), 7) && reassembly.knows(node(2), 7) && reassembly.knows(node(3), 7)
        );
    }
}

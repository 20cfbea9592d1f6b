//! Fragments put together again (RFC 4944, 5.3; digest 5.4).

use super::fragment::UNIT;
use crate::ipv6::{MTU, Packet};
use plc_core::address::ShortAddress;
use plc_core::time::{Duration, Instant, seconds};

/// Packets that may be incomplete at a time.
pub const PACKETS: usize = 3;
/// How long an incomplete packet is kept from its first fragment on.
pub const TIMEOUT: Duration = seconds(60);

const UNITS: usize = MTU.div_ceil(UNIT);

/// Incomplete and complete packets, by originator, tag and size.
#[derive(Clone, Debug, Default)]
pub(super) struct Reassembly {
    slots: [Option<Slot>; PACKETS],
}

/// Names a packet while it is incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) originator: ShortAddress,
    pub(super) tag: u16,
    pub(super) size: u16,
}

/// A packet that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) originator: ShortAddress,
    pub(super) packet: Packet,
    pub(super) lqi: u8,
    pub(super) checksum_elided: bool,
}

#[derive(Clone, Debug)]
struct Slot {
    key: Key,
    packet: Packet,
    /// One bit for each 8 octets received.
    received: [u32; UNITS.div_ceil(32)],
    units_left: usize,
    lqi: u8,
    checksum_elided: bool,
    since: Instant,
    last: Instant,
}

impl Reassembly {
    /// Takes the octets of a fragment, which stand at `offset` in the packet. Two pieces, since those of a first
    /// fragment are its restored headers and what follows them.
    pub(super) fn take(
        &mut self,
        now: Instant,
        key: Key,
        offset: usize,
        pieces: [&[u8]; 2],
        checksum_elided: bool,
        lqi: u8,
    ) {
        for slot in &mut self.slots {
            if slot.as_ref().is_some_and(|slot| slot.units_left > 0 && now >= slot.since + TIMEOUT) {
                *slot = None;
            }
        }
        let length = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        let size = usize::from(key.size);
        let end = offset + length;
        let whole_units = length.is_multiple_of(UNIT) || end == size;
        if length == 0 || size > MTU || end > size || !offset.is_multiple_of(UNIT) || !whole_units {
            return;
        }
        let Some(slot) = self.slot(now, key) else { return };
        let Some(packet) = slot else { return };
        match packet.mark(offset / UNIT, end.div_ceil(UNIT)) {
            Marked::New => {}
            Marked::Known => return,
            // Overlapping fragments are the sign of a fault or of an attack: nothing of the packet is to be used.
            Marked::Overlapping => {
                *slot = None;
                return;
            }
        }
        let mut at = offset;
        for piece in pieces {
            if let Some(room) = packet.packet.get_mut(at..at + piece.len()) {
                room.copy_from_slice(piece);
            }
            at += piece.len();
        }
        packet.last = now;
        packet.lqi = lqi;
        packet.checksum_elided |= checksum_elided;
    }

    /// Takes a packet that came in one piece.
    pub(super) fn take_whole(
        &mut self,
        now: Instant,
        originator: ShortAddress,
        pieces: [&[u8]; 2],
        elided: bool,
        lqi: u8,
    ) {
        let size = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        if size > MTU {
            return;
        }
        // A tag of its own is not needed: the packet is complete before another fragment can come.
        let key = Key { originator, tag: 0, size: size as u16 };
        let Some(index) = self.free() else { return };
        if let Some(slot) = self.slots.get_mut(index) {
            let mut whole = Slot::new(now, key);
            let mut at = 0;
            for piece in pieces {
                if let Some(room) = whole.packet.get_mut(at..at + piece.len()) {
                    room.copy_from_slice(piece);
                }
                at += piece.len();
            }
            *slot = Some(Slot { units_left: 0, lqi, checksum_elided: elided, ..whole });
        }
    }

    /// A packet that is complete, once.
    pub(super) fn pop(&mut self) -> Option<Whole> {
        let complete = |slot: &&mut Option<Slot>| slot.as_ref().is_some_and(|slot| slot.units_left == 0);
        let slot = self.slots.iter_mut().find(complete)?.take()?;
        Some(Whole {
            originator: slot.key.originator,
            packet: slot.packet,
            lqi: slot.lqi,
            checksum_elided: slot.checksum_elided,
        })
    }

    /// The slot of a packet, a new one if need be. `None` where all hold complete packets.
    fn slot(&mut self, now: Instant, key: Key) -> Option<&mut Option<Slot>> {
        let open =
            |slot: &Option<Slot>| slot.as_ref().is_some_and(|slot| slot.key == key && slot.units_left > 0);
        let index = match self.slots.iter().position(open) {
            Some(index) => index,
            None => {
                let index = self.free()?;
                *self.slots.get_mut(index)? = Some(Slot::new(now, key));
                index
            }
        };
        self.slots.get_mut(index)
    }

    /// An empty slot, or that of the incomplete packet which has waited longest for a fragment.
    fn free(&self) -> Option<usize> {
        if let Some(index) = self.slots.iter().position(Option::is_none) {
            return Some(index);
        }
        let waiting = |(index, slot): (usize, &Option<Slot>)| {
            slot.as_ref().filter(|slot| slot.units_left > 0).map(|slot| (slot.last, index))
        };
        self.slots.iter().enumerate().filter_map(waiting).min().map(|(_, index)| index)
    }
}

enum Marked {
    New,
    Known,
    Overlapping,
}

impl Slot {
    fn new(now: Instant, key: Key) -> Self {
        let size = usize::from(key.size);
        let mut packet = Packet::new();
        // The size was compared with the capacity before.
        let _ = packet.resize(size, 0);
        Self {
            key,
            packet,
            received: [0; UNITS.div_ceil(32)],
            units_left: size.div_ceil(UNIT),
            lqi: 0,
            checksum_elided: false,
            since: now,
            last: now,
        }
    }

    /// Marks units as received.
    fn mark(&mut self, from: usize, to: usize) -> Marked {
        let mut known = 0;
        for unit in from..to {
            if let Some(word) = self.received.get_mut(unit / 32) {
                let bit = 1 << (unit % 32);
                known += usize::from(*word & bit != 0);
                *word |= bit;
            }
        }
        match known {
            0 => {
                self.units_left = self.units_left.saturating_sub(to - from);
                Marked::New
            }
            all if all == to - from => Marked::Known,
            _ => Marked::Overlapping,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plc_core::testkit::SplitMix64;
    use rand_core::Rng;
    use std::vec::Vec;

    fn key(originator: u16, tag: u16, size: u16) -> Key {
        Key { originator: ShortAddress(originator), tag, size }
    }

    fn at(s: u64) -> Instant {
        Instant::from_ticks(0) + seconds(s)
    }

    fn octets(size: usize) -> Vec<u8> {
        (0..size).map(|at| (at * 7 + at / 256) as u8).collect()
    }

    fn take(reassembly: &mut Reassembly, s: u64, key: Key, offset: usize, piece: &[u8]) {
        reassembly.take(at(s), key, offset, [piece, &[]], false, 80);
    }

    #[test]
    fn fragments_in_any_order_and_repeated_make_the_packet_once() {
        let mut rng = SplitMix64(3);
        for round in 0..200 {
            let size = 100 + (rng.next_u32() % 1181) as usize;
            let sent = octets(size);
            let mut fragments: Vec<usize> = (0..size).step_by(64).collect();
            for last in (1..fragments.len()).rev() {
                fragments.swap(last, rng.next_u32() as usize % (last + 1));
            }
            let mut reassembly = Reassembly::default();
            let (finish, before) = fragments.split_last().unwrap();
            for &offset in before {
                let piece = &sent[offset..(offset + 64).min(size)];
                take(&mut reassembly, 1, key(1, round, size as u16), offset, piece);
                take(&mut reassembly, 1, key(1, round, size as u16), offset, piece);
                assert_eq!(reassembly.pop(), None);
            }
            let piece = &sent[*finish..(finish + 64).min(size)];
            take(&mut reassembly, 1, key(1, round, size as u16), *finish, piece);
            let whole = reassembly.pop().unwrap();
            assert_eq!(
                (whole.packet.as_slice(), whole.originator, whole.lqi),
                (&sent[..], ShortAddress(1), 80)
            );
            assert_eq!(reassembly.pop(), None);
        }
    }

    #[test]
    fn packets_of_several_originators_do_not_mix() {
        let sent = octets(128);
        let mut reassembly = Reassembly::default();
        for originator in 1..=3 {
            take(&mut reassembly, 0, key(originator, 5, 128), 0, &sent[..64]);
        }
        for originator in 1..=3 {
            take(&mut reassembly, 0, key(originator, 5, 128), 64, &sent[64..]);
            assert_eq!(reassembly.pop().unwrap().originator, ShortAddress(originator));
        }
    }

    #[test]
    fn an_overlap_discards_the_packet() {
        let sent = octets(256);
        let mut reassembly = Reassembly::default();
        take(&mut reassembly, 0, key(1, 1, 256), 0, &sent[..128]);
        take(&mut reassembly, 0, key(1, 1, 256), 64, &sent[64..192]);
        take(&mut reassembly, 0, key(1, 1, 256), 128, &sent[128..]);
        assert_eq!(reassembly.pop(), None);
    }

    #[test]
    fn an_incomplete_packet_is_forgotten_after_a_minute() {
        let sent = octets(128);
        for (second, arrives) in [(59, true), (60, false)] {
            let mut reassembly = Reassembly::default();
            take(&mut reassembly, 0, key(1, 1, 128), 0, &sent[..64]);
            take(&mut reassembly, second, key(1, 1, 128), 64, &sent[64..]);
            assert_eq!(reassembly.pop().is_some(), arrives);
        }
    }

    #[test]
    fn the_stalest_incomplete_packet_makes_room() {
        let sent = octets(128);
        let mut reassembly = Reassembly::default();
        for (second, tag) in [(0, 1), (1, 2), (2, 3), (3, 4)] {
            take(&mut reassembly, second, key(1, tag, 128), 0, &sent[..64]);
        }
        take(&mut reassembly, 4, key(1, 2, 128), 64, &sent[64..]);
        assert!(reassembly.pop().is_some(), "tag 2 was kept");
        take(&mut reassembly, 4, key(1, 1, 128), 64, &sent[64..]);
        assert_eq!(reassembly.pop(), None, "tag 1 was given up");
    }

    #[test]
    fn fragments_that_cannot_be_are_ignored() {
        let sent = octets(2000);
        let mut reassembly = Reassembly::default();
        for (size, offset, length) in
            [(128, 0, 0), (128, 64, 72), (128, 0, 63), (128, 4, 64), (2000, 0, 64), (0, 0, 8)]
        {
            take(&mut reassembly, 0, key(1, 1, size), offset, &sent[..length]);
        }
        assert!(reassembly.slots.iter().all(Option::is_none));
    }
}

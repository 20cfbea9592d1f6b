//! macDeviceTable: the highest frame counter received from each neighbour (digest 1.4).

use heapless::LinearMap;
use plc_core::address::ShortAddress;
use thiserror::Error;

/// Neighbours that the table remembers.
pub const DEVICE_TABLE_LEN: usize = 256;

/// The highest frame counter of each sender heard.
///
/// Only authenticated frames make entries, so a stranger cannot fill the table. Where it is full, senders that are
/// not in it are refused: to forget one would let its frames be replayed.
#[derive(Clone, Debug, Default)]
pub struct DeviceTable {
    counters: LinearMap<ShortAddress, u32, DEVICE_TABLE_LEN>,
}

/// Why a frame counter is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReplayError {
    /// The counter is not above the last one.
    #[error("frame counter {received} from {sender} is not above {last}")]
    NotAbove {
        /// Sender.
        sender: ShortAddress,
        /// Its counter in the frame.
        received: u32,
        /// Its highest so far.
        last: u32,
    },
    /// The sender is new and the table is full.
    #[error("no room for {0} among {DEVICE_TABLE_LEN} senders")]
    Full(ShortAddress),
}

impl DeviceTable {
    /// Accepts a counter strictly above the last one of this sender, and remembers it. To be called once the
    /// frame is authenticated.
    pub fn accept(&mut self, sender: ShortAddress, frame_counter: u32) -> Result<(), ReplayError> {
        match self.counters.get_mut(&sender) {
            Some(last) if frame_counter <= *last => {
                Err(ReplayError::NotAbove { sender, received: frame_counter, last: *last })
            }
            Some(last) => {
                *last = frame_counter;
                Ok(())
            }
            None => match self.counters.insert(sender, frame_counter) {
                Ok(_) => Ok(()),
                Err(_) => Err(ReplayError::Full(sender)),
            },
        }
    }

    /// The entry of an index, where there is one.
    pub fn entry(&self, index: usize) -> Option<(ShortAddress, u32)> {
        self.counters.iter().nth(index).map(|(&sender, &counter)| (sender, counter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_strictly_greater_counters_pass() {
        let (a, b) = (ShortAddress(1), ShortAddress(2));
        let mut table = DeviceTable::default();
        assert_eq!(table.accept(a, 0), Ok(()));
        assert_eq!(table.accept(a, 0), Err(ReplayError::NotAbove { sender: a, received: 0, last: 0 }));
        assert_eq!(table.accept(a, 0x400), Ok(()));
        assert_eq!(table.accept(b, 7), Ok(()), "each sender counts by itself");
        assert!(table.accept(a, 0x3FF).is_err());
        assert_eq!((table.entry(0), table.entry(1), table.entry(2)), (Some((a, 0x400)), Some((b, 7)), None));
    }

    #[test]
    fn a_full_table_keeps_whom_it_knows() {
        let mut table = DeviceTable::default();
        for sender in 0..DEVICE_TABLE_LEN as u16 {
            assert_eq!(table.accept(ShortAddress(sender), 1), Ok(()));
        }
        let stranger = ShortAddress(DEVICE_TABLE_LEN as u16);
        assert_eq!(table.accept(stranger, 1), Err(ReplayError::Full(stranger)));
        assert_eq!(table.accept(ShortAddress(3), 2), Ok(()));
        assert!(table.accept(ShortAddress(3), 1).is_err());
    }
}

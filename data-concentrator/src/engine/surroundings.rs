//! What the protocol machines need of the process: randomness, and records in the database.

use crate::store::{MeterId, Records, Store};
use plc_core::env::{Environment, RecordKey, Store as RecordStore, StoreError};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// How often the concentrator was started with this database: four octets, least significant first.
const STARTS_RECORD: RecordKey = RecordKey(0xDC00);

/// The database and the source of randomness.
#[derive(Debug)]
pub struct Surroundings {
    /// The database.
    pub store: Store,
    rng: ChaCha20Rng,
}

/// The surroundings as one machine sees them.
#[derive(Debug)]
pub struct Around<'a> {
    records: Records<'a>,
    rng: &'a mut ChaCha20Rng,
}

impl Surroundings {
    /// Randomness from `seed` and from the number of starts: the first run can be repeated, and no restart draws the
    /// challenges of the run before once more.
    pub fn new(mut store: Store, seed: u64) -> Result<Self, StoreError> {
        let mut records = Records::own(&mut store);
        let mut count = [0; 4];
        records.load(STARTS_RECORD, &mut count)?;
        let start = u32::from_le_bytes(count);
        records.save(STARTS_RECORD, &start.wrapping_add(1).to_le_bytes())?;
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        rng.set_stream(start.into());
        Ok(Self { store, rng })
    }

    /// For the concentrator's own stack.
    pub fn own(&mut self) -> Around<'_> {
        Around { records: Records::own(&mut self.store), rng: &mut self.rng }
    }

    /// For the client that reads a meter.
    pub fn of_meter(&mut self, meter: MeterId) -> Around<'_> {
        Around { records: Records::of_meter(&mut self.store, meter), rng: &mut self.rng }
    }
}

impl Environment for Around<'_> {
    fn rng(&mut self) -> &mut dyn Rng {
        self.rng
    }

    fn store(&mut self) -> &mut dyn RecordStore {
        &mut self.records
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_draws_anew_and_a_first_start_can_be_repeated() {
        let draw = |folder: &std::path::Path| {
            Surroundings::new(Store::open(folder).unwrap(), 7).unwrap().own().rng().next_u64()
        };
        let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let first = draw(one.path());
        assert_eq!(draw(other.path()), first);
        assert_ne!(draw(one.path()), first);
    }
}
